package china

// creditAlphabet holds the characters of a unified social credit code in the
// order of their values (GB 32100-2015, table 2): no I, O, S, V, Z.
const creditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// creditValue is 1 more than the value of a character, and 0 for others. Small
// letters count as capitals.
var creditValue = func() (v [256]byte) {
	for i := range len(creditAlphabet) {
		v[creditAlphabet[i]] = byte(i + 1)
		if letter(creditAlphabet[i]) {
			v[creditAlphabet[i]|0x20] = byte(i + 1)
		}
	}
	return v
}()

// creditKinds are the registering department and the class of organization that
// a code begins with (GB 32100-2015, table 1, with the departments added since).
const creditKinds = "11 12 13 19 21 29 31 32 33 34 35 39 41 49 51 52 53 54 55 59 61 62 69 71 72 79 81 89 91 92 93 A1 A9 N1 N2 N3 N9 Y1 "

// A Credit is what a unified social credit code says.
type Credit struct {
	Department, Kind byte
	Region           int  // GB/T 2260 code of the registering office
	Organization     bool // characters 9 to 17 are an organization code of GB 11714
}

// CreditCheck returns the eighteenth character of a unified social credit code
// for the seventeen before it: (31 - sum of value·3^i) mod 31, where 31 means 0.
// It returns 0 if s is not seventeen characters of the alphabet.
func CreditCheck[T Text](s T) byte {
	if len(s) != 17 {
		return 0
	}
	sum, weight := 0, 1
	for i := range 17 {
		v := creditValue[s[i]]
		if v == 0 {
			return 0
		}
		sum += int(v-1) * weight
		weight = weight * 3 % 31
	}
	return creditAlphabet[(31-sum%31)%31]
}

// ParseCredit takes a unified social credit code apart. It wants a known kind of
// organization, six digits of region whose province exists, and the right check
// character. The organization code in it is reported, not wanted: codes given to
// sole traders do not always carry one.
//
// Of random characters of the form (two of kind, digits, alphabet) one in 31
// passes the check alone.
func ParseCredit[T Text](s T) (Credit, bool) {
	c, ok := ReadCredit(s)
	return c, ok && CreditCheck(s[:17]) == upper(s[17])
}

// ReadCredit takes apart what has the form of a code, whatever its check
// character.
func ReadCredit[T Text](s T) (Credit, bool) {
	if len(s) != 18 || !creditKind(upper(s[0]), upper(s[1])) || !digits(s[2:8]) {
		return Credit{}, false
	}
	for i := 8; i < 18; i++ {
		if creditValue[s[i]] == 0 {
			return Credit{}, false
		}
	}
	c := Credit{Department: upper(s[0]), Kind: upper(s[1]), Region: number(s[2:8])}
	c.Organization = OrganizationChecks(s[8:17])
	// 100000 is the state administration itself.
	return c, c.Region/10000 == 10 || KnownProvince(c.Region)
}

func creditKind(department, kind byte) bool {
	for i := 0; i < len(creditKinds); i += 3 {
		if creditKinds[i] == department && creditKinds[i+1] == kind {
			return true
		}
	}
	return false
}

// organizationWeights are 3^(9-i) mod 11 (GB 11714-1997).
var organizationWeights = [8]byte{3, 7, 9, 10, 5, 8, 4, 2}

// OrganizationCheck returns the ninth character of an organization code, a digit
// or X, for the eight digits and letters before it, or 0 if they are others.
func OrganizationCheck[T Text](s T) byte {
	if len(s) != 8 {
		return 0
	}
	sum := 0
	for i, w := range organizationWeights {
		c := upper(s[i])
		v := int(c - '0')
		if letter(c) {
			v = int(c-'A') + 10
		} else if c-'0' > 9 {
			return 0
		}
		sum += v * int(w)
	}
	return "0X987654321"[sum%11]
}

// OrganizationChecks reports whether s is an organization code of nine
// characters, without the hyphen before the last, with its check character.
func OrganizationChecks[T Text](s T) bool {
	return len(s) == 9 && s[8] != 0 && OrganizationCheck(s[:8]) == upper(s[8])
}
