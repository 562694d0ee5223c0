package query_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// Two worlds (I7): whatever the operator was not given may be otherwise, and
// everything the operator can see stays the same to the byte.

// world makes the city with a grant of persons that is cut to the first three
// districts.
func world(t *testing.T, data querytest.Data) *querytest.Domain {
	t.Helper()
	d := querytest.CityOf(t, querytest.Options{Idle: 2}, data)
	text, err := os.ReadFile(filepath.Join("querytest", "city", "grants.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "---\n")
	scoped := strings.Replace(first, "  columns:\n", "  scope: [{column: district, in: [\"320102\", \"320104\", \"320105\"]}]\n  columns:\n", 1)
	if scoped == first {
		t.Fatal("the grant of persons has no columns to put a scope before")
	}
	d.Apply("sun.health", scoped)
	return d
}

// notGranted changes every value of the columns that no grant names.
func notGranted(data *querytest.Data) {
	for i, row := range data.Persons.Rows {
		row[data.Persons.Column("address")] = fmt.Sprintf("另一条街%d号%s", 900-i, strings.Repeat("后", i%9))
	}
	for i, row := range data.Visits.Rows {
		row[data.Visits.Column("visit_id")] = fmt.Sprint("other-", 1000*i)
	}
	for i, row := range data.Beds.Rows {
		row[data.Beds.Column("note")] = fmt.Sprint("a note ", i)
	}
}

// outOfScope changes every value of the rows that the grant cuts off, and drops
// half of them.
func outOfScope(data *querytest.Data) {
	district := data.Persons.Column("district")
	var rows [][]string
	for i, row := range data.Persons.Rows {
		if row[district] == "320106" {
			if i%2 == 0 {
				continue
			}
			rows = append(rows, []string{fmt.Sprint("other-key-", i), "另有其人", "13100000000", "无", "1900-01-01", "99999999", "320106"})
			continue
		}
		rows = append(rows, row)
	}
	data.Persons.Rows = rows
}

// alike changes masked values into others that the recipes mask alike.
func alike(data *querytest.Data) {
	p, v := data.Persons, data.Visits
	for i, row := range p.Rows {
		name := []rune(row[p.Column("name")])
		row[p.Column("name")] = string(name[0]) + strings.Repeat("某", 1+i%5)
		phone := row[p.Column("phone")]
		row[p.Column("phone")] = phone[:3] + fmt.Sprintf("%04d", 9999-i) + phone[7:]
		row[p.Column("birth_date")] = row[p.Column("birth_date")][:4] + fmt.Sprintf("-%02d-%02d", 12-i%12, 28-i%28)
	}
	for i, row := range v.Rows {
		row[v.Column("visit_date")] = row[v.Column("visit_date")][:8] + fmt.Sprintf("%02d", 28-i%28)
	}
}

// suppressed changes compute-only values that reach groups below the minimum
// alone, in answers that group by what they are grouped by here: the nine
// incomes of a district, and diagnosis and costs of five people.
func suppressed(data *querytest.Data) {
	p, v := data.Persons, data.Visits
	for i, row := range p.Rows {
		if row[p.Column("district")] == "320106" && row[p.Column("income")] != "" {
			row[p.Column("income")] = fmt.Sprint(1000000 + i*i*977)
		}
	}
	codes := []string{"A15", "B18", "G12"}
	for i, row := range v.Rows {
		if row[v.Column("diagnosis")] == "G12" {
			row[v.Column("diagnosis")], row[v.Column("cost")] = codes[i%3], fmt.Sprint(90000+i*i)
		}
	}
}

// seen is all that an operator sees of a question: code, texts, spans and
// paths of a refusal, or the rows, the label and the size of the sealed file.
func seenBy(t *testing.T, d *querytest.Domain, sql string) string {
	t.Helper()
	answer, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	out := &strings.Builder{}
	if e, ok := errors.AsType[*query.Error](err); ok {
		visible := *e
		visible.Run = ""
		fmt.Fprintln(out, querytest.Text(&visible))
	}
	if code := querytest.Code(err); code == "QUERY_IN_REVIEW" || code == "OUTPUT_IN_REVIEW" {
		answer = reviewed(t, d, err)
	}
	if answer != nil {
		r := d.Open("li.op", answer)
		header := answer.Artifact.Header()
		l := header.Label
		fmt.Fprintln(out, r.Columns, header.Columns, l.Warnings, l.Notes, len(l.Sources), len(answer.Artifact.Bytes()))
		out.WriteString(r.String())
	}
	return out.String()
}

// explained is what explain says of a question.
func explained(t *testing.T, d *querytest.Domain, sql string) string {
	t.Helper()
	x, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: sql})
	if err != nil {
		return querytest.Code(err)
	}
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// worldStatements are answers of every form, and a refusal of every code.
func worldStatements() []string {
	var out []string
	codes := map[string]int{}
	for i, s := range shapes {
		if s.twin != "" && i%3 == 0 {
			out = append(out, s.twin)
		}
		// Tokens leave under a key of their release: they never compare equal.
		if strings.Contains(s.sql, "id_number AS") {
			continue
		}
		if codes[s.outcome]++; codes[s.outcome] <= 1 || s.outcome == nothing || s.outcome == masked {
			out = append(out, s.sql)
		}
	}
	return append(out,
		"SELECT name, phone, birth_date, district FROM persons ORDER BY name LIMIT 20",
		"SELECT visit_date, count(*) FROM visits GROUP BY visit_date",
		"SELECT p.birth_date, v.visit_date, count(*) FROM persons p JOIN visits v ON p.id_number = v.id_number GROUP BY ALL",
		"SELECT count(*), count(DISTINCT id_number), avg(income) FROM persons",
		"SELECT district, count(*) FROM persons WHERE district = '320106' GROUP BY district",
		"SELECT count(*) FROM persons WHERE birth_date = '1900'",
		"SELECT * FROM beds ORDER BY district LIMIT 3",
		"SELECT note FROM beds",
		"SELECT address, note FROM persons, beds",
	)
}

func TestTwoWorldsLookAlike(t *testing.T) {
	t.Parallel()
	one := querytest.Registers()
	other := one.Clone()
	notGranted(&other)
	outOfScope(&other)
	alike(&other)
	a, b := world(t, one), world(t, other)

	statements := worldStatements()
	before := map[string]string{}
	for i, sql := range statements {
		before[sql] = seenBy(t, a, sql)
		if got := seenBy(t, b, sql); got != before[sql] {
			t.Errorf("%s\nshows\n%s\nin the other world\n%s", sql, before[sql], got)
		}
		if i%6 != 0 {
			continue
		}
		if x, y := explained(t, a, sql), explained(t, b, sql); x != y {
			t.Errorf("%s\nis explained as\n%s\nin the other world\n%s", sql, x, y)
		}
	}
	if len(statements) < 40 {
		t.Errorf("%d statements were asked, want at least 40", len(statements))
	}

	// What the operator's own view of the audit log says is alike too, but for
	// ids and digests.
	ledger := func(d *querytest.Domain) string {
		entries, err := d.Engine.Audit(t.Context(), d.Subject("li.op"), 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		out := ""
		for _, e := range entries {
			out += fmt.Sprintln(e.Kind, e.Actor, e.Role, e.Org, e.Zone, e.Scenario, len(e.Fields), e.Fields["reasons"], e.Fields["verdict"], e.Fields["refused"])
		}
		return out
	}
	if x, y := ledger(a), ledger(b); x != y || strings.Count(x, "\n") < 2*len(statements) {
		t.Errorf("the operator's audit entries differ, or are too few:\n%s\n%s", x, y)
	}

	// The control: one person in scope moves, and the comparison sees it.
	moved := one.Clone()
	moved.Persons.Rows[0][moved.Persons.Column("district")] = "320104"
	a.LoadTable("persons", moved.Persons)
	differ := 0
	for _, sql := range []string{"SELECT district, count(*) FROM persons GROUP BY district", "SELECT avg(income) FROM persons", "SELECT note FROM beds"} {
		if before[sql] == "" {
			before[sql] = seenBy(t, b, sql)
		}
		if seenBy(t, a, sql) != before[sql] {
			differ++
		}
	}
	if differ != 1 {
		t.Errorf("%d of 3 statements see that a person moved to another district, want 1", differ)
	}
}

func TestSuppressedValuesDoNotShow(t *testing.T) {
	t.Parallel()
	one := querytest.Registers()
	other := one.Clone()
	suppressed(&other)
	a := querytest.CityOf(t, querytest.Options{Idle: 2}, one)
	b := querytest.CityOf(t, querytest.Options{Idle: 2}, other)
	for _, sql := range []string{
		"SELECT district, avg(income) FROM persons GROUP BY district",
		"SELECT district, count(*), count(income), avg(income) FROM persons GROUP BY district ORDER BY avg(income)",
		"SELECT district, avg(income) AS a FROM persons GROUP BY district ORDER BY a DESC, district LIMIT 3",
		"SELECT district, avg(income) AS a FROM persons GROUP BY district ORDER BY a DESC LIMIT 1 OFFSET 2",
		"SELECT district FROM persons GROUP BY district HAVING avg(income) > 900000",
		"SELECT district FROM persons GROUP BY district HAVING avg(income) < 900000 OR count(*) > 5",
		"SELECT avg(income) FROM persons WHERE district = '320106'",
		"SELECT avg(income) FILTER (WHERE district = '320106') AS a, avg(income) FILTER (WHERE district = '320105') AS b FROM persons",
		"SELECT round(avg(income)) AS r, district, rank FROM (SELECT district AS rank, income, district FROM persons) s GROUP BY district, rank",
		"SELECT max(a) FROM (SELECT district, avg(income) AS a FROM persons GROUP BY district) s",
		"SELECT d, a FROM (SELECT district AS d, avg(income) AS a FROM persons GROUP BY district) s WHERE a > 900000",
		"SELECT CASE WHEN avg(income) > 900000 THEN 'rich' ELSE 'poor' END AS c, district FROM persons GROUP BY district",
		"SELECT coalesce(avg(income), -1) AS a, district FROM persons GROUP BY district",
		"SELECT diagnosis, count(*), avg(cost) FROM visits GROUP BY diagnosis",
		"SELECT diagnosis, sum(cost) AS s FROM visits GROUP BY diagnosis ORDER BY s DESC LIMIT 1",
		"SELECT diagnosis, sum(cost) FROM visits WHERE diagnosis IN ('G12', 'A15', 'B18') GROUP BY diagnosis",
		"SELECT count(*) FROM visits WHERE diagnosis = 'A15'",
		"SELECT avg(cost) FILTER (WHERE diagnosis = 'G12') AS g, avg(cost) FILTER (WHERE diagnosis = 'I10') AS i FROM visits",
		"SELECT v.diagnosis, p.district, avg(p.income) FROM persons p JOIN visits v ON p.id_number = v.id_number GROUP BY ALL",
	} {
		x, y := seenBy(t, a, sql), seenBy(t, b, sql)
		if x != y {
			t.Errorf("%s\nshows\n%s\nin the other world\n%s", sql, x, y)
		}
	}
	// The control: the same values show where the group is large.
	const whole = "SELECT avg(income) FROM persons"
	if seenBy(t, a, whole) == seenBy(t, b, whole) {
		t.Errorf("%s\nshows no difference between the worlds", whole)
	}
}
