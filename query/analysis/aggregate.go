package analysis

import (
	"slices"

	"zonebox/query/ast"
)

// cell is one guard of an output: the count that must reach k.
type cell struct {
	ref   *reference
	count ast.Expr
	rows  ast.Expr // over which it counts
}

// aggregateCall lowers an aggregate. Over rows of protected tables it takes a
// bare column of theirs (an expression would select rows as FILTER does, but
// without a count of its own), and becomes NULL unless enough entities of every
// reference stand behind exactly the rows it uses.
func (x *lowering) aggregateCall(f *Function, e *ast.Function) (ast.Expr, value) {
	b, a := x.b, x.b.a
	if !x.post {
		a.fault(MisplacedAggregate, e, e.Name, "")
		return refused()
	}
	if len(e.OrderBy) > 0 || e.Distinct && len(e.Args) != 1 {
		a.fault(UnsupportedSyntax, e, e.Name, "")
		return refused()
	}
	row := &lowering{b: b, scope: x.scope, clause: clauseArgument}
	args, vs, ops := make([]ast.Expr, len(e.Args)), make([]value, len(e.Args)), make([]operand, len(e.Args))
	for i, arg := range e.Args {
		args[i], vs[i] = row.lower(arg, false)
		ops[i] = operand{args[i], vs[i], arg}
	}
	if _, ok := f.shape(ops); !ok && f.Args != nil && (a.hard || len(vs) != 1) {
		a.fault(TypeMismatch, e, e.Name, "")
		return refused()
	}
	call := &ast.Function{Meta: none(), Schema: e.Schema, Name: e.Name, Args: args, Distinct: e.Distinct}
	before := len(b.control.secrets)
	if e.Filter != nil {
		call.Filter = b.condition(&lowering{b: b, scope: x.scope, clause: clauseFilter}, e.Filter, false)
	}
	out := combine(vs...)
	out.typ, out.aggregate, out.constant = result(f, vs), true, false
	if len(b.live) == 0 {
		for _, o := range ops {
			x.consume(o)
		}
		out.secret = nil
		x.widen(f, ops, call, &out)
		return call, out
	}
	if len(vs) == 1 && !b.argument(f, e, args[0], vs[0]) {
		return refused()
	}
	if chosen := b.chose + len(b.control.secrets) - before; chosen > 0 && (f.Reveals || e.Distinct && !b.entity(vs[0])) {
		a.fault(AggregateReveals, e, e.Name, "", vs[0].path...) // whether the one who has a value meets the condition
		return refused()
	}
	x.widen(f, ops, call, &out)
	nullable := len(vs) == 1 && vs[0].nullable && !vs[0].constant
	if len(b.deferred) > 0 {
		// A count of 0 for most entities and 1 for a few would be summed by the
		// block outside with every entity behind it; so would the values of a few
		// in one part of a union, where another part has some for every entity.
		if call.Filter != nil || nullable && (f.Name == "count" || b.shared) {
			a.fault(PerEntityAggregate, e, e.Name, "")
			return refused()
		}
		out.live, out.perEntity, out.masked, out.recipe = true, true, false, ""
		out.refs = []*reference{b.deferred[0].ref}
		out.measured, out.counts = nil, f.Name == "count" || len(vs) == 0
		for _, v := range vs {
			if !out.counts {
				out.measured = out.measured.with(v.measures()...)
			}
			out.counts = out.counts || v.counts
		}
	} else {
		out.live, out.secret, out.masked, out.recipe = false, nil, false, ""
	}
	var present ast.Expr
	if nullable {
		present = &ast.Operator{Meta: none(), Kind: ast.IsNotNull, Args: []ast.Expr{ast.CloneExpr(args[0])}}
	}
	rows := ast.Conjoin(ast.And, clones(call.Filter, present)...)
	x.calls(f, e, vs, call, rows)
	if rows == nil || len(b.enforced) == 0 {
		return call, out
	}
	var conds []ast.Expr
	for _, l := range b.enforced {
		count := b.entities(l, rows)
		if x.cells != nil {
			*x.cells = append(*x.cells, cell{l.ref, count, rows})
		}
		conds = append(conds, atLeast(ast.CloneExpr(count), l.ref.table.K))
	}
	return &ast.Case{Meta: none(), Whens: []ast.When{{Cond: ast.Conjoin(ast.And, conds...), Then: call}}, Else: untypedNull()}, out
}

// widen makes a sum or average that could overflow one of DOUBLE, which
// saturates: one of HUGEINT, unless those are sums of narrower numbers, and one of
// a decimal with 38 digits less those of 10^11 rows.
func (x *lowering) widen(f *Function, args []operand, call *ast.Function, out *value) {
	if !x.b.a.hard || !f.Rounds {
		return
	}
	switch v := args[0].val; {
	case v.typ.class == decimal && v.typ.width > 27, huge(v.typ) > 0 && !v.total:
		call.Args[0], out.typ = tryCast(call.Args[0], named("DOUBLE")), named("DOUBLE")
	case v.typ.class == integer:
		out.total = f.Result == "sum"
	}
}

func clones(es ...ast.Expr) []ast.Expr {
	var out []ast.Expr
	for _, e := range es {
		if e != nil {
			out = append(out, ast.CloneExpr(e))
		}
	}
	return out
}

// argument judges the argument of an aggregate over protected rows.
func (b *block) argument(f *Function, e *ast.Function, arg ast.Expr, v value) bool {
	a := b.a
	if v.constant {
		if f.Name == "count" && !e.Distinct && !v.nullable {
			return true
		}
		a.fault(AggregateArgument, e, e.Name, "")
		return false
	}
	_, _, bare := owner(arg)
	own := bare && !v.mixed && (v.perEntity || v.origin != nil && b.isLive(v.origin.ref) || v.live && len(v.among) > 0)
	permission := "agg:" + f.Name
	if f.Name == "mean" {
		permission = "agg:avg"
	}
	switch {
	case e.Distinct && f.Name != "count":
		a.fault(AggregateReveals, e, e.Name+"(DISTINCT)", "")
	case !own && bare && f.Name == "count" && !e.Distinct && len(v.secret) == 0:
		return true // how many rows found a partner; the cell counts them
	case !own && len(v.secret) > 0:
		a.fault(ComputeOnlyExpression, e.Args[0], v.name(), v.name(), v.path...)
	case !own:
		a.fault(AggregateArgument, e, e.Name, "")
	case (f.Reveals || e.Distinct) && len(v.secret) == 0 && len(append(b.shows(v), v.tells...)) > 0:
		a.fault(AggregateReveals, e, e.Name, "", v.path...) // it equals one that must not be told
	case f.Reveals && (len(v.secret) > 0 || v.perEntity || !v.clear()):
		a.fault(AggregateReveals, e, e.Name, "", v.path...)
	case v.token && f.Name != "count":
		a.fault(TokenNotBare, e, v.name(), "", v.path...)
	default:
		for _, s := range v.secret {
			if s.column.Mode != ComputeOnly || !slices.Contains(s.column.Permissions, permission) {
				a.fault(AggregateNotGranted, e, e.Name+"("+s.String()+")", permission+" "+s.String(), v.path...)
				return false
			}
		}
		return true
	}
	return false
}

// entity reports whether v is the key of an entity in every row, so that to count different
// values of it is to count entities.
func (b *block) entity(v value) bool {
	key := func(o origin) bool {
		return fold(o.column.Name) == fold(o.ref.table.Entity) && (o.column.Mode != Masked || o.column.Token)
	}
	if v.origin != nil {
		return b.isLive(v.origin.ref) && key(*v.origin)
	}
	return v.each && len(v.among) > 0 && !slices.ContainsFunc(v.among, func(o origin) bool { return !key(o) })
}

func (b *block) isLive(ref *reference) bool {
	return slices.ContainsFunc(b.live, func(l live) bool { return l.ref == ref })
}

func number(n int) ast.Expr {
	return &ast.Constant{Meta: none(), Type: ast.Type{ID: "INTEGER"}, Text: itoa(n)}
}

func untypedNull() ast.Expr {
	return &ast.Constant{Meta: none(), Type: ast.Type{ID: "NULL"}, Null: true}
}

// entityName is the column in which a block hands on the entity code of ref.
func entityName(ref *reference) string { return "__e" + itoa(ref.id) }

// fixes reports whether the group keys determine the entity of l: they hold its
// key column unchanged, or one that equals it in every row. shared tells that they
// do by a column of a union, so that a group may hold rows of other parts too.
func (b *block) fixes(l live) (fixed, shared bool) {
	t := l.ref.table
	c := t.columns[fold(t.Entity)]
	if c == nil || !c.Granted || c.Mode == Masked && !c.Token {
		return false, false
	}
	key := origin{l.ref, c}
	same := reach([]origin{key}, func(o origin) (next []origin) {
		for _, k := range b.links {
			lo, ro := k.left.val.origin, k.right.val.origin
			if k.holds && lo != nil && ro != nil && lo.column.Type == ro.column.Type && (*lo == o || *ro == o) {
				next = append(next, *lo, *ro)
			}
		}
		return next
	})
	for _, k := range b.keys {
		if k.val.origin != nil && same[*k.val.origin] {
			return true, false
		}
		// In the rows that have an entity of l the column is its key.
		if slices.Contains(k.val.among, key) && k.val.origin == nil && k.val.typ == columnType(c.Type) {
			shared = true
		}
	}
	return shared, shared
}

// clear reports whether v is a column that is granted as it is, in all rows.
func (v value) clear() bool {
	for _, o := range v.among {
		if o.column.Mode != Clear {
			return false
		}
	}
	return v.origin == nil || v.origin.column.Mode == Clear
}

// alike reports whether v is one of several columns that are masked in one way.
// Tokens are, whatever form their recipes give to those that leave.
func (v value) alike() bool {
	for _, o := range v.among {
		first := v.among[0].column
		if o.column.Mode != Masked || o.column.Recipe != first.Recipe && !(o.column.Token && first.Token) {
			return false
		}
	}
	return len(v.among) > 0
}
