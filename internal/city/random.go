package city

import "math/bits"

// random is SplitMix64 (Steele, Lea, Flood 2014). It starts from a counter, so
// that any row can be drawn without the rows before it.
type random uint64

// draw returns the numbers of one row: streams keep registers apart.
func draw(seed uint64, stream, row uint64) random {
	return random(mix(mix(seed+stream*0x9e3779b97f4a7c15) + row))
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

// below returns a number in [0, n); the bias for n far below 2^64 is no matter here.
func (r *random) below(n int64) int64 {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int64(hi)
}

// basis is true in n of 10,000 cases.
func (r *random) basis(n int64) bool { return r.below(10_000) < n }

// skewed returns a number from base on whose doublings each come with half the
// chance of the one before, up to 2^doublings times base: a few rows hold most
// of the sum.
func (r *random) skewed(base int64, doublings int) int64 {
	k := min(bits.TrailingZeros64(r.next()), doublings)
	base <<= k
	return base + r.below(base)
}

// permutation maps [0, size) onto itself, so that indices become distinct
// numbers without visible order. size is at most 2^32. It is a Feistel network
// of four rounds on 32 bits that walks until it lands below size (Black and
// Rogaway 2002); here it hides nothing.
type permutation struct {
	size uint64
	keys [4]uint64
}

func newPermutation(seed, stream, size uint64) permutation {
	p := permutation{size: size}
	r := draw(seed, stream, 0)
	for i := range p.keys {
		p.keys[i] = r.next()
	}
	return p
}

func (p *permutation) at(i uint64) uint64 {
	for {
		left, right := i>>16, i&0xffff
		for _, k := range p.keys {
			x := (right + k) * 0x9e3779b97f4a7c15
			left, right = right, left^(x>>40&0xffff)
		}
		i = left<<16 | right
		if i < p.size {
			return i
		}
	}
}
