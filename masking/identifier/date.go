package identifier

// Days are counted from 0000-03-01 in the Gregorian calendar, so that the leap
// day ends a year of theirs: the algorithms of Hinnant, chrono-Compatible
// Low-Level Date Algorithms (2013), for years from 1.

// dayOf returns the number of a day and whether there is such a day.
func dayOf(year, month, day int) (int, bool) {
	if year < 1 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month) {
		return 0, false
	}
	y, m := year, month-3
	if m < 0 {
		y, m = y-1, m+12
	}
	return 365*y + y/4 - y/100 + y/400 + (153*m+2)/5 + day - 1, true
}

func daysOf(year, month int) int {
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		return 29
	}
	return int([...]uint8{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1])
}

// dateOf is the inverse of dayOf.
func dateOf(n int) (year, month, day int) {
	const cycle = 146097 // days of 400 years
	era, d := n/cycle, n%cycle
	y := (d - d/1460 + d/36524 - d/146096) / 365
	d -= 365*y + y/4 - y/100
	m := (5*d + 2) / 153
	day = d - (153*m+2)/5 + 1
	year, month = era*400+y, m+3
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, day
}
