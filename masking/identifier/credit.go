package identifier

import (
	"fmt"

	"zonebox/masking/ff1"
	"zonebox/masking/lanes"
)

// creditLetters are the letters of a unified social credit code, without I, O, S,
// V and Z (GB 32100-2015).
const creditLetters = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// credit numbers the unified social credit codes of one registering authority,
// class of organization and region: the first eight characters, which stay. The
// organization code follows, eight characters and their check (GB 11714-1997),
// and the check of the whole (GB 32100-2015).
type credit struct {
	numeral [256]byte // of each letter, or noLetter
	letter  [256]byte // its number in GB 11714, where letters count 10 to 35
	weights [17]int   // of the check of the whole: the powers of 3 modulo 31
}

const noLetter = 0xff

// NewSocialCredit returns the kind of unified social credit codes of 18
// characters. A value fits if its letters are upper case, its region is of
// digits and both checks are right.
func NewSocialCredit(blocks *lanes.Cipher) (*Identifier, error) {
	c := &credit{}
	for i := range c.numeral {
		c.numeral[i] = noLetter
	}
	for i := range len(creditLetters) {
		c.numeral[creditLetters[i]] = byte(i)
	}
	for i := range 10 {
		c.letter['0'+i] = byte(i)
	}
	for i := range 26 {
		c.letter['A'+i] = byte(10 + i)
	}
	weight := 1
	for i := range c.weights {
		c.weights[i] = weight
		weight = weight * 3 % 31
	}
	size := uint64(1)
	for range 8 {
		size *= uint64(len(creditLetters))
	}
	p, err := ff1.NewPermutation(blocks, size)
	if err != nil {
		return nil, fmt.Errorf("identifier: social credit code: %w", err)
	}
	return &Identifier{c, []*ff1.Permutation{p}}, nil
}

func (c *credit) mark() byte { return creditMark }

func (c *credit) rank(v []byte, kept *[maxKept]byte) (int, uint64, bool) {
	if len(v) != 18 {
		return 0, 0, false
	}
	for _, x := range v {
		if c.numeral[x] == noLetter {
			return 0, 0, false
		}
	}
	if _, ok := digits(v[2:8]); !ok || v[16] != c.organizationCheck(v[8:16]) || v[17] != c.check(v) {
		return 0, 0, false
	}
	copy(kept[:], v[:8])
	var rank uint64
	for _, x := range v[8:16] {
		rank = rank*uint64(len(creditLetters)) + uint64(c.numeral[x])
	}
	return 0, rank, true
}

func (c *credit) put(v []byte, _ int, rank uint64) {
	for i := 15; i >= 8; i-- {
		v[i] = creditLetters[rank%uint64(len(creditLetters))]
		rank /= uint64(len(creditLetters))
	}
	v[16] = c.organizationCheck(v[8:16])
	v[17] = c.check(v)
}

// organizationCheck returns the check character of the eight of an organization
// code (GB 11714-1997).
func (c *credit) organizationCheck(v []byte) byte {
	sum := 0
	for i, w := range [8]int{3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(c.letter[v[i]]) * w
	}
	return "0X987654321"[sum%11]
}

// check returns the check character of the first 17.
func (c *credit) check(v []byte) byte {
	sum := 0
	for i, w := range c.weights {
		sum += int(c.numeral[v[i]]) * w
	}
	return creditLetters[(31-sum%31)%31]
}
