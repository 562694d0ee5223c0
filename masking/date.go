package masking

import (
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

const dateParts = "decade year quarter month week day"

// date generalizes a date or timestamp to its decade (1990s), year (2024),
// quarter (2024-Q2), month (2024-05), week (2024-W18, ISO 8601) or, of a
// timestamp, day (2024-05-01) in the proleptic Gregorian calendar, as DuckDB
// counts. A year outside 1 to 9999 has no four-digit form and is redacted.
func date(part string) binder {
	const perDay = int64(24 * time.Hour / time.Microsecond)
	return func(arr arrow.Array) fill {
		switch a := arr.(type) {
		case *array.Date32:
			all := a.Date32Values()
			return func(w *work, b block, out *text) {
				dst := out.room(b.values() * len("2024-05-01"))
				for i, d := range pick(b, all, w.days[:]) {
					dst = appendPart(dst, part, int64(d), out, i)
				}
				out.took(dst)
			}
		case *array.Timestamp:
			all := a.TimestampValues()
			return func(w *work, b block, out *text) {
				dst := out.room(b.values() * len("2024-05-01"))
				for i, us := range pick(b, all, w.times[:]) {
					dst = appendPart(dst, part, (int64(us)-mod(int64(us), perDay))/perDay, out, i)
				}
				out.took(dst)
			}
		}
		panic("masking: date bound to " + arr.DataType().Name())
	}
}

// appendPart appends the part of a day, which counts from 1970-01-01.
func appendPart(dst []byte, part string, day int64, out *text, i int) []byte {
	const first, last = -719162, 2932896 // 0001-01-01 and 9999-12-31
	if day < first || day > last {
		dst = out.redact(dst, i)
		out.ends[i] = int32(len(dst))
		return dst
	}
	year, month, dom := civil(day)
	switch part {
	case "decade":
		dst = append(dst, digit(year/1000), digit(year/100), digit(year/10), '0', 's')
	case "year":
		dst = appendYear(dst, year)
	case "quarter":
		dst = append(appendYear(dst, year), '-', 'Q', digit((month+2)/3))
	case "month":
		dst = append(appendYear(dst, year), '-', digit(month/10), digit(month))
	case "week":
		year, week := time.Unix(day*86400, 0).UTC().ISOWeek()
		if year < 1 || year > 9999 {
			dst = out.redact(dst, i)
			break
		}
		dst = append(appendYear(dst, year), '-', 'W', digit(week/10), digit(week))
	case "day":
		dst = append(appendYear(dst, year), '-', digit(month/10), digit(month), '-', digit(dom/10), digit(dom))
	}
	out.ends[i] = int32(len(dst))
	return dst
}

func appendYear(dst []byte, year int) []byte {
	return append(dst, digit(year/1000), digit(year/100), digit(year/10), digit(year))
}

// civil returns the date of a day of the years 1 to 9999 by the arithmetic of
// H. Hinnant, chrono-Compatible Low-Level Date Algorithms (civil_from_days):
// years begin in March, so that leap days come last.
func civil(day int64) (year, month, dom int) {
	z := day + 719468 // from 0000-03-01
	era := z / 146097
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	dom = int(doy - (153*mp+2)/5 + 1)
	month = int(mp + 3)
	year = int(yoe + era*400)
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, dom
}

// digit returns the last decimal digit of n.
func digit(n int) byte { return '0' + byte(n%10) }

func dateProblem(part string, t arrow.DataType) string {
	switch {
	case !isTime(t):
		return "needs a date or timestamp column"
	case !slices.Contains(strings.Fields(dateParts), part):
		return "part must be one of " + dateParts
	case part == "day" && t.ID() == arrow.DATE32:
		return "a date has no part finer than week: day is for timestamps"
	}
	return ""
}
