package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"zonebox/registry"
	"zonebox/workflow"
)

// waits are the states of a stage in which a person decides.
type waits struct {
	stage  string
	states []workflow.State
}

var waiting = []waits{
	{stageQuery, []workflow.State{workflow.DecidedReview}},
	{stageOutput, reviewing},
}

// reviewing are the states in which an output waits for a person.
var reviewing = []workflow.State{workflow.Reviewing, workflow.ReviewingFirst, workflow.ReviewingSecond}

// reviewer reports which role in the given state decides.
func reviewer(s workflow.State) string {
	if s == workflow.ReviewingSecond {
		return registry.RoleProvider
	}
	return registry.RoleZoneRegulator
}

// Reviews lists the runs that wait for the person's review, oldest first.
func (e *Engine) Reviews(ctx context.Context, s Subject) ([]ReviewItem, error) {
	out := []ReviewItem{}
	if err := e.expireApprovals(ctx); err != nil {
		return nil, asError(err)
	}
	for _, w := range waiting {
		queue, err := e.queue(ctx, machineOf(w.stage), w.states...)
		if err != nil {
			return nil, asError(err)
		}
		for _, short := range queue {
			in, err := e.instance(ctx, machineOf(w.stage), short.ID)
			if err != nil {
				return nil, asError(err)
			}
			if !s.party(in, reviewer(in.State)) {
				continue
			}
			item, err := e.reviewItem(ctx, w.stage, in)
			if err != nil {
				return nil, asError(err)
			}
			out = append(out, item)
		}
	}
	return out, nil
}

// party reports whether the person may act in role on the instance.
func (s Subject) party(in workflow.Instance, role string) bool {
	return s.any(role) && slices.Contains(in.Parties, workflow.Party{Role: role, Org: s.organization})
}

func (e *Engine) reviewItem(ctx context.Context, stage string, in workflow.Instance) (ReviewItem, error) {
	r, err := e.registry.LoadRun(ctx, in.ID)
	if err != nil {
		return ReviewItem{}, err
	}
	item := ReviewItem{Run: in.ID, Stage: stage, State: string(in.State), Requester: in.Requester, Scenario: r.Scenario, Zone: r.Zone, Submitted: in.StartedAt}
	if !slices.ContainsFunc(waiting, func(w waits) bool { return slices.Contains(w.states, in.State) }) {
		return item, nil
	}
	item.Waited = int64(e.cfg.Now().Sub(in.MovedAt).Seconds())
	if !in.Until.IsZero() {
		item.Due = &in.Until
	}
	if r.Shredded {
		return item, nil
	}
	var rec record
	if err := json.Unmarshal(r.Decision, &rec); err != nil {
		return item, fmt.Errorf("query: stored decision of %s: %w", in.ID, err)
	}
	item.Why = rec.Waits
	if x := rec.Explanation; x != nil {
		if stage == stageQuery {
			item.Why = x.Reasons
		}
		for _, c := range x.Columns {
			item.Level = max(item.Level, c.Level)
		}
	}
	return item, nil
}

// present returns the stage a run is in and its instance there.
func (e *Engine) present(ctx context.Context, run string) (string, workflow.Instance, error) {
	in, err := e.instance(ctx, workflow.OutputRelease, run)
	if err == nil {
		return stageOutput, in, nil
	}
	if !errors.Is(err, workflow.ErrNotFound) {
		return "", in, err
	}
	in, err = e.approvalOf(ctx, run)
	return stageQuery, in, err
}

// Review returns a run as a reviewer sees it: statement, decision, counts and
// course; the rows are for ReviewRows. Its requester may see it too, without what rules
// found.
func (e *Engine) Review(ctx context.Context, s Subject, run string) (*ReviewDetail, error) {
	stage, in, err := e.present(ctx, run)
	if errors.Is(err, workflow.ErrNotFound) || err == nil && in.Requester != s.user &&
		!s.party(in, registry.RoleZoneRegulator) && !s.party(in, registry.RoleProvider) {
		return nil, fail("NOT_FOUND", err)
	}
	if err != nil {
		return nil, asError(err)
	}
	item, err := e.reviewItem(ctx, stage, in)
	if err != nil {
		return nil, asError(err)
	}
	out := &ReviewDetail{ReviewItem: item, History: []MoveView{}}
	r, err := e.registry.LoadRun(ctx, run)
	if err != nil {
		return nil, asError(err)
	}
	if r.Shredded {
		return nil, fail("DATA_SHREDDED", nil).of(run)
	}
	var q stored
	if err := json.Unmarshal(r.Request, &q); err != nil {
		return nil, asError(fmt.Errorf("query: stored run %s: %w", run, err))
	}
	out.SQL, out.Purpose, out.Recipient = q.SQL, q.Purpose, q.Recipient
	out.Template, out.Parameters = q.view()
	rec, err := e.recordOf(ctx, run)
	if err != nil {
		return nil, asError(err)
	}
	out.Explanation = rec.Explanation
	if rec.Consent != nil {
		now, err := e.registry.ConsentState(ctx, registry.ConsentScope{Zone: r.Zone, Scenario: r.Scenario})
		if err != nil {
			return nil, asError(err)
		}
		if now.Withdrawals != rec.Consent.Withdrawals {
			out.ConsentWithdrawn = &now.WithdrawnAt
		}
	}
	if in.Requester != s.user {
		out.Output = rec.Facts // the counts behind suppression are for reviewers
		out.Shows = stage == stageOutput && slices.Contains(reviewing, in.State)
		if s.party(in, registry.RoleZoneRegulator) {
			if out.Compared, err = e.compared(ctx, s, run, rec); err != nil {
				return nil, asError(err)
			}
		}
	}
	out.Coarsened = rec.Coarsened.view(in.Requester == s.user)
	out.CoarsenedTo = coarsenedTo(in)
	for _, m := range []workflow.Machine{workflow.QueryApproval, workflow.OutputRelease} {
		course, err := e.instance(ctx, m, run)
		if errors.Is(err, workflow.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, asError(err)
		}
		for _, step := range course.History {
			v := MoveView{At: step.At, From: string(step.From), To: string(step.To), By: step.User}
			if _, ends := outputMoves[step.Move]; step.Review || ends && len(step.Text) > 0 {
				if v.Basis, err = e.basis(m, course, step); err != nil {
					return nil, asError(err)
				}
			}
			out.History = append(out.History, v)
		}
	}
	return out, nil
}

// Settle records a reviewer's approval or rejection of what a run waits for. A
// rejected output is blocked and its key destroyed; an approved run goes on
// when its requester resumes it.
func (e *Engine) Settle(ctx context.Context, s Subject, run string, approve bool, basis string) (*ReviewItem, error) {
	move, kind := "reject", "review.rejected"
	if approve {
		move, kind = "approve", "review.approved"
	} else if basis == "" {
		return nil, BadRequest("驳回须说明依据", "a rejection needs its basis")
	}
	stage, in, err := e.present(ctx, run)
	if err != nil {
		return nil, asError(courseError(err))
	}
	if !s.party(in, registry.RoleZoneRegulator) && !s.party(in, registry.RoleProvider) {
		return nil, fail("NOT_FOUND", nil)
	}
	m, actor := machineOf(stage), workflow.Actor{User: s.user, Org: s.organization, Roles: s.roles}
	err = e.update(ctx, func(tx *registry.Tx) error {
		if err := s.standsIn(tx); err != nil {
			return err
		}
		if in, err = workflow.Get(tx.Context(), tx.SQL(), m, run); err != nil {
			return courseError(err)
		}
		role := reviewer(in.State)
		word := workflow.Step{Move: move, User: s.user, Org: s.organization, Role: role}
		sealed, err := e.registry.Seal("basis", basisID(m, in, word), []byte(basis))
		if err != nil {
			return err
		}
		to, err := workflow.Do(tx.Context(), tx.SQL(), m, run, move, actor, tx.Now(), workflow.Note{Text: sealed})
		if err != nil {
			return courseError(err)
		}
		if in.State = to; to == workflow.Blocked {
			if err := tx.SettleLedger(run, registry.LedgerVoid); err != nil {
				return err
			}
		}
		return tx.Emit(registry.Event{Kind: kind, Actor: s.user, Run: run, Fields: map[string]string{
			"stage": stage, "state": string(to), "role": role, "org": s.organization}})
	})
	if err != nil {
		return nil, asError(err).of(run)
	}
	if in.State == workflow.Blocked {
		if err := e.destroyHold(ctx, run); err != nil {
			return nil, asError(err).of(run)
		}
	}
	item, err := e.reviewItem(ctx, stage, in)
	if err != nil {
		return nil, asError(err)
	}
	return &item, nil
}

// basisID names what a reviewer said: of which run and stage, who, in which
// role, and what it binds until when.
func basisID(m workflow.Machine, in workflow.Instance, s workflow.Step) string {
	return strings.Join([]string{m.Name, in.ID, s.Move, s.User, s.Org, s.Role, in.Input, in.Until.UTC().Format(time.RFC3339Nano)}, "/")
}

// basis opens a reviewer's words. Others can write the registry's file, but
// only Settle can seal: what does not open is nobody's word.
func (e *Engine) basis(m workflow.Machine, in workflow.Instance, s workflow.Step) (string, error) {
	text, err := e.registry.Unseal("basis", basisID(m, in, s), s.Text)
	if err != nil {
		return "", fail("DATA_DAMAGED", err).because("审批记录", "record of a review").of(in.ID)
	}
	return string(text), nil
}
