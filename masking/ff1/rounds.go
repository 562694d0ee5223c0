package ff1

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"
	"sync"
	"unsafe"

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
	start   [width]block
	in, out [width]block
	base    [width]uint64 // second half of start
	x, y    [width]uint64

	// The state of the MAC after P, and after the whole blocks of a tweak that all
	// values share, for each length that the call has met.
	known    [MaxLength + 1]bool
	prefixes [MaxLength + 1]block

	long *longWork
}

var workPool = sync.Pool{New: func() any { return new(work) }}

func newWork() *work {
	w := workPool.Get().(*work)
	w.known = [MaxLength + 1]bool{}
	return w
}

type block = [blockSize]byte

// bytes returns the memory of blocks.
func bytes(b []block) []byte { return unsafe.Slice(&b[0][0], len(b)*blockSize) }

// begin sets start for some values, one at least: the state after P and after all
// blocks of Q before the last one that i and NUM(B) are in. What the tweak has in
// that block is added to it; a value whose halves are long does so in every round.
func (w *work) begin(c *lanes.Cipher, s *shape, t Tweaks, values []int32) {
	if !w.known[s.n] {
		p := w.prefixes[s.n : s.n+1]
		p[0] = s.p(t.Width)
		c.Blocks(bytes(p), bytes(p))
		if !t.each() {
			macBlocks(c, p, t, values[:1])
		}
		w.known[s.n] = true
	}
	start := w.start[:len(values)]
	for lane := range start {
		start[lane] = w.prefixes[s.n]
	}
	if t.each() {
		macBlocks(c, start, t, values)
	}
	if s.size == long || t.Width%blockSize == 0 {
		return
	}
	end := t.Width / blockSize * blockSize
	for lane, v := range values {
		subtle.XORBytes(start[lane][:], start[lane][:], t.of(v)[end:])
	}
	if t.Width%blockSize+1+s.b > blockSize { // i and NUM(B) begin another block
		c.Blocks(bytes(start), bytes(start))
	}
}

// macBlocks takes the whole blocks of the values' tweaks into their states.
func macBlocks(c *lanes.Cipher, states []block, t Tweaks, values []int32) {
	for from := 0; from+blockSize <= t.Width; from += blockSize {
		for lane, v := range values {
			subtle.XORBytes(states[lane][:], states[lane][:], t.of(v)[from:from+blockSize])
		}
		c.Blocks(bytes(states), bytes(states))
	}
}

// run takes the halves a and b of the values that begin was called for through
// the ten rounds of algorithm 7, or of algorithm 8 if inverse.
//
// Of the two halves one is fed to the cipher and the other changed; then they
// change places. Enciphering feeds B first, and goes from round 0 to 9;
// deciphering feeds A, and goes back.
func (w *work) run(c *lanes.Cipher, s *shape, a, b []uint64, inverse bool) {
	in, out := w.in[:len(a)], w.out[:len(a)]
	copy(in, w.start[:])
	for lane := range in {
		w.base[lane] = binary.BigEndian.Uint64(in[lane][8:])
	}
	feed, change, round, step := b, a, 0, 1
	if inverse {
		feed, change, round, step = a, b, rounds-1, -1
	}
	w.feed(s, feed, round)
	for range rounds {
		c.Blocks(bytes(out), bytes(in))
		m := &s.half[round&1]
		round += step
		if s.size == narrow {
			w.narrow(change, m, uint64(round)<<(8*s.b), inverse)
		} else {
			w.medium(change, m, inverse)
			w.feed(s, change, round)
		}
		feed, change = change, feed
	}
}

// feed writes the round number and the half that the round feeds.
func (w *work) feed(s *shape, half []uint64, round int) {
	number := uint64(round) << (8 * s.b) // 0 if b is 8
	for lane, x := range half {
		binary.BigEndian.PutUint64(w.in[lane][8:], w.base[lane]^number^x)
		if s.b == 8 {
			w.in[lane][7] = w.start[lane][7] ^ byte(round)
		}
	}
}

// narrow changes halves below 2^32 by y, the first 64 bits of out, and feeds them
// to the round of the given number at once.
//
// With r congruent to y and below 2m, enciphering takes c + r and deciphering
// c + 2m - r; both are below 3m.
func (w *work) narrow(change []uint64, m *modulus, number uint64, inverse bool) {
	var flip, plus uint64
	if inverse {
		flip, plus = ^uint64(0), 2*m.m+1 // ^r + 1 is -r
	}
	mod, inv := m.m, m.inverse
	change = change[:min(len(change), width)]
	in, out, base := w.in[:len(change)], w.out[:len(change)], w.base[:len(change)]
	for lane, c := range change {
		y := binary.BigEndian.Uint64(out[lane][:])
		c += below2m(y, mod, inv) ^ flip + plus
		if c >= mod {
			c -= mod
		}
		if c >= mod {
			c -= mod
		}
		change[lane] = c
		binary.BigEndian.PutUint64(in[lane][8:], base[lane]^number^c)
	}
}

// medium changes halves below 2^64 by y, the first 96 bits of out.
func (w *work) medium(change []uint64, m *modulus, inverse bool) {
	mod := *m
	change = change[:min(len(change), width)]
	out := w.out[:len(change)]
	for lane, c := range change {
		y := &out[lane]
		r := mod.rem(uint64(binary.BigEndian.Uint32(y[:])), binary.BigEndian.Uint64(y[4:]))
		if inverse {
			r = mod.m - r // not 0, and at most m
		}
		// Less m, but where that is below 0: which is even, and no branch to guess.
		sum, carry := bits.Add64(c, r, 0)
		less, borrow := bits.Sub64(sum, mod.m, 0)
		change[lane] = less + mod.m&-(borrow&^carry)
	}
}
