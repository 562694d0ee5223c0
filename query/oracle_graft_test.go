package query_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/query/ast/asttest"
	"zonebox/sandbox"
)

// What the grammar does not think of: parts of statements in the places of others,
// of the same statement mostly, so that names still mean something. Most are
// refused; whatever is accepted is what every other statement is, and answers as
// brute force does.
func TestGraftedAnswersEqualBruteForce(t *testing.T) {
	t.Parallel()
	p := livePool(t, 2)
	g := &grammar{Rand: rand.New(rand.NewPCG(seedOf(t), 9))}
	posed, tried, failed := 0, 0, 0
	refused, unknown := map[string]int{}, map[string]int{}
	round := func() {
		parser, err := p.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer parser.Close()
		qs := g.grafted(t, parser, 60, &tried, refused, unknown)
		posed += len(qs)
		for batch := range slices.Chunk(qs, 40) {
			var sqls []string
			for _, q := range batch {
				sqls = append(sqls, q.st.SQL)
			}
			for i, got := range runTogether(t, p, parser, batch, sqls) {
				if problem := batch[i].verdict(got); problem != "" {
					if failed++; failed <= 5 {
						t.Errorf("%v%s", batch[i], problem)
					}
				}
			}
		}
	}
	for n := repeats(180, 20_000); posed < n && !t.Failed(); {
		round()
	}
	t.Logf("%d of %d statements, refused %v, brute force does not know %v", posed, tried, refused, unknown)
}

// grafted returns n accepted statements or a few more, each three over tables of
// its own, and counts those that it tried, that were refused by fault, and that
// brute force does not know.
func (g *grammar) grafted(t *testing.T, parser *sandbox.Session, n int, tried *int, refused, unknown map[string]int) []posed {
	t.Helper()
	var out []posed
	for set := 0; len(out) < n; set++ {
		g.names = [3]string{fmt.Sprintf("visits%d", set), fmt.Sprintf("persons%d", set), fmt.Sprintf("codes%d", set)}
		tables := g.tables()
		var trees []ast.Query
		for range 4 {
			tree, err := liveTree(t, parser, g.statement())
			if err != nil {
				t.Fatal(err)
			}
			trees = append(trees, tree)
		}
		for range 30 {
			tree := trees[g.IntN(len(trees))]
			for range 1 + g.IntN(3) {
				donor := tree
				if g.IntN(3) == 0 {
					donor = trees[g.IntN(len(trees))]
				}
				tree = asttest.Graft(tree, donor, g.Uint(), g.Uint())
			}
			sql := ast.Print(tree)
			if len(sql) > 6000 {
				continue
			}
			*tried++
			q, err := prepare(t, parser, sql, tables)
			refusal, ok := errors.AsType[*analysis.Refusal](err)
			switch {
			case ok:
				refused[refusal.Faults[0].Code]++
			case err != nil:
				refused["by the engine"]++
			case wordsForOthers(q.st.Tree):
				unknown["words where other types are"]++ // they become nulls where the engine would raise
			case !q.st.Plain:
				if why := q.knownToBrute(); why != "" {
					unknown[why]++
				} else {
					out = append(out, q)
				}
			}
		}
	}
	return out
}

// wordsForOthers reports whether a rewrite makes something else of a text that was
// written.
func wordsForOthers(rewrite ast.Query) (found bool) {
	ast.Walk(rewrite, func(n ast.Node) bool {
		if cast, ok := n.(*ast.Cast); ok && cast.Type.ID != "VARCHAR" {
			c, ok := cast.Expr.(*ast.Constant)
			found = found || ok && c.Type.ID == "VARCHAR"
		}
		return !found
	})
	return found
}

// knownToBrute finds out what may leave, or returns why brute force cannot.
func (q *posed) knownToBrute() (why string) {
	defer func() {
		if cause := recover(); cause != nil {
			why = strings.TrimPrefix(fmt.Sprint(cause), "brute: ")
		}
	}()
	var err error
	if q.want, err = (&brute{tables: q.tables}).answer(q.tree); err != nil {
		return err.Error()
	}
	return ""
}
