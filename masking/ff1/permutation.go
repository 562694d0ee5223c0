package ff1

import (
	"math"

	"zonebox/masking/lanes"
)

// Permutation enciphers the numbers below a bound into each other: FF1 over the
// numerals of the number, and again while the result is not below the bound
// (cycle walking: Black and Rogaway, CT-RSA 2002). It is safe for concurrent use.
//
// A number is written with two numerals, or four from 2^32 on, in the least
// radix that suffices: then so few results lie beyond the bound that hardly any
// value is enciphered twice.
type Permutation struct {
	blocks *lanes.Cipher
	size   uint64
	shape  shape
}

// NewPermutation returns a permutation of the numbers below size, MinDomain at
// least, by the block cipher blocks. It returns an error wrapping ErrDomain if
// size is less.
func NewPermutation(blocks *lanes.Cipher, size uint64) (*Permutation, error) {
	if size < MinDomain {
		return nil, domainError(size)
	}
	n := 2
	if size > 1<<32 {
		n = 4
	}
	r := uint64(math.Pow(float64(size), 1/float64(n)))
	for !holds(r, n, size) {
		r++
	}
	return &Permutation{blocks, size, newShape(newRadix(r), n)}, nil
}

// holds tells whether n numerals in base r, 2^16 at most, write every number
// below size.
func holds(r uint64, n int, size uint64) bool {
	most := uint64(0)
	for range n {
		most = most*r + r - 1
	}
	return most >= size-1
}

// Size returns the bound.
func (p *Permutation) Size() uint64 { return p.size }

// Encrypt writes the enciphered numbers of src, each below Size, into dst, which
// has the same length and is src or does not overlap it. It allocates nothing and
// panics if src, dst or tweaks are not so.
func (p *Permutation) Encrypt(dst, src []uint64, tweaks Tweaks) { p.crypt(dst, src, tweaks, false) }

// Decrypt is the inverse of Encrypt.
func (p *Permutation) Decrypt(dst, src []uint64, tweaks Tweaks) { p.crypt(dst, src, tweaks, true) }

func (p *Permutation) crypt(dst, src []uint64, tweaks Tweaks, inverse bool) {
	tweaks.check(len(src))
	if len(dst) != len(src) {
		panic("ff1: not as many results as numbers")
	}
	for _, x := range src {
		if x >= p.size {
			panic("ff1: a number beyond the permutation")
		}
	}
	copy(dst, src)
	w := newWork()
	defer workPool.Put(w)
	for from := 0; from < len(dst); from += chunk {
		p.walk(w, dst, from, min(from+chunk, len(dst)), tweaks, inverse)
	}
}

// walk enciphers the numbers from to to, and those that come out beyond the
// bound again, until there are none.
func (p *Permutation) walk(w *work, x []uint64, from, to int, tweaks Tweaks, inverse bool) {
	left := w.order[:to-from]
	for i := range left {
		left[i] = int32(from + i)
	}
	m := p.shape.half[1].m
	for len(left) > 0 {
		again := left[:0]
		for len(left) > 0 {
			values := left[:min(width, len(left))]
			left = left[len(values):]
			a, b := w.x[:len(values)], w.y[:len(values)]
			for lane, i := range values {
				a[lane], b[lane] = x[i]/m, x[i]%m
			}
			w.begin(p.blocks, &p.shape, tweaks, values)
			w.run(p.blocks, &p.shape, a, b, inverse)
			for lane, i := range values {
				x[i] = a[lane]*m + b[lane]
				if x[i] >= p.size {
					again = append(again, i)
				}
			}
		}
		left = again
	}
}
