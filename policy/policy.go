// Package policy decides: it puts the facts of one action before the rules of a
// city and returns ALLOW, REVIEW or DENY with reasons that cite an article.
//
// The rules are Rego (rego/*.rego), fixed and tested; the figures they use are
// data of a city pack (pack/*.json). An [Evaluator] holds one prepared query
// and evaluates it once per decision, however many columns a statement has.
//
// It guarantees that doubt is a denial: a missing fact, a fact the rules do not
// know, an unknown pack, an undefined result, an error of the engine, a result
// that takes too long, and an obligation the caller cannot carry out all give
// DENY with a code. The same bundle, input and clock give the same verdict.
//
// It does not establish facts: signatures, digests and lineage are judged by
// the packages that report them. It holds no state; an approval is a fact of
// the next input.
//
// Read [Evaluator.Decide] first, then rego/decision.rego.
package policy

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// DefaultTimeout bounds one evaluation. A decision takes about a millisecond, and
// some hundred times that beside much other work; later than this none is made.
const DefaultTimeout = 2 * time.Second

// Config sets up an Evaluator. Its zero value is the one to run with.
type Config struct {
	Now     func() time.Time // nil means time.Now
	Rand    io.Reader        // for decision ids; nil means crypto/rand
	Timeout time.Duration    // 0 means DefaultTimeout
	Packs   fs.FS            // city packs, *.json at its root; nil means the embedded ones
	Bundle  *Bundle          // expert rules and further packs; nil means none
}

// Evaluator decides by one version of the rules and packs. It is immutable and
// safe for concurrent use; a new version is a new Evaluator.
type Evaluator struct {
	now     func() time.Time
	rand    io.Reader
	timeout time.Duration
	query   rego.PreparedEvalQuery
	expert  *expert // nil if there are no expert rules
	schema  inputSchema
	reasons catalog
	packs   map[string]Pack
	hash    string
}

// New compiles the embedded rules over the packs. It returns an error if a
// pack does not match its schema or a rule does not compile.
func New(ctx context.Context, cfg Config) (*Evaluator, error) {
	e := &Evaluator{now: cfg.Now, rand: cfg.Rand, timeout: cfg.Timeout}
	if e.now == nil {
		e.now = time.Now
	}
	if e.rand == nil {
		e.rand = rand.Reader
	}
	if e.timeout == 0 {
		e.timeout = DefaultTimeout
	}
	b, err := loadBundle(cfg.Packs, cfg.Bundle)
	if err != nil {
		return nil, fmt.Errorf("policy: load bundle: %w", err)
	}
	e.packs, e.reasons, e.hash = b.packs, b.reasons, b.hash
	if e.schema, err = compileInputSchema(b.inputSchema); err != nil {
		return nil, fmt.Errorf("policy: compile input schema: %w", err)
	}
	if e.query, err = b.prepare(ctx); err != nil {
		return nil, fmt.Errorf("policy: compile rules: %w", err)
	}
	if cfg.Bundle != nil {
		if e.expert, err = newExpert(ctx, cfg.Bundle.expert); err != nil {
			return nil, fmt.Errorf("policy: compile expert rules: %w", err)
		}
	}
	return e, nil
}

// BundleHash returns the SHA-256 over the rules, their data and the packs, in
// hex. Every decision carries it.
func (e *Evaluator) BundleHash() string { return e.hash }

// Decide returns the decision on in.
//
// The decision is complete and binding whether or not err is nil: err is set
// only when the engine itself failed, for the log, and the decision is DENY
// then. err wraps ErrTimeout, ErrUndefined or the cause.
func (e *Evaluator) Decide(ctx context.Context, in Input) (Decision, error) {
	if in.Now.IsZero() {
		in.Now = e.now()
	}
	if in.Capabilities == nil {
		in.Capabilities = Capabilities()
	}
	doc, err := json.Marshal(document{Input: in.concerned(), Binding: e.Binding(in)})
	if err != nil {
		return e.fail(nil, codeError, fmt.Errorf("policy: encode input: %w", err))
	}
	return e.decide(ctx, doc, in)
}

// DecideRelease is Decide for ActionRelease.
func (e *Evaluator) DecideRelease(ctx context.Context, in Input) (Decision, error) {
	in.Action = ActionRelease
	return e.Decide(ctx, in)
}

// document is what the rules see as input.
type document struct {
	Input
	Binding string `json:"binding"`
}

// decide evaluates the encoded document of in.
func (e *Evaluator) decide(ctx context.Context, doc []byte, in Input) (Decision, error) {
	var input any
	if err := json.Unmarshal(doc, &input); err != nil {
		return e.fail(doc, codeError, fmt.Errorf("policy: decode input: %w", err))
	}
	value, faults := e.schema.check(input)
	if len(faults) > 0 {
		return e.deny(doc, faults)
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	results, err := e.query.Eval(ctx, rego.EvalParsedInput(value))
	switch {
	case topdown.IsCancel(err) || ctx.Err() != nil:
		return e.fail(doc, codeTimeout, fmt.Errorf("policy: evaluate: %w", ErrTimeout))
	case err != nil:
		return e.fail(doc, codeError, fmt.Errorf("policy: evaluate: %w", err))
	case len(results) != 1 || len(results[0].Expressions) != 1:
		return e.fail(doc, codeUndefined, fmt.Errorf("policy: evaluate: %w", ErrUndefined))
	}
	d, err := e.read(results[0].Expressions[0].Value)
	if err != nil {
		return e.fail(doc, codeUndefined, err)
	}
	if e.expert != nil {
		opinions, err := e.expert.ask(ctx, value)
		if err != nil {
			return e.fail(doc, codeExpert, fmt.Errorf("policy: evaluate expert rules: %w", err))
		}
		d = e.written(tighten(d, in, opinions))
		for _, name := range d.Obligations.beyond(in.Capabilities) {
			return e.deny(doc, []fault{{codeUnsupported, name}})
		}
	}
	return e.stamp(doc, d)
}

// written gives the library's codes their texts, which tighten leaves out.
func (e *Evaluator) written(d Decision) Decision {
	for i, r := range d.Reasons {
		if r.ZH == "" {
			d.Reasons[i] = e.reasons.reason(r.Code, r.About)
		}
	}
	return d
}

// read turns the rules' result into a Decision and refuses any it does not
// fully understand.
func (e *Evaluator) read(value any) (Decision, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return Decision{}, fmt.Errorf("policy: read result: %w", err)
	}
	var d Decision
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Decision{}, fmt.Errorf("policy: read result: %w", err)
	}
	if d.Verdict != Allow && d.Verdict != Review && d.Verdict != Deny || d.Verdict != Allow && len(d.Reasons) == 0 {
		return Decision{}, fmt.Errorf("policy: read result: %w", ErrUndefined)
	}
	return d, nil
}

// deny returns the denial with the given faults.
func (e *Evaluator) deny(doc []byte, faults []fault) (Decision, error) {
	d := Decision{Verdict: Deny}
	for _, f := range faults {
		d.Reasons = append(d.Reasons, e.reasons.reason(f.code, f.about))
	}
	return e.stamp(doc, d)
}

// fail returns the denial for a failure of the engine itself, and cause.
func (e *Evaluator) fail(doc []byte, code string, cause error) (Decision, error) {
	d, err := e.deny(doc, []fault{{code: code}})
	return d, errors.Join(cause, err)
}

// stamp gives d its identity. Without randomness there is no id, and without
// an id no decision: the verdict falls to DENY.
func (e *Evaluator) stamp(doc []byte, d Decision) (Decision, error) {
	sum := sha256.Sum256(doc)
	d.InputSHA256 = hex.EncodeToString(sum[:])
	d.BundleHash = e.hash
	var id [16]byte
	if _, err := io.ReadFull(e.rand, id[:]); err != nil {
		d.Verdict, d.Obligations = Deny, Obligations{}
		d.Reasons = append(d.Reasons, e.reasons.reason(codeError, ""))
		return d, fmt.Errorf("policy: make decision id: %w", err)
	}
	d.ID = "dec-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(id[:]))
	return d, nil
}
