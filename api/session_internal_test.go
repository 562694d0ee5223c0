package api

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/openid"
	"zonebox/openid/openidtest"
	"zonebox/query"
)

// reception is a house with a provider of identities, by a clock that tests set. The
// provider calls the founder u-1 and the operator u-2.
type reception struct {
	*house
	provider *openidtest.Provider
	now      time.Time
	began    time.Time // the test that runs
	issuer   *issuer   // of certificates of clients
	second   *keys.User
}

// front is the reception of all tests; making one takes more than a second.
var front *reception

// newReception returns the reception nine hours later: whoever was signed in is not, and
// who guessed is looked at again.
func newReception(t *testing.T) *reception {
	t.Helper()
	if front == nil {
		var err error
		if front, err = openReception(filepath.Join(houses, "reception")); err != nil {
			t.Fatal(err)
		}
	}
	front.began = front.began.Add(9 * time.Hour)
	front.now = front.began
	return front
}

func openReception(dir string) (*reception, error) {
	h, err := newHouse(context.Background(), dir)
	if err != nil {
		return nil, err
	}
	if err := h.engine.Close(); err != nil {
		return nil, err
	}
	r := &reception{house: h, now: clock, began: clock}
	now := func() time.Time { return r.now }
	const back = "https://example.com/signin/callback"
	if r.provider, err = openidtest.Start("zonebox", "a secret", back, now); err != nil {
		return nil, err
	}
	signIn, err := openid.New(openid.Config{Issuer: r.provider.URL, Client: "zonebox", Secret: "a secret", Redirect: back, CA: r.provider.CA(), Now: now})
	if err != nil {
		return nil, err
	}
	if r.issuer, err = newIssuer(nil); err != nil {
		return nil, err
	}
	h.engine, err = query.Open(context.Background(), query.Config{Domain: filepath.Join(dir, "domain"), Keys: filepath.Join(dir, "keys"),
		Passphrase: []byte("a passphrase of the test"), Now: now, SignIn: signIn, ClientCA: r.issuer.pool()})
	if err != nil {
		return nil, err
	}
	h.handler = New(h.engine, slog.New(slog.DiscardHandler))
	if r.second, err = keys.Generate("yang.city"); err != nil {
		return nil, err
	}
	if err := r.apply(r.person("yang.city", "city", "city_authority", "active", "u-1", r.second)); err != nil {
		return nil, err
	}
	return r, r.apply(r.person("li.op", "huiyi", "operator", "active", "u-2", h.operator))
}

// close ends it.
func (r *reception) close() error {
	r.provider.Close()
	return r.engine.Close()
}

func (r *reception) person(name, org, role, status, subject string, key *keys.User) string {
	return fmt.Sprintf("kind: Person\nname: %s\nspec: {real_name: 某人, organization: %s, roles: [%s], status: %s, signing_key: %q, recipient_key: %q, oidc: {issuer: %q, subject: %s}}\n",
		name, org, role, status, key.SigningKey(), key.RecipientKey(), r.provider.URL, subject)
}

func (r *reception) apply(document string) error {
	r.nonces++
	res := r.do(r.signedAt("zhao.city", r.founder, http.MethodPost, documents, document, r.now, fmt.Sprintf("apply-%d", r.nonces)))
	if res.Code != http.StatusOK {
		return fmt.Errorf("apply = %d %s", res.Code, res.Body)
	}
	return nil
}

func (r *reception) mustApply(t *testing.T, document string) {
	t.Helper()
	if err := r.apply(document); err != nil {
		t.Fatal(err)
	}
}

// visit is a request of a browser at 198.51.100.7, at the wish of a page of the gate.
func visit(method, uri, body string, cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest(method, "https://example.com"+uri, strings.NewReader(body))
	r.RemoteAddr = "198.51.100.7:40000"
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Origin", "https://example.com")
	r.Header.Set("Accept-Language", "en")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

// arrive returns the request by which a browser comes back from the provider.
func (r *reception) arrive(t *testing.T, subject string) *http.Request {
	t.Helper()
	res := r.do(visit(http.MethodGet, "/signin/oidc", ""))
	kept := res.Result().Cookies()
	if res.Code != http.StatusSeeOther || len(kept) != 1 {
		t.Fatalf("begin = %d %s", res.Code, res.Body)
	}
	if c := kept[0]; c.Name != "__Host-zonebox-signin" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.MaxAge != 600 || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("the ticket is kept as %s", c)
	}
	r.provider.Subject = subject
	back := visit(http.MethodGet, "/signin/callback?"+r.provider.Visit(t, res.Header().Get("Location")).Encode(), "", kept[0])
	back.Header.Set("Sec-Fetch-Site", "cross-site") // which the provider is
	back.Header.Del("Origin")
	return back
}

// signIn returns the cookie of a browser that signed in.
func (r *reception) signIn(t *testing.T, subject string) *http.Cookie {
	t.Helper()
	return r.cookieOf(t, r.arrive(t, subject))
}

func (r *reception) cookieOf(t *testing.T, back *http.Request) *http.Cookie {
	t.Helper()
	res := r.do(back)
	for _, c := range res.Result().Cookies() {
		if c.Name == "__Host-zonebox" {
			if res.Code != http.StatusOK || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || c.SameSite != http.SameSiteStrictMode || len(c.Value) < 43 {
				t.Errorf("%d, the session is kept as %s", res.Code, c)
			}
			return c
		}
	}
	t.Fatalf("not signed in: %d %s", res.Code, res.Body)
	return nil
}

// in reports whether a browser is signed in.
func (r *reception) in(c *http.Cookie) bool {
	res := r.do(visit(http.MethodGet, "/v1/sessions", "", c))
	return res.Code == http.StatusOK
}

// TestABrowserIsSignedInUntilItSignsOut: the cookie of a session that was ended is
// nobody's, whoever kept it; the log tells of both.
func TestABrowserIsSignedInUntilItSignsOut(t *testing.T) {
	r := newReception(t)
	c := r.signIn(t, "u-2")
	if res := r.do(visit(http.MethodGet, "/v1/domain", "", c)); res.Code != http.StatusOK {
		t.Fatalf("signed in: %d %s", res.Code, res.Body)
	}
	if res := r.do(visit(http.MethodGet, "/signin", "", c)); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "li.op") || !strings.Contains(res.Body.String(), "198.51.100.7") {
		t.Errorf("the page: %d %s", res.Code, res.Body)
	}
	other := r.signIn(t, "u-2")
	var all []query.SessionView
	if err := json.Unmarshal(r.do(visit(http.MethodGet, "/v1/sessions", "", c)).Body.Bytes(), &all); err != nil || len(all) != 2 || !all[0].Current && !all[1].Current {
		t.Fatalf("sessions %+v, %v", all, err)
	}
	id := all[0].ID
	if all[0].Current {
		id = all[1].ID
	}
	founder := r.signIn(t, "u-1")
	if res := r.do(visit(http.MethodDelete, "/v1/sessions/"+id, "", founder)); problem(t, res).Code != "NOT_FOUND" || !r.in(other) {
		t.Errorf("somebody else ends it: %d %s", res.Code, res.Body)
	}
	if res := r.do(visit(http.MethodDelete, "/v1/sessions/"+id, "", c)); res.Code != http.StatusOK || r.in(other) || !r.in(c) {
		t.Errorf("another browser of one's own: %d %s", res.Code, res.Body)
	}
	if res := r.do(visit(http.MethodPost, "/signin/out", "", c)); res.Code != http.StatusSeeOther || res.Header().Get("Location") != "/signin" {
		t.Fatalf("sign out = %d %s", res.Code, res.Body)
	}
	if r.in(c) {
		t.Error("the cookie of a session that was ended is let in")
	}
	res := r.do(r.signedAt("zhao.city", r.founder, http.MethodGet, "/v1/audit?limit=1000", "", r.now, rand.Text()))
	var entries []query.AuditEntry
	if err := json.Unmarshal(res.Body.Bytes(), &entries); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range entries {
		if strings.HasPrefix(e.Kind, "session.") && !e.At.Before(r.began) && e.Fields["why"] != "time" {
			told = append(told, strings.TrimSpace(e.Kind+" "+e.Actor+" "+e.Fields["by"]+e.Fields["why"]+" "+e.Fields["from"]))
		}
		if strings.Contains(fmt.Sprint(e), c.Value[len(c.Value)-20:]) {
			t.Error("the log holds what the browser shows")
		}
	}
	if want := []string{"session.began li.op oidc 198.51.100.7", "session.began li.op oidc 198.51.100.7", "session.began yang.city oidc 198.51.100.7",
		"session.ended li.op signed out", "session.ended li.op signed out"}; !slices.Equal(told, want) {
		t.Errorf("the log tells %q, want %q", told, want)
	}
}

// TestACookieCountsOnlyAsTheGatesOwnPageSendsIt changes one thing of a request that is
// let in: what another site, another host or another way would make of it.
func TestACookieCountsOnlyAsTheGatesOwnPageSendsIt(t *testing.T) {
	r := newReception(t)
	c := r.signIn(t, "u-2")
	const body = `{"kind":"organization","name":"huiyi"}`
	good := func() *http.Request { return visit(http.MethodPost, "/v1/shows", body, c) }
	if res := r.do(good()); res.Code != http.StatusOK {
		t.Fatalf("as it is: %d %s", res.Code, res.Body)
	}
	for name, alter := range map[string]func(*http.Request){
		"another site": func(q *http.Request) {
			q.Header.Set("Sec-Fetch-Site", "cross-site")
			q.Header.Set("Origin", "https://evil.test")
		},
		"a sister of the host": func(q *http.Request) {
			q.Header.Set("Sec-Fetch-Site", "same-site")
			q.Header.Set("Origin", "https://www.example.com")
		},
		"nothing of where from":            func(q *http.Request) { q.Header.Del("Sec-Fetch-Site"); q.Header.Del("Origin") },
		"another origin of an old browser": func(q *http.Request) { q.Header.Del("Sec-Fetch-Site"); q.Header.Set("Origin", "https://evil.test") },
		"the origin of a page without one": func(q *http.Request) { q.Header.Del("Sec-Fetch-Site"); q.Header.Set("Origin", "null") },
		"the origin in the clear":          func(q *http.Request) { q.Header.Del("Sec-Fetch-Site"); q.Header.Set("Origin", "http://example.com") },
		"typed, though it is no reading":   func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "none"); q.Header.Del("Origin") },
		"in the clear, or by the socket":   func(q *http.Request) { q.TLS = nil },
		"from another address":             func(q *http.Request) { q.RemoteAddr = "203.0.113.9:40000" },
		"an address that it only claims": func(q *http.Request) {
			q.RemoteAddr = "203.0.113.9:40000"
			q.Header.Set("X-Forwarded-For", "198.51.100.7")
		},
		"a cookie cut short": func(q *http.Request) { q.Header.Set("Cookie", "__Host-zonebox="+c.Value[:len(c.Value)-1]) },
		"a cookie of another secret": func(q *http.Request) {
			q.Header.Set("Cookie", "__Host-zonebox="+c.Value[:len(c.Value)-43]+strings.Repeat("A", 43))
		},
		"a cookie that somebody made up": func(q *http.Request) { q.Header.Set("Cookie", "__Host-zonebox=mine") },
		"a cookie of another name":       func(q *http.Request) { q.Header.Set("Cookie", "zonebox="+c.Value) },
		"two cookies":                    func(q *http.Request) { q.AddCookie(&http.Cookie{Name: "__Host-zonebox", Value: "mine"}) },
		"a signature beside it":          func(q *http.Request) { q.Header.Set(headerSignature, "AA==") },
		"an empty signature beside it":   func(q *http.Request) { q.Header.Set(headerSignature, "") },
		"a key beside it":                func(q *http.Request) { q.Header.Set("Authorization", "Bearer x") },
	} {
		q := good()
		alter(q)
		if res := r.do(q); res.Code != http.StatusForbidden || problem(t, res).Code != "AUTH_FAILED" {
			t.Errorf("%s: %d %s, want 403 AUTH_FAILED", name, res.Code, res.Body)
		}
		if res := r.do(good()); res.Code != http.StatusOK {
			t.Fatalf("as it is, after %s: %d %s", name, res.Code, res.Body)
		}
	}
	for name, kind := range map[string]string{"a form": "application/x-www-form-urlencoded", "a file": "multipart/form-data; boundary=x", "a text": "text/plain", "nothing": ""} {
		q := good()
		q.Header.Set("Content-Type", kind)
		if res := r.do(q); res.Code != http.StatusBadRequest || problem(t, res).Code != "BAD_REQUEST" {
			t.Errorf("a body that is %s: %d %s, want 400 BAD_REQUEST", name, res.Code, res.Body)
		}
	}
	out := visit(http.MethodPost, "/signin/out", "", c)
	out.Header.Set("Sec-Fetch-Site", "cross-site")
	if res := r.do(out); res.Code != http.StatusForbidden || !r.in(c) {
		t.Errorf("another site signs out: %d", res.Code)
	}
	both := r.signedAt("li.op", r.operator, http.MethodGet, "/v1/domain", "", r.now, rand.Text())
	both.TLS, both.RemoteAddr = good().TLS, good().RemoteAddr
	both.Header.Set("Sec-Fetch-Site", "same-origin")
	alone := both.Clone(t.Context())
	both.AddCookie(c)
	if res := r.do(both); res.Code != http.StatusForbidden {
		t.Errorf("a cookie beside a signature that counts: %d", res.Code)
	}
	if res := r.do(alone); res.Code != http.StatusOK {
		t.Errorf("the signature alone: %d %s", res.Code, res.Body)
	}
	old := good()
	old.Header.Del("Sec-Fetch-Site")
	if res := r.do(old); res.Code != http.StatusOK {
		t.Errorf("an older browser of the gate's own page: %d %s", res.Code, res.Body)
	}
}

// TestAnArrivalCountsOnce: what a browser brings back signs in one browser, once, and
// never under a cookie that was there before.
func TestAnArrivalCountsOnce(t *testing.T) {
	r := newReception(t)
	refused := func(what string, q *http.Request) {
		t.Helper()
		res := r.do(q)
		if res.Code != http.StatusForbidden || !strings.Contains(res.Body.String(), "AUTH_FAILED") {
			t.Errorf("%s: %d %s, want 403 AUTH_FAILED", what, res.Code, res.Body)
		}
		if slices.ContainsFunc(res.Result().Cookies(), func(c *http.Cookie) bool { return c.Name == sessionCookie && c.Value != "" }) {
			t.Errorf("%s: a cookie is given", what)
		}
	}
	planted := &http.Cookie{Name: sessionCookie, Value: "session-mine.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}
	back := r.arrive(t, "u-2")
	again := back.Clone(t.Context())
	back.AddCookie(planted)
	c := r.cookieOf(t, back)
	if c.Value == planted.Value || r.in(planted) || !r.in(c) {
		t.Error("a cookie that was there before is signed in")
	}
	refused("the same arrival again", again)
	foreign := r.arrive(t, "u-2")
	foreign.Header.Del("Cookie")
	refused("in a browser that did not begin", foreign)
	refused("somebody whom nobody bound", r.arrive(t, "u-3"))
	r.provider.Claims = func(c map[string]any) { c["iss"] = "https://evil.test" }
	refused("a token of another issuer", r.arrive(t, "u-2"))
	r.provider.Claims = nil

	// Two of these were failures; what a page of another site has a browser bring is none.
	for range 9 {
		refused("nobody's answer", visit(http.MethodGet, "/signin/callback?error=access_denied", ""))
	}
	refused("the third", r.arrive(t, "u-3"))
	refused("the fourth", r.arrive(t, "u-3"))
	if !r.in(r.signIn(t, "u-2")) {
		t.Error("after four failures nobody comes in")
	}
	refused("the fifth, the last from that address that is looked at", r.arrive(t, "u-3"))
	late := visit(http.MethodGet, "/signin/oidc", "")
	if res := r.do(late); res.Code != http.StatusForbidden {
		t.Errorf("after five failures: %d", res.Code)
	}
	late.RemoteAddr = "203.0.113.9:40000"
	if res := r.do(late); res.Code != http.StatusSeeOther {
		t.Errorf("from elsewhere meanwhile: %d", res.Code)
	}
	if !r.in(c) {
		t.Error("who is signed in is put out by failures")
	}
	r.now = r.now.Add(15 * time.Minute)
	if !r.in(r.signIn(t, "u-2")) {
		t.Error("a quarter of an hour later nobody comes in")
	}
}

// TestASessionEndsInItsTime: a quarter of an hour without a request, and eight hours
// with as many as one likes.
func TestASessionEndsInItsTime(t *testing.T) {
	r := newReception(t)
	began := r.now
	idle := r.signIn(t, "u-2")
	r.now = began.Add(15*time.Minute - time.Second)
	if !r.in(idle) {
		t.Error("it ends before a quarter of an hour")
	}
	r.now = r.now.Add(15 * time.Minute)
	if r.in(idle) {
		t.Error("it is there after a quarter of an hour without a request")
	}
	r.now = began
	busy := r.signIn(t, "u-2")
	for r.now.Before(began.Add(8*time.Hour - 10*time.Minute)) {
		r.now = r.now.Add(10 * time.Minute)
		if !r.in(busy) {
			t.Fatalf("it ends after %s", r.now.Sub(began))
		}
	}
	r.now = began.Add(8 * time.Hour)
	if r.in(busy) {
		t.Error("it is there after eight hours")
	}
	r.now = began.Add(7 * time.Hour)
	if r.in(busy) {
		t.Error("a clock that is set back brings it back")
	}
}

// TestASessionIsOfThePersonAsTheDocumentHadIt: whoever is disabled, is given or loses a
// role or is bound to another identity is signed out by that.
func TestASessionIsOfThePersonAsTheDocumentHadIt(t *testing.T) {
	r := newReception(t)
	c := r.signIn(t, "u-2")
	r.mustApply(t, "kind: Organization\nname: another\nspec: {title: 另一单位, kind: third_party, org_form: legal_person}\n")
	if !r.in(c) {
		t.Error("a document about somebody else signs out")
	}
	r.mustApply(t, r.person("li.op", "huiyi", "operator", "disabled", "u-2", r.operator))
	if r.in(c) {
		t.Error("who is disabled is signed in")
	}
	res := r.do(r.arrive(t, "u-2"))
	if res.Code != http.StatusForbidden {
		t.Errorf("who is disabled signs in: %d", res.Code)
	}
	r.mustApply(t, r.person("li.op", "huiyi", "operator", "active", "u-2", r.operator))
	if r.in(c) {
		t.Error("a session that was over is back")
	}
	c = r.signIn(t, "u-2")
	r.mustApply(t, r.person("li.op", "huiyi", "operator", "active", "u-4", r.operator))
	if r.in(c) {
		t.Error("a session of an identity that is no longer bound")
	}
	if res := r.do(r.arrive(t, "u-2")); res.Code != http.StatusForbidden {
		t.Errorf("an identity that is no longer bound signs in: %d", res.Code)
	}
	if !r.in(r.signIn(t, "u-4")) {
		t.Error("the identity that is bound does not sign in")
	}
	r.mustApply(t, r.person("li.op", "huiyi", "operator", "active", "u-2", r.operator))
}

// TestFiveBrowsersEach: one more ends the one used least lately, and nobody else's.
func TestFiveBrowsersEach(t *testing.T) {
	r := newReception(t)
	other := r.signIn(t, "u-1")
	var all []*http.Cookie
	for range 5 {
		r.now = r.now.Add(time.Second)
		all = append(all, r.signIn(t, "u-2"))
	}
	r.now = r.now.Add(time.Second)
	if !r.in(all[0]) { // which it is used by
		t.Fatal("five are too many")
	}
	r.now = r.now.Add(time.Second)
	all = append(all, r.signIn(t, "u-2"))
	for i, want := range []bool{true, false, true, true, true, true} {
		if r.in(all[i]) != want {
			t.Errorf("browser %d is signed in: %v, want %v", i, !want, want)
		}
	}
	if !r.in(other) {
		t.Error("somebody else is signed out")
	}
}

// withoutSignature are the operations besides those of GET that take no signature.
var withoutSignature = strings.Fields(`/v1/submissions /v1/explain /v1/previews /v1/shows /v1/diffs /v1/catalogue-checks /v1/versions /v1/versions/diff /v1/what-if
	/v1/fragments /v1/tickets /v1/tickets/:ticket /v1/sessions/:id /v1/submissions/:id`)

// TestWhatABrowserMay asks each operation by sessions of an operator and of the city
// authority. What is not in this table takes a signature; who supervises gets nothing.
func TestWhatABrowserMay(t *testing.T) {
	r := newReception(t)
	operator, authority := r.signIn(t, "u-2"), r.signIn(t, "u-1")
	code := func(method, path string, c *http.Cookie) string {
		res := r.do(visit(method, path, "{}", c))
		if res.Code == http.StatusOK {
			return "ok"
		}
		return problem(t, res).Code
	}
	n := 0
	for _, route := range router(r.engine, slog.New(slog.DiscardHandler)).Routes() {
		path := strings.NewReplacer(":", "").Replace(route.Path)
		want := route.Method == http.MethodGet || slices.Contains(withoutSignature, route.Path)
		got := code(route.Method, path, operator)
		if (got != "SIGNATURE_REQUIRED") != want || got == "SECOND_FACTOR" || got == "AUTH_FAILED" {
			t.Errorf("%s %s by an operator's browser = %s, want it allowed: %v", route.Method, route.Path, got, want)
		}
		got, own := code(route.Method, path, authority), strings.HasPrefix(route.Path, "/v1/sessions")
		if (got != "SECOND_FACTOR") != own {
			t.Errorf("%s %s by the authority's browser = %s", route.Method, route.Path, got)
		}
		n++
	}
	if n < 80 {
		t.Errorf("%d operations, want at least 80", n)
	}
}

// TestTheDoorIsThereForBrowsersAlone: over HTTPS and with a provider; it sends nobody
// elsewhere, holds no script, and says what browsers may do with it.
func TestTheDoorIsThereForBrowsersAlone(t *testing.T) {
	r := newReception(t)
	page := r.do(visit(http.MethodGet, "/signin", ""))
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), `href="/signin/oidc"`) {
		t.Fatalf("%d %s", page.Code, page.Body)
	}
	if text := page.Body.String(); strings.Contains(text, "<script") || strings.Contains(text, "style=") || strings.Contains(text, "onclick") || strings.Contains(text, "//") {
		t.Errorf("the page holds more than it may: %s", text)
	}
	if r.do(visit(http.MethodGet, "/signin/style.css", "")).Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Error("no style")
	}
	for _, uri := range []string{"/signin", "/signin/style.css", "/signin/nothing", "/v1/domain", "/nothing"} {
		h := r.do(visit(http.MethodGet, uri, "")).Header()
		for name, want := range map[string]string{
			"Content-Security-Policy":   "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
			"X-Content-Type-Options":    "nosniff",
			"X-Frame-Options":           "DENY",
			"Referrer-Policy":           "no-referrer",
			"Cache-Control":             "no-store",
			"Strict-Transport-Security": "max-age=31536000",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", uri, name, h.Get(name), want)
			}
		}
	}
	for _, uri := range []string{"/signin?next=https://evil.test", "/signin/oidc?redirect_uri=https://evil.test&next=//evil.test", "/signin//evil.test", "/signin/../..//evil.test", "/signin/callback?next=//evil.test"} {
		res := r.do(visit(http.MethodGet, uri, ""))
		to, err := url.Parse(res.Header().Get("Location"))
		if err != nil || to.Host != "" && "https://"+to.Host != r.provider.URL || strings.Contains(to.RawQuery, "evil") {
			t.Errorf("%s sends to %s", uri, to)
		}
	}
	for _, q := range []*http.Request{visit(http.MethodPost, "/signin", ""), visit(http.MethodGet, "/signin/nothing", ""), visit(http.MethodPost, "/signin/callback", "")} {
		if res := r.do(q); res.Code != http.StatusBadRequest || !strings.Contains(res.Body.String(), "NOT_FOUND") {
			t.Errorf("%s %s = %d", q.Method, q.URL, res.Code)
		}
	}
	bare := visit(http.MethodGet, "/signin", "")
	bare.TLS = nil
	if res := r.do(bare); res.Code != http.StatusForbidden || problem(t, res).Code != "AUTH_FAILED" {
		t.Errorf("by the socket: %d %s", res.Code, res.Body)
	}
	closed := httptest.NewRequest(http.MethodGet, "https://example.com/signin", nil)
	closed.TLS = &tls.ConnectionState{}
	if res := shared.do(closed); res.Code != http.StatusForbidden || problem(t, res).Code != "AUTH_FAILED" {
		t.Errorf("without a provider: %d %s", res.Code, res.Body)
	}
	res := r.do(visit(http.MethodGet, "/signin/callback?state=x&code=y", ""))
	if text, _ := io.ReadAll(res.Body); res.Code != http.StatusForbidden || !strings.Contains(string(text), "AUTH_FAILED") {
		t.Errorf("an arrival out of nowhere: %d %s", res.Code, text)
	}
}
