package effect

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// codes stand for the values of a column: equal values have equal codes, from 0
// on in the order of their first rows.
type codes struct {
	of       []int32
	distinct int
}

// null is the code of a null.
const null = -1

func columnCodes(record arrow.RecordBatch, i int) (codes, error) {
	if i < 0 || i >= int(record.NumCols()) {
		return codes{}, fmt.Errorf("effect: column %d: %w", i, ErrColumn)
	}
	c, err := encode(record.Column(i))
	if err != nil {
		return codes{}, fmt.Errorf("effect: column %d: %w", i, err)
	}
	return c, nil
}

// encode gives the values of an array codes.
func encode(arr arrow.Array) (codes, error) {
	switch a := arr.(type) {
	case *array.Dictionary:
		values, err := encode(a.Dictionary()) // which may hold a value twice
		if err != nil {
			return codes{}, err
		}
		return number(a, func(i int) int32 { return values.of[a.GetValueIndex(i)] }), nil
	case interface{ Value(int) string }:
		return number(arr, a.Value), nil
	case interface{ Value(int) []byte }:
		return number(arr, func(i int) string { return string(a.Value(i)) }), nil
	case *array.Float64:
		return number(a, func(i int) uint64 { return math.Float64bits(a.Value(i)) }), nil
	case *array.Float32:
		return number(a, func(i int) uint32 { return math.Float32bits(a.Value(i)) }), nil
	case *array.Boolean:
		return number(a, a.Value), nil
	case *array.Int8:
		return number(a, a.Value), nil
	case *array.Int16:
		return number(a, a.Value), nil
	case *array.Int32:
		return number(a, a.Value), nil
	case *array.Int64:
		return number(a, a.Value), nil
	case *array.Uint8:
		return number(a, a.Value), nil
	case *array.Uint16:
		return number(a, a.Value), nil
	case *array.Uint32:
		return number(a, a.Value), nil
	case *array.Uint64:
		return number(a, a.Value), nil
	case *array.Date32:
		return number(a, a.Value), nil
	case *array.Date64:
		return number(a, a.Value), nil
	case *array.Timestamp:
		return number(a, a.Value), nil
	case *array.Decimal128:
		return number(a, a.Value), nil
	}
	return codes{}, fmt.Errorf("%s: %w", arr.DataType(), ErrType)
}

func number[T comparable](arr arrow.Array, value func(int) T) codes {
	c := codes{of: make([]int32, arr.Len())}
	seen := map[T]int32{}
	for i := range c.of {
		if arr.IsNull(i) {
			c.of[i] = null
			continue
		}
		v := value(i)
		code, ok := seen[v]
		if !ok {
			code = int32(len(seen))
			seen[v] = code
		}
		c.of[i] = code
	}
	c.distinct = len(seen)
	// A null in a dictionary is a null.
	if d, ok := arr.(*array.Dictionary); ok && d.Dictionary().NullN() > 0 {
		for i := range c.of {
			if c.of[i] != null && d.Dictionary().IsNull(d.GetValueIndex(i)) {
				c.of[i] = null
			}
		}
	}
	return c
}
