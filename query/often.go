package query

import "slices"

// single reports whether the rows of FROM that are in a group by one of some conditions are
// rows of some reference that each stand there once. Others are repeated only as often as
// they have partners there; nothing else repeats rows.
func (c *cells) single(conditions []int) bool {
	for i := range c.references {
		if c.Columns[c.column(0, i)].Throughout && c.once(conditions, i) {
			return true
		}
	}
	return false
}

// once reports whether no row of a reference, by its place, stands twice in a group by one
// of some conditions.
func (c *cells) once(conditions []int, reference int) bool {
	for _, condition := range conditions {
		for group := range c.groups {
			rows := c.at(group, condition, reference)
			for i := 1; i < len(rows); i++ {
				if rows[i] == rows[i-1] {
					return false
				}
			}
		}
	}
	return true
}

// often returns, of rows that stand there as often as they count, those that count at all,
// and, for each number of times that some count, those that count so often or more. What
// all the rows add up to is so many times what each of these do.
func often(rows []uint32) (out [][]uint32) {
	times := map[int][]uint32{}
	for i := 0; i < len(rows); {
		n := i
		for n < len(rows) && rows[n] == rows[i] {
			n++
		}
		times[n-i] = append(times[n-i], rows[i])
		i = n
	}
	var numbers []int
	for n := range times {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for at := range numbers {
		var cell []uint32
		for _, n := range numbers[at:] {
			cell = append(cell, times[n]...)
		}
		slices.Sort(cell)
		out = append(out, cell)
	}
	return out
}
