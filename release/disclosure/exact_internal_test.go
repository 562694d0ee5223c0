package disclosure

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

func (a whole) big() *big.Int {
	n := big.NewInt(a.hi)
	n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(a.mid))
	return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(a.lo))
}

// TestWholeNumbersAreExact compares sums, differences and products with math/big, limbs
// being 0, all ones, a third of that or anything.
func TestWholeNumbersAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9))
	limb := func() uint64 {
		return []uint64{0, 1, 1<<64 - 1, 1 << 63, 0x5555555555555555, r.Uint64()}[r.IntN(6)]
	}
	for range 20_000 {
		a := whole{limb(), limb(), int64(limb()) >> 12}
		b := whole{limb(), limb(), int64(limb()) >> 12}
		n := []int{3, r.IntN(900)}[r.IntN(2)]
		if got, want := a.plus(b).big(), new(big.Int).Add(a.big(), b.big()); got.Cmp(want) != 0 {
			t.Fatalf("%v + %v = %v, want %v", a.big(), b.big(), got, want)
		}
		if got, want := a.minus(b).big(), new(big.Int).Sub(a.big(), b.big()); got.Cmp(want) != 0 {
			t.Fatalf("%v − %v = %v, want %v", a.big(), b.big(), got, want)
		}
		if got, want := a.times(n).big(), new(big.Int).Mul(a.big(), big.NewInt(int64(n))); got.Cmp(want) != 0 {
			t.Fatalf("%v · %d = %v, want %v", a.big(), n, got, want)
		}
		if got, want := a.less(b), a.big().Cmp(b.big()) < 0; got != want {
			t.Fatalf("%v < %v is %v", a.big(), b.big(), got)
		}
		if got, want := a.size().big(), new(big.Int).Abs(a.big()); got.Cmp(want) != 0 {
			t.Fatalf("|%v| = %v", a.big(), got)
		}
	}
}
