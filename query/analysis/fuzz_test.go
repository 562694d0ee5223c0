package analysis_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/query/ast/asttest"
)

// every is the catalogue of the fixtures and the tables that the corpus of package
// ast names, with a column of every way there is to grant one.
func every(t testing.TB) analysis.Catalog {
	clear := func(name, typ string) analysis.Column {
		return analysis.Column{Name: name, Type: typ, Level: 2, Mode: analysis.Clear, Nullable: name == "b", Granted: true}
	}
	secret := func(name, typ string, public bool, permissions ...string) analysis.Column {
		return analysis.Column{Name: name, Type: typ, Level: 3, Mode: analysis.ComputeOnly, PublicCodes: public, Permissions: permissions, Nullable: true, Granted: true}
	}
	masked := func(name string, token bool) analysis.Column {
		return analysis.Column{Name: name, Type: "string", Level: 4, Mode: analysis.Masked, Recipe: "r", Token: token, Nullable: true, Granted: true}
	}
	withheld := analysis.Column{Name: "e", Type: "string", Level: 1}
	whole := []string{"joinkey", "groupkey", "agg:sum", "agg:avg", "agg:count", "cmp_lit:=", "cmp_lit:<", "cmp_lit:in", "cmp_col", "order"}
	cat := catalog(t)
	cat.Tables = append(cat.Tables,
		analysis.Table{Name: "t", Personal: true, Entity: "d", K: 3, Columns: []analysis.Column{clear("a", "int64"), clear("b", "string"),
			secret("c", "int64", true, whole...), masked("d", true), masked("x", false), secret("y", "int64", false), secret("z", "string", true, "groupkey"), withheld}},
		analysis.Table{Name: "u", Entity: "a", K: 1, Columns: []analysis.Column{secret("a", "int64", false, "joinkey", "groupkey", "agg:sum"),
			clear("b", "DECIMAL(38,2)"), clear("c", "date"), clear("n", "INTERVAL"), {Name: "m", Type: "STRUCT(a INTEGER)", Granted: true}, withheld}},
		analysis.Table{Name: "v", Columns: []analysis.Column{clear("a", "int64"), clear("b", "string"), clear("c", "timestamp"), withheld}},
		analysis.Table{Name: "w", Personal: true, K: 2, Columns: []analysis.Column{clear("a", "int64"), clear("b", "float64")}},
		analysis.Table{Name: "x", Columns: []analysis.Column{{Name: "a", Type: "string", Level: 1, Mode: analysis.Masked, Recipe: "r", Token: true, Granted: true},
			{Name: "b", Type: "string", Level: 1, Mode: analysis.Masked, Recipe: "r", Granted: true}}})
	return cat
}

// FuzzAnalyze: whatever tree the parser gives, and whatever tree it could give for
// parts of two statements, Analyze returns soon, the same each time. It refuses
// with reasons in place, or accepts and then shows no column that must not be
// shown, reads nothing that is not granted and leaves no protected reference
// without a minimum group.
func FuzzAnalyze(f *testing.F) {
	fixtures, corpus := trees(f), asttest.Trees(f, "../ast/testdata")
	var seeds []string
	for i, sql := range slices.Concat(slices.Sorted(maps.Keys(fixtures)), slices.Sorted(maps.Keys(corpus))) {
		if tree, ok := fixtures[sql]; ok {
			seeds = append(seeds, sql)
			corpus[sql] = string(tree)
		} else if i%8 == 0 { // the fuzzer looks at every seed before it starts
			seeds = append(seeds, sql)
		}
	}
	if len(seeds) < 800 {
		f.Fatalf("%d seeds, want at least 800", len(seeds))
	}
	for i, sql := range seeds {
		f.Add(sql, []byte(corpus[sql]), []byte(corpus[seeds[(i*7919+1)%len(seeds)]]), uint(i), uint(i/3))
	}
	cat := every(f)
	f.Fuzz(func(t *testing.T, sql string, statement, donor []byte, at, from uint) {
		tree, err := ast.Decode(statement)
		if err != nil || !utf8.ValidString(sql) || strings.ContainsRune(sql, 0) {
			return // what the engine does not parse
		}
		other, err := ast.Decode(donor)
		if err != nil {
			other = tree
		}
		judge(t, sql, tree, cat)
		judge(t, sql, asttest.Graft(tree, other, at, from), cat)
	})
}

// parameters declares the named parameters of tree.
func parameters(tree ast.Query) map[string]string {
	out := map[string]string{}
	ast.Walk(tree, func(n ast.Node) bool {
		if p, ok := n.(*ast.Parameter); ok && p.Name != "" {
			out[strings.ToLower(p.Name)] = []string{"int64", "string", "date"}[len(out)%3]
		}
		return true
	})
	return out
}

// judge analyzes tree, twice, and checks what must hold of the result.
func judge(t *testing.T, sql string, tree ast.Query, cat analysis.Catalog) {
	t.Helper()
	opt := analysis.Options{Parameters: parameters(tree)}
	before, started := ast.Clone(tree), time.Now()
	st, err := analysis.Analyze(sql, tree, cat, opt)
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if !ast.Equal(before, tree) {
		t.Error("changed the tree it was given")
	}
	again, err2 := analysis.Analyze(sql, tree, cat, opt)
	if !reflect.DeepEqual(st, again) || !reflect.DeepEqual(err, err2) {
		t.Errorf("%v and %v of one statement", err, err2)
	}
	if err == nil {
		accepted(t, sql, tree, st, cat)
		return
	}
	refusal, ok := errors.AsType[*analysis.Refusal](err)
	switch {
	case !ok:
		t.Fatal(err)
	case st != nil:
		t.Error("a statement beside a refusal")
	case len(refusal.Faults) == 0:
		t.Error("refused for nothing")
	}
	for _, f := range refusal.Faults {
		placed := 0 <= f.Start && f.Start <= f.End && f.End <= len(sql)
		if f.Code == "" || f.EN == "" || f.ZH == "" || len(f.Articles) == 0 || !placed && (f.Start != -1 || f.End != -1) {
			t.Errorf("fault %+v", f)
		}
	}
}

// accepted checks an accepted statement.
func accepted(t *testing.T, sql string, tree ast.Query, st *analysis.Statement, cat analysis.Catalog) {
	t.Helper()
	if st.SQL != ast.Print(st.Tree) {
		t.Errorf("%s is not the print of the tree", st.SQL)
	}
	columns, closed := map[analysis.Ref]analysis.Column{}, map[string]bool{}
	for _, table := range cat.Tables {
		closed[table.Name] = table.Personal
		for _, c := range table.Columns {
			columns[analysis.Ref{Table: table.Name, Column: c.Name}] = c
			closed[table.Name] = closed[table.Name] || c.Level < 1 || c.Level > 2 || c.Granted && c.Mode == analysis.ComputeOnly
		}
	}
	for _, sc := range st.Scans {
		for _, name := range sc.Columns {
			c := columns[analysis.Ref{Table: sc.Table, Column: name}]
			if !c.Granted || st.Plain && (closed[sc.Table] || c.Token || c.Mode == analysis.ComputeOnly) {
				t.Errorf("plain %v: reads %s.%s", st.Plain, sc.Table, name)
			}
		}
		for _, needs := range sc.Needs {
			for _, n := range needs {
				if c := columns[analysis.Ref{Table: sc.Table, Column: n.Column}]; c.Mode == analysis.ComputeOnly || c.Token || !c.Granted {
					t.Errorf("rows are left out by %s.%s", sc.Table, n.Column)
				}
			}
		}
	}
	if st.Plain {
		if len(parameters(tree)) == 0 && !ast.Equal(st.Tree, tree) {
			t.Errorf("a plain statement is rewritten as %s", st.SQL)
		}
	} else {
		for _, r := range st.References {
			if !r.Held && !st.RecordLevel {
				t.Errorf("nothing holds %s (%s) to %d", r.Alias, r.Table, r.K)
			}
		}
	}
	for _, o := range st.Outputs {
		for _, ref := range o.Lineage {
			if c := columns[ref]; c.Mode == analysis.ComputeOnly && !c.PublicCodes && !o.Aggregate && (st.RecordLevel || o.Bare) {
				t.Errorf("output %s (%s) shows %v", o.Name, o.Form, ref)
			}
		}
	}
	if g := analysis.Lineage(st, cat); len(g.Nodes) < len(st.Outputs) && len(st.Outputs) <= 1000 {
		t.Errorf("%d nodes for %d outputs", len(g.Nodes), len(st.Outputs))
	}
	analysis.Changes(sql, tree, st)
}
