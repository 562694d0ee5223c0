package china

// Passport reports whether s has the form of a passport number of the People's
// Republic: E or G and eight digits, E, a letter but I and O, and seven digits
// (since 2012), D, S or P for diplomatic, service and public-affairs passports
// with an optional E and seven digits, or 14 or 15 and seven digits (until
// 2007). The numbers have no check character that the number itself shows (that
// of ICAO 9303 stands beside it).
func Passport[T Text](s T) bool {
	if len(s) != 8 && len(s) != 9 {
		return false
	}
	first := upper(s[0])
	switch {
	case len(s) == 8:
		return (first == 'D' || first == 'S' || first == 'P') && digits(s[1:])
	case !digits(s[2:]):
		return false
	case first == '1':
		return s[1] == '4' || s[1] == '5'
	case s[1]-'0' <= 9:
		return first == 'E' || first == 'G'
	}
	second := upper(s[1])
	return first == 'E' && letter(second) && second != 'I' && second != 'O' ||
		(first == 'D' || first == 'S' || first == 'P') && second == 'E'
}

// Permit reports whether s has the form of a travel permit: for residents going
// to Hong Kong and Macao (C and eight digits or C, a letter and seven; W and
// eight until 2014) or to Taiwan (L or T and eight), or for residents of Hong
// Kong and Macao coming home (H or M and eight digits, or ten with the number
// of the reissue). The eight bare digits of permits for Taiwan's residents are
// not told from other numbers and not accepted.
func Permit[T Text](s T) bool {
	if len(s) != 9 && len(s) != 11 {
		return false
	}
	first := upper(s[0])
	if first == 'H' || first == 'M' {
		return digits(s[1:])
	}
	if len(s) == 11 {
		return false
	}
	switch first {
	case 'C':
		return digits(s[2:]) && (s[1]-'0' <= 9 || letter(s[1]))
	case 'W', 'L', 'T':
		return digits(s[1:])
	}
	return false
}
