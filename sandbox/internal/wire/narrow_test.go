package wire_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/sandbox/internal/wire"
)

// of makes an array of dt, null where valid has no bit.
func of[T arrow.FixedWidthType](dt arrow.DataType, valid byte, values ...T) arrow.Array {
	data := array.NewData(dt, len(values), []*memory.Buffer{memory.NewBufferBytes([]byte{valid}), memory.NewBufferBytes(arrow.GetBytes(values))},
		nil, array.UnknownNullCount, 0)
	return array.MakeFromData(data)
}

// column reads a written column back.
func column(t *testing.T, arr arrow.Array) arrow.Array {
	t.Helper()
	var b bytes.Buffer
	if err := wire.WriteColumn(&b, arr); err != nil {
		t.Fatalf("WriteColumn(%v) = %v", arr, err)
	}
	r, err := ipc.NewFileReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rec, err := r.RecordBatch(0)
	if err != nil {
		t.Fatal(err)
	}
	got := rec.Column(0)
	got.Retain()
	return got
}

func TestNumbersTakeTheFewestBytes(t *testing.T) {
	const all = 0xFF
	i8, i16, i32, i64 := arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64
	u8, u16, u32, u64 := arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64
	date := arrow.PrimitiveTypes.Date32
	small, large := &arrow.Decimal32Type{Precision: 9, Scale: 2}, &arrow.Decimal64Type{Precision: 18, Scale: 2}
	wide := &arrow.Decimal128Type{Precision: 18, Scale: 2}
	widest := &arrow.Decimal128Type{Precision: 19}
	huge := func(v ...int64) []decimal128.Num {
		var out []decimal128.Num
		for _, n := range v {
			out = append(out, decimal128.FromI64(n))
		}
		return out
	}
	for _, c := range []struct {
		rule string
		arr  arrow.Array
		want arrow.DataType
		text string
	}{
		{"1 byte", of[int64](i64, all, -128, 127), i8, "[-128 127]"},
		{"2 bytes from above", of[int64](i64, all, 0, 128), i16, "[0 128]"},
		{"2 bytes from below", of[int64](i64, all, 0, -129), i16, "[0 -129]"},
		{"2 bytes", of[int64](i64, all, -32768, 32767), i16, "[-32768 32767]"},
		{"4 bytes from above", of[int64](i64, all, 0, 32768), i32, "[0 32768]"},
		{"4 bytes from below", of[int64](i64, all, 0, -32769), i32, "[0 -32769]"},
		{"4 bytes", of[int64](i64, all, math.MinInt32, math.MaxInt32), i32, "[-2147483648 2147483647]"},
		{"8 bytes from above", of[int64](i64, all, 0, math.MaxInt32+1), i64, "[0 2147483648]"},
		{"8 bytes from below", of[int64](i64, all, 0, math.MinInt32-1), i64, "[0 -2147483649]"},
		{"8 bytes", of[int64](i64, all, math.MinInt64, math.MaxInt64), i64, "[-9223372036854775808 9223372036854775807]"},
		{"4 bytes in 1", of[int32](i32, all, -128, 127), i8, "[-128 127]"},
		{"4 bytes in 2", of[int32](i32, all, -128, 128), i16, "[-128 128]"},
		{"4 bytes in 4", of[int32](i32, all, math.MinInt32, 0), i32, "[-2147483648 0]"},
		{"2 bytes in 1", of[int16](i16, all, -1, 0), i8, "[-1 0]"},
		{"2 bytes in 2", of[int16](i16, all, math.MinInt16, 0), i16, "[-32768 0]"},
		{"1 byte in 1", of[int8](i8, all, math.MinInt8, 0), i8, "[-128 0]"},
		{"unsigned, 1 byte", of[uint64](u64, all, 0, 255), u8, "[0 255]"},
		{"unsigned, 2 bytes from", of[uint64](u64, all, 0, 256), u16, "[0 256]"},
		{"unsigned, 2 bytes", of[uint64](u64, all, 0, 65535), u16, "[0 65535]"},
		{"unsigned, 4 bytes from", of[uint64](u64, all, 0, 65536), u32, "[0 65536]"},
		{"unsigned, 4 bytes", of[uint64](u64, all, 0, math.MaxUint32), u32, "[0 4294967295]"},
		{"unsigned, 8 bytes from", of[uint64](u64, all, 0, math.MaxUint32+1), u64, "[0 4294967296]"},
		{"unsigned, 8 bytes", of[uint64](u64, all, 0, math.MaxUint64), u64, "[0 18446744073709551615]"},
		{"unsigned, 4 bytes in 1", of[uint32](u32, all, 0, 255), u8, "[0 255]"},
		{"unsigned, 4 bytes in 4", of[uint32](u32, all, 0, math.MaxUint32), u32, "[0 4294967295]"},
		{"unsigned, 2 bytes in 1", of[uint16](u16, all, 0, 255), u8, "[0 255]"},
		{"dates before 2059", of[arrow.Date32](date, all, -1, 32767), i16, "[-1 32767]"},
		{"dates after", of[arrow.Date32](date, all, 0, 32768), date, "[1970-01-01 2059-09-19]"},
		{"decimals, 1 byte", of[decimal.Decimal32](small, all, -128, 127), i8, "[-128 127]"},
		{"decimals, 4 bytes in 4", of[decimal.Decimal32](small, all, 0, 999999999), small, "[0 9999999.99]"},
		{"decimals, 8 bytes in 4", of[decimal.Decimal64](large, all, 0, math.MinInt32), i32, "[0 -2147483648]"},
		{"decimals, 8 bytes in 8", of[decimal.Decimal64](large, all, 0, -999999999999999999), large, "[0 -9999999999999999.99]"},
		{"decimals, 16 bytes in 2", of(wide, all, huge(-32768, 32767)...), i16, "[-32768 32767]"},
		{"decimals, 16 bytes in 8", of(wide, all, huge(0, -999999999999999999)...), large, "[0 -9999999999999999.99]"},
		{"decimals of 19 digits", of(widest, all, huge(0, 1)...), widest, "[0 1]"},
		{"behind a null stands 0", of[int64](i64, 0b101, -5, math.MaxInt64, 7), i8, "[-5 (null) 7]"},
		{"behind a null of 8 bytes too", of[int64](i64, 0b101, math.MinInt64, 99, 7), i64, "[-9223372036854775808 (null) 7]"},
		{"behind a null of 16 bytes too", of(widest, 0b101, huge(1, 99, 7)...), widest, "[1 (null) 7]"},
		{"behind a null may stand too many digits", of[decimal.Decimal32](small, 0b101, 1, 1000000000, 7), i8, "[1 (null) 7]"},
		{"behind a null may stand too many high digits", of(wide, 0b101, decimal128.FromI64(1), decimal128.New(1, 0), decimal128.FromI64(7)), i8, "[1 (null) 7]"},
		{"only nulls", of[int64](i64, 0, math.MaxInt64, math.MinInt64), i8, "[(null) (null)]"},
		{"nothing", of[int64](i64, 0), i8, "[]"},
		{"what is sliced off does not count", array.NewSlice(of[int64](i64, 0b11010, math.MaxInt64, 3, math.MaxInt64, -3, math.MinInt64), 1, 4), i8, "[3 (null) -3]"},
		{"floating point stays", of[float64](arrow.PrimitiveTypes.Float64, all, 1, 2), arrow.PrimitiveTypes.Float64, "[1 2]"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := column(t, c.arr)
			if !arrow.TypeEqual(got.DataType(), c.want) || got.String() != c.text {
				t.Errorf("WriteColumn(%v) wrote %v %v, want %v %s", c.arr, got.DataType(), got, c.want, c.text)
			}
			width := got.DataType().(arrow.FixedWidthDataType).Bytes()
			for i := range got.Len() {
				behind := got.Data().Buffers()[1].Bytes()[i*width : (i+1)*width]
				if got.IsNull(i) && slices.Max(behind) != 0 {
					t.Errorf("WriteColumn(%v) left %x behind a null", c.arr, behind)
				}
			}
		})
	}
}

// listOf returns one list of all values, structOf structs of one field each.
func listOf(values arrow.Array) arrow.Array {
	offsets := memory.NewBufferBytes(arrow.Int32Traits.CastToBytes([]int32{0, int32(values.Len())}))
	return array.NewListData(array.NewData(arrow.ListOf(values.DataType()), 1, []*memory.Buffer{nil, offsets}, []arrow.ArrayData{values.Data()}, 0, 0))
}

func structOf(values arrow.Array) arrow.Array {
	s, err := array.NewStructArray([]arrow.Array{values}, []string{"v"})
	if err != nil {
		panic(err)
	}
	return s
}

func TestDecimalsOfFewEnoughDigitsAreWritten(t *testing.T) {
	values := of(&arrow.Decimal128Type{Precision: 4}, 0xFF, decimal128.FromI64(-9999), decimal128.FromI64(9999))
	for _, arr := range []arrow.Array{values, listOf(values), structOf(values), listOf(structOf(values))} {
		if err := wire.WriteColumn(&bytes.Buffer{}, arr); err != nil {
			t.Errorf("WriteColumn(%v) = %v", arr, err)
		}
	}
}

func TestADecimalOfTooManyDigitsIsNotWritten(t *testing.T) {
	for _, c := range []struct {
		rule string
		arr  arrow.Array
	}{
		{"4 bytes", of[decimal.Decimal32](&arrow.Decimal32Type{Precision: 4}, 0xFF, 0, 10000)},
		{"4 bytes, negative", of[decimal.Decimal32](&arrow.Decimal32Type{Precision: 4}, 0xFF, 0, -10000)},
		{"8 bytes", of[decimal.Decimal64](&arrow.Decimal64Type{Precision: 18}, 0xFF, 1e18)},
		{"8 bytes, the smallest", of[decimal.Decimal64](&arrow.Decimal64Type{Precision: 18}, 0xFF, math.MinInt64)},
		{"16 bytes", of(&arrow.Decimal128Type{Precision: 9}, 0xFF, decimal128.FromI64(-1e9))},
		{"16 bytes, in the high half", of(&arrow.Decimal128Type{Precision: 9}, 0xFF, decimal128.New(1, 0))},
		{"16 bytes, in the sign", of(&arrow.Decimal128Type{Precision: 9}, 0xFF, decimal128.New(-1, 5))},
		{"19 digits", of(&arrow.Decimal128Type{Precision: 19}, 0xFF, decimal128.FromI64(0), decimal128.New(1<<40, 0))},
		{"in a list", listOf(of(&arrow.Decimal128Type{Precision: 4}, 0xFF, decimal128.FromI64(1), decimal128.FromI64(10000)))},
		{"in a list of structs", listOf(structOf(of[decimal.Decimal32](&arrow.Decimal32Type{Precision: 4}, 0xFF, 1, 10000)))},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if err := wire.WriteColumn(&bytes.Buffer{}, c.arr); err == nil {
				t.Errorf("WriteColumn(%v) = nil", c.arr)
			}
		})
	}
}
