package detect

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"zonebox/masking/china"
)

// The reference finds numbers the slow way: it writes the text out in ASCII, one
// character a byte, takes runs and groups by regular expression, and asks every
// keyword at every place. It holds the scores a second time.

const referenceClasses = Set(1<<ResidentID | 1<<CreditCode | 1<<Mobile | 1<<BankCard | 1<<Landline | 1<<Passport | 1<<Permit)

type reference struct {
	text string
	flat string // a byte for each character, 0x80 if it is not ASCII
	at   []int  // where each stands in text, and the end
	hits []Hit
}

var (
	run       = regexp.MustCompile(`[0-9A-Za-z]+`)
	grouped   = regexp.MustCompile(`^[0-9]+(?:[ -][0-9Xx]+)+`)
	joinedBy  = regexp.MustCompile(`[0-9A-Za-z]-$`)
	goesOn    = regexp.MustCompile(`^-[0-9A-Za-z]`)
	stuckTo   = regexp.MustCompile(`[0-9A-Za-z][-_./]$`)
	stuckOn   = regexp.MustCompile(`^(?:[-_][0-9A-Za-z]|\.[0-9])`)
	mobileRE  = regexp.MustCompile(`^(0086|86|)1[3-9][0-9]{9}$`)
	mobileSet = regexp.MustCompile(`^(3,4,4|2,11|4,11|2,3,4,4|4,3,4,4)$`)
	idSet     = regexp.MustCompile(`^(6,8,4|6,4,4,4|3,3,4,4,4|6,4,2,2,4)$`)
	cardSet   = regexp.MustCompile(`^(4,4,4,[1-4]|4,4,4,4,[1-4]|6,\d+|4,6,5)$`)
	prefixed  = regexp.MustCompile(`^([A-Za-z]{2,})[0-9A-Za-z]{11,}$`)
)

func newReference(text string) *reference {
	r := &reference{text: text}
	var flat strings.Builder
	for i := 0; i < len(text); {
		r.at = append(r.at, i)
		c, size := china.Fold(text, i)
		if size == 0 {
			c = 0x80
			_, size = utf8.DecodeRuneInString(text[i:])
		}
		flat.WriteByte(c)
		i += size
	}
	r.flat = flat.String()
	r.at = append(r.at, len(text))
	return r
}

func (r *reference) scan() []Hit {
	after := 0
	for _, m := range run.FindAllStringIndex(r.flat, -1) {
		from, to := m[0], m[1]
		if from < after || to-from > tokenLimit || !strings.ContainsAny(r.flat[from:to], "0123456789") {
			continue
		}
		if end := r.groups(from, to); end > 0 {
			after = end
			continue
		}
		r.alone(from, to)
	}
	return r.hits
}

func (r *reference) groups(from, to int) int {
	if to-from > 11 || joinedBy.MatchString(r.flat[:from]) {
		return 0
	}
	all := grouped.FindString(r.flat[from:])
	parts := regexp.MustCompile(`[ -]`).Split(all, -1)
	if all == "" || len(parts[0]) != to-from {
		return 0
	}
	if rest := r.flat[from+len(all):]; rest != "" && run.MatchString(rest[:1]) {
		parts = parts[:len(parts)-1] // it runs on into a word
	}
	for n := min(len(parts), groupLimit); n >= 2; n-- {
		if len(strings.Join(parts[:n], "")) >= 40 {
			continue
		}
		length := len(strings.Join(parts[:n], "-"))
		if goesOn.MatchString(r.flat[from+length:]) {
			continue
		}
		if r.layout(parts[:n], from, from+length) {
			return from + length
		}
	}
	return 0
}

func (r *reference) layout(parts []string, from, to int) bool {
	read := strings.Join(parts, "")
	var widths []string
	for _, p := range parts {
		widths = append(widths, fmt.Sprint(len(p)))
	}
	set := strings.Join(widths, ",")
	e := r.wide(from, to) | Grouped
	before := len(r.hits)
	if id, ok := china.ReadIdentity(read); ok && idSet.MatchString(set) {
		base, evidence := identityScore(id, []byte(read))
		if r.add(ResidentID, e|evidence, from, to, base, 35, 25) {
			return true
		}
	}
	if m := mobileRE.FindStringSubmatch(read); m != nil {
		base := 65
		if m[1] == "86" && from > 0 && r.flat[from-1] == '+' && r.at[from]-r.at[from-1] == 1 {
			from, base = from-1, 80
		} else if m[1] != "" && from > 0 && r.flat[from-1] == '+' && r.at[from]-r.at[from-1] == 1 {
			from, base = from-1, 80
		}
		if !mobileSet.MatchString(set) || (m[1] == "") != (set == "3,4,4") || m[1] != "" && len(parts[0]) != len(m[1]) {
			return false
		}
		return r.add(Mobile, e, from, to, base, 30, 35)
	}
	if area := china.AreaCode(read); area > 0 && len(parts[0]) == area {
		ok := len(parts) == 2 && china.Landline(read) ||
			len(parts) == 3 && len(parts[1]) >= 7 && len(parts[2]) <= 5 && china.Landline(parts[0]+parts[1]) ||
			len(parts) == 3 && len(parts[1]) < 7 && len(parts[2]) == 4 && china.Landline(read)
		return ok && r.add(Landline, e|Place, from, to, 60, 35, 30)
	}
	if scheme := china.ReadCard(read); scheme != china.NoScheme && cardSet.MatchString(set) {
		r.card(read, scheme, from, to, e, 0)
	}
	return len(r.hits) > before
}

func (r *reference) alone(from, to int) {
	e := r.wide(from, to)
	if stuckTo.MatchString(r.raw(0, from)) || stuckOn.MatchString(r.raw(to, len(r.flat))) {
		e |= Attached
	}
	r.whole(from, to, e)
	if m := prefixed.FindStringSubmatch(r.flat[from:to]); m != nil && to-from-len(m[1]) >= 11 {
		r.whole(from+len(m[1]), to, e|Attached)
	}
}

// raw is the flat text with full-width characters out of the way.
func (r *reference) raw(from, to int) string {
	b := []byte(r.flat[from:to])
	for i := range b {
		if r.at[from+i+1]-r.at[from+i] > 1 {
			b[i] = 0x80
		}
	}
	return string(b)
}

func (r *reference) whole(from, to int, e Evidence) {
	read := r.flat[from:to]
	penalty := 0
	if e&Attached != 0 {
		penalty = 30
	}
	if id, ok := china.ReadIdentity(read); ok && len(read) == 18 {
		base, evidence := identityScore(id, []byte(read))
		less := penalty
		if base == 95 {
			less = min(less, 5)
		}
		r.add(ResidentID, e|evidence, from, to, base-less, 35, 25)
		if china.IdentityChecks(read) {
			return
		}
	}
	if c, ok := china.ReadCredit(read); ok {
		_, checked := china.ParseCredit(read)
		body, digits := !regexp.MustCompile(`[A-Za-z]`).MatchString(read[8:16]), !regexp.MustCompile(`[A-Za-z]`).MatchString(read)
		switch {
		case checked && body && (!c.Organization || digits && !china.KnownRegion(c.Region)):
			r.add(CreditCode, e|Checked, from, to, 45-penalty, 35, 30)
		case checked && c.Organization:
			r.add(CreditCode, e|Checked|Place, from, to, 95-penalty, 35, 25)
		case checked:
			r.add(CreditCode, e|Checked|Place, from, to, 65-penalty, 35, 30)
		default:
			r.add(CreditCode, e|Unchecked|Place, from, to, 15-penalty, 35, 15)
		}
	}
	if id, ok := china.ParseIdentity(read); ok && id.Legacy {
		r.add(ResidentID, e|Place|Birthday, from, to, 40-penalty, 50, 30)
	}
	if china.Passport(read) {
		base := 25
		if read[0] == '1' || len(read) == 8 {
			base = 5
		}
		r.add(Passport, e, from, to, base-penalty, 65, 20)
	}
	if m := mobileRE.FindStringSubmatch(read); m != nil {
		base := map[string]int{"": 60, "86": 55, "0086": 55}[m[1]]
		if m[1] == "86" && from > 0 && r.flat[from-1] == '+' && r.at[from]-r.at[from-1] == 1 {
			from, base = from-1, 80
		}
		r.add(Mobile, e, from, to, base-penalty, 35, 35)
		return
	}
	if china.Landline(read) {
		r.add(Landline, e|Place, from, to, 35-penalty, 40, 30)
	}
	if china.Permit(read) {
		r.add(Permit, e, from, to, 20-penalty, 60, 20)
	}
	if scheme := china.ReadCard(read); scheme != china.NoScheme {
		r.card(read, scheme, from, to, e, penalty)
	}
}

func (r *reference) card(read string, scheme china.Scheme, from, to int, e Evidence, penalty int) {
	base, yes := 5, 30
	e |= Unchecked
	if china.Luhn(read) {
		e ^= Unchecked | Checked
		base, yes = 35, 55
		if scheme == china.UnionPay {
			base, yes = 45, 50
		}
		if e&Grouped != 0 {
			base += 20
		}
	}
	r.add(BankCard, e, from, to, base-penalty, yes, 40)
}

func (r *reference) wide(from, to int) Evidence {
	for i := from; i < to; i++ {
		if c := r.flat[i]; r.at[i+1]-r.at[i] == 3 && (c-'0' <= 9 || c|0x20-'a' < 26) {
			return Wide
		}
	}
	return 0
}

func (r *reference) add(c Class, e Evidence, from, to, base, yes, no int) bool {
	switch of, found := r.near(r.at[from]); {
	case found && of.Has(c):
		base, e = base+yes, e|For
	case found && of == 0:
		base, e = base-no, e|Against
	}
	h := Hit{c, uint8(min(max(base, 0), 100)), e, r.at[from], r.at[to]}
	if h.Score < DefaultThreshold {
		return false
	}
	if n := len(r.hits); n > 0 && r.hits[n-1].End > h.Start {
		last := r.hits[n-1]
		if last.Score > h.Score || last.Score == h.Score && last.End-last.Start >= h.End-h.Start {
			return false
		}
		r.hits = r.hits[:n-1]
	}
	r.hits = append(r.hits, h)
	return true
}

func (r *reference) near(end int) (Set, bool) {
	stop := max(0, end-contextBytes)
	for n := 0; n < contextRunes && end > stop; n++ {
		best := -1
		for i, k := range keywords {
			start := end - len(k.word)
			if start < 0 || strings.Map(small26, r.text[start:end]) != k.word || best >= 0 && len(keywords[best].word) >= len(k.word) {
				continue
			}
			if k.word[0] < 0x80 && (start > 0 && latin(r.text[start-1]) || end < len(r.text) && latin(r.text[end]) && latin(r.text[end-1])) {
				continue
			}
			best = i
		}
		if best >= 0 {
			return keywords[best].of, true
		}
		c, size := utf8.DecodeLastRuneInString(r.text[stop:end])
		if c == '\n' || c == '。' || c == '！' || c == '？' {
			return 0, false
		}
		end -= size
	}
	return 0, false
}

func small26(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func same(t testing.TB, text string) {
	t.Helper()
	want := newReference(text).scan()
	got := New(Options{Classes: referenceClasses}).ScanString(nil, text)
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("Scan(%q)\n got %v\nwant %v", text, got, want)
	}
}

func TestOfOverlappingHitsTheSurestThenTheLongestStays(t *testing.T) {
	for _, tt := range []struct {
		rule string
		add  []Hit
		want []Hit
	}{
		{"the surer one, second", []Hit{{Email, 60, 0, 0, 5}, {Mobile, 70, 0, 3, 9}}, []Hit{{Mobile, 70, 0, 3, 9}}},
		{"the surer one, first", []Hit{{Email, 70, 0, 0, 5}, {Mobile, 60, 0, 3, 9}}, []Hit{{Email, 70, 0, 0, 5}}},
		{"the longer one, second", []Hit{{Email, 60, 0, 0, 5}, {Mobile, 60, 0, 0, 9}}, []Hit{{Mobile, 60, 0, 0, 9}}},
		{"the first of two alike", []Hit{{Email, 60, 0, 0, 5}, {Mobile, 60, 0, 0, 5}}, []Hit{{Email, 60, 0, 0, 5}}},
		{"one over two", []Hit{{Email, 60, 0, 0, 5}, {Mobile, 60, 0, 5, 9}, {Plate, 90, 0, 2, 9}}, []Hit{{Plate, 90, 0, 2, 9}}},
		{"side by side", []Hit{{Email, 60, 0, 0, 5}, {Mobile, 60, 0, 5, 9}}, []Hit{{Email, 60, 0, 0, 5}, {Mobile, 60, 0, 5, 9}}},
		{"under the threshold", []Hit{{Email, 49, 0, 0, 5}}, nil},
	} {
		w := walk{Scanner: New(Options{})}
		for _, h := range tt.add {
			w.add(h)
		}
		if !reflect.DeepEqual(w.hits, tt.want) {
			t.Errorf("%s: %v, want %v", tt.rule, w.hits, tt.want)
		}
	}
}

// pieces are what random texts are put together from.
var pieces = []string{"11010519491231002X", "440524188001010014", "13812345678", "138", "1234", "5678", "6222", "021234567890128", "6222021234567890128", "91350100M000100Y43",
	"+86", "0086", "86", " ", "-", "  ", "　", "－", "手机", "身份证号", "卡号", "订单号", "：", ":", "。", "\n", "tel", "id", "ORD", "X", "x", "1", "3", "9", "025", "83212345",
	"E12345678", "C12345678", "１", "３８１２３４５６７８", "Ｘ", "110105491231002", "4111111111111111", ".", "_", "/", "a", "汉", "138-1234-5678", "138 1234 5678", "110105 19491231 002X", "025-83212345", "6222 0212 3456 7890 128", "\xef", "\xbc", "\x91", "110105", "19491231", "002X", "万", "12"}

func TestScanEqualsTheSlowReference(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 17))
	found := 0
	for range 30_000 {
		var b strings.Builder
		for range 1 + r.IntN(9) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		same(t, b.String())
		found += len(New(Options{}).ScanString(nil, b.String()))
	}
	if found < 2_000 {
		t.Errorf("only %d hits in random texts: nothing was compared", found)
	}
}

func FuzzScan(f *testing.F) {
	for _, p := range pieces {
		f.Add("手机" + p + "，" + p)
	}
	for _, s := range []string{"姓名：张伟，住江苏省南京市鼓楼区汉口路22号3幢501室", "苏A·D12345 a.b@qq.com 10.1.200.3 2001:db8::1:2", "阿卜杜拉·买买提先生", "组织机构代码D2143569-X"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		same(t, text)
		last := 0
		for _, h := range New(Options{Threshold: 1}).ScanString(nil, text) {
			if h.Start < last || h.End <= h.Start || h.End > len(text) {
				t.Fatalf("hit %v overlaps or leaves %q", h, text)
			}
			last = h.End
			span := text[h.Start:h.End]
			if !utf8.ValidString(span) || !utf8.RuneStart(text[h.Start]) || h.End < len(text) && utf8.ValidString(text) && !utf8.RuneStart(text[h.End]) {
				t.Fatalf("hit %v cuts a character of %q", h, text)
			}
			ok := true
			switch h.Class {
			case Email:
				ok = china.Email(span)
			case Network:
				ok = china.IPv4(span) || china.IPv6(span)
			case Plate:
				ok = china.Plate(span)
			case PersonName:
				_, ok = china.ParseName(span)
			case ResidentID, CreditCode, Mobile, BankCard, Landline, Organization, Passport, Permit:
				ok = strings.ContainsAny(string(china.Normal(nil, span)), "0123456789X") || h.Class == Organization
			case PostalAddress:
			default:
				ok = false
			}
			if !ok {
				t.Fatalf("hit %v: %q is none", h, span)
			}
		}
	})
}
