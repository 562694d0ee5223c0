package query

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Bounds are those of the classes of Outcome.Within, in seconds.
var Bounds = []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}

// Outcome is how many questions ended in one way, and how long they took.
type Outcome struct {
	Count   int64
	Seconds float64 // all together
	Within  []int64 // how many took at most each of Bounds
}

// released is the outcome of a question that was answered; any other is a Class.
const released = "released"

// outcomes counts since the gate started. Neither who asked nor what is in it. The
// zero value is ready; it is safe for concurrent use.
type outcomes struct {
	mu sync.Mutex
	of map[string]*Outcome
}

// add counts a question that ended with err after took.
func (o *outcomes) add(err error, took time.Duration) {
	name := released
	if err != nil {
		name = string(asError(err).Class)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of == nil {
		o.of = map[string]*Outcome{}
	}
	t := o.of[name]
	if t == nil {
		t = &Outcome{Within: make([]int64, len(Bounds))}
		o.of[name] = t
	}
	t.Count++
	t.Seconds += took.Seconds()
	for i, bound := range Bounds {
		if took.Seconds() <= bound {
			t.Within[i]++
		}
	}
}

func (o *outcomes) now() map[string]Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make(map[string]Outcome, len(o.of))
	for name, t := range maps.All(o.of) {
		out[name] = Outcome{t.Count, t.Seconds, slices.Clone(t.Within)}
	}
	return out
}

// Measures are figures for whoever runs the gate's host. They name nobody and nothing
// that was asked, and none of them counts values of a table, as some of Figures do.
type Measures struct {
	Figures
	Questions map[string]Outcome // by "released" or class of error
	Explains  map[string]Outcome // likewise; "released" if it was explained
	Running   int                // statements that have their turn
	Waiting   int                // and that wait for it
	Loads     int                // deliveries that are read or wait
	Entries   uint64             // of the audit log
	Unsigned  uint64             // of them that no checkpoint covers yet
	Free      int64              // bytes on the disk of the domain; below 0 if that cannot be told
	Untraced  int64              // runs whose traces were not taken
	Draining  bool
}

// Measures returns the figures of now.
func (e *Engine) Measures() Measures {
	out := Measures{Figures: e.figures(), Questions: e.answered.now(), Explains: e.explains.now(), Loads: e.book.underWay(),
		Entries: e.audit.Size(), Unsigned: e.audit.Unsigned(), Untraced: e.tracing.dropped.Load(), Draining: e.isDraining()}
	out.Running, out.Waiting = e.turns.now()
	var err error
	if out.Free, err = free(e.cfg.Domain); err != nil {
		out.Free = -1
	}
	return out
}
