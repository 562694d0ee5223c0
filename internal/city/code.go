package city

// checkedID appends the check character of GB 11643 (ISO 7064 MOD 11-2) to the
// 17 digits in b.
func checkedID(b []byte) []byte {
	sum := 0
	for i, w := range [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(b[i]-'0') * w
	}
	return append(b, "10X98765432"[sum%11])
}

// creditAlphabet holds the characters of a unified social credit code
// (GB 32100): no I, O, S, V, Z.
const creditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

var creditValue = func() (v [256]int) {
	for i := range creditAlphabet {
		v[creditAlphabet[i]] = i
	}
	return v
}()

// checkedOrganization appends the check character of GB 11714 to the 8
// characters in b.
func checkedOrganization(b []byte) []byte {
	sum := 0
	for i, w := range [8]int{3, 7, 9, 10, 5, 8, 4, 2} {
		c := b[i]
		v := int(c - '0')
		if c >= 'A' {
			v = int(c-'A') + 10
		}
		sum += v * w
	}
	return append(b, "0X987654321"[sum%11])
}

// checkedCredit appends the check character of GB 32100 to the 17 characters in
// b: weights 3^i mod 31, a remainder of 0 stays 0.
func checkedCredit(b []byte) []byte {
	sum, weight := 0, 1
	for _, c := range b[:17] {
		sum += creditValue[c] * weight
		weight = weight * 3 % 31
	}
	return append(b, creditAlphabet[(31-sum%31)%31])
}

// appendDigits appends n with leading zeros.
func appendDigits(b []byte, n int64, width int) []byte {
	for range width {
		b = append(b, '0')
	}
	for i := len(b) - 1; width > 0; i, width = i-1, width-1 {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// civil returns the date of a day since 1970-01-01, for days from 1600 on
// (Hinnant, "chrono-compatible low-level date algorithms").
func civil(day int64) (year, month, dom int64) {
	day += 719468
	era := day / 146097
	doe := day - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	dom = doy - (153*mp+2)/5 + 1
	month = mp + 3
	if month > 12 {
		month -= 12
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, dom
}

// appendDate appends YYYY-MM-DD, with sep between its parts unless it is 0.
func appendDate(b []byte, day int64, sep byte) []byte {
	y, m, d := civil(day)
	b = appendDigits(b, y, 4)
	if sep != 0 {
		b = append(b, sep)
	}
	b = appendDigits(b, m, 2)
	if sep != 0 {
		b = append(b, sep)
	}
	return appendDigits(b, d, 2)
}
