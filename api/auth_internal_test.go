package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// clock is what the gate of the tests takes for the time.
var clock = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// house is a gate without workers: a founder, an operator and a person whose
// account is disabled.
type house struct {
	engine                      *query.Engine
	handler                     http.Handler
	founder, operator, disabled *keys.User
	nonces                      int
}

// houseStall is how long the house waits for a sender.
const houseStall = 400 * time.Millisecond

// shared is the house of all tests; making one takes most of a second.
var shared *house

// houses is the folder of those that tests share.
var houses string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "zonebox-api-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	houses = dir
	if shared, err = newHouse(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer querytest.Clean()
	code := m.Run()
	if front != nil {
		if err := front.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if err := shared.engine.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func newHouse(ctx context.Context, dir string) (*house, error) {
	h := new(house)
	for name, key := range map[string]**keys.User{"zhao.city": &h.founder, "li.op": &h.operator, "former.op": &h.disabled} {
		var err error
		if *key, err = keys.Generate(name); err != nil {
			return nil, err
		}
	}
	cfg := query.Config{Domain: filepath.Join(dir, "domain"), Keys: filepath.Join(dir, "keys"), Passphrase: []byte("a passphrase of the test"),
		Now: func() time.Time { return clock }, Limits: query.Limits{LoadStall: houseStall}}
	err := query.Init(ctx, cfg, query.Founder{Organization: "city", Title: "市数据主管部门", User: "zhao.city", Key: h.founder})
	if err != nil {
		return nil, err
	}
	if h.engine, err = query.Open(ctx, cfg); err != nil {
		return nil, err
	}
	h.handler = New(h.engine, slog.New(slog.DiscardHandler))
	people := "kind: Organization\nname: huiyi\nspec: {title: 惠医, kind: operator, org_form: legal_person, credit_code: 91610103MA6M5AE288, incident_3y: false, dishonesty_3y: false}\n"
	for _, p := range []struct {
		key    *keys.User
		name   string
		status string
	}{{h.operator, "li.op", "active"}, {h.disabled, "former.op", "disabled"}} {
		people += fmt.Sprintf("---\nkind: Person\nname: %s\nspec: {real_name: 某人, organization: huiyi, roles: [operator], status: %s, signing_key: %q, recipient_key: %q}\n",
			p.name, p.status, p.key.SigningKey(), p.key.RecipientKey())
	}
	if res := h.do(h.signed("zhao.city", h.founder, http.MethodPost, "/v1/documents", people)); res.Code != http.StatusOK {
		return nil, fmt.Errorf("register people: %d %s", res.Code, res.Body)
	}
	return h, nil
}

// signed returns a request as Client builds it, for tests to alter.
func (h *house) signed(user string, key *keys.User, method, uri, body string) *http.Request {
	h.nonces++
	return h.signedAt(user, key, method, uri, body, clock, fmt.Sprintf("nonce-%d", h.nonces))
}

func (h *house) signedAt(user string, key *keys.User, method, uri, body string, at time.Time, nonce string) *http.Request {
	r := httptest.NewRequest(method, uri, strings.NewReader(body))
	sum := sha256.Sum256([]byte(body))
	digest := hex.EncodeToString(sum[:])
	gate := h.engine.Domain().GateKey
	r.Header.Set(headerGate, gate)
	r.Header.Set(headerUser, user)
	r.Header.Set(headerTime, at.Format(time.RFC3339Nano))
	r.Header.Set(headerNonce, nonce)
	r.Header.Set(headerDigest, digest)
	r.Header.Set(headerSignature, base64.StdEncoding.EncodeToString(key.Sign(signingText(gate, method, uri, user, at, nonce, digest))))
	r.Header.Set("Accept-Language", "en")
	return r
}

func (h *house) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// trace is everything a request could have left in the domain.
func (h *house) trace(t *testing.T) string {
	t.Helper()
	entries, organizations := []query.AuditEntry{}, []query.DocumentView{}
	// The log last: it tells of the first of these readings of a day.
	for _, read := range []struct {
		uri  string
		into any
	}{{"/v1/documents/" + registry.KindOrganization, &organizations}, {"/v1/audit?limit=1000", &entries}} {
		res := h.do(h.signed("zhao.city", h.founder, http.MethodGet, read.uri, ""))
		if res.Code != http.StatusOK {
			t.Fatalf("GET %s = %d %s", read.uri, res.Code, res.Body)
		}
		if err := json.Unmarshal(res.Body.Bytes(), read.into); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("%d audit entries, %d organizations", len(entries), len(organizations))
}

func problem(t *testing.T, res *httptest.ResponseRecorder) *Problem {
	t.Helper()
	p := new(Problem)
	if err := json.Unmarshal(res.Body.Bytes(), p); err != nil {
		t.Fatalf("the body of %d is no problem: %q", res.Code, res.Body)
	}
	return p
}

const (
	documents = "/v1/documents"
	newOrg    = "kind: Organization\nname: new-org\nspec: {title: 新单位, kind: third_party, org_form: legal_person}\n"
)

// TestARequestThatIsNotTheSignersOwnGoesNowhere takes a request that is allowed
// and changes one thing.
func TestARequestThatIsNotTheSignersOwnGoesNowhere(t *testing.T) {
	h := shared
	good := func() *http.Request { return h.signed("zhao.city", h.founder, http.MethodPost, documents, newOrg) }
	with := func(name, value string) *http.Request {
		r := good()
		r.Header.Set(name, value)
		return r
	}
	without := func(name string) *http.Request {
		r := good()
		r.Header.Del(name)
		return r
	}
	body := func(r *http.Request, text string) *http.Request {
		r.Body = io.NopCloser(strings.NewReader(text))
		return r
	}
	other := strings.Replace(newOrg, "new-org", "old-org", 1)
	otherSum := sha256.Sum256([]byte(other))
	uri := func(r *http.Request, method, uri string) *http.Request {
		out := httptest.NewRequest(method, uri, strings.NewReader(newOrg))
		out.Header = r.Header
		return out
	}
	swapped := good()
	swapped.Header.Set(headerSignature, good().Header.Get(headerSignature))
	for name, r := range map[string]*http.Request{
		"unsigned":                httptest.NewRequest(http.MethodPost, documents, strings.NewReader(newOrg)),
		"no user":                 without(headerUser),
		"no gate":                 without(headerGate),
		"another gate":            with(headerGate, h.operator.SigningKey()),
		"two ways at once":        with("Authorization", "Bearer zbk_a_b"),
		"no time":                 without(headerTime),
		"no nonce":                without(headerNonce),
		"no digest":               without(headerDigest),
		"no signature":            without(headerSignature),
		"empty signature":         with(headerSignature, ""),
		"signature not base64":    with(headerSignature, "%%%"),
		"signature of zeros":      with(headerSignature, base64.StdEncoding.EncodeToString(make([]byte, 64))),
		"signature of another":    swapped,
		"wrong key":               h.signed("zhao.city", h.operator, http.MethodPost, documents, newOrg),
		"another user's name":     with(headerUser, "li.op"),
		"unknown user":            h.signed("nobody", h.founder, http.MethodPost, documents, newOrg),
		"disabled person":         h.signed("former.op", h.disabled, http.MethodPost, documents, newOrg),
		"disabled person reads":   h.signed("former.op", h.disabled, http.MethodGet, "/v1/domain", ""),
		"later time":              with(headerTime, clock.Add(time.Second).Format(time.RFC3339Nano)),
		"other nonce":             with(headerNonce, "another"),
		"time is no time":         with(headerTime, "yesterday"),
		"six minutes old":         h.signedAt("zhao.city", h.founder, http.MethodPost, documents, newOrg, clock.Add(-6*time.Minute), "old"),
		"six minutes early":       h.signedAt("zhao.city", h.founder, http.MethodPost, documents, newOrg, clock.Add(6*time.Minute), "early"),
		"signed without a nonce":  h.signedAt("zhao.city", h.founder, http.MethodPost, documents, newOrg, clock, ""),
		"altered body":            body(good(), other),
		"altered body and digest": body(with(headerDigest, hex.EncodeToString(otherSum[:])), other),
		"digest in capitals":      with(headerDigest, strings.ToUpper(good().Header.Get(headerDigest))),
		"altered path":            uri(good(), http.MethodPost, "/v1/submissions"),
		"altered query":           uri(good(), http.MethodPost, documents+"?a=b"),
		"altered method":          uri(h.signed("zhao.city", h.founder, http.MethodPost, "/v1/documents/person", newOrg), http.MethodGet, "/v1/documents/person"),
	} {
		t.Run(name, func(t *testing.T) {
			before := h.trace(t)
			res := h.do(r)
			p := problem(t, res)
			if res.Code != http.StatusForbidden || p.Code != "AUTH_FAILED" || p.Class != "denied" || len(p.Reasons) > 0 {
				t.Errorf("%d %s, want 403 AUTH_FAILED", res.Code, res.Body)
			}
			if after := h.trace(t); after != before {
				t.Errorf("the request left something: %s, before it %s", after, before)
			}
		})
	}
	// The same, unchanged, is let in.
	if res := h.do(good()); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "new-org") {
		t.Errorf("an unchanged request: %d %s", res.Code, res.Body)
	}
}

// TestWhatOneGateWasSentIsNothingToAnother: the same person with the same key is known at
// two gates, and the request that one was sent is replayed at the other.
func TestWhatOneGateWasSentIsNothingToAnother(t *testing.T) {
	h := shared
	dir := t.TempDir()
	cfg := query.Config{Domain: filepath.Join(dir, "domain"), Keys: filepath.Join(dir, "keys"), Passphrase: []byte("a passphrase of the test"), Now: func() time.Time { return clock }}
	if err := query.Init(t.Context(), cfg, query.Founder{Organization: "city", Title: "市数据主管部门", User: "zhao.city", Key: h.founder}); err != nil {
		t.Fatal(err)
	}
	engine, err := query.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	second := &house{engine: engine, handler: New(engine, slog.New(slog.DiscardHandler)), founder: h.founder}
	sent := h.signedAt("zhao.city", h.founder, http.MethodGet, "/v1/domain", "", clock, "for the first gate")
	if res := second.do(sent); res.Code != http.StatusForbidden || problem(t, res).Code != "AUTH_FAILED" {
		t.Errorf("another gate took it: %d %s", res.Code, res.Body)
	}
	sent.Header.Set(headerGate, engine.Domain().GateKey)
	if res := second.do(sent); res.Code != http.StatusForbidden || problem(t, res).Code != "AUTH_FAILED" {
		t.Errorf("another gate took it under its own name: %d %s", res.Code, res.Body)
	}
	// One for that gate is let in there, and the first one where it was sent.
	if res := second.do(second.signed("zhao.city", h.founder, http.MethodGet, "/v1/domain", "")); res.Code != http.StatusOK {
		t.Errorf("a request for the second gate: %d %s", res.Code, res.Body)
	}
	sent.Header.Set(headerGate, h.engine.Domain().GateKey)
	if res := h.do(sent); res.Code != http.StatusOK {
		t.Errorf("a request for the first gate: %d %s", res.Code, res.Body)
	}
	// Which gate it is, a gate tells whoever is to sign for it, and nothing else of it.
	res := second.do(httptest.NewRequest(http.MethodOptions, "/v1", nil))
	if res.Code != http.StatusNoContent || res.Body.Len() > 0 || res.Header().Get(headerGate) != engine.Domain().GateKey {
		t.Errorf("OPTIONS /v1 = %d %q, want 204 with the key of the gate", res.Code, res.Body)
	}
}

// TestEveryFailureToAuthenticateLooksTheSame: neither text nor status tells an
// unknown name from a wrong key or a disabled account.
func TestEveryFailureToAuthenticateLooksTheSame(t *testing.T) {
	h := shared
	var first string
	for _, r := range []*http.Request{
		h.signed("nobody", h.operator, http.MethodGet, "/v1/domain", ""),
		h.signed("li.op", h.founder, http.MethodGet, "/v1/domain", ""),
		h.signed("former.op", h.disabled, http.MethodGet, "/v1/domain", ""),
		h.signedAt("li.op", h.operator, http.MethodGet, "/v1/domain", "", clock.Add(-time.Hour), "stale"),
	} {
		res := h.do(r)
		got := fmt.Sprintf("%d %s", res.Code, res.Body)
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("%s answered %s, want %s", r.Header.Get(headerUser), got, first)
		}
	}
}

func TestANonceCountsOnceForItsUser(t *testing.T) {
	h := shared
	send := func(user string, key *keys.User, nonce string, at time.Time) int {
		return h.do(h.signedAt(user, key, http.MethodGet, "/v1/domain", "", at, nonce)).Code
	}
	for i, want := range []int{http.StatusOK, http.StatusForbidden, http.StatusForbidden} {
		if got := send("zhao.city", h.founder, "once", clock); got != want {
			t.Errorf("use %d of a nonce = %d, want %d", i+1, got, want)
		}
	}
	if got := send("zhao.city", h.founder, "once", clock.Add(time.Second)); got != http.StatusForbidden {
		t.Errorf("a used nonce at another time = %d, want 403", got)
	}
	if got := send("li.op", h.operator, "once", clock); got != http.StatusOK {
		t.Errorf("another user's nonce = %d, want 200", got)
	}
	// A request that fails its signature does not use up the nonce of the one
	// that it copies.
	if got := send("zhao.city", h.operator, "mine", clock); got != http.StatusForbidden {
		t.Errorf("a wrong key = %d, want 403", got)
	}
	if got := send("zhao.city", h.founder, "mine", clock); got != http.StatusOK {
		t.Errorf("the nonce a forger tried = %d, want 200", got)
	}
}

// TestAReplayedRequestActsOnce replays a whole request, as someone who reads
// the socket could.
func TestAReplayedRequestActsOnce(t *testing.T) {
	h := shared
	body := strings.Replace(newOrg, "new-org", "once-org", 1)
	first := h.signed("zhao.city", h.founder, http.MethodPost, documents, body)
	again := first.Clone(t.Context())
	again.Body = io.NopCloser(strings.NewReader(body))
	if res := h.do(first); res.Code != http.StatusOK {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	before := h.trace(t)
	if res := h.do(again); res.Code != http.StatusForbidden || problem(t, res).Code != "AUTH_FAILED" {
		t.Errorf("replayed: %d %s", res.Code, res.Body)
	}
	if after := h.trace(t); after != before {
		t.Errorf("a replay left something: %s, before it %s", after, before)
	}
}

// Whoever uses a route is in the log, with organization and role, before anything is
// done or read: once a day, and of readings once for each thing that is read
// (R-JM19-23a, R-YC22-34a).
func TestWhoUsesARouteIsInTheLog(t *testing.T) {
	h := shared
	ask := func(uri string) {
		t.Helper()
		if res := h.do(h.signed("li.op", h.operator, http.MethodGet, uri, "")); res.Code != http.StatusOK {
			t.Fatalf("GET %s = %d %s", uri, res.Code, res.Body)
		}
	}
	began := func() (routes []string) {
		t.Helper()
		var entries []query.AuditEntry
		res := h.do(h.signed("zhao.city", h.founder, http.MethodGet, "/v1/audit?limit=1000", ""))
		if err := json.Unmarshal(res.Body.Bytes(), &entries); err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Kind == "access.began" && e.Actor == "li.op" {
				routes = append(routes, strings.TrimSpace(e.Org+" "+e.Role+" "+e.Fields["route"]+" "+e.Fields["of"]))
			}
			if e.Kind == "access.began" && e.Actor == "former.op" {
				t.Error("a person who is not let in has an entry")
			}
		}
		return routes
	}
	h.do(h.signed("former.op", h.disabled, http.MethodGet, "/v1/documents/zone", ""))
	h.do(h.signed("li.op", h.disabled, http.MethodGet, "/v1/reviews", ""))
	before := began()
	ask("/v1/pending")
	ask("/v1/pending")
	ask("/v1/catalogue")
	ask("/v1/pending")
	for _, name := range []string{"license/medical-2026", "zone/medical", "license/medical-2026", "zone/medical", "zone/110105194912310%20X"} { // there or not
		h.do(h.signed("li.op", h.operator, http.MethodGet, "/v1/documents/"+name, ""))
	}
	document := "huiyi operator GET /v1/documents/:kind/:name "
	if got, want := began()[len(before):], []string{"huiyi operator GET /v1/pending", "huiyi operator GET /v1/catalogue",
		document + "license medical-2026", document + "zone medical", document + "zone ?"}; !slices.Equal(got, want) {
		t.Errorf("the log tells %q, want %q", got, want)
	}
	if slices.Contains(began(), "huiyi operator GET /v1/reviews") {
		t.Error("a request with another's signature is an entry of whom it names")
	}
}

// TestEveryRouteIsSigned asks each route of the handler without a signature.
func TestEveryRouteIsSigned(t *testing.T) {
	h := shared
	routes := router(h.engine, slog.New(slog.DiscardHandler)).Routes()
	if len(routes) < 12 {
		t.Fatalf("the gate has %d routes, want at least 12", len(routes))
	}
	before := h.trace(t)
	for _, route := range routes {
		path := strings.NewReplacer(":kind", "license", ":name", "x", ":run", "run-1").Replace(route.Path)
		res := h.do(httptest.NewRequest(route.Method, path, strings.NewReader("{}")))
		if res.Code != http.StatusForbidden || problem(t, res).Code != "AUTH_FAILED" {
			t.Errorf("%s %s unsigned = %d %s, want 403 AUTH_FAILED", route.Method, path, res.Code, res.Body)
		}
	}
	if after := h.trace(t); after != before {
		t.Errorf("unsigned requests left something: %s, before them %s", after, before)
	}
}

func TestABodyThatIsTooLargeGoesNowhere(t *testing.T) {
	h := shared
	before := h.trace(t)
	body := newOrg + strings.Repeat("#", 8<<20)
	res := h.do(h.signed("zhao.city", h.founder, http.MethodPost, documents, body))
	if res.Code != http.StatusBadRequest || problem(t, res).Code != "BAD_REQUEST" {
		t.Errorf("%d %s, want 400 BAD_REQUEST", res.Code, res.Body)
	}
	if after := h.trace(t); after != before {
		t.Errorf("the request left something: %s, before it %s", after, before)
	}
	fits := newOrg + strings.Repeat("#", 8<<20-len(newOrg))
	if res := h.do(h.signed("zhao.city", h.founder, http.MethodPost, documents, fits)); res.Code != http.StatusOK {
		t.Errorf("a body of %d bytes: %d %s", len(fits), res.Code, res.Body)
	}
}

// TestAClientCannotSetItsSubject says in the body, the URL and a second header
// to be someone else.
func TestAClientCannotSetItsSubject(t *testing.T) {
	h := shared
	for _, field := range []string{"subject", "Subject", "user", "as", "roles", "zone"} {
		body := fmt.Sprintf(`{"scenario":"s","sql":"SELECT 1",%q:"zhao.city"}`, field)
		for _, uri := range []string{"/v1/submissions", "/v1/explain"} {
			res := h.do(h.signed("li.op", h.operator, http.MethodPost, uri, body))
			if res.Code != http.StatusBadRequest || problem(t, res).Code != "BAD_REQUEST" {
				t.Errorf("%s with field %s = %d %s, want 400", uri, field, res.Code, res.Body)
			}
		}
	}
	// Only the founder sees other people's entries; the operator asks as one.
	audit := h.signed("li.op", h.operator, http.MethodGet, "/v1/audit?limit=100", "")
	audit.Header.Add(headerUser, "zhao.city")
	if res := h.do(audit); res.Code != http.StatusOK || strings.Contains(res.Body.String(), "zhao.city") {
		t.Errorf("GET /v1/audit as li.op = %d %s", res.Code, res.Body)
	}
	for _, name := range []string{"user", "subject", "as"} {
		res := h.do(h.signed("li.op", h.operator, http.MethodGet, "/v1/audit?limit=100&"+name+"=zhao.city", ""))
		if res.Code != http.StatusBadRequest || strings.Contains(res.Body.String(), "zhao.city") {
			t.Errorf("GET /v1/audit with %s as li.op = %d %s, want 400", name, res.Code, res.Body)
		}
	}
	r := h.signed("li.op", h.operator, http.MethodPost, documents, newOrg)
	r.Header.Add(headerUser, "zhao.city")
	if res := h.do(r); res.Code != http.StatusForbidden {
		t.Errorf("apply as li.op = %d %s, want 403", res.Code, res.Body)
	}
}

// TestThePartsOfASigningTextCannotRunIntoEachOther: what is moved from one part
// to the next is another text.
func TestThePartsOfASigningTextCannotRunIntoEachOther(t *testing.T) {
	a := signingText("gate", "GET", "/v1/audit", "li.op", clock, "n", "d")
	for name, b := range map[string][]byte{
		"gate and method": signingText("gateGET", "", "/v1/audit", "li.op", clock, "n", "d"),
		"method and path": signingText("gate", "GET/", "v1/audit", "li.op", clock, "n", "d"),
		"path and user":   signingText("gate", "GET", "/v1/auditli", ".op", clock, "n", "d"),
		"nonce and body":  signingText("gate", "GET", "/v1/audit", "li.op", clock, "nd", ""),
	} {
		if bytes.Equal(a, b) {
			t.Errorf("%s run into each other", name)
		}
	}
	want := "zonebox-request-v2\ngate\nGET\n/v1/audit\nli.op\n2026-11-22T08:00:00Z\nn\nd"
	if string(a) != want {
		t.Errorf("signingText = %q, want %q", a, want)
	}
}

// Whoever is suspended while the body of a request comes in is not heard, be it an empty
// one that took its time.
func TestWhoIsSuspendedMeanwhileIsNotHeard(t *testing.T) {
	for _, c := range []struct{ method, uri, body string }{
		{http.MethodPost, "/v1/shows", `{"kind": "Organization", "name": "huiyi"}`},
		{http.MethodDelete, "/v1/sessions/none", ""},
	} {
		h, err := newHouse(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		request := func(first func()) *http.Request {
			r := h.signed("li.op", h.operator, c.method, c.uri, c.body)
			r.Body, r.ContentLength = io.NopCloser(&meanwhile{strings.NewReader(c.body), sync.OnceFunc(first)}), -1
			return r
		}
		if res := h.do(request(func() {})); strings.Contains(res.Body.String(), "AUTH_FAILED") {
			t.Errorf("%s %s of who is active is answered %d %s", c.method, c.uri, res.Code, res.Body)
		}
		res := h.do(request(func() {
			ended := fmt.Sprintf("kind: Person\nname: li.op\nspec: {real_name: 某人, organization: huiyi, roles: [operator], status: disabled, signing_key: %q, recipient_key: %q}\n",
				h.operator.SigningKey(), h.operator.RecipientKey())
			if res := h.do(h.signed("zhao.city", h.founder, http.MethodPost, "/v1/documents", ended)); res.Code != http.StatusOK {
				t.Errorf("suspend = %d %s", res.Code, res.Body)
			}
		}))
		if res.Code != http.StatusForbidden || !strings.Contains(res.Body.String(), "AUTH_FAILED") {
			t.Errorf("%s %s of who was suspended meanwhile is answered %d %s", c.method, c.uri, res.Code, res.Body)
		}
		if err := h.engine.Close(); err != nil {
			t.Error(err)
		}
	}
}

// meanwhile has something happen before it is read.
type meanwhile struct {
	io.Reader
	first func()
}

func (m *meanwhile) Read(p []byte) (int, error) {
	m.first()
	return m.Reader.Read(p)
}
