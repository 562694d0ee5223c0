package prf_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"github.com/emmansun/gmsm/cbcmac"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
	tink "github.com/tink-crypto/tink-go/v2/prf/subtle"

	"zonebox/internal/interleave"
	"zonebox/masking/lanes"
	"zonebox/masking/prf"
)

const values = 4096

// bench lays out values of the given lengths and returns them with their number
// of blocks.
func bench(length func() int) (data []byte, offsets []int32, blocks int) {
	offsets = []int32{0}
	for range values {
		n := length()
		data = append(data, make([]byte, n)...)
		offsets = append(offsets, int32(len(data)))
		blocks += max(1, (n+15)/16)
	}
	return data, offsets, blocks
}

// Tokens of identity card numbers, 18 bytes and two blocks each: HMAC-SM3 as one
// would write it, the kinds of this package, and the cipher's part of SM4-CMAC.
func BenchmarkTokenSM4(b *testing.B) {
	data, offsets, blocks := bench(func() int { return 18 })
	tags := make([]byte, 16*values)
	key := make([]byte, 32)
	single, _ := sm4.NewCipher(key[:16])
	cipher, _ := lanes.NewSM4(key[:16])
	floor := make([]byte, 16*64)
	perValue := hmac.New(sm3.New, key)
	kinds := kinds(b, key)
	interleave.Bench(b, values,
		interleave.Row{Name: "hmac-sm3-per-value", Call: func() {
			for i := range values {
				perValue.Reset()
				perValue.Write(data[offsets[i]:offsets[i+1]])
				perValue.Sum(tags[:0])
			}
		}},
		interleave.Row{Name: "hmac-sm3", Call: func() { kinds["HMAC-SM3"].ours.Sum(tags, data, offsets) }},
		interleave.Row{Name: "gmsm-sm4-cmac-per-value", Call: func() {
			m := cbcmac.NewCMAC(single, 16)
			for i := range values {
				m.MAC(data[offsets[i]:offsets[i+1]])
			}
		}},
		interleave.Row{Name: "sm4-cmac", Call: func() { kinds["SM4-CMAC"].ours.Sum(tags, data, offsets) }},
		interleave.Row{Name: "sm4-blocks", Call: func() {
			for range blocks / 64 {
				cipher.Blocks(floor, floor)
			}
		}},
	)
}

func BenchmarkTokenAES(b *testing.B) {
	data, offsets, blocks := bench(func() int { return 18 })
	tags := make([]byte, 16*values)
	key := make([]byte, 32)
	cipher, _ := lanes.NewAES(key)
	floor := make([]byte, 16*64)
	perValue := hmac.New(sha256.New, key)
	tinks, _ := tink.NewAESCMACPRF(key)
	kinds := kinds(b, key)
	interleave.Bench(b, values,
		interleave.Row{Name: "hmac-sha256-per-value", Call: func() {
			for i := range values {
				perValue.Reset()
				perValue.Write(data[offsets[i]:offsets[i+1]])
				perValue.Sum(tags[:0])
			}
		}},
		interleave.Row{Name: "hmac-sha256", Call: func() { kinds["HMAC-SHA256"].ours.Sum(tags, data, offsets) }},
		interleave.Row{Name: "tink-aes-cmac-per-value", Call: func() {
			for i := range values {
				tinks.ComputePRF(data[offsets[i]:offsets[i+1]], 16)
			}
		}},
		interleave.Row{Name: "aes-cmac", Call: func() { kinds["AES-CMAC"].ours.Sum(tags, data, offsets) }},
		interleave.Row{Name: "aes-blocks", Call: func() {
			for range blocks / 64 {
				cipher.Blocks(floor, floor)
			}
		}},
	)
}

// Lengths from 11 to 18 bytes, one block or two: the cost follows the blocks.
func BenchmarkTokenMixed(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	data, offsets, blocks := bench(func() int { return 11 + rng.IntN(8) })
	tags := make([]byte, 16*values)
	key := make([]byte, 32)
	cipher, _ := lanes.NewSM4(key[:16])
	floor := make([]byte, 16*64)
	kinds := kinds(b, key)
	interleave.Bench(b, values,
		interleave.Row{Name: "sm4-blocks", Call: func() {
			for range blocks / 64 {
				cipher.Blocks(floor, floor)
			}
		}},
		interleave.Row{Name: "sm4-cmac", Call: func() { kinds["SM4-CMAC"].ours.Sum(tags, data, offsets) }},
		interleave.Row{Name: "aes-cmac", Call: func() { kinds["AES-CMAC"].ours.Sum(tags, data, offsets) }},
	)
}

func BenchmarkRender(b *testing.B) {
	tags := random(rand.New(rand.NewPCG(2, 2)), 16*values)
	var rows []interleave.Row
	for _, r := range []struct {
		name, alphabet string
		length         int
	}{{"hex32", prf.Hex, 32}, {"crockford20", prf.Crockford, 20}, {"digits12", prf.Digits, 12}} {
		rendering, _ := prf.NewRendering(r.alphabet, r.length)
		dst := make([]byte, values*r.length)
		rows = append(rows, interleave.Row{Name: r.name, Call: func() { rendering.Render(dst, tags) }})
	}
	interleave.Bench(b, values, rows...)
}
