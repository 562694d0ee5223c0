package china_test

import (
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"zonebox/masking/china"
)

// The expected answers are of published examples: GB 11643-1999 and Wikipedia
// (11010519491231002X, 440524188001010014), GB 32100-2015 (91350100M000100Y43,
// whose check character many copies print as part of the input), ISO/IEC 7812
// and the schemes' test cards, RFC 4291.
var verdicts = []struct {
	rule, text string
	check      func(string) bool
	want       bool
}{
	{"identity of the standard", "11010519491231002X", identity, true},
	{"identity of a person born in 1880", "440524188001010014", identity, true},
	{"identity with small x", "11010519491231002x", identity, true},
	{"identity with wrong check", "110105194912310021", identity, false},
	{"identity with swapped digits", "11010519491231020X", identity, false},
	{"identity on February 30", with(china.IdentityCheck[string], "11010519490230002"), identity, false},
	{"identity on February 29 of 1900", with(china.IdentityCheck[string], "11010519000229002"), identity, false},
	{"identity on February 29 of 2000", with(china.IdentityCheck[string], "11010520000229002"), identity, true},
	{"identity from an unknown region", with(china.IdentityCheck[string], "99010519491231002"), identity, false},
	{"identity from a district merged in 2013", with(china.IdentityCheck[string], "32010319491231002"), identity, true},
	{"identity from a prefecture of 1993 to 1997", with(china.IdentityCheck[string], "51362119491231002"), identity, true},
	{"identity of a resident from Taiwan", with(china.IdentityCheck[string], "83000019491231002"), identity, true},
	{"identity of 15 digits", "110105491231002", identity, true},
	{"identity of 15 digits in month 13", "110105491331002", identity, false},
	{"identity of 17 characters", "1101051949123100X", identity, false},
	{"identity with a letter inside", "1101051949A231002X", identity, false},
	{"credit code of the standard", "91350100M000100Y43", credit, true},
	{"credit code in small letters", "91350100m000100y43", credit, true},
	{"credit code with the trap's check", "91350100M000100Y4Z", credit, false},
	{"credit code with wrong check", "91350100M000100Y44", credit, false},
	{"credit code with letter O", "9135O100M000100Y43", credit, false},
	{"credit code of an unknown kind", with(china.CreditCheck[string], "88350100M000100Y4"), credit, false},
	{"credit code of an unknown province", with(china.CreditCheck[string], "91990100M000100Y4"), credit, false},
	{"organization code", "D21439279", china.OrganizationChecks[string], true},
	{"organization code with wrong check", "D21439270", china.OrganizationChecks[string], false},
	{"organization code of the standard", "D2143569X", china.OrganizationChecks[string], true},
	{"mobile", "13812345678", china.Mobile[string], true},
	{"mobile of prefix 166", "16612345678", china.Mobile[string], true},
	{"mobile of prefix 12", "12812345678", china.Mobile[string], false},
	{"mobile of ten digits", "1381234567", china.Mobile[string], false},
	{"landline of Peking", "01062512345", china.Landline[string], true},
	{"landline of Nanjing", "02583212345", china.Landline[string], true},
	{"landline of Suzhou", "051265123456", china.Landline[string], true},
	{"landline of seven digits", "05126512345", china.Landline[string], true},
	{"landline to a service", "01012345678", china.Landline[string], false},
	{"landline of code 026", "02683212345", china.Landline[string], false},
	{"card of UnionPay", "6222020000000000004", card, false},
	{"card of UnionPay with 19", "6222021234567890128", card, true},
	{"card of Visa", "4111111111111111", card, true},
	{"card of Mastercard", "5555555555554444", card, true},
	{"card of Mastercard's new range", "2223003122003222", card, true},
	{"card of American Express", "378282246310005", card, true},
	{"card of JCB", "3530111333300000", card, true},
	{"card of Diners", "30569309025904", card, true},
	{"card with wrong check", "4111111111111112", card, false},
	{"card of an unused range", "1111111111111117", card, false},
	{"plate", "苏A12345", china.Plate[string], true},
	{"plate with a dot", "京A·F0236", china.Plate[string], true},
	{"plate of a learner", "粤B1234学", china.Plate[string], true},
	{"plate to Hong Kong", "粤ZA123港", china.Plate[string], true},
	{"plate of a small electric car", "苏AD12345", china.Plate[string], true},
	{"plate of a small hybrid", "苏AF12345", china.Plate[string], true},
	{"plate of a large electric bus", "苏A12345D", china.Plate[string], true},
	{"plate of six without drive", "苏A123456", china.Plate[string], false},
	{"plate with letter O", "苏AO2345", china.Plate[string], false},
	{"plate of no province", "中A12345", china.Plate[string], false},
	{"plate cut short", "苏A1234", china.Plate[string], false},
	{"passport of 2012", "EA1234567", china.Passport[string], true},
	{"passport", "E12345678", china.Passport[string], true},
	{"passport of service", "SE1234567", china.Passport[string], true},
	{"passport with letter O", "EO1234567", china.Passport[string], false},
	{"passport cut short", "E1234567", china.Passport[string], false},
	{"permit to Hong Kong", "C12345678", china.Permit[string], true},
	{"permit to Hong Kong with a letter", "CA1234567", china.Permit[string], true},
	{"permit home", "H1234567801", china.Permit[string], true},
	{"permit to Taiwan", "T12345678", china.Permit[string], true},
	{"permit of no kind", "Q12345678", china.Permit[string], false},
	{"e-mail", "zhang.wei+a@mail.nanjing.gov.cn", china.Email[string], true},
	{"e-mail with two dots", "zhang..wei@qq.com", china.Email[string], false},
	{"e-mail without top", "zhang@localhost", china.Email[string], false},
	{"e-mail at an address", "zhang@10.0.0.1", china.Email[string], false},
	{"e-mail with two ats", "a@b@c.cn", china.Email[string], false},
	{"IPv4", "10.0.255.1", china.IPv4[string], true},
	{"IPv4 beyond 255", "10.0.256.1", china.IPv4[string], false},
	{"IPv4 with zeros", "10.00.25.1", china.IPv4[string], false},
	{"IPv6", "2001:db8::8:800:200c:417a", china.IPv6[string], true},
	{"IPv6 of the loopback", "::1", china.IPv6[string], true},
	{"IPv6 in full", "2001:db8:0:0:8:800:200c:417a", china.IPv6[string], true},
	{"IPv6 with two gaps", "2001::8::1", china.IPv6[string], false},
	{"a time of day", "12:30:00", china.IPv6[string], false},
}

func identity(s string) bool { _, ok := china.ParseIdentity(s); return ok }
func credit(s string) bool   { _, ok := china.ParseCredit(s); return ok }
func card(s string) bool     { _, ok := china.ParseCard(s); return ok }

func with(check func(string) byte, s string) string { return s + string(check(s)) }

func TestIdentifiers(t *testing.T) {
	for _, tt := range verdicts {
		if got := tt.check(tt.text); got != tt.want {
			t.Errorf("%s: %q accepted = %v, want %v", tt.rule, tt.text, got, tt.want)
		}
	}
}

func TestIdentitySaysRegionBirthAndSex(t *testing.T) {
	for _, tt := range []struct {
		text string
		want china.Identity
	}{
		{"11010519491231002X", china.Identity{Region: 110105, Year: 1949, Month: 12, Day: 31, Sequence: 2}},
		{"440524188001010014", china.Identity{Region: 440524, Year: 1880, Month: 1, Day: 1, Sequence: 1, Male: true}},
		{"110105491231003", china.Identity{Region: 110105, Year: 1949, Month: 12, Day: 31, Sequence: 3, Male: true, Legacy: true}},
	} {
		if got, ok := china.ParseIdentity([]byte(tt.text)); !ok || got != tt.want {
			t.Errorf("ParseIdentity(%s) = %+v, %v, want %+v", tt.text, got, ok, tt.want)
		}
	}
}

func TestNormalFormIsASCII(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"１１０１０５１９４９１２３１００２Ｘ", "11010519491231002X"},
		{"１1０ａｚＡＺ～！", "110azAZ~!"},
		{"号　１", "号 1"},
		{"\xef\xbc", "\xef\xbc"},
		{"，。", ",。"},
	} {
		if got := string(china.Normal(nil, tt.text)); got != tt.want {
			t.Errorf("Normal(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestChecksEqualTheStandardsOtherForm compares the weighted sums with the
// recursive forms: ISO 7064 adds and doubles digit by digit, powers of 3 are
// multiplied out, and Luhn replaces doubled digits by a table.
func TestChecksEqualTheStandardsOtherForm(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 7))
	for range 20_000 {
		b := make([]byte, 18)
		p := 0
		for i := range 17 {
			b[i] = byte('0' + r.IntN(10))
			p = (p + int(b[i]-'0')) * 2 % 11
		}
		if want := "10X98765432"[p*1%11]; china.IdentityCheck(b[:17]) != want {
			t.Fatalf("IdentityCheck(%s) = %c, want %c", b[:17], china.IdentityCheck(b[:17]), want)
		}

		const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
		for i := range 17 {
			b[i] = alphabet[r.IntN(31)]
		}
		check := china.CreditCheck(b[:17])
		sum := strings.IndexByte(alphabet, check)
		for i := range 17 {
			term := strings.IndexByte(alphabet, b[i])
			for range i {
				term *= 3
				term %= 31
			}
			sum += term
		}
		if sum%31 != 0 {
			t.Fatalf("CreditCheck(%s) = %c leaves %d", b[:17], check, sum%31)
		}

		n := 13 + r.IntN(7)
		for i := range n {
			b = append(b[:i], byte('0'+r.IntN(10)))
		}
		total := 0
		for i := range n {
			d := int(b[n-1-i] - '0')
			if i%2 == 1 {
				d = [10]int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}[d]
			}
			total += d
		}
		if got := china.Luhn(b[:n]); got != (total%10 == 0) {
			t.Fatalf("Luhn(%s) = %v with sum %d", b[:n], got, total)
		}
	}
}

func TestIdentityDatesAreThoseOfTheCalendar(t *testing.T) {
	for n := range 120 * 100 * 100 {
		year, month, dom := 1890+n/10000, n/100%100, n%100
		b := []byte("110105")
		b = append(b, byte('0'+year/1000), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10),
			byte('0'+month/10), byte('0'+month%10), byte('0'+dom/10), byte('0'+dom%10), '0', '0', '1', '0')
		d := time.Date(year, time.Month(month), dom, 0, 0, 0, 0, time.UTC)
		want := d.Year() == year && int(d.Month()) == month && d.Day() == dom
		if _, got := china.ReadIdentity(b); got != want {
			t.Fatalf("%d-%d-%d accepted = %v, want %v", year, month, dom, got, want)
		}
	}
}

var (
	plateForm   = capitals(`^([京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使][A-Z][-. ·•]?([A-HJ-NP-Z0-9]{5}|[A-HJ-NP-Z0-9]{4}[学警港澳挂领试超]|[A-HJK][A-HJ-NP-Z0-9]\d{4}|\d{5}[A-HJK]))$`)
	asciiLetter = regexp.MustCompile(`[A-Za-z]`)
)

// capitals compiles a form that small ASCII letters have as well. The regular
// expressions' own folding would take the Kelvin sign for a K.
func capitals(form string) func(string) bool {
	re := regexp.MustCompile(form)
	return func(s string) bool {
		return re.MatchString(strings.Map(func(r rune) rune {
			if 'a' <= r && r <= 'z' {
				r -= 'a' - 'A'
			}
			return r
		}, s))
	}
}

// slow states the forms as regular expressions and through the standard
// library, for texts made of their own characters.
var slow = []struct {
	name, alphabet string
	fast           func(string) bool
	slow           func(string) bool
}{
	{"passport", "EGDSP145OIA", china.Passport[string],
		capitals(`^(E[A-HJ-NP-Z]\d{7}|[EG]\d{8}|[DSP]E?\d{7}|1[45]\d{7})$`)},
	{"permit", "CWLTHM0A9", china.Permit[string],
		capitals(`^([CWLT]\d{8}|C[A-Z]\d{7}|[HM](\d{8}|\d{10}))$`)},
	{"plate", "苏京AODIK0学.", china.Plate[string], func(s string) bool {
		return plateForm(s) &&
			len(asciiLetter.FindAllString(s, -1)) <= 4
	}},
	{"e-mail", "a.@-9Z_", china.Email[string],
		regexp.MustCompile(`^[A-Za-z0-9_%+-]+(\.[A-Za-z0-9_%+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}$`).MatchString},
	{"IPv4", "0125.", china.IPv4[string], func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }},
	{"IPv6", "0af:", china.IPv6[string], func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is6() && !strings.ContainsAny(s, "%.")
	}},
	{"landline", "0123456789", china.Landline[string],
		regexp.MustCompile(`^(010|02[0-57-9])[2-8]\d{7}$|^0[3-9]\d{2}[2-8]\d{6,7}$`).MatchString},
	{"mobile", "0139", china.Mobile[string], regexp.MustCompile(`^1[3-9]\d{9}$`).MatchString},
}

func TestFormsEqualRegularExpressions(t *testing.T) {
	for _, tt := range slow {
		seeds := []string{}
		for _, v := range verdicts {
			if tt.slow(v.text) {
				seeds = append(seeds, v.text)
			}
		}
		if len(seeds) == 0 {
			t.Errorf("%s: no vector is accepted by the slow form", tt.name)
			continue
		}
		r := rand.New(rand.NewPCG(3, 5))
		letters := []rune(tt.alphabet)
		accepted := 0
		for range 20_000 {
			s := []rune(seeds[r.IntN(len(seeds))])
			for range 1 + r.IntN(3) { // change, insert or drop a character
				at, c := r.IntN(len(s)), letters[r.IntN(len(letters))]
				switch r.IntN(4) {
				case 0:
					s = append(s[:at:at], append([]rune{c}, s[at:]...)...)
				case 1:
					if len(s) > 1 {
						s = append(s[:at:at], s[at+1:]...)
					}
				default:
					s[at] = c
				}
			}
			want := tt.slow(string(s))
			if got := tt.fast(string(s)); got != want {
				t.Fatalf("%s: %q accepted = %v, want %v", tt.name, string(s), got, want)
			}
			if want {
				accepted++
			}
		}
		if accepted == 0 {
			t.Errorf("%s: no changed text was accepted", tt.name)
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	name, address, plate := []byte("诸葛孔明"), []byte("江苏省南京市鼓楼区汉口路22号"), []byte("苏A·D12345")
	china.ParseAddress(address)
	for what, f := range map[string]func(){
		"identity": func() { china.ParseIdentity([]byte("11010519491231002X")) },
		"credit":   func() { china.ParseCredit("91350100M000100Y43") },
		"card":     func() { china.ParseCard("6222021234567890128") },
		"plate":    func() { china.Plate(plate) },
		"name":     func() { china.ParseName(name) },
		"address":  func() { china.ParseAddress(address) },
		"string":   func() { china.ParseAddress("北京市海淀区中关村") },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations, want 0", what, n)
		}
	}
}

func FuzzEverything(f *testing.F) {
	for _, v := range verdicts {
		f.Add(v.text)
	}
	f.Add("江苏省 南京市,鼓楼区")
	f.Add("阿卜杜拉·买买提")
	f.Fuzz(func(t *testing.T, s string) {
		for _, v := range slow {
			if len(s) < 200 && !strings.Contains(s, "\n") && v.name != "e-mail" && v.fast(s) != v.slow(s) {
				t.Errorf("%s: %q accepted = %v", v.name, s, v.fast(s))
			}
		}
		identity(s)
		credit(s)
		card(s)
		china.Normal(nil, s)
		if n := china.Surname(s); n > len(s) {
			t.Errorf("Surname(%q) = %d", s, n)
		}
		china.ParseName(s)
		if a, ok := china.ParseAddress(s); ok && (a.End > len(s) || a.End == 0) {
			t.Errorf("ParseAddress(%q) ends at %d", s, a.End)
		}
	})
}
