package query_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zonebox/query/analysis"
	"zonebox/query/ast"
)

// needy is a catalogue with a column of every type that can be compared.
var needy = analysis.Catalog{Tables: []analysis.Table{
	{Name: "beds", Columns: []analysis.Column{
		{Name: "district", Type: "VARCHAR", Level: 1, Mode: analysis.Clear, Granted: true},
		{Name: "beds", Type: "BIGINT", Level: 1, Mode: analysis.Clear, Granted: true, Nullable: true},
		{Name: "opened", Type: "DATE", Level: 1, Mode: analysis.Clear, Granted: true, Nullable: true},
		{Name: "seen", Type: "TIMESTAMP", Level: 1, Mode: analysis.Clear, Granted: true, Nullable: true},
		{Name: "price", Type: "DECIMAL(10,2)", Level: 1, Mode: analysis.Clear, Granted: true, Nullable: true},
		{Name: "share", Type: "DOUBLE", Level: 1, Mode: analysis.Clear, Granted: true, Nullable: true},
	}},
	{Name: "persons", Personal: true, Entity: "id", K: 3, Columns: []analysis.Column{
		{Name: "id", Type: "VARCHAR", Level: 4, Mode: analysis.Masked, Recipe: "token", Token: true, Granted: true},
		{Name: "born", Type: "VARCHAR", Level: 3, Mode: analysis.Masked, Recipe: "date(year)", Granted: true},
		{Name: "district", Type: "VARCHAR", Level: 2, Mode: analysis.Clear, Granted: true},
		{Name: "day", Type: "DATE", Level: 2, Mode: analysis.Clear, Granted: true},
		{Name: "income", Type: "BIGINT", Level: 3, Mode: analysis.ComputeOnly, Permissions: []string{"agg:avg", "cmp_lit:<", "cmp_lit:=", "cmp_lit:in"}, Granted: true},
	}},
}}

func TestWhatAReferenceNeeds(t *testing.T) {
	s := liveSession(t, livePool(t, 1))
	for _, tt := range []struct{ sql, want string }{
		{"SELECT sum(beds) FROM beds WHERE district = 'a' AND beds >= 5", "beds[district = a, beds >= 5]"},
		{"SELECT sum(beds) FROM beds WHERE 5 < beds AND beds <= -3", "beds[beds > 5, beds <= -3]"},
		{"SELECT sum(beds) FROM beds WHERE beds BETWEEN 2 AND 7", "beds[beds >= 2, beds <= 7]"},
		{"SELECT sum(beds) FROM beds WHERE district IN ('a', 'b')", "beds[district in a b]"},
		{"SELECT sum(beds) FROM beds WHERE opened > DATE '2024-02-29'", "beds[opened > 2024-02-29]"},
		{"SELECT sum(beds) FROM beds WHERE seen < TIMESTAMP '2024-02-29 10:00:00.5'", "beds[seen < 2024-02-29 10:00:00.5]"},
		{"SELECT sum(beds) FROM beds WHERE price >= 1.50 AND price < 7", "beds[price >= 1.5, price < 7]"},
		{"SELECT count(*) FROM persons WHERE day >= '2024-01-01'", "persons[day >= 2024-01-01]"}, // the rewrite casts
		{"SELECT count(*) FROM persons WHERE born = '1980' AND district < 'b'", "persons[born = 1980, district < b]"},

		// A parameter counts if it is of just the column's type, whatever its value.
		{"SELECT sum(beds) FROM beds WHERE district = $d AND beds >= $n", "beds[district = $d, beds >= $n]"},
		{"SELECT sum(beds) FROM beds WHERE $k > beds AND beds BETWEEN 2 AND $n", "beds[beds < $k, beds >= 2, beds <= $n]"},
		{"SELECT sum(beds) FROM beds WHERE district IN ('a', $d, 'b', $code)", "beds[district in a b $d $code]"},
		{"SELECT sum(beds) FROM beds WHERE opened > $day AND seen <= $at", "beds[opened > $day, seen <= $at]"},
		{"SELECT count(*) FROM persons WHERE born = $d", "persons[born = $d]"},
		{"SELECT sum(beds) FROM beds WHERE opened > $at", ""},
		{"SELECT sum(beds) FROM beds WHERE seen > $day", ""},
		{"SELECT sum(beds) FROM beds WHERE beds > $m", ""},
		{"SELECT sum(beds) FROM beds WHERE share > $f", ""},
		{"SELECT sum(beds) FROM beds WHERE beds BETWEEN $n AND $f", ""},
		{"SELECT sum(beds) FROM beds WHERE beds > $n + 1", ""},
		{"SELECT avg(income) FROM persons WHERE income < $n", ""},
		{"SELECT count(*) FROM persons WHERE id = $d", ""},

		// What is no comparison of one bare column with constants of its type.
		{"SELECT sum(beds) FROM beds WHERE beds <> 5", ""},
		{"SELECT sum(beds) FROM beds WHERE NOT (beds = 5)", ""},
		{"SELECT sum(beds) FROM beds WHERE beds = 5 OR district = 'a'", ""},
		{"SELECT sum(beds) FROM beds WHERE beds IS NULL", ""},
		{"SELECT sum(beds) FROM beds WHERE beds + 1 = 5", ""},
		{"SELECT sum(beds) FROM beds WHERE coalesce(beds, 5) = 5", ""},
		{"SELECT sum(beds) FROM beds WHERE beds = price", ""},
		{"SELECT sum(beds) FROM beds WHERE beds > 1.5", ""},
		{"SELECT sum(beds) FROM beds WHERE share > 1.5", ""},
		{"SELECT sum(beds) FROM beds WHERE beds BETWEEN 2 AND 1e300", ""}, // compared as DOUBLE
		{"SELECT sum(beds) FROM beds WHERE beds BETWEEN 0.5 AND 7", ""},
		{"SELECT sum(beds) FROM beds WHERE price BETWEEN share AND 7", ""},
		{"SELECT sum(beds) FROM beds WHERE beds IN (2, 1e300)", ""},
		{"SELECT sum(beds) FROM beds WHERE beds = NULL", ""},
		{"SELECT sum(beds) FROM beds WHERE district IN ('a', NULL)", ""},
		{"SELECT sum(beds) FROM beds WHERE price = 1.505", ""},
		{"SELECT sum(beds) FROM beds WHERE opened = DATE '2024-2-9'", ""},
		{"SELECT sum(beds) FROM beds WHERE beds IS NOT DISTINCT FROM 5", ""},
		{"SELECT sum(beds) FILTER (WHERE beds = 5) FROM beds", ""},
		{"SELECT sum(beds) FROM beds HAVING sum(beds) > 5", ""},

		// What the operator may not see must not be told by the time it takes.
		{"SELECT avg(income) FROM persons WHERE income > 5", ""},
		{"SELECT avg(income) FROM persons WHERE income IN (5, 6)", ""},
		{"SELECT count(*) FROM persons WHERE id = 'x'", ""},

		// Joins.
		{"SELECT sum(a.beds) FROM beds a JOIN beds b ON a.district = b.district AND b.beds > 3 WHERE a.beds = 1", "beds[beds = 1][beds > 3]"},
		{"SELECT sum(a.beds) FROM beds a, beds b WHERE a.beds = 1", ""},
		{"SELECT sum(a.beds) FROM beds a LEFT JOIN beds b ON a.district = b.district AND a.beds > 3 AND b.beds > 4 WHERE a.beds > 5", "beds[beds > 5][beds > 4]"},
		{"SELECT sum(a.beds) FROM beds a LEFT JOIN beds b ON a.district = b.district AND a.beds > 3", ""},
		{"SELECT sum(a.beds) FROM beds a RIGHT JOIN beds b ON a.district = b.district AND a.beds > 3 AND b.beds > 4 WHERE b.beds > 5", "beds[beds > 3][beds > 5]"},
		{"SELECT sum(a.beds) FROM beds a FULL JOIN beds b ON a.district = b.district AND a.beds > 3 AND b.beds > 4 WHERE b.beds > 5 AND a.beds > 6", "beds[beds > 6][beds > 5]"},
		{"SELECT sum(a.beds) FROM beds a FULL JOIN beds b ON a.district = b.district AND a.beds > 3 AND b.beds > 4", ""},

		// Nested queries and common tables.
		{"SELECT sum(n) FROM (SELECT beds AS n, district FROM beds WHERE district = 'a') q WHERE n > 3", "beds[district = a, beds > 3]"},
		{"SELECT n FROM (SELECT district AS d, sum(beds) AS n FROM beds GROUP BY district) q WHERE d = 'a' AND n > 3", "beds[district = a]"},
		{"SELECT district, sum(beds) FROM beds GROUP BY district HAVING district = 'a'", "beds[district = a]"},
		{"SELECT n FROM (SELECT beds AS n FROM beds ORDER BY n LIMIT 3) q WHERE n > 3", ""},
		{"SELECT n FROM (SELECT DISTINCT beds AS n FROM beds) q WHERE n > 3", "beds[beds > 3]"},
		{"WITH c AS (SELECT * FROM beds WHERE beds > 3) SELECT x.beds FROM c x JOIN c y ON x.district = y.district WHERE y.beds < 9", "beds[beds > 3][beds > 3, beds < 9]"},
		{"WITH c AS (SELECT * FROM beds) SELECT x.beds FROM c x JOIN c y ON x.district = y.district WHERE y.beds < 9", ""},
		{"SELECT q.n FROM beds a LEFT JOIN (SELECT beds AS n, district AS d FROM beds) q ON a.district = q.d AND q.n > 3 WHERE a.beds = 1", "beds[beds = 1][beds > 3]"},
	} {
		text, err := s.Parse(t.Context(), tt.sql)
		if err != nil {
			t.Fatalf("%s: %v", tt.sql, err)
		}
		tree, err := ast.Decode(text)
		if err != nil {
			t.Fatalf("%s: %v", tt.sql, err)
		}
		types, _ := usedBy(t, tree)
		st, err := analysis.Analyze(tt.sql, tree, needy, analysis.Options{Parameters: types})
		if err != nil {
			t.Errorf("%s: %v", tt.sql, err)
			continue
		}
		got := ""
		for _, scan := range st.Scans {
			if scan.Needs == nil {
				continue
			}
			got += scan.Table
			for _, list := range scan.Needs {
				var parts []string
				for _, n := range list {
					values := slices.Clone(n.Values)
					for _, name := range n.Parameters {
						values = append(values, "$"+name)
					}
					parts = append(parts, n.Column+" "+n.Op+" "+strings.Join(values, " "))
				}
				got += "[" + strings.Join(parts, ", ") + "]"
			}
		}
		if got != tt.want {
			t.Errorf("%s\nneeds %q, want %q\n%s", tt.sql, got, tt.want, st.SQL)
		}
	}
}

// meets reports whether a cell meets a need.
func meets(cell any, n analysis.Need) bool {
	if cell == nil {
		return false
	}
	return slices.ContainsFunc(n.Values, func(v string) bool {
		var value any = v
		if _, ok := cell.(string); !ok {
			number, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				panic(err)
			}
			value = number
		}
		c := compareCells(cell, value)
		return map[string]bool{"=": c == 0, "in": c == 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[n.Op]
	})
}

// without returns the tables less the rows that the analysis says nobody needs,
// as if each row were a segment, and how many those are.
func (q posed) without() (tables []bruteTable, dropped int) {
	tables = slices.Clone(q.tables)
	for _, scan := range q.st.Scans {
		i := slices.IndexFunc(tables, func(b bruteTable) bool { return b.Name == scan.Table })
		all := tables[i].Rows
		tables[i].Rows = slices.DeleteFunc(slices.Clone(all), func(row []any) bool {
			for _, list := range scan.Needs {
				if !slices.ContainsFunc(list, func(n analysis.Need) bool { return !meets(row[slices.Index(tables[i].Columns, n.Column)], n) }) {
					return false
				}
			}
			return len(scan.Needs) > 0
		})
		dropped += len(all) - len(tables[i].Rows)
	}
	return tables, dropped
}

// joined writes statements that join three plain tables in every way, with
// conditions in every place.
func joined(g *grammar, names []string) string {
	condition := func(alias string) string {
		options := []string{".pop > 2", ".pop <= 3", ".pop BETWEEN 1 AND 4", ".code = 'a'", ".code IN ('a', 'b')", ".title >= 'b'", ".pop IS NULL", ".code <> 'b'"}
		return alias + options[g.IntN(len(options))]
	}
	some := func(aliases ...string) (out string) {
		for _, a := range aliases {
			if g.chance(45) {
				out += " AND " + condition(a)
			}
		}
		return out
	}
	kind := func() string { return []string{"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"}[g.IntN(4)] }
	source := func(i int) string {
		if g.chance(70) {
			return names[i]
		}
		inner := []string{"SELECT * FROM %[1]s WHERE true%[2]s", "SELECT DISTINCT code, title, pop FROM %[1]s WHERE true%[2]s",
			"SELECT code, title, max(pop) AS pop FROM %[1]s GROUP BY code, title", "SELECT code, min(title) AS title, sum(pop) AS pop FROM %[1]s GROUP BY code HAVING code < 'c'"}
		return "(" + fmt.Sprintf(inner[g.IntN(2)+2*g.IntN(2)], names[i], some(names[i])) + ")"
	}
	a, b, c := source(0)+" a", source(1)+" b", source(2)+" c"
	from := a + " " + kind() + " " + b + " ON a.code = b.code" + some("a", "b")
	if g.chance(50) {
		from += " " + kind() + " " + c + " ON " + []string{"a", "b"}[g.IntN(2)] + ".code = c.code" + some("a", "b", "c")
	} else {
		from = c + " " + kind() + " (" + from + ") ON c.code = " + []string{"a", "b"}[g.IntN(2)] + ".code" + some("a", "b", "c")
	}
	return "SELECT count(*) AS n, sum(a.pop) AS x, sum(b.pop) AS y, sum(c.pop) AS z, count(a.code) AS u, count(b.code) AS v, count(c.code) AS w FROM " +
		from + " WHERE true" + some("a", "b", "c")
}

// Rows that the analysis says nobody needs are taken away, one segment a row:
// brute force finds the same answers without them.
func TestRowsThatNobodyNeedsChangeNoAnswer(t *testing.T) {
	t.Parallel()
	parser := liveSession(t, livePool(t, 1))
	seed := seedOf(t)
	qs, _ := poseMany(t, parser, seed, 400)
	g := &grammar{Rand: rand.New(rand.NewPCG(seed, 2))}
	for n := range 500 {
		var tables []bruteTable
		var names []string
		for i := range 3 {
			names = append(names, "codes"+fmt.Sprint(3*n+i))
			table := bruteTable{Name: names[i], Columns: []string{"code", "title", "pop"}}
			for range g.IntN(7) {
				row := []any{string(rune('a' + g.IntN(3))), string(rune('a' + g.IntN(3))), int64(g.IntN(6))}
				for c := range row {
					if g.chance(15) {
						row[c] = nil
					}
				}
				table.Rows = append(table.Rows, row)
			}
			tables = append(tables, table)
		}
		q, err := pose(t, parser, joined(g, names), tables)
		if err != nil {
			t.Fatalf("%s\n%v", q.sql, err)
		}
		qs = append(qs, q)
	}
	fewer, failed := 0, 0
	for _, q := range qs {
		tables, dropped := q.without()
		if dropped == 0 {
			continue
		}
		fewer++
		got, err := (&brute{tables: tables}).answer(q.tree)
		if err != nil {
			continue
		}
		line := func(a bruteAnswer) string {
			var out []string
			for _, r := range a.rows {
				out = append(out, fmt.Sprint(r))
			}
			slices.Sort(out)
			return strings.Join(out, "\n")
		}
		if x, y := line(got), line(q.want); x != y {
			if failed++; failed <= 3 {
				t.Errorf("ZONEBOX_SEED=%d\n%v\nwithout %d rows\n%s\nwith them\n%s", seed, q, dropped, x, y)
			}
		}
	}
	t.Logf("%d of %d statements need fewer rows", fewer, len(qs))
	if fewer < 200 {
		t.Errorf("only %d statements of %d need fewer rows", fewer, len(qs))
	}
}
