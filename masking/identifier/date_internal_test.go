package identifier

import (
	"testing"
	"time"
)

// Every date from 1800 to 2999, by package time; and those that do not exist.
func TestDaysAreThoseOfPackageTime(t *testing.T) {
	first, _ := dayOf(1800, 1, 1)
	n := first
	for day := time.Date(1800, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 3000; day = day.AddDate(0, 0, 1) {
		y, m, d := day.Date()
		if got, ok := dayOf(y, int(m), d); got != n || !ok {
			t.Fatalf("dayOf(%v) = %d, %v, want %d", day, got, ok, n)
		}
		if gy, gm, gd := dateOf(n); gy != y || gm != int(m) || gd != d {
			t.Fatalf("dateOf(%d) = %d-%d-%d, want %v", n, gy, gm, gd, day)
		}
		n++
	}
	for y := range 3001 {
		for m := range 14 {
			for d := range 33 {
				at := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
				want := y > 0 && at.Year() == y && int(at.Month()) == m && at.Day() == d
				if _, ok := dayOf(y, m, d); ok != want {
					t.Fatalf("dayOf(%d, %d, %d) says %v", y, m, d, ok)
				}
			}
		}
	}
}
