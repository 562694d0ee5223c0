package china

import "math/bits"

// An Address is the beginning of a postal address as far as the divisions of
// GB/T 2260 name it.
type Address struct {
	// Codes by level, 0 where the text leaves a level out or where its name
	// alone does not tell which division of that name is meant.
	Province, Prefecture, County int
	// Deepest is the lowest level named.
	Deepest Level
	// End is the length in bytes of the divisions named: s[End:] is what
	// follows, the town or the street.
	End int
	// Full is true if one of them was named in full (江苏省, not 江苏).
	Full bool
}

// ParseAddress reads the divisions that s starts with, from the province down:
// 江苏省南京市鼓楼区, 江苏南京鼓楼区, 南京市鼓楼区, 昆山市, 北京市海淀区. Each
// has to lie in the one named before it, in some edition of the codes, so that
// addresses with names since abolished are read as well. A single space or comma
// between two of them is skipped.
//
// It returns false unless s starts with the name of a division.
func ParseAddress[T Text](s T) (Address, bool) {
	var a Address
	t := regions()
	within := 0 // the deepest division known
	for a.Deepest < County {
		start := a.End
		if start > 0 && start < len(s) && (s[start] == ' ' || s[start] == ',') {
			start++
		}
		m := longest(t, s, start, within, a.Deepest)
		if m.size == 0 {
			break
		}
		a.End, a.Deepest, a.Full = start+m.size, m.level, a.Full || m.full
		if m.code == 0 {
			break
		}
		within = m.code
		switch m.level {
		case Province:
			a.Province = m.code
		case Prefecture:
			a.Prefecture = m.code
		case County:
			a.County = m.code
		}
	}
	if within > 0 {
		a.Province = within / 10000 * 10000
		if above, ok := Parent(Region{Code: within}); ok && above.Level() == Prefecture {
			a.Prefecture = above.Code
		}
	}
	return a, a.Deepest != NoLevel
}

// A Gazetteer is the names of all divisions that are or were.
type Gazetteer struct{ table *regionTable }

// Divisions returns the names of GB/T 2260.
func Divisions() Gazetteer { return Gazetteer{regions()} }

// MayBegin reports whether the name of a division may begin at text[i:]. It is
// the cheap question before ParseAddress: it says no to nine of ten characters of
// running text.
func (g Gazetteer) MayBegin(text []byte, i int) bool { return lengthsAt(&g.table.starts, text, i) != 0 }

// A match is a name of a division found in a text. Its code is 0 if more than
// one could be meant.
type match struct {
	size, code int
	level      Level
	full       bool
}

// longest returns the longest name at s[i:] of a division below the level
// reached that lies within the given one (0: anywhere).
func longest[T Text](t *regionTable, s T, i, within int, reached Level) match {
	for lengths := lengthsAt(&t.starts, s, i); lengths != 0; {
		n := bits.Len16(lengths) - 1
		lengths &^= 1 << n
		if i+3*n > len(s) {
			continue
		}
		var m match
		for _, at := range t.byName[string(s[i:i+3*n])] {
			r := &t.byCode[at]
			level := r.Level()
			if level <= reached || !inside(r.Code, within) {
				continue
			}
			full := len(r.Name) == 3*n
			switch {
			case m.size == 0 || level < m.level || full && !m.full:
				m = match{3 * n, r.Code, level, full}
			case level == m.level && r.Code != m.code && full == m.full:
				// Of several, one in force is meant before one that is not.
				switch old, found := t.inForce(m.code), r.To == 0; {
				case found && !old:
					m.code = r.Code
				case found == old:
					m.code = 0
				}
			}
		}
		if m.size > 0 {
			return m
		}
	}
	return match{}
}

func (t *regionTable) inForce(code int) bool {
	if code == 0 {
		return true // two in force: nothing older decides
	}
	r, ok := Lookup(code)
	return ok && r.To == 0
}

// inside reports whether the division lies within the other, 0 being the
// country.
func inside(code, within int) bool {
	switch LevelOf(within) {
	case Province:
		return code/10000 == within/10000
	case Prefecture:
		return code/100 == within/100
	}
	return within == 0
}
