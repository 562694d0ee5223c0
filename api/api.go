// Package api is the gate's door: it authenticates every request, hands it to
// the engine and puts the engine's answer on the wire.
//
// It guarantees that no request reaches the engine unsigned or replayed, that a
// client never sets its own subject, that nothing of a body is read before its
// sender is known, and that every failure leaves as a Problem with a code, that of
// a path that is none too. It does not decide anything: query does. Read New first,
// then signed.
package api

import (
	"bytes"
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
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	// A name with a slash in it stays one name, and no path stands for another's.
	r.UseRawPath, r.RedirectTrailingSlash = true, false
	log = e.Veiled(log)
	s := &server{engine: e, log: log, large: make(chan struct{}, largeBodies)}
	r.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) {
		log.ErrorContext(c, "panic in handler", "path", c.FullPath())
		refuse(c, query.AsError(errPanic))
	}), unsniffed)
	r.NoRoute(s.signed(func(call) (any, error) { return nil, query.NoSuchPath() }))
	v1 := r.Group("/v1")
	v1.POST("/query", s.signed(s.query))
	v1.POST("/explain", s.signed(s.explain))
	v1.POST("/previews", s.signed(s.preview))
	v1.POST("/documents", s.signed(s.apply))
	v1.GET("/documents/:kind", s.signed(s.documents))
	v1.GET("/documents/:kind/:name", s.signed(s.documents))
	v1.GET("/pending", s.signed(s.pending))
	v1.POST("/pending/:batch", s.signed(s.withdraw))
	v1.GET("/history/:kind/:name", s.signed(s.history))
	v1.POST("/shows", s.signed(s.show))
	v1.POST("/diffs", s.signed(s.diffDocument))
	v1.POST("/rollbacks", s.signed(s.rollBackDocument))
	v1.POST("/loads", s.signed(s.load))
	v1.POST("/trials", s.signed(s.trial))
	v1.GET("/catalogue", s.signed(s.entries))
	v1.GET("/catalogue/:name", s.signed(s.entry))
	v1.POST("/catalogue/:name", s.signed(s.moveEntry))
	v1.GET("/agreements", s.signed(s.agreements))
	v1.POST("/agreements", s.signed(s.applyForLicense))
	v1.GET("/agreements/:id", s.signed(s.agreement))
	v1.POST("/agreements/:id", s.signed(s.moveAgreement))
	v1.POST("/catalogue-checks", s.signed(s.checkEntry))
	v1.GET("/catalogue-exports/:list/:format", s.signed(s.exportCatalogue))
	v1.GET("/packs", s.signed(s.packs))
	v1.GET("/packs/:name", s.signed(s.pack))
	v1.GET("/loads", s.signed(s.loads))
	v1.GET("/loads/:id", s.signed(s.loadByID))
	v1.DELETE("/loads/:id", s.signed(s.stopLoad))
	v1.GET("/loads/:id/receipt", s.signed(s.loadReceipt))
	v1.POST("/proposals", s.signed(s.propose))
	v1.POST("/receipts", s.signed(s.refuseDelivery))
	v1.GET("/consents", s.signed(s.consents))
	v1.POST("/consents", s.signed(s.importConsents))
	v1.POST("/consents/withdrawals", s.signed(s.withdrawConsents))
	v1.GET("/alerts", s.signed(s.alerts))
	v1.GET("/alerts/:id", s.signed(s.alert))
	v1.POST("/alerts/:id", s.signed(s.closeAlert))
	v1.GET("/clocks", s.signed(s.clocks))
	v1.GET("/requests", s.signed(s.dataRequests))
	v1.GET("/requests/:name", s.signed(s.dataRequest))
	v1.POST("/requests/:name", s.signed(s.moveRequest))
	v1.GET("/reviews", s.signed(s.reviews))
	v1.GET("/reviews/:run", s.signed(s.review))
	v1.GET("/reviews/:run/rows", s.signed(s.reviewRows))
	v1.POST("/reviews/:run", s.signed(s.settle))
	v1.POST("/reviews/:run/coarser", s.signed(s.coarsen))
	v1.POST("/outputs/:run", s.signed(s.moveOutput))
	v1.GET("/quality", s.signed(s.qualities))
	v1.GET("/quality/:dataset", s.signed(s.qualityReport))
	v1.GET("/quality/:dataset/history", s.signed(s.qualityHistory))
	v1.GET("/quality/:dataset/rules", s.signed(s.qualityRules))
	v1.POST("/quality/:dataset/run", s.signed(s.runQuality))
	v1.POST("/quality/:dataset/settle", s.signed(s.settleQuality))
	v1.GET("/contacts", s.signed(s.contacts))
	v1.POST("/contacts", s.signed(s.setContact))
	v1.POST("/contacts/shows", s.signed(s.showContact))
	v1.GET("/tickets", s.signed(s.tickets))
	v1.POST("/tickets", s.signed(s.openTicket))
	v1.GET("/tickets/:ticket", s.signed(s.ticket))
	v1.POST("/tickets/:ticket", s.signed(s.moveTicket))
	v1.GET("/traces/:run", s.signed(s.trace))
	v1.POST("/fragments", s.signed(s.traceFragment))
	v1.GET("/audit", s.signed(s.audit))
	v1.GET("/reports/use", s.signed(s.reportUse))
	v1.GET("/reports/unused", s.signed(s.reportUnused))
	v1.GET("/reports/risk", s.signed(s.reportRisk))
	v1.POST("/samples", s.signed(s.drawSample))
	v1.GET("/samples/:id", s.signed(s.sample))
	v1.POST("/samples/:id/verdicts", s.signed(s.judge))
	v1.GET("/audit/checkpoint", s.signed(s.checkpoint))
	v1.POST("/audit/cosignatures", s.signed(s.cosign))
	v1.GET("/audit/proofs/:run", s.signed(s.prove))
	v1.POST("/versions", s.signed(s.versions))
	v1.POST("/versions/verify", s.signed(s.verifyVersion))
	v1.POST("/versions/diff", s.signed(s.diffVersions))
	v1.POST("/versions/rollback", s.signed(s.rollback))
	v1.POST("/versions/retire", s.signed(s.retire))
	v1.GET("/keys", s.signed(s.keys))
	v1.POST("/keys/rotate", s.signed(s.rotateKey))
	v1.POST("/keys/destroy", s.signed(s.destroyKey))
	v1.POST("/keys/rewrap", s.signed(s.rewrap))
	v1.GET("/backups", s.signed(s.backups))
	v1.POST("/backups", s.signed(s.createBackup))
	v1.POST("/backups/:id/verify", s.signed(s.verifyBackup))
	v1.GET("/shreds", s.signed(s.shreds))
	v1.POST("/shreds", s.signed(s.orderShred))
	v1.POST("/shreds/:id", s.signed(s.confirmShred))
	v1.POST("/what-if", s.signed(s.whatIf))
	v1.GET("/policy", s.signed(s.policy))
	v1.POST("/policy", s.signed(s.orderPolicy))
	v1.POST("/policy/:order", s.signed(s.confirmPolicy))
	v1.GET("/domain", s.signed(s.domain))
	v1.GET("/status", s.signed(s.status))
	return r
}

// errPanic is what a panic in a handler is to the client: INTERNAL, and no word of
// what it said.
var errPanic = errors.New("api: panic in handler")

// unsniffed says of every answer that it is what it is called, and nobody's to keep.
func unsniffed(c *gin.Context) {
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Cache-Control", "no-store")
}

// call is an authenticated request.
type call struct {
	*gin.Context
	subject query.Subject
	body    io.Reader
}

// signed authenticates a request before next sees it, and before a byte of its body
// is read. The signature covers the digest of the body; a body of at most maxBody is
// read and compared here, a delivery's digest is compared by the engine before
// anything is committed.
func (s *server) signed(next func(call) (any, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		out, err := s.authenticated(c, next)
		if err != nil {
			if query.AsError(err).Code == "AUTH_FAILED" {
				s.engine.Unrecognised(c, claimed(c))
			}
			s.problem(c, err)
			return
		}
		if out != nil {
			c.JSON(http.StatusOK, out)
		}
	}
}

func (s *server) authenticated(c *gin.Context, next func(call) (any, error)) (any, error) {
	h := c.Request.Header
	at, err := time.Parse(time.RFC3339Nano, h.Get(headerTime))
	if err != nil {
		return nil, query.Unauthenticated()
	}
	sig, err := base64.StdEncoding.DecodeString(h.Get(headerSignature))
	if err != nil {
		return nil, query.Unauthenticated()
	}
	user, nonce, digest := h.Get(headerUser), h.Get(headerNonce), h.Get(headerDigest)
	if len(nonce) > maxNonce {
		return nil, query.Unauthenticated()
	}
	subject, err := s.engine.Authenticate(c, query.Credentials{
		User: user, At: at, Nonce: nonce, Signature: sig,
		Message: signingText(c.Request.Method, c.Request.URL.RequestURI(), user, at, nonce, digest),
	})
	if err != nil {
		return nil, err
	}
	begin := func(body io.Reader) (any, error) {
		if err := s.engine.Accessing(c, subject, c.Request.Method+" "+c.FullPath()); err != nil {
			return nil, err
		}
		return next(call{Context: c, subject: subject, body: body})
	}
	conn := http.NewResponseController(c.Writer)
	if streamed(c) { // for which the engine has a patience of its own
		return begin(delivery{c.Request.Body, conn})
	}
	if c.Request.ContentLength > smallBody || c.Request.ContentLength < 0 {
		select {
		case s.large <- struct{}{}:
			defer func() { <-s.large }()
		case <-c.Request.Context().Done():
			return nil, query.Stopped(c.Request.Context().Err())
		}
	}
	body, err := wholeBody(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody), conn, digest)
	if err != nil {
		return nil, err
	}
	return begin(bytes.NewReader(body))
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

func (s *server) problem(c *gin.Context, err error) {
	e := s.engine.Told(err)
	if e.Code == "AUTH_FAILED" {
		s.log.WarnContext(c, "request not authenticated", "path", c.FullPath(), "claimed", claimed(c), "cause", errors.Unwrap(e))
	} else if cause := errors.Unwrap(e); cause != nil {
		s.log.WarnContext(c, "request failed", "code", e.Code, "path", c.FullPath(), "query_id", e.Run, "cause", cause)
	}
	refuse(c, e)
}

// claimed returns the name that a request claims, cut to what a name may have.
func claimed(c *gin.Context) string {
	name := c.GetHeader(headerUser)
	return name[:min(len(name), 64)]
}

// refuse answers with an error in the language that was asked for.
func refuse(c *gin.Context, e *query.Error) {
	lang := "zh"
	if strings.HasPrefix(c.GetHeader("Accept-Language"), "en") {
		lang = "en"
	}
	c.AbortWithStatusJSON(statuses[e.Class], NewProblem(e, lang))
}

func (c call) decode(into any) error {
	text, err := io.ReadAll(c.body)
	if err != nil {
		return err
	}
	return query.ReadJSON(text, into)
}

func (c call) request() (query.Request, error) {
	var in QueryRequest
	if err := c.decode(&in); err != nil {
		return query.Request{}, err
	}
	return query.Request{Subject: c.subject, Scenario: in.Scenario, Purpose: in.Purpose, SQL: in.SQL, Template: in.Template, Parameters: in.Parameters,
		Recipient: in.Recipient, Form: in.Form, Resume: in.Resume}, nil
}

func (s *server) query(c call) (any, error) {
	req, err := c.request()
	if err != nil {
		return nil, err
	}
	answer, err := s.engine.Answer(c.Request.Context(), req)
	if err != nil {
		return nil, err
	}
	c.Header(headerRun, answer.Run)
	c.Data(http.StatusOK, "application/vnd.zonebox.artifact", answer.Artifact.Bytes())
	return nil, nil
}

func (s *server) explain(c call) (any, error) {
	req, err := c.request()
	if err != nil {
		return nil, err
	}
	return s.engine.Explain(c.Request.Context(), req)
}

func (s *server) preview(c call) (any, error) {
	var in query.PreviewRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.Preview(c.Request.Context(), c.subject, in)
}

func (s *server) apply(c call) (any, error) {
	return s.engine.Apply(c.Request.Context(), c.subject, c.body)
}

func (s *server) documents(c call) (any, error) {
	return s.engine.Documents(c.Request.Context(), c.subject, c.Param("kind"), c.Param("name"))
}

// bodyOf reports whether a body of that digest comes with a manifest: the delivery,
// or of a source nothing.
func bodyOf(m query.Manifest, digest string) bool {
	return m.Source == "" && digest == m.SHA256 || m.Source != "" && digest == emptyDigest
}

func (s *server) entries(c call) (any, error) {
	return s.engine.Entries(c.Request.Context(), c.subject)
}

func (s *server) entry(c call) (any, error) {
	return s.engine.Entry(c.Request.Context(), c.subject, c.Param("name"))
}

func (s *server) moveEntry(c call) (any, error) {
	var in query.EntryOrder
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.MoveEntry(c.Request.Context(), c.subject, c.Param("name"), in)
}

func (s *server) checkEntry(c call) (any, error) {
	return s.engine.CheckEntry(c.Request.Context(), c.subject, c.body)
}

func (s *server) exportCatalogue(c call) (any, error) {
	return s.engine.ExportCatalogue(c.Request.Context(), c.subject, c.Param("list"), c.Param("format"))
}

func (s *server) reviews(c call) (any, error) {
	return s.engine.Reviews(c.Request.Context(), c.subject)
}

func (s *server) review(c call) (any, error) {
	return s.engine.Review(c.Request.Context(), c.subject, c.Param("run"))
}

func (s *server) reviewRows(c call) (any, error) {
	from, err1 := strconv.ParseInt(c.DefaultQuery("from", "1"), 10, 64)
	rows, err2 := strconv.Atoi(c.DefaultQuery("rows", "100"))
	if err1 != nil || err2 != nil {
		return nil, query.BadRequest("from 或 rows 无效", "from or rows is invalid")
	}
	return s.engine.ReviewRows(c.Request.Context(), c.subject, c.Param("run"), from, rows)
}

func (s *server) settle(c call) (any, error) {
	var in Settlement
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.Settle(c.Request.Context(), c.subject, c.Param("run"), in.Approve, in.Basis)
}

func (s *server) coarsen(c call) (any, error) {
	var in query.CoarsenOrder
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.Coarsen(c.Request.Context(), c.subject, c.Param("run"), in)
}

func (s *server) audit(c call) (any, error) {
	from, err1 := strconv.ParseUint(c.DefaultQuery("from", "0"), 10, 64)
	limit, err2 := strconv.Atoi(c.DefaultQuery("limit", "50"))
	if err1 != nil || err2 != nil || limit < 1 || limit > 1000 {
		return nil, query.BadRequest("from 或 limit 无效", "from or limit is invalid")
	}
	return s.engine.Audit(c.Request.Context(), c.subject, from, limit)
}

func (s *server) keys(c call) (any, error) { return s.engine.Keys(c.Request.Context(), c.subject) }

func (s *server) rotateKey(c call) (any, error) {
	var in query.KeyOrder
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.RotateKey(c.Request.Context(), c.subject, in)
}

func (s *server) destroyKey(c call) (any, error) {
	var in query.KeyOrder
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.DestroyKey(c.Request.Context(), c.subject, in)
}

func (s *server) rewrap(c call) (any, error) {
	var in query.KeyOrder
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.Rewrap(c.Request.Context(), c.subject, in.Zone)
}

func (s *server) backups(c call) (any, error) {
	return s.engine.Backups(c.Request.Context(), c.subject)
}

func (s *server) createBackup(c call) (any, error) {
	var in BackupRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.CreateBackup(c.Request.Context(), c.subject, in.Root)
}

func (s *server) verifyBackup(c call) (any, error) {
	return s.engine.VerifyBackup(c.Request.Context(), c.subject, c.Param("id"))
}

func (s *server) shreds(c call) (any, error) {
	return s.engine.Shreds(c.Request.Context(), c.subject)
}

func (s *server) orderShred(c call) (any, error) {
	var in query.ShredOrder
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.OrderShred(c.Request.Context(), c.subject, in)
}

func (s *server) confirmShred(c call) (any, error) {
	return s.engine.ConfirmShred(c.Request.Context(), c.subject, c.Param("id"))
}

func (s *server) domain(call) (any, error) { return s.engine.Domain(), nil }

func (s *server) status(c call) (any, error) {
	return s.engine.Status(c.Request.Context(), c.subject)
}
