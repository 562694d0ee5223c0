package analysis

import (
	"strings"

	"zonebox/query/ast"
)

// common is a common table with the names visible where it was written.
type common struct {
	cte *ast.CTE
	env *env
}

// env is a chain of WITH clauses, innermost first.
type env struct {
	up   *env
	name string
	def  common
}

func (e *env) find(name string) *common {
	for ; e != nil; e = e.up {
		if e.name == fold(name) {
			return &e.def
		}
	}
	return nil
}

// link is an equality of two bare columns that joins two relations.
type link struct {
	left, right operand
	holds       bool // for every row: not the condition of an outer join
}

// nowhere stands for a part of a FROM clause that was refused. Nothing runs it, but
// what holds it is printed and compared, which needs something with a print.
func nowhere() *ast.Table { return &ast.Table{Location: ast.NoLocation, Name: "__nowhere"} }

// from lowers a FROM clause into relations of b and returns its rewrite.
func (b *block) from(f ast.From, e *env) (ast.From, scope) {
	switch f := f.(type) {
	case *ast.Empty:
		return f, scope{}
	case *ast.Table:
		return b.table(f, e)
	case *ast.Derived:
		inner := b.a.query(f.Query, e, false)
		return b.derived(inner, f.Alias, f.Columns, f)
	case *ast.Join:
		return b.join(f, e)
	}
	b.a.fault(UnsupportedSyntax, f, "FROM", "")
	return nowhere(), scope{}
}

func (b *block) table(t *ast.Table, e *env) (ast.From, scope) {
	a := b.a
	if !a.step(t) {
		return nowhere(), scope{}
	}
	name := t.Name
	if t.Schema != "" || t.Catalog != "" {
		name = strings.TrimPrefix(t.Catalog+"."+t.Schema+"."+t.Name, ".")
		a.fault(UnknownName, t, name, "")
		return nowhere(), scope{}
	}
	alias := t.Alias
	if alias == "" {
		alias = t.Name
	}
	if c := e.find(t.Name); c != nil {
		inner := a.query(c.cte.Query, c.env, false)
		inner.rename(c.cte.Columns, t)
		return b.derived(inner, alias, t.Columns, t)
	}
	base := a.tables[fold(t.Name)]
	if base == nil {
		a.fault(UnknownName, t, name, "")
		return nowhere(), scope{}
	}
	ref := &reference{id: len(a.references) + 1, table: base, alias: alias}
	a.references = append(a.references, ref)
	a.facts.tables[base.Name] = true
	if base.protected && base.Entity == "" {
		a.fault(NoEntityKey, t, base.Name, "")
	}
	r := &relation{alias: alias, ref: ref, node: t}
	for i := range base.Columns {
		c := &base.Columns[i]
		if !c.Granted {
			continue
		}
		s := source{base, c}
		v := value{typ: columnType(c.Type), nullable: c.Nullable, from: sources{s}, refs: []*reference{ref}, origin: &origin{ref, c},
			masked: c.Mode == Masked, token: c.Mode == Masked && c.Token, recipe: c.Recipe, live: base.protected, kept: true, keeps: sources{s}, path: []string{s.String()}}
		if secret(c, a.opt) {
			v.secret = sources{s}
		}
		r.columns = append(r.columns, &column{name: c.Name, val: v})
	}
	if base.protected {
		r.live = []live{{ref: ref, code: r.expr("__entity"), rows: r.expr("__row")}}
	}
	if len(t.Columns) > 0 {
		// The rewrite names physical columns, so aliases of a base table's
		// columns would need a derived table in between.
		a.fault(UnsupportedSyntax, t, alias+"(…)", "")
	}
	return b.add(r, &ast.Table{Location: ast.NoLocation, Name: base.Name, Alias: alias})
}

// derived makes a relation of a block.
func (b *block) derived(inner *block, alias string, names []string, node ast.Node) (ast.From, scope) {
	if alias == "" {
		b.a.unnamed++
		alias = "unnamed_subquery" + strings.Repeat("_", b.a.unnamed)
	}
	inner.rename(names, node)
	r := &relation{alias: alias, block: inner, control: inner.control, node: node}
	one := &reference{table: &table{Table: &Table{Name: alias}}, alias: alias}
	for _, it := range inner.items {
		v := it.val
		switch {
		case len(inner.live) == 0:
			v.refs = []*reference{one} // its rows are results, whatever they were made of
		case len(v.refs) == 0:
			v.refs = []*reference{inner.live[0].ref} // a constant, but only where there is a row
		}
		r.columns = append(r.columns, &column{name: it.name, val: v})
	}
	for _, l := range inner.live {
		r.live = append(r.live, live{l.ref, r.expr(entityName(l.ref)), r.expr(rowName(l.ref)), l.of, l.ofColumn})
	}
	return b.add(r, &ast.Derived{Location: ast.NoLocation, Alias: alias, Query: inner.query()})
}

func (b *block) add(r *relation, f ast.From) (ast.From, scope) {
	a := b.a
	a.reserved(r.alias, r.node)
	for _, o := range b.relations {
		if fold(o.alias) == fold(r.alias) {
			a.fault(AmbiguousName, r.node, r.alias, "")
		}
	}
	b.relations = append(b.relations, r)
	b.control = b.control.with(r.control)
	s := scope{relations: []*relation{r}}
	for _, c := range r.columns {
		s.view = append(s.view, visible{c.name, r.expr(c.name), r.value(c), fold(r.alias)})
	}
	return f, s
}

// join lowers a join. Merged columns are written out, so that the rewrite has
// ON conditions only.
func (b *block) join(j *ast.Join, e *env) (ast.From, scope) {
	a := b.a
	left, ls := b.from(j.Left, e)
	right, rs := b.from(j.Right, e)
	for _, side := range []struct {
		s    *scope
		null bool
	}{{&ls, j.Kind == ast.RightJoin || j.Kind == ast.FullJoin}, {&rs, j.Kind == ast.LeftJoin || j.Kind == ast.FullJoin}} {
		if !side.null {
			continue
		}
		for _, r := range side.s.relations {
			r.nullable = true
		}
		for i := range side.s.view {
			side.s.view[i].val.nullable = true
		}
	}
	both := scope{relations: append(append([]*relation(nil), ls.relations...), rs.relations...)}
	out := &ast.Join{Location: ast.NoLocation, Kind: j.Kind, Form: j.Form, Left: left, Right: right}
	using := j.Using
	switch {
	case j.Form == ast.NaturalJoin:
		for _, v := range ls.view {
			if rs.has(v.name) {
				using = append(using, v.name)
			}
		}
		if len(using) == 0 {
			a.fault(UnknownName, j, "NATURAL JOIN", "")
			return out, both
		}
	case j.Form == ast.CrossJoin:
		both.view = append(append(both.view, ls.view...), rs.view...)
		return out, both
	case j.Form != ast.RegularJoin:
		a.fault(UnsupportedSyntax, j, string(j.Form), "")
		return out, both
	}
	out.Form = ast.RegularJoin
	inner := j.Kind == ast.InnerJoin
	if len(using) == 0 {
		both.view = append(append(both.view, ls.view...), rs.view...)
		out.On = b.condition(&lowering{b: b, scope: &both, clause: clauseOn}, j.On, inner)
		return out, both
	}
	var conds []ast.Expr
	merged := map[string]visible{}
	for _, name := range using {
		if _, dup := merged[fold(name)]; dup {
			a.fault(AmbiguousName, j, name, "")
			continue
		}
		ref := &ast.Column{Meta: ast.Meta{Location: j.Location}, Names: []string{name}}
		l, lv, ok1 := ls.resolve(a, ref)
		r, rv, ok2 := rs.resolve(a, ref)
		if !ok1 || !ok2 {
			continue
		}
		x := &lowering{b: b, scope: &both, clause: clauseOn}
		cond, cv := x.compare(ast.CompareEqual, operand{l, lv, ref}, operand{r, rv, ref}, ref, true)
		b.decided(x, cond, cv, inner, ref)
		conds = append(conds, cond)
		merged[fold(name)] = a.merge(j.Kind, name, operand{l, lv, ref}, operand{r, rv, ref})
	}
	for _, v := range ls.view {
		if m, ok := merged[fold(v.name)]; ok {
			v = m
		}
		both.view = append(both.view, v)
	}
	for _, v := range rs.view {
		if _, ok := merged[fold(v.name)]; !ok {
			both.view = append(both.view, v)
		}
	}
	out.On = ast.Conjoin(ast.And, conds...)
	return out, both
}

// merge is the column USING leaves: the side that is always there, or the first
// that is.
func (a *analyzer) merge(kind ast.JoinKind, name string, l, r operand) visible {
	switch kind {
	case ast.RightJoin:
		return visible{name: name, expr: r.expr, val: r.val}
	case ast.FullJoin:
		v := combine(l.val, r.val)
		v.token = l.val.token && r.val.token
		es := []ast.Expr{l.expr, r.expr}
		switch {
		case a.hard: // where there is no such type, the comparison is at fault
			v.typ, _ = settle(es, []value{l.val, r.val})
		case l.val.typ == r.val.typ:
			v.typ = l.val.typ
		}
		return visible{name: name, expr: &ast.Operator{Meta: none(), Kind: ast.Coalesce, Args: es}, val: v}
	}
	return visible{name: name, expr: l.expr, val: l.val}
}

// rename applies the column aliases of a derived or common table.
func (b *block) rename(names []string, node ast.Node) {
	if len(names) > len(b.items) {
		b.a.fault(UnknownName, node, names[len(b.items)], "")
		return
	}
	for i, n := range names {
		b.a.reserved(n, node)
		b.items[i].name = n
	}
	unique(b.items)
}

// unique gives repeated names the suffixes the engine gives them.
func unique(items []*item) {
	seen, last := map[string]bool{}, map[string]int{}
	for _, it := range items {
		name, n := it.name, last[fold(it.name)]
		for seen[fold(name)] {
			n++
			name = it.name + "_" + itoa(n)
		}
		last[fold(it.name)] = n
		it.name = name
		seen[fold(name)] = true
	}
}

// reserved refuses names with the prefix of our own columns, and the one
// qualifier the engine reads as "alias of the select list".
func (a *analyzer) reserved(name string, node ast.Node) {
	if strings.HasPrefix(name, "__") || fold(name) == "alias" {
		a.fault(ReservedName, node, name, "")
	}
}
