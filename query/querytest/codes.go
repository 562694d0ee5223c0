package querytest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"

	"zonebox/query"
)

// ErrorCodes returns every code of a query.Error with its class, as the source
// of package query in dir has them.
func ErrorCodes(t testing.TB, dir string) map[string]query.Class {
	t.Helper()
	classes := map[string]query.Class{
		"ClassFailure": query.ClassFailure, "ClassUsage": query.ClassUsage, "ClassDenied": query.ClassDenied,
		"ClassInReview": query.ClassInReview, "ClassLimit": query.ClassLimit, "ClassWithheld": query.ClassWithheld, "ClassBusy": query.ClassBusy,
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "errors.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]query.Class{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != "codes" {
			return true
		}
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			kv := e.(*ast.KeyValueExpr)
			name, err := strconv.Unquote(kv.Key.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			class, ok := classes[kv.Value.(*ast.CompositeLit).Elts[0].(*ast.Ident).Name]
			if !ok {
				t.Errorf("%s has a class this test does not know", name)
			}
			out[name] = class
		}
		return false
	})
	return out
}
