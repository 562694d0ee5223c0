package query_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

func handIn(t *testing.T, d *querytest.Domain, user, key, sql string) *query.Submission {
	t.Helper()
	v, err := submit(t, d, user, key, sql)
	if err != nil {
		t.Fatalf("submit: %s", querytest.Text(err))
	}
	return v
}

func submit(t *testing.T, d *querytest.Domain, user, key, sql string) (*query.Submission, error) {
	t.Helper()
	return d.Engine.Submit(t.Context(), d.Subject(user), key, query.Request{Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: sql})
}

// followed returns how a submission ended, once it has.
func followed(t *testing.T, d *querytest.Domain, user, id string) *query.Submission {
	t.Helper()
	return until(t, d, user, id, func(v *query.Submission) bool { return v.State == query.SubmissionEnded })
}

func until(t *testing.T, d *querytest.Domain, user, id string, so func(*query.Submission) bool) *query.Submission {
	t.Helper()
	s, late := d.Subject(user), time.After(30*time.Second)
	for {
		v, moved, err := d.Engine.WatchSubmission(t.Context(), s, id)
		if err != nil {
			t.Fatalf("watch %s: %s", id, querytest.Text(err))
		}
		if so(v) {
			return v
		}
		select {
		case <-moved:
		case <-late:
			t.Fatalf("%s is still %+v", id, v)
		}
	}
}

// logged counts the entries of a run.
func logged(d *querytest.Domain, run string) map[string]int {
	out := map[string]int{}
	for _, e := range d.Audit("feng.audit") {
		if e.Run == run {
			out[e.Kind]++
		}
	}
	return out
}

// One domain shows what becomes of a submission: its answer, its key, whose it is, and
// what the log has of it.
func TestWhatIsSubmittedIsAnsweredOnce(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2})
	const sql = "SELECT sum(beds) AS n FROM beds"
	v := handIn(t, d, "li.op", "first", sql)
	if v.State == query.SubmissionEnded || !strings.HasPrefix(v.ID, "sub-") || !strings.HasPrefix(v.Run, "run-") {
		t.Errorf("at first it is %+v", v)
	}
	end := followed(t, d, "li.op", v.ID)
	if end.Failed != nil || end.Answered != v.Run {
		t.Fatalf("it ended %+v", end)
	}
	if again := handIn(t, d, "li.op", "first", sql); again.ID != v.ID || again.State != query.SubmissionEnded {
		t.Errorf("the same again is %+v, want %s", again, v.ID)
	}
	for key, want := range map[string]string{"first": "IDEMPOTENCY_CONFLICT", "": "BAD_REQUEST", "a b": "BAD_REQUEST", strings.Repeat("x", 65): "BAD_REQUEST"} {
		if _, err := submit(t, d, "li.op", key, sql+" WHERE true"); querytest.Code(err) != want {
			t.Errorf("another question under the key %q gives %v, want %s", key, err, want)
		}
	}
	if _, err := submit(t, d, "li.op", "large", sql+strings.Repeat(" ", 1<<20)); querytest.Code(err) != "BAD_REQUEST" {
		t.Errorf("a question of a megabyte gives %v", err)
	}
	// A key is its person's: another's question under it is another's.
	if other := handIn(t, d, "sun.health", "first", sql); other.ID == v.ID || querytest.Code(followed(t, d, "sun.health", other.ID).Failed) == "" {
		t.Errorf("a regulator's is %+v", other)
	}
	for _, id := range []string{v.ID, "sub-nothing"} {
		_, err1 := d.Engine.SubmissionByID(t.Context(), d.Subject("sun.health"), id)
		_, err2 := d.Engine.Collect(t.Context(), d.Subject("sun.health"), id)
		_, err3 := d.Engine.CallOff(t.Context(), d.Subject("sun.health"), id)
		if querytest.Text(err1) != querytest.Text(err2) || querytest.Text(err1) != querytest.Text(err3) || querytest.Code(err1) != "NOT_FOUND" {
			t.Errorf("%s of another: %v, %v, %v", id, err1, err2, err3)
		}
	}
	// Each handing out is a download.
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	sum := d.Open("li.op", a).String()
	for downloads := 1; downloads <= 3; downloads++ {
		a, err := d.Engine.Collect(t.Context(), d.Subject("li.op"), v.ID)
		if err != nil || d.Open("li.op", a).String() != sum {
			t.Fatalf("collect: %v", err)
		}
		want := map[string]int{"query.intent": 1, "query.done": 1, "output.released": 1, "output.downloaded": downloads}
		if got := logged(d, v.Run); !maps.Equal(got, want) {
			t.Errorf("collected %d times, the log has %v, want %v", downloads, got, want)
		}
	}
	// What is refused is, by the same words as to whoever waits for it.
	denied := handIn(t, d, "li.op", "denied", "SELECT address FROM persons")
	_, err = d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT address FROM persons")
	if got := followed(t, d, "li.op", denied.ID).Failed; got == nil || got.Code != "NOT_GRANTED" || strings.ReplaceAll(querytest.Text(got), denied.Run, "") != strings.ReplaceAll(querytest.Text(err), querytest.RunOf(t, err), "") {
		t.Errorf("refused by %q, want %q", querytest.Text(got), querytest.Text(err))
	}
	if _, err := d.Engine.Collect(t.Context(), d.Subject("li.op"), denied.ID); querytest.Code(err) != "NOT_GRANTED" {
		t.Errorf("collecting what was refused gives %v", err)
	}
	// It is remembered across a restart.
	d.Reopen()
	if got := followed(t, d, "li.op", v.ID); got.Answered != v.Run {
		t.Errorf("after a restart it is %+v", got)
	}
	if _, err := submit(t, d, "li.op", "first", "SELECT 1 AS n FROM beds"); querytest.Code(err) != "IDEMPOTENCY_CONFLICT" {
		t.Errorf("after a restart another question under the key gives %v", err)
	}
}

// What access was closed to since its release is not handed out, the first time either.
func TestWhatWasRecalledIsNotHandedOut(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2})
	v := handIn(t, d, "li.op", "k", "SELECT sum(beds) AS n FROM beds")
	if end := followed(t, d, "li.op", v.ID); end.Answered == "" {
		t.Fatalf("it ended %+v", end)
	}
	if _, err := d.Engine.MoveOutput(t.Context(), d.Subject("sun.health"), v.Run, "recall", "NJ24-21"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if _, err := d.Engine.Collect(t.Context(), d.Subject("li.op"), v.ID); err == nil {
		t.Error("a recalled output was handed out")
	}
}

// The gate ends with one question that runs and two that wait: the one is closed for
// good, the others are answered by the next gate, and none of them twice.
func TestNothingSubmittedIsLostWithTheGate(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute, Limits: query.Limits{All: 1, Operator: 1}})
	running := handIn(t, d, "li.op", "long", long)
	until(t, d, "li.op", running.ID, func(v *query.Submission) bool { return v.Step == query.StepRun })
	waits := handIn(t, d, "li.op", "waits", "SELECT sum(beds) AS n FROM beds")
	off := handIn(t, d, "li.op", "off", "SELECT sum(beds) AS o FROM beds")
	late := handIn(t, d, "li.op", "late", "SELECT sum(beds) AS p FROM beds")
	if late.Place != 3 || late.Running != 1 || late.State != query.SubmissionWaiting {
		t.Errorf("behind two and one that runs it is %+v", late)
	}
	if _, err := d.Engine.CallOff(t.Context(), d.Subject("li.op"), off.ID); err != nil {
		t.Fatal(err)
	}
	if end := followed(t, d, "li.op", off.ID); end.Failed == nil || end.Failed.Code != "STOPPED" {
		t.Errorf("what was called off ended %+v", end)
	}
	d.Reopen()
	if end := followed(t, d, "li.op", running.ID); end.Failed == nil || end.Failed.Code != "STOPPED" {
		t.Errorf("what ran when the gate stopped ended %+v", end)
	}
	if got := logged(d, running.Run); got["query.intent"] != 1 || got["query.killed"] != 1 || got["output.released"] != 0 {
		t.Errorf("of what ran the log has %v", got)
	}
	if got := logged(d, off.Run); got["query.intent"]+got["output.released"] != 0 {
		t.Errorf("of what was called off the log has %v", got)
	}
	for _, v := range []*query.Submission{waits, late} {
		if end := followed(t, d, "li.op", v.ID); end.Answered != v.Run {
			t.Errorf("what waited when the gate stopped ended %+v", end)
		}
		if got := logged(d, v.Run); !maps.Equal(got, map[string]int{"query.intent": 1, "query.done": 1, "output.released": 1}) {
			t.Errorf("of what waited the log has %v", got)
		}
	}
}

// Whoever calls a question off that runs ends its worker, and gives its turn back.
func TestWhatIsCalledOffEndsAtOnce(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute, Limits: query.Limits{All: 1, Operator: 1}})
	running := handIn(t, d, "li.op", "long", long)
	until(t, d, "li.op", running.ID, func(v *query.Submission) bool { return v.Step == query.StepRun })
	if _, err := d.Engine.CallOff(t.Context(), d.Subject("li.op"), running.ID); err != nil {
		t.Fatal(err)
	}
	if end := followed(t, d, "li.op", running.ID); end.Failed == nil || end.Failed.Code != "STOPPED" {
		t.Errorf("what was called off ended %+v", end)
	}
	if e := lastOf(t, d, "feng.audit", running.Run); e.Kind != "query.killed" || e.Fields["cause"] != "CLIENT_GONE" {
		t.Errorf("the log has %s %v", e.Kind, e.Fields)
	}
	if next := handIn(t, d, "li.op", "next", "SELECT sum(beds) AS n FROM beds"); followed(t, d, "li.op", next.ID).Failed != nil {
		t.Error("the turn was not given back")
	}
}
