package sandbox_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"zonebox/sandbox"
	"zonebox/sandbox/internal/wire"
)

// causes are the errors a caller tells apart. An error must be one of them only.
var causes = []error{sandbox.ErrKilled, sandbox.ErrMemory, sandbox.ErrTime, sandbox.ErrOutput, sandbox.ErrProtocol,
	sandbox.ErrTree, sandbox.ErrIsolation, sandbox.ErrUse, context.Canceled}

// faultPools are the pools that faulty workers come from.
type faultPools struct {
	usual      *sandbox.Pool
	hasty      *sandbox.Pool // sessions of 300 ms
	unfiltered *sandbox.Pool // workers without the filter of system calls
}

// A fault is a way for a worker to go wrong.
type fault struct {
	rule string
	want error
	ask  func(t *testing.T, p faultPools) error
}

// spoiled returns a session of p that spoil has got hold of. One whose time was up
// before that, on a busy machine, shows nothing, and another is taken.
func spoiled(t *testing.T, p *sandbox.Pool, spoil func(s *sandbox.Session) error) (*sandbox.Session, error) {
	t.Helper()
	for tries := 1; ; tries++ {
		s, err := p.Start(t.Context())
		if err != nil {
			return nil, err
		}
		if err = spoil(s); err == nil {
			return s, nil
		}
		_ = s.Close()
		if !errors.Is(err, sandbox.ErrTime) || tries == 50 {
			t.Fatalf("the worker could not be spoiled: %v", err)
		}
	}
}

// execute runs sql in a worker of p that spoil has got hold of.
func execute(t *testing.T, p *sandbox.Pool, sql string, tree [32]byte, lim sandbox.Limits, spoil func(s *sandbox.Session) error) error {
	t.Helper()
	s, err := spoiled(t, p, spoil)
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.Execute(t.Context(), sql, tree, lim)
	if err != nil {
		return err
	}
	_, err = rows(r, nil)
	if _, again := r.Next(); err != nil && again != err {
		t.Errorf("Next() after %v = %v, want the same error", err, again)
	}
	return err
}

// answering has the worker answer the next request in the way named.
func answering(way string, frames ...[]byte) func(*sandbox.Session) error {
	return func(s *sandbox.Session) error {
		_, err := s.Probe(way + " " + string(join(frames...)))
		return err
	}
}

func faults(t *testing.T) []fault {
	schema := wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: []sandbox.Column{{Name: "n", Type: "BIGINT"}}})
	texts := wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: []sandbox.Column{{Name: "n", Type: "VARCHAR"}}})
	done := func(rows int64) []byte { return wire.AppendJSON(nil, wire.Done, wire.DoneMessage{Rows: rows}) }
	full := batch(t, make([]int64, 10_000))
	noise := wire.Append(nil, wire.Batch, []byte(strings.Repeat("\xff\xff\xff\xff noise", 1000)))
	huge := append(binary.LittleEndian.AppendUint32(nil, math.MaxUint32), byte(wire.Batch))
	lim := sandbox.Limits{Rows: 100_000}
	answer := func(rule string, want error, way string, frames ...[]byte) fault {
		return fault{rule, want, func(t *testing.T, p faultPools) error {
			return execute(t, p.usual, `SELECT 1`, [32]byte{}, lim, answering(way, frames...))
		}}
	}
	signal := func(rule string, sig syscall.Signal) fault {
		return fault{rule, sandbox.ErrKilled, func(t *testing.T, p faultPools) error {
			return execute(t, p.usual, forever, treeOf(t, forever), lim, func(s *sandbox.Session) error {
				time.AfterFunc(20*time.Millisecond, func() { _ = s.Kill(sig) })
				return nil
			})
		}}
	}
	parse := func(rule string, way string, frames ...[]byte) fault {
		return fault{rule, sandbox.ErrProtocol, func(t *testing.T, p faultPools) error {
			s, err := spoiled(t, p.usual, answering(way, frames...))
			if err != nil {
				return err
			}
			defer s.Close()
			for range 2 { // what comes too early is seen at the next request
				for end := time.Now().Add(10 * time.Second); way == "early" && s.Unread(t) == 0 && time.Now().Before(end); {
					time.Sleep(time.Millisecond)
				}
				if _, err := s.Parse(t.Context(), `SELECT 1`); err != nil {
					return err
				}
			}
			return nil
		}}
	}
	return []fault{
		{"more memory than allowed", sandbox.ErrMemory, func(t *testing.T, p faultPools) error {
			sql := `SELECT length(repeat('x', 2000000000))`
			return execute(t, p.usual, sql, treeOf(t, sql), lim, func(*sandbox.Session) error { return nil })
		}},
		signal("a fault of memory", syscall.SIGSEGV),
		signal("an abort", syscall.SIGABRT),
		signal("killed from outside", syscall.SIGKILL),
		{"stopped for ever", sandbox.ErrTime, func(t *testing.T, p faultPools) error {
			return execute(t, p.hasty, forever, treeOf(t, forever), lim, func(s *sandbox.Session) error { return s.Kill(syscall.SIGSTOP) })
		}},
		{"no end of computing", sandbox.ErrTime, func(t *testing.T, p faultPools) error {
			return execute(t, p.hasty, forever, treeOf(t, forever), lim, func(*sandbox.Session) error { return nil })
		}},
		{"no answer", sandbox.ErrTime, func(t *testing.T, p faultPools) error {
			return execute(t, p.hasty, `SELECT 1`, [32]byte{}, lim, answering("rogue"))
		}},
		{"bytes one by one", sandbox.ErrTime, func(t *testing.T, p faultPools) error {
			return execute(t, p.hasty, `SELECT 1`, [32]byte{}, lim, answering("drip", schema, full))
		}},
		{"a delivery it does not read", sandbox.ErrTime, func(t *testing.T, p faultPools) error {
			s, err := spoiled(t, p.hasty, answering("rogue"))
			if err != nil {
				return err
			}
			defer s.Close()
			_, err = s.Read(t.Context(), sandbox.Delivery{Format: "csv", Columns: []sandbox.Column{{Name: "n", Type: "BIGINT"}}, Source: endless{}})
			return err
		}},
		answer("noise for a batch", sandbox.ErrProtocol, "rogue", schema, noise),
		answer("a batch of another schema", sandbox.ErrProtocol, "rogue", texts, full, done(10_000)),
		{"another schema than approved", sandbox.ErrProtocol, func(t *testing.T, p faultPools) error {
			lim := sandbox.Limits{Schema: []sandbox.Column{{Name: "n", Type: "BIGINT"}}}
			return execute(t, p.usual, `SELECT 1`, [32]byte{}, lim, answering("rogue", texts, done(0)))
		}},
		answer("a second schema", sandbox.ErrProtocol, "rogue", schema, full, schema, done(10_000)),
		answer("a frame of four gigabytes", sandbox.ErrProtocol, "rogue", schema, huge),
		answer("batches for ever", sandbox.ErrOutput, "endless", schema, full),
		{"rows one by one for ever", sandbox.ErrOutput, func(t *testing.T, p faultPools) error { // fewer: each is a frame of its own
			return execute(t, p.usual, `SELECT 1`, [32]byte{}, sandbox.Limits{Rows: 2000}, answering("endless", schema, batch(t, []int64{1})))
		}},
		answer("frames of another answer for ever", sandbox.ErrProtocol, "endless", schema, wire.Append(nil, wire.Tree, []byte("{}"))),
		parse("an empty part of a tree for ever", "endless", wire.Append(nil, wire.Tree, nil)),
		parse("a small part of a tree for ever", "endless", wire.Append(nil, wire.Tree, []byte(" "))),
		parse("two answers to one request", "rogue", wire.Append(nil, wire.Tree, []byte("{}")), done(0), done(0)),
		parse("an answer before there is a request", "early", wire.Append(nil, wire.Tree, []byte("{}")), done(0)),
		answer("more rows told than sent", sandbox.ErrProtocol, "rogue", schema, full, done(math.MaxInt64)),
		answer("a frame cut short", sandbox.ErrKilled, "leave", schema, full[:len(full)/2]),
		answer("a connection closed", sandbox.ErrKilled, "hangup", schema, full),
		answer("an end before the end", sandbox.ErrKilled, "leave", schema, full),
		answer("a word of its own", sandbox.ErrProtocol, "rogue", wire.AppendJSON(nil, wire.Fault, wire.FaultMessage{Code: "李四", Offset: -1, Column: -1})),
		{"descriptors with every byte", sandbox.ErrProtocol, func(t *testing.T, p faultPools) error {
			return execute(t, p.unfiltered, `SELECT 1`, [32]byte{}, lim, answering("rights", schema, full, done(1)))
		}},
	}
}

// endless is a source without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// treeOf returns the tree hash of sql from a pool of its own, once.
func treeOf(t *testing.T, sql string) [32]byte {
	t.Helper()
	trees.Lock()
	defer trees.Unlock()
	h, ok := trees.of[sql]
	if !ok {
		h = hash(t, pool(t, sandbox.Config{}), sql)
		trees.of[sql] = h
	}
	return h
}

var trees = struct {
	sync.Mutex
	of map[string][32]byte
}{of: map[string][32]byte{}}

// TestEveryFaultOfAWorkerIsOneError lets workers go wrong in every way, again and
// again, while another client asks: each fault is one error that says what it
// was, and nothing is left of it.
func TestEveryFaultOfAWorkerIsOneError(t *testing.T) {
	rounds := 2
	if campaign() {
		rounds = 20
	}
	p := faultPools{
		usual:      pool(t, sandbox.Config{Memory: 256 << 20, Wall: 10 * time.Second, Pool: 2}),
		hasty:      pool(t, sandbox.Config{Wall: 300 * time.Millisecond, Load: 300 * time.Millisecond}),
		unfiltered: pool(t, sandbox.Skipping(sandbox.Config{}, "seccomp")),
	}
	h := treeOf(t, `SELECT 42`)
	other := func(during <-chan struct{}) (took []time.Duration) {
		for {
			begun := time.Now()
			if err := execute(t, p.usual, `SELECT 42`, h, sandbox.Limits{}, func(*sandbox.Session) error { return nil }); err != nil {
				t.Errorf("another session: Execute() = %v", err)
				return took
			}
			took = append(took, time.Since(begun))
			select {
			case <-during:
				return took
			case <-time.After(60 * time.Millisecond):
			}
		}
	}
	all := faults(t)
	round := func() {
		for _, f := range all {
			err := f.ask(t, p)
			if !errors.Is(err, f.want) {
				t.Errorf("%s: %v, want %v", f.rule, err, f.want)
				continue
			}
			for _, c := range causes {
				if c != f.want && errors.Is(err, c) {
					t.Errorf("%s: %v is %v too", f.rule, err, c)
				}
			}
			if text := err.Error(); len(text) > 120 || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Errorf("%s: the error's text %q is not the gate's own", f.rule, text)
			}
		}
	}
	round() // what one round takes once, such as the heap's size, is no growth
	beside := func(what func()) (took []time.Duration) {
		over := make(chan struct{})
		var neighbor sync.WaitGroup
		neighbor.Go(func() { took = other(over) })
		what()
		close(over)
		neighbor.Wait()
		return took
	}
	honest := beside(func() {
		for range 20 * rounds {
			if err := execute(t, p.usual, `SELECT 42`, h, sandbox.Limits{}, func(*sandbox.Session) error { return nil }); err != nil {
				t.Errorf("Execute() = %v", err)
			}
		}
	})
	before := settled(t, p)
	faulty := beside(func() {
		for range rounds {
			round()
		}
	})
	after := settled(t, p)
	t.Logf("%d faults %d times; another session beside them took p50 %v p99 %v, beside an honest one p50 %v p99 %v; before %v, after %v", len(all), rounds,
		quantile(faulty, 50), quantile(faulty, 99), quantile(honest, 50), quantile(honest, 99), before, after)
	if after.descriptors > before.descriptors || after.zombies > 0 || after.children > before.children || after.goroutines > before.goroutines ||
		after.resident > before.resident+10<<20 {
		t.Errorf("after %d rounds of faults: %v, before %v", rounds, after, before)
	}
}

// settled waits until the pools are full and at rest.
func settled(t *testing.T, p faultPools) held {
	for tries := 0; tries < 3000; tries++ {
		full := true
		for p, idle := range map[*sandbox.Pool]int{p.usual: 2, p.hasty: 1, p.unfiltered: 1} {
			s := p.Stats()
			full = full && s.InUse+s.Starting == 0 && s.Idle == idle
		}
		if full {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return holds(t)
}

func quantile(d []time.Duration, percent int) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)*percent/100].Round(100 * time.Microsecond)
}
