package detect

import "zonebox/masking/china"

// groupLimit is the most groups that an identifier's digits are set in.
const groupLimit = 7

// groups looks at digits set in groups, 138 1234 5678 or 6222-0212-…, from t on,
// the most groups first. It returns where to go on, or 0 if the token is to be
// looked at by itself.
func (w *walk) groups(t *token) int {
	if len(t.read) == 8 && w.classes.Has(Organization) && !w.joined(t.start) {
		if end := w.hyphened(t); end > 0 {
			return end
		}
	}
	if !allDigits(t.read) || len(t.read) > 11 || w.joined(t.start) {
		return 0
	}
	var (
		buf   [40]byte
		read  = append(buf[:0], t.read...)
		width [groupLimit]int // characters in each group
		total [groupLimit]int // and in all up to it
		ends  [groupLimit]int
		wide  [groupLimit]bool
		n     = 1
	)
	width[0], total[0], ends[0], wide[0] = len(read), len(read), t.end, t.wide
	for end := t.end; n < groupLimit; n++ {
		c, size := fold(w.text, end)
		if size == 0 || c != ' ' && c != '-' {
			break
		}
		at := end + size
		start := len(read)
		wide[n] = wide[n-1]
		for {
			c, size := alnum(w.text, at)
			if size == 0 || len(read) == len(buf) {
				break
			}
			if latin(c) && c|0x20 != 'x' {
				read = read[:start] // a word follows
				break
			}
			read = append(read, c)
			wide[n] = wide[n] || size == 3
			at += size
		}
		if len(read) == start || len(read) == len(buf) {
			break
		}
		end = at
		width[n], total[n], ends[n] = len(read)-start, len(read), at
	}
	for k := n; k >= 2; k-- {
		if w.hyphenAfter(ends[k-1]) {
			continue
		}
		e := Grouped
		if wide[k-1] {
			e |= Wide
		}
		if w.layout(read[:total[k-1]], width[:k], t.start, ends[k-1], e) {
			return ends[k-1]
		}
	}
	return 0
}

// hyphened looks at an organization code as it is printed, D2143569-X. It returns
// its end, or 0.
func (w *walk) hyphened(t *token) int {
	c, size := fold(w.text, t.end)
	if c != '-' {
		return 0
	}
	last, more := 0, 0
	check := byte(0)
	if t.end+size < len(w.text) {
		check, last = alnum(w.text, t.end+size)
	}
	end := t.end + size + last
	if end < len(w.text) {
		_, more = alnum(w.text, end)
	}
	if last == 0 || more > 0 || w.hyphenAfter(end) || china.OrganizationCheck(t.read) != upper(check) {
		return 0
	}
	if !w.add(w.judge(Hit{Class: Organization, Evidence: Checked | Grouped, Start: t.start, End: end}, 45, 45, 15)) {
		return 0
	}
	return end
}

// letters looks at an organization code of eight letters before the hyphen, when
// its check digit t is met: MAMKULJY-5.
func (w *walk) letters(t *token) {
	start := t.start - 9
	if start < 0 || w.text[t.start-1] != '-' {
		return
	}
	if start > 0 {
		if _, size := alnum(w.text, start-1); size > 0 || w.joined(start) {
			return
		}
	}
	for _, c := range w.text[start : t.start-1] {
		if !latin(c) {
			return
		}
	}
	if !w.hyphenAfter(t.end) && china.OrganizationCheck(w.text[start:t.start-1]) == upper(t.read[0]) {
		w.add(w.judge(Hit{Class: Organization, Evidence: Checked | Grouped, Start: start, End: t.end}, 45, 45, 15))
	}
}

// lettersX looks at an organization code without a digit, MAHDLRKE-X, when its
// hyphen at text[i] is met.
func (w *walk) lettersX(i int) {
	if i+1 < len(w.text) && w.text[i+1]|0x20 == 'x' && w.classes.Has(Organization) {
		if _, size := alnum(w.text, i+2); size == 0 {
			w.letters(&token{start: i + 1, end: i + 2, read: w.text[i+1 : i+2]})
		}
	}
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return len(b) > 0
}

// fold is china.Fold that finds nothing at the end of the text.
func fold(text []byte, i int) (byte, int) {
	if i >= len(text) {
		return 0, 0
	}
	return china.Fold(text, i)
}

// joined reports whether a hyphen joins text[:start] to what starts there: the
// middle of a longer chain is no identifier.
func (w *walk) joined(start int) bool {
	c, size := before(w.text, start)
	if c != '-' {
		return false
	}
	c, size = before(w.text, start-size)
	return size > 0 && (c-'0' <= 9 || latin(c))
}

// before is fold for the character that ends at text[:end].
func before(text []byte, end int) (byte, int) {
	if end >= 1 && text[end-1] < 0x80 {
		return text[end-1], 1
	}
	if end >= 3 {
		if c, size := fold(text, end-3); size == 3 {
			return c, size
		}
	}
	return 0, 0
}

func (w *walk) hyphenAfter(end int) bool {
	c, size := fold(w.text, end)
	if c != '-' {
		return false
	}
	_, size = alnum(w.text, end+size)
	return size > 0
}

// layout judges read, whose characters stand in groups of the widths, if such
// identifiers are written so. It reports whether it took them for one.
func (w *walk) layout(read []byte, width []int, start, end int, e Evidence) bool {
	add := func(c Class, e Evidence, base, yes, no int) bool {
		return w.classes.Has(c) && w.add(w.judge(Hit{Class: c, Evidence: e, Start: start, End: end}, base, yes, no))
	}
	if is(width, 6, 8, 4) || is(width, 6, 4, 4, 4) || is(width, 3, 3, 4, 4, 4) || is(width, 6, 4, 2, 2, 4) {
		if id, ok := china.ReadIdentity(read); ok {
			base, evidence := identityScore(id, read)
			if add(ResidentID, e|evidence, base, 35, 25) {
				return true
			}
		}
	}
	if n := china.MobilePrefix(read); len(read) == 11+n && china.Mobile(read[n:]) {
		rest, base := width, 65
		if n > 0 && width[0] == n {
			rest, base = width[1:], 65
			if start > 0 && w.text[start-1] == '+' {
				start--
				base = 80
			}
		} else if n > 0 {
			return false
		}
		return (is(rest, 3, 4, 4) || n > 0 && is(rest, 11)) && add(Mobile, e, base, 30, 35)
	}
	if n := china.AreaCode(read); n > 0 && width[0] == n {
		number, extension := read, 0
		if len(width) > 2 && width[len(width)-1] <= 5 && width[1] >= 7 {
			extension = width[len(width)-1]
			number = read[:len(read)-extension]
		}
		if china.Landline(number) && (len(width) == 2 || len(width) == 3 && extension > 0 ||
			len(width) == 3 && width[1]+width[2] == len(number)-n && width[2] == 4) {
			return add(Landline, e|Place, 60, 35, 30)
		}
		return false
	}
	if scheme := china.ReadCard(read); scheme != china.NoScheme && w.classes.Has(BankCard) && (fours(width) || is(width, 6, len(read)-6) || is(width, 4, 6, 5)) {
		before := len(w.hits)
		w.card(read, scheme, start, end, e, 0)
		return len(w.hits) > before
	}
	return false
}

// is reports whether the groups have these widths.
func is(width []int, want ...int) bool {
	if len(width) != len(want) {
		return false
	}
	for i := range want {
		if width[i] != want[i] {
			return false
		}
	}
	return true
}

// fours reports whether the groups are of four, but the last, which may be
// shorter.
func fours(width []int) bool {
	for i, n := range width {
		if n != 4 && (i < len(width)-1 || n > 4) {
			return false
		}
	}
	return len(width) >= 4
}
