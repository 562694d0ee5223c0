package querytest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/width"
)

// Verdicts of an Outcome.
const (
	Allowed  = "ALLOW"  // answered at once
	Reviewed = "REVIEW" // answered after people of two organizations approved
	Denied   = "DENY"   // refused by policy or analysis
	Failed   = "ERROR"  // of any other class: malformed, over a limit, failed
)

// Outcome is what becomes of a statement: a verdict, the codes of all reasons,
// and the rows that were released.
type Outcome struct {
	Verdict string
	Codes   []string // each once, sorted
	Columns []string // of what was released
	Rows    [][]string
}

// noRows stands under the heading of an answer without a row.
const noRows = "(没有行 no rows)"

// ParseOutcome reads an outcome as String writes it.
func ParseOutcome(text string) (Outcome, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	words := strings.Fields(lines[0])
	if len(words) == 0 || !slices.Contains([]string{Allowed, Reviewed, Denied, Failed}, words[0]) {
		return Outcome{}, fmt.Errorf("%q is no verdict", lines[0])
	}
	o := Outcome{Verdict: words[0], Codes: slices.Compact(slices.Sorted(slices.Values(words[1:])))}
	answered := o.Verdict == Allowed || o.Verdict == Reviewed
	if answered == (len(lines) < 2) || (o.Verdict == Allowed) != (len(o.Codes) == 0) {
		return Outcome{}, fmt.Errorf("%s does not go with %d codes and %d lines", o.Verdict, len(o.Codes), len(lines)-1)
	}
	if !answered {
		return o, nil
	}
	o.Columns, o.Rows = cellsOfRow(lines[1]), [][]string{}
	for _, line := range lines[2:] {
		if line == noRows && len(lines) == 3 {
			break
		}
		row := cellsOfRow(line)
		if len(row) != len(o.Columns) {
			return Outcome{}, fmt.Errorf("row %q has %d cells, want %d", line, len(row), len(o.Columns))
		}
		o.Rows = append(o.Rows, row)
	}
	return o, nil
}

func cellsOfRow(line string) []string {
	cells := strings.Split(line, " | ")
	for i, c := range cells {
		if cells[i] = strings.TrimSpace(c); cells[i] == `""` {
			cells[i] = ""
		}
	}
	return cells
}

// String writes the outcome with its columns aligned.
func (o Outcome) String() string {
	out := strings.Join(append([]string{o.Verdict}, o.Codes...), " ") + "\n"
	if o.Columns == nil {
		return out
	}
	rows := [][]string{o.Columns}
	for _, r := range o.Rows {
		row := slices.Clone(r)
		for i, c := range row {
			if c == "" {
				row[i] = `""`
			}
		}
		rows = append(rows, row)
	}
	widths := make([]int, len(o.Columns))
	for _, r := range rows {
		for i, c := range r {
			widths[i] = max(widths[i], columns(c))
		}
	}
	for _, r := range rows {
		line := ""
		for i, c := range r {
			line += c + strings.Repeat(" ", widths[i]-columns(c)+1) + "| "
		}
		out += strings.TrimRight(strings.TrimSuffix(line, "| "), " ") + "\n"
	}
	if len(o.Rows) == 0 {
		out += noRows + "\n"
	}
	return out
}

// columns returns how many columns of a terminal s takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			n++
		}
		n++
	}
	return n
}

var tokenCell = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Comparable returns the outcome as it is written in the corpus. Tokens, which
// differ in every release, become 令牌1 and so on in the order they first occur;
// rows whose statement orders nothing are sorted.
func (o Outcome) Comparable(ordered bool) Outcome {
	o.Codes = slices.Compact(slices.Sorted(slices.Values(o.Codes)))
	if o.Columns == nil {
		return o
	}
	rows := make([][]string, len(o.Rows))
	for i, r := range o.Rows {
		rows[i] = slices.Clone(r)
	}
	if !ordered {
		slices.SortFunc(rows, func(a, b []string) int { return slices.Compare(withoutTokens(a), withoutTokens(b)) })
	}
	names := map[string]string{}
	for _, r := range rows {
		for i, c := range r {
			if !tokenCell.MatchString(c) {
				continue
			}
			if names[c] == "" {
				names[c] = fmt.Sprint("令牌", len(names)+1)
			}
			r[i] = names[c]
		}
	}
	o.Rows = rows
	return o
}

func withoutTokens(row []string) []string {
	out := slices.Clone(row)
	for i, c := range out {
		if tokenCell.MatchString(c) {
			out[i] = ""
		}
	}
	return out
}

// Shows reports whether any cell was released that is not withheld.
func (o Outcome) Shows() bool {
	return slices.ContainsFunc(o.Rows, func(row []string) bool {
		return slices.ContainsFunc(row, func(cell string) bool { return cell != Null })
	})
}

// Equal reports whether two comparable outcomes are the same.
func (o Outcome) Equal(p Outcome) bool { return o.String() == p.String() }
