package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"zonebox/registry"
)

// Incoming is a delivery on its way to the gate.
type Incoming struct {
	Data io.Reader
	Size int64 // of Data in bytes as its sender says; 0 if it does not
	// Entered is called once, if it is not nil, when the load has an id, before
	// Data is read.
	Entered func(id string)
}

// States of a load. The first two go on.
const (
	LoadWaiting     = "WAITING"
	LoadRunning     = "RUNNING"
	LoadLoaded      = "LOADED"
	LoadAlready     = "ALREADY_LOADED" // the same delivery is the current version
	LoadQuarantined = "QUARANTINED"    // stored and not in use, until its provider has looked
	LoadRefused     = "REFUSED"
	LoadFailed      = "FAILED" // for no fault of the delivery
	LoadStopped     = "STOPPED"
)

// Steps of a load that runs, in their order.
const (
	StepCheck   = "check" // of the manifest, before anything is parsed
	StepParse   = "parse" // and encrypt, row by row
	StepQuality = "quality"
	StepStore   = "store" // the whole against the manifest, on its way to the disk
	StepCommit  = "commit"
)

// LoadView is a load as its loader and those who supervise see it: names, counts
// and times, never a value.
type LoadView struct {
	ID      string `json:"id"`
	Zone    string `json:"zone"`
	Dataset string `json:"dataset"`
	// Consents is the scenario, where what is brought is no rows of a dataset but
	// people's consents to that scenario, or their withdrawals.
	Consents string `json:"consents,omitempty"`
	Grant    string `json:"grant"`
	By       string `json:"by"`
	SHA256   string `json:"sha256"` // that the manifest names
	State    string `json:"state"`
	Step     string `json:"step,omitempty"`  // of one that runs
	Place    int    `json:"place,omitempty"` // of one that waits, from 1

	Rows     int64 `json:"rows"`     // read so far
	Expected int64 `json:"expected"` // that the manifest names
	Bytes    int64 `json:"bytes"`    // read so far, packed as they are
	Size     int64 `json:"size"`     // that the sender named, 0 if it did not

	Entered time.Time  `json:"entered"`
	Began   *time.Time `json:"began,omitempty"` // its turn came
	Ended   *time.Time `json:"ended,omitempty"`

	Version string `json:"version,omitempty"` // of data, once loaded
	Code    string `json:"code,omitempty"`    // why it was not
}

// Over reports whether the load has ended.
func (v LoadView) Over() bool { return v.Ended != nil }

// LoadsView is what of the gate's loads one person sees.
type LoadsView struct {
	AtOnce int        `json:"at_once"` // how many run at most
	Loads  []LoadView `json:"loads"`   // the newest first
}

// endedLoads is how many loads that ended are remembered. All of them stand in
// the audit log.
const endedLoads = 512

// loadBook knows the loads of this process: all that run or wait, and the last
// that ended. It is safe for concurrent use.
type loadBook struct {
	now func() time.Time

	mu      sync.Mutex
	live    []*loadEntry // in the order they entered
	ended   []*loadEntry // the oldest first, at most endedLoads
	closing bool
}

// loadEntry is one load in the book.
type loadEntry struct {
	rows, bytes atomic.Int64
	cancel      context.CancelCauseFunc

	mu        sync.Mutex // over the rest
	view      LoadView
	turn      *loadTurn
	regulator string // of the zone, once it is known
	receipt   Receipt
}

func newLoadBook(now func() time.Time) *loadBook { return &loadBook{now: now} }

// enter puts a load into the book until end or leave. It returns nil and the cause
// if the gate is stopping.
func (b *loadBook) enter(ctx context.Context, s Subject, v LoadView) (*loadEntry, context.Context, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing {
		return nil, nil, fail("STOPPING", errStopped)
	}
	at := b.now()
	v.ID, v.By, v.State, v.Step, v.Entered, v.Size = newID("load", at), s.user, LoadRunning, StepCheck, at.UTC(), max(v.Size, 0)
	l := &loadEntry{view: v}
	ctx, l.cancel = context.WithCancelCause(ctx)
	b.live = append(b.live, l)
	return l, ctx, nil
}

// view is how a load of the manifest begins, of a file of that size.
func (m Manifest) view(size int64) LoadView {
	return LoadView{Zone: clip(m.Zone), Dataset: clip(m.Dataset), Grant: clip(m.Grant), SHA256: clip(m.SHA256), Expected: m.Rows, Size: size}
}

// unlisted returns an entry of no book, for what is no load, and the context of
// it, which its sender's end ends.
func unlisted(ctx context.Context) (*loadEntry, context.Context) {
	l := &loadEntry{}
	ctx, l.cancel = context.WithCancelCause(ctx)
	return l, ctx
}

// end moves the load to those that ended.
func (b *loadBook) end(l *loadEntry, r *LoadReport, err error) {
	at := b.now().UTC()
	l.mu.Lock()
	l.view.Ended, l.view.Step, l.turn = &at, "", nil
	switch {
	case err == nil && r.Quarantined:
		l.view.State, l.view.Version = LoadQuarantined, r.Version
	case err == nil && r.Already:
		l.view.State, l.view.Version = LoadAlready, r.Version
	case err == nil:
		l.view.State, l.view.Version = LoadLoaded, r.Version
	default: // what happened to the load, not to whoever asks for it
		e := asError(err)
		l.view.Code = e.Code
		switch {
		case e.Code == "STOPPED" || e.Code == "STOPPING":
			l.view.State = LoadStopped
		case e.Class == ClassFailure || e.Class == ClassBusy:
			l.view.State = LoadFailed
		default:
			l.view.State = LoadRefused
		}
	}
	l.receipt = l.receiptOf(r, err)
	l.mu.Unlock()
	b.leave(l)
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.view.Code == "ROLE_REQUIRED" { // who may not load pushes nothing out of the book
		return
	}
	b.ended = append(b.ended, l)
	if n := len(b.ended) - endedLoads; n > 0 {
		b.ended = slices.Delete(b.ended, 0, n)
	}
}

// leave takes the load out of the book: nothing came of it that is to be remembered.
func (b *loadBook) leave(l *loadEntry) {
	l.cancel(nil)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.live = slices.DeleteFunc(b.live, func(o *loadEntry) bool { return o == l })
}

// shut lets no load enter any more.
func (b *loadBook) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closing = true
}

// stop stops every load.
func (b *loadBook) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.live {
		l.cancel(errStopped)
	}
}

// underWay is how many loads are not over.
func (b *loadBook) underWay() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.live)
}

// all returns the loads of the book, the newest first.
func (b *loadBook) all() []*loadEntry {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := slices.Concat(b.ended, b.live)
	slices.SortStableFunc(out, func(x, y *loadEntry) int { return y.view.Entered.Compare(x.view.Entered) })
	return out
}

// id is the load's, for good.
func (l *loadEntry) id() string { return l.view.ID }

// wait says that the load waits for its turn.
func (l *loadEntry) wait(t *loadTurn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view.State, l.view.Step, l.turn = LoadWaiting, "", t
}

// begin says that its turn has come.
func (l *loadEntry) begin(at time.Time) {
	at = at.UTC()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view.State, l.view.Step, l.view.Began, l.turn = LoadRunning, StepCheck, &at, nil
}

// step says what the load does from now on.
func (l *loadEntry) step(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view.Step = name
}

// belongs says which organization regulates the zone of the load.
func (l *loadEntry) belongs(regulator string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.regulator = regulator
}

// counted returns a reader of r that counts what is read, and ends the load if
// its sender does not give the whole file.
func (l *loadEntry) counted(r io.Reader) io.Reader { return &countedReader{r, l} }

type countedReader struct {
	io.Reader
	of *loadEntry
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.of.bytes.Add(int64(n))
	if err != nil && err != io.EOF {
		c.of.gone()
	}
	return n, err
}

// gone ends the load, whose sender gives nothing more.
func (l *loadEntry) gone() { l.cancel(errSenderGone) }

var errSenderGone = errors.New("query: the sender of the delivery is gone")

// seen returns the load as s may see it: a person their own, a zone regulator
// those of its zones, the others who supervise every one.
func (l *loadEntry) seen(s Subject) (LoadView, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.view.By != s.user && !s.any(registry.RoleAuditor, registry.RoleSecurity, registry.RoleCityAuthority) &&
		(!s.any(registry.RoleZoneRegulator) || l.regulator == "" || l.regulator != s.organization) {
		return LoadView{}, false
	}
	v := l.view
	v.Rows, v.Bytes = l.rows.Load(), l.bytes.Load()
	if l.turn != nil {
		v.Place = l.turn.place()
	}
	return v, true
}

// Loads returns the loads of this gate since it started that the person may see:
// those that run or wait, and the last that ended.
func (e *Engine) Loads(_ context.Context, s Subject) (*LoadsView, error) {
	if !s.any(registry.RoleDataCentre, registry.RoleAuditor, registry.RoleSecurity, registry.RoleCityAuthority, registry.RoleZoneRegulator) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	out := &LoadsView{AtOnce: e.cfg.Limits.Loads, Loads: []LoadView{}}
	for _, l := range e.book.all() {
		if v, ok := l.seen(s); ok {
			out.Loads = append(out.Loads, v)
		}
	}
	return out, nil
}

// LoadByID returns one of the loads that Loads lists. One that the person may not
// see is NOT_FOUND, as is one that never was.
func (e *Engine) LoadByID(_ context.Context, s Subject, id string) (*LoadView, error) {
	l, err := e.book.find(s, id)
	if err != nil {
		return nil, err
	}
	v, _ := l.seen(s)
	return &v, nil
}

// StopLoad ends a load of the person's own that waits or runs. One that is being
// committed may end loaded all the same; LoadByID says how it ended.
func (e *Engine) StopLoad(_ context.Context, s Subject, id string) (*LoadView, error) {
	l, err := e.book.find(s, id)
	if err != nil {
		return nil, err
	}
	v, _ := l.seen(s)
	if v.By != s.user {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	l.cancel(errCalledOff)
	return &v, nil
}

var errCalledOff = errors.New("query: called off")

func (b *loadBook) find(s Subject, id string) (*loadEntry, error) {
	for _, l := range b.all() {
		if _, ok := l.seen(s); ok && l.id() == id {
			return l, nil
		}
	}
	return nil, fail("NOT_FOUND", nil)
}

// busyLoads is the answer to a delivery that found the queue full.
func busyLoads(err error) *Error {
	out := fail("BUSY", err)
	var full *queueFull
	if !errors.As(err, &full) {
		return out
	}
	out.ZH = "装载队列已满,本次未装载"
	out.EN = "the queue of loads is full; this one was not read"
	out.HintZH, out.HintEN = "待在途装载结束后重试;用 zonebox loads ls 查看", "try again when some have ended; zonebox loads ls shows them"
	return out.because(fmt.Sprintf("%d 个在装载,该提供单位已有 %d 个在等候", full.running, full.waiting),
		fmt.Sprintf("%d run, %d of this provider wait already", full.running, full.waiting))
}
