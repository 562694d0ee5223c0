package masking

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// date generalizes a date or timestamp to its month (2024-05) or year (2024)
// in the proleptic Gregorian calendar, as DuckDB counts. A year outside 1 to
// 9999 has no four-digit form and is redacted.
func date(part string) binder {
	write := func(dst []byte, t time.Time) []byte {
		year, month, _ := t.Date()
		if year < 1 || year > 9999 {
			return append(dst, Redacted...)
		}
		dst = append(dst, digit(year/1000), digit(year/100), digit(year/10), digit(year))
		if part == "year" {
			return dst
		}
		return append(dst, '-', digit(int(month)/10), digit(int(month)))
	}
	return func(arr arrow.Array) writer {
		switch a := arr.(type) {
		case *array.Date32:
			return func(dst []byte, i int) []byte { return write(dst, time.Unix(int64(a.Value(i))*86400, 0).UTC()) }
		case *array.Timestamp:
			return func(dst []byte, i int) []byte { return write(dst, time.UnixMicro(int64(a.Value(i))).UTC()) }
		}
		panic("masking: date bound to " + arr.DataType().Name())
	}
}

// digit returns the last decimal digit of n.
func digit(n int) byte { return '0' + byte(n%10) }
