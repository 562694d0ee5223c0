// Package asttest helps tests of parse trees: the kinds of nodes there are and
// the recorded corpus. Only tests import it.
package asttest

import (
	"fmt"
	"strings"

	"zonebox/query/ast"
)

// Kinds returns one node of each kind of query, table expression and expression.
// A test of package ast compares the list with the source.
func Kinds() []ast.Node {
	return []ast.Node{
		&ast.Select{}, &ast.SetOperation{}, &ast.Recursive{},
		&ast.Empty{}, &ast.Table{}, &ast.Join{}, &ast.Derived{}, &ast.TableFunction{}, &ast.Values{}, &ast.Pivot{}, &ast.Unpivot{}, &ast.Show{},
		&ast.Column{}, &ast.Constant{}, &ast.Parameter{}, &ast.Position{}, &ast.Default{}, &ast.Function{}, &ast.Window{}, &ast.Lambda{},
		&ast.Comparison{}, &ast.Conjunction{}, &ast.Operator{}, &ast.Subscript{}, &ast.Slice{}, &ast.Field{}, &ast.Cast{}, &ast.Case{},
		&ast.Between{}, &ast.Star{}, &ast.Columns{}, &ast.Collate{}, &ast.Subquery{},
	}
}

// Kind returns the name of the kind of n: Select, Table and so on.
func Kind(n ast.Node) string { return strings.TrimPrefix(fmt.Sprintf("%T", n), "*ast.") }
