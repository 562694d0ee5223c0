package ff1

import "math/bits"

// radix is the base of numerals with what turns numbers into them and back.
type radix struct {
	r uint64

	// Most numerals whose numbers are at most 2^32 in all, and radix to that; for
	// each number of numerals up to it ceil(2^64 / radix^n).
	short      int
	shortPower uint64
	scales     [33]uint64

	// Most numerals whose numbers are below 2^64, and radix to that.
	chunk      int
	chunkPower uint64
}

func newRadix(r uint64) *radix {
	x := &radix{r: r, shortPower: 1, chunkPower: 1}
	for hi, lo := bits.Mul64(1, r); hi == 0; hi, lo = bits.Mul64(lo, r) {
		x.chunk, x.chunkPower = x.chunk+1, lo
		if lo <= 1<<32 {
			x.short, x.shortPower = x.chunk, lo
			scale, rest := bits.Div64(1, 0, lo)
			if rest > 0 {
				scale++
			}
			x.scales[x.short] = scale
		}
	}
	return x
}

// power returns radix^n, which is at most 2^64; 2^64 as 0.
func (x *radix) power(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= x.r
	}
	return p
}

// powerBits returns ceil(n·log2(radix)), the bits of radix^n - 1, exactly. n is
// MaxLength/2 at most.
func (x *radix) powerBits(n int) int {
	var power [MaxLength/2*16/64 + 1]uint64 // its least word first
	power[0] = 1
	for range n {
		var carry uint64
		for i := range power {
			hi, lo := bits.Mul64(power[i], x.r)
			var c uint64
			power[i], c = bits.Add64(lo, carry, 0)
			carry = hi + c
		}
	}
	total, borrow := 0, uint64(1)
	for i := range power {
		power[i], borrow = bits.Sub64(power[i], 0, borrow)
		if power[i] != 0 {
			total = 64*i + bits.Len64(power[i])
		}
	}
	return total
}

// number returns NUM of numerals, which are not more than chunk.
func (x *radix) number(numerals []uint16) uint64 {
	n := uint64(0)
	for _, d := range numerals {
		n = n*x.r + uint64(d)
	}
	return n
}

// put is STR: it writes n < radix^len(dst) ≤ 2^64 as numerals, the first the
// greatest.
func (x *radix) put(dst []uint16, n uint64) {
	for len(dst) > x.short {
		q := n / x.shortPower
		x.putShort(dst[len(dst)-x.short:], n-q*x.shortPower)
		dst, n = dst[:len(dst)-x.short], q
	}
	x.putShort(dst, n)
}

// putShort is put where m = radix^len(dst) ≤ 2^32. n·ceil(2^64/m) is n/m as a
// fraction of 64 bits, too great by less than 1/m; times radix, what stands
// before the point is the next numeral, and the rest goes on.
func (x *radix) putShort(dst []uint16, n uint64) {
	n *= x.scales[len(dst)]
	for i := range dst {
		var d uint64
		d, n = bits.Mul64(n, x.r)
		dst[i] = uint16(d)
	}
}

// putLetters is put in the letters of an alphabet of ASCII, two of which stand in
// pairs for every two numerals.
func (x *radix) putLetters(dst []byte, pairs [][2]byte, n uint64) {
	for len(dst) > x.short {
		q := n / x.shortPower
		x.putShortLetters(dst[len(dst)-x.short:], pairs, n-q*x.shortPower)
		dst, n = dst[:len(dst)-x.short], q
	}
	x.putShortLetters(dst, pairs, n)
}

func (x *radix) putShortLetters(dst []byte, pairs [][2]byte, n uint64) {
	n *= x.scales[len(dst)]
	r, square := x.r, x.r*x.r
	i := len(dst) & 1
	var d uint64
	if i == 1 {
		d, n = bits.Mul64(n, r)
		dst[0] = pairs[d][1] // of zero and d
	}
	for ; i < len(dst)-1; i += 2 {
		d, n = bits.Mul64(n, square)
		pair := pairs[d]
		dst[i], dst[i+1] = pair[0], pair[1]
	}
}

// modulus is a number from 2 to 2^64-1 with its reciprocals.
type modulus struct {
	m       uint64
	inverse uint64 // floor(2^64 / m)

	// For division by the method of Möller and Granlund (Improved division by
	// invariant integers, IEEE Trans. Computers 60, 2011, algorithm 4): m shifted
	// until its top bit is set, and floor((2^128-1)/that) - 2^64.
	shift      int
	normal     uint64
	reciprocal uint64
}

func newModulus(m uint64) modulus {
	inverse, _ := bits.Div64(1, 0, m)
	shift := bits.LeadingZeros64(m)
	normal := m << shift
	reciprocal, _ := bits.Div64(^normal, ^uint64(0), normal)
	return modulus{m, inverse, shift, normal, reciprocal}
}

// below2m returns a number congruent to y modulo m and below 2m, by inverse =
// floor(2^64/m). y·inverse/2^64 is less than y/m by less than 1, so its floor is
// right or one too small.
func below2m(y, m, inverse uint64) uint64 {
	q, _ := bits.Mul64(y, inverse)
	return y - q*m
}

// rem returns hi·2^64 + lo modulo m.
func (m *modulus) rem(hi, lo uint64) uint64 {
	hi = below2m(hi, m.m, m.inverse)
	if hi >= m.m {
		hi -= m.m
	}
	u1 := hi<<m.shift | lo>>1>>(63-m.shift)
	u0 := lo << m.shift
	q1, q0 := bits.Mul64(m.reciprocal, u1)
	q0, carry := bits.Add64(q0, u0, 0)
	q1, _ = bits.Add64(q1, u1, carry)
	q1++
	r := u0 - q1*m.normal
	_, above := bits.Sub64(q0, r, 0)
	r += m.normal & -above
	if r >= m.normal {
		r -= m.normal
	}
	return r >> m.shift
}
