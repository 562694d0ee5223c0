package release

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// A number goes to the nearest multiple of the base, halves away from 0, and a missing
// one stays missing.
func TestNumbersGoToTheNearestMultiple(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	whole := array.NewInt64Builder(alloc)
	defer whole.Release()
	whole.AppendValues([]int64{0, 2, 3, 7, 8, 12, -2, -3, 15}, nil)
	whole.AppendNull()
	cents := array.NewDecimal128Builder(alloc, &arrow.Decimal128Type{Precision: 10, Scale: 2})
	defer cents.Release()
	for _, v := range []int64{249, 250, 1249, -250, -249} {
		cents.Append(decimal128.FromI64(v))
	}
	floats := array.NewFloat64Builder(alloc)
	defer floats.Release()
	floats.AppendValues([]float64{2.4, 2.5, -7.5, 11, -2.4}, nil)
	for _, c := range []struct {
		of   array.Builder
		base int64
		want string
	}{
		{whole, 5, "[0 0 5 5 10 10 0 -5 15 (null)]"},
		{cents, 5, "[0 5 10 -5 0]"},
		{floats, 5, "[0 5 -10 10 0]"},
	} {
		a := c.of.NewArray()
		got, err := rounded(alloc, a, c.base)
		a.Release()
		if err != nil {
			t.Fatal(err)
		}
		text := "["
		for i := range got.Len() {
			if i > 0 {
				text += " "
			}
			text += got.ValueStr(i)
		}
		if text += "]"; text != c.want {
			t.Errorf("%s to multiples of %d = %s, want %s", got.DataType(), c.base, text, c.want)
		}
		got.Release()
	}
	whole.Append(math.MaxInt64)
	large := whole.NewArray()
	defer large.Release()
	if _, err := rounded(alloc, large, 10); !errors.Is(err, ErrSchema) {
		t.Errorf("a multiple that is too large: %v", err)
	}
	words := array.NewStringBuilder(alloc)
	defer words.Release()
	words.Append("5")
	text := words.NewArray()
	defer text.Release()
	if _, err := rounded(alloc, text, 5); !errors.Is(err, ErrSchema) {
		t.Errorf("a text: %v", err)
	}
}

// A multiple is no further from its number than half of the base, the same for the same
// number, and no smaller for a larger one. That of an odd multiple of the base follows
// from that of the base, so that both tell no more than the finer; that of an even one
// does not.
func TestMultiplesOfOddMultiplesTellNoMore(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 1))
	to := func(v, base int64) int64 { return nearest(big.NewInt(v), big.NewInt(base)).Int64() }
	for range 20_000 {
		v, base := r.Int64N(1<<40)-1<<39, 2+r.Int64N(1000)
		got := to(v, base)
		if off := v - got; got%base != 0 || 2*off > base || -2*off > base || got != to(v, base) {
			t.Fatalf("%d to multiples of %d = %d", v, base, got)
		}
		if next := to(v+1, base); next < got {
			t.Fatalf("%d to multiples of %d = %d, one more %d", v, base, got, next)
		}
		odd := base * (2*r.Int64N(50) + 1)
		if direct, after := to(v, odd), to(got, odd); direct != after {
			t.Fatalf("%d to multiples of %d = %d, by way of %d %d", v, odd, direct, base, after)
		}
	}
	if to(4, 10) != 0 || to(to(4, 5), 10) != 10 { // rounded to 5 it is 3 to 7, rounded to 10 besides 3 or 4
		t.Errorf("4 to multiples of 5 and of 10 = %d and %d", to(4, 5), to(4, 10))
	}
}
