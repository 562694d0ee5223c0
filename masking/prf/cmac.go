package prf

import (
	"encoding/binary"
	"sync"

	"zonebox/masking/lanes"
)

// width is how many messages of more than one block are in the cipher at a time:
// four turns of the widest loop of masking/lanes, and 1 KiB of state.
const width = 64

// window is how many first blocks are enciphered in one call: 4 KiB of tags.
const window = 256

// CMAC is the mode of NIST SP 800-38B (RFC 4493) over a block cipher of 128-bit
// blocks; with SM4 it is MAC algorithm 5 of GB/T 15852.1-2020. It is safe for
// concurrent use.
type CMAC struct {
	cipher *lanes.Cipher
	last   [lanes.BlockSize + 1]lastBlock
}

// block is a cipher block as two little-endian words.
type block struct{ lo, hi uint64 }

// lastBlock makes the last block of a message, by how many bytes it has: those
// of others masked away, then padding and subkey added.
type lastBlock struct{ mask, add block }

// NewCMAC returns the CMAC by cipher.
func NewCMAC(cipher *lanes.Cipher) *CMAC {
	m := &CMAC{cipher: cipher}
	zero := make([]byte, lanes.BlockSize)
	cipher.Blocks(zero, zero)
	k1 := double(zero)
	k2 := double(k1)
	for n := range lanes.BlockSize {
		var mask, add [lanes.BlockSize]byte
		for i := range n {
			mask[i] = 0xff
		}
		copy(add[:], k2)
		add[n] ^= 0x80
		m.last[n] = lastBlock{load(mask[:]), load(add[:])}
	}
	m.last[lanes.BlockSize] = lastBlock{block{^uint64(0), ^uint64(0)}, load(k1)}
	return m
}

// double multiplies k by x in GF(2^128) (RFC 4493 §2.3), in constant time.
func double(k []byte) []byte {
	hi, lo := binary.BigEndian.Uint64(k), binary.BigEndian.Uint64(k[8:])
	d := binary.BigEndian.AppendUint64(nil, hi<<1|lo>>63)
	return binary.BigEndian.AppendUint64(d, lo<<1^0x87*(hi>>63))
}

func load(b []byte) block {
	_ = b[15]
	return block{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
}

func (b block) store(dst []byte) {
	_ = dst[15]
	binary.LittleEndian.PutUint64(dst, b.lo)
	binary.LittleEndian.PutUint64(dst[8:], b.hi)
}

func (b block) xor(o block) block { return block{b.lo ^ o.lo, b.hi ^ o.hi} }

// chains is what one call of Sum works with. The state of the messages that go
// on lies in blocks, in the order of lanes.
type chains struct {
	blocks [width * lanes.BlockSize]byte
	lanes  [width]lane
	active int
	longer [window]int32 // messages of the window with more than one block
}

// lane is a message being worked on: what is left of it is data[from:to]. Once
// its last block is in, from is done.
type lane struct{ message, from, to int32 }

const done = -1

var chainsPool = sync.Pool{New: func() any { return new(chains) }}

// Sum writes into dst the tags of the messages data[offsets[i]:offsets[i+1]], 16
// bytes each, in order. dst does not overlap data. Sum panics if dst has another
// size or offsets do not fit data. It allocates nothing.
//
// First blocks are enciphered where the tags will stand, 256 in one call. The
// messages that go on gather until there are 64; one block of each is enciphered
// in one call, and those that are through make place for others. So a column
// costs its blocks, however its lengths are mixed; only at its end do a few long
// messages run by themselves.
func (m *CMAC) Sum(dst, data []byte, offsets []int32) {
	n := messages(dst, offsets)
	c := chainsPool.Get().(*chains)
	defer chainsPool.Put(c)
	c.active = 0
	for start := 0; start < n; start += window {
		end := min(start+window, n)
		tags := dst[start*TagSize : end*TagSize]
		longer := c.longer[:0]
		from := offsets[start]
		for i, to := range offsets[start+1 : end+1] {
			message := data[from:to:len(data)]
			first := tags[i*TagSize:][:TagSize]
			if len(message) <= lanes.BlockSize {
				m.final(message).store(first)
			} else {
				load(message).store(first)
				longer = append(longer, int32(start+i))
			}
			from = to
		}
		m.cipher.Blocks(tags, tags)
		for _, i := range longer {
			l := &c.lanes[c.active]
			*l = lane{i, offsets[i] + lanes.BlockSize, offsets[i+1]}
			m.absorb(l, load(dst[i*TagSize:]), data).store(c.blocks[c.active*lanes.BlockSize:])
			for c.active++; c.active == width; {
				m.turn(c, dst, data)
			}
		}
	}
	for c.active > 0 {
		m.turn(c, dst, data)
	}
}

// final returns the last block of a message, of up to 16 bytes, with padding and
// subkey. If the memory behind it can be read, all 16 bytes are loaded.
func (m *CMAC) final(message []byte) block {
	if cap(message) < lanes.BlockSize {
		return m.finalAtEnd(message)
	}
	return m.last[len(message)].of(load(message[:lanes.BlockSize]))
}

func (l *lastBlock) of(b block) block {
	return block{b.lo&l.mask.lo ^ l.add.lo, b.hi&l.mask.hi ^ l.add.hi}
}

func (m *CMAC) finalAtEnd(message []byte) block {
	var end [lanes.BlockSize]byte
	copy(end[:], message)
	return m.last[len(message)].of(load(end[:]))
}

// absorb returns the state with the next block of the lane's message.
func (m *CMAC) absorb(l *lane, state block, data []byte) block {
	rest := data[l.from:l.to:len(data)]
	if len(rest) > lanes.BlockSize {
		l.from += lanes.BlockSize
		return state.xor(load(rest))
	}
	l.from = done
	return state.xor(m.final(rest))
}

// turn enciphers all states, writes the tags that are ready and absorbs the next
// blocks of the other messages.
func (m *CMAC) turn(c *chains, dst, data []byte) {
	all := c.blocks[:c.active*lanes.BlockSize]
	m.cipher.Blocks(all, all)
	for i := c.active - 1; i >= 0; i-- {
		l := &c.lanes[i]
		b := all[i*lanes.BlockSize:][:lanes.BlockSize]
		if l.from != done {
			m.absorb(l, load(b), data).store(b)
			continue
		}
		load(b).store(dst[int(l.message)*TagSize:][:TagSize])
		if c.active--; c.active != i { // the last lane has absorbed its block
			load(all[c.active*lanes.BlockSize:]).store(b)
			*l = c.lanes[c.active]
		}
	}
}
