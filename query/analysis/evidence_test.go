package analysis_test

import (
	"fmt"
	"slices"
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
		"select d.k, count(*) from (select case when stay > 1 then 1 end as k from visits) d group by d.k":                                      "visits/0 key:0* count_star(#)/0:1 root",
		"select name from visits where cost > 5": "",
	} {
		st := allowed(t, sql)
		if got := evidenceText(st); got != want {
			t.Errorf("%s\n\t%s\nwant\t%s", sql, got, want)
		}
	}
}

// Groups by columns are parts of one population whatever the columns and aggregates
// are; groups by anything else, or of other rows, are not. Of those the asker chose whose
// rows they are.
func TestAPopulationIsWhatGroupsArePartsOf(t *testing.T) {
	// of is that of the rows of the first reference that the last aggregate takes.
	of := func(sql string) string {
		e := allowed(t, sql).Evidence[0]
		last := e.Aggregates[len(e.Aggregates)-1].Condition
		for _, c := range e.Columns {
			if c.Reference == e.Columns[0].Reference && c.Condition == last {
				text := c.Population.Text
				if chosen := text != `SELECT 1 FROM "visits" AS "t1"`; c.Population.Chosen != chosen {
					t.Errorf("%s\n\tis of %s, chosen %v", sql, text, c.Population.Chosen)
				}
				return strings.ReplaceAll(text, " ", "")
			}
		}
		return ""
	}
	all := of("select avg(income) from visits")
	for _, sql := range []string{
		"select district, avg(cost) as a from visits group by district having avg(cost) > 2 and count(*) > 3 order by avg(income) desc, district",
		"select id_number, count(*) from visits group by id_number",
		"select count(*) from visits where district = 'a'",
		"select count(*) from visits where district = 'a' and stay = 3",
		"select stay, count(*) from visits where district = 'a' and stay between 1 and 3 group by stay",
		"select count(d.title) from visits v left join districts d on v.district = d.code",
		// parts of a code
		"select count(*) from visits where district like '3201%'",
		"select count(*) from visits where left(district, 4) = '3201'",
		"select left(district, 4) as city, count(*) from visits group by city",
		"select count(*) filter (where district like '3201%') from visits",
		// a register that is looked up by its entity
		"select p.district, count(*) from visits v join persons p on v.id_number = p.id_number where p.district = 'a' group by p.district",
	} {
		if got := of(sql); got != all {
			t.Errorf("%s\n\tis of %s, want %s", sql, got, all)
		}
	}
	for _, sql := range []string{
		"select count(*) from visits where district <> 'a'",
		"select count(*) from visits where district in ('a', 'b')",
		"select count(*) from visits where district = 'a' or stay = 3",
		"select count(*) from visits where stay = 3 and stay > 2",
		"select count(*) from visits where stay + 1 = 3",
		"select case when stay > 1 then 'long' else 'short' end as k, count(*), 100 * count(*) / sum(stay) from visits group by k",
		"select count(*) from persons where pay > debt and district is not null",
		"select count(*) filter (where district <> 'a') from visits",
		"select count(*) from visits where district not like '3201%'",
		"select count(*) from visits where district like '32_1%'",
		"select count(*) from visits where district like '%01'",
		// what may be seen of a name is no part of a code
		"select count(*) from visits where name like '3201%'",
		"select left(name, 2) as n, count(*) from visits group by n",
		// a register that is asked, or not by its entity, or the same
		"select count(*) from visits v join persons p on v.id_number = p.id_number where p.district <> 'a'",
		"select count(*) from visits v join persons p on v.district = p.district",
		"select count(*), count(d.stay) from (select stay from visits) d",
		// a table that is looked up by what is no column of it, too
		"select count(*) from visits v join districts d on v.name = v.district and v.district = d.code",
		// codes that the question picks
		"select count(*) from visits v join (select code from codes where chapter = 'X') w on v.district = w.code",
	} {
		if got := of(sql); got == all {
			t.Errorf("%s\n\tis of %s too", sql, got)
		}
	}
}

// A count of what a block within computes, or of what a join leaves null by a condition
// of the asker's, is of a population of its own; one of a column, or of a register that is
// looked up, is not.
func TestAComputedColumnIsNoPartOfItsPopulation(t *testing.T) {
	for sql, apart := range map[string]bool{
		"select count(*), count(d.k) from (select case when stay > 1 then 1 end as k from visits) d":                                                    true,
		"select count(*), count(d.stay) from (select stay from visits) d":                                                                               false,
		"select count(*), count(b.district) from visits a left join persons b on a.id_number = b.id_number and b.district <> 'a'":                       true,
		"select count(*), count(d.title) from visits v left join districts d on v.district = d.code and d.title <> 'a'":                                 true,
		"select count(*), count(d.title) from visits v left join districts d on v.district = d.code":                                                    false,
		"select count(*), count(*) filter (where b.district = 'a') from visits a left join persons b on a.id_number = b.id_number":                      true,
		"select count(*), count(*) filter (where a.district = 'a') from visits a left join districts b on a.district = b.code":                          false,
		"select count(*), count(q.title) from (select v.stay, d.title from visits v left join districts d on v.district = d.code and d.title <> 'a') q": true,
		"select count(*), count(q.title) from (select v.stay, d.title from visits v left join districts d on v.district = d.code) q":                    false,
	} {
		texts := map[string]bool{}
		for _, c := range allowed(t, sql).Evidence[0].Columns {
			if c.Reference == 0 {
				texts[c.Population.Text] = true
			}
		}
		if (len(texts) > 1) != apart {
			t.Errorf("%s is of populations %v", sql, texts)
		}
	}
}

// Rows that a block reads twice are those of two references, whatever it does with them.
func TestAPopulationTellsReferencesOfATableApart(t *testing.T) {
	for sql, want := range map[string]int{
		"select count(*) from (select stay from visits where stay > 1 union all select stay from visits where stay > 2) u": 2,
		"select count(*) from visits a join visits b on a.district = b.district":                                           2,
		"select count(*) from visits a join visits b on a.id_number = b.id_number":                                         1, // unless one has two rows
	} {
		texts, full := map[string]bool{}, map[string]bool{}
		for _, c := range allowed(t, sql).Evidence[0].Columns {
			texts[c.Population.Text], full[c.Population.Full] = true, true
		}
		if len(texts) != want || len(full) != 3-want {
			t.Errorf("%s is of %v, %v, want %d", sql, texts, full, want)
		}
	}
}

// What a question is of does not hang on what it calls its tables: names of those within
// are not taken for names of those without, nor is a table left out by which another is
// found.
func TestAPopulationIsNotHiddenByNames(t *testing.T) {
	for _, pair := range [][2]string{
		{"select count(*) from visits v join (select code as district, population as stay from districts) t1 on v.district = t1.district where v.stay <> 3 and t1.stay < 9",
			"select count(*) from visits v join (select code as district, population as stay from districts) t1 on v.district = t1.district where t1.stay <> 3 and v.stay < 9"},
		{"select count(*) from visits where district <> (select max(t1.code) as m from districts visits, districts t1)",
			"select count(*) from visits where district <> (select max(visits.code) as m from districts visits, districts t1)"},
		{"select count(*) from visits v join districts d on v.district = d.code join codes c on d.code = c.code where c.chapter <> 'x'",
			"select count(*) from visits v join districts d on v.district = d.title join codes c on d.code = c.code where c.chapter <> 'x'"},
	} {
		of := func(sql string) string { return allowed(t, sql).Evidence[0].Columns[0].Population.Text }
		if a, b := of(pair[0]), of(pair[1]); a == b {
			t.Errorf("%s\n%s\n\tare both of %s", pair[0], pair[1], a)
		}
	}
}

// Rows may be repeated for want of a reference that each of them has one of.
func TestEvidenceTellsWhichReferencesEachRowHas(t *testing.T) {
	for sql, want := range map[string]string{
		"select count(*) from visits v join persons p on v.id_number = p.id_number":                                        "v p",
		"select count(*) from persons p left join visits v on p.id_number = v.id_number":                                   "p",
		"select count(*) from persons p full join visits v on p.id_number = v.id_number":                                   "",
		"select count(*) from visits v right join districts d on v.district = d.code":                                      "",
		"select count(*) from (select stay from visits where stay > 1 union all select stay from visits where stay > 2) u": "",
		"select sum(v.stay) from visits v join (select id_number, district from persons) p on v.id_number = p.id_number":   "v persons",
	} {
		st := allowed(t, sql)
		var got []string
		for _, c := range st.Evidence[0].Columns {
			if alias := st.References[c.Reference].Alias; c.Throughout && !slices.Contains(got, alias) {
				got = append(got, alias)
			}
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: each row has one of %q, want %q", sql, text, want)
		}
	}
}

// The greatest value of those whom a compute-only column chooses tells whether the one who
// has it is among them, and so does how many values there are; of those whom anything else
// chooses, and of how many people, it tells nothing of the kind.
func TestWhatShowsAValueIsNotOfThoseWhomASecretChooses(t *testing.T) {
	for sql, refused := range map[string]bool{
		"select max(stay) from visits where diagnosis = 'A'":                                                                        true,
		"select max(stay) filter (where diagnosis = 'A'), count(*) from visits":                                                     true,
		"select diagnosis, max(stay) from visits group by diagnosis":                                                                true,
		"select district from visits where diagnosis = 'A' group by district order by max(stay)":                                    true,
		"select max(d.stay) from (select stay from visits where diagnosis = 'A') d":                                                 true,
		"select count(distinct stay) from visits where diagnosis = 'A'":                                                             true,
		"select count(distinct q.s) from (select id_number, sum(stay) as s from visits where diagnosis = 'A' group by id_number) q": true,
		"select avg(s) from (select id_number, max(stay) as s from visits where diagnosis = 'A' group by id_number) q":              true,
		"select max(stay) from visits where district = 'a'":                                                                         false,
		"select age_band, max(stay) from visits group by age_band":                                                                  false,
		"select count(*) filter (where diagnosis = 'A'), max(stay) from visits":                                                     false,
		"select count(distinct stay) from visits where district = 'a'":                                                              false,
		"select count(distinct id_number) from visits where diagnosis = 'A'":                                                        false,
		"select max(v.stay) from visits v join persons p on v.id_number = p.id_number":                                              false,
		"select max(n) from (select diagnosis, count(*) as n from visits group by diagnosis) g":                                     false,
	} {
		_, err := analyze(t, trees(t), sql, catalog(t))
		if got := err != nil && strings.Contains(show(sql, err), analysis.AggregateReveals); got != refused || !refused && err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// Columns of tables that nothing protects are no measures.
func TestOpenColumnsAreNoMeasures(t *testing.T) {
	a := allowed(t, "select sum(x) from (select stay as x from visits union all select population from districts) u").Evidence[0].Aggregates[0]
	if got := strings.Join(a.Measures, " "); got != "visits.stay" {
		t.Errorf("the measures are %s, want visits.stay", got)
	}
}

// A register that is looked up counts as columns of the rows only where no entity has
// two rows in it: who asks is told of it, and of the text with it.
func TestAPopulationNamesTheRegistersLookedUp(t *testing.T) {
	for _, c := range allowed(t, "select p.district, count(*) from visits v join persons p on v.id_number = p.id_number where p.district = 'a' group by p.district").Evidence[0].Columns {
		p := c.Population
		other := []string{"persons", "visits"}[c.Reference]
		if len(p.Partners) != 1 || p.Partners[0] != other || strings.Contains(p.Text, other) || !strings.Contains(p.Full, "persons") || !strings.Contains(p.Full, "visits") {
			t.Errorf("population is %+v, want it without %s", p, other)
		}
	}
}

// Of a list of values the rows are noted value by value, each a group of what there would
// be without the list.
func TestAListOfValuesIsPartsOfItsPopulation(t *testing.T) {
	for sql, want := range map[string]string{
		"select count(*) from visits where district in ('a', 'b')":                             "[[1 2]]",
		"select count(*) from visits where district <> 'a'":                                    "[]",
		"select count(*) filter (where district <> 'a') from visits":                           "[]",
		"select district, count(*) from visits where district in ('a', 'b') group by district": "[]",
	} {
		e := allowed(t, sql).Evidence[0]
		if got := fmt.Sprint(e.Parts); got != want {
			t.Errorf("%s has parts %s, want %s", sql, got, want)
		}
		for _, c := range e.Columns {
			if c.Condition > 0 && want != "[]" && c.Population.Text != `SELECT 1 FROM "visits" AS "t1"` {
				t.Errorf("%s: part %d is of %s", sql, c.Condition, c.Population.Text)
			}
		}
	}
}
