package detect

import (
	"unicode/utf8"

	"zonebox/masking/china"
)

// Parts of an address below the county, by the character they end in.
const (
	noPart   = iota
	roadPart // street, village, estate
	housePart
	numberPart // only after a number
)

var (
	roadEnds   = china.NewRuneSet("路街道巷弄里镇乡村庄屯区园苑城场厦桥湾寨")
	houseEnds  = china.NewRuneSet("楼幢栋座室层户院")
	numberEnds = china.NewRuneSet("号组队元")
)

func addressPart(r rune) int {
	switch {
	case roadEnds.Has(r):
		return roadPart
	case houseEnds.Has(r):
		return housePart
	case numberEnds.Has(r):
		return numberPart
	}
	return noPart
}

// addressStops are characters that no address goes on over.
var addressStops = china.NewRuneSet("的是有和与了在从等于为被将把对向说及或但因而并")

// How far an address may run, in characters: to its end, and from one part to
// the next.
const (
	addressRunes = 60
	partRunes    = 9
)

// address looks for the address that begins with a division at text[i] and
// returns its end, or 0.
func (w *walk) address(i int) int {
	a, ok := china.ParseAddress(w.text[i:])
	if !ok {
		return 0
	}
	end, detail := w.detail(i + a.End)
	base := [...]int{china.NoLevel: 0, china.Province: 5, china.Prefecture: 20, china.County: 30}[a.Deepest]
	if !a.Full {
		base -= 10
	}
	h := w.judge(Hit{Class: PostalAddress, Evidence: Place, Start: i, End: end}, base+detail, 20, 0)
	if w.add(h) {
		return end
	}
	return 0
}

// street looks for an address without a division before it: the number at
// text[start:end] between a street and 号. It looks back for the street's name.
func (w *walk) street(start, end int) {
	text := w.text
	if start < 9 || len(w.hits) > w.first && w.hits[len(w.hits)-1].End > start || hanziAt(text, end) == 0 {
		return
	}
	last, _ := utf8.DecodeRune(text[start-3 : start])
	if next, _ := utf8.DecodeRune(text[end:]); addressPart(last) != roadPart || addressPart(next) != numberPart && addressPart(next) != housePart && next != '弄' {
		return
	}
	from := start - 3
	for n := 0; n < 6 && from >= 3; n++ {
		r, size := utf8.DecodeLastRune(text[:from])
		if !china.Hanzi(r) || size != 3 || addressStops.Has(r) || r == '址' || r == '住' || r == '到' || r == '路' || r == '号' {
			break
		}
		from -= 3
	}
	if start-from < 9 {
		return
	}
	to, detail := w.detail(from)
	w.add(w.judge(Hit{Class: PostalAddress, Start: from, End: to}, 10+detail, 30, 0))
}

// detail reads the parts of an address from text[i] on. It returns the end of the
// last part, i if there is none, and what the parts say, 0 to 55: a road 15, a
// number 25, a house 15.
func (w *walk) detail(i int) (end, score int) {
	text := w.text
	end = i
	var road, number, house bool
	digits, since := 0, 0 // in a row; characters since the last part
	for at, n := i, 0; at < len(text) && n < addressRunes; n++ {
		if _, size := alnum(text, at); size > 0 {
			if digits++; digits > 6 {
				break
			}
			at += size
			continue
		}
		c, size := fold(text, at)
		switch {
		case size > 0 && (c == '-' || c == '#'):
			at += size
			if digits > 0 && c == '#' {
				end, house = at, true
			}
			digits = 0
			continue
		case size > 0 && (c == '(' || c == ')'):
			at += size
			digits = 0
			continue
		case size > 0 && c == ',' && end == at && number && digitAt(text, at+size):
			at += size
			digits = 0
			continue
		case size > 0:
			return w.trail(end), total(road, number, house)
		}
		r, size := utf8.DecodeRune(text[at:])
		if !china.Hanzi(r) || addressStops.Has(r) && !w.peaceful(r, at+size) {
			break
		}
		part := addressPart(r)
		if since++; since > partRunes && part == noPart {
			break
		}
		at += size
		switch {
		case part == roadPart:
			road = true
		case part == housePart:
			house = true
		case part == numberPart && digits > 0:
			number = number || r == '号' || r == '组'
			house = house || r != '号'
		case part == numberPart && r == '元': // 单元 after a number: 2单元
		default:
			part = noPart
		}
		if part != noPart {
			end, since = at, 0
		}
		digits = 0
	}
	return w.trail(end), total(road, number, house)
}

// peaceful reports whether 和 is not the word for and, but in one of the names
// that many streets have: 和平街, 和谐路.
func (w *walk) peaceful(r rune, next int) bool {
	if r != '和' {
		return false
	}
	r, _ = utf8.DecodeRune(w.text[next:])
	return r == '平' || r == '谐' || r == '睦' || r == '顺' || r == '兴' || r == '合'
}

// trail extends an address over the numbers that follow its last part: 小区3-501.
func (w *walk) trail(end int) int {
	at := end
	for n := 0; at < len(w.text); n++ {
		c := w.text[at]
		if c-'0' > 9 && !(c == '-' && digitAt(w.text, at+1) && at > end) {
			break
		}
		if n >= 6 {
			return end
		}
		at++
	}
	if at < len(w.text) && latin(w.text[at]) {
		return end
	}
	return at
}

func digitAt(text []byte, i int) bool {
	c, size := fold(text, i)
	return size > 0 && c-'0' <= 9
}

func total(road, number, house bool) int {
	score := 0
	if road {
		score += 15
	}
	if number {
		score += 25
	}
	if house {
		score += 15
	}
	return score
}
