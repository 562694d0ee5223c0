package ast

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	maxNodes = 100_000
	maxDepth = 1000
	// maxDigits bounds one number; 128 bits take 40 characters with the sign.
	maxDigits = 40
)

// Decode returns the typed form of tree, the text json_serialize_sql of DuckDB
// 1.5.5 gives for exactly one SELECT.
//
// It is strict: each node must have exactly the fields that version writes,
// with values this package knows. Anything else is an *UnknownError, so a newer
// engine or a construct we have not studied is refused rather than
// misunderstood. A document that is no statement gives ErrDocument, several
// statements ErrStatement, more than 100,000 nodes or 1,000 levels ErrLimit.
func Decode(tree []byte) (s *Select, err error) {
	v, err := parse(tree)
	if err != nil {
		return nil, fmt.Errorf("ast: decode tree: %w", err)
	}
	d := &decoder{at: NoLocation}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case refusal:
			s, err = nil, p.err
		default:
			panic(p)
		}
	}()
	return d.document(v), nil
}

// refusal carries the one error that ends a decoding up to Decode, so that the
// hundred places that can find one stay readable.
type refusal struct{ err error }

// decoder counts what it has decoded and remembers the last location it saw,
// for errors about parts that have none.
type decoder struct {
	nodes, depth int
	at           int
}

// record is one object while it is decoded: every field must be taken, and
// taken once.
type record struct {
	d    *decoder
	kind string // for errors
	obj  *object
	left map[string]any
}

func (d *decoder) record(kind string, v any) *record {
	o, ok := v.(*object)
	if !ok {
		panic(refusal{&UnknownError{Node: kind, Offset: d.at}})
	}
	left := make(map[string]any, len(*o))
	for _, f := range *o {
		left[f.name] = f.value
	}
	return &record{d: d, kind: kind, obj: o, left: left}
}

// enter counts a node; the caller defers leave.
func (d *decoder) enter() {
	d.nodes++
	d.depth++
	if d.nodes > maxNodes || d.depth > maxDepth {
		panic(refusal{fmt.Errorf("ast: decode tree: %w", ErrLimit)})
	}
}

func (d *decoder) leave() { d.depth-- }

// fail refuses the record because of a field, or of its kind if field is "".
func (r *record) fail(field string) {
	at := offset(r.obj)
	if at == NoLocation {
		at = r.d.at
	}
	panic(refusal{&UnknownError{Node: r.kind, Field: field, Offset: at}})
}

// offset returns the location of v or else the first location inside it.
func offset(v any) int {
	first := NoLocation
	switch v := v.(type) {
	case *object:
		if own, ok := v.get("query_location"); ok {
			if n, ok := own.(json.Number); ok {
				if at, ok := location(n); ok && at != NoLocation {
					return at
				}
			}
		}
		for _, f := range *v {
			first = earlier(first, offset(f.value))
		}
	case []any:
		for _, e := range v {
			first = earlier(first, offset(e))
		}
	}
	return first
}

func earlier(a, b int) int {
	if a == NoLocation || b != NoLocation && b < a {
		return b
	}
	return a
}

// location reads a query_location; the engine writes the largest uint64 for
// none.
func location(n json.Number) (int, bool) {
	u, err := strconv.ParseUint(n.String(), 10, 64)
	switch {
	case err != nil:
		return 0, false
	case u == math.MaxUint64:
		return NoLocation, true
	case u > math.MaxInt32:
		return 0, false
	}
	return int(u), true
}

func (r *record) take(name string) any {
	v, ok := r.left[name]
	if !ok {
		r.fail(name)
	}
	delete(r.left, name)
	return v
}

// done refuses a record with fields nobody took.
func (r *record) done() {
	for _, f := range *r.obj {
		if _, ok := r.left[f.name]; ok {
			r.fail(word(f.name))
		}
	}
}

func (r *record) text(name string) string {
	s, ok := r.take(name).(string)
	if !ok || strings.ContainsRune(s, 0) {
		r.fail(name)
	}
	return s
}

func (r *record) flag(name string) bool {
	b, ok := r.take(name).(bool)
	if !ok {
		r.fail(name)
	}
	return b
}

func (r *record) integer(name string) json.Number {
	n, ok := r.take(name).(json.Number)
	if !ok || len(n) > maxDigits || strings.ContainsAny(n.String(), ".eE") || n == "-0" {
		r.fail(name)
	}
	return n
}

// small takes an integer between 0 and limit.
func (r *record) small(name string, limit int) int {
	n, err := strconv.Atoi(r.integer(name).String())
	if err != nil || n < 0 || n > limit {
		r.fail(name)
	}
	return n
}

func (r *record) list(name string) []any {
	l, ok := r.take(name).([]any)
	if !ok {
		r.fail(name)
	}
	return l
}

// names takes a list of identifiers, nil if empty.
func (r *record) names(name string) []string {
	var names []string
	for _, v := range r.list(name) {
		s, ok := v.(string)
		if !ok || s == "" || strings.ContainsRune(s, 0) {
			r.fail(name)
		}
		names = append(names, s)
	}
	return names
}

// must refuses a field that has not the one value we can represent.
func (r *record) must(name string, ok bool) {
	if !ok {
		r.fail(name)
	}
}

// null refuses a field that is not null.
func (r *record) null(name string) { r.must(name, r.take(name) == nil) }

// empty refuses a field that is not an empty list.
func (r *record) empty(name string) { r.must(name, len(r.list(name)) == 0) }

func (r *record) location() int {
	at, ok := location(r.integer("query_location"))
	r.must("query_location", ok)
	if at != NoLocation {
		r.d.at = at
	}
	return at
}

// oneOf takes an enumeration.
func oneOf[T ~string](r *record, name string, known ...T) T {
	s := T(r.text(name))
	if !slices.Contains(known, s) {
		r.fail(name + "=" + word(string(s)))
	}
	return s
}

func (d *decoder) document(v any) *Select {
	r := d.record("document", v)
	if failed, ok := r.left["error"].(bool); !ok || failed {
		panic(refusal{fmt.Errorf("ast: decode tree: %w", ErrDocument)})
	}
	r.flag("error")
	statements := r.list("statements")
	if len(statements) != 1 {
		panic(refusal{fmt.Errorf("ast: decode tree: %w", ErrStatement)})
	}
	r.done()
	return d.statement(statements[0])
}

// statement decodes the wrapping a query has at the root, in a subquery and in
// a common table.
func (d *decoder) statement(v any) *Select {
	r := d.record("SELECT_STATEMENT", v)
	s := d.query(r.take("node"))
	r.empty("named_param_map")
	r.done()
	return s
}

func (d *decoder) query(v any) *Select {
	d.enter()
	defer d.leave()
	r := d.record("QUERY_NODE", v)
	r.kind = word(r.text("type"))
	if r.kind != "SELECT_NODE" {
		r.fail("")
	}
	s := &Select{With: d.with(r.take("cte_map"))}
	d.modifiers(s, r)
	s.List = d.selectList(r)
	s.From = d.from(r.take("from_table"))
	s.Where = d.optional(r.take("where_clause"))
	s.GroupBy = d.exprs(r.list("group_expressions"))
	r.must("group_sets", plainGrouping(r.list("group_sets"), len(s.GroupBy)))
	s.GroupAll = oneOf(r, "aggregate_handling", "STANDARD_HANDLING", "FORCE_AGGREGATES") == "FORCE_AGGREGATES"
	r.must("aggregate_handling", !s.GroupAll || len(s.GroupBy) == 0)
	s.Having = d.optional(r.take("having"))
	r.null("sample")
	r.null("qualify")
	r.done()
	return s
}

// plainGrouping reports whether sets is what GROUP BY with n expressions gives:
// nothing for none, else one set of all of them in order.
func plainGrouping(sets []any, n int) bool {
	if n == 0 {
		return len(sets) == 0 // GROUP BY () has one empty set
	}
	if len(sets) != 1 {
		return false
	}
	set, ok := sets[0].([]any)
	if !ok || len(set) != n {
		return false
	}
	for i, v := range set {
		if v != json.Number(strconv.Itoa(i)) {
			return false
		}
	}
	return true
}

func (d *decoder) with(v any) []CTE {
	r := d.record("CTE_MAP", v)
	var with []CTE
	for _, e := range r.list("map") {
		entry := d.record("CTE", e)
		c := CTE{Name: entry.text("key")}
		entry.must("key", c.Name != "")
		info := d.record("CTE", entry.take("value"))
		entry.done()
		c.Columns = info.names("aliases")
		c.Select = d.statement(info.take("query"))
		oneOf(info, "materialized", "CTE_MATERIALIZE_DEFAULT", "CTE_MATERIALIZE_ALWAYS", "CTE_MATERIALIZE_NEVER")
		info.empty("key_targets")
		info.done()
		with = append(with, c)
	}
	r.done()
	return with
}

// modifiers decodes DISTINCT, ORDER BY and LIMIT, which the parser lists in
// this order, each at most once.
func (d *decoder) modifiers(s *Select, r *record) {
	rank := 0
	for _, v := range r.list("modifiers") {
		m := d.record("RESULT_MODIFIER", v)
		m.kind = word(m.text("type"))
		at := slices.Index([]string{"", "DISTINCT_MODIFIER", "ORDER_MODIFIER", "LIMIT_MODIFIER"}, m.kind)
		if at <= rank {
			m.fail("")
		}
		rank = at
		switch m.kind {
		case "DISTINCT_MODIFIER":
			m.empty("distinct_on_targets")
			s.Distinct = true
		case "ORDER_MODIFIER":
			s.OrderBy = d.orders(m.list("orders"))
			m.must("orders", len(s.OrderBy) > 0)
		case "LIMIT_MODIFIER":
			s.Limit = d.optional(m.take("limit"))
			s.Offset = d.optional(m.take("offset"))
			m.must("limit", s.Limit != nil || s.Offset != nil)
		}
		m.done()
	}
}

func (d *decoder) orders(list []any) []Order {
	var orders []Order
	for _, v := range list {
		r := d.record("ORDER", v)
		orders = append(orders, Order{
			Direction: oneOf(r, "type", DirectionDefault, Ascending, Descending),
			Nulls:     oneOf(r, "null_order", NullsDefault, NullsFirst, NullsLast),
			Expr:      d.expr(r.take("expression")),
		})
		r.done()
	}
	return orders
}

func (d *decoder) from(v any) From {
	d.enter()
	defer d.leave()
	r := d.record("TABLE_REF", v)
	r.kind = word(r.text("type"))
	alias, at := r.text("alias"), r.location()
	var f From
	switch r.kind {
	case "EMPTY":
		r.must("alias", alias == "")
		f = &Empty{}
	case "BASE_TABLE":
		f = d.table(r, alias, at)
	case "JOIN":
		r.must("alias", alias == "")
		f = d.join(r, at)
	case "SUBQUERY":
		t := &Derived{Location: at, Alias: alias, Columns: r.names("column_name_alias")}
		r.must("column_name_alias", alias != "" || len(t.Columns) == 0)
		t.Select = d.statement(r.take("subquery"))
		f = t
	default:
		r.fail("")
	}
	r.null("sample")
	r.done()
	return f
}

func (d *decoder) table(r *record, alias string, at int) *Table {
	t := &Table{
		Location: at,
		Catalog:  r.text("catalog_name"),
		Schema:   r.text("schema_name"),
		Name:     r.text("table_name"),
		Alias:    alias,
		Columns:  r.names("column_name_alias"),
	}
	r.null("at_clause")
	r.must("table_name", t.Name != "")
	r.must("catalog_name", t.Catalog == "" || t.Schema != "")
	r.must("column_name_alias", alias != "" || len(t.Columns) == 0)
	return t
}

func (d *decoder) join(r *record, at int) *Join {
	j := &Join{
		Location: at,
		Kind:     oneOf(r, "join_type", InnerJoin, LeftJoin, RightJoin, FullJoin),
		Form:     oneOf(r, "ref_type", RegularJoin, NaturalJoin, CrossJoin),
		Left:     d.from(r.take("left")),
		Right:    d.from(r.take("right")),
		On:       d.optional(r.take("condition")),
		Using:    r.names("using_columns"),
	}
	r.must("delim_flipped", !r.flag("delim_flipped"))
	r.empty("duplicate_eliminated_columns")
	if j.Form == RegularJoin {
		r.must("condition", (j.On != nil) != (len(j.Using) > 0))
	} else {
		r.must("condition", j.On == nil)
		r.must("using_columns", len(j.Using) == 0)
	}
	r.must("join_type", j.Form != CrossJoin || j.Kind == InnerJoin)
	return j
}
