package masking

import (
	"cmp"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// edges replaces numbers below low by low and those above high by high (top and
// bottom coding; GB/T 37964: generalization, 顶层与底层编码). One of them may be
// missing. What lies between stays as it is: this hides who is extreme, and
// nothing else, so a license may not name it as a mask.
//
// NaN, and an infinity with no edge on its side, become null.
func edges(low, high *float64, t arrow.DataType) typed {
	return func(alloc memory.Allocator, arr, _ arrow.Array) (arrow.Array, int64, error) {
		var out arrow.Array
		var misfits int64
		switch a := arr.(type) {
		case *array.Int64:
			l, h := int64(math.MinInt64), int64(math.MaxInt64)
			if low != nil {
				l = int64(*low)
			}
			if high != nil {
				h = int64(*high)
			}
			out, misfits = revalue(alloc, arr, a.Int64Values(), func(_ *work, _ int, dst, src []int64, _ *marks) {
				for i, v := range src {
					dst[i] = clamp(v, l, h)
				}
			})
		case *array.Float64:
			l, h := math.Inf(-1), math.Inf(1)
			if low != nil {
				l = *low
			}
			if high != nil {
				h = *high
			}
			out, misfits = revalue(alloc, arr, a.Float64Values(), func(_ *work, _ int, dst, src []float64, odd *marks) {
				for i, v := range src {
					dst[i] = clamp(v, l, h)
					if math.IsNaN(v) || math.IsInf(dst[i], 0) {
						odd.set(i)
					}
				}
			})
		case *array.Decimal128:
			l, h := edge(low, t), edge(high, t)
			out, misfits = revalue(alloc, arr, a.Values(), func(_ *work, _ int, dst, src []decimal128.Num, _ *marks) {
				for i, v := range src {
					switch {
					case low != nil && v.Less(l):
						v = l
					case high != nil && h.Less(v):
						v = h
					}
					dst[i] = v
				}
			})
		}
		return out, misfits, nil
	}
}

func clamp[T cmp.Ordered](v, low, high T) T { return min(max(v, low), high) }

// edge returns an edge as a decimal of type t, which Validate knows to hold it.
func edge(v *float64, t arrow.DataType) decimal128.Num {
	if v == nil {
		return decimal128.Num{}
	}
	n, _ := asDecimal(*v, t)
	return n
}

// asDecimal returns v as a decimal of type t, and false if t does not hold it
// exactly.
func asDecimal(v float64, t arrow.DataType) (decimal128.Num, bool) {
	d := t.(*arrow.Decimal128Type)
	text := strconv.FormatFloat(v, 'f', -1, 64)
	n, err := decimal128.FromString(text, d.Precision, d.Scale)
	return n, err == nil && n.ToFloat64(d.Scale) == v
}

func edgesProblem(low, high *float64, t arrow.DataType) string {
	if !isNumber(t) {
		return "needs a numeric column"
	}
	if low == nil && high == nil || low != nil && high != nil && !(*low < *high) {
		return "give low, high, or both with low below high"
	}
	for _, v := range []*float64{low, high} {
		if v == nil {
			continue
		}
		if !(math.Abs(*v) <= 1e15) {
			return "low and high must be at most 1e15 from zero"
		}
		switch t.ID() {
		case arrow.INT64:
			if *v != math.Trunc(*v) {
				return "low and high over whole numbers must be whole"
			}
		case arrow.DECIMAL128:
			if _, exact := asDecimal(*v, t); !exact {
				return "low and high must be decimals that the column can hold"
			}
		}
	}
	return ""
}
