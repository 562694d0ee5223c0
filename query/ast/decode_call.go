package ast

import "slices"

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
	f.Export = r.flag("export_state")
	for _, v := range r.list("children") {
		f.Args = append(f.Args, d.item(v))
	}
	r.must("distinct", !f.Distinct || len(f.Args) > 0)
	f.Filter = d.optional(r.take("filter"))
	o := d.record("ORDER_MODIFIER", r.take("order_bys"))
	oneOf(o, "type", "ORDER_MODIFIER")
	f.OrderBy = d.orders(o.list("orders"))
	o.done()
	if f.Operator {
		r.must("is_operator", f.Schema == "" && f.Filter == nil && f.OrderBy == nil && !f.Distinct && !f.Export)
		r.must("function_name", f.symbol())
		r.must("children", !slices.ContainsFunc(f.Args, func(e Expr) bool { return e.As() != "" }))
	}
	return f
}

// symbol reports whether f.Name is an operator Print can write for this number
// of arguments.
func (f *Function) symbol() bool {
	switch len(f.Args) {
	case 1:
		return slices.Contains(unaries, f.Name)
	case 2:
		return slices.Contains(infixes, f.Name)
	}
	return false
}

var (
	unaries = []string{"+", "-", "~", "@", factorial}
	infixes = []string{
		"+", "-", "*", "/", "//", "%", "^", "**", "&", "|", "<<", ">>", "||", "^@",
		"~~", "!~~", "~~*", "!~~*", "~~~", "->>", "<->", "<=>", "<@", "@>", "&&",
	}
)

// factorial is what the engine calls the one operator behind its operand, x !.
const factorial = "!__postfix"

// star decodes * and COLUMNS(…).
func (d *decoder) star(m Meta, r *record) Expr {
	s := &Star{Meta: m, Relation: r.text("relation_name")}
	for _, name := range r.names("exclude_list") {
		s.Exclude = append(s.Exclude, Name{name})
	}
	for _, v := range r.list("qualified_exclude_list") {
		s.Exclude = append(s.Exclude, d.name(v))
		r.must("qualified_exclude_list", len(s.Exclude[len(s.Exclude)-1]) > 1)
	}
	for _, v := range r.list("replace_list") {
		e := d.record("STAR", v)
		s.Replace = append(s.Replace, Replacement{Column: e.text("key"), Expr: d.expr(e.take("value"))})
		e.must("key", s.Replace[len(s.Replace)-1].Column != "")
		e.done()
	}
	for _, v := range r.list("rename_list") {
		e := d.record("STAR", v)
		s.Rename = append(s.Rename, Renaming{Column: d.name(e.take("key")), Name: e.text("value")})
		e.must("value", s.Rename[len(s.Rename)-1].Name != "")
		e.done()
	}
	s.sort()
	of := d.optional(r.take("expr"))
	if !r.flag("columns") {
		r.must("expr", of == nil)
		return s
	}
	c := &Columns{Meta: m, Of: of}
	s.Meta = Meta{Location: NoLocation}
	if of == nil {
		c.Of = s
		return c
	}
	_, twice := of.(*Star)
	r.must("expr", !twice && s.bare())
	return c
}

// bare reports whether s is just *.
func (s *Star) bare() bool {
	return s.Relation == "" && s.Exclude == nil && s.Replace == nil && s.Rename == nil && s.Alias == ""
}

// name decodes the name of a column in EXCLUDE or RENAME.
func (d *decoder) name(v any) Name {
	r := d.record("COLUMN_NAME", v)
	var n Name
	for _, part := range []string{"catalog", "schema", "table", "column"} {
		s := r.text(part)
		r.must(part, s != "" || n == nil && part != "column")
		if s != "" {
			n = append(n, s)
		}
	}
	r.done()
	return n
}
