package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
)

// issuer issues certificates.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newIssuer returns one whose own certificate parent signed, or itself.
func newIssuer(parent *issuer) (*issuer, error) {
	forever := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	cert, key, err := issue(parent, forever)
	return &issuer{cert, key}, err
}

func issue(by *issuer, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if by == nil {
		by = &issuer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

func (i *issuer) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(i.cert)
	return p
}

// issued returns a certificate of a client for the hour around a moment, with what
// changes it.
func (i *issuer) issued(t *testing.T, around time.Time, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "li.op"}, NotBefore: around.Add(-30 * time.Minute), NotAfter: around.Add(30 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, f := range change {
		f(c)
	}
	cert, key, err := issue(i, c)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

func pinOf(c tls.Certificate) string {
	sum := sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// pinned gives a person of the reception certificates, and no others.
func (r *reception) pinned(t *testing.T, document string, all ...tls.Certificate) {
	t.Helper()
	var pins []string
	for _, c := range all {
		pins = append(pins, `"`+pinOf(c)+`"`)
	}
	r.mustApply(t, strings.Replace(document, "oidc:", "certificates: ["+strings.Join(pins, ", ")+"], oidc:", 1))
}

// showing returns a request of a program over a connection that showed certificates.
func showing(method, uri, body string, shown ...*x509.Certificate) *http.Request {
	r := httptest.NewRequest(method, uri, strings.NewReader(body))
	r.TLS = &tls.ConnectionState{PeerCertificates: shown}
	r.Header.Set("Accept-Language", "en")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// TestACertificateThatIsNotGoodLooksLikeAnyFailure takes a certificate that is let in and
// changes one thing.
func TestACertificateThatIsNotGoodLooksLikeAnyFailure(t *testing.T) {
	r := newReception(t)
	other, err := newIssuer(nil)
	if err != nil {
		t.Fatal(err)
	}
	between, err := newIssuer(r.issuer)
	if err != nil {
		t.Fatal(err)
	}
	good := r.issuer.issued(t, r.now)
	late := r.issuer.issued(t, r.now.Add(-31*time.Minute))
	early := r.issuer.issued(t, r.now.Add(31*time.Minute))
	server := r.issuer.issued(t, r.now, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	foreign := other.issued(t, r.now)
	deeper := between.issued(t, r.now)
	nobody := r.issuer.issued(t, r.now)
	operator := r.person("li.op", "huiyi", "operator", "active", "u-2", r.operator)
	r.pinned(t, operator, good, late, early, server, foreign, deeper)
	get := func(shown ...*x509.Certificate) *http.Request {
		return showing(http.MethodGet, "/v1/domain", "", shown...)
	}
	with := func(change func(*http.Request)) *http.Request {
		q := get(good.Leaf)
		change(q)
		return q
	}
	want := r.do(r.signedAt("nobody", r.operator, http.MethodGet, "/v1/domain", "", r.now, "certificates"))
	if problem(t, want).Code != "AUTH_FAILED" {
		t.Fatal(want.Body)
	}
	refused := func(name string, q *http.Request) {
		t.Helper()
		if res := r.do(q); res.Code != want.Code || res.Body.String() != want.Body.String() {
			t.Errorf("%s: %d %s, want %d %s", name, res.Code, res.Body, want.Code, want.Body)
		}
	}
	let := func(name string, q *http.Request) {
		t.Helper()
		if res := r.do(q); res.Code != http.StatusOK {
			t.Errorf("%s: %d %s, want it let in", name, res.Code, res.Body)
		}
	}
	let("the certificate", get(good.Leaf))
	refused("its time is over", get(late.Leaf))
	refused("its time has not come", get(early.Leaf))
	refused("for servers", get(server.Leaf))
	refused("of another issuer", get(foreign.Leaf))
	refused("of another issuer, who is shown too", get(foreign.Leaf, other.cert))
	refused("of an issuer between that is not shown", get(deeper.Leaf))
	let("of an issuer between that is shown", get(deeper.Leaf, between.cert))
	refused("nobody's", get(nobody.Leaf))
	refused("nobody's before one that is good", get(nobody.Leaf, good.Leaf))
	refused("its issuer's", get(r.issuer.cert))

	// One way at a time, at the wish of nobody else.
	signedToo := r.signedAt("li.op", r.operator, http.MethodGet, "/v1/domain", "", r.now, "and a certificate")
	signedToo.TLS = get(good.Leaf).TLS
	refused("signed too", signedToo)
	let("signed alone", r.signedAt("li.op", r.operator, http.MethodGet, "/v1/domain", "", r.now, "no certificate"))
	refused("a key too", with(func(q *http.Request) { q.Header.Set("Authorization", "Bearer zbk_x_y") }))
	cookie := r.signIn(t, "u-2")
	refused("a session too", with(func(q *http.Request) { q.AddCookie(cookie) }))
	if !r.in(cookie) {
		t.Error("the session alone is none")
	}
	r.do(visit(http.MethodPost, "/signin/out", "", cookie))
	page := func(site, origin string) *http.Request {
		return with(func(q *http.Request) {
			q.Header.Set("Sec-Fetch-Site", site)
			q.Header.Set("Origin", origin)
		})
	}
	refused("at the wish of another site", page("cross-site", "https://evil.test"))
	refused("at the wish of a neighbour", page("same-site", "https://other.example.com"))
	refused("at the wish of another site, by an old browser", with(func(q *http.Request) { q.Header.Set("Origin", "https://evil.test") }))
	let("at the wish of a page of the gate", page("same-origin", "https://example.com"))
	form := showing(http.MethodPost, "/v1/explain", "{}", good.Leaf)
	form.Header.Set("Content-Type", "text/plain")
	if p := problem(t, r.do(form)); !strings.Contains(p.Detail, "application/json") {
		t.Errorf("a form of another site: %s %s", p.Code, p.Detail)
	}

	// What a header tells of a certificate is nothing, from whoever stands before the gate
	// and on the socket.
	told := func(state *tls.ConnectionState) *http.Request {
		return with(func(q *http.Request) {
			q.TLS, q.RemoteAddr = state, "@"
			for _, name := range []string{"X-Client-Cert", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert", "Client-Cert", "Ssl-Client-Cert"} {
				q.Header.Set(name, url.QueryEscape(base64.StdEncoding.EncodeToString(good.Leaf.Raw)))
			}
			q.Header.Set("X-SSL-Client-Verify", "SUCCESS")
			q.Header.Set(headerUser, "li.op")
		})
	}
	refused("told of by a header on the socket", told(nil))
	refused("told of by a header over HTTPS", told(new(tls.ConnectionState)))
	if res := shared.do(get(good.Leaf)); problem(t, res).Code != "AUTH_FAILED" {
		t.Errorf("by a gate that takes no certificates: %d %s", res.Code, res.Body)
	}

	// With the person and with the pin it ends, and by the gate's clock.
	r.pinned(t, operator, late)
	refused("taken out", get(good.Leaf))
	r.pinned(t, operator, good)
	let("put in again", get(good.Leaf))
	r.pinned(t, r.person("li.op", "huiyi", "operator", "disabled", "u-2", r.operator), good)
	refused("of a disabled person", get(good.Leaf))
	r.pinned(t, operator, good)
	let("of a person who was taken up again", get(good.Leaf))
	r.now = r.now.Add(30 * time.Minute)
	let("in its last moment", get(good.Leaf))
	r.now = r.now.Add(time.Second)
	refused("after its last moment", get(good.Leaf))

	var entries []query.AuditEntry
	res := r.do(r.signedAt("zhao.city", r.founder, http.MethodGet, "/v1/audit?limit=1000", "", r.now, "what the log tells"))
	if err := json.Unmarshal(res.Body.Bytes(), &entries); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"certificate", "session", "signature"} {
		if !slices.ContainsFunc(entries, func(e query.AuditEntry) bool {
			return e.Kind == "access.began" && e.Actor == "li.op" && e.Fields["auth_method"] == method
		}) {
			t.Errorf("the log does not tell of li.op's access by %s", method)
		}
	}
}

// TestWhatACertificateMay asks each operation by certificates of an operator and of the
// city authority: they may what sessions may, and no more.
func TestWhatACertificateMay(t *testing.T) {
	r := newReception(t)
	operator, authority := r.issuer.issued(t, r.now), r.issuer.issued(t, r.now)
	r.pinned(t, r.person("li.op", "huiyi", "operator", "active", "u-2", r.operator), operator)
	r.pinned(t, r.person("yang.city", "city", "city_authority", "active", "u-1", r.second), authority)
	code := func(method, path string, c tls.Certificate) string {
		res := r.do(showing(method, path, "{}", c.Leaf))
		if res.Code == http.StatusOK {
			return "ok"
		}
		return problem(t, res).Code
	}
	for _, route := range router(r.engine, slog.New(slog.DiscardHandler)).Routes() {
		path := strings.NewReplacer(":", "").Replace(route.Path)
		want := route.Method == http.MethodGet || slices.Contains(withoutSignature, route.Path)
		if got := code(route.Method, path, operator); (got != "SIGNATURE_REQUIRED") != want || got == "SECOND_FACTOR" || got == "AUTH_FAILED" {
			t.Errorf("%s %s by an operator's certificate = %s, want it allowed: %v", route.Method, route.Path, got, want)
		}
		got, own := code(route.Method, path, authority), strings.HasPrefix(route.Path, "/v1/sessions")
		if (got != "SECOND_FACTOR") != own {
			t.Errorf("%s %s by the authority's certificate = %s", route.Method, route.Path, got)
		}
	}
}

// TestAConnectionDoesNotOutliveItsCertificate goes over TLS itself: who shows a
// certificate that is not good has no connection, and one that is resumed, or was left
// open, is nobody's once the pin is taken out.
func TestAConnectionDoesNotOutliveItsCertificate(t *testing.T) {
	r := newReception(t)
	good := r.issuer.issued(t, r.now)
	operator := r.person("li.op", "huiyi", "operator", "active", "u-2", r.operator)
	r.pinned(t, operator, good)
	srv := httptest.NewUnstartedServer(r.handler)
	srv.TLS = r.engine.ServerTLS()
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	srv.StartTLS()
	defer srv.Close()
	client := func(shown *tls.Certificate, kept bool) *http.Client {
		return &http.Client{Transport: &http.Transport{DisableKeepAlives: !kept, TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, Time: func() time.Time { return r.now }, ClientSessionCache: tls.NewLRUClientSessionCache(1),
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }, // whomever the gate names
		}}}
	}
	get := func(c *http.Client) (string, error) {
		res, err := c.Get(srv.URL + "/v1/domain")
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(new(any)); err != nil {
			return "", err
		}
		return fmt.Sprint(res.StatusCode, " ", res.TLS.DidResume), nil
	}
	check := func(name, want string, c *http.Client) {
		t.Helper()
		if got, err := get(c); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", name, got, err, want)
		}
	}
	other, err := newIssuer(nil)
	if err != nil {
		t.Fatal(err)
	}
	foreign, late := other.issued(t, r.now), r.issuer.issued(t, r.now.Add(-time.Hour))
	for name, c := range map[string]tls.Certificate{"of another issuer": foreign, "whose time is over": late} {
		if got, err := get(client(&c, false)); err == nil {
			t.Errorf("a certificate %s: %s, want no connection", name, got)
		}
	}
	check("without a certificate", "403 false", client(new(tls.Certificate), false))
	resuming, kept := client(&good, false), client(&good, true)
	check("a first time", "200 false", resuming)
	check("resumed", "200 true", resuming)
	dialled := 0
	kept.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled++
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
	check("to be kept", "200 false", kept)
	r.pinned(t, operator, late)
	check("kept, and the pin taken out", "403 false", kept)
	if dialled != 1 {
		t.Errorf("%d connections, want the one that was kept", dialled)
	}
	check("resumed, and the pin taken out", "403 true", resuming)
	r.pinned(t, operator, good)
	check("resumed, and the pin put in again", "200 true", resuming)
}
