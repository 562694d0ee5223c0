package ast

import (
	"fmt"
	"strings"
)

// outer writes an expression where nothing stands beside it but commas.
func (p *printer) outer(e Expr) {
	if s, ok := e.(*Star); ok {
		p.star(s)
		return
	}
	p.expr(e)
}

func (p *printer) expr(e Expr) {
	switch e := e.(type) {
	case *Column:
		p.column(e.Names)
	case *Constant:
		p.constant(e)
	case *Function:
		p.function(e)
	case *Parameter:
		p.text("$")
		if e.Name == "" {
			p.ordinal(e.Position)
		} else {
			p.name(e.Name)
		}
	case *Position:
		p.text("#")
		p.ordinal(e.Index)
	case *Default:
		p.text("(DEFAULT)")
	case *Window:
		p.window(e)
	case *Lambda:
		p.clause("(", e.Params)
		p.clause(" -> ", e.Body)
		p.text(")")
	case *Subscript:
		p.clause("((", e.Expr)
		p.clause(")[", e.Index)
		p.text("])")
	case *Slice:
		p.slice(e)
	case *Field:
		p.clause("((", e.Expr)
		p.text(").")
		p.name(e.Name)
		p.text(")")
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
		p.text("(")
		p.star(e)
		p.text(")")
	case *Columns:
		p.text("(COLUMNS(")
		p.outer(e.Of)
		p.text("))")
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
	if p.shape {
		text = "?"
	}
	p.text(text)
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
	case Unpack:
		p.clause("(UNPACK(", o.Args[0])
		p.text("))")
	case Array:
		p.text("ARRAY[")
		p.exprs(o.Args)
		p.text("]")
	case Coalesce, Try, Grouping:
		p.text(map[OperatorKind]string{Coalesce: "COALESCE(", Try: "TRY(", Grouping: "GROUPING("}[o.Kind])
		p.exprs(o.Args)
		p.text(")")
	}
}

func (p *printer) slice(s *Slice) {
	p.clause("((", s.Expr)
	p.text(")[")
	p.clause("", s.Lower)
	p.text(" : ")
	p.clause("", s.Upper)
	if s.Step != nil {
		if s.Upper == nil {
			p.text("-")
		}
		p.clause(" : ", s.Step)
	}
	p.text("])")
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
	p.query(s.Query)
	p.text(")")
	if s.Kind == Any {
		p.text(")")
	}
}
