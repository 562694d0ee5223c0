package query_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"zonebox/query/ast"
)

// forms are what a run of random statements has to hold, each with released rows.
var forms = []string{
	"rows of one table below those of another", "rows of a table below its own", "open rows below protected ones", "released groups below protected rows",
	"rows of a join below others", "entities' groups below others", "a total of each entity over a union", "a union of unions", "a union in a common table used twice",
	"UNION ALL answers", "UNION", "EXCEPT", "INTERSECT", "VALUES",
	"a scalar query", "IN a query", "NOT IN a query", "EXISTS", "a query in HAVING", "a query in FILTER", "a query in ON", "a query selected",
}

// formsOf lists the forms that q has.
func (q posed) formsOf() []string {
	has := map[string]bool{}
	note := func(form string, here bool) { has[form] = has[form] || here }
	sub := func(form string, e ast.Node) {
		if e == nil {
			return
		}
		ast.Walk(e, func(n ast.Node) bool {
			_, here := n.(*ast.Subquery)
			note(form, here)
			_, inner := n.(ast.Query)
			return !inner
		})
	}
	_, root := q.tree.(*ast.SetOperation)
	ctes := map[string]bool{}
	ast.Walk(q.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SetOperation:
			note("UNION ALL answers", root && n == q.tree && n.Kind == ast.Union && n.All)
			note("UNION", n.Kind == ast.Union && !n.All)
			note("EXCEPT", n.Kind == ast.Except)
			note("INTERSECT", n.Kind == ast.Intersect)
		case *ast.Values:
			note("VALUES", true)
		case *ast.Subquery:
			note("a scalar query", n.Kind == ast.Scalar)
			note("IN a query", n.Kind == ast.Any)
			note("EXISTS", n.Kind == ast.Exists)
		case *ast.Operator:
			if s, ok := n.Args[0].(*ast.Subquery); ok && n.Kind == ast.Not {
				note("NOT IN a query", s.Kind == ast.Any)
			}
		case *ast.Function:
			if n.Filter != nil {
				sub("a query in FILTER", n.Filter)
			}
		case *ast.Join:
			if n.On != nil {
				sub("a query in ON", n.On)
			}
		case *ast.Select:
			if n.Having != nil {
				sub("a query in HAVING", n.Having)
			}
			for _, e := range n.List {
				sub("a query selected", e)
			}
			for _, c := range n.With {
				if u, ok := c.Query.(*ast.SetOperation); ok && u.Kind == ast.Union && u.All {
					ctes[strings.ToLower(c.Name)] = true
				}
			}
		}
		return true
	})
	used := map[string]int{}
	ast.Walk(q.tree, func(n ast.Node) bool {
		if t, ok := n.(*ast.Table); ok && ctes[strings.ToLower(t.Name)] {
			used[t.Name]++
			note("a union in a common table used twice", used[t.Name] == 2)
		}
		return true
	})
	ast.Walk(q.st.Tree, func(n ast.Node) bool {
		if u, ok := n.(*ast.SetOperation); ok && u.Kind == ast.Union && u.All && !q.st.Plain {
			q.formsOfUnion(u, note)
		}
		if b, ok := n.(*ast.Select); ok {
			d, _ := b.From.(*ast.Derived)
			for _, e := range b.List {
				if f, ok := e.(*ast.Function); ok && d != nil && f.Name == "max" && strings.HasPrefix(f.As(), "__e") {
					_, union := d.Query.(*ast.SetOperation)
					note("a total of each entity over a union", union)
				}
			}
		}
		return true
	})
	var out []string
	for f := range has {
		if has[f] {
			out = append(out, f)
		}
	}
	return out
}

// formsOfUnion notes the forms of a union as it was rewritten: its parts hand on
// the entity codes of their own references and nulls for the others'.
func (q posed) formsOfUnion(u *ast.SetOperation, note func(string, bool)) {
	var tables []string // of which rows are handed on
	open, released := false, false
	for _, in := range u.Inputs {
		part := in.(*ast.Select)
		own := slices.ContainsFunc(part.List, func(e ast.Expr) bool {
			_, null := e.(*ast.Cast)
			return strings.HasPrefix(e.As(), "__e") && !null
		})
		_, table := part.From.(*ast.Table)
		_, joined := part.From.(*ast.Join)
		derived, _ := part.From.(*ast.Derived)
		reads := ""
		ast.Walk(part, func(n ast.Node) bool {
			if t, ok := n.(*ast.Table); ok && reads == "" && !strings.HasPrefix(t.Name, "__") {
				reads = t.Name
			}
			return true
		})
		switch {
		case own:
			tables = append(tables, reads)
			note("rows of a join below others", joined)
			note("entities' groups below others", len(part.GroupBy) > 0)
			if derived != nil {
				_, union := derived.Query.(*ast.SetOperation)
				note("a union of unions", union)
			}
		case reads == "" || strings.HasPrefix(reads, "codes"):
			open = true
		default:
			released = released || table
		}
	}
	for i, t := range tables {
		note("rows of one table below those of another", t != tables[0])
		note("rows of a table below its own", slices.Contains(tables[:i], t))
	}
	note("open rows below protected ones", open && len(tables) > 0)
	note("released groups below protected rows", released && len(tables) > 0)
}

// coverage counts the forms of the statements of a run.
type coverage map[string][2]int // statements, and those of which rows were released

func (c coverage) add(q posed, released bool) {
	for _, f := range q.formsOf() {
		n := c[f]
		n[0]++
		if released {
			n[1]++
		}
		c[f] = n
	}
}

func (c coverage) String() string {
	var b strings.Builder
	b.WriteString("statements, and of them with rows:")
	for _, f := range forms {
		fmt.Fprintf(&b, "\n%5d %5d  %s", c[f][0], c[f][1], f)
	}
	return b.String()
}

// complete fails for a form of which no rows were released.
func (c coverage) complete(t *testing.T) {
	t.Helper()
	for _, f := range forms {
		if c[f][1] == 0 {
			t.Errorf("no statement with rows has %s", f)
		}
	}
}
