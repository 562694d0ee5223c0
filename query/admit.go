package query

import (
	"time"

	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"zonebox/sandbox"
)

// Limits bound what runs at once. A field that is 0 has its default; what is
// over a limit waits or is refused alone, and nothing else notices. They are
// figures of the host, not of a license.
type Limits struct {
	// All is how many statements run at once. Default two per CPU and at least
	// four: one computes while another parses, is decided or is sealed.
	All int
	// Operator is how many of them may be one operator organization's. Default
	// half of All, so that nobody has the host alone.
	Operator int
	// Queue is how many more of one operator organization may wait; the next is
	// BUSY. Default 32.
	Queue int
	// Zone is how many run in one zone. Default All.
	Zone int
	// ZoneMemory is how many bytes the workers of one zone may be allowed
	// together, each counted as Config.Memory: what it overflows into and what is
	// attached come on top. Default Zone times that.
	ZoneMemory int64
	// Loads is how many deliveries are read at once, no two of one dataset.
	// Default half of the processors and at least two, for a load keeps two busy:
	// one parses, one encrypts; but no more than LoadMemory has room for workers.
	Loads int
	// LoadQueue is how many more deliveries of one provider may wait; the next is
	// BUSY. Default 32.
	LoadQueue int
	// LoadMemory is how many bytes deliveries may use together: each has the
	// memory of its worker, and the whole file where the format needs that at
	// once. One alone may use more. Default half of the memory there is.
	LoadMemory int64
	// LoadStall is how long the sender of a delivery, or a database it comes from,
	// may keep a load waiting: a file for 64 KiB more or its end, a database for
	// anything. Then the load ends LOAD_STALLED. Default a minute.
	LoadStall time.Duration
	// Person is how many questions of one person may run or wait at once, once
	// submitted. Default half of Operator and Queue together, so that nobody has the
	// organization's places alone.
	Person int
	// Submissions is how many questions of one organization may be submitted in a
	// minute; the next is SUBMIT_RATE. Default 600.
	Submissions int
	// Explains is how many statements one person may have explained in a minute;
	// the next is EXPLAIN_RATE. Default 60.
	Explains int
}

// withDefaults fills in l for workers of memory bytes. It returns an error if a
// limit would let nothing run.
func (l Limits) withDefaults(memory int64) (Limits, error) {
	or := func(n *int, standard int) {
		if *n == 0 {
			*n = standard
		}
	}
	or(&l.All, max(4, 2*runtime.NumCPU()))
	or(&l.Operator, max(1, l.All/2))
	or(&l.Queue, 32)
	or(&l.Zone, l.All)
	if l.LoadMemory == 0 {
		l.LoadMemory = sandbox.HostMemory() / 2
	}
	or(&l.Loads, int(max(1, min(int64(max(2, runtime.NumCPU()/2)), l.LoadMemory/max(memory, 1)))))
	or(&l.LoadQueue, 32)
	or(&l.Person, (l.Operator+l.Queue+1)/2)
	or(&l.Submissions, 600)
	or(&l.Explains, 60)
	if l.LoadStall == 0 {
		l.LoadStall = time.Minute
	}
	if l.ZoneMemory == 0 {
		l.ZoneMemory = math.MaxInt64
	}
	if min(l.All, l.Operator, l.Queue, l.Zone, l.Loads, l.LoadQueue, l.Person, l.Submissions, l.Explains) < 1 || l.LoadMemory < 1 || l.LoadStall < 0 || l.ZoneMemory < memory {
		return l, fmt.Errorf("query: limits: nothing could run with %+v and workers of %d bytes", l, memory)
	}
	l.Zone = int(min(int64(l.Zone), l.ZoneMemory/max(memory, 1)))
	return l, nil
}

// admission decides whose statement runs next. Statements of one operator run
// in the order they came; of several operators the one with the fewest running
// goes first, and of those the one that has waited longest. It is safe for
// concurrent use.
type admission struct {
	all, operator, zone, queue int

	mu        sync.Mutex
	running   int
	operators map[string]*operator // with something running or waiting
	zones     map[string]int       // running
	arrivals  uint64
	closed    bool
}

// operator is one operator organization's part of an admission.
type operator struct {
	running int
	waiting []*turn
}

// turn is a place of one statement: first in the queue, then among those that
// run.
type turn struct {
	of             *admission
	operator, zone string
	arrival        uint64
	came           chan struct{} // closed when it may run, or never will
	running        bool          // guarded by of.mu, as is left
	left           bool
}

func newAdmission(l Limits) *admission {
	return &admission{all: l.All, operator: l.Operator, zone: l.Zone, queue: l.Queue, operators: map[string]*operator{}, zones: map[string]int{}}
}

// join returns the turn of a statement, which leave ends. It waits no longer
// than ctx, and returns the cause of its end, or errQueueFull at once. waited
// says that others were before it.
func (a *admission) join(ctx context.Context, org, zone string) (t *turn, waited bool, err error) {
	t, waited, err = a.enqueue(org, zone, a.queue)
	if err != nil {
		return nil, false, err
	}
	return t, waited, t.wait(ctx)
}

// wait returns nil once the turn has come. If ctx ends first, or nobody gets a turn any
// more, it is over, and wait returns why.
func (t *turn) wait(ctx context.Context) error {
	a := t.of
	select {
	case <-t.came:
	case <-ctx.Done():
	}
	a.mu.Lock()
	running := t.running
	a.mu.Unlock()
	// Whoever has a turn and a context that ended gives the turn back.
	if err := context.Cause(ctx); err != nil || !running {
		t.leave()
		if err == nil {
			err = errStopped
		}
		return err
	}
	return nil
}

// enqueue puts a statement behind the others of its operator, of which so many may wait.
func (a *admission) enqueue(org, zone string, queue int) (t *turn, waits bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, false, errStopped
	}
	o := a.operators[org]
	if o == nil {
		o = &operator{}
		a.operators[org] = o
	}
	a.arrivals++
	t = &turn{of: a, operator: org, zone: zone, arrival: a.arrivals, came: make(chan struct{})}
	o.waiting = append(o.waiting, t)
	a.next()
	if !t.running && len(o.waiting) > queue {
		o.waiting = o.waiting[:len(o.waiting)-1]
		return nil, false, errQueueFull
	}
	return t, !t.running, nil
}

// leave ends a turn, whether it came or not. A second call does nothing.
func (t *turn) leave() {
	a := t.of
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.left {
		return
	}
	t.left = true
	o := a.operators[t.operator]
	if t.running {
		a.running--
		o.running--
		if a.zones[t.zone]--; a.zones[t.zone] == 0 {
			delete(a.zones, t.zone)
		}
	} else {
		for i, w := range o.waiting {
			if w == t {
				o.waiting = append(o.waiting[:i], o.waiting[i+1:]...)
				break
			}
		}
	}
	if o.running == 0 && len(o.waiting) == 0 {
		delete(a.operators, t.operator)
	}
	a.next()
}

// next lets run whatever may. The first of an operator's queue that has to wait
// for its zone holds up that operator's others: they run in their order.
func (a *admission) next() {
	for a.running < a.all {
		var first *operator
		for _, o := range a.operators {
			if len(o.waiting) == 0 || o.running >= a.operator || a.zones[o.waiting[0].zone] >= a.zone {
				continue
			}
			if first == nil || o.running < first.running || o.running == first.running && o.waiting[0].arrival < first.waiting[0].arrival {
				first = o
			}
		}
		if first == nil {
			return
		}
		t := first.waiting[0]
		first.waiting = first.waiting[1:]
		first.running++
		a.running++
		a.zones[t.zone]++
		t.running = true
		close(t.came)
	}
}

// now returns how many statements run and how many wait.
func (a *admission) now() (running, waiting int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, o := range a.operators {
		waiting += len(o.waiting)
	}
	return a.running, waiting
}

// busy reports whether something of the zone runs.
func (a *admission) busy(zone string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.zones[zone] > 0
}

// ended reports whether nobody gets a turn any more.
func (a *admission) ended() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

// close sends away whoever waits and lets nobody in any more.
func (a *admission) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for name, o := range a.operators {
		for _, t := range o.waiting {
			t.left = true
			close(t.came)
		}
		if o.waiting = nil; o.running == 0 {
			delete(a.operators, name)
		}
	}
}

// admitted is a run whose turn it is.
type admitted struct{ *run }

// admit waits for the run's turn, which is the operator's if a partner of it asks. The
// run is registered, so that a suspension
// finds it in the queue; what it had to wait for may have changed the facts,
// which it then reads again.
func (e *Engine) admit(r *run) (*admitted, error) {
	queue := e.turns.queue
	if r.request.of != nil { // it has its place since it was submitted
		queue = math.MaxInt
	}
	r.request.of.behind(r.ctx)
	t, waited, err := e.turns.enqueue(r.facts.License.Spec.Operator, r.facts.Zone.Name, queue)
	r.request.of.placed()
	if err == nil {
		err = t.wait(r.ctx)
	}
	if errors.Is(err, errQueueFull) {
		return nil, fail("BUSY", err).of(r.id)
	}
	if errors.Is(err, errStopped) {
		return nil, fail("STOPPING", err).of(r.id)
	}
	if err != nil {
		return nil, r.stopped(err)
	}
	r.turn = t // leave ends it
	if err := e.begin(r.ctx, r.request.of); err != nil {
		return nil, r.stopped(err)
	}
	r.request.of.steps(StepDecide)
	if waited {
		if err := r.read(); err != nil {
			return nil, err
		}
	}
	return &admitted{r}, nil
}
