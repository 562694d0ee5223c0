package query

import (
	"context"
	"errors"
	"slices"
	"time"

	"zonebox/registry"
	"zonebox/sandbox"
)

// shredPatience is how long a shred waits for readers that it ended: a worker is
// killed at once, and what is left is an entry of the log.
const shredPatience = 30 * time.Second

// rawRead is something of the gate's own that reads rows or files, beside the runs and
// deliveries.
type rawRead struct {
	zone   string // "" while it is not known, apart for what reads no rows of a zone
	cancel context.CancelCauseFunc
}

// apart is no name of a zone.
const apart = "-"

// reading registers what reads rows of a zone and is no run, until end is called: a
// shred of the zone ends it, and waits for it. It is called before the registry is
// asked what to read, so that what is read is of after the shred or ended by it.
func (e *Engine) reading(ctx context.Context, zone string) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	r := &rawRead{zone, cancel}
	e.mu.Lock()
	e.reads[r] = true
	e.mu.Unlock()
	return ctx, func() {
		cancel(context.Canceled)
		e.mu.Lock()
		delete(e.reads, r)
		e.mu.Unlock()
	}
}

// overtaken returns err, or that a shred or the gate's end ended what read under ctx.
func overtaken(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if _, ok := errors.AsType[*revoked](cause); err != nil && (ok || errors.Is(cause, errStopped)) {
		return fail("STOPPED", cause)
	}
	return err
}

// endUsers drops what the gate keeps in memory of the space and ends whatever reads
// it. All of it is gone when it returns; if it does not go in time that is an error,
// no key is destroyed yet, and the confirmation is to be repeated.
func (e *Engine) endUsers(ctx context.Context, sh registry.Shred) error {
	if sh.Zone == "" { // an operator's: workspaceEnded has seen that none of its statements is under way
		return nil
	}
	e.evict(sandbox.Tag{Zone: sh.Zone})
	cause := &revoked{registry.Ref{Kind: registry.KindData, Name: sh.Dataset}}
	e.mu.Lock()
	var runs []*run
	for _, r := range e.runs {
		runs = append(runs, r)
	}
	var reads []*rawRead
	for r := range e.reads {
		if r.zone == sh.Zone || r.zone == "" {
			r.cancel(cause)
			reads = append(reads, r)
		}
	}
	e.mu.Unlock()
	left := func() int {
		e.mu.Lock()
		defer e.mu.Unlock()
		runs = slices.DeleteFunc(runs, func(r *run) bool {
			switch {
			case e.runs[r.id] != r:
				return true
			case !r.known: // it may stand on facts of before
				return false
			}
			reads := slices.ContainsFunc(r.facts.Datasets, func(d registry.DatasetFacts) bool { return d.Spec.Zone == sh.Zone })
			if reads {
				r.cancel(cause)
			}
			return !reads
		})
		reads = slices.DeleteFunc(reads, func(r *rawRead) bool { return !e.reads[r] })
		return len(runs) + len(reads)
	}
	n := left()
	for began := time.Now(); n > 0; n = left() {
		if time.Since(began) > e.cfg.patience {
			e.log.WarnContext(ctx, "a shred waits for readers", "shred", sh.ID, "zone", sh.Zone, "readers", n)
			return fail("KEY_IN_USE", nil).because("已确认,但被终止的语句尚未全部退出,密钥尚未销毁;请重复执行 shred confirm",
				"it is confirmed, but statements that were ended are not gone yet and no key is destroyed; repeat shred confirm")
		}
		time.Sleep(5 * time.Millisecond)
	}
	e.evict(sandbox.Tag{Zone: sh.Zone}) // they may have filled it
	e.recall.forget()
	return nil
}
