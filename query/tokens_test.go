package query_test

import (
	"bytes"
	"fmt"
	"regexp"
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
	t.Parallel()
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
	t.Parallel()
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
	for _, a := range masking.Algorithms() { // also of those that leave
		zone.Spec.TokenAlgorithm = string(a)
		if k, err := query.ReleaseKeys(d.Engine, "medical-2026", zone); err != nil || k.Algorithm != a {
			t.Errorf("tokens of %s leave by %q, %v", a, k.Algorithm, err)
		}
	}
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

// A token leaves in the form that the grant of its column says, and in that of the
// engine where columns of two forms stand in one. Whatever the form, two outputs of
// one release tell the same persons apart.
func TestTokensLeaveInTheFormOfTheirColumn(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	const plain = `"name":"id_number","recipe":{"kind":"token"}`
	for grant, form := range map[string]string{"persons-statistics": `"alphabet":"base32","length":16`, "visits-statistics": `"alphabet":"digits","length":20`} {
		d.Apply("sun.health", changed(t, d, registry.KindGrant, grant, plain, `"name":"id_number","recipe":{"kind":"token",`+form+`}`))
	}
	x, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: "SELECT id_number FROM persons"})
	if err != nil || len(x.Columns) != 1 || x.Columns[0].How != "token(base32,16)" {
		t.Errorf("explain says %+v, %v", x, err)
	}
	base32, digits := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{16}$`), regexp.MustCompile(`^[0-9]{20}$`)
	hex := regexp.MustCompile(`^[0-9a-f]{32}$`)
	for _, c := range []struct {
		sql   string
		forms []*regexp.Regexp
	}{
		{"SELECT id_number FROM persons WHERE district = '320106'", []*regexp.Regexp{base32}},
		{"SELECT n FROM (SELECT id_number AS n, district FROM visits) s WHERE district = '320106'", []*regexp.Regexp{digits}},
		{"SELECT p.id_number, v.id_number AS other FROM persons p JOIN visits v ON p.id_number = v.id_number WHERE p.district = '320106'", []*regexp.Regexp{base32, digits}},
		{"SELECT id_number FROM persons WHERE district = '320106' UNION ALL SELECT id_number FROM persons WHERE district = '320106'", []*regexp.Regexp{base32}},
		{"SELECT id_number FROM persons WHERE district = '320106' UNION ALL SELECT id_number FROM visits WHERE district = '320106'", []*regexp.Regexp{hex}},
		{"SELECT id_number FROM visits WHERE district = '320106' UNION ALL SELECT id_number FROM persons WHERE district = '320106'", []*regexp.Regexp{hex}},
		{"SELECT id_number FROM persons p FULL JOIN visits v USING (id_number) WHERE p.district = '320106'", []*regexp.Regexp{hex}},
	} {
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, c.sql)
		second := "zheng.police"
		if strings.Contains(c.sql, "visits") {
			second = "qian.hospital"
		}
		rows := d.Open("li.op", reviewedBy(t, d, err, second)).Rows
		other := map[string]string{}
		for _, row := range rows {
			for i, form := range c.forms {
				if !form.MatchString(row[i]) {
					t.Fatalf("%s\ngave %q, want the form %s", c.sql, row[i], form)
				}
			}
			last := row[len(row)-1]
			if before, known := other[row[0]]; known && before != last {
				t.Errorf("%s\ngave %s two tokens", c.sql, row[0])
			}
			other[row[0]] = last
		}
		if len(other) < 10 {
			t.Errorf("%s\ngave tokens of %d persons", c.sql, len(other))
		}
	}
	for _, sql := range []string{
		"SELECT coalesce(p.id_number, v.id_number) FROM persons p JOIN visits v ON p.id_number = v.id_number",
		"SELECT CASE WHEN p.district = '320106' THEN p.id_number ELSE v.id_number END FROM persons p JOIN visits v ON p.id_number = v.id_number",
	} {
		cityRefuses(t, d, sql, "TOKEN_NOT_BARE")
	}
}
