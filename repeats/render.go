package repeats

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// render appends the value at row i of col in one form for all types that could
// hold it: a number without leading or trailing zeros, a day as 2006-01-02, a
// moment with a space before its time, a text in small letters and half width without
// white space around it.
// Nothing is appended for a missing value or a type that no delivery has.
func render(dst []byte, col arrow.Array, i int) []byte {
	if col.IsNull(i) {
		return dst
	}
	switch c := col.(type) {
	case *array.String:
		return appendText(dst, c.Value(i))
	case *array.LargeString:
		return appendText(dst, c.Value(i))
	case *array.StringView:
		return appendText(dst, c.Value(i))
	case *array.Int64:
		return strconv.AppendInt(dst, c.Value(i), 10)
	case *array.Int32:
		return strconv.AppendInt(dst, int64(c.Value(i)), 10)
	case *array.Float64:
		return appendText(dst, strconv.FormatFloat(c.Value(i), 'f', -1, 64))
	case *array.Boolean:
		return strconv.AppendBool(dst, c.Value(i))
	case *array.Date32:
		return c.Value(i).ToTime().AppendFormat(dst, time.DateOnly)
	case *array.Timestamp:
		t := c.Value(i).ToTime(c.DataType().(*arrow.TimestampType).Unit)
		if h, m, s := t.Clock(); h+m+s+t.Nanosecond() == 0 {
			return t.AppendFormat(dst, time.DateOnly)
		}
		return t.AppendFormat(dst, "2006-01-02 15:04:05.999999999")
	}
	return appendText(dst, col.ValueStr(i)) // integers of other widths, decimals
}

func appendText(dst []byte, s string) []byte {
	s = plain(strings.TrimSpace(s))
	switch {
	case isNumber(s):
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		if s == "-0" {
			s = "0"
		}
	case len(s) >= 19 && s[4] == '-' && s[7] == '-' && s[10] == 'T':
		return append(append(append(dst, s[:10]...), ' '), s[11:]...)
	case len(s) >= 19 && s[4] == '-' && s[7] == '-' && s[10:] == " 00:00:00":
		s = s[:10]
	}
	return append(dst, s...)
}

// plain returns s in small letters and half width: tokens are as good in capitals, and
// what a form wrote in full width is the same.
func plain(s string) string {
	for i := range len(s) {
		if b := s[i]; b >= 0x80 || 'A' <= b && b <= 'Z' {
			return strings.Map(func(r rune) rune {
				if r >= '\uff01' && r <= '\uff5e' { // full-width forms of ! to ~
					r -= '\uff01' - '!'
				}
				return unicode.ToLower(r)
			}, s)
		}
	}
	return s
}

// isNumber reports whether s is a decimal number, without leading zeros that would
// make it a code.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, part, point := strings.Cut(s, ".")
	if whole == "" || len(whole) > 1 && whole[0] == '0' || point && part == "" {
		return false
	}
	for _, digits := range []string{whole, part} {
		for i := range len(digits) {
			if digits[i] < '0' || digits[i] > '9' {
				return false
			}
		}
	}
	return true
}

// bits is a low estimate of how much a rendered value says: how unlikely it is
// that an unrelated one is the same. Days and short numbers are shared by all
// data; what a mask hid says nothing.
func bits(v []byte) int {
	switch {
	case len(v) == 0:
		return 0
	case len(v) >= 10 && v[4] == '-' && v[7] == '-' && v[0] <= '9':
		return min(10+2*max(0, len(v)-11), 28)
	case bytes.ContainsFunc(v, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != '-' }):
		said := 0
		for _, r := range string(v) {
			switch {
			case r == '*':
			case '0' <= r && r <= '9':
				said += 3
			default:
				said += 4
			}
		}
		return min(said, 64)
	}
	digits := bytes.Trim(bytes.ReplaceAll(bytes.ReplaceAll(v, []byte("."), nil), []byte("-"), nil), "0")
	return min(3*len(digits), 48)
}
