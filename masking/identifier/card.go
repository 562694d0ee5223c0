package identifier

import (
	"fmt"

	"zonebox/masking/ff1"
	"zonebox/masking/lanes"
)

// Lengths of card numbers (ISO/IEC 7812-1; UnionPay gives out 16 to 19 digits).
const minCard, maxCard = 13, 19

// card numbers card numbers: a class for each length, all digits but the last,
// which is their check.
type card struct{ keepIssuer bool }

// NewCard returns the kind of bank card numbers of 13 to 19 digits, the first not
// 0, the last right by Luhn (ISO/IEC 7812-1, annex B). If keepIssuer, the first
// six digits stay, which tell the bank and the kind of card.
func NewCard(blocks *lanes.Cipher, keepIssuer bool) (*Identifier, error) {
	c := card{keepIssuer}
	f := &Identifier{kind: c}
	for length := minCard; length <= maxCard; length++ {
		size := 9 * powers[length-2]
		if keepIssuer {
			size = powers[length-7]
		}
		p, err := ff1.NewPermutation(blocks, size)
		if err != nil {
			return nil, fmt.Errorf("identifier: card of %d digits: %w", length, err)
		}
		f.permutations = append(f.permutations, p)
	}
	return f, nil
}

func (c card) mark() byte { return cardMark | option(c.keepIssuer, 1) }

func (c card) rank(v []byte, kept *[maxKept]byte) (int, uint64, bool) {
	n := len(v)
	if n < minCard || n > maxCard {
		return 0, 0, false
	}
	x, ok := digits(v)
	if !ok || v[0] == '0' || v[n-1] != luhn(v[:n-1]) {
		return 0, 0, false
	}
	x /= 10
	if c.keepIssuer {
		copy(kept[:], v[:6])
		return n - minCard, x % powers[n-7], true
	}
	return n - minCard, x - powers[n-2], true
}

func (c card) put(v []byte, _ int, rank uint64) {
	n := len(v)
	if c.keepIssuer {
		putDigits(v[6:n-1], rank)
	} else {
		putDigits(v[:n-1], powers[n-2]+rank)
	}
	v[n-1] = luhn(v[:n-1])
}

// luhn returns the check digit of digits: every second one from the end counts
// double, by the sum of its digits.
func luhn(v []byte) byte {
	sum := 0
	for i := len(v) - 1; i >= 0; i-- {
		d := int(v[i] - '0')
		if (len(v)-i)%2 == 1 {
			d = 2*d - d/5*9
		}
		sum += d
	}
	return '0' + byte((10-sum%10)%10)
}
