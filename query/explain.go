package query

import (
	"context"
	"strconv"

	"zonebox/audit"
	"zonebox/registry"
)

// kindExplained is the audit entry of an explain: one for each, with its number
// among the person's explains of that minute, so that the log counts them. It
// says nothing of a registry change, so it goes to the log directly, durable
// before the explanation leaves.
const kindExplained = "query.explained"

// Explain returns what Answer would decide and run, and where it would refuse,
// every reason and what would pass instead. It touches no data and leaves no run.
//
// It returns an *Error only where there is nothing to explain: for a scenario
// that is not there or another operator's (NOT_FOUND), for one explain too many
// in a minute (EXPLAIN_RATE), for a full queue or a failing host.
func (e *Engine) Explain(ctx context.Context, req Request) (_ *Explanation, err error) {
	began := e.cfg.Now()
	defer func() { e.explains.add(err, e.cfg.Now().Sub(began)) }()
	if req.Resume != "" {
		return nil, fail("BAD_REQUEST", nil).because("explain 不能续跑", "explain resumes nothing")
	}
	nth, first, ok := e.pace.explain(req.Subject.user, e.cfg.Now())
	if !ok {
		why := fail("EXPLAIN_RATE", nil)
		if !first {
			return nil, why // the log knows already
		}
		return nil, e.explained(ctx, e.unentered(req), nth, nil, why)
	}
	req.explain = true
	r, err := e.enter(ctx, req)
	if err != nil {
		return nil, e.explained(ctx, e.unentered(req), nth, nil, err)
	}
	defer r.leave()
	x, err := e.explain(r)
	if err := e.explained(r.ctx, r, nth, x, err); err != nil {
		return nil, err
	}
	return x, nil
}

// explain judges a run and explains the outcome. A refusal of the statement is
// an explanation; its error says why there is none.
func (e *Engine) explain(r *run) (*Explanation, error) {
	d, err := e.judge(r)
	if err == nil {
		return d.explanation(), nil
	}
	why := asError(e.everyReason(r, err))
	if r.found.runtime == nil || why.Class != ClassDenied && why.Class != ClassUsage {
		return nil, why
	}
	x := e.refusal(r, why)
	if err := e.remedies(r, x); err != nil {
		return nil, err
	}
	return x, nil
}

// remedies adds to a refusal what would pass.
func (e *Engine) remedies(r *run, x *Explanation) error {
	if r.found.tree == nil || len(r.request.SQL) > remedyBytes || len(x.Reasons) > remedyFaults {
		return nil // nobody could read it
	}
	if asked := r.wishes(); len(asked) > 0 {
		var err error
		if x.Request, err = r.dataRequest(asked); err != nil {
			return asError(err)
		}
		x.Grants = r.grantViews(asked)
	}
	if r.found.objected || r.request.Template != "" {
		return nil // no other statement passes, or the statement is not the asking person's
	}
	p, err := e.keptParser(r)
	if err != nil {
		return err
	}
	defer p.close()
	x.Instead = e.instead(p)
	return nil
}

// unentered is a run that has no facts: of a question that was turned away.
func (e *Engine) unentered(req Request) *run {
	r := &run{engine: e, request: req}
	r.request.Scenario = ""
	if printName(req.Scenario) == req.Scenario {
		r.request.Scenario = req.Scenario
	}
	r.facts.Subject.Spec.Organization = req.Subject.organization
	r.ctx = context.Background()
	return r
}

// explained writes what came of an explain to the audit log and returns the error
// to answer with, nil if x may leave.
func (e *Engine) explained(ctx context.Context, r *run, nth int, x *Explanation, err error) error {
	fields := map[string]string{"nth": strconv.Itoa(nth)}
	if err != nil {
		why := r.outcome(err)
		if why.Class == ClassBusy && why.Code != "EXPLAIN_RATE" {
			return why // it was not looked at
		}
		if fields["refused"] = why.Code; why.Class == ClassFailure {
			r.ended(fields, err)
		}
		err = why
	} else {
		fields["verdict"] = x.Verdict
		if len(x.Reasons) > 0 {
			fields["reasons"] = codesOfViews(x.Reasons)
		}
	}
	if logErr := e.note(ctx, e.entryFor(r, kindExplained, fields)); logErr != nil {
		return logErr
	}
	return err
}

// entryFor is an entry of the audit log that no change of the registry goes with.
func (e *Engine) entryFor(r *run, kind string, fields map[string]string) audit.Entry {
	now := e.cfg.Now()
	event := r.event(kind, fields)
	event.ID, event.At, event.Run = newID("x", now), now, ""
	return entryOf(registry.Pending{Event: event, Revision: r.facts.Revision})
}
