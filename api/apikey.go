package api

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"zonebox/query"
)

// keyScopes are the operations that an API key can be for, by the scope that it needs.
// What is not named here needs a signature of the person: whatever binds one, as
// reviews, documents, moves, orders, keys and their destruction, and what shows rows or
// how people are reached.
var keyScopes = map[string][]string{
	query.ScopeAsk: {"POST /v1/submissions", "GET /v1/submissions/:id", "GET /v1/submissions/:id/events", "GET /v1/submissions/:id/answer", "DELETE /v1/submissions/:id", "POST /v1/explain"},
	query.ScopeLoad: {
		"POST /v1/loads", "POST /v1/trials", "POST /v1/receipts", "GET /v1/loads", "GET /v1/loads/:id", "GET /v1/loads/:id/events", "GET /v1/loads/:id/receipt",
	},
	query.ScopeRead: {
		"GET /v1/domain", "GET /v1/openapi", "GET /v1/status",
		"GET /v1/documents/:kind", "GET /v1/documents/:kind/:name", "GET /v1/pending", "GET /v1/history/:kind/:name", "POST /v1/shows", "POST /v1/diffs",
		"GET /v1/packs", "GET /v1/packs/:name", "GET /v1/catalogue", "GET /v1/catalogue/:name", "GET /v1/catalogue-exports/:list/:format",
		"GET /v1/loads", "GET /v1/loads/:id", "GET /v1/loads/:id/events", "GET /v1/loads/:id/receipt",
		"GET /v1/agreements", "GET /v1/agreements/:id", "GET /v1/requests", "GET /v1/requests/:name", "GET /v1/clocks",
		"GET /v1/alerts", "GET /v1/alerts/:id", "GET /v1/tickets", "GET /v1/tickets/:ticket",
		"GET /v1/quality", "GET /v1/quality/:dataset", "GET /v1/quality/:dataset/history", "GET /v1/quality/:dataset/rules",
		"POST /v1/versions", "POST /v1/versions/verify", "GET /v1/keys", "GET /v1/backups", "GET /v1/shreds", "GET /v1/policy",
		"GET /v1/audit", "GET /v1/audit/checkpoint", "GET /v1/audit/proofs/:run", "GET /v1/traces/:run",
		"GET /v1/reports/use", "GET /v1/reports/unused", "GET /v1/reports/risk", "GET /v1/samples/:id",
	},
}

// scopesFor returns the scopes of which a key needs one for a route; none is a route that
// no key is for.
func scopesFor(route string) (out []string) {
	for _, scope := range query.Scopes {
		if slices.Contains(keyScopes[scope], route) {
			out = append(out, scope)
		}
	}
	return out
}

// key returns for whom an API key acts. It is shown in the header alone, and only over
// connections that nobody reads along.
func (s *server) key(c *gin.Context) (query.Subject, error) {
	r := c.Request
	shown := r.Header["Authorization"]
	token, ok := strings.CutPrefix(shown[0], "Bearer ")
	if !ok || len(shown) != 1 || !private(r) {
		return query.Subject{}, query.Unauthenticated()
	}
	return s.engine.AuthenticateKey(c, token, address(r), scopesFor(r.Method+" "+c.FullPath()))
}

// private reports whether a request came by TLS or the socket.
func private(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return r.TLS != nil || ok && local.Network() == "unix"
}

// address is where a request comes from: the peer of its connection, whatever it says of
// itself; the zero one of the socket.
func address(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}
