package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/keys"
	"zonebox/policy"
	"zonebox/registry"
	"zonebox/release"
	"zonebox/workflow"
)

// MostReviewRows is how many rows of a held output one look shows at most.
const MostReviewRows = 1000

// ReviewRows is a part of a held output as it would leave, beside what rules took from it.
type ReviewRows struct {
	Run      string         `json:"run"`
	Total    int64          `json:"total"` // rows of the output
	From     int64          `json:"from"`  // the first of these, from 1
	Rows     int            `json:"rows"`
	Columns  []ReviewColumn `json:"columns"`
	Withheld []WithheldCell `json:"withheld"` // of these rows, by row
}

// ReviewColumn is an output column, by row; what is not there is null.
type ReviewColumn struct {
	Name      string    `json:"name"`
	Form      string    `json:"form"`
	Level     int       `json:"level"`
	Technique string    `json:"technique,omitempty"`
	Lineage   []string  `json:"lineage"`
	Cells     []*string `json:"cells"`
}

// WithheldCell is a cell that is null by a rule.
type WithheldCell struct {
	Row      int64    `json:"row"`    // of the output, from 1
	Output   int      `json:"output"` // place of the column, from 1
	Rule     string   `json:"rule"`   // as release/disclosure spells it
	Articles []string `json:"articles"`
}

// showing is a look at a held output on its way.
type showing struct {
	engine  *Engine
	ctx     context.Context
	subject Subject
	course  workflow.Instance
	record  record
	facts   registry.Facts
	ruled   *ruled
}

// ReviewRows shows rows of an output to a person who reviews it, from a row on, from 1:
// to people of the zone's regulator and of the providers of what was read, while the
// output waits for one of them; never to whoever asked. Policy decides, and the entry of
// the log, which has no value, is durable before a row is handed out. Rows are plain in
// memory alone.
func (e *Engine) ReviewRows(ctx context.Context, s Subject, run string, from int64, rows int) (*ReviewRows, error) {
	if from < 1 || rows < 1 || rows > MostReviewRows {
		return nil, BadRequest(fmt.Sprintf("起始行须不小于 1,行数须为 1 至 %d", MostReviewRows), fmt.Sprintf("the first row is 1 or more, and rows are 1 to %d", MostReviewRows))
	}
	ctx, end := e.reading(ctx, "")
	defer end()
	v := &showing{engine: e, ctx: ctx, subject: s}
	if err := v.enter(run); err != nil {
		return nil, asError(err)
	}
	if err := v.decide(); err != nil {
		return nil, asError(err).of(run)
	}
	out, err := v.read(from, rows)
	if err := overtaken(ctx, err); err != nil {
		return nil, asError(err).of(run)
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		now, err := workflow.Get(tx.Context(), tx.SQL(), workflow.OutputRelease, run)
		if err != nil {
			return courseError(err)
		}
		if now.State != v.course.State || len(now.History) != len(v.course.History) {
			return fail("RUN_STATE", nil).because(string(now.State), string(now.State))
		}
		if err := stands(tx.Overtaken(v.facts)); err != nil {
			return err
		}
		if err := keep(tx, v.decision(), v.ruled); err != nil {
			return err
		}
		return tx.Emit(v.event("review.shown", map[string]string{"decision": v.ruled.decision.ID, "output": v.record.Facts.Digest,
			"from": strconv.FormatInt(out.From, 10), "rows": strconv.Itoa(out.Rows), "total": strconv.FormatInt(out.Total, 10)}))
	})
	if err != nil {
		return nil, asError(err).of(run)
	}
	return out, nil
}

// enter finds an output that waits for people, of whom the person is one.
func (v *showing) enter(run string) error {
	e := v.engine
	stage, in, err := e.present(v.ctx, run)
	mine := err == nil && (v.subject.party(in, registry.RoleZoneRegulator) ||
		v.subject.party(in, registry.RoleProvider) && in.State != workflow.Reviewing) // of which a provider is not asked
	switch {
	case err == nil && !mine && in.Requester == v.subject.user:
		return fail("ROLE_REQUIRED", nil).of(run)
	case errors.Is(err, workflow.ErrNotFound), err == nil && !mine:
		return fail("NOT_FOUND", err)
	case err != nil:
		return err
	}
	if v.record, err = e.recordOf(v.ctx, run); err != nil {
		return err
	}
	switch {
	case in.State == workflow.Destroyed:
		return fail("DATA_SHREDDED", nil).of(run)
	case stage != stageOutput || !slices.Contains(reviewing, in.State):
		return fail("RUN_STATE", nil).because(string(in.State), string(in.State)).of(run)
	case e.ranOut(in):
		return fail("APPROVAL_EXPIRED", nil).of(run)
	}
	v.course = in
	r, err := e.registry.LoadRun(v.ctx, run)
	if err != nil {
		return err
	}
	v.facts, err = e.registry.Enter(v.ctx, registry.Query{User: v.subject.user, Zone: r.Zone, Scenario: r.Scenario})
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return fail("NOT_FOUND", err)
	case errors.Is(err, registry.ErrInactive):
		return fail("AUTH_FAILED", err)
	}
	return err
}

// decide asks policy. A refusal is in the log.
func (v *showing) decide() error {
	e := v.engine
	in := e.policyFacts(policy.ActionReview, about(v.facts, v.record.Query.Datasets()))
	in.Operator, in.Scenario, in.Consent = nil, nil, nil
	in.Query, in.Runtime, in.Now = v.record.Query, hostFacts(), e.cfg.Now()
	in.Review = &policy.Reviewed{Run: v.course.ID, Requester: v.course.Requester, RequesterOrg: v.course.RequesterOrg, Operator: v.facts.License.Spec.Operator}
	d, err := e.policy().Decide(v.ctx, in)
	if err != nil {
		e.log.ErrorContext(v.ctx, "policy failed", "decision_id", d.ID, "cause", err)
	}
	v.ruled = &ruled{in, d}
	if d.Verdict == policy.Allow {
		return nil
	}
	refused := denied(details(d.Reasons))
	err = e.update(v.ctx, func(tx *registry.Tx) error {
		if err := keep(tx, v.decision(), v.ruled); err != nil {
			return err
		}
		return tx.Emit(v.event("review.refused", map[string]string{"reasons": codesOf(refused)}))
	})
	if err != nil {
		return err
	}
	return refused
}

func (v *showing) decision() registry.RecordedDecision {
	return registry.RecordedDecision{Run: v.course.ID, Action: policy.ActionReview, Zone: v.facts.Zone.Name, Operator: v.subject.organization,
		Scenario: v.facts.Scenario.Name, User: v.subject.user, Revision: v.facts.Revision}
}

// event tells who was shown what: positions and digests, never a value.
func (v *showing) event(kind string, fields map[string]string) registry.Event {
	fields["org"], fields["scenario"], fields["role"] = v.subject.organization, v.facts.Scenario.Name, registry.RoleProvider
	if v.subject.party(v.course, registry.RoleZoneRegulator) {
		fields["role"] = registry.RoleZoneRegulator
	}
	return registry.Event{Kind: kind, Actor: v.subject.user, Zone: v.facts.Zone.Name, Run: v.course.ID, Fields: fields}
}

// read opens the output and takes the rows from it.
func (v *showing) read(from int64, rows int) (*ReviewRows, error) {
	e, run := v.engine, v.course.ID
	key, err := e.keys.Hold(run)
	var held *release.Held
	if err == nil {
		held, err = release.LoadHeld(e.holds(), run, key)
	}
	switch {
	case errors.Is(err, keys.ErrNoKey):
		return nil, fail("DATA_SHREDDED", err).because("留存结果", "held output")
	case errors.Is(err, keys.ErrBlocked):
		return nil, fail("WITHHELD", err).because("密钥已停用,须重新审核", "its key is blocked until it is reviewed anew")
	case err != nil, held.Digest() != v.record.Facts.Digest:
		return nil, fail("DATA_DAMAGED", err).because("留存结果", "held output")
	}
	out := &ReviewRows{Run: run, From: from, Columns: []ReviewColumn{}, Withheld: []WithheldCell{}}
	for i, c := range v.record.Columns {
		column := ReviewColumn{Name: c.Name, Technique: c.Technique, Lineage: []string{}, Cells: []*string{}}
		if x := v.record.Explanation; x != nil && i < len(x.Outputs) {
			o := x.Outputs[i]
			column.Form, column.Level, column.Lineage = o.Form, o.MaxLevel, list(o.Lineage)
		}
		out.Columns = append(out.Columns, column)
	}
	err = held.Rows(func(batches []arrow.RecordBatch) {
		for _, b := range batches {
			first := max(0, from-1-out.Total)
			out.Total += b.NumRows()
			for row := first; row < b.NumRows() && out.Rows < rows; row++ {
				for i := range out.Columns {
					out.Columns[i].Cells = append(out.Columns[i].Cells, cellText(b.Column(i), int(row)))
				}
				out.Rows++
			}
		}
	})
	if err != nil {
		return nil, fail("DATA_DAMAGED", err).because("留存结果", "held output")
	}
	articles := fail("DISCLOSIVE", nil).Articles // of every rule on totals
	for _, w := range v.record.Facts.Withheld {
		for _, run := range w.Rows {
			for row := max(run[0], from); row <= min(run[1], from+int64(out.Rows)-1); row++ {
				out.Withheld = append(out.Withheld, WithheldCell{Row: row, Output: w.Output, Rule: w.Rule, Articles: articles})
			}
		}
	}
	slices.SortStableFunc(out.Withheld, func(a, b WithheldCell) int { return int(a.Row - b.Row) })
	return out, nil
}

// cellText is a copy of a value as text, nil if there is none.
func cellText(column arrow.Array, row int) *string {
	if column.IsNull(row) {
		return nil
	}
	text := strings.Clone(column.ValueStr(row))
	return &text
}
