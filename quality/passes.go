package quality

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// pending is a rule that may need further passes.
type pending struct {
	counted func() bool // while the rows were added
	free    func()      // its table
	do      func(feed func(*Pass) error) error
}

func newBatch(schema *arrow.Schema, columns []arrow.Array) arrow.RecordBatch {
	return array.NewRecordBatch(schema, columns, int64(columns[0].Len()))
}

// columnsOf returns the columns at the places named.
func columnsOf(rec arrow.RecordBatch, at []int) []arrow.Array {
	out := make([]arrow.Array, len(at))
	for i, a := range at {
		out[i] = rec.Column(a)
	}
	return out
}

// duplicates counts the rows whose value, of the columns together, an earlier
// row has: rows less distinct values, as SQL's count(c) - count(DISTINCT c). A
// row with a null among them is never a duplicate.
//
// If the table outgrows the budget it is dropped, and Finish counts in passes
// over the stored columns: each pass takes the marks of one part of their space,
// few enough to fit.
func (c *Checker) duplicates(r *planned, n *count) func(arrow.RecordBatch, int64) {
	seen := newTable(c.budget, firstSlots)
	counted := func() bool { return seen != nil }
	c.later = append(c.later, &pending{free: func() { seen.free() }, counted: counted,
		do: func(feed func(*Pass) error) error { return c.repeat(r, n, feed) }})
	return func(rec arrow.RecordBatch, before int64) {
		if seen == nil {
			return
		}
		mark := c.marker.marks(columnsOf(rec, r.at))
		var marks [touched]maybe
		for from := 0; from < int(rec.NumRows()); from += touched {
			some := marks[:min(touched, int(rec.NumRows())-from)]
			for i := range some {
				some[i].mark, some[i].ok = mark(from + i)
			}
			seen.touch(some)
			for i, m := range some {
				if !m.ok {
					continue
				}
				known, kept := seen.add(m.mark)
				if known {
					c.hit(n, before+int64(from+i)+1)
				} else if !kept {
					seen.free()
					seen, *n = nil, count{}
					return
				}
			}
		}
	}
}

// repeat counts duplicates in as many passes as the budget asks for.
func (c *Checker) repeat(r *planned, n *count, feed func(*Pass) error) error {
	slots := c.largest()
	parts := partsOf(c.rows, slots)
	for part := range parts {
		t := newTable(c.budget, slots)
		found := count{}
		p := &Pass{Columns: r.Columns, add: func(columns []arrow.Array, before int64) error {
			mark := c.marker.marks(columns)
			for i := range columns[0].Len() {
				m, ok := mark(i)
				if !ok || m.part(parts) != part {
					continue
				}
				known, kept := t.add(m)
				if known {
					c.hit(&found, before+int64(i)+1)
				} else if !kept {
					return fmt.Errorf("quality: %w", errPart)
				}
			}
			return nil
		}}
		if err := c.own(p, feed); err != nil {
			return err
		}
		t.free()
		c.merge(n, found)
	}
	return nil
}

var errPart = fmt.Errorf("a part of the marks outgrew its table")

// own feeds a pass over the rows that were added, all of them.
func (c *Checker) own(p *Pass, feed func(*Pass) error) error {
	if err := feed(p); err != nil {
		return err
	}
	if p.rows != c.rows {
		return fmt.Errorf("quality: a further pass saw %d rows of %d", p.rows, c.rows)
	}
	return nil
}

// merge adds what one part found: its rows may lie before those of others.
func (c *Checker) merge(n *count, found count) {
	n.n += found.n
	n.rows = append(n.rows, found.rows...)
	slices.Sort(n.rows)
	n.rows = n.rows[:min(len(n.rows), c.positions)]
	for i, k := range found.reasons {
		n.reasons[i] += k
	}
}

// largest returns how many slots the largest table has that fits the budget. A
// table of firstSlots is never refused: without it nothing can be counted.
func (c *Checker) largest() int {
	slots := firstSlots
	for int64(2*slots)*markSize <= c.budget.left {
		slots *= 2
	}
	c.budget.left = max(c.budget.left, int64(slots)*markSize)
	return slots
}

// partsOf returns in how many parts so many marks fit tables of slots, filled to
// a half: marks spread evenly, and a table takes three quarters.
func partsOf(marks int64, slots int) uint64 {
	half := int64(slots / 2)
	return uint64(max(1, (marks+half-1)/half))
}

// keys are what a dataset that is referred to holds.
type keys struct {
	checker *Checker
	to      *Reference
	n       *count
	table   *table // nil if it did not fit
	rows    int64
	self    bool
}

// read takes the keys of another dataset into a table, before the first row.
func (k *keys) read(feed func(*Pass) error) error {
	if k.self {
		return nil // its rows are still to come
	}
	k.table = newTable(k.checker.budget, firstSlots)
	p := k.pass(func(m mark) error {
		if k.table == nil {
			return nil
		}
		if _, kept := k.table.add(m); !kept && !k.table.has(m) {
			k.table.free()
			k.table = nil
		}
		return nil
	})
	if err := feed(p); err != nil {
		return err
	}
	if p.absent {
		k.n.unknown = "no_reference_data"
	}
	k.rows = p.rows
	return nil
}

// pass gives every mark of the keys to each.
func (k *keys) pass(each func(mark) error) *Pass {
	p := &Pass{Dataset: k.to.Dataset, Columns: k.to.Columns}
	if k.self {
		p.Dataset = ""
	}
	p.add = func(columns []arrow.Array, _ int64) error {
		mark := k.checker.marker.marks(columns)
		for i := range columns[0].Len() {
			if m, ok := mark(i); ok {
				if err := each(m); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return p
}

// references counts rows whose columns together are no key of the dataset
// referred to. A row with a null among them refers to nothing.
func (c *Checker) references(r *planned, n *count) func(arrow.RecordBatch, int64) {
	k := &keys{checker: c, to: r.References, n: n, self: r.References.Dataset == c.plan.dataset}
	c.keys = append(c.keys, k)
	c.later = append(c.later, &pending{free: func() { k.table.free() }, counted: func() bool { return k.table != nil || n.unknown != "" },
		do: func(feed func(*Pass) error) error { return c.orphans(r, k, feed) }})
	return func(rec arrow.RecordBatch, before int64) {
		if k.table == nil || n.unknown != "" {
			return
		}
		c.probe(columnsOf(rec, r.at), before, k.table, n, 0, 1)
	}
}

// probe counts the rows whose mark is of the part and not in the table.
func (c *Checker) probe(columns []arrow.Array, before int64, t *table, n *count, part, parts uint64) {
	mark := c.marker.marks(columns)
	for i := range columns[0].Len() {
		if m, ok := mark(i); ok && (parts == 1 || m.part(parts) == part) && !t.has(m) {
			n.reasons[orphan]++
			c.hit(n, before+int64(i)+1)
		}
	}
}

// orphans does by parts of the marks what did not fit memory: the keys of a
// part, then the rows of the same part.
func (c *Checker) orphans(r *planned, k *keys, feed func(*Pass) error) error {
	if k.self {
		k.rows = c.rows
	}
	slots := c.largest()
	parts := partsOf(k.rows, slots)
	for part := range parts {
		t := newTable(c.budget, slots)
		theirs := k.pass(func(m mark) error {
			if m.part(parts) != part {
				return nil
			}
			if _, kept := t.add(m); !kept && !t.has(m) {
				return fmt.Errorf("quality: %w", errPart)
			}
			return nil
		})
		if err := feed(theirs); err != nil {
			return err
		}
		if theirs.rows != k.rows {
			return fmt.Errorf("quality: a further pass saw %d keys of %d", theirs.rows, k.rows)
		}
		found := count{}
		own := &Pass{Columns: r.Columns, add: func(columns []arrow.Array, before int64) error {
			c.probe(columns, before, t, &found, part, parts)
			return nil
		}}
		if err := c.own(own, feed); err != nil {
			return err
		}
		t.free()
		c.merge(k.n, found)
	}
	return nil
}
