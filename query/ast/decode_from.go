package ast

// from decodes a table expression. listed tells that it is an item of a FROM
// list, where only a comma can put a PIVOT behind a cross join: CROSS JOIN binds
// its right side first.
func (d *decoder) from(v any, listed bool) From {
	d.enter()
	defer d.leave()
	r := d.record("TABLE_REF", v)
	r.kind = word(r.text("type"))
	alias, at := r.text("alias"), r.location()
	sample := d.sample(r.take("sample"))
	var f From
	switch r.kind {
	case "EMPTY":
		r.must("alias", alias == "")
		f = &Empty{}
	case "BASE_TABLE":
		f = d.table(r, alias, at, sample)
	case "JOIN":
		r.must("alias", alias == "")
		f = d.join(r, at, listed)
	case "SUBQUERY":
		t := &Derived{Location: at, Alias: alias, Columns: d.columns(r, alias), Sample: sample}
		t.Query = d.statement(r.take("subquery"))
		f = t
	case "TABLE_FUNCTION":
		f = d.tableFunction(r, alias, at, sample)
	case "EXPRESSION_LIST":
		r.must("alias", alias == "valueslist")
		f = d.values(r)
	case "PIVOT":
		f = d.pivot(r, alias, at)
	case "SHOW_REF":
		r.must("alias", alias == "")
		f = d.show(r)
	default:
		r.fail("")
	}
	switch f.(type) {
	case *Table, *Derived, *TableFunction:
	default:
		r.must("sample", sample == nil)
	}
	r.done()
	return f
}

// columns decodes the column aliases of a table, which need one of its own.
func (d *decoder) columns(r *record, alias string) []string {
	names := r.names("column_name_alias")
	r.must("column_name_alias", alias != "" || len(names) == 0)
	return names
}

func (d *decoder) table(r *record, alias string, at int, sample *Sample) *Table {
	t := &Table{
		Location: at,
		Catalog:  r.text("catalog_name"),
		Schema:   r.text("schema_name"),
		Name:     r.text("table_name"),
		Alias:    alias,
		Columns:  d.columns(r, alias),
		Sample:   sample,
	}
	if v := r.take("at_clause"); v != nil {
		a := d.record("AT", v)
		t.At = &At{Unit: oneOf(a, "unit", AtVersion, AtTimestamp), Expr: d.expr(a.take("expr"))}
		a.done()
	}
	r.must("table_name", t.Name != "")
	r.must("catalog_name", t.Catalog == "" || t.Schema != "")
	return t
}

func (d *decoder) join(r *record, at int, listed bool) *Join {
	j := &Join{
		Location: at,
		Kind:     oneOf(r, "join_type", InnerJoin, LeftJoin, RightJoin, FullJoin, SemiJoin, AntiJoin),
		Form:     oneOf(r, "ref_type", RegularJoin, NaturalJoin, CrossJoin, AsOfJoin, PositionalJoin),
	}
	listed = listed && j.Form == CrossJoin
	j.Left = d.from(r.take("left"), listed)
	j.Right = d.from(r.take("right"), false)
	j.On = d.optional(r.take("condition"))
	j.Using = r.names("using_columns")
	r.must("delim_flipped", !r.flag("delim_flipped"))
	r.empty("duplicate_eliminated_columns")
	if j.Form == RegularJoin || j.Form == AsOfJoin {
		r.must("condition", (j.On != nil) != (len(j.Using) > 0))
	} else {
		r.must("condition", j.On == nil)
		r.must("using_columns", len(j.Using) == 0)
		r.must("right", listed || !pivots(j.Right))
	}
	r.must("join_type", j.Form != CrossJoin && j.Form != PositionalJoin || j.Kind == InnerJoin)
	for _, side := range []From{j.Left, j.Right} {
		r.must("left", standsInFrom(side))
	}
	return j
}

// standsInFrom reports whether f can be a part of a FROM clause; what else there
// is is all of one.
func standsInFrom(f From) bool {
	switch f.(type) {
	case *Empty, *Values, *Show:
		return false
	}
	return true
}

func pivots(f From) bool {
	switch f.(type) {
	case *Pivot, *Unpivot:
		return true
	}
	return false
}

func (d *decoder) tableFunction(r *record, alias string, at int, sample *Sample) *TableFunction {
	t := &TableFunction{
		Location:   at,
		Ordinality: oneOf(r, "with_ordinality", "WITHOUT_ORDINALITY", "WITH_ORDINALITY") == "WITH_ORDINALITY",
		Alias:      alias,
		Columns:    d.columns(r, alias),
		Sample:     sample,
	}
	call, ok := d.expr(r.take("function")).(*Function)
	r.must("function", ok && !call.Operator && !call.Export && call.Filter == nil)
	t.Call = call
	return t
}

func (d *decoder) values(r *record) *Values {
	r.empty("expected_names")
	r.empty("expected_types")
	v := &Values{}
	for _, row := range r.list("values") {
		list, ok := row.([]any)
		r.must("values", ok && len(list) > 0 && (len(v.Rows) == 0 || len(list) == len(v.Rows[0])))
		v.Rows = append(v.Rows, d.exprs(list))
	}
	r.must("values", len(v.Rows) > 0)
	return v
}

// shown are the names of things SHOW tells, as the engine calls them, with the
// words for them.
var shown = map[string]string{
	`"databases"`:            "DATABASES",
	`"schemas"`:              "SCHEMAS",
	`"tables"`:               "TABLES",
	`"variables"`:            "VARIABLES",
	"__show_tables_expanded": "ALL TABLES",
	"timezone":               "TIME ZONE",
	"transaction_isolation":  "TRANSACTION ISOLATION LEVEL",
}

func (d *decoder) show(r *record) *Show {
	s := &Show{
		Kind:    oneOf(r, "show_type", Describe, Summarize, ShowNamed, ShowTables),
		Name:    r.text("table_name"),
		Catalog: r.text("catalog_name"),
		Schema:  r.text("schema_name"),
	}
	if v := r.take("query"); v != nil {
		s.Query = d.query(v)
	}
	_, known := shown[s.Name]
	r.must("query", (s.Query != nil) == (s.Kind == Describe || s.Kind == Summarize))
	r.must("table_name", known == (s.Kind == ShowNamed) && (known || s.Name == ""))
	r.must("schema_name", (s.Schema != "") == (s.Kind == ShowTables))
	r.must("catalog_name", s.Catalog == "" || s.Schema != "")
	return s
}

// pivot decodes PIVOT and UNPIVOT, one kind of node to the engine.
func (d *decoder) pivot(r *record, alias string, at int) From {
	source := d.from(r.take("source"), false)
	r.must("source", standsInFrom(source))
	names, aliases := r.names("unpivot_names"), d.columns(r, alias)
	groups, nulls := r.names("groups"), r.flag("include_nulls")
	pivots := r.list("pivots")
	r.must("pivots", len(pivots) > 0)
	if names == nil {
		p := &Pivot{Location: at, Source: source, GroupBy: groups, Alias: alias, Columns: aliases}
		for _, v := range r.list("aggregates") {
			p.Aggregates = append(p.Aggregates, d.item(v))
		}
		r.must("aggregates", len(p.Aggregates) > 0)
		r.must("include_nulls", !nulls)
		for _, v := range pivots {
			p.On = append(p.On, d.pivotColumn(v))
		}
		return p
	}
	r.empty("aggregates")
	r.must("groups", groups == nil)
	r.must("pivots", len(pivots) == 1)
	u := &Unpivot{Location: at, Source: source, Values: names, IncludeNulls: nulls, Alias: alias, Columns: aliases}
	c := d.record("PIVOT_COLUMN", pivots[0])
	c.empty("pivot_expressions")
	c.must("pivot_enum", c.text("pivot_enum") == "")
	name := c.names("unpivot_names")
	c.must("unpivot_names", len(name) == 1)
	u.Name = name[0]
	for _, v := range c.list("entries") {
		u.Entries = append(u.Entries, d.unpivotEntry(v))
	}
	c.must("entries", len(u.Entries) > 0)
	c.done()
	return u
}

func (d *decoder) pivotColumn(v any) PivotColumn {
	r := d.record("PIVOT_COLUMN", v)
	c := PivotColumn{Exprs: d.exprs(r.list("pivot_expressions")), Enum: r.text("pivot_enum")}
	r.must("pivot_expressions", len(c.Exprs) > 0)
	r.empty("unpivot_names")
	for _, v := range r.list("entries") {
		e := d.record("PIVOT_ENTRY", v)
		e.null("star_expr")
		entry := PivotEntry{Alias: e.text("alias")}
		for _, v := range e.list("values") {
			entry.Values = append(entry.Values, d.folded(v))
		}
		e.must("values", len(entry.Values) > 0)
		e.done()
		c.Entries = append(c.Entries, entry)
	}
	r.must("entries", (len(c.Entries) > 0) != (c.Enum != ""))
	r.done()
	return c
}

func (d *decoder) unpivotEntry(v any) UnpivotEntry {
	r := d.record("UNPIVOT_ENTRY", v)
	e := UnpivotEntry{Alias: r.text("alias")}
	for _, v := range r.list("values") {
		c := d.value(v)
		_, number := integers[c.Type.ID] // a column called 2020 may be written bare
		r.must("values", !c.Null && (number || c.Type.ID == "VARCHAR") && c.Text != "")
		e.Columns = append(e.Columns, c.Text)
	}
	if v := r.take("star_expr"); v != nil {
		e.Expr = d.item(v)
		r.must("alias", e.Expr.As() == e.Alias)
		e.Expr.SetAs("")
		c, ok := e.Expr.(*Column)
		r.must("star_expr", !ok || len(c.Names) > 1) // a bare name is among the values
	}
	r.must("values", (e.Expr == nil) == (len(e.Columns) > 0))
	r.done()
	return e
}
