package ast_test

import (
	"testing"

	"zonebox/query/ast"
	"zonebox/query/ast/asttest"
)

// Whatever the statement, replacing nothing is a copy, and what is replaced is
// gone from the copy and still in the original.
func TestReplaceLeavesTheOriginal(t *testing.T) {
	trees := asttest.Trees(t, "testdata")
	replaced := 0
	for _, s := range asttest.Statements(t, "testdata") {
		if s.Refused != nil {
			continue
		}
		tree, err := ast.Decode([]byte(trees[s.SQL]))
		if err != nil {
			t.Fatal(err)
		}
		before := ast.Print(tree)
		if same := ast.Replace(tree, func(ast.Expr) ast.Expr { return nil }); !ast.Equal(same, tree) {
			t.Errorf("%s: replacing nothing changes it", s.SQL)
		}
		columns := func(q ast.Query) (n int) {
			ast.Walk(q, func(n1 ast.Node) bool {
				if _, ok := n1.(*ast.Column); ok {
					n++
				}
				return true
			})
			return n
		}
		had := columns(tree)
		other := ast.Replace(tree, func(e ast.Expr) ast.Expr {
			if c, ok := e.(*ast.Column); ok {
				// A column inside what stands instead is not replaced again.
				return &ast.Cast{Meta: c.Meta, Expr: &ast.Parameter{Meta: c.Meta, Name: "p"}, Type: ast.Type{ID: "VARCHAR"}}
			}
			return nil
		})
		if left := columns(other); left != 0 {
			t.Errorf("%s: %d of %d columns are left", s.SQL, left, had)
		}
		if ast.Print(tree) != before || columns(tree) != had {
			t.Errorf("%s: the original changed", s.SQL)
		}
		replaced += had
	}
	if replaced < 300 {
		t.Errorf("%d columns replaced, want at least 300", replaced)
	}
}
