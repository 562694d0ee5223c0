package query_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// costly are the registers with one patient of the second district who paid a million
// at each visit, all visits of the third district in one department, and those of the
// others in two by turns.
func costly() querytest.Data {
	data := querytest.Registers().Clone()
	patient, district := data.Visits.Column("id_number"), data.Visits.Column("district")
	cost, department := data.Visits.Column("cost"), data.Visits.Column("department")
	dear := ""
	for i, row := range data.Visits.Rows {
		row[department] = []string{"内科", "外科"}[i%2]
		switch row[district] {
		case querytest.Districts[1]:
			if dear == "" {
				dear = row[patient]
			}
			if row[patient] == dear {
				row[cost] = "1000000"
			}
		case querytest.Districts[2]:
			row[department] = "内科"
		}
	}
	return data
}

// TestATotalThatTellsOfOneDoesNotLeave asks for totals by district of registers with and
// without a patient who bears nearly all of one. Of 200 people 60 live in each of the
// first three districts and have 120 visits, 20 in the last with 39.
func TestATotalThatTellsOfOneDoesNotLeave(t *testing.T) {
	usual, dear := querytest.City(t, querytest.Options{Idle: 2}), querytest.CityOf(t, querytest.Options{Idle: 2}, costly())
	n := querytest.Districts
	for _, test := range []struct {
		name, sql   string
		usual, dear []string // rows, or a code
	}{
		{"a sum beside a count", "SELECT district, count(*) AS n, sum(cost) AS s FROM visits GROUP BY district ORDER BY district",
			[]string{n[0] + " 120 15610", n[1] + " 120 22810", n[2] + " 120 30010", n[3] + " 39 11303.75"},
			[]string{n[0] + " 120 15610", n[2] + " 120 30010", n[3] + " 39 11303.75", n[1] + " 120 ∅"}},
		{"in order of it", "SELECT district, count(*) AS n, sum(cost) AS s FROM visits GROUP BY district ORDER BY s DESC",
			[]string{n[2] + " 120 30010", n[1] + " 120 22810", n[0] + " 120 15610", n[3] + " 39 11303.75"},
			[]string{n[2] + " 120 30010", n[0] + " 120 15610", n[3] + " 39 11303.75", n[1] + " 120 ∅"}},
		{"an average alone, whose row is as that of a group too small", "SELECT district, round(avg(cost)) AS a FROM visits GROUP BY district ORDER BY district",
			[]string{n[0] + " 130", n[1] + " 190", n[2] + " 250", n[3] + " 290"},
			[]string{n[0] + " 130", n[2] + " 250", n[3] + " 290"}},
		{"of everybody", "SELECT sum(cost) AS s FROM visits", []string{"79733.75"}, []string{"∅"}},
		{"of those who are not dear", "SELECT sum(cost) AS s FROM visits WHERE district <> '" + n[1] + "'", []string{"56923.75"}, []string{"56923.75"}},
		{"over a join", "SELECT p.district, sum(v.cost) AS s FROM persons p JOIN visits v ON p.id_number = v.id_number GROUP BY p.district ORDER BY s",
			[]string{n[3] + " 11303.75", n[0] + " 15610", n[1] + " 22810", n[2] + " 30010"},
			[]string{n[3] + " 11303.75", n[0] + " 15610", n[2] + " 30010"}},
		{"what it is compared with", "SELECT district, count(*) AS n FROM visits GROUP BY district HAVING sum(cost) > 20000 ORDER BY district",
			[]string{n[1] + " 120", n[2] + " 120"}, []string{"DISCLOSIVE"}},
		{"what it is put in order by", "SELECT district, count(*) AS n FROM visits GROUP BY district ORDER BY sum(cost)",
			[]string{n[3] + " 39", n[0] + " 120", n[1] + " 120", n[2] + " 120"}, []string{"DISCLOSIVE"}},
		{"what is done with it outside", "SELECT max(s) AS s FROM (SELECT district, sum(cost) AS s FROM visits GROUP BY district) t",
			[]string{"30010"}, []string{"DISCLOSIVE"}},
		{"a condition that holds for all of a district", "SELECT district, count(*) AS n, count(*) FILTER (WHERE department = '内科') AS m FROM visits GROUP BY district ORDER BY district",
			nil, []string{n[0] + " 120 60", n[1] + " 120 60", n[3] + " 39 20", n[2] + " 120 ∅"}},
	} {
		for _, world := range []struct {
			name string
			d    *querytest.Domain
			want []string
		}{{"usual", usual, test.usual}, {"dear", dear, test.dear}} {
			if world.name == "usual" && test.usual == nil {
				continue
			}
			if got := toldBy(world.d, test.sql); !slices.Equal(got, world.want) {
				t.Errorf("%s, %s registers: %q, want %q", test.name, world.name, got, world.want)
			}
		}
	}
}

// TestReviewersSeeWhichRulesHidTotals: those who supervise the run, by column and rule;
// whoever asked does not.
func TestReviewersSeeWhichRulesHidTotals(t *testing.T) {
	data := costly()
	cost := data.Visits.Column("cost")
	last := data.Visits.Rows[len(data.Visits.Rows)-1]
	last[cost] = "-7.5"
	data.Visits.Rows[len(data.Visits.Rows)-2][data.Visits.Column("district")] = "320199" // one visit, of one person
	d := querytest.CityOf(t, querytest.Options{Idle: 2}, data)
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose,
		"SELECT district, sum(cost) AS s, avg(cost), count(*) FILTER (WHERE department = '内科') AS m, count(*) AS n FROM visits GROUP BY district")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	for _, person := range []string{"sun.health", "qian.hospital", "li.op"} {
		detail, err := d.Engine.Review(t.Context(), d.Subject(person), a.Run)
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		if person == "li.op" {
			if detail.Output != nil {
				t.Errorf("%s sees %+v", person, detail.Output)
			}
			continue
		}
		want := []query.RuledTotal{
			{Column: "s", Rule: "DOMINANCE", Groups: 1}, {Column: "s", Rule: "NEGATIVE_VALUES", Groups: 1}, {Column: "s", Rule: "P_PERCENT", Groups: 1},
			{Column: "#3", Rule: "DOMINANCE", Groups: 1}, {Column: "#3", Rule: "NEGATIVE_VALUES", Groups: 1}, {Column: "#3", Rule: "P_PERCENT", Groups: 1},
			{Column: "m", Rule: "CLASS_DISCLOSURE", Groups: 1},
		}
		if detail.Output == nil || !slices.Equal(detail.Output.Totals, want) {
			t.Fatalf("%s sees %+v, want %+v", person, detail.Output, want)
		}
		second, third := [][2]int64{{2, 2}}, [][2]int64{{3, 3}} // districts, in their order
		cells := []query.WithheldCells{
			{Column: "s", Output: 2, Rule: "DOMINANCE", Rows: second}, {Column: "s", Output: 2, Rule: "P_PERCENT", Rows: second},
			{Column: "#3", Output: 3, Rule: "DOMINANCE", Rows: second}, {Column: "#3", Output: 3, Rule: "P_PERCENT", Rows: second},
			{Column: "m", Output: 4, Rule: "CLASS_DISCLOSURE", Rows: third},
		}
		if got := detail.Output.Withheld; !reflect.DeepEqual(got, cells) {
			t.Errorf("%s sees cells withheld %+v, want %+v", person, got, cells)
		}
		if detail.Output.Few != 1 {
			t.Errorf("%s sees %d groups of few, want 1", person, detail.Output.Few)
		}
	}
}

// toldBy is what li.op is told: rows, nulls as ∅, or a code.
func toldBy(d *querytest.Domain, sql string) (out []string) {
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	if err != nil {
		return []string{querytest.Code(err)}
	}
	for _, row := range d.Open("li.op", a).Rows {
		out = append(out, strings.Join(row, " "))
	}
	return out
}
