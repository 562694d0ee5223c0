package query

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
)

// loadTurns decides whose delivery is read next. Loads of one dataset run one
// after the other, in the order they came. Of the rest goes first whose provider
// has the fewest running, of these the dataset that was served longest ago, of
// these the one that came first. One that does not fit into the memory still
// free holds up those behind it: else small ones would keep a large one out for
// good. It is safe for concurrent use.
type loadTurns struct {
	all, queue int   // at once in all; waiting, of one provider
	memory     int64 // bytes that all may use together; one alone may use more

	mu        sync.Mutex
	closed    bool
	used      int64
	running   map[*loadTurn]bool
	providers map[string]int     // running
	waiting   []*loadTurn        // in the order they came
	served    map[dataset]uint64 // when one last began, of datasets with something running or waiting
	begun     uint64
}

// dataset names a dataset in its zone.
type dataset struct{ zone, name string }

// loadTurn is the place of one delivery.
type loadTurn struct {
	of       *loadTurns
	provider string
	dataset  dataset
	memory   int64
	came     chan struct{} // closed when it may run, or never will
	runs     bool          // guarded by of.mu, as is left
	left     bool
}

func newLoadTurns(l Limits) *loadTurns {
	return &loadTurns{all: l.Loads, queue: l.LoadQueue, memory: l.LoadMemory, running: map[*loadTurn]bool{},
		providers: map[string]int{}, served: map[dataset]uint64{}}
}

// queueFull tells how many loads were before the one that found no place.
type queueFull struct{ running, waiting int }

func (q *queueFull) Error() string { return errQueueFull.Error() }
func (q *queueFull) Unwrap() error { return errQueueFull }

// join returns the turn of a delivery of so many bytes of memory, which leave
// ends. queued is called with the turn if it has to wait. join waits no longer
// than ctx and returns the cause of its end, or a *queueFull at once. waited says
// that others were before it.
func (a *loadTurns) join(ctx context.Context, provider string, d dataset, memory int64, queued func(*loadTurn)) (t *loadTurn, waited bool, err error) {
	t, waited, err = a.enqueue(provider, d, memory)
	if err != nil {
		return nil, false, err
	}
	if waited {
		queued(t)
	}
	select {
	case <-t.came:
	case <-ctx.Done():
	}
	a.mu.Lock()
	runs := t.runs
	a.mu.Unlock()
	// Whoever has a turn and a context that ended gives the turn back.
	if err := context.Cause(ctx); err != nil || !runs {
		t.leave()
		return nil, waited, cmp.Or(err, errStopped)
	}
	return t, waited, nil
}

func (a *loadTurns) enqueue(provider string, d dataset, memory int64) (t *loadTurn, waits bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, false, errStopped
	}
	t = &loadTurn{of: a, provider: provider, dataset: d, memory: memory, came: make(chan struct{})}
	a.waiting = append(a.waiting, t)
	a.next()
	if t.runs {
		return t, false, nil
	}
	before := queueFull{running: len(a.running)}
	for _, w := range a.waiting[:len(a.waiting)-1] {
		if w.provider == provider {
			before.waiting++
		}
	}
	if before.waiting >= a.queue {
		a.waiting = a.waiting[:len(a.waiting)-1]
		a.forget(d)
		return nil, false, &before
	}
	return t, true, nil
}

// leave ends a turn, whether it came or not. A second call does nothing.
func (t *loadTurn) leave() {
	a := t.of
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.left {
		return
	}
	t.left = true
	if t.runs {
		delete(a.running, t)
		a.used -= t.memory
		if a.providers[t.provider]--; a.providers[t.provider] == 0 {
			delete(a.providers, t.provider)
		}
	} else {
		a.waiting = slices.DeleteFunc(a.waiting, func(w *loadTurn) bool { return w == t })
	}
	a.forget(t.dataset)
	a.next()
}

// forget drops when the dataset was served once nothing of it is there.
func (a *loadTurns) forget(d dataset) {
	if !a.at(d) && !slices.ContainsFunc(a.waiting, func(w *loadTurn) bool { return w.dataset == d }) {
		delete(a.served, d)
	}
}

// at reports whether a load of the dataset runs.
func (a *loadTurns) at(d dataset) bool {
	for t := range a.running {
		if t.dataset == d {
			return true
		}
	}
	return false
}

// next lets run whatever may.
func (a *loadTurns) next() {
	for len(a.running) < a.all {
		var first *loadTurn
		for _, t := range a.waiting {
			if !a.at(t.dataset) && (first == nil || a.before(t, first)) {
				first = t
			}
		}
		if first == nil || len(a.running) > 0 && a.used+first.memory > a.memory {
			return
		}
		a.waiting = slices.DeleteFunc(a.waiting, func(w *loadTurn) bool { return w == first })
		a.running[first] = true
		a.used += first.memory
		a.providers[first.provider]++
		a.begun++
		a.served[first.dataset] = a.begun
		first.runs = true
		close(first.came)
	}
}

// before reports whether t goes before u, which came earlier.
func (a *loadTurns) before(t, u *loadTurn) bool {
	return cmp.Or(cmp.Compare(a.providers[t.provider], a.providers[u.provider]), cmp.Compare(a.served[t.dataset], a.served[u.dataset])) < 0
}

// place returns the place of t among those that wait, from 1, as far as can be
// said: every provider has one after the other. It is 0 once t does not wait.
func (t *loadTurn) place() int {
	a := t.of
	a.mu.Lock()
	defer a.mu.Unlock()
	rounds := map[string]int{}
	mine, at := -1, 0
	round := make([]int, len(a.waiting))
	for i, w := range a.waiting {
		round[i] = a.providers[w.provider] + rounds[w.provider]
		rounds[w.provider]++
		if w == t {
			mine, at = round[i], i
		}
	}
	if mine < 0 {
		return 0
	}
	place := 1
	for i, r := range round {
		if r < mine || r == mine && i < at {
			place++
		}
	}
	return place
}

// busy reports whether something of the zone runs.
func (a *loadTurns) busy(zone string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for t := range a.running {
		if t.dataset.zone == zone {
			return true
		}
	}
	return false
}

// close sends away whoever waits and lets nobody in any more.
func (a *loadTurns) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, t := range a.waiting {
		t.left = true
		close(t.came)
	}
	a.waiting = nil
	clear(a.served)
}

var errQueueFull = errors.New("query: the queue is full")
