package china

// A Scheme is the network a bank card's first digits belong to.
type Scheme uint8

// OtherScheme stands for the banks' own ranges from before UnionPay, such as
// 4367 or 9558.
const (
	NoScheme Scheme = iota
	UnionPay
	Visa
	Mastercard
	Amex
	JCB
	Diners
	OtherScheme
)

// Luhn reports whether the digits s end in their check digit (ISO/IEC 7812-1,
// annex B). One in ten random numbers passes.
func Luhn[T Text](s T) bool {
	if len(s) < 2 || !digits(s) {
		return false
	}
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// ParseCard returns the scheme of a bank card number of 13 to 19 digits whose
// length and first digits a scheme uses and whose check digit is right.
func ParseCard[T Text](s T) (Scheme, bool) {
	scheme := ReadCard(s)
	return scheme, scheme != NoScheme && Luhn(s)
}

// ReadCard returns the scheme whose form s has, whatever its check digit, or
// NoScheme.
func ReadCard[T Text](s T) Scheme {
	n := len(s)
	if n < 13 || n > 19 || !digits(s) {
		return NoScheme
	}
	four := number(s[:4])
	two := four / 100
	switch {
	case two == 62 || two == 81 && n == 16:
		if n >= 16 {
			return UnionPay
		}
		return NoScheme
	case two/10 == 4 && (n == 13 || n == 16):
		return Visa
	case n == 16 && (two >= 51 && two <= 55 || four >= 2221 && four <= 2720):
		return Mastercard
	case n == 15 && (two == 34 || two == 37):
		return Amex
	case n == 16 && four >= 3528 && four <= 3589:
		return JCB
	case n == 14 && (two == 36 || two == 38 || four >= 3000 && four <= 3059):
		return Diners
	case n >= 16 && (two/10 == 4 || two/10 == 5 || two/10 == 6 || two/10 == 9):
		return OtherScheme
	}
	return NoScheme
}
