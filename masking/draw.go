package masking

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/masking/prf"
)

// draws are keyed random bits: 128 for each message, the AES-256-CMAC of it
// under HKDF-SHA256(zone token key, purpose, scope). To whoever lacks the key
// they are uniform and independent; whoever asks again under the same scope gets
// the same, so that asking often averages nothing out.
type draws struct{ mac *prf.CMAC }

func newDraws(k Keys, purpose string) (draws, error) {
	if k.Scope == "" {
		return draws{}, fmt.Errorf("no scope: %w", ErrKey)
	}
	mac, err := deriveMAC(k.Token, "zonebox "+purpose+" v1 "+k.Scope)
	return draws{mac}, err
}

// of returns the draws of entities[start:start+rows], by row, and marks rows
// without entity. The result is valid until w is used again.
func (d draws) of(w *work, read func(w *work, b block) span, entities arrow.Array, start, rows int, odd *marks) []byte {
	b := w.block(entities, start)
	tags := w.tags[:b.values()*prf.TagSize]
	if len(tags) > 0 {
		v := read(w, b)
		d.mac.Sum(tags, v.data, v.offsets)
	}
	if b.live == nil {
		return tags
	}
	tags = w.tags[:rows*prf.TagSize]
	k := len(b.live)
	for row := rows - 1; row >= 0; row-- {
		if k > 0 && int(b.live[k-1]) == row {
			k--
			copy(tags[row*prf.TagSize:][:prf.TagSize], tags[k*prf.TagSize:])
		} else {
			odd.set(row)
		}
	}
	return tags
}

// below returns floor(T·n / 2^128) of the draw T of a row: uniform below n but
// for one part in 2^64 or less.
func below(tags []byte, row int, n uint64) uint64 {
	tag := tags[row*prf.TagSize:][:prf.TagSize]
	high, low := bits.Mul64(binary.BigEndian.Uint64(tag), n)
	carried, _ := bits.Mul64(binary.BigEndian.Uint64(tag[8:]), n)
	_, carry := bits.Add64(low, carried, 0)
	return high + carry
}
