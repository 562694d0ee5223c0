package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"zonebox/query"
)

// certificate returns whose client certificate a request came by. What the connection
// showed counts, and no header that tells of one.
func (s *server) certificate(c *gin.Context) (query.Subject, error) {
	if !willed(c.Request) {
		return query.Subject{}, query.Unauthenticated()
	}
	subject, err := s.engine.AuthenticateCertificate(c, c.Request.TLS.PeerCertificates)
	if err != nil {
		return query.Subject{}, err
	}
	return subject, unsigned(c, subject)
}

// willed reports whether a program sent a request, or a browser at the wish of a page of
// the gate: browsers show certificates for whatever site has them ask.
func willed(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" || ownSite(r)
}
