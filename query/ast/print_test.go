package ast_test

import (
	"testing"

	"zonebox/query/ast"
)

// A tree that no parser gave must not become SQL that means something else.
func TestPrintRefusesWhatItCannotWrite(t *testing.T) {
	a := &ast.Column{Names: []string{"a"}}
	for name, e := range map[string]ast.Expr{
		"an empty identifier":           &ast.Column{Names: []string{""}},
		"an empty qualifier":            &ast.Column{Names: []string{"t", "", "a"}},
		"a function without name":       &ast.Function{Schema: "s"},
		"a column without name":         &ast.Column{},
		"an operator with words":        &ast.Function{Operator: true, Name: "; DROP", Args: []ast.Expr{a, a}},
		"an operator of three":          &ast.Function{Operator: true, Name: "+", Args: []ast.Expr{a, a, a}},
		"a number with words":           &ast.Constant{Type: ast.Type{ID: "INTEGER"}, Text: "1 OR 1"},
		"a type nobody knows":           &ast.Cast{Expr: a, Type: ast.Type{ID: "INTEGER) OR (1"}},
		"a collation with quotes":       &ast.Collate{Expr: a, Collation: `x"y`},
		"a comparison nobody knows":     &ast.Comparison{Op: "LIKE", Left: a, Right: a},
		"an operand missing":            &ast.Comparison{Op: ast.CompareEqual, Left: a},
		"NOT of two":                    &ast.Operator{Kind: ast.Not, Args: []ast.Expr{a, a}},
		"IN nothing":                    &ast.Operator{Kind: ast.In, Args: []ast.Expr{a}},
		"a parameter of no name":        &ast.Parameter{},
		"a position of zero":            &ast.Position{},
		"a star with an empty name":     &ast.Star{Exclude: []ast.Name{{}}},
		"a window without frame":        &ast.Window{Name: "f"},
		"a frame of two units":          &ast.Window{Name: "f", Frame: ast.Frame{Start: ast.CurrentRows, End: ast.CurrentRange, Exclude: ast.ExcludeNoOthers}},
		"a frame with words":            &ast.Window{Name: "f", Frame: ast.Frame{Start: "x) FROM (y_ROWS", End: ast.CurrentRows, Exclude: ast.ExcludeNoOthers}},
		"an exclusion with words":       &ast.Window{Name: "f", Frame: ast.Frame{Start: ast.CurrentRows, End: ast.CurrentRows, Exclude: "TIES)"}},
		"a structure of nothing":        &ast.Cast{Expr: a, Type: ast.Type{ID: "STRUCT"}},
		"an array of no size":           &ast.Cast{Expr: a, Type: ast.Type{ID: "ARRAY", Elem: &ast.Type{ID: "DATE"}}},
		"a list of a type nobody knows": &ast.Cast{Expr: a, Type: ast.Type{ID: "LIST", Elem: &ast.Type{ID: "int) OR (1"}}},
		"a field without name":          &ast.Field{Expr: a},
		"nothing":                       nil,
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Print writes %s", name)
				}
			}()
			_ = ast.PrintExpr(e)
		}()
	}
}

func TestPrintRefusesQueriesItCannotWrite(t *testing.T) {
	one := &ast.Select{List: []ast.Expr{&ast.Position{Index: 1}}, From: &ast.Empty{}}
	table := &ast.Table{Name: "t"}
	from := func(f ast.From) ast.Query { return &ast.Select{List: one.List, From: f} }
	for name, q := range map[string]ast.Query{
		"nothing":                           nil,
		"a select of nothing":               &ast.Select{From: &ast.Empty{}},
		"a union of one":                    &ast.SetOperation{Kind: ast.Union, Inputs: []ast.Query{one}},
		"three with EXCEPT":                 &ast.SetOperation{Kind: ast.Except, Inputs: []ast.Query{one, one, one}},
		"a set operation nobody knows":      &ast.SetOperation{Kind: "UNION SELECT", Inputs: []ast.Query{one, one}},
		"recursion by itself":               &ast.Recursive{Anchor: one, Step: one},
		"recursion beside a union":          &ast.Select{List: one.List, From: table, With: []ast.CTE{{Name: "a", Query: &ast.Recursive{Anchor: one, Step: one}}, {Name: "b", Query: &ast.SetOperation{Kind: ast.Union, Inputs: []ast.Query{one, one}}}}},
		"a percentage of nothing":           &ast.Select{List: one.List, From: table, Percent: true},
		"a sample with words":               &ast.Select{List: one.List, From: table, Sample: &ast.Sample{Size: "1) OR (1", Method: ast.SystemSample}},
		"a sample nobody knows":             &ast.Select{List: one.List, From: table, Sample: &ast.Sample{Size: "1", Method: "x("}},
		"VALUES beside other columns":       from(&ast.Values{Rows: [][]ast.Expr{one.List}}),
		"SHOW of what nobody knows":         &ast.Select{List: []ast.Expr{&ast.Star{}}, From: &ast.Show{Kind: ast.ShowNamed, Name: "x; DROP"}},
		"a table without name":              from(&ast.Table{}),
		"a table at no time":                from(&ast.Table{Name: "t", At: &ast.At{Unit: "x", Expr: one.List[0]}}),
		"a join nobody knows":               from(&ast.Join{Left: table, Right: table, Kind: "x", Form: ast.RegularJoin}),
		"nothing joined":                    from(&ast.Join{Left: table, Kind: ast.InnerJoin, Form: ast.CrossJoin}),
		"a PIVOT behind a NATURAL JOIN":     from(&ast.Join{Left: table, Right: &ast.Pivot{Source: table}, Kind: ast.InnerJoin, Form: ast.NaturalJoin}),
		"an UNPIVOT of a column of no name": from(&ast.Unpivot{Source: table, Values: []string{"v"}, Name: "n", Entries: []ast.UnpivotEntry{{Columns: []string{""}}}}),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Print writes %s", name)
				}
			}()
			_ = ast.Print(q)
		}()
	}
}

func TestPrintQuotesEverything(t *testing.T) {
	for _, c := range []struct {
		e    ast.Expr
		want string
	}{
		{&ast.Column{Names: []string{`a"b`, "c.d", "选"}}, `"a""b"."c.d"."选"`},
		{&ast.Constant{Type: ast.Type{ID: "VARCHAR"}, Text: `it's "x" \ -- /*`}, `'it''s "x" \ -- /*'`},
		{&ast.Constant{Type: ast.Type{ID: "VARCHAR"}, Text: "-1"}, `'-1'`},
		{&ast.Constant{Type: ast.Type{ID: "VARCHAR"}}, `''`},
		{&ast.Constant{Type: ast.Type{ID: "NULL"}, Null: true}, `NULL`},
		{&ast.Constant{Type: ast.Type{ID: "DOUBLE"}, Text: "-1000.0"}, `(-1000.0e0)`},
		{&ast.Constant{Type: ast.Type{ID: "DOUBLE"}, Text: "5e-324"}, `5e-324`},
		{&ast.Function{Name: `f"(`, Schema: "s.t"}, `"s.t"."f""("()`},
		{&ast.Parameter{Name: `a" b`}, `$"a"" b"`},
		{&ast.Field{Expr: &ast.Position{Index: 2}, Name: `a".b`}, `((#2)."a"".b")`},
		{&ast.Cast{Expr: &ast.Position{Index: 1}, Type: ast.Type{ID: "UNBOUND", User: &ast.UserType{Name: `t"(1)`}}}, `CAST(#1 AS "t""(1)")`},
		{&ast.Cast{Expr: &ast.Position{Index: 1}, Type: ast.Type{ID: "STRUCT", Members: []ast.Member{{Name: `a" b`, Type: ast.Type{ID: "DATE"}}}}}, `CAST(#1 AS STRUCT("a"" b" DATE))`},
	} {
		if got := ast.PrintExpr(c.e); got != c.want {
			t.Errorf("PrintExpr = %s, want %s", got, c.want)
		}
	}
}
