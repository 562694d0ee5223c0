package release

import (
	"errors"
	"math"
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
	floats.AppendValues([]float64{2.4, 2.5, -7.5, 11}, nil)
	for _, c := range []struct {
		of   array.Builder
		base int64
		want string
	}{
		{whole, 5, "[0 0 5 5 10 10 0 -5 15 (null)]"},
		{cents, 5, "[0 5 10 -5 0]"},
		{floats, 5, "[0 5 -10 10]"},
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
