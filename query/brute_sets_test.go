package query_test

import (
	"fmt"
	"slices"
	"strings"

	"zonebox/query/ast"
)

// query evaluates a SELECT, a list of values or a set operation.
func (b *brute) query(q ast.Query, env *bruteEnv, root bool) (*bruteRel, []bruteOrder) {
	switch q := q.(type) {
	case *ast.Select:
		if v, ok := q.From.(*ast.Values); ok {
			rel := b.values(v, env.with(q.With))
			return rel, rel.sorted(q.OrderBy, q.Limit, q.Offset)
		}
		return b.block(q, env, root)
	case *ast.SetOperation:
		rel := b.set(q, env.with(q.With))
		return rel, rel.sorted(q.OrderBy, q.Limit, q.Offset)
	}
	panic(fmt.Sprintf("brute: %T", q))
}

func (b *brute) values(v *ast.Values, env *bruteEnv) *bruteRel {
	out := &bruteRel{}
	for i := range v.Rows[0] {
		out.columns = append(out.columns, bruteColumn{name: fmt.Sprintf("col%d", i)})
	}
	x := &bruteScope{brute: b, env: env, frame: &bruteFrame{}}
	for _, row := range v.Rows {
		r := &bruteRow{}
		for _, e := range row {
			r.cells = append(r.cells, x.eval(e))
		}
		out.rows = append(out.rows, r)
	}
	return out
}

// set evaluates a set operation. UNION ALL puts rows one below the other: each
// stands for the entities of the input it comes from and for none of the others'.
// Nothing else may be done with rows that stand for entities.
func (b *brute) set(q *ast.SetOperation, env *bruteEnv) *bruteRel {
	var parts []*bruteRel
	out := &bruteRel{}
	for i, in := range q.Inputs {
		part, _ := b.query(in, env, false)
		parts = append(parts, part)
		out.live = append(out.live, part.live...)
		for j, c := range part.columns {
			if i == 0 {
				out.columns = append(out.columns, bruteColumn{name: c.name})
			}
			among := &out.columns[j].among
			if *among = append(*among, c.among...); c.origin.use != nil {
				*among = append(*among, c.origin)
			}
		}
	}
	if q.Kind == ast.Union {
		for _, p := range parts {
			out.rows = append(out.rows, p.rows...)
		}
		if q.All {
			return out
		}
	} else {
		out.rows = matched(parts[0].rows, parts[1].rows, q.Kind == ast.Intersect, q.All)
	}
	if len(out.live) > 0 {
		panic("brute: " + string(q.Kind) + " of rows that stand for entities")
	}
	if !q.All {
		once := map[string]bool{}
		out.rows = slices.DeleteFunc(out.rows, func(r *bruteRow) bool {
			name := same(r.cells)
			seen := once[name]
			once[name] = true
			return seen
		})
	}
	return out
}

// matched returns the rows of left that have a partner in right, or those that
// have none. With all a row of right is the partner of one row of left.
func matched(left, right []*bruteRow, found, all bool) []*bruteRow {
	partners := map[string]int{}
	for _, r := range right {
		partners[same(r.cells)]++
	}
	var out []*bruteRow
	for _, l := range left {
		name := same(l.cells)
		has := partners[name] > 0
		if has == found {
			out = append(out, l)
		}
		if has && all {
			partners[name]--
		}
	}
	return out
}

// same is equal for cells that are equal, nulls included.
func same(cells []any) string {
	var b strings.Builder
	for _, v := range cells {
		if n, ok := v.(int64); ok {
			v = float64(n)
		}
		fmt.Fprintf(&b, "%#v,", v)
	}
	return b.String()
}

// sorted orders and cuts r by its columns, as behind a set operation.
func (r *bruteRel) sorted(by []ast.Order, limit, offset ast.Expr) []bruteOrder {
	var order []bruteOrder
	for _, o := range by {
		k := bruteOrder{desc: o.Direction == ast.Descending, first: o.Nulls == ast.NullsFirst}
		if n, ok := bruteOrdinal(o.Expr); ok {
			k.output = n - 1
		} else {
			c := o.Expr.(*ast.Column)
			k.output = slices.IndexFunc(r.columns, func(col bruteColumn) bool { return strings.EqualFold(col.name, c.Names[0]) })
		}
		order = append(order, k)
	}
	slices.SortStableFunc(r.rows, func(a, b *bruteRow) int {
		for _, o := range order {
			if c := o.compare(a.cells[o.output], b.cells[o.output]); c != 0 {
				return c
			}
		}
		return 0
	})
	if offset != nil {
		r.rows = r.rows[min(len(r.rows), int(constantOf(offset).(int64))):]
	}
	if limit != nil {
		r.rows = r.rows[:min(len(r.rows), int(constantOf(limit).(int64)))]
	}
	return order
}

// relation is the query of an expression, evaluated.
func (x *bruteScope) relation(e *ast.Subquery) *bruteRel {
	rel := x.brute.asked[e]
	if rel == nil {
		rel, _ = x.brute.query(e.Query, x.env, false)
		x.brute.asked[e] = rel
	}
	return rel
}

// subquery evaluates a query in an expression. What it reads of protected tables
// has to be released: a row of it stands for nobody.
func (x *bruteScope) subquery(e *ast.Subquery) any {
	rel := x.relation(e)
	switch {
	case len(rel.live) > 0:
		panic("brute: a subquery of rows that stand for entities")
	case e.Kind == ast.Exists:
		return len(rel.rows) > 0
	case e.Kind == ast.Scalar:
		if len(rel.rows) == 0 {
			return nil
		}
		if len(rel.rows) > 1 {
			panic("brute: a scalar subquery of several rows")
		}
		return rel.rows[0].cells[0]
	}
	left := x.eval(e.Left)
	var out any = false
	for _, r := range rel.rows {
		switch compareBy(e.Op, left, r.cells[0]) {
		case true:
			return true
		case nil:
			out = nil
		}
	}
	return out
}
