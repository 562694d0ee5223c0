package analysis

import (
	"maps"
	"slices"

	"zonebox/query/ast"
)

// A parameter stands in the tree with a cast to its declared type around it, so
// that the engine finds that type whatever stands beside it. Its value is given
// to the engine when the statement runs and is no part of tree or text.

// typed returns tree with such casts. A parameter that is not declared stays as
// it is.
func typed(tree ast.Query, parameters map[string]string) ast.Query {
	return ast.Replace(tree, func(e ast.Expr) ast.Expr {
		p, ok := e.(*ast.Parameter)
		if !ok {
			return nil
		}
		t := columnType(parameters[fold(p.Name)])
		if t.class == unknown {
			return nil
		}
		c := parameter(fold(p.Name), t).(*ast.Cast)
		c.Meta = p.Meta
		return c
	})
}

// parameterOf returns the declared parameter that n is, and its type.
func parameterOf(n ast.Node) (*ast.Parameter, typ, bool) {
	c, ok := n.(*ast.Cast)
	if !ok {
		return nil, typ{}, false
	}
	p, ok := c.Expr.(*ast.Parameter)
	return p, fromAST(c.Type), ok
}

// parameter is a parameter of the rewrite: a constant of its type, which the cast
// around it never fails.
func parameter(name string, t typ) ast.Expr {
	return &ast.Cast{Meta: none(), Expr: &ast.Parameter{Meta: none(), Name: name}, Type: t.ast()}
}

// nameOrPlace is what stands behind the $.
func nameOrPlace(p *ast.Parameter) string {
	if p.Name == "" {
		return itoa(p.Position)
	}
	return p.Name
}

// placed refuses declared parameters that are not there, and beside protected
// tables those in other places than a constant may be compared in: what is not
// compared with a column, or put into anything else first, would let one approved
// statement be many. Those that are not declared are refused by surface beside
// protected tables, and here elsewhere.
func (a *analyzer) placed(tree ast.Query) {
	w := &places{a, map[ast.Node]bool{}, map[string]bool{}}
	switch q := tree.(type) {
	case *ast.Select:
		w.allow(q.Limit, q.Offset)
	case *ast.SetOperation:
		w.allow(q.Limit, q.Offset)
	}
	w.walk(tree, tree)
	for _, name := range slices.Sorted(maps.Keys(a.opt.Parameters)) {
		if !w.used[name] {
			a.fault(ParameterUnused, nil, name, "")
		}
	}
}

// places walks a statement that may have parameters.
type places struct {
	*analyzer
	allowed map[ast.Node]bool // may be one
	used    map[string]bool
}

func (w *places) allow(es ...ast.Expr) {
	for _, e := range es {
		if e != nil {
			w.allowed[e] = true
		}
	}
}

// walk looks at n and below. within is the closest node around n with a place in
// the statement: the parser gives parameters none.
func (w *places) walk(n, within ast.Node) {
	if n.Pos() >= 0 {
		within = n
	}
	w.allow(compares(n)...)
	switch n := n.(type) {
	case *ast.Parameter:
		if !w.hard {
			w.fault(ParameterUnknown, within, nameOrPlace(n), "")
		}
	case *ast.Cast:
		p, _, ok := parameterOf(n)
		if !ok {
			break
		}
		w.used[p.Name] = true
		if w.hard && !w.allowed[n] {
			w.fault(ParameterPlace, within, p.Name, "")
		}
		return
	}
	for _, c := range ast.Children(n) {
		w.walk(c, within)
	}
}

// compares lists the operands of n that a parameter may be: those that are
// compared with something that differs from row to row.
func compares(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.Comparison:
		var out []ast.Expr
		if comparisons[n.Op] != "" && varies(n.Right) {
			out = append(out, n.Left)
		}
		if comparisons[n.Op] != "" && varies(n.Left) {
			out = append(out, n.Right)
		}
		return out
	case *ast.Between:
		if varies(n.Expr) {
			return []ast.Expr{n.Lower, n.Upper}
		}
	case *ast.Operator:
		if (n.Kind == ast.In || n.Kind == ast.NotIn) && varies(n.Args[0]) {
			return n.Args[1:]
		}
	}
	return nil
}

// varies reports whether e is computed from a column or from rows.
func varies(e ast.Expr) bool {
	found := false
	ast.Walk(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Column, *ast.Window:
			found = true
		case *ast.Function:
			found = found || aggregate(n.Name)
		}
		_, sub := n.(*ast.Subquery)
		return !found && !sub
	})
	return found
}

// Parameters returns the names of the parameters that Tree has, sorted: what the
// rewrite leaves out needs no value.
func (s *Statement) Parameters() []string {
	found := map[string]bool{}
	ast.Walk(s.Tree, func(n ast.Node) bool {
		if p, ok := n.(*ast.Parameter); ok {
			found[p.Name] = true
		}
		return true
	})
	return keys(found)
}
