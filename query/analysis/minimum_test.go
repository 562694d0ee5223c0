package analysis_test

import (
	"errors"
	"slices"
	"testing"

	"zonebox/query/analysis"
	"zonebox/query/ast"
)

// The counter of minimum groups is not on the list of functions, under whatever
// number and beside whatever table.
func TestStatementsCannotNameTheCounter(t *testing.T) {
	none := ast.Meta{Location: ast.NoLocation}
	for _, table := range []string{"visits", "districts"} {
		for _, name := range []string{analysis.Counter(3), analysis.Counter(10), "__kset_", "__KSET_3"} {
			column := map[string]string{"visits": "id_number", "districts": "code"}[table]
			tree := &ast.Select{From: &ast.Table{Location: ast.NoLocation, Name: table},
				List: []ast.Expr{&ast.Function{Meta: none, Name: name, Args: []ast.Expr{&ast.Column{Meta: none, Names: []string{column}}}}}}
			_, err := analysis.Analyze("", tree, catalog(t), analysis.Options{})
			var refusal *analysis.Refusal
			if !errors.As(err, &refusal) || refusal.Faults[0].Code != analysis.FunctionNotAllowed {
				t.Errorf("%s over %s: %v, want %s", name, table, err, analysis.FunctionNotAllowed)
			}
		}
	}
}

// A statement says which counters its rewrite calls, those of the references it
// enforces, each once; and which row sets, one for each block that aggregates rows.
func TestGroupsAreThoseOfTheRewrite(t *testing.T) {
	recorded := trees(t)
	for sql, want := range map[string][]int{
		"select avg(income) from visits": {3},
		"select p.birth_month, count(*), sum(c.revenue) from persons p full join companies c on p.district = c.district group by 1":                               {2, 3},
		"select count(*) from staff a join staff b on a.boss = b.id_number":                                                                                       {2},
		"select district, avg(s), sum(n), count(*) from (select id_number, district, sum(cost) as s, count(*) as n from visits group by all) q group by district": {3},
		"select a.code, count(*) from codes a cross join districts b group by 1":                                                                                  nil,
		"select name from visits where cost > 5":                                                                                                                  nil,
	} {
		st, err := analyze(t, recorded, sql, catalog(t))
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if got := st.Groups(); !slices.Equal(got, want) {
			t.Errorf("%s\n\tgroups %v, want %v", sql, got, want)
		}
		called := map[string]bool{}
		ast.Walk(st.Tree, func(n ast.Node) bool {
			if f, ok := n.(*ast.Function); ok && len(f.Name) > 2 && f.Name[:2] == "__" {
				called[f.Name] = true
			}
			return true
		})
		for _, k := range want {
			if !called[analysis.Counter(k)] {
				t.Errorf("%s\n\tdoes not call %s", sql, analysis.Counter(k))
			}
		}
		for i, e := range st.Evidence {
			if name := analysis.RowSet(e.Number, len(e.Columns)); e.Number != i+1 || !called[name] {
				t.Errorf("%s\n\tdoes not call %s, number %d", sql, name, i+1)
			}
		}
		if len(called) != len(want)+len(st.Evidence) {
			t.Errorf("%s\n\tcalls %v, want those of %v and of %d row sets only", sql, called, want, len(st.Evidence))
		}
	}
}
