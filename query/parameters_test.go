package query_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/sandbox"
)

// declared are the parameters of testdata/parameters.txt, each with a value.
var declared = []sandbox.Parameter{
	{Name: "d", Type: "VARCHAR", Text: "320102"}, {Name: "code", Type: "VARCHAR", Text: "J06"},
	{Name: "n", Type: "BIGINT", Text: "3"}, {Name: "k", Type: "BIGINT", Text: "7"}, {Name: "m", Type: "DECIMAL(10,2)", Text: "1.50"},
	{Name: "f", Type: "DOUBLE", Text: "0.5"}, {Name: "day", Type: "DATE", Text: "2024-02-29"},
	{Name: "at", Type: "TIMESTAMP", Text: "2024-02-29 08:00:00"}, {Name: "flag", Type: "BOOLEAN", Text: "true"},
}

// usedBy returns those of declared that sql has.
func usedBy(t *testing.T, tree ast.Query) (types map[string]string, values []sandbox.Parameter) {
	t.Helper()
	types = map[string]string{}
	ast.Walk(tree, func(n ast.Node) bool {
		if p, ok := n.(*ast.Parameter); ok {
			i := slices.IndexFunc(declared, func(d sandbox.Parameter) bool { return strings.EqualFold(d.Name, p.Name) })
			if i >= 0 && types[declared[i].Name] == "" {
				types[declared[i].Name], values = declared[i].Type, append(values, declared[i])
			}
		}
		return true
	})
	return types, values
}

func fixtureCatalog(t *testing.T) analysis.Catalog {
	t.Helper()
	raw, err := os.ReadFile("analysis/testdata/catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	var cat analysis.Catalog
	if err := json.Unmarshal(raw, &cat); err != nil {
		t.Fatal(err)
	}
	return cat
}

func TestParametersStandWhereConstantsAreCompared(t *testing.T) {
	t.Parallel()
	cat := fixtureCatalog(t)
	var tables []sandbox.Table
	for _, table := range cat.Tables {
		at := sandbox.Table{Name: table.Name, Columns: []sandbox.Column{{Name: "__entity", Type: "UINTEGER"}, {Name: "__row", Type: "UINTEGER"}}}
		for _, c := range table.Columns {
			engine := map[string]string{"string": "VARCHAR", "int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN", "date": "DATE"}[c.Type]
			at.Columns = append(at.Columns, sandbox.Column{Name: c.Name, Type: engine})
		}
		tables = append(tables, at)
	}
	s := liveSession(t, livePool(t, 1))
	raw, err := os.ReadFile("testdata/parameters.txt")
	if err != nil {
		t.Fatal(err)
	}
	sql, allowed, refused := "", 0, 0
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "" || line[0] == '#':
			continue
		case line[0] != ' ':
			sql = line
			continue
		}
		tree, err := liveTree(t, s, sql)
		if err != nil {
			t.Errorf("%s\n\t%v", sql, err)
			continue
		}
		types, values := usedBy(t, tree)
		st, err := analysis.Analyze(sql, tree, cat, analysis.Options{Parameters: types})
		want, code, _ := strings.Cut(strings.TrimSpace(line), ": ")
		var refusal *analysis.Refusal
		if want == "refuse" {
			refused++
			if !errors.As(err, &refusal) || !slices.ContainsFunc(refusal.Faults, func(f analysis.Fault) bool { return f.Code == code }) {
				t.Errorf("%s\n\t%v, want the fault %s", sql, err, code)
			}
			continue
		}
		allowed++
		if err != nil {
			errors.As(err, &refusal)
			t.Errorf("%s\n\t%v, want it allowed (%+v)", sql, err, refusal)
			continue
		}
		again, err := liveTree(t, s, st.SQL)
		if err != nil || !ast.Equal(again, st.Tree) {
			t.Errorf("%s\n\tprinted as %s\n\tparses to another tree (%v)", sql, st.SQL, err)
		}
		values = boundIn(st, values)
		if err := s.SetParameters(values); err != nil {
			t.Fatal(err)
		}
		if err := s.SetRowSets(rowSetsIn(st.SQL)); err != nil {
			t.Fatal(err)
		}
		_, err = s.Bind(t.Context(), tables, st.SQL, st.Groups()...)
		if (err == nil) != (want == "allow") {
			t.Errorf("%s\n\tprinted as %s\n\tBind() = %v", sql, st.SQL, err)
		}
		sameButForValues(t, s, sql, tree, st, cat)
	}
	if allowed < 50 || refused < 55 {
		t.Errorf("%d statements allowed and %d refused, want at least 50 and 55", allowed, refused)
	}
}

// boundIn returns those of values that the rewrite still has.
func boundIn(st *analysis.Statement, values []sandbox.Parameter) []sandbox.Parameter {
	left := st.Parameters()
	return slices.DeleteFunc(slices.Clone(values), func(v sandbox.Parameter) bool { return !slices.Contains(left, v.Name) })
}

// sameButForValues holds what was found of a statement against what is found of
// the same one with constants: nothing may be told less.
func sameButForValues(t *testing.T, s *sandbox.Session, sql string, tree ast.Query, st *analysis.Statement, cat analysis.Catalog) {
	t.Helper()
	constants := ast.Print(ast.Replace(tree, func(e ast.Expr) ast.Expr {
		p, ok := e.(*ast.Parameter)
		if !ok {
			return nil
		}
		i := slices.IndexFunc(declared, func(d sandbox.Parameter) bool { return strings.EqualFold(d.Name, p.Name) })
		id, text := "VARCHAR", declared[i].Text
		switch declared[i].Type {
		case "BIGINT":
			id = "INTEGER"
		case "DECIMAL(10,2)":
			return &ast.Constant{Meta: p.Meta, Type: ast.Type{ID: "DECIMAL", Width: 3, Scale: 2}, Text: text}
		case "DOUBLE":
			return &ast.Constant{Meta: p.Meta, Type: ast.Type{ID: "DECIMAL", Width: 2, Scale: 1}, Text: text}
		case "DATE", "TIMESTAMP", "BOOLEAN":
			return &ast.Cast{Meta: p.Meta, Expr: &ast.Constant{Meta: ast.Meta{Location: ast.NoLocation}, Type: ast.Type{ID: id}, Text: text}, Type: ast.Type{ID: declared[i].Type}}
		}
		return &ast.Constant{Meta: p.Meta, Type: ast.Type{ID: id}, Text: text}
	}))
	twin, err := liveTree(t, s, constants)
	if err != nil {
		t.Fatalf("%s\n\t%v", constants, err)
	}
	other, err := analysis.Analyze(constants, twin, cat, analysis.Options{})
	if err != nil {
		t.Errorf("%s is allowed and\n%s is not: %v", sql, constants, err)
		return
	}
	if st.Protected != other.Protected || st.RecordLevel != other.RecordLevel || len(st.Hidden) != len(other.Hidden) || len(st.Outputs) != len(other.Outputs) {
		t.Errorf("%s\n\tis judged otherwise than\n%s", sql, constants)
		return
	}
	for i, o := range st.Outputs {
		p := other.Outputs[i]
		if o.Form != p.Form || o.MaxLevel != p.MaxLevel || !slices.Equal(o.Lineage, p.Lineage) || !slices.Equal(o.Control, p.Control) {
			t.Errorf("%s\n\toutput %d is %+v, with constants %+v", sql, i+1, o, p)
		}
	}
	f, g := st.Facts, other.Facts
	if !st.Plain && (!slices.Equal(f.FilterCols, g.FilterCols) || !slices.Equal(f.ColumnsRead, g.ColumnsRead) || !slices.Equal(f.GroupCols, g.GroupCols)) {
		t.Errorf("%s\n\tfacts are %+v, with constants %+v", sql, f, g)
	}
}

func TestADeclaredParameterIsUsed(t *testing.T) {
	t.Parallel()
	s := liveSession(t, livePool(t, 1))
	for _, sql := range []string{"select count(*) from visits where district = $d", "select code from districts where code = $d", "select code from districts group by rollup (code) having code = $d"} {
		tree, err := liveTree(t, s, sql)
		if err != nil {
			t.Fatal(err)
		}
		for _, types := range []map[string]string{{"d": "VARCHAR"}, {"d": "VARCHAR", "n": "BIGINT"}, {"d": "VARCHAR", "e": "no type"}} {
			_, err := analysis.Analyze(sql, tree, fixtureCatalog(t), analysis.Options{Parameters: types})
			var refusal *analysis.Refusal
			if refused := errors.As(err, &refusal) && refusal.Faults[0].Code == analysis.ParameterUnused; refused != (len(types) > 1) {
				t.Errorf("%s with %v = %v", sql, types, err)
			}
		}
	}
}
