// Package openidtest is a provider of identities for tests: discovery, authorization
// with the user's consent taken for granted, codes that count once, PKCE, client secrets
// and signed ID tokens as OpenID Connect Core 1.0 has them. A test may have it do one
// thing wrong.
package openidtest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Provider is one provider and its one client.
type Provider struct {
	*httptest.Server
	Client, Secret, Redirect string
	Now                      func() time.Time
	Key                      *rsa.PrivateKey

	// Subject is who is signed in there.
	Subject string
	// Claims alters the claims of the next tokens, and Sign how they are signed.
	Claims func(map[string]any)
	Sign   func(header, claims map[string]any) string
	// Answers, if there is one, answers in place of a token.
	Answers http.HandlerFunc
	// Iss is the name that answers bear beside their code; "" is none.
	Iss string

	mu    sync.Mutex
	codes map[string]url.Values // the requests that they answer
	Asked int                   // tokens asked for
}

// New starts a provider that ends with the test.
func New(t testing.TB, client, secret, redirect string, now func() time.Time) *Provider {
	t.Helper()
	p, err := Start(client, secret, redirect, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// Start starts a provider, which its caller closes.
func Start(client, secret, redirect string, now func() time.Time) (*Provider, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	p := &Provider{Client: client, Secret: secret, Redirect: redirect, Now: now, Key: key, codes: map[string]url.Values{}}
	p.Sign = p.rs256
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
			"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}, "code_challenge_methods_supported": []string{"S256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]string{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1",
			"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}}})
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewTLSServer(mux)
	return p, nil
}

// CA is who vouches for the provider.
func (p *Provider) CA() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.Certificate())
	return pool
}

// Visit goes where a browser was sent and returns what it is to bring back.
func (p *Provider) Visit(t testing.TB, address string) url.Values {
	t.Helper()
	c := p.Server.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	back, err := res.Location()
	if err != nil {
		t.Fatalf("the provider answered %s", res.Status)
	}
	return back.Query()
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != p.Client || q.Get("redirect_uri") != p.Redirect || q.Get("response_type") != "code" || q.Get("scope") != "openid" ||
		q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("nonce") == "" || q.Get("state") == "" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = q
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	if p.Iss != "" {
		back.Set("iss", p.Iss)
	}
	http.Redirect(w, r, p.Redirect+"?"+back.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	if p.Answers != nil {
		p.Answers(w, r)
		return
	}
	id, secret, _ := r.BasicAuth()
	p.mu.Lock()
	p.Asked++
	asked := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	p.mu.Unlock()
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if asked == nil || id != p.Client || secret != url.QueryEscape(p.Secret) || r.PostFormValue("grant_type") != "authorization_code" ||
		r.PostFormValue("redirect_uri") != p.Redirect || encode(challenge[:]) != asked.Get("code_challenge") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	claims := map[string]any{"iss": p.URL, "sub": p.Subject, "aud": p.Client, "nonce": asked.Get("nonce"),
		"iat": p.Now().Unix(), "exp": p.Now().Add(5 * time.Minute).Unix()}
	if p.Claims != nil {
		p.Claims(claims)
	}
	answer(w, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300,
		"id_token": p.Sign(map[string]any{"alg": "RS256", "kid": "1", "typ": "JWT"}, claims)})
}

// Signed returns what is signed of a token.
func Signed(header, claims map[string]any) string {
	h, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return encode(h) + "." + encode(c)
}

func (p *Provider) rs256(header, claims map[string]any) string { return RS256(p.Key, header, claims) }

// RS256 returns a token signed by a key.
func RS256(key *rsa.PrivateKey, header, claims map[string]any) string {
	text := Signed(header, claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + encode(sig)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
