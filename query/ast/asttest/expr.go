package asttest

import (
	"fmt"
	"slices"

	"zonebox/query/ast"
)

// expr draws an expression without alias.
func (g *generator) expr() ast.Expr {
	g.nodes--
	if g.nodes <= 0 {
		return g.leaf()
	}
	m := g.meta()
	switch pick(g, "leaf", "leaf", "leaf", "leaf", "function", "operator", "window", "lambda", "comparison", "truth", "conjunction", "keyword",
		"not", "subscript", "slice", "field", "cast", "case", "between", "star", "columns", "collate", "scalar", "any") {
	case "function":
		return g.function()
	case "operator":
		return g.symbol()
	case "window":
		if g.over > 0 {
			return g.leaf()
		}
		return g.window()
	case "lambda":
		return g.lambda()
	case "comparison":
		return &ast.Comparison{Meta: m, Op: g.compare(), Left: g.expr(), Right: g.expr()}
	case "truth": // IS [NOT] TRUE and FALSE
		return &ast.Comparison{Meta: m, Op: pick(g, ast.CompareDistinctFrom, ast.CompareNotDistinctFrom),
			Left:  &ast.Cast{Meta: m, Expr: g.expr(), Type: ast.Type{ID: "BOOLEAN"}},
			Right: &ast.Constant{Meta: m, Type: ast.Type{ID: "BOOLEAN"}, Text: pick(g, "true", "false")}}
	case "conjunction":
		return ast.Conjoin(pick(g, ast.And, ast.Or), few(g, 2, 1, g.expr)...)
	case "keyword":
		return g.keyword()
	case "not":
		return g.not()
	case "subscript":
		return &ast.Subscript{Meta: m, Expr: g.expr(), Index: g.expr()}
	case "slice":
		return &ast.Slice{Meta: m, Expr: g.expr(), Lower: g.maybe(2), Upper: g.maybe(2), Step: g.maybe(3)}
	case "field":
		return &ast.Field{Meta: m, Expr: g.expr(), Name: g.name()}
	case "cast":
		return &ast.Cast{Meta: m, Expr: g.expr(), Type: g.typeOf(), Try: g.one(2)}
	case "case":
		c := &ast.Case{Meta: m, Else: g.expr()}
		c.Whens = few(g, 1, 1, func() ast.When { return ast.When{Cond: g.expr(), Then: g.expr()} })
		return c
	case "between":
		return &ast.Between{Meta: m, Expr: g.expr(), Lower: g.expr(), Upper: g.expr()}
	case "star":
		return g.star()
	case "columns":
		return g.columns()
	case "collate":
		return &ast.Collate{Meta: m, Expr: g.expr(), Collation: pick(g, "nocase", "noaccent.nocase", "de", "POSIX")}
	case "scalar":
		return &ast.Subquery{Meta: m, Kind: pick(g, ast.Scalar, ast.Exists), Query: g.query()}
	case "any":
		return &ast.Subquery{Meta: m, Kind: ast.Any, Left: g.expr(), Query: g.query(),
			Op: pick(g, ast.CompareEqual, ast.CompareNotEqual, ast.CompareLess, ast.CompareGreater, ast.CompareLessEqual, ast.CompareGreaterEqual)}
	}
	return g.leaf()
}

// leaf draws an expression that has none in it.
func (g *generator) leaf() ast.Expr {
	m := g.meta()
	switch pick(g, "column", "column", "column", "constant", "constant", "parameter", "position", "default") {
	case "constant":
		return g.constant()
	case "parameter":
		if g.byName {
			return &ast.Parameter{Meta: m, Name: g.name() + "$"}
		}
		return &ast.Parameter{Meta: m, Position: pick(g, 1, 2, 7)}
	case "position":
		return &ast.Position{Meta: m, Index: pick(g, 1, 2, 1000)}
	case "default":
		return &ast.Default{Meta: m}
	}
	return &ast.Column{Meta: m, Names: g.names(1, 3)}
}

func (g *generator) compare() ast.CompareOp {
	return pick(g, ast.CompareEqual, ast.CompareNotEqual, ast.CompareLess, ast.CompareGreater, ast.CompareLessEqual, ast.CompareGreaterEqual,
		ast.CompareDistinctFrom, ast.CompareNotDistinctFrom)
}

// calls are names of functions. Some mean more to the parser and are not here:
// if, ifnull, try, date, unpack and others become nodes of their own, count
// without arguments another function, list ordered by its argument as well.
var calls = []string{"sum", "lower", "count_star", "f", "row", "struct_pack", "list_value", "map", "unnest", "x y", `"`, "select", "名", "like_escape", "date_part"}

// function draws a call.
func (g *generator) function() *ast.Function {
	f := &ast.Function{Meta: g.meta(), Name: pick(g, calls...), Args: g.arguments(3)}
	if g.one(4) {
		f.Schema = pick(g, "main", "s t")
		if g.one(2) {
			f.Catalog = "system"
		}
	}
	f.Distinct, f.OrderBy = len(f.Args) > 0 && g.one(4), g.orders(5, g.expr)
	f.Filter, f.Export = g.maybe(5), g.one(10)
	f.Args = g.seen(f.Args, f.Distinct || f.OrderBy != nil)
	return f
}

// arguments draws up to most arguments, some by name.
func (g *generator) arguments(most int) []ast.Expr {
	return few(g, 0, most, func() ast.Expr {
		e := g.expr()
		if g.one(4) {
			e.SetAs(g.name())
		}
		return e
	})
}

// seen drops an only argument that is *: the parser does so too, unless there is
// more than it.
func (g *generator) seen(args []ast.Expr, more bool) []ast.Expr {
	if len(args) == 1 && !more && dropped(args[0]) {
		return nil
	}
	return args
}

// dropped reports whether the parser drops e as the only argument of a call.
func dropped(e ast.Expr) bool {
	s, ok := e.(*ast.Star)
	return ok && s.Exclude == nil && s.Replace == nil
}

// symbol draws an operator. A sign before digits would become part of them.
func (g *generator) symbol() *ast.Function {
	f := &ast.Function{Meta: g.meta(), Operator: true}
	if g.one(3) {
		f.Name, f.Args = pick(g, "-", "+", "~", "@", "!__postfix"), []ast.Expr{g.expr()}
		if _, digits := f.Args[0].(*ast.Constant); digits {
			f.Args[0] = &ast.Column{Meta: g.meta(), Names: []string{"a"}}
		}
		return f
	}
	f.Name = pick(g, "+", "-", "*", "/", "//", "%", "^", "**", "&", "|", "<<", ">>", "||", "^@", "~~", "!~~", "~~*", "!~~*", "~~~",
		"->>", "<->", "<=>", "<@", "@>", "&&")
	f.Args = []ast.Expr{g.expr(), g.expr()}
	return f
}

// keyword draws an operator of words but NOT.
func (g *generator) keyword() ast.Expr {
	o := &ast.Operator{Meta: g.meta(), Kind: pick(g, ast.IsNull, ast.IsNotNull, ast.In, ast.NotIn, ast.Coalesce, ast.Try, ast.Array, ast.Grouping, ast.Unpack)}
	switch o.Kind {
	case ast.In, ast.NotIn:
		o.Args = few(g, 2, 2, g.expr)
	case ast.Coalesce, ast.Grouping:
		o.Args = few(g, 1, 2, g.expr)
	case ast.Array:
		o.Args = g.seen(few(g, 0, 2, g.expr), false)
	case ast.Try, ast.Unpack:
		o.Args = []ast.Expr{g.expr()}
		if dropped(o.Args[0]) {
			o.Args[0] = g.leaf()
		}
	default:
		o.Args = []ast.Expr{g.expr()}
	}
	return o
}

// not draws the negation of what the parser does not turn around.
func (g *generator) not() ast.Expr {
	e := g.expr()
	switch inner := e.(type) {
	case *ast.Comparison:
		return e
	case *ast.Operator:
		if inner.Kind == ast.In {
			return e
		}
	}
	return &ast.Operator{Meta: g.meta(), Kind: ast.Not, Args: []ast.Expr{e}}
}

func (g *generator) lambda() *ast.Lambda {
	l := &ast.Lambda{Meta: g.meta(), Body: g.expr()}
	switch {
	case g.one(3):
		l.Params = g.expr()
	case g.one(3):
		l.Params = &ast.Function{Meta: g.meta(), Schema: "main", Name: "row", Args: few(g, 2, 1, func() ast.Expr {
			return &ast.Column{Meta: g.meta(), Names: []string{g.name()}}
		})}
	default:
		l.Params = &ast.Column{Meta: g.meta(), Names: []string{g.name()}}
	}
	return l
}

func (g *generator) star() *ast.Star {
	s := &ast.Star{Meta: g.meta()}
	if g.one(3) {
		s.Relation = g.name()
	}
	column := func() ast.Name { return append(g.names(0, 3), g.unique()) }
	if g.one(3) {
		s.Exclude = few(g, 1, 2, column)
	}
	if g.one(4) {
		s.Replace = few(g, 1, 1, func() ast.Replacement { return ast.Replacement{Column: g.unique(), Expr: g.expr()} })
	}
	if g.one(4) {
		s.Rename = few(g, 1, 1, func() ast.Renaming { return ast.Renaming{Column: column(), Name: g.name()} })
	}
	slices.SortFunc(s.Exclude, func(a, b ast.Name) int { return slices.Compare(a, b) })
	slices.SortFunc(s.Replace, func(a, b ast.Replacement) int { return slices.Compare([]string{a.Column}, []string{b.Column}) })
	slices.SortFunc(s.Rename, func(a, b ast.Renaming) int { return slices.Compare(a.Column, b.Column) })
	return s
}

// columns draws COLUMNS. A lambda in it becomes a call of list_filter.
func (g *generator) columns() *ast.Columns {
	c := &ast.Columns{Meta: g.meta()}
	switch pick(g, "star", "pattern", "lambda", "expression") {
	case "star":
		c.Of = g.star()
	case "pattern":
		c.Of = &ast.Constant{Meta: g.meta(), Type: ast.Type{ID: "VARCHAR"}, Text: "(a|b).*"}
	case "lambda":
		c.Of = &ast.Function{Meta: g.meta(), Name: "list_filter", Args: []ast.Expr{&ast.Star{Meta: g.meta()}, g.lambda()}}
	default:
		c.Of = g.expr()
		if _, lambda := c.Of.(*ast.Lambda); lambda {
			c.Of = g.leaf()
		}
	}
	return c
}

// functions over windows, and how many arguments each may have at most.
var windows = map[string]int{
	"sum": 2, "count": 2, "f": 3, "rank": 0, "dense_rank": 0, "percent_rank": 0, "row_number": 0, "cume_dist": 0, "ntile": 1,
	"first_value": 1, "last_value": 1, "first": 1, "last": 1, "fill": 1, "nth_value": 2, "lead": 3, "lag": 3,
}

func (g *generator) window() *ast.Window {
	names := []string{}
	for name := range windows {
		names = append(names, name)
	}
	slices.Sort(names)
	w := &ast.Window{Meta: g.meta(), Name: pick(g, names...)}
	w.Args = g.arguments(windows[w.Name])
	if g.one(4) {
		w.Schema = "main"
		if g.one(2) {
			w.Catalog = "system"
		}
	}
	aggregate := w.Name == "sum" || w.Name == "count" || w.Name == "f"
	if aggregate {
		w.Distinct, w.Filter = len(w.Args) > 0 && g.one(4), g.maybe(4)
	} else {
		w.IgnoreNulls = g.one(4)
	}
	if w.Name != "dense_rank" {
		w.OrderBy = g.orders(5, g.expr)
	}
	w.Args = g.seen(w.Args, w.Distinct || w.OrderBy != nil)
	g.over++
	w.Partition, w.Order = few(g, 0, 2, g.expr), g.orders(2, g.within)
	w.Frame = g.frame()
	g.over--
	// EXCLUDE and ordered arguments do not go together for every function.
	if !aggregate && w.OrderBy != nil {
		w.Frame.Exclude = ast.ExcludeNoOthers
	}
	return w
}

// within draws what the rows of a window are ordered by, which is not ALL.
func (g *generator) within() ast.Expr {
	e := g.expr()
	switch inner := e.(type) {
	case *ast.Star:
		return g.leaf()
	case *ast.Columns:
		if _, all := inner.Of.(*ast.Star); all {
			return g.leaf()
		}
	}
	return e
}

func (g *generator) frame() ast.Frame {
	sides := []string{"EXPR_PRECEDING", "CURRENT_ROW", "EXPR_FOLLOWING"}
	unit := pick(g, "ROWS", "RANGE", "GROUPS")
	first := pick(g, 0, 1, 2)
	f := ast.Frame{
		Start:   ast.Bound(fmt.Sprintf("%s_%s", sides[first], unit)),
		End:     ast.Bound(fmt.Sprintf("%s_%s", sides[first+pick(g, 0, 0, 1)*min(1, 2-first)], unit)),
		Exclude: pick(g, ast.ExcludeNoOthers, ast.ExcludeCurrentRow, ast.ExcludeGroup, ast.ExcludeTies),
	}
	if g.one(3) {
		f.Start = ast.UnboundedPreceding
	}
	if g.one(3) {
		f.End = ast.UnboundedFollowing
	}
	offset := func(b ast.Bound) ast.Expr {
		if len(b) > 4 && b[:4] == "EXPR" {
			return g.expr()
		}
		return nil
	}
	f.StartOffset, f.EndOffset = offset(f.Start), offset(f.End)
	return f
}
