//go:build !race

package identifier_test

import (
	"math/rand/v2"
	"testing"

	"zonebox/masking/ff1"
)

// The race detector makes pools forget, and what they forget is allocated anew.

func TestBatchesAllocateNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for name, k := range kinds(t) {
		values := make([]string, 700)
		for i := range values {
			values[i] = k.random(rng)
		}
		src, fits := column(values...), make([]bool, len(values))
		var dst ff1.Column
		if n := testing.AllocsPerRun(10, func() {
			dst.Data, dst.Offsets = dst.Data[:0], dst.Offsets[:0]
			k.Encrypt(&dst, src, fits)
		}); n != 0 {
			t.Errorf("%s: %v allocations a batch", name, n)
		}
	}
}
