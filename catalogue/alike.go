package catalogue

import (
	"strings"
	"unicode"
)

// Likeness says how alike two entries are, each part from 0 to 1, and what it rests
// on. Two entries are named as possible duplicates from Suspect on (NJ19-17).
type Likeness struct {
	Name   float64 `json:"name"`   // bigrams of the names
	Title  float64 `json:"title"`  // bigrams of the titles
	Schema float64 `json:"schema"` // columns in common, of all columns of both
	Key    float64 `json:"key"`    // 1 if rows are about the same kind of subject by the same column
	Total  float64 `json:"total"`
}

// The weights of the parts. The schema counts most: what is collected twice is
// collected under other names sooner than in other columns.
const (
	weightName   = 0.15
	weightTitle  = 0.25
	weightSchema = 0.45
	weightKey    = 0.15

	// Suspect is the least total that names two entries as possible duplicates:
	// more than one full part beside the schema, or the schema and any other.
	Suspect = 0.6
)

// Alike compares two entries. It is symmetric and looks at nothing but what they
// say: no order of columns, no case, no width of characters changes it.
func Alike(a, b Entry) Likeness {
	l := Likeness{Name: dice(a.Name, b.Name), Title: dice(a.Title, b.Title), Schema: schemas(a, b)}
	if a.Entity != nil && b.Entity != nil && a.Entity.Kind == b.Entity.Kind && a.keyed(b) {
		l.Key = 1
	}
	l.Total = weightName*l.Name + weightTitle*l.Title + weightSchema*l.Schema + weightKey*l.Key
	return l
}

// Lowers reports whether a has half or more of the columns of both in common with b,
// and one of them at a lower level: the data of b under a name, a title and a subject
// of their own are not b any more (Alike may find them below Suspect), and are
// protected less.
func Lowers(a, b Entry) bool {
	if schemas(a, b) < 0.5 {
		return false
	}
	for _, c := range a.Columns {
		for _, d := range b.Columns {
			if same(c, d) && c.Level < d.Level {
				return true
			}
		}
	}
	return false
}

// keyed reports whether the entity columns of both are one thing.
func (e Entry) keyed(o Entry) bool {
	return same(e.column(e.Entity.Column), o.column(o.Entity.Column))
}

func (e Entry) column(name string) Column {
	for _, c := range e.Columns {
		if c.Name == name {
			return c
		}
	}
	return Column{Name: name}
}

// same reports whether two columns hold one thing: the same data element, or the
// same name or title in the same type.
func same(a, b Column) bool {
	if a.Element != "" && b.Element != "" {
		return a.Element == b.Element
	}
	if a.Type != b.Type {
		return false
	}
	return fold(a.Name) == fold(b.Name) || a.Title != "" && fold(a.Title) == fold(b.Title)
}

// schemas returns the columns that both have over the columns that either has.
func schemas(a, b Entry) float64 {
	if len(a.Columns) == 0 || len(b.Columns) == 0 {
		return 0
	}
	common := 0
	paired := make([]int, len(b.Columns)) // with which column of a, from 1
	for i := range a.Columns {
		if pair(a, b, i, paired, make([]bool, len(b.Columns))) {
			common++
		}
	}
	return float64(common) / float64(len(a.Columns)+len(b.Columns)-common)
}

// pair finds column i of a a partner in b, moving others to another one where they
// have one (Kuhn's algorithm): as many columns as can be are paired, whatever their
// order.
func pair(a, b Entry, i int, paired []int, tried []bool) bool {
	for j := range b.Columns {
		if tried[j] || !same(a.Columns[i], b.Columns[j]) {
			continue
		}
		tried[j] = true
		if paired[j] == 0 || pair(a, b, paired[j]-1, paired, tried) {
			paired[j] = i + 1
			return true
		}
	}
	return false
}

// dice returns the coefficient of Sørensen and Dice over the bigrams of two texts,
// 1 for equal texts, 0 where either is empty.
func dice(a, b string) float64 {
	x, y := []rune(fold(a)), []rune(fold(b))
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	if string(x) == string(y) {
		return 1
	}
	if len(x) < 2 || len(y) < 2 {
		return 0
	}
	seen := map[[2]rune]int{}
	for i := range len(x) - 1 {
		seen[[2]rune{x[i], x[i+1]}]++
	}
	common := 0
	for i := range len(y) - 1 {
		if g := [2]rune{y[i], y[i+1]}; seen[g] > 0 {
			seen[g]--
			common++
		}
	}
	return 2 * float64(common) / float64(len(x)+len(y)-2)
}

// fold drops what does not tell two names apart: case, full width, and all but
// letters and digits.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '\uff01' && r <= '\uff5e' { // full-width forms of ! to ~
			r -= '\uff01' - '!'
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
