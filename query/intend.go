package query

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"zonebox/policy"
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
	Refusal     string           `json:"refusal,omitempty"` // codes
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
		if err := d.submit(tx); err != nil {
			return err
		}
		rec := record{Query: d.input.Query, Masking: d.input.Masking, Decision: d.decision, Explanation: d.explanation()}
		if err := d.save(tx, rec); err != nil {
			return err
		}
		m := workflow.QueryApproval
		fields := map[string]string{"decision": d.decision.ID, "binding": d.decision.Binding, "bundle": d.decision.BundleHash}
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
		return tx.Emit(d.event("query.intent", fields))
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
	return &intent{d}, nil
}

// refuse records that the run was turned away before it became an intent, and
// returns why. An approval that no longer fits is void.
func (e *Engine) refuse(r *run, cause error) error {
	why := asError(cause).of(r.id)
	if why.Class == ClassBusy {
		return why // it was not looked at, and a flood must not fill the log
	}
	err := e.update(r.ctx, func(tx *registry.Tx) error {
		fields := map[string]string{"reasons": codesOf(why)}
		if why.Class == ClassFailure {
			r.ended(fields, cause)
		}
		event := r.event("query.denied", fields)
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

// explanation is what a reviewer and the asking person see of the decision.
func (d *decided) explanation() *Explanation {
	x := &Explanation{
		Verdict: string(d.decision.Verdict), Reasons: reasonViews(d.decision.Reasons), Warnings: reasonViews(d.decision.Warnings),
		Columns: []ColumnView{}, Outputs: []OutputView{}, SQL: d.SQL,
	}
	for _, scan := range d.Scans {
		for _, t := range d.catalog.Tables {
			if t.Name != scan.Table {
				continue
			}
			for _, c := range t.Columns {
				if !slices.Contains(scan.Columns, c.Name) {
					continue
				}
				how := c.Recipe
				if how == "" {
					how = strings.Join(c.Permissions, " ")
				}
				x.Columns = append(x.Columns, ColumnView{Column: t.Name + "." + c.Name, Level: c.Level, Form: string(c.Mode), How: how})
			}
		}
	}
	for _, o := range d.Outputs {
		x.Outputs = append(x.Outputs, OutputView{Name: o.Name, Form: o.Form, MaxLevel: o.MaxLevel, Lineage: lineage(o), Path: o.Path})
	}
	for _, ref := range d.References {
		if d.RecordLevel {
			break // rows leave one by one: caps and reviews hold them, not a group
		}
		x.Groups = append(x.Groups, MinimumView{Table: ref.Table, K: ref.K})
	}
	return x
}

// Explain returns what Answer would decide and run. It touches no data and
// leaves no run, but the question is counted in the audit log.
func (e *Engine) Explain(ctx context.Context, req Request) (*Explanation, error) {
	if req.Resume != "" {
		return nil, fail("BAD_REQUEST", nil).because("explain 不能续跑", "explain resumes nothing")
	}
	r, err := e.enter(ctx, req)
	if err != nil {
		return nil, err
	}
	defer r.leave()
	d, err := e.judge(r)
	fields := map[string]string{}
	if err != nil {
		why := asError(err)
		if why.Class == ClassBusy {
			return nil, why
		}
		if fields["refused"] = why.Code; why.Class == ClassFailure {
			r.ended(fields, err)
		}
	} else {
		fields["verdict"] = string(d.decision.Verdict)
	}
	if logErr := e.update(r.ctx, func(tx *registry.Tx) error { return tx.Emit(r.event("query.explained", fields)) }); logErr != nil {
		return nil, asError(logErr)
	}
	if err != nil {
		return nil, err
	}
	return d.explanation(), nil
}
