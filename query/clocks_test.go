package query_test

import (
	"testing"
	"testing/fstest"
	"time"

	"zonebox/policy/calendar"
	"zonebox/query"
	"zonebox/query/querytest"
)

// on advances the domain's clock to noon of a day in China.
func on(t *testing.T, d *querytest.Domain, day string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, day+"T12:00:00+08:00")
	if err != nil || at.Before(d.Now()) {
		t.Fatalf("%s: %v, it is %s", day, err, d.Now())
	}
	d.Advance(at.Sub(d.Now()))
}

func clocksOf(t *testing.T, d *querytest.Domain, who string) []query.ClockView {
	t.Helper()
	all, err := d.Engine.Clocks(t.Context(), d.Subject(who))
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	return all
}

// The regulator's term runs from the filing, the provider's from the assessment, each
// in working days by the announced calendar; when one has passed the log says so and
// calls on the city authority, once; nothing is moved (NJ24-15, JM19-21, 4.2).
func TestATermThatPassesIsToldOfOnceAndMovesNothing(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	on(t, d, "2027-01-13") // of which no calendar was announced
	a := askFor(t, d, "want-address", wantAddress)
	open := clocksOf(t, d, "sun.health")
	if len(open) != 1 || open[0].Timer != "share.conditional.assess" || open[0].On != a.name || open[0].Started != "2027-01-13" || open[0].Due != "2027-01-20" ||
		open[0].Left != 5 || open[0].Overdue || open[0].Origin != "local" || open[0].Article != "NJ24-15" || len(open[0].Missing) != 1 {
		t.Fatalf("open terms %+v", open)
	}
	for who, want := range map[string]int{"li.op": 1, "zheng.police": 1, "qian.hospital": 0, querytest.Founder: 1, "feng.audit": 1} {
		if got := clocksOf(t, d, who); len(got) != want {
			t.Errorf("%s sees %+v, want %d", who, got, want)
		}
	}
	told := func() (overdue, escalated int) {
		for _, x := range d.Audit(querytest.Founder) {
			switch x.Kind {
			case "clock.overdue":
				overdue++
			case "clock.escalated":
				escalated++
			}
		}
		return overdue, escalated
	}
	on(t, d, "2027-01-20") // the last day
	if clocksOf(t, d, "sun.health"); d.Engine.Look(t.Context()) != nil {
		t.Fatal("look")
	}
	if o, e := told(); o != 0 || e != 0 {
		t.Errorf("on the last day %d alerts, %d escalations", o, e)
	}
	for range 3 {
		d.Advance(24 * time.Hour)
		if err := d.Engine.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	d.Reopen()
	if err := d.Engine.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o, e := told(); o != 1 || e != 1 {
		t.Errorf("after it %d alerts, %d escalations, want one each", o, e)
	}
	if open = clocksOf(t, d, "sun.health"); len(open) != 1 || !open[0].Overdue || open[0].Left >= 0 || open[0].State != "ZREG_ASSESSING" {
		t.Errorf("overdue %+v, want the request where it was", open)
	}
	// The regulator may still assess; then the provider's term begins.
	a.must("sun.health", "assess", "PROV_REVIEWING")
	if open = clocksOf(t, d, "zheng.police"); len(open) != 1 || open[0].Timer != "share.conditional.reply" || open[0].Overdue {
		t.Errorf("after the assessment %+v", open)
	}
	a.must("zheng.police", "approve", "APPROVED")
	if open = clocksOf(t, d, "zheng.police"); len(open) != 0 {
		t.Errorf("after the reply %+v, want none", open)
	}
}

// A request that is assessed anew after a dispute is late from the day it was filed:
// no term pauses. The provider's begins with the new assessment.
func TestADisputePausesNoTerm(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a := askFor(t, d, "want-address", wantAddress)
	filed := clocksOf(t, d, "sun.health")[0]
	a.must("sun.health", "assess", "PROV_REVIEWING")
	d.Advance(24 * time.Hour)
	a.must("li.op", "dispute", "DISPUTED")
	if open := clocksOf(t, d, querytest.Founder); len(open) != 1 || open[0].Timer != "share.conditional.reply" {
		t.Errorf("while disputed %+v, want the reply's to run on", open)
	}
	a.must(querytest.Founder, "resume", "ZREG_ASSESSING")
	if open := clocksOf(t, d, querytest.Founder); len(open) != 1 || open[0].Timer != "share.conditional.assess" || open[0].Due != filed.Due {
		t.Errorf("after it %+v, want %+v", open, filed)
	}
}

// Another announcement counts open terms anew, and the log says so.
func TestAnotherCalendarCountsOpenTermsAnew(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	on(t, d, "2027-01-13")
	askFor(t, d, "want-address", wantAddress)
	before := clocksOf(t, d, "sun.health")[0]
	table, err := calendar.Read(fstest.MapFS{"2027.json": {Data: []byte(`{"year":2027,"source":"a notice","holidays":[{"name":"a holiday","from":"2027-01-18","until":"2027-01-20"}],"working":[]}`)}})
	if err != nil {
		t.Fatal(err)
	}
	d.Config.Calendar = table
	d.Reopen()
	after := clocksOf(t, d, "sun.health")[0]
	if before.Due != "2027-01-20" || after.Due != "2027-01-25" || len(after.Missing) != 0 {
		t.Errorf("due %s, then %s (missing %v), want 2027-01-25 for sure", before.Due, after.Due, after.Missing)
	}
	n := 0
	for _, x := range d.Audit(querytest.Founder) {
		if x.Kind == "clock.recounted" && x.Fields["calendar"] == table.Version() {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the log has %d recounts, want one", n)
	}
}

// A doubt about data has the terms of its zone's pack (NJ24-20).
func TestATicketHasItsTerms(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	ticket, err := d.Engine.OpenTicket(t.Context(), d.Subject("wu.dc"), query.TicketRequest{Dataset: "visits", Text: "x"})
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	for _, want := range []struct{ move, timer string }{{"", "quality.reply"}, {"reply", "quality.correct"}, {"correct", ""}} {
		if want.move != "" {
			if _, err := d.Engine.MoveTicket(t.Context(), d.Subject("qian.hospital"), ticket.ID, query.TicketMove{Move: want.move, Text: "x"}); err != nil {
				t.Fatal(querytest.Text(err))
			}
		}
		open := clocksOf(t, d, "qian.hospital")
		if want.timer == "" && len(open) != 0 || want.timer != "" && (len(open) != 1 || open[0].Timer != want.timer || open[0].Kind != "ticket") {
			t.Errorf("after %q: %+v, want %s", want.move, open, want.timer)
		}
	}
}
