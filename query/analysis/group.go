package analysis

import (
	"math"
	"strconv"

	"zonebox/query/ast"
)

// group finds the group keys and decides which references are enforced here.
// DISTINCT over protected rows is a GROUP BY of everything selected.
func (b *block) group(s *ast.Select) {
	x := &lowering{b: b, scope: &b.scope, clause: clauseGroup, aliases: b.list}
	distinct := s.Distinct && len(b.live) > 0
	b.aggregated = groups(s) || distinct
	b.out.Distinct = s.Distinct && !distinct
	if !b.aggregated {
		return
	}
	if s.GroupAll || distinct {
		for i, c := range b.list {
			if c.visible == nil && hasAggregate(c.node) {
				continue
			}
			x.aliases = b.list[:i]
			b.addKey(x, c)
		}
	}
	for _, e := range s.GroupBy {
		if c := b.ordinal(e); c != nil {
			b.addKey(x, c)
		} else {
			b.addKey(x, &chosen{node: e})
		}
	}
	for _, l := range b.live {
		fixed, shared := b.fixes(l)
		if b.root || !fixed {
			b.enforced = append(b.enforced, l)
			continue
		}
		b.deferred, b.shared = append(b.deferred, l), b.shared || shared
	}
	for _, k := range b.keys {
		b.out.GroupBy = append(b.out.GroupBy, ast.CloneExpr(k.expr))
	}
	b.whole = b.total(s)
}

// ordinal returns the select list item an integer constant stands for.
func (b *block) ordinal(e ast.Expr) *chosen {
	c, ok := e.(*ast.Constant)
	if !ok || fromAST(c.Type).class != integer {
		return nil
	}
	n, err := strconv.Atoi(c.Text)
	if err != nil || n < 1 || n > len(b.list) {
		b.a.fault(UnknownName, e, c.Text, "")
		return &chosen{node: untypedNull()}
	}
	return b.list[n-1]
}

func (b *block) addKey(x *lowering, c *chosen) {
	a := b.a
	faults := len(a.faults)
	defer func() { b.broken = b.broken || len(a.faults) > faults }()
	var e ast.Expr
	var v value
	if c.visible != nil {
		e, v = ast.CloneExpr(c.visible.expr), c.visible.val
	} else {
		e, v = x.lower(c.node, false)
	}
	if _, constant := e.(*ast.Constant); constant {
		t := v.typ
		if t.name == "" {
			t = named("INTEGER") // an untyped NULL
		}
		e = &ast.Cast{Meta: none(), Expr: e, Type: t.ast()} // a bare integer would be an ordinal
	}
	if _, twice := b.keyed(e); twice {
		return
	}
	if len(v.secret) > 0 && !granted(v, "groupkey") {
		a.fault(ComputeOnlyGroup, c.node, v.name(), v.name(), v.path...)
	}
	for _, t := range append(b.shows(v), v.tells...) {
		if !granted(t, "groupkey") {
			a.fault(ComputeOnlyGroup, c.node, t.name(), t.name(), t.path...)
		}
		if !t.origin.column.PublicCodes {
			v.secret = v.secret.with(t.secret...)
		}
	}
	for _, s := range v.from {
		a.facts.group[s.String()] = true
	}
	for _, s := range v.secret {
		b.control.secrets = append(b.control.secrets, use{s, c.node})
	}
	b.control.from = b.control.from.with(v.from...)
	b.keyAt[ast.PrintExpr(e)] = len(b.keys)
	b.keys = append(b.keys, key{e, v, c.node})
}

// project lowers the select list.
func (b *block) project() {
	for i, c := range b.list {
		var cells []cell
		x := &lowering{b: b, scope: &b.scope, clause: clauseSelect, post: b.aggregated, aliases: b.list[:i], item: i}
		if b.root {
			x.cells = &cells
		}
		var e ast.Expr
		var v value
		switch {
		case c.visible == nil:
			e, v = x.lower(c.node, false)
		case !b.aggregated:
			e, v = ast.CloneExpr(c.visible.expr), c.visible.val
		default:
			e, v = b.grouped(c)
		}
		if b.aggregated && len(b.deferred) == 0 {
			v = b.discharged(v)
		}
		for _, g := range cells {
			b.cell(g, i)
		}
		if len(b.live) > 0 && !b.aggregated {
			v.tells = append(v.tells[:len(v.tells):len(v.tells)], b.shows(v)...)
		}
		if b.a.hard && !b.root && v.typ.class == null {
			v.typ = named("VARCHAR") // else the engine chooses a type, and with it conversions
			e = tryCast(e, v.typ)
		}
		b.items = append(b.items, &item{c.name, c.node, e, v})
	}
	unique(b.items)
}

// grouped finds the key a column of * is.
func (b *block) grouped(c *chosen) (ast.Expr, value) {
	if k, ok := b.keyed(c.visible.expr); ok {
		return ast.CloneExpr(k.expr), k.val
	}
	b.a.fault(NotGrouped, c.node, c.name, "")
	return refused()
}

// discharged is the label of a value once every group rests on enough entities.
// A label from a public code list may leave then; other compute-only labels
// stay as they are.
func (b *block) discharged(v value) value {
	if !b.a.protected() {
		return v
	}
	if len(v.secret) > 0 && v.origin != nil && v.origin.column.PublicCodes && v.origin.column.Mode == ComputeOnly {
		v.secret, v.label = nil, true
	}
	v.live, v.perEntity = false, false
	return v
}

func (b *block) cell(g cell, output int) {
	name := "__c" + itoa(len(b.hidden)+1)
	b.hidden = append(b.hidden, Hidden{Name: name, Kind: "cell", Table: g.ref.table.Name, K: g.ref.table.K, Output: output})
	b.counts, b.guards = append(b.counts, g.count), append(b.guards, g)
}

// having lowers HAVING: its aggregates carry the same guards as released ones,
// so a group shown or dropped by one tells nothing that its cell would not.
func (b *block) having(e ast.Expr) {
	x := &lowering{b: b, scope: &b.scope, clause: clauseHaving, post: true, aliases: b.list, item: -1}
	l, v := x.lower(e, true)
	x.truth(l, v, e)
	across := len(b.spanning)
	b.decided(x, l, v, false, e)
	if len(b.deferred) == 0 {
		b.spanning = b.spanning[:across] // it chooses among groups that may be released
	}
	b.out.Having = l
}

// sort lowers ORDER BY. Below the root it matters beside LIMIT only.
func (b *block) sort(s *ast.Select) {
	a := b.a
	if !b.root && s.Limit == nil && s.Offset == nil {
		return
	}
	record := b.root && len(b.live) > 0 && !b.aggregated
	named := b.root
	for _, o := range s.OrderBy {
		if star, ok := o.Expr.(*ast.Star); ok {
			a.fault(UnsupportedSyntax, star, "ORDER BY ALL", "")
			continue
		}
		e, v, output := b.sortKey(o.Expr)
		switch {
		case v.token:
			a.fault(TokenOrder, o.Expr, v.name(), "", v.path...)
		case len(v.secret) > 0 && !granted(v, "order"):
			a.fault(ComputeOnlyOrder, o.Expr, v.name(), v.name(), v.path...)
		case record && output < 0:
			a.fault(OrderNotOutput, o.Expr, a.text(o.Expr), "")
		}
		b.control.from = b.control.from.with(v.from...)
		for _, src := range v.secret {
			b.control.secrets = append(b.control.secrets, use{src, o.Expr})
		}
		desc := o.Direction == ast.Descending
		b.order, named = append(b.order, Order{output, desc, o.Nulls == ast.NullsFirst}), named && output >= 0
		b.out.OrderBy = append(b.out.OrderBy, ast.Order{Expr: e, Direction: o.Direction, Nulls: o.Nulls})
	}
	switch {
	case record && len(b.order) > 0:
		b.ties()
	case !named:
		b.order = nil
	}
}

// sortKey lowers one key. A key that is an output is written as its position.
func (b *block) sortKey(e ast.Expr) (ast.Expr, value, int) {
	if c := b.ordinal(e); c != nil {
		for i := range b.list {
			if b.list[i] == c {
				return number(i + 1), b.items[i].val, i
			}
		}
		l, v := refused()
		return l, v, -1
	}
	if c, ok := e.(*ast.Column); ok && len(c.Names) == 1 {
		if i, ok := b.listAt[fold(c.Names[0])]; ok {
			return number(i + 1), b.items[i].val, i
		}
	}
	x := &lowering{b: b, scope: &b.scope, clause: clauseOrder, post: b.aggregated, aliases: b.list, item: -1}
	l, v := x.lower(e, false)
	if b.aggregated && len(b.deferred) == 0 {
		v = b.discharged(v)
	}
	for i, it := range b.items {
		if ast.EqualExpr(it.expr, l) {
			return number(i + 1), it.val, i
		}
	}
	if _, constant := l.(*ast.Constant); constant {
		l = tryCast(l, named("VARCHAR")) // a bare integer would be an ordinal
	}
	return l, v, -1
}

// ties orders equal rows by what is released of them: the order of storage is a
// join key between answers. Tokens cannot help, since their order inside the
// zone is one too.
func (b *block) ties() {
	for i, it := range b.items {
		if it.val.token {
			continue
		}
		used := false
		for _, o := range b.order {
			used = used || o.Output == i
		}
		if !used {
			b.out.OrderBy = append(b.out.OrderBy, ast.Order{Expr: number(i + 1), Direction: ast.Ascending, Nulls: ast.NullsLast})
		}
	}
}

// cut lowers LIMIT and OFFSET. At the root of a protected statement the gate
// applies them, after the release rules.
func (b *block) cut(s *ast.Select) {
	a := b.a
	limit, offset := b.count(s.Limit), b.count(s.Offset)
	if limit == nil && offset == nil {
		return
	}
	if b.root && a.protected() {
		b.limit, b.offset = limit, offset
		return
	}
	if len(b.live) > 0 && (!b.aggregated || len(b.deferred) > 0) {
		node := s.Limit
		if node == nil {
			node = s.Offset
		}
		a.fault(LimitUnderProtected, node, "LIMIT", "")
	}
	if limit != nil {
		b.out.Limit = limit.expr()
	}
	if offset != nil {
		b.out.Offset = offset.expr()
	}
}

func (b *block) count(e ast.Expr) *Count {
	if e == nil {
		return nil
	}
	if p, t, ok := parameterOf(e); ok && t.name == "BIGINT" {
		return &Count{Parameter: p.Name}
	}
	c, ok := e.(*ast.Constant)
	if ok && !c.Null && fromAST(c.Type).class == integer {
		if n, err := strconv.ParseInt(c.Text, 10, 64); err == nil && n >= 0 {
			return &Count{N: n}
		}
	}
	b.a.fault(UnsupportedSyntax, e, "LIMIT", "")
	return nil
}

func (c Count) expr() ast.Expr {
	if c.Parameter != "" {
		return parameter(c.Parameter, named("BIGINT"))
	}
	return bigint(c.N)
}

// bigint is n as the engine's parser types it, so that the print reads back as
// the same tree.
func bigint(n int64) ast.Expr {
	id := "INTEGER"
	if n > math.MaxInt32 {
		id = "BIGINT"
	}
	return &ast.Constant{Meta: none(), Type: ast.Type{ID: id}, Text: strconv.FormatInt(n, 10)}
}

// finish adds what enforces the minimum group and what the block hands on.
func (b *block) finish() {
	a := b.a
	b.indirect()
	if len(b.live) > 0 {
		for _, n := range b.spanning {
			a.fault(ConditionSpansTables, n, a.text(n), "")
		}
	}
	b.record = b.root && len(b.live) > 0 && !b.aggregated
	if b.record {
		for _, u := range b.control.secrets {
			a.fault(ComputeOnlyRecords, u.node, u.source.String(), "", u.source.String())
		}
	}
	switch {
	case b.root && !b.aggregated:
	case !b.aggregated:
		for _, l := range b.live {
			b.carried = append(b.carried, as(entityName(l.ref), ast.CloneExpr(l.code)), as(rowName(l.ref), ast.CloneExpr(l.rows)))
		}
	default:
		b.enforce()
	}
	if b.root {
		b.judge()
	}
}

// judge refuses outputs of the answer that must not leave.
func (b *block) judge() {
	for _, it := range b.items {
		if len(it.val.secret) == 0 {
			continue
		}
		code := ComputeOnlyProjected
		if b.aggregated && it.val.origin != nil {
			code = GroupLabelNotPublic
		}
		b.a.fault(code, it.node, it.val.name(), it.val.name(), append([]string{it.name}, it.val.path...)...)
	}
}

func as(name string, e ast.Expr) ast.Expr {
	e.SetAs(name)
	return e
}
