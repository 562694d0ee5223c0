package query_test

import (
	"slices"
	"strings"

	"zonebox/query/ast"
)

// unionMutants are mistakes someone could make where rows are put below others,
// and where a query stands in an expression.
var unionMutants = []mutant{
	{"one set of entities over all parts of a union", overUnions(func(u unionBlock) {
		u.counts(func(f *ast.Function) ast.Expr {
			var all []ast.Expr
			for _, c := range u.codes {
				all = append(all, &ast.Column{Names: []string{u.alias, c}})
			}
			f.Args[0] = &ast.Operator{Kind: ast.Coalesce, Args: all}
			return f
		})
	})},
	{"count the first part of a union only", overUnions(func(u unionBlock) {
		u.counts(func(f *ast.Function) ast.Expr {
			if f.Args[0].(*ast.Column).Names[1] != u.codes[0] {
				return integer("99")
			}
			return f
		})
	})},
	{"count the last part of a union only", overUnions(func(u unionBlock) {
		u.counts(func(f *ast.Function) ast.Expr {
			if f.Args[0].(*ast.Column).Names[1] != u.codes[len(u.codes)-1] {
				return integer("99")
			}
			return f
		})
	})},
	{"none of a part of a union is as good as enough", overUnions(func(u unionBlock) {
		u.counts(func(f *ast.Function) ast.Expr {
			none := &ast.Comparison{Op: ast.CompareEqual, Left: f, Right: integer("0")}
			return &ast.Case{Whens: []ast.When{{Cond: none, Then: integer("99")}}, Else: ast.CloneExpr(f)}
		})
	})},
	{"forget the nulls of a union's column", overUnions(func(u unionBlock) {
		u.counts(func(f *ast.Function) ast.Expr {
			return withoutNullTest(f)
		})
	})},
	{"a part of a union stands for nobody", parts(func(u *ast.SetOperation, part *ast.Select, own []int) {
		if part == u.Inputs[len(u.Inputs)-1] && len(own) > 0 {
			nobody := &ast.Cast{Expr: &ast.Constant{Type: ast.Type{ID: "NULL"}, Null: true}, Type: ast.Type{ID: "UINTEGER"}}
			nobody.SetAs(part.List[own[0]].As())
			part.List[own[0]] = nobody
		}
	})},
	{"every group of an entity is one", parts(func(_ *ast.SetOperation, part *ast.Select, own []int) {
		for _, i := range own {
			f, ok := part.List[i].(*ast.Function)
			if !ok || f.Name != "max" {
				continue
			}
			hash := &ast.Function{Name: "hash"}
			for _, k := range part.GroupBy {
				hash.Args = append(hash.Args, ast.CloneExpr(k))
			}
			group := &ast.Cast{Expr: &ast.Function{Name: "%", Operator: true, Args: []ast.Expr{hash, integer("1000000")}}, Type: ast.Type{ID: "UINTEGER"}}
			group.SetAs(f.As())
			part.List[i] = group
		}
	})},
	{"rows that are equal are put together once", func(s *ast.Select) {
		ast.Walk(s, func(n ast.Node) bool {
			if u, ok := n.(*ast.SetOperation); ok && u.Kind == ast.Union {
				u.All = false
			}
			return true
		})
	}},
	{"duplicates do not count in a set operation", func(s *ast.Select) {
		ast.Walk(s, func(n ast.Node) bool {
			if u, ok := n.(*ast.SetOperation); ok && u.Kind != ast.Union {
				u.All = false
			}
			return true
		})
	}},
	{"drop what decided the rows of a count(*)", func(s *ast.Select) {
		eachBlock(s, func(b *ast.Select) {
			for _, e := range b.List {
				f, ok := e.(*ast.Function)
				if !ok || f.Name != "count_star" && !strings.HasPrefix(f.Name, "__kset_") && !strings.HasPrefix(f.Name, "__rows_") {
					if _, key := e.(*ast.Column); !key {
						return
					}
				}
			}
			entityGroups(func(ast.Expr) bool { return true })(b)
		})
	}},
	{"skip ORDER BY under LIMIT", func(s *ast.Select) {
		eachBlock(s, func(b *ast.Select) {
			if b.Limit != nil && len(b.OrderBy) > 0 {
				b.OrderBy = nil
			}
		})
	}},
	{"a query in an expression releases any group", subqueries(func(s *ast.Subquery) {
		eachBlock(s.Query, func(b *ast.Select) {
			entityGroups(func(ast.Expr) bool { return true })(b)
			everyExpr(func(e ast.Expr) ast.Expr {
				if counts(e) {
					return &ast.Comparison{Op: ast.CompareEqual, Left: integer("1"), Right: integer("1")}
				}
				return e
			})(b)
		})
	})},
	{"a list has no nulls", subqueries(func(s *ast.Subquery) {
		b, ok := s.Query.(*ast.Select)
		if ok && s.Kind == ast.Any && len(b.GroupBy) == 0 {
			b.Where = ast.Conjoin(ast.And, nonNil(b.Where, &ast.Operator{Kind: ast.IsNotNull, Args: []ast.Expr{bruteBare(b.List[0])}})...)
		}
	})},
	{"NOT IN is that no row is equal", func(s *ast.Select) {
		eachBlock(s, func(b *ast.Select) {
			if b.Where != nil {
				b.Where = rewritten(b.Where, func(e ast.Expr) ast.Expr {
					if not, ok := e.(*ast.Operator); ok && not.Kind == ast.Not {
						if sub, ok := not.Args[0].(*ast.Subquery); ok && sub.Kind == ast.Any {
							not.Args[0] = &ast.Operator{Kind: ast.Coalesce, Args: []ast.Expr{sub, &ast.Cast{Expr: &ast.Constant{Type: ast.Type{ID: "VARCHAR"}, Text: "f"}, Type: ast.Type{ID: "BOOLEAN"}}}}
						}
					}
					return e
				})
			}
		})
	}},
}

func nonNil(es ...ast.Expr) []ast.Expr {
	return slices.DeleteFunc(es, func(e ast.Expr) bool { return e == nil })
}

// unionBlock is a block that counts the entities of several parts of a union.
type unionBlock struct {
	*ast.Select
	alias string
	codes []string
}

// counts changes the counts of u, those handed to the gate too.
func (u unionBlock) counts(change func(*ast.Function) ast.Expr) {
	one := func(e ast.Expr) ast.Expr {
		f, ok := entityCount(e)
		if !ok {
			return e
		}
		out := change(f)
		out.SetAs(e.As())
		return out
	}
	for i := range u.List {
		u.List[i] = rewritten(u.List[i], one)
	}
	if u.Having != nil {
		u.Having = rewritten(u.Having, one)
	}
	for i := range u.OrderBy {
		u.OrderBy[i].Expr = rewritten(u.OrderBy[i].Expr, one)
	}
}

// overUnions changes every block whose FROM is a union of several references.
func overUnions(change func(unionBlock)) func(*ast.Select) {
	return func(s *ast.Select) {
		eachBlock(s, func(b *ast.Select) {
			d, ok := b.From.(*ast.Derived)
			if !ok {
				return
			}
			u, ok := d.Query.(*ast.SetOperation)
			if !ok {
				return
			}
			block := unionBlock{b, d.Alias, nil}
			for _, e := range u.Inputs[0].(*ast.Select).List {
				if strings.HasPrefix(e.As(), "__e") {
					block.codes = append(block.codes, e.As())
				}
			}
			if len(block.codes) > 1 {
				change(block)
			}
		})
	}
}

// parts changes the parts of unions; own are the places of their entity codes.
func parts(change func(u *ast.SetOperation, part *ast.Select, own []int)) func(*ast.Select) {
	return func(s *ast.Select) {
		ast.Walk(s, func(n ast.Node) bool {
			u, ok := n.(*ast.SetOperation)
			if !ok {
				return true
			}
			for _, in := range u.Inputs {
				part := in.(*ast.Select)
				var own []int
				for i, e := range part.List {
					if _, null := e.(*ast.Cast); strings.HasPrefix(e.As(), "__e") && !null {
						own = append(own, i)
					}
				}
				change(u, part, own)
			}
			return true
		})
	}
}

// subqueries changes every query in an expression but those that count entities.
func subqueries(change func(*ast.Subquery)) func(*ast.Select) {
	return func(s *ast.Select) {
		ast.Walk(s, func(n ast.Node) bool {
			sub, ok := n.(*ast.Subquery)
			if !ok {
				return true
			}
			if b, ok := sub.Query.(*ast.Select); ok {
				if t, ok := b.From.(*ast.Table); ok && strings.HasPrefix(t.Name, "__") {
					return true
				}
			}
			change(sub)
			return true
		})
	}
}
