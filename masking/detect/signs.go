package detect

import (
	"unicode/utf8"

	"zonebox/masking/china"
)

// dotted looks at a network address of version 4 that the token begins, and
// passes over other numbers with dots. It returns where to go on, or 0.
func (w *walk) dotted(t *token) int {
	text := w.text
	if !w.classes.Has(Network) || t.wide || len(t.read) > 3 || !allDigits(t.read) ||
		t.end+1 >= len(text) || text[t.end] != '.' || text[t.end+1]-'0' > 9 {
		return 0
	}
	end := t.end
	for end < len(text) && (text[end]-'0' <= 9 || text[end] == '.' && end+1 < len(text) && text[end+1]-'0' <= 9) {
		end++
	}
	if t.start > 0 && (text[t.start-1] == '.' || text[t.start-1] == '-') || end < len(text) && (latin(text[end]) || text[end] == '-' || text[end] == '_') {
		return end
	}
	if end+1 < len(text) && text[end] == '/' && text[end+1]-'0' <= 9 && text[end-1] == '0' && text[end-2] == '.' {
		return end // a network, not a host in it: 10.22.0.0/16
	}
	if address := text[t.start:end]; china.IPv4(address) {
		base := 55
		if small(address) {
			base = 30 // a version or the number of a section
		}
		w.add(w.judge(Hit{Class: Network, Start: t.start, End: end}, base, 40, 40))
	}
	return end
}

// small reports whether no number of the dotted address is over 20.
func small(address []byte) bool {
	n := 0
	for _, c := range address {
		if c == '.' {
			n = 0
		} else if n = n*10 + int(c-'0'); n > 20 {
			return false
		}
	}
	return true
}

// email looks at the address around the @ at text[at].
func (w *walk) email(at int) int {
	text := w.text
	start, end := at, at+1
	for start > 0 && at-start <= 64 && china.EmailLocal(text[start-1]) {
		start--
	}
	for end < len(text) && end-at <= 190 && china.EmailDomain(text[end]) {
		end++
	}
	for start < at && text[start] == '.' {
		start++
	}
	for end > at && (text[end-1] == '.' || text[end-1] == '-') {
		end--
	}
	if china.Email(text[start:end]) {
		w.add(Hit{Class: Email, Score: 95, Start: start, End: end})
		return end
	}
	return at + 1
}

// ipv6 looks at the address around the colon at text[at].
func (w *walk) ipv6(at int) int {
	text := w.text
	start, end := at, at+1
	for start > 0 && at-start <= 4 && hexadecimal(text[start-1]) {
		start--
	}
	for end < len(text) && end-start <= 40 && (hexadecimal(text[end]) || text[end] == ':') {
		end++
	}
	if end-start > 39 || start > 0 && (latin(text[start-1]) || text[start-1] == ':' || text[start-1] == '.') ||
		end < len(text) && (latin(text[end]) || text[end] == '.' || text[end] == '_') {
		return at + 1
	}
	if end > at+1 && text[end-1] == ':' && text[end-2] != ':' {
		end-- // the colon of what follows
	}
	if !china.IPv6(text[start:end]) {
		return at + 1
	}
	groups := 0
	for i := start; i < end; i++ {
		if text[i] != ':' && (i == start || text[i-1] == ':') {
			groups++
		}
	}
	base := 30
	if groups >= 3 {
		base = 75
	}
	w.add(w.judge(Hit{Class: Network, Start: start, End: end}, base, 40, 20))
	return end
}

func hexadecimal(c byte) bool { return c-'0' <= 9 || c|0x20-'a' < 6 }

// plate looks at the plate that the token ends, or all of it but 学 or 港: the
// province stands before the token, with a letter and a sign between if the
// token is only the number.
func (w *walk) plate(t *token) {
	n := len(t.read)
	if n < 4 || n > 7 || t.wide {
		return
	}
	text := w.text
	start := t.start
	if n <= 6 && start >= 2 { // 苏A·12345
		size := 0
		switch text[start-1] {
		case ' ', '-', '.':
			size = 1
		case 0xB7:
			size = 2
		case 0xA2:
			size = 3
		}
		if size > 0 && start > size && latin(text[start-size-1]) && china.PlateSeparator(text[start-size:]) == size {
			start -= size + 1
		}
	}
	if start < 3 || text[start-3]&0xF0 != 0xE0 || !latin(text[start]) {
		return
	}
	if r, _ := utf8.DecodeRune(text[start-3 : start]); !china.PlateProvince(r) {
		return
	}
	start -= 3
	end := t.end
	if !china.Plate(text[start:end]) {
		if end+3 > len(text) || !china.Plate(text[start:end+3]) {
			return
		}
		end += 3
	}
	w.add(w.judge(Hit{Class: Plate, Start: start, End: end}, 75, 20, 20))
}
