package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/query"
)

// issued returns a key that a person of the house issues.
func (h *house) issued(t *testing.T, user string, key *keys.User, order string) *query.APIKeyView {
	t.Helper()
	res := h.do(h.signed(user, key, http.MethodPost, "/v1/api-keys", order))
	v := new(query.APIKeyView)
	if res.Code != http.StatusOK || json.Unmarshal(res.Body.Bytes(), v) != nil || v.Token == "" {
		t.Fatalf("issue %s: %d %s", order, res.Code, res.Body)
	}
	return v
}

// bearing returns a request by TLS from an address that shows a key.
func bearing(token, from, method, uri, body string) *http.Request {
	r := httptest.NewRequest(method, uri, strings.NewReader(body))
	r.TLS, r.RemoteAddr = new(tls.ConnectionState), net.JoinHostPort(from, "4711")
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept-Language", "en")
	return r
}

const everyScope = `{"purpose":"test","scopes":["read","ask","load"]}`

// byKeyAlone are the operations that an API key may do, by scope.
var byKeyAlone = map[string]string{
	"ask":  "POST /v1/submissions, GET /v1/submissions/:id, GET /v1/submissions/:id/events, GET /v1/submissions/:id/answer, DELETE /v1/submissions/:id, POST /v1/explain",
	"load": "POST /v1/loads, POST /v1/trials, POST /v1/receipts, GET /v1/loads, GET /v1/loads/:id, GET /v1/loads/:id/events, GET /v1/loads/:id/receipt",
	"read": "GET /v1/domain, GET /v1/openapi, GET /v1/status, GET /v1/documents/:kind, GET /v1/documents/:kind/:name, GET /v1/pending, GET /v1/history/:kind/:name, " +
		"POST /v1/shows, POST /v1/diffs, GET /v1/packs, GET /v1/packs/:name, GET /v1/catalogue, GET /v1/catalogue/:name, GET /v1/catalogue-exports/:list/:format, " +
		"GET /v1/loads, GET /v1/loads/:id, GET /v1/loads/:id/events, GET /v1/loads/:id/receipt, GET /v1/agreements, GET /v1/agreements/:id, GET /v1/requests, GET /v1/requests/:name, GET /v1/clocks, " +
		"GET /v1/alerts, GET /v1/alerts/:id, GET /v1/tickets, GET /v1/tickets/:ticket, GET /v1/quality, GET /v1/quality/:dataset, GET /v1/quality/:dataset/history, " +
		"GET /v1/quality/:dataset/rules, POST /v1/versions, POST /v1/versions/verify, GET /v1/keys, GET /v1/backups, GET /v1/shreds, GET /v1/policy, " +
		"GET /v1/audit, GET /v1/audit/checkpoint, GET /v1/audit/proofs/:run, GET /v1/traces/:run, GET /v1/reports/use, GET /v1/reports/unused, GET /v1/reports/risk, GET /v1/samples/:id",
}

// TestAKeyDoesWhatItsScopesAreForAndNothingThatBinds asks every route by a key of each
// scope: what no scope names takes a signature.
func TestAKeyDoesWhatItsScopesAreForAndNothingThatBinds(t *testing.T) {
	h := shared
	routes := map[string]bool{}
	for _, r := range router(h.engine, slog.New(slog.DiscardHandler)).Routes() {
		routes[r.Method+" "+r.Path] = true
	}
	for scope, listed := range byKeyAlone {
		may := strings.Split(listed, ", ")
		key := h.issued(t, "li.op", h.operator, `{"purpose":"test","scopes":["`+scope+`"]}`)
		for _, route := range slices.Sorted(maps.Keys(routes)) {
			method, path, _ := strings.Cut(route, " ")
			res := h.do(bearing(key.Token, "192.0.2.1", method, strings.NewReplacer(":kind", "license", ":", "").Replace(path), "{}"))
			refused := res.Code == http.StatusForbidden && problem(t, res).Code == "KEY_SCOPE"
			if refused == slices.Contains(may, route) {
				t.Errorf("%s by a key to %s = %d %.200s", route, scope, res.Code, res.Body)
			}
		}
		for _, route := range may {
			if !routes[route] {
				t.Errorf("there is no %s", route)
			}
		}
	}
}

// TestAKeyThatIsNotGoodLooksLikeAnyFailure takes a key that is let in and changes one
// thing.
func TestAKeyThatIsNotGoodLooksLikeAnyFailure(t *testing.T) {
	dir := t.TempDir()
	h, err := newHouse(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.engine.Close(); err != nil {
			t.Error(err)
		}
	})
	var log bytes.Buffer
	h.handler = New(h.engine, slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	key := h.issued(t, "li.op", h.operator, everyScope)
	bound := h.issued(t, "li.op", h.operator, `{"purpose":"test","scopes":["read"],"networks":["10.1.0.0/16"]}`)
	revoked := h.issued(t, "li.op", h.operator, everyScope)
	short := h.issued(t, "li.op", h.operator, `{"purpose":"test","scopes":["read"],"days":1}`)
	other := h.issued(t, "zhao.city", h.founder, everyScope)
	if res := h.do(h.signed("zhao.city", h.founder, http.MethodDelete, "/v1/api-keys/"+revoked.ID, "")); res.Code != http.StatusOK {
		t.Fatalf("revoke: %d %s", res.Code, res.Body)
	}
	want := h.do(h.signed("nobody", h.operator, http.MethodGet, "/v1/domain", ""))
	get := func(token string) *http.Request { return bearing(token, "192.0.2.7", http.MethodGet, "/v1/domain", "") }
	with := func(change func(*http.Request)) *http.Request {
		r := get(key.Token)
		change(r)
		return r
	}
	secret := func(v *query.APIKeyView) string { return v.Token[strings.LastIndex(v.Token, "_"):] }
	refused := func(name string, r *http.Request) {
		t.Helper()
		if res := h.do(r); res.Code != want.Code || res.Body.String() != want.Body.String() {
			t.Errorf("%s: %d %s, want %d %s", name, res.Code, res.Body, want.Code, want.Body)
		}
	}
	let := func(name string, r *http.Request) {
		t.Helper()
		if res := h.do(r); res.Code != http.StatusOK {
			t.Errorf("%s: %d %s, want it let in", name, res.Code, res.Body)
		}
	}
	let("the key", get(key.Token))
	refused("one letter less", get(key.Token[:len(key.Token)-1]))
	refused("another's secret", get("zbk_"+key.ID+secret(other)))
	refused("no secret", get("zbk_"+key.ID+"_"))
	refused("revoked", get(revoked.Token))
	refused("no bearer", with(func(r *http.Request) { r.Header.Set("Authorization", "Basic "+key.Token) }))
	refused("two keys", with(func(r *http.Request) { r.Header.Add("Authorization", "Bearer "+other.Token) }))
	refused("in the clear", with(func(r *http.Request) { r.TLS = nil }))
	inAddress := httptest.NewRequest(http.MethodGet, "/v1/domain?key="+key.Token, nil)
	inAddress.TLS = new(tls.ConnectionState)
	inAddress.Header.Set("Accept-Language", "en")
	refused("in the address", inAddress)
	signedToo := h.signed("li.op", h.operator, http.MethodGet, "/v1/domain", "")
	signedToo.TLS = new(tls.ConnectionState)
	signedToo.Header.Set("Authorization", "Bearer "+key.Token)
	refused("signed too", signedToo)
	refused("from another network", bearing(bound.Token, "10.2.0.1", http.MethodGet, "/v1/domain", ""))
	let("from its network", bearing(bound.Token, "10.1.2.3", http.MethodGet, "/v1/domain", ""))
	onSocket := func(token string) *http.Request {
		r := get(token)
		r.TLS, r.RemoteAddr = nil, "@"
		return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.UnixAddr{Net: "unix"}))
	}
	let("on the socket", onSocket(key.Token))
	_, client := serve(t, h.handler)
	across := httptest.NewRequest(http.MethodGet, "http://gate/v1/domain", nil)
	across.RequestURI = ""
	across.Header.Set("Authorization", "Bearer "+key.Token)
	if res, err := client.Do(across); err != nil || res.StatusCode != http.StatusOK || res.Body.Close() != nil {
		t.Errorf("across the socket itself: %v %v", res, err)
	}
	refused("on the socket, bound to a network", onSocket(bound.Token))
	let("for a day", get(short.Token))
	now := clock
	clock = clock.Add(24 * time.Hour)
	refused("after a day", get(short.Token))
	clock = now.Add(-time.Second)
	refused("before it was issued", get(short.Token))
	clock = now

	// Five failures lock a key for the address they came from, and for nobody else.
	for range 5 {
		refused("guessed", bearing("zbk_"+key.ID+"_GUESSED", "192.0.2.9", http.MethodGet, "/v1/domain", ""))
	}
	refused("locked", bearing(key.Token, "192.0.2.9", http.MethodGet, "/v1/domain", ""))
	let("another key from there", bearing(other.Token, "192.0.2.9", http.MethodGet, "/v1/domain", ""))
	let("from elsewhere", bearing(key.Token, "192.0.2.10", http.MethodGet, "/v1/domain", ""))
	let("signed", h.signed("li.op", h.operator, http.MethodGet, "/v1/domain", ""))
	clock = now.Add(15 * time.Minute)
	let("when the lock is over", bearing(key.Token, "192.0.2.9", http.MethodGet, "/v1/domain", ""))
	clock = now

	// The log tells of keys by their ids, and nowhere is a secret.
	var entries []query.AuditEntry
	res := h.do(h.signed("zhao.city", h.founder, http.MethodGet, "/v1/audit?limit=1000", ""))
	if err := json.Unmarshal(res.Body.Bytes(), &entries); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, e := range entries {
		told[strings.Join([]string{e.Kind, e.Actor, e.Fields["auth_method"], e.Fields["key"]}, " ")] = true
	}
	for _, want := range []string{"apikey.issued li.op  " + key.ID, "apikey.revoked zhao.city  " + revoked.ID, "access.began li.op key " + key.ID, "access.began li.op signature ", "auth.locked gate key " + key.ID} {
		if !told[want] {
			t.Errorf("the log does not tell %q: %v", want, slices.Sorted(maps.Keys(told)))
		}
	}
	for _, v := range []*query.APIKeyView{key, bound, revoked, short, other} {
		if s := secret(v)[1:]; strings.Contains(log.String(), s) || strings.Contains(res.Body.String(), s) {
			t.Errorf("a log holds the secret of %s", v.ID)
		}
	}

	// With the account its keys end, and with the signing key that issued them; a person
	// who is taken up again has none.
	person := func(status string, signing *keys.User) {
		t.Helper()
		text := fmt.Sprintf("kind: Person\nname: li.op\nspec: {real_name: 某人, organization: huiyi, roles: [operator], status: %s, signing_key: %q, recipient_key: %q}\n",
			status, signing.SigningKey(), h.operator.RecipientKey())
		if res := h.do(h.signed("zhao.city", h.founder, http.MethodPost, "/v1/documents", text)); res.Code != http.StatusOK {
			t.Fatalf("%d %s", res.Code, res.Body)
		}
	}
	let("before", get(key.Token))
	person("disabled", h.operator)
	refused("of a disabled person", get(key.Token))
	person("active", h.operator)
	refused("of a person who was disabled", get(key.Token))
	let("another person's", get(other.Token))
	key = h.issued(t, "li.op", h.operator, everyScope)
	let("a new one", get(key.Token))
	replaced, err := keys.Generate("li.op")
	if err != nil {
		t.Fatal(err)
	}
	person("active", replaced)
	refused("issued by a signing key that was replaced", get(key.Token))
}
