package query_test

import (
	"testing"

	"pgregory.net/rapid"

	"zonebox/query/ast"
	"zonebox/query/ast/asttest"
)

// Whatever tree the parser could give comes back from its print.
func TestTheEngineParsesThePrintOfARandomTree(t *testing.T) {
	s := liveSession(t, livePool(t, 1))
	rapid.Check(t, func(rt *rapid.T) {
		q := asttest.Queries().Draw(rt, "query")
		printed := ast.Print(q)
		raw, err := s.Parse(t.Context(), printed)
		if err != nil {
			rt.Fatalf("%s\ndoes not parse: %v", printed, err)
		}
		again, err := ast.Decode(raw)
		if err != nil {
			rt.Fatalf("%s\nis refused: %v", printed, err)
		}
		if !ast.Equal(q, again) {
			rt.Fatalf("%s\nparses to\n%s", printed, ast.Print(again))
		}
	})
}
