package masking

import "unicode/utf8"

// Plain appends text to dst in the form in which two texts are held to be the same
// value, however they are set: letters in lower case, full-width characters as
// those of ASCII, no blanks, no hyphens and nothing that has no width. Signs that
// masks put in the place of characters stay.
func Plain(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c <= ' ', c == '-', c == 0x7F:
			case c-'A' < 26:
				dst = append(dst, c|0x20)
			default:
				dst = append(dst, c)
			}
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r >= 0xFF01 && r <= 0xFF5E: // full width
			var folded [1]byte
			folded[0] = byte(r - 0xFEE0)
			dst = Plain(dst, folded[:])
		case r == 0x3000, r == 0xA0, r >= 0x2000 && r <= 0x2015, r == 0x202F, r == 0x2060, r == 0xFEFF, r == 0x2212: // blanks, hyphens, no width
		default:
			dst = append(dst, text[i:i+size]...)
		}
		i += size
	}
	return dst
}
