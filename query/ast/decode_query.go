package ast

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// statement decodes the wrapping a query has in a subquery and in a common
// table.
func (d *decoder) statement(v any) Query {
	r := d.record("SELECT_STATEMENT", v)
	q := d.query(r.take("node"))
	r.empty("named_param_map")
	r.done()
	return q
}

// query decodes any query but the body of a recursive common table.
func (d *decoder) query(v any) Query {
	d.enter()
	defer d.leave()
	r := d.record("QUERY_NODE", v)
	r.kind = word(r.text("type"))
	switch r.kind {
	case "SELECT_NODE":
		return d.selection(r)
	case "SET_OPERATION_NODE":
		return d.setOperation(r)
	}
	r.fail("")
	return nil
}

func (d *decoder) selection(r *record) *Select {
	s := &Select{With: d.with(r.take("cte_map"))}
	m := d.modifiers(r)
	s.Distinct, s.DistinctOn = m.distinct, m.on
	s.OrderBy, s.Limit, s.Percent, s.Offset = m.orders, m.limit, m.percent, m.offset
	for _, v := range r.list("select_list") {
		s.List = append(s.List, d.item(v))
	}
	r.must("select_list", len(s.List) > 0)
	s.From = d.from(r.take("from_table"), true)
	s.Where = d.optional(r.take("where_clause"))
	d.grouping(s, r)
	s.Having = d.optional(r.take("having"))
	s.Qualify = d.optional(r.take("qualify"))
	s.Sample = d.sample(r.take("sample"))
	r.must("from_table", s.wraps())
	r.done()
	return s
}

// wraps reports whether s has nothing but what the parser puts around VALUES and
// SHOW, if it is around one.
func (s *Select) wraps() bool {
	_, show := s.From.(*Show)
	if _, values := s.From.(*Values); !show && !values {
		return true
	}
	star, ok := s.List[0].(*Star)
	bare := ok && len(s.List) == 1 && star.bare() && !s.Distinct && s.Where == nil && s.GroupBy == nil && s.GroupingSets == nil &&
		!s.GroupAll && s.Having == nil && s.Qualify == nil && s.Sample == nil
	return bare && (!show || s.With == nil && s.OrderBy == nil && s.Limit == nil && s.Offset == nil)
}

// grouping decodes GROUP BY.
func (d *decoder) grouping(s *Select, r *record) {
	s.GroupBy = d.exprs(r.list("group_expressions"))
	sets := r.list("group_sets")
	s.GroupAll = oneOf(r, "aggregate_handling", "STANDARD_HANDLING", "FORCE_AGGREGATES") == "FORCE_AGGREGATES"
	r.must("aggregate_handling", !s.GroupAll || len(s.GroupBy) == 0 && len(sets) == 0)
	used := 0
	for _, v := range sets {
		list, ok := v.([]any)
		r.must("group_sets", ok)
		set := []int{}
		for _, v := range list {
			n, ok := v.(json.Number)
			i, err := strconv.Atoi(n.String())
			r.must("group_sets", ok && err == nil && i >= 0 && i < len(s.GroupBy) && (len(set) == 0 || i > set[len(set)-1]))
			set = append(set, i)
		}
		d.count(len(set))
		used += len(set)
		s.GroupingSets = append(s.GroupingSets, set)
	}
	r.must("group_sets", len(s.GroupBy) == 0 || len(sets) > 0)
	if len(sets) == 1 && len(s.GroupBy) > 0 && used == len(s.GroupBy) {
		s.GroupingSets = nil
		return
	}
	r.must("group_sets", s.arrange())
	d.spread(s)
}

// arrange puts GroupBy in the order in which the sets name its items, which the
// parser does not keep for a product of sets: print and parse would change it.
// ok is false if an item is in no set.
func (s *Select) arrange() (ok bool) {
	place := make([]int, len(s.GroupBy))
	var order []Expr
	for _, set := range s.GroupingSets {
		for i, at := range set {
			if place[at] == 0 {
				order = append(order, s.GroupBy[at])
				place[at] = len(order)
			}
			set[i] = place[at] - 1
		}
		slices.Sort(set)
	}
	if len(order) != len(s.GroupBy) {
		return false
	}
	s.GroupBy = order
	return true
}

// spread refuses grouping sets that would print as more text than a statement
// may have: CUBE over fifteen long expressions writes each 16,384 times.
func (d *decoder) spread(s *Select) {
	total, size := 0, make([]int, len(s.GroupBy))
	for i, e := range s.GroupBy {
		size[i] = len(PrintExpr(e))
	}
	for _, set := range s.GroupingSets {
		for _, i := range set {
			if total += size[i]; total > maxText {
				d.limit()
			}
		}
	}
}

// setOperation decodes UNION, EXCEPT and INTERSECT. The engine keeps a list of
// inputs and writes it as the first of them and a balanced tree of the others.
func (d *decoder) setOperation(r *record) *SetOperation {
	s := &SetOperation{With: d.with(r.take("cte_map"))}
	m := d.modifiers(r)
	r.must("modifiers", !m.distinct)
	s.OrderBy, s.Limit, s.Percent, s.Offset = m.orders, m.limit, m.percent, m.offset
	s.Kind = oneOf(r, "setop_type", Union, UnionByName, Except, Intersect)
	s.All = r.flag("setop_all")
	s.Inputs = append([]Query{d.query(r.take("left"))}, d.inputs(s, r.take("right"))...)
	r.must("left", !slices.ContainsFunc(s.Inputs, s.merges))
	r.done()
	return s
}

// inputs decodes the right side of s: one input, or the tree of several. A tree
// is balanced if its left side is full and its right side no larger.
func (d *decoder) inputs(s *SetOperation, v any) []Query {
	if !s.continues(v) {
		return []Query{d.query(v)}
	}
	d.enter()
	defer d.leave()
	r := d.record("SET_OPERATION_NODE", v)
	left, right := d.inputs(s, r.take("left")), d.inputs(s, r.take("right"))
	r.must("left", len(left)&(len(left)-1) == 0 && len(right) <= len(left))
	for _, name := range []string{"type", "cte_map", "modifiers", "setop_type", "setop_all"} {
		r.take(name) // compared by continues
	}
	r.done()
	return append(left, right...)
}

// continues reports whether v is a node of the tree that stands for inputs of s.
func (s *SetOperation) continues(v any) bool {
	if s.Kind != Union && s.Kind != UnionByName {
		return false
	}
	return reflect.DeepEqual(fields(v, "type", "cte_map", "modifiers", "setop_type", "setop_all"),
		[]any{"SET_OPERATION_NODE", &object{{"map", []any{}}}, []any{}, string(s.Kind), s.All})
}

// fields returns the values of the named fields of v, nil where there are none.
func fields(v any, names ...string) []any {
	values := make([]any, len(names))
	if o, ok := v.(*object); ok {
		for i, name := range names {
			values[i], _ = o.get(name)
		}
	}
	return values
}

// with decodes a WITH clause. It is recursive or not as a whole: RECURSIVE makes
// a *Recursive of every body that is a UNION by position.
func (d *decoder) with(v any) []CTE {
	r := d.record("CTE_MAP", v)
	var with []CTE
	recursive, plain := false, false
	for _, e := range r.list("map") {
		entry := d.record("CTE", e)
		c := CTE{Name: entry.text("key")}
		entry.must("key", c.Name != "")
		info := d.record("CTE", entry.take("value"))
		entry.done()
		c.Columns = info.names("aliases")
		c.Keys = d.keys(info)
		c.Query = d.body(&c, info.take("query"))
		oneOf(info, "materialized", "CTE_MATERIALIZE_DEFAULT")
		info.done()
		switch q := c.Query.(type) {
		case *Recursive:
			recursive = true
		case *SetOperation:
			plain = plain || q.Kind == Union
		case *Select:
			_, show := q.From.(*Show)
			info.must("query", !show)
		}
		with = append(with, c)
	}
	r.must("map", !recursive || !plain)
	r.done()
	return with
}

// keys decodes USING KEY, whose columns are bare names.
func (d *decoder) keys(r *record) []string {
	var names []string
	for _, e := range d.exprs(r.list("key_targets")) {
		c, ok := e.(*Column)
		r.must("key_targets", ok && len(c.Names) == 1)
		names = append(names, c.Names[0])
	}
	return names
}

// body decodes the query of c, the only place for a recursive one.
func (d *decoder) body(c *CTE, v any) Query {
	s := d.record("SELECT_STATEMENT", v)
	if node, ok := s.left["node"].(*object); !ok || fields(node, "type")[0] != "RECURSIVE_CTE_NODE" {
		return d.statement(v)
	}
	d.enter()
	defer d.leave()
	r := d.record("RECURSIVE_CTE_NODE", s.take("node"))
	s.empty("named_param_map")
	s.done()
	r.take("type")
	r.empty("modifiers")
	q := &Recursive{With: d.with(r.take("cte_map")), All: r.flag("union_all")}
	r.must("cte_name", r.text("cte_name") == c.Name)
	r.must("aliases", slices.Equal(r.names("aliases"), c.Columns))
	r.must("key_targets", slices.Equal(d.keys(r), c.Keys))
	q.Anchor, q.Step = d.query(r.take("left")), d.query(r.take("right"))
	r.done()
	return q
}

// modifiers are what follows the rows of a query.
type modifiers struct {
	distinct      bool
	on            []Expr
	orders        []Order
	limit, offset Expr
	percent       bool
}

// modifiers decodes DISTINCT, ORDER BY and LIMIT, which the parser lists in
// this order, each at most once.
func (d *decoder) modifiers(r *record) (mods modifiers) {
	rank := 0
	for _, v := range r.list("modifiers") {
		m := d.record("RESULT_MODIFIER", v)
		m.kind = word(m.text("type"))
		at := slices.Index([]string{"", "DISTINCT_MODIFIER", "ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"}, m.kind)
		if at <= rank || rank == 3 {
			m.fail("")
		}
		rank = at
		switch m.kind {
		case "DISTINCT_MODIFIER":
			mods.distinct = true
			mods.on = d.exprs(m.list("distinct_on_targets"))
		case "ORDER_MODIFIER":
			mods.orders = d.orders(m.list("orders"))
			m.must("orders", len(mods.orders) > 0)
		default:
			mods.percent = at == 4
			mods.limit = d.optional(m.take("limit"))
			mods.offset = d.optional(m.take("offset"))
			m.must("limit", mods.limit != nil || mods.offset != nil && !mods.percent)
		}
		m.done()
	}
	return mods
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

// sample decodes a sample, nil if there is none.
func (d *decoder) sample(v any) *Sample {
	if v == nil {
		return nil
	}
	r := d.record("SAMPLE", v)
	s := &Sample{
		Percent: r.flag("is_percentage"),
		Method:  oneOf(r, "method", SystemSample, BernoulliSample, ReservoirSample),
		Seed:    -1,
	}
	if seed := r.integer("seed"); seed != "-1" {
		n, err := strconv.ParseInt(seed.String(), 10, 32)
		r.must("seed", err == nil && n >= 0)
		s.Seed = int(n)
	}
	size := d.value(r.take("sample_size"))
	r.must("sample_size", !size.Null && !strings.HasPrefix(size.Text, "-"))
	if s.Percent {
		r.must("sample_size", size.Type.ID == "DOUBLE")
	} else {
		r.must("sample_size", size.Type.ID == "BIGINT")
	}
	s.Size = size.Text
	r.done()
	return s
}
