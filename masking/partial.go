package masking

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"
	"unsafe"

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
	least       int // characters, of which a third stays hidden

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
			p.least = n
			break
		}
	}
	p.head, p.tail = 1<<(8*first)-1, uint(64-8*last)
	return p
}

const highBits = 0x8080808080808080 // set in bytes that are not ASCII

func (p *window) mask(_ *work, v span, out *text) {
	dst := out.room(v.size() + v.len()*len(Redacted))
	at := len(dst)
	dst = dst[:cap(dst)]
	safe := p.ascii && v.offsets[0] >= 0 && int(v.offsets[v.len()]) <= len(v.data)
	for i := 0; i < v.len(); i++ {
		value := v.value(i)
		if safe && len(value) >= 8 && value[0] < utf8.RuneSelf {
			if i, at = p.run(dst, v, out.ends, i, at); i == v.len() {
				break
			}
			value = v.value(i)
		}
		at += p.characters(dst[at:at], value, out, i)
		out.ends[i] = int32(at)
	}
	out.took(dst[:at])
}

// run writes the masks of the values from i on as long as they are of ASCII, 8
// bytes or more, and of the shape. It returns where it stopped. The offsets of
// the values before i rise, and none is below 0.
//
// A value is read between its own offsets, of which the last of all bounds every
// one, so in data. Its mask is at most 4 bytes longer than it; so all are in the
// room that mask asked for, and what is written beyond them in the slack.
func (p *window) run(dst []byte, v span, ends []int32, i, at int) (int, int) {
	in, to := unsafe.Pointer(unsafe.SliceData(v.data)), unsafe.Pointer(unsafe.SliceData(dst))
	ends = ends[:len(v.offsets)-1]
	from, last := int(v.offsets[i]), int(v.offsets[len(ends)])
	least, width, first := max(p.least, 8), p.first+len(Redacted)+p.last, p.first
	offsets := v.offsets[1:][:len(ends)]
	for ; i < len(ends); i++ {
		end := int(offsets[i])
		n := end - from
		if n < least || end > last {
			break
		}
		value := unsafe.Add(in, from)
		begin, rest := word(value, 0), word(value, n-8)
		seen := begin | rest
		for j := 8; j < n-8; j += 8 {
			seen |= word(value, j)
		}
		if seen&highBits != 0 {
			break
		}
		d := unsafe.Add(to, at)
		setWord(d, 0, begin&p.head)
		copy((*[4]byte)(unsafe.Add(d, first))[:], Redacted)
		setWord(d, first+len(Redacted), rest>>p.tail)
		at += width
		ends[i] = int32(at)
		from = end
	}
	return i, at
}

func word(p unsafe.Pointer, at int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(p, at))[:])
}

func setWord(p unsafe.Pointer, at int, w uint64) {
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(p, at))[:], w)
}

// characters writes the mask of one value of any bytes and returns its length.
func (p *window) characters(dst, v []byte, out *text, i int) int {
	head, n := 0, 0
	for at := 0; at < len(v); n++ {
		if n == p.first {
			head = at
		}
		size := 1
		if v[at] >= utf8.RuneSelf {
			if size = wide(v[at:]); size == 0 {
				return len(out.redact(dst, i))
			}
		}
		at += size
	}
	if n < p.least {
		return len(out.redact(dst, i))
	}
	tail := len(v)
	for range p.last {
		tail--
		for !utf8.RuneStart(v[tail]) {
			tail--
		}
	}
	//lint:ignore S1011 a few bytes: a call of memmove costs more
	for _, c := range v[:head] {
		dst = append(dst, c)
	}
	dst = append(dst, Redacted...)
	//lint:ignore S1011 as above
	for _, c := range v[tail:] {
		dst = append(dst, c)
	}
	return len(dst)
}

// wide returns the size of the character that v begins with, which is not ASCII,
// or 0 if it is none. Chinese ones, of three bytes, come first.
func wide(v []byte) int {
	if len(v) >= 3 && v[0] >= 0xE1 && v[0] <= 0xEC && v[1]&0xC0 == 0x80 && v[2]&0xC0 == 0x80 {
		return 3
	}
	if r, size := utf8.DecodeRune(v); r != utf8.RuneError || size > 1 {
		return size
	}
	return 0
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
