package china

// An Identity is what a resident identity number says (GB 11643-1999).
type Identity struct {
	Region           int // GB/T 2260 code, six digits, at the time it was issued
	Year, Month, Day int
	Sequence         int  // 0 to 999, among those born there that day
	Male             bool // the sequence is odd
	Legacy           bool // 15 digits: two-digit year, no check character
}

// Years of birth that are taken for one. The oldest people alive when the
// numbers began (1984) were born after 1870; there is no clock here, so the
// upper bound only keeps out what no living person can have.
const (
	firstBirth = 1870
	lastBirth  = 2099
)

// identityWeights are 2^(17-i) mod 11 (ISO 7064 MOD 11-2; GB 11643, annex A).
var identityWeights = [17]byte{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}

// IdentityCheck returns the eighteenth character of an identity number, a digit
// or X, for the seventeen digits before it, which need no other form. It
// returns 0 if s is not seventeen digits.
func IdentityCheck[T Text](s T) byte {
	if len(s) != 17 {
		return 0
	}
	sum := 0
	for i, w := range identityWeights {
		d := s[i] - '0'
		if d > 9 {
			return 0
		}
		sum += int(d) * int(w)
	}
	return "10X98765432"[sum%11]
}

// ParseIdentity takes an identity number of 18 or 15 characters apart. It wants
// a day of the calendar, a region code that GB/T 2260 has or had, and, of 18,
// the right check character, of which x is as good as X.
//
// Of random digits one in 2·10^6 passes with 18, one in 4,000 with 15.
func ParseIdentity[T Text](s T) (Identity, bool) {
	id, ok := ReadIdentity(s)
	return id, ok && KnownRegion(id.Region) && (id.Legacy || IdentityChecks(s))
}

// IdentityChecks reports whether the last of eighteen characters is the check
// character of the others.
func IdentityChecks[T Text](s T) bool {
	return len(s) == 18 && IdentityCheck(s[:17]) == upper(s[17]) && s[17] != 0
}

// ReadIdentity takes apart what has the form of an identity number and a day of
// the calendar in it, whatever its region and its check character. Mistyped
// numbers and invented test people pass here and not in ParseIdentity.
func ReadIdentity[T Text](s T) (Identity, bool) {
	var id Identity
	switch len(s) {
	case 18:
		if last := s[17]; !digits(s[:17]) || last-'0' > 9 && upper(last) != 'X' {
			return Identity{}, false
		}
		id = Identity{
			Region: number(s[:6]), Year: number(s[6:10]), Month: number(s[10:12]), Day: number(s[12:14]),
			Sequence: number(s[14:17]),
		}
	case 15:
		if !digits(s) {
			return Identity{}, false
		}
		id = Identity{
			Region: number(s[:6]), Year: 1900 + number(s[6:8]), Month: number(s[8:10]), Day: number(s[10:12]),
			Sequence: number(s[12:15]), Legacy: true,
		}
	default:
		return Identity{}, false
	}
	id.Male = id.Sequence%2 == 1
	return id, id.Year >= firstBirth && id.Year <= lastBirth && day(id.Year, id.Month, id.Day)
}

// day reports whether the proleptic Gregorian calendar has the day.
func day(year, month, dom int) bool {
	if month < 1 || month > 12 || dom < 1 {
		return false
	}
	last := int("\x00\x1f\x1c\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"[month])
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		last++
	}
	return dom <= last
}
