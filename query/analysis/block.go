package analysis

import (
	"strings"

	"zonebox/query/ast"
)

// block is one SELECT, lowered.
//
// A block either passes the rows of its protected references on, each with its
// hidden entity code, or aggregates them. Where it aggregates, a reference whose
// entity the group keys determine is deferred: one group is one entity, and the
// block outside has to count. Every other reference is enforced here.
type block struct {
	a         *analyzer
	root      bool
	env       *env // common tables its subqueries may name
	relations []*relation
	scope     scope
	links     []link
	spanning  []ast.Node // conditions over several tables that are no equality
	control   control
	chose     int // secrets of control that chose rows for all aggregates
	asked     []asked
	tellers   []teller // of the first toldAt links
	toldAt    int

	list       []*chosen
	listAt     map[string]int // the first of list that a folded name may stand for
	aggregated bool
	keys       []key
	keyAt      map[string]int // keys by their print
	broken     bool           // a key was refused: what is not grouped is no fault of its own

	live               []live // references whose rows reach this block
	enforced, deferred []live // of live, if aggregated
	shared             bool   // the group of a deferred entity may hold rows that are not its own

	set   *ast.SetOperation // instead of out, with the parts below
	parts []*block

	items    []*item
	called   []called   // aggregates over rows of live references
	evidence *rowSet    // of a block that aggregates such rows
	sifted   bool       // HAVING chooses among its groups
	whole    bool       // sums up one table: total.go
	totals   []ast.Expr // counts that queries of their own make, if whole
	hidden   []Hidden   // of the root
	counts   []ast.Expr // what Hidden counts
	guards   []cell     // of which rows
	carried  []ast.Expr // entity codes of live references, below the root
	order    []Order
	record   bool // the root of a record-level statement
	out      *ast.Select
	limit    *Count
	offset   *Count
}

// chosen is an entry of the select list after * is expanded.
type chosen struct {
	node    ast.Expr
	visible *visible // instead of node, from *
	name    string
	named   bool // the name can be used as an alias
}

// item is an output column.
type item struct {
	name string
	node ast.Node
	expr ast.Expr
	val  value
}

// key is a group key.
type key struct {
	expr ast.Expr
	val  value
	node ast.Node
}

// block lowers a SELECT. root tells that its rows are the answer.
func (a *analyzer) block(s *ast.Select, e *env, root bool) *block {
	b := &block{a: a, root: root, keyAt: map[string]int{}, listAt: map[string]int{}}
	for i := range s.With {
		a.reserved(s.With[i].Name, s.With[i].Query)
		e = &env{up: e, name: fold(s.With[i].Name), def: common{&s.With[i], e}}
	}
	if s.Distinct && groups(s) {
		s = nested(s)
	}
	b.env = e
	from, scope := b.from(s.From, e)
	b.scope = scope
	b.out = &ast.Select{From: from}
	for _, r := range b.relations {
		b.live = append(b.live, r.live...)
	}
	b.choose(s.List)
	for i, c := range b.list {
		if _, taken := b.listAt[fold(c.name)]; c.named && !taken {
			b.listAt[fold(c.name)] = i
		}
	}
	if s.Where != nil {
		b.out.Where = b.condition(&lowering{b: b, scope: &b.scope, clause: clauseWhere, aliases: b.list}, s.Where, true)
	}
	b.shape()
	b.group(s)
	b.chose = len(b.control.secrets)
	b.project()
	if s.Having != nil {
		b.having(s.Having)
		b.sifted = true
	}
	b.sort(s)
	b.cut(s)
	b.finish()
	return b
}

// groups reports whether s aggregates by itself.
func groups(s *ast.Select) bool {
	if len(s.GroupBy) > 0 || s.GroupAll || s.Having != nil {
		return true
	}
	for _, e := range s.List {
		if hasAggregate(e) {
			return true
		}
	}
	for _, o := range s.OrderBy {
		if hasAggregate(o.Expr) {
			return true
		}
	}
	return false
}

// nested writes DISTINCT over groups as DISTINCT over a query for the groups, so
// that hidden counts beside a group do not make rows distinct.
func nested(s *ast.Select) *ast.Select {
	inner := *s
	inner.Distinct, inner.OrderBy, inner.Limit, inner.Offset, inner.With = false, nil, nil, nil, nil
	return &ast.Select{
		Distinct: true, List: []ast.Expr{&ast.Star{Meta: none()}},
		From:    &ast.Derived{Location: ast.NoLocation, Alias: "distinct_groups", Query: &inner},
		OrderBy: s.OrderBy, Limit: s.Limit, Offset: s.Offset,
	}
}

// choose expands the select list.
func (b *block) choose(list []ast.Expr) {
	a := b.a
	for _, e := range list {
		star, ok := e.(*ast.Star)
		if !ok {
			c := &chosen{node: e, name: e.As(), named: true}
			if c.name == "" {
				c.name, c.named = a.nameOf(e)
			} else {
				a.reserved(c.name, e)
			}
			b.list = append(b.list, c)
			continue
		}
		a.facts.star = true
		if len(star.Replace) > 0 || len(star.Rename) > 0 {
			a.fault(UnsupportedSyntax, star, "* REPLACE", "")
		}
		without := map[string]bool{}
		for _, n := range star.Exclude {
			without[fold(n[len(n)-1])] = true
		}
		view := b.scope.view
		if star.Relation != "" {
			view = nil
			for _, r := range b.relations {
				if fold(r.alias) == fold(star.Relation) {
					for _, c := range r.columns {
						view = append(view, visible{c.name, r.expr(c.name), r.value(c), fold(r.alias)})
					}
				}
			}
		}
		if len(view) == 0 {
			a.fault(UnknownName, star, strings.TrimPrefix(star.Relation+".*", "."), "")
		}
		for i := range view {
			v := view[i]
			if !without[fold(v.name)] {
				b.list = append(b.list, &chosen{node: star, visible: &v, name: v.name, named: true})
			}
		}
	}
}

// nameOf is the name of an expression without an alias: the column's own, or the
// text it was written as. Only the first can be used elsewhere in the block.
func (a *analyzer) nameOf(e ast.Expr) (string, bool) {
	if c, ok := e.(*ast.Column); ok {
		name := c.Names[len(c.Names)-1]
		a.reserved(name, e)
		return name, true
	}
	if start, end := a.span(e); start >= 0 && end <= len(a.sql) && end-start <= 80 {
		if name := strings.Join(strings.Fields(a.sql[start:end]), " "); name != "" && !strings.HasPrefix(name, "__") {
			return name, false
		}
	}
	return "expression", false
}

// condition lowers what decides rows, one conjunct at a time. holds tells that
// every row of the block satisfies it.
func (b *block) condition(x *lowering, e ast.Expr, holds bool) ast.Expr {
	if c, ok := e.(*ast.Conjunction); ok && c.Op == ast.And {
		var args []ast.Expr
		for _, arg := range c.Args {
			args = append(args, b.condition(x, arg, holds))
		}
		return ast.Conjoin(ast.And, args...)
	}
	l, v := x.lower(e, true)
	x.truth(l, v, e)
	b.decided(x, l, v, holds, e)
	return l
}

// decided notes a condition: for the control label, for the facts, and as a link
// between tables if it equates two bare columns.
func (b *block) decided(x *lowering, cond ast.Expr, v value, holds bool, node ast.Node) {
	a := b.a
	if a.trial {
		return
	}
	b.control.from = b.control.from.with(v.from...)
	columns := a.facts.filter
	if x.clause == clauseOn {
		columns = a.facts.join
	}
	equates := false
	if c, ok := cond.(*ast.Comparison); ok && c.Op == ast.CompareEqual && len(owners(cond)) == 2 && x.clause != clauseFilter {
		l, lok := b.bare(c.Left)
		r, rok := b.bare(c.Right)
		if equates = lok && rok; equates {
			b.links = append(b.links, link{l, r, holds})
			columns = a.facts.join
		}
	}
	if !equates {
		b.asked = append(b.asked, asked{cond, node})
	}
	for _, s := range v.from {
		columns[s.String()] = true
	}
	if len(v.refs) > 1 && !equates {
		b.spanning = append(b.spanning, node)
	}
}

// bare finds the relation column that e is.
func (b *block) bare(e ast.Expr) (operand, bool) {
	alias, name, ok := owner(e)
	if !ok {
		return operand{}, false
	}
	for _, r := range b.relations {
		if fold(r.alias) == alias {
			if c := r.find(name); c != nil {
				return operand{e, r.value(c), r.node}, true
			}
		}
	}
	return operand{}, false
}

// shape refuses joins under which protected rows would be selected or weighted
// by a condition that no count sees: a condition across tables can make rows of
// some entities appear a thousand times and of others once.
func (b *block) shape() {
	if len(b.live) == 0 {
		return
	}
	a := b.a
	group := map[string]string{}
	var find func(s string) string
	find = func(s string) string {
		if up, ok := group[s]; ok && up != s {
			return find(up)
		}
		return s
	}
	for _, l := range b.links {
		if l.left.val.origin == nil || l.right.val.origin == nil {
			continue
		}
		x, _, _ := owner(l.left.expr)
		y, _, _ := owner(l.right.expr)
		group[find(x)] = find(y)
	}
	for _, r := range b.relations {
		if find(fold(r.alias)) != find(fold(b.relations[0].alias)) {
			a.fault(JoinNotEqui, r.node, r.alias, "")
		}
		if len(r.live) == 0 && r.block != nil && !r.block.plain() {
			a.fault(JoinSourceNotPlain, r.node, r.alias, "")
		}
	}
}

// plain reports whether the block's rows per key cannot be made up: it reads one
// table, or has one group key.
func (b *block) plain() bool {
	if b.aggregated {
		return len(b.keys) <= 1
	}
	return len(b.relations) == 1 && (b.relations[0].block == nil || b.relations[0].block.plain())
}
