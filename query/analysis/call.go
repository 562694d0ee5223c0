package analysis

import (
	"slices"
	"strings"

	"zonebox/query/ast"
)

// function lowers a call. Beside protected tables one that can raise becomes
// NULL on error: an error tells whether a row was there.
func (x *lowering) function(e *ast.Function) (ast.Expr, value) {
	a := x.b.a
	f := LookupCall(e.Name)
	if f == nil || f.Class == RefusedClass || a.hard && f.Class != ProtectedClass || e.Catalog != "" || e.Schema != "" && fold(e.Schema) != "main" {
		a.fault(FunctionNotAllowed, e, e.Name, "")
		a.explain(f, e.Name)
		return refused()
	}
	if !a.trial {
		a.facts.functions[e.Name] = true
	}
	if f.Aggregate {
		return x.aggregateCall(f, e)
	}
	if e.Distinct || e.Filter != nil || len(e.OrderBy) > 0 {
		a.fault(UnsupportedSyntax, e, e.Name, "")
		return refused()
	}
	args, vs, ops := make([]ast.Expr, len(e.Args)), make([]value, len(e.Args)), make([]operand, len(e.Args))
	for i, arg := range e.Args {
		args[i], vs[i] = x.lower(arg, false)
		ops[i] = operand{args[i], vs[i], arg}
		x.consume(ops[i])
	}
	if f.Words != nil && f.Args[0][0] == 'c' && (len(e.Args) == 0 || !f.word(e.Args[0])) {
		a.fault(TypeMismatch, e, e.Name+": "+strings.Join(f.Words, " | "), "")
		return refused()
	}
	if f.NamesAggregate && !namesAggregate(e.Args) {
		a.fault(FunctionNotAllowed, e, e.Name, "")
		return refused()
	}
	shape, accepted := f.shape(ops)
	out := combine(vs...)
	out.secret = nil
	if f.Joins {
		out.size = 0
		for _, v := range vs {
			out.size += v.length()
		}
	}
	switch {
	case f.Same && f.Result == "=", f.Keeps && len(vs) == 1:
		out.keep(vs[0])
	case f.Same:
		out.keep(vs...)
	}
	call := &ast.Function{Meta: none(), Schema: e.Schema, Name: e.Name, Args: args, Operator: e.Operator}
	if !a.hard {
		if accepted {
			out.typ = result(f, vs)
		}
		return call, out
	}
	if !accepted {
		a.fault(TypeMismatch, e, e.Name, "")
		return refused()
	}
	if f.Shrinks && !shrinks(e.Args) || out.size > joined {
		a.fault(MayRaise, e, e.Name, "")
		return refused()
	}
	double := f.Try && !tryable(call)
	if double && !f.saturates(shape, vs) {
		a.fault(MayRaise, e, e.Name, "")
		return refused()
	}
	switch {
	case f.Same:
		first, ok := args[0], false
		if f.Result == "=" { // it compares them and yields the first, as it is
			out.typ = vs[0].typ
			if _, ok = unify(args, vs); ok && args[0] != first {
				equal := &ast.Comparison{Meta: none(), Op: ast.CompareEqual, Left: args[0], Right: args[1]}
				return &ast.Case{Meta: none(), Whens: []ast.When{{Cond: equal, Then: untypedNull()}}, Else: ast.CloneExpr(first)}, out
			}
		} else {
			out.typ, ok = settle(args, vs)
		}
		if !ok {
			a.fault(TypeMismatch, e, e.Name, "")
		}
	case double:
		out.typ = doubles(shape, args, ops)
	case f.computes() && slices.ContainsFunc(vs, func(v value) bool { return v.typ.class == decimal }):
		out.typ = decimals(f, shape, args, ops)
	default:
		out.typ = result(f, vs)
	}
	for i, v := range vs {
		switch letter := shape[i]; {
		case (letter == 'j' || letter == 'J') && v.typ.name != "INTEGER": // no wider overload exists
			args[i] = tryCast(args[i], named("INTEGER"))
		case letter == 'k' && !slices.Contains(bigints, v.typ.name):
			args[i] = tryCast(args[i], named("BIGINT"))
		case letter == 'u' && v.typ.class == date:
			args[i] = tryCast(args[i], named("TIMESTAMP"))
		}
	}
	if !f.Try || double {
		return call, out
	}
	return x.try(call), out
}

// try writes TRY(e). Of a group, the engine finds the keys inside TRY only where
// the whole of it is a key; what is computed from keys alone makes no groups more.
func (x *lowering) try(e ast.Expr) ast.Expr {
	t := &ast.Operator{Meta: none(), Kind: ast.Try, Args: []ast.Expr{e}}
	if x.post && !x.b.a.trial && len(owners(e)) > 0 &&
		!slices.ContainsFunc(x.b.out.GroupBy, func(k ast.Expr) bool { return ast.EqualExpr(k, t) }) {
		x.b.out.GroupBy = append(x.b.out.GroupBy, ast.CloneExpr(t))
	}
	return t
}

// tryable reports whether the engine takes e inside TRY: without an aggregate or
// a query in it.
func tryable(e ast.Expr) bool {
	sub := false
	ast.Walk(e, func(n ast.Node) bool {
		_, here := n.(*ast.Subquery)
		sub = sub || here
		return !sub
	})
	return !sub && !hasAggregate(e)
}

// bigints are what the engine takes for a BIGINT.
var bigints = []string{"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}

// saturates reports whether f cannot raise once its numbers are DOUBLE.
func (f *Function) saturates(shape string, args []value) bool {
	for i := range args {
		if shape[i] != 'n' && shape[i] != 'J' {
			return false
		}
	}
	return f.Double
}

// computes reports whether the result of f follows from the digits of its numbers.
func (f *Function) computes() bool {
	return slices.Contains([]string{"arith", "product", "modulus", "whole", "floor", "round"}, f.Result)
}

// explain puts before the hint of the newest fault, which is of a call of f by that
// name unless it was on record already, why the list does not allow f.
func (a *analyzer) explain(f *Function, name string) {
	if f == nil || len(a.faults) == 0 {
		return
	}
	last, hint := &a.faults[len(a.faults)-1], texts[FunctionNotAllowed]
	switch {
	case last.Code != FunctionNotAllowed || last.About != name:
	case f.Class == RefusedClass:
		last.HintZH, last.HintEN = "该函数"+f.ReasonZH+";"+hint.hintZH, "it "+f.ReasonEN+"; "+hint.hintEN
	case f.Class == PlainClass && a.hard:
		last.HintZH, last.HintEN = "该函数只能用于不读取受保护数据的语句;"+hint.hintZH, "it may stand in statements that read no protected data only; "+hint.hintEN
	}
}

// namesAggregate reports whether the second of args is the name of an aggregate
// that a plain statement may use, written as a constant.
func namesAggregate(args []ast.Expr) bool {
	if len(args) < 2 {
		return false
	}
	c, ok := args[1].(*ast.Constant)
	if !ok || c.Type.ID != "VARCHAR" {
		return false
	}
	f := LookupCall(c.Text)
	return f != nil && f.Kind == AggregateKind && f.Class != RefusedClass
}

// result is the type of a call, with a name only where the engine's choice is
// certain.
func result(f *Function, args []value) typ {
	switch f.Result {
	case "":
		return typ{}
	case "=":
		return args[0].typ
	case "arith", "product", "modulus", "whole", "floor", "round", "common", "sum":
	default:
		return named(f.Result)
	}
	var t typ
	for _, v := range args {
		switch c := v.typ.class; {
		case c == date || c == timestamp || c == interval:
			return temporal(f.Result, f.Name, args)
		case c == float || t.class == float:
			t = typ{class: float}
		case c == decimal || t.class == decimal:
			t = typ{class: decimal, width: maxDigits, scale: maxDigits / 2} // its digits are the engine's business
		case c != null:
			t = typ{class: c, width: max(t.width, wide(v.typ))}
		}
	}
	switch {
	case t.class == float, t.class == decimal && f.Result == "whole", t.class == integer && f.Result == "floor":
		return named("DOUBLE")
	case f.Result != "sum":
	case t.class == integer:
		return named("HUGEINT")
	case t.class == decimal && args[0].typ.name != "":
		return typ{decimal, "DECIMAL", 38, args[0].typ.scale}
	}
	return t
}

// temporal is the type of what takes dates, timestamps and intervals.
func temporal(rule, op string, args []value) typ {
	var d, ts, iv, n int
	for _, v := range args {
		switch v.typ.class {
		case date:
			d++
		case timestamp:
			ts++
		case interval:
			iv++
		default:
			n++
		}
	}
	switch {
	case rule == "common" && d == len(args):
		return named("DATE")
	case rule == "common":
		return named("TIMESTAMP")
	case d == 2:
		return named("BIGINT")
	case d+ts == 2, iv == len(args):
		return named("INTERVAL")
	case d == 1 && n == 1:
		return named("DATE")
	}
	return named("TIMESTAMP")
}
