package query_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"zonebox/keys"
	"zonebox/masking"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// The algorithm of a zone's tokens is changed by a document, like anything of a
// zone: the columns made by the one before go from the cache, and tokens join as
// they did.
func TestTokensJoinByWhateverAlgorithmTheZoneHas(t *testing.T) {
	d := querytest.City(t, querytest.Options{})
	const joined = "SELECT p.district, count(*) AS n FROM persons p JOIN visits v ON p.id_number = v.id_number GROUP BY p.district ORDER BY p.district"
	want := cityAnswer(t, d, joined)
	set := func(a masking.Algorithm) string { return fmt.Sprintf(`"token_algorithm":%q,`, a) }
	before := ""
	for _, a := range []masking.Algorithm{masking.SM4CMAC, masking.HMACSHA256, masking.HMACSM3, masking.AESCMAC} {
		if got := cacheOf(t, d); got.Entries == 0 {
			t.Fatal("control: nothing is in the cache")
		}
		d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "medical", before+`"title":`, set(a)+`"title":`))
		before = set(a)
		if got := cacheOf(t, d); got.Entries != 0 {
			t.Errorf("%s: %d columns of the algorithm before are in the cache", a, got.Entries)
		}
		if got := cityAnswer(t, d, joined); got != want || strings.Count(want, "\n") < 2 {
			t.Errorf("%s: the join gives\n%s, want\n%s", a, got, want)
		}
	}
}

// Each algorithm has a key of its suite.
func TestTokenKeysFollowTheZone(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1})
	zone := registry.Versioned[registry.Zone]{Name: "medical"}
	of := func(a masking.Algorithm) []byte {
		zone.Spec.TokenAlgorithm = string(a)
		k, err := query.TokenKeys(d.Engine, zone)
		if err != nil || k.Algorithm != a || len(k.Token) != masking.KeySize {
			t.Fatalf("%q: %d bytes for %q, %v", a, len(k.Token), k.Algorithm, err)
		}
		return k.Token
	}
	standard, national := of(""), of(masking.SM4CMAC)
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := keys.Open(d.Config.Keys, keys.Passphrase(d.Config.Passphrase))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for kdf, got := range map[string][]byte{keys.KDFSHA256: standard, keys.KDFSM3: national} {
		want, err := f.Derive(keys.Purpose{Use: keys.UseToken, Zone: "medical", KDF: kdf})
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("the token key is not that of %s, %v", kdf, err)
		}
	}
}
