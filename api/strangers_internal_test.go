package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zonebox/query"
)

// Every way to fail to authenticate is counted for the log; what is signed is not.
func TestWhoFailsToAuthenticateIsInTheLog(t *testing.T) {
	dir := t.TempDir()
	h, err := newHouse(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	untimed := h.signed("li.op", h.operator, http.MethodGet, "/v1/domain", "")
	untimed.Header.Set(headerTime, "now")
	altered := h.signed("li.op", h.operator, http.MethodPost, "/v1/submissions", "{}")
	altered.Body = io.NopCloser(strings.NewReader("[]"))
	for _, r := range []*http.Request{
		altered,
		h.signed("nobody", h.operator, http.MethodGet, "/v1/domain", ""),
		h.signed("li.op", h.founder, http.MethodGet, "/v1/domain", ""),
		h.signed("former.op", h.disabled, http.MethodPost, "/v1/submissions", "{}"),
		h.signedAt("li.op", h.operator, http.MethodGet, "/v1/domain", "", clock.Add(-time.Hour), "stale"),
		h.signed("li.op", h.founder, http.MethodGet, "/v1/nothing", ""),
		untimed,
	} {
		if res := h.do(r); res.Code != http.StatusForbidden {
			t.Fatalf("%s %s = %d", r.Method, r.URL, res.Code)
		}
	}
	if res := h.do(h.signed("li.op", h.operator, http.MethodGet, "/v1/domain", "")); res.Code != http.StatusOK {
		t.Fatalf("the twin = %d", res.Code)
	}
	if err := h.engine.Close(); err != nil {
		t.Fatal(err)
	}
	h.engine, err = query.Open(context.Background(), query.Config{Domain: filepath.Join(dir, "domain"), Keys: filepath.Join(dir, "keys"),
		Passphrase: []byte("a passphrase of the test"), Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	defer h.engine.Close()
	h.handler = New(h.engine, slog.New(slog.DiscardHandler))
	var entries []query.AuditEntry
	if err := json.Unmarshal(h.do(h.signed("zhao.city", h.founder, http.MethodGet, "/v1/audit?limit=1000", "")).Body.Bytes(), &entries); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if e.Kind == "auth.refused" {
			n++
			if e.Fields["requests"] != "7" || e.Fields["claimed"] != "former.op 1, li.op 5" {
				t.Errorf("the entry says %v", e.Fields)
			}
		}
	}
	if n != 1 {
		t.Errorf("the log has %d entries, want one", n)
	}
}
