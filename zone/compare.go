package zone

import (
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/masking"
)

// A Ref names one version and the manifest that the registry holds of it.
type Ref struct{ Zone, Dataset, Version, Manifest string }

// Comparison tells how two versions of a dataset differ, in counts. A count of
// fewer than the minimum group is not told but as -1, and values of no column but
// those that Compare was given for it.
type Comparison struct {
	Before, After Extent
	Columns       []ColumnChange // of either, those of the earlier version first
}

// Extent is how much a version holds.
type Extent struct{ Rows, Entities int64 }

// ColumnChange is one column in both versions; Type is "" in the one that has not
// got it.
type ColumnChange struct {
	Name          string
	Before, After ColumnExtent
	// Drift is the population stability index of its values (Lewis 1994): below 0.1
	// is taken for none, above 0.25 for much. It is nil where one of the versions
	// has too few rows to say, where the type differs, or the column was shredded.
	Drift *float64
}

// ColumnExtent is a column of one version.
type ColumnExtent struct {
	Type     string
	Shredded bool
	Nulls    int64
	Distinct int64  // the power of ten that is not less, about; 0 for none, -1 where there are too few values
	Min, Max string // of columns that may be told; "" if there is no value
}

// driftCells is how many cells text falls into for Drift; driftBuckets into how
// many parts of equal size the values of an ordered column are cut.
const (
	driftCells   = 64
	driftBuckets = 10
	driftSample  = 1 << 14 // values that tell where to cut
)

// Compare reads two versions of one dataset. least is the minimum group: counts of
// fewer rows are not told. Of the columns in told the least and greatest value
// are, if they are numbers or times.
func (s *Store) Compare(ctx context.Context, before, after Ref, least int64, told []string) (*Comparison, error) {
	var m [2]*manifest
	for i, ref := range []Ref{before, after} {
		var err error
		if m[i], err = s.manifest(ref.Zone, ref.Dataset, ref.Version, ref.Manifest); err != nil {
			return nil, err
		}
	}
	out := &Comparison{Before: m[0].extent(least), After: m[1].extent(least)}
	var names []string
	for _, of := range m {
		for _, c := range of.Columns {
			if c.Name != EntityColumn && !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	for _, name := range names {
		c, err := s.compareColumn(ctx, m, name, least, slices.Contains(told, name))
		if err != nil {
			return nil, err
		}
		out.Columns = append(out.Columns, c)
	}
	return out, nil
}

func (m *manifest) extent(least int64) Extent {
	return Extent{atLeast(m.Stats.Rows, least), atLeast(m.Stats.Entities, least)}
}

// atLeast returns n, or -1 if it is some but fewer than least.
func atLeast(n, least int64) int64 {
	if n > 0 && n < least {
		return -1
	}
	return n
}

func (s *Store) compareColumn(ctx context.Context, m [2]*manifest, name string, least int64, told bool) (ColumnChange, error) {
	out := ColumnChange{Name: name}
	p := &profile{seed: maphash.MakeSeed()}
	sides := []*ColumnExtent{&out.Before, &out.After}
	var counts [2]*tally
	for i, of := range m {
		at := of.column(name)
		if at < 0 {
			continue
		}
		sides[i].Type, sides[i].Shredded = of.Columns[at].Type, of.Columns[at].Shredded
	}
	for i, of := range m {
		if sides[i].Type == "" || sides[i].Shredded {
			continue
		}
		if p.cuts == nil && ordered(sides[i].Type) {
			if err := s.eachChunk(ctx, of, name, p.sample); err != nil {
				return out, err
			}
			p.cut()
		}
		counts[i] = &tally{}
		if err := s.eachChunk(ctx, of, name, func(arr arrow.Array) { p.count(counts[i], arr, told) }); err != nil {
			return out, err
		}
		if values := counts[i].rows - counts[i].nulls; atLeast(values, least) < 0 { // the nulls would tell how few
			sides[i].Nulls, sides[i].Distinct = -1, -1
			continue
		}
		sides[i].Nulls, sides[i].Distinct = atLeast(counts[i].nulls, least), counts[i].distinct()
		sides[i].Min, sides[i].Max = counts[i].least.text, counts[i].greatest.text
	}
	if counts[0] != nil && counts[1] != nil && out.Before.Type == out.After.Type {
		out.Drift = drift(counts[0], counts[1], least)
	}
	return out, nil
}

// eachChunk calls f with each chunk of a column, plain.
func (s *Store) eachChunk(ctx context.Context, m *manifest, name string, f func(arrow.Array)) error {
	return s.eachStored(ctx, m, name, func(int) bool { return true }, func(arr arrow.Array) {
		flat := plain(s.alloc, arr)
		f(flat)
		flat.Release()
	})
}

// eachStored calls f with the chunks of a column that are wanted, texts in the form in
// which they are stored. wanted is asked of each segment in turn.
func (s *Store) eachStored(ctx context.Context, m *manifest, name string, wanted func(segment int) bool, f func(arrow.Array)) error {
	c := m.column(name)
	key, err := s.unwrap(m.zone, m.suite, m.Columns[c].Key, m.keyBinding(name))
	if err != nil {
		return err
	}
	for segment := range m.Segments {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("zone: read %s/%s: %w", m.zone, m.dataset, err)
		}
		if !wanted(segment) {
			continue
		}
		arr, err := m.decode(s.alloc, key, c, segment)
		if err != nil {
			return err
		}
		f(arr)
		arr.Release()
	}
	return nil
}

// profile says into which cell a value falls.
type profile struct {
	seed   maphash.Seed
	values []float64
	cuts   []float64 // of an ordered column
}

// ordered reports whether values of the type are cut by their order.
func ordered(columnType string) bool { return columnType != "string" && columnType != "bool" }

// number returns the function that gives value i of arr as a number that sorts
// like it, nil for text and truth.
func number(arr arrow.Array) func(i int) float64 {
	switch a := arr.(type) {
	case *array.Int64:
		return func(i int) float64 { return float64(a.Value(i)) }
	case *array.Float64:
		return a.Value
	case *array.Date32:
		return func(i int) float64 { return float64(a.Value(i)) }
	case *array.Timestamp:
		return func(i int) float64 { return float64(a.Value(i)) }
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		return func(i int) float64 { return a.Value(i).ToFloat64(scale) }
	}
	return nil
}

// sample remembers some values of a chunk, spread over it.
func (p *profile) sample(arr arrow.Array) {
	value := number(arr)
	for i := 0; i < arr.Len(); i += max(1, arr.Len()/driftSample) {
		if !arr.IsNull(i) && !math.IsNaN(value(i)) {
			p.values = append(p.values, value(i))
		}
	}
}

// cut puts the cuts where the parts of what was sampled have equal size.
func (p *profile) cut() {
	slices.Sort(p.values)
	p.cuts = []float64{}
	for i := 1; i < driftBuckets && len(p.values) > 0; i++ {
		p.cuts = append(p.cuts, p.values[i*len(p.values)/driftBuckets])
	}
	p.cuts = slices.Compact(p.cuts)
	p.values = nil
}

// tally is what was counted of a column.
type tally struct {
	nulls, rows     int64
	cells           [driftCells]int64 // of the values
	seen            [1 << 16]bool     // for distinct
	least, greatest bound
}

type bound struct {
	is    bool
	value float64
	text  string
}

// count adds the values of a chunk to t. Bounds are taken where they are told.
func (p *profile) count(t *tally, arr arrow.Array, told bool) {
	value, canonical := number(arr), masking.Canonical(arr)
	var scratch [64]byte
	lowest, highest := -1, -1
	for i := range arr.Len() {
		t.rows++
		if arr.IsNull(i) {
			t.nulls++
			continue
		}
		h := maphash.Bytes(p.seed, canonical(scratch[:0], i))
		t.seen[uint16(h)] = true
		if value == nil {
			t.cells[(h>>16)%driftCells]++
			continue
		}
		v := value(i)
		if math.IsNaN(v) {
			t.cells[driftCells-1]++
			continue
		}
		t.cells[sort.Search(len(p.cuts), func(k int) bool { return p.cuts[k] > v })]++
		if lowest < 0 || v < value(lowest) {
			lowest = i
		}
		if highest < 0 || v > value(highest) {
			highest = i
		}
	}
	if told && lowest >= 0 {
		t.least.take(value(lowest), arr.ValueStr(lowest), -1)
		t.greatest.take(value(highest), arr.ValueStr(highest), 1)
	}
}

// take makes b the value if that is on its side.
func (b *bound) take(value float64, text string, side float64) {
	if !b.is || side*value > side*b.value {
		*b = bound{true, value, text}
	}
}

// distinct returns the power of ten that the number of values does not exceed, by
// linear counting (Whang, Vander-Zanden and Taylor 1990); past what its cells can
// tell, it is the rows that are not null.
func (t *tally) distinct() int64 {
	empty := 0
	for _, s := range t.seen {
		if !s {
			empty++
		}
	}
	m := float64(len(t.seen))
	n := float64(t.rows - t.nulls)
	if empty > 0 {
		n = min(n, -m*math.Log(float64(empty)/m))
	}
	if n < 0.5 {
		return 0
	}
	power := int64(1)
	for float64(power) < n-0.5 {
		power *= 10
	}
	return power
}

// drift returns the population stability index between two tallies, over the cells
// that have at least least rows in both, all others taken together; nil if either
// has fewer rows than that.
func drift(a, b *tally, least int64) *float64 {
	if min(a.rows, b.rows) < max(least, 1) {
		return nil
	}
	parts := [][2]float64{}
	rest := [2]float64{}
	add := func(x, y int64) {
		if min(x, y) < least {
			rest[0], rest[1] = rest[0]+float64(x), rest[1]+float64(y)
		} else if x+y > 0 {
			parts = append(parts, [2]float64{float64(x), float64(y)})
		}
	}
	for i := range a.cells {
		add(a.cells[i], b.cells[i])
	}
	add(a.nulls, b.nulls)
	parts = append(parts, rest)
	sum := 0.0
	for _, n := range parts {
		// Half a row more in each keeps an empty cell finite.
		p := (n[0] + .5) / (float64(a.rows) + .5*float64(len(parts)))
		q := (n[1] + .5) / (float64(b.rows) + .5*float64(len(parts)))
		sum += (p - q) * math.Log(p/q)
	}
	sum = math.Round(sum*100) / 100
	return &sum
}
