package ff1

import (
	"math/big"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// Remainders by reciprocal are those of the processor, where they are hardest:
// just below and at multiples of the modulus, for moduli at the powers of two.
func TestRemainders(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var moduli []uint64
	for k := 1; k < 64; k++ {
		moduli = append(moduli, 1<<k, 1<<k+1, 1<<k|1<<(k-1), 1<<k+rng.Uint64N(1<<k))
		if k > 1 {
			moduli = append(moduli, 1<<k-1)
		}
	}
	moduli = append(moduli, 1<<64-1, 1<<64-2)
	for _, m := range moduli {
		mod := newModulus(m)
		check := func(hi, lo uint64) {
			t.Helper()
			if got, want := mod.rem(hi, lo), bits.Rem64(hi, lo, m); got != want {
				t.Fatalf("%d·2^64 + %d modulo %d = %d, want %d", hi, lo, m, got, want)
			}
			if got := below2m(lo, m, mod.inverse); got >= m && got-m >= m || got%m != lo%m {
				t.Fatalf("%d modulo %d, below twice that: %d", lo, m, got)
			}
		}
		for range 300 {
			hi, lo := rng.Uint64()>>(32+rng.IntN(33)), rng.Uint64()
			check(hi, lo)
			r := bits.Rem64(hi, lo, m)
			lo, borrow := bits.Sub64(lo, r, 0)
			if hi -= borrow; hi>>32 != 0 {
				continue // below 0
			}
			check(hi, lo) // a multiple
			lo, borrow = bits.Sub64(lo, 1, 0)
			if hi -= borrow; hi>>32 == 0 {
				check(hi, lo)
			}
		}
		check(0, 0)
		check(1<<32-1, 1<<64-1)
		check(1<<32-1, 0)
	}
}

// Numerals are those of math/big, for every radix at its greatest numbers.
func TestNumerals(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for r := uint64(2); r <= maxRadix; r += 1 + r/7 {
		x := newRadix(r)
		for n := 1; n <= x.chunk; n++ {
			power := x.power(n)
			for _, v := range []uint64{0, 1, r - 1, power - 1, power - r, power / 2, rng.Uint64N(power), rng.Uint64N(power)} {
				got := make([]uint16, n)
				x.put(got, v)
				if back := x.number(got); back != v {
					t.Fatalf("radix %d: %d in %d numerals is %v, which is %d", r, v, n, got, back)
				}
				for _, d := range got {
					if uint64(d) >= r {
						t.Fatalf("radix %d: %d in %d numerals is %v", r, v, n, got)
					}
				}
			}
		}
		for n := 1; n <= MaxLength/2; n++ {
			power := new(big.Int).Exp(big.NewInt(int64(r)), big.NewInt(int64(n)), nil)
			if got, want := x.powerBits(n), power.Sub(power, big.NewInt(1)).BitLen(); got != want {
				t.Fatalf("%d^%d - 1 has %d bits, want %d", r, n, got, want)
			}
		}
	}
}
