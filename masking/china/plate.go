package china

import "unicode/utf8"

// plateProvinces are the characters a civil plate starts with, and 使 of
// embassies (GA 36-2018, annex A).
const plateProvinces = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"

// PlateProvince reports whether a plate may start with r.
func PlateProvince(r rune) bool {
	for _, p := range plateProvinces {
		if p == r {
			return true
		}
	}
	return false
}

// Plate reports whether s is a vehicle license plate (GA 36-2018): a province,
// the letter of the issuing office, then five digits and letters, of which the
// last may be one of 学警港澳挂领试超, or six of a new-energy vehicle, where
// the first (small) or the last (large) is one of A to K for the kind of drive.
// There is no I and no O in the number. One of ·, space, - and full stop may
// follow the letter.
func Plate[T Text](s T) bool {
	if len(s) < 4 || len(s) > 16 {
		return false
	}
	var buf [16]byte
	b := append(buf[:0], s...)
	r, size := utf8.DecodeRune(b)
	if !PlateProvince(r) {
		return false
	}
	if b = b[size:]; len(b) == 0 || !letter(b[0]) {
		return false
	}
	b = b[1:]
	if n := PlateSeparator(b); n < len(b) {
		b = b[n:]
	}
	switch r, size := utf8.DecodeLastRune(b); {
	case size == 3:
		return len(b) == 7 && plateEnd(r) && plateCharacters(b[:4])
	case len(b) == 5:
		return plateCharacters(b)
	case len(b) == 6:
		small := upper(b[0])-'A' < 11 && plateCharacters(b[:2]) && digits(b[2:])
		large := digits(b[:5]) && upper(b[5])-'A' < 11
		return (small || large) && plateCharacters(b)
	}
	return false
}

// PlateSeparator returns the width of the sign between a plate's letter and its
// number that s starts with, or 0.
func PlateSeparator[T Text](s T) int {
	switch {
	case len(s) == 0:
	case s[0] == '.' || s[0] == '-' || s[0] == ' ':
		return 1
	case len(s) > 1 && s[0] == 0xC2 && s[1] == 0xB7: // U+00B7
		return 2
	case len(s) > 2 && s[0] == 0xE2 && s[1] == 0x80 && s[2] == 0xA2: // U+2022
		return 3
	}
	return 0
}

func plateEnd(r rune) bool {
	for _, e := range "学警港澳挂领试超" {
		if e == r {
			return true
		}
	}
	return false
}

// plateCharacters reports whether b holds digits and letters but I and O, and
// no more than three letters: numbers drawn or chosen have two or fewer, three
// are allowed since 2018 in some cities.
func plateCharacters(b []byte) bool {
	letters := 0
	for _, c := range b {
		switch {
		case c-'0' <= 9:
		case letter(c) && upper(c) != 'I' && upper(c) != 'O':
			letters++
		default:
			return false
		}
	}
	return letters <= 3
}
