package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A gate without workers lives and is not ready; who asks is told the code and what to
// do, and there is nothing else to ask, nor under another name than the host's own.
func TestAGateWithoutWorkersLivesAndIsNotReady(t *testing.T) {
	h := Admin(shared.engine)
	for _, c := range []struct {
		method, host, path string
		status             int
		body               string // its start
	}{
		{"GET", "127.0.0.1:9000", "/livez", 200, "{\"status\":\"ok\"}\n"},
		{"GET", "localhost:9000", "/livez", 200, "{\"status\":\"ok\"}\n"},
		{"GET", "[::1]:9000", "/livez", 200, "{\"status\":\"ok\"}\n"},
		{"GET", "rebound.example:9000", "/livez", 421, ""},
		{"GET", "10.0.0.1", "/metrics", 421, ""},
		{"GET", "127.0.0.1", "/metrics", 200, "# HELP "},
		{"GET", "127.0.0.1", "/readyz", 503, `{"code":"INTERNAL","class":"failure",`},
		{"POST", "127.0.0.1", "/readyz", 405, ""},
		{"POST", "127.0.0.1", "/metrics", 405, ""},
		{"GET", "127.0.0.1", "/", 404, ""},
		{"GET", "127.0.0.1", "/v1/domain", 404, ""},
		{"GET", "127.0.0.1", "/debug/pprof/", 404, ""},
	} {
		req, res := httptest.NewRequest(c.method, c.path, nil), httptest.NewRecorder()
		req.Host = c.host
		h.ServeHTTP(res, req)
		if res.Code != c.status || !strings.HasPrefix(res.Body.String(), c.body) {
			t.Errorf("%s %s%s = %d %s, want %d %s", c.method, c.host, c.path, res.Code, res.Body, c.status, c.body)
		}
		if c.status == http.StatusOK && res.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept", c.path)
		}
	}
}
