//go:build !race

package ff1_test

import (
	"math/rand/v2"
	"testing"

	"zonebox/masking/ff1"
)

// The race detector makes pools forget, and what they forget is allocated anew.

func TestBatchesAllocateNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct {
		name, letters string
		length        int
	}{{"narrow", "0123456789", 11}, {"medium", "0123456789", 30}, {"long", base36, 40}, {"hanzi", letters(20902), 3}} {
		set := newSet(c.letters)
		values := make([]string, 700)
		for i := range values {
			values[i] = set.value(numerals(rng, c.length+i%2, len(set.runes), 0))
		}
		src, fits := column(values...), make([]bool, len(values))
		var dst ff1.Column
		for _, sm := range []bool{false, true} {
			cipher := ff1.New(blocks(t, sm, make([]byte, 16)), alphabet(t, c.letters))
			for name, tweaks := range map[string]ff1.Tweaks{"none": {}, "each": {Data: make([]byte, 20*len(values)), Width: 20}} {
				if n := testing.AllocsPerRun(10, func() {
					dst.Data, dst.Offsets = dst.Data[:0], dst.Offsets[:0]
					cipher.Encrypt(&dst, src, tweaks, fits)
				}); n != 0 {
					t.Errorf("%s, SM4 %v, tweaks %s: %v allocations a batch", c.name, sm, name, n)
				}
			}
		}
	}
}
