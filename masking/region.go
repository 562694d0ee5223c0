package masking

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// region generalizes an administrative division code to its first digits, the
// rest becoming 0, which is the code of the division above (GB/T 2260: 320106
// is a district, 320100 its city, 320000 the province).
//
// A value must be 6, 9 or 12 ASCII digits (county; township and village of
// GB/T 10114 and the statistics bureau) and longer than digits; any other is
// redacted as a whole.
func region(digits int) binder {
	return func(arr arrow.Array) writer {
		a := arr.(*array.String)
		return func(dst []byte, i int) []byte {
			v := a.Value(i)
			if len(v) != 6 && len(v) != 9 && len(v) != 12 || digits >= len(v) {
				return append(dst, Redacted...)
			}
			for j := range len(v) {
				if v[j] < '0' || v[j] > '9' {
					return append(dst, Redacted...)
				}
			}
			dst = append(dst, v[:digits]...)
			for range len(v) - digits {
				dst = append(dst, '0')
			}
			return dst
		}
	}
}
