package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"zonebox/audit"
	"zonebox/policy"
	"zonebox/registry"
	"zonebox/workflow"
)

// The two courses of a run, as reviewers and policy call them.
const (
	stageQuery  = "query"
	stageOutput = "release"
)

// gate is the engine as an actor of the workflow.
var gate = workflow.Actor{User: "gate", Roles: []string{workflow.Engine}}

func (r *run) actor() workflow.Actor {
	return workflow.Actor{User: r.request.Subject.user, Org: r.facts.Subject.Spec.Organization, Roles: r.facts.Subject.Spec.Roles}
}

// move makes the gate's moves on a course of the run, one after the other, in
// the caller's transaction.
func (r *run) move(tx *registry.Tx, m workflow.Machine, note workflow.Note, moves ...string) error {
	for _, name := range moves {
		if _, err := workflow.Do(tx.Context(), tx.SQL(), m, r.id, name, gate, tx.Now(), note); err != nil {
			return courseError(err)
		}
	}
	return nil
}

// courseError maps a refusal of the workflow.
func courseError(err error) error {
	switch {
	case errors.Is(err, workflow.ErrNotFound):
		return fail("NOT_FOUND", err)
	case errors.Is(err, workflow.ErrExpired), errors.Is(err, workflow.ErrInput):
		return fail("APPROVAL_VOID", err)
	case errors.Is(err, workflow.ErrRole), errors.Is(err, workflow.ErrParty):
		return fail("ROLE_REQUIRED", err)
	case errors.Is(err, workflow.ErrSelf), errors.Is(err, workflow.ErrSamePerson), errors.Is(err, workflow.ErrSameOrg):
		return denied([]Detail{{Code: workflow.Code(err), Articles: []string{"NJ24-15", "JM19-36"},
			ZH:     "审核人须为另一单位的另一人,且不得审核本人或本单位的申请",
			EN:     "a reviewer is another person of another organization, and never the requester's",
			HintZH: "请另一单位的审核人处理", HintEN: "ask a reviewer of another organization"}})
	case workflow.Code(err) != "":
		return fail("RUN_STATE", err)
	}
	return err
}

// fieldPartnerOf is the field of an audit event that names the operator under which a
// partner asked.
const fieldPartnerOf = "partner_of"

// operator returns the operator that the run counts for: that of a partner, or the
// organization of whoever asks.
func (r *run) operator() string {
	if r.facts.Partner != nil {
		return r.facts.License.Spec.Operator
	}
	return r.facts.Subject.Spec.Organization
}

// event returns an audit event of the run.
func (r *run) event(kind string, fields map[string]string) registry.Event {
	all := map[string]string{"scenario": r.request.Scenario, "org": r.facts.Subject.Spec.Organization, "role": registry.RoleOperator}
	if r.facts.Partner != nil {
		all[fieldPartnerOf] = r.operator()
	}
	if replaced := r.replaced(); replaced != "" {
		all[fieldCoarsens] = replaced
	}
	for k, v := range fields {
		all[k] = v
	}
	e := registry.Event{Kind: kind, Actor: r.request.Subject.user, Zone: r.facts.Zone.Name, Run: r.id, Fields: all}
	r.filled.note(r, e)
	return e
}

// ready refuses a change that the audit log could not take, before it begins:
// its disk must have room, and what earlier changes left unlogged goes first.
func (e *Engine) ready(ctx context.Context) error {
	if err := e.audit.Room(); err != nil {
		return fail("AUDIT_UNAVAILABLE", err)
	}
	if e.behind.Load() {
		return e.flush(ctx)
	}
	return nil
}

// update commits a change with its events and returns once they are durable in
// the audit log. A log that is known to take nothing stops the change before it
// begins. If the log fails in between, the change stands and the next one or
// recover will log it; the caller must act as if it had not happened.
func (e *Engine) update(ctx context.Context, f func(*registry.Tx) error) error {
	if err := e.ready(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	return e.record(ctx, f)
}

// record is update for what has happened already, such as the end of a run: it
// is committed even if the log can only take it later.
func (e *Engine) record(ctx context.Context, f func(*registry.Tx) error) error {
	// A change that began is finished whether or not the client still listens.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := e.registry.Update(ctx, f); err != nil {
		return err
	}
	if err := e.flush(ctx); err != nil {
		return fail("AUDIT_UNAVAILABLE", errors.Join(errUnlogged, err))
	}
	return nil
}

// errUnlogged is in an error of update whose change stands: it was committed,
// and the log could not take its entry yet.
var errUnlogged = errors.New("query: committed, not logged yet")

// flush moves the events of the outbox into the audit log, in the order of
// their commits.
func (e *Engine) flush(ctx context.Context) error {
	logged, err := e.empty(ctx)
	e.observe(ctx, logged)
	return err
}

// note appends entries to the audit log that no change of the registry goes with.
func (e *Engine) note(ctx context.Context, entries ...audit.Entry) error {
	ctx = context.WithoutCancel(ctx)
	if err := e.ready(ctx); err != nil {
		return asError(err)
	}
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i] = e.veil.entry(entries[i])
	}
	if _, err := e.audit.Append(ctx, entries...); err != nil {
		return fail("AUDIT_UNAVAILABLE", err)
	}
	e.observe(ctx, entries)
	return nil
}

// empty is flush, and returns the entries that the log took.
func (e *Engine) empty(ctx context.Context) (entries []audit.Entry, err error) {
	e.outbox.Lock()
	defer e.outbox.Unlock()
	defer func() { e.behind.Store(err != nil) }()
	pending, err := e.registry.Pending(ctx)
	if err != nil {
		return nil, fail("AUDIT_UNAVAILABLE", err)
	}
	var marks []registry.Mark
	for _, p := range pending {
		if index, logged := e.audit.Find(p.ID); logged {
			marks = append(marks, registry.Mark{ID: p.ID, Index: index})
		} else {
			entries = append(entries, e.veil.entry(entryOf(p)))
		}
	}
	if len(entries) > 0 {
		first, err := e.audit.Append(ctx, entries...)
		if err != nil {
			return nil, fail("AUDIT_UNAVAILABLE", err)
		}
		for i, entry := range entries {
			marks = append(marks, registry.Mark{ID: entry.ID, Index: first + uint64(i)})
		}
	}
	if len(marks) > 0 {
		if err := e.registry.MarkLogged(ctx, marks...); err != nil {
			return entries, fail("AUDIT_UNAVAILABLE", err)
		}
	}
	return entries, nil
}

func entryOf(p registry.Pending) audit.Entry {
	out := audit.Entry{ID: p.ID, Kind: p.Kind, At: p.At, Actor: p.Actor, Zone: p.Zone, Run: p.Run, Revision: p.Revision, Fields: map[string]string{}}
	for k, v := range p.Fields {
		switch k {
		case "scenario":
			out.Scenario = v
		case "org":
			out.Org = v
		case "role":
			out.Role = v
		case "decision":
			out.Decision = v
		default:
			out.Fields[k] = v
		}
	}
	return out
}

// approvals returns the reviewers' approvals of a run's course as facts.
func (e *Engine) approvals(ctx context.Context, id, stage string) ([]policy.Approval, error) {
	m := machineOf(stage)
	in, err := e.instance(ctx, m, id)
	if errors.Is(err, workflow.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []policy.Approval
	for _, s := range in.Standing() {
		if s.Move != "approve" {
			continue
		}
		if _, err := e.basis(m, in, s); err != nil {
			return nil, err
		}
		out = append(out, policy.Approval{Step: stage, Role: s.Role, By: s.User, Org: s.Org,
			At: s.At.UTC().Format(time.RFC3339Nano), ExpiresAt: in.Until.UTC().Format(time.RFC3339), Binding: in.Input})
	}
	return out, nil
}

func machineOf(stage string) workflow.Machine {
	if stage == stageOutput {
		return workflow.OutputRelease
	}
	return workflow.QueryApproval
}

// inReview is the error of a run that waits for people.
func inReview(name string, d policy.Decision) *Error {
	e := fail(name, nil)
	e.Details = details(d.Reasons)
	for _, r := range e.Details {
		for _, a := range r.Articles {
			if !slices.Contains(e.Articles, a) {
				e.Articles = append(e.Articles, a)
			}
		}
	}
	return e
}

func reasonCodes(reasons []policy.Reason) string {
	var codes []string
	for _, r := range reasons {
		if !slices.Contains(codes, r.Code) {
			codes = append(codes, r.Code)
		}
	}
	return clip(strings.Join(codes, " "))
}

// codesOf returns the code of an error and those of its reasons.
func codesOf(e *Error) string {
	codes := []string{e.Code}
	for _, d := range e.Details {
		if !slices.Contains(codes, d.Code) {
			codes = append(codes, d.Code)
		}
	}
	return clip(strings.Join(codes, " "))
}

// clip keeps a text within what one field of an audit entry may hold.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:most], len(s))
}
