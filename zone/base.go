package zone

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sync/errgroup"

	"zonebox/masking"
)

// ErrBase says that a version cannot be what a delivery adds to: it has other
// columns or another entity, or columns that were shredded.
var ErrBase = errors.New("version does not fit what is to be added to it")

// A Base is a version whose rows a new one takes over. The new one is whole: it
// stands when the base is gone. Rows of the delivery come first, those of the base
// after them, so that entity codes and figures are those of a full load of the
// rows in this order.
type Base struct {
	Version, Manifest string
	// Upsert leaves out the rows of the base whose key a row of the delivery has.
	// Otherwise there may be none.
	Upsert bool
}

// A KeyError says that the keys of a delivery do not tell its rows apart, or that
// one is in the base already that only adds to it. Rows are those of the delivery,
// counted from 1.
type KeyError struct {
	Row    int64
	Column string // whose value is null, "" if that is not it
	First  int64  // row that has the same key, 0 if it is one of the base
}

func (e *KeyError) Error() string {
	switch {
	case e.Column != "":
		return fmt.Sprintf("zone: row %d: key column %s is null", e.Row, e.Column)
	case e.First > 0:
		return fmt.Sprintf("zone: row %d: has the key of row %d", e.Row, e.First)
	}
	return fmt.Sprintf("zone: row %d: its key is in the base", e.Row)
}

// unique holds the keys of a delivery. Each is of one row, so that its code is the
// number of the row.
type unique struct {
	distinct
	names   []string
	columns []int
	whole   bool // all rows of the delivery are in it
	hash    func([]byte) [sha256.Size]byte
}

func newUnique(spec Spec, b *budget, draw func([]byte) error) (*unique, error) {
	u := &unique{names: spec.Key, distinct: distinct{budget: b, many: map[uint32]uint32{}}, hash: sha256.Sum256}
	for _, k := range spec.Key {
		u.columns = append(u.columns, slices.IndexFunc(spec.Columns, func(c ColumnSpec) bool { return c.Name == k }))
	}
	return u, draw(u.salt[:])
}

// keyReader returns the bytes of the keys of rows, which are equal where the keys
// are. null is the first key column that is null, -1 if none is. The bytes are
// valid until the next call.
func keyReader(columns []arrow.Array) func(row int) (key []byte, null int) {
	var canonical []func([]byte, int) []byte
	for _, c := range columns {
		canonical = append(canonical, masking.Canonical(c))
	}
	var buf []byte
	var scratch [64]byte
	return func(row int) ([]byte, int) {
		buf = buf[:0]
		for i, c := range columns {
			if c.IsNull(row) {
				return nil, i
			}
			part := canonical[i](scratch[:0], row)
			buf = append(binary.BigEndian.AppendUint32(buf, uint32(len(part))), part...)
		}
		return buf, -1
	}
}

func (u *unique) sum(salted, key []byte) ([sha256.Size]byte, []byte) {
	salted = append(append(salted[:0], u.salt[:]...), key...)
	return u.hash(salted), salted
}

// of returns the key columns of rec.
func (u *unique) of(rec arrow.RecordBatch) []arrow.Array {
	var out []arrow.Array
	for _, c := range u.columns {
		out = append(out, rec.Column(c))
	}
	return out
}

// add takes the keys of further rows of the delivery.
func (u *unique) add(recs []arrow.RecordBatch) error {
	var salted []byte
	var sums [touched][sha256.Size]byte
	for _, rec := range recs {
		key := keyReader(u.of(rec))
		rows := int(rec.NumRows())
		for from := 0; from < rows; from += touched {
			n, null := 0, -1
			for ; n < min(touched, rows-from); n++ {
				var k []byte
				if k, null = key(from + n); null >= 0 {
					break
				}
				sums[n], salted = u.sum(salted, k)
			}
			u.touch(sums[:n])
			for _, sum := range sums[:n] {
				row := u.count + 1
				code, known, err := u.code(sum)
				if err != nil {
					return err
				}
				if known {
					return &KeyError{Row: row, First: int64(code) + 1}
				}
			}
			if null >= 0 {
				return &KeyError{Row: u.count + 1, Column: u.names[null]}
			}
		}
	}
	return nil
}

// base is an open Base.
type base struct {
	*manifest
	keys   []dataKey
	upsert bool
}

// openBase opens the base of spec and makes sure that its rows are rows of spec.
func (s *Store) openBase(spec Spec) (*base, error) {
	m, err := s.manifest(spec.Zone, spec.Dataset, spec.Base.Version, spec.Base.Manifest)
	if err != nil {
		return nil, err
	}
	columns := m.Columns
	if i := m.column(EntityColumn); i >= 0 {
		columns = slices.Delete(slices.Clone(columns), i, i+1)
	}
	same := slices.EqualFunc(columns, spec.Columns, func(a columnBody, b ColumnSpec) bool { return a.Name == b.Name && a.Type == b.Type })
	if !same || m.Entity != spec.Entity {
		return nil, fmt.Errorf("zone: begin load on %s: %w", m.version, ErrBase)
	}
	b := &base{manifest: m, upsert: spec.Base.Upsert}
	for _, c := range columns {
		if c.Shredded {
			return nil, fmt.Errorf("zone: begin load on %s: column %q: %w", m.version, c.Name, ErrBase)
		}
		key, err := s.unwrap(m.zone, m.suite, c.Key, m.keyBinding(c.Name))
		if err != nil {
			return nil, err
		}
		b.keys = append(b.keys, key)
	}
	m.Columns = columns // the entity's codes are made anew
	return b, nil
}

// Complete takes the rows of the base over, which Commit does if nobody asked
// before: what a check is given then is all of the version. Append no more rows
// afterwards. It returns a *KeyError if a row of the delivery may not be.
func (l *Load) Complete(ctx context.Context) error {
	if err := l.ready(); err != nil {
		return err
	}
	if l.complete {
		return nil
	}
	if err := l.merge(ctx); err != nil {
		l.broken = err
		return err
	}
	return nil
}

// merge ends the delivery and takes over what there is to be.
func (l *Load) merge(ctx context.Context) error {
	l.complete, l.delivered = true, l.rows+int64(l.pendingRows)
	if l.unique != nil {
		if err := l.ahead.wait(); err != nil {
			return err
		}
		l.unique.whole = true
	}
	if l.base == nil {
		return nil
	}
	var err error
	if l.replaced, err = l.takeAll(ctx); err != nil {
		return fmt.Errorf("zone: take over %s/%s/%s: %w", l.base.zone, l.base.dataset, l.base.version, err)
	}
	return nil
}

// takeAll takes the rows of the base over, segment by segment, but those that the
// delivery replaces, and returns how many these are.
func (l *Load) takeAll(ctx context.Context) (replaced int64, err error) {
	d := &deliveredKeys{load: l}
	defer d.release()
	for segment := range l.base.Segments {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := l.takeOver(segment, d)
		if err != nil {
			return 0, err
		}
		replaced += n
	}
	return replaced, nil
}

// takeOver is takeAll of one segment.
func (l *Load) takeOver(segment int, d *deliveredKeys) (replaced int64, err error) {
	alloc := l.store.alloc
	columns := make([]arrow.Array, len(l.base.Columns))
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range columns {
		group.Go(func() (err error) {
			arr, err := l.base.decode(alloc, l.base.keys[i], i, segment)
			if err == nil {
				columns[i] = plain(alloc, arr)
				arr.Release()
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	rows := l.base.Segments[segment]
	if l.unique != nil {
		keep, err := d.without(columns, rows)
		if err != nil {
			return 0, err
		}
		if keep != nil {
			replaced = int64(rows - len(keep))
			rows = len(keep)
			for i, c := range columns {
				if columns[i], err = take(alloc, c, keep); err != nil {
					columns[i] = c
					return 0, err
				}
				c.Release()
			}
		}
	}
	if err := l.room(int64(rows)); err != nil {
		return 0, err
	}
	rec := array.NewRecordBatch(l.schema, columns, int64(rows))
	defer rec.Release()
	return replaced, l.push(rec)
}

// plain returns arr with strings in place of a dictionary of them. The caller
// releases it.
func plain(alloc memory.Allocator, arr arrow.Array) arrow.Array {
	dict, ok := arr.(*array.Dictionary)
	if !ok {
		arr.Retain()
		return arr
	}
	values := dict.Dictionary().(*array.String)
	null := func(i int) bool { return dict.IsNull(i) || values.IsNull(dict.GetValueIndex(i)) }
	size := 0
	for i := range dict.Len() {
		if !null(i) {
			size += values.ValueLen(dict.GetValueIndex(i))
		}
	}
	b := array.NewStringBuilder(alloc)
	defer b.Release()
	b.Reserve(dict.Len())
	b.ReserveData(size)
	for i := range dict.Len() {
		if null(i) {
			b.AppendNull()
		} else {
			b.Append(values.Value(dict.GetValueIndex(i)))
		}
	}
	return b.NewArray()
}

// deliveredKeys reads the keys of the delivery again, those of one segment at a
// time: hashes say which rows of the base may be replaced, the keys themselves
// whether they are.
type deliveredKeys struct {
	load     *Load
	from, to int // rows that key is for
	key      func(row int) ([]byte, int)
	columns  []arrow.Array // of a segment, if it is one
}

func (d *deliveredKeys) release() {
	for _, c := range d.columns {
		c.Release()
	}
	*d = deliveredKeys{load: d.load}
}

// without returns the rows of the base that the delivery does not replace, nil if
// that is all of them. columns are of a segment of the base. Where the base is
// only added to, a key that both have is an error.
func (d *deliveredKeys) without(columns []arrow.Array, rows int) ([]int32, error) {
	u := d.load.unique
	if d.columns == nil {
		d.release() // pending rows may be written by now
	}
	var keyColumns []arrow.Array
	for _, c := range u.columns {
		keyColumns = append(keyColumns, columns[c])
	}
	key := keyReader(keyColumns)
	type hit struct{ row, delivered int }
	var hits []hit
	var salted []byte
	for r := range rows {
		k, null := key(r)
		if null >= 0 { // it was loaded before there was a key
			continue
		}
		var sum [sha256.Size]byte
		sum, salted = u.sum(salted, k)
		if code, ok := u.find(sum); ok {
			hits = append(hits, hit{r, int(code)})
		}
	}
	if len(hits) == 0 {
		return nil, nil
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(a.delivered, b.delivered) })
	gone := make([]bool, rows)
	for _, h := range hits {
		other, err := d.of(h.delivered)
		if err != nil {
			return nil, err
		}
		k, _ := key(h.row)
		if !bytes.Equal(k, other) {
			return nil, fmt.Errorf("two keys have one hash: %w", ErrBatch)
		}
		if !d.load.base.upsert {
			return nil, &KeyError{Row: int64(h.delivered) + 1}
		}
		gone[h.row] = true
	}
	keep := make([]int32, 0, rows-len(hits))
	for r, g := range gone {
		if !g {
			keep = append(keep, int32(r))
		}
	}
	return keep, nil
}

// of returns the key of a row of the delivery.
func (d *deliveredKeys) of(row int) ([]byte, error) {
	if row < d.from || row >= d.to {
		if err := d.find(row); err != nil {
			return nil, err
		}
	}
	k, _ := d.key(row - d.from)
	return k, nil
}

// find makes d the keys around a row.
func (d *deliveredKeys) find(row int) error {
	d.release()
	l := d.load
	from := 0
	for segment, rows := range l.manifest.Segments {
		if row < from+rows {
			if err := d.read(segment); err != nil {
				return err
			}
			d.from, d.to, d.key = from, from+rows, keyReader(d.columns)
			return nil
		}
		from += rows
	}
	for _, rec := range l.pending {
		if rows := int(rec.NumRows()); row < from+rows {
			d.from, d.to, d.key = from, from+rows, keyReader(l.unique.of(rec))
			return nil
		}
		from += int(rec.NumRows())
	}
	return fmt.Errorf("row %d of the delivery: %w", row, ErrBatch)
}

// read decrypts the key columns of a segment that this load has written.
func (d *deliveredKeys) read(segment int) error {
	l := d.load
	m := l.manifest
	m.dir = l.dir
	for _, c := range l.unique.columns {
		arr, err := m.decode(l.store.alloc, l.keys[c], c, segment)
		if err != nil {
			d.release()
			return err
		}
		d.columns = append(d.columns, plain(l.store.alloc, arr))
		arr.Release()
	}
	return nil
}
