package zone

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"golang.org/x/sync/errgroup"

	"zonebox/masking"
)

// A selection is the rows of a segment that are in scope.
type selection struct {
	digest [sha256.Size]byte // of the row numbers
	count  int
	bits   []byte // a bit a row, lowest first; nil: all rows
}

var (
	allRows = sha256.Sum256([]byte("all rows"))
	noRows  = &selection{}
)

// list returns the row numbers of a selection that is not all rows.
func (s *selection) list() []int32 {
	out := make([]int32, 0, s.count)
	for i := range 8 * len(s.bits) {
		if bitutil.BitIsSet(s.bits, i) {
			out = append(out, int32(i))
		}
	}
	return out
}

// selected returns the rows of a segment in scope. What it found out for one
// projection it knows for the next.
func (v *view) selected(segment int) (*selection, error) {
	if len(v.scope) == 0 && v.consented == nil || v.beyond(segment) || v.only != nil {
		return v.resolve(segment)
	}
	parts := []string{"selection"}
	for _, f := range v.scope {
		parts = append(parts, string(v.Columns[f.column].Chunks[segment].Digest), string(f.digest[:]))
	}
	if v.consented != nil {
		parts = append(parts, "consented", string(v.consented.digest[:]),
			string(v.Columns[v.column(EntityColumn)].Chunks[segment].Digest), string(v.Columns[v.entity].Chunks[segment].Digest))
	}
	id := sha256.Sum256(binding(parts...))
	if s, ok := v.store.selections.get(id); ok {
		return s, nil
	}
	s, err := v.resolve(segment)
	if err != nil {
		return nil, err
	}
	v.store.selections.put(id, v.zone, s, int64(len(s.bits))+256)
	return s, nil
}

// beyond reports whether the bounds of some chunk put the segment out of scope.
func (v *view) beyond(segment int) bool {
	return slices.ContainsFunc(v.scope, func(f filter) bool {
		return f.excludes(v.Columns[f.column].Chunks[segment].Bounds)
	})
}

// resolve reads the columns of the scope and returns the rows that meet it.
func (v *view) resolve(segment int) (*selection, error) {
	if v.only == nil {
		return v.meeting(segment)
	}
	few := v.few(segment)
	if few.count == 0 {
		return noRows, nil
	}
	met, err := v.meeting(segment)
	if err != nil {
		return nil, err
	}
	if met.count == 0 {
		return noRows, nil
	}
	if met.bits != nil {
		few.count = 0
		for i := range few.bits {
			few.bits[i] &= met.bits[i]
			few.count += bits.OnesCount8(few.bits[i])
		}
	}
	if few.count == 0 {
		return noRows, nil
	}
	few.digest = sha256.Sum256(binding("rows", string(few.bits)))
	return few, nil
}

// few returns the rows of a segment that Projection.Only names, without digest.
func (v *view) few(segment int) *selection {
	first := int64(0)
	for _, n := range v.Segments[:segment] {
		first += int64(n)
	}
	rows := v.Segments[segment]
	s := &selection{bits: make([]byte, bitutil.BytesForBits(int64(rows)))}
	for _, row := range v.only {
		if at := row - first; at >= 0 && at < int64(rows) && !bitutil.BitIsSet(s.bits, int(at)) {
			bitutil.SetBit(s.bits, int(at))
			s.count++
		}
	}
	return s
}

// meeting returns the rows of a segment that meet the scope and whose people
// consented, if that is asked for.
func (v *view) meeting(segment int) (*selection, error) {
	met, err := v.scoped(segment)
	if err != nil || v.consented == nil || met.count == 0 {
		return met, err
	}
	return v.consentedRows(segment, met)
}

// scoped returns the rows of a segment that meet the scope.
func (v *view) scoped(segment int) (*selection, error) {
	rows := v.Segments[segment]
	if len(v.scope) == 0 {
		return &selection{digest: allRows, count: rows}, nil
	}
	if v.beyond(segment) {
		return noRows, nil
	}
	columns := make([]arrow.Array, len(v.scope))
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, f := range v.scope {
		group.Go(func() (err error) {
			columns[i], err = v.decode(f.column, segment)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	s := inScope(v.scope, columns, rows)
	switch s.count {
	case 0:
		return noRows, nil
	case rows:
		return &selection{digest: allRows, count: rows}, nil
	}
	s.digest = sha256.Sum256(binding("rows", string(s.bits)))
	return s, nil
}

// A filter is a condition bound to a view.
type filter struct {
	column int               // of the manifest
	in     map[string]bool   // canonical bytes
	keys   [][]byte          // sort keys; nil if the type has no order
	digest [sha256.Size]byte // of the canonical bytes as a set
}

func (v *view) filter(c Condition) (filter, error) {
	column := v.column(c.Column)
	if column < 0 || strings.HasPrefix(c.Column, EntityColumn[:2]) {
		return filter{}, fmt.Errorf("zone: scope column %q: no such column: %w", c.Column, ErrProjection)
	}
	if v.Columns[column].Shredded {
		return filter{}, v.shreddedError(column)
	}
	f := filter{column: column, in: map[string]bool{}}
	values, err := constants(v.store.alloc, v.Columns[column].Type, c.In)
	if err != nil {
		return filter{}, fmt.Errorf("zone: scope column %q: %w", c.Column, err)
	}
	defer values.Release()
	canonical, key := masking.Canonical(values), sortKey(values)
	var set []string
	for i := range values.Len() {
		text := string(canonical(nil, i))
		f.in[text] = true
		set = append(set, text)
		if key != nil {
			f.keys = append(f.keys, bytes.Clone(key(nil, i)))
		}
	}
	slices.Sort(set)
	f.digest = sha256.Sum256(binding(slices.Compact(set)...))
	return f, nil
}

// excludes reports whether no value within b can meet the filter.
func (f filter) excludes(b *bounds) bool {
	return b != nil && f.keys != nil && !slices.ContainsFunc(f.keys, b.hold)
}

// hold reports whether key lies within b.
func (b *bounds) hold(key []byte) bool {
	return bytes.Compare(key, b.Min) >= 0 && bytes.Compare(key, b.Max) <= 0
}

// test returns the function that reports whether value i of arr meets f.
func (f filter) test(arr arrow.Array) func(i int) bool {
	if dict, ok := arr.(*array.Dictionary); ok {
		values := f.test(dict.Dictionary())
		met := make([]bool, dict.Dictionary().Len())
		for i := range met {
			met[i] = values(i)
		}
		return func(i int) bool { return !dict.IsNull(i) && met[dict.GetValueIndex(i)] }
	}
	canonical := masking.Canonical(arr)
	var scratch [64]byte
	return func(i int) bool { return !arr.IsNull(i) && f.in[string(canonical(scratch[:0], i))] }
}

// inScope returns the rows that meet all filters, without digest.
func inScope(filters []filter, columns []arrow.Array, rows int) *selection {
	tests := make([]func(int) bool, len(filters))
	for i, f := range filters {
		tests[i] = f.test(columns[i])
	}
	s := &selection{bits: make([]byte, bitutil.BytesForBits(int64(rows)))}
rows:
	for i := range rows {
		for _, test := range tests {
			if !test(i) {
				continue rows
			}
		}
		bitutil.SetBit(s.bits, i)
		s.count++
	}
	return s
}
