package query_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"zonebox/keys"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// repeater asks for one output again and again.
type repeater struct {
	t *testing.T
	*querytest.Domain
	request query.Request // of li.op, if of nobody else
}

func newRepeater(t *testing.T, d *querytest.Domain, sql string) *repeater {
	return &repeater{t, d, query.Request{Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: sql, Recipient: "li.op"}}
}

func (r *repeater) ask(user string, change func(*query.Request)) *query.Answer {
	r.t.Helper()
	req := r.request
	if req.Subject = r.Subject(user); change != nil {
		change(&req)
	}
	a, err := r.Engine.Answer(r.t.Context(), req)
	if err != nil {
		r.t.Fatal(querytest.Text(err))
	}
	return a
}

// again asks as li.op and says whether the artifact of a came back.
func (r *repeater) again(what string, a *query.Answer, change func(*query.Request), same bool) *query.Answer {
	r.t.Helper()
	b := r.ask("li.op", change)
	if got := b.Run == a.Run && b.Artifact.Digest() == a.Artifact.Digest(); got != same {
		r.t.Errorf("%s: the stored artifact comes back is %t, want %t", what, got, same)
	}
	return b
}

// entries counts entries of a kind.
func (r *repeater) entries(kind string) (all []query.AuditEntry) {
	for _, e := range r.Audit("feng.audit") {
		if e.Kind == kind {
			all = append(all, e)
		}
	}
	return all
}

const peopleByDistrict = "SELECT district, count(*) AS n FROM persons GROUP BY district"

// The same question gets the same file, with nothing run and nothing new in the ledger,
// and an entry of its own that names both runs. Any other question runs.
func TestTheSameQuestionGetsTheStoredArtifact(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Ledger: true})
	d.Register(querytest.Person{User: "wang.op", RealName: "王运营", Organization: "huiyi", Role: registry.RoleOperator})
	d.Apply(querytest.Founder, changed(t, d, registry.KindScenario, querytest.Scenario, `["li.op"]`, `["li.op","wang.op"]`))
	r := newRepeater(t, d, peopleByDistrict)
	first := r.ask("li.op", nil)
	ledger := len(ledgerStates(t, d))
	r.again("the same text", first, nil, true)
	r.again("other blanks and a comment", first, func(q *query.Request) {
		q.SQL = "select district,\n count(*) as n -- again\n from persons group by district"
	}, true)
	done, repeated := r.entries("query.done"), r.entries("query.repeated")
	if len(r.entries("query.intent")) != 1 || len(done) != 1 || len(repeated) != 2 || len(r.entries("output.downloaded")) != 2 {
		t.Fatalf("%d ran and %d were repeated, want 1 and 2", len(done), len(repeated))
	}
	for _, e := range repeated {
		if e.Run == "" || e.Run == first.Run || e.Fields["of"] != first.Run || e.Fields["artifact"] != first.Artifact.Digest() || e.Decision == "" {
			t.Errorf("the entry is %+v, want it to name both runs, the artifact and the decision", e)
		}
		if _, err := d.Resume("li.op", e.Run); querytest.Code(err) != "RUN_STATE" {
			t.Errorf("a run that was repeated is resumed: %v", err)
		}
	}
	if now := len(ledgerStates(t, d)); now != ledger {
		t.Errorf("the ledger has %d entries after the repeats, want %d", now, ledger)
	}
	for _, c := range []struct {
		what   string
		change func(*query.Request)
	}{
		{"another name of a column", func(q *query.Request) { q.SQL = "SELECT district, count(*) AS m FROM persons GROUP BY district" }},
		{"a limit", func(q *query.Request) { q.SQL += " LIMIT 3" }},
		{"another recipient", func(q *query.Request) { q.Recipient = "wang.op" }},
		{"another form", func(q *query.Request) { q.Form = "csv" }},
	} {
		r.again(c.what, first, c.change, false)
	}
	if other := r.ask("wang.op", nil); other.Run == first.Run {
		t.Error("somebody else of the operator gets the artifact of a run that is not theirs")
	}
	r.again("the first question after all of these", first, nil, true)

	if _, err := d.Engine.MoveOutput(t.Context(), d.Subject("sun.health"), first.Run, "recall", "NJ24-23"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	second := r.again("after its recall", first, nil, false)
	r.again("what ran instead", second, nil, true)

	rotate(t, d, keys.PurposeZoneTokens)
	third := r.again("after the token keys of the zone were rotated", second, nil, false)

	measure := registry.Restriction{Level: "dataset", Target: "persons", Degree: "CLOSE"}
	name, _ := sets(t, d, measure, "zheng.police")
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, peopleByDistrict); querytest.Code(err) != "ACCESS_CLOSED" {
		t.Errorf("while access is closed the question gets %v", err)
	}
	lifts(t, d, name, measure, "zheng.police")
	r.again("after access was opened again", third, nil, true)

	d.Apply(querytest.Founder, changed(t, d, registry.KindScenario, querytest.Scenario, "门诊就诊统计与卫生资源配置", "门诊就诊统计"))
	fourth := r.again("after a new version of the scenario", third, nil, false)
	d.Advance(31 * 24 * 3600e9)
	r.again("a month later", fourth, nil, true)

	const today = "SELECT count(*) AS n, current_date AS today FROM beds"
	days := map[string]bool{}
	for range 2 {
		answer, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, today)
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		days[answer.Run] = true
	}
	if len(days) != 2 {
		t.Error("a statement that reads the clock was answered by what it said before")
	}
}

// Data decide: a new version is computed, the earlier one again has its artifact again.
func TestARepeatedAnswerIsOfTheVersionInUse(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Ledger: true})
	r := newRepeater(t, d, "SELECT * FROM beds")
	one := bedsIn(d, "222")
	first := r.ask("li.op", nil)
	bedsIn(d, "333")
	second := r.again("of a new version", first, nil, false)
	for _, who := range []string{"wu.dc", "sun.health"} {
		if _, err := d.Engine.Rollback(t.Context(), d.Subject(who), query.VersionOrder{Dataset: "beds", Version: one.Version, Reason: "x"}); err != nil {
			t.Fatal(querytest.Text(err))
		}
	}
	third := r.again("of the earlier version, which is in use again", second, nil, false)
	if third.Run != first.Run {
		t.Error("the version in use again was computed anew, want the artifact that it had")
	}
	shred(t, d, "sun.health", query.ShredOrder{Kind: "dataset", Zone: "medical", Dataset: "beds"})
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, r.request.SQL); err == nil {
		t.Error("the question is answered after its data were destroyed")
	}
}

// Nor are people who withdrew in what is told again.
func TestARepeatedAnswerIsByTheConsentsOfNow(t *testing.T) {
	t.Parallel()
	data := thousand()
	d := querytest.CityOf(t, querytest.Options{Idle: 2, Ledger: true}, data)
	byConsent(t, d)
	var f consentFile
	for i := range 600 {
		f.consent(data.Persons.Rows[i][0], querytest.Scenario, "2026-10-01", "2027-12-31")
	}
	bringConsents(t, d, &f, querytest.Scenario)
	r := newRepeater(t, d, countPersons)
	first := r.ask("li.op", nil)
	r.again("with the same consents", first, nil, true)
	var gone []string
	for i := range 20 {
		gone = append(gone, data.Persons.Rows[i][0])
	}
	withdraw(t, d, querytest.Scenario, gone...)
	second := r.again("after a withdrawal", first, nil, false)
	if got := d.Open("li.op", second).String(); got != "580\n" {
		t.Errorf("after a withdrawal the answer is %q, want 580", got)
	}
}

// Another operator's people get an answer of their own, by their own license.
func TestNobodyIsAnsweredByTheOutputOfAnotherOperator(t *testing.T) {
	t.Parallel()
	d := streetsWorld(t)
	inTurn(t, d, inquiry{"li.op", "SELECT count(*) FROM persons", "162"}, inquiry{"jin.op", "SELECT count(*) FROM persons", "162"}, inquiry{"jin.op", "SELECT count(*) FROM persons", "162"})
	var repeated []string
	for _, e := range d.Audit("sun.health") {
		if e.Kind == "query.repeated" {
			repeated = append(repeated, e.Actor)
		}
	}
	if !slices.Equal(repeated, []string{"jin.op"}) {
		t.Errorf("the question was repeated to %v, want to jin.op alone, once", repeated)
	}
}

// What waits for reviewers is waited for once.
func TestTheSameQuestionWaitsInOneReview(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Ledger: true})
	const records = "SELECT phone, district FROM persons ORDER BY phone LIMIT 3"
	first := cityRefuses(t, d, records, "OUTPUT_IN_REVIEW")
	if again := cityRefuses(t, d, records, "OUTPUT_IN_REVIEW"); again != first {
		t.Errorf("the second is told to wait for %s, want %s", again, first)
	}
	waiting, err := d.Engine.Reviews(t.Context(), d.Subject("sun.health"))
	if err != nil || len(waiting) != 1 {
		t.Fatalf("%d wait for a reviewer, %v; want 1", len(waiting), err)
	}
	d.Approve("sun.health", first)
	d.Approve("zheng.police", first)
	if again := cityRefuses(t, d, records, "OUTPUT_IN_REVIEW"); again != first {
		t.Errorf("approved, it is told as %s, want %s", again, first)
	}
	a, err := d.Resume("li.op", first)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	newRepeater(t, d, records).again("released", a, nil, true)

	if _, err := d.Engine.Settle(t.Context(), d.Subject("sun.health"), cityRefuses(t, d, records+" OFFSET 1", "OUTPUT_IN_REVIEW"), false, "NJ24-14"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	rejected := cityRefuses(t, d, records+" OFFSET 1", "OUTPUT_IN_REVIEW")
	if waiting, err = d.Engine.Reviews(t.Context(), d.Subject("sun.health")); err != nil || len(waiting) != 1 || waiting[0].Run != rejected {
		t.Errorf("after a rejection %v wait, want the new run", waiting)
	}
}

// A scenario that names forms of files says in which its answers leave.
func TestTheScenarioNamesTheFormOfTheFile(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	r := newRepeater(t, d, "SELECT count(*) AS n FROM beds")
	for _, c := range []struct{ named, asked, want string }{
		{`["dataset"]`, "", "arrow"}, {`["dataset"]`, "parquet", "parquet"},
		{`["dataset","csv","parquet"]`, "", "csv"}, {`["dataset","csv","parquet"]`, "parquet", "parquet"},
		{`["dataset","csv","parquet"]`, "arrow", "RELEASE_FORM"}, {`["dataset","csv","parquet"]`, "csv-bom", "RELEASE_FORM"},
	} {
		if c.named != `["dataset"]` {
			d.Apply(querytest.Founder, strings.NewReplacer(`["dataset"]`, c.named).Replace(changed(t, d, registry.KindScenario, querytest.Scenario, "{", "{ ")))
		}
		req := r.request
		req.Subject, req.Form = d.Subject("li.op"), c.asked
		a, err := d.Engine.Answer(t.Context(), req)
		got := strings.Join(deniedFor(err), " ")
		if err == nil {
			got = a.Artifact.Header().Form
		}
		if got != c.want {
			t.Errorf("of a scenario with the forms %s, asked for %q: %q, want %q", c.named, c.asked, got, c.want)
		}
	}
}

// Whoever groups by several lists at once is told how to ask for the same.
func TestSeveralGroupingsAreRefusedWithWhatToWrite(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	for _, grouped := range []string{"ROLLUP (district)", "CUBE (district, sex)", "GROUPING SETS ((district), ())"} {
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) AS n FROM persons GROUP BY "+grouped)
		var why *query.Error
		if !errors.As(err, &why) || len(why.Details) != 1 || why.Details[0].Code != "UNSUPPORTED_SYNTAX" ||
			!strings.Contains(why.Details[0].HintZH, "UNION ALL") || !strings.Contains(why.Details[0].HintEN, "UNION ALL") {
			t.Errorf("%s: %s, want it refused with UNION ALL as the way to ask", grouped, querytest.Text(err))
		}
	}
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose,
		"SELECT district, count(*) AS n FROM persons GROUP BY district UNION ALL SELECT 'all', count(*) FROM persons"); err != nil {
		t.Errorf("what it says to write: %s", querytest.Text(err))
	}
}

// A statement that waits for its approval is before its reviewer once, however often it is
// asked; one that was settled, ran or ran out waits anew.
func TestAStatementThatWaitsForItsApprovalWaitsOnce(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Ledger: true})
	d.Register(querytest.Person{User: "wang.op", RealName: "王运营", Organization: "huiyi", Role: registry.RoleOperator})
	d.Apply(querytest.Founder, changed(t, d, registry.KindScenario, querytest.Scenario, `["li.op"]`, `["li.op","wang.op"]`))
	const names = "SELECT name, district FROM persons ORDER BY name, district LIMIT 3"
	asks := func(who, sql string) string {
		t.Helper()
		_, err := d.Ask(who, querytest.Scenario, querytest.Purpose, sql)
		if querytest.Code(err) != "QUERY_IN_REVIEW" {
			t.Fatalf("%s: %s", sql, querytest.Text(err))
		}
		return querytest.RunOf(t, err)
	}
	queue := func() (out []string) {
		t.Helper()
		items, err := d.Engine.Reviews(t.Context(), d.Subject("sun.health"))
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		for _, i := range items {
			out = append(out, i.Run)
		}
		return out
	}
	first := asks("li.op", names)
	if again := asks("li.op", "select name, district -- again\nfrom persons order by name, district limit 3"); again != first {
		t.Errorf("asked again it waits as %s, want it to wait as %s", again, first)
	}
	other, theirs := asks("li.op", "SELECT name, district FROM persons ORDER BY name, district LIMIT 2"), asks("wang.op", names)
	if got, want := queue(), []string{first, other, theirs}; !slices.Equal(got, want) {
		t.Errorf("the reviewer has %v, want %v", got, want)
	}
	r := newRepeater(t, d, names)
	repeated := r.entries("query.repeated")
	if len(repeated) != 1 || repeated[0].Run == first || repeated[0].Fields["of"] != first || repeated[0].Fields["state"] != "DECIDED_REVIEW" || len(r.entries("query.review")) != 3 {
		t.Fatalf("the log has %+v, want one that names %s", repeated, first)
	}
	if _, err := d.Resume("li.op", repeated[0].Run); querytest.Code(err) != "RUN_STATE" {
		t.Errorf("a run that was repeated is resumed: %v", err)
	}
	d.Approve("sun.health", first)
	if again := asks("li.op", names); again != first {
		t.Errorf("once it is approved it waits as %s, want %s to be resumed", again, first)
	}
	if _, err := d.Engine.Settle(t.Context(), d.Subject("sun.health"), other, false, "NJ24-14"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if again := asks("li.op", "SELECT name, district FROM persons ORDER BY name, district LIMIT 2"); again == other {
		t.Error("one that was rejected is not before anybody again")
	}
	d.Advance(31 * 24 * 3600e9)
	if again := asks("wang.op", names); again == theirs {
		t.Error("one that ran out is not before anybody again")
	}
}
