package identifier_test

import (
	"math/rand/v2"
	"testing"

	"zonebox/internal/interleave"
	"zonebox/masking/ff1"
	"zonebox/masking/lanes"
)

// Each kind beside the ten blocks of a value, of the cipher it uses here.
func BenchmarkIdentifiers(b *testing.B) {
	const values = 1024
	rng := rand.New(rand.NewPCG(1, 1))
	tenBlocks := func(sm bool) func() {
		c, buf := blocks(b, sm), make([]byte, 64*lanes.BlockSize)
		return func() {
			for range 10 * values / 64 {
				c.Blocks(buf, buf)
			}
		}
	}
	all := kinds(b)
	rows := []interleave.Row{{Name: "ten-sm4-blocks", Call: tenBlocks(true)}, {Name: "ten-aes-blocks", Call: tenBlocks(false)}}
	for _, name := range []string{"resident", "social credit", "mobile", "card"} {
		k := all[name]
		v := make([]string, values)
		for i := range v {
			v[i] = k.random(rng)
		}
		src, fits := column(v...), make([]bool, values)
		var dst ff1.Column
		rows = append(rows, interleave.Row{Name: map[string]string{"resident": "resident-sm4", "social credit": "credit-sm4", "mobile": "mobile-aes", "card": "card-aes"}[name], Call: func() {
			dst.Data, dst.Offsets = dst.Data[:0], dst.Offsets[:0]
			k.Encrypt(&dst, src, fits)
		}})
	}
	interleave.Bench(b, values, rows...)
}
