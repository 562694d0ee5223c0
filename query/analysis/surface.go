package analysis

import "zonebox/query/ast"

// maxStrange bounds how many parts of a statement are named as not supported:
// finding the place of each takes time.
const maxStrange = 50

// beyond records what of tree the rules of this package do not speak of yet, so
// that the rest of it meets only what it knows. Each part is named by itself, of
// nested ones the outermost. What has no place is the whole statement.
func (a *analyzer) beyond(tree ast.Query) {
	a.surface(tree, nil)
	for i := range a.faults {
		if f := &a.faults[i]; f.Start < 0 {
			f.Start, f.End = 0, len(a.sql)
		}
	}
}

// surface records what about n and in it is not supported. around are the nodes
// n is in.
func (a *analyzer) surface(n ast.Node, around []ast.Node) {
	around = append(around, n)
	if what := strange(n); what != "" {
		a.unsupported(what, around)
		return
	}
	if _, _, declared := parameterOf(n); declared {
		return
	}
	if p, ok := n.(*ast.Parameter); ok {
		a.fault(ParameterUnknown, a.marked(around), nameOrPlace(p), "")
		return
	}
	items := map[ast.Node]bool{}
	if s, ok := n.(*ast.Select); ok {
		for _, e := range s.List {
			items[e] = true
		}
	}
	for _, c := range ast.Children(n) {
		switch _, star := c.(*ast.Star); {
		case len(a.faults) >= maxStrange:
			return
		case star && !items[c]:
			a.unsupported("*", append(around, c))
		default:
			a.surface(c, around)
		}
	}
}

// unsupported records a fault at the last of nodes, or at the closest around it
// that has a place in the statement.
func (a *analyzer) unsupported(what string, nodes []ast.Node) {
	a.fault(UnsupportedSyntax, a.marked(nodes), what, "")
}

// marked returns the last of nodes that has a place in the statement, or the
// first.
func (a *analyzer) marked(nodes []ast.Node) ast.Node {
	at := len(nodes) - 1
	for start, _ := a.span(nodes[at]); start < 0 && at > 0; start, _ = a.span(nodes[at]) {
		at--
	}
	return nodes[at]
}

// strange names what about n itself is not supported, "" if nothing is.
func strange(n ast.Node) string {
	switch n := n.(type) {
	case *ast.Select:
		return strangeSelect(n)
	case *ast.SetOperation:
		switch {
		case n.Kind == ast.UnionByName:
			return "UNION BY NAME"
		case n.Percent:
			return "LIMIT %"
		}
		return ""
	case *ast.Empty, *ast.Column, *ast.Constant, *ast.Comparison, *ast.Conjunction, *ast.Cast, *ast.Case, *ast.Between, *ast.Collate, *ast.Subquery, *ast.Values, *ast.Parameter:
		return ""
	case *ast.Table:
		if n.At != nil {
			return "AT"
		}
		return sampled(n.Sample)
	case *ast.Derived:
		return sampled(n.Sample)
	case *ast.Join:
		switch {
		case n.Form != ast.RegularJoin && n.Form != ast.NaturalJoin && n.Form != ast.CrossJoin:
			return string(n.Form) + " JOIN"
		case n.Kind == ast.SemiJoin || n.Kind == ast.AntiJoin:
			return string(n.Kind) + " JOIN"
		}
		return ""
	case *ast.Function:
		if n.Export {
			return "EXPORT_STATE"
		}
		for _, e := range n.Args {
			if e.As() != "" {
				return n.Name + "(… := …)"
			}
		}
		return ""
	case *ast.Operator:
		switch n.Kind {
		case ast.Not, ast.IsNull, ast.IsNotNull, ast.In, ast.NotIn, ast.Coalesce, ast.Try:
			return ""
		}
		return string(n.Kind)
	case *ast.Star:
		for _, name := range n.Exclude {
			if len(name) > 1 {
				return "* EXCLUDE (….…)"
			}
		}
		if n.Alias != "" {
			return "* AS …"
		}
		return ""
	case *ast.Recursive:
		return "WITH RECURSIVE"
	case *ast.TableFunction:
		return "table function"
	case *ast.Pivot:
		return "PIVOT"
	case *ast.Unpivot:
		return "UNPIVOT"
	case *ast.Show:
		return "DESCRIBE"
	case *ast.Window:
		return "OVER"
	case *ast.Lambda:
		return "->"
	case *ast.Position:
		return "#"
	case *ast.Default:
		return "DEFAULT"
	case *ast.Subscript, *ast.Slice:
		return "[…]"
	case *ast.Field:
		return "(…)."
	case *ast.Columns:
		return "COLUMNS"
	}
	return "expression"
}

func strangeSelect(s *ast.Select) string {
	for _, c := range s.With {
		if _, ok := c.Query.(*ast.Recursive); ok {
			return "WITH RECURSIVE"
		}
		if len(c.Keys) > 0 {
			return "USING KEY"
		}
	}
	switch {
	case len(s.DistinctOn) > 0:
		return "DISTINCT ON"
	case s.GroupingSets != nil:
		return manyGroupings
	case s.Qualify != nil:
		return "QUALIFY"
	case s.Percent:
		return "LIMIT %"
	}
	return sampled(s.Sample)
}

func sampled(s *ast.Sample) string {
	if s != nil {
		return "SAMPLE"
	}
	return ""
}
