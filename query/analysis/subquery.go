package analysis

import "zonebox/query/ast"

// subquery lowers a query in an expression. It stands by itself, so that it is
// the same for every row around it, and what it reads of protected tables is
// aggregated inside, over K entities. A scalar one has one row by its form: the
// engine would raise an error over a second.
func (x *lowering) subquery(e *ast.Subquery) (ast.Expr, value) {
	a := x.b.a
	if a.trial { // no group key: lowering it twice would read its tables twice
		a.fault(UnsupportedSyntax, e, "(SELECT …)", "")
		return refused()
	}
	inner := a.query(e.Query, x.b.env, false)
	if len(inner.live) > 0 {
		a.fault(SubqueryProtected, e, a.text(e), "")
		return refused()
	}
	if len(inner.items) == 0 {
		return refused() // * of what is not known, which is on record
	}
	if e.Kind != ast.Exists && len(inner.items) != 1 {
		a.fault(TypeMismatch, e, "(SELECT …)", "")
		return refused()
	}
	if a.hard && e.Kind == ast.Scalar && !inner.single() {
		a.fault(MayRaise, e, "(SELECT …)", "")
		return refused()
	}
	first := inner.items[0]
	x.consume(operand{first.expr, first.val, e})
	out := combine(first.val)
	out.typ, out.constant, out.refs, out.secret, out.live = first.val.typ, false, nil, nil, false
	sub := &ast.Subquery{Meta: none(), Kind: e.Kind}
	if e.Kind != ast.Scalar {
		out.typ = named("BOOLEAN")
	}
	if e.Kind == ast.Any {
		l, v := x.lower(e.Left, false)
		x.consume(operand{l, v, e.Left})
		if a.hard && (v.typ != first.val.typ || v.typ.class == unknown || v.typ.class == null) {
			a.fault(TypeMismatch, e, "IN", "")
		}
		sub.Left, sub.Op = l, e.Op
		out = combine(v, out)
		out.typ, out.constant = named("BOOLEAN"), false
	}
	out.from = out.from.with(inner.control.from...)
	x.b.control = x.b.control.with(inner.control)
	inner.assemble(nil, a.scans)
	sub.Query = inner.query()
	return sub, out
}

// single reports whether b has one row at most, whatever it reads.
func (b *block) single() bool {
	return b.set == nil && (b.aggregated && len(b.keys) == 0 || len(b.relations) == 0)
}
