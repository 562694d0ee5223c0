package analysis

import (
	"slices"

	"zonebox/query/ast"
)

// query lowers a query. What is no SELECT by itself becomes the source of one:
// ORDER BY and LIMIT of a set operation name its columns, as those of a SELECT *
// over it do.
func (a *analyzer) query(q ast.Query, e *env, root bool) *block {
	switch q := q.(type) {
	case *ast.Select:
		if v, ok := q.From.(*ast.Values); ok {
			return a.query(a.listed(q, v), e, root)
		}
		return a.block(q, e, root)
	case *ast.SetOperation:
		if !root && len(q.With) == 0 && len(q.OrderBy) == 0 && q.Limit == nil && q.Offset == nil {
			return a.union(q, e)
		}
		bare := *q
		bare.With, bare.OrderBy, bare.Limit, bare.Offset = nil, nil, nil, nil
		return a.block(&ast.Select{With: q.With, List: []ast.Expr{&ast.Star{Meta: none()}}, From: &ast.Derived{Location: ast.NoLocation, Alias: "set_operation", Query: &bare},
			OrderBy: q.OrderBy, Limit: q.Limit, Offset: q.Offset}, e, root)
	}
	a.fault(UnsupportedSyntax, q, "WITH RECURSIVE", "")
	return a.block(&ast.Select{List: []ast.Expr{untypedNull()}, From: &ast.Empty{}}, e, root)
}

// listed writes VALUES as rows without a table, put one below the other. The engine
// takes no aggregate there: it is not over those rows.
func (a *analyzer) listed(s *ast.Select, v *ast.Values) ast.Query {
	var rows []ast.Query
	for _, row := range v.Rows {
		one := &ast.Select{From: &ast.Empty{}}
		for i, e := range row {
			ast.Walk(e, func(n ast.Node) bool {
				if f, ok := n.(*ast.Function); ok && aggregate(f.Name) {
					a.fault(MisplacedAggregate, f, f.Name, "")
				}
				_, inner := n.(ast.Query)
				return !inner
			})
			one.List = append(one.List, as("col"+itoa(i), ast.CloneExpr(e)))
		}
		rows = append(rows, one)
	}
	all := &ast.SetOperation{With: s.With, Kind: ast.Union, All: true, Inputs: rows, OrderBy: s.OrderBy, Limit: s.Limit, Offset: s.Offset}
	if len(rows) == 1 {
		one := rows[0].(*ast.Select)
		one.With, one.OrderBy, one.Limit, one.Offset = s.With, s.OrderBy, s.Limit, s.Offset
		return one
	}
	return all
}

// union lowers a set operation to a block of parts. Rows of protected tables may
// be put below other rows, UNION ALL, and nothing else: each row keeps the entity
// code of the reference it comes from, and has none of the others', so that an
// aggregate outside rests on K entities of each. To drop duplicates, or to
// compare the rows of two tables, would be a condition on whole rows.
func (a *analyzer) union(q *ast.SetOperation, e *env) *block {
	b := &block{a: a, set: &ast.SetOperation{Kind: q.Kind, All: q.All}}
	for _, in := range q.Inputs {
		part := a.query(a.input(in), e, false)
		b.parts = append(b.parts, part)
		b.control = b.control.with(part.control)
		b.live = append(b.live, part.live...)
		if len(part.items) != len(b.parts[0].items) {
			a.fault(TypeMismatch, in, string(q.Kind), "")
			part.items = b.parts[0].items
		}
	}
	if len(b.live) > 0 && (q.Kind != ast.Union || !q.All) {
		a.fault(SetOverProtected, q, string(q.Kind), "")
	}
	from := &rowsOf{kind: q.Kind}
	for i := range b.parts[0].items {
		b.items = append(b.items, b.merged(i, from))
	}
	if q.Kind != ast.Union || !q.All { // which rows there are depends on every value
		for _, it := range b.items {
			b.control.from = b.control.from.with(it.val.from...)
			if len(it.val.secret) > 0 {
				a.fault(ComputeOnlyExpression, it.node, it.val.name(), it.val.name(), it.val.path...)
			}
		}
	}
	return b
}

// input writes an input of a set operation as a SELECT: one of another kind, or a
// list of values, as the source of it.
func (a *analyzer) input(q ast.Query) ast.Query {
	if s, ok := q.(*ast.Select); ok {
		v, ok := s.From.(*ast.Values)
		if !ok {
			return q
		}
		q = a.listed(s, v)
	}
	if s, ok := q.(*ast.SetOperation); ok {
		return &ast.Select{List: []ast.Expr{&ast.Star{Meta: none()}}, From: &ast.Derived{Location: ast.NoLocation, Alias: "set_operation", Query: s}}
	}
	return q
}

// rowsOf tells which columns of a union are read from the same rows. A row has
// the columns of one part only, so that they count as read from one reference,
// unless a part joins several: then those that it reads from different ones do.
type rowsOf struct {
	kind ast.SetKind
	from [][]*reference // by part
	ref  []*reference
}

// of returns what a column counts as read from that the parts read from these
// references, nil for none.
func (r *rowsOf) of(from []*reference) *reference {
	for i, f := range r.from {
		if slices.Equal(f, from) {
			return r.ref[i]
		}
	}
	ref := &reference{table: &table{Table: &Table{Name: string(r.kind)}}, alias: string(r.kind)}
	r.from, r.ref = append(r.from, from), append(r.ref, ref)
	return ref
}

// merged is column i of the union: what it is in any of the parts.
func (b *block) merged(i int, from *rowsOf) *item {
	a := b.a
	var es []ast.Expr
	var vs []value
	for _, part := range b.parts {
		es, vs = append(es, part.items[i].expr), append(vs, part.items[i].val)
	}
	first := b.parts[0].items[i]
	out := combine(vs...)
	out.keep(vs...)
	out.constant, out.typ = false, vs[0].typ
	out.token, out.nullable, out.each = vs[0].token, false, true
	rows := false // some are of a table
	for n, v := range vs {
		rows = rows || len(b.parts[n].live) > 0 && !v.aggregate
		out.nullable = out.nullable || v.nullable
		out.perEntity = out.perEntity || v.perEntity
		out.measured, out.counts = out.measured.with(v.measured...), out.counts || v.counts
		out.label = out.label || v.label
		if v.token != out.token {
			a.fault(TokenNotBare, b.parts[n].items[i].node, v.name(), "", v.path...)
		}
		part := b.parts[n]
		own := v.perEntity || len(v.among) > 0 || v.origin != nil && part.isLive(v.origin.ref)
		out.mixed = out.mixed || v.mixed || len(part.live) > 0 && !own
		out.each = out.each && (v.origin != nil || v.each)
		out.among = append(out.among, v.among...)
		if v.origin != nil {
			out.among = append(out.among, *v.origin)
		}
	}
	if rows {
		out.aggregate, out.label = false, false
	}
	if a.hard {
		t, ok := settle(es, vs)
		for n, v := range vs { // the engine would make text of all the others
			if ok && literal(v) && !v.nullable && t.class != text {
				a.fault(TypeMismatch, b.parts[n].items[i].node, first.name, "")
			}
		}
		if !ok {
			a.fault(TypeMismatch, first.node, first.name, "")
		}
		out.typ = t
		for n, part := range b.parts {
			out.nullable = out.nullable || es[n] != part.items[i].expr // converted, to NULL where that fails
			part.items[i].expr = es[n]
		}
	} else {
		for _, v := range vs {
			if v.typ != out.typ {
				out.typ = typ{}
			}
		}
	}
	refs := make([]*reference, len(vs))
	for n, v := range vs {
		switch part := b.parts[n]; {
		case len(part.live) == 0: // its rows are results
		case len(v.refs) > 1:
			return &item{first.name, first.node, first.expr, out}
		case len(v.refs) == 0:
			refs[n] = part.live[0].ref
		default:
			refs[n] = v.refs[0]
		}
	}
	out.refs = []*reference{from.of(refs)}
	return &item{first.name, first.node, first.expr, out}
}

// query is the rewrite of b.
func (b *block) query() ast.Query {
	if b.set != nil {
		return b.set
	}
	return b.out
}

// assembleParts writes the select lists of a union: the outputs, and the code of
// every live reference, which is null in the rows of other parts.
func (b *block) assembleParts(scans map[*table]map[string]bool) {
	for _, part := range b.parts {
		part.gather(func(int) bool { return true })
		codes := map[string]ast.Expr{}
		for _, c := range part.carried {
			codes[c.As()] = c
		}
		part.carried = nil
		for _, l := range b.live {
			for _, name := range []string{entityName(l.ref), rowName(l.ref)} {
				c := codes[name]
				if c == nil {
					c = as(name, &ast.Cast{Meta: none(), Expr: untypedNull(), Type: ast.Type{ID: "UINTEGER"}})
				}
				part.carried = append(part.carried, c)
			}
		}
		for i, it := range b.items {
			part.items[i].name = it.name
		}
		part.assemble(nil, scans)
		b.set.Inputs = append(b.set.Inputs, part.query())
	}
}
