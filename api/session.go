package api

import (
	"mime"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"zonebox/query"
)

// sessionCookie is what a browser shows that is signed in. Its name has the browser
// take it from this host alone, whole and over HTTPS (RFC 6265bis, §4.1.3).
const sessionCookie = "__Host-zonebox"

// bySession are the operations that a browser, or a client by its certificate, may ask for
// besides those that read, which are all of GET: they ask or read too, but for what moves a
// ticket. What binds a person takes the signing key. What is not here, they may not.
var bySession = []string{
	"POST /v1/submissions", "DELETE /v1/submissions/:id", "POST /v1/explain", "POST /v1/previews", "POST /v1/shows", "POST /v1/diffs", "POST /v1/catalogue-checks",
	"POST /v1/versions", "POST /v1/versions/diff", "POST /v1/what-if", "POST /v1/fragments", "POST /v1/tickets", "POST /v1/tickets/:ticket",
}

// ofSession are the operations that concern the sessions themselves, and ofFactor those
// by which somebody who signed comes to a second factor.
var (
	ofSession = []string{"GET /v1/sessions", "DELETE /v1/sessions/:id"}
	ofFactor  = []string{"GET /v1/second-factors", "POST /v1/second-factors", "POST /v1/second-factors/codes"}
)

// browser returns whose browser a request is from.
func (s *server) browser(c *gin.Context) (query.Subject, error) {
	subject, err := s.cookie(c.Request)
	if err != nil {
		return query.Subject{}, err
	}
	return subject, unsigned(c, subject)
}

// unsigned returns nil if a request may be answered that its sender did not sign.
func unsigned(c *gin.Context, subject query.Subject) error {
	if t, _, err := mime.ParseMediaType(c.GetHeader("Content-Type")); c.Request.ContentLength != 0 && (err != nil || t != "application/json") {
		return query.BadRequest("请求体须为 application/json", "the body must be application/json")
	}
	route := c.Request.Method + " " + c.FullPath()
	may := c.Request.Method == http.MethodGet || slices.Contains(bySession, route)
	return subject.Admitted(slices.Contains(ofSession, route), may)
}

// cookie returns the person of the session that a request shows, over HTTPS and not at
// the wish of another site.
func (s *server) cookie(r *http.Request) (query.Subject, error) {
	shown := r.CookiesNamed(sessionCookie)
	if len(shown) != 1 || r.TLS == nil || !ownSite(r) {
		return query.Subject{}, query.Unauthenticated()
	}
	return s.engine.AuthenticateSession(r.Context(), shown[0].Value, address(r))
}

// ownSite reports whether a browser says that a page of the gate, or for what is only
// read its user, had it send a request. Requests that say nothing come from no browser
// and show no cookie; http.CrossOriginProtection lets those pass.
func ownSite(r *http.Request) bool {
	var protection http.CrossOriginProtection
	if protection.Check(r) != nil {
		return false
	}
	switch site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin"); {
	case site != "":
		return site == "same-origin" || site == "none" && r.Method == http.MethodGet
	default:
		return origin == "https://"+r.Host
	}
}

// secured says to browsers what they may do with what the gate answers: nothing that it
// did not serve itself, in no frame, and over HTTPS from now on.
func secured(h http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy":      "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
		"X-Frame-Options":              "DENY",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
		"Strict-Transport-Security":    "max-age=31536000",
		"Cache-Control":                "no-store",
	} {
		h.Set(name, value)
	}
}
