package worker

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/sandbox/internal/wire"
)

// Cells of tests are nil, bool, int64, uint64, float64, string, *big.Int, the
// parts of an interval, or slices of cells: a list's elements, a struct's fields,
// a map's keys and values by turns.

type span struct{ months, days, micros int64 }

// someCell returns a random value of typ, sometimes null.
func someCell(r *rand.Rand, typ wire.Type, depth int) any {
	if r.IntN(6) == 0 {
		return nil
	}
	return value(r, typ, depth)
}

var words = []string{"", "a", "abcd", "abcde", "twelve bytes", "thirteen byte", "李", "南京市鼓楼区", "中华人民共和国江苏省", "'\"\\\n", "prefix-one-long", "prefix-two-long"}

func text(r *rand.Rand) string {
	switch r.IntN(8) {
	case 0:
		return strings.Repeat("x", r.IntN(40))
	case 1:
		return strings.Repeat("汉", r.IntN(9))
	case 2:
		if r.IntN(40) == 0 {
			return strings.Repeat("long ", 100+r.IntN(2000))
		}
	}
	return words[r.IntN(len(words))]
}

// integer returns edges of bits-wide numbers as often as others.
func integer(r *rand.Rand, bits int) int64 {
	edge := int64(1) << (bits - 1)
	switch r.IntN(4) {
	case 0:
		return []int64{-edge, edge - 1, 0, -1, 1}[r.IntN(5)]
	case 1:
		return int64(r.IntN(7)) - 3
	}
	return int64(r.Uint64()) >> (64 - bits)
}

func value(r *rand.Rand, typ wire.Type, depth int) any {
	switch typ.ID {
	case "BOOLEAN":
		return r.IntN(2) == 0
	case "TINYINT":
		return integer(r, 8)
	case "SMALLINT":
		return integer(r, 16)
	case "INTEGER":
		return integer(r, 32)
	case "BIGINT":
		return integer(r, 64)
	case "UTINYINT":
		return uint64(integer(r, 8) & math.MaxUint8)
	case "USMALLINT":
		return uint64(integer(r, 16) & math.MaxUint16)
	case "UINTEGER":
		return uint64(integer(r, 32) & math.MaxUint32)
	case "UBIGINT":
		return uint64(integer(r, 64))
	case "HUGEINT":
		return digits(r, 38)
	case "DECIMAL":
		return digits(r, int(typ.Precision))
	case "FLOAT":
		return float64(float32(float(r)))
	case "DOUBLE":
		return float(r)
	case "VARCHAR":
		return text(r)
	case "BLOB":
		b := make([]byte, r.IntN(30))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	case "UUID":
		b := make([]byte, 16)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	case "DATE":
		return int64(r.IntN(80000)) - 40000
	case "TIME":
		return r.Int64N(86400_000000)
	case "TIMESTAMP_S":
		return r.Int64N(8e9) - 4e9
	case "TIMESTAMP_MS":
		return r.Int64N(8e12) - 4e12
	case "TIMESTAMP", "TIMESTAMP WITH TIME ZONE":
		return r.Int64N(8e15) - 4e15
	case "TIMESTAMP_NS":
		return r.Int64N(8e18) - 4e18
	case "INTERVAL":
		return span{int64(r.IntN(50) - 25), int64(r.IntN(50) - 25), r.Int64N(2e12) - 1e12}
	case "LIST":
		return cells(r, typ.Elem[0], r.IntN(5), depth)
	case "ARRAY":
		return cells(r, typ.Elem[0], typ.Size, depth)
	case "STRUCT":
		var out []any
		for _, e := range typ.Elem {
			out = append(out, someCell(r, e, depth+1))
		}
		return out
	case "MAP":
		var out []any
		seen := map[any]bool{}
		for range r.IntN(4) {
			k := value(r, typ.Elem[0], depth+1)
			if !seen[k] {
				seen[k] = true
				out = append(out, k, someCell(r, typ.Elem[1], depth+1))
			}
		}
		return out
	}
	panic(typ.ID)
}

func cells(r *rand.Rand, typ wire.Type, n, depth int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = someCell(r, typ, depth+1)
	}
	return out
}

// digits returns a number of up to n decimal digits.
func digits(r *rand.Rand, n int) *big.Int {
	var s strings.Builder
	for range 1 + r.IntN(n) {
		s.WriteByte(byte('0' + r.IntN(10)))
	}
	v, _ := new(big.Int).SetString(s.String(), 10)
	if r.IntN(2) == 0 {
		v.Neg(v)
	}
	return v
}

func float(r *rand.Rand) float64 {
	switch r.IntN(12) {
	case 0:
		return math.NaN()
	case 1:
		return math.Inf(1)
	case 2:
		return math.Inf(-1)
	case 3:
		return math.Copysign(0, -1)
	}
	return r.NormFloat64() * math.Pow(10, float64(r.IntN(30)))
}

// literal writes a cell in SQL.
func literal(typ wire.Type, c any) string {
	if c == nil {
		return "NULL"
	}
	switch typ.ID {
	case "FLOAT":
		return "'" + strconv.FormatFloat(c.(float64), 'g', -1, 32) + "'::FLOAT"
	case "DOUBLE":
		return "'" + strconv.FormatFloat(c.(float64), 'g', -1, 64) + "'::DOUBLE"
	case "VARCHAR":
		return "'" + strings.ReplaceAll(c.(string), "'", "''") + "'"
	case "BLOB":
		return "unhex('" + hex.EncodeToString([]byte(c.(string))) + "')"
	case "UUID":
		h := hex.EncodeToString([]byte(c.(string)))
		return fmt.Sprintf("'%s-%s-%s-%s-%s'::UUID", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
	case "DATE":
		return fmt.Sprintf("DATE '1970-01-01' + (%d)", c)
	case "TIME":
		us := c.(int64)
		return fmt.Sprintf("TIME '%02d:%02d:%02d.%06d'", us/3600e6, us/60e6%60, us/1e6%60, us%1e6)
	case "TIMESTAMP":
		return fmt.Sprintf("make_timestamp(%d)", c)
	case "TIMESTAMP WITH TIME ZONE":
		return fmt.Sprintf("make_timestamp(%d)::TIMESTAMP WITH TIME ZONE", c)
	case "TIMESTAMP_S":
		return fmt.Sprintf("make_timestamp(%d000000)::TIMESTAMP_S", c)
	case "TIMESTAMP_MS":
		return fmt.Sprintf("make_timestamp(%d000)::TIMESTAMP_MS", c)
	case "TIMESTAMP_NS":
		return fmt.Sprintf("make_timestamp_ns(%d)", c)
	case "INTERVAL":
		s := c.(span)
		return fmt.Sprintf("to_months(%d) + to_days(%d) + to_microseconds(%d)", s.months, s.days, s.micros)
	case "HUGEINT":
		return c.(*big.Int).String() + "::HUGEINT"
	case "DECIMAL":
		v := c.(*big.Int)
		s := fmt.Sprintf("%0*s", int(typ.Scale)+1, new(big.Int).Abs(v).String())
		s = s[:len(s)-int(typ.Scale)] + "." + s[len(s)-int(typ.Scale):]
		if v.Sign() < 0 {
			s = "-" + s
		}
		return "'" + s + "'::" + typ.String()
	case "LIST", "ARRAY":
		return "[" + literals(typ.Elem[0], c.([]any)) + "]::" + typ.String()
	case "STRUCT":
		parts := make([]string, len(typ.Elem))
		for i, e := range typ.Elem {
			parts[i] = "'" + typ.Names[i] + "': " + literal(e, c.([]any)[i])
		}
		return "{" + strings.Join(parts, ", ") + "}::" + typ.String()
	case "MAP":
		var keys, values []any
		for i, x := range c.([]any) {
			if i%2 == 0 {
				keys = append(keys, x)
			} else {
				values = append(values, x)
			}
		}
		return "MAP([" + literals(typ.Elem[0], keys) + "], [" + literals(typ.Elem[1], values) + "])::" + typ.String()
	}
	return fmt.Sprint(c)
}

func literals(typ wire.Type, cells []any) string {
	parts := make([]string, len(cells))
	for i, c := range cells {
		parts[i] = literal(typ, c)
	}
	return strings.Join(parts, ", ")
}

// build makes an Arrow array of cells.
func build(r *rand.Rand, mem memory.Allocator, dt arrow.DataType, cells []any) arrow.Array {
	if d, ok := dt.(*arrow.DictionaryType); ok {
		return buildCodes(r, mem, d, cells)
	}
	b := array.NewBuilder(mem, dt)
	defer b.Release()
	for _, c := range cells {
		appendCell(b, c)
	}
	return b.NewArray()
}

// buildCodes makes a dictionary in which nulls are half null indices and half
// indices of a null.
func buildCodes(r *rand.Rand, mem memory.Allocator, dt *arrow.DictionaryType, cells []any) arrow.Array {
	entries := []any{nil}
	at := map[string]int{}
	index := array.NewBuilder(mem, dt.IndexType)
	defer index.Release()
	for _, c := range cells {
		s, ok := c.(string)
		if !ok && r.IntN(2) == 0 {
			index.AppendNull()
			continue
		}
		code := 0
		if ok {
			if code = at[s]; code == 0 {
				code = len(entries)
				at[s], entries = code, append(entries, s)
			}
		}
		switch b := index.(type) {
		case *array.Int8Builder:
			b.Append(int8(code))
		case *array.Uint8Builder:
			b.Append(uint8(code))
		case *array.Int16Builder:
			b.Append(int16(code))
		case *array.Uint16Builder:
			b.Append(uint16(code))
		case *array.Int32Builder:
			b.Append(int32(code))
		case *array.Uint32Builder:
			b.Append(uint32(code))
		case *array.Int64Builder:
			b.Append(int64(code))
		case *array.Uint64Builder:
			b.Append(uint64(code))
		}
	}
	codes := index.NewArray()
	defer codes.Release()
	values := build(r, mem, dt.ValueType, entries)
	defer values.Release()
	return array.NewDictionaryArray(dt, codes, values)
}

func appendCell(b array.Builder, c any) {
	if c == nil {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(c.(bool))
	case *array.Int8Builder:
		b.Append(int8(c.(int64)))
	case *array.Int16Builder:
		b.Append(int16(c.(int64)))
	case *array.Int32Builder:
		b.Append(int32(c.(int64)))
	case *array.Int64Builder:
		b.Append(c.(int64))
	case *array.Uint8Builder:
		b.Append(uint8(c.(uint64)))
	case *array.Uint16Builder:
		b.Append(uint16(c.(uint64)))
	case *array.Uint32Builder:
		b.Append(uint32(c.(uint64)))
	case *array.Uint64Builder:
		b.Append(c.(uint64))
	case *array.Float32Builder:
		b.Append(float32(c.(float64)))
	case *array.Float64Builder:
		b.Append(c.(float64))
	case *array.StringBuilder:
		b.Append(c.(string))
	case *array.LargeStringBuilder:
		b.Append(c.(string))
	case *array.StringViewBuilder:
		b.Append(c.(string))
	case *array.BinaryBuilder:
		b.Append([]byte(c.(string)))
	case *array.BinaryViewBuilder:
		b.Append([]byte(c.(string)))
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte(c.(string)))
	case *array.Date32Builder:
		b.Append(arrow.Date32(c.(int64)))
	case *array.Time64Builder:
		b.Append(arrow.Time64(c.(int64)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(c.(int64)))
	case *array.MonthDayNanoIntervalBuilder:
		s := c.(span)
		b.Append(arrow.MonthDayNanoInterval{Months: int32(s.months), Days: int32(s.days), Nanoseconds: s.micros * 1000})
	case *array.Decimal32Builder:
		b.Append(decimal.Decimal32(c.(*big.Int).Int64()))
	case *array.Decimal64Builder:
		b.Append(decimal.Decimal64(c.(*big.Int).Int64()))
	case *array.Decimal128Builder:
		b.Append(decimal128.FromBigInt(c.(*big.Int)))
	case *array.MapBuilder:
		b.Append(true)
		for i, x := range c.([]any) {
			if i%2 == 0 {
				appendCell(b.KeyBuilder(), x)
			} else {
				appendCell(b.ItemBuilder(), x)
			}
		}
	case *array.StructBuilder:
		b.Append(true)
		for i, x := range c.([]any) {
			appendCell(b.FieldBuilder(i), x)
		}
	case array.ListLikeBuilder:
		b.Append(true)
		for _, x := range c.([]any) {
			appendCell(b.ValueBuilder(), x)
		}
	default:
		panic(b.Type())
	}
}
