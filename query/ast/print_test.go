package ast_test

import (
	"testing"

	"zonebox/query/ast"
)

// A tree that no parser gave must not become SQL that means something else.
func TestPrintRefusesWhatItCannotWrite(t *testing.T) {
	a := &ast.Column{Names: []string{"a"}}
	for name, e := range map[string]ast.Expr{
		"an empty identifier":       &ast.Column{Names: []string{""}},
		"an empty qualifier":        &ast.Column{Names: []string{"t", "", "a"}},
		"a function without name":   &ast.Function{Schema: "s"},
		"a column without name":     &ast.Column{},
		"an operator with words":    &ast.Function{Operator: true, Name: "; DROP", Args: []ast.Expr{a, a}},
		"an operator of three":      &ast.Function{Operator: true, Name: "+", Args: []ast.Expr{a, a, a}},
		"a number with words":       &ast.Constant{Type: ast.Type{ID: "INTEGER"}, Text: "1 OR 1"},
		"a type nobody knows":       &ast.Cast{Expr: a, Type: ast.Type{ID: "INTEGER) OR (1"}},
		"a collation with quotes":   &ast.Collate{Expr: a, Collation: `x"y`},
		"a comparison nobody knows": &ast.Comparison{Op: "LIKE", Left: a, Right: a},
		"an operand missing":        &ast.Comparison{Op: ast.CompareEqual, Left: a},
		"NOT of two":                &ast.Operator{Kind: ast.Not, Args: []ast.Expr{a, a}},
		"IN nothing":                &ast.Operator{Kind: ast.In, Args: []ast.Expr{a}},
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
	} {
		if got := ast.PrintExpr(c.e); got != c.want {
			t.Errorf("PrintExpr = %s, want %s", got, c.want)
		}
	}
}
