package analysis

import "zonebox/query/ast"

// subquery lowers a query in an expression. It stands by itself, so that it is
// the same for every row around it, and what it reads of protected tables is
// aggregated inside, over K entities. A scalar one has one row by its form: the
// engine would raise an error over a second.
//
// An expression is lowered wherever it is used, a group key or an alias, and means
// the same query there.
func (x *lowering) subquery(e *ast.Subquery) (ast.Expr, value) {
	a := x.b.a
	inner := a.asked[e]
	switch {
	case inner != nil:
	case a.trial: // it would read its tables for a comparison only
		a.fault(UnsupportedSyntax, e, "(SELECT …)", "")
		return refused()
	default:
		if inner = x.ask(e); inner == nil {
			return refused()
		}
		a.asked[e] = inner
	}
	first := inner.items[0].val
	out := combine(first)
	out.typ, out.constant, out.refs, out.secret, out.live = first.typ, false, nil, nil, false
	sub := &ast.Subquery{Meta: none(), Kind: e.Kind, Query: ast.Clone(inner.query())}
	if e.Kind != ast.Scalar {
		out.typ = named("BOOLEAN")
	}
	if e.Kind == ast.Any {
		l, v := x.lower(e.Left, false)
		x.consume(operand{l, v, e.Left})
		if a.hard && !matches(v.typ, first.typ) {
			a.fault(TypeMismatch, e, "IN", "")
		}
		sub.Left, sub.Op = l, e.Op
		out = combine(v, out)
		out.typ, out.constant, out.secret = named("BOOLEAN"), false, nil
	}
	out.from = out.from.with(inner.control.from...)
	x.b.control = x.b.control.with(inner.control)
	return sub, out
}

// ask lowers the query of e. It returns nil if a fault is on record.
func (x *lowering) ask(e *ast.Subquery) *block {
	a := x.b.a
	a.around = append(a.around, x.scope)
	inner := a.query(e.Query, x.b.env, false)
	a.around = a.around[:len(a.around)-1]
	switch {
	case len(inner.live) > 0:
		a.fault(SubqueryProtected, e, a.text(e), "")
	case len(inner.items) == 0: // * of what is not known, which is on record
	case e.Kind != ast.Exists && len(inner.items) != 1:
		a.fault(TypeMismatch, e, "(SELECT …)", "")
	case a.hard && e.Kind == ast.Scalar && !inner.single():
		a.fault(MayRaise, e, "(SELECT …)", "")
	default:
		first := inner.items[0]
		x.consume(operand{first.expr, first.val, e})
		inner.assemble(nil, a.scans)
		return inner
	}
	return nil
}

// matches reports whether the engine compares the two without a conversion that
// could fail: whole numbers become wider ones.
func matches(a, b typ) bool {
	return a.class != unknown && a.class != null && (a == b || a.class == integer && b.class == integer)
}

// single reports whether b has one row at most, whatever it reads.
func (b *block) single() bool {
	return b.set == nil && (b.aggregated && len(b.keys) == 0 || len(b.relations) == 0)
}
