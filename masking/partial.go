package masking

import (
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// partial keeps the first and last characters (Unicode code points, so one
// character of a Chinese name is one) and puts Redacted between them, whatever
// the length: 138****1234, 张****.
//
// A window that would leave less than a third of the characters hidden means
// the value is not what the recipe was written for (partial(3,4) fits an
// 11-digit mobile number, not an 8-digit land line, of which it would hide one
// digit): such a value is redacted as a whole, as is one that is not UTF-8.
func partial(first, last int) binder {
	return func(arr arrow.Array) writer {
		a := arr.(*array.String)
		return func(dst []byte, i int) []byte {
			v := a.Value(i)
			n := utf8.RuneCountInString(v)
			if hidden := n - first - last; 3*hidden < n || !utf8.ValidString(v) {
				return append(dst, Redacted...)
			}
			head, tail := 0, len(v)
			for range first {
				_, size := utf8.DecodeRuneInString(v[head:])
				head += size
			}
			for range last {
				_, size := utf8.DecodeLastRuneInString(v[:tail])
				tail -= size
			}
			dst = append(dst, v[:head]...)
			dst = append(dst, Redacted...)
			return append(dst, v[tail:]...)
		}
	}
}
