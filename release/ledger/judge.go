package ledger

import (
	"iter"
	"math"
	"slices"
)

// A combination is a weight for each released cell. On a class of rows it is worth the
// sum of the weights of the cells that the class is in. What an earlier release gave
// away together with those before it was judged then; so judge asks only for
// combinations in which the new cells have weight, and there are none once enough
// classes, on which a combination has to be worth 0, leave the new cells no weight but 0.
//
// A class of k entities and more is such a class for every combination over fewer than
// k. Of the others, each combination over fewer than k leaves all but some out, whoever
// they are: see search.go.

// judge returns what the cells of a measure would let be worked out, nil if nothing.
func (l *Ledger) judge(measure string, r Release) *Finding {
	was := l.history(measure)
	h, before := was, len(was.levels)
	layers, ok := layers(r.Cells[measure], len(l.entity))
	if !ok {
		return &Finding{Measure: measure, Kind: Undecided}
	}
	for _, layer := range layers {
		h = h.with(layer, r)
		t := &trial{k: l.k, entity: l.entity, h: h, effort: l.effort}
		kind, c := t.judge()
		if kind == "" {
			continue
		}
		f := &Finding{Measure: measure, Kind: kind}
		for i, weighs := range t.weighs(c) {
			switch {
			case len(weighs) == 0:
			case i < before:
				if id := h.levels[i].release; !slices.Contains(f.With, id) {
					f.With = append(f.With, id)
				}
			default:
				for _, cell := range weighs {
					f.Cells = append(f.Cells, layers[i-before].of[cell])
				}
			}
		}
		slices.Sort(f.Cells)
		return f
	}
	return l.uncovers(measure, was, h, r)
}

// uncovers returns which hidden cell of a measure could be worked out after a release and
// not before it, nil if none: what would be refused if it were released next.
//
// No population explains it. A cell that differs from a hidden one by rows of few entities
// tells as much of the one that it was hidden for.
func (l *Ledger) uncovers(measure string, was, h *history, r Release) *Finding {
	effort := l.effort
	next := func(h *history, rows []uint32) (Kind, []string) {
		t := &trial{k: l.k, entity: l.entity, h: h.with(layer{cells: [][]uint32{rows}}, Release{}), effort: effort}
		kind, c := t.judge()
		effort = t.effort
		var with []string
		for i, weighs := range t.weighs(c) {
			if i < len(was.levels) && len(weighs) > 0 && !slices.Contains(with, h.levels[i].release) {
				with = append(with, h.levels[i].release)
			}
		}
		return kind, with
	}
	for _, cell := range append(slices.Clone(was.hidden), r.hidden(measure)...) {
		kind, with := next(h, cell.rows)
		if kind == "" {
			continue
		}
		if earlier, _ := next(was, cell.rows); kind != Undecided && earlier != "" && earlier != Undecided {
			continue // it was no secret any more
		}
		if kind != Undecided {
			kind = Uncovers
		}
		if cell.release != r.ID && !slices.Contains(with, cell.release) {
			with = append(with, cell.release)
		}
		return &Finding{Measure: measure, Kind: kind, With: with}
	}
	return nil
}

// trial judges the last level of a history.
type trial struct {
	k      int
	entity []uint32
	h      *history
	effort int // that is left

	rows    []uint32 // class by class
	first   []uint32 // by class: the first of its rows in rows
	big     []bool   // by class: it has k entities or more
	classes []uint32 // that are in cells of the levels of the last one's part
	// order is those of them that have rows, in the order they are asked, by how much
	// else they tell of. The first nearby parts are those in no level that has no class in
	// common with the last.
	order  [][]uint32
	nearby int
	ofTie  [][]uint32 // by tie: the classes of its cells, in the order

	// Ties are cells of the last level that have the same weight, because some class
	// before has a big class in each. Cells of tie −1 have weight 0: one such is in none.
	tie  []int // by cell
	ties int
}

func (t *trial) last() *level { return &t.h.levels[len(t.h.levels)-1] }

// judge returns why the last level is refused, "" if it is not, and the combination.
func (t *trial) judge() (Kind, *combination) {
	t.gather(t.split())
	if t.join(); t.ties == 0 {
		return "", nil
	}
	wanted := t.whole()
	followed := t.follow()
	if followed.rank == t.ties {
		return "", nil
	}
	t.gather(wanted)
	t.sort()
	for {
		s := t.search(followed)
		s.start()
		c := s.find(map[uint32]bool{}, map[uint32]bool{}, t.k-1)
		switch {
		case s.spent:
			return Undecided, s.guess
		case c == nil:
			return "", nil
		case len(c.without) > 0:
			return Few, c
		}
		follows, ok := t.follows(c)
		switch {
		case !ok:
			return Undecided, c
		case !follows:
			return Nothing, c
		}
		followed.add(c.ties(t.ties))
	}
}

// split returns, by class, whether the class before that it is of has rows in new cells.
func (t *trial) split() []bool {
	h := t.h
	met := make([]bool, len(h.size)) // by class before
	for c, cell := range t.last().cell {
		if cell != none {
			met[h.before(uint32(c))] = true
		}
	}
	out := make([]bool, len(h.size))
	for c := range out {
		out[c] = met[h.before(uint32(c))]
	}
	return out
}

// whole finds the classes of the last level's part, and returns them by class.
func (t *trial) whole() []bool {
	h := t.h
	own := h.part[len(h.part)-1]
	out := make([]bool, len(h.size))
	for class, part := range h.ofParts() {
		if part == own {
			out[class] = true
			t.classes = append(t.classes, class)
		}
	}
	return out
}

// gather lists the rows of the classes that are wanted and finds those of many entities.
func (t *trial) gather(wanted []bool) {
	h := t.h
	t.first = make([]uint32, len(h.size)+1)
	for c, n := range h.size {
		t.first[c+1] = t.first[c]
		if wanted[c] {
			t.first[c+1] += n
		}
	}
	at := slices.Clone(t.first)
	t.rows = make([]uint32, t.first[len(h.size)])
	for row, c := range h.class {
		if wanted[c] {
			t.rows[at[c]] = uint32(row)
			at[c]++
		}
	}
	t.big = make([]bool, len(h.size))
	seen := make([]uint32, 0, t.k)
	for c, n := range h.size {
		if int(n) < t.k {
			continue
		}
		seen = seen[:0]
		for _, row := range t.rows[t.first[c]:t.first[c+1]] {
			if e := t.entity[row]; !slices.Contains(seen, e) {
				if seen = append(seen, e); len(seen) == t.k {
					t.big[c] = true
					break
				}
			}
		}
	}
}

// join finds the ties.
func (t *trial) join() {
	n := t.last()
	u := newUnion(n.cells + 1)
	met := make([]int, len(t.h.size)) // by class before: a cell, and 1, that a big class of it is in
	for c, big := range t.big {
		if !big {
			continue
		}
		cell, before := n.node(uint32(c)), t.h.before(uint32(c))
		if met[before] > 0 {
			u.join(met[before]-1, cell)
		}
		met[before] = cell + 1
	}
	t.tie, t.ties = u.groups(n.cells)
}

// node returns the cell of a class, the number of cells if it is in none.
func (l *level) node(class uint32) int {
	if cell := l.cell[class]; cell != none {
		return int(cell &^ folded)
	}
	return l.cells
}

// follow returns the weights of ties with which the last level is worth what one
// earlier level of its population is worth, class by class.
func (t *trial) follow() *echelon {
	out := newEchelon(t.ties, t.ties)
	n := t.last()
	at := slices.Clone(t.classes) // what the classes were at the level
	for _, i := range t.population() {
		if out.rank == t.ties {
			break
		}
		t.effort -= len(t.classes)
		l := &t.h.levels[i]
		u := newUnion(t.ties + l.cells + 1)
		for i, c := range t.classes {
			for int(at[i]) >= len(l.cell) {
				at[i] = t.h.from[at[i]]
			}
			if t.h.size[c] == 0 {
				continue
			}
			a, b := t.ties+l.cells, t.ties+l.node(at[i])
			if cell := n.cell[c]; cell != none && t.tie[cell] >= 0 {
				a = t.tie[cell]
			}
			u.join(a, b)
		}
		groups, count := u.groups(t.ties + l.cells)
		for g := range count {
			var f []term
			for tie, of := range groups[:t.ties] {
				if of == g {
					f = append(f, term{tie, 1})
				}
			}
			out.add(f)
		}
	}
	return out
}

// population returns the earlier levels of the population and the part of the last, newest
// first.
func (t *trial) population() []int {
	var out []int
	n := t.last()
	for i := len(t.h.levels) - 2; i >= 0; i-- {
		l := &t.h.levels[i]
		if t.related(i) && (l.release == n.release || l.population == n.population && n.population != "") {
			out = append(out, i)
		}
	}
	return out
}

// related reports whether a level is of the part of the last.
func (t *trial) related(level int) bool {
	part := t.h.part
	return part[level] == part[len(part)-1]
}

// before returns the class that a class was of before the last level.
func (h *history) before(class uint32) uint32 {
	old := 1
	if n := len(h.levels); n > 1 {
		old = len(h.levels[n-2].cell)
	}
	if int(class) >= old {
		class = h.from[class]
	}
	return class
}

// sort puts the classes in order: first those in no level that the last has no class in
// common with, of which nothing else has to be known; of those, first the ones in few and
// large cells, which tell of the new cells with least besides.
func (t *trial) sort() {
	h := t.h
	far := t.far()
	const weights = 1 << 9 // exponents of a weight
	count := make([]int, 2*weights+1)
	bucket := func(c uint32) int {
		b := int(math.Float32bits(h.weight[c]) >> 23)
		if far[c] {
			b += weights
		}
		return b
	}
	for _, c := range t.classes {
		if h.size[c] > 0 {
			count[bucket(c)+1]++
		}
	}
	for b := range 2 * weights {
		count[b+1] += count[b]
	}
	order := make([]uint32, count[2*weights])
	for b := range 2 * weights {
		if part := order[count[b]:count[b+1]]; len(part) > 0 {
			t.order = append(t.order, part)
			if b < weights {
				t.nearby = len(t.order)
			}
		}
	}
	for _, c := range t.classes {
		if h.size[c] > 0 {
			b := bucket(c)
			order[count[b]] = c
			count[b]++
		}
	}
	t.ofTie = make([][]uint32, t.ties)
	for _, part := range t.order {
		for c := range scattered(part, len(part)) {
			if cell := t.last().cell[c]; cell != none && t.tie[cell] >= 0 {
				t.ofTie[t.tie[cell]] = append(t.ofTie[t.tie[cell]], c)
			}
		}
	}
}

// scattered goes through classes far from each other one after the other, n at most.
func scattered(part []uint32, n int) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		const step = 2654435761 // prime
		for i := range uint64(min(n, len(part))) {
			if !yield(part[i*step%uint64(len(part))]) {
				return
			}
		}
	}
}

// far returns, by class, whether it is in a level of the part that the last one has no class
// in common with.
func (t *trial) far() []bool {
	h := t.h
	var own []uint32
	for c, cell := range t.last().cell {
		if cell != none {
			own = append(own, uint32(c))
		}
	}
	out := make([]bool, len(h.size))
	at := slices.Clone(t.classes) // what the classes were at the level
	for i := len(h.levels) - 2; i >= 0; i-- {
		l := &h.levels[i]
		if !t.related(i) || slices.ContainsFunc(own, func(c uint32) bool { return l.of(h, c) != none }) {
			continue
		}
		for n, c := range t.classes {
			for int(at[n]) >= len(l.cell) {
				at[n] = h.from[at[n]]
			}
			if l.cell[at[n]] != none {
				out[c] = true
			}
		}
	}
	return out
}

// union is a forest of points that go together.
type union []int

func newUnion(n int) union {
	u := make(union, n)
	for i := range u {
		u[i] = i
	}
	return u
}

func (u union) find(a int) int {
	for u[a] != a {
		u[a] = u[u[a]]
		a = u[a]
	}
	return a
}

func (u union) join(a, b int) { u[u.find(a)] = u.find(b) }

// groups numbers the groups of the points before ground, −1 that of ground, and returns
// how many there are.
func (u union) groups(ground int) ([]int, int) {
	out, number := make([]int, ground), map[int]int{u.find(ground): -1}
	for a := range out {
		root := u.find(a)
		n, ok := number[root]
		if !ok {
			n = len(number) - 1
			number[root] = n
		}
		out[a] = n
	}
	return out, len(number) - 1
}
