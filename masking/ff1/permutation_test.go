package ff1_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"zonebox/masking/ff1"
)

func permutation(t testing.TB, sm bool, size uint64) *ff1.Permutation {
	t.Helper()
	p, err := ff1.NewPermutation(blocks(t, sm, make([]byte, 16)), size)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// All numbers below the bound come out, each once.
func TestPermutationIsOne(t *testing.T) {
	for _, size := range []uint64{1_000_000, 1_000_001, 1 << 20} {
		p := permutation(t, false, size)
		x := make([]uint64, size)
		for i := range x {
			x[i] = uint64(i)
		}
		p.Encrypt(x, x, tweak([]byte("one")))
		seen := make([]bool, size)
		for _, y := range x {
			if seen[y] {
				t.Fatalf("size %d: %d comes out twice", size, y)
			}
			seen[y] = true
		}
		p.Decrypt(x, x, tweak([]byte("one")))
		for i, y := range x {
			if y != uint64(i) {
				t.Fatalf("size %d: %d comes back as %d", size, i, y)
			}
		}
	}
}

// A permutation is FF1 over the numerals of the number in the radix of its size,
// again while beyond the bound: held to the reference.
func TestPermutationWalksTheReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, v := range []struct {
		size  uint64
		n     int
		radix int64
	}{
		{1_000_000, 2, 1000}, {1_000_001, 2, 1001}, {100_000_000, 2, 10_000}, {1 << 32, 2, 65_536}, {1<<32 + 1, 4, 257},
		{160_000_000_000, 4, 633}, {1_000_000_000_000_000_000, 4, 31_623}, {math.MaxUint64, 4, 65_536},
	} {
		for _, width := range []int{0, 9, 20} {
			p := permutation(t, true, v.size)
			ref := reference{single(t, true, make([]byte, 16)), v.radix}
			src := make([]uint64, 150)
			for i := range src {
				src[i] = rng.Uint64N(v.size)
			}
			src[0], src[1] = 0, v.size-1
			tweaks := ff1.Tweaks{Data: random(rng, width*len(src)), Width: width}
			dst := make([]uint64, len(src))
			p.Encrypt(dst, src, tweaks)
			for i, x := range src {
				want := x
				for {
					numerals := make([]int, v.n)
					for j := v.n - 1; j >= 0; j-- {
						numerals[j], want = int(want%uint64(v.radix)), want/uint64(v.radix)
					}
					for _, d := range ref.encrypt(tweaks.Data[i*width:][:width], numerals) {
						want = want*uint64(v.radix) + uint64(d)
					}
					if want < v.size {
						break
					}
				}
				if dst[i] != want {
					t.Fatalf("size %d, tweak of %d bytes: %d → %d, want %d", v.size, width, x, dst[i], want)
				}
			}
			p.Decrypt(dst, dst, tweaks)
			if !slices.Equal(dst, src) {
				t.Fatalf("size %d: numbers do not come back", v.size)
			}
		}
	}
}

func TestPermutationsThatAreRefused(t *testing.T) {
	for _, size := range []uint64{0, 1, 2, 999_999} {
		if _, err := ff1.NewPermutation(blocks(t, false, make([]byte, 16)), size); !errors.Is(err, ff1.ErrDomain) {
			t.Errorf("size %d: %v", size, err)
		}
	}
	p := permutation(t, false, 1_000_000)
	for name, call := range map[string]func(){
		"a number beyond":  func() { p.Encrypt(make([]uint64, 1), []uint64{1_000_000}, ff1.Tweaks{}) },
		"a result missing": func() { p.Encrypt(make([]uint64, 1), make([]uint64, 2), ff1.Tweaks{}) },
		"a tweak missing":  func() { p.Encrypt(make([]uint64, 2), make([]uint64, 2), ff1.Tweaks{Width: 1}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			call()
		}()
	}
}

func TestPermutationAllocatesNothing(t *testing.T) {
	x := make([]uint64, 700)
	p := permutation(t, true, 160_000_000_000)
	if n := testing.AllocsPerRun(10, func() { p.Encrypt(x, x, tweak([]byte("tweak"))) }); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}
