package lanes_test

import (
	"crypto/aes"
	"crypto/cipher"
	"testing"

	"github.com/emmansun/gmsm/sm4"

	"zonebox/internal/interleave"
	"zonebox/masking/lanes"
)

// One block of a column: the standard library block by block, the call of this
// package, and memcpy of the same bytes.
func BenchmarkAES(b *testing.B) {
	single, _ := aes.NewCipher(make([]byte, 32))
	c256, _ := lanes.NewAES(make([]byte, 32))
	c128, _ := lanes.NewAES(make([]byte, 16))
	dst, src := make([]byte, 16*blocks), make([]byte, 16*blocks)
	interleave.Bench(b, blocks,
		interleave.Row{Name: "aes256-single", Call: one(single, dst, src)},
		interleave.Row{Name: "aes256-by-32", Call: calls(c256, 32, dst, src)},
		interleave.Row{Name: "aes256-by-64", Call: calls(c256, 64, dst, src)},
		interleave.Row{Name: "aes128-by-64", Call: calls(c128, 64, dst, src)},
		interleave.Row{Name: "memcpy", Call: func() { copy(dst, src) }},
	)
}

func BenchmarkSM4(b *testing.B) {
	single, _ := sm4.NewCipher(make([]byte, 16))
	c, _ := lanes.NewSM4(make([]byte, 16))
	dst, src := make([]byte, 16*blocks), make([]byte, 16*blocks)
	interleave.Bench(b, blocks,
		interleave.Row{Name: "sm4-single", Call: one(single, dst, src)},
		interleave.Row{Name: "sm4-by-16", Call: calls(c, 16, dst, src)},
		interleave.Row{Name: "sm4-by-64", Call: calls(c, 64, dst, src)},
		interleave.Row{Name: "memcpy", Call: func() { copy(dst, src) }},
	)
}

const blocks = 4096

func one(c cipher.Block, dst, src []byte) func() {
	return func() {
		for i := 0; i < len(src); i += 16 {
			c.Encrypt(dst[i:], src[i:])
		}
	}
}

func calls(c *lanes.Cipher, n int, dst, src []byte) func() {
	return func() {
		for i := 0; i < len(src); i += 16 * n {
			c.Blocks(dst[i:i+16*n], src[i:i+16*n])
		}
	}
}
