package query

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"zonebox/keys"
	"zonebox/workflow"
)

// blockFrozen blocks the keys of the outputs that are frozen, in the key folder: from
// then on they open nothing, whatever registry and policy say, until people reviewed
// the output after it was frozen last.
func (e *Engine) blockFrozen(ctx context.Context) error {
	times := map[string]time.Time{}
	err := e.registry.View(ctx, func(tx *sql.Tx) error {
		frozen, err := workflow.Queue(ctx, tx, workflow.OutputRelease, workflow.Frozen)
		if err != nil {
			return err
		}
		for _, in := range frozen {
			if in, err = workflow.Get(ctx, tx, workflow.OutputRelease, in.ID); err != nil {
				return err
			}
			times[in.ID] = in.History[len(in.History)-1].At
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.keys.BlockHolds(times)
}

// unblock lets the key of an output be used again that was frozen and that its
// reviewers, all of them, agreed to since. The key folder compares the times.
func (e *Engine) unblock(o *output, course workflow.Instance) error {
	if _, err := e.keys.Hold(o.id); !errors.Is(err, keys.ErrBlocked) || course.State != workflow.Approved {
		return nil
	}
	standing := course.Standing()
	if len(standing) == len(course.History) { // the registry knows of no freezing: it is older than the key folder
		return nil
	}
	if err := e.accessOpen(o.run, o.record); err != nil {
		return err
	}
	for _, s := range standing {
		if s.Move != "approve" {
			continue
		}
		err := e.keys.UnblockHold(o.id, s.At)
		if err != nil && !errors.Is(err, keys.ErrBlocked) {
			return asError(err).of(o.id)
		}
		return nil // the others agreed after the first
	}
	return nil
}

// blockNow is blockFrozen in the act that froze. Should it fail, policy and the course
// still withhold what is frozen, and the next act or start blocks it.
func (e *Engine) blockNow(ctx context.Context) {
	if err := e.blockFrozen(context.WithoutCancel(ctx)); err != nil {
		e.log.ErrorContext(ctx, "keys of frozen outputs not blocked", "cause", err)
	}
}
