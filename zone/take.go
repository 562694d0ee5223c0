package zone

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/internal/raw"
)

// take returns the given rows of arr, which has a type that chunks may have.
// (The selection kernels of arrow/compute would do, but that package links a
// Parquet reader into the gate.)
func take(alloc memory.Allocator, arr arrow.Array, rows []int32) (arrow.Array, error) {
	switch a := arr.(type) {
	case *array.Dictionary:
		indices, err := take(alloc, a.Indices(), rows)
		if err != nil {
			return nil, err
		}
		defer indices.Release()
		return array.NewDictionaryArray(a.DataType(), indices, a.Dictionary()), nil
	case *array.String:
		return pick(array.NewStringBuilder(alloc), a, a.Value, rows), nil
	case *array.Int64:
		return pick(array.NewInt64Builder(alloc), a, a.Value, rows), nil
	case *array.Float64:
		return pick(array.NewFloat64Builder(alloc), a, a.Value, rows), nil
	case *array.Boolean:
		return pick(array.NewBooleanBuilder(alloc), a, a.Value, rows), nil
	case *array.Date32:
		return pick(array.NewDate32Builder(alloc), a, a.Value, rows), nil
	case *array.Timestamp:
		return pick(array.NewTimestampBuilder(alloc, a.DataType().(*arrow.TimestampType)), a, a.Value, rows), nil
	case *array.Decimal128:
		return pick(array.NewDecimal128Builder(alloc, a.DataType().(*arrow.Decimal128Type)), a, a.Value, rows), nil
	case *array.Uint32:
		return pick(array.NewUint32Builder(alloc), a, a.Value, rows), nil
	case *array.Uint16:
		return pick(array.NewUint16Builder(alloc), a, a.Value, rows), nil
	}
	return nil, fmt.Errorf("zone: take rows of %s: %w", arr.DataType(), ErrProjection)
}

// pick builds the array of the given rows of a, and releases the builder.
func pick[T any](b interface {
	array.Builder
	Append(T)
}, a arrow.Array, value func(int) T, rows []int32) arrow.Array {
	defer b.Release()
	b.Reserve(len(rows))
	for _, i := range rows {
		if a.IsNull(int(i)) {
			b.AppendNull()
		} else {
			b.Append(value(int(i)))
		}
	}
	return b.NewArray()
}

// constants returns the constants of a condition as an array of the column's
// catalogue type, or an error wrapping ErrProjection if one does not parse.
func constants(alloc memory.Allocator, columnType string, in []string) (arrow.Array, error) {
	t, err := raw.Type(columnType)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProjection, err)
	}
	b := array.NewBuilder(alloc, t)
	defer b.Release()
	for i, text := range in {
		if s, ok := b.(*array.StringBuilder); ok {
			s.Append(text) // AppendValueFromString would take "(null)" for a null
			continue
		}
		if err := b.AppendValueFromString(text); err != nil || b.NullN() > 0 {
			return nil, fmt.Errorf("constant %d is not of type %s: %w", i, columnType, ErrProjection)
		}
	}
	return b.NewArray(), nil
}
