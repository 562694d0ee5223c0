// Package calendar counts working days in mainland China: the days from Monday to
// Friday without the holidays the State Council announces each year, and with
// the weekend days it makes working days in exchange (调休上班).
//
// The announcements are data, one file a year (holidays/*.json); a [Table] holds
// those it was given and nothing else. It guarantees that a result which rests on
// a day of a year without a file says so: such a day is taken for what its
// weekday makes it, and the result is provisional and names the year.
// Announcements of one year may reach into the last days of the year before
// (2018-12-29, a Saturday, was a working day of the 2019 table), so the days from
// December 25 on need the next year's file too.
//
// A day is a civil day of Asia/Shanghai, eight hours ahead of UTC the whole year
// round since 1991. It keeps no state and reads no clock.
//
// Read [Table.Add] first.
package calendar

import (
	"fmt"
	"slices"
	"time"
)

// Layout is how a day is written, as package time has it.
const Layout = time.DateOnly

// shanghai is Asia/Shanghai without a time zone database: no summer time since 1991.
var shanghai = time.FixedZone("CST", 8*60*60)

// farthest is the largest number of working days that is counted, some four
// years: a larger one is a mistake, not a term of a law.
const farthest = 1000

// lastDays is the day of December from which the next year's table is needed too.
const lastDays = 25

// Day is a civil day, written 2006-01-02; days order as their texts do.
type Day string

// DayOf returns the day of Asia/Shanghai that t falls on.
func DayOf(t time.Time) Day { return Day(t.In(shanghai).Format(Layout)) }

// Parse reads a day. It returns an error if s is not one.
func Parse(s string) (Day, error) {
	if _, err := time.Parse(Layout, s); err != nil {
		return "", fmt.Errorf("calendar: read day: not of the form %s", Layout)
	}
	return Day(s), nil
}

// Start returns the first instant of d in Asia/Shanghai, the zero time if d is no day.
func (d Day) Start() time.Time {
	t, err := time.ParseInLocation(Layout, string(d), shanghai)
	if err != nil {
		return time.Time{}
	}
	return t
}

// End returns the first instant after d: what is due on d is late from then on.
func (d Day) End() time.Time { return d.next(1).Start() }

// next returns the day n days after d.
func (d Day) next(n int) Day {
	return Day(d.Start().AddDate(0, 0, n).Format(Layout))
}

// Table tells working days from others. It is immutable and safe for concurrent
// use; another announcement is another Table.
type Table struct {
	years   []int
	days    map[Day]bool // of announcements: whether that day is worked
	version string
}

// Due is a day reached by counting.
type Due struct {
	Day     Day
	Missing []int // the years whose tables it would take to be sure, in order
}

// Provisional reports whether the day rests on a year without a table.
func (d Due) Provisional() bool { return len(d.Missing) > 0 }

// Span is a number of working days between two days.
type Span struct {
	Days    int
	Missing []int // as of Due
}

// Provisional reports whether the number rests on a year without a table.
func (s Span) Provisional() bool { return len(s.Missing) > 0 }

// Version returns what the table was read from, the first 16 hex digits of a
// SHA-256: two tables of one version count alike.
func (t *Table) Version() string { return t.version }

// Years returns the years the table has announcements for, in order.
func (t *Table) Years() []int { return slices.Clone(t.years) }

// Working reports whether d is a working day, and the years without a table that
// the answer would take to be sure.
//
// It returns an error if d is not a day.
func (t *Table) Working(d Day) (bool, []int, error) {
	if _, err := Parse(string(d)); err != nil {
		return false, nil, err
	}
	missing := map[int]bool{}
	worked := t.worked(d, missing)
	return worked, sorted(missing), nil
}

// Add returns the n-th working day after receipt. The day of receipt itself is
// not counted, whether or not it is a working day (Civil Code art. 201); with n
// 0 the day is that of receipt.
//
// It returns an error if receipt is not a day or n is not from 0 to 1000.
func (t *Table) Add(receipt Day, n int) (Due, error) {
	if _, err := Parse(string(receipt)); err != nil {
		return Due{}, err
	}
	if n < 0 || n > farthest {
		return Due{}, fmt.Errorf("calendar: add %d working days: must be from 0 to %d", n, farthest)
	}
	missing := map[int]bool{}
	d := receipt
	for n > 0 {
		d = d.next(1)
		if t.worked(d, missing) {
			n--
		}
	}
	return Due{Day: d, Missing: sorted(missing)}, nil
}

// Between returns how many working days follow a up to b, b included: what is
// left on a of a term that ends on b. It is negative when b lies before a: the
// working days by which a term that ended on b has been exceeded on a.
//
// It returns an error if either is not a day or they lie more than ten years apart.
func (t *Table) Between(a, b Day) (Span, error) {
	for _, d := range []Day{a, b} {
		if _, err := Parse(string(d)); err != nil {
			return Span{}, err
		}
	}
	if b < a {
		s, err := t.Between(b, a)
		s.Days = -s.Days
		return s, err
	}
	if b.Start().Sub(a.Start()) > 3660*24*time.Hour {
		return Span{}, fmt.Errorf("calendar: count working days: days lie more than ten years apart")
	}
	missing := map[int]bool{}
	days := 0
	for d := a; d < b; {
		d = d.next(1)
		if t.worked(d, missing) {
			days++
		}
	}
	return Span{Days: days, Missing: sorted(missing)}, nil
}

// worked reports whether d is a working day, and notes in missing the years
// without a table that could make it otherwise.
func (t *Table) worked(d Day, missing map[int]bool) bool {
	at := d.Start()
	needed := []int{at.Year()}
	if at.Month() == time.December && at.Day() >= lastDays {
		needed = append(needed, at.Year()+1)
	}
	for _, year := range needed {
		if !slices.Contains(t.years, year) {
			missing[year] = true
		}
	}
	if worked, announced := t.days[d]; announced {
		return worked
	}
	return at.Weekday() != time.Saturday && at.Weekday() != time.Sunday
}

// sorted returns the years of a set in order, nil if there are none.
func sorted(set map[int]bool) []int {
	var years []int
	for y := range set {
		years = append(years, y)
	}
	slices.Sort(years)
	return years
}
