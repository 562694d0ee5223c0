package zone

import (
	"bytes"
	"cmp"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// An extent finds the bounds of arrays of one type, taken together. Its zero value
// has seen none.
type extent struct {
	bounds
	found bool
	none  bool // some value has no place in the order
}

// add takes the values of arr. Of a dictionary every entry counts.
func (e *extent) add(arr arrow.Array) {
	if dict, ok := arr.(*array.Dictionary); ok {
		arr = dict.Dictionary()
	}
	key := sortKey(arr)
	if key == nil {
		e.none = true
	}
	if e.none {
		return
	}
	least, greatest, placed := ends(arr)
	if !placed {
		e.none = true
	}
	if e.none || least < 0 {
		return
	}
	var scratch [16]byte
	if k := key(scratch[:0], least); !e.found || bytes.Compare(k, e.Min) < 0 {
		e.Min = append(e.Min[:0], k...)
	}
	if k := key(scratch[:0], greatest); !e.found || bytes.Compare(k, e.Max) > 0 {
		e.Max = append(e.Max[:0], k...)
	}
	e.found = true
}

// known returns the bounds, or nil if there are no values, one without a place, or
// bounds that are too long.
func (e *extent) known() *bounds {
	if e.none || !e.found || len(e.Min) > boundsLimit || len(e.Max) > boundsLimit {
		return nil
	}
	return &e.bounds
}

// ends returns where the least and the greatest value of arr stand, -1 if it has
// none, in the order of sortKey. It reports false if some value has no place.
func ends(arr arrow.Array) (least, greatest int, placed bool) {
	switch a := arr.(type) {
	case *array.Int64:
		least, greatest = endsOf(a, a.Int64Values())
	case *array.Date32:
		least, greatest = endsOf(a, a.Date32Values())
	case *array.Timestamp:
		least, greatest = endsOf(a, a.TimestampValues())
	case *array.Float64:
		for i, v := range a.Float64Values() {
			if v != v && a.IsValid(i) {
				return -1, -1, false
			}
		}
		least, greatest = endsOf(a, a.Float64Values())
	case *array.String:
		least, greatest = endsBy(a, a.Value, func(v, w string) bool { return v < w })
	case *array.Decimal128:
		least, greatest = endsBy(a, a.Value, decimal128.Num.Less)
	default:
		return -1, -1, false
	}
	return least, greatest, true
}

func endsOf[T cmp.Ordered](arr arrow.Array, values []T) (least, greatest int) {
	least, greatest = -1, -1
	nulls := arr.NullN() > 0
	var low, high T
	for i, v := range values {
		if nulls && arr.IsNull(i) {
			continue
		}
		if least < 0 {
			least, low, greatest, high = i, v, i, v
		}
		if v < low {
			least, low = i, v
		}
		if v > high {
			greatest, high = i, v
		}
	}
	return least, greatest
}

// endsBy is endsOf of values that are no slice or have no operator.
func endsBy[T any](arr arrow.Array, value func(int) T, less func(v, w T) bool) (least, greatest int) {
	least, greatest = -1, -1
	var low, high T
	for i := range arr.Len() {
		if arr.IsNull(i) {
			continue
		}
		v := value(i)
		if least < 0 || less(v, low) {
			least, low = i, v
		}
		if greatest < 0 || less(high, v) {
			greatest, high = i, v
		}
	}
	return least, greatest
}
