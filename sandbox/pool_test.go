package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"zonebox/sandbox"
)

// forever is a statement that one function call takes minutes for.
const forever = `SELECT sum(levenshtein(repeat('ab', 30000), repeat('ba', 30000 + x::INTEGER))) FROM range(1000) t(x)`

func TestClosingAPoolWaitsForSessionsInUse(t *testing.T) {
	p := pool(t, sandbox.Config{Pool: 2})
	h := hash(t, p, forever)
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := rows(s.Execute(t.Context(), forever, h, sandbox.Limits{}))
		ended <- err
	}()
	time.Sleep(100 * time.Millisecond)
	if err := p.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	if s.Alive() || syscall.Kill(s.Pid(), 0) != syscall.ESRCH {
		t.Error("Close() returned before the worker in use was reaped")
	}
	if err := <-ended; !errors.Is(err, sandbox.ErrKilled) {
		t.Errorf("Execute() = %v, want ErrKilled", err)
	}
	if got := p.Stats(); got.Idle+got.Starting+got.InUse != 0 || got.Died != 0 {
		t.Errorf("Stats() after Close() = %+v, want no worker and none that died by itself", got)
	}
	if _, err := p.Start(t.Context()); !errors.Is(err, sandbox.ErrKilled) {
		t.Errorf("Start() after Close() = %v, want ErrKilled", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Session.Close() after Pool.Close() = %v", err)
	}
}

func TestAPoolCountsItsWorkers(t *testing.T) {
	made := make(chan *sandbox.Session, 8)
	p, err := sandbox.NewPoolStarting(sandbox.Config{Pool: 2, Worker: worker}, func(start func(context.Context) (*sandbox.Session, error)) func(context.Context) (*sandbox.Session, error) {
		return func(ctx context.Context) (*sandbox.Session, error) {
			s, err := start(ctx)
			made <- s
			return s, err
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	want := func(rule string, want sandbox.Stats) {
		t.Helper()
		var got sandbox.Stats
		for range 3000 {
			if got = p.Stats(); got == want {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("Stats() %s = %+v, want %+v", rule, got, want)
	}
	want("at rest", sandbox.Stats{Idle: 2, Started: 2})
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want("with one in use", sandbox.Stats{Idle: 2, InUse: 1, Started: 3})
	_ = s.Close()
	want("after its close", sandbox.Stats{Idle: 2, Started: 3})
	if s, err = p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = s.Kill(syscall.SIGSEGV)
	if _, err := s.Parse(t.Context(), `SELECT 1`); !errors.Is(err, sandbox.ErrKilled) {
		t.Errorf("Parse() = %v, want ErrKilled", err)
	}
	_ = s.Close()
	// Whoever reads figures and asks at once learns nothing of how a statement ended.
	want("after the death of one in use", sandbox.Stats{Idle: 2, Started: 4})
	for waits := range made { // the ones that were handed out are gone
		if waits.Alive() {
			_ = waits.Kill(syscall.SIGSEGV)
			break
		}
	}
	want("after the death of one that waits", sandbox.Stats{Idle: 2, Started: 5, Died: 1})
}

// starts lets tests choose what a pool's n-th start from 0 on gives; nil is a
// worker.
func starts(t *testing.T, cfg sandbox.Config, outcome func(n int64) error) *sandbox.Pool {
	t.Helper()
	cfg.Worker = worker
	var n atomic.Int64
	p, err := sandbox.NewPoolStarting(cfg, func(start func(context.Context) (*sandbox.Session, error)) func(context.Context) (*sandbox.Session, error) {
		return func(ctx context.Context) (*sandbox.Session, error) {
			if err := outcome(n.Add(1) - 1); err != nil {
				return nil, err
			}
			return start(ctx)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestAStartThatFailsForAMomentIsTriedAgain(t *testing.T) {
	for _, passing := range []error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, sandbox.ErrKilled} {
		p := starts(t, sandbox.Config{}, func(n int64) error {
			if n >= 1 && n <= 4 {
				return fmt.Errorf("start worker: %w", passing)
			}
			return nil
		})
		for i := range 3 {
			s, err := p.Start(t.Context())
			if err != nil {
				t.Fatalf("Start() %d with four starts of %v = %v", i, passing, err)
			}
			_ = s.Close()
		}
		if got := p.Stats(); got.Failed != 4 {
			t.Errorf("Stats() = %+v, want 4 failed", got)
		}
	}
}

func TestStartsThatKeepFailingAreToldAndDoNotHang(t *testing.T) {
	for _, c := range []struct {
		cause error
		most  time.Duration // of the quickest of some calls: the machine may have other work
	}{
		{syscall.EAGAIN, 8 * time.Second},
		{sandbox.ErrIsolation, time.Second},
	} {
		var healed atomic.Bool
		taken := make(chan struct{}) // the one worker there is
		p := starts(t, sandbox.Config{Pool: 2}, func(n int64) error {
			if n > 0 && !healed.Load() {
				<-taken
				return fmt.Errorf("start worker: %w", c.cause)
			}
			return nil
		})
		s, err := p.Start(t.Context())
		close(taken)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
		quickest := time.Hour
		for tries := 0; tries < 5 && quickest > c.most; tries++ {
			begun := time.Now()
			if _, err := p.Start(t.Context()); !errors.Is(err, c.cause) {
				t.Errorf("Start() = %v, want %v", err, c.cause)
			}
			quickest = min(quickest, time.Since(begun))
		}
		if quickest > c.most {
			t.Errorf("Start() with %v took %v, want at most %v", c.cause, quickest, c.most)
		}
		healed.Store(true)
		begun := time.Now()
		for s, err = p.Start(t.Context()); err != nil; s, err = p.Start(t.Context()) {
			if time.Since(begun) > 60*time.Second {
				t.Fatalf("Start() after the cause is gone = %v", err)
			}
		}
		_ = s.Close()
	}
}

func TestAProgramThatIsNoWorkerMakesNoPool(t *testing.T) {
	before := descriptors(t)
	p, err := sandbox.NewPool(sandbox.Config{Worker: "/bin/true"})
	if err == nil {
		_ = p.Close()
		t.Fatal("NewPool() of /bin/true made a pool")
	}
	// That it died may pass, in a pool that has had a worker: it is started again.
	if !errors.Is(err, sandbox.ErrIsolation) || !errors.Is(err, sandbox.ErrKilled) {
		t.Errorf("NewPool() = %v, want ErrIsolation and ErrKilled", err)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors after, %d before", after, before)
	}
}

func TestAWorkerThatDiesIdleIsReplaced(t *testing.T) {
	first := make(chan *sandbox.Session, 1)
	p, err := sandbox.NewPoolStarting(sandbox.Config{Worker: worker}, func(start func(context.Context) (*sandbox.Session, error)) func(context.Context) (*sandbox.Session, error) {
		return func(ctx context.Context) (*sandbox.Session, error) {
			s, err := start(ctx)
			select {
			case first <- s:
			default:
			}
			return s, err
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := (<-first).Kill(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	want := sandbox.Stats{Idle: 1, Started: 2, Died: 1}
	for range 3000 {
		if p.Stats() == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("Stats() = %+v, want %+v", p.Stats(), want)
}

// TestAWorkerMayDieAtAnyMoment kills workers from the start's end on, so that
// some die idle, some as they are handed out, some in each request.
func TestAWorkerMayDieAtAnyMoment(t *testing.T) {
	var deaths atomic.Int64
	var killers sync.WaitGroup
	cfg := sandbox.Config{Worker: worker, Pool: 2}
	p, err := sandbox.NewPoolStarting(cfg, func(start func(context.Context) (*sandbox.Session, error)) func(context.Context) (*sandbox.Session, error) {
		var n atomic.Int64
		return func(ctx context.Context) (*sandbox.Session, error) {
			s, err := start(ctx)
			if i := n.Add(1); err == nil && i > 4 && i%3 > 0 {
				killers.Go(func() {
					time.Sleep(time.Duration(i%40) * time.Millisecond)
					if s.Kill(syscall.SIGKILL) == nil {
						deaths.Add(1)
					}
				})
			}
			return s, err
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	h := hash(t, p, `SELECT 1`)
	served, refused := 0, 0
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for served < 40 {
		s, err := p.Start(ctx)
		if err != nil {
			t.Fatalf("Start() = %v after %d served, %d refused", err, served, refused)
		}
		got, err := rows(s.Execute(ctx, `SELECT 1`, h, sandbox.Limits{}))
		switch {
		case err == nil && len(got) == 1:
			served++
		case errors.Is(err, sandbox.ErrKilled):
			refused++
		default:
			t.Fatalf("Execute() = %v, %v, want a row or ErrKilled", got, err)
		}
		_ = s.Close()
	}
	killers.Wait()
	t.Logf("%d served, %d refused, %d killed, %+v", served, refused, deaths.Load(), p.Stats())
	if deaths.Load() == 0 {
		t.Error("no worker died: the test shows nothing")
	}
}
