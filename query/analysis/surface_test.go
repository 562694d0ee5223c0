package analysis_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/query/ast/asttest"
)

// closed is a catalogue whose tables, those of the corpus, are protected.
var closed = func() (cat analysis.Catalog) {
	for _, name := range []string{"t", "u", "v", "w"} {
		cat.Tables = append(cat.Tables, analysis.Table{Name: name, Personal: true, Entity: "a", K: 10,
			Columns: []analysis.Column{{Name: "a", Type: "int64", Level: 2, Mode: analysis.Clear, Granted: true}}})
	}
	return cat
}()

// guards reports whether q reads one of the tables.
func guards(q ast.Query) bool {
	found := false
	ast.Walk(q, func(n ast.Node) bool {
		t, ok := n.(*ast.Table)
		found = found || ok && t.Schema == "" && slices.ContainsFunc(closed.Tables, func(g analysis.Table) bool { return g.Name == t.Name })
		return true
	})
	return found
}

// spoken are the kinds of nodes the rules speak of beside protected tables.
var spoken = []string{"Select", "SetOperation", "Empty", "Table", "Join", "Derived", "Values", "Column", "Constant", "Function", "Comparison", "Conjunction", "Operator",
	"Cast", "Case", "Between", "Star", "Collate", "Subquery"}

// Whatever statement of the corpus reads a protected table and has a kind of node
// that the rules do not speak of is refused for it, by its place, and for nothing
// else. Every such kind is in one.
func TestEveryKindTheRulesDoNotSpeakOfIsRefused(t *testing.T) {
	trees := asttest.Trees(t, "../ast/testdata")
	refused := map[string]int{}
	for _, s := range asttest.Statements(t, "../ast/testdata") {
		if s.Refused != nil {
			continue
		}
		tree, err := ast.Decode([]byte(trees[s.SQL]))
		if err != nil {
			t.Fatalf("%s: %v", s.SQL, err)
		}
		kinds := map[string]bool{}
		ast.Walk(tree, func(n ast.Node) bool {
			if !slices.Contains(spoken, asttest.Kind(n)) {
				kinds[asttest.Kind(n)] = true
			}
			return true
		})
		_, err = analysis.Analyze(s.SQL, tree, closed, analysis.Options{})
		if len(kinds) == 0 || !guards(tree) {
			continue
		}
		var refusal *analysis.Refusal
		if !errors.As(err, &refusal) {
			t.Errorf("%s: %v, want a refusal", s.SQL, err)
			continue
		}
		for _, f := range refusal.Faults {
			if f.Code != analysis.UnsupportedSyntax && f.Code != analysis.ParameterUnknown || f.Start < 0 || f.End <= f.Start || f.End > len(s.SQL) {
				t.Errorf("%s: refused with %s at %d to %d", s.SQL, f.Code, f.Start, f.End)
			}
		}
		for kind := range kinds {
			refused[kind]++
		}
	}
	for _, n := range asttest.Kinds() {
		if kind := asttest.Kind(n); refused[kind] == 0 && !slices.Contains(spoken, kind) {
			t.Errorf("no statement is refused for a %s", kind)
		}
	}
}

// What is new about a kind that the rules speak of is refused as well.
func TestEveryFormTheRulesDoNotSpeakOfIsRefused(t *testing.T) {
	trees := asttest.Trees(t, "../ast/testdata")
	for _, c := range []struct{ sql, at string }{
		{"select distinct on (a) a, b from t", "a) a, b from t"},
		{"select a from t limit 10%", "a from t limit 10"},
		{"select a, b from t group by rollup (a, b)", "a, b from t group by rollup (a, b)"},
		{"select count(*) from t group by grouping sets (())", "count(*) from t"},
		{"select a from t qualify b", "a from t qualify b"},
		{"select * from t using sample 10%", "* from t"},
		{"select * from t tablesample 10%", "t"},
		{"select * from (select a from t) as x tablesample 10%", "a from t"},
		{"select * from t at (version => 3)", "t at (version => 3)"},
		{"select * from t semi join u on t.a = u.a", ""},
		{"select * from t anti join u using (a, b)", ""},
		{"select * from t asof join u using (a, b)", ""},
		{"select * from t positional join u", "t positional join u"},
		{"select * from t natural semi join u", ""},
		{"select f(a) export_state from t", "f(a)"},
		{"select f(x := 1) from t", "f(x := 1)"},
		{"select * exclude (t.a) from t", "*"},
		{"select * as x, t.* as y from t", "*"},
		{"select x.* from t as x order by *", "*"},
		{"select * + 1, 1 + *, - *, * is null, (* = *) from t", "*"},
		{"with r(x) using key (x) as (select a from t) select * from r", ""},
		{"with recursive r as (select a from t union all select a from r) select * from r", ""},
		{"select default, default + 1 from t", ""},
		{"select a from t union all by name select b from u", ""},
	} {
		raw, ok := trees[c.sql]
		if !ok {
			t.Errorf("%s: not in the corpus", c.sql)
			continue
		}
		tree, err := ast.Decode([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		_, err = analysis.Analyze(c.sql, tree, closed, analysis.Options{})
		var refusal *analysis.Refusal
		if !errors.As(err, &refusal) {
			t.Errorf("%s: %v, want a refusal", c.sql, err)
			continue
		}
		f := refusal.Faults[0]
		if f.Code != analysis.UnsupportedSyntax || f.Start < 0 || c.at != "" && c.sql[f.Start:f.End] != c.at {
			t.Errorf("%s: refused with %s at %q, want %s at %q", c.sql, f.Code, c.sql[max(f.Start, 0):max(f.End, 0)], analysis.UnsupportedSyntax, c.at)
		}
	}
}

// Analysis of any tree the parser could give ends in a statement or an error, and
// leaves the tree as it was.
func TestAnalysisOfARandomTreeEnds(t *testing.T) {
	open := analysis.Catalog{Tables: slices.Clone(closed.Tables)}
	for i := range open.Tables {
		open.Tables[i].Personal, open.Tables[i].Entity = i == 0, "a"
	}
	rapid.Check(t, func(rt *rapid.T) {
		q := asttest.Queries().Draw(rt, "query")
		before := ast.Clone(q)
		for _, cat := range []analysis.Catalog{closed, open} {
			st, err := analysis.Analyze(ast.Print(q), q, cat, analysis.Options{})
			if (st == nil) == (err == nil) {
				rt.Fatalf("Analyze(%s) = %v, %v", ast.Print(q), st, err)
			}
		}
		if !ast.Equal(before, q) {
			rt.Fatalf("Analyze changed %s", ast.Print(before))
		}
	})
}
