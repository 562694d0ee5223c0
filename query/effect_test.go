package query_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/release"
)

// reviewedAnswer asks, has people approve what needs approval, and returns the answer.
func reviewedAnswer(t *testing.T, d *querytest.Domain, sql string) (*query.Answer, string) {
	t.Helper()
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	run := ""
	for range 4 {
		e, refused := errors.AsType[*query.Error](err)
		if !refused || e.Class != query.ClassInReview {
			break
		}
		run = e.Run
		approveStep(t, d, e)
		a, err = d.Resume("li.op", e.Run)
	}
	if err != nil {
		t.Fatalf("%s: %s", sql, querytest.Text(err))
	}
	return a, run
}

// The label of a result grades it by the rows that leave: records by how many
// people no row tells apart, groups as statistics, open data not at all; and says
// of each column how it was masked.
func TestALabelGradesTheRowsThatLeave(t *testing.T) {
	t.Parallel()
	data := querytest.Registers()
	for i, row := range data.Persons.Rows {
		if i < 60 { // six years of birth of ten people each, in 320102
			row[data.Persons.Column("birth_date")] = []string{"1950-01-01", "1951-01-01", "1952-01-01", "1953-01-01", "1954-01-01", "1955-01-01"}[i%6]
		}
	}
	d := querytest.CityOf(t, querytest.Options{Idle: 2}, data)
	const mask, cut, token, sum = "抑制技术·屏蔽", "泛化技术·取整", "假名化技术·基于密码技术的标识符派生假名创建", "统计技术·数据聚合"
	for _, c := range []struct {
		sql        string
		want       *release.Effect
		techniques []string
	}{
		{"SELECT district FROM persons WHERE district = '320102'", &release.Effect{Level: 3, Rule: "risk_acceptable", K: 60, Risk: 0.0167, Threshold: 0.05}, []string{""}},
		{"SELECT birth_date, district FROM persons WHERE district = '320102'", &release.Effect{Level: 2, Rule: "risk_above_threshold", K: 10, L: 6, Risk: 0.1, Threshold: 0.05}, []string{cut, ""}},
		{"SELECT name, birth_date FROM persons WHERE district = '320102' AND birth_date = '1950'", &release.Effect{Level: 2, Rule: "risk_above_threshold", K: 2, L: 1, Risk: 0.5, Threshold: 0.05}, []string{mask, cut}},
		{"SELECT id_number, district FROM persons WHERE district = '320102'", &release.Effect{Level: 3, Rule: "risk_acceptable", K: 60, Risk: 0.0167, Threshold: 0.05, TokenMatched: 0.0167}, []string{token, ""}},
		// People of one, two and three visits: of each number one is named by chance.
		{"SELECT id_number FROM visits WHERE district = '320102'", &release.Effect{Level: 2, Rule: "risk_above_threshold", K: 1, Risk: 1, Threshold: 0.05, TokenMatched: 0.05}, []string{token}},
		// Of a register with several rows of a person, and of joins, no class is known
		// to be of several people.
		{"SELECT district FROM visits WHERE district = '320102'", &release.Effect{Level: 2, Rule: "risk_above_threshold", K: 1, Risk: 1, Threshold: 0.05}, []string{""}},
		{"SELECT p.district FROM persons p JOIN beds b ON p.district = b.district WHERE p.district = '320102'", &release.Effect{Level: 2, Rule: "risk_above_threshold", K: 1, Risk: 1, Threshold: 0.05}, []string{""}},
		{"SELECT district FROM persons WHERE district = 'none'", &release.Effect{Level: 3, Rule: "risk_acceptable", Threshold: 0.05}, []string{""}},
		{"SELECT birth_date, district, count(*) AS n FROM persons WHERE district = '320102' GROUP BY ALL", &release.Effect{Level: 4, Rule: "aggregate_data", K: 10}, []string{cut, "", sum}},
		{"SELECT district, beds FROM beds", nil, []string{"", ""}},
		{"SELECT count(*) AS n FROM beds", nil, []string{sum}},
	} {
		a, run := reviewedAnswer(t, d, c.sql)
		h := a.Artifact.Header()
		if (h.Label.Effect == nil) != (c.want == nil) || c.want != nil && *h.Label.Effect != *c.want {
			t.Errorf("%s\nis graded %+v\nwant %+v", c.sql, h.Label.Effect, c.want)
		}
		for i, col := range h.Columns {
			if col.Technique != c.techniques[i] {
				t.Errorf("%s\ncolumn %s is masked by %q, want %q", c.sql, col.Name, col.Technique, c.techniques[i])
			}
		}
		if run == "" || c.want == nil {
			continue
		}
		seen, err := d.Engine.Review(t.Context(), d.Subject("sun.health"), run)
		if err != nil || seen.Output.Effect == nil || *seen.Output.Effect != *c.want {
			t.Errorf("%s\na reviewer sees %+v (%v)", c.sql, seen.Output, err)
		}
	}
	levels := ""
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "output.released" {
			levels += e.Fields["effect"] + " "
		}
	}
	if levels != "3 2 2 3 2 2 2 3 4   " {
		t.Errorf("the audit entries say levels %q", levels)
	}
}

// A column that the catalogue says identifies a person, and that leaves as it is,
// makes a result one that identifies.
func TestAClearIdentifierIsLevelOne(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	text := documentOf(t, "persons")
	d.Apply("zheng.police", replaced(t, text, "title: 区划代码, type: string, level: 2, class: region, personal_info: false",
		"title: 学号, type: string, level: 2, class: identity, pi_kind: school_number, personal_info: true"))
	d.LoadTable("persons", querytest.Registers().Persons)
	a, _ := reviewedAnswer(t, d, "SELECT district FROM persons WHERE district = '320102'")
	if e := a.Artifact.Header().Label.Effect; e == nil || e.Level != 1 || e.Rule != "direct_identifier_present" {
		t.Errorf("a clear identifier is graded %+v", e)
	}
	a, _ = reviewedAnswer(t, d, "SELECT district, count(*) AS n FROM persons GROUP BY district")
	if e := a.Artifact.Header().Label.Effect; e == nil || e.Level != 1 {
		t.Errorf("groups by a clear identifier are graded %+v", e)
	}
	a, _ = reviewedAnswer(t, d, "SELECT name || district AS both FROM persons WHERE district = '320102'")
	if e := a.Artifact.Header().Label.Effect; e == nil || e.Level != 1 {
		t.Errorf("a clear identifier beside a masked name is graded %+v", e)
	}
}

func documentOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("querytest", "city", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func replaced(t *testing.T, text, old, with string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("the document has no %q", old)
	}
	return strings.Replace(text, old, with, 1)
}
