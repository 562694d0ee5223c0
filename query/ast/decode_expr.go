package ast

import "slices"

// expr decodes an expression that is no item of a select list: such an
// expression has no alias and is no star.
func (d *decoder) expr(v any) Expr {
	e := d.item(v)
	if _, ok := e.(*Star); ok || e.As() != "" {
		kind := d.record("EXPRESSION", v)
		kind.kind = word(kind.text("class"))
		if ok {
			kind.fail("")
		}
		kind.fail("alias")
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

func (d *decoder) selectList(r *record) []Expr {
	var es []Expr
	for _, v := range r.list("select_list") {
		es = append(es, d.item(v))
	}
	r.must("select_list", len(es) > 0)
	return es
}

// item decodes any expression.
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
			Type: d.castType(r.take("cast_type")),
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

func (d *decoder) operator(m Meta, r *record) *Operator {
	kind := r.text("type")
	o := &Operator{Meta: m, Kind: OperatorKind(kind)}
	least, most, ok := o.Kind.arity()
	if !ok {
		r.kind = word(kind)
		r.fail("")
	}
	o.Args = d.exprs(r.list("children"))
	r.must("children", len(o.Args) >= least && (most == 0 || len(o.Args) <= most))
	return o
}

// arity returns how many arguments an operator has; most is 0 if there is no
// limit.
func (k OperatorKind) arity() (least, most int, known bool) {
	switch k {
	case Not, IsNull, IsNotNull, Try:
		return 1, 1, true
	case In, NotIn:
		return 2, 0, true
	case Coalesce:
		return 1, 0, true
	}
	return 0, 0, false
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

func (d *decoder) function(m Meta, r *record) *Function {
	f := &Function{
		Meta:     m,
		Catalog:  r.text("catalog"),
		Schema:   r.text("schema"),
		Name:     r.text("function_name"),
		Distinct: r.flag("distinct"),
		Operator: r.flag("is_operator"),
	}
	r.must("function_name", f.Name != "")
	r.must("catalog", f.Catalog == "" || f.Schema != "")
	r.must("export_state", !r.flag("export_state"))
	f.Args = d.exprs(r.list("children"))
	f.Filter = d.optional(r.take("filter"))
	o := d.record("ORDER_MODIFIER", r.take("order_bys"))
	oneOf(o, "type", "ORDER_MODIFIER")
	f.OrderBy = d.orders(o.list("orders"))
	o.done()
	if f.Operator {
		r.must("is_operator", f.Schema == "" && f.Filter == nil && f.OrderBy == nil && !f.Distinct)
		r.must("function_name", f.symbol())
	}
	return f
}

// symbol reports whether f.Name is an operator Print can write for this number
// of arguments.
func (f *Function) symbol() bool {
	switch len(f.Args) {
	case 1:
		return slices.Contains(prefixes, f.Name)
	case 2:
		return slices.Contains(infixes, f.Name)
	}
	return false
}

var (
	prefixes = []string{"+", "-", "~", "@"}
	infixes  = []string{
		"+", "-", "*", "/", "//", "%", "^", "**", "&", "|", "<<", ">>", "||", "^@",
		"~~", "!~~", "~~*", "!~~*", "~~~",
	}
)

func (d *decoder) star(m Meta, r *record) *Star {
	s := &Star{Meta: m, Relation: r.text("relation_name"), Exclude: r.names("exclude_list")}
	r.must("alias", m.Alias == "")
	r.must("columns", !r.flag("columns"))
	r.null("expr")
	r.empty("qualified_exclude_list")
	for _, v := range r.list("replace_list") {
		e := d.record("STAR", v)
		s.Replace = append(s.Replace, Replacement{Column: e.text("key"), Expr: d.expr(e.take("value"))})
		e.done()
	}
	for _, v := range r.list("rename_list") {
		e := d.record("STAR", v)
		k := d.record("STAR", e.take("key"))
		for _, name := range []string{"catalog", "schema", "table"} {
			k.must(name, k.text(name) == "")
		}
		s.Rename = append(s.Rename, Renaming{Column: k.text("column"), Name: e.text("value")})
		k.done()
		e.done()
	}
	s.sort()
	return s
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
	s.Select = d.statement(r.take("subquery"))
	return s
}
