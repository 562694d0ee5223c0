package identifier

import (
	"fmt"

	"zonebox/masking/ff1"
	"zonebox/masking/lanes"
)

const firstMobile, pastMobile = 13_000_000_000, 20_000_000_000

// mobile numbers the mobile numbers of China: eleven digits, 1, then 3 to 9.
// Which prefixes are given out changes from year to year, so no list is kept.
type mobile struct{ keepPrefix bool }

// NewMobile returns the kind of mobile numbers of eleven digits, 13000000000 to
// 19999999999. If keepPrefix, the first three digits stay.
func NewMobile(blocks *lanes.Cipher, keepPrefix bool) (*Identifier, error) {
	size := uint64(pastMobile - firstMobile)
	if keepPrefix {
		size = powers[8]
	}
	p, err := ff1.NewPermutation(blocks, size)
	if err != nil {
		return nil, fmt.Errorf("identifier: mobile: %w", err)
	}
	return &Identifier{mobile{keepPrefix}, []*ff1.Permutation{p}}, nil
}

func (m mobile) mark() byte { return mobileMark | option(m.keepPrefix, 1) }

func (m mobile) rank(v []byte, kept *[maxKept]byte) (int, uint64, bool) {
	if len(v) != 11 {
		return 0, 0, false
	}
	x, ok := digits(v)
	if !ok || x < firstMobile || x >= pastMobile {
		return 0, 0, false
	}
	if m.keepPrefix {
		copy(kept[:], v[:3])
		return 0, x % powers[8], true
	}
	return 0, x - firstMobile, true
}

func (m mobile) put(v []byte, _ int, rank uint64) {
	if m.keepPrefix {
		putDigits(v[3:], rank)
		return
	}
	putDigits(v, firstMobile+rank)
}
