package worker

import (
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

func parseInt(s string) (int64, bool) {
	v, err := strconv.ParseInt(s, 10, 64)
	return v, err == nil
}

// parseFloat takes decimal notation only: no hexadecimal, no infinities, no NaN.
func parseFloat(s string) (float64, bool) {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '.', c == '-', c == '+', c == 'e', c == 'E':
		default:
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// parseDouble takes what parseFloat takes, but for whole numbers that no float64 is,
// such as most identity numbers, and for numbers so small that they would be 0.
func parseDouble(s string) (float64, bool) {
	v, ok := parseFloat(s)
	if !ok || v != 0 && len(s) <= maxExactDigits {
		return v, ok
	}
	if v == 0 {
		mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
		return v, strings.Trim(mantissa, "+-.0") == ""
	}
	if strings.ContainsAny(s, ".eE") {
		return v, true
	}
	digits := strings.TrimLeft(s, "+-0")
	return v, strings.TrimPrefix(strconv.FormatFloat(v, 'f', 0, 64), "-") == digits
}

func parseBool(s string) (bool, bool) {
	switch strings.ToLower(s) {
	case "true", "t", "1":
		return true, true
	case "false", "f", "0":
		return false, true
	}
	return false, false
}

// parseDate takes YYYY-MM-DD.
func parseDate(s string) (arrow.Date32, bool) {
	if len(s) != len(time.DateOnly) || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	century, ok1 := twoDigits(s)
	year, ok2 := twoDigits(s[2:])
	month, ok3 := twoDigits(s[5:])
	day, ok4 := twoDigits(s[8:])
	if year += 100 * century; !ok1 || !ok2 || !ok3 || !ok4 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month) {
		return 0, false
	}
	return arrow.Date32(daysSince1970(year, month, day)), true
}

// parseTimestamp takes YYYY-MM-DD hh:mm:ss, with a T or a space between, and up
// to six digits of a second.
func parseTimestamp(s string) (arrow.Timestamp, bool) {
	if len(s) < len(time.DateTime) || len(s) > len(time.DateTime)+7 || len(s) == len(time.DateTime)+1 ||
		s[10] != ' ' && s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	date, ok := parseDate(s[:10])
	hour, ok1 := twoDigits(s[11:])
	minute, ok2 := twoDigits(s[14:])
	second, ok3 := twoDigits(s[17:])
	if !ok || !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	micros := 0
	if fraction := s[len(time.DateTime):]; fraction != "" {
		if fraction[0] != '.' {
			return 0, false
		}
		for i := 1; i <= 6; i++ {
			digit := byte('0')
			if i < len(fraction) {
				digit = fraction[i]
			}
			if digit < '0' || digit > '9' {
				return 0, false
			}
			micros = 10*micros + int(digit-'0')
		}
	}
	return arrow.Timestamp(((int64(date)*24+int64(hour))*60+int64(minute))*60+int64(second))*1e6 + arrow.Timestamp(micros), true
}

// twoDigits reads the number that s, two bytes at least, begins with.
func twoDigits(s string) (int, bool) {
	tens, ones := s[0]-'0', s[1]-'0'
	return 10*int(tens) + int(ones), tens <= 9 && ones <= 9
}

func daysOf(year, month int) int {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4, month == 6, month == 9, month == 11:
		return 30
	}
	return 31
}

// daysSince1970 counts in eras of 400 years that begin on 1 March (Hinnant,
// chrono-Compatible Low-Level Date Algorithms, days_from_civil). year is not
// negative.
func daysSince1970(year, month, day int) int {
	if month <= 2 {
		year, month = year-1, month+12
	}
	year += 400 // of which 719468 and an era begin before 1970
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468 - 146097
}

// decimalParser takes numbers that fit DECIMAL(precision,scale) exactly.
func decimalParser(precision, scale int) func(string) (decimal128.Num, bool) {
	return func(s string) (decimal128.Num, bool) {
		if v, ok := shortDecimal(s, precision, scale); ok {
			return decimal128.FromI64(v), true
		}
		whole, fraction, _ := strings.Cut(strings.TrimLeft(s, "+-"), ".")
		if len(s)-len(strings.TrimLeft(s, "+-")) > 1 || len(fraction) > scale || whole+fraction == "" ||
			strings.Trim(whole+fraction, "0123456789") != "" {
			return decimal128.Num{}, false
		}
		digits := strings.TrimLeft(whole+fraction, "0") + strings.Repeat("0", scale-len(fraction))
		if digits = strings.TrimLeft(digits, "0"); len(digits) > precision {
			return decimal128.Num{}, false
		}
		var v decimal128.Num
		if len(digits) <= 18 {
			n, _ := strconv.ParseInt("0"+digits, 10, 64)
			v = decimal128.FromI64(n)
		} else {
			n, _ := new(big.Int).SetString(digits, 10)
			v = decimal128.FromBigInt(n)
		}
		if s[0] == '-' {
			v = v.Negate()
		}
		return v, true
	}
}

// shortDecimal is decimalParser of a value of at most 18 digits, scaled. It reports
// false for every other, also for what is no number.
func shortDecimal(s string, precision, scale int) (v int64, ok bool) {
	rest := s
	if s != "" && (s[0] == '-' || s[0] == '+') {
		rest = s[1:]
	}
	digits, fraction, point := 0, 0, false
	for i := range len(rest) {
		switch c := rest[i]; {
		case c >= '0' && c <= '9' && digits < 18:
			v = 10*v + int64(c-'0')
			digits++
			if point {
				fraction++
			}
		case c == '.' && !point:
			point = true
		default:
			return 0, false
		}
	}
	if digits == 0 || fraction > scale || digits+scale-fraction > min(precision, 18) {
		return 0, false
	}
	for range scale - fraction {
		v *= 10
	}
	if s[0] == '-' {
		v = -v
	}
	return v, true
}

// isoTime writes a moment, a day since 1970 and milliseconds in it, as parseDate
// and parseTimestamp take it.
func isoTime(days, millis int64, date bool) string {
	t := time.UnixMilli(days*86400_000 + millis).UTC()
	if date {
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02 15:04:05.000")
}
