package masking

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/masking/china"
)

// displayFields are what display knows, in the order of its table.
const displayFields = "name id phone card address plate email passport uscc ip"

// display shows a field as people in China are used to see it masked. No norm
// says how; these are the common forms, on the hiding side where usage differs:
//
//	name      surname kept, compound ones too, a star for each other character   欧阳**
//	id        the six digits of the region (GB 11643)                            320106************
//	phone     three and four digits of a mobile number                           138****5678
//	card      the last four digits (ISO/IEC 7812)                                ****1234
//	address   the divisions down to the county, as GB/T 2260 names them          江苏省南京市鼓楼区****
//	plate     province and office, and the last character                        苏A****8
//	email     the first character, if there are more, and the domain             z****@example.com
//	passport  the first character and the last two                               E******78
//	uscc      two characters and four of a credit code (GB 32100)                91************00Y4
//	ip        16 bits of an IPv4 and 32 of an IPv6 address                       10.1.*.*
//
// A value that has not the form of its field as package china reads it becomes
// Redacted as a whole. Check characters are not asked for: a number that fails
// its check is still about somebody. Stars tell the length of a name, which
// partial does not.
func display(field string) func(w *work, v span, out *text) {
	show := displays(field)
	return func(_ *work, v span, out *text) {
		dst := out.room(v.size() + v.len()*displayGrowth)
		for i := range v.len() {
			shown, ok := show(dst, v.value(i))
			if !ok {
				shown = out.redact(dst, i)
			}
			dst = shown
			out.ends[i] = int32(len(dst))
		}
		out.took(dst)
	}
}

func displays(field string) func(dst, v []byte) ([]byte, bool) {
	return map[string]func(dst, v []byte) ([]byte, bool){
		"name": showName, "id": showIdentity, "phone": showPhone, "card": showCard, "address": showAddress,
		"plate": showPlate, "email": showEmail, "passport": showPassport, "uscc": showCredit, "ip": showIP,
	}[field]
}

// Display returns one value as the recipe display shows the field, which must be one
// that it knows.
func Display(field, value string) string {
	show := displays(field)
	if show == nil {
		panic("masking: display knows no " + field)
	}
	if shown, ok := show(nil, []byte(value)); ok {
		return string(shown)
	}
	return Redacted
}

// displayGrowth is how many bytes a form may be longer than the value: 2001::
// becomes 2001:0:*:*:*:*:*:*.
const displayGrowth = 32

// keep appends v with a star for each byte but the first and last so many.
func keep(dst, v []byte, first, last int) []byte {
	dst = append(dst, v[:first]...)
	for range len(v) - first - last {
		dst = append(dst, '*')
	}
	return append(dst, v[len(v)-last:]...)
}

func showName(dst, v []byte) ([]byte, bool) {
	n, ok := china.ParseName(v)
	if !ok || n.Surname == 0 {
		return nil, false
	}
	dst = append(dst, v[:n.Surname]...)
	for range n.Rest {
		dst = append(dst, '*')
	}
	return dst, true
}

func showIdentity(dst, v []byte) ([]byte, bool) {
	if _, ok := china.ReadIdentity(v); !ok {
		return nil, false
	}
	return keep(dst, v, 6, 0), true
}

func showPhone(dst, v []byte) ([]byte, bool) {
	if !china.Mobile(v) {
		return nil, false
	}
	return keep(dst, v, 3, 4), true
}

func showCard(dst, v []byte) ([]byte, bool) {
	if china.ReadCard(v) == china.NoScheme {
		return nil, false
	}
	return append(append(dst, Redacted...), v[len(v)-4:]...), true
}

func showAddress(dst, v []byte) ([]byte, bool) {
	a, ok := china.ParseAddress(v)
	if !ok || !a.Full || !utf8.Valid(v) { // the short name of a city may be a street's: 中山路
		return nil, false
	}
	return append(append(dst, v[:a.End]...), Redacted...), true
}

func showPlate(dst, v []byte) ([]byte, bool) {
	if !china.Plate(v) {
		return nil, false
	}
	_, last := utf8.DecodeLastRune(v)
	const head = len("苏A")
	dst = append(dst, v[:head]...)
	number := v[head:]
	number = number[china.PlateSeparator(number):]
	for range utf8.RuneCount(number) - 1 {
		dst = append(dst, '*')
	}
	return append(dst, v[len(v)-last:]...), true
}

func showEmail(dst, v []byte) ([]byte, bool) {
	if !china.Email(v) {
		return nil, false
	}
	at := bytes.IndexByte(v, '@')
	if at > 1 {
		dst = append(dst, v[0])
	}
	return append(append(dst, Redacted...), v[at:]...), true
}

func showPassport(dst, v []byte) ([]byte, bool) {
	if !china.Passport(v) {
		return nil, false
	}
	return keep(dst, v, 1, 2), true
}

func showCredit(dst, v []byte) ([]byte, bool) {
	if _, ok := china.ReadCredit(v); !ok {
		return nil, false
	}
	return keep(dst, v, 2, 4), true
}

func showIP(dst, v []byte) ([]byte, bool) {
	if len(v) == 0 || len(v) > 45 || bytes.IndexByte(v, '%') >= 0 {
		return nil, false
	}
	if china.IPv4(v) {
		second := bytes.IndexByte(v, '.') + 1
		third := second + bytes.IndexByte(v[second:], '.')
		return append(append(dst, v[:third]...), ".*.*"...), true
	}
	if !china.IPv6(v) {
		return nil, false
	}
	ip, err := netip.ParseAddr(unsafe.String(&v[0], len(v))) // a view; the address holds no text without a zone
	if err != nil {
		return nil, false
	}
	b := ip.As16()
	for i := 0; i < 4; i += 2 {
		dst = appendGroup(dst, uint(b[i])<<8|uint(b[i+1]))
		dst = append(dst, ':')
	}
	return append(dst, "*:*:*:*:*:*"...), true
}

func appendGroup(dst []byte, n uint) []byte {
	const hexadecimal = "0123456789abcdef"
	for shift := 12; shift >= 0; shift -= 4 {
		if n>>shift > 0 || shift == 0 {
			dst = append(dst, hexadecimal[n>>shift&15])
		}
	}
	return dst
}

func displayProblem(field string, t arrow.DataType) string {
	switch {
	case t.ID() != arrow.STRING:
		return needsString
	case !slices.Contains(strings.Fields(displayFields), field):
		return "field must be one of " + displayFields
	}
	return ""
}
