package query_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// A doubt goes from a run to its data, their deliveries and provider, and back;
// the data answer all the while.
func TestTickets(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	const canary = "金丝雀5519"
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) AS n FROM visits")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	trace, err := d.Engine.Trace(t.Context(), d.Subject("feng.audit"), a.Run)
	if err != nil || len(trace.Sources) != 1 {
		t.Fatalf("trace %+v, %v", trace, err)
	}
	label := a.Artifact.Header().Label.Sources[0]
	if l := trace.Sources[0]; l.Dataset != "visits" || l.Version != label.Version || l.Provider != "hospital-group" || len(l.Delivery) != 64 ||
		l.LoadedBy != "wu.dc" || l.Acquired != "2026-11-01" || l.Grant != "visits-statistics" || l.Score == nil || *l.Score != 100 {
		t.Errorf("link %+v of label %+v", l, label)
	}
	for _, who := range []string{"li.op", "qian.hospital", "zheng.police"} {
		if _, err := d.Engine.Trace(t.Context(), d.Subject(who), a.Run); querytest.Code(err) != "ROLE_REQUIRED" {
			t.Errorf("%s traces: %v, want ROLE_REQUIRED", who, err)
		}
	}
	open := func(who string, r query.TicketRequest) (*query.Ticket, error) {
		return d.Engine.OpenTicket(t.Context(), d.Subject(who), r)
	}
	for _, c := range []struct {
		who  string
		r    query.TicketRequest
		want string
	}{
		{"li.op", query.TicketRequest{Dataset: "visits", Text: "x"}, "BAD_REQUEST"},
		{"li.op", query.TicketRequest{Dataset: "beds", Run: a.Run, Text: "x"}, "NOT_FOUND"}, // which it did not read
		{"li.op", query.TicketRequest{Dataset: "visits", Run: "run-none", Text: "x"}, "NOT_FOUND"},
		{"sun.health", query.TicketRequest{Dataset: "visits", Run: a.Run, Text: "x"}, "ROLE_REQUIRED"},
		{"wu.dc", query.TicketRequest{Dataset: "nothing", Text: "x"}, "NOT_FOUND"},
		{"wu.dc", query.TicketRequest{Dataset: "visits"}, "BAD_REQUEST"},
	} {
		if _, err := open(c.who, c.r); querytest.Code(err) != c.want {
			t.Errorf("%s opens %+v: %v, want %s", c.who, c.r, err, c.want)
		}
	}
	ticket, err := open("li.op", query.TicketRequest{Dataset: "visits", Run: a.Run, Columns: []string{"cost"}, Text: canary})
	if err != nil || ticket.State != "ASSIGNED" || ticket.Provider != "hospital-group" || ticket.Links != nil {
		t.Fatalf("ticket %+v, %v, want it assigned, without what operators do not learn", ticket, err)
	}
	inbox, err := d.Engine.Tickets(t.Context(), d.Subject("qian.hospital"))
	if err != nil || len(inbox) != 1 || inbox[0].ID != ticket.ID || len(inbox[0].Links) != 1 || inbox[0].Links[0].Version != label.Version || inbox[0].Text != canary {
		t.Errorf("the provider's inbox %+v, %v", inbox, err)
	}
	if other, err := d.Engine.Tickets(t.Context(), d.Subject("zheng.police")); err != nil || len(other) != 0 {
		t.Errorf("another provider's inbox %+v, %v, want nothing", other, err)
	}
	items, err := d.Engine.Qualities(t.Context(), d.Subject("wu.dc"))
	if err != nil || items[2].Dataset != "visits" || items[2].Tickets != 1 || items[0].Tickets != 0 {
		t.Errorf("marked are %+v, %v, want visits", items, err)
	}
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) AS n FROM visits"); err != nil {
		t.Errorf("the data are not in use while a ticket is open: %s", querytest.Text(err))
	}
	move := func(who, name string) error {
		_, err := d.Engine.MoveTicket(t.Context(), d.Subject(who), ticket.ID, query.TicketMove{Move: name, Text: canary + name})
		return err
	}
	for _, c := range []struct{ who, move, want string }{
		{"zheng.police", "reply", "NOT_FOUND"}, {"wu.dc", "reply", "ROLE_REQUIRED"}, {"li.op", "verify", "RUN_STATE"}, {"qian.hospital", "trace", "BAD_REQUEST"},
		{"qian.hospital", "reply", ""}, {querytest.Founder, "uphold", "RUN_STATE"}, {"wu.dc", "dispute", ""}, {"wu.dc", "uphold", "ROLE_REQUIRED"},
		{querytest.Founder, "uphold", ""}, {"qian.hospital", "reply", ""}, {"qian.hospital", "correct", ""}, {"wu.dc", "verify", "ROLE_REQUIRED"},
		{"li.op", "return", ""}, {"qian.hospital", "reply", ""}, {"qian.hospital", "deny", ""}, {"li.op", "verify", ""}, {"li.op", "verify", "RUN_STATE"},
	} {
		if code := querytest.Code(move(c.who, c.move)); code != c.want {
			t.Errorf("%s: %s = %q, want %q", c.who, c.move, code, c.want)
		}
	}
	done, err := d.Engine.Ticket(t.Context(), d.Subject("li.op"), ticket.ID)
	if err != nil || done.State != "CLOSED" || !strings.Contains(done.Moves[len(done.Moves)-2].Basis, canary) {
		t.Errorf("ticket %+v, %v, want it closed with what was said", done, err)
	}
	// What was said is in the registry, sealed, and in no log.
	log, err := json.Marshal(d.Audit(querytest.Founder))
	if err != nil || !strings.Contains(string(log), "quality.ticket") {
		t.Fatalf("the log has no ticket: %v", err)
	}
	texts := map[string]string{"audit": string(log), "log": d.Log.String()}
	for _, name := range []string{"registry.db", "registry.db-wal"} {
		if b, err := os.ReadFile(filepath.Join(d.Config.Domain, name)); err == nil {
			texts[name] = string(b)
		}
	}
	for where, text := range texts {
		if strings.Contains(text, canary) {
			t.Errorf("%s holds what was said", where)
		}
	}
}

// An authority or the data centre gives a provider a task, of a ticket or a quality
// report; it has ten working days from its receipt, in one course with every return,
// and whoever ordered it closes it (YC22-16).
func TestARectificationTask(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	on(t, d, "2027-01-13") // of which no calendar was announced: Monday to Friday, for now
	doubt, err := d.Engine.OpenTicket(t.Context(), d.Subject("wu.dc"), query.TicketRequest{Dataset: "visits", Text: "x"})
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	version := doubt.Links[0].Version
	task := func(change func(*query.TicketRequest)) query.TicketRequest {
		r := query.TicketRequest{Dataset: "visits", Text: "缺三月数据", Task: true, Report: version}
		change(&r)
		return r
	}
	same := func(*query.TicketRequest) {}
	for what, c := range map[string]struct {
		who  string
		r    query.TicketRequest
		want string
	}{
		"an operator's":     {"li.op", task(same), "ROLE_REQUIRED"},
		"the provider's":    {"qian.hospital", task(same), "ROLE_REQUIRED"},
		"an auditor's":      {"feng.audit", task(same), "ROLE_REQUIRED"},
		"of nothing":        {"sun.health", task(func(r *query.TicketRequest) { r.Report = "" }), "BAD_REQUEST"},
		"of two":            {"sun.health", task(func(r *query.TicketRequest) { r.Ticket = doubt.ID }), "BAD_REQUEST"},
		"a doubt of one":    {"wu.dc", task(func(r *query.TicketRequest) { r.Task = false }), "BAD_REQUEST"},
		"of no report":      {"sun.health", task(func(r *query.TicketRequest) { r.Report = "vnone" }), "NOT_FOUND"},
		"of other data":     {"sun.health", task(func(r *query.TicketRequest) { r.Dataset, r.Report, r.Ticket = "persons", "", doubt.ID }), "NOT_FOUND"},
		"of no ticket":      {"sun.health", task(func(r *query.TicketRequest) { r.Report, r.Ticket = "", "qt-none" }), "NOT_FOUND"},
		"a regulator's own": {"sun.health", query.TicketRequest{Dataset: "visits", Text: "x"}, "ROLE_REQUIRED"},
	} {
		if _, err := d.Engine.OpenTicket(t.Context(), d.Subject(c.who), c.r); querytest.Code(err) != c.want {
			t.Errorf("%s: %v, want %s", what, err, c.want)
		}
	}
	order := func(who string, r query.TicketRequest) string {
		x, err := d.Engine.OpenTicket(t.Context(), d.Subject(who), r)
		if err != nil || x.State != "ASSIGNED" || !x.Task || x.Provider != "hospital-group" {
			t.Fatalf("%s orders %+v: %v", who, x, err)
		}
		return x.ID
	}
	move := func(who, id, name, want string) {
		t.Helper()
		if _, err := d.Engine.MoveTicket(t.Context(), d.Subject(who), id, query.TicketMove{Move: name, Text: "x"}); querytest.Code(err) != want {
			t.Errorf("%s: %s = %v, want %q", who, name, err, want)
		}
	}
	due := func(id string) (all []string) {
		for _, c := range clocksOf(t, d, "qian.hospital") {
			if c.On == id {
				all = append(all, c.Timer+" "+c.Started+" "+c.Due)
			}
		}
		return all
	}
	id := order("sun.health", task(same))
	const runs = "quality.rectification 2027-01-13 2027-01-27"
	if got := due(id); len(got) != 1 || got[0] != runs {
		t.Errorf("terms of the task %v, want %s", got, runs)
	}
	if got := due(doubt.ID); len(got) != 1 || got[0] != "quality.reply 2027-01-13 2027-01-20" {
		t.Errorf("terms of the doubt %v", got)
	}
	move("qian.hospital", id, "reply", "")
	if got := due(id); len(got) != 1 || got[0] != runs {
		t.Errorf("once it was looked into %v, want %s", got, runs)
	}
	move("qian.hospital", id, "correct", "")
	if got := due(id); got != nil {
		t.Errorf("once it was corrected %v, want none", got)
	}
	d.Advance(24 * time.Hour)
	for _, who := range []string{"wu.dc", querytest.Founder, "qian.hospital"} {
		move(who, id, "verify", "ROLE_REQUIRED")
	}
	move("sun.health", id, "return", "")
	if got := due(id); len(got) != 1 || got[0] != runs {
		t.Errorf("sent back %v, want %s: no new term", got, runs)
	}
	on(t, d, "2027-01-28")
	if err := d.Engine.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for _, x := range d.Audit(querytest.Founder) {
		if x.Fields["on"] == "ticket "+id {
			told[x.Kind+" "+x.Fields["to"]]++
		}
	}
	if told["clock.overdue "] != 1 || told["clock.escalated city_authority"] != 1 {
		t.Errorf("the log says %v, want an alert and an escalation", told)
	}
	move("qian.hospital", id, "reply", "")
	move("qian.hospital", id, "correct", "")
	move("sun.health", id, "verify", "")
	if x, err := d.Engine.Ticket(t.Context(), d.Subject("sun.health"), id); err != nil || x.State != "CLOSED" || x.Report != version {
		t.Errorf("the task is %+v, %v, want it closed", x, err)
	}
	// Nobody decides on a dispute over what they ordered; whose ticket the data centre
	// ordered, the city authority does.
	city := order(querytest.Founder, task(func(r *query.TicketRequest) { r.Report, r.Ticket = "", doubt.ID }))
	move("qian.hospital", city, "dispute", "OWN_DECISION")
	dc := order("wu.dc", task(same))
	move("wu.dc", dc, "dispute", "OWN_DECISION")
	move("qian.hospital", dc, "dispute", "")
	move(querytest.Founder, dc, "dismiss", "")
	move("wu.dc", dc, "verify", "")
}
