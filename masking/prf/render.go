package prf

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Alphabets for renderings. Crockford is that of Douglas Crockford's base 32: no
// I, L, O or U, so that people can read it aloud and copy it.
const (
	Hex       = "0123456789abcdef"
	Crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	Digits    = "0123456789"
)

// MinBits is the least a rendering must hold of a tag: with 32 bits two of
// 10,000 values share one with probability 1.2 %. How many values a column has
// is for the caller to judge.
const MinBits = 32

// unevenBits is the most that a rendering holds if its letters are not a power of
// two in number; see Rendering.
const unevenBits = 80

// Rendering writes tags in an alphabet, at a fixed length. It is safe for
// concurrent use.
//
// A tag is a number T below 2^128, uniform to whoever lacks the key; with r
// letters and length n its rendering is floor(T·r^n / 2^128) in base r. That
// rejects nothing and so takes one tag and one time for each value. If r is a
// power of two these are the first bits of T, exactly uniform: hexadecimal at
// length 32 is the usual one. Otherwise some renderings come of one tag more
// than others; r^n is at most 2^80, so each of them has probability
// r^-n·(1+e) with |e| < r^n/2^128 ≤ 2^-48, and one rendering lies within a
// statistical distance of 2^-49 of uniform: it takes about 2^96 tags to tell.
type Rendering struct {
	letters [64]byte
	radix   uint64
	length  int
	shift   int // bits a letter holds, if radix is a power of two; else 0

	pairs [256][2]byte // of 16 letters, the two for a byte
	hex   bool         // they are Hex
}

// NewRendering returns the rendering of length letters of alphabet, which has 2
// to 64 distinct ASCII letters. Between MinBits and 128 bits must fit, and 80 at
// most unless the letters are a power of two in number; NewRendering returns an
// error wrapping ErrRendering otherwise.
func NewRendering(alphabet string, length int) (*Rendering, error) {
	r := &Rendering{radix: uint64(len(alphabet)), length: length}
	if len(alphabet) < 2 || len(alphabet) > len(r.letters) {
		return nil, fmt.Errorf("%w: 2 to %d letters, not %d", ErrRendering, len(r.letters), len(alphabet))
	}
	var seen [128]bool
	for i := range len(alphabet) {
		c := alphabet[i]
		if c <= ' ' || c >= 0x7f || seen[c] {
			return nil, fmt.Errorf("%w: letter %d is not ASCII, not visible or there twice", ErrRendering, i)
		}
		seen[c] = true
		r.letters[i] = c
	}
	most := 128
	if r.radix&(r.radix-1) == 0 {
		r.shift = bits.TrailingZeros64(r.radix)
	} else {
		most = unevenBits
	}
	if length < 1 || length > most {
		return nil, fmt.Errorf("%w: %d letters of %d", ErrRendering, length, r.radix)
	}
	r.hex = alphabet == Hex
	if r.radix == 16 {
		for i := range r.pairs {
			r.pairs[i] = [2]byte{alphabet[i>>4], alphabet[i&15]}
		}
	}
	if held := r.Bits(); held < MinBits || held > most {
		return nil, fmt.Errorf("%w: %d letters of %d hold %d bits, not %d to %d", ErrRendering, length, r.radix, held, MinBits, most)
	}
	return r, nil
}

// Bits returns how many whole bits of a tag the rendering holds, the logarithm of
// radix^length rounded down.
func (r *Rendering) Bits() int {
	if r.shift > 0 {
		return r.shift * r.length
	}
	hi, lo := uint64(0), uint64(1)
	for range r.length {
		var carry uint64
		carry, lo = bits.Mul64(lo, r.radix)
		if hi = hi*r.radix + carry; hi>>(unevenBits-64) > 0 {
			return unevenBits + 1 // or more
		}
	}
	if hi > 0 {
		return 63 + bits.Len64(hi)
	}
	return bits.Len64(lo) - 1
}

// Len returns the length of a rendered tag in bytes.
func (r *Rendering) Len() int { return r.length }

// Render writes tags, of TagSize bytes each, into dst, Len bytes for each. It
// panics if the sizes do not fit, and allocates nothing.
func (r *Rendering) Render(dst, tags []byte) {
	n := len(tags) / TagSize
	if len(tags)%TagSize != 0 || len(dst) != n*r.length {
		panic("prf: the result has not the size of the renderings")
	}
	if r.hex && r.length == 2*TagSize {
		for i := range n {
			tag, out := (*[TagSize]byte)(tags[i*TagSize:]), (*[2 * TagSize]byte)(dst[i*2*TagSize:])
			binary.LittleEndian.PutUint64(out[0:], hexOf(binary.LittleEndian.Uint32(tag[0:])))
			binary.LittleEndian.PutUint64(out[8:], hexOf(binary.LittleEndian.Uint32(tag[4:])))
			binary.LittleEndian.PutUint64(out[16:], hexOf(binary.LittleEndian.Uint32(tag[8:])))
			binary.LittleEndian.PutUint64(out[24:], hexOf(binary.LittleEndian.Uint32(tag[12:])))
		}
		return
	}
	for i := range n {
		tag := tags[i*TagSize:][:TagSize]
		hi, lo := binary.BigEndian.Uint64(tag), binary.BigEndian.Uint64(tag[8:])
		out := dst[i*r.length:][:r.length]
		switch r.shift {
		case 0:
			r.anyRadix(out, hi, lo)
		case 4:
			r.hexadecimal(out, tag)
		default:
			r.powerOfTwo(out, hi, lo)
		}
	}
}

func (r *Rendering) hexadecimal(out, tag []byte) {
	for len(out) >= 2 {
		pair := &r.pairs[tag[0]]
		out[0], out[1] = pair[0], pair[1]
		out, tag = out[2:], tag[1:]
	}
	if len(out) == 1 {
		out[0] = r.pairs[tag[0]][0]
	}
}

// hexOf returns the eight letters for four bytes, the first lowest: each nibble
// on a byte of its own, plus '0', plus what lies between '9' and 'a' if it is
// above 9.
func hexOf(four uint32) uint64 {
	const ones = 0x0101010101010101
	n := uint64(four)
	n = (n | n<<16) & 0x0000FFFF0000FFFF
	n = (n | n<<8) & 0x00FF00FF00FF00FF
	n = n>>4&0x000F000F000F000F | n&0x000F000F000F000F<<8
	above := (n + 6*ones) >> 4 & ones
	return n + '0'*ones + above*('a'-'9'-1)
}

func (r *Rendering) powerOfTwo(out []byte, hi, lo uint64) {
	for j := range out {
		out[j] = r.letters[hi>>(64-r.shift)&63]
		hi = hi<<r.shift | lo>>(64-r.shift)
		lo <<= r.shift
	}
}

// anyRadix takes T/2^128 times radix: what stands before the point is the next
// letter, what stands behind it goes on.
func (r *Rendering) anyRadix(out []byte, hi, lo uint64) {
	for j := range out {
		var letter, c, carry uint64
		c, lo = bits.Mul64(lo, r.radix)
		letter, hi = bits.Mul64(hi, r.radix)
		hi, carry = bits.Add64(hi, c, 0)
		out[j] = r.letters[(letter+carry)&63]
	}
}
