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
	f := functionIndex[e.Name]
	if f == nil || e.Catalog != "" || e.Schema != "" && fold(e.Schema) != "main" {
		a.fault(FunctionNotAllowed, e, e.Name, "")
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
	args, vs := make([]ast.Expr, len(e.Args)), make([]value, len(e.Args))
	for i, arg := range e.Args {
		args[i], vs[i] = x.lower(arg, false)
		x.consume(operand{args[i], vs[i], arg})
	}
	if len(f.Words) > 0 && (len(e.Args) == 0 || !word(e.Args[0], f.Words)) {
		a.fault(TypeMismatch, e, e.Name+": "+strings.Join(f.Words, " | "), "")
		return refused()
	}
	out := combine(vs...)
	out.secret = nil
	call := &ast.Function{Meta: none(), Schema: e.Schema, Name: e.Name, Args: args, Operator: e.Operator}
	if !a.hard {
		out.typ = result(f, vs)
		return call, out
	}
	if !f.accepts(vs) || f.Name == "nullif" && vs[0].typ.class == null || f.Name == "round" && len(vs) == 2 && !vs[1].constant {
		a.fault(TypeMismatch, e, e.Name, "")
		return refused()
	}
	if f.Name == "replace" && !shrinks(e.Args) {
		a.fault(MayRaise, e, e.Name, "")
		return refused()
	}
	if f.Name == "nullif" || f.Name == "greatest" || f.Name == "least" {
		if _, ok := unify(args, vs); !ok {
			a.fault(TypeMismatch, e, e.Name, "")
		}
	}
	out.typ = result(f, vs)
	for i, v := range vs {
		if v.typ.class == integer && v.typ.name != "INTEGER" && (out.typ.class == date || f.Narrow && (i > 0 || f.Name != "round")) {
			args[i] = tryCast(args[i], named("INTEGER")) // no wider overload exists
		}
	}
	if !f.Raises {
		return call, out
	}
	if !hasAggregate(call) {
		return &ast.Operator{Meta: none(), Kind: ast.Try, Args: []ast.Expr{call}}, out
	}
	// TRY takes no aggregate. In DOUBLE these saturate instead of raising.
	if !slices.Contains([]string{"+", "-", "*", "abs", "round"}, f.Name) {
		a.fault(MayRaise, e, e.Name, "")
		return refused()
	}
	for i, v := range vs {
		switch {
		case f.Name == "round" && i == 1:
		case !v.typ.numeric() && v.typ.class != null:
			a.fault(MayRaise, e, e.Name, "")
			return refused()
		case v.typ.class != float:
			args[i] = tryCast(args[i], named("DOUBLE"))
		}
	}
	out.typ = named("DOUBLE")
	return call, out
}

// shrinks reports whether replace with these arguments cannot make a text
// longer: replacing a letter by a text of thousands exhausts the memory on the
// rows that have it, and on no others.
func shrinks(args []ast.Expr) bool {
	from, ok1 := args[1].(*ast.Constant)
	to, ok2 := args[2].(*ast.Constant)
	return ok1 && ok2 && len(to.Text) <= len(from.Text)
}

func word(e ast.Expr, words []string) bool {
	c, ok := e.(*ast.Constant)
	return ok && c.Type.ID == "VARCHAR" && slices.Contains(words, fold(c.Text))
}

// result is the type of a call, with a name only where the engine's choice is
// certain.
func result(f *Function, args []value) typ {
	switch f.Result {
	case "":
	case "=":
		for _, v := range args {
			if v.typ.class != null {
				return v.typ
			}
		}
		return typ{class: null}
	default:
		return named(f.Result)
	}
	var t typ
	for _, v := range args {
		switch c := v.typ.class; {
		case c == date || c == timestamp || c == interval:
			return temporal(f.Name, args)
		case c == float || t.class == float:
			t = typ{class: float}
		case c == decimal || t.class == decimal:
			t = typ{class: decimal, width: 38, scale: 19} // its digits are the engine's business
		case c != null:
			t = typ{class: c}
		}
	}
	if t.class == float && (f.Operator() || f.Name == "round" || f.Name == "abs") {
		return named("DOUBLE")
	}
	if f.Name == "sum" {
		switch t.class {
		case integer:
			return named("HUGEINT")
		case float:
			return named("DOUBLE")
		case decimal:
			if d := args[0].typ; d.name != "" {
				return typ{decimal, "DECIMAL", 38, d.scale}
			}
		}
	}
	return t
}

// Operator reports whether f is written as a symbol.
func (f *Function) Operator() bool { return strings.ContainsAny(f.Name[:1], "+-*/%|~!") }

// temporal is the type of + and - with dates, timestamps and intervals.
func temporal(op string, args []value) typ {
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
	case op != "+" && op != "-" && d == len(args):
		return named("DATE")
	case op != "+" && op != "-":
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
