package disclosure

import "math"

// Table is whom the rows of one version of a dataset are about. It is not safe for
// concurrent use.
type Table struct {
	entity  []uint32 // by row; Nobody, or below len(seen)
	most    int      // rows of one entity at most
	keyless bool     // there are rows of Nobody

	turn  uint32   // of the cell at hand
	seen  []uint32 // by entity: the turn in which it was last met
	place []uint32 // by entity: where its contribution is in the cell at hand
}

// NewTable returns the table whose rows are about entity. Codes are dense: the table
// takes 8 bytes for each up to the largest.
func NewTable(entity []uint32) *Table {
	t := &Table{entity: entity}
	n := 0
	for _, e := range entity {
		if e == Nobody {
			t.keyless = true
			continue
		}
		n = max(n, int(e)+1)
	}
	t.seen, t.place = make([]uint32, n), make([]uint32, n)
	for _, e := range entity {
		if e != Nobody {
			t.place[e]++
			t.most = max(t.most, int(t.place[e]))
		}
	}
	return t
}

// begin starts a cell in which no entity was met.
func (t *Table) begin() {
	if t.turn == math.MaxUint32 {
		clear(t.seen)
		t.turn = 0
	}
	t.turn++
}

// meet reports whether e is met for the first time since begin.
func (t *Table) meet(e uint32) bool {
	if e == Nobody || t.seen[e] == t.turn {
		return false
	}
	t.seen[e] = t.turn
	return true
}

// atLeast reports whether rows are about k entities or more.
func (t *Table) atLeast(k int, rows []uint32) bool {
	t.begin()
	for _, row := range rows {
		if k <= 0 {
			return true
		}
		if t.meet(t.entity[row]) {
			k--
		}
	}
	return k <= 0
}

// besides reports whether the rows of all that are not among part are about k entities
// or more. Both are ascending.
func (t *Table) besides(k int, all, part []uint32) bool {
	t.begin()
	i := 0
	for _, row := range all {
		if k <= 0 {
			return true
		}
		for i < len(part) && part[i] < row {
			i++
		}
		if (i == len(part) || part[i] != row) && t.meet(t.entity[row]) {
			k--
		}
	}
	return k <= 0
}

// within reports whether every row of part is among all. Both are ascending.
func within(part, all []uint32) bool {
	i := 0
	for _, row := range part {
		for i < len(all) && all[i] < row {
			i++
		}
		if i == len(all) || all[i] != row {
			return false
		}
	}
	return true
}
