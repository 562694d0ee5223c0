package detect

import (
	"zonebox/masking/china"
)

// tokenLimit is the longest run of letters and digits that is looked into. An
// identifier has at most 19, with a word stuck to it a few more.
const tokenLimit = 40

// A token is a run of letters and digits of a text.
type token struct {
	start, end int
	wide       bool   // some are written in full-width characters
	read       []byte // what it reads in ASCII; part of the text unless wide
	at         []int  // if wide: where in the text each of read stands, and the end
}

// alnum returns the letter or digit at text[i] and its width, 0 if there is none.
func alnum(text []byte, i int) (c byte, size int) {
	c, size = fold(text, i)
	if size > 0 && (c-'0' <= 9 || latin(c)) {
		return c, size
	}
	return 0, 0
}

// token looks into the run of letters and digits around text[i], which is a
// digit, and returns where to go on.
func (w *walk) token(i int) int {
	text := w.text
	end := i
	for end < len(text) && text[end]-'0' <= 9 {
		end++
	}
	start := i
	if start > 0 && latin(text[start-1]) || end < len(text) && latin(text[end]) {
		for start > 0 && i-start <= tokenLimit && (latin(text[start-1]) || text[start-1]-'0' <= 9) {
			start--
		}
		for end < len(text) && (latin(text[end]) || text[end]-'0' <= 9) {
			end++
		}
	}
	if end == i || end < len(text) && text[end] == 0xEF || start >= 3 && text[start-3] == 0xEF {
		if _, after := alnum(text, end); after > 0 {
			return w.wideToken(start)
		}
		if start >= 3 {
			if _, before := alnum(text, start-3); before == 3 {
				return w.wideToken(start)
			}
		}
	}
	switch {
	case end-start > tokenLimit, end-start <= 6 && w.dull(start, end):
		return end
	}
	t := token{start: start, end: end, read: text[start:end]}
	return w.look(&t)
}

// wideToken is token for a run that holds full-width characters and text[i].
func (w *walk) wideToken(i int) int {
	text := w.text
	start := i
	for runes := 0; runes <= tokenLimit; runes++ {
		if _, size := alnum(text, max(start-1, 0)); size == 1 && start > 0 {
			start--
		} else if _, size := alnum(text, max(start-3, 0)); size == 3 && start >= 3 {
			start -= 3
		} else {
			break
		}
	}
	var (
		buf [tokenLimit + 1]byte
		at  [tokenLimit + 1]int
		n   int
	)
	end := start
	for {
		c, size := alnum(text, end)
		if size == 0 {
			break
		}
		if n <= tokenLimit {
			buf[n], at[n] = c, end
		}
		n++
		end += size
	}
	if n > tokenLimit {
		return end
	}
	at[n] = end
	t := token{start: start, end: end, wide: true, read: buf[:n], at: at[:n+1]}
	return w.look(&t)
}

// look judges a token and what it begins. It returns where to go on.
func (w *walk) look(t *token) int {
	if next := w.dotted(t); next > 0 {
		return next
	}
	if w.classes&numeric != 0 {
		if next := w.groups(t); next > 0 {
			return next
		}
		w.single(t)
	}
	if w.classes.Has(PostalAddress) {
		w.street(t.start, t.end)
	}
	return t.end
}

// dull reports whether the few letters and digits text[start:end] are no part of
// any identifier looked for: not of digits in groups, a network address, a plate,
// an organization code or a house number.
func (w *walk) dull(start, end int) bool {
	text := w.text
	if end+1 < len(text) {
		switch c, next := text[end], text[end+1]; {
		case c == '.' && next-'0' <= 9:
			if w.classes.Has(Network) {
				return false
			}
		case c == ' ' || c == '-':
			if next-'0' <= 9 || next|0x20 == 'x' || next >= 0xE3 {
				return false
			}
		case c == 0xE3 && next == 0x80, c == 0xEF && next == 0xBC: // full-width signs
			if c, size := fold(text, end); size > 0 && (c == ' ' || c == '-') {
				return false
			}
		}
	}
	if start == 0 {
		return true
	}
	plate := end-start >= 4 && w.classes.Has(Plate)
	switch c := text[start-1]; {
	case c >= 0x80: // a Chinese character or a middle dot
		return !plate && !(w.classes.Has(PostalAddress) && end < len(text) && text[end] >= 0x80)
	case c == ' ' || c == '.':
		return !plate
	case c == '-':
		return !plate && !(end-start == 1 && w.classes.Has(Organization))
	}
	return true
}

// single looks at the token by itself, and at the digits that follow a word
// stuck to it: tel13812345678.
func (w *walk) single(t *token) {
	var e Evidence
	if t.wide {
		e |= Wide
	}
	if len(t.read) >= 8 {
		if w.attached(t) {
			e |= Attached
		}
		w.whole(t.read, t.start, t.end, e)
		n := 0
		for n < len(t.read) && latin(t.read[n]) {
			n++
		}
		if n >= 2 && len(t.read)-n >= 11 {
			start := t.start + n
			if t.wide {
				start = t.at[n]
			}
			w.whole(t.read[n:], start, t.end, e|Attached)
		}
		return
	}
	if len(t.read) == 1 && w.classes.Has(Organization) {
		w.letters(t)
	}
	if w.classes.Has(Plate) {
		w.plate(t)
	}
}

// attached reports whether a sign joins the token to more: ORD-2023, 0.138, a_1.
func (w *walk) attached(t *token) bool {
	text := w.text
	if t.start >= 2 {
		if c := text[t.start-1]; c == '-' || c == '_' || c == '.' || c == '/' {
			if p := text[t.start-2]; p-'0' <= 9 || latin(p) {
				return true
			}
		}
	}
	if t.end+1 < len(text) {
		if c := text[t.end]; c == '-' || c == '_' || c == '.' {
			if n := text[t.end+1]; n-'0' <= 9 || c != '.' && latin(n) {
				return true
			}
		}
	}
	return false
}

// whole judges read, the characters of text[start:end], by length.
func (w *walk) whole(read []byte, start, end int, e Evidence) {
	penalty := 0
	if e&Attached != 0 {
		penalty = 30
	}
	add := func(c Class, e Evidence, base, yes, no int) {
		if base -= penalty; w.classes.Has(c) && base+yes >= int(w.threshold) {
			w.add(w.judge(Hit{Class: c, Evidence: e, Start: start, End: end}, base, yes, no))
		}
	}
	switch n := len(read); n {
	case 18:
		if id, ok := china.ReadIdentity(read); ok {
			base, evidence := identityScore(id, read)
			if base == proven && penalty > 0 {
				// One in two million of random numbers: a name, a path or a date
				// that sticks to it makes it no less of one. IMG_…, 13812345678/….
				base += penalty - (proven - Certain)
			}
			add(ResidentID, e|evidence, base, 35, 25)
			if evidence&Checked != 0 {
				return
			}
		}
		if c, ok := china.ReadCredit(read); ok {
			switch checked := china.CreditCheck(read[:17]) == upper(read[17]); {
			case checked && allDigits(read[8:16]) && (!c.Organization || allDigits(read) && !china.KnownRegion(c.Region)):
				// One in 31 of long numbers that begin right. The codes of before
				// 2015 are digits as well, and hold a checked organization code.
				add(CreditCode, e|Checked, 45, 35, 30)
			case checked && c.Organization:
				add(CreditCode, e|Checked|Place, 95, 35, 25)
			case checked:
				add(CreditCode, e|Checked|Place, 65, 35, 30)
			default:
				add(CreditCode, e|Unchecked|Place, 15, 35, 15)
			}
		}
	case 15:
		if id, ok := china.ReadIdentity(read); ok && china.KnownRegion(id.Region) {
			add(ResidentID, e|Place|Birthday, 40, 50, 30)
		}
	case 8, 9:
		if n == 9 && china.OrganizationChecks(read) {
			add(Organization, e|Checked, 15, 65, 15)
		}
		if china.Passport(read) {
			base := 25
			if read[0] == '1' || n == 8 {
				base = 5
			}
			add(Passport, e, base, 65, 20)
		}
		if china.Permit(read) {
			add(Permit, e, 20, 60, 20)
		}
	}
	if n := china.MobilePrefix(read); len(read) == 11+n && china.Mobile(read[n:]) {
		base := 60
		if n > 0 {
			base = 55
		}
		if start > 0 && w.text[start-1] == '+' && n == 2 {
			start--
			base = 80
		}
		add(Mobile, e, base, 35, 35)
		return
	}
	if china.Landline(read) {
		add(Landline, e|Place, 35, 40, 30)
	}
	if china.Permit(read) && len(read) == 11 {
		add(Permit, e, 20, 60, 20)
	}
	if scheme := china.ReadCard(read); scheme != china.NoScheme {
		w.card(read, scheme, start, end, e, penalty)
	}
}

// card judges the digits of a card. Without a keyword a number is none, since
// one in ten serial numbers has a right check digit, unless it is set in groups.
func (w *walk) card(read []byte, scheme china.Scheme, start, end int, e Evidence, penalty int) {
	base, yes := 5, 30
	if china.Luhn(read) {
		e |= Checked
		base, yes = 35, 55
		if scheme == china.UnionPay {
			base, yes = 45, 50
		}
		if e&Grouped != 0 {
			base += 20
		}
	} else {
		e |= Unchecked
	}
	w.add(w.judge(Hit{Class: BankCard, Evidence: e, Start: start, End: end}, base-penalty, yes, 40))
}

// proven is the score of an identity number of which all holds.
const proven = 95

// identityScore judges what reads as an identity number of eighteen characters.
// A wrong check character leaves a suspicion, which a keyword confirms: forms
// hold mistyped numbers, and they name the person all the same.
func identityScore(id china.Identity, read []byte) (int, Evidence) {
	known, checked := china.KnownRegion(id.Region), china.IdentityChecks(read)
	e := Birthday
	if known {
		e |= Place
	}
	switch {
	case checked && known:
		return proven, e | Checked
	case checked && china.KnownProvince(id.Region):
		return 55, e | Checked
	case checked:
		return 20, e | Checked
	case known:
		return 30, e | Unchecked
	}
	return 10, e | Unchecked
}

func upper(c byte) byte {
	if c-'a' < 26 {
		return c &^ 0x20
	}
	return c
}
