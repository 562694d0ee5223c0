package query_test

import (
	"errors"
	"slices"
	"strings"

	"zonebox/query/ast"
)

// brute answers a statement by nested loops over raw rows under the rule of the
// minimum group. It reads the operator's own tree and shares nothing with the
// rewrite: every row of a FROM clause carries, for each use of a protected
// table, the entity it stands for. A block that aggregates releases a group if
// every such use counts K entities in it, and a cell if the rows behind it do;
// a use whose entity the group keys fix is left to the block outside.
//
// It panics on what it does not know.
type brute struct {
	tables []bruteTable
	pairs  int                         // of rows joined so far
	asked  map[*ast.Subquery]*bruteRel // subqueries, which are the same for every row
	every  bool                        // evaluate subqueries whose value nobody asks for, as the engine does
	blocks []bruteBlock                // that release groups, innermost first
}

// bruteBlock is a SELECT that aggregates rows of protected tables: its groups of K
// entities of every use that is enforced, before HAVING.
type bruteBlock struct {
	query  *ast.Select
	root   bool
	uses   []*bruteUse
	groups []*bruteScope
}

// brutePairs bounds the pairs of rows that one answer may try.
const brutePairs = 100_000

var errBrutePairs = errors.New("brute: too many pairs of rows")

// bruteTable is a table of a catalogue with its rows: nil, int64, float64 or
// string. A protected table has K > 0, and its entity is the column so called.
type bruteTable struct {
	Name    string
	Columns []string
	Entity  string
	K       int
	Rows    [][]any
}

// bruteUse is one use of a protected table in a statement.
type bruteUse struct{ table *bruteTable }

// bruteOrigin is the column of a use that a column is, unchanged.
type bruteOrigin struct {
	use    *bruteUse
	column string
}

type bruteColumn struct {
	name   string
	origin bruteOrigin   // zero if computed
	among  []bruteOrigin // of a union: the column is one of these, each in rows of its own
}

// bruteRow is a row of one relation with the entity of every live use, nil if
// it has none.
type bruteRow struct {
	cells  []any
	entity map[*bruteUse]any
	behind map[*bruteUse][]uint32 // the rows of the use's table that it stands for
}

// bruteRel is a member of a FROM clause.
type bruteRel struct {
	alias   string
	columns []bruteColumn
	live    []*bruteUse
	rows    []*bruteRow
}

// joinedRow is a row of a FROM clause: one row of each relation, nil where an outer
// join found none.
type joinedRow []*bruteRow

func (j joinedRow) entity(u *bruteUse) any {
	for _, r := range j {
		if r != nil {
			if e := r.entity[u]; e != nil {
				return e
			}
		}
	}
	return nil
}

// behind are the rows of the use's table that j stands for.
func (j joinedRow) behind(u *bruteUse) (out []uint32) {
	for _, r := range j {
		if r != nil {
			out = append(out, r.behind[u]...)
		}
	}
	return out
}

// bruteSeen is a column that an unqualified name can mean: the first of its places
// that is not null.
type bruteSeen struct {
	name   string
	places [][2]int // relation and column
	origin bruteOrigin
	among  []bruteOrigin
}

// bruteFrame is a FROM clause.
type bruteFrame struct {
	rels  []*bruteRel
	view  []bruteSeen
	rows  []joinedRow
	equal [][2]bruteOrigin // columns that are equal in every row
}

// bruteAnswer is what may leave of a statement.
type bruteAnswer struct {
	rows  [][]any
	order []bruteOrder
}

// bruteOrder is a sort key; output is -1 if it is not in the answer.
type bruteOrder struct {
	output int
	desc   bool
	first  bool // nulls first
}

type bruteEnv struct {
	up   *bruteEnv
	name string
	cte  *ast.CTE
}

// with adds common tables, each of which sees those before it.
func (e *bruteEnv) with(ctes []ast.CTE) *bruteEnv {
	for i := range ctes {
		e = &bruteEnv{e, strings.ToLower(ctes[i].Name), &ctes[i]}
	}
	return e
}

// answer returns what may leave of q, or errBrutePairs.
func (b *brute) answer(q ast.Query) (out bruteAnswer, err error) {
	defer func() {
		if cause := recover(); cause == errBrutePairs {
			err = errBrutePairs
		} else if cause != nil {
			panic(cause)
		}
	}()
	b.asked = map[*ast.Subquery]*bruteRel{}
	rel, order := b.query(q, nil, true)
	out.order = order
	for _, r := range rel.rows {
		out.rows = append(out.rows, r.cells)
	}
	return out, nil
}

// block evaluates one SELECT. It returns the relation it is, and its order.
func (b *brute) block(s *ast.Select, env *bruteEnv, root bool) (*bruteRel, []bruteOrder) {
	env = env.with(s.With)
	aggregated := bruteGroups(s)
	if s.Distinct && aggregated { // DISTINCT over groups is a block of its own
		inner := *s
		inner.Distinct, inner.OrderBy, inner.Limit, inner.Offset, inner.With = false, nil, nil, nil, nil
		s = &ast.Select{Distinct: true, List: []ast.Expr{&ast.Star{}}, From: &ast.Derived{Alias: "q", Query: &inner},
			OrderBy: s.OrderBy, Limit: s.Limit, Offset: s.Offset}
		aggregated = false
	}
	f := b.from(s.From, env)
	var live []*bruteUse
	for _, r := range f.rels {
		live = append(live, r.live...)
	}
	x := &bruteScope{brute: b, env: env, frame: f, items: f.choose(s.List)}
	if b.every {
		ast.Walk(s, func(n ast.Node) bool {
			q, inner := n.(ast.Query)
			if e, ok := n.(*ast.Subquery); ok {
				x.relation(e)
			}
			return !inner || q == ast.Query(s)
		})
	}
	if s.Where != nil {
		f.rows = slices.DeleteFunc(f.rows, func(r joinedRow) bool { return x.at(r).eval(s.Where) != true })
		f.note(s.Where)
	}
	out := &bruteRel{}
	for _, it := range x.items {
		seen := x.seen(it.expr, it.place)
		out.columns = append(out.columns, bruteColumn{it.name, seen.origin, seen.among})
	}
	distinct := s.Distinct && len(live) > 0
	var at []*bruteScope // one for each row of the result
	if aggregated || distinct {
		out.live, at = x.groups(s, live, distinct, root)
	} else {
		out.live = live
		for _, r := range f.rows {
			at = append(at, x.at(r))
		}
	}
	type sorted struct {
		row  *bruteRow
		keys []any
	}
	var rows []sorted
	order, outputs := x.order(s.OrderBy)
	once := map[string]bool{}
	for _, y := range at {
		if s.Having != nil && y.eval(s.Having) != true {
			continue
		}
		y.shown = true
		r := sorted{row: &bruteRow{entity: map[*bruteUse]any{}, behind: map[*bruteUse][]uint32{}}}
		var blank []bool
		for _, it := range x.items {
			y.short = false
			cell := y.item(it)
			y.guard(it.expr)
			r.row.cells, blank = append(r.row.cells, cell), append(blank, y.short)
		}
		for _, u := range out.live {
			for _, j := range y.rows() {
				if e := j.entity(u); e != nil {
					r.row.entity[u] = e
				}
				r.row.behind[u] = append(r.row.behind[u], j.behind(u)...)
			}
		}
		if s.Distinct && !distinct {
			name := same(r.row.cells)
			if once[name] {
				continue
			}
			once[name] = true
		}
		for i, o := range order {
			if o.output >= 0 {
				r.keys = append(r.keys, r.row.cells[o.output])
			} else {
				r.keys = append(r.keys, y.eval(outputs[i]))
			}
		}
		if root {
			for i := range blank {
				if blank[i] {
					r.row.cells[i] = nil
				}
			}
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b sorted) int {
		for i, o := range order {
			if c := o.compare(a.keys[i], b.keys[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	for _, r := range rows {
		out.rows = append(out.rows, r.row)
	}
	if s.Offset != nil {
		out.rows = out.rows[min(len(out.rows), int(constantOf(s.Offset).(int64))):]
	}
	if s.Limit != nil {
		out.rows = out.rows[:min(len(out.rows), int(constantOf(s.Limit).(int64)))]
	}
	return out, order
}

// bruteGroups reports whether s aggregates by itself.
func bruteGroups(s *ast.Select) bool {
	found := len(s.GroupBy) > 0 || s.GroupAll || s.Having != nil
	for _, e := range s.List {
		found = found || bruteAggregates(e)
	}
	for _, o := range s.OrderBy {
		found = found || bruteAggregates(o.Expr)
	}
	return found
}

func bruteAggregates(e ast.Expr) bool {
	found := false
	ast.Walk(e, func(n ast.Node) bool {
		if f, ok := n.(*ast.Function); ok && slices.Contains([]string{"count_star", "count", "sum", "avg", "min", "max"}, f.Name) {
			found = true
		}
		_, inner := n.(ast.Query) // of a subquery
		return !found && !inner
	})
	return found
}

// groups partitions the rows and drops the groups that rest on too few
// entities. It returns the uses that stay live and a scope for each group left.
func (x *bruteScope) groups(s *ast.Select, live []*bruteUse, distinct, root bool) ([]*bruteUse, []*bruteScope) {
	var keys []func(y *bruteScope) any
	fixed := map[bruteOrigin]bool{}
	add := func(it bruteItem) {
		keys = append(keys, func(y *bruteScope) any { return y.item(it) })
		seen := x.seen(it.expr, it.place)
		for _, o := range append(seen.among, seen.origin) {
			fixed[o] = true
		}
	}
	for _, it := range x.items {
		if (distinct || s.GroupAll) && (it.expr == nil || !bruteAggregates(it.expr)) {
			add(it)
		}
	}
	for _, e := range s.GroupBy {
		if n, ok := bruteOrdinal(e); ok {
			add(x.items[n-1])
		} else {
			add(bruteItem{expr: e, place: -1})
		}
	}
	for grown := true; grown; {
		grown = false
		for _, p := range x.frame.equal {
			if fixed[p[0]] != fixed[p[1]] {
				fixed[p[0]], fixed[p[1]], grown = true, true, true
			}
		}
	}
	var enforced, deferred []*bruteUse
	for _, u := range live {
		if !root && fixed[bruteOrigin{u, u.table.Entity}] {
			deferred = append(deferred, u)
		} else {
			enforced = append(enforced, u)
		}
	}
	at := map[string]int{}
	var groups [][]joinedRow
	if len(keys) == 0 {
		groups = [][]joinedRow{nil}
		at[same(nil)] = 0
	}
	for _, r := range x.frame.rows {
		var k []any
		for _, key := range keys {
			k = append(k, key(x.at(r)))
		}
		name := same(k)
		i, ok := at[name]
		if !ok {
			i = len(groups)
			at[name], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	var out []*bruteScope
	for _, g := range groups {
		if enoughEntities(g, enforced) {
			y := *x
			y.group, y.grouped, y.enforced = g, true, enforced
			out = append(out, &y)
		}
	}
	if len(enforced) > 0 {
		x.brute.blocks = append(x.brute.blocks, bruteBlock{s, root, enforced, out})
	}
	return deferred, out
}

// enoughEntities is the rule: K distinct entities of every use.
func enoughEntities(rows []joinedRow, uses []*bruteUse) bool {
	for _, u := range uses {
		entities := map[any]bool{}
		for _, r := range rows {
			if e := r.entity(u); e != nil {
				entities[e] = true
			}
		}
		if len(entities) < u.table.K {
			return false
		}
	}
	return true
}

// order resolves ORDER BY: to outputs, or to the expressions returned.
func (x *bruteScope) order(by []ast.Order) (out []bruteOrder, exprs []ast.Expr) {
	for _, o := range by {
		k := bruteOrder{output: -1, desc: o.Direction == ast.Descending, first: o.Nulls == ast.NullsFirst}
		if n, ok := bruteOrdinal(o.Expr); ok {
			k.output = n - 1
		}
		for i, it := range x.items {
			c, bare := o.Expr.(*ast.Column)
			switch {
			case k.output >= 0:
			case bare && len(c.Names) == 1 && strings.EqualFold(it.name, c.Names[0]), it.expr != nil && ast.EqualExpr(bruteBare(it.expr), bruteBare(o.Expr)):
				k.output = i
			}
		}
		out, exprs = append(out, k), append(exprs, o.Expr)
	}
	return out, exprs
}

func bruteBare(e ast.Expr) ast.Expr {
	e = ast.CloneExpr(e)
	e.SetAs("")
	return e
}

func (o bruteOrder) compare(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil || b == nil:
		if (a == nil) == o.first {
			return -1
		}
		return 1
	case o.desc:
		return -compareCells(a, b)
	}
	return compareCells(a, b)
}

func bruteOrdinal(e ast.Expr) (int, bool) {
	c, ok := e.(*ast.Constant)
	if !ok {
		return 0, false
	}
	n, ok := constantOf(c).(int64)
	return int(n), ok
}
