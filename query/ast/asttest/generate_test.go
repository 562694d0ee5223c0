package asttest_test

import (
	"testing"

	"zonebox/query/ast"
	"zonebox/query/ast/asttest"
)

// A few thousand random trees use every kind of node and every field of each,
// and print, copy and compare as trees of the parser do. Run with -v for the
// table.
func TestRandomTreesUseEverything(t *testing.T) {
	c := asttest.Coverage{}
	queries := asttest.Queries()
	for seed := range 3000 {
		q := queries.Example(seed)
		c.Add(q)
		if again := ast.Clone(q); !ast.Equal(q, again) || ast.Print(q) != ast.Print(again) {
			t.Errorf("a copy of %s differs", ast.Print(q))
		}
	}
	t.Logf("\n%s", c.Table())
	for _, name := range c.Missing(nil) {
		t.Errorf("no tree has %s", name)
	}
}
