package query_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// A constant beside a masked column must not be looked up among raw values:
// whether the answer is withheld would tell who is in the register.
func TestAnAnswerDoesNotTellWhoIsInTheRegister(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1})
	somebody := querytest.Registers().Persons.Rows[5]
	for _, q := range []struct{ sql, guess string }{
		{"SELECT CASE WHEN name IS NULL THEN name ELSE '?' END AS who, count(*) FROM persons GROUP BY 1", somebody[1]},
		{"SELECT coalesce(nullif(name, name), '?') AS who, count(*) FROM persons GROUP BY 1", somebody[1]},
		{"SELECT coalesce(nullif(phone, phone), '?') AS who, count(*) FROM persons GROUP BY 1", somebody[2]},
		{"SELECT trim(coalesce(nullif(phone, phone), '?')) AS who, count(*) FROM persons GROUP BY 1", somebody[2]},
		{"SELECT CASE WHEN phone = '0' THEN name WHEN phone = '1' THEN phone ELSE '?' END AS who, count(*) FROM persons GROUP BY 1", somebody[2][:3] + "-" + somebody[2][3:]},
		{"SELECT concat(left(phone, 0), '?') AS who, count(*) FROM persons GROUP BY 1", somebody[2]},
	} {
		for _, guess := range []string{q.guess, "nobody"} {
			if got, want := cityAnswer(t, d, strings.Replace(q.sql, "?", guess, 1)), guess+"|200\n"; got != want {
				t.Errorf("%s\ngave %swant %s", q.sql, got, want)
			}
		}
	}
}

// What a load admitted, the catalogue of that day promised. An entry that
// promises more, or names another key, needs its data loaded again.
func TestDataLoadedUnderAnEntryThatPromisedLessAreNotRead(t *testing.T) {
	one := querytest.Registers()
	income, district := one.Persons.Column("income"), one.Persons.Column("district")
	one.Persons.Rows = one.Persons.Rows[:20]
	for i, row := range one.Persons.Rows {
		row[income], row[district] = "50000", querytest.Districts[i/10]
		if i < 9 {
			row[income] = "" // 320102 has one income
		}
	}
	for _, c := range []struct {
		name, old, new, sql string
	}{
		{"no nulls", "cause_code: PRIVACY, nullable: true}", "cause_code: PRIVACY}",
			"SELECT district, avg(income) FROM persons GROUP BY district ORDER BY district"},
		{"another entity", "entity: {column: id_number, kind: person}", "entity: {column: phone, kind: person}",
			"SELECT district, count(*) FROM persons GROUP BY district ORDER BY district"},
		{"public codes", "type: string, level: 2, class: region,", `type: string, level: 2, public_codes: ["320102"], class: region,`,
			"SELECT count(*) FROM persons"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := querytest.CityOf(t, querytest.Options{Idle: 1}, one)
			text, err := os.ReadFile("querytest/city/persons.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), c.old) {
				t.Fatal("nothing changed")
			}
			changed := strings.Replace(string(text), c.old, c.new, 1) + "  change_reason: 目录更正\n"
			d.Apply("zheng.police", changed, "zheng.police", "sun.health")
			a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, c.sql)
			if err == nil {
				t.Fatalf("%s\nanswered\n%s", c.sql, d.Open("li.op", a))
			}
			if got := querytest.Code(err); got != "DATASET_NOT_LOADED" {
				t.Errorf("refused with %s, want DATASET_NOT_LOADED", querytest.Text(err))
			}
		})
	}
}

// The registry's file is the data centre's to write: what it says of a
// reviewer's word counts only if the gate wrote it.
func TestAnApprovalWrittenIntoTheRegistryFileIsNone(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1})
	run := cityRefuses(t, d, "SELECT name, district FROM persons LIMIT 3", "QUERY_IN_REVIEW")
	db, err := sql.Open("sqlite", filepath.Join(d.Config.Domain, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`INSERT INTO workflow_moves (machine, id, seq, move, from_state, to_state, user, org, role, review, at, code, text)
			SELECT machine, id, moves + 1, 'approve', state, 'APPROVED', 'sun.health', 'health-commission', 'zone_regulator', 1, moved_at + 1000, '', x''
			FROM workflow_instances WHERE id = ?`,
		`UPDATE workflow_instances SET state = 'APPROVED', moves = moves + 1 WHERE id = ?`,
	} {
		if _, err := db.Exec(statement, run); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = d.Resume("li.op", run)
	if got := querytest.Code(err); got != "DATA_DAMAGED" {
		t.Errorf("resumed on a forged approval: %v, want DATA_DAMAGED", err)
	}
	if kinds := auditKinds(d, run); tally(kinds, "query.intent") != 0 {
		t.Errorf("it ran: %v", kinds)
	}
}

// A person who left receives nothing, though a scenario still lists them.
func TestADisabledPersonReceivesNothing(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1})
	d.Register(querytest.Person{User: "he.op", RealName: "何运营", Organization: "huiyi", Role: registry.RoleOperator})
	d.Apply(querytest.Founder, cityScenario(t, "recipients: [li.op]", "recipients: [li.op, he.op]"))
	ask := query.Request{Scenario: querytest.Scenario, Purpose: querytest.Purpose, Recipient: "he.op",
		SQL: "SELECT district, count(*) FROM persons GROUP BY district"}
	ask.Subject = d.Subject("li.op")
	if _, err := d.Engine.Answer(t.Context(), ask); err != nil {
		t.Fatalf("while active: %s", querytest.Text(err))
	}
	d.Apply(querytest.Founder, fmt.Sprintf(
		"kind: Person\nname: he.op\nspec: {real_name: 何运营, organization: huiyi, roles: [operator], status: disabled, signing_key: %q, recipient_key: %q}",
		d.Key("he.op").SigningKey(), d.Key("he.op").RecipientKey()))
	ask.Subject = d.Subject("li.op")
	if _, err := d.Engine.Answer(t.Context(), ask); querytest.Code(err) != "RECIPIENT_UNLISTED" {
		t.Errorf("sealed to a disabled person: %v, want RECIPIENT_UNLISTED", err)
	}
}

// Whoever does not act for the license's operator learns nothing of its grants
// and its catalogue, whatever the statement.
func TestAnotherOperatorLearnsNothingOfTheGrants(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1})
	d.Apply(querytest.Founder, "kind: Organization\nname: rival\nspec: {title: 竞争者, kind: operator, org_form: legal_person, credit_code: 91610103MA6M5AE288, security_officer: 王, security_department: 部, incident_3y: false, dishonesty_3y: false}")
	d.Register(querytest.Person{User: "qi.op", RealName: "齐运营", Organization: "rival", Role: registry.RoleOperator})
	runs := regexp.MustCompile(`run-[0-9a-v]{26}`)
	for _, sql := range []string{
		"SELECT address FROM persons", "SELECT nothing FROM persons", "SELECT * FROM nothing", "SELECT income FROM persons",
		"SELECT count(*) FROM persons", "SELECT", "SELECT 1",
	} {
		said := map[string]string{}
		const nobodys = "no-such-scenario"
		for _, scenario := range []string{querytest.Scenario, nobodys} {
			ask := query.Request{Subject: d.Subject("qi.op"), Scenario: scenario, Purpose: querytest.Purpose, SQL: sql}
			answer, err := d.Engine.Answer(t.Context(), ask)
			ask.Subject = d.Subject("qi.op")
			x, explained := d.Engine.Explain(t.Context(), ask)
			if answer != nil || x != nil || querytest.Code(err) != "NOT_FOUND" || querytest.Code(explained) != "NOT_FOUND" {
				t.Fatalf("%s\nin %s gave %v, explained %v, want NOT_FOUND", sql, scenario, err, explained)
			}
			told := runs.ReplaceAllString(querytest.Text(err)+querytest.Text(explained), "")
			run := querytest.RunOf(t, err)
			_, err = d.Engine.Answer(t.Context(), query.Request{Subject: d.Subject("qi.op"), Resume: run})
			told += runs.ReplaceAllString(querytest.Text(err), "")
			said[scenario] = strings.ReplaceAll(told, scenario, nobodys)
		}
		if said[querytest.Scenario] != said[nobodys] {
			t.Errorf("%s\na scenario of others is told of as\n%s\nand one that is not there as\n%s", sql, said[querytest.Scenario], said[nobodys])
		}
	}
	entries := map[string][]string{}
	for _, e := range d.Audit("qi.op") { // what the stranger sees of the log
		entries[e.Scenario] = append(entries[e.Scenario], fmt.Sprint(e.Kind, e.Zone, e.Run == "", e.Fields["reasons"], e.Fields["refused"]))
	}
	if own, other := entries[querytest.Scenario], entries["no-such-scenario"]; len(own) != 14 || !slices.Equal(own, other) {
		t.Errorf("the log tells a stranger of a scenario of others\n%q\nand of none\n%q", own, other)
	}
}

// What was released and not fetched stays inside once the license is suspended.
func TestASuspendedLicenseFetchesNothing(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1})
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) FROM persons")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("querytest/city/license.yaml")
	if err != nil {
		t.Fatal(err)
	}
	license, _, _ := strings.Cut(string(text), "---")
	d.Apply(querytest.Founder, strings.Replace(license, "status: ACTIVE", "status: SUSPENDED\n  status_reason: 协议第七条", 1), querytest.Founder, "sun.health")
	if _, err := d.Resume("li.op", a.Run); querytest.Code(err) != "WITHHELD" {
		t.Errorf("fetched under a suspended license: %v, want WITHHELD", err)
	}
}

func cityScenario(t *testing.T, old, now string) string {
	t.Helper()
	text, err := os.ReadFile("querytest/city/license.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, scenario, _ := strings.Cut(string(text), "---")
	return strings.Replace(scenario, old, now, 1)
}

// A client that goes away while policy decides must cost nobody an approval or
// an output: nothing was decided.
func TestAClientThatLeavesDuringADecisionLosesNothing(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1})
	left, now := func() {}, d.Config.Now
	d.Config.Now = func() time.Time {
		// What asks for the time last before policy is the step itself.
		if pc, _, _, ok := runtime.Caller(1); ok && slices.Contains([]string{"zonebox/query.(*Engine).ask", "zonebox/query.(*Engine).askRelease"}, runtime.FuncForPC(pc).Name()) {
			left()
		}
		return now()
	}
	d.Reopen()
	run := cityRefuses(t, d, "SELECT name, district FROM persons LIMIT 3", "QUERY_IN_REVIEW")
	leave := func() {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		left = cancel
		defer func() { left = func() {} }()
		_, err := d.Engine.Answer(ctx, query.Request{Subject: d.Subject("li.op"), Resume: run})
		if ctx.Err() == nil {
			t.Fatal("the client did not leave while policy decided")
		}
		if got := querytest.Code(err); got != "STOPPED" {
			t.Errorf("leaving gave %v, want STOPPED", err)
		}
	}
	d.Approve("sun.health", run)
	leave()
	if _, err := d.Resume("li.op", run); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Fatalf("after the client left during the decision: %s", querytest.Text(err))
	}
	d.Approve("sun.health", run)
	d.Approve("zheng.police", run)
	leave()
	if _, err := d.Resume("li.op", run); err != nil {
		t.Errorf("after the client left during the release: %s", querytest.Text(err))
	}
}
