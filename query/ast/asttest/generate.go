package asttest

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"zonebox/query/ast"
)

// Queries draws statements of random trees that the parser could have given: for
// each, parsing its print gives an equal tree. Names and functions mean nothing.
// Every kind of node, every form of it and every value of an enumeration has a
// chance in each.
func Queries() *rapid.Generator[ast.Query] {
	return rapid.Custom(func(t *rapid.T) ast.Query {
		g := &generator{t: t, nodes: rapid.IntRange(1, 120).Draw(t, "nodes"), byName: rapid.Bool().Draw(t, "named parameters")}
		return g.query()
	})
}

type generator struct {
	t      *rapid.T
	nodes  int  // how many more there may be, about
	byName bool // the parameters of the statement
	over   int  // how many window definitions are open: there are no windows in one
	fresh  int  // numbers names that must differ
}

// pick draws one of list.
func pick[T any](g *generator, list ...T) T { return rapid.SampledFrom(list).Draw(g.t, "choice") }

// one is true once in n times.
func (g *generator) one(n int) bool { return rapid.IntRange(1, n).Draw(g.t, "one") == n }

// few draws a list of least to least+more items.
func few[T any](g *generator, least, more int, item func() T) []T {
	if g.nodes <= 0 {
		more = 0
	}
	var list []T
	for range least + rapid.IntRange(0, more).Draw(g.t, "few") {
		list = append(list, item())
	}
	return list
}

// maybe draws an expression, nil mostly.
func (g *generator) maybe(n int) ast.Expr {
	if g.nodes <= 0 || !g.one(n) {
		return nil
	}
	return g.expr()
}

// name draws an identifier, of words, reserved words and what must be quoted.
func (g *generator) name() string {
	return pick(g, "a", "b", "c", "t", "u", "A", "Ab", "select", "from", "order", "row", "values", "lambda", "list", "main", "x y", `q"q`, "a.b",
		"1a", "名称", "é", "'", "\\", "--", "/*", "end", "interval", "year", "default", "all", "columns", "unpack", "pivot", "rows", "key")
}

// unique draws an identifier that no other call gives.
func (g *generator) unique() string {
	g.fresh++
	return fmt.Sprintf("%s %d", g.name(), g.fresh)
}

func (g *generator) names(least, more int) []string { return few(g, least, more, g.name) }

func (g *generator) meta() ast.Meta { return ast.Meta{Location: ast.NoLocation} }

// query draws a query other than the body of a recursive common table.
func (g *generator) query() ast.Query {
	g.nodes--
	if g.nodes > 0 && g.one(5) {
		return g.setOperation()
	}
	return g.selection()
}

func (g *generator) selection() *ast.Select {
	s := &ast.Select{List: []ast.Expr{&ast.Star{Meta: g.meta()}}}
	switch {
	case g.one(12):
		s.From = g.show()
		return s
	case g.one(10):
		width := pick(g, 1, 2)
		s.From = &ast.Values{Rows: few(g, 1, 2, func() []ast.Expr { return few(g, width, 0, g.expr) })}
		s.With = g.with()
	default:
		s.With = g.with()
		g.block(s)
	}
	s.OrderBy = g.orders(4, g.key)
	s.Limit, s.Percent, s.Offset = g.limit()
	return s
}

func (g *generator) block(s *ast.Select) {
	if s.Distinct = g.one(6); s.Distinct && g.one(2) {
		s.DistinctOn = few(g, 1, 1, g.expr)
	}
	s.List = few(g, 1, 2, g.item)
	s.From = g.list()
	s.Where = g.maybe(3)
	g.grouping(s)
	s.Having, s.Qualify = g.maybe(6), g.maybe(6)
	s.Sample = g.sample(10)
}

// grouping draws GROUP BY. Its expressions differ, as the parser keeps one of
// equal ones, and none is a call of row, which it takes apart.
func (g *generator) grouping(s *ast.Select) {
	switch {
	case g.nodes <= 0 || g.one(2):
	case g.one(5):
		s.GroupAll = true
	case g.one(5):
		s.GroupingSets = [][]int{{}}
	default:
		s.GroupBy = few(g, 1, 3, func() ast.Expr {
			name := &ast.Column{Meta: g.meta(), Names: []string{g.unique()}}
			if g.one(2) {
				return name
			}
			return &ast.Subscript{Meta: g.meta(), Expr: g.expr(), Index: name}
		})
		if g.one(2) {
			s.GroupingSets = g.sets(len(s.GroupBy))
		}
	}
}

// sets draws grouping sets of n expressions, numbered as they come; never the
// one that plain GROUP BY has.
func (g *generator) sets(n int) [][]int {
	var sets [][]int
	for used := 0; used < n; {
		set := []int{}
		for i := range used {
			if g.one(2) {
				set = append(set, i)
			}
		}
		for first := used; used < n && (used == first || g.one(2)); used++ {
			set = append(set, used)
		}
		sets = append(sets, set)
	}
	return slices.Insert(sets, pick(g, 0, len(sets)), []int{})
}

func (g *generator) limit() (limit ast.Expr, percent bool, offset ast.Expr) {
	limit, offset = g.maybe(5), g.maybe(6)
	return limit, limit != nil && g.one(3), offset
}

func (g *generator) sample(n int) *ast.Sample {
	if !g.one(n) {
		return nil
	}
	s := &ast.Sample{Method: pick(g, ast.SystemSample, ast.BernoulliSample, ast.ReservoirSample), Seed: pick(g, -1, 0, 42), Percent: g.one(2)}
	if s.Percent {
		s.Size = pick(g, "10.0", "0.5", "0.001", "33.333333333333336", "100.0")
	} else {
		s.Size = pick(g, "0", "1", "1000000")
	}
	return s
}

func (g *generator) setOperation() *ast.SetOperation {
	s := &ast.SetOperation{With: g.with(), Kind: pick(g, ast.Union, ast.UnionByName, ast.Except, ast.Intersect), All: g.one(2)}
	s.OrderBy = g.orders(4, g.key) // before the inputs, which use up the nodes
	s.Limit, s.Percent, s.Offset = g.limit()
	more := 2
	if s.Kind == ast.Except || s.Kind == ast.Intersect {
		more = 0
	}
	s.Inputs = few(g, 2, more, g.query)
	g.separate(s)
	return s
}

// separate keeps the inputs of s apart: the parser takes those of a like
// operation for its own, unless that has a LIMIT or the like.
func (g *generator) separate(s *ast.SetOperation) {
	for _, q := range s.Inputs {
		if in, ok := q.(*ast.SetOperation); ok && in.Kind == s.Kind && in.All == s.All && in.Offset == nil {
			in.Offset = g.leaf()
		}
	}
}

// with draws a WITH clause, recursive or not as a whole.
func (g *generator) with() []ast.CTE {
	if g.nodes <= 0 || !g.one(5) {
		return nil
	}
	recursive := g.one(3)
	return few(g, 1, 1, func() ast.CTE {
		c := ast.CTE{Name: g.unique(), Columns: g.names(0, 2)}
		if g.one(4) {
			c.Keys = g.names(1, 1)
		}
		if recursive && g.one(2) {
			c.Query = &ast.Recursive{With: g.with(), All: g.one(2), Anchor: g.query(), Step: g.query()}
			return c
		}
		for c.Query == nil || shows(c.Query) {
			c.Query = g.query()
		}
		if s, ok := c.Query.(*ast.SetOperation); ok && recursive && s.Kind == ast.Union {
			s.Kind = ast.UnionByName
			g.separate(s)
		}
		return c
	})
}

// shows reports whether q is a DESCRIBE or the like, which a common table cannot
// be.
func shows(q ast.Query) bool {
	s, ok := q.(*ast.Select)
	if !ok {
		return false
	}
	_, ok = s.From.(*ast.Show)
	return ok
}

func (g *generator) orders(n int, expr func() ast.Expr) []ast.Order {
	if g.nodes <= 0 || !g.one(n) {
		return nil
	}
	return few(g, 1, 1, func() ast.Order {
		return ast.Order{
			Expr:      expr(),
			Direction: pick(g, ast.DirectionDefault, ast.Ascending, ast.Descending),
			Nulls:     pick(g, ast.NullsDefault, ast.NullsFirst, ast.NullsLast),
		}
	})
}

// key draws what rows are ordered by: an expression or ALL.
func (g *generator) key() ast.Expr {
	if g.one(6) {
		return &ast.Columns{Meta: g.meta(), Of: &ast.Star{Meta: g.meta()}}
	}
	return g.expr()
}

// item draws an item of a select list.
func (g *generator) item() ast.Expr {
	e := g.expr()
	if g.one(3) {
		e.SetAs(g.name())
	}
	return e
}

// typeOf draws a type.
func (g *generator) typeOf() ast.Type {
	g.nodes--
	kinds := []string{"simple", "simple", "simple", "DECIMAL", "UNBOUND"}
	if g.nodes > 0 {
		kinds = append(kinds, "LIST", "ARRAY", "MAP", "STRUCT", "UNION")
	}
	elem := func() *ast.Type { t := g.typeOf(); return &t }
	t := ast.Type{ID: pick(g, kinds...)}
	switch t.ID {
	case "simple":
		t.ID = pick(g, "BOOLEAN", "TINYINT", "INTEGER", "BIGINT", "UBIGINT", "HUGEINT", "FLOAT", "DOUBLE", "VARCHAR", "BLOB", "BIT", "UUID", "DATE",
			"TIME", "INTERVAL", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", "TIME WITH TIME ZONE", "TIME_NS", "BIGNUM", "VARIANT",
			"GEOMETRY", "TYPE", "NULL")
	case "DECIMAL":
		t.Width = rapid.IntRange(1, 38).Draw(g.t, "width")
		t.Scale = rapid.IntRange(0, t.Width).Draw(g.t, "scale")
	case "LIST":
		t.Elem = elem()
	case "ARRAY":
		t.Elem, t.Size = elem(), pick(g, 1, 3, 1000)
	case "MAP":
		t.Key, t.Elem = elem(), elem()
	case "STRUCT", "UNION":
		t.Members = few(g, 1, 2, func() ast.Member { return ast.Member{Name: g.unique(), Type: g.typeOf()} })
	default:
		t.User = &ast.UserType{Name: g.unique()}
		switch {
		case g.one(3):
			t.User.Schema = g.name()
			if g.one(2) {
				t.User.Catalog = g.name()
			}
		case g.one(2):
			t.User.Modifiers = few(g, 1, 1, g.constant)
		}
	}
	return t
}

// constant draws a literal, in the engine's own form.
func (g *generator) constant() *ast.Constant {
	c := &ast.Constant{Meta: g.meta()}
	c.Type.ID = pick(g, "VARCHAR", "VARCHAR", "INTEGER", "INTEGER", "BIGINT", "HUGEINT", "UHUGEINT", "DECIMAL", "DOUBLE", "NULL")
	switch c.Type.ID {
	case "VARCHAR":
		c.Text = pick(g, "", "x", "it's", `a"b`, "a\nb\x01", "名称", "$$", "--", "1", "{}", "\ufeff\u00a0", strings.Repeat("long ", 40))
	case "INTEGER":
		c.Text = pick(g, "0", "1", "42", "-1", "2147483647", "-2147483647")
	case "BIGINT":
		c.Text = pick(g, "2147483648", "-2147483648", "9223372036854775807", "-9223372036854775808")
	case "HUGEINT":
		c.Text = pick(g, "9223372036854775808", "170141183460469231731687303715884105727")
	case "UHUGEINT":
		c.Text = pick(g, "170141183460469231731687303715884105728", "340282366920938463463374607431768211455")
	case "DECIMAL":
		digits := rapid.StringMatching(`[1-9][0-9]{0,30}`).Draw(g.t, "digits")
		c.Type.Width = len(digits)
		c.Type.Scale = rapid.IntRange(0, len(digits)).Draw(g.t, "scale")
		c.Text = pick(g, "", "-") + digits[:len(digits)-c.Type.Scale] + "." + digits[len(digits)-c.Type.Scale:]
	case "DOUBLE":
		c.Text = pick(g, "0.0", "10.0", "0.1", "1e100", "5e-324", "-1.5", "123456.789")
	default:
		c.Null = true
	}
	return c
}
