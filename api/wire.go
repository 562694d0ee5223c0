package api

import (
	"strings"
	"time"

	"zonebox/query"
)

// QueryRequest asks a question, by SQL or by a template with values for its
// parameters, or with Resume continues one that was in review. Values are texts,
// whatever the type of their parameter.
type QueryRequest struct {
	Scenario   string            `json:"scenario,omitempty"`
	Purpose    string            `json:"purpose,omitempty"`
	SQL        string            `json:"sql,omitempty"`
	Template   string            `json:"template,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Recipient  string            `json:"recipient,omitempty"`
	Form       string            `json:"form,omitempty"`
	Resume     string            `json:"resume,omitempty"`
}

func (in QueryRequest) request(s query.Subject) query.Request {
	return query.Request{Subject: s, Scenario: in.Scenario, Purpose: in.Purpose, SQL: in.SQL, Template: in.Template, Parameters: in.Parameters,
		Recipient: in.Recipient, Form: in.Form, Resume: in.Resume}
}

// Settlement is a reviewer's word on a run.
type Settlement struct {
	Approve bool   `json:"approve"`
	Basis   string `json:"basis"`
}

// Reason is one of several reasons of a Problem.
type Reason struct {
	Code     string      `json:"code"`
	Detail   string      `json:"detail"`
	Hint     string      `json:"hint,omitempty"`
	Articles []string    `json:"articles,omitempty"`
	Span     *query.Span `json:"span,omitempty"`
	Path     []string    `json:"path,omitempty"`
}

// Problem is the body of every answer that is not a success (RFC 9457), and what the
// command line prints with --json.
type Problem struct {
	Code     string      `json:"code"`
	Class    string      `json:"class"`
	Detail   string      `json:"detail"`
	Hint     string      `json:"hint,omitempty"`
	Span     *query.Span `json:"span,omitempty"`
	Articles []string    `json:"articles,omitempty"`
	Run      string      `json:"run,omitempty"`
	Reasons  []Reason    `json:"reasons,omitempty"`
	// Of an answer of the gate: urn:zonebox:problem: and the code, and the status of HTTP.
	Type   string `json:"type,omitempty"`
	Status int    `json:"status,omitempty"`
}

const problemType = "application/problem+json"

// ContentType is that of a problem.
func (p *Problem) ContentType(string) string { return problemType }

// GetStatus returns the status.
func (p *Problem) GetStatus() int { return p.Status }

// Error returns the code and the message.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// NewProblem returns e in the asked language: "en", or Chinese for anything else.
func NewProblem(e *query.Error, lang string) *Problem {
	pick := func(zh, en string) string {
		if lang == "en" || zh == "" {
			return en
		}
		return zh
	}
	p := &Problem{Type: "urn:zonebox:problem:" + e.Code, Status: statusOf(e), Code: e.Code, Class: string(e.Class), Detail: pick(e.ZH, e.EN), Hint: pick(e.HintZH, e.HintEN),
		Span: e.Span, Articles: e.Articles, Run: e.Run}
	for _, d := range e.Details {
		p.Reasons = append(p.Reasons, Reason{Code: d.Code, Detail: pick(d.ZH, d.EN), Hint: pick(d.HintZH, d.HintEN),
			Articles: d.Articles, Span: d.Span, Path: d.Path})
	}
	return p
}

// The headers that carry a signed request.
const (
	headerUser      = "X-Zonebox-User"
	headerTime      = "X-Zonebox-Time"
	headerNonce     = "X-Zonebox-Nonce"
	headerDigest    = "X-Zonebox-Content-Sha256"
	headerSignature = "X-Zonebox-Signature"
	headerGate      = "X-Zonebox-Gate"
	headerRun       = "X-Zonebox-Run"
	headerLoad      = "X-Zonebox-Load"
)

// emptyDigest is the SHA-256 of a body of nothing: a load from a source has no other.
const emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// signingText returns the bytes a client signs: everything the gate acts on,
// the body by its SHA-256, and the gate by a signing key of its own, in base64: what
// one gate was sent is nothing to another.
func signingText(gate, method, uri, user string, at time.Time, nonce, digest string) []byte {
	return []byte(strings.Join([]string{"zonebox-request-v2", gate, method, uri, user, at.UTC().Format(time.RFC3339Nano), nonce, digest}, "\n"))
}
