package ast

import (
	"fmt"
	"slices"
	"strings"
)

func (p *printer) expr(e Expr) {
	switch e := e.(type) {
	case *Column:
		if len(e.Names) == 0 {
			panic("ast: print: column without name")
		}
		for i, n := range e.Names {
			if i > 0 {
				p.text(".")
			}
			p.name(n)
		}
	case *Constant:
		p.constant(e)
	case *Function:
		p.function(e)
	case *Comparison:
		p.comparison(e)
	case *Conjunction:
		p.conjunction(e)
	case *Operator:
		p.operator(e)
	case *Cast:
		p.cast(e)
	case *Case:
		p.text("(CASE")
		for _, w := range e.Whens {
			p.clause(" WHEN ", w.Cond)
			p.clause(" THEN ", w.Then)
		}
		p.clause(" ELSE ", e.Else)
		p.text(" END)")
	case *Between:
		p.text("(")
		p.expr(e.Expr)
		p.clause(" BETWEEN ", e.Lower)
		p.clause(" AND ", e.Upper)
		p.text(")")
	case *Star:
		p.star(e)
	case *Collate:
		if !plainCollation(e.Collation) {
			panic("ast: print: unknown collation")
		}
		p.text("(")
		p.expr(e.Expr)
		p.text(" COLLATE ", e.Collation, ")")
	case *Subquery:
		p.subquery(e)
	default:
		panic(fmt.Sprintf("ast: print: unknown expression %T", e))
	}
}

// constant writes a literal the parser gives the same type: a DOUBLE needs an
// exponent, or it would become a DECIMAL.
func (p *printer) constant(c *Constant) {
	text := c.Text
	switch {
	case c.Null:
		text = "NULL"
	case c.Type.ID == "VARCHAR":
		text = "'" + strings.ReplaceAll(text, "'", "''") + "'"
	case c.Type.ID == "BOOLEAN":
		text = strings.ToUpper(text)
	case strings.Trim(text, "0123456789.eE+-") != "":
		panic("ast: print: constant is no number")
	case c.Type.ID == "DOUBLE" && !strings.ContainsAny(text, "eE"):
		text += "e0"
	}
	if !c.Null && strings.HasPrefix(c.Text, "-") && c.Type.ID != "VARCHAR" {
		text = "(" + text + ")"
	}
	p.text(text)
}

func (p *printer) function(f *Function) {
	if f.Operator {
		if !f.symbol() {
			panic("ast: print: unknown operator")
		}
		p.text("(")
		if len(f.Args) == 1 {
			p.text(f.Name, " ")
			p.expr(f.Args[0])
		} else {
			p.expr(f.Args[0])
			p.text(" ", f.Name, " ")
			p.expr(f.Args[1])
		}
		p.text(")")
		return
	}
	p.qualified(f.Catalog, f.Schema, f.Name)
	p.text("(")
	if f.Distinct {
		p.text("DISTINCT ")
	}
	p.exprs(f.Args)
	p.orders(" ORDER BY ", f.OrderBy)
	p.text(")")
	if f.Filter != nil {
		p.clause(" FILTER (WHERE ", f.Filter)
		p.text(")")
	}
}

func (p *printer) comparison(c *Comparison) {
	p.text("(")
	if truth, ok := c.Right.(*Constant); ok && truth.Type.ID == "BOOLEAN" && !truth.Null && c.truthShape() {
		// The parser made the cast and the constant; written out, both would
		// parse to something else.
		p.expr(c.Left.(*Cast).Expr)
		p.text(" IS ")
		if c.Op == CompareDistinctFrom {
			p.text("NOT ")
		}
	} else {
		p.expr(c.Left)
		p.text(" ", c.Op.symbol(), " ")
	}
	p.expr(c.Right)
	p.text(")")
}

func (o CompareOp) symbol() string {
	return pick(o, map[CompareOp]string{
		CompareEqual: "=", CompareNotEqual: "<>", CompareLess: "<", CompareGreater: ">",
		CompareLessEqual: "<=", CompareGreaterEqual: ">=",
		CompareDistinctFrom: "IS DISTINCT FROM", CompareNotDistinctFrom: "IS NOT DISTINCT FROM",
	})
}

func (p *printer) conjunction(c *Conjunction) {
	word := pick(c.Op, map[ConjunctionOp]string{And: " AND ", Or: " OR "})
	p.text("(")
	for i, e := range c.Args {
		if i > 0 {
			p.text(word)
		}
		p.expr(e)
	}
	p.text(")")
}

func (p *printer) operator(o *Operator) {
	if least, most, ok := o.Kind.arity(); !ok || len(o.Args) < least || most > 0 && len(o.Args) > most {
		panic("ast: print: unknown operator")
	}
	switch o.Kind {
	case Not:
		p.clause("(NOT ", o.Args[0])
		p.text(")")
	case IsNull:
		p.clause("(", o.Args[0])
		p.text(" IS NULL)")
	case IsNotNull:
		p.clause("(", o.Args[0])
		p.text(" IS NOT NULL)")
	case In, NotIn:
		p.clause("(", o.Args[0])
		if o.Kind == NotIn {
			p.text(" NOT")
		}
		p.text(" IN (")
		p.exprs(o.Args[1:])
		if _, query := o.Args[1].(*Subquery); query && len(o.Args) == 2 {
			p.text(",") // a list of one scalar subquery, not the rows of the subquery
		}
		p.text("))")
	case Coalesce, Try:
		p.text(map[OperatorKind]string{Coalesce: "COALESCE(", Try: "TRY("}[o.Kind])
		p.exprs(o.Args)
		p.text(")")
	}
}

func (p *printer) cast(c *Cast) {
	if c.Try {
		p.text("TRY_")
	}
	if c.Type.ID != "DECIMAL" && !slices.Contains(simpleTypes, c.Type.ID) {
		panic("ast: print: unknown type")
	}
	p.clause("CAST(", c.Expr)
	p.text(" AS ", c.Type.String(), ")")
}

// String returns the type in SQL.
func (t Type) String() string {
	if t.ID == "DECIMAL" {
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Width, t.Scale)
	}
	return t.ID
}

func (p *printer) star(s *Star) {
	if s.Relation != "" {
		p.name(s.Relation)
		p.text(".")
	}
	p.text("*")
	if len(s.Exclude) > 0 {
		p.text(" EXCLUDE ")
		p.names(s.Exclude)
	}
	if len(s.Replace) > 0 {
		p.text(" REPLACE (")
		each(p, s.Replace, func(r Replacement) {
			p.expr(r.Expr)
			p.text(" AS ")
			p.name(r.Column)
		})
		p.text(")")
	}
	if len(s.Rename) > 0 {
		p.text(" RENAME (")
		each(p, s.Rename, func(r Renaming) {
			p.name(r.Column)
			p.text(" AS ")
			p.name(r.Name)
		})
		p.text(")")
	}
}

func (p *printer) subquery(s *Subquery) {
	switch s.Kind {
	case Scalar:
		p.text("(")
	case Exists:
		p.text("EXISTS (")
	case Any:
		p.clause("(", s.Left)
		p.text(" ", s.Op.symbol(), " ANY (")
	default:
		panic("ast: print: unknown subquery")
	}
	p.query(s.Select)
	p.text(")")
	if s.Kind == Any {
		p.text(")")
	}
}
