package query

import (
	"context"
	"errors"
	"slices"
	"time"

	"zonebox/policy"
	"zonebox/registry"
	"zonebox/workflow"
)

// dayOf returns the civil day of an instant by the pack's clock.
func dayOf(at time.Time, pack policy.Pack) string {
	return at.UTC().Add(time.Duration(pack.UTCOffsetMinutes) * time.Minute).Format(time.DateOnly)
}

// pastItsTerm reports whether the last day of a license that is live is over by the
// clock of its zone's pack.
func (e *Engine) pastItsTerm(l registry.License, pack policy.Pack) bool {
	return pack.ID != "" && l.End != "" && !l.Ended() && l.End < dayOf(e.cfg.Now(), pack)
}

// ExpireDue ends every license whose last day is over (NJ24-12), and with it the
// accounts that nothing else keeps alive (YC22-40), the runs under way and what waits.
// It is called as often as one likes: at start, every hour, and after a question that
// met such a license. A license whose zone has no pack waits: everything is denied
// there.
func (e *Engine) ExpireDue(ctx context.Context) error {
	var due []string
	err := e.each(ctx, registry.KindLicense, func(doc registry.Document) error {
		l, err := registry.SpecOf[registry.License](doc)
		if err != nil {
			return err
		}
		z, err := find[registry.Zone](ctx, lookup{e, nil}, registry.KindZone, l.Zone)
		if err != nil {
			return err
		}
		if pack, err := e.policy().Pack(z.Pack); err == nil && e.pastItsTerm(l, pack) {
			due = append(due, doc.Name)
		}
		return nil
	})
	for _, name := range due {
		if err == nil {
			err = e.expire(ctx, name)
		}
	}
	if err != nil {
		e.log.ErrorContext(ctx, "licenses past their term", "cause", err)
		return asError(err)
	}
	return nil
}

// expire ends one license in one transaction.
func (e *Engine) expire(ctx context.Context, name string) error {
	doc, _, err := e.registry.Get(ctx, registry.KindLicense, name)
	if err != nil {
		return err
	}
	was, err := e.licensesBefore(ctx, []registry.Document{doc})
	if err != nil {
		return err
	}
	var ended []registry.Applied
	err = e.update(ctx, func(tx *registry.Tx) (err error) {
		if ended, err = tx.ExpireLicense(gate.User, name); err != nil || len(ended) == 0 {
			return err
		}
		m := measure{by: registry.Ref{Kind: registry.KindLicense, Name: name, Version: ended[0].Version}}
		m.Level, m.Target, m.Degree = registry.LevelLicense, name, registry.DegreeClose
		if _, _, err := e.stopWaiting(tx, gate.User, m); err != nil {
			return err
		}
		return e.courseExpired(tx, was[name])
	})
	if err != nil {
		return err
	}
	e.overtake(ctx, ended, []registry.Document{doc})
	return nil
}

// awaited are the states in which an approval may run out: a person is to settle the
// statement, or its requester to go on with it.
var awaited = []workflow.State{workflow.DecidedReview, workflow.Approved}

// expireApprovals ends the approvals whose term is over (SY20-12). None of them was
// good for anything from its last moment on, whether or not this ran.
func (e *Engine) expireApprovals(ctx context.Context) error {
	open, err := e.queue(ctx, workflow.QueryApproval, awaited...)
	for _, in := range open {
		if err == nil && e.ranOut(in) {
			err = e.expireApproval(ctx, in.ID)
		}
	}
	return err
}

// ranOut reports whether an approval is past its term.
func (e *Engine) ranOut(in workflow.Instance) bool {
	return !in.Until.IsZero() && !e.cfg.Now().Before(in.Until)
}

// expireApproval ends one approval, unless it was consumed or ended meanwhile.
func (e *Engine) expireApproval(ctx context.Context, run string) error {
	r, err := e.registry.LoadRun(ctx, run)
	if err != nil {
		return err
	}
	return e.update(ctx, func(tx *registry.Tx) error {
		_, err := workflow.Do(tx.Context(), tx.SQL(), workflow.QueryApproval, run, "expire", gate, tx.Now(), workflow.Note{Code: "APPROVAL_EXPIRED"})
		if errors.Is(err, workflow.ErrState) {
			return nil
		}
		if err != nil {
			return courseError(err)
		}
		return tx.Emit(registry.Event{Kind: "query.expired", Actor: gate.User, Zone: r.Zone, Run: run, Fields: map[string]string{"scenario": r.Scenario}})
	})
}

// approvalOf returns the course of a run's approval as it is now: one whose term is
// over has ended.
func (e *Engine) approvalOf(ctx context.Context, run string) (workflow.Instance, error) {
	in, err := e.instance(ctx, workflow.QueryApproval, run)
	if err != nil || !e.ranOut(in) || !slices.Contains(awaited, in.State) {
		return in, err
	}
	if err := e.expireApproval(ctx, run); err != nil {
		return in, err
	}
	return e.instance(ctx, workflow.QueryApproval, run)
}
