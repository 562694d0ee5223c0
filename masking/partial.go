package masking

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
)

// keepLimit bounds keep_first and keep_last. Longer windows are no mask for
// any identifier the catalogue knows (the longest has 18 characters).
const keepLimit = 16

// A window keeps the first and last characters (Unicode code points, so one
// character of a Chinese name is one) and puts Redacted between them, whatever
// the length: 138****1234, 张**** (GB/T 37964: suppression, 屏蔽).
//
// A window that would leave less than a third of the characters hidden means
// the value is not what the recipe was written for (partial(3,4) fits an
// 11-digit mobile number, not an 8-digit land line, of which it would hide one
// digit): such a value is redacted as a whole, as is one that is not UTF-8.
type window struct {
	first, last int
	least       int32 // characters, of which a third stays hidden

	// Of an ASCII value of 8 bytes or more, and at most 8 kept at each end: what
	// is kept of the first 8 bytes, and how far the last 8 are shifted to leave
	// those that are kept.
	ascii bool
	head  uint64
	tail  uint
}

func newWindow(first, last int) *window {
	p := &window{first: first, last: last, ascii: first <= 8 && last <= 8}
	for n := first + last; ; n++ {
		if hidden := n - first - last; hidden > 0 && 3*hidden >= n {
			p.least = int32(n)
			break
		}
	}
	p.head, p.tail = 1<<(8*first)-1, uint(64-8*last)
	return p
}

const (
	stars    = 0x2a2a2a2a         // Redacted as a little-endian word
	highBits = 0x8080808080808080 // set in bytes that are not ASCII
)

func (p *window) mask(_ *work, v span, out *text) {
	dst := out.room(v.size() + v.len()*len(Redacted))
	at, width := len(dst), p.first+len(Redacted)+p.last
	dst = dst[:cap(dst)]
	data, from := v.data, v.offsets[0]
	ends := out.ends[:len(v.offsets)-1]
	for i, to := range v.offsets[1:] {
		if p.ascii && to-from >= 8 {
			head, tail := binary.LittleEndian.Uint64(data[from:]), binary.LittleEndian.Uint64(data[to-8:])
			seen := head | tail
			for j := from + 8; j < to-8; j += 8 {
				seen |= binary.LittleEndian.Uint64(data[j:])
			}
			if seen&highBits == 0 && to-from >= p.least {
				d := dst[at : at+slack]
				binary.LittleEndian.PutUint64(d, head&p.head)
				binary.LittleEndian.PutUint32(d[p.first&15:], stars)
				binary.LittleEndian.PutUint64(d[(p.first+len(Redacted))&15:], tail>>p.tail)
				at += width
				ends[i] = int32(at)
				from = to
				continue
			}
		}
		at += p.characters(dst[at:at], data[from:to:to], out, i)
		ends[i] = int32(at)
		from = to
	}
	out.took(dst[:at])
}

// characters writes the mask of one value of any bytes and returns its length.
func (p *window) characters(dst, v []byte, out *text, i int) int {
	head, n := 0, 0
	for at := 0; at < len(v); n++ {
		if n == p.first {
			head = at
		}
		if v[at] < utf8.RuneSelf {
			at++
			continue
		}
		r, size := utf8.DecodeRune(v[at:])
		if r == utf8.RuneError && size == 1 {
			return len(out.redact(dst, i))
		}
		at += size
	}
	if n < int(p.least) {
		return len(out.redact(dst, i))
	}
	tail := len(v)
	for range p.last {
		tail--
		for !utf8.RuneStart(v[tail]) {
			tail--
		}
	}
	dst = append(dst, v[:head]...)
	dst = append(dst, Redacted...)
	return len(append(dst, v[tail:]...))
}

func partialProblem(r Recipe, t arrow.DataType) string {
	switch {
	case t.ID() != arrow.STRING:
		return needsString
	case r.KeepFirst < 0 || r.KeepFirst > keepLimit || r.KeepLast < 0 || r.KeepLast > keepLimit:
		return "keep_first and keep_last must be 0 to " + strconv.Itoa(keepLimit)
	case r.KeepFirst+r.KeepLast == 0:
		return "partial keeps nothing: use redact"
	}
	return ""
}
