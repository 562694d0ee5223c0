package quality

import (
	"maps"
	"slices"
	"strings"
	"time"

	"zonebox/masking/china"
)

// A reason says why a value is not what a validator wants; fine is none.
type reason uint8

const (
	fine     reason = iota
	form            // length or characters
	check           // check character
	calendar        // no day of the calendar
	future          // a day that has not come
	region          // a region code that GB/T 2260 never had
	obsolete        // a region code that is no longer in force
	list            // not one of the values allowed
	below           // under the minimum
	above           // over the maximum
	orphan          // not in the dataset referred to
	reasonEnd
)

var reasonNames = [reasonEnd]string{"", "form", "check", "calendar", "future", "region", "obsolete", "list", "below", "above", "orphan"}

// A validator judges text that is not null. today is the last day that a
// birthday may fall on, as a number like 20261122.
type validator func(text string, today int) reason

var validators = map[string]validator{
	"resident_id":          residentID,
	"credit_code":          creditCode,
	"organization_code":    organizationCode,
	"mobile":               mobile,
	"landline":             landline,
	"bank_card":            bankCard,
	"region_code":          regionCode,
	"region_code_in_force": regionInForce,
	"date":                 dateForm,
	"datetime":             timeForm,
}

// Validators lists the built-in validators by name:
//
//	resident_id           GB 11643: 18 characters, a region that GB/T 2260 has or had,
//	                      a birthday that has come, the check character
//	credit_code           GB 32100: 18 characters, a known kind, a known province, the check character
//	organization_code     GB 11714: 9 characters, or 10 with the hyphen
//	mobile                11 digits from 13 to 19, also after +86, 86 or 0086
//	landline              area code and number, digits or with one hyphen between
//	bank_card             12 to 19 digits with the check digit of ISO/IEC 7812
//	region_code           six digits that GB/T 2260 has or had, 1980 to 2023
//	region_code_in_force  six digits that it has (as of 2023)
//	date                  GB/T 7408: a whole date of calendar, ordinal or week form
//	datetime              a calendar date of that form, T, and a time of day, with or without a zone
func Validators() []string { return slices.Sorted(maps.Keys(validators)) }

func residentID(s string, today int) reason {
	id, ok := china.ReadIdentity(s)
	switch {
	case len(s) != 18:
		return form
	case !ok && allDigits(s[:17]):
		if last := s[17]; last != 'X' && last != 'x' && last-'0' > 9 {
			return form
		}
		return calendar
	case !ok:
		return form
	case !china.IdentityChecks(s):
		return check
	case id.Year*10000+id.Month*100+id.Day > today:
		return future
	case !china.KnownRegion(id.Region):
		return region
	}
	return fine
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}

func creditCode(s string, _ int) reason {
	if _, ok := china.ReadCredit(s); !ok {
		return form
	}
	if _, ok := china.ParseCredit(s); !ok {
		return check
	}
	return fine
}

func organizationCode(s string, _ int) reason {
	var plain [9]byte
	if len(s) == 10 && s[8] == '-' {
		copy(plain[:8], s[:8])
		plain[8] = s[9]
		s = string(plain[:])
	}
	if len(s) != 9 || china.OrganizationCheck(s[:8]) == 0 {
		return form
	}
	if !china.OrganizationChecks(s) {
		return check
	}
	return fine
}

func mobile(s string, _ int) reason {
	if !china.Mobile(s[china.MobilePrefix(s):]) && !china.Mobile(s) {
		return form
	}
	return fine
}

func landline(s string, _ int) reason {
	if n := china.AreaCode(s); n > 0 && n < len(s) && s[n] == '-' {
		s = s[:n] + s[n+1:]
	}
	if !china.Landline(s) {
		return form
	}
	return fine
}

// bankCard wants the check digit of ISO/IEC 7812-1, annex B (Luhn).
func bankCard(s string, _ int) reason {
	if len(s) < 12 || len(s) > 19 || !allDigits(s) {
		return form
	}
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
			d = d/10 + d%10
		}
		sum += d
	}
	if sum%10 != 0 {
		return check
	}
	return fine
}

func regionCode(s string, _ int) reason {
	if len(s) != 6 || !allDigits(s) {
		return form
	}
	if !china.KnownRegion(digitsOf(s)) {
		return region
	}
	return fine
}

func regionInForce(s string, today int) reason {
	if why := regionCode(s, today); why != fine {
		return why
	}
	if r, ok := china.Lookup(digitsOf(s)); !ok || r.To != 0 {
		return obsolete
	}
	return fine
}

// digitsOf returns the number that ASCII digits write.
func digitsOf(s string) int {
	n := 0
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// dateForm takes whole dates as GB/T 7408 (ISO 8601) writes them, basic and
// extended: 20261122 and 2026-11-22, 2026326 and 2026-326 (day of the year),
// 2026W477 and 2026-W47-7 (week and weekday).
func dateForm(s string, _ int) reason {
	switch {
	case len(s) == 8 && allDigits(s):
		return dayOf(s[:4], s[4:6], s[6:])
	case len(s) == 10 && s[4] == '-' && s[7] == '-' && allDigits(s[:4]) && allDigits(s[5:7]) && allDigits(s[8:]):
		return dayOf(s[:4], s[5:7], s[8:])
	case len(s) == 7 && allDigits(s):
		return ordinal(s[:4], s[4:])
	case len(s) == 8 && s[4] == '-' && allDigits(s[:4]) && allDigits(s[5:]):
		return ordinal(s[:4], s[5:])
	case len(s) == 8 && s[4] == 'W' && allDigits(s[:4]) && allDigits(s[5:]):
		return weekday(s[:4], s[5:7], s[7:])
	case len(s) == 10 && s[4] == '-' && s[5] == 'W' && s[8] == '-' && allDigits(s[:4]) && allDigits(s[6:8]) && allDigits(s[9:]):
		return weekday(s[:4], s[6:8], s[9:])
	}
	return form
}

func dayOf(year, month, day string) reason {
	y, m, d := digitsOf(year), digitsOf(month), digitsOf(day)
	if m < 1 || m > 12 || d < 1 || d > time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		return calendar
	}
	return fine
}

func ordinal(year, day string) reason {
	if d := digitsOf(day); d < 1 || d > time.Date(digitsOf(year), 12, 31, 0, 0, 0, 0, time.UTC).YearDay() {
		return calendar
	}
	return fine
}

// weekday takes the weeks of a year that has them: the 28th of December is
// always in the last.
func weekday(year, week, day string) reason {
	_, last := time.Date(digitsOf(year), 12, 28, 0, 0, 0, 0, time.UTC).ISOWeek()
	if w, d := digitsOf(week), digitsOf(day); w < 1 || w > last || d < 1 || d > 7 {
		return calendar
	}
	return fine
}

// timeForm takes a calendar date and a time of day, both basic or both extended,
// joined by T: 2026-11-22T18:19:00+08:00, 20261122T181900Z. Seconds and a
// fraction of them may be left out; 24:00:00 is the end of a day.
func timeForm(s string, today int) reason {
	extended := len(s) > 10 && s[10] == 'T'
	split := 8
	if extended {
		split = 10
	}
	if len(s) <= split || s[split] != 'T' || extended && s[4] != '-' {
		return form
	}
	if len(s) > split+40 {
		return form
	}
	if why := dateForm(s[:split], today); why != fine {
		return why
	}
	if extended && s[5] == 'W' || !extended && !allDigits(s[:split]) {
		return form
	}
	return clock(s[split+1:], extended)
}

// clock takes hh:mm[:ss[.f…]] with Z or an offset, or without.
func clock(s string, extended bool) reason {
	width := 2
	if extended {
		width = 3
	}
	field := func(sep byte) (int, bool) {
		if extended && sep != 0 {
			if len(s) < width || s[0] != sep {
				return 0, false
			}
			s = s[1:]
		}
		if len(s) < 2 || !allDigits(s[:2]) {
			return 0, false
		}
		n := digitsOf(s[:2])
		s = s[2:]
		return n, true
	}
	h, okH := field(0)
	m, okM := field(':')
	if !okH || !okM {
		return form
	}
	sec, fraction := 0, ""
	if s != "" && (extended && s[0] == ':' || !extended && s[0]-'0' <= 9) {
		var ok bool
		if sec, ok = field(':'); !ok {
			return form
		}
		if s != "" && (s[0] == '.' || s[0] == ',') {
			n := 1
			for n < len(s) && s[n]-'0' <= 9 {
				n++
			}
			if fraction = s[1:n]; fraction == "" {
				return form
			}
			s = s[n:]
		}
	}
	end := h == 24 && m == 0 && sec == 0 && allZero(fraction)
	if m > 59 || sec > 60 || h > 23 && !end {
		return calendar
	}
	switch {
	case s == "" || s == "Z":
		return fine
	case s[0] == '+' || s[0] == '-':
		s = s[1:]
		oh, okH := field(0)
		om := 0
		if s != "" {
			var okM bool
			if om, okM = field(':'); !okM {
				return form
			}
		}
		if !okH || s != "" {
			return form
		}
		if oh > 14 || om > 59 {
			return calendar
		}
		return fine
	}
	return form
}

func allZero(s string) bool { return strings.Trim(s, "0") == "" }
