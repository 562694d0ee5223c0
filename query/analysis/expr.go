package analysis

import (
	"slices"
	"strconv"

	"zonebox/query/ast"
)

// clause is where an expression stands.
type clause byte

const (
	clauseSelect clause = iota
	clauseWhere
	clauseOn
	clauseGroup
	clauseHaving
	clauseOrder
	clauseFilter
	clauseArgument
)

// lowering rewrites expressions of one clause and labels them.
type lowering struct {
	b       *block
	scope   *scope
	clause  clause
	post    bool      // after aggregation: columns must be keys
	aliases []*chosen // select list items a name may stand for
	item    int       // of the select list, -1 in HAVING and ORDER BY
	cells   *[]cell   // takes the guards of aggregates, nil if they are not handed out
}

// operand is a lowered expression.
type operand struct {
	expr ast.Expr
	val  value
	node ast.Node
}

func itoa(n int) string { return strconv.Itoa(n) }

// refused stands in for what could not be lowered; a fault is on record.
func refused() (ast.Expr, value) {
	return &ast.Constant{Meta: none(), Type: ast.Type{ID: "NULL"}, Null: true}, value{typ: typ{class: null}, nullable: true}
}

// combine is the label of something computed from vs.
func combine(vs ...value) value {
	out := value{constant: true, nullable: true}
	for _, v := range vs {
		out.from = out.from.with(v.from...)
		out.secret = out.secret.with(v.secret...)
		out.reads(v.refs...)
		out.tells = append(out.tells, v.tells...)
		out.constant = out.constant && v.constant
		out.masked = out.masked || v.masked
		out.live = out.live || v.live
		out.aggregate = out.aggregate || v.aggregate
		out.size = max(out.size, v.length())
		if out.recipe == "" {
			out.recipe = v.recipe
		}
		if out.path == nil {
			out.path = v.path
		}
	}
	return out
}

// lower rewrites e. condition tells that e decides rows and nothing else: a
// WHERE, ON, HAVING or FILTER, or one reached through AND, OR and NOT only.
func (x *lowering) lower(e ast.Expr, condition bool) (ast.Expr, value) {
	a := x.b.a
	if !a.step(e) {
		return refused()
	}
	if x.post {
		if k, ok := x.key(e); ok {
			return ast.CloneExpr(k.expr), k.val
		}
	}
	switch e := e.(type) {
	case *ast.Column:
		return x.column(e)
	case *ast.Constant:
		return x.constant(e)
	case *ast.Parameter:
		return refused() // not declared, which is on record
	case *ast.Comparison:
		l, lv := x.lower(e.Left, false)
		r, rv := x.lower(e.Right, false)
		return x.compare(e.Op, operand{l, lv, e.Left}, operand{r, rv, e.Right}, e, condition)
	case *ast.Conjunction:
		var args []ast.Expr
		var vs []value
		for _, arg := range e.Args {
			l, v := x.lower(arg, condition)
			x.truth(l, v, arg)
			args, vs = append(args, l), append(vs, v)
		}
		v := combine(vs...)
		v.typ, v.secret = named("BOOLEAN"), nil
		return ast.Conjoin(e.Op, args...), v
	case *ast.Operator:
		return x.operator(e, condition)
	case *ast.Between:
		return x.between(e, condition)
	case *ast.Case:
		return x.cases(e)
	case *ast.Cast:
		if p, t, ok := parameterOf(e); ok {
			return parameter(p.Name, t), value{typ: t, constant: true, kept: t.class == text}
		}
		return x.cast(e)
	case *ast.Function:
		return x.function(e)
	case *ast.Subquery:
		return x.subquery(e)
	case *ast.Star:
		a.fault(UnsupportedSyntax, e, "*", "")
	case *ast.Collate:
		a.fault(UnsupportedSyntax, e, "COLLATE", "")
	default:
		a.fault(UnsupportedSyntax, e, "expression", "")
	}
	return refused()
}

// column resolves a name: to a column of the FROM clause or, where the engine
// looks there too, to an alias of the select list.
func (x *lowering) column(c *ast.Column) (ast.Expr, value) {
	a := x.b.a
	if len(c.Names) == 1 {
		item, at := x.alias(c.Names[0])
		if item != nil && (!x.scope.has(c.Names[0]) || x.post && x.clause == clauseHaving) {
			return x.expand(item, at)
		}
	}
	e, v, ok := x.scope.resolve(a, c)
	if !ok {
		return refused()
	}
	if x.post {
		if !x.b.broken {
			a.fault(NotGrouped, c, c.Names[len(c.Names)-1], "")
		}
		return refused()
	}
	return e, v
}

func (x *lowering) alias(name string) (*chosen, int) {
	if i, ok := x.b.listAt[fold(name)]; ok && i < len(x.aliases) {
		return x.aliases[i], i
	}
	return nil, 0
}

func (x *lowering) expand(it *chosen, at int) (ast.Expr, value) {
	if it.visible != nil {
		return it.visible.expr, it.visible.val
	}
	inner := *x
	inner.aliases = x.aliases[:at]
	return inner.lower(it.node, false)
}

// key finds the group key that e is, judged after resolving its names.
func (x *lowering) key(e ast.Expr) (key, bool) {
	if hasAggregate(e) || len(x.b.keys) == 0 {
		return key{}, false
	}
	a := x.b.a
	faults, trial := len(a.faults), a.trial
	a.trial = true
	row := *x
	row.post, row.cells = false, nil
	l, _ := row.lower(e, false)
	bad := len(a.faults) > faults
	a.faults, a.trial = a.faults[:faults], trial
	if bad {
		return key{}, false
	}
	k, ok := x.b.keyed(l)
	if !ok {
		return key{}, false
	}
	if c, ok := e.(*ast.Column); ok && x.clause == clauseHaving && len(c.Names) == 1 {
		if it, at := x.alias(c.Names[0]); it != nil && x.scope.has(c.Names[0]) {
			if other, _ := row.expand(it, at); !ast.EqualExpr(other, l) {
				a.fault(AmbiguousName, e, c.Names[0], "")
			}
		}
	}
	return k, true
}

// keyed finds the group key equal to e: two expressions are if they print alike.
func (b *block) keyed(e ast.Expr) (key, bool) {
	i, ok := b.keyAt[ast.PrintExpr(e)]
	if !ok {
		return key{}, false
	}
	return b.keys[i], true
}

// hasAggregate reports a call of an aggregate in e as written or as rewritten.
func hasAggregate(e ast.Expr) bool {
	found := false
	ast.Walk(e, func(n ast.Node) bool {
		if f, ok := n.(*ast.Function); ok && aggregate(f.Name) {
			found = true
		}
		_, inner := n.(ast.Query)
		return !found && !inner
	})
	return found
}

func (x *lowering) constant(c *ast.Constant) (ast.Expr, value) {
	t := fromAST(c.Type)
	if t.class == unknown && !c.Null {
		x.b.a.fault(UnsupportedSyntax, c, c.Type.ID, "")
		return refused()
	}
	out := *c
	out.Meta = none()
	return &out, value{typ: t, constant: true, literal: true, nullable: c.Null, size: 1 + len(c.Text)/256}
}

// consume refuses what must not be computed with.
func (x *lowering) consume(o operand) {
	a := x.b.a
	if len(o.val.secret) > 0 {
		a.fault(ComputeOnlyExpression, o.node, o.val.name(), o.val.name(), o.val.path...)
	}
	if o.val.token {
		a.fault(TokenNotBare, o.node, o.val.name(), "", o.val.path...)
	}
}

// truth checks that a condition is one, and that it is no bare protected flag.
func (x *lowering) truth(e ast.Expr, v value, node ast.Node) {
	x.consume(operand{e, v, node})
	if x.b.a.hard && v.typ.class != boolean && v.typ.class != null {
		x.b.a.fault(TypeMismatch, node, "BOOLEAN", "")
	}
}

// granted reports whether v is a compute-only column as it is, with one of the
// permissions.
func granted(v value, permissions ...string) bool {
	if v.origin == nil || v.origin.column.Mode != ComputeOnly {
		return false
	}
	for _, p := range permissions {
		if slices.Contains(v.origin.column.Permissions, p) {
			return true
		}
	}
	return false
}

// permit judges the use of compute-only columns in a condition. ok is whether
// the grant and the shape allow it; wanted is the permission to ask for.
func (x *lowering) permit(o operand, ok, condition bool, wanted string) {
	a := x.b.a
	if len(o.val.secret) == 0 {
		return
	}
	if !condition && x.clause == clauseSelect {
		a.fault(ComputeOnlyExpression, o.node, o.val.name(), o.val.name(), o.val.path...)
		return
	}
	if !ok || !condition {
		a.fault(ComputeOnlyPredicate, o.node, o.val.name(), wanted+" "+o.val.name(), o.val.path...)
		return
	}
	if !a.trial {
		for _, s := range o.val.secret {
			x.b.control.secrets = append(x.b.control.secrets, use{s, o.node})
		}
	}
}

// comparisons maps an operator to the permission for comparing with a constant.
var comparisons = map[ast.CompareOp]string{
	ast.CompareEqual: "cmp_lit:=", ast.CompareNotEqual: "cmp_lit:=",
	ast.CompareDistinctFrom: "cmp_lit:=", ast.CompareNotDistinctFrom: "cmp_lit:=",
	ast.CompareLess: "cmp_lit:<", ast.CompareLessEqual: "cmp_lit:<",
	ast.CompareGreater: "cmp_lit:<", ast.CompareGreaterEqual: "cmp_lit:<",
}

// compare lowers l op r.
func (x *lowering) compare(op ast.CompareOp, l, r operand, node ast.Node, condition bool) (ast.Expr, value) {
	a := x.b.a
	permission, ok := comparisons[op]
	if !ok {
		a.fault(UnsupportedSyntax, node, string(op), "")
		return refused()
	}
	for _, s := range []struct{ self, other operand }{{l, r}, {r, l}} {
		switch {
		case len(s.self.val.secret) == 0:
		case s.other.val.constant:
			x.permit(s.self, granted(s.self.val, permission), condition, permission)
		case op == ast.CompareEqual && joins(s.self.val, s.other.val) && (!s.other.val.live || x.b.picked(s.other)):
			// A table of known values turns a join into a comparison with constants.
			x.permit(s.self, granted(s.self.val, "joinkey") && granted(s.self.val, "cmp_lit:=", "cmp_lit:in"), condition, "joinkey, cmp_lit:in")
		case op == ast.CompareEqual && joins(s.self.val, s.other.val):
			x.permit(s.self, granted(s.self.val, "joinkey", "cmp_col"), condition, "joinkey")
		default:
			x.permit(s.self, s.other.val.origin != nil && s.other.val.live && granted(s.self.val, "cmp_col"), condition, "cmp_col")
		}
		if s.self.val.token && (permission != "cmp_lit:=" || !s.other.val.token && !s.other.val.constant && !a.meaningless(s.other.node)) {
			a.fault(TokenNotBare, s.self.node, s.self.val.name(), "", s.self.val.path...)
		}
	}
	es := []ast.Expr{l.expr, r.expr}
	if a.hard {
		if _, ok := unify(es, []value{l.val, r.val}); !ok {
			a.fault(TypeMismatch, node, symbols[op], "")
		}
	}
	if c, ok := es[1].(*ast.Constant); ok && c.Type.ID == "BOOLEAN" {
		// Only the parser makes one, of IS TRUE; beside a cast that is tried there
		// is no such word.
		es[1] = &ast.Cast{Meta: none(), Expr: &ast.Constant{Meta: none(), Type: ast.Type{ID: "VARCHAR"}, Text: c.Text}, Type: c.Type, Try: a.hard}
	}
	v := combine(l.val, r.val)
	v.typ, v.secret = named("BOOLEAN"), nil
	return &ast.Comparison{Meta: none(), Op: op, Left: es[0], Right: es[1]}, v
}

// joins reports whether an equality of the two is a join of two tables: a key
// compared with an operator's own constants in a derived table is none.
func joins(l, r value) bool {
	return l.origin != nil && r.origin != nil && l.origin.ref != r.origin.ref
}

func (x *lowering) operator(e *ast.Operator, condition bool) (ast.Expr, value) {
	a := x.b.a
	if len(e.Args) == 0 {
		a.fault(UnsupportedSyntax, e, string(e.Kind), "")
		return refused()
	}
	ops, es, vs := make([]operand, len(e.Args)), make([]ast.Expr, len(e.Args)), make([]value, len(e.Args))
	for i, arg := range e.Args {
		l, v := x.lower(arg, condition && e.Kind == ast.Not)
		ops[i], es[i], vs[i] = operand{l, v, arg}, l, v
	}
	out := combine(vs...)
	out.typ = named("BOOLEAN")
	switch e.Kind {
	case ast.Not:
		x.truth(es[0], vs[0], e.Args[0])
	case ast.IsNull, ast.IsNotNull:
		x.permit(ops[0], granted(vs[0], "cmp_lit:="), condition, "cmp_lit:=")
		out.nullable = false
	case ast.In, ast.NotIn:
		constants := true
		for _, v := range vs[1:] {
			constants = constants && v.constant
		}
		x.permit(ops[0], constants && granted(vs[0], "cmp_lit:in"), condition, "cmp_lit:in")
		if vs[0].token && !constants {
			a.fault(TokenNotBare, e, vs[0].name(), "", vs[0].path...)
		}
		for _, o := range ops[1:] {
			x.consume(o)
		}
		if a.hard {
			if _, ok := unify(es, vs); !ok {
				a.fault(TypeMismatch, e, "IN", "")
			}
		}
	case ast.Coalesce:
		for _, o := range ops {
			x.consume(o)
		}
		out.typ = typ{}
		if a.hard {
			var ok bool
			if out.typ, ok = settle(es, vs); !ok || out.typ.class == null {
				a.fault(TypeMismatch, e, "COALESCE", "")
			}
		}
		out.keep(vs...)
	case ast.Try:
		x.consume(ops[0])
		if !tryable(es[0]) {
			a.fault(UnsupportedSyntax, e, "TRY", "")
		}
		out.typ, out.secret = vs[0].typ, nil
		return x.try(es[0]), out
	default:
		a.fault(UnsupportedSyntax, e, string(e.Kind), "")
		return refused()
	}
	out.secret = nil
	return &ast.Operator{Meta: none(), Kind: e.Kind, Args: es}, out
}

func (x *lowering) between(e *ast.Between, condition bool) (ast.Expr, value) {
	a := x.b.a
	es, vs := make([]ast.Expr, 3), make([]value, 3)
	for i, arg := range []ast.Expr{e.Expr, e.Lower, e.Upper} {
		es[i], vs[i] = x.lower(arg, false)
	}
	x.permit(operand{es[0], vs[0], e.Expr}, vs[1].constant && vs[2].constant && granted(vs[0], "cmp_lit:<"), condition, "cmp_lit:<")
	if vs[0].token {
		a.fault(TokenNotBare, e.Expr, vs[0].name(), "", vs[0].path...)
	}
	x.consume(operand{es[1], vs[1], e.Lower})
	x.consume(operand{es[2], vs[2], e.Upper})
	if a.hard {
		if _, ok := unify(es, vs); !ok {
			a.fault(TypeMismatch, e, "BETWEEN", "")
		}
	}
	v := combine(vs...)
	v.typ, v.secret = named("BOOLEAN"), nil
	return &ast.Between{Meta: none(), Expr: es[0], Lower: es[1], Upper: es[2]}, v
}

func (x *lowering) cases(e *ast.Case) (ast.Expr, value) {
	a := x.b.a
	out := &ast.Case{Meta: none()}
	var results []ast.Expr
	var rv, all []value
	for _, w := range e.Whens {
		c, cv := x.lower(w.Cond, false)
		x.truth(c, cv, w.Cond)
		t, tv := x.lower(w.Then, false)
		x.consume(operand{t, tv, w.Then})
		out.Whens = append(out.Whens, ast.When{Cond: c})
		results, rv, all = append(results, t), append(rv, tv), append(all, cv, tv)
	}
	l, lv := x.lower(e.Else, false)
	x.consume(operand{l, lv, e.Else})
	results, rv, all = append(results, l), append(rv, lv), append(all, lv)
	var t typ
	if a.hard {
		var ok bool
		if t, ok = settle(results, rv); !ok || t.class == null {
			a.fault(TypeMismatch, e, "CASE", "")
		}
	}
	for i := range out.Whens {
		out.Whens[i].Then = results[i]
	}
	out.Else = results[len(results)-1]
	v := combine(all...)
	v.typ, v.secret = t, nil
	v.keep(rv...)
	return out, v
}

func (x *lowering) cast(e *ast.Cast) (ast.Expr, value) {
	a := x.b.a
	l, v := x.lower(e.Expr, false)
	x.consume(operand{l, v, e.Expr})
	t := fromAST(e.Type)
	if t.class == unknown || t.class == null {
		a.fault(UnsupportedSyntax, e, e.Type.ID, "")
		return refused()
	}
	out := combine(v)
	out.typ, out.secret = t, nil
	return &ast.Cast{Meta: none(), Expr: l, Type: e.Type, Try: e.Try || a.hard}, out
}
