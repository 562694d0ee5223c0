package masking

import (
	"encoding/binary"
	"errors"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
)

// A shape is the form that values of a column have, and what of it is kept
// (GB/T 37964: suppression, 屏蔽). The signs of a pattern, each for one
// character:
//
//	#  an ASCII digit, kept      0  an ASCII digit, hidden
//	@  a letter, kept            A  a letter, hidden
//	?  any character, kept       *  any character, hidden
//	\  the next sign stands for itself
//
// Every other sign stands for itself and is kept. So ###****#### keeps 3 and 4
// digits of 11 characters, and +86 ###\0000#### those of a number whose fourth
// digit is 0. Letters are those of Unicode, Chinese characters too.
//
// Hidden characters become a star each. At least a third of the characters that
// a shape leaves open must be hidden. A value of any other form is redacted as a
// whole.
type shape struct {
	slots []slot
	width int // bytes of the longest mask

	// Of a shape of 8 to 16 ASCII characters without letters: what its first and
	// its last 8 bytes are like.
	words       bool
	first, last wordShape
}

// A wordShape is the slots of eight bytes, the first lowest: which of them hold
// digits, which stand for themselves and as what, and which are kept.
type wordShape struct{ digits, itself, self, keep uint64 }

// A slot is the place of one character.
type slot struct {
	class class
	keep  bool
	self  rune // of class itself
	bytes [utf8.RuneSelf]bool
}

type class byte

const (
	itself class = iota
	aDigit
	aLetter
	anything
)

// slotLimit bounds the characters of a shape.
const slotLimit = 64

var errShape = errors.New("pattern must have 1 to 64 characters, something kept, and a third of what it leaves open hidden")

func newShape(pattern string) (*shape, error) {
	s := &shape{}
	escaped := false
	open, hidden, kept := 0, 0, 0
	for _, r := range pattern {
		p := slot{keep: true, self: r}
		switch {
		case escaped || r == '\\':
			if escaped = !escaped; escaped {
				continue
			}
		case r == '#', r == '0':
			p.class = aDigit
		case r == '@', r == 'A':
			p.class = aLetter
		case r == '?', r == '*':
			p.class = anything
		}
		if p.class != itself {
			open++
			p.keep = r == '#' || r == '@' || r == '?'
		}
		if !p.keep {
			hidden++
		} else {
			kept++
		}
		for c := range p.bytes {
			p.bytes[c] = p.takes(rune(c))
		}
		s.slots = append(s.slots, p)
		s.width += utf8.UTFMax
	}
	if !utf8.ValidString(pattern) || escaped || len(s.slots) > slotLimit || kept == 0 || hidden == 0 || 3*hidden < open {
		return nil, errShape
	}
	s.words = len(s.slots) >= 8 && len(s.slots) <= 16
	for _, p := range s.slots {
		s.words = s.words && p.class != aLetter && p.self < utf8.RuneSelf
	}
	if s.words {
		s.first, s.last = wordOf(s.slots[:8]), wordOf(s.slots[len(s.slots)-8:])
	}
	return s, nil
}

func wordOf(slots []slot) (w wordShape) {
	for i, p := range slots {
		whole := uint64(0xFF) << (8 * i)
		switch p.class {
		case aDigit:
			w.digits |= whole
		case itself:
			w.itself |= whole
			w.self |= uint64(p.self) << (8 * i)
		}
		if p.keep {
			w.keep |= whole
		}
	}
	return w
}

// mask returns the mask of eight ASCII bytes, and whether they have the shape.
func (w *wordShape) mask(v uint64) (uint64, bool) {
	const zeros, sixes, high, allStars = 0x3030303030303030, 0x0606060606060606, 0xF0F0F0F0F0F0F0F0, 0x2A2A2A2A2A2A2A2A
	wrong := (v ^ zeros | (v + sixes) ^ zeros) & high & w.digits // no carry: v is ASCII
	wrong |= (v ^ w.self) & w.itself
	return v&w.keep | allStars&^w.keep, wrong == 0
}

// mustShape is newShape of a pattern that Validate has accepted.
func mustShape(pattern string) *shape {
	s, err := newShape(pattern)
	if err != nil {
		panic("masking: " + err.Error())
	}
	return s
}

func (p *slot) takes(r rune) bool {
	switch p.class {
	case aDigit:
		return r >= '0' && r <= '9'
	case aLetter:
		return unicode.IsLetter(r)
	case anything:
		return true
	}
	return r == p.self
}

func (s *shape) mask(_ *work, v span, out *text) {
	dst := out.room(v.len() * s.width)
	n := len(s.slots)
	for i := range v.len() {
		if value := v.value(i); s.words && len(value) == n {
			first, last := binary.LittleEndian.Uint64(value), binary.LittleEndian.Uint64(value[n-8:])
			begin, fits := s.first.mask(first)
			end, fit := s.last.mask(last)
			if (first|last)&highBits == 0 && fits && fit {
				masked := dst[len(dst) : len(dst)+n]
				binary.LittleEndian.PutUint64(masked, begin)
				binary.LittleEndian.PutUint64(masked[n-8:], end)
				dst = dst[:len(dst)+n]
				out.ends[i] = int32(len(dst))
				continue
			}
		}
		masked, ok := s.one(dst, v.value(i))
		if !ok {
			masked = out.redact(dst, i)
		}
		dst = masked
		out.ends[i] = int32(len(dst))
	}
	out.took(dst)
}

// one appends the mask of v, and returns false if v has another form.
func (s *shape) one(dst, v []byte) ([]byte, bool) {
	at := 0
	for j := range s.slots {
		p := &s.slots[j]
		if at == len(v) {
			return nil, false
		}
		c, size := v[at], 1
		if c < utf8.RuneSelf {
			if !p.bytes[c] {
				return nil, false
			}
		} else {
			var r rune
			r, size = utf8.DecodeRune(v[at:])
			if r == utf8.RuneError && size == 1 || !p.takes(r) {
				return nil, false
			}
		}
		if p.keep {
			dst = append(dst, v[at:at+size]...)
		} else {
			dst = append(dst, '*')
		}
		at += size
	}
	return dst, at == len(v)
}

func patternProblem(pattern string, t arrow.DataType) string {
	if t.ID() != arrow.STRING {
		return needsString
	}
	if _, err := newShape(pattern); err != nil {
		return err.Error()
	}
	return ""
}
