package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/registry"
	"zonebox/release"
	"zonebox/workflow"
)

// intent is a decided statement whose intent is durable in the audit log: it
// may run, once.
type intent struct {
	*decided
}

// record is what the registry keeps of a decision, encrypted beside the
// question: enough to decide on the release later, and to show a reviewer.
type record struct {
	Query       *policy.Query    `json:"query,omitempty"`
	Masking     *policy.Masking  `json:"masking,omitempty"`
	Decision    policy.Decision  `json:"decision"`
	Explanation *Explanation     `json:"explanation,omitempty"`
	Output      *policy.Output   `json:"output,omitempty"`
	Facts       *OutputFacts     `json:"facts,omitempty"`
	Sources     []release.Source `json:"sources,omitempty"`
	Proof       *proof           `json:"proof,omitempty"`
	// Columns are those that the statement was approved with, as its answer has to
	// have them.
	Columns []release.HeaderColumn `json:"columns,omitempty"`
	Rules   []release.Rule         `json:"rules,omitempty"`   // on totals and on earlier outputs, that the answer was judged by
	Refusal string                 `json:"refusal,omitempty"` // codes
	Marks   *marks                 `json:"marks,omitempty"`
	Consent *consentRecord         `json:"consent,omitempty"`
	// Waits are why the output waits for people.
	Waits []ReasonView `json:"waits,omitempty"`

	Coarsened *Coarsened `json:"coarsened,omitempty"` // nil if no reviewer made it of another
}

// save stores the question of the run with rec.
func (r *run) save(tx *registry.Tx, rec record) error {
	q, err := r.question()
	if err != nil {
		return err
	}
	if q.Decision, err = json.Marshal(rec); err != nil {
		return fmt.Errorf("query: store decision of %s: %w", r.id, err)
	}
	q.Organization, q.InPlaceOf = r.workspace(), r.replaced()
	return tx.SaveRun(q)
}

// submit puts a new run at the start of its course.
func (r *run) submit(tx *registry.Tx) error {
	if r.resumed {
		return nil
	}
	err := workflow.Start(tx.Context(), tx.SQL(), workflow.QueryApproval, r.id, r.actor(), tx.Now(),
		workflow.Party{Role: registry.RoleZoneRegulator, Org: r.facts.Zone.Spec.Regulator})
	return courseError(err)
}

// intend makes the decision durable. An ALLOW becomes an intent by
// compare-and-set on the course of the run, so that an approval is used once
// however many resume it; REVIEW and DENY end the call.
func (e *Engine) intend(d *decided) (*intent, error) {
	if d.decision.Verdict != policy.Allow && d.decision.Verdict != policy.Review {
		return nil, e.refuse(d.run, denied(details(d.decision.Reasons)))
	}
	note := workflow.Note{Input: d.decision.Binding, Until: e.cfg.Now().Add(time.Duration(d.decision.Obligations.TTLSeconds) * time.Second)}
	err := e.update(d.ctx, func(tx *registry.Tx) error {
		if err := d.current(tx); err != nil {
			return err
		}
		if err := e.sameRules(d.decision); err != nil {
			return err
		}
		if err := d.submit(tx); err != nil {
			return err
		}
		rec := record{Query: d.input.Query, Masking: d.input.Masking, Decision: d.decision, Explanation: d.explanation()}
		if err := d.save(tx, rec); err != nil {
			return err
		}
		if err := d.keepDecision(tx, policy.ActionQuery, d.ruled); err != nil {
			return err
		}
		m := workflow.QueryApproval
		fields := map[string]string{"decision": d.decision.ID, "binding": d.decision.Binding, "bundle": d.decision.BundleHash, "input": d.decision.InputSHA256}
		if d.decision.Verdict == policy.Review {
			if d.resumed {
				return fail("APPROVAL_VOID", errors.New("query: a resumed run is to be reviewed again"))
			}
			fields["reasons"] = reasonCodes(d.decision.Reasons)
			if err := d.move(tx, m, workflow.Note{}, "analyse"); err != nil {
				return err
			}
			if err := d.move(tx, m, note, "review"); err != nil {
				return err
			}
			if d.identity != "" {
				if err := tx.SetAnswered(d.identity, d.id); err != nil {
					return err
				}
			}
			return tx.Emit(d.event("query.review", fields))
		}
		if !d.resumed {
			if err := d.move(tx, m, workflow.Note{}, "analyse"); err != nil {
				return err
			}
			if err := d.move(tx, m, note, "allow", "pass"); err != nil {
				return err
			}
		}
		if err := d.move(tx, m, workflow.Note{Input: d.decision.Binding}, "recheck"); err != nil {
			return err
		}
		if err := d.move(tx, m, workflow.Note{}, "run"); err != nil {
			return err
		}
		fields["tree"] = hex.EncodeToString(d.hash[:])
		if d.Protected && !d.RecordLevel {
			sum := sha256.Sum256([]byte(analysis.Shape(d.Tree)))
			fields[fieldShape] = hex.EncodeToString(sum[:8])
		}
		if pack := d.lapsed(); pack != "" {
			fields[fieldLapsed] = pack
		}
		intent := d.event("query.intent", fields)
		intent.ID = intentID(d.id)
		return tx.Emit(intent)
	})
	if errors.Is(err, errUnlogged) && d.decision.Verdict == policy.Allow {
		return nil, e.close(&intent{d}, err) // it stands, and must not stay open
	}
	if err != nil {
		return nil, asError(err).of(d.id)
	}
	if d.decision.Verdict == policy.Review {
		return nil, inReview("QUERY_IN_REVIEW", d.decision).of(d.id)
	}
	e.mu.Lock()
	d.intended = true
	e.mu.Unlock()
	d.request.of.steps(StepRun)
	return &intent{d}, nil
}

// fieldShape tells, in the entry of an intent, which questions differ in constants alone.
const fieldShape = "shape"

// fieldLapsed names, in the entry of an intent, the pack that has ended while the
// agreement has no recorded basis for going on.
const fieldLapsed = "lapsed"

// lapsed returns that pack, "" if there is none: it is what the decision warned of, but
// by a recorded basis (NJ24-24).
func (d *decided) lapsed() string {
	if d.facts.License.Spec.RenewedBasis != "" {
		return ""
	}
	for _, w := range d.decision.Warnings {
		if w.Code == "PACK_LAPSED" {
			return w.About
		}
	}
	return ""
}

// refuse records that the run was turned away before it became an intent, and
// returns why. An approval that no longer fits is void.
func (e *Engine) refuse(r *run, cause error) error {
	why := r.outcome(cause).of(r.id)
	if why.Class == ClassBusy {
		return why // it was not looked at, and a flood must not fill the log
	}
	if r.request.of.postponed(why) {
		return why // it stays submitted
	}
	err := e.update(r.ctx, func(tx *registry.Tx) error {
		fields := map[string]string{"reasons": codesOf(why)}
		if why.Class == ClassFailure {
			r.ended(fields, cause)
		}
		event := r.ruled.entry(r.event("query.denied", fields))
		if why.Class != ClassFailure {
			if err := r.keepDecision(tx, policy.ActionQuery, r.ruled, why.Code); err != nil {
				return err
			}
		}
		if !slices.Contains(r.facts.Subject.Spec.Roles, registry.RoleOperator) || r.resumed && why.Class == ClassFailure {
			return tx.Emit(event) // whoever may not ask has no course; a fault of the host voids no approval
		}
		if err := r.submit(tx); err != nil {
			return err
		}
		if err := r.save(tx, record{Refusal: codesOf(why)}); err != nil {
			return err
		}
		move := "deny"
		if r.resumed {
			move = "void"
		}
		if err := r.move(tx, workflow.QueryApproval, workflow.Note{Code: why.Code}, move); err != nil {
			return err
		}
		return tx.Emit(event)
	})
	if err != nil {
		// The refusal stands whatever the record says, but it must not pass for
		// an answer to a question that nobody logged.
		return asError(err).of(r.id)
	}
	return why
}

// turnAway logs that a question named a scenario that is not there or another
// operator's, which read the same to whoever asked, and returns why. It has no
// run. Questions that fail otherwise before they have one pass unlogged.
func (e *Engine) turnAway(ctx context.Context, req Request, cause error) error {
	why := asError(cause)
	if why.Code != "NOT_FOUND" || req.Resume != "" {
		return why
	}
	r := e.unentered(req)
	if err := e.note(ctx, e.entryFor(r, "query.denied", map[string]string{"reasons": why.Code})); err != nil {
		return err
	}
	return why
}
