package query_test

import (
	"os"
	"testing"

	"pgregory.net/rapid"

	"zonebox/query/ast"
	"zonebox/query/ast/asttest"
	"zonebox/sandbox"
)

// Whatever tree the parser could give comes back from its print: of 300 random
// ones, in a campaign of 20,000.
func TestTheEngineParsesThePrintOfARandomTree(t *testing.T) {
	s := liveSession(t, livePool(t, 1))
	hundreds := 3
	if os.Getenv("ZONEBOX_CAMPAIGN") != "" {
		hundreds = 200
	}
	for range hundreds {
		rapid.Check(t, func(rt *rapid.T) { comesBack(t, rt, s) })
	}
}

// comesBack draws a tree, and parses its print.
func comesBack(t *testing.T, rt *rapid.T, s *sandbox.Session) {
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
}
