package analysis_test

import (
	"fmt"
	"strings"
	"testing"

	"zonebox/query/analysis"
)

// evidenceText writes evidence down: of each block its columns as
// reference/condition, with the row set that they are groups of; its keys by the
// output that shows them, bare or not; and its aggregates.
func evidenceText(st *analysis.Statement) string {
	var blocks []string
	for _, e := range st.Evidence {
		var parts []string
		for _, c := range e.Columns {
			text := fmt.Sprintf("%s/%d", st.References[c.Reference].Alias, c.Condition)
			if c.Of > 0 {
				text += fmt.Sprintf("<%d.%d", c.Of, c.OfColumn)
			}
			parts = append(parts, text)
		}
		text := strings.Join(parts, " ")
		for _, k := range e.Keys {
			text += fmt.Sprintf(" key:%d", k.Output)
			if !k.Bare {
				text += "*"
			}
		}
		for _, a := range e.Aggregates {
			text += fmt.Sprintf(" %s(%s", a.Function, strings.Join(a.Measures, "+"))
			if a.Counts {
				text += "#"
			}
			if a.PerEntity {
				text += "'"
			}
			text += fmt.Sprintf(")/%d:%d", a.Condition, a.Output)
		}
		if e.Root {
			text += " root"
		}
		if !e.Releases {
			text += " handed on"
		}
		blocks = append(blocks, text)
	}
	return strings.Join(blocks, "; ")
}

func TestEvidenceTellsWhatGroupsRestOn(t *testing.T) {
	for sql, want := range map[string]string{
		"select avg(income) from visits":                                                                              "visits/0 visits/1 avg(visits.income)/1:0 root",
		"with c as (select income as x from visits) select avg(x) from c":                                             "visits/0 visits/1 avg(visits.income)/1:0 root",
		"select p.district, count(*), avg(v.cost) from visits v join persons p using (id_number) group by p.district": "v/0 p/0 v/1 p/1 key:0 count_star(#)/0:1 avg(visits.cost)/1:2 root",
		"select district, avg(s), sum(n), count(*) from (select id_number, district, sum(cost) as s, count(*) as n from visits group by all) q group by district": "visits/-1 key:-1 key:-1 handed on; " +
			"visits/0<1.0 visits/1<1.0 visits/2<1.0 key:0 avg(visits.cost')/1:1 sum(#')/2:2 count_star(#')/0:3 root",
		"select g.n, count(*) from (select district, count(*) as n from visits group by district) g join districts d on g.district = d.code group by 1": "visits/0 key:-1 count_star(#)/0:-1",
		"select district, avg(cost) as a from visits group by district having avg(cost) > 2 and count(*) > 3 order by avg(income) desc, district":       "visits/0 visits/1 visits/2 key:0 avg(visits.cost)/1:1 count_star(#)/0:-1 avg(visits.income)/2:-1 root",
		"select case when stay > 1 then 'long' else 'short' end as k, count(*), 100 * count(*) / sum(stay) from visits group by k":                      "visits/0 key:0* count_star(#)/0:1 count_star(#)/0:2 sum(visits.stay)/0:2 root",
		"select v.district, count(*) from visits v join (select district, count(*) as n from visits group by district) s on v.district = s.district where s.n > 4 group by 1": "visits/0 key:-1 count_star(#)/0:-1; " +
			"v/0 key:0 count_star(#)/0:1 root",
		"select avg(s) from (select p.id_number, sum(v.cost) as s from persons p left join visits v on p.id_number = v.id_number group by 1) q": "p/-1 v/0 v/1 key:-1 sum(visits.cost)/1:-1; p/0<1.0 p/1<1.0 avg(visits.cost')/1:0 root",
		"select name from visits where cost > 5": "",
	} {
		st := allowed(t, sql)
		if got := evidenceText(st); got != want {
			t.Errorf("%s\n\t%s\nwant\t%s", sql, got, want)
		}
	}
}

// Groups by columns are parts of one population whatever the columns and aggregates
// are; groups by anything else, or of other rows, are not.
func TestAPopulationIsWhatGroupsArePartsOf(t *testing.T) {
	population := func(sql string) string { return allowed(t, sql).Evidence[0].Population }
	all := population("select avg(income) from visits")
	for _, sql := range []string{"select district, avg(cost) as a from visits group by district having avg(cost) > 2 and count(*) > 3 order by avg(income) desc, district",
		"select id_number, count(*) from visits group by id_number"} {
		if got := population(sql); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(all, " ", "") {
			t.Errorf("%s\n\tis of %s, want %s", sql, got, all)
		}
	}
	for _, sql := range []string{"select count(*) from visits where district = 'a'", "select count(*) from visits where district = 'a' and stay = 3",
		"select stay, count(*) from visits where district = 'a' and stay between 1 and 3 group by stay",
		"select count(d.title) from visits v left join districts d on v.district = d.code"} {
		if got := population(sql); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(all, " ", "") {
			t.Errorf("%s\n\tis of %s, want %s", sql, got, all)
		}
	}
	for _, sql := range []string{"select count(*) from visits where district <> 'a'", "select count(*) from visits where district in ('a', 'b')",
		"select count(*) from visits where district = 'a' or stay = 3", "select count(*) from visits where stay = 3 and stay > 2", "select count(*) from visits where stay + 1 = 3"} {
		if got := population(sql); strings.ReplaceAll(got, " ", "") == strings.ReplaceAll(all, " ", "") {
			t.Errorf("%s\n\tis of %s too", sql, got)
		}
	}
	for _, sql := range []string{"select case when stay > 1 then 'long' else 'short' end as k, count(*), 100 * count(*) / sum(stay) from visits group by k",
		"select count(*) from persons where pay > debt and district is not null"} {
		if got := population(sql); got == all {
			t.Errorf("%s\n\tis of %s too", sql, got)
		}
	}
}
