package zone

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/internal/raw"
	"zonebox/masking"
)

// occurrenceBytes is what a store may remember of which values chunks hold: eight
// bytes of a distinct value, some 32 million of them.
const occurrenceBytes = 256 << 20

// occurrences are the values of one chunk of texts: the keyed hash of the plain
// form of each, once, ascending. The key is drawn when the store is opened and is
// nowhere else, so that they tell nothing without the process that made them; they
// are in its memory alone, and Forget drops them. Nothing of them is at rest, and
// there is nothing to shred.
//
// Two values of one hash cost a look at the chunk and nothing else: what they say
// is never the last word.
type occurrences []uint64

func (o occurrences) hold(hash uint64) bool {
	_, found := slices.BinarySearch(o, hash)
	return found
}

// Occur returns how many rows of a projection hold each of the values in a column
// of texts, however the two are set: see masking.Plain. A value of nothing but
// blanks occurs nowhere. Columns and needs of the projection do not matter.
//
// It reads and hashes each chunk once, and again only where the hash of a value is
// found and rows are left out: a value that does not occur costs a search. Errors
// are those of Project, and ErrProjection of a column that holds no texts.
func (s *Store) Occur(ctx context.Context, p Projection, column string, values []string) ([]int64, error) {
	p.Columns, p.Entity, p.Rows, p.Needs = []Project{{Name: column}}, false, false, nil
	counts := make([]int64, len(values))
	sought := map[string][]int{} // places of values by their plain form
	hashes := map[uint64]bool{}
	var plain []byte
	for i, v := range values {
		if plain = masking.Plain(plain[:0], []byte(v)); len(plain) == 0 {
			continue
		}
		sought[string(plain)] = append(sought[string(plain)], i)
		hashes[maphash.Bytes(s.occurrenceKey, plain)] = true
	}
	order := make([]uint64, 0, len(hashes))
	for h := range hashes {
		order = append(order, h)
	}
	slices.Sort(order)
	for piece, err := range s.Project(ctx, p) {
		if err != nil {
			return nil, err
		}
		c := piece.Columns[0]
		if err := c.ofTexts(); err != nil {
			return nil, err
		}
		known, err := c.occurrences()
		if err != nil {
			return nil, err
		}
		if !known.any(order) {
			continue
		}
		if err := c.tally(sought, counts); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// any reports whether one of the hashes, ascending, is among them.
func (o occurrences) any(hashes []uint64) bool {
	if len(hashes) > len(o) {
		return slices.ContainsFunc(o, func(h uint64) bool { return occurrences(hashes).hold(h) })
	}
	return slices.ContainsFunc(hashes, o.hold)
}

// occurrences returns those of the whole chunk of a column, whatever rows of it are
// in scope.
func (c Column) occurrences() (occurrences, error) {
	v, chunk := c.view, c.view.plan[c.at].chunk
	id := sha256.Sum256(binding("occurrences", string(v.Columns[chunk].Chunks[c.segment].Digest)))
	if o, ok := v.store.occurring.get(id); ok {
		return o, nil
	}
	arr, err := v.decode(chunk, c.segment)
	if err != nil {
		return nil, err
	}
	defer arr.Release()
	var values arrow.Array = arr
	if d, ok := arr.(*array.Dictionary); ok {
		values = d.Dictionary()
	}
	text, o := textOf(values), make(occurrences, 0, values.Len())
	var plain []byte
	for i := range values.Len() {
		if plain = masking.Plain(plain[:0], text(i)); len(plain) > 0 {
			o = append(o, maphash.Bytes(v.store.occurrenceKey, plain))
		}
	}
	slices.Sort(o)
	o = slices.Clip(slices.Compact(o))
	v.store.occurring.put(id, v.zone, o, 8*int64(len(o))+64)
	return o, nil
}

// tally adds to counts the rows in scope that hold what is sought.
func (c Column) tally(sought map[string][]int, counts []int64) error {
	arr, err := c.values(c.view.plan[c.at].chunk)
	if err != nil {
		return err
	}
	defer arr.Release()
	text := textOf(arr)
	var plain []byte
	for row := range arr.Len() {
		plain = masking.Plain(plain[:0], text(row))
		for _, k := range sought[string(plain)] {
			counts[k]++
		}
	}
	return nil
}

// Shown returns how many rows of a projection hold a text in a column, and of how
// many of these its mask gives the text itself, however set. Values in whose place
// the mask put masking.Redacted are not shown. What it found out once it knows the
// next time. The column stands in the projection with its recipe; its other columns
// and its needs do not matter. Errors are those of Project and Occur.
func (s *Store) Shown(ctx context.Context, p Projection, column string) (rows, shown int64, err error) {
	p.Columns = slices.DeleteFunc(slices.Clone(p.Columns), func(c Project) bool { return c.Name != column })
	p.Entity, p.Rows, p.Needs = false, false, nil
	if len(p.Columns) == 0 {
		return 0, 0, fmt.Errorf("zone: what is shown of %q: no such column: %w", column, ErrProjection)
	}
	for piece, err := range s.Project(ctx, p) {
		if err != nil {
			return 0, 0, err
		}
		if err := piece.Columns[0].ofTexts(); err != nil {
			return 0, 0, err
		}
		k, err := piece.Columns[0].showing()
		if err != nil {
			return 0, 0, err
		}
		rows, shown = rows+k.rows, shown+k.shown
	}
	return rows, shown, nil
}

// showing is what Shown says of one segment.
type showing struct{ rows, shown int64 }

const showingSize = 128

func (c Column) showing() (showing, error) {
	v := c.view
	id := sha256.Sum256(binding("shown", string(c.ID[:])))
	if k, ok := v.store.showings.get(id); ok {
		return k, nil
	}
	given, err := c.Array()
	if err != nil {
		return showing{}, err
	}
	defer given.Release()
	stored, err := c.values(v.plan[c.at].chunk)
	if err != nil {
		return showing{}, err
	}
	defer stored.Release()
	var k showing
	of, is := textOf(stored), textOf(given)
	var a, b []byte
	for row := range stored.Len() {
		was, now := of(row), is(row)
		if was == nil {
			continue
		}
		k.rows++
		if a, b = masking.Plain(a[:0], was), masking.Plain(b[:0], now); now != nil && string(now) != masking.Redacted && bytes.Equal(a, b) {
			k.shown++
		}
	}
	v.store.showings.put(id, v.zone, k, showingSize)
	return k, nil
}

// ofTexts returns an error unless a column holds texts and is given as texts.
func (c Column) ofTexts() error {
	given := c.view.plan[c.at]
	for _, name := range []string{c.view.Columns[given.chunk].Type, given.typ} {
		if t, err := raw.Type(name); err != nil || t.ID() != arrow.STRING {
			return fmt.Errorf("zone: texts of %q: %s: %w", c.Name, name, ErrProjection)
		}
	}
	return nil
}

// textOf returns the function that gives the text of a row, nil where it is null, of
// an array of strings or of a dictionary of them.
func textOf(arr arrow.Array) func(row int) []byte {
	values, at := arr, func(row int) int { return row }
	if d, ok := arr.(*array.Dictionary); ok {
		values, at = d.Dictionary(), d.GetValueIndex
	}
	canonical := masking.Canonical(values)
	return func(row int) []byte {
		if arr.IsNull(row) {
			return nil
		}
		return canonical(nil, at(row))
	}
}
