package china

// Mobile reports whether s is a mobile number of the mainland: eleven digits,
// the first 1, the second 3 to 9. The table of prefixes in use changes every
// year, and validators that carry one refuse numbers that people have.
//
// Of random eleven digits 7 in 100 pass.
func Mobile[T Text](s T) bool {
	return len(s) == 11 && s[0] == '1' && s[1]-'3' < 7 && digits(s)
}

// MobilePrefix returns the length of a country code before a mobile number: of
// 86, +86 or 0086, or 0 if s does not start with one.
func MobilePrefix[T Text](s T) int {
	switch {
	case len(s) >= 4 && s[0] == '0' && s[1] == '0' && s[2] == '8' && s[3] == '6':
		return 4
	case len(s) >= 3 && s[0] == '+' && s[1] == '8' && s[2] == '6':
		return 3
	case len(s) >= 2 && s[0] == '8' && s[1] == '6':
		return 2
	}
	return 0
}

// Landline reports whether s is the number of a fixed line with its area code,
// digits only: 0, then 10 or 2x and eight digits, or 3xx to 9xx and seven or
// eight. The subscriber's number starts with 2 to 8 (1 and 9 are services).
func Landline[T Text](s T) bool {
	if len(s) < 11 || len(s) > 12 || s[0] != '0' || !digits(s) {
		return false
	}
	n := AreaCode(s)
	local := len(s) - n
	return n > 0 && (n == 3 && local == 8 || n == 4 && (local == 7 || local == 8)) && s[n]-'2' < 7
}

// AreaCode returns the length of the area code that the digits s start with: 3
// for 010 and 02x, 4 for others, 0 if there is none.
func AreaCode[T Text](s T) int {
	switch {
	case len(s) < 3 || s[0] != '0':
		return 0
	case s[1] == '1' && s[2] == '0', s[1] == '2' && s[2]-'0' < 10 && s[2] != '6':
		return 3
	case len(s) >= 4 && s[1]-'3' < 7:
		return 4
	}
	return 0
}
