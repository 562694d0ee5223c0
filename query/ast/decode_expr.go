package ast

import (
	"math"
	"reflect"
	"slices"
	"strconv"
)

// expr decodes an expression where it cannot have an alias.
func (d *decoder) expr(v any) Expr {
	e := d.item(v)
	if e.As() != "" {
		r := d.record("EXPRESSION", v)
		r.kind = word(r.text("class"))
		r.fail("alias")
	}
	return e
}

func (d *decoder) optional(v any) Expr {
	if v == nil {
		return nil
	}
	return d.expr(v)
}

func (d *decoder) exprs(list []any) []Expr {
	var es []Expr
	for _, v := range list {
		es = append(es, d.expr(v))
	}
	return es
}

// item decodes an expression where it may have an alias.
func (d *decoder) item(v any) Expr {
	d.enter()
	defer d.leave()
	r := d.record("EXPRESSION", v)
	r.kind = word(r.text("class"))
	m := Meta{Alias: r.text("alias"), Location: r.location()}
	var e Expr
	switch r.kind {
	case "COLUMN_REF":
		c := &Column{Meta: m, Names: r.names("column_names")}
		r.must("column_names", len(c.Names) > 0)
		e = d.typed(r, c, "COLUMN_REF")
	case "CONSTANT":
		e = d.typed(r, d.constant(m, r), "VALUE_CONSTANT")
	case "FUNCTION":
		e = d.typed(r, d.function(m, r), "FUNCTION")
	case "COMPARISON":
		e = d.comparison(m, r)
	case "CONJUNCTION":
		c := &Conjunction{Meta: m, Op: oneOf(r, "type", And, Or), Args: d.exprs(r.list("children"))}
		r.must("children", len(c.Args) >= 2 && !slices.ContainsFunc(c.Args, c.nests))
		e = c
	case "OPERATOR":
		e = d.operator(m, r)
	case "CAST":
		e = d.typed(r, &Cast{
			Meta: m,
			Expr: d.expr(r.take("child")),
			Type: d.logicalType(r.take("cast_type")),
			Try:  r.flag("try_cast"),
		}, "OPERATOR_CAST")
	case "CASE":
		e = d.typed(r, d.cases(m, r), "CASE_EXPR")
	case "BETWEEN":
		e = d.typed(r, &Between{
			Meta:  m,
			Expr:  d.expr(r.take("input")),
			Lower: d.expr(r.take("lower")),
			Upper: d.expr(r.take("upper")),
		}, "COMPARE_BETWEEN")
	case "WINDOW":
		e = d.window(m, r)
	case "LAMBDA":
		e = d.typed(r, &Lambda{Meta: m, Params: d.expr(r.take("lhs")), Body: d.expr(r.take("expr"))}, "LAMBDA")
	case "PARAMETER":
		e = d.typed(r, d.parameter(m, r), "VALUE_PARAMETER")
	case "POSITIONAL_REFERENCE":
		p := &Position{Meta: m, Index: r.small("index", math.MaxInt32)}
		r.must("index", p.Index > 0)
		e = d.typed(r, p, "POSITIONAL_REFERENCE")
	case "DEFAULT":
		e = d.typed(r, &Default{Meta: m}, "VALUE_DEFAULT")
	case "STAR":
		e = d.typed(r, d.star(m, r), "STAR")
	case "COLLATE":
		c := &Collate{Meta: m, Expr: d.expr(r.take("child")), Collation: r.text("collation")}
		r.must("collation", plainCollation(c.Collation))
		e = d.typed(r, c, "COLLATE")
	case "SUBQUERY":
		e = d.typed(r, d.subquery(m, r), "SUBQUERY")
	default:
		r.fail("")
	}
	r.done()
	return e
}

// typed checks the type of a class that has one type only.
func (d *decoder) typed(r *record, e Expr, typ string) Expr {
	oneOf(r, "type", typ)
	return e
}

func (d *decoder) comparison(m Meta, r *record) *Comparison {
	c := &Comparison{Meta: m, Op: oneOf(r, "type", compareOps...)}
	c.Left = d.expr(r.take("left"))
	right := r.take("right")
	if isTruth(c, right) {
		c.Right = d.truth(right)
	} else {
		c.Right = d.expr(right)
	}
	return c
}

var compareOps = []CompareOp{
	CompareEqual, CompareNotEqual, CompareLess, CompareGreater, CompareLessEqual, CompareGreaterEqual,
	CompareDistinctFrom, CompareNotDistinctFrom,
}

func (d *decoder) operator(m Meta, r *record) Expr {
	kind := r.text("type")
	switch kind {
	case "ARRAY_EXTRACT":
		args := d.args(r, 2, 2)
		return &Subscript{Meta: m, Expr: args[0], Index: args[1]}
	case "STRUCT_EXTRACT":
		args := d.args(r, 2, 2)
		name, ok := args[1].(*Constant)
		r.must("children", ok && name.Type.ID == "VARCHAR" && name.Text != "")
		return &Field{Meta: m, Expr: args[0], Name: name.Text}
	case "ARRAY_SLICE":
		return d.slice(m, r)
	}
	o := &Operator{Meta: m, Kind: OperatorKind(kind)}
	least, most, ok := o.Kind.arity()
	if !ok {
		r.kind = word(kind)
		r.fail("")
	}
	o.Args = d.args(r, least, most)
	return o
}

// args decodes the arguments of an operator; most is 0 if there is no limit.
func (d *decoder) args(r *record, least, most int) []Expr {
	args := d.exprs(r.list("children"))
	r.must("children", len(args) >= least && (most == 0 || len(args) <= most))
	return args
}

// slice decodes x[a:b:c]. The parser writes an open bound as an empty list.
func (d *decoder) slice(m Meta, r *record) *Slice {
	list := r.list("children")
	r.must("children", len(list) == 3 || len(list) == 4)
	s := &Slice{Meta: m, Expr: d.expr(list[0]), Lower: d.bound(list[1]), Upper: d.bound(list[2])}
	if len(list) == 4 {
		s.Step = d.expr(list[3])
	}
	return s
}

// bound decodes an end of a slice, nil if it is open.
func (d *decoder) bound(v any) Expr {
	if value := fields(v, "value")[0]; !reflect.DeepEqual(value, open) {
		return d.expr(v)
	}
	r := d.record("CONSTANT", v)
	oneOf(r, "class", "CONSTANT")
	oneOf(r, "type", "VALUE_CONSTANT")
	r.must("alias", r.text("alias") == "")
	r.location()
	r.take("value")
	r.done()
	return nil
}

// open is the value the parser writes for an open end of a slice.
var open = known(`{"type":{"id":"LIST","type_info":{"type":"LIST_TYPE_INFO","alias":"","extension_info":null,` +
	`"child_type":{"id":"INTEGER","type_info":null}}},"is_null":false,"value":{"children":[]}}`)

// arity returns how many arguments an operator has; most is 0 if there is no
// limit.
func (k OperatorKind) arity() (least, most int, known bool) {
	switch k {
	case Not, IsNull, IsNotNull, Try, Unpack:
		return 1, 1, true
	case In, NotIn:
		return 2, 0, true
	case Coalesce, Grouping:
		return 1, 0, true
	case Array:
		return 0, 0, true
	}
	return 0, 0, false
}

// parameter decodes a parameter, by number or by name.
func (d *decoder) parameter(m Meta, r *record) *Parameter {
	p := &Parameter{Meta: m, Name: r.text("identifier")}
	r.must("identifier", p.Name != "")
	if n, err := strconv.ParseInt(p.Name, 10, 32); err == nil && n > 0 && p.Name[0] != '+' && p.Name[0] != '0' {
		p.Name, p.Position = "", int(n)
	}
	d.parameters[p.key()] = p
	return p
}

func (d *decoder) cases(m Meta, r *record) *Case {
	c := &Case{Meta: m}
	for _, v := range r.list("case_checks") {
		w := d.record("CASE", v)
		c.Whens = append(c.Whens, When{Cond: d.expr(w.take("when_expr")), Then: d.expr(w.take("then_expr"))})
		w.done()
	}
	r.must("case_checks", len(c.Whens) > 0)
	c.Else = d.expr(r.take("else_expr"))
	return c
}

func (d *decoder) subquery(m Meta, r *record) *Subquery {
	s := &Subquery{Meta: m, Kind: oneOf(r, "subquery_type", Scalar, Exists, Any)}
	if s.Kind == Any {
		s.Left = d.expr(r.take("child"))
		s.Op = oneOf(r, "comparison_type", compareOps...)
	} else {
		r.null("child")
		oneOf(r, "comparison_type", "INVALID")
	}
	s.Query = d.statement(r.take("subquery"))
	return s
}
