package worker

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Days, moments and decimals are read by hand, for speed: each text is what the
// standard library takes it for, or refused where that refuses it.
func TestValuesAreThoseOfTheStandardLibrary(t *testing.T) {
	for day := time.Date(-1, 12, 1, 0, 0, 0, 0, time.UTC); day.Year() < 10_100; day = day.AddDate(0, 0, 1) {
		s := day.Format(time.DateOnly)
		sameTime(t, s)
		if day.Day() == 28 {
			sameTime(t, s[:8]+"29")
			sameTime(t, s[:8]+"31")
		}
	}
	random := rand.New(rand.NewPCG(7, 7))
	seeds := []string{"2024-02-29", "1970-01-01 00:00:00", "0000-01-01T23:59:59.999999", "9999-12-31 12:30:00.5", "-12.50", "+0.1", "00017.5", ".5", "5.",
		"999999999999999999", "0.000000000000000000", "-0", "12345678901234567890.12"}
	const letters = "0123456789-:. T+,/\x00é"
	for range 200_000 {
		s := []byte(seeds[random.IntN(len(seeds))])
		for range random.IntN(4) {
			switch at := random.IntN(len(s) + 1); random.IntN(3) {
			case 0:
				s = append(s[:at:at], append([]byte{letters[random.IntN(len(letters))]}, s[at:]...)...)
			case 1:
				s = s[:at:at]
			default:
				if at < len(s) {
					s[at] = letters[random.IntN(len(letters))]
				}
			}
		}
		sameTime(t, string(s))
		sameDecimal(t, string(s))
	}
}

func FuzzValues(f *testing.F) {
	for _, s := range []string{"2024-02-30", "2024-02-29 24:00:00", "2024-02-29T23:00:00.1", "-1.5", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sameTime(t, s)
		sameDecimal(t, s)
	})
}

// timeShape is stricter than time.Parse, which takes an hour of one digit, spaces
// before it, a comma before the fraction, and a fraction of any length.
var timeShape = regexp.MustCompile(`^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?$`)

// sameTime compares what s is read as with what the standard library makes of it.
func sameTime(t *testing.T, s string) {
	t.Helper()
	at, err := time.Parse(time.DateOnly, s)
	if day, ok := parseDate(s); ok != (err == nil) || ok && day != arrow.Date32FromTime(at) {
		t.Fatalf("parseDate(%q) = %v, %v, want %v, %v", s, day, ok, at, err)
	}
	at, err = time.Parse(time.DateTime, strings.Replace(s, "T", " ", 1))
	want := err == nil && timeShape.MatchString(s)
	if moment, ok := parseTimestamp(s); ok != want || ok && moment != arrow.Timestamp(at.UnixMicro()) {
		t.Fatalf("parseTimestamp(%q) = %v, %v, want %v, %v", s, moment, ok, at, err)
	}
}

// sameDecimal is sameTime of decimals, for many types.
func sameDecimal(t *testing.T, s string) {
	t.Helper()
	for _, d := range [][2]int{{1, 0}, {6, 2}, {18, 0}, {18, 18}, {20, 2}, {38, 10}} {
		want, fits := exact(s, d[0], d[1])
		got, ok := decimalParser(d[0], d[1])(s)
		if ok != fits || ok && got.BigInt().Cmp(want) != 0 {
			t.Fatalf("DECIMAL(%d,%d) of %q = %v, %v, want %v, %v", d[0], d[1], s, got, ok, want, fits)
		}
	}
}

// exact returns s · 10^scale if s is a decimal number of at most that many digits
// after the point and precision digits in all.
func exact(s string, precision, scale int) (*big.Int, bool) {
	number := strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	if strings.Count(s, "-")+strings.Count(s, "+") > 1 || strings.Trim(number, "0123456789.") != "" || strings.Trim(number, ".") == "" ||
		strings.Count(number, ".") > 1 {
		return nil, false
	}
	r, ok := new(big.Rat).SetString(fmt.Sprintf("%s0", strings.TrimSuffix(s, ".")))
	if !strings.Contains(strings.TrimSuffix(s, "."), ".") {
		r, ok = new(big.Rat).SetString(strings.TrimSuffix(s, "."))
	}
	if _, fraction, _ := strings.Cut(s, "."); !ok || len(fraction) > scale {
		return nil, false
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	return r.Num(), r.IsInt() && new(big.Int).Abs(r.Num()).Cmp(limit) < 0
}
