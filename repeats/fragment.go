package repeats

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// A Fragment are lines of a table that somebody found, all of as many cells.
type Fragment struct {
	lines []uint64   // ascending
	cells [][]uint64 // by column
	said  [][]int    // what each cell says, in bits
}

// Fragment returns the digests of lines, to look for in Contents of the same key.
func (k *Key) Fragment(lines arrow.RecordBatch) Fragment {
	var f Fragment
	f.lines, f.cells = k.digests(lines, &f.said)
	slices.Sort(f.lines)
	return f
}

// Found says what a result has of a fragment.
type Found struct {
	Lines int // that are rows of it, whole or in part, each as often as both have it
	Whole int // of these, with all cells that line and row have
	Cells int // that those lines and their rows share
}

// Find looks for a fragment among the rows of c. Where lines have a column less than the
// rows, one more, or one that was altered, they are known by the columns of theirs that
// are columns of the rows, if these say enough to be no accident: at least leastBits of
// the line, or, of two columns and more, togetherBits of all lines of which at least half
// are known.
func (c Contents) Find(f Fragment) Found {
	whole := shared(c.rows, f.lines)
	out := Found{Lines: whole, Whole: whole, Cells: whole * len(f.cells)}
	if lines, columns := c.part(f); lines*columns > out.Cells {
		out.Lines, out.Cells = lines, lines*columns
	}
	return out
}

// togetherBits is what lines say together that are known in part.
const togetherBits = 64

// part says which of the columns of a fragment are columns of c and returns how many of
// the lines are rows as far as these go. Columns are taken one after the other, each time
// the pair with which the lines that stay say the most, while they say no less than
// without.
func (c Contents) part(f Fragment) (lines, columns int) {
	if len(c.cells) == 0 || len(f.lines) == 0 {
		return 0, 0
	}
	most := c.overlaps(f)
	of, in, said := make([]uint64, len(f.lines)), make([]uint64, len(c.cells[0])), make([]int, len(f.lines))
	lines = len(of)
	for {
		var at [2]int
		next, now := 0, sum(said) // lines that stay, and what all lines say
		best := lines * now
		for i := range most {
			says := now + sum(f.said[i])
			for j, n := range most[i] {
				if n == 0 || n*says < best {
					continue // no pair has more than its columns
				}
				if columns > 0 {
					n = shared(sorted(joined(in, c.cells[j])), sorted(joined(of, f.cells[i])))
				}
				if n > 0 && (n*says > best || n*says == best && next == 0) {
					at, next, best = [2]int{i, j}, n, n*says
				}
			}
		}
		if next == 0 {
			break
		}
		of, in = joined(of, f.cells[at[0]]), joined(in, c.cells[at[1]])
		for i, bits := range f.said[at[0]] {
			said[i] += bits
		}
		clear(most[at[0]])
		for i := range most {
			most[i][at[1]] = 0
		}
		lines, columns = next, columns+1
	}
	if columns > 1 && 2*lines >= len(of) && sum(said)*lines >= togetherBits*len(of) { // lines that are known say as much as others
		return lines, columns
	}
	return shared(sorted(in), sorted(telling(of, said, leastBits))), columns
}

func sum(said []int) (n int) {
	for _, bits := range said {
		n += bits
	}
	return n
}

// overlaps returns for each column of a fragment how many cells it has in common with
// each of c. What is missing or says nothing is in common with nothing.
func (c Contents) overlaps(f Fragment) [][]int {
	var columns [][]uint64
	for _, column := range c.cells {
		columns = append(columns, sorted(column))
	}
	out := make([][]int, len(f.cells))
	for i := range f.cells {
		said := sorted(telling(f.cells[i], f.said[i], 1))
		for _, column := range columns {
			out[i] = append(out[i], shared(column, said))
		}
	}
	return out
}

// telling returns the digests of what says at least so many bits.
func telling(digests []uint64, said []int, least int) (out []uint64) {
	for i, bits := range said {
		if bits >= least {
			out = append(out, digests[i])
		}
	}
	return out
}

// joined returns the digests of rows with one more cell each.
func joined(rows, cells []uint64) []uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 by the golden ratio, as in Knuth's multiplicative hashing
	out := make([]uint64, len(rows))
	for i := range rows {
		out[i] = rows[i]*odd + cells[i]
	}
	return out
}

func sorted(digests []uint64) []uint64 { return slices.Sorted(slices.Values(digests)) }

// shared returns how many of b are among a, each counted as often as both have it. Both
// ascend.
func shared(a, b []uint64) (n int) {
	at := 0
	for _, d := range b {
		for at < len(a) && a[at] < d {
			at++
		}
		if at < len(a) && a[at] == d {
			n, at = n+1, at+1
		}
	}
	return n
}
