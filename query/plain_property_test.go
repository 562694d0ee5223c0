package query_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"zonebox/query"
	"zonebox/query/ast"
	"zonebox/query/ast/asttest"
	"zonebox/query/querytest"
	"zonebox/sandbox"
)

// The second property of the analysis: for a license that grants everything of
// data that are nobody's, the gate answers what the engine alone answers, names,
// types and rows. The statements are of every kind of node there is.
//
// Numbers are compared to the last digit: both run the statement as it was
// written, over the same rows in the same order, so that sums of floating-point
// numbers are added up alike.
func TestOpenDataAnswerAsTheEngineAloneDoes(t *testing.T) {
	t.Parallel()
	n, seed := repeats(250, 20_000), seedOf(t)
	w := newOpenWorld(t)
	var mu sync.Mutex
	ran, answers, filled, neither, lost := asttest.Coverage{}, 0, 0, map[string]int{}, 0
	t.Run("statements", func(t *testing.T) {
		for shard := range 2 {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for i := shard; i < n && !t.Failed(); i += 2 {
					g := &plainGrammar{Rand: rand.New(rand.NewPCG(seed, uint64(i))), tables: w.alone.tables}
					sql := g.statement(i)
					answer, told := w.compare(t, fmt.Sprintf("statement %d of seed %d", i, seed), sql, g.parameter)
					mu.Lock()
					switch _, nobodys := find[*ast.Default](answer.tree); {
					case told == "":
						ran.Add(answer.tree)
						if answers++; len(answer.rows) > 0 {
							filled++
						}
					case nobodys:
						ran["Default"]++ // the engine has it in INSERT alone: that the gate refuses it as well counts
					default:
						neither[told]++
						lost++
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d statements, %d answers of which %d have rows; neither runs %v\n%s", n, answers, filled, neither, ran.Table())
	for _, node := range asttest.Kinds() {
		if ran[asttest.Kind(node)] == 0 {
			t.Errorf("no statement has a %s", asttest.Kind(node))
		}
	}
	if lost > n/20 || filled < n/2 {
		t.Errorf("of %d statements %d run nowhere and %d answers have rows, want at most one in twenty and at least half", n, lost, filled)
	}
}

// find returns a node of a kind in tree, which may be nil.
func find[N ast.Node](tree ast.Query) (found N, ok bool) {
	if tree != nil {
		ast.Walk(tree, func(n ast.Node) bool {
			if x, is := n.(N); is {
				found, ok = x, true
			}
			return !ok
		})
	}
	return found, ok
}

// openWorld is a gate and an engine with the same open tables.
type openWorld struct {
	alone     *loneEngine
	domain    *querytest.Domain
	templates atomic.Int64
}

func newOpenWorld(t *testing.T) *openWorld {
	t.Helper()
	tables := openTables()
	return &openWorld{alone: &loneEngine{pool: livePool(t, 2), tables: tables}, domain: openDomain(t, tables)}
}

// tellable are the codes of the engine's refusals of what the grammar draws, each
// with what the gate may make of it. A syntax error would be the grammar's.
var tellable = []string{"binder BIND", "not_implemented BIND", "type RESULT_TYPE", "conversion STATEMENT_FAILED", "out_of_range STATEMENT_FAILED",
	"invalid_input STATEMENT_FAILED"}

// compare asks sql of the gate and of the engine and fails the test if they
// differ. It returns the engine's outcome, and the codes of both if neither runs it.
func (w *openWorld) compare(t *testing.T, what, sql string, parameter bool) (outcome, string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("%s", sql)
		}
	}()
	ask, values := func() (outcome, error) { return governed(t, w.domain.In(t), sql) }, []sandbox.Parameter(nil)
	if parameter {
		ask = func() (outcome, error) { return w.byTemplate(t, sql) }
		values = []sandbox.Parameter{{Name: "n", Type: "BIGINT", Text: "3"}}
	}
	want, alone := w.alone.run(t, sql, values...)
	got, err := ask()
	switch {
	case alone != nil && err == nil:
		t.Errorf("%s: only the gate answers, the engine says %v", what, alone)
	case alone != nil:
		told := want.code + " " + got.code
		if !slices.Contains(tellable, told) {
			t.Errorf("%s: the engine says %v, the gate %s", what, alone, querytest.Text(err))
		}
		return want, told
	case err != nil:
		t.Errorf("%s: only the engine answers, the gate says %s", what, querytest.Text(err))
	default:
		if how := got.differs(want, orderedTree(want.tree)); how != "" {
			t.Errorf("%s: the gate and the engine differ in %s", what, how)
		}
	}
	return want, ""
}

// byTemplate asks sql, which has the parameter $n, as a template of its own.
func (w *openWorld) byTemplate(t *testing.T, sql string) (outcome, error) {
	t.Helper()
	name := fmt.Sprintf("drawn-%d", w.templates.Add(1))
	text, err := json.Marshal(sql)
	if err != nil {
		t.Fatal(err)
	}
	d := w.domain.In(t)
	d.Apply("li.op", fmt.Sprintf("kind: Template\nname: %s\nspec: {scenario: %s, title: %s, sql: %s, from: \"2026-01-01\", until: \"2030-12-31\","+
		" parameters: [{name: \"n\", type: int64, domain: {range: {min: \"0\", max: \"9\"}}}]}", name, querytest.Scenario, name, text), "li.op", "sun.health")
	a, err := d.Engine.Answer(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose,
		Template: name, Parameters: map[string]string{"n": "3"}})
	if err != nil {
		return outcome{code: querytest.Code(err)}, err
	}
	return received(t, d, a), nil
}
