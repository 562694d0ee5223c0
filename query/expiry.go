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

// pastItsTerm reports whether the facts of a run are of a license or a partner whose
// last day is over, and that nothing has ended yet.
func (r *run) pastItsTerm() bool {
	if r.pack.ID == "" {
		return false
	}
	p := r.facts.Partner
	return r.engine.pastItsTerm(r.facts.License.Spec, r.pack) || p != nil && !p.Spec.Ended() && p.Spec.Until < dayOf(r.engine.cfg.Now(), r.pack)
}

// ExpireDue ends every license and partner whose last day is over (NJ24-12), and with it the
// accounts that nothing else keeps alive (YC22-40), the runs under way and what waits.
// It is called as often as one likes: at start, every hour, and after a question that
// met such a license. A license whose zone has no pack waits: everything is denied
// there.
func (e *Engine) ExpireDue(ctx context.Context) error {
	var due []registry.Document
	today := map[string]string{} // of each license, by its pack's clock
	err := e.each(ctx, registry.KindLicense, func(doc registry.Document) error {
		l, err := registry.SpecOf[registry.License](doc)
		if err != nil {
			return err
		}
		z, err := find[registry.Zone](ctx, lookup{e, nil}, registry.KindZone, l.Zone)
		if err != nil {
			return err
		}
		pack, err := e.policy().Pack(z.Pack)
		if err != nil {
			return nil
		}
		today[doc.Name] = dayOf(e.cfg.Now(), pack)
		if e.pastItsTerm(l, pack) {
			due = append(due, doc)
		}
		return nil
	})
	if err == nil {
		err = e.each(ctx, registry.KindPartner, func(doc registry.Document) error {
			p, err := registry.SpecOf[registry.Partner](doc)
			if day, ok := today[p.License]; err == nil && ok && !p.Ended() && p.Until < day {
				due = append(due, doc)
			}
			return err
		})
	}
	for _, doc := range due {
		if err == nil {
			err = e.expire(ctx, doc)
		}
	}
	if err != nil {
		e.log.ErrorContext(ctx, "licenses and partners past their term", "cause", err)
		return asError(err)
	}
	return nil
}

// expire ends one license or partner in one transaction, with what waits under it.
func (e *Engine) expire(ctx context.Context, doc registry.Document) error {
	was, err := e.licensesBefore(ctx, []registry.Document{doc})
	if err != nil {
		return err
	}
	m := measure{Restriction: registry.Restriction{Level: registry.LevelLicense, Target: doc.Name, Degree: registry.DegreeClose}}
	end := (*registry.Tx).ExpireLicense
	if doc.Kind == registry.KindPartner {
		p, err := registry.SpecOf[registry.Partner](doc)
		if err != nil {
			return err
		}
		m.Target, m.asker, end = p.License, p.Organization, (*registry.Tx).ExpirePartner
	}
	var ended []registry.Applied
	err = e.update(ctx, func(tx *registry.Tx) (err error) {
		if ended, err = end(tx, gate.User, doc.Name); err != nil || len(ended) == 0 {
			return err
		}
		m.by = registry.Ref{Kind: doc.Kind, Name: doc.Name, Version: ended[0].Version}
		if _, _, err := e.stopWaiting(tx, gate.User, m); err != nil {
			return err
		}
		return e.courseExpired(tx, was[doc.Name])
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
