package query_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// manyRows is a statement that gives figures over one dataset, in more than one row.
const manyRows = "SELECT district, count(*) AS n FROM persons GROUP BY district"

// narrowed is the city under a pack by which an answer has one row, and by which an
// exception may raise that to 1000, for 30 days at a time.
func narrowed(t *testing.T, o querytest.Options) *querytest.Domain {
	t.Helper()
	d := querytest.City(t, o)
	ownPack(t, d, 1, func(pack map[string]any) {
		pack["row_cap"] = 1
		pack["exceptions"] = map[string]any{"row_cap": map[string]any{"ceiling": 1000, "days": 30}, "license_term": map[string]any{"ceiling": 10, "days": 30}}
	})
	return d
}

// dayFrom is a day of the city, so many from today.
func dayFrom(d *querytest.Domain, days int) string {
	return d.Now().UTC().Add(8*time.Hour).AddDate(0, 0, days).Format(time.DateOnly)
}

var providers = map[string][2]string{"persons": {"zheng.police", "public-security"}, "visits": {"qian.hospital", "hospital-group"}, "beds": {"qian.hospital", "hospital-group"}}

// rowsText is an exception by which answers of the scenario over a dataset have 1000
// rows, from today for 30 days, with what a test changes.
func rowsText(d *querytest.Domain, dataset string, replace ...string) string {
	return strings.NewReplacer(replace...).Replace(`{"kind":"Exception","name":"rows-` + dataset + `","spec":{"relaxes":"row_cap","value":1000,"zone":"medical","license":"medical-2026",
		"scenario":"outpatient-statistics","dataset":"` + dataset + `","reason":"分区统计","basis":"NJ24-14 原则上;会议纪要〔2026〕12号","from":"` + dayFrom(d, 0) + `","until":"` + dayFrom(d, 29) + `","status":"ACTIVE",
		"city":{"by":"zhao.city","org":"city-data-authority"},"zreg":{"by":"sun.health","org":"health-commission"},"prov":{"by":"` + providers[dataset][0] + `","org":"` + providers[dataset][1] + `"}}}`)
}

// termText is an exception by which the license lasts nine years, for a dataset.
func termText(d *querytest.Domain, dataset string) string {
	return rowsText(d, dataset, `"name":"rows-`, `"name":"term-`, `"relaxes":"row_cap","value":1000`, `"relaxes":"license_term","value":9`, `"scenario":"outpatient-statistics",`, "")
}

// except applies an exception, signed by the three who agree.
func except(d *querytest.Domain, dataset, text string) {
	d.Apply(querytest.Founder, text, querytest.Founder, "sun.health", providers[dataset][0])
}

// revokedNow is the exception, in force, as the regulator revokes it.
func revokedNow(t *testing.T, d *querytest.Domain, name string) string {
	t.Helper()
	return changed(t, d, "exception", name, `"status":"ACTIVE"`, `"status":"REVOKED","status_reason":"不再需要"`)
}

func asksAs(d *querytest.Domain, sql string) (*query.Answer, string) {
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	return a, querytest.Code(err)
}

// An exception raises the rows of figures over its dataset, and nothing else: not of
// records, of columns as they are, of another dataset or of two. What is released names
// it in the log, and explain tells it.
func TestAnExceptionRaisesTheRowsOfFigures(t *testing.T) {
	t.Parallel()
	d := narrowed(t, querytest.Options{Idle: 1})
	beside := map[string]string{
		"records":              "SELECT name, district FROM persons ORDER BY name LIMIT 2",
		"another dataset":      "SELECT department, count(*) AS n FROM visits GROUP BY department",
		"two datasets":         "SELECT p.district, count(*) AS n FROM persons p JOIN visits v ON v.id_number = p.id_number GROUP BY p.district",
		"columns as they are":  "SELECT hospital FROM beds",
		"figures of open data": "SELECT district, count(*) AS n FROM beds GROUP BY district",
		"labels without count": "SELECT district FROM persons GROUP BY district",
	}
	if _, code := asksAs(d, manyRows); code != "ROW_LIMIT" {
		t.Fatalf("without an exception = %q", code)
	}
	except(d, "persons", rowsText(d, "persons"))
	except(d, "beds", rowsText(d, "beds"))
	x, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: manyRows})
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if x.Release.Rows != 1000 || !slices.Contains(codesOf(x.Warnings), "EXCEPTION_ROW_CAP") || !strings.Contains(x.Warnings[0].ZH, "rows-persons") {
		t.Errorf("explain = %d rows, %+v", x.Release.Rows, x.Warnings)
	}
	a, code := asksAs(d, manyRows)
	if code != "" {
		t.Fatalf("under the exception = %q", code)
	}
	if r := d.Open("li.op", a); len(r.Rows) < 2 {
		t.Errorf("rows = %v", r.Rows)
	}
	if a, code := asksAs(d, "SELECT count(*) AS n FROM persons"); code != "" || len(d.Open("li.op", a).Rows) != 1 {
		t.Errorf("one row = %q", code)
	}
	for what, sql := range beside {
		_, code := asksAs(d, sql)
		if code == "QUERY_IN_REVIEW" { // of records the run is approved, and ends all the same
			_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
			run := query.AsError(err).Run
			d.Approve("sun.health", run)
			_, err = d.Resume("li.op", run)
			code = querytest.Code(err)
		}
		if code != "ROW_LIMIT" {
			t.Errorf("%s = %q, want ROW_LIMIT", what, code)
		}
	}
	var named []string
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "output.released" {
			named = append(named, e.Fields["exceptions"])
		}
	}
	if !slices.Equal(named, []string{"rows-persons", ""}) {
		t.Errorf("released under %q, want the first alone by the exception", named)
	}
}

// An exception is over from the next question on when it is revoked and when its last
// day is past, and what was approved under it is approved no more.
func TestAnExceptionThatIsOverHoldsNoLonger(t *testing.T) {
	t.Parallel()
	const records = "SELECT name, district FROM persons ORDER BY name LIMIT 1"
	for how, end := range map[string]func(d *querytest.Domain){
		"revoked": func(d *querytest.Domain) { d.Apply("sun.health", revokedNow(t, d, "rows-persons")) },
		"lapsed":  func(d *querytest.Domain) { d.Advance(2 * 24 * time.Hour) },
		"neither": func(*querytest.Domain) {},
	} {
		t.Run(how, func(t *testing.T) {
			d := narrowed(t, querytest.Options{Idle: 1})
			except(d, "persons", rowsText(d, "persons", `"until":"`+dayFrom(d, 29), `"until":"`+dayFrom(d, 1)))
			_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, records)
			run := query.AsError(err).Run
			d.Approve("sun.health", run)
			if _, code := asksAs(d, manyRows); code != "" {
				t.Fatalf("under the exception = %q", code)
			}
			end(d)
			_, code := asksAs(d, manyRows)
			_, err = d.Resume("li.op", run)
			want := [2]string{"ROW_LIMIT", "APPROVAL_VOID"}
			if how == "neither" {
				want = [2]string{"", "OUTPUT_IN_REVIEW"}
			}
			approved := strings.TrimSpace(querytest.Code(err) + " " + strings.Join(deniedFor(err), " "))
			if !strings.HasPrefix(approved, want[1]) || code != want[0] {
				t.Errorf("figures = %q and what was approved = %q, want %q", code, approved, want)
			}
		})
	}
}

// What the pack does not list nobody raises, and nothing further or longer than it
// says; a pack that lists it no more ends what it let.
func TestThePackSaysWhatAnExceptionRaises(t *testing.T) {
	t.Parallel()
	d := narrowed(t, querytest.Options{Idle: 1})
	try := func(text string) string {
		err := d.TryApply(querytest.Founder, text, querytest.Founder, "sun.health", "zheng.police")
		if err == nil {
			return ""
		}
		return query.AsError(err).Details[0].Code + " " + query.AsError(err).Details[0].EN
	}
	for _, c := range []struct{ what, from, to, want string }{
		{"above the ceiling", `"value":1000`, `"value":1001`, "/spec/value"},
		{"no more than the pack's own", `"value":1000`, `"value":1`, "/spec/value"},
		{"a day too long", `"until":"` + dayFrom(d, 29), `"until":"` + dayFrom(d, 30), "/spec/until"},
	} {
		if got := try(rowsText(d, "persons", c.from, c.to)); !strings.Contains(got, c.want) {
			t.Errorf("%s = %q", c.what, got)
		}
	}
	if got := try(rowsText(d, "persons")); got != "" {
		t.Fatalf("as the pack says = %q", got)
	}
	if _, code := asksAs(d, manyRows); code != "" {
		t.Errorf("under the exception = %q", code)
	}
	ownPack(t, d, 2, func(pack map[string]any) {
		pack["row_cap"] = 1
		delete(pack, "exceptions")
	})
	if _, code := asksAs(d, manyRows); code != "ROW_LIMIT" {
		t.Errorf("under a pack without exceptions = %q", code)
	}
	if got := try(rowsText(d, "persons", `"name":"rows-persons"`, `"name":"more"`, dayFrom(d, 29), dayFrom(d, 0))); !strings.Contains(got, "/spec/relaxes") {
		t.Errorf("applied under a pack without exceptions = %q", got)
	}
	if err := d.TryApply("sun.health", revokedNow(t, d, "rows-persons")); err != nil {
		t.Errorf("revoked under a pack without exceptions = %s", querytest.Text(err))
	}
}

// A license longer than the pack's term comes into force by an exception alone, which
// may come with it, and then answers about the datasets that have one.
func TestALicenseIsLongerByException(t *testing.T) {
	t.Parallel()
	d := narrowed(t, querytest.Options{Idle: 1})
	text, err := os.ReadFile(filepath.Join("querytest", "city", "license.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	license, _, _ := strings.Cut(string(text), "\n---")
	long := strings.Replace(license, `end: "2030-12-31"`, `end: "2034-12-31"`, 1)
	apply := func(by, documents string, signers ...string) []string {
		return deniedFor(d.TryApply(by, documents, signers...))
	}
	all := []string{"sun.health", querytest.Founder, "li.op"}
	if got := apply(querytest.Founder, long, all...); !slices.Equal(got, []string{"LICENSE_TERM_TOO_LONG"}) {
		t.Fatalf("without an exception = %q", got)
	}
	both := long + "\n---\n" + termText(d, "persons")
	if got := apply(querytest.Founder, both, all...); !slices.Contains(got, "LICENSE_TERM_TOO_LONG") {
		t.Errorf("by an exception that the provider did not sign = %q", got)
	}
	if got := apply(querytest.Founder, strings.Replace(both, "zheng.police", "feng.audit", 1), append(all, "feng.audit")...); len(got) == 0 {
		t.Error("by an exception that an auditor signed for the provider it came into force")
	}
	if got := apply(querytest.Founder, both, append(all, "zheng.police")...); got != nil {
		t.Fatalf("with its exception = %q", got)
	}
	const onPersons, onVisits = "SELECT count(*) AS n FROM persons", "SELECT count(*) AS n FROM visits"
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, onPersons)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	d.Open("li.op", a)
	for _, sql := range []string{onVisits, "SELECT count(*) AS n FROM persons p JOIN visits v ON v.id_number = p.id_number", "SELECT 1 AS n"} {
		if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql); !slices.Contains(deniedFor(err), "LICENSE_TERM_TOO_LONG") {
			t.Errorf("%s = %s", sql, querytest.Text(err))
		}
	}
	except(d, "visits", termText(d, "visits"))
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, onVisits); err != nil {
		t.Errorf("by its own exception = %s", querytest.Text(err))
	}
	d.Apply("zheng.police", revokedNow(t, d, "term-persons"))
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, onPersons); !slices.Contains(deniedFor(err), "LICENSE_TERM_TOO_LONG") {
		t.Errorf("once it is revoked = %s", querytest.Text(err))
	}
	d.Advance(31 * 24 * time.Hour)
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, onVisits); !slices.Contains(deniedFor(err), "LICENSE_TERM_TOO_LONG") {
		t.Errorf("once it has lapsed = %s", querytest.Text(err))
	}
}

// With every exception in force that there can be, what is refused is refused as
// before, but for the rows of figures, and nothing that leaves shows a value as it is.
func TestExceptionsShowNoValue(t *testing.T) {
	t.Parallel()
	d := narrowed(t, querytest.Options{Idle: 2})
	dictionary, numbers := rawDictionary(querytest.Registers())
	type statement struct{ sql, outcome string } // as it ends without a cap
	var all []statement
	for _, s := range shapes {
		all = append(all, statement{s.sql, s.outcome})
		if s.twin != "" {
			all = append(all, statement{s.twin, answered})
		}
	}
	try := func(sql string) (outcome string, a *query.Answer) {
		a, outcome = asksAs(d, sql)
		switch {
		case outcome == "QUERY_IN_REVIEW" || outcome == "OUTPUT_IN_REVIEW":
			return masked, nil
		case outcome == "":
			outcome = answered
		}
		return outcome, a
	}
	before := map[string]string{}
	for _, s := range all {
		before[s.sql], _ = try(s.sql)
	}
	for dataset := range providers {
		except(d, dataset, rowsText(d, dataset))
		except(d, dataset, termText(d, dataset))
	}
	raised := 0
	for _, s := range all {
		outcome, a := try(s.sql)
		if a != nil {
			r := d.Open("li.op", a)
			if dictionary.find([]byte(r.String())) >= 0 {
				t.Errorf("%s\nshows an original value", s.sql)
			}
			for _, row := range r.Rows {
				if slices.ContainsFunc(row, func(cell string) bool { return slices.Contains(numbers, cell) }) {
					t.Errorf("%s\nshows an original number", s.sql)
				}
			}
		}
		switch was := before[s.sql]; {
		case outcome == was:
		case was == "ROW_LIMIT" && outcome == answered && (s.outcome == answered || s.outcome == nothing):
			raised++
		default:
			t.Errorf("%s\nends with %s under exceptions, and with %s before", s.sql, outcome, was)
		}
	}
	if raised < 10 {
		t.Errorf("exceptions raised the rows of %d statements, want 10 or more", raised)
	}
}

// The risk report lists what was in force in its period, how often it was used, and what
// ended in it, to those whose zone it is.
func TestTheRiskReportListsExceptions(t *testing.T) {
	t.Parallel()
	d := narrowed(t, querytest.Options{Idle: 1})
	first := dayFrom(d, 0)
	except(d, "persons", rowsText(d, "persons"))
	except(d, "visits", rowsText(d, "visits", dayFrom(d, 29), dayFrom(d, 1)))
	except(d, "beds", rowsText(d, "beds"))
	for range 2 {
		if _, code := asksAs(d, manyRows); code != "" {
			t.Fatalf("ask = %q", code)
		}
	}
	d.Advance(24 * time.Hour)
	d.Apply("sun.health", revokedNow(t, d, "rows-beds"))
	d.Advance(48 * time.Hour)
	report := func(as, from, to string) (out []string) {
		t.Helper()
		r, err := d.Engine.Risk(t.Context(), d.Subject(as), query.Period{From: from, To: to})
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		for _, x := range r.Exceptions {
			out = append(out, x.Name+" "+x.State+" "+strings.Repeat("+", x.Used))
		}
		for _, h := range r.Headings {
			if h.Heading == query.RiskException {
				out = append(out, h.Kind+" "+strings.Repeat("+", h.Count))
			}
		}
		return out
	}
	today := dayFrom(d, 0)
	for _, c := range []struct {
		as, from, to string
		want         []string
	}{
		{"feng.audit", first, today, []string{"rows-beds REVOKED ", "rows-persons ACTIVE ++", "rows-visits LAPSED ", "apply ++++"}},
		{"sun.health", first, today, []string{"rows-beds REVOKED ", "rows-persons ACTIVE ++", "rows-visits LAPSED ", "apply ++++"}},
		{"feng.audit", first, first, []string{"rows-beds ACTIVE ", "rows-persons ACTIVE ++", "rows-visits ACTIVE ", "apply +++"}},
		{"feng.audit", today, today, []string{"rows-persons ACTIVE "}},
	} {
		if got := report(c.as, c.from, c.to); !slices.Equal(got, c.want) {
			t.Errorf("%s from %s to %s = %q, want %q", c.as, c.from, c.to, got, c.want)
		}
	}
}
