package query_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The engine finds one type for a column of a set operation, for a list and what
// is looked up in it, for a number and what it is compared with. Beside protected
// tables none of its conversions raises, whatever the values.
func TestNoSetOperationRaisesBesideProtectedTables(t *testing.T) {
	t.Parallel()
	p := newTrial(t, extremes, 11*8*7)
	values := slices.Concat(columnNames(), derived, []string{"NULL", "1", "1.5", "'2024-01-01'", "'x'", "DATE '2024-01-01'", "true", "to_days(i)"})
	forms := []string{
		"SELECT count(x) FROM (SELECT %[1]s AS x FROM people UNION ALL SELECT %[2]s FROM people) u",
		"SELECT count(*) FROM (SELECT x FROM (SELECT %[1]s AS x FROM people UNION ALL SELECT %[2]s FROM open) u GROUP BY x) q",
		"SELECT count(*) FROM (SELECT x, sum(x) AS y, avg(x) AS z FROM (SELECT %[1]s AS x FROM people UNION ALL SELECT %[2]s FROM open) u GROUP BY x HAVING sum(x) > 1 OR avg(x) > 1) q WHERE y IS NOT NULL",
		"SELECT count(*) FROM (SELECT %[1]s AS x FROM people GROUP BY 1 UNION SELECT %[2]s FROM open) u",
		"SELECT count(*) FROM (SELECT %[1]s AS x FROM people GROUP BY 1 EXCEPT SELECT %[2]s FROM open) u",
		"SELECT count(*) FROM (SELECT %[2]s AS x FROM open INTERSECT ALL SELECT %[1]s FROM people GROUP BY 1) u",
		"SELECT count(*) FROM (SELECT %[1]s AS x FROM people GROUP BY 1 UNION ALL VALUES (%[2]s)) u",
		"SELECT count(*) FROM people WHERE %[1]s IN (SELECT %[2]s FROM open)",
		"SELECT count(*) FROM people WHERE %[1]s NOT IN (SELECT %[2]s FROM people GROUP BY 1)",
		"SELECT count(*) FROM people WHERE %[1]s >= (SELECT max(%[2]s) FROM open)",
		"SELECT count(*) FROM people WHERE %[1]s + (SELECT min(%[2]s) FROM open) > 1",
		"SELECT count(*) FROM people WHERE coalesce(%[1]s, (SELECT max(%[2]s) FROM people)) IS NOT NULL",
		"SELECT count(*) FROM (SELECT %[1]s + (SELECT sum(%[2]s) FROM open) AS x, count(*) FROM people GROUP BY 1) q",
	}
	r := rand.New(rand.NewPCG(seedOf(t), 4))
	var all []string
	for _, f := range forms {
		accepted := 0
		for _, a := range values {
			for _, b := range values {
				if r.IntN(repeats(3, 1)) > 0 {
					continue
				}
				sql := fmt.Sprintf(f, a, b)
				if _, err := p.parser.Parse(t.Context(), sql); err != nil {
					continue
				}
				if _, ok := p.accepted(sql); ok {
					all, accepted = append(all, sql), accepted+1
				}
			}
		}
		if accepted < 5 {
			t.Errorf("%d statements accepted of the form %s", accepted, f)
		}
	}
	for batch := range slices.Chunk(all, 60) {
		p.checkUnion(batch)
	}
	t.Logf("%d statements", len(all))
}

// A column that USING merges is of a type that the analysis knows, or a sum of it
// could overflow. What nullif yields keeps its own, whatever it is compared with.
func TestWhatIsMergedOrComparedIsOfTheTypeDeclared(t *testing.T) {
	t.Parallel()
	p := newTrial(t, extremes, 11*8*7)
	bound := func(sql string, groups ...int) string {
		if err := p.parser.SetRowSets(rowSetsIn(sql)); err != nil {
			t.Fatal(err)
		}
		columns, err := p.parser.Bind(t.Context(), p.tables[:], sql, groups...)
		if err != nil {
			t.Errorf("%s\n%v", sql, err)
			return ""
		}
		return columns[0].Type
	}
	merged, compared := 0, 0
	var sums []string
	for _, a := range columnNames() {
		for _, b := range columnNames() {
			for _, kind := range []string{"", "LEFT", "RIGHT", "FULL"} {
				from := fmt.Sprintf("(SELECT %s AS k FROM people) a %s JOIN (SELECT %s AS k FROM open) b USING (k)", a, kind, b)
				st, ok := p.accepted("SELECT k FROM " + from + " GROUP BY k")
				if !ok {
					continue
				}
				if merged++; bound(st.SQL, st.Groups()...) != st.Outputs[0].Type {
					t.Errorf("%s JOIN of %s and %s is not %s", kind, a, b, st.Outputs[0].Type)
				}
				sql := "SELECT count(*) FROM (SELECT sum(k) AS y FROM (SELECT k FROM " + from + " GROUP BY k) q) z WHERE y IS NOT NULL"
				if _, ok := p.accepted(sql); ok {
					sums = append(sums, sql)
				}
			}
			sql := fmt.Sprintf("SELECT nullif(%s, %s) FROM people", a, b)
			if st, ok := p.accepted(sql); ok {
				if compared++; bound(st.SQL) != bound(sql) || bound(sql) != st.Outputs[0].Type {
					t.Errorf("%s is not %s", sql, st.Outputs[0].Type)
				}
			}
		}
	}
	p.checkUnion(sums)
	if t.Logf("%d merged, %d of them summed up, %d compared", merged, len(sums), compared); merged < 50 || len(sums) < 40 || compared < 20 {
		t.Error("few were accepted")
	}
}

// checkUnion runs statements of one number each as one, and narrows down what is
// wrong with it.
func (p *trial) checkUnion(sqls []string) {
	st, ok := p.accepted(strings.Join(sqls, " UNION ALL "))
	if !ok {
		p.t.Fatalf("refused together, not alone: %s", sqls)
	}
	err := p.parser.SetRowSets(rowSetsIn(st.SQL))
	if err == nil {
		_, err = p.parser.Bind(p.t.Context(), p.tables[:], st.SQL, st.Groups()...)
	}
	if err == nil {
		err = p.answer(st, true, []string{"n"})
	}
	switch {
	case err == nil:
	case len(sqls) == 1:
		p.t.Errorf("%s: %v\n%s", sqls[0], err, st.SQL)
	default:
		p.checkUnion(sqls[:len(sqls)/2])
		p.checkUnion(sqls[len(sqls)/2:])
	}
}
