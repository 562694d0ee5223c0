package zone

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"math"
	"testing"
)

// No two texts under one data key have one nonce: every segment there can be, and
// what the manifest tells of the column.
func TestNoNonceServesTwice(t *testing.T) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	k := dataKey{aead: aead}
	seen := [][]byte{k.detailNonce()}
	for _, n := range []int{0, 1, 2, 255, 256, 1 << 16, 1<<24 + 1, math.MaxInt32, math.MaxUint32} {
		nonce := k.chunkNonce(n)
		for _, other := range seen {
			if bytes.Equal(nonce, other) {
				t.Errorf("segment %d has the nonce %x, which another text has", n, nonce)
			}
		}
		seen = append(seen, nonce)
	}
}
