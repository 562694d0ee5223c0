package ast_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"zonebox/query/ast"
)

func TestEqualIgnoresLocationsOnly(t *testing.T) {
	trees := recorded(t)
	base := decode(t, trees["select a from t"])
	for sql, want := range map[string]bool{
		"select a/**/from/**/t":               true,
		"-- leading comment\nselect a from t": true,
		"select A, a, Ä, \"ä\" from T":        false,
		"select a as b from t":                false,
		"select distinct a from t":            false,
		"select a from t order by a":          false,
		"select a from t limit 10":            false,
		"from t":                              false,
	} {
		if got := ast.Equal(base, decode(t, trees[sql])); got != want {
			t.Errorf("Equal(select a from t, %s) = %v, want %v", sql, got, want)
		}
	}
}

func TestEqualExprIgnoresItsOwnAliasOnly(t *testing.T) {
	a := &ast.Column{Meta: ast.Meta{Alias: "x", Location: 3}, Names: []string{"a"}}
	b := &ast.Column{Names: []string{"a"}}
	if !ast.EqualExpr(a, b) || a.Alias != "x" {
		t.Error("EqualExpr sees the alias or removes it")
	}
	if ast.EqualExpr(a, &ast.Column{Names: []string{"A"}}) || ast.EqualExpr(a, nil) || !ast.EqualExpr(nil, nil) {
		t.Error("EqualExpr takes different expressions for equal")
	}
	if ast.EqualExpr(&ast.Cast{Expr: a, Type: ast.Type{ID: "DATE"}}, &ast.Cast{Expr: b, Type: ast.Type{ID: "DATE"}}) {
		t.Error("EqualExpr ignores an inner alias")
	}
}

// A change to a copy never shows in the original.
func TestCloneSharesNothing(t *testing.T) {
	for sql, tree := range recorded(t) {
		s, err := ast.Decode([]byte(tree))
		if err != nil {
			continue
		}
		printed := ast.Print(s)
		c := ast.Clone(s)
		if !ast.Equal(s, c) {
			t.Fatalf("%s: the copy differs", sql)
		}
		ast.Walk(c, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Column:
				n.Names[0] = "changed"
			case *ast.Table:
				n.Name = "changed"
			case *ast.Constant:
				n.Text = "7"
			case *ast.Select:
				n.List[0] = &ast.Column{Names: []string{"changed"}}
			}
			return true
		})
		if ast.Print(s) != printed {
			t.Fatalf("%s: changed by a change to its copy", sql)
		}
	}
}

// Walk visits each node that reflection finds in a tree, once: no child of a kind
// is forgotten.
func TestWalkVisitsEverything(t *testing.T) {
	for sql, tree := range recorded(t) {
		q, err := ast.Decode([]byte(tree))
		if err != nil {
			continue
		}
		held := map[ast.Node]int{}
		hold(reflect.ValueOf(&q).Elem(), held)
		ast.Walk(q, func(n ast.Node) bool {
			held[n]--
			return true
		})
		for n, left := range held {
			if _, empty := n.(*ast.Empty); left != 0 && !empty { // an *Empty has no size, so no identity
				t.Errorf("%s: a %T is held and not visited, or the other way round, or twice", sql, n)
			}
		}
	}
}

// hold counts every node that v holds.
func hold(v reflect.Value, nodes map[ast.Node]int) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if n, ok := v.Interface().(ast.Node); ok {
			nodes[n]++
		}
		hold(v.Elem(), nodes)
	case reflect.Interface:
		if !v.IsNil() {
			hold(v.Elem(), nodes)
		}
	case reflect.Slice:
		for i := range v.Len() {
			hold(v.Index(i), nodes)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			hold(v.Field(i), nodes)
		}
	}
}

func TestWalkStopsWhereTold(t *testing.T) {
	s := decode(t, recorded(t)["select a from t where a in (select b from u)"])
	var tables []string
	ast.Walk(s, func(n ast.Node) bool {
		if f, ok := n.(*ast.Table); ok {
			tables = append(tables, f.Name)
		}
		_, subquery := n.(*ast.Subquery)
		return !subquery
	})
	if got := strings.Join(tables, " "); got != "t" {
		t.Errorf("tables outside subqueries = %q, want t", got)
	}
}

func TestConjoinFlattens(t *testing.T) {
	col := func(name string) ast.Expr { return &ast.Column{Names: []string{name}} }
	or := ast.Conjoin(ast.Or, col("c"), col("d"))
	for _, c := range []struct {
		got  ast.Expr
		want string
	}{
		{ast.Conjoin(ast.And, nil, col("a"), nil), `"a"`},
		{ast.Conjoin(ast.And, col("a"), col("b")), `("a" AND "b")`},
		{ast.Conjoin(ast.And, ast.Conjoin(ast.And, col("a"), col("b")), or), `("a" AND "b" AND ("c" OR "d"))`},
		{ast.Conjoin(ast.Or, or, col("e")), `("c" OR "d" OR "e")`},
	} {
		if got := ast.PrintExpr(c.got); got != c.want {
			t.Errorf("Conjoin = %s, want %s", got, c.want)
		}
	}
	if ast.Conjoin(ast.And, nil) != nil {
		t.Error("Conjoin of nothing is something")
	}
}

// FuzzDecode: whatever the worker sends, Decode returns; what it accepts can be
// printed, copied, walked, hashed and located.
func FuzzDecode(f *testing.F) {
	trees := recorded(f)
	if len(trees) == 0 {
		f.Fatal("no seeds")
	}
	for _, tree := range trees {
		f.Add([]byte(tree))
	}
	f.Fuzz(func(t *testing.T, tree []byte) {
		s, err := ast.Decode(tree)
		if err != nil {
			if s != nil {
				t.Fatal("a statement beside an error")
			}
			return
		}
		if !json.Valid(tree) {
			t.Fatal("accepted what is no JSON")
		}
		if _, err := ast.HashJSON(tree); err != nil {
			t.Fatalf("accepted what has no hash: %v", err)
		}
		printed := ast.Print(s)
		if c := ast.Clone(s); !ast.Equal(s, c) || ast.Print(c) != printed {
			t.Fatal("a copy differs")
		}
		ast.Walk(s, func(n ast.Node) bool {
			ast.Span(printed, n)
			return true
		})
	})
}
