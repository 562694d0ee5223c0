package query_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

const partnerRecords = "SELECT name, district FROM persons ORDER BY name LIMIT 3"

// partnerText is kangjian under huiyi's license, with what a test changes.
func partnerText(replace ...string) string {
	return strings.NewReplacer(replace...).Replace(`{"kind":"Partner","name":"huiyi-kangjian","spec":{"organization":"kangjian","license":"medical-2026",
		"scenarios":["outpatient-statistics"],"from":"2026-01-01","until":"2028-12-31","security_officer":"周安全",
		"confidentiality_ref":"保密协议〔2026〕3号","status":"ACTIVE"}}`)
}

// partnered returns the city with zhou.kj, a person of the partner kangjian, who may
// receive, beside li.op, what is asked in the scenario; and with yu.kj, whose account
// names no agreement on confidentiality.
func partnered(t *testing.T, o querytest.Options) *querytest.Domain {
	t.Helper()
	d := querytest.City(t, o)
	d.Apply(querytest.Founder, `{"kind":"Organization","name":"kangjian","spec":{"title":"康健数据有限公司","kind":"operator","org_form":"legal_person",
		"credit_code":"91320100MA1KJ0000A","incident_3y":false,"dishonesty_3y":false}}`)
	d.Register(querytest.Person{User: "zhou.kj", RealName: "周康健", Organization: "kangjian", Role: registry.RoleOperator},
		querytest.Person{User: "yu.kj", RealName: "俞康健", Organization: "kangjian", Role: registry.RoleOperator})
	d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, "zhou.kj", `"status":"active"`, `"status":"active","confidentiality_ref":"保密协议〔2026〕3-1号"`))
	d.Apply("sun.health", partnerText(), "sun.health", "li.op")
	d.Apply("sun.health", changed(t, d, registry.KindScenario, querytest.Scenario, `"recipients":["li.op"]`, `"recipients":["li.op","zhou.kj","yu.kj"]`), "sun.health")
	return d
}

// endPartner ends or suspends the partner by the word of by.
func endPartner(t *testing.T, d *querytest.Domain, by, status string) *query.Ended {
	t.Helper()
	doc := partnerText(`"status":"ACTIVE"`, `"status":"`+status+`","status_reason":"第十条"`)
	done, err := d.Engine.Apply(t.Context(), d.Subject(by), strings.NewReader(doc))
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	return done[0].Stopped
}

func asks(d *querytest.Domain, user, sql string) string {
	_, err := d.Ask(user, querytest.Scenario, querytest.Purpose, sql)
	return querytest.Code(err)
}

func deniedFor(err error) []string {
	var out []string
	if err != nil {
		for _, r := range query.AsError(err).Details {
			out = append(out, r.Code)
		}
	}
	return out
}

// A partner's person asks in the operator's scenario; the log names the person's
// organization and the operator on every record of it, and the report on use shows the
// partner under its operator, to the operator too.
func TestAPartnerAsksInTheOperatorsScenario(t *testing.T) {
	t.Parallel()
	d := partnered(t, querytest.Options{Idle: 1})
	a, err := d.Ask("zhou.kj", querytest.Scenario, querytest.Purpose, perDistrict)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if got := d.Open("zhou.kj", a); len(got.Rows) == 0 {
		t.Error("the answer is empty")
	}
	if _, err := d.Resume("zhou.kj", a.Run); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if c := asks(d, "zhou.kj", "SELECT address FROM persons"); c != "NOT_GRANTED" {
		t.Errorf("what the operator was not granted = %q", c)
	}
	if c := asks(d, "zhou.kj", partnerRecords); c != "QUERY_IN_REVIEW" {
		t.Errorf("records = %q", c)
	}
	if c := asks(d, "li.op", perDistrict); c != "" {
		t.Errorf("the operator's own = %q", c)
	}
	kinds := map[string]int{}
	for _, e := range d.Audit("feng.audit") {
		if !strings.HasPrefix(e.Kind, "query.") && !strings.HasPrefix(e.Kind, "output.") {
			continue
		}
		want := [2]string{"huiyi", ""}
		if e.Actor == "zhou.kj" {
			kinds[e.Kind]++
			want = [2]string{"kangjian", "huiyi"}
		}
		if got := [2]string{e.Org, e.Fields["partner_of"]}; got != want {
			t.Errorf("%s by %s is of %q, want %q", e.Kind, e.Actor, got, want)
		}
	}
	for _, k := range []string{"query.intent", "query.done", "query.denied", "query.review", "output.released", "output.downloaded"} {
		if kinds[k] != 1 {
			t.Errorf("%d entries %s of the partner, want 1", kinds[k], k)
		}
	}
	day := d.Now().UTC().Add(8 * time.Hour).Format(time.DateOnly)
	for reader, want := range map[string][]string{
		"feng.audit": {"huiyi/ li.op 1 0 1", "huiyi/kangjian zhou.kj 1 1 1"},
		"li.op":      {"huiyi/ li.op 1 0 1", "huiyi/kangjian zhou.kj 1 1 1"},
		"zhou.kj":    {"huiyi/kangjian zhou.kj 1 1 1"},
	} {
		r, err := d.Engine.Use(t.Context(), d.Subject(reader), query.Period{From: day, To: day})
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		var got []string
		for _, u := range r.Rows {
			got = append(got, fmt.Sprintf("%s/%s %s %d %d %d", u.Operator, u.Partner, u.Person, u.Runs, u.Denied, u.Outputs))
		}
		if !slices.Equal(got, want) {
			t.Errorf("use as %s sees it = %q, want %q", reader, got, want)
		}
	}
}

// Outside of what its document gives a partner gets nothing: a scenario that it does
// not have is not there for it; a grant that it does not have gives nothing; an account
// without an agreement on confidentiality asks nothing.
func TestAPartnerHasItsPartAlone(t *testing.T) {
	t.Parallel()
	d := partnered(t, querytest.Options{Idle: 1})
	if c := asks(d, "yu.kj", perDistrict); c != "CONFIDENTIALITY_MISSING" {
		t.Errorf("an account without an agreement on confidentiality = %q", c)
	}
	d.Apply("sun.health", partnerText(`"until":`, `"grants":["visits-statistics"],"until":`), "sun.health", "li.op")
	_, err := d.Ask("zhou.kj", querytest.Scenario, querytest.Purpose, perDistrict)
	if got := deniedFor(err); !slices.Equal(got, []string{"COLUMN_NOT_GRANTED", "DATASET_NOT_GRANTED", "GRANT_NOT_PARTNERS"}) {
		t.Errorf("a grant that the partner does not have = %q", got)
	}
	if c := asks(d, "zhou.kj", "SELECT department, count(*) AS n FROM visits GROUP BY department"); c != "" {
		t.Errorf("the grant that it has = %q", c)
	}
	if c := asks(d, "li.op", perDistrict); c != "" {
		t.Errorf("the operator's own = %q", c)
	}
	other := changed(t, d, registry.KindScenario, querytest.Scenario, `"name":"outpatient-statistics"`, `"name":"inpatient-statistics"`)
	d.Apply("sun.health", strings.Replace(other, `"recipients":["li.op","zhou.kj","yu.kj"]`, `"recipients":["li.op"]`, 1), "sun.health")
	d.Apply("sun.health", partnerText(`"outpatient-statistics"`, `"inpatient-statistics"`), "sun.health", "li.op")
	for scenario, want := range map[string]string{querytest.Scenario: "NOT_FOUND", "nothing": "NOT_FOUND"} {
		if _, err := d.Ask("zhou.kj", scenario, querytest.Purpose, perDistrict); querytest.Code(err) != want {
			t.Errorf("%s = %v, want %s", scenario, err, want)
		}
	}
	for doc, want := range map[string]bool{"scenario/inpatient-statistics": true, "scenario/outpatient-statistics": false, "zone/medical": true,
		"license/medical-2026": false, "partner/huiyi-kangjian": true, "grant/persons-statistics": false, "dataset/persons": true, "person/li.op": false, "person/yu.kj": true, "organization/huiyi": false} {
		kind, name, _ := strings.Cut(doc, "/")
		_, err := d.Engine.Documents(t.Context(), d.Subject("zhou.kj"), kind, name)
		if (err == nil) != want || err != nil && querytest.Code(err) != "NOT_FOUND" {
			t.Errorf("zhou.kj reads %s: %v, want %v", doc, err, want)
		}
	}
	if docs, err := d.Engine.Documents(t.Context(), d.Subject("li.op"), "partner", "huiyi-kangjian"); err != nil || len(docs) != 1 {
		t.Errorf("the operator reads its partner: %v", err)
	}
	// To another operator there is no such partner; what the operator asks to be granted is
	// not its partner's to read; and a partner that has ended reads nothing of the scenario.
	d.Apply(querytest.Founder, `{"kind":"Organization","name":"rival","spec":{"title":"竞争者","kind":"operator","org_form":"legal_person","credit_code":"91610103MA6M5AE288","incident_3y":false,"dishonesty_3y":false}}`)
	d.Register(querytest.Person{User: "qi.op", RealName: "齐运营", Organization: "rival", Role: registry.RoleOperator})
	askFor(t, d, "want-address", wantAddress)
	d.Apply("sun.health", partnerText(), "sun.health", "li.op")
	reads := func(who, kind, name, want string) {
		t.Helper()
		if _, err := d.Engine.Documents(t.Context(), d.Subject(who), kind, name); querytest.Code(err) != want {
			t.Errorf("%s reads %s %s: %v, want %q", who, kind, name, err, want)
		}
	}
	reads("qi.op", registry.KindPartner, "huiyi-kangjian", "NOT_FOUND")
	reads("qi.op", registry.KindScenario, querytest.Scenario, "NOT_FOUND")
	reads("qi.op", registry.KindZone, "medical", "NOT_FOUND")
	reads("li.op", registry.KindRequest, "want-address", "")
	reads("zhou.kj", registry.KindRequest, "want-address", "NOT_FOUND")
	reads("zhou.kj", registry.KindScenario, querytest.Scenario, "")
	endPartner(t, d, "li.op", registry.StatusTerminated)
	d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, "zhou.kj", `"status":"disabled"`, `"status":"active"`))
	reads("zhou.kj", registry.KindScenario, querytest.Scenario, "NOT_FOUND")
	reads("zhou.kj", registry.KindGrant, "persons-statistics", "NOT_FOUND")
}

// Results go to listed recipients: to people of a partner those of its own questions.
func TestAPartnerReceivesWhatItAsked(t *testing.T) {
	t.Parallel()
	d := partnered(t, querytest.Options{Idle: 1})
	for _, c := range []struct{ by, recipient, want string }{
		{"zhou.kj", "zhou.kj", ""}, {"zhou.kj", "li.op", ""}, {"li.op", "li.op", ""},
		{"li.op", "zhou.kj", "RECIPIENT_UNLISTED"}, {"zhou.kj", "sun.health", "RECIPIENT_UNLISTED"},
	} {
		_, err := d.Engine.Answer(t.Context(), query.Request{Subject: d.Subject(c.by), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: perDistrict, Recipient: c.recipient})
		if got := strings.Join(deniedFor(err), " "); got != c.want {
			t.Errorf("asked by %s for %s = %q, want %q", c.by, c.recipient, got, c.want)
		}
	}
}

// What a partner asks counts for its operator: its turns, and the rate that a measure
// sets. A measure on the operator holds for its partners; one on a partner, or its
// suspension, for it alone, and at once.
func TestThePartnerIsUnderTheOperatorsMeasures(t *testing.T) {
	t.Parallel()
	d := partnered(t, querytest.Options{Idle: 2})
	refused := func(user string) string {
		_, err := d.Ask(user, querytest.Scenario, querytest.Purpose, perDistrict)
		return strings.Join(deniedFor(err), " ")
	}
	both := func(what, operator, partner string) {
		t.Helper()
		if got := refused("li.op"); got != operator {
			t.Errorf("%s: the operator is told %q, want %q", what, got, operator)
		}
		if got := refused("zhou.kj"); got != partner {
			t.Errorf("%s: the partner is told %q, want %q", what, got, partner)
		}
	}
	both("before", "", "")
	rate := registry.Restriction{Level: registry.LevelOperator, Target: "huiyi", Degree: registry.DegreeRestrict, Rate: 3}
	name, _ := sets(t, d, rate, querytest.Founder)
	both("two of three asked", "", "ACCESS_RATE")
	lifts(t, d, name, rate, querytest.Founder)
	closed := registry.Restriction{Level: registry.LevelOperator, Target: "huiyi", Degree: registry.DegreeClose}
	name, _ = sets(t, d, closed, querytest.Founder)
	both("the operator is closed", "ACCESS_CLOSED", "ACCESS_CLOSED")
	lifts(t, d, name, closed, querytest.Founder)

	hold := func(user string) string { // a result that waits for its reviewers
		t.Helper()
		_, err := d.Ask(user, querytest.Scenario, querytest.Purpose, partnerRecords)
		run := querytest.RunOf(t, err)
		d.Approve("sun.health", run)
		if _, err := d.Resume(user, run); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
			t.Fatalf("%s holds %v", user, err)
		}
		return run
	}
	theirs, own := hold("zhou.kj"), hold("li.op")
	partners, beside := askBeside(t, d, "zhou.kj", long), askBeside(t, d, "li.op", long)
	running(t, d, 2)
	stopped := endPartner(t, d, "li.op", "SUSPENDED")
	if stopped == nil || stopped.Killed != 1 || stopped.Frozen != 1 {
		t.Errorf("the suspension ended %+v, want one running and one held", stopped)
	}
	if c := querytest.Code(partners.ends(t)); c != "STOPPED" {
		t.Errorf("the partner's question ended %q", c)
	}
	if _, err := d.Resume("zhou.kj", theirs); querytest.Code(err) == "" || querytest.Code(err) == "OUTPUT_IN_REVIEW" {
		t.Errorf("what was held for the partner = %v", err)
	}
	if got := refused("zhou.kj"); got != "PARTNER_INACTIVE" {
		t.Errorf("the suspended partner is told %q", got)
	}
	if _, err := d.Resume("li.op", own); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Errorf("what was held for the operator = %v", err)
	}
	select {
	case err := <-beside.err:
		t.Errorf("the operator's question ended with its partner: %v", err)
	default:
	}
	beside.stop()
	_ = beside.ends(t)
	d.Apply("sun.health", partnerText(`"status":"ACTIVE"`, `"status":"ACTIVE","status_reason":"整改"`), "sun.health", "li.op")
	both("taken up again", "", "")
	closed.Target = "kangjian"
	sets(t, d, closed, querytest.Founder)
	both("the partner is closed", "", "ACCESS_CLOSED")
}

// The turns of a partner are its operator's: with one turn, the operator's question
// waits for the partner's.
func TestAPartnerTakesTheOperatorsTurns(t *testing.T) {
	t.Parallel()
	d := partnered(t, querytest.Options{Idle: 2, Limits: query.Limits{All: 4, Operator: 1, Queue: 1}})
	running := askBeside(t, d, "zhou.kj", long)
	running.runs(t, d)
	waiting := askBeside(t, d, "li.op", perDistrict)
	for deadline := time.Now().Add(20 * time.Second); query.Waiting(d.Engine, "huiyi") == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the operator's question does not wait behind its partner's")
		}
	}
	if err := askBeside(t, d, "zhou.kj", perDistrict).ends(t); querytest.Code(err) != "BUSY" {
		t.Errorf("the queue of one place is full, and another question ended with %v", err)
	}
	select {
	case err := <-waiting.err:
		t.Errorf("the operator did not wait for its partner: %v", err)
	default:
	}
	running.stop()
	_ = running.ends(t)
	if err := waiting.ends(t); err != nil {
		t.Error(querytest.Text(err))
	}
}

// With the operator's license end, in the same act, its partners: their questions, their
// accounts and, once it is destroyed, what they asked, which lies in the operator's
// workspace. An account of theirs that lives keeps the course open.
func TestAPartnerEndsWithTheLicense(t *testing.T) {
	t.Parallel()
	d, id := applied(t)
	active(t, d, id)
	d.Apply(querytest.Founder, `{"kind":"Organization","name":"kangjian","spec":{"title":"康健数据有限公司","kind":"operator","org_form":"legal_person",
		"credit_code":"91320100MA1KJ0000A","incident_3y":false,"dishonesty_3y":false}}`)
	d.Register(querytest.Person{User: "zhou.kj", RealName: "周康健", Organization: "kangjian", Role: registry.RoleOperator})
	d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, "zhou.kj", `"status":"active"`, `"status":"active","confidentiality_ref":"保密协议〔2026〕3-1号"`))
	d.Apply("sun.health", partnerText(), "sun.health", "li.op")
	d.Apply("sun.health", changed(t, d, registry.KindScenario, querytest.Scenario, `"recipients":["li.op"]`, `"recipients":["li.op","zhou.kj"]`), "sun.health")
	a, err := d.Ask("zhou.kj", querytest.Scenario, querytest.Purpose, perDistrict)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	for _, name := range []string{"medical-course", "medical-2026"} {
		if !authenticates(t, d, "zhou.kj") {
			t.Error("the partner's account died with a license that it has nothing to do with")
		}
		d.Apply(querytest.Founder, changed(t, d, registry.KindLicense, name, `"status":"ACTIVE"`, `"status":"TERMINATED","status_reason":"第九条"`), querytest.Founder, "sun.health")
	}
	for _, user := range []string{"li.op", "zhou.kj"} {
		if authenticates(t, d, user) {
			t.Errorf("%s is let in after the license ended", user)
		}
	}
	d.Reopen() // the log has an entry for each version that the end made
	v := courseStep(t, d, "wu.dc", id, query.AgreementOrder{Move: "offboard"}, "OFFBOARDING")
	shredded, err := d.Engine.ConfirmShred(t.Context(), d.Subject(querytest.Founder), v.Shred)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if !slices.Contains(shredded.Certificate.Runs, a.Run) || shredded.Certificate.Keys.Space != keys.Workspace("huiyi") {
		t.Errorf("certificate = %+v, want the partner's run %s in the operator's workspace", shredded.Certificate, a.Run)
	}
	for _, k := range inventory(t, d).Keys {
		if k.Purpose == keys.PurposeWorkspace && k.State != keys.StateDestroyed {
			t.Errorf("the key of %s's workspace is %s", k.Zone, k.State)
		}
	}
	d.Register(querytest.Person{User: "zhou.kj", RealName: "周康健", Organization: "kangjian", Role: registry.RoleOperator})
	if _, code := courseMove(t, d, "feng.audit", id, query.AgreementOrder{Move: "close"}); code != "OFFBOARDING_OPEN" {
		t.Errorf("closed with the account of a partner alive = %q", code)
	}
	d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, "zhou.kj", `"status":"active"`, `"status":"disabled"`))
	courseStep(t, d, "feng.audit", id, query.AgreementOrder{Move: "close"}, "CLOSED")
}

// On its last day a partner is answered; on the next it has ended, and with it what it
// held and its accounts, at whichever comes first: a question, the hour, a start.
func TestAPartnerEndsWithItsLastDay(t *testing.T) {
	t.Parallel()
	for name, look := range map[string]func(d *querytest.Domain) error{
		"a question": func(d *querytest.Domain) error { _ = asks(d, "zhou.kj", perDistrict); return nil },
		"the hour":   func(d *querytest.Domain) error { return d.Engine.ExpireDue(t.Context()) },
		"a start":    func(d *querytest.Domain) error { d.Reopen(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			d := partnered(t, querytest.Options{Idle: 1})
			d.Apply("sun.health", partnerText(`"until":"2028-12-31"`, `"until":"`+day(d)+`"`), "sun.health", "li.op")
			_, err := d.Ask("zhou.kj", querytest.Scenario, querytest.Purpose, partnerRecords)
			run := querytest.RunOf(t, err)
			d.Approve("sun.health", run)
			if _, err := d.Resume("zhou.kj", run); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
				t.Fatal(querytest.Text(err))
			}
			own := waitsIn(t, d, partnerRecords)
			d.Advance(24 * time.Hour)
			if err := look(d); err != nil {
				t.Fatal(querytest.Text(err))
			}
			docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), registry.KindPartner, "huiyi-kangjian")
			if err != nil {
				t.Fatal(err)
			}
			var doc registry.Document
			if err := json.Unmarshal(docs[0].Document, &doc); err != nil {
				t.Fatal(err)
			}
			if p, err := registry.SpecOf[registry.Partner](doc); err != nil || p.Status != registry.StatusExpired || docs[0].By != "gate" {
				t.Errorf("the partner is %s by %s, %v", p.Status, docs[0].By, err)
			}
			if authenticates(t, d, "zhou.kj") || !authenticates(t, d, "li.op") {
				t.Error("zhou.kj is let in, or li.op is not")
			}
			if e := lastOf(t, d, "feng.audit", run); e.Kind != "output.frozen" {
				t.Errorf("what was held ended with %s", e.Kind)
			}
			if e := lastOf(t, d, "feng.audit", own); e.Kind == "output.frozen" {
				t.Error("what the operator held ended with its partner")
			}
		})
	}
}

func day(d *querytest.Domain) string {
	return d.Now().UTC().Add(8 * time.Hour).Format(time.DateOnly)
}

// A draft of the partner's document tells what would have been denied.
func TestWhatIfAPartnerHadLess(t *testing.T) {
	t.Parallel()
	d := partnered(t, querytest.Options{Idle: 1})
	from := d.Now().Add(-time.Hour)
	for _, user := range []string{"zhou.kj", "li.op"} {
		if c := asks(d, user, perDistrict); c != "" {
			t.Fatal(c)
		}
	}
	in := query.WhatIf{From: from, Until: d.Now().Add(time.Hour), Documents: partnerText(`"until":`, `"grants":["visits-statistics"],"until":`)}
	out, err := d.Engine.WhatIf(t.Context(), d.Subject(querytest.Founder), in)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if len(out.Unknown) != 0 || len(out.Flips) == 0 {
		t.Fatalf("flips %+v, unknown %+v", out.Flips, out.Unknown)
	}
	for _, f := range out.Flips {
		if f.Operator != "huiyi" || f.After != "DENY" {
			t.Errorf("flip %+v, want the partner's denied and shown under its operator", f)
		}
	}
	if len(out.Flips) != 2 || out.Same != 2+3 { // of each question the statement and its release were decided, and three loads
		t.Errorf("%d flips and %d the same, want the partner's and as many of the operator's, and the loads", len(out.Flips), out.Same)
	}
}
