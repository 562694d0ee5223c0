package masking

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// noise adds to each number what its entity draws, uniform over -spread to
// spread, both included: whole numbers over whole numbers, units of the scale
// over decimals (GB/T 37964: randomization, 噪声添加).
//
// An entity draws once for a scope: its numbers all move alike, however often
// and in whatever order they are asked for. So repeating a question teaches
// nothing, while the difference of two numbers of one entity stays; columns
// need scopes of their own. It is bounded noise, not differential privacy.
//
// A float64 becomes a multiple of a power of two of about spread·2^-36, so that
// its last bits are not those of the raw one: by them, whoever knows what numbers a
// column may hold would tell which it was (Mironov, On Significance of the Least
// Significant Bits For Differential Privacy, CCS 2012).
//
// Null become: numbers without entity, NaN and infinities, numbers less than spread
// from the end of their type, and float64 more than spread·2^40 from zero, in which
// the noise would leave too few traces. No draw decides it: where the greatest number
// stands for none, one that was moved inward would tell the draw.
func noise(spread float64, t arrow.DataType, d draws) typed {
	return func(alloc memory.Allocator, arr, entities arrow.Array) (arrow.Array, int64, error) {
		read := canonicalReader(entities)
		draw := func(w *work, start, rows int, odd *marks) []byte { return d.of(w, read, entities, start, rows, odd) }
		var out arrow.Array
		var misfits int64
		switch a := arr.(type) {
		case *array.Int64:
			s := int64(spread)
			out, misfits = revalue(alloc, arr, a.Int64Values(), func(w *work, start int, dst, src []int64, odd *marks) {
				tags := draw(w, start, len(src), odd)
				for i, v := range src {
					dst[i] = v + int64(below(tags, i, uint64(2*s+1))) - s
					if v > math.MaxInt64-s || v < math.MinInt64+s {
						odd.set(i)
					}
				}
			})
		case *array.Float64:
			step := max(math.Ldexp(1, math.Ilogb(spread)-36), math.SmallestNonzeroFloat64)
			out, misfits = revalue(alloc, arr, a.Float64Values(), func(w *work, start int, dst, src []float64, odd *marks) {
				tags := draw(w, start, len(src), odd)
				for i, v := range src {
					if !(math.Abs(v) <= spread*(1<<40)) {
						odd.set(i)
						continue
					}
					const steps = 1 << 53
					move := spread * (float64(below(tags, i, steps+1))/(steps/2) - 1)
					dst[i] = math.Round((v+move)/step) * step
					for math.Abs(dst[i]-v) > spread { // rounded outward
						inward := math.Copysign(step, v-dst[i])
						if dst[i]+inward == dst[i] { // its numbers lie farther apart
							inward = math.Nextafter(dst[i], v) - dst[i]
						}
						dst[i] += inward
					}
				}
			})
		case *array.Decimal128:
			units, _ := asDecimal(spread, t)
			s := int64(units.LowBits())
			most := decimal128.FromI64(s)
			precision := t.(*arrow.Decimal128Type).Precision
			out, misfits = revalue(alloc, arr, a.Values(), func(w *work, start int, dst, src []decimal128.Num, odd *marks) {
				tags := draw(w, start, len(src), odd)
				for i, v := range src {
					dst[i] = v.Add(decimal128.FromI64(int64(below(tags, i, uint64(2*s+1))) - s))
					if !v.Add(most).FitsInPrecision(precision) || !v.Sub(most).FitsInPrecision(precision) {
						odd.set(i)
					}
				}
			})
		}
		return out, misfits, nil
	}
}

func noiseProblem(spread float64, t arrow.DataType) string {
	switch {
	case !isNumber(t):
		return "needs a numeric column"
	case !(spread > 0 && spread <= 1e15):
		return "spread must be greater than 0 and at most 1e15"
	case t.ID() == arrow.INT64 && spread != math.Trunc(spread):
		return "spread over whole numbers must be whole"
	case t.ID() == arrow.DECIMAL128:
		if n, exact := asDecimal(spread, t); !exact || n.HighBits() != 0 || n.LowBits() > 1<<60 {
			return "spread must be a decimal that the column can hold"
		}
	}
	return ""
}
