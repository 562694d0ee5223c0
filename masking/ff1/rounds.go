package ff1

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"zonebox/masking/lanes"
)

const (
	blockSize = lanes.BlockSize

	// width is how many values are in the cipher at once; chunk is how many are
	// read before, so that values of one length can be put together.
	width = 64
	chunk = 512
)

// Tweaks are the tweaks of a batch, of Width bytes each, MaxTweak at most. Data
// holds either one tweak, for all values, or one for each, in order. The zero
// Tweaks is the empty tweak for all.
type Tweaks struct {
	Data  []byte
	Width int
}

// check panics unless t fits a batch of n values.
func (t Tweaks) check(n int) {
	if t.Width < 0 || t.Width > MaxTweak || len(t.Data) != t.Width && len(t.Data) != n*t.Width {
		panic("ff1: tweaks do not fit the batch")
	}
}

// each tells whether every value has its own.
func (t Tweaks) each() bool { return len(t.Data) > t.Width }

// of returns the tweak of value i.
func (t Tweaks) of(i int32) []byte {
	if t.each() {
		return t.Data[int(i)*t.Width:][:t.Width]
	}
	return t.Data
}

// work is the memory of one call.
type work struct {
	// Of the values of a chunk: their halves, their lengths (0 if they do not fit)
	// and their numbers, those of one length together.
	a, b   [chunk]uint64
	length [chunk]uint8
	order  [chunk]int32

	// Of the values in the cipher. A round enciphers P ‖ Q by CBC-MAC (algorithm 7,
	// steps 5 and 6.i), and only the end of Q differs from round to round: start is
	// the state before it.
	start   [width * blockSize]byte
	in, out [width * blockSize]byte
	base    [width]uint64
	x, y    [width]uint64

	// The state of the MAC after P, and after the whole blocks of a tweak that all
	// values share, for each length that the call has met.
	known    [MaxLength + 1]bool
	prefixes [MaxLength + 1][blockSize]byte

	long *longWork
}

var workPool = sync.Pool{New: func() any { return new(work) }}

func newWork() *work {
	w := workPool.Get().(*work)
	w.known = [MaxLength + 1]bool{}
	return w
}

// begin sets start for some values: the state after P and after all blocks of Q
// before the last one that i and NUM(B) are in. What the tweak has in that block
// is added to it; a value whose halves are long does that in every round.
func (w *work) begin(c *lanes.Cipher, s *shape, t Tweaks, values []int32) {
	if !w.known[s.n] {
		p := &w.prefixes[s.n]
		*p = s.p(t.Width)
		c.Blocks(p[:], p[:])
		if !t.each() {
			macBlocks(c, p[:], t, values[:1])
		}
		w.known[s.n] = true
	}
	state := w.start[:len(values)*blockSize]
	for at := 0; at < len(state); at += blockSize {
		copy(state[at:], w.prefixes[s.n][:])
	}
	if t.each() {
		macBlocks(c, state, t, values)
	}
	if s.size == long || t.Width%blockSize == 0 {
		return
	}
	end := t.Width / blockSize * blockSize
	for lane, v := range values {
		xor(state[lane*blockSize:], t.of(v)[end:])
	}
	if t.Width%blockSize+1+s.b > blockSize { // i and NUM(B) begin another block
		c.Blocks(state, state)
	}
}

// macBlocks takes the whole blocks of the values' tweaks into their states.
func macBlocks(c *lanes.Cipher, state []byte, t Tweaks, values []int32) {
	for from := 0; from+blockSize <= t.Width; from += blockSize {
		for lane, v := range values {
			xor(state[lane*blockSize:], t.of(v)[from:from+blockSize])
		}
		c.Blocks(state, state)
	}
}

func xor(dst, src []byte) {
	for i, b := range src {
		dst[i] ^= b
	}
}

// run takes the halves a and b of the values that begin was called for through
// the ten rounds of algorithm 7, or of algorithm 8 if inverse.
//
// Of the two halves one is fed to the cipher and the other changed; then they
// change places. Enciphering feeds B first, and goes from round 0 to 9;
// deciphering feeds A, and goes back.
func (w *work) run(c *lanes.Cipher, s *shape, a, b []uint64, inverse bool) {
	n := len(a) * blockSize
	in, out := w.in[:n], w.out[:n]
	copy(in, w.start[:n])
	for lane := range a {
		w.base[lane] = binary.BigEndian.Uint64(in[lane*blockSize+8:])
	}
	feed, change, round, step := b, a, 0, 1
	if inverse {
		feed, change, round, step = a, b, rounds-1, -1
	}
	w.feed(s, in, feed, round)
	for range rounds {
		c.Blocks(out, in)
		m := &s.half[round&1]
		round += step
		if s.size == narrow {
			w.narrow(in, out, change, m, uint64(round)<<(8*s.b), inverse)
		} else {
			w.medium(out, change, m, inverse)
			w.feed(s, in, change, round)
		}
		feed, change = change, feed
	}
}

// feed writes the round number and the half that the round feeds.
func (w *work) feed(s *shape, in []byte, half []uint64, round int) {
	number := uint64(round) << (8 * s.b) // 0 if b is 8
	for lane, x := range half {
		block := in[lane*blockSize:][:blockSize]
		binary.BigEndian.PutUint64(block[8:], w.base[lane]^number^x)
		if s.b == 8 {
			block[7] = w.start[lane*blockSize+7] ^ byte(round)
		}
	}
}

// narrow changes halves below 2^32 by y, 64 bits of out, and feeds them to the
// round of the given number at once.
//
// y mod m is y - q·m with q from the reciprocal: y·floor(2^64/m)/2^64 is less
// than y/m by less than 1, so that its floor is right or one too small, and what
// is left, r, is below 2m. Enciphering takes c + r, deciphering c + 2m - r; both
// are below 3m.
func (w *work) narrow(in, out []byte, change []uint64, m *modulus, number uint64, inverse bool) {
	var flip, plus uint64
	if inverse {
		flip, plus = ^uint64(0), 2*m.m+1 // ^r + 1 is -r
	}
	mod, reciprocal := m.m, m.inverse
	base := w.base[:len(change)]
	for lane, c := range change {
		y := binary.BigEndian.Uint64(out[lane*blockSize:])
		q, _ := bits.Mul64(y, reciprocal)
		c += (y - q*mod) ^ flip + plus
		if c >= mod {
			c -= mod
		}
		if c >= mod {
			c -= mod
		}
		change[lane] = c
		binary.BigEndian.PutUint64(in[lane*blockSize+8:], base[lane]^number^c)
	}
}

// medium changes halves below 2^64 by y, 96 bits of out.
func (w *work) medium(out []byte, change []uint64, m *modulus, inverse bool) {
	for lane, c := range change {
		y := out[lane*blockSize:][:12]
		r := bits.Rem64(uint64(binary.BigEndian.Uint32(y)), binary.BigEndian.Uint64(y[4:]), m.m)
		if inverse {
			r = m.m - r // not 0, and at most m
		}
		sum, carry := bits.Add64(c, r, 0)
		if carry != 0 || sum >= m.m {
			sum -= m.m
		}
		change[lane] = sum
	}
}
