package query_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// cityAnswer returns the answer to a question of the city that nobody has to approve.
func cityAnswer(t *testing.T, d *querytest.Domain, sql string) string {
	t.Helper()
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	if err != nil {
		t.Fatalf("%s\n%s", sql, querytest.Text(err))
	}
	return d.Open("li.op", a).String()
}

// cityRefuses asks and expects the code.
func cityRefuses(t *testing.T, d *querytest.Domain, sql, code string) (run string) {
	t.Helper()
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	if querytest.Code(err) != code {
		t.Fatalf("%s\ngave %v, want %s", sql, err, code)
	}
	return querytest.RunOf(t, err)
}

// approvedOutput has masked records of people, asked for and approved, wait for
// nothing but to be released: both their reviewers have agreed.
func approvedOutput(t *testing.T, d *querytest.Domain) (run string) {
	t.Helper()
	run = cityRefuses(t, d, "SELECT name, district FROM persons LIMIT 3", "QUERY_IN_REVIEW")
	d.Approve("sun.health", run)
	if _, err := d.Resume("li.op", run); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Fatalf("resume = %v", err)
	}
	d.Approve("sun.health", run)
	d.Approve("zheng.police", run)
	return run
}

// auditKinds returns the kinds of the audit entries of a run, in their order.
func auditKinds(d *querytest.Domain, run string) []string {
	var out []string
	for _, e := range d.Audit("feng.audit") {
		if e.Run == run {
			out = append(out, e.Kind)
		}
	}
	return out
}

func tally(list []string, kind string) (n int) {
	for _, k := range list {
		if k == kind {
			n++
		}
	}
	return n
}

// Ten people of whom nine have no income: their average is the income of one.
func TestAGroupOfTenWithOneIncomePublishesNoAverage(t *testing.T) {
	t.Parallel()
	data := querytest.Registers()
	data.Persons.Rows = data.Persons.Rows[:30]
	income, district := data.Persons.Column("income"), data.Persons.Column("district")
	for i, row := range data.Persons.Rows {
		row[income], row[district] = strconv.Itoa(49550+100*(i%10)), querytest.Districts[i/10] // all alike they would be told of each
		if i < 9 {                                                                             // 320102 has one income
			row[income] = ""
		}
		if i == 9 {
			row[income] = "49550"
		}
		if i == 10 { // 320104 has nine
			row[income] = ""
		}
		if i == 29 { // 320105 has ten
			row[income] = "150450"
		}
	}
	d := querytest.CityOf(t, querytest.Options{Idle: 1}, data)
	for _, q := range []struct{ sql, want string }{
		{"SELECT district, count(*), avg(income) FROM persons GROUP BY district ORDER BY district",
			"320102|10|∅\n320104|10|∅\n320105|10|60000\n"},
		{"SELECT district, count(*), count(income) FROM persons GROUP BY district ORDER BY district",
			"320102|10|∅\n320104|10|∅\n320105|10|∅\n"},
		{"SELECT avg(income) FROM persons WHERE district = '320102'", "∅\n"},
		{"SELECT avg(income) FROM persons WHERE district = '320105'", "60000\n"},
		{"SELECT avg(income) FILTER (WHERE district = '320102') FROM persons", "∅\n"},
		{"SELECT avg(income) FILTER (WHERE district = '320105') FROM persons", "60000\n"},
		// Two groups together have ten incomes, and may be averaged together.
		{"SELECT avg(income) FROM persons WHERE district IN ('320102', '320104')", "50000\n"},
		// What is missing cannot be told from what is not there.
		{"SELECT district FROM persons GROUP BY district HAVING avg(income) IS NOT NULL ORDER BY district", "320105\n"},
		{"SELECT district FROM persons GROUP BY district HAVING avg(income) > 0 ORDER BY district", "320105\n"},
	} {
		a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, q.sql)
		if err != nil {
			t.Errorf("%s\n%s", q.sql, querytest.Text(err))
			continue
		}
		if got := d.Open("li.op", a).String(); got != q.want {
			t.Errorf("%s\n gave\n%swant\n%s", q.sql, got, q.want)
		}
	}
}

// Groups made below the root of a statement are groups too: whole, counted, and
// missing where they are small.
func TestGroupsOfNestedBlocksLeave(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	for _, q := range []struct{ sql, want string }{
		{"SELECT district, n FROM (SELECT district, count(*) AS n FROM persons GROUP BY district) s ORDER BY district",
			"320102|60\n320104|60\n320105|60\n320106|20\n"},
		{"WITH s AS (SELECT district, count(*) AS n FROM persons GROUP BY district) SELECT sum(n) AS people, count(*) AS districts FROM s", "200|4\n"},
		{"WITH s AS (SELECT diagnosis AS d, count(DISTINCT id_number) AS n FROM visits GROUP BY diagnosis) SELECT sum(n) AS people FROM s", "195\n"},
		{"SELECT b.hospital, s.n FROM beds b JOIN (SELECT district, count(*) AS n FROM persons GROUP BY district) s ON s.district = b.district ORDER BY b.hospital",
			"第1医院|60\n第2医院|60\n第3医院|60\n第4医院|20\n"},
		{"SELECT max(n) AS most FROM (SELECT birth_date, district, count(*) AS n FROM persons GROUP BY birth_date, district) s", "∅\n"},
		{"SELECT n FROM (SELECT birth_date, district, count(*) AS n FROM persons GROUP BY birth_date, district) s", ""},
	} {
		if got := cityAnswer(t, d, q.sql); got != q.want {
			t.Errorf("%s\n gave\n%swant\n%s", q.sql, got, q.want)
		}
	}
}

func TestOneApprovalGivesOneRun(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2})
	run := cityRefuses(t, d, "SELECT name, district FROM persons ORDER BY name, district LIMIT 3", "QUERY_IN_REVIEW")

	resume := func(n int) (answers []*query.Answer, codes []string) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range n {
			wg.Add(1)
			go func() {
				defer wg.Done()
				s := d.Subject("li.op")
				<-start
				a, err := d.Engine.Answer(t.Context(), query.Request{Subject: s, Resume: run})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					answers = append(answers, a)
				} else {
					codes = append(codes, querytest.Code(err))
				}
			}()
		}
		close(start)
		wg.Wait()
		return answers, codes
	}
	only := func(codes []string, allowed ...string) {
		t.Helper()
		for _, c := range codes {
			if !slices.Contains(allowed, c) {
				t.Errorf("a resume ended with %s, want one of %v", c, allowed)
			}
		}
	}

	if answers, codes := resume(2); len(answers) > 0 {
		t.Fatalf("%d answers before any approval (%v)", len(answers), codes)
	}
	if n := tally(auditKinds(d, run), "query.intent"); n != 0 {
		t.Fatalf("%d intents before any approval", n)
	}
	d.Approve("sun.health", run)
	answers, codes := resume(8)
	if len(answers) > 0 {
		t.Errorf("%d answers before the output was reviewed", len(answers))
	}
	// One runs; the others find it under way, or done and waiting.
	only(codes, "OUTPUT_IN_REVIEW", "RUN_STATE")
	if log := auditKinds(d, run); tally(log, "query.intent") != 1 || tally(log, "query.done") != 1 {
		t.Errorf("the audit log has %v, want one query.intent and one query.done", log)
	}
	d.Approve("sun.health", run)
	d.Approve("zheng.police", run)
	answers, codes = resume(4)
	only(codes, "RUN_STATE")
	if len(answers) == 0 {
		t.Fatal("no resume got the released output")
	}
	for _, a := range answers {
		if a.Artifact.Digest() != answers[0].Artifact.Digest() {
			t.Error("two resumes got two artifacts")
		}
	}
	if log := auditKinds(d, run); tally(log, "query.intent") != 1 || tally(log, "output.released") != 1 {
		t.Errorf("the audit log has %v, want one query.intent and one output.released", log)
	}
	if got, want := len(d.Open("li.op", answers[0]).Rows), 3; got != want {
		t.Errorf("released %d rows, want %d", got, want)
	}
}

// long is a statement over public data that runs for minutes.
var long = "SELECT sum(b.beds) AS n FROM beds b" + func() (joins string) {
	for i := range 20 {
		joins += " CROSS JOIN beds b" + string(rune('a'+i))
	}
	return joins
}()

// licenseWith is the city's license with another status.
func licenseWith(t *testing.T, d *querytest.Domain, status string) string {
	t.Helper()
	docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), "License", "medical-2026")
	if err != nil || len(docs) != 1 {
		t.Fatalf("read license: %v", err)
	}
	var doc struct {
		Kind string         `json:"kind"`
		Name string         `json:"name"`
		Spec map[string]any `json:"spec"`
	}
	if err := json.Unmarshal(docs[0].Document, &doc); err != nil {
		t.Fatalf("read license: %v", err)
	}
	doc.Spec["status"], doc.Spec["status_reason"] = status, "NJ24-23"
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSuspensionStopsWhatRuns(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute})

	// Beside the run: an approved statement that has not run, and an output
	// that waits for its second reviewer.
	approved := cityRefuses(t, d, "SELECT name FROM persons ORDER BY name LIMIT 1", "QUERY_IN_REVIEW")
	d.Approve("sun.health", approved)
	waiting := cityRefuses(t, d, "SELECT name FROM persons ORDER BY name LIMIT 2", "QUERY_IN_REVIEW")
	d.Approve("sun.health", waiting)
	if _, err := d.Resume("li.op", waiting); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Fatalf("resume = %v, want OUTPUT_IN_REVIEW", err)
	}
	d.Approve("sun.health", waiting)

	ended := make(chan error, 1)
	subject := d.Subject("li.op")
	go func() {
		_, err := d.Engine.Answer(t.Context(), query.Request{Subject: subject, Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: long})
		ended <- err
	}()
	run := ""
	for deadline := time.Now().Add(20 * time.Second); run == ""; time.Sleep(20 * time.Millisecond) {
		for _, e := range d.Audit("feng.audit") {
			if e.Kind == "query.intent" && e.Run != approved && e.Run != waiting {
				run = e.Run
			}
		}
		select {
		case err := <-ended:
			t.Fatalf("the long statement ended by itself: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the long statement did not start")
		}
	}
	time.Sleep(300 * time.Millisecond) // well within the statement
	suspended := time.Now()
	d.Apply(querytest.Founder, licenseWith(t, d, "SUSPENDED"), querytest.Founder, "sun.health")
	var err error
	select {
	case err = <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the statement still runs ten seconds after the suspension")
	}
	if took := time.Since(suspended); took > 3*time.Second {
		t.Errorf("the statement ended %v after the suspension, want at once", took)
	}
	if querytest.Code(err) != "STOPPED" {
		t.Errorf("the statement ended with %v, want STOPPED", err)
	}
	if got, want := auditKinds(d, run), []string{"query.intent", "query.killed"}; !slices.Equal(got, want) {
		t.Errorf("the audit log has %v of the run, want %v", got, want)
	}
	detail, err := d.Engine.Review(t.Context(), d.Subject("li.op"), run)
	if err != nil || detail.State != "KILLED" {
		t.Errorf("the run is %v (%v), want KILLED", detail, err)
	}

	// Nothing else gets through: not what was approved, not what is held, not a
	// new question.
	if _, err := d.Resume("li.op", run); querytest.Code(err) != "RUN_STATE" {
		t.Errorf("resume of the killed run = %v, want RUN_STATE", err)
	}
	if _, err := d.Resume("li.op", approved); err == nil || querytest.Code(err) == "OUTPUT_IN_REVIEW" {
		t.Errorf("resume of an approved run under a suspended license = %v, want a refusal", err)
	}
	if n := tally(auditKinds(d, approved), "query.intent"); n != 0 {
		t.Errorf("an approved run made %d intents under a suspended license", n)
	}
	if held, err := d.Engine.Review(t.Context(), d.Subject("zheng.police"), waiting); err != nil || held.State != "FROZEN" {
		t.Errorf("what waited for its second reviewer is %v (%v), want FROZEN", held, err)
	}
	if a, err := d.Resume("li.op", waiting); err == nil || a != nil {
		t.Error("a held output left under a suspended license")
	}
	if n := tally(auditKinds(d, waiting), "output.released"); n != 0 {
		t.Errorf("the audit log has %d releases under a suspended license", n)
	}
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT sum(beds) FROM beds"); err == nil {
		t.Error("a question was answered under a suspended license")
	}
}
