package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimitsThatLetNothingRunAreRefused(t *testing.T) {
	const memory = 2 << 30
	for _, l := range []Limits{{All: -1}, {Operator: -1}, {Queue: -1}, {Zone: -1}, {Loads: -1}, {ZoneMemory: memory - 1}, {ZoneMemory: -1}} {
		if got, err := l.withDefaults(memory); err == nil {
			t.Errorf("%+v gives %+v, want an error", l, got)
		}
	}
	l, err := Limits{All: 8, ZoneMemory: 5 << 30}.withDefaults(memory)
	if err != nil || l.Operator != 4 || l.Zone != 2 || l.Queue != 32 || l.Loads != 2 {
		t.Errorf("8 at once and 5 GiB of a zone = %+v, %v; want 4 for an operator, 2 in a zone, 32 waiting, 2 loads", l, err)
	}
	l, err = Limits{}.withDefaults(memory)
	if err != nil || l.All < 4 || l.Operator != l.All/2 || l.Zone != l.All {
		t.Errorf("default %+v, %v", l, err)
	}
}

// asked is a statement of a test: whose, where, and how it ended.
type asked struct {
	t      *turn
	err    error
	cancel context.CancelCauseFunc
	done   chan struct{}
}

func ask(a *admission, org, zone string) *asked {
	ctx, cancel := context.WithCancelCause(context.Background())
	q := &asked{cancel: cancel, done: make(chan struct{})}
	go func() {
		q.t, _, q.err = a.join(ctx, org, zone)
		close(q.done)
	}()
	synctest.Wait()
	return q
}

func (q *asked) state() string {
	select {
	case <-q.done:
		if q.err != nil {
			return "refused"
		}
		return "runs"
	default:
		return "waits"
	}
}

func TestTheOperatorWithTheFewestRunningGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Limits{All: 3, Operator: 2, Zone: 3, Queue: 2})
		a1, a2, a3, a4 := ask(a, "a", "z"), ask(a, "a", "z"), ask(a, "a", "z"), ask(a, "a", "z")
		b1, b2 := ask(a, "b", "z"), ask(a, "b", "z")
		c1 := ask(a, "c", "z")
		states := func() []string {
			synctest.Wait()
			return []string{a1.state(), a2.state(), a3.state(), a4.state(), b1.state(), b2.state(), c1.state()}
		}
		want := []string{"runs", "runs", "waits", "waits", "runs", "waits", "waits"}
		if got := states(); !slices.Equal(got, want) {
			t.Fatalf("at first %v, want %v", got, want)
		}
		if a5 := ask(a, "a", "z"); a5.state() != "refused" || !errors.Is(a5.err, errQueueFull) {
			t.Errorf("a third that waits is %s with %v, want a full queue", a5.state(), a5.err)
		}
		a1.t.leave() // a has one running, b one, c none
		want = []string{"runs", "runs", "waits", "waits", "runs", "waits", "runs"}
		if got := states(); !slices.Equal(got, want) {
			t.Errorf("when one left %v, want %v: c has none", got, want)
		}
		b1.t.leave() // a has one running, b none, c one
		want[5] = "runs"
		if got := states(); !slices.Equal(got, want) {
			t.Errorf("when another left %v, want %v: b has none", got, want)
		}
		b2.t.leave()
		c1.t.leave()
		want[2] = "runs" // a3 before a4, and a has no more than two
		if got := states(); !slices.Equal(got, want) {
			t.Errorf("when b and c left %v, want %v", got, want)
		}
		for _, q := range []*asked{a2, a3} {
			q.t.leave()
			q.t.leave() // twice is once
		}
		if got := states(); got[3] != "runs" {
			t.Errorf("the last one %s", got[3])
		}
		a4.t.leave()
		if len(a.operators) != 0 || len(a.zones) != 0 || a.running != 0 {
			t.Errorf("at the end %d operators, %d zones and %d running are left", len(a.operators), len(a.zones), a.running)
		}
	})
}

func TestWaitingEndsWithTheContextAndWithTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Limits{All: 1, Operator: 1, Zone: 1, Queue: 4})
		first, second, third, fourth := ask(a, "a", "z"), ask(a, "a", "z"), ask(a, "a", "z"), ask(a, "b", "z")
		suspended := errors.New("suspended")
		second.cancel(suspended)
		synctest.Wait()
		if second.state() != "refused" || second.err != suspended {
			t.Errorf("a suspended one %s with %v", second.state(), second.err)
		}
		fourth.cancel(context.Canceled)
		synctest.Wait()
		first.t.leave()
		synctest.Wait()
		if third.state() != "runs" {
			t.Errorf("the next one %s: those that went away still count", third.state())
		}
		last := ask(a, "b", "z")
		a.close()
		synctest.Wait()
		if last.state() != "refused" || !errors.Is(last.err, errStopped) {
			t.Errorf("when the gate stops one that waits %s with %v", last.state(), last.err)
		}
		if late := ask(a, "c", "z"); !errors.Is(late.err, errStopped) {
			t.Errorf("one that comes late gets %v", late.err)
		}
		third.t.leave()
		if len(a.operators) != 0 || a.running != 0 {
			t.Errorf("%d operators and %d running are left", len(a.operators), a.running)
		}
	})
}

// The end of the gate sends away all who wait, several of one operator that has
// nothing running too.
func TestTheEndOfTheGateSendsAwaySeveralOfOneOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Limits{All: 1, Operator: 1, Zone: 1, Queue: 4})
		first := ask(a, "a", "z")
		waiting := []*asked{ask(a, "b", "z"), ask(a, "b", "z"), ask(a, "b", "z")}
		a.close()
		synctest.Wait()
		for _, w := range waiting {
			if w.state() != "refused" || !errors.Is(w.err, errStopped) {
				t.Errorf("one that waits %s with %v", w.state(), w.err)
			}
		}
		first.t.leave()
		if len(a.operators) != 0 || a.running != 0 {
			t.Errorf("%d operators and %d running are left", len(a.operators), a.running)
		}
	})
}

// Arrivals, ends and cancellations in any order keep every bound, lose no place
// and starve nobody.
func TestAdmissionUnderRandomLoad(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { simulate(t, seed) })
		})
	}
}

func simulate(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	l := Limits{All: 1 + rnd.IntN(6), Queue: 1 + rnd.IntN(5)}
	l.Operator, l.Zone = 1+rnd.IntN(l.All), 1+rnd.IntN(l.All)
	a := newAdmission(l)
	type job struct {
		org, zone string
		arrived   time.Time
		number    int
	}
	type seen struct {
		running, orgs, zones map[string]int
		came                 map[string]map[int]time.Time // when a number of an organization came to run
	}
	s := seen{map[string]int{}, map[string]int{}, map[string]int{}, map[string]map[int]time.Time{}}
	numbers := map[string]int{}
	ended := make(chan string, 1000)
	var longest time.Duration
	const runtime = 10 * time.Second
	turns := make(chan struct{}, 1) // guards s: the runs report one at a time
	start := func(j job, patience time.Duration) {
		ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errors.New("impatient"))
		defer cancel()
		turn, waited, err := a.join(ctx, j.org, j.zone)
		if err != nil {
			ended <- "gave up"
			return
		}
		turns <- struct{}{}
		s.running["all"]++
		s.orgs[j.org]++
		s.zones[j.zone]++
		if s.came[j.org] == nil {
			s.came[j.org] = map[int]time.Time{}
		}
		s.came[j.org][j.number] = time.Now()
		if s.running["all"] > l.All || s.orgs[j.org] > l.Operator || s.zones[j.zone] > l.Zone {
			t.Errorf("over a bound of %+v: %v %v %v", l, s.running, s.orgs, s.zones)
		}
		if w := time.Since(j.arrived); w > longest {
			longest = w
		}
		if !waited && time.Since(j.arrived) > 0 {
			t.Errorf("%v passed for one that did not wait", time.Since(j.arrived))
		}
		<-turns
		time.Sleep(time.Duration(1+j.number*7%10) * runtime / 10)
		turns <- struct{}{}
		s.running["all"]--
		s.orgs[j.org]--
		s.zones[j.zone]--
		<-turns
		turn.leave()
		ended <- "ran"
	}
	const jobs = 300
	for range jobs {
		org := string(rune('a' + min(rnd.IntN(8), rnd.IntN(8)))) // a asks most
		numbers[org]++
		patience := time.Hour
		if rnd.IntN(4) == 0 {
			patience = time.Duration(rnd.IntN(20)) * time.Second
		}
		go start(job{org: org, zone: string(rune('x' + rnd.IntN(3))), arrived: time.Now(), number: numbers[org]}, patience)
		synctest.Wait() // in the order they are numbered
		time.Sleep(time.Duration(rnd.IntN(4)) * time.Second)
	}
	for range jobs {
		<-ended
	}
	for org, came := range s.came {
		numbers := slices.Sorted(maps.Keys(came))
		for i := range len(numbers) - 1 {
			if came[numbers[i+1]].Before(came[numbers[i]]) {
				t.Errorf("%s's statement %d ran before %d", org, numbers[i+1], numbers[i])
			}
		}
	}
	// Eight operators with five waiting each, in the worst case one at a time.
	if most := 8 * time.Duration(l.Queue+1) * runtime; longest > most {
		t.Errorf("one waited %v, more than %v", longest, most)
	}
	if len(a.operators) != 0 || len(a.zones) != 0 || a.running != 0 {
		t.Errorf("at the end %d operators, %d zones and %d running are left", len(a.operators), len(a.zones), a.running)
	}
}
