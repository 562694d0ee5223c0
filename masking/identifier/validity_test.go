package identifier_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"
)

// Validity of identifiers by another hand: patterns, package time, and checksums
// the way the standards state them.

var (
	residentShape = regexp.MustCompile(`^[0-9]{17}[0-9Xx]$`)
	mobileShape   = regexp.MustCompile(`^1[3-9][0-9]{9}$`)
	cardShape     = regexp.MustCompile(`^[1-9][0-9]{12,18}$`)
	creditShape   = regexp.MustCompile(`^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$`)
)

// ISO/IEC 7064, MOD 11-2: the sum of a_i·2^(i-1), counted from the right and the
// check character included, is 1 modulo 11.
func residentSum(v string) int {
	sum := 0
	for i := range len(v) {
		a := 10
		if c := v[i]; c != 'X' && c != 'x' {
			a = int(c) - '0'
		}
		weight := 1
		for range len(v) - 1 - i {
			weight = weight * 2 % 11
		}
		sum += a * weight
	}
	return ((sum % 11) + 11) % 11
}

func validResident(v string) bool {
	if !residentShape.MatchString(v) || residentSum(v) != 1 {
		return false
	}
	born, err := time.Parse("20060102", v[6:14])
	return err == nil && born.Year() >= 1900 && born.Year() <= 2030
}

func validMobile(v string) bool { return mobileShape.MatchString(v) }

func validCard(v string) bool { return cardShape.MatchString(v) && luhnSum(v)%10 == 0 }

// luhnSum adds up from the right, the check digit counting once.
func luhnSum(v string) int {
	sum := 0
	for i := range len(v) {
		d := int(v[len(v)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d = d/10 + d%10
			}
		}
		sum += d
	}
	return sum
}

func validCredit(v string) bool {
	return creditShape.MatchString(v) && v == withCreditChecks(v[:16])
}

// withResidentCheck tries every check character.
func withResidentCheck(v string) string {
	for _, c := range "0123456789X" {
		if residentSum(v+string(c)) == 1 {
			return v + string(c)
		}
	}
	return v + "0"
}

// withLuhn appends the check digit to digits, and 0 to anything else.
func withLuhn(v string) string {
	if strings.Trim(v, "0123456789") != "" {
		return v + "0"
	}
	return luhnOf(v)
}

// luhnOf appends the check digit, be the length that of a card or not.
func luhnOf(v string) string {
	return v + fmt.Sprint((10-luhnSum(v+"0")%10)%10)
}

// withCreditChecks appends 11 - sum mod 11 (GB 11714) and 31 - sum mod 31 (GB
// 32100), by the tables of the standards.
func withCreditChecks(v string) string {
	sum := 0
	for i, w := range []int{3, 7, 9, 10, 5, 8, 4, 2} {
		sum += strings.Index("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", v[8+i:9+i]) * w
	}
	switch c := 11 - ((sum%11)+11)%11; c {
	case 10:
		v += "X"
	case 11:
		v += "0"
	default:
		v += fmt.Sprint(c)
	}
	sum = 0
	for i, w := range []int{1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28} {
		sum += strings.Index("0123456789ABCDEFGHJKLMNPQRTUWXY", v[i:i+1]) * w
	}
	c := 31 - ((sum%31)+31)%31
	if c == 31 {
		c = 0
	}
	return v + "0123456789ABCDEFGHJKLMNPQRTUWXY"[c:c+1]
}

func randomResident(rng *rand.Rand) string {
	born := time.Date(1900, 1, 1+rng.IntN(131*365), 0, 0, 0, 0, time.UTC)
	return withResidentCheck(regions[rng.IntN(len(regions))] + born.Format("20060102") + fmt.Sprintf("%03d", rng.IntN(1000)))
}

func randomMobile(rng *rand.Rand) string {
	return fmt.Sprint(13_000_000_000 + rng.Int64N(7_000_000_000))
}

func randomCard(rng *rand.Rand) string {
	v := fmt.Sprint(1 + rng.IntN(9))
	for n := 12 + rng.IntN(7); len(v) < n; {
		v += fmt.Sprint(rng.IntN(10))
	}
	return withLuhn(v)
}

func randomCredit(rng *rand.Rand) string {
	const letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	v := "9" + letters[rng.IntN(31):][:1] + fmt.Sprintf("%06d", rng.IntN(1_000_000))
	for len(v) < 16 {
		v += letters[rng.IntN(31):][:1]
	}
	return withCreditChecks(v)
}
