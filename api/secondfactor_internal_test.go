package api

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"zonebox/keys"
	"zonebox/query"
)

// authenticator shows the codes of the secret that an order gave.
type authenticator struct{ secret string }

func enrol(t *testing.T, res *httptest.ResponseRecorder) authenticator {
	t.Helper()
	var v query.SecondFactorView
	if err := json.Unmarshal(res.Body.Bytes(), &v); err != nil || res.Code != http.StatusOK || v.Active {
		t.Fatalf("one-time codes: %d %s", res.Code, res.Body)
	}
	key, err := otp.NewKeyFromURL(v.URI)
	if err != nil || key.Period() != 30 || key.Digits() != otp.DigitsSix || key.Algorithm() != otp.AlgorithmSHA1 || len(key.Secret()) != 32 {
		t.Fatalf("an authenticator takes it as %+v, %v", key, err)
	}
	return authenticator{key.Secret()}
}

func (a authenticator) at(t *testing.T, now time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(a.secret, now)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// by is a signed request of a person, now.
func (r *reception) by(user string, key *keys.User, method, uri, body string) *httptest.ResponseRecorder {
	return r.do(r.signedAt(user, key, method, uri, body, r.now, rand.Text()))
}

// codeForm is the form of the page, filled in.
func codeForm(code string, c *http.Cookie) *http.Request {
	q := visit(http.MethodPost, "/signin/code", url.Values{"code": {code}}.Encode(), c)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return q
}

// elevated returns the cookie of a browser in which a code was given.
func (r *reception) elevated(t *testing.T, c *http.Cookie, code string) *http.Cookie {
	t.Helper()
	res := r.do(codeForm(code, c))
	given := res.Result().Cookies()
	if res.Code != http.StatusSeeOther || res.Header().Get("Location") != "/signin" || len(given) != 1 {
		t.Fatalf("a code: %d %s", res.Code, res.Body)
	}
	if n := given[0]; n.Name != sessionCookie || n.Value == c.Value || !n.Secure || !n.HttpOnly || n.Path != "/" || n.Domain != "" || n.SameSite != http.SameSiteStrictMode {
		t.Errorf("the session is kept as %s", n)
	}
	return given[0]
}

// TestABrowserOfWhoSupervisesGivesACode: before it, nothing is shown; then it does what
// an operator's does, under another cookie. A code counts once, in any browser, and
// only from the gate's own page.
func TestABrowserOfWhoSupervisesGivesACode(t *testing.T) {
	r := newReception(t)
	code := func(c *http.Cookie, method, uri, body string) string {
		res := r.do(visit(method, uri, body, c))
		if res.Code == http.StatusOK {
			return "ok"
		}
		return problem(t, res).Code
	}
	c := r.signIn(t, "u-1")
	if res := r.do(codeForm("123456", c)); res.Code != http.StatusForbidden || !strings.Contains(res.Body.String(), "CODE_REFUSED") {
		t.Fatalf("without codes: %d %s", res.Code, res.Body)
	}
	if got := code(c, http.MethodPost, "/v1/second-factors", ""); got != "SECOND_FACTOR" {
		t.Errorf("a browser orders codes itself: %s", got)
	}
	mine := enrol(t, r.by("yang.city", r.second, http.MethodPost, "/v1/second-factors", ""))
	other := r.signIn(t, "u-1")
	if page := r.do(visit(http.MethodGet, "/signin", "", c)).Body.String(); !strings.Contains(page, `action="/signin/code"`) || !strings.Contains(page, `autocomplete="one-time-code"`) {
		t.Errorf("the page asks for none: %s", page)
	}
	if got := code(c, http.MethodGet, "/v1/domain", ""); got != "SECOND_FACTOR" {
		t.Fatalf("before a code: %s", got)
	}
	for name, alter := range map[string]func(*http.Request){
		"another site": func(q *http.Request) {
			q.Header.Set("Sec-Fetch-Site", "cross-site")
			q.Header.Set("Origin", "https://evil.test")
		},
		"another address": func(q *http.Request) { q.RemoteAddr = "203.0.113.9:40000" },
		"in the clear":    func(q *http.Request) { q.TLS = nil },
	} {
		q := codeForm(mine.at(t, r.now), c)
		alter(q)
		if res := r.do(q); res.Code == http.StatusSeeOther || code(c, http.MethodGet, "/v1/domain", "") != "SECOND_FACTOR" {
			t.Errorf("a code from %s: %d", name, res.Code)
		}
	}
	spent := mine.at(t, r.now)
	up := r.elevated(t, c, spent)
	if r.in(c) {
		t.Error("what the browser showed before the code is let in")
	}
	if got := code(up, http.MethodGet, "/v1/domain", ""); got != "ok" {
		t.Errorf("after the code: %s", got)
	}
	if got := code(up, http.MethodPost, documents, "{}"); got != "SIGNATURE_REQUIRED" {
		t.Errorf("documents by a browser: %s", got)
	}
	if page := r.do(visit(http.MethodGet, "/signin", "", up)).Body.String(); strings.Contains(page, "/signin/code") {
		t.Error("the page asks for a second code")
	}
	if res := r.do(codeForm(spent, other)); res.Code != http.StatusForbidden || code(other, http.MethodGet, "/v1/domain", "") != "SECOND_FACTOR" {
		t.Errorf("a code that was spent: %d %s", res.Code, res.Body)
	}
	if got := problem(t, r.by("yang.city", r.second, http.MethodPost, "/v1/second-factors", "")).Code; got != "BAD_REQUEST" {
		t.Errorf("other codes in place of those that count: %s", got)
	}
	if got := problem(t, r.by("yang.city", r.second, http.MethodDelete, "/v1/second-factors/yang.city", "")).Code; got != "OWN_DECISION" {
		t.Errorf("ends their own: %s", got)
	}
	if got := problem(t, r.by("li.op", r.operator, http.MethodDelete, "/v1/second-factors/yang.city", "")).Code; got != "NOT_FOUND" {
		t.Errorf("an operator ends them: %s", got)
	}
	if !r.in(up) {
		t.Fatal("the browser was signed out before the codes ended")
	}
	if res := r.by("zhao.city", r.founder, http.MethodDelete, "/v1/second-factors/yang.city", ""); res.Code != http.StatusOK {
		t.Fatalf("the authority ends them: %d %s", res.Code, res.Body)
	}
	if r.in(up) || !r.in(other) {
		t.Error("of two browsers that is to be signed out in which a code was given, and no other")
	}
	if res := r.do(codeForm(mine.at(t, r.now.Add(30*time.Second)), other)); res.Code != http.StatusForbidden {
		t.Errorf("a code of those that ended: %d", res.Code)
	}
}

// openStrict is a reception whose gate asks for two factors of signed requests too.
func openStrict(t *testing.T) *reception {
	t.Helper()
	dir := t.TempDir()
	h, err := newHouse(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.engine.Close(); err != nil {
		t.Fatal(err)
	}
	r := &reception{house: h, now: clock}
	h.engine, err = query.Open(t.Context(), query.Config{Domain: filepath.Join(dir, "domain"), Keys: filepath.Join(dir, "keys"),
		Passphrase: []byte("a passphrase of the test"), Now: func() time.Time { return r.now }, SecondFactor: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.engine.Close(); err != nil {
			t.Error(err)
		}
	})
	h.handler = New(h.engine, slog.New(slog.DiscardHandler))
	return r
}

// TestASignatureOfWhoSupervisesIsOneFactor: where the gate asks for two, each operation
// but those that lead to a code is refused before one was given, and again when it does
// not count any more. Operators need none.
func TestASignatureOfWhoSupervisesIsOneFactor(t *testing.T) {
	r := openStrict(t)
	from := "192.0.2.1:1234"
	ask := func(method, uri, body string) string {
		q := r.signedAt("zhao.city", r.founder, method, uri, body, r.now, rand.Text())
		q.RemoteAddr = from
		res := r.do(q)
		if res.Code == http.StatusOK {
			return "ok"
		}
		return problem(t, res).Code
	}
	free := []string{"GET /v1/second-factors", "POST /v1/second-factors", "POST /v1/second-factors/codes"}
	n := 0
	for _, route := range router(r.engine, slog.New(slog.DiscardHandler)).Routes() {
		got := ask(route.Method, strings.ReplaceAll(route.Path, ":", ""), "")
		if (got == "SECOND_FACTOR") == slices.Contains(free, route.Method+" "+route.Path) {
			t.Errorf("%s %s before a code = %s", route.Method, route.Path, got)
		}
		n++
	}
	if n < 80 {
		t.Errorf("%d operations, want at least 80", n)
	}
	if got := r.by("li.op", r.operator, http.MethodGet, "/v1/domain", ""); got.Code != http.StatusOK {
		t.Errorf("an operator: %d %s", got.Code, got.Body)
	}
	mine := enrol(t, r.by("zhao.city", r.founder, http.MethodPost, "/v1/second-factors", ""))
	give := func() string {
		return ask(http.MethodPost, "/v1/second-factors/codes", fmt.Sprintf(`{"code":%q}`, mine.at(t, r.now)))
	}
	counts := func() bool {
		t.Helper()
		got := ask(http.MethodGet, "/v1/domain", "")
		if got != "ok" && got != "SECOND_FACTOR" {
			t.Fatalf("the domain = %s", got)
		}
		return got == "ok"
	}
	if counts() {
		t.Fatal("codes that were ordered count before one was given")
	}
	if got := give(); got != "ok" || !counts() {
		t.Fatalf("a code: %s", got)
	}
	if got := give(); got != "CODE_REFUSED" || !counts() {
		t.Errorf("the code once more: %s", got)
	}
	from = "203.0.113.9:1234"
	if counts() {
		t.Error("it counts from another address")
	}
	from = "192.0.2.1:4321"
	r.now = r.now.Add(15*time.Minute - time.Second)
	if !counts() {
		t.Fatal("a quarter of an hour is not over")
	}
	r.now = r.now.Add(15 * time.Minute)
	if counts() {
		t.Error("it counts after a quarter of an hour without a request")
	}
	if got := give(); got != "ok" {
		t.Fatalf("another code: %s", got)
	}
	for began := r.now; r.now.Sub(began) < 8*time.Hour; r.now = r.now.Add(10 * time.Minute) {
		if !counts() {
			t.Fatalf("it does not count after %s of use", r.now.Sub(began))
		}
	}
	if counts() {
		t.Error("it counts after eight hours")
	}
	if got := give(); got != "ok" {
		t.Fatalf("another code: %s", got)
	}
	yang, err := keys.Generate("yang.city")
	if err != nil {
		t.Fatal(err)
	}
	as := func(name string) string {
		return fmt.Sprintf("kind: Person\nname: yang.city\nspec: {real_name: %s, organization: city, roles: [city_authority], status: active, signing_key: %q, recipient_key: %q}\n", name, yang.SigningKey(), yang.RecipientKey())
	}
	r.mustApply(t, as("杨某"))
	hers := enrol(t, r.by("yang.city", yang, http.MethodPost, "/v1/second-factors", ""))
	if res := r.by("yang.city", yang, http.MethodPost, "/v1/second-factors/codes", fmt.Sprintf(`{"code":%q}`, hers.at(t, r.now))); res.Code != http.StatusOK {
		t.Fatalf("another person's code: %d %s", res.Code, res.Body)
	}
	if res := r.by("yang.city", yang, http.MethodGet, "/v1/domain", ""); res.Code != http.StatusOK {
		t.Fatalf("another person: %d %s", res.Code, res.Body)
	}
	r.mustApply(t, as("杨某某"))
	if res := r.by("yang.city", yang, http.MethodGet, "/v1/domain", ""); problem(t, res).Code != "SECOND_FACTOR" {
		t.Errorf("another version of the person: %d %s", res.Code, res.Body)
	}
	if !counts() {
		t.Error("somebody else's change ended it")
	}
	if res := r.by("yang.city", yang, http.MethodPost, "/v1/second-factors/codes", fmt.Sprintf(`{"code":%q}`, hers.at(t, r.now.Add(30*time.Second)))); res.Code != http.StatusOK {
		t.Fatalf("the next code: %d %s", res.Code, res.Body)
	}
	if got := ask(http.MethodDelete, "/v1/second-factors/yang.city", ""); got != "ok" {
		t.Fatalf("the authority ends them: %s", got)
	}
	if res := r.by("yang.city", yang, http.MethodGet, "/v1/domain", ""); problem(t, res).Code != "SECOND_FACTOR" {
		t.Errorf("after the codes ended: %d %s", res.Code, res.Body)
	}
}

// TestCodesAreNotGuessed: after five that are wrong the right one is refused for a
// quarter of an hour, from wherever it comes, and the log tells.
func TestCodesAreNotGuessed(t *testing.T) {
	r := openStrict(t)
	mine := enrol(t, r.by("zhao.city", r.founder, http.MethodPost, "/v1/second-factors", ""))
	give := func(code, from string) string {
		q := r.signedAt("zhao.city", r.founder, http.MethodPost, "/v1/second-factors/codes", fmt.Sprintf(`{"code":%q}`, code), r.now, rand.Text())
		q.RemoteAddr = from
		if res := r.do(q); res.Code != http.StatusOK {
			return problem(t, res).Code
		}
		return "ok"
	}
	wrong := func() string {
		for n := 0; ; n++ {
			if code := fmt.Sprintf("%06d", n); code != mine.at(t, r.now) && code != mine.at(t, r.now.Add(30*time.Second)) && code != mine.at(t, r.now.Add(-30*time.Second)) {
				return code
			}
		}
	}
	for i := range 4 {
		if got := give(wrong(), fmt.Sprintf("198.51.100.%d:1", i)); got != "CODE_REFUSED" {
			t.Fatalf("a wrong code: %s", got)
		}
	}
	if got := give(mine.at(t, r.now), "192.0.2.1:1"); got != "ok" {
		t.Fatalf("the right one after four: %s", got)
	}
	r.now = r.now.Add(time.Minute)
	for i := range 5 {
		give(wrong(), fmt.Sprintf("198.51.100.%d:1", i))
	}
	if got := give(mine.at(t, r.now), "192.0.2.1:1"); got != "CODE_REFUSED" {
		t.Errorf("the right one after five: %s", got)
	}
	r.now = r.now.Add(15 * time.Minute)
	if got := give(mine.at(t, r.now), "192.0.2.1:1"); got != "ok" {
		t.Errorf("the right one a quarter of an hour later: %s", got)
	}
	var entries []query.AuditEntry
	if err := json.Unmarshal(r.by("zhao.city", r.founder, http.MethodGet, "/v1/audit?limit=1000", "").Body.Bytes(), &entries); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range entries {
		if strings.HasPrefix(e.Kind, "onetime.") || e.Kind == "auth.locked" {
			told = append(told, e.Kind+" "+e.Fields["person"])
		}
		if strings.Contains(fmt.Sprint(e), mine.secret) {
			t.Error("the log holds the secret")
		}
	}
	if want := []string{"onetime.issued zhao.city", "onetime.began zhao.city", "auth.locked zhao.city", "onetime.given zhao.city"}; !slices.Equal(told, want) {
		t.Errorf("the log tells %q, want %q", told, want)
	}
}
