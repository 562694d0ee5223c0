package analysis

import (
	"slices"

	"zonebox/query/ast"
)

// surface refuses whatever in n the rules of this package do not speak of yet,
// so that the rest of it meets only what it knows: each part by itself, of
// nested ones the outermost. within is the closest node around n with a place in
// the statement.
func (a *analyzer) surface(n, within ast.Node) {
	if start, _ := a.span(n); start >= 0 {
		within = n
	}
	if what := strange(n); what != "" {
		a.fault(UnsupportedSyntax, within, what, "")
		return
	}
	s, _ := n.(*ast.Select)
	for _, c := range ast.Children(n) {
		if star, ok := c.(*ast.Star); ok && (s == nil || !slices.Contains(s.List, ast.Expr(star))) {
			a.fault(UnsupportedSyntax, star, "*", "")
			continue
		}
		a.surface(c, within)
	}
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
	case *ast.Empty, *ast.Column, *ast.Constant, *ast.Comparison, *ast.Conjunction, *ast.Cast, *ast.Case, *ast.Between, *ast.Collate, *ast.Subquery, *ast.Values:
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
	case *ast.Parameter:
		return "$"
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
		return "GROUPING SETS"
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
