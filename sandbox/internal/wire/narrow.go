package wire

import (
	"errors"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

var errDecimal = errors.New("wire: decimal has more digits than its type")

type integer interface{ arrow.IntType | arrow.UintType }

// narrow returns arr, retained, or its whole numbers, dates and decimals in the
// fewest bytes that hold every one of them: what a worker has to map costs it
// more than widening does. Behind their nulls stands 0.
func narrow(arr arrow.Array) (arrow.Array, error) {
	valid := validBits(arr)
	switch a := arr.(type) {
	case *array.Int8:
		return narrowest(arr, a.Values(), valid), nil
	case *array.Int16:
		return narrowest(arr, a.Values(), valid), nil
	case *array.Int32:
		return narrowest(arr, a.Values(), valid), nil
	case *array.Int64:
		return narrowest(arr, a.Values(), valid), nil
	case *array.Uint8:
		return narrowest(arr, a.Values(), valid), nil
	case *array.Uint16:
		return narrowest(arr, a.Values(), valid), nil
	case *array.Uint32:
		return narrowest(arr, a.Values(), valid), nil
	case *array.Uint64:
		return narrowest(arr, a.Values(), valid), nil
	case *array.Date32:
		return narrowest(arr, a.Values(), valid), nil
	case *array.Decimal32:
		return fewest(arr, a.Values(), valid)
	case *array.Decimal64:
		return fewest(arr, a.Values(), valid)
	case *array.Decimal128:
		return fewest128(a, valid)
	}
	arr.Retain()
	return arr, nil
}

// validBits returns a bit per value of arr, nil if none is null.
func validBits(arr arrow.Array) []byte {
	if arr.NullN() == 0 {
		return nil
	}
	valid := make([]byte, bitutil.BytesForBits(int64(arr.Len())))
	bitutil.CopyBitmap(arr.NullBitmapBytes(), arr.Data().Offset(), arr.Len(), valid, 0)
	return valid
}

// there returns v, or 0 if value i is null.
func there[T integer](valid []byte, i int, v T) T {
	return v & -T(valid[i>>3]>>(i&7)&1)
}

// narrowest returns arr, whose values are given, in the narrowest integers of the
// same signedness, or retained if nothing has to change.
func narrowest[T integer](arr arrow.Array, values []T, valid []byte) arrow.Array {
	bits, clean := significant(values, valid)
	size, signed := unsafe.Sizeof(T(0)), ^T(0) < 0
	switch {
	case signed && bits < 1<<7 && size > 1:
		return stored[int8](arr, arrow.PrimitiveTypes.Int8, values, valid)
	case signed && bits < 1<<15 && size > 2:
		return stored[int16](arr, arrow.PrimitiveTypes.Int16, values, valid)
	case signed && bits < 1<<31 && size > 4:
		return stored[int32](arr, arrow.PrimitiveTypes.Int32, values, valid)
	case !signed && bits < 1<<8 && size > 1:
		return stored[uint8](arr, arrow.PrimitiveTypes.Uint8, values, valid)
	case !signed && bits < 1<<16 && size > 2:
		return stored[uint16](arr, arrow.PrimitiveTypes.Uint16, values, valid)
	case !signed && bits < 1<<32 && size > 4:
		return stored[uint32](arr, arrow.PrimitiveTypes.Uint32, values, valid)
	case clean:
		arr.Retain()
		return arr
	}
	return stored[T](arr, arr.DataType(), values, valid)
}

// significant returns the bits in which some value differs from its sign, and
// whether 0 stands behind every null.
func significant[T integer](values []T, valid []byte) (bits uint64, clean bool) {
	sign := 64 // at least T's bits: the sign is left, 0 without one
	var all, behind T
	if valid == nil {
		for _, v := range values {
			all |= v ^ v>>sign
		}
		return uint64(all), true
	}
	for i, v := range values {
		value := there(valid, i, v)
		all |= value ^ value>>sign
		behind |= value ^ v
	}
	return uint64(all), behind == 0
}

// stored returns arr, whose values are given and fit N, as an array of dt.
func stored[N, T integer](arr arrow.Array, dt arrow.DataType, values []T, valid []byte) arrow.Array {
	out := make([]N, len(values))
	if valid == nil {
		for i, v := range values {
			out[i] = N(v)
		}
	} else {
		for i, v := range values {
			out[i] = N(there(valid, i, v))
		}
	}
	return made(dt, len(out), valid, arrow.GetBytes(out), arr.NullN())
}

func made(dt arrow.DataType, n int, valid, values []byte, nulls int) arrow.Array {
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(values)}
	if valid != nil {
		buffers[0] = memory.NewBufferBytes(valid)
	}
	data := array.NewData(dt, n, buffers, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// fewest is narrowest of decimals, whose digits it checks.
func fewest[T decimal.Decimal32 | decimal.Decimal64](arr arrow.Array, values []T, valid []byte) (arrow.Array, error) {
	precision := arr.DataType().(arrow.DecimalType).GetPrecision()
	bound := int64(math.Pow10(int(min(precision, 18)))) // exact
	for i, v := range values {
		if valid != nil {
			v = there(valid, i, v)
		}
		if int64(v) >= bound || int64(v) <= -bound {
			return nil, errDecimal
		}
	}
	return narrowest(arr, values, valid), nil
}

// fewest128 is fewest of decimals of 16 bytes. Their low half holds 18 digits;
// with more they keep their width.
func fewest128(a *array.Decimal128, valid []byte) (arrow.Array, error) {
	t := a.DataType().(*arrow.Decimal128Type)
	if t.Precision > 18 {
		return wide128(a, valid)
	}
	low := make([]decimal.Decimal64, a.Len())
	var rest int64 // what the low half does not tell
	for i, v := range a.Values() {
		l, h := int64(v.LowBits()), v.HighBits()
		if valid != nil {
			l, h = there(valid, i, l), there(valid, i, h)
		}
		low[i] = decimal.Decimal64(l)
		rest |= h ^ l>>63
	}
	if rest != 0 {
		return nil, errDecimal
	}
	arr := made(&arrow.Decimal64Type{Precision: t.Precision, Scale: t.Scale}, len(low), valid, arrow.GetBytes(low), a.NullN())
	defer arr.Release()
	return fewest(arr, low, valid)
}

func wide128(a *array.Decimal128, valid []byte) (arrow.Array, error) {
	t := a.DataType().(*arrow.Decimal128Type)
	var out []decimal128.Num
	if valid != nil {
		out = make([]decimal128.Num, a.Len())
	}
	for i, v := range a.Values() {
		if valid != nil && !bitutil.BitIsSet(valid, i) {
			continue
		}
		if !v.FitsInPrecision(t.Precision) {
			return nil, errDecimal
		}
		if valid != nil {
			out[i] = v
		}
	}
	if valid == nil {
		a.Retain()
		return a, nil
	}
	return made(t, len(out), valid, arrow.Decimal128Traits.CastToBytes(out), a.NullN()), nil
}
