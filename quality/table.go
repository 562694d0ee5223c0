package quality

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// A mark is the fingerprint of a value or of several: 128 bits.
type mark struct{ hi, lo uint64 }

// A marker makes marks under keys that live in this process only. Two seeds of
// maphash give 128 bits for a third of what SipHash-128 costs; of a billion
// values two share a mark with probability 2^-69, and who delivers data can see
// neither the keys nor a mark.
type marker struct{ hi, lo maphash.Seed }

func newMarker() marker { return marker{maphash.MakeSeed(), maphash.MakeSeed()} }

func (m marker) text(s string) mark {
	return mark{maphash.String(m.hi, s), maphash.String(m.lo, s)}.sane()
}

func (m marker) bytes(b []byte) mark {
	return mark{maphash.Bytes(m.hi, b), maphash.Bytes(m.lo, b)}.sane()
}

// sane keeps the zero mark free: it is an empty slot of a table.
func (m mark) sane() mark {
	if m == (mark{}) {
		m.lo = 1
	}
	return m
}

// part returns which of n parts the mark belongs to.
func (m mark) part(n uint64) uint64 {
	p, _ := bits.Mul64(m.hi, n)
	return p
}

// marks returns the function that marks row i of the columns taken together,
// and false where one of them is null. It keeps nothing of them.
func (m marker) marks(columns []arrow.Array) func(i int) (mark, bool) {
	if len(columns) == 1 {
		if s, ok := columns[0].(*array.String); ok {
			if s.NullN() == 0 {
				return func(i int) (mark, bool) { return m.text(s.Value(i)), true }
			}
			return func(i int) (mark, bool) {
				if s.IsNull(i) {
					return mark{}, false
				}
				return m.text(s.Value(i)), true
			}
		}
	}
	var buffer []byte
	return func(i int) (mark, bool) {
		buffer = buffer[:0]
		for _, c := range columns {
			if c.IsNull(i) {
				return mark{}, false
			}
			buffer = appendValue(buffer, c, i)
		}
		return m.bytes(buffer), true
	}
}

// appendValue appends value i so that no two rows of other values look alike:
// text with its length before it, everything else in its fixed width. It panics
// on a type that no catalogue has.
func appendValue(b []byte, c arrow.Array, i int) []byte {
	switch a := c.(type) {
	case *array.String:
		v := a.Value(i)
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(v))), v...)
	case *array.Int64:
		return binary.LittleEndian.AppendUint64(b, uint64(a.Value(i)))
	case *array.Date32:
		return binary.LittleEndian.AppendUint32(b, uint32(a.Value(i)))
	case *array.Timestamp:
		return binary.LittleEndian.AppendUint64(b, uint64(a.Value(i)))
	case *array.Float64:
		v := a.Value(i)
		switch {
		case v == 0:
			v = 0 // -0 is the same number
		case v != v:
			v = math.NaN()
		}
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	case *array.Boolean:
		if a.Value(i) {
			return append(b, 1)
		}
		return append(b, 0)
	case *array.Decimal128:
		v := a.Value(i)
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, v.LowBits()), uint64(v.HighBits()))
	}
	panic("quality: no catalogue type: " + c.DataType().Name())
}

const markSize = 16

// budget is the memory that the tables of a checker share, bytes.
type budget struct{ left int64 }

func (b *budget) take(n int64) bool {
	if n > b.left {
		return false
	}
	b.left -= n
	return true
}

// A table is a set of marks with open addressing.
type table struct {
	slots  []mark
	used   int
	budget *budget
	seen   uint64 // of touch, of no use
}

// maybe is the mark of a row, if it has one.
type maybe struct {
	mark
	ok bool
}

// touched is how many marks touch is given at a time.
const touched = 64

// touch looks at the slots of marks that will be added, one beside the other: a
// processor then waits once for what add would wait for mark by mark.
func (t *table) touch(marks []maybe) {
	mask := uint64(len(t.slots) - 1)
	for _, m := range marks {
		t.seen ^= t.slots[m.lo&mask].lo
	}
}

const firstSlots = 1 << 10

// newTable returns a table of so many slots, a power of two, or nil if the
// budget has no room for it.
func newTable(b *budget, slots int) *table {
	if !b.take(int64(slots) * markSize) {
		return nil
	}
	return &table{slots: make([]mark, slots), budget: b}
}

// add puts m into the set. seen says that it was there, ok that it is now.
func (t *table) add(m mark) (seen, ok bool) {
	if t.used >= len(t.slots)/4*3 && !t.grow() {
		return t.has(m), false
	}
	mask := uint64(len(t.slots) - 1)
	for at := m.lo & mask; ; at = (at + 1) & mask {
		switch t.slots[at] {
		case m:
			return true, true
		case mark{}:
			t.slots[at] = m
			t.used++
			return false, true
		}
	}
}

func (t *table) has(m mark) bool {
	mask := uint64(len(t.slots) - 1)
	for at := m.lo & mask; ; at = (at + 1) & mask {
		switch t.slots[at] {
		case m:
			return true
		case mark{}:
			return false
		}
	}
}

func (t *table) grow() bool {
	old := t.slots
	if !t.budget.take(int64(2*len(old)) * markSize) {
		return false
	}
	t.slots = make([]mark, 2*len(old))
	mask := uint64(len(t.slots) - 1)
	for _, m := range old {
		if m == (mark{}) {
			continue
		}
		at := m.lo & mask
		for t.slots[at] != (mark{}) {
			at = (at + 1) & mask
		}
		t.slots[at] = m
	}
	t.budget.left += int64(len(old)) * markSize
	return true
}

// free gives the memory back; the table is of no use afterwards. No table has
// nothing to give.
func (t *table) free() {
	if t == nil {
		return
	}
	t.budget.left += int64(len(t.slots)) * markSize
	t.slots = nil
}
