package ledger

import "slices"

// What can be worked out of cells stays the same if the sum of some is taken from
// another. So where each cell of one level lies in one cell of another, or in none, the
// other needs not be known on the rows of the first: those of the incomes above a bound,
// by month, leave of everybody by month those below it. Levels that are folded like this
// have few rows in common, and judgements few unknowns for each row.
//
// Of what a level is alone, which its population is asked for, nothing is forgotten.

// fold says that cells of the level by were taken from cells of the level of: into is by
// cell of the former, none where it was taken from none.
type fold struct {
	of, by int
	into   []uint16
}

// probe is how many classes are asked before all are whether levels can be folded.
const probe = 256

// fold returns the history with the last level folded with those before.
func (h *history) fold() *history {
	g := *h
	g.levels = slices.Clone(h.levels)
	n := len(g.levels) - 1
	last := &g.levels[n]
	var own, all []uint32
	for c, part := range g.ofParts() {
		if part != g.part[n] || g.size[c] == 0 {
			continue
		}
		all = append(all, c)
		if last.cell[c] != none {
			own = append(own, c)
		}
	}
	for i := n - 1; i >= 0 && !last.over; i-- {
		l := &g.levels[i]
		switch {
		case l.over || g.part[i] != g.part[n]:
		case g.within(last, l, some(own)) && g.within(last, l, own):
			g.take(i, n, own)
		case g.within(l, last, some(own)) && g.within(l, last, some(all)) && g.within(l, last, all):
			g.take(n, i, own)
		}
	}
	return &g
}

// some returns classes far from each other.
func some(classes []uint32) []uint32 {
	return slices.Collect(scattered(classes, probe))
}

// within reports whether what is left of each cell of a lies in what is left of one cell
// of b, or in none of them, as far as classes tell.
func (h *history) within(a, b *level, classes []uint32) bool {
	const unknown = folded
	into := make([]uint16, a.cells)
	for i := range into {
		into[i] = unknown
	}
	for _, c := range classes {
		cell := a.left(h, c)
		if cell == none {
			continue
		}
		switch in := b.left(h, c); into[cell] {
		case in:
		case unknown:
			into[cell] = in
		default:
			return false
		}
	}
	return true
}

// take takes the cells of a level from those of another that they lie in. classes are
// those that both can have in common.
func (h *history) take(of, by int, classes []uint32) {
	l, from := &h.levels[of], &h.levels[by]
	into := make([]uint16, from.cells)
	for i := range into {
		into[i] = none
	}
	met := false
	for _, c := range classes {
		if cell := from.left(h, c); cell != none {
			into[cell] = l.left(h, c)
			met = met || into[cell] != none
		}
	}
	if !met {
		return
	}
	cells := make([]uint16, len(h.size))
	over := true
	for c := range cells {
		class := uint32(c)
		cells[c] = l.cell[l.class(h, class)]
		if h.size[c] == 0 || cells[c] >= folded {
			continue
		}
		if from.left(h, class) != none {
			cells[c] |= folded
		} else {
			over = false
		}
	}
	if l.over = over; !over {
		l.cell, l.folded = cells, true
	}
	h.folds = append(slices.Clip(h.folds), fold{of, by, into})
}

// unfold returns the weights of cells, by level, with which what is left of them has the
// weights that are given.
func (h *history) unfold(weight [][]uint64) {
	for _, f := range slices.Backward(h.folds) {
		if weight[f.of] == nil {
			continue
		}
		if weight[f.by] == nil {
			weight[f.by] = make([]uint64, len(f.into))
		}
		for cell, in := range f.into {
			if in != none {
				weight[f.by][cell] = add(weight[f.by][cell], neg(weight[f.of][in]))
			}
		}
	}
}
