package china

// Email reports whether s is an e-mail address as people write them (RFC 5321
// dot-string and domain): at most 64 characters before the @ and 254 in all, a
// domain of at least two labels, the last of letters.
func Email[T Text](s T) bool {
	at := -1
	for i := range len(s) {
		if s[i] == '@' {
			if at >= 0 {
				return false
			}
			at = i
		}
	}
	if at < 1 || at > 64 || len(s) > 254 || s[at-1] == '.' || s[0] == '.' {
		return false
	}
	for i := range at {
		if !EmailLocal(s[i]) || s[i] == '.' && s[i+1] == '.' {
			return false
		}
	}
	labels, start := 0, at+1
	for i := at + 1; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			if !EmailDomain(s[i]) {
				return false
			}
			continue
		}
		label := s[start:i]
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		labels++
		if i == len(s) {
			for j := range len(label) {
				if !letter(label[j]) {
					return false
				}
			}
			return labels >= 2 && len(label) >= 2
		}
		start = i + 1
	}
	return false
}

// EmailLocal reports whether c may stand before the @ of an address. The signs
// that RFC 5322 allows besides and nobody uses are left out.
func EmailLocal(c byte) bool {
	return letter(c) || c-'0' <= 9 || c == '.' || c == '_' || c == '%' || c == '+' || c == '-'
}

// EmailDomain reports whether c may stand after the @ of an address.
func EmailDomain(c byte) bool { return letter(c) || c-'0' <= 9 || c == '.' || c == '-' }

// IPv4 reports whether s is an address in dotted decimals, without leading
// zeros (RFC 6943, section 3.1.1, on why they are refused).
func IPv4[T Text](s T) bool {
	if len(s) < 7 || len(s) > 15 {
		return false
	}
	parts, n, width := 0, 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i]-'0' <= 9 {
			if width > 0 && n == 0 {
				return false
			}
			n = n*10 + int(s[i]-'0')
			if width++; n > 255 {
				return false
			}
			continue
		}
		if i < len(s) && s[i] != '.' || width == 0 {
			return false
		}
		parts++
		n, width = 0, 0
	}
	return parts == 4
}

// IPv6 reports whether s is an address in the text form of RFC 4291, section
// 2.2, without a zone and without dotted decimals at its end.
func IPv6[T Text](s T) bool {
	if len(s) < 2 || len(s) > 39 {
		return false
	}
	groups, width, gap := 0, 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != ':' {
			if !hexadecimal(c) {
				return false
			}
			if width++; width > 4 {
				return false
			}
			continue
		}
		if width > 0 {
			groups++
		}
		switch {
		case i+1 < len(s) && s[i+1] == ':':
			if gap || i+2 < len(s) && s[i+2] == ':' {
				return false
			}
			gap = true
			i++
		case width == 0, i+1 == len(s): // a colon alone at either end
			return false
		}
		width = 0
	}
	if width > 0 {
		groups++
	}
	return groups == 8 && !gap || groups < 8 && gap
}

func hexadecimal(c byte) bool { return c-'0' <= 9 || upper(c)-'A' < 6 }
