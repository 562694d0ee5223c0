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
	layout := "2006-01"
	if part == "year" {
		layout = "2006"
	}
	write := func(dst []byte, t time.Time) []byte {
		if t.Year() < 1 || t.Year() > 9999 {
			return append(dst, Redacted...)
		}
		return t.AppendFormat(dst, layout)
	}
	return func(arr arrow.Array) writer {
		switch a := arr.(type) {
		case *array.Date32:
			return func(dst []byte, i int) []byte { return write(dst, a.Value(i).ToTime()) }
		case *array.Timestamp:
			return func(dst []byte, i int) []byte { return write(dst, time.UnixMicro(int64(a.Value(i))).UTC()) }
		}
		panic("masking: date bound to " + arr.DataType().Name())
	}
}
