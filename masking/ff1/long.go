package ff1

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"

	"zonebox/masking/lanes"
)

// Bounds of values whose halves have more than 64 bits: MaxLength/2 numerals of
// 16 bits at most.
const (
	maxHalf   = MaxLength / 2
	maxB      = maxHalf * 16 / 8
	maxD      = maxB + 4
	maxQ      = (blockSize - 1 + 1 + maxB + blockSize - 1) / blockSize // blocks
	maxS      = (maxD + blockSize - 1) / blockSize
	maxNumber = (maxD + 7) / 8 // words of a number, with room for y
)

// longWork is the further memory for such values.
type longWork struct {
	numerals [chunk][MaxLength]uint16
	q        [maxQ][width]block
	s        [maxS][width]block
}

// words is a number of more than 64 bits, its least word first.
type words [maxNumber]uint64

// runLong is run for values whose halves have more than 64 bits: the numerals of
// the values group of the chunk, which are values of the batch. The halves are
// added numeral by numeral, so that y is needed modulo a power of the radix only
// in its last numerals, and nothing is divided by more than 64 bits.
func (w *work) runLong(c *lanes.Cipher, s *shape, t Tweaks, values, group []int32, inverse bool) {
	round, step := 0, 1
	if inverse {
		round, step = rounds-1, -1
	}
	rest := t.Width % blockSize
	qBlocks := (rest + 1 + s.b + blockSize - 1) / blockSize
	sBlocks := (s.d + blockSize - 1) / blockSize
	for range rounds {
		// A and B change places in every round, here in name only: the numerals at
		// the end are fed in even rounds and changed in odd ones, whichever way.
		even := round&1 == 0
		for lane, i := range group {
			feed := w.long.half(i, s, even)
			w.long.putQ(s, lane, qBlocks, t.of(values[lane])[t.Width-rest:], round, feed)
		}
		state := w.long.s[0][:len(group)]
		copy(state, w.start[:])
		for k := range qBlocks {
			subtle.XORBytes(bytes(state), bytes(state), bytes(w.long.q[k][:len(group)]))
			c.Blocks(bytes(state), bytes(state))
		}
		for j := 1; j < sBlocks; j++ { // step 6.iii
			next := w.long.s[j][:len(group)]
			copy(next, state)
			for lane := range next {
				next[lane][blockSize-1] ^= byte(j)
			}
			c.Blocks(bytes(next), bytes(next))
		}
		for lane, i := range group {
			change := w.long.half(i, s, !even)
			w.long.add(s, lane, change, inverse)
		}
		round += step
	}
}

// half returns the numerals of one half of value i of the chunk: those at its end
// or those at its beginning.
func (l *longWork) half(i int32, s *shape, end bool) []uint16 {
	if end {
		return l.numerals[i][s.u:s.n]
	}
	return l.numerals[i][:s.u]
}

// putQ writes the end of Q: the rest of the tweak, zeros, the round, NUM(feed).
func (l *longWork) putQ(s *shape, lane, qBlocks int, rest []byte, round int, feed []uint16) {
	var q [maxQ * blockSize]byte
	copy(q[:], rest)
	end := qBlocks * blockSize
	q[end-s.b-1] = byte(round)
	x := s.number(feed)
	for k := range s.b {
		q[end-1-k] = byte(x[k/8] >> (8 * (k % 8)))
	}
	for k := range qBlocks {
		l.q[k][lane] = block(q[k*blockSize:])
	}
}

// number returns NUM of numerals in words, of which the first b bytes are not 0.
func (s *shape) number(numerals []uint16) words {
	var x words
	for len(numerals) > 0 {
		n := min(s.radix.chunk, len(numerals))
		factor := s.radix.chunkPower
		if n < s.radix.chunk {
			factor = s.radix.power(n)
		}
		carry := s.radix.number(numerals[:n])
		for k := range (s.b + 7) / 8 {
			hi, lo := bits.Mul64(x[k], factor)
			var c uint64
			x[k], c = bits.Add64(lo, carry, 0)
			carry = hi + c
		}
		numerals = numerals[n:]
	}
	return x
}

// add changes a half by y, the first d bytes of what the cipher gave for the
// lane: half + y, or half - y if inverse, modulo radix to the half's length.
func (l *longWork) add(s *shape, lane int, half []uint16, inverse bool) {
	words32 := s.d / 4 // d is a multiple of 4
	var y words
	for k := range words32 {
		at := 4 * (words32 - 1 - k)
		word := binary.BigEndian.Uint32(l.s[at/blockSize][lane][at%blockSize:])
		y[k/2] |= uint64(word) << (32 * (k % 2))
	}
	top := (words32 + 1) / 2
	var last [MaxLength]uint16 // of y
	for end := len(half); end > 0; {
		var rest uint64
		for k := top - 1; k >= 0; k-- {
			y[k], rest = bits.Div64(rest, y[k], s.radix.chunkPower)
		}
		n := min(s.radix.chunk, end)
		if n < s.radix.chunk {
			rest %= s.radix.power(n)
		}
		s.radix.put(last[end-n:end], rest)
		end -= n
	}
	radix, carry := int(s.radix.r), 0
	for i := len(half) - 1; i >= 0; i-- {
		sum := int(half[i]) + int(last[i]) + carry
		if inverse {
			sum = int(half[i]) - int(last[i]) - carry
		}
		carry = 0
		switch {
		case sum >= radix:
			sum, carry = sum-radix, 1
		case sum < 0:
			sum, carry = sum+radix, 1
		}
		half[i] = uint16(sum)
	}
}
