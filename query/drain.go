package query

import (
	"context"
	"time"
)

// Drain ends the work of the gate in order, before Close: from now on no question,
// explain or delivery enters and what waits for its turn is sent away, both with
// STOPPING; what has its turn goes on to its end, until ctx ends and it is killed, and
// so does what else reads rows or files: checks, previews, proposals, backups.
// It returns how much was. What was submitted and waits stays, for the next gate.
// Reviews and documents are taken until Close.
func (e *Engine) Drain(ctx context.Context) (killed int) {
	e.shut()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for e.busy() > 0 {
		select {
		case <-ctx.Done():
			killed = e.busy()
			e.stopAll()
			return killed
		case <-tick.C:
		}
	}
	return 0
}

// shut lets nothing enter any more and sends away what waits.
func (e *Engine) shut() {
	e.turns.close() // first: what was submitted knows by it that it waits for the next gate
	e.mu.Lock()
	e.draining = true
	e.mu.Unlock()
	e.book.shut()
	e.loads.close()
}

// busy is how much a drain waits for.
func (e *Engine) busy() int {
	e.mu.Lock()
	reads := len(e.reads)
	e.mu.Unlock()
	return e.underWay() + e.book.underWay() + reads
}

func (e *Engine) isDraining() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.draining
}

// closeWait is how long a stop waits for runs to write how they ended.
const closeWait = 5 * time.Second

// stopAll ends every run, delivery and other reading. What does not end in time is closed as
// abandoned by the next Open.
func (e *Engine) stopAll() {
	e.mu.Lock()
	for _, r := range e.runs {
		r.cancel(errStopped)
	}
	for r := range e.reads {
		r.cancel(errStopped)
	}
	e.mu.Unlock()
	e.book.stop()
	e.readers.close()
	for began := time.Now(); e.busy() > 0 && time.Since(began) < closeWait; {
		time.Sleep(5 * time.Millisecond)
	}
}
