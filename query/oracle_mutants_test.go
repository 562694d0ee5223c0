package query_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/sandbox"
)

// mutant is a rewrite that enforces less, by a mistake someone could make. Each
// has to be caught by the comparison with brute force.
type mutant struct {
	name   string
	change func(*ast.Select)
}

var mutants = []mutant{
	{"count rows with an entity instead of entities", entityCounts(func(f *ast.Function) ast.Expr {
		f.Name = "count"
		return f
	})},
	{"count all rows instead of entities", entityCounts(func(f *ast.Function) ast.Expr {
		return &ast.Function{Name: "count_star", Filter: f.Filter}
	})},
	{"take a row without key for an entity", entityCounts(func(f *ast.Function) ast.Expr {
		f.Args[0] = &ast.Operator{Kind: ast.Coalesce, Args: []ast.Expr{f.Args[0], integer("77")}}
		return f
	})},
	{"skip the condition of a cell in its guard", entityCounts(func(f *ast.Function) ast.Expr {
		f.Filter = nil
		return f
	})},
	{"skip FILTER in the guard, keep the null test", entityCounts(func(f *ast.Function) ast.Expr {
		c, ok := f.Filter.(*ast.Conjunction)
		if !ok {
			return f
		}
		if null, ok := c.Args[len(c.Args)-1].(*ast.Operator); ok && null.Kind == ast.IsNotNull {
			f.Filter = null
		}
		return f
	})},
	{"skip the null test in the guard, keep FILTER", entityCounts(withoutNullTest)},
	{"one entity less is enough", everyExpr(func(e ast.Expr) ast.Expr {
		if c, ok := e.(*ast.Comparison); ok && counts(c) {
			c.Right = integer(map[string]string{"3": "2", "2": "1"}[c.Right.(*ast.Constant).Text])
		}
		return e
	})},
	{"a counter stops before K", entityCounts(func(f *ast.Function) ast.Expr {
		f.Name = map[string]string{"__kset_3": "__kset_2", "__kset_2": "__kset_1"}[f.Name]
		return f
	})},
	{"count the first of several references only", everyExpr(func(e ast.Expr) ast.Expr {
		if c, ok := e.(*ast.Conjunction); ok {
			guards := 0
			c.Args = slices.DeleteFunc(c.Args, func(arg ast.Expr) bool {
				if counts(arg) {
					guards++
				}
				return counts(arg) && guards > 1
			})
			return ast.Conjoin(c.Op, c.Args...)
		}
		return e
	})},
	{"count pairs of entities instead of each", everyExpr(func(e ast.Expr) ast.Expr {
		c, ok := e.(*ast.Conjunction)
		if !ok || len(c.Args) < 2 || !counts(c.Args[0]) || !counts(c.Args[1]) {
			return e
		}
		a, ok1 := entityCount(c.Args[0].(*ast.Comparison).Left)
		b, ok2 := entityCount(c.Args[1].(*ast.Comparison).Left)
		if !ok1 || !ok2 {
			return e
		}
		high := &ast.Function{Name: "*", Operator: true, Args: []ast.Expr{a.Args[0], integer("1000")}}
		pair := &ast.Function{Name: "+", Operator: true, Args: []ast.Expr{high, b.Args[0]}}
		a.Args[0] = &ast.Cast{Expr: pair, Type: ast.Type{ID: "UINTEGER"}}
		c.Args = slices.Delete(c.Args, 1, 2)
		return ast.Conjoin(c.Op, c.Args...)
	})},
	{"release cells with their group", everyExpr(func(e ast.Expr) ast.Expr {
		if f, ok := entityCount(e); ok && strings.HasPrefix(e.As(), "__c") {
			f.Filter = nil // the gate would blank what the engine did not
		}
		if c, ok := e.(*ast.Case); ok && guards(c.Whens[0].Cond) {
			then := c.Whens[0].Then
			then.SetAs(c.As())
			return then
		}
		return e
	})},
	{"let HAVING see cells that are not released", func(s *ast.Select) {
		eachBlock(s, func(s *ast.Select) {
			if s.Having == nil {
				return
			}
			s.Having = rewritten(s.Having, func(e ast.Expr) ast.Expr {
				if c, ok := e.(*ast.Case); ok && guards(c.Whens[0].Cond) {
					return c.Whens[0].Then
				}
				return e
			})
		})
	}},
	{"discharge a reference where it is grouped by its key", entityGroups(func(code ast.Expr) bool {
		c := code.(*ast.Column)
		return strings.HasPrefix(c.Names[1], "__e") && c.Names[1] != "__entity"
	})},
	{"enforce nothing in an inner block", func(s *ast.Select) {
		inner := false
		eachBlock(s, func(b *ast.Select) {
			if b != s && !inner {
				entityGroups(func(ast.Expr) bool { return true })(b)
			}
			inner = inner || b != s
		})
	}},
	{"none is as good as enough", everyExpr(func(e ast.Expr) ast.Expr {
		if !counts(e) {
			return e
		}
		none := ast.CloneExpr(e).(*ast.Comparison)
		none.Op, none.Right = ast.CompareEqual, integer("0")
		return ast.Conjoin(ast.Or, none, e)
	})},
	{"leave groups to the gate", func(s *ast.Select) {
		if len(s.GroupBy) > 0 {
			s.Having = nil
		}
	}},
	{"the rows that come first need not meet WHERE", totals(func(first, _, _ *ast.Select) { first.Where = nil })},
	{"the rows that come first decide", func(s *ast.Select) {
		firstRows(2)(s)
		totals(func(_, all, _ *ast.Select) {
			all.From.(*ast.Join).Right.(*ast.Derived).Query.(*ast.Select).Where = &ast.Comparison{Op: ast.CompareEqual, Left: integer("1"), Right: integer("2")}
		})(s)
	}},
	{"the rows that come first count once more", func(s *ast.Select) {
		firstRows(2)(s)
		totals(func(_, _, both *ast.Select) {
			for _, e := range both.List {
				f := e.(*ast.Function)
				f.Name, f.Operator = "+", true
			}
		})(s)
	}},
	{"the group's count decides for its cells whether the rest is read", func(s *ast.Select) {
		firstRows(4)(s)
		totals(func(_, all, _ *ast.Select) {
			few := all.From.(*ast.Join).Right.(*ast.Derived).Query.(*ast.Select)
			if c, ok := few.Where.(*ast.Conjunction); ok {
				few.Where = c.Args[len(c.Args)-1]
			}
		})(s)
	}},
	{"count the rows of the inner block", entityCounts(func(f *ast.Function) ast.Expr {
		if name := f.Args[0].(*ast.Column).Names[1]; name == "__entity" {
			return f
		}
		f.Name = "count"
		return f
	})},
}

// withoutNullTest counts the rows of a cell whose argument is null as well.
func withoutNullTest(f *ast.Function) ast.Expr {
	if null, ok := f.Filter.(*ast.Operator); ok && null.Kind == ast.IsNotNull {
		f.Filter = nil
	}
	if c, ok := f.Filter.(*ast.Conjunction); ok {
		if null, ok := c.Args[len(c.Args)-1].(*ast.Operator); ok && null.Kind == ast.IsNotNull {
			f.Filter = ast.Conjoin(ast.And, c.Args[:len(c.Args)-1]...)
		}
	}
	return f
}

func integer(text string) ast.Expr {
	return &ast.Constant{Meta: ast.Meta{Location: ast.NoLocation}, Type: ast.Type{ID: "INTEGER"}, Text: text}
}

// entityCount is the count of distinct entity codes that e is.
func entityCount(e ast.Expr) (*ast.Function, bool) {
	f, ok := e.(*ast.Function)
	if !ok || !strings.HasPrefix(f.Name, "__kset_") {
		return nil, false
	}
	c, ok := f.Args[0].(*ast.Column)
	return f, ok && strings.HasPrefix(c.Names[len(c.Names)-1], "__e")
}

// counts reports whether e compares a count of entities with K, made in place or
// by a query of its own.
func counts(e ast.Expr) bool {
	c, ok := e.(*ast.Comparison)
	if !ok || c.Op != ast.CompareGreaterEqual {
		return false
	}
	_, made := entityCount(c.Left)
	_, apart := c.Left.(*ast.Subquery)
	return made || apart
}

// totals changes every query that has its counts made apart: over the first rows
// of its table, and over all of them where those are not enough.
func totals(change func(first, all, both *ast.Select)) func(*ast.Select) {
	return func(s *ast.Select) {
		eachBlock(s, func(s *ast.Select) {
			if len(s.With) >= 3 {
				change(s.With[0].Query.(*ast.Select), s.With[1].Query.(*ast.Select), s.With[2].Query.(*ast.Select))
			}
		})
	}
}

// firstRows has the counts look at n rows first.
func firstRows(n int) func(*ast.Select) {
	return totals(func(first, _, _ *ast.Select) {
		first.From.(*ast.Derived).Query.(*ast.Select).Limit = integer(strconv.Itoa(n))
	})
}

func guards(e ast.Expr) bool {
	if c, ok := e.(*ast.Conjunction); ok {
		return counts(c.Args[0])
	}
	return counts(e)
}

// entityCounts changes every count of entities, those handed to the gate too.
func entityCounts(change func(*ast.Function) ast.Expr) func(*ast.Select) {
	return everyExpr(func(e ast.Expr) ast.Expr {
		f, ok := entityCount(e)
		if !ok {
			return e
		}
		out := change(f)
		out.SetAs(e.As())
		return out
	})
}

// entityGroups drops the group conditions on codes that drop chooses.
func entityGroups(drop func(code ast.Expr) bool) func(*ast.Select) {
	return func(s *ast.Select) {
		eachBlock(s, func(s *ast.Select) {
			conds := []ast.Expr{s.Having}
			if c, ok := s.Having.(*ast.Conjunction); ok && c.Op == ast.And {
				conds = c.Args
			}
			conds = slices.DeleteFunc(slices.Clone(conds), func(e ast.Expr) bool {
				c, ok := e.(*ast.Comparison)
				if !ok || !counts(e) {
					return false
				}
				f, ok := entityCount(c.Left)
				return ok && drop(f.Args[0])
			})
			s.Having = ast.Conjoin(ast.And, conds...)
			for _, e := range s.List {
				// What the gate judges by goes the same way.
				if f, ok := entityCount(e); ok && strings.HasPrefix(e.As(), "__g") && drop(f.Args[0]) {
					f.Name, f.Args[0] = "count", integer("1")
				}
			}
		})
	}
}

// everyExpr changes the expressions of every block, inner ones first.
func everyExpr(change func(ast.Expr) ast.Expr) func(*ast.Select) {
	return func(s *ast.Select) {
		eachBlock(s, func(s *ast.Select) {
			for i := range s.List {
				s.List[i] = rewritten(s.List[i], change)
			}
			if s.Having != nil {
				s.Having = rewritten(s.Having, change)
			}
			for i := range s.OrderBy {
				s.OrderBy[i].Expr = rewritten(s.OrderBy[i].Expr, change)
			}
		})
	}
}

func eachBlock(s ast.Node, visit func(*ast.Select)) {
	ast.Walk(s, func(n ast.Node) bool {
		if b, ok := n.(*ast.Select); ok {
			visit(b)
		}
		return true
	})
}

// rewritten changes e from the leaves up.
func rewritten(e ast.Expr, change func(ast.Expr) ast.Expr) ast.Expr {
	each := func(args []ast.Expr) {
		for i := range args {
			args[i] = rewritten(args[i], change)
		}
	}
	switch e := e.(type) {
	case *ast.Function:
		each(e.Args)
	case *ast.Comparison:
		e.Left, e.Right = rewritten(e.Left, change), rewritten(e.Right, change)
	case *ast.Conjunction:
		each(e.Args)
	case *ast.Operator:
		each(e.Args)
	case *ast.Cast:
		e.Expr = rewritten(e.Expr, change)
	case *ast.Case:
		for i := range e.Whens {
			e.Whens[i].Cond, e.Whens[i].Then = rewritten(e.Whens[i].Cond, change), rewritten(e.Whens[i].Then, change)
		}
		e.Else = rewritten(e.Else, change)
	}
	return change(e)
}

// How many rows are looked at first chooses what is read, not what is answered.
func TestAnyFirstRowsGiveTheSameAnswers(t *testing.T) {
	t.Parallel()
	p := livePool(t, 2)
	parser := liveSession(t, p)
	qs, _ := poseMany(t, parser, seedOf(t), 600)
	var changed []posed
	var sqls []string
	for _, q := range qs {
		if q.st.Plain {
			continue
		}
		tree := ast.Clone(q.st.Tree)
		firstRows(len(changed) % 5)(tree.(*ast.Select))
		if !ast.Equal(tree, q.st.Tree) {
			changed, sqls = append(changed, q), append(sqls, ast.Print(tree))
		}
	}
	for from := 0; from < len(changed); from += 60 {
		to := min(from+60, len(changed))
		for i, got := range runTogether(t, p, parser, changed[from:to], sqls[from:to]) {
			if problem := changed[from+i].verdict(got); problem != "" {
				t.Errorf("%v\nlooking at %d rows first: %s", changed[from+i], (from+i)%5, problem)
			}
		}
	}
	if t.Logf("%d statements", len(changed)); len(changed) < 30 {
		t.Errorf("%d statements count apart, want at least 30", len(changed))
	}
}

// mutantsCaught is how many instances have to tell a mutant apart before the
// next is tried, mutantsAsked how many statements there are to do so.
const mutantsCaught, mutantsAsked = 3, 4000

// The comparison finds every mutant, so that its silence says something. Its
// seed is fixed: the statements are to be rich enough, not new.
func TestBruteForceCatchesUnsoundRewrites(t *testing.T) {
	t.Parallel()
	p := livePool(t, 2)
	parser := liveSession(t, p)
	poser := newPoser(parser, 1)
	qs := poser.next(t, 500)
	for _, c := range namedCases(t) {
		if q, err := pose(t, parser, c.sql, c.tables); err == nil {
			qs = append(qs, q)
		}
	}
	covered := coverage{}
	for _, q := range qs {
		covered.add(q, len(q.want.rows) > 0)
	}
	t.Log(covered)
	covered.complete(t)
	for _, m := range slices.Concat(mutants, unionMutants) {
		caught, first, ran, asked := 0, 0, 0, 0
		for caught < mutantsCaught && asked < mutantsAsked {
			if asked == len(qs) {
				qs = append(qs, poser.next(t, 250)...)
			}
			var changed []posed
			var sqls []string
			for ; asked < len(qs) && len(changed) < 60; asked++ {
				if tree, ok := m.of(qs[asked]); ok {
					changed, sqls = append(changed, qs[asked]), append(sqls, ast.Print(tree))
				}
			}
			if len(changed) == 0 {
				continue
			}
			for i, got := range runTogether(t, p, parser, changed, sqls) {
				if changed[i].verdict(got) == "" {
					continue
				}
				if caught++; caught == 1 {
					first = ran + i + 1
				}
			}
			ran += len(changed)
		}
		t.Logf("%3d of %3d caught, the first was number %3d; %4d statements: %s", caught, ran, first, asked, m.name)
		if caught < mutantsCaught {
			t.Errorf("caught in %d of %d statements: %s", caught, ran, m.name)
		}
	}
}

// of is the rewrite of q with the mistake, if it makes a difference.
func (m mutant) of(q posed) (*ast.Select, bool) {
	if q.st.Plain {
		return nil, false
	}
	tree := ast.Clone(q.st.Tree).(*ast.Select)
	m.change(tree)
	return tree, !ast.Equal(tree, q.st.Tree)
}

// Rewrite and worker call the counter by one name.
func TestTheRewriteNamesTheWorkersCounter(t *testing.T) {
	t.Parallel()
	for _, k := range []int{1, 2, 10, 1000} {
		if a, b := analysis.Counter(k), sandbox.Counter(k); a != b {
			t.Errorf("the rewrite calls %s, the worker has %s", a, b)
		}
	}
}
