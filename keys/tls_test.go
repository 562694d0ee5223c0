package keys_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"time"

	"zonebox/keys"
)

func chainOf(t *testing.T, c *tls.Certificate) (out []*x509.Certificate) {
	t.Helper()
	for _, der := range c.Certificate {
		out = append(out, must(x509.ParseCertificate(der))(t))
	}
	return out
}

// A gate is known by its signing key, that of before it was rotated too, while its
// certificate is valid; whatever another made of what it shows is not its own.
func TestAGateIsKnownByItsKeyAlone(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	f, _ := create(t)
	first := f.Signer().Public()
	before := chainOf(t, must(f.Signer().Certificate(now))(t))
	must(f.RotateSigner())(t)
	must(f.RotateSigner())(t)
	last := f.Signer().Public()
	good := chainOf(t, must(f.Signer().Certificate(now))(t))
	other, _ := create(t)
	must(other.RotateSigner())(t)
	foreign := chainOf(t, must(other.Signer().Certificate(now))(t))

	for _, c := range []struct {
		name    string
		shown   []*x509.Certificate
		now     time.Time
		known   ed25519.PublicKey
		ok      bool
		unknown bool // whose key is told
	}{
		{"its key", good, now, last, true, false},
		{"a key that was followed twice", good, now, first, true, false},
		{"before the rotation", before, now, first, true, false},
		{"at its first moment", good, now.Add(-time.Hour), last, true, false},
		{"at its last", good, now.Add(7 * 24 * time.Hour), last, true, false},
		{"too early", good, now.Add(-time.Hour - time.Second), last, false, false},
		{"too late", good, now.Add(7*24*time.Hour + time.Second), last, false, false},
		{"a key that it does not have yet", before, now, last, false, true},
		{"nobody is known", good, now, nil, false, true},
		{"another gate", foreign, now, last, false, true},
		{"another's key before the gate's", []*x509.Certificate{foreign[0], good[1]}, now, last, false, false},
		{"the gate's behind another's", []*x509.Certificate{good[0], foreign[1]}, now, last, false, false},
		{"the signing key's as a server's", []*x509.Certificate{good[1], good[1]}, now, last, false, true},
		{"one that nobody signed, twice", []*x509.Certificate{good[0], good[0]}, now, last, false, true},
		{"no signing key", good[:1], now, last, false, true},
		{"nothing", nil, now, last, false, true},
	} {
		by, err := keys.VerifyGate(c.shown, c.now, c.known)
		var unknown *keys.UnknownGateError
		if (err == nil) != c.ok || errors.As(err, &unknown) != c.unknown {
			t.Errorf("%s: %v, want ok %v, unknown %v", c.name, err, c.ok, c.unknown)
		}
		if c.ok && (!by[0].Equal(c.shown[1].PublicKey) || !by[len(by)-1].Equal(c.known)) {
			t.Errorf("%s: went by %x", c.name, by)
		}
	}
}

// Whoever stands between shows the successions of the gate behind a key of their own:
// they vouch for the gate's key, not for that.
func TestSuccessionsOfTheGateVouchForNobodyElse(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	f, _ := create(t)
	first := f.Signer().Public()
	must(f.RotateSigner())(t)
	good := chainOf(t, must(f.Signer().Certificate(now))(t))
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	succession := f.Signer().Former()[0]
	succession.Next = public // which nobody signed
	said, err := json.Marshal([]keys.Succession{succession})
	if err != nil {
		t.Fatal(err)
	}
	of := func(uri *url.URL) []*x509.Certificate {
		forged := *good[1]
		forged.PublicKey, forged.RawSubjectPublicKeyInfo, forged.URIs = nil, nil, []*url.URL{uri}
		mine := must(x509.ParseCertificate(must(x509.CreateCertificate(nil, &forged, &forged, public, private))(t)))(t)
		leaf := must(x509.ParseCertificate(must(x509.CreateCertificate(nil, good[0], mine, public, private))(t)))(t)
		return []*x509.Certificate{leaf, mine}
	}
	for name, uri := range map[string]*url.URL{
		"the gate's successions": good[1].URIs[0],
		"one that nobody signed": {Scheme: "urn", Opaque: "zonebox:successions:" + base64.RawURLEncoding.EncodeToString(said)},
	} {
		var unknown *keys.UnknownGateError
		if _, err := keys.VerifyGate(of(uri), now, first); !errors.As(err, &unknown) || !unknown.Key.Equal(public) {
			t.Errorf("with %s: %v, want a gate that is not known", name, err)
		}
		if _, err := keys.VerifyGate(of(uri), now, public); err != nil {
			t.Errorf("with %s, where that key is known: %v", name, err)
		}
	}
}
