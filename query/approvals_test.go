package query_test

import (
	"slices"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// waiting asks for records and returns the run, which waits for the regulator, or for
// its requester if approved.
func waiting(t *testing.T, d *querytest.Domain, approved bool) string {
	t.Helper()
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, recordsOfPersons)
	if querytest.Code(err) != "QUERY_IN_REVIEW" {
		t.Fatal(querytest.Text(err))
	}
	run := querytest.RunOf(t, err)
	if approved {
		d.Approve("sun.health", run)
	}
	return run
}

// expired returns the runs of which the log says that they expired, each as often as
// it says so, with who made it.
func expired(d *querytest.Domain) (runs []string) {
	for _, x := range d.Audit(querytest.Founder) {
		if x.Kind == "query.expired" {
			runs = append(runs, x.Run+" "+x.Actor)
		}
	}
	return runs
}

func runState(t *testing.T, d *querytest.Domain, run string) string {
	t.Helper()
	x, err := d.Engine.Review(t.Context(), d.Subject("li.op"), run)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	return x.State
}

// An approval, and the wait for one, end with their term of seven days by the clock
// alone, once, and the log says so; what is not over goes on (SY20-12).
func TestAnApprovalEndsWithItsTerm(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	unseen, approved := waiting(t, d, false), waiting(t, d, true)
	d.Advance(24 * time.Hour)
	later := waiting(t, d, true)
	d.Advance(6*24*time.Hour - time.Minute)
	if err := d.Engine.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := expired(d); got != nil {
		t.Fatalf("within its term: %v", got)
	}
	d.Advance(time.Hour)
	for range 3 {
		if err := d.Engine.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.Advance(time.Hour)
	}
	d.Reopen()
	if err := d.Engine.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{approved + " gate", unseen + " gate"}
	got := expired(d)
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the log has %v, want %v once each", got, want)
	}
	for run, state := range map[string]string{unseen: "EXPIRED", approved: "EXPIRED", later: "APPROVED"} {
		if s := runState(t, d, run); s != state {
			t.Errorf("%s is %s, want %s", run, s, state)
		}
	}
	if got := resumed(d, approved); got != "APPROVAL_EXPIRED" {
		t.Errorf("what is past its term = %s", got)
	}
	if got := resumed(d, later); got != "OUTPUT_IN_REVIEW" {
		t.Errorf("what is not = %s", got)
	}
}

// Whoever looks first finds an approval ended from its last moment on: nobody approves
// what is over, and it is in no list of what waits.
func TestWhoeverLooksFindsAnApprovalEnded(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	for what, look := range map[string]func(d *querytest.Domain, unseen, approved string){
		"a reviewer's list": func(d *querytest.Domain, unseen, _ string) {
			all, err := d.Engine.Reviews(t.Context(), d.Subject("sun.health"))
			if err != nil || slices.ContainsFunc(all, func(i query.ReviewItem) bool { return i.Run == unseen }) {
				t.Errorf("waiting are %+v, %v", all, err)
			}
		},
		"a reviewer's word": func(d *querytest.Domain, unseen, approved string) {
			if _, err := d.Engine.Settle(t.Context(), d.Subject("sun.health"), unseen, true, "NJ24-14"); querytest.Code(err) != "RUN_STATE" {
				t.Errorf("approving what is over: %v", err)
			}
			runState(t, d, approved)
		},
		"its requester": func(d *querytest.Domain, unseen, approved string) {
			for _, run := range []string{unseen, approved} {
				if got := resumed(d, run); got != "APPROVAL_EXPIRED" {
					t.Errorf("resumed = %s", got)
				}
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			unseen, approved, before := waiting(t, d, false), waiting(t, d, true), len(expired(d))
			d.Advance(7*24*time.Hour + time.Second)
			look(d, unseen, approved)
			if got := expired(d); len(got) != before+2 {
				t.Errorf("the log has %v more, want both", got[before:])
			}
			for _, run := range []string{unseen, approved} {
				if s := runState(t, d, run); s != "EXPIRED" {
					t.Errorf("%s is %s", run, s)
				}
			}
		})
	}
}

// Of the clock and a requester who goes on with an approved run exactly one gets it,
// at whichever step the term ends.
func TestTheClockAndARecheckTakeAnApprovalOnce(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	for _, at := range []struct{ step, state, code string }{
		{"output", "EXPIRED", "RUN_STATE"}, {"bind", "EXPIRED", "RUN_STATE"}, {"decide", "EXPIRED", "RUN_STATE"},
		{"intend", "", "OUTPUT_IN_REVIEW"}, {"check", "", "OUTPUT_IN_REVIEW"},
	} {
		t.Run(at.step, func(t *testing.T) {
			run, before, passed := waiting(t, d, true), len(expired(d)), false
			_, err := query.Walk(t.Context(), d.Engine, query.Request{Subject: d.Subject("li.op"), Resume: run}, func(step string) {
				if step != at.step {
					return
				}
				passed = true
				d.Advance(7*24*time.Hour + time.Second)
				if err := d.Engine.Look(t.Context()); err != nil {
					t.Error(err)
				}
			})
			if !passed || querytest.Code(err) != at.code {
				t.Errorf("term over at %s (reached %v) = %v, want %s", at.step, passed, err, at.code)
			}
			intents := 0
			for _, x := range d.Audit(querytest.Founder) {
				if x.Run == run && x.Kind == "query.intent" {
					intents++
				}
			}
			over := len(expired(d)) - before
			if want := map[string][2]int{"EXPIRED": {1, 0}, "": {0, 1}}[at.state]; over != want[0] || intents != want[1] {
				t.Errorf("%d ends, %d intents, want %v", over, intents, want)
			}
		})
	}
}
