// Package api is the gate's door: it authenticates every request, hands it to
// the engine and puts the engine's answer on the wire.
//
// It guarantees that no request reaches the engine but one that is signed for this gate
// and not replayed, or shows an API key for what keys are for (keyScopes), or a session or
// a client certificate for what binds nobody (bySession), that a
// client never sets its own subject, that nothing of a body is read before its
// sender is known, and that every failure leaves as a Problem with a code, that of
// a path that is none too. It does not decide anything: query does. Read New first,
// then signed, then routes.
package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"zonebox/query"
)

type server struct {
	engine *query.Engine
	log    *slog.Logger
	large  chan struct{} // a place for each large body in memory
}

// New returns the handler of the gate. It is safe for concurrent use.
func New(e *query.Engine, log *slog.Logger) http.Handler {
	r, d := router(e, log), newDoor(e, log)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodOptions && req.URL.Path == "/v1" { // which gate this is, for whoever is to sign for it
			w.Header().Set(headerGate, e.Domain().GateKey)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if d.leads(req) {
			d.ServeHTTP(w, req)
			return
		}
		r.ServeHTTP(newPatient(w), req)
	})
}

func router(e *query.Engine, log *slog.Logger) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	// A name with a slash in it stays one name, and no path stands for another's.
	r.UseRawPath, r.RedirectTrailingSlash = true, false
	log = e.Veiled(log)
	s := &server{engine: e, log: log, large: make(chan struct{}, largeBodies)}
	r.Use(s.ended, gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) {
		log.ErrorContext(c, "panic in handler", "path", c.FullPath())
		write(c, NewProblem(query.AsError(errPanic), language(c)))
	}), unsniffed)
	r.NoRoute(s.signed, func(c *gin.Context) { s.refuse(c, query.NoSuchPath()) })
	routes(newAPI(r, r.Group("/v1", s.signed)), e)
	return r
}

// errPanic is what a panic in a handler is to the client: INTERNAL, and no word of
// what it said.
var errPanic = errors.New("api: panic in handler")

// unsniffed says of every answer that it is what it is called, and nobody's to keep.
func unsniffed(c *gin.Context) {
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Cache-Control", "no-store")
	if c.Request.TLS != nil {
		secured(c.Writer.Header())
	}
}

// signed authenticates a request before anything after it sees it, and before a byte
// of its body is read. The signature covers the digest of the body; a body of at most
// maxBody is read and compared here, a delivery's digest is compared by the engine
// before anything is committed.
func (s *server) signed(c *gin.Context) {
	conn := http.NewResponseController(c.Writer)
	defer func() { _ = conn.SetReadDeadline(time.Now().Add(linger)) }() // the next request has one of its own
	subject, err := s.authenticate(c)
	if err != nil {
		s.refuse(c, err)
		return
	}
	r := c.Request
	if r.Method == http.MethodGet && r.ContentLength != 0 {
		s.refuse(c, query.BadRequest("GET 请求不带请求体", "a GET request has no body"))
		return
	}
	if streamed(c) { // for which the engine has a patience of its own
		s.begin(c, subject, delivery{r.Body, conn})
		return
	}
	if r.ContentLength > smallBody || r.ContentLength < 0 {
		select {
		case s.large <- struct{}{}:
			defer func() { <-s.large }()
		case <-r.Context().Done():
			s.refuse(c, query.Stopped(r.Context().Err()))
			return
		}
	}
	body, err := wholeBody(http.MaxBytesReader(c.Writer, r.Body, maxBody), conn)
	if err == nil && method(r) == bySignature {
		err = digested(body, r.Header.Get(headerDigest))
	}
	if err == nil && r.ContentLength != 0 { // what came took its time, though it be nothing
		err = s.engine.Stands(c, subject)
	}
	if err != nil {
		s.refuse(c, err)
		return
	}
	s.begin(c, subject, bytes.NewReader(body))
}

// A request shows who sends it in one of these ways.
const (
	bySignature   = "signature"
	byKey         = "key"
	byCookie      = "cookie"
	byCertificate = "certificate"
)

// method returns the way in which a request shows who sends it: exactly one, and "" for
// none and for two at once, of which one might not be the sender's.
func method(r *http.Request) string {
	var all []string
	if len(r.Header[headerSignature]) > 0 {
		all = append(all, bySignature)
	}
	if len(r.Header["Authorization"]) > 0 { // by whatever scheme
		all = append(all, byKey)
	}
	if len(r.CookiesNamed(sessionCookie)) > 0 {
		all = append(all, byCookie)
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		all = append(all, byCertificate)
	}
	if len(all) != 1 {
		return ""
	}
	return all[0]
}

// authenticate returns who sends a request, or AUTH_FAILED.
func (s *server) authenticate(c *gin.Context) (query.Subject, error) {
	switch method(c.Request) {
	case bySignature:
		return s.signature(c)
	case byKey:
		return s.key(c)
	case byCookie:
		return s.browser(c)
	case byCertificate:
		return s.certificate(c)
	default:
		return query.Subject{}, query.Unauthenticated()
	}
}

// signature returns whose key signed a request, and for this gate.
func (s *server) signature(c *gin.Context) (query.Subject, error) {
	h := c.Request.Header
	at, err := time.Parse(time.RFC3339Nano, h.Get(headerTime))
	if err != nil {
		return query.Subject{}, query.Unauthenticated()
	}
	sig, err := base64.StdEncoding.DecodeString(h.Get(headerSignature))
	if err != nil {
		return query.Subject{}, query.Unauthenticated()
	}
	gate, user, nonce, digest := h.Get(headerGate), h.Get(headerUser), h.Get(headerNonce), h.Get(headerDigest)
	if len(nonce) > maxNonce {
		return query.Subject{}, query.Unauthenticated()
	}
	subject, err := s.engine.Authenticate(c, query.Credentials{
		Gate: gate, User: user, At: at, Nonce: nonce, Signature: sig, From: address(c.Request),
		Message: signingText(gate, c.Request.Method, c.Request.URL.RequestURI(), user, at, nonce, digest),
	})
	if err != nil {
		return query.Subject{}, err
	}
	return subject, subject.Admitted(slices.Contains(ofFactor, c.Request.Method+" "+c.FullPath()), true)
}

// begin notes the access and goes on with an authenticated request.
func (s *server) begin(c *gin.Context, subject query.Subject, body io.Reader) {
	var names []string // of what is read; of what is changed the change has an entry
	// A submission is its sender's own, and what comes of it has entries.
	if c.Request.Method == http.MethodGet && !strings.HasPrefix(c.FullPath(), "/v1/submissions/") {
		for _, p := range c.Params {
			names = append(names, p.Value)
		}
	}
	if err := s.engine.Accessing(c, subject, c.Request.Method+" "+c.FullPath(), names...); err != nil {
		s.refuse(c, err)
		return
	}
	in := call{Context: c, server: s, subject: subject, body: body}
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), callKey{}, in))
	c.Request.Body = io.NopCloser(body)
	c.Request.Header.Del("Accept") // nobody signs it, and there is one form of answers
	c.Next()
}

// delivery is a body that a sender may leave unfinished: a deadline ends a Read
// that waits for it.
type delivery struct {
	io.Reader
	control *http.ResponseController
}

// SetReadDeadline is that of the connection.
func (d delivery) SetReadDeadline(t time.Time) error { return d.control.SetReadDeadline(t) }

// streamed reports whether the body of the request is a file of others: of any
// size, and with a digest that the engine compares.
func streamed(c *gin.Context) bool {
	return c.Request.Method == http.MethodPost && slices.Contains([]string{"/v1/loads", "/v1/trials", "/v1/proposals", "/v1/consents", "/v1/consents/withdrawals"}, c.FullPath())
}

// statuses maps the engine's classes to HTTP.
var statuses = map[query.Class]int{
	query.ClassUsage:    http.StatusBadRequest,
	query.ClassDenied:   http.StatusForbidden,
	query.ClassInReview: http.StatusAccepted,
	query.ClassLimit:    http.StatusUnprocessableEntity,
	query.ClassWithheld: http.StatusConflict,
	query.ClassBusy:     http.StatusTooManyRequests,
	query.ClassFailure:  http.StatusInternalServerError,
}

// statusOf is that of the error's class; but a gate that stops is no fault of who asks.
func statusOf(e *query.Error) int {
	if e.Code == "STOPPING" {
		return http.StatusServiceUnavailable
	}
	return statuses[e.Class]
}

// problem returns err as the sender of a request is told it, and keeps it for the line
// that is logged of the request.
func (s *server) problem(c *gin.Context, err error) *Problem {
	e := s.engine.Told(err)
	if e.Code == "AUTH_FAILED" { // anybody can; the log of the audit counts them
		s.engine.Unrecognised(c, claimed(c))
		s.log.DebugContext(c, "request not authenticated", "path", c.FullPath(), "claimed", claimed(c), "cause", errors.Unwrap(e))
		c.Header("Connection", "close")
	}
	c.Set(problemKey, e)
	if e.Class == query.ClassBusy {
		c.Header("Retry-After", strconv.Itoa(later(e.Code)))
	}
	return NewProblem(e, language(c))
}

// later is in how many seconds to come again after what was turned away by that code:
// what is counted by minutes has room in the next one.
func later(code string) int {
	switch code {
	case "EXPLAIN_RATE", "SUBMIT_RATE":
		return 60
	case "STOPPING": // a drain, and a start
		return 30
	}
	return 5
}

// claimed returns the name that a request claims, cut to what a name may have.
func claimed(c *gin.Context) string {
	name := c.GetHeader(headerUser)
	return name[:min(len(name), 64)]
}

// language is that which was asked for.
func language(c *gin.Context) string {
	if strings.HasPrefix(c.GetHeader("Accept-Language"), "en") {
		return "en"
	}
	return "zh"
}

// refuse ends a request with an error.
func (s *server) refuse(c *gin.Context, err error) { write(c, s.problem(c, err)) }

func write(c *gin.Context, p *Problem) {
	c.Header("Content-Type", problemType)
	c.AbortWithStatusJSON(p.Status, p)
}
