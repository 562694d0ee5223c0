package disclosure

import "math"

// Table is whom the rows of one version of a dataset are about. It is not safe for
// concurrent use.
type Table struct {
	entity  []uint32 // by row; Nobody, or below len(marks)
	most    int      // rows of one entity at most
	keyless bool     // there are rows of Nobody

	turn   uint32   // of the cell at hand
	marks  []mark   // by entity
	places []uint32 // by place in the list of the cell's rows: that of the row's entity among those met, or Nobody
}

// mark is where an entity was last met.
type mark struct {
	turn, place uint32
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
	t.marks = make([]mark, n)
	for _, e := range entity {
		if e != Nobody {
			t.marks[e].place++
			t.most = max(t.most, int(t.marks[e].place))
		}
	}
	return t
}

// begin starts a cell in which no entity was met.
func (t *Table) begin() {
	if t.turn == math.MaxUint32 {
		clear(t.marks)
		t.turn = 0
	}
	t.turn++
}

// meet reports whether e is met for the first time since begin.
func (t *Table) meet(e uint32) bool {
	if e == Nobody || t.marks[e].turn == t.turn {
		return false
	}
	t.marks[e].turn = t.turn
	return true
}

// place fills places with the numbers of the entities of the rows, in the order in which
// they are met, and returns how many there are.
func (t *Table) place(rows []uint32) int {
	t.begin()
	t.places = t.places[:0]
	n := uint32(0)
	for _, row := range rows {
		e := t.entity[row]
		if t.meet(e) {
			t.marks[e].place = n
			n++
		}
		at := Nobody
		if e != Nobody {
			at = t.marks[e].place
		}
		t.places = append(t.places, at)
	}
	return int(n)
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
