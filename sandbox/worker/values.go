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
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
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
	if len(s) != len(time.DateOnly) {
		return 0, false
	}
	t, err := time.Parse(time.DateOnly, s)
	return arrow.Date32(t.Unix() / 86400), err == nil && t.Unix()%86400 == 0
}

// parseTimestamp takes YYYY-MM-DD hh:mm:ss, with a T or a space between, and up
// to six digits of a second.
func parseTimestamp(s string) (arrow.Timestamp, bool) {
	if len(s) < len(time.DateTime) || len(s) > len(time.DateTime)+7 || len(s) == len(time.DateTime)+1 {
		return 0, false
	}
	layout := time.DateTime
	if s[10] == 'T' {
		layout = "2006-01-02T15:04:05"
	}
	if len(s) > len(time.DateTime) && s[len(time.DateTime)] != '.' {
		return 0, false
	}
	t, err := time.Parse(layout, s) // takes a fraction after the seconds
	return arrow.Timestamp(t.UnixMicro()), err == nil
}

// decimalParser takes numbers that fit DECIMAL(precision,scale) exactly.
func decimalParser(precision, scale int) func(string) (decimal128.Num, bool) {
	return func(s string) (decimal128.Num, bool) {
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

// isoTime writes a moment, a day since 1970 and milliseconds in it, as parseDate
// and parseTimestamp take it.
func isoTime(days, millis int64, date bool) string {
	t := time.UnixMilli(days*86400_000 + millis).UTC()
	if date {
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02 15:04:05.000")
}
