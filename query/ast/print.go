package ast

import (
	"fmt"
	"strconv"
	"strings"
)

// Print returns SQL for q: one line, every identifier quoted, every compound
// expression and join in parentheses, nothing left to precedence or to the
// engine's settings for letter case.
//
// For every q that Decode returned, the engine parses the result to a tree
// Equal to q. For a tree built by hand the same holds as long as it could have
// come from the parser; whoever executes printed SQL parses it again and
// compares. Print panics on a tree with missing parts or unknown operators.
func Print(q Query) string {
	var p printer
	p.query(q)
	return p.String()
}

// PrintExpr returns the SQL of one expression, without its alias.
func PrintExpr(e Expr) string {
	var p printer
	p.expr(e)
	return p.String()
}

// Shape returns the SQL of q with a question mark in place of every literal, and of
// every list of them.
func Shape(q Query) string {
	p := printer{shape: true}
	p.query(q)
	text := p.String()
	for strings.Contains(text, "?, ?") {
		text = strings.ReplaceAll(text, "?, ?", "?")
	}
	return text
}

type printer struct {
	strings.Builder
	shape bool // literals are question marks
}

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

// ordinal writes a number from 1.
func (p *printer) ordinal(n int) {
	if n < 1 {
		panic("ast: print: no ordinal")
	}
	p.text(strconv.Itoa(n))
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

// query writes any query but a recursive one, which only a common table can be.
func (p *printer) query(q Query) {
	switch q := q.(type) {
	case *Select:
		p.selection(q)
	case *SetOperation:
		p.setOperation(q)
	default:
		panic(fmt.Sprintf("ast: print: %T is no query by itself", q))
	}
}

// inner writes a query in parentheses.
func (p *printer) inner(q Query) {
	p.text("(")
	p.query(q)
	p.text(")")
}

func (p *printer) with(list []CTE) {
	if len(list) == 0 {
		return
	}
	recursive, plain := false, false
	for _, c := range list {
		switch q := c.Query.(type) {
		case *Recursive:
			recursive = true
		case *SetOperation:
			plain = plain || q.Kind == Union
		}
	}
	p.text("WITH ")
	if recursive {
		if plain {
			panic("ast: print: RECURSIVE would make a common table recursive that is not")
		}
		p.text("RECURSIVE ")
	}
	each(p, list, p.cte)
	p.text(" ")
}

func (p *printer) cte(c CTE) {
	p.name(c.Name)
	if len(c.Columns) > 0 {
		p.names(c.Columns)
	}
	if len(c.Keys) > 0 {
		p.text(" USING KEY ")
		p.names(c.Keys)
	}
	p.text(" AS (")
	if q, ok := c.Query.(*Recursive); ok {
		p.with(q.With)
		p.inner(q.Anchor)
		p.text(" ", setWord(Union, q.All), " ")
		p.inner(q.Step)
	} else {
		p.query(c.Query)
	}
	p.text(")")
}

func (p *printer) setOperation(s *SetOperation) {
	if len(s.Inputs) < 2 || len(s.Inputs) > 2 && (s.Kind == Except || s.Kind == Intersect) {
		panic("ast: print: set operation without two inputs")
	}
	p.with(s.With)
	for i, q := range s.Inputs {
		if i > 0 {
			p.text(" ", setWord(s.Kind, s.All), " ")
		}
		p.inner(q)
	}
	p.orders(" ORDER BY ", s.OrderBy)
	p.limit(s.Limit, s.Percent, s.Offset)
}

func setWord(k SetKind, all bool) string {
	s := pick(k, map[SetKind]string{Union: "UNION", UnionByName: "UNION", Except: "EXCEPT", Intersect: "INTERSECT"})
	if all {
		s += " ALL"
	}
	if k == UnionByName {
		s += " BY NAME"
	}
	return s
}

func (p *printer) selection(s *Select) {
	if !s.wraps() {
		panic("ast: print: VALUES or SHOW with more than a star around it")
	}
	p.with(s.With)
	switch f := s.From.(type) {
	case *Show:
		p.show(f)
	case *Values:
		p.values(f)
	default:
		p.block(s)
	}
	p.orders(" ORDER BY ", s.OrderBy)
	p.limit(s.Limit, s.Percent, s.Offset)
}

// block writes a SELECT up to where ORDER BY stands.
func (p *printer) block(s *Select) {
	p.text("SELECT ")
	if s.Distinct {
		p.text("DISTINCT ")
		if len(s.DistinctOn) > 0 {
			p.text("ON (")
			p.exprs(s.DistinctOn)
			p.text(") ")
		}
	}
	if len(s.List) == 0 {
		panic("ast: print: empty select list")
	}
	each(p, s.List, p.item)
	if _, none := s.From.(*Empty); !none {
		p.text(" FROM ")
		p.fromList(s.From)
	}
	p.clause(" WHERE ", s.Where)
	p.grouping(s)
	p.clause(" HAVING ", s.Having)
	p.clause(" QUALIFY ", s.Qualify)
	p.sample(" USING SAMPLE ", s.Sample)
}

func (p *printer) grouping(s *Select) {
	switch {
	case s.GroupAll:
		p.text(" GROUP BY ALL")
	case s.GroupingSets != nil:
		p.text(" GROUP BY GROUPING SETS (")
		each(p, s.GroupingSets, func(set []int) {
			p.text("(")
			each(p, set, func(i int) { p.expr(s.GroupBy[i]) })
			p.text(")")
		})
		p.text(")")
	case len(s.GroupBy) > 0:
		p.text(" GROUP BY ")
		p.exprs(s.GroupBy)
	}
}

func (p *printer) limit(limit Expr, percent bool, offset Expr) {
	p.clause(" LIMIT ", limit)
	if percent {
		if limit == nil {
			panic("ast: print: percentage of nothing")
		}
		p.text(" %")
	}
	p.clause(" OFFSET ", offset)
}

// sample writes the size of a percentage as a DOUBLE: a DECIMAL would be
// converted to one.
func (p *printer) sample(keyword string, s *Sample) {
	if s == nil {
		return
	}
	method := pick(s.Method, map[SampleMethod]string{SystemSample: "system", BernoulliSample: "bernoulli", ReservoirSample: "reservoir"})
	p.text(keyword, method, "(")
	if s.Percent {
		p.constant(&Constant{Type: Type{ID: "DOUBLE"}, Text: s.Size})
		p.text(" PERCENT)")
	} else {
		p.constant(&Constant{Type: Type{ID: "BIGINT"}, Text: s.Size})
		p.text(" ROWS)")
	}
	if s.Seed >= 0 {
		p.text(" REPEATABLE (", strconv.Itoa(s.Seed), ")")
	}
}

// item writes an item of a select list.
func (p *printer) item(e Expr) {
	p.outer(e)
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
