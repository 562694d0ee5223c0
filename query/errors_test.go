package query_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What is written out as a reason or an error in the source of the gate and of the
// command line names its articles, so that none comes to be without.
func TestEveryReasonWrittenOutNamesItsArticles(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, dir := range []string{".", filepath.Join("..", "api"), filepath.Join("..", "cmd", "zonebox")} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				lit, ok := n.(*ast.CompositeLit)
				if !ok {
					return true
				}
				keys := namedFields(lit)
				if !slices.Contains([]string{"Detail", "Error", "Fault", "Reason", "ReasonView", ""}, typeName(lit.Type)) || !slices.Contains(keys, "Code") || !slices.Contains(keys, "ZH") || !slices.Contains(keys, "EN") {
					return true
				}
				seen++
				if !slices.Contains(keys, "Articles") && !slices.Contains(keys, "Article") {
					t.Errorf("%s: a reason without articles", set.Position(lit.Pos()))
				}
				return true
			})
		}
	}
	if seen < 20 {
		t.Errorf("%d reasons are written out; the test does not see them", seen)
	}
}

// typeName returns the name of the type of a literal, "" where it is left out.
func typeName(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	case nil:
		return ""
	}
	return "-"
}

func namedFields(lit *ast.CompositeLit) (out []string) {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok {
				out = append(out, id.Name)
			}
		}
	}
	return out
}
