// Package ff1 enciphers values into values of the same shape: FF1 of NIST SP
// 800-38G, under the rules of the second draft of its revision 1 (February
// 2025), over AES or SM4. Cipher works on strings over an alphabet, Permutation on
// the numbers below a bound; both on columns, many values in the cipher at once.
//
// What FF1 gives: without the key a column tells which of its values are equal
// and nothing else; whoever holds the key gets the values back. What it does not:
// any string of the right shape deciphers to something, so nothing shows that a
// value was changed; and a small domain can be learned by heart, so one of fewer
// than 1,000,000 values is refused, as the draft demands. FF3 and FF3-1 are not
// here: the draft withdrew them after Beyne (CRYPTO 2021).
//
// SM4 in place of AES is not part of the standard, and no standard of China names
// a format-preserving mode: it is a mask, not the storage encryption that
// GB/T 39786 asks for.
//
// Time depends on lengths and, by cycle walking, on how often a number was
// enciphered, which without the key tells of two numbers no more than that they
// may be equal. Blocks are enciphered in constant time where lanes.Cipher says so; the
// arithmetic on halves has no branch and no table that depends on more than a
// carry, but is not held to constant time, nor is looking up letters.
package ff1

import (
	"errors"
	"fmt"

	"zonebox/masking/lanes"
)

const (
	// MinDomain is the least number of values of one length (SP 800-38G Rev. 1,
	// second draft, §5: a requirement where the first edition asked for 100).
	MinDomain = 1_000_000

	// MaxLength is the greatest length of a value in letters. The standard would
	// allow more; the work grows with the square, and a value must not hold up a
	// column.
	MaxLength = 64

	// MaxTweak is the greatest size of a tweak in bytes.
	MaxTweak = 1024

	maxRadix = 1 << 16 // SP 800-38G §5.1
	rounds   = 10
)

// Errors of this package; they hold no key and no value.
var (
	ErrAlphabet = errors.New("ff1: alphabet")
	ErrDomain   = errors.New("ff1: domain")
)

// Cipher enciphers strings over one alphabet under one key. It is safe for
// concurrent use.
type Cipher struct {
	blocks    *lanes.Cipher
	alphabet  *Alphabet
	minLength int
	shapes    [MaxLength + 1]shape
	long      bool // some length needs more than 64 bits for a half
}

// New returns FF1 over alphabet by the block cipher blocks.
func New(blocks *lanes.Cipher, alphabet *Alphabet) *Cipher {
	c := &Cipher{blocks: blocks, alphabet: alphabet, minLength: minLength(alphabet.radix.r)}
	for n := c.minLength; n <= MaxLength; n++ {
		c.shapes[n] = newShape(alphabet.radix, n)
		c.long = c.long || c.shapes[n].size == long
	}
	return c
}

// MinLength returns the least length of a value in letters, two or more:
// radix^MinLength is at least MinDomain.
func (c *Cipher) MinLength() int { return c.minLength }

func minLength(radix uint64) int {
	n, domain := 0, uint64(1)
	for domain < MinDomain { // one letter of 65,536 would not do
		domain *= radix
		n++
	}
	return n
}

// size says how the halves of a value are computed with.
type size uint8

const (
	narrow size = iota // 32 bits: y has 64
	medium             // 64 bits: y has 96
	long               // more: numeral by numeral
)

// shape is all that depends on the radix and the length n of a value, in the
// names of SP 800-38G, algorithm 7: halves of u and v numerals, b bytes for the
// greater one, and d bytes of y.
type shape struct {
	radix   *radix
	n, u, v int
	b, d    int
	size    size
	half    [2]modulus // radix^u and radix^v unless size is long
}

// newShape returns the shape of values of n numerals; 2 ≤ n ≤ MaxLength.
func newShape(r *radix, n int) shape {
	s := shape{radix: r, n: n, u: n / 2, v: n - n/2}
	nbits := r.powerBits(s.v)
	s.b = (nbits + 7) / 8
	s.d = 4*((s.b+3)/4) + 4
	switch {
	case nbits <= 32:
		s.size = narrow
	case nbits <= 64 && r.power(s.v) != 0: // 0 is 2^64
		s.size = medium
	default:
		s.size = long
		return s
	}
	s.half = [2]modulus{newModulus(r.power(s.u)), newModulus(r.power(s.v))}
	return s
}

// p returns the block P of algorithm 7, step 5, for tweaks of t bytes.
func (s *shape) p(t int) [lanes.BlockSize]byte {
	return [lanes.BlockSize]byte{1, 2, 1,
		byte(s.radix.r >> 16), byte(s.radix.r >> 8), byte(s.radix.r),
		rounds, byte(s.u),
		byte(s.n >> 24), byte(s.n >> 16), byte(s.n >> 8), byte(s.n),
		byte(t >> 24), byte(t >> 16), byte(t >> 8), byte(t)}
}

// domainError reports a domain of too few values.
func domainError(size uint64) error {
	return fmt.Errorf("%w: %d values, fewer than %d", ErrDomain, size, MinDomain)
}
