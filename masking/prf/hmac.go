package prf

import (
	"crypto/sha256"
	"encoding"
	"fmt"
	"hash"
	"sync"

	"github.com/emmansun/gmsm/sm3"
)

// MinHMACKey is the least size of a key of HMAC in bytes: the strength of a tag.
const MinHMACKey = 16

// HMAC is the construction of RFC 2104 (FIPS 198-1)
// cut to 16 bytes. It is safe for concurrent use.
type HMAC struct {
	inner, outer []byte // the states after the padded keys
	pool         sync.Pool
}

// digest is what HMAC needs of a hash: to start from a kept state.
type digest interface {
	hash.Hash
	encoding.BinaryUnmarshaler
	encoding.BinaryAppender
}

// hashing is what one call of Sum works with.
type hashing struct {
	hash digest
	sum  []byte
}

// NewHMACSHA256 returns HMAC-SHA256 under key, of MinHMACKey bytes or more.
// It returns an error wrapping ErrKey if there are fewer.
func NewHMACSHA256(key []byte) (*HMAC, error) {
	return newHMAC(func() digest { return sha256.New().(digest) }, key)
}

// NewHMACSM3 returns HMAC-SM3 (GB/T 32905-2016) under key, of MinHMACKey bytes
// or more. It returns an error wrapping ErrKey if there are fewer.
func NewHMACSM3(key []byte) (*HMAC, error) {
	return newHMAC(func() digest { return sm3.New().(digest) }, key)
}

func newHMAC(newHash func() digest, key []byte) (*HMAC, error) {
	if len(key) < MinHMACKey {
		return nil, fmt.Errorf("%w: HMAC takes %d bytes or more, not %d", ErrKey, MinHMACKey, len(key))
	}
	h := newHash()
	if len(key) > h.BlockSize() {
		h.Write(key)
		key = h.Sum(nil)
	}
	state := func(pad byte) []byte {
		block := make([]byte, h.BlockSize())
		copy(block, key)
		for i := range block {
			block[i] ^= pad
		}
		h.Reset()
		h.Write(block)
		s, err := h.AppendBinary(nil)
		if err != nil {
			panic("prf: " + err.Error()) // both hashes never fail to
		}
		return s
	}
	return &HMAC{inner: state(0x36), outer: state(0x5c), pool: sync.Pool{
		New: func() any { return &hashing{newHash(), make([]byte, 0, 32)} },
	}}, nil
}

// Sum writes into dst the tags of the messages data[offsets[i]:offsets[i+1]], 16
// bytes each, in order. dst does not overlap data. Sum panics if dst has another
// size or offsets do not fit data. It allocates nothing.
func (m *HMAC) Sum(dst, data []byte, offsets []int32) {
	n := messages(dst, offsets)
	w := m.pool.Get().(*hashing)
	defer m.pool.Put(w)
	for i := range n {
		w.from(m.inner)
		w.hash.Write(data[offsets[i]:offsets[i+1]])
		w.sum = w.hash.Sum(w.sum[:0])
		w.from(m.outer)
		w.hash.Write(w.sum)
		w.sum = w.hash.Sum(w.sum[:0])
		copy(dst[i*TagSize:][:TagSize], w.sum)
	}
}

func (w *hashing) from(state []byte) {
	if err := w.hash.UnmarshalBinary(state); err != nil {
		panic("prf: " + err.Error())
	}
}
