package zone

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
)

// ErrEntities says that the entities of the loads under way do not fit the memory
// that Config.EntityBytes allows all of them together.
var ErrEntities = errors.New("more entities than the memory of loads holds")

// entities gives each distinct entity key a dense code, counting from 0 in the
// order of the rows. Codes never leave the gate and mean nothing outside their
// version.
type entities struct {
	distinct
	source  int // index of the key column
	unkeyed int64
}

// distinct tells keys apart and counts the rows of each.
//
// It holds no key but 120 bits of the SHA-256 of each under a salt of its own: two
// keys would have to collide for rows of two people to be taken for one's, which
// for 2^32 of them has a chance below 2^-56. That makes a key 20 bytes, and with
// the room that the table keeps some 25, whatever it is.
type distinct struct {
	budget *budget
	salt   [16]byte
	parts  [distinctParts]part
	count  int64
	most   uint32
	many   map[uint32]uint32 // rows, by code, of those that have more than a slot counts
	seen   byte              // of touch, of no use
}

// A part is a table for the keys whose hash begins with its number, so that one
// that grows leaves the others alone. It is an ordered hash table (Amble and
// Knuth 1974): slots stand in the order of their hashes, each at the place that
// its hash falls on or, where that is taken, after it. A search ends at the first
// slot that is greater, which makes a table that is nine tenths full cheap to
// search; and growing is one pass.
type part struct {
	slots []byte // slotSize bytes each; rows 0 is an empty one
	home  uint64 // how many places hashes fall on; the slots after them take what is pushed on
	used  uint64
}

// A slot is 14 bytes of the hash, the code and the rows, big endian.
const (
	distinctParts = 256
	slotHash      = 14
	slotSize      = slotHash + 4 + 2
	slotRows      = math.MaxUint16 // rows beyond are in many
	spareSlots    = 64             // slots behind the last place, at first
)

func newEntities(source int, b *budget, draw func([]byte) error) (*entities, error) {
	e := &entities{source: source, distinct: distinct{budget: b, many: map[uint32]uint32{}}}
	return e, draw(e.salt[:])
}

// codes returns the codes of the keys in arr, null where the key is.
func (e *entities) codes(alloc memory.Allocator, arr arrow.Array) (arrow.Array, error) {
	b := array.NewUint32Builder(alloc)
	defer b.Release()
	b.Reserve(arr.Len())
	canonical := masking.Canonical(arr)
	var salted [128]byte
	var scratch [64]byte
	copy(salted[:], e.salt[:])
	var sums [touched][sha256.Size]byte
	for from := 0; from < arr.Len(); from += touched {
		rows := min(touched, arr.Len()-from)
		for i := range rows {
			if !arr.IsNull(from + i) {
				sums[i] = sha256.Sum256(append(salted[:len(e.salt)], canonical(scratch[:0], from+i)...))
			}
		}
		e.touch(sums[:rows])
		for i := range rows {
			if arr.IsNull(from + i) {
				e.unkeyed++
				b.UnsafeAppendBoolToBitmap(false)
				continue
			}
			code, _, err := e.code(sums[i])
			if err != nil {
				return nil, err
			}
			b.UnsafeAppend(code)
		}
	}
	return b.NewArray(), nil
}

// touched is how many hashes touch is given at a time.
const touched = 64

// touch looks where the searches for hashes begin, one beside the other: a
// processor then waits once for what code would wait for hash by hash.
func (e *distinct) touch(sums [][sha256.Size]byte) {
	for i := range sums {
		p := &e.parts[sums[i][0]]
		if s := p.slot(p.place(sums[i][1:])); s != nil {
			e.seen ^= s[0]
		}
	}
}

// code returns the code of a key by its hash, and whether it was there before,
// and counts a row.
func (e *distinct) code(sum [sha256.Size]byte) (code uint32, known bool, err error) {
	p, hash := &e.parts[sum[0]], sum[1:1+slotHash]
	at, found := p.search(hash)
	if found {
		s := p.slot(at)
		code := binary.BigEndian.Uint32(s[slotHash:])
		e.row(s, code, binary.BigEndian.Uint16(s[slotHash+4:]))
		return code, true, nil
	}
	if e.count == math.MaxUint32 {
		return 0, false, fmt.Errorf("keys exceed uint32: %w", ErrBatch)
	}
	if p.used*10 >= p.home*9 {
		if err := e.grow(p, max(64, p.home+p.home/4), spareSlots); err != nil {
			return 0, false, err
		}
		return e.code(sum)
	}
	if !p.open(at) {
		if err := e.grow(p, p.home, 2*p.spare()); err != nil {
			return 0, false, err
		}
		return e.code(sum)
	}
	code = uint32(e.count)
	s := p.slot(at)
	copy(s, hash)
	binary.BigEndian.PutUint32(s[slotHash:], code)
	binary.BigEndian.PutUint16(s[slotHash+4:], 0)
	e.row(s, code, 0)
	p.used++
	e.count++
	return code, false, nil
}

// find returns the code of a key by its hash, and false if it has none.
func (e *distinct) find(sum [sha256.Size]byte) (uint32, bool) {
	p := &e.parts[sum[0]]
	at, found := p.search(sum[1 : 1+slotHash])
	if !found {
		return 0, false
	}
	return binary.BigEndian.Uint32(p.slot(at)[slotHash:]), true
}

// search returns where a hash stands, or would.
func (p *part) search(hash []byte) (at uint64, found bool) {
	at = p.place(hash)
	for s := p.slot(at); s != nil; s = p.slot(at) {
		order := bytes.Compare(s[:slotHash], hash)
		if order > 0 || binary.BigEndian.Uint16(s[slotHash+4:]) == 0 {
			break
		}
		if order == 0 {
			return at, true
		}
		at++
	}
	return at, false
}

// row counts a row of the key in slot s, which has had rows before.
func (e *distinct) row(s []byte, code uint32, rows uint16) {
	n := uint32(rows)
	if n == slotRows {
		n = max(n, e.many[code])
	}
	n++
	if n >= slotRows {
		e.many[code] = n
	}
	binary.BigEndian.PutUint16(s[slotHash+4:], uint16(min(n, slotRows)))
	e.most = max(e.most, n)
}

// place returns where a search for hash begins: places are in the order of
// hashes.
func (p *part) place(hash []byte) uint64 {
	hi, _ := bits.Mul64(binary.BigEndian.Uint64(hash), p.home)
	return hi
}

// slot returns slot i, nil behind the last.
func (p *part) slot(i uint64) []byte {
	if i*slotSize >= uint64(len(p.slots)) {
		return nil
	}
	return p.slots[i*slotSize : (i+1)*slotSize]
}

// open makes slot at free by moving it and those after it on by one, up to the
// first that is free. It reports whether there is one.
func (p *part) open(at uint64) bool {
	free := at
	for s := p.slot(free); ; s = p.slot(free) {
		if s == nil {
			return false
		}
		if binary.BigEndian.Uint16(s[slotHash+4:]) == 0 {
			break
		}
		free++
	}
	copy(p.slots[(at+1)*slotSize:(free+1)*slotSize], p.slots[at*slotSize:free*slotSize])
	return true
}

// spare returns how many slots are behind the last place.
func (p *part) spare() uint64 { return uint64(len(p.slots))/slotSize - p.home }

// grow gives p another size, or more than spare slots behind its last place if
// that many are needed.
func (e *distinct) grow(p *part, home, spare uint64) error {
	next := part{home: home, used: p.used}
	for ; ; spare *= 2 {
		var err error
		if next.slots, err = e.budget.table(int((home + spare) * slotSize)); err != nil {
			return err
		}
		if next.fill(p) {
			break
		}
		e.budget.drop(next.slots)
	}
	e.budget.drop(p.slots)
	*p = next
	return nil
}

// fill copies the slots of from, which are in order, and reports whether there
// was room behind the last place.
func (p *part) fill(from *part) bool {
	at := uint64(0)
	for i := uint64(0); ; i++ {
		s := from.slot(i)
		if s == nil {
			return true
		}
		if binary.BigEndian.Uint16(s[slotHash+4:]) == 0 {
			continue
		}
		at = max(at, p.place(s))
		to := p.slot(at)
		if to == nil {
			return false
		}
		copy(to, s)
		at++
	}
}

// release gives the memory back. Nothing is asked of e any more.
func (e *distinct) release() {
	for i := range e.parts {
		e.budget.drop(e.parts[i].slots)
		e.parts[i] = part{}
	}
}
