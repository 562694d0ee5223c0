package query_test

import (
	"math/rand/v2"
	"testing"

	"zonebox/query/ast"
)

// plainMutants are mistakes someone could make with statements that are to run as
// they were written.
var plainMutants = []struct {
	name   string
	change func(ast.Node)
}{
	{"ignore PARTITION BY", func(n ast.Node) {
		if w, ok := n.(*ast.Window); ok {
			w.Partition = nil
		}
	}},
	{"skip ORDER BY under LIMIT", func(n ast.Node) {
		if s, ok := n.(*ast.Select); ok && s.Limit != nil {
			s.OrderBy = nil
		}
	}},
	{"keep duplicates", func(n ast.Node) {
		if s, ok := n.(*ast.Select); ok {
			s.Distinct = false
		}
	}},
	{"forget FILTER", func(n ast.Node) {
		if f, ok := n.(*ast.Function); ok {
			f.Filter = nil
		}
	}},
}

// The rows of the grammar's statements tell every mistake, so that the silence of
// TestOpenDataAnswerAsTheEngineAloneDoes says something. The seed is fixed: the
// statements are to be rich enough, not new.
func TestOpenDataTellRewritesThatChangeResults(t *testing.T) {
	t.Parallel()
	tables := openTables()
	alone := &loneEngine{pool: livePool(t, 2), tables: tables}
	caught, ran := make([]int, len(plainMutants)), make([]int, len(plainMutants))
	for i, missing := 0, len(plainMutants); missing > 0 && i < 600; i++ {
		g := &plainGrammar{Rand: rand.New(rand.NewPCG(1, uint64(i))), tables: tables}
		sql := g.statement(i)
		if g.parameter {
			continue
		}
		raw, err := alone.parse(t, sql)
		if err != nil {
			continue
		}
		tree, err := ast.Decode(raw)
		if err != nil {
			t.Fatalf("%s\n%v", sql, err)
		}
		var want *outcome
		for m, mutant := range plainMutants {
			changed := ast.Clone(tree)
			ast.Walk(changed, func(n ast.Node) bool {
				mutant.change(n)
				return true
			})
			if caught[m] == mutantsCaught || ast.Equal(changed, tree) {
				continue
			}
			if want == nil {
				right, err := alone.run(t, sql)
				if err != nil {
					break
				}
				want = &right
			}
			got, err := alone.run(t, ast.Print(changed))
			if err != nil {
				continue // seen by everyone
			}
			got.columns = want.columns // of an expression without a name its text is the name
			if ran[m]++; got.differs(*want, orderedTree(tree)) == "" {
				continue
			}
			if caught[m]++; caught[m] == mutantsCaught {
				missing--
			}
		}
	}
	for m, mutant := range plainMutants {
		if t.Logf("%d of %3d caught: %s", caught[m], ran[m], mutant.name); caught[m] < mutantsCaught {
			t.Errorf("caught in %d of %d statements: %s", caught[m], ran[m], mutant.name)
		}
	}
}
