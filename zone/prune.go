package zone

import (
	"bytes"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// A Need is a condition on the delivered values of a column: Op is = < <= > >=
// with one value, or in with any number. A null does not meet it. Values are
// written as the catalogue writes constants of Type, the catalogue type of the
// delivered values; what does not read as such excludes nothing.
type Need struct {
	Column, Type string
	Op           string
	Values       []string
}

// need is a Need bound to a view.
type need struct {
	at   int // in view.plan
	op   string
	keys [][]byte // sort keys
}

// bind drops needs of which nothing can be told.
func (v *view) bind(list []Need) []need {
	out := []need{}
	for _, n := range list {
		at := slices.IndexFunc(v.plan, func(p planned) bool { return p.Name == n.Column })
		if at < 0 || !v.plan[at].sortable || n.Type != v.plan[at].typ {
			continue
		}
		values, err := constants(memory.DefaultAllocator, n.Type, n.Values)
		if err != nil {
			continue
		}
		if keys := sortKeys(values); len(keys) > 0 && (n.Op == "in" || len(keys) == 1) {
			out = append(out, need{at, n.Op, keys})
		}
		values.Release()
	}
	return out
}

// sortKeys returns the sort keys of arr, which has no nulls; nil if its type has
// no order or a value has no place in it.
func sortKeys(arr arrow.Array) [][]byte {
	key := sortKey(arr)
	if key == nil {
		return nil
	}
	var out [][]byte
	for i := range arr.Len() {
		k := key(nil, i)
		if k == nil {
			return nil
		}
		out = append(out, bytes.Clone(k))
	}
	return out
}

// excludes reports whether no value within b meets the need.
func (n need) excludes(b *bounds) bool {
	switch n.op {
	case "=", "in":
		return !slices.ContainsFunc(n.keys, b.hold)
	case "<":
		return bytes.Compare(b.Min, n.keys[0]) >= 0
	case "<=":
		return bytes.Compare(b.Min, n.keys[0]) > 0
	case ">":
		return bytes.Compare(b.Max, n.keys[0]) <= 0
	case ">=":
		return bytes.Compare(b.Max, n.keys[0]) < 0
	}
	return false
}

// unneeded reports whether no row of a segment can matter to the statement.
func (v *view) unneeded(segment int, rows *selection) bool {
	for _, list := range v.needs {
		if !slices.ContainsFunc(list, func(n need) bool {
			b := v.bounds(n.at, segment, rows)
			return b != nil && n.excludes(b)
		}) {
			return false
		}
	}
	if len(v.needs) > 0 {
		v.store.pruned.Add(1)
	}
	return len(v.needs) > 0
}

// bounds returns the least and greatest delivered value of a column, nil if they
// are not known. The manifest knows those of raw values: they are the delivered
// ones only where all rows leave as they are. Others are known once Array has
// made the column, and never derived from raw ones.
func (v *view) bounds(at, segment int, rows *selection) *bounds {
	if v.plan[at].Kernel == nil && rows.bits == nil {
		return v.Columns[v.plan[at].chunk].Chunks[segment].Bounds
	}
	b, _ := v.store.bounds.get(v.id(at, segment, rows))
	return b
}

// bound keeps the bounds of a delivered array that the manifest does not know.
func (c Column) bound(arr arrow.Array) {
	v := c.view
	if !v.plan[c.at].sortable || v.plan[c.at].Kernel == nil && c.rows.bits == nil {
		return
	}
	if b := boundsOf(arr); b != nil {
		v.store.bounds.put(c.ID, v.zone, b, int64(len(b.Min)+len(b.Max))+256)
	}
}

// Misfits returns how many values columns have shown nothing of because they are
// outside the shape that their recipe is made for: wrong data, or a wrong recipe.
// Columns count each time they are made.
func (s *Store) Misfits() int64 { return s.misfits.Load() }

// Pruned returns how many segments projections have left out by their needs.
func (s *Store) Pruned() int64 { return s.pruned.Load() }
