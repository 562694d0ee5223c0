package masking

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

func family(t arrow.DataType) string {
	switch t.ID() {
	case arrow.STRING:
		return "string"
	case arrow.INT64, arrow.DECIMAL128:
		return "number"
	case arrow.FLOAT64:
		return "float"
	case arrow.BOOL:
		return "bool"
	case arrow.DATE32:
		return "date"
	case arrow.TIMESTAMP:
		return "timestamp"
	}
	panic("masking: no canonical bytes for " + t.Name())
}

func hasCanonical(t arrow.DataType) bool {
	return isText(t) || isNumber(t) || isTime(t) || t.ID() == arrow.BOOL
}

// canonicalReader is reader for the canonical bytes of the values of arr.
func canonicalReader(arr arrow.Array) func(w *work, b block) span {
	if isText(arr.DataType()) {
		return reader(arr)
	}
	canonical := Canonical(arr)
	var scratch [48]byte // the longest number: sign, 39 digits, point
	return func(w *work, b block) span {
		return gather(w, b, func(row int) []byte { return canonical(scratch[:0], row) })
	}
}

// Canonical returns the function that gives the canonical bytes of value i of
// arr, which must be of a catalogue type and not null at i. The function may
// use scratch or return bytes of arr itself: the result is read-only and valid
// until scratch is used again or arr is released.
func Canonical(arr arrow.Array) func(scratch []byte, i int) []byte {
	switch a := arr.(type) {
	case *array.String:
		return func(_ []byte, i int) []byte {
			return view(a.Value(i))
		}
	case *array.Int64:
		return func(s []byte, i int) []byte { return strconv.AppendInt(s, a.Value(i), 10) }
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		return func(s []byte, i int) []byte { return appendDecimal(s, a.Value(i), scale) }
	case *array.Float64:
		return func(s []byte, i int) []byte {
			v := a.Value(i)
			switch {
			case v == 0:
				v = 0 // -0 compares equal to 0
			case v != v:
				v = math.NaN()
			}
			return binary.BigEndian.AppendUint64(s, math.Float64bits(v))
		}
	case *array.Boolean:
		return func(s []byte, i int) []byte {
			if a.Value(i) {
				return append(s, 1)
			}
			return append(s, 0)
		}
	case *array.Date32:
		return func(s []byte, i int) []byte { return binary.BigEndian.AppendUint32(s, uint32(a.Value(i))) }
	case *array.Timestamp:
		return func(s []byte, i int) []byte { return binary.BigEndian.AppendUint64(s, uint64(a.Value(i))) }
	}
	panic("masking: no canonical bytes for " + arr.DataType().Name())
}

// appendDecimal appends v / 10^scale without trailing zeros of the fraction.
func appendDecimal(s []byte, v decimal128.Num, scale int32) []byte {
	hi, lo := uint64(v.HighBits()), v.LowBits()
	negative := v.HighBits() < 0
	if negative {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	var digits [40]byte
	at := len(digits)
	rest, tail := bits.Div64(hi, lo, 1e19) // hi is below 2^63, so the quotient fits
	for tail > 0 || rest > 0 {
		for range 19 {
			at--
			digits[at] = byte('0' + tail%10)
			tail /= 10
			if tail == 0 && rest == 0 {
				break
			}
		}
		rest, tail = 0, rest
	}
	for len(digits)-at <= int(scale) { // a digit before the point
		at--
		digits[at] = '0'
	}
	end, point := len(digits), len(digits)-int(scale)
	for end > point && digits[end-1] == '0' {
		end--
	}
	if negative {
		s = append(s, '-')
	}
	s = append(s, digits[at:point]...)
	if end > point {
		s = append(append(s, '.'), digits[point:end]...)
	}
	return s
}
