// Package china tells Chinese identifiers from text that looks like them, and
// takes them apart: resident identity numbers (GB 11643), unified social credit
// codes (GB 32100), organization codes (GB 11714), telephone numbers, bank
// cards, license plates, passports and travel permits, e-mail and network
// addresses, names of people, and postal addresses down to the county by the
// region codes of GB/T 2260 of today and of every edition since 1980.
//
// Every function takes the text as string or []byte, looks at the span as a
// whole (nothing before or after it is accepted) and allocates nothing. All but
// the region table, which is read from the embedded file at its first use and
// never changes, are pure; all are safe for concurrent use.
//
// What a positive answer means: the form is right and every check that the
// number itself allows is passed. It never means that the number was issued.
// Read ParseIdentity first.
package china

// Text is what identifiers are read from.
type Text interface{ ~string | ~[]byte }

// digits reports whether s is ASCII digits only. It is true of the empty text.
func digits[T Text](s T) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}

// number returns the value of the ASCII digits s, which must not exceed 18.
func number[T Text](s T) int {
	n := 0
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func letter(c byte) bool { return upper(c)-'A' < 26 }

func upper(c byte) byte {
	if c-'a' < 26 {
		return c - 'a' + 'A'
	}
	return c
}

// Normal appends s to dst in the form the checks of this package want: letters,
// digits and signs of the full-width block (U+FF01 to U+FF5E) as ASCII, the
// ideographic space as a space, everything else as it is. Bytes that are not
// UTF-8 are kept.
//
// Identifiers typed with a Chinese input method come in this block: １１０１０５….
func Normal[T Text](dst []byte, s T) []byte {
	for i := 0; i < len(s); {
		if c, size := Fold(s, i); size > 0 {
			dst = append(dst, c)
			i += size
			continue
		}
		dst = append(dst, s[i])
		i++
	}
	return dst
}

// Fold returns the ASCII character that stands at s[i:] and its width in bytes:
// 1, or 3 if it is written in the full-width block or is the ideographic space.
// It returns 0, 0 if there is none.
func Fold[T Text](s T, i int) (c byte, size int) {
	switch b := s[i]; {
	case b < 0x80:
		return b, 1
	case b == 0xEF && i+2 < len(s):
		switch m, l := s[i+1], s[i+2]; {
		case m == 0xBC && l-0x81 < 0x3F: // U+FF01 to U+FF3F
			return l - 0x80 + 0x20, 3
		case m == 0xBD && l-0x80 < 0x1F: // U+FF40 to U+FF5E
			return l - 0x80 + 0x60, 3
		}
	case b == 0xE3 && i+2 < len(s) && s[i+1] == 0x80 && s[i+2] == 0x80:
		return ' ', 3
	}
	return 0, 0
}
