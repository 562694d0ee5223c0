package query_test

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// Collecting runs nothing: however many collect one answer at once they all have it, and
// while the gate ends what runs they have it too. A new question it takes no more.
func TestAnswersAreCollectedAtOnceAndWhileTheGateStops(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute, Limits: query.Limits{All: 1, Operator: 1}})
	v := handIn(t, d, "li.op", "k", "SELECT sum(beds) AS n FROM beds")
	if end := followed(t, d, "li.op", v.ID); end.Answered == "" {
		t.Fatalf("it ended %+v", end)
	}
	s := d.Subject("li.op")
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if _, err := d.Engine.Collect(t.Context(), s, v.ID); err != nil {
				t.Errorf("collecting at once gives %s", querytest.Text(err))
			}
		})
	}
	all.Wait()
	running := handIn(t, d, "li.op", "long", long)
	until(t, d, "li.op", running.ID, func(v *query.Submission) bool { return v.Step == query.StepRun })
	ctx, enough := context.WithCancel(t.Context())
	killed := make(chan int, 1)
	go func() { killed <- d.Engine.Drain(ctx) }()
	for began := time.Now(); !d.Engine.Measures().Draining && time.Since(began) < 10*time.Second; time.Sleep(time.Millisecond) {
	}
	if _, err := d.Engine.Collect(t.Context(), s, v.ID); err != nil {
		t.Errorf("collecting while the gate stops gives %s", querytest.Text(err))
	}
	if _, err := submit(t, d, "li.op", "new", "SELECT sum(beds) AS m FROM beds"); querytest.Code(err) != "STOPPING" {
		t.Errorf("submitting while the gate stops gives %v", err)
	}
	enough()
	<-killed
	if got := logged(d, v.Run)["output.downloaded"]; got != 7 {
		t.Errorf("the log has %d downloads, want 7", got)
	}
}

// What waits ends with the API key by which it was handed in, and with the person's
// document: at once, or when the next gate comes to it. What was handed in by another
// key, or by another person, is answered.
func TestNothingIsAskedInTheNameOfWhoIsNoMore(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute, Limits: query.Limits{All: 1, Operator: 1}})
	for _, user := range []string{"he.op", "ma.op"} {
		d.Register(querytest.Person{User: user, RealName: "何运营", Organization: "huiyi", Role: registry.RoleOperator})
	}
	keys := map[string]string{}
	byKey := func(name string) *query.Submission {
		t.Helper()
		k, err := d.Engine.IssueAPIKey(t.Context(), d.Subject("he.op"), query.APIKeyOrder{Purpose: name, Scopes: []string{"ask"}})
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		keys[name] = k.ID
		s, err := d.Engine.AuthenticateKey(t.Context(), k.Token, netip.Addr{}, []string{"ask"})
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		v, err := d.Engine.Submit(t.Context(), s, name, query.Request{Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: "SELECT sum(beds) AS n FROM beds", Recipient: "li.op"})
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		return v
	}
	revoke := func(name string) {
		t.Helper()
		if _, err := d.Engine.RevokeAPIKey(t.Context(), d.Subject("he.op"), keys[name]); err != nil {
			t.Fatal(querytest.Text(err))
		}
	}
	ends := func(user string, v *query.Submission, want string) {
		t.Helper()
		end, got := followed(t, d, user, v.ID), ""
		if end.Failed != nil {
			got = end.Failed.Code
		}
		if got != want || (want == "") != (end.Answered == v.Run) {
			t.Errorf("%s of %s ended %+v, want %q", v.ID, user, end, want)
		}
		if n := logged(d, v.Run)["query.intent"]; (n == 1) != (want == "") {
			t.Errorf("%s of %s has %d intents", v.ID, user, n)
		}
	}
	running := handIn(t, d, "li.op", "long", long)
	until(t, d, "li.op", running.ID, func(v *query.Submission) bool { return v.Step == query.StepRun })
	now, later, stays := byKey("now"), byKey("later"), byKey("stays")
	changed := handIn(t, d, "ma.op", "changed", "SELECT sum(beds) AS n FROM beds")
	kept := handIn(t, d, "li.op", "kept", "SELECT sum(beds) AS n FROM beds")
	off := handIn(t, d, "li.op", "off", "SELECT sum(beds) AS n FROM beds")
	revoke("now")
	ends("he.op", now, "STOPPED")
	for user, v := range map[string]*query.Submission{"he.op": stays, "ma.op": changed, "li.op": kept} {
		if v, err := d.Engine.SubmissionByID(t.Context(), d.Subject(user), v.ID); err != nil || v.State != query.SubmissionWaiting {
			t.Errorf("of %s it is %+v, %v", user, v, err)
		}
	}

	// The gate stops, and takes documents and words until it has.
	ctx, enough := context.WithCancel(t.Context())
	killed := make(chan int, 1)
	go func() { killed <- d.Engine.Drain(ctx) }()
	for v, began := kept, time.Now(); ; time.Sleep(time.Millisecond) {
		_, err := d.Engine.SubmissionByID(t.Context(), d.Subject("li.op"), v.ID)
		if querytest.Code(err) == "POSTPONED" {
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("while the gate stops what waits is %v", err)
		}
	}
	revoke("later")
	d.Apply(querytest.Founder, fmt.Sprintf("kind: Person\nname: ma.op\nspec: {real_name: 马运营, organization: huiyi, roles: [operator], status: active, signing_key: %q, recipient_key: %q}",
		d.Key("ma.op").SigningKey(), d.Key("ma.op").RecipientKey()))
	if v, err := d.Engine.CallOff(t.Context(), d.Subject("li.op"), off.ID); err != nil || v.State != query.SubmissionEnded || v.Failed.Code != "STOPPED" {
		t.Errorf("what is called off while the gate stops is %+v, %v", v, err)
	}
	enough()
	<-killed
	d.Reopen()
	ends("he.op", later, "STOPPED")
	ends("ma.op", changed, "STOPPED")
	ends("li.op", off, "STOPPED")
	ends("he.op", stays, "")
	ends("li.op", kept, "")
}

// A gate that is killed between the end of a question and the note of it has the next one
// say what the end was, and nothing of it happens again.
func TestAnEndThatWasNotWrittenDownIsTheSame(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute, Limits: query.Limits{All: 1, Operator: 1}})
	end := func(key, sql string) *query.Submission {
		t.Helper()
		return followed(t, d, "li.op", handIn(t, d, "li.op", key, sql).ID)
	}
	running := handIn(t, d, "li.op", "long", long)
	until(t, d, "li.op", running.ID, func(v *query.Submission) bool { return v.Step == query.StepRun })
	if _, err := d.Engine.CallOff(t.Context(), d.Subject("li.op"), running.ID); err != nil {
		t.Fatal(querytest.Text(err))
	}
	followed(t, d, "li.op", running.ID)
	all := map[*query.Submission]string{
		end("answered", "SELECT sum(beds) AS n FROM beds"): "",
		end("denied", "SELECT address FROM persons"):       "NOT_GRANTED",
		end("syntax", "SELEC 1"):                           "SYNTAX",
		running:                                            "STOPPED",
	}
	before := map[string]map[string]int{}
	for v := range all {
		before[v.Run] = logged(d, v.Run)
		if err := d.Engine.Unend(t.Context(), v.ID); err != nil {
			t.Fatal(err)
		}
	}
	d.Reopen()
	for v, want := range all {
		got, code := followed(t, d, "li.op", v.ID), ""
		if got.Failed != nil {
			code = got.Failed.Code
		}
		if code != want || (want == "") != (got.Answered == v.Run) {
			t.Errorf("%s ended %+v, want %q", v.ID, got, want)
		}
		if after := logged(d, v.Run); !maps.Equal(after, before[v.Run]) {
			t.Errorf("of %s the log has %v, and had %v", v.ID, after, before[v.Run])
		}
	}
}

// What a gate begins with and is killed of is begun again by two more, and by no other;
// what only waited is not counted.
func TestNoQuestionKillsGatesForEver(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute, Limits: query.Limits{All: 1, Operator: 1}})
	running := handIn(t, d, "li.op", "long", long)
	until(t, d, "li.op", running.ID, func(v *query.Submission) bool { return v.Step == query.StepRun })
	twice := handIn(t, d, "li.op", "twice", "SELECT sum(beds) AS n FROM beds")
	once := handIn(t, d, "li.op", "once", "SELECT sum(beds) AS n FROM beds")
	for v, n := range map[*query.Submission]int{twice: 2, once: 1} {
		if err := d.Engine.BeganAgain(t.Context(), v.ID, n); err != nil {
			t.Fatal(err)
		}
	}
	d.Reopen()
	if end := followed(t, d, "li.op", twice.ID); end.Failed == nil || end.Failed.Code != "ABANDONED" {
		t.Errorf("what two gates were killed of ended %+v", end)
	}
	if end := followed(t, d, "li.op", once.ID); end.Answered != once.Run {
		t.Errorf("what one gate was killed of ended %+v", end)
	}
}
