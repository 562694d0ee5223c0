package worker

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonDigits returns the number at in[at], by the grammar of RFC 8259 §6.
func jsonDigits(in []byte, at int) ([]byte, int, error) {
	start := at
	digits := func() bool {
		from := at
		for at < len(in) && '0' <= in[at] && in[at] <= '9' {
			at++
		}
		return at > from
	}
	is := func(set string) bool { return at < len(in) && bytes.IndexByte([]byte(set), in[at]) >= 0 }
	if is("-") {
		at++
	}
	first := at
	ok := digits() && (in[first] != '0' || at == first+1)
	if ok && is(".") {
		at++
		ok = digits()
	}
	if ok && is("eE") {
		at++
		if is("+-") {
			at++
		}
		ok = digits()
	}
	switch {
	case at == len(in):
		return nil, 0, errMore // an object ends with a brace, not with a digit
	case !ok:
		return nil, 0, faulted("format")
	}
	return in[start:at], at, nil
}

// jsonText returns the characters of the string at in[at] and where it ends. It
// does not change in.
func jsonText(in []byte, at int) ([]byte, int, error) {
	if in[at] != '"' {
		return nil, 0, faulted("format")
	}
	at++
	start := at
	var joined []byte
	for ; ; at++ {
		switch {
		case at == len(in):
			return nil, 0, errMore
		case in[at] < ' ':
			return nil, 0, faulted("format")
		case in[at] == '"':
			if joined == nil {
				return in[start:at], at + 1, nil
			}
			return append(joined, in[start:at]...), at + 1, nil
		case in[at] == '\\':
			joined = append(joined, in[start:at]...)
			c, n, err := jsonEscape(in[at:])
			if err != nil {
				return nil, 0, err
			}
			joined = utf8.AppendRune(joined, c)
			at += n - 1
			start = at + 1
		}
	}
}

// jsonEscape returns the character of the escape in starts with and its length.
func jsonEscape(in []byte) (rune, int, error) {
	if len(in) < 2 {
		return 0, 0, errMore
	}
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), in[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2, nil
	}
	c, err := jsonUnit(in)
	if err != nil || !utf16.IsSurrogate(c) {
		return c, 6, err
	}
	low, err := jsonUnit(in[6:])
	if err != nil && err != errMore {
		err = faulted("encoding")
	}
	if c = utf16.DecodeRune(c, low); err == nil && c == utf8.RuneError {
		err = faulted("encoding")
	}
	return c, 12, err
}

// jsonUnit returns the UTF-16 unit of \uXXXX.
func jsonUnit(in []byte) (rune, error) {
	var unit rune
	for i := range 6 {
		if i == len(in) {
			return 0, errMore
		}
		c := in[i]
		switch {
		case i == 0 && c == '\\', i == 1 && c == 'u':
		case i > 1 && '0' <= c && c <= '9':
			unit = unit<<4 | rune(c-'0')
		case i > 1 && 'a' <= c|0x20 && c|0x20 <= 'f':
			unit = unit<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, faulted("format")
		}
	}
	return unit, nil
}
