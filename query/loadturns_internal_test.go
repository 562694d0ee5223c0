package query

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// brought is a delivery of a test: how it stands.
type brought struct {
	name   string
	turn   *loadTurn // set while it waits, and when it runs
	err    error
	cancel context.CancelCauseFunc
	done   chan struct{}
}

func bring(a *loadTurns, provider, name string, memory int64) *brought {
	ctx, cancel := context.WithCancelCause(context.Background())
	b := &brought{name: provider + "/" + name, cancel: cancel, done: make(chan struct{})}
	go func() {
		t, _, err := a.join(ctx, provider, dataset{"z", name}, memory, func(t *loadTurn) { b.turn = t })
		if b.err = err; err == nil {
			b.turn = t
		}
		close(b.done)
	}()
	synctest.Wait()
	return b
}

func (b *brought) state() string {
	select {
	case <-b.done:
		if b.err != nil {
			return "refused"
		}
		return "runs"
	default:
		return fmt.Sprintf("waits %d", b.turn.place())
	}
}

func wantLoads(t *testing.T, when string, all []*brought, want ...string) {
	t.Helper()
	synctest.Wait()
	var got []string
	for _, b := range all {
		got = append(got, b.state())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", when, got, want)
	}
}

func TestTwoLoadsOfOneDatasetNeverRunTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLoadTurns(Limits{Loads: 3, LoadQueue: 9, LoadMemory: 100})
		persons1, persons2, visits := bring(a, "p", "persons", 1), bring(a, "p", "persons", 1), bring(a, "p", "visits", 1)
		all := []*brought{persons1, persons2, visits}
		wantLoads(t, "with room for three", all, "runs", "waits 1", "runs")
		visits.turn.leave()
		wantLoads(t, "when another dataset is done", all, "runs", "waits 1", "runs")
		persons1.turn.leave()
		wantLoads(t, "when the first is done", all, "runs", "runs", "runs")
		persons2.turn.leave()
		persons2.turn.leave() // twice is once
		if len(a.running)+len(a.waiting)+len(a.providers)+len(a.served) != 0 || a.used != 0 {
			t.Errorf("at the end %+v is left", a)
		}
	})
}

func TestLoadsAreFairBetweenProvidersAndDatasets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLoadTurns(Limits{Loads: 2, LoadQueue: 9, LoadMemory: 100})
		a1, a2, a3, a4 := bring(a, "a", "x", 1), bring(a, "a", "y", 1), bring(a, "a", "x", 1), bring(a, "a", "z", 1)
		b1 := bring(a, "b", "w", 1)
		all := []*brought{a1, a2, a3, a4, b1}
		wantLoads(t, "at first", all, "runs", "runs", "waits 2", "waits 3", "waits 1")
		a1.turn.leave() // b has none running and goes first
		wantLoads(t, "when one of a is done", all, "runs", "runs", "waits 1", "waits 2", "runs")
		a2.turn.leave() // of a's datasets x was served and z was not
		wantLoads(t, "when another of a is done", all, "runs", "runs", "waits 1", "runs", "runs")
		b1.turn.leave()
		wantLoads(t, "when b is done", all, "runs", "runs", "runs", "runs", "runs")
	})
}

// A delivery that needs much memory is not overtaken for good by small ones, and
// one that needs more than there is runs alone.
func TestLoadsShareABoundedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLoadTurns(Limits{Loads: 4, LoadQueue: 9, LoadMemory: 10})
		first, big, small := bring(a, "p", "1", 6), bring(a, "p", "2", 50), bring(a, "p", "3", 1)
		all := []*brought{first, big, small}
		wantLoads(t, "beside one of 6", all, "runs", "waits 1", "waits 2")
		first.turn.leave()
		wantLoads(t, "alone", all, "runs", "runs", "waits 1")
		big.turn.leave()
		wantLoads(t, "after it", all, "runs", "runs", "runs")
	})
}

func TestAFullQueueOfLoadsSaysHowManyAreBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLoadTurns(Limits{Loads: 1, LoadQueue: 2, LoadMemory: 10})
		r, w1, w2, no := bring(a, "p", "1", 1), bring(a, "p", "2", 1), bring(a, "p", "3", 1), bring(a, "p", "4", 1)
		other := bring(a, "q", "5", 1)
		wantLoads(t, "of one provider", []*brought{r, w1, w2, no, other}, "runs", "waits 2", "waits 3", "refused", "waits 1")
		var full *queueFull
		if !errors.As(no.err, &full) || full.running != 1 || full.waiting != 2 || !errors.Is(no.err, errQueueFull) {
			t.Errorf("it is told %v", no.err)
		}
		told := busyLoads(no.err)
		if told.Code != "BUSY" || !strings.Contains(told.ZH, "1 个在装载,该提供单位已有 2 个在等候") || !strings.Contains(told.EN, "1 run, 2 of this provider wait already") {
			t.Errorf("who brought it reads %s %s %s", told.Code, told.ZH, told.EN)
		}
		gone := errors.New("gone")
		w1.cancel(gone)
		synctest.Wait()
		if w1.err != gone {
			t.Errorf("one that was called off ends with %v", w1.err)
		}
		a.close()
		synctest.Wait()
		if !errors.Is(w2.err, errStopped) || !errors.Is(other.err, errStopped) {
			t.Errorf("the gate stops and they end with %v and %v", w2.err, other.err)
		}
		r.turn.leave()
		if _, _, err := a.join(context.Background(), "p", dataset{"z", "x"}, 1, nil); !errors.Is(err, errStopped) {
			t.Errorf("after that one enters with %v", err)
		}
	})
}

// Whatever comes and goes: never more than may, never two of one dataset, never
// too much memory but of one alone, and nobody waits for ever.
func TestNobodyWaitsForEverAndNothingExceedsItsBound(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	a := newLoadTurns(Limits{Loads: 3, LoadQueue: 1000, LoadMemory: 10})
	var all []*loadTurn
	for range 3000 {
		if r.IntN(3) > 0 {
			if turn, _, err := a.enqueue(fmt.Sprint(r.IntN(4)), dataset{"z", fmt.Sprint(r.IntN(6))}, 1+r.Int64N(12)); err == nil {
				all = append(all, turn)
			}
		} else if len(all) > 0 {
			i := r.IntN(len(all))
			all[i].leave()
			all = slices.Delete(all, i, i+1)
		}
		at := map[dataset]bool{}
		for turn := range a.running {
			if at[turn.dataset] {
				t.Fatalf("seed %d: two loads of %v run", seed, turn.dataset)
			}
			at[turn.dataset] = true
		}
		if len(a.running) > 3 || a.used > 10 && len(a.running) > 1 {
			t.Fatalf("seed %d: %d run with %d bytes", seed, len(a.running), a.used)
		}
	}
	for len(all) > 0 {
		i := slices.IndexFunc(all, func(turn *loadTurn) bool { return turn.runs })
		if i < 0 {
			t.Fatalf("seed %d: %d wait and none runs", seed, len(all))
		}
		all[i].leave()
		all = slices.Delete(all, i, i+1)
	}
	if len(a.running)+len(a.waiting)+len(a.providers)+len(a.served) != 0 || a.used != 0 {
		t.Errorf("seed %d: at the end %+v is left", seed, a)
	}
}
