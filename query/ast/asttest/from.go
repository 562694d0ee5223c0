package asttest

import "zonebox/query/ast"

// list draws a FROM clause. Only a comma puts a PIVOT behind a cross join.
func (g *generator) list() ast.From {
	if g.one(6) {
		return &ast.Empty{}
	}
	f := g.from()
	for g.nodes > 0 && g.one(4) {
		right := g.from()
		f = &ast.Join{Location: ast.NoLocation, Kind: ast.InnerJoin, Form: ast.CrossJoin, Left: f, Right: right}
	}
	return f
}

// from draws a table expression that may stand beside others.
func (g *generator) from() ast.From {
	g.nodes--
	kinds := []string{"table", "table", "call"}
	if g.nodes > 0 {
		kinds = append(kinds, "derived", "join", "join", "pivot", "unpivot")
	}
	switch pick(g, kinds...) {
	case "call":
		return g.tableFunction()
	case "derived":
		d := &ast.Derived{Location: ast.NoLocation, Query: g.query(), Sample: g.sample(8)}
		d.Alias, d.Columns = g.alias()
		return d
	case "join":
		return g.join()
	case "pivot":
		return g.pivot()
	case "unpivot":
		return g.unpivot()
	}
	t := &ast.Table{Location: ast.NoLocation, Name: g.name(), Sample: g.sample(8)}
	t.Alias, t.Columns = g.alias()
	if g.one(4) {
		t.Schema = g.name()
		if g.one(2) {
			t.Catalog = g.name()
		}
	}
	if g.nodes > 0 && g.one(8) {
		t.At = &ast.At{Unit: pick(g, ast.AtVersion, ast.AtTimestamp), Expr: g.expr()}
	}
	return t
}

func (g *generator) alias() (alias string, columns []string) {
	if g.one(2) {
		return "", nil
	}
	return g.name(), g.names(0, 2)
}

// tableFunction draws a call in FROM.
func (g *generator) tableFunction() *ast.TableFunction {
	t := &ast.TableFunction{Location: ast.NoLocation, Call: g.function(), Ordinality: g.one(4), Sample: g.sample(8)}
	t.Call.Filter, t.Call.Export = nil, false
	t.Alias, t.Columns = g.alias()
	return t
}

func (g *generator) join() *ast.Join {
	j := &ast.Join{
		Location: ast.NoLocation,
		Kind:     pick(g, ast.InnerJoin, ast.LeftJoin, ast.RightJoin, ast.FullJoin, ast.SemiJoin, ast.AntiJoin),
		Form:     pick(g, ast.RegularJoin, ast.RegularJoin, ast.NaturalJoin, ast.CrossJoin, ast.AsOfJoin, ast.PositionalJoin),
		Left:     g.from(),
		Right:    g.from(),
	}
	switch j.Form {
	case ast.RegularJoin, ast.AsOfJoin:
		if g.one(3) {
			j.Using = g.names(1, 1)
		} else {
			j.On = g.expr()
		}
		return j
	case ast.CrossJoin, ast.PositionalJoin:
		j.Kind = ast.InnerJoin
	}
	switch j.Right.(type) {
	case *ast.Pivot, *ast.Unpivot:
		j.Right = &ast.Table{Location: ast.NoLocation, Name: g.name()}
	}
	return j
}

// pivot draws a PIVOT. Its expressions have columns and no queries.
func (g *generator) pivot() *ast.Pivot {
	p := &ast.Pivot{Location: ast.NoLocation, Source: g.from(), Aggregates: few(g, 1, 1, g.item), GroupBy: g.names(0, 1)}
	p.Alias, p.Columns = g.alias()
	p.On = few(g, 1, 1, func() ast.PivotColumn {
		c := ast.PivotColumn{Exprs: few(g, 1, 1, func() ast.Expr {
			var e ast.Expr = &ast.Column{Meta: g.meta(), Names: g.names(1, 1)}
			if g.one(3) {
				e = &ast.Function{Meta: g.meta(), Name: "lower", Args: []ast.Expr{e}}
			}
			return e
		})}
		if g.one(4) {
			c.Enum = g.name()
			return c
		}
		c.Entries = few(g, 1, 2, func() ast.PivotEntry {
			e := ast.PivotEntry{Values: few(g, 1, 1, g.value)}
			if g.one(3) {
				e.Alias = g.name()
			}
			return e
		})
		return c
	})
	return p
}

// value draws a value of a PIVOT list.
func (g *generator) value() ast.Expr {
	if g.one(2) {
		return g.constant()
	}
	text := &ast.Constant{Meta: g.meta(), Type: ast.Type{ID: "VARCHAR"}}
	c := &ast.Cast{Meta: g.meta(), Expr: text, Type: ast.Type{ID: pick(g, "BOOLEAN", "DATE", "TIMESTAMP", "TINYINT", "BIGINT", "UINTEGER", "NULL")}}
	switch c.Type.ID {
	case "BOOLEAN":
		text.Text = pick(g, "t", "f")
	case "DATE":
		text.Text = pick(g, "1970-01-01", "2024-02-29", "1200-12-31", "9999-12-31", "0001-01-01")
	case "TIMESTAMP":
		text.Text = pick(g, "2024-02-29 23:59:59", "1969-12-31 00:00:00", "2024-01-01 00:00:00.000001", "1500-01-01 12:00:00.5")
	case "NULL":
		text.Type.ID, text.Null = "NULL", true
		c.Type = pick(g, ast.Type{ID: "DATE"}, ast.Type{ID: "VARCHAR"}, ast.Type{ID: "DECIMAL", Width: 10, Scale: 2})
	default:
		text.Text = pick(g, "0", "7", "100")
	}
	return c
}

func (g *generator) unpivot() *ast.Unpivot {
	u := &ast.Unpivot{Location: ast.NoLocation, Source: g.from(), Values: g.names(1, 1), Name: g.name(), IncludeNulls: g.one(2)}
	u.Alias, u.Columns = g.alias()
	u.Entries = few(g, 1, 2, func() ast.UnpivotEntry {
		var e ast.UnpivotEntry
		switch pick(g, "names", "star", "columns", "expression") {
		case "star":
			e.Expr = g.star()
		case "columns":
			e.Expr = g.columns()
		case "expression":
			e.Expr = &ast.Between{Meta: g.meta(), Expr: g.expr(), Lower: g.expr(), Upper: g.expr()}
		default:
			e.Columns = g.names(1, 1)
		}
		if g.one(3) {
			e.Alias = g.name()
		}
		return e
	})
	return u
}

func (g *generator) show() *ast.Show {
	s := &ast.Show{Kind: pick(g, ast.Describe, ast.Summarize, ast.ShowNamed, ast.ShowTables)}
	switch s.Kind {
	case ast.ShowNamed:
		s.Name = pick(g, `"databases"`, `"schemas"`, `"tables"`, `"variables"`, "__show_tables_expanded", "timezone", "transaction_isolation")
	case ast.ShowTables:
		s.Schema = g.name()
		if g.one(2) {
			s.Catalog = g.name()
		}
	default:
		s.Query = g.query()
	}
	return s
}
