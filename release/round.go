package release

import (
	"math"
	"math/big"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// round replaces what columns hold that leave as multiples of a base. It comes after
// what is hidden, since a count that is rounded first tells that it was near the limit,
// and before the order, which would tell what was rounded.
func (k *kept) round() error {
	for i, c := range k.plan.Columns {
		if c.Round == 0 {
			continue
		}
		old := k.joined[i]
		a, err := rounded(k.plan.Allocator, old, c.Round)
		if err != nil {
			return err
		}
		k.joined[i] = a
		old.Release()
	}
	return nil
}

// rounded returns the multiples of base that are nearest to the values, halves away from
// 0. It is for whole numbers of 64 bits, decimals and floats; a multiple that the type
// cannot hold is ErrSchema, as any other type is.
func rounded(alloc memory.Allocator, a arrow.Array, base int64) (arrow.Array, error) {
	b := array.NewBuilder(alloc, a.DataType())
	defer b.Release()
	fits := true
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
			continue
		}
		switch a := a.(type) {
		case *array.Int64:
			v := nearest(big.NewInt(a.Value(i)), big.NewInt(base))
			fits = fits && v.IsInt64()
			b.(*array.Int64Builder).Append(v.Int64())
		case *array.Decimal128:
			t := a.DataType().(*arrow.Decimal128Type)
			unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Scale)), nil)
			v := nearest(a.Value(i).BigInt(), unit.Mul(unit, big.NewInt(base)))
			fits = fits && v.BitLen() < 128 && decimal128.FromBigInt(v).FitsInPrecision(t.Precision)
			if fits {
				b.(*array.Decimal128Builder).Append(decimal128.FromBigInt(v))
			}
		case *array.Float64:
			v := math.Round(a.Value(i)/float64(base)) * float64(base)
			if v == 0 {
				v = 0 // −0 would tell what it was rounded from
			}
			b.(*array.Float64Builder).Append(v)
		default:
			return nil, ErrSchema
		}
		if !fits {
			return nil, ErrSchema
		}
	}
	return b.NewArray(), nil
}

// nearest returns the multiple of base that is nearest to v.
func nearest(v, base *big.Int) *big.Int {
	twice := new(big.Int).Lsh(new(big.Int).Abs(v), 1)
	steps := twice.Add(twice, base)
	steps.Quo(steps, new(big.Int).Lsh(base, 1))
	steps.Mul(steps, base)
	if v.Sign() < 0 {
		steps.Neg(steps)
	}
	return steps
}
