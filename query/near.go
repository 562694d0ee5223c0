package query

import (
	"slices"
	"strings"
)

// nearest is how many letters a name may be off to be taken for another.
const nearest = 2

// near returns the names of granted tables and columns that a name is nearly
// like, nearest first. It knows nothing of what is not published to the zone and
// granted to the scenario, so that it says the same whatever else there is.
func (m *remedy) near(name string) []string {
	before, last := "", name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		before, last = name[:i+1], name[i+1:]
	}
	type guess struct {
		name string
		off  int
	}
	var found []guess
	consider := func(n string) {
		if off := distance(strings.ToLower(last), strings.ToLower(n)); off > 0 && off <= min(nearest, len(last)/3) &&
			!slices.ContainsFunc(found, func(g guess) bool { return g.name == n }) {
			found = append(found, guess{n, off})
		}
	}
	for _, t := range m.catalog.Tables {
		granted := false
		for _, c := range t.Columns {
			if c.Granted {
				granted = true
				consider(c.Name)
			}
		}
		if granted && before == "" {
			consider(t.Name)
		}
	}
	slices.SortStableFunc(found, func(a, b guess) int { return a.off - b.off })
	var out []string
	for _, g := range found {
		out = append(out, before+quoted(g.name))
	}
	return out[:min(len(out), 3)]
}

// quoted writes a name as a statement has it, with quotes where it needs them.
func quoted(name string) string {
	for i, c := range name {
		if c != '_' && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
	}
	return name
}

// distance is the number of letters to insert, drop or change that make a into b
// (Levenshtein 1966).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		last := row[0]
		row[0] = i + 1
		for j := range y {
			change := last
			if x[i] != y[j] {
				change++
			}
			last, row[j+1] = row[j+1], min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
