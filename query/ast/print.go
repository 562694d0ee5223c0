package ast

import (
	"fmt"
	"strings"
)

// Print returns SQL for s: one line, every identifier quoted, every compound
// expression and join in parentheses, nothing left to precedence or to the
// engine's settings for letter case.
//
// For every s that Decode returned, the engine parses the result to a tree
// Equal to s. For a tree built by hand the same holds as long as it could have
// come from the parser; whoever executes printed SQL parses it again and
// compares. Print panics on a tree with missing parts or unknown operators.
func Print(s *Select) string {
	var p printer
	p.query(s)
	return p.String()
}

// PrintExpr returns the SQL of one expression, without its alias.
func PrintExpr(e Expr) string {
	var p printer
	p.expr(e)
	return p.String()
}

type printer struct{ strings.Builder }

func (p *printer) text(parts ...string) {
	for _, s := range parts {
		p.WriteString(s)
	}
}

// name writes an identifier.
func (p *printer) name(s string) {
	if s == "" || strings.ContainsRune(s, 0) {
		panic("ast: print: no identifier")
	}
	p.text(`"`, strings.ReplaceAll(s, `"`, `""`), `"`)
}

// qualified writes a name behind its catalog and schema, where it has them.
func (p *printer) qualified(catalog, schema, name string) {
	for _, q := range []string{catalog, schema} {
		if q != "" {
			p.name(q)
			p.text(".")
		}
	}
	p.name(name)
}

// each writes a list with commas.
func each[T any](p *printer, list []T, write func(T)) {
	for i, e := range list {
		if i > 0 {
			p.text(", ")
		}
		write(e)
	}
}

func (p *printer) names(list []string) {
	p.text("(")
	each(p, list, p.name)
	p.text(")")
}

func (p *printer) exprs(list []Expr) { each(p, list, p.expr) }

func (p *printer) query(s *Select) {
	if len(s.With) > 0 {
		p.text("WITH ")
		each(p, s.With, p.cte)
		p.text(" ")
	}
	p.text("SELECT ")
	if s.Distinct {
		p.text("DISTINCT ")
	}
	if len(s.List) == 0 {
		panic("ast: print: empty select list")
	}
	each(p, s.List, p.item)
	if _, none := s.From.(*Empty); !none {
		p.text(" FROM ")
		p.from(s.From)
	}
	p.clause(" WHERE ", s.Where)
	if s.GroupAll {
		p.text(" GROUP BY ALL")
	} else if len(s.GroupBy) > 0 {
		p.text(" GROUP BY ")
		p.exprs(s.GroupBy)
	}
	p.clause(" HAVING ", s.Having)
	p.orders(" ORDER BY ", s.OrderBy)
	p.clause(" LIMIT ", s.Limit)
	p.clause(" OFFSET ", s.Offset)
}

func (p *printer) cte(c CTE) {
	p.name(c.Name)
	if len(c.Columns) > 0 {
		p.names(c.Columns)
	}
	p.text(" AS (")
	p.query(c.Select)
	p.text(")")
}

func (p *printer) item(e Expr) {
	p.expr(e)
	if e.As() != "" {
		p.text(" AS ")
		p.name(e.As())
	}
}

func (p *printer) clause(keyword string, e Expr) {
	if e != nil {
		p.text(keyword)
		p.expr(e)
	}
}

func (p *printer) orders(keyword string, list []Order) {
	if len(list) == 0 {
		return
	}
	p.text(keyword)
	each(p, list, func(o Order) {
		p.expr(o.Expr)
		p.text(pick(o.Direction, map[Direction]string{DirectionDefault: "", Ascending: " ASC", Descending: " DESC"}))
		p.text(pick(o.Nulls, map[Nulls]string{NullsDefault: "", NullsFirst: " NULLS FIRST", NullsLast: " NULLS LAST"}))
	})
}

// pick returns the spelling of a value in SQL.
func pick[T ~string](v T, spelling map[T]string) string {
	s, ok := spelling[v]
	if !ok {
		panic(fmt.Sprintf("ast: print: unknown %T", v))
	}
	return s
}

func (p *printer) from(f From) {
	switch f := f.(type) {
	case *Table:
		p.qualified(f.Catalog, f.Schema, f.Name)
		p.alias(f.Alias, f.Columns)
	case *Derived:
		p.text("(")
		p.query(f.Select)
		p.text(")")
		p.alias(f.Alias, f.Columns)
	case *Join:
		p.join(f)
	default:
		panic(fmt.Sprintf("ast: print: unknown table expression %T", f))
	}
}

func (p *printer) alias(alias string, columns []string) {
	if alias != "" {
		p.text(" AS ")
		p.name(alias)
	}
	if len(columns) > 0 {
		p.names(columns)
	}
}

func (p *printer) join(j *Join) {
	p.text("(")
	p.from(j.Left)
	switch j.Form {
	case NaturalJoin:
		p.text(" NATURAL ", joinWord(j.Kind), " ")
	case CrossJoin:
		p.text(" CROSS JOIN ")
	default:
		p.text(" ", joinWord(j.Kind), " ")
	}
	p.from(j.Right)
	if j.On != nil {
		p.clause(" ON ", j.On)
	} else if len(j.Using) > 0 {
		p.text(" USING ")
		p.names(j.Using)
	}
	p.text(")")
}

func joinWord(k JoinKind) string {
	return pick(k, map[JoinKind]string{
		InnerJoin: "JOIN", LeftJoin: "LEFT JOIN", RightJoin: "RIGHT JOIN", FullJoin: "FULL JOIN",
	})
}
