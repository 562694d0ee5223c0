package openid_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"zonebox/openid"
	"zonebox/openid/openidtest"
)

const redirect = "https://gate.test/signin/callback"

// house is a provider and the gate that it knows, by one clock.
type house struct {
	*openidtest.Provider
	gate *openid.Provider
	now  time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return h.now }
	h.Provider = openidtest.New(t, "zonebox", "s3cret/+", redirect, clock)
	h.Subject = "u-17"
	h.gate = h.client(t, nil)
	return h
}

func (h *house) client(t *testing.T, alter func(*openid.Config)) *openid.Provider {
	t.Helper()
	cfg := openid.Config{Issuer: h.URL, Client: "zonebox", Secret: "s3cret/+", Redirect: redirect, CA: h.CA(), Now: func() time.Time { return h.now }}
	if alter != nil {
		alter(&cfg)
	}
	p, err := openid.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h *house) begin(t *testing.T) (ticket string, answer url.Values) {
	t.Helper()
	ticket, address, err := h.gate.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ticket, h.Visit(t, address)
}

func (h *house) finish(t *testing.T, ticket string, answer url.Values) (string, error) {
	t.Helper()
	return h.gate.Finish(t.Context(), ticket, answer)
}

// TestAnAnswerSignsInOnceTheBrowserItWasGivenTo takes a sign-in that succeeds and
// changes one thing that the browser brings.
func TestAnAnswerSignsInOnceTheBrowserItWasGivenTo(t *testing.T) {
	h := newHouse(t)
	ticket, answer := h.begin(t)
	if subject, err := h.finish(t, ticket, answer); err != nil || subject != "u-17" {
		t.Fatalf("a sign-in = %q, %v", subject, err)
	}
	asked := h.Asked
	if subject, err := h.finish(t, ticket, answer); !errors.Is(err, openid.ErrRefused) || h.Asked != asked {
		t.Errorf("the same answer again = %q, %v, and the provider is asked of it: %v", subject, err, h.Asked != asked)
	}
	for name, alter := range map[string]func(ticket *string, answer url.Values){
		"no ticket":                    func(t *string, _ url.Values) { *t = "" },
		"another browser's ticket":     func(k *string, _ url.Values) { *k, _ = h.begin(t) },
		"a ticket made up":             func(k *string, _ url.Values) { *k = base64.RawURLEncoding.EncodeToString(make([]byte, 40)) },
		"a ticket of another time":     func(k *string, _ url.Values) { *k = later(t, *k) },
		"no state":                     func(_ *string, a url.Values) { a.Del("state") },
		"another state":                func(_ *string, a url.Values) { a.Set("state", strings.Repeat("A", 43)) },
		"two states":                   func(_ *string, a url.Values) { a.Add("state", a.Get("state")) },
		"another sign-in's code":       func(_ *string, a url.Values) { _, other := h.begin(t); a.Set("code", other.Get("code")) },
		"a code made up":               func(_ *string, a url.Values) { a.Set("code", "x") },
		"two codes":                    func(_ *string, a url.Values) { a.Add("code", "x") },
		"no code":                      func(_ *string, a url.Values) { a.Del("code") },
		"a refusal beside the code":    func(_ *string, a url.Values) { a.Set("error", "access_denied") },
		"another issuer in the answer": func(_ *string, a url.Values) { a.Set("iss", "https://evil.test") },
		"past its ten minutes":         func(*string, url.Values) { h.now = h.now.Add(10 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			ticket, answer := h.begin(t)
			alter(&ticket, answer)
			if subject, err := h.finish(t, ticket, answer); !errors.Is(err, openid.ErrRefused) {
				t.Errorf("= %q, %v; want it refused", subject, err)
			}
			ticket, answer = h.begin(t)
			if _, err := h.finish(t, ticket, answer); err != nil {
				t.Errorf("as it is: %v", err)
			}
		})
	}
	h.Iss = h.URL
	ticket, answer = h.begin(t)
	if _, err := h.finish(t, ticket, answer); err != nil {
		t.Errorf("with its issuer in the answer: %v", err)
	}
}

// later is a ticket of a minute less.
func later(t *testing.T, ticket string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(ticket)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint64(b, binary.BigEndian.Uint64(b)-60)
	return base64.RawURLEncoding.EncodeToString(b)
}

// TestOnlyATokenOfTheProviderForThisSignInCounts changes one thing of the ID token.
func TestOnlyATokenOfTheProviderForThisSignInCounts(t *testing.T) {
	h := newHouse(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(h.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	hs256 := func(secret []byte) func(header, claims map[string]any) string {
		return func(header, claims map[string]any) string {
			header["alg"] = "HS256"
			text := openidtest.Signed(header, claims)
			m := hmac.New(sha256.New, secret)
			m.Write([]byte(text))
			return text + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
		}
	}
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	for name, c := range map[string]struct {
		claims func(map[string]any)
		sign   func(header, claims map[string]any) string
		ok     bool
	}{
		"as it is":                           {ok: true},
		"several audiences, given to us":     {claims: func(c map[string]any) { c["aud"], c["azp"] = []string{"zonebox", "other"}, "zonebox" }, ok: true},
		"an issuer with a slash":             {claims: set("iss", h.URL+"/")},
		"another issuer":                     {claims: set("iss", "https://evil.test")},
		"another audience":                   {claims: set("aud", "other")},
		"several audiences, given to nobody": {claims: set("aud", []string{"zonebox", "other"})},
		"given to another":                   {claims: set("azp", "other")},
		"expired":                            {claims: set("exp", h.now.Add(-time.Second).Unix())},
		"without an end":                     {claims: func(c map[string]any) { delete(c, "exp") }},
		"not yet valid":                      {claims: set("nbf", h.now.Add(10*time.Minute).Unix())},
		"of a time to come":                  {claims: set("iat", h.now.Add(10*time.Minute).Unix())},
		"another nonce":                      {claims: set("nonce", "x")},
		"without a nonce":                    {claims: func(c map[string]any) { delete(c, "nonce") }},
		"without a subject":                  {claims: set("sub", "")},
		"not signed": {sign: func(header, claims map[string]any) string {
			header["alg"] = "none"
			return openidtest.Signed(header, claims) + "."
		}},
		"the signature cut off":          {sign: func(header, claims map[string]any) string { return openidtest.Signed(header, claims) + "." }},
		"HS256 by the public key":        {sign: hs256(public)},
		"HS256 by the public key as PEM": {sign: hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))},
		"HS256 by the client's secret":   {sign: hs256([]byte("s3cret/+"))},
		"by another's key":               {sign: func(header, claims map[string]any) string { return openidtest.RS256(other, header, claims) }},
	} {
		t.Run(name, func(t *testing.T) {
			sign := h.Sign
			h.Claims = c.claims
			if c.sign != nil {
				h.Sign = c.sign
			}
			defer func() { h.Claims, h.Sign = nil, sign }()
			ticket, answer := h.begin(t)
			subject, err := h.finish(t, ticket, answer)
			if c.ok && (err != nil || subject != "u-17") || !c.ok && !errors.Is(err, openid.ErrRefused) {
				t.Errorf("= %q, %v; want it taken: %v", subject, err, c.ok)
			}
		})
	}
}

// TestAGateWithoutItsProviderStandsAndAsksAgain: what is not there is told, and is asked
// for again a little later; nobody is trusted that the CA does not vouch for.
func TestAGateWithoutItsProviderStandsAndAsksAgain(t *testing.T) {
	h := newHouse(t)
	stranger := h.client(t, func(c *openid.Config) { c.CA = x509.NewCertPool() })
	if _, _, err := stranger.Begin(t.Context()); !errors.Is(err, openid.ErrUnavailable) {
		t.Errorf("a provider nobody vouches for = %v", err)
	}
	gone := h.client(t, func(c *openid.Config) { c.Issuer = h.URL + "/gone" })
	if _, _, err := gone.Begin(t.Context()); !errors.Is(err, openid.ErrUnavailable) {
		t.Errorf("a provider that is not there = %v", err)
	}
	wrong := h.client(t, func(c *openid.Config) { c.Secret = "other" })
	ticket, address, err := wrong.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Finish(t.Context(), ticket, h.Visit(t, address)); !errors.Is(err, openid.ErrRefused) {
		t.Errorf("by another secret = %v", err)
	}
	ticket, answer := h.begin(t)
	h.Close()
	if _, err := h.finish(t, ticket, answer); !errors.Is(err, openid.ErrUnavailable) {
		t.Errorf("once it has gone = %v", err)
	}
}

// TestWhoseFaultItIs: what the provider does to everybody, or to this gate, is no word on
// the code that a browser brought; and what a browser did not wait for is told apart.
func TestWhoseFaultItIs(t *testing.T) {
	h := newHouse(t)
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"a code that is none":     {400, `{"error":"invalid_grant"}`, openid.ErrRefused},
		"a refusal without words": {400, ``, openid.ErrRefused},
		"a client that is none":   {400, `{"error":"invalid_client"}`, openid.ErrUnavailable},
		"a secret that is none":   {401, `{"error":"invalid_client"}`, openid.ErrUnavailable},
		"a client without rights": {400, `{"error":"unauthorized_client"}`, openid.ErrUnavailable},
		"too many of us":          {429, ``, openid.ErrUnavailable},
		"a fault":                 {500, ``, openid.ErrUnavailable},
		"a house that is closed":  {503, `{"error":"invalid_grant"}`, openid.ErrUnavailable},
	} {
		h.Answers = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}
		ticket, answer := h.begin(t)
		if _, err := h.finish(t, ticket, answer); !errors.Is(err, c.want) || errors.Is(err, openid.ErrForeign) || errors.Is(err, openid.ErrRefused) == errors.Is(err, openid.ErrUnavailable) {
			t.Errorf("%s = %v, want %v", name, err, c.want)
		}
	}
	h.Answers = nil
	ticket, answer := h.begin(t)
	other, _ := h.begin(t)
	for name, bring := range map[string]func() error{
		"no ticket":        func() error { _, err := h.finish(t, "", answer); return err },
		"another ticket":   func() error { _, err := h.finish(t, other, answer); return err },
		"no state":         func() error { _, err := h.finish(t, ticket, url.Values{"code": answer["code"]}); return err },
		"only a complaint": func() error { _, err := h.finish(t, ticket, url.Values{"error": {"access_denied"}}); return err },
	} {
		if err := bring(); !errors.Is(err, openid.ErrForeign) || !errors.Is(err, openid.ErrRefused) {
			t.Errorf("%s = %v, want ErrForeign", name, err)
		}
	}
	if _, err := h.finish(t, ticket, answer); err != nil {
		t.Fatalf("the answer itself, after these = %v", err)
	}
	if _, err := h.finish(t, ticket, answer); !errors.Is(err, openid.ErrForeign) {
		t.Errorf("once more = %v, want ErrForeign", err)
	}
}

// TestAConfigurationIsPlain: addresses are whole and https.
func TestAConfigurationIsPlain(t *testing.T) {
	good := openid.Config{Issuer: "https://id.test/realm", Client: "zonebox", Secret: "x", Redirect: redirect, Now: time.Now}
	if _, err := openid.New(good); err != nil {
		t.Fatal(err)
	}
	for name, alter := range map[string]func(*openid.Config){
		"issuer in the clear":     func(c *openid.Config) { c.Issuer = "http://id.test" },
		"issuer with a question":  func(c *openid.Config) { c.Issuer += "?a=b" },
		"redirect in the clear":   func(c *openid.Config) { c.Redirect = "http://gate.test/signin/callback" },
		"redirect with somebody":  func(c *openid.Config) { c.Redirect = "https://a@gate.test/signin/callback" },
		"no client":               func(c *openid.Config) { c.Client = "" },
		"no secret of the client": func(c *openid.Config) { c.Secret = "" },
	} {
		cfg := good
		alter(&cfg)
		if _, err := openid.New(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
