package ff1

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// Alphabet is an ordered set of letters, Unicode code points as they are: no
// case folding, no normalization. It is safe for concurrent use.
type Alphabet struct {
	letters []rune
	radix   *radix

	// Of an alphabet all in ASCII: the numeral of each byte, or none, and the
	// letters two by two, by the number of the two numerals.
	ascii    bool
	numerals [256]uint16
	pairs    [][2]byte

	// The numeral of each code point, or -1, in pages of 256.
	pages []*[256]int32
}

// none marks what is no letter; it is above every numeral of an alphabet in
// ASCII, and stays so when numerals are or-ed to it.
const none = 1 << 8

// NewAlphabet returns the alphabet of the code points of letters, in their order.
// It returns an error wrapping ErrAlphabet unless they are 2 to 65,536, valid and
// distinct.
func NewAlphabet(letters string) (*Alphabet, error) {
	if !utf8.ValidString(letters) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrAlphabet)
	}
	a := &Alphabet{letters: []rune(letters), ascii: true}
	if len(a.letters) < 2 || len(a.letters) > maxRadix {
		return nil, fmt.Errorf("%w: 2 to %d letters, not %d", ErrAlphabet, maxRadix, len(a.letters))
	}
	for i := range a.numerals {
		a.numerals[i] = none
	}
	a.radix = newRadix(uint64(len(a.letters)))
	a.pages = make([]*[256]int32, slices.Max(a.letters)>>8+1)
	for i, r := range a.letters {
		page := a.pages[r>>8]
		if page == nil {
			page = new([256]int32)
			for j := range page {
				page[j] = -1
			}
			a.pages[r>>8] = page
		}
		if page[r&255] >= 0 {
			return nil, fmt.Errorf("%w: letter %d is there twice", ErrAlphabet, i)
		}
		page[r&255] = int32(i)
		if r < utf8.RuneSelf {
			a.numerals[r] = uint16(i)
		} else {
			a.ascii = false
		}
	}
	if a.ascii {
		for _, x := range a.letters {
			for _, y := range a.letters {
				a.pairs = append(a.pairs, [2]byte{byte(x), byte(y)})
			}
		}
	}
	return a, nil
}

// Len returns the number of letters.
func (a *Alphabet) Len() int { return len(a.letters) }

// parse puts the numerals of value into dst and returns how many there are, or 0
// if value is empty, too long for dst, or holds anything but letters.
func (a *Alphabet) parse(dst []uint16, value []byte) int {
	n := 0
	for i := 0; i < len(value); n++ {
		r, size := rune(value[i]), 1
		if r >= utf8.RuneSelf {
			if r, size = utf8.DecodeRune(value[i:]); size == 1 {
				return 0 // not UTF-8
			}
		}
		if int(r>>8) >= len(a.pages) || n == len(dst) {
			return 0
		}
		page := a.pages[r>>8]
		if page == nil || page[r&255] < 0 {
			return 0
		}
		dst[n] = uint16(page[r&255])
		i += size
	}
	return n
}

// append writes numerals as letters.
func (a *Alphabet) append(dst []byte, numerals []uint16) []byte {
	for _, d := range numerals {
		dst = utf8.AppendRune(dst, a.letters[d])
	}
	return dst
}
