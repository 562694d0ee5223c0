package query_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zonebox/audit"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// watched makes the city, with another operator, security, and the data-security
// officers of both operators.
func watched(t *testing.T) *querytest.Domain {
	t.Helper()
	d := querytest.City(t, querytest.Options{Idle: 1, Alerts: true})
	d.Apply(querytest.Founder, `kind: Organization
name: jinrong
spec: {title: 金融数据运营有限公司, kind: operator, org_form: legal_person, credit_code: 91610131MA6U1G5X2J, security_officer: wu.officer, security_department: 安全部, incident_3y: false, dishonesty_3y: false}
---
kind: Organization
name: security-office
spec: {title: 市安全保密办, kind: security, org_form: unincorporated}
---
kind: Organization
name: finance-bureau
spec: {title: 市财政局, kind: industry_authority, org_form: unincorporated}
`)
	d.Register(querytest.Person{User: "he.sec", RealName: "何保密", Organization: "security-office", Role: registry.RoleSecurity},
		querytest.Person{User: "jin.op", RealName: "金运营", Organization: "jinrong", Role: registry.RoleOperator},
		querytest.Person{User: "ma.health", RealName: "马卫健", Organization: "health-commission", Role: registry.RoleProvider},
		querytest.Person{User: "gu.finance", RealName: "顾财政", Organization: "finance-bureau", Role: registry.RoleZoneRegulator},
		querytest.Person{User: "zhou.officer", RealName: "周安全", Organization: "huiyi", Role: registry.RoleOperator},
		querytest.Person{User: "zhou.namesake", RealName: "周安全", Organization: "jinrong", Role: registry.RoleOperator},
		querytest.Person{User: "wu.officer", RealName: "吴安全", Organization: "jinrong", Role: registry.RoleOperator})
	return d
}

// did is an entry of the log by one of huiyi's people.
func did(d *querytest.Domain, kind string, fields ...string) audit.Entry {
	e := audit.Entry{ID: fmt.Sprint("x-", d.Now().UnixNano()), Kind: kind, At: d.Now(), Actor: "li.op", Org: "huiyi", Zone: "medical", Scenario: querytest.Scenario, Fields: map[string]string{}}
	for i := 0; i < len(fields); i += 2 {
		e.Fields[fields[i]] = fields[i+1]
	}
	return e
}

func times(n int, e audit.Entry) []audit.Entry { return slices.Repeat([]audit.Entry{e}, n) }

// alertsBy returns what the city's database has of a rule, by reading every recipient.
func alertsBy(t *testing.T, d *querytest.Domain, rule string) (out []query.AlertView) {
	t.Helper()
	for _, reader := range []string{"he.sec", querytest.Founder} {
		all, err := d.Engine.Alerts(t.Context(), d.Subject(reader))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			if a.Rule == rule && !slices.ContainsFunc(out, func(o query.AlertView) bool { return o.ID == a.ID }) {
				out = append(out, a)
			}
		}
	}
	return out
}

func state(t *testing.T, d *querytest.Domain, id string) string {
	t.Helper()
	a, err := d.Engine.Alert(t.Context(), d.Subject(querytest.Founder), id)
	if err != nil {
		t.Fatal(err)
	}
	return a.State
}

// Each counter of the pack nanjing-2024 raises its alert at its figure and not one
// before, for the subject of its rule.
func TestEachCounterRaisesItsAlertAtItsFigure(t *testing.T) {
	t.Parallel()
	d := watched(t)
	night := func(e audit.Entry) audit.Entry { // 23:30 of Shanghai, in the same day of counting
		e.At = time.Date(2026, 11, 23, 15, 30, 0, 0, time.UTC)
		return e
	}
	for _, c := range []struct {
		rule, severity, subject string
		entry                   audit.Entry
		figure                  int
	}{
		{"probing", "WARNING", "li.op", did(d, "query.denied", "reasons", "SYNTAX"), 30},
		{"denial_burst", "WARNING", "huiyi", did(d, "query.explained", "verdict", "DENY"), 57}, // 63 are there
		{"failures", "WARNING", "li.op", did(d, "query.failed", "cause", "MEMORY", "reasons", "STATEMENT_FAILED"), 20},
		{"blocked_output", "WARNING", "huiyi", did(d, "output.blocked"), 5},
		{"question_volume", "NOTICE", "huiyi", did(d, "query.intent"), 2000},
		{"row_volume", "NOTICE", "medical-2026", did(d, "output.released", "rows", "250000"), 4},
		{"person_bytes", "NOTICE", "li.op", did(d, "output.released", "bytes", "67108864"), 4},
		{"raw_match", "WARNING", "li.op", did(d, "output.blocked", "reasons", "RELEASE_RAW_MATCH", "raw_matches", "contact"), 1},
		{"withheld_text", "WARNING", "li.op", did(d, "text.withheld", "where", "log", "class", "mobile", "count", "1"), 1},
		{"off_hours", "NOTICE", "huiyi", night(did(d, "query.intent")), 20},
		{"overlap", "WARNING", "huiyi", did(d, "query.failed", "cause", "OVERLAP", "reasons", "RELEASE_HISTORY"), 1},
		{"pack_lapsed", "NOTICE", "medical-2026", did(d, "query.intent", "lapsed", "nanjing-2024"), 1},
		{"breach", "MAJOR", "medical", did(d, "query.failed", "cause", "TREE", "reasons", "INTERNAL"), 1},
		{"term_overdue", "NOTICE", "request want-1 share.conditional.reply", did(d, "clock.overdue", "on", "request want-1", "timer", "share.conditional.reply"), 1},
		{"document_lapsed", "NOTICE", "batch-1", audit.Entry{Kind: "document.lapsed", At: d.Now(), Actor: "sun.health", Fields: map[string]string{"batch": "batch-1"}}, 1},
		{"witness_conflict", "MAJOR", "0a0b", audit.Entry{Kind: "audit.conflict", At: d.Now(), Actor: "feng.audit", Fields: map[string]string{"root": "0a0b"}}, 1},
	} {
		query.Observe(d.Engine, times(c.figure-1, c.entry)...)
		if got := alertsBy(t, d, c.rule); len(got) != 0 {
			t.Errorf("%s: one below its figure there are %+v", c.rule, got)
		}
		query.Observe(d.Engine, c.entry)
		got := alertsBy(t, d, c.rule)
		if len(got) != 1 || got[0].Severity != c.severity || got[0].Subject != c.subject {
			t.Errorf("%s: at its figure there are %+v, want one %s about %s", c.rule, got, c.severity, c.subject)
			continue
		}
		query.Observe(d.Engine, times(c.figure+3, c.entry)...)
		if got := alertsBy(t, d, c.rule); len(got) != 1 {
			t.Errorf("%s: twice its figure raises %d alerts in one window", c.rule, len(got))
		}
	}
	// Every way to fail counts as one, every output that is withheld as blocked, and
	// every breach is one.
	d.Advance(25 * time.Hour)
	mark := func(rule string) int { return len(alertsBy(t, d, rule)) }
	for rule, all := range map[string][]audit.Entry{
		"failures": slices.Concat(times(4, did(d, "query.failed", "cause", "TIME")), times(3, did(d, "query.failed", "cause", "MEMORY")), times(3, did(d, "query.failed", "cause", "OUTPUT")),
			times(3, did(d, "query.failed", "cause", "ROWS")), times(3, did(d, "query.failed", "cause", "ENGINE")), times(4, did(d, "query.failed", "cause", "KILLED"))),
		"person_rows":    {did(d, "output.released", "rows", "1"), did(d, "output.released", "rows", "199999")},
		"blocked_output": append(times(4, did(d, "query.failed", "cause", "RAW_MATCH")), did(d, "output.blocked")),
	} {
		before := mark(rule)
		query.Observe(d.Engine, all[1:]...)
		if mark(rule) != before {
			t.Errorf("%s: one below its figure raises one", rule)
		}
		query.Observe(d.Engine, all[0])
		if mark(rule) != before+1 {
			t.Errorf("%s: of every kind its figure raises %d", rule, mark(rule)-before)
		}
	}
	for _, e := range []audit.Entry{did(d, "query.failed", "cause", "ISOLATION"), did(d, "query.failed", "cause", "PROTOCOL"), did(d, "query.failed", "cause", "TREE"),
		did(d, "query.failed", "cause", "DATA", "reasons", "DATA_DAMAGED"), did(d, "zone.damaged")} {
		d.Advance(2 * time.Hour)
		before := mark("breach")
		e.At = d.Now()
		query.Observe(d.Engine, e)
		got := alertsBy(t, d, "breach")
		if len(got) != before+1 || got[0].Operator != "" || got[0].Measure != nil {
			t.Errorf("%s %s raises %d breaches, the last of operator %q", e.Kind, e.Fields["cause"], len(got)-before, got[0].Operator)
		}
	}
	// What the host did to a question, and what waits for its turn, is nobody's doing.
	d.Advance(25 * time.Hour)
	before := len(alertsBy(t, d, "probing")) + len(alertsBy(t, d, "failures")) + len(alertsBy(t, d, "breach"))
	query.Observe(d.Engine, times(300, did(d, "query.denied", "reasons", "INTERNAL", "cause", "HOST"))...)
	query.Observe(d.Engine, times(300, did(d, "query.failed", "reasons", "INTERNAL", "cause", "HOST"))...)
	query.Observe(d.Engine, times(300, did(d, "query.failed", "reasons", "DATA_WITHOUT_ENTITY", "cause", "DATA"))...)
	query.Observe(d.Engine, times(300, did(d, "query.explained", "refused", "EXPLAIN_RATE"))...)
	query.Observe(d.Engine, times(300, did(d, "query.explained", "refused", "INTERNAL", "cause", "HOST"))...)
	if after := len(alertsBy(t, d, "probing")) + len(alertsBy(t, d, "failures")) + len(alertsBy(t, d, "breach")); after != before {
		t.Errorf("what was nobody's doing raised %d alerts", after-before)
	}
}

// Twenty questions of one person in an hour that differ in constants alone raise an
// alert; nineteen do not, nor does one question however often, nor what others ask, or
// in another form.
func TestMovingBoundariesRaiseTheirAlert(t *testing.T) {
	t.Parallel()
	d := watched(t)
	asked := func(user, shape, tree string) audit.Entry {
		e := did(d, "query.intent", "shape", shape, "tree", tree)
		e.Actor = user
		return e
	}
	for i := range 19 {
		query.Observe(d.Engine, asked("li.op", "s1", fmt.Sprint("t", i)), asked("zhou.op", "s1", fmt.Sprint("z", i)), asked("li.op", fmt.Sprint("other", i), "t"))
	}
	query.Observe(d.Engine, times(40, asked("li.op", "s1", "t7"))...)
	if got := alertsBy(t, d, "moving_boundaries"); len(got) != 0 {
		t.Errorf("nineteen raise %+v", got)
	}
	late := asked("zhou.op", "s1", "z19")
	late.At = late.At.Add(61 * time.Minute)
	query.Observe(d.Engine, late)
	if got := alertsBy(t, d, "moving_boundaries"); len(got) != 0 {
		t.Errorf("nineteen and one of another hour raise %+v", got)
	}
	template := asked("li.op", "s1", "t7")
	template.Fields["parameters"] = "year=2026"
	query.Observe(d.Engine, template)
	if got := alertsBy(t, d, "moving_boundaries"); len(got) != 1 || got[0].Subject != "li.op" || got[0].Count != 20 || got[0].Severity != "WARNING" {
		t.Errorf("the twentieth raises %+v, want one WARNING about li.op", got)
	}
}

// A refusal for what was released before counts as a refusal.
func TestRefusalsByHistoryAreProbing(t *testing.T) {
	t.Parallel()
	d := watched(t)
	refusal := did(d, "query.failed", "cause", "OVERLAP", "reasons", "RELEASE_HISTORY")
	query.Observe(d.Engine, times(29, refusal)...)
	if got := alertsBy(t, d, "probing"); len(got) != 0 {
		t.Errorf("twenty-nine raise %+v", got)
	}
	query.Observe(d.Engine, refusal)
	if got := alertsBy(t, d, "probing"); len(got) != 1 {
		t.Errorf("thirty raise %+v, want one", got)
	}
}

// Six hundred explains of one person in an hour, counted when they begin.
func TestExplainsOfAnHourRaiseTheirAlert(t *testing.T) {
	t.Parallel()
	d := watched(t)
	ask := func() {
		_, _ = d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("zheng.police"), Scenario: "nothing", Purpose: querytest.Purpose, SQL: "SELECT 1"})
	}
	for range 599 {
		ask()
	}
	if got := alertsBy(t, d, "explain_volume"); len(got) != 0 {
		t.Errorf("599 explains raise %+v", got)
	}
	d.Reopen() // it counts each again, from the log, and once
	if got := alertsBy(t, d, "explain_volume"); len(got) != 0 {
		t.Errorf("599 explains and a restart raise %+v", got)
	}
	ask()
	if got := alertsBy(t, d, "explain_volume"); len(got) != 1 || got[0].Subject != "zheng.police" || got[0].Count != 600 || got[0].Measure != nil {
		t.Errorf("600 explains raise %+v, want one of zheng.police that restricts nothing", got)
	}
}

// A burst of refusals restricts its operator in the act that raises the alert, until a
// person lifts it or a signed measure takes its place; nobody else is touched.
func TestABurstRestrictsItsOperatorUntilAPersonDecides(t *testing.T) {
	t.Parallel()
	d := watched(t)
	refuse := func(n int) { // no template is called so: no worker reads anything
		for range n {
			if _, err := d.AskTemplate("li.op", querytest.Scenario, querytest.Purpose, "nothing", nil); err == nil {
				t.Fatal("a question by a template that is not there is answered")
			}
		}
	}
	denied := func() string {
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) AS n FROM beds")
		if err == nil {
			return ""
		}
		return strings.Join(detailCodes(err), " ")
	}
	measures := func() (active []string) {
		docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), registry.KindRestriction, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range docs {
			one, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), registry.KindRestriction, v.Name)
			if err != nil {
				t.Fatal(err)
			}
			if m := measureIn(t, one[0]); m.Status == registry.StatusActive {
				active = append(active, fmt.Sprintf("%s %s %s %d", m.Degree, m.Level, m.Target, m.Rate))
			}
		}
		return active
	}
	refuse(119)
	if got := measures(); len(got) != 0 || len(alertsBy(t, d, "denial_burst")) != 0 {
		t.Fatalf("119 refusals restrict %q", got)
	}
	refuse(1)
	if got := measures(); !slices.Equal(got, []string{"RESTRICT operator huiyi 60"}) {
		t.Fatalf("120 refusals restrict %q", got)
	}
	if got := denied(); got != "ACCESS_RATE" {
		t.Errorf("a question under the restriction is refused for %q, want ACCESS_RATE", got)
	}
	first := alertsBy(t, d, "denial_burst")
	if len(first) != 1 || first[0].State != "RESTRICTED" || first[0].Measure == nil || first[0].Measure.Target != "huiyi" || first[0].Operator != "huiyi" {
		t.Fatalf("the alerts are %+v", first)
	}
	id := first[0].ID
	// A restart forgets neither the measure nor that the alert was raised.
	d.Reopen()
	refuse(3)
	if got := alertsBy(t, d, "denial_burst"); len(got) != 1 || got[0].State != "RESTRICTED" {
		t.Fatalf("after a restart the alerts are %+v", got)
	}
	if got := denied(); got != "ACCESS_RATE" {
		t.Errorf("after a restart a question is refused for %q, want ACCESS_RATE", got)
	}
	// It is not closed before it is decided, and no time decides: its term escalates.
	_, err := d.Engine.CloseAlert(t.Context(), d.Subject(querytest.Founder), id, query.AlertClosing{Reason: "已核实"})
	if querytest.Code(err) != "ALERT_STATE" {
		t.Errorf("closing what restricts = %v, want ALERT_STATE", err)
	}
	d.Advance(3 * 24 * time.Hour)
	if got := alertsBy(t, d, "term_overdue"); len(got) != 1 || got[0].Subject != "alert "+id+" alert.decide" {
		t.Errorf("past the term the inbox has %+v", got)
	}
	if state(t, d, id) != "RESTRICTED" || len(measures()) != 1 {
		t.Error("the term ended the restriction")
	}
	// Lifted by who might set it; not by the restricted, the zone's regulator, a provider.
	for _, by := range []string{"li.op", "zhou.officer", "sun.health", "zheng.police", "jin.op"} {
		if err := liftAlert(t, d, id, by); err == nil {
			t.Errorf("%s lifted it", by)
		}
	}
	if err := liftAlert(t, d, id, querytest.Founder); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if got := denied(); got != "" || state(t, d, id) != "LIFTED" {
		t.Errorf("lifted, a question is refused for %q; the alert is %s", got, state(t, d, id))
	}
	// A second burst is confirmed by a signed measure, which takes the place of the gate's.
	refuse(120)
	second := alertsBy(t, d, "denial_burst")
	if len(second) != 2 || second[0].State != "RESTRICTED" {
		t.Fatalf("after a second burst the alerts are %+v", second)
	}
	id = second[0].ID
	beside := registry.Restriction{Level: registry.LevelDataset, Target: "persons", Degree: registry.DegreeRestrict, Rate: 1000, Alert: id}
	besideName, _ := sets(t, d, beside, "zheng.police") // a provider's own measure that names the alert decides nothing
	if got := state(t, d, id); got != "RESTRICTED" || len(measures()) != 2 {
		t.Errorf("a measure elsewhere that names the alert made it %s, in force are %q", got, measures())
	}
	lifts(t, d, besideName, beside, "zheng.police")
	confirmed := registry.Restriction{Level: registry.LevelOperator, Target: "huiyi", Degree: registry.DegreeRestrict, Rate: 30, Alert: id}
	name, _ := sets(t, d, confirmed, "he.sec")
	if got := measures(); !slices.Equal(got, []string{"RESTRICT operator huiyi 30"}) || state(t, d, id) != "CONFIRMED" {
		t.Errorf("confirmed, in force are %q and the alert is %s", got, state(t, d, id))
	}
	lifts(t, d, name, confirmed, querytest.Founder)
	if got := state(t, d, id); got != "LIFTED" {
		t.Errorf("its measure lifted, the alert is %s", got)
	}
	if _, err := d.Engine.CloseAlert(t.Context(), d.Subject(querytest.Founder), id, query.AlertClosing{Reason: "已核实"}); err != nil || state(t, d, id) != "CLOSED" {
		t.Errorf("closing it = %v, %s", err, state(t, d, id))
	}
	var kinds []string
	for _, e := range d.Audit("feng.audit") {
		if strings.HasPrefix(e.Kind, "alert.") && (e.Fields["rule"] == "denial_burst" || e.Kind != "alert.raised") {
			kinds = append(kinds, e.Kind+" "+e.Actor)
			for _, f := range []string{"alert", "rule", "severity", "subject", "recipients", "article", "window"} {
				if e.Fields[f] == "" {
					t.Errorf("%s says nothing of %s: %+v", e.Kind, f, e)
				}
			}
			if e.Zone != "medical" || e.Org != "huiyi" {
				t.Errorf("%s is of zone %q and operator %q", e.Kind, e.Zone, e.Org)
			}
		}
	}
	if want := []string{"alert.raised gate", "alert.lifted zhao.city", "alert.raised gate", "alert.confirmed he.sec", "alert.lifted zhao.city", "alert.closed zhao.city"}; !slices.Equal(kinds, want) {
		t.Errorf("the log tells %q, want %q", kinds, want)
	}
}

func detailCodes(err error) (out []string) {
	for _, d := range query.AsError(err).Details {
		out = append(out, d.Code)
	}
	return out
}

func measureIn(t *testing.T, v query.DocumentView) registry.Restriction {
	t.Helper()
	var doc registry.Document
	if err := json.Unmarshal(v.Document, &doc); err != nil {
		t.Fatal(err)
	}
	m, err := registry.SpecOf[registry.Restriction](doc)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// liftAlert signs that the measure of an alert is lifted.
func liftAlert(t *testing.T, d *querytest.Domain, id, by string) error {
	t.Helper()
	docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), registry.KindRestriction, id)
	if err != nil {
		t.Fatal(err)
	}
	m := measureIn(t, docs[0])
	m.Status, m.StatusReason = registry.StatusLifted, "误报"
	spec, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	doc := registry.Document{Kind: registry.KindRestriction, Name: id, Spec: spec}
	doc.Sign(by, d.Key(by).Private(), d.Now())
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Engine.Apply(t.Context(), d.Subject(by), strings.NewReader(string(text)))
	return err
}

// Whatever an operator does counts against itself: names of another's scenarios, and
// a license whose scenario is another's, are not the other's doing.
func TestNobodyCausesARestrictionOfAnother(t *testing.T) {
	t.Parallel()
	d := watched(t)
	foreign := did(d, "query.denied", "reasons", "NOT_FOUND")
	foreign.Actor, foreign.Org, foreign.Zone = "jin.op", "jinrong", ""
	query.Observe(d.Engine, times(500, foreign)...)
	strange := did(d, "query.denied", "reasons", "ROLE_NOT_ALLOWED")
	strange.Actor, strange.Org = "wu.dc", "data-centre"
	query.Observe(d.Engine, times(500, strange)...)
	for _, org := range []string{"jinrong", "data-centre", "nobody"} {
		released := did(d, "output.released", "rows", "5000000")
		released.Org = org
		query.Observe(d.Engine, released)
	}
	for _, rule := range []string{"denial_burst", "row_volume"} {
		for _, a := range alertsBy(t, d, rule) {
			if a.Subject != "jinrong" || a.Operator != "jinrong" {
				t.Errorf("others raised %+v", a)
			}
		}
	}
	// Names that are not there are of no zone, and count in the operator's first.
	lost := did(d, "query.denied", "reasons", "NOT_FOUND")
	lost.Zone, lost.Scenario = "", "nothing"
	query.Observe(d.Engine, times(120, lost)...)
	if a := alertsBy(t, d, "denial_burst"); len(a) != 2 || a[0].Zone != "medical" || a[0].Measure == nil || a[0].Measure.Target != "huiyi" {
		t.Errorf("refusals of names that are not there raise %+v", a)
	}
	d.Advance(2 * time.Hour)
	// The twin: its own doings are its own.
	query.Observe(d.Engine, did(d, "output.released", "rows", "5000000"))
	query.Observe(d.Engine, times(120, did(d, "query.denied", "reasons", "SYNTAX"))...)
	if a := alertsBy(t, d, "row_volume"); len(a) != 1 || a[0].Subject != "medical-2026" {
		t.Errorf("its own rows raise %+v", a)
	}
	if a := alertsBy(t, d, "denial_burst"); len(a) != 3 || a[0].Subject != "huiyi" || a[0].Operator != "huiyi" {
		t.Errorf("its own refusals raise %+v", a)
	}
}

// While what an alert restricted stands, the next of its rule and subject sets nothing
// beside it and says under which it is; after a person lifted it, the next restricts.
func TestAnEarlierRestrictionStandsForTheNext(t *testing.T) {
	t.Parallel()
	d := watched(t)
	burst := func(n int) query.AlertView {
		t.Helper()
		query.Observe(d.Engine, times(120, did(d, "query.denied", "reasons", "SYNTAX"))...)
		all := alertsBy(t, d, "denial_burst")
		if len(all) != n {
			t.Fatalf("there are %d alerts, want %d", len(all), n)
		}
		d.Advance(2 * time.Hour) // the same place of the ring, an hour and more later
		return all[0]
	}
	first := burst(1)
	if first.Measure == nil || first.Under != "" || first.State != "RESTRICTED" {
		t.Fatalf("the first is %+v", first)
	}
	for n := 2; n <= 3; n++ {
		if a := burst(n); a.Measure != nil || a.Under != first.ID || a.State != "RAISED" {
			t.Errorf("alert %d is %+v, want it under %s", n, a, first.ID)
		}
	}
	if err := liftAlert(t, d, first.ID, querytest.Founder); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if a := burst(4); a.Measure == nil || a.Under != "" || a.State != "RESTRICTED" {
		t.Errorf("after it was lifted the next is %+v", a)
	}
}

// A measure decides on an alert only if it names it, at what it restricts, from its time
// on, and while that is open.
func TestWhatAnAlertIsDecidedBy(t *testing.T) {
	t.Parallel()
	d := watched(t)
	query.Observe(d.Engine, times(120, did(d, "query.denied", "reasons", "SYNTAX"))...)
	id := alertsBy(t, d, "denial_burst")[0].ID
	at := func(operator string) registry.Restriction {
		return registry.Restriction{Level: registry.LevelOperator, Target: operator, Degree: registry.DegreeRestrict, Rate: 1000, Alert: id}
	}
	is := func(after, want string) {
		t.Helper()
		if got := state(t, d, id); got != want {
			t.Errorf("%s it is %s, want %s", after, got, want)
		}
	}
	other, _ := sets(t, d, at("jinrong"), "he.sec")
	is("after a measure on another operator", "RESTRICTED")
	lifts(t, d, other, at("jinrong"), "he.sec")
	is("after that was lifted", "RESTRICTED")
	spec, err := json.Marshal(registry.Restriction{Level: registry.LevelOperator, Target: "huiyi", Degree: registry.DegreeRestrict, Rate: 1000, Alert: id,
		Reason: "违反约定", Clause: "NJ24-12", Status: registry.StatusActive})
	if err != nil {
		t.Fatal(err)
	}
	later := registry.Document{Kind: registry.KindRestriction, Name: "measure-later", Spec: spec, Effective: d.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	later.Sign("he.sec", d.Key("he.sec").Private(), d.Now())
	text, err := json.Marshal(later)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Engine.Apply(t.Context(), d.Subject("he.sec"), strings.NewReader(string(text))); err != nil {
		t.Fatal(querytest.Text(err))
	}
	is("before its measure is in force", "RESTRICTED")
	d.Advance(2 * time.Hour)
	if err := d.Engine.TakeEffect(t.Context()); err != nil {
		t.Fatal(querytest.Text(err))
	}
	is("once its measure is in force", "CONFIRMED")
	second, _ := sets(t, d, at("huiyi"), querytest.Founder)
	is("after a second measure", "CONFIRMED")
	lifts(t, d, second, at("huiyi"), querytest.Founder)
	is("after the second was lifted", "CONFIRMED")
	if _, err := d.Engine.CloseAlert(t.Context(), d.Subject(querytest.Founder), id, query.AlertClosing{Reason: strings.Repeat("x", 1999), Report: "xx"}); querytest.Code(err) != "BAD_REQUEST" {
		t.Errorf("closed with more than is kept: %v", err)
	}
	if _, err := d.Engine.CloseAlert(t.Context(), d.Subject(querytest.Founder), id, query.AlertClosing{Reason: strings.Repeat("x", 2000)}); err != nil {
		t.Error(querytest.Text(err))
	}
	is("at last", "CLOSED")
}

// What did nothing for a day is forgotten when room is needed, and what did something
// is not.
func TestCountersOfTheIdleMakeRoom(t *testing.T) {
	t.Parallel()
	d := watched(t)
	crowd := func() (all []audit.Entry) {
		for i := range 1500 {
			e := did(d, "output.released", "rows", "1")
			e.Actor = fmt.Sprint("person-", i)
			all = append(all, e)
		}
		return all
	}
	query.Observe(d.Engine, times(119, did(d, "query.denied", "reasons", "SYNTAX"))...)
	query.Observe(d.Engine, crowd()...)
	if tallies, _ := query.Tallied(d.Engine); tallies < 1500 {
		t.Errorf("of 1500 who did something %d are counted", tallies)
	}
	query.Observe(d.Engine, did(d, "query.denied", "reasons", "SYNTAX"))
	if a := alertsBy(t, d, "denial_burst"); len(a) != 1 || a[0].Count != 120 {
		t.Errorf("in a crowd 120 refusals raise %+v", a)
	}
	d.Advance(26 * time.Hour)
	for i, e := range crowd() {
		e.Actor = fmt.Sprint("newcomer-", i)
		query.Observe(d.Engine, e)
	}
	if tallies, _ := query.Tallied(d.Engine); tallies > 1600 {
		t.Errorf("a day later %d are counted, want the newcomers", tallies)
	}
}

// What a partner asks is its operator's doing: refusals of both make one burst, which
// restricts both, and rows that a partner receives are of the operator's license.
func TestWhatAPartnerDoesIsItsOperatorsDoing(t *testing.T) {
	t.Parallel()
	d := watched(t)
	d.Apply("sun.health", partnerText("kangjian", "jinrong"), "sun.health", "li.op")
	theirs := func(kind string, fields ...string) audit.Entry {
		e := did(d, kind, append(fields, "partner_of", "huiyi")...)
		e.Actor, e.Org = "jin.op", "jinrong"
		return e
	}
	query.Observe(d.Engine, times(60, theirs("query.denied", "reasons", "SYNTAX"))...)
	query.Observe(d.Engine, times(59, did(d, "query.denied", "reasons", "SYNTAX"))...)
	if a := alertsBy(t, d, "denial_burst"); len(a) != 0 {
		t.Errorf("119 refusals raise %+v", a)
	}
	query.Observe(d.Engine, theirs("query.denied", "reasons", "SYNTAX"))
	if a := alertsBy(t, d, "denial_burst"); len(a) != 1 || a[0].Subject != "huiyi" || a[0].Measure == nil || a[0].Measure.Target != "huiyi" {
		t.Errorf("120 refusals of an operator and its partner raise %+v", a)
	}
	query.Observe(d.Engine, theirs("output.released", "rows", "600000"), did(d, "output.released", "rows", "400000"))
	if a := alertsBy(t, d, "row_volume"); len(a) != 1 || a[0].Subject != "medical-2026" || a[0].Count != 1000000 {
		t.Errorf("a million rows under one license raise %+v", a)
	}
	// What it does without its operator is its own.
	own := did(d, "query.denied", "reasons", "SYNTAX")
	own.Actor, own.Org, own.Zone = "jin.op", "jinrong", ""
	query.Observe(d.Engine, times(120, own)...)
	if a := alertsBy(t, d, "denial_burst"); len(a) != 2 || a[0].Subject != "jinrong" {
		t.Errorf("its own refusals raise %+v", a)
	}
}

// Racing refusals raise one alert; a flood makes neither memory nor log grow.
func TestAFloodRaisesOneAlert(t *testing.T) {
	t.Parallel()
	d := watched(t)
	size := len(d.Audit("feng.audit"))
	flood := times(2000, did(d, "query.denied", "reasons", "SYNTAX"))
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for _, e := range flood {
				query.Observe(d.Engine, e)
			}
		})
	}
	all.Wait()
	if a := alertsBy(t, d, "denial_burst"); len(a) != 1 {
		t.Errorf("32000 refusals raise %d alerts of one rule", len(a))
	}
	if a := alertsBy(t, d, "probing"); len(a) != 1 {
		t.Errorf("32000 refusals raise %d alerts of one rule", len(a))
	}
	// Two alerts, and the measure of one.
	if grown := len(d.Audit("feng.audit")) - size; grown != 3 {
		t.Errorf("the log grew by %d entries, want 3", grown)
	}
	if tallies, calls := query.Tallied(d.Engine); tallies > 8 || calls != 0 {
		t.Errorf("%d tallies are kept and %d alerts wait, want a person's, an operator's and those who read", tallies, calls)
	}
}

// The clock: an hour later nothing of it counts; set back, it still does.
func TestAnHourIsByTheGatesClock(t *testing.T) {
	t.Parallel()
	d := watched(t)
	old := did(d, "query.denied", "reasons", "SYNTAX")
	query.Observe(d.Engine, times(119, old)...)
	d.Advance(61 * time.Minute)
	query.Observe(d.Engine, did(d, "query.denied", "reasons", "SYNTAX"))
	if a := alertsBy(t, d, "denial_burst"); len(a) != 0 {
		t.Errorf("119 refusals and one an hour later raise %+v", a)
	}
	d.Advance(3 * time.Hour) // what is set back below does not reach those
	query.Observe(d.Engine, times(119, did(d, "query.denied", "reasons", "SYNTAX"))...)
	if a := alertsBy(t, d, "denial_burst"); len(a) != 0 {
		t.Errorf("119 refusals in each of two hours raise %+v", a)
	}
	back := did(d, "query.denied", "reasons", "SYNTAX")
	back.At = back.At.Add(-10 * time.Minute)
	query.Observe(d.Engine, back)
	if a := alertsBy(t, d, "denial_burst"); len(a) != 1 {
		t.Errorf("the 120th, by a clock that was set back, raises %d alerts", len(a))
	}
}

// An answer waits for no alert, and an alert that could not be raised is raised later,
// by the next process if it must be.
func TestNoAnswerWaitsForAnAlert(t *testing.T) {
	t.Parallel()
	d := watched(t)
	free := query.HoldAlerts(d.Engine)
	for range 120 {
		if _, err := d.AskTemplate("li.op", querytest.Scenario, querytest.Purpose, "nothing", nil); err == nil {
			t.Fatal("answered")
		}
	}
	if _, calls := query.Tallied(d.Engine); calls != 2 {
		t.Errorf("%d alerts wait, want probing and the burst", calls)
	}
	d.Reopen()
	free()
	if a := alertsBy(t, d, "denial_burst"); len(a) != 1 || a[0].Count != 120 || a[0].Measure == nil {
		t.Errorf("after a restart the alerts are %+v, want one of 120 refusals", a)
	}
}

// Alerts are read by those the rule names, the regulator of that zone, and the
// data-security officer of that operator.
func TestWhoIsSentAnAlert(t *testing.T) {
	t.Parallel()
	d := watched(t)
	query.Observe(d.Engine, times(120, did(d, "query.denied", "reasons", "SYNTAX"))...) // probing and the burst
	query.Observe(d.Engine, did(d, "query.failed", "cause", "PROTOCOL", "reasons", "INTERNAL"))
	for user, want := range map[string]string{
		"he.sec": "breach denial_burst probing", querytest.Founder: "breach denial_burst probing", "sun.health": "breach denial_burst probing",
		"wu.dc": "breach denial_burst", "zhou.officer": "denial_burst probing",
		"gu.finance": "", "ma.health": "", "wu.officer": "", "zhou.namesake": "", "li.op": "", "jin.op": "", "zheng.police": "", "feng.audit": "",
	} {
		all, err := d.Engine.Alerts(t.Context(), d.Subject(user))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range all {
			got = append(got, a.Rule)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s reads %q, want %q", user, got, want)
		}
		for _, a := range alertsBy(t, d, "breach") {
			_, err := d.Engine.Alert(t.Context(), d.Subject(user), a.ID)
			if sent := strings.Contains(want, "breach"); (err == nil) != sent || err != nil && querytest.Code(err) != "NOT_FOUND" {
				t.Errorf("%s reads the alert itself: %v, want sent %v", user, err, sent)
			}
			_, err = d.Engine.CloseAlert(t.Context(), d.Subject(user), a.ID, query.AlertClosing{})
			if code := querytest.Code(err); !strings.Contains(want, "breach") && code != "NOT_FOUND" || user == "he.sec" && code != "ROLE_REQUIRED" || user == "sun.health" && code != "BAD_REQUEST" {
				t.Errorf("%s closes it: %v", user, err)
			}
		}
	}
}

// Under the pack shenyang-2020 a breach closes the zone at once, and the alert is
// closed only with the record of its report.
func TestABreachClosesTheZoneWhereThePackSaysSo(t *testing.T) {
	t.Parallel()
	d := watched(t)
	ask := func() error {
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) AS n FROM beds")
		return err
	}
	breach := did(d, "query.failed", "cause", "ISOLATION", "reasons", "INTERNAL")
	query.Observe(d.Engine, breach)
	if err := ask(); err != nil {
		t.Fatalf("under nanjing-2024 a breach closes: %s", querytest.Text(err))
	}
	zone, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), registry.KindZone, "medical")
	if err != nil {
		t.Fatal(err)
	}
	var doc registry.Document
	if err := json.Unmarshal(zone[0].Document, &doc); err != nil {
		t.Fatal(err)
	}
	doc.Spec = json.RawMessage(strings.Replace(string(doc.Spec), "nanjing-2024", "shenyang-2020", 1))
	text, err := json.Marshal(registry.Document{Kind: doc.Kind, Name: doc.Name, Spec: doc.Spec})
	if err != nil {
		t.Fatal(err)
	}
	d.Apply(querytest.Founder, string(text))
	d.Advance(2 * time.Hour)
	held := waitsIn(t, d, "SELECT name, district FROM persons LIMIT 3")
	inReview := cityRefuses(t, d, "SELECT name, district FROM persons LIMIT 2", "QUERY_IN_REVIEW")
	under := askBeside(t, d, "li.op", long)
	running(t, d, 1)
	breach.At = d.Now()
	query.Observe(d.Engine, breach)
	if code := querytest.Code(under.ends(t)); code != "STOPPED" {
		t.Errorf("what ran ended with %s", code)
	}
	for run, want := range map[string]string{held: "output.frozen", inReview: "query.voided"} {
		if kinds := auditKinds(d, run); !slices.Contains(kinds, want) {
			t.Errorf("what waited has %q, want %s", kinds, want)
		}
	}
	a := alertsBy(t, d, "breach")
	if len(a) != 2 || a[0].State != "RESTRICTED" || a[0].Measure == nil || a[0].Measure.Degree != "CLOSE" || a[0].ReportEN == "" {
		t.Fatalf("the alerts are %+v", a)
	}
	if err := ask(); err == nil || !slices.Contains(detailCodes(err), "ACCESS_CLOSED") {
		t.Errorf("after the breach a question gives %v, want ACCESS_CLOSED", err)
	}
	if err := liftAlert(t, d, a[0].ID, "sun.health"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	closing := query.AlertClosing{Reason: "已处置"}
	if _, err := d.Engine.CloseAlert(t.Context(), d.Subject("sun.health"), a[0].ID, closing); querytest.Code(err) != "BAD_REQUEST" {
		t.Errorf("closed without a report: %v", err)
	}
	closing.Report = "2026-11-23 沈数函〔2026〕8 号"
	if v, err := d.Engine.CloseAlert(t.Context(), d.Subject("sun.health"), a[0].ID, closing); err != nil || v.State != "CLOSED" || !strings.Contains(v.Moves[2].Basis, "8 号") {
		t.Errorf("closed with one: %+v, %v", v, err)
	}
}

// Whoever takes an alert out of the registry's file is found by the log.
func TestAnAlertThatWasTakenAwayIsMissed(t *testing.T) {
	t.Parallel()
	d := watched(t)
	query.Observe(d.Engine, times(30, did(d, "query.denied", "reasons", "SYNTAX"))...)
	missed(t, d, `DELETE FROM alerts`)
}
