package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

const (
	// refillPause is how long the next worker's start waits for the question
	// that took the last one, unless somebody waits for a worker.
	refillPause = 30 * time.Millisecond
	// leastBackoff doubles up to mostBackoff with every start that fails.
	leastBackoff = 20 * time.Millisecond
	mostBackoff  = 2 * time.Second
	// patience is how long callers wait out failures that may pass.
	patience = 2 * time.Second
)

// errClosed is what a session ends of when its pool closes.
var errClosed = fmt.Errorf("%w: pool is closed", ErrKilled)

// Stats counts the workers of a pool.
type Stats struct {
	Idle     int   `json:"idle"`     // wait, confined
	Starting int   `json:"starting"` // not ready yet
	InUse    int   `json:"in_use"`   // handed out and not yet reaped
	Started  int64 `json:"started"`  // all that ever got ready
	Died     int64 `json:"died"`     // of those, by themselves before they were handed out
	Failed   int64 `json:"failed"`   // starts that gave no worker
}

// A Pool starts workers. It is safe for concurrent use.
type Pool struct {
	cfg    Config
	start  func(context.Context) (*Session, error)
	idle   chan *Session
	failed chan error
	pause  time.Duration
	ctx    context.Context
	end    context.CancelFunc
	done   chan struct{} // closed when the last worker is reaped

	keepers, reapers sync.WaitGroup

	mu      sync.Mutex
	stats   Stats
	workers map[*Session]bool // true: in use
	waiting int               // callers of Start
	lately  time.Time         // the last start that succeeded
	wake    chan struct{}     // closed and renewed when waiting grows
}

// NewPool starts a first worker and returns an error wrapping ErrIsolation if
// this host cannot confine it as cfg.Require asks.
func NewPool(cfg Config) (*Pool, error) {
	cfg = cfg.withDefaults()
	h, err := newHost(cfg)
	if err != nil {
		return nil, err
	}
	p, err := newPool(cfg, h.start, h.close)
	if err != nil {
		h.close()
	}
	return p, err
}

// newPool returns a pool of the workers start returns; release is called when
// the last of them is gone.
func newPool(cfg Config, start func(context.Context) (*Session, error), release func()) (*Pool, error) {
	p := &Pool{cfg: cfg, start: start, idle: make(chan *Session), failed: make(chan error), pause: refillPause,
		done: make(chan struct{}), workers: map[*Session]bool{}, wake: make(chan struct{})}
	p.ctx, p.end = context.WithCancel(context.Background())
	first, err := p.launch()
	if err != nil {
		p.end()
		return nil, err
	}
	for range cfg.Pool {
		s := first
		first = nil
		p.keepers.Go(func() { p.keep(s) })
	}
	go func() {
		p.keepers.Wait() // nobody starts a worker any more
		p.reapers.Wait()
		release()
		close(p.done)
	}()
	return p, nil
}

// keep has one worker waiting at all times, s first.
func (p *Pool) keep(s *Session) {
	backoff := leastBackoff
	for p.ctx.Err() == nil {
		if s == nil {
			var err error
			if s, err = p.launch(); err != nil {
				p.fail(err, backoff)
				backoff = min(2*backoff, mostBackoff)
				continue
			}
			backoff = leastBackoff
		}
		select {
		case p.idle <- s:
			p.rest()
		case <-s.exited:
			_ = s.Close()
		case <-p.ctx.Done():
			_ = s.Close()
		}
		s = nil
	}
	if s != nil {
		_ = s.Close()
	}
}

// launch starts a worker and sees to it that its end is noticed.
func (p *Pool) launch() (*Session, error) {
	p.count(func(s *Stats) { s.Starting++ })
	s, err := p.start(p.ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Starting--
	if err != nil {
		p.stats.Failed++
		return nil, err
	}
	p.stats.Started++
	p.stats.Idle++
	p.lately = time.Now()
	p.workers[s] = false
	p.reapers.Go(func() {
		<-s.exited
		p.reaped(s)
	})
	return s, nil
}

func (p *Pool) count(change func(*Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.stats)
}

func (p *Pool) reaped(s *Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.workers[s] {
		p.stats.InUse--
	} else {
		p.stats.Idle--
		if s.alone {
			p.stats.Died++
		}
	}
	delete(p.workers, s)
}

// rest delays the start of the next worker, which costs about 25 ms of one CPU,
// until the question that took the last one has had a moment for itself.
func (p *Pool) rest() {
	over := time.NewTimer(p.pause)
	defer over.Stop()
	for {
		p.mu.Lock()
		wanted, wake := p.waiting > 0, p.wake
		p.mu.Unlock()
		if wanted {
			return
		}
		select {
		case <-wake:
		case <-over.C:
			return
		case <-p.ctx.Done():
			return
		}
	}
}

// fail hands err to whoever waits for a worker until it is time to try again. A
// failure that may pass is told only when no worker has got ready for a while.
func (p *Pool) fail(err error, backoff time.Duration) {
	p.mu.Lock()
	failed := p.failed
	if passing(err) && time.Since(p.lately) < patience {
		failed = nil
	}
	p.mu.Unlock()
	again := time.After(backoff)
	for {
		select {
		case failed <- err:
		case <-again:
			return
		case <-p.ctx.Done():
			return
		}
	}
}

// passing reports whether a start that failed with err may succeed soon: the
// host was short of processes, memory or descriptors, or the worker died.
func passing(err error) bool {
	for _, e := range []error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, ErrKilled} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Start hands out a confined worker. The session ends at the latest when ctx
// does or after Config.Wall; the caller closes it.
//
// Start returns an error wrapping ErrIsolation if a worker could not be confined,
// the start's error if workers have failed to start for two seconds, and the
// context's error if none was ready in time.
func (p *Pool) Start(ctx context.Context) (*Session, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for {
		s, err := p.next(ctx)
		if err != nil {
			return nil, err
		}
		if p.take(s) {
			s.begin(ctx, p.cfg.Wall)
			return s, nil
		}
	}
}

// next returns a worker that was ready, at once if there is one.
func (p *Pool) next(ctx context.Context) (*Session, error) {
	select {
	case s := <-p.idle:
		return s, nil
	default:
	}
	p.want(1)
	defer p.want(-1)
	select {
	case s := <-p.idle:
		return s, nil
	case err := <-p.failed:
		return nil, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-p.ctx.Done():
		return nil, fmt.Errorf("sandbox: start: %w", errClosed)
	}
}

// want counts callers that wait and ends the keepers' rest for them.
func (p *Pool) want(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting += n
	if n > 0 {
		close(p.wake)
		p.wake = make(chan struct{})
	}
}

// take marks s as in use. It returns false if s is gone.
func (p *Pool) take(s *Session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, here := p.workers[s]; !here || p.ctx.Err() != nil {
		return false
	}
	p.workers[s] = true
	p.stats.Idle--
	p.stats.InUse++
	return true
}

// Stats returns what the pool does now and has done.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// Close kills every worker of the pool, sessions in use too, and returns when
// all are reaped. Calls of sessions in use return an error; they are still to be
// closed.
func (p *Pool) Close() error {
	p.end()
	p.mu.Lock()
	for s := range p.workers {
		s.kill(errClosed)
	}
	p.mu.Unlock()
	<-p.done
	return nil
}
