package analysis

import (
	"slices"
	"strings"

	"zonebox/query/ast"
)

// value draws an expression and returns the nodes it is.
func (d *drawing) value(e ast.Expr, in *seen) []int {
	switch e := e.(type) {
	case *ast.Column:
		return d.column(e, in)
	case *ast.Constant:
		return nil
	case *ast.Case:
		if k, ok := guard(e); ok {
			return d.operator("≥ "+k, in, nil, e.Whens[0].Then)
		}
		var conds, values []ast.Expr
		for _, w := range e.Whens {
			conds, values = append(conds, w.Cond), append(values, w.Then)
		}
		return d.operator("CASE", in, conds, append(values, e.Else)...)
	case *ast.Function:
		decide := []ast.Expr{e.Filter}
		for _, o := range e.OrderBy {
			decide = append(decide, o.Expr)
		}
		name := e.Name
		if e.Distinct {
			name += " DISTINCT"
		}
		return d.operator(name, in, decide, e.Args...)
	case *ast.Window:
		decide := append([]ast.Expr{e.Filter}, e.Partition...)
		for _, o := range slices.Concat(e.OrderBy, e.Order) {
			decide = append(decide, o.Expr)
		}
		return d.operator(e.Name+" OVER", in, decide, e.Args...)
	case *ast.Cast:
		return d.operator("CAST "+e.Type.ID, in, nil, e.Expr)
	case *ast.Operator:
		if e.Kind == ast.Try {
			return d.value(e.Args[0], in)
		}
		return d.operator(symbol(e), in, nil, e.Args...)
	case *ast.Subquery:
		inner := d.query(e.Query, in)
		at := d.add(OperatorNode, "SELECT")
		for _, c := range inner.columns {
			d.join(c.made, at, ValueEdge)
		}
		d.join([]int{inner.rows}, at, ControlEdge)
		if e.Left != nil {
			d.join(d.value(e.Left, in), at, ValueEdge)
		}
		return []int{at}
	}
	var parts []ast.Expr
	for _, c := range ast.Children(e) {
		if x, ok := c.(ast.Expr); ok {
			parts = append(parts, x)
		}
	}
	return d.operator(symbol(e), in, nil, parts...)
}

// operator draws a node of its own over what it takes.
func (d *drawing) operator(name string, in *seen, decide []ast.Expr, args ...ast.Expr) []int {
	at := d.add(OperatorNode, name)
	for _, a := range args {
		if a != nil {
			d.join(d.value(a, in), at, ValueEdge)
		}
	}
	for _, c := range decide {
		if c != nil {
			d.join(d.columnsOf(c, in), at, ControlEdge)
		}
	}
	return []int{at}
}

// symbol is how an expression is called in a drawing.
func symbol(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Comparison:
		return symbols[e.Op]
	case *ast.Conjunction:
		return strings.TrimPrefix(string(e.Op), "CONJUNCTION_")
	case *ast.Operator:
		return strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(string(e.Kind), "OPERATOR_"), "COMPARE_"), "_", " ")
	case *ast.Between:
		return "BETWEEN"
	case *ast.Collate:
		return "COLLATE"
	case *ast.Lambda:
		return "->"
	}
	return "…"
}

// guard reports whether c is what the minimum group makes of an aggregate, and
// the least number of entities.
func guard(c *ast.Case) (k string, ok bool) {
	if len(c.Whens) != 1 {
		return "", false
	}
	conds := []ast.Expr{c.Whens[0].Cond}
	if all, ok := conds[0].(*ast.Conjunction); ok {
		conds = all.Args
	}
	for _, e := range conds {
		cmp, ok := e.(*ast.Comparison)
		if !ok || !counts(cmp.Left) {
			return "", false
		}
		least, ok := cmp.Right.(*ast.Constant)
		if !ok {
			return "", false
		}
		k = least.Text
	}
	return k, true
}

// counts reports whether e is a count of entities that the rewrite made.
func counts(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Function:
		return strings.HasPrefix(e.Name, strings.TrimSuffix(Counter(0), "0"))
	case *ast.Subquery:
		s, ok := e.Query.(*ast.Select)
		if !ok {
			return false
		}
		t, ok := s.From.(*ast.Table)
		return ok && ours(t.Name)
	}
	return false
}

// ours reports whether a name is one that only the rewrite gives.
func ours(name string) bool { return strings.HasPrefix(name, "__") }

// symbols are comparisons as they are written.
var symbols = map[ast.CompareOp]string{
	ast.CompareEqual: "=", ast.CompareNotEqual: "<>", ast.CompareLess: "<", ast.CompareGreater: ">",
	ast.CompareLessEqual: "<=", ast.CompareGreaterEqual: ">=",
	ast.CompareDistinctFrom: "IS DISTINCT FROM", ast.CompareNotDistinctFrom: "IS NOT DISTINCT FROM",
}
