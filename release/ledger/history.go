package ledger

import (
	"iter"
	"slices"
)

const (
	// none is the cell of rows that a level took into no cell.
	none = 1<<16 - 1
	// folded marks the cell of rows that other levels stand for: see fold.go.
	folded = 1 << 15
	// maxLayer is how many cells a layer has at most.
	maxLayer = folded - 1
	// maxLayers is how many layers a measure of a release has at most: each takes a byte
	// a row while it is made and a judgement of its own.
	maxLayers = 64
)

// history is the releases of one measure. Rows that all of them treat alike are one
// class. A history is never changed: with makes the next.
type history struct {
	class  []uint32  // by row
	from   []uint32  // by class but 0: the class it was split off from, a lower number
	size   []uint32  // by class: its rows
	weight []float32 // by class: over its cells, one by the rows of the cell
	depth  []uint16  // by class: its cells
	levels []level
	// part is by level: the first of those that it has rows in common with, itself or
	// through others. What levels of other parts are worth is nothing to it.
	part   []int
	folds  []fold // in their order
	hidden []hidden
}

// hidden is a cell of a release that was not released.
type hidden struct {
	release string
	rows    []uint32
}

// level is one layer of a release: disjoint cells.
type level struct {
	release, population string
	cells               int
	classes             int // that there were after this release
	// cell is by class, of those that there were after this release, or when it was folded
	// last. A class that was split off later is in the cell of the one it was split off
	// from.
	cell   []uint16
	folded bool // some of its rows are
	over   bool // all are
}

// layer is disjoint cells of a release and their positions in it.
type layer struct {
	cells [][]uint32
	of    []int
}

// layers splits cells into as few layers as the first fit gives, and reports whether
// they are not too many.
func layers(cells [][]uint32, rows int) ([]layer, bool) {
	var out []layer
	var taken [][]bool
	for i, c := range cells {
		at := 0
		for at < len(out) && (len(out[at].cells) == maxLayer || slices.ContainsFunc(c, func(row uint32) bool { return taken[at][row] })) {
			at++
		}
		if at == maxLayers {
			return nil, false
		}
		if at == len(out) {
			out, taken = append(out, layer{}), append(taken, make([]bool, rows))
		}
		for _, row := range c {
			taken[at][row] = true
		}
		out[at].cells, out[at].of = append(out[at].cells, c), append(out[at].of, i)
	}
	return out, true
}

// grown returns the history with rows that nothing was released of, so that there are n.
// They are in class 0, which is in no cell of any level, and may be empty.
func (h *history) grown(n int) *history {
	if n == len(h.class) {
		return h
	}
	g := *h
	g.class = append(slices.Clone(h.class), make([]uint32, n-len(h.class))...)
	g.size = slices.Clone(h.size)
	g.size[0] += uint32(n - len(h.class))
	return &g
}

// newHistory returns that of rows that nothing was released of.
func newHistory(rows int) *history {
	return &history{
		class:  make([]uint32, rows),
		from:   []uint32{0},
		size:   []uint32{uint32(rows)},
		weight: []float32{0},
		depth:  []uint16{0},
	}
}

// part is what with knows of a class: its rows in any cell; and the cell, and 1, that was
// met last, with the class that its rows there are.
type part struct{ rows, last, class uint32 }

// with returns the history with one layer more. What a class has outside of the cells
// stays in it; where it has nothing there, its part in the first of the cells does.
func (h *history) with(l layer, r Release) *history {
	g := &history{
		class:  slices.Clone(h.class),
		from:   slices.Clone(h.from),
		size:   slices.Clone(h.size),
		weight: slices.Clone(h.weight),
		depth:  slices.Clone(h.depth),
		folds:  h.folds,
		hidden: h.hidden,
	}
	parts := make([]part, len(h.size))
	for _, rows := range l.cells {
		for _, row := range rows {
			parts[h.class[row]].rows++
		}
	}
	for c, p := range parts {
		g.size[c] -= p.rows
	}
	next := level{release: r.ID, population: r.Population, cells: len(l.cells), cell: make([]uint16, len(h.size))}
	for c := range next.cell {
		next.cell[c] = none
	}
	for i, rows := range l.cells {
		weight := 1 / float32(len(rows))
		for _, row := range rows {
			c := h.class[row]
			p := &parts[c]
			if p.last != uint32(i)+1 {
				to := c
				if first := p.last == 0; !first || h.size[c] > p.rows || c == 0 {
					to = uint32(len(g.from))
					g.from, g.size = append(g.from, c), append(g.size, 0)
					g.weight, g.depth = append(g.weight, h.weight[c]), append(g.depth, h.depth[c])
					next.cell = append(next.cell, none)
				}
				next.cell[to] = uint16(i)
				g.weight[to] += weight
				g.depth[to]++
				p.last, p.class = uint32(i)+1, to
			}
			g.class[row] = p.class
			g.size[p.class]++
		}
	}
	next.classes = len(g.from)
	g.levels = append(slices.Clip(h.levels), next)
	g.part = h.parts(func(class uint32) bool { return parts[class].rows > 0 })
	return g
}

// parts returns the parts of the levels and of one more that has classes in common with
// those before.
func (h *history) parts(has func(class uint32) bool) []int {
	met := make([]bool, len(h.levels)+1)
	met[len(h.levels)] = true
	for class, part := range h.ofParts() {
		if !met[part] && has(class) {
			met[part] = true
		}
	}
	first := slices.Index(met, true)
	out := append(slices.Clone(h.part), len(h.levels))
	for i, part := range out {
		if met[part] {
			out[i] = first
		}
	}
	return out
}

// ofParts goes through the classes that are in any cell, and the parts that all their
// levels are of: a class is in a cell of the level that split it off.
func (h *history) ofParts() iter.Seq2[uint32, int] {
	return func(yield func(uint32, int) bool) {
		class := 1
		for i, l := range h.levels {
			for ; class < l.classes; class++ {
				if !yield(uint32(class), h.part[i]) {
					return
				}
			}
		}
	}
}

// without returns the history without a release.
func (h *history) without(id string) *history {
	if slices.ContainsFunc(h.hidden, func(x hidden) bool { return x.release == id }) {
		g := *h
		g.hidden = slices.DeleteFunc(slices.Clone(h.hidden), func(x hidden) bool { return x.release == id })
		h = &g
	}
	if !slices.ContainsFunc(h.levels, func(l level) bool { return l.release == id }) {
		return h
	}
	// The levels that stay are put on anew, over the classes in place of the rows.
	g := newHistory(len(h.size))
	g.hidden = h.hidden
	for i := range h.levels {
		l := &h.levels[i]
		if l.release == id {
			continue
		}
		cells := make([][]uint32, l.cells)
		for c := range uint32(len(h.size)) {
			if cell := l.of(h, c); cell != none {
				cells[cell] = append(cells[cell], c)
			}
		}
		g = g.with(layer{cells: cells}, Release{ID: l.release, Population: l.population}).fold()
	}
	to := g.class
	clear(g.size)
	clear(g.weight)
	for c, n := range h.size {
		g.size[to[c]] += n
	}
	g.class = make([]uint32, len(h.class))
	for row, c := range h.class {
		g.class[row] = to[c]
	}
	for i := range g.levels {
		l := &g.levels[i]
		rows := make([]uint32, l.cells)
		for c := range uint32(len(g.size)) {
			if cell := l.of(g, c); cell != none {
				rows[cell] += g.size[c]
			}
		}
		for c := range uint32(len(g.size)) {
			if cell := l.of(g, c); cell != none {
				g.weight[c] += 1 / float32(rows[cell])
			}
		}
	}
	return g
}

// hiding returns the history with cells that are not released.
func (h *history) hiding(cells []hidden) *history {
	if len(cells) == 0 {
		return h
	}
	g := *h
	g.hidden = append(slices.Clip(h.hidden), cells...)
	return &g
}

// hidden are the cells of a measure that a release does not release.
func (r Release) hidden(measure string) (out []hidden) {
	for _, rows := range r.Hidden[measure] {
		out = append(out, hidden{r.ID, rows})
	}
	return out
}

// of returns the cell a class is in.
func (l *level) of(h *history, class uint32) uint16 {
	cell := l.cell[l.class(h, class)]
	if cell != none {
		cell &^= folded
	}
	return cell
}

// left returns the cell a class is in, none if other levels stand for it there.
func (l *level) left(h *history, class uint32) uint16 {
	if cell := l.cell[l.class(h, class)]; cell < folded {
		return cell
	}
	return none
}

// class returns the class of those that the level knows that a class is of.
func (l *level) class(h *history, class uint32) uint32 {
	for int(class) >= len(l.cell) {
		class = h.from[class]
	}
	return class
}
