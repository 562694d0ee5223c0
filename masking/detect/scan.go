package detect

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"zonebox/masking/china"
)

// Scan appends the identifiers found in text to dst and returns it, in the order
// in which they stand there. They do not overlap: where one span can be two
// things, the higher score wins, then the longer span.
//
// Text that is not UTF-8 is read as far as it is; a bad byte belongs to no hit.
// Scan allocates nothing but room in dst.
func (s *Scanner) Scan(dst []Hit, text []byte) []Hit {
	w := walk{Scanner: s, text: text, hits: dst, first: len(dst)}
	if s.classes&(1<<PersonName|1<<PostalAddress) != 0 {
		w.words()
	} else {
		w.numbers()
	}
	if len(s.known) > 0 && len(w.hits) > w.first {
		w.forget()
	}
	return w.hits
}

// forget drops the hits that stand in a text that is known, each as a number of
// its own: a long text of digits would hold any number.
func (w *walk) forget() {
	kept := w.hits[:w.first]
	for _, h := range w.hits[w.first:] {
		hit := w.text[h.Start:h.End]
		if !slices.ContainsFunc(w.known, func(text []byte) bool { return standsIn(text, hit) }) {
			kept = append(kept, h)
		}
	}
	w.hits = kept
}

// standsIn reports whether hit stands in text with no digit before it and no
// letter or digit after it.
func standsIn(text, hit []byte) bool {
	for from := 0; ; from++ {
		at := bytes.Index(text[from:], hit)
		if at < 0 {
			return false
		}
		from += at
		first, _ := before(text, from)
		if _, after := alnum(text, from+len(hit)); first-'0' > 9 && after == 0 {
			return true
		}
	}
}

// A walk is one pass over a text.
type walk struct {
	*Scanner
	text  []byte
	hits  []Hit
	first int // hits before are the caller's

	lastName int // where the name found last ends
}

// numbers visits what can hold identifiers but no names and addresses: digits,
// full-width characters, @, colons and hyphens.
func (w *walk) numbers() {
	text := w.text
	hyphens := uint64(0) // of codes of letters alone, where these are looked for
	if w.classes.Has(Organization) {
		hyphens = highs
	}
	for i := 0; i < len(text); {
		if i+8 <= len(text) {
			x := binary.LittleEndian.Uint64(text[i:])
			m := marks(x) | zeros(x^'-'*lows)&hyphens
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) / 8
		}
		i = w.visit(i)
	}
}

// words visits Chinese characters as well.
func (w *walk) words() {
	text := w.text
	names, addresses := w.classes.Has(PersonName), w.classes.Has(PostalAddress)
	divisions := china.Divisions()
	for i := 0; i < len(text); {
		c := text[i]
		if c < 0xE3 || c > 0xE9 {
			if c == 0xC2 && names {
				w.dottedName(i)
			}
			i = w.visit(i)
			continue
		}
		if i+3 > len(text) || text[i+1]&0xC0 != 0x80 || text[i+2]&0xC0 != 0x80 {
			i++ // not UTF-8
			continue
		}
		r := rune(c&0xF)<<12 | rune(text[i+1]&0x3F)<<6 | rune(text[i+2]&0x3F)
		end := 0
		if addresses && divisions.MayBegin(text, i) {
			end = w.address(i)
		}
		if names && end == 0 && maySurname(r) {
			end = w.name(i, r)
		}
		i = max(end, i+3)
	}
}

// visit looks at what stands at text[i] and returns where to go on, beyond i.
func (w *walk) visit(i int) int {
	switch c := w.text[i]; {
	case c-'0' <= 9:
		return w.token(i)
	case c == '-':
		w.lettersX(i)
	case c == '@':
		if w.classes.Has(Email) {
			return w.email(i)
		}
	case c == ':':
		if w.classes.Has(Network) {
			return w.ipv6(i)
		}
	case c == 0xEF:
		if f, size := china.Fold(w.text, i); size == 3 {
			if f-'0' <= 9 {
				return w.token(i)
			}
			return i + 3
		}
	}
	return i + 1
}

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// marks has the highest bit of each byte of x set that is an ASCII digit, a
// colon, an @ or 0xEF, where full-width characters begin. It may be set wrongly
// for a byte above one that is rightly marked, never below.
func marks(x uint64) uint64 {
	low := x &^ highs
	// '0' to ':' : adding 0x50 reaches 0x80 from 0x30 on, 0x45 from 0x3B on.
	digit := (low + 0x50*lows) &^ (low + 0x45*lows) &^ x
	at := zeros(x ^ '@'*lows)
	wide := zeros(x ^ 0xEF*lows)
	return (digit | at | wide) & highs
}

// zeros marks the bytes of x that are 0 (Mycroft 1987); a byte over one that is
// 0 may be marked wrongly.
func zeros(x uint64) uint64 { return (x - lows) &^ x }

// add puts a hit with a score of at least the threshold among the others.
func (w *walk) add(h Hit) bool {
	if h.Score < w.threshold || !w.classes.Has(h.Class) {
		return false
	}
	for n := len(w.hits); n > w.first && w.hits[n-1].End > h.Start; n = len(w.hits) {
		last := w.hits[n-1]
		if last.Start >= h.End {
			return false // it was passed over before
		}
		if last.Score > h.Score || last.Score == h.Score && last.End-last.Start >= h.End-h.Start {
			return false
		}
		w.hits = w.hits[:n-1]
	}
	w.hits = append(w.hits, h)
	return true
}

// judge returns h with the score that it has by itself, raised by yes if the
// nearest keyword, or the header, speaks for it, and lowered by no if it speaks
// against.
func (w *walk) judge(h Hit, base, yes, no int) Hit {
	of, found := near(w.text, h.Start)
	switch {
	case found && of.Has(h.Class):
		base += yes
		h.Evidence |= For
	case found && of == 0:
		base -= no
		h.Evidence |= Against
	case !found && w.header.Has(h.Class):
		base += yes
		h.Evidence |= For
	case !found && w.not.Has(h.Class):
		base -= no
		h.Evidence |= Against
	}
	h.Score = uint8(min(max(base, 0), 100))
	return h
}
