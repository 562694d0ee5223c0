package ledger

import (
	"iter"
	"maps"
	"slices"
)

const (
	// maxEffort is how many steps of arithmetic a layer may take before it is refused
	// as undecided: some seconds.
	maxEffort = 500_000_000
	// patience is how many classes of one part of the order may tell nothing new in a
	// row before the others are left out, unless one of them is found to.
	patience = 64
	// maxEquations is how many equations a search has ready to be taken again.
	maxEquations = 1 << 16
)

// A combination that is worth something on fewer than k entities alone is worth 0 on all
// classes without them. So there is none of new weight if there are k sets of classes,
// no entity in two of them, of which each leaves the new cells no weight but 0: fewer
// than k entities cannot have a part in all. Where there are not so many, whoever takes
// the weight from none of the sets has to be in the first: find tries them.
//
// What follows from the population is put aside first, by a weight of 0 for one tie of
// each combination that follows.
type search struct {
	t      *trial
	levels []int  // that take part, newest first
	column []int  // by level of levels: the column of its first cell
	tie    []term // by tie: its column and factor
	known  *echelon
	// equations are those of classes that were taken, as long as they are not too many.
	equations map[uint32][]term
	whole     bool // levels are taken as they are, not as what is left of them
	spent     bool
	guess     *combination // the last that was not refuted, when spent
}

// combination is weights of cells.
type combination struct {
	levels  []int
	weight  [][]uint64 // by level of levels and cell; nil if all are 0
	tie     []uint64   // by tie of the last level
	without map[uint32]bool
}

func (c *combination) ties(n int) []term {
	var out []term
	for i := range n {
		if c.tie[i] != 0 {
			out = append(out, term{i, c.tie[i]})
		}
	}
	return out
}

// weighs returns, by level, the cells that a combination gives weight.
func (t *trial) weighs(c *combination) [][]int {
	out := make([][]int, len(t.h.levels))
	if c == nil {
		return out
	}
	weight := make([][]uint64, len(t.h.levels))
	for n, w := range c.weight {
		weight[c.levels[n]] = slices.Clone(w)
	}
	t.h.unfold(weight)
	for i, weight := range weight {
		for cell, w := range weight {
			if w != 0 {
				out[i] = append(out[i], cell)
			}
		}
	}
	for cell, tie := range t.tie {
		if tie >= 0 && c.tie[tie] != 0 {
			out[len(out)-1] = append(out[len(out)-1], cell)
		}
	}
	return out
}

// search returns that for combinations beside those that follow from the population.
func (t *trial) search(followed *echelon) *search {
	s := &search{t: t, equations: map[uint32][]term{}}
	for i := len(t.h.levels) - 2; i >= 0; i-- {
		if t.related(i) && !t.h.levels[i].over {
			s.levels = append(s.levels, i)
		}
	}
	for i := range t.ties {
		s.tie = append(s.tie, term{i, 1})
	}
	s.known = s.echelon(t.ties)
	for c, led := range followed.led {
		if led != nil {
			s.known.add([]term{{c, 1}})
		}
	}
	return s
}

// echelon returns one with columns for ties and for the cells of the levels that take part.
// Of the levels, the one of most cells has the highest columns: they lead first, and a row
// is in one of them only, so that what they are replaced by is short.
func (s *search) echelon(ties int) *echelon {
	s.column = make([]int, len(s.levels))
	order := make([]int, len(s.levels))
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return s.t.h.levels[s.levels[a]].cells - s.t.h.levels[s.levels[b]].cells
	})
	columns := ties
	for _, n := range order {
		s.column[n] = columns
		columns += s.t.h.levels[s.levels[n]].cells
	}
	return newEchelon(ties, columns)
}

// follows reports whether the weights of the last level in a combination are worth what some
// combination of its population is worth, and whether that could be decided.
func (t *trial) follows(c *combination) (bool, bool) {
	s := &search{t: t, levels: t.population(), whole: true, equations: map[uint32][]term{}}
	for _, factor := range c.tie {
		s.tie = append(s.tie, term{0, factor})
	}
	got := s.fill(s.echelon(1), func(uint32) bool { return true }, func(uint32) {})
	return got != nil, !s.spent
}

// start takes in big classes, on which every combination is worth 0.
func (s *search) start() {
	for _, part := range s.t.order[:s.t.nearby] {
		idle := 0
		for class := range scattered(part, len(part)) {
			if s.known.done() || idle > patience || s.spent {
				break
			}
			if !s.t.big[class] {
				continue
			}
			if idle++; s.take(s.known, class) {
				idle = 0
			}
		}
	}
}

// take adds the equation of a class and reports whether it was independent.
func (s *search) take(y *echelon, class uint32) bool {
	f, known := s.equations[class]
	if !known {
		f = s.equation(class)
		if len(s.equations) < maxEquations {
			s.equations[class] = f
		}
	}
	ok, cost := y.add(f)
	s.spend(cost)
	return ok
}

// equation returns what has to be 0 for a combination to be worth 0 on a class.
func (s *search) equation(class uint32) []term {
	h := s.t.h
	var f []term
	if cell := s.t.last().cell[class]; cell != none && s.t.tie[cell] >= 0 {
		f = append(f, s.tie[s.t.tie[cell]])
	}
	up := class
	for n, i := range s.levels {
		if cell := s.cell(&h.levels[i], class, &up); cell != none {
			f = append(f, term{s.column[n] + int(cell), 1})
		}
	}
	s.spend(4 * len(s.levels))
	return f
}

func (s *search) spend(effort int) {
	if s.t.effort -= effort; s.t.effort < 0 {
		s.spent = true
	}
}

// fill takes in classes that may be picked until nothing but 0 is left for the ties, and then
// returns nil; or a combination that is worth 0 on all that may be. It tells of each
// that it took. When the effort is spent it returns nil as well.
func (s *search) fill(y *echelon, may func(class uint32) bool, took func(class uint32)) *combination {
	// some takes classes until so many in a row tell nothing new.
	some := func(classes iter.Seq[uint32], enough func() bool) {
		idle := 0
		for class := range classes {
			if idle > patience || enough() || s.spent {
				return
			}
			if !may(class) {
				continue
			}
			if idle++; s.take(y, class) {
				idle = 0
				took(class)
			}
		}
	}
	for _, part := range s.t.order[:s.t.nearby] {
		some(scattered(part, len(part)), y.done)
	}
	for tie, column := range s.tie {
		some(slices.Values(s.t.ofTie[tie]), func() bool { return y.led[column.column] != nil })
	}
	for !y.done() && !s.spent {
		c := s.combination(y)
		s.guess = c
		more := s.differs(c, may)
		if len(more) == 0 && !s.spent {
			return c
		}
		for _, class := range more {
			if may(class) && s.take(y, class) {
				took(class)
			}
		}
	}
	return nil
}

// combination returns one that fulfils the equations.
func (s *search) combination(y *echelon) *combination {
	value := y.free()
	c := &combination{levels: s.levels, weight: make([][]uint64, len(s.levels)), tie: make([]uint64, len(s.tie))}
	for i, t := range s.tie {
		c.tie[i] = mul(t.factor, value[t.column])
	}
	for n, i := range s.levels {
		weight := value[s.column[n]:][:s.t.h.levels[i].cells]
		if slices.ContainsFunc(weight, func(w uint64) bool { return w != 0 }) {
			c.weight[n] = weight
		}
	}
	return c
}

// differs returns some of the classes, of those that may be picked, on which a
// combination is not worth 0; none if there are none or the effort is spent. It looks at
// a few of each part first.
func (s *search) differs(c *combination, may func(class uint32) bool) []uint32 {
	var out []uint32
	pick := func(most int, worth func(class uint32) uint64) {
		for _, part := range s.t.order {
			for class := range scattered(part, most) {
				if worth(class) != 0 && may(class) {
					out = append(out, class)
				}
				if len(out) == patience || s.spent {
					return
				}
			}
		}
	}
	pick(16*patience, func(class uint32) uint64 { return s.worth(c, class) })
	if len(out) == 0 && !s.spent {
		all := s.worths(c)
		pick(len(all), func(class uint32) uint64 { return all[class] })
	}
	return out
}

// worth returns what a combination is worth on a class.
func (s *search) worth(c *combination, class uint32) uint64 {
	h := s.t.h
	out := uint64(0)
	if cell := s.t.last().cell[class]; cell != none && s.t.tie[cell] >= 0 {
		out = c.tie[s.t.tie[cell]]
	}
	up := class
	for n, weight := range c.weight {
		if weight == nil {
			continue
		}
		if cell := s.cell(&h.levels[c.levels[n]], class, &up); cell != none {
			out = add(out, weight[cell])
		}
		s.spend(4)
	}
	s.spend(1)
	return out
}

// worths returns what a combination is worth, by class.
func (s *search) worths(c *combination) []uint64 {
	h := s.t.h
	out := make([]uint64, len(h.size))
	up := slices.Clone(s.t.classes)
	for _, class := range s.t.classes {
		if cell := s.t.last().cell[class]; cell != none && s.t.tie[cell] >= 0 {
			out[class] = c.tie[s.t.tie[cell]]
		}
	}
	for n, weight := range c.weight {
		if weight == nil || s.spent {
			continue
		}
		l := &h.levels[c.levels[n]]
		for i, class := range s.t.classes {
			if cell := s.cell(l, class, &up[i]); cell != none {
				out[class] = add(out[class], weight[cell])
			}
		}
		s.spend(len(up))
	}
	return out
}

// cell returns the cell of a level that a class is in, none if it is in none or others
// stand for it there. Levels are asked from the newest on; up is the class that the last
// one knew, the class itself at first.
func (s *search) cell(l *level, class uint32, up *uint32) uint16 {
	if int(class) >= len(l.cell) {
		if l.folded { // it knows more classes than those after it
			class = l.class(s.t.h, class)
		} else {
			*up = l.class(s.t.h, *up)
			class = *up
		}
	}
	cell := l.cell[class]
	if cell >= folded && cell != none {
		if !s.whole {
			return none
		}
		cell &^= folded
	}
	return cell
}

// find looks for a combination over those that are out and at most n entities more, none of
// them fixed; nil if there is none or the effort is spent.
func (s *search) find(out, fixed map[uint32]bool, n int) *combination {
	var members []uint32
	used := map[uint32]bool{}
	for done := range n + 1 {
		here := map[uint32]bool{}
		stays := func(class uint32) (uint32, bool, bool) { // an entity that may be used, whether one need not be
			if s.t.big[class] {
				return 0, true, true
			}
			var free uint32
			found := false
			for _, row := range s.t.rows[s.t.first[class]:s.t.first[class+1]] {
				switch e := s.t.entity[row]; {
				case out[e]:
				case fixed[e] || here[e]:
					return 0, true, true
				case !used[e] && !found:
					free, found = e, true
				}
			}
			return free, found, false
		}
		y := s.known.copy()
		c := s.fill(y, func(class uint32) bool {
			_, ok, _ := stays(class)
			return ok
		}, func(class uint32) {
			if e, _, nobody := stays(class); !nobody {
				here[e] = true
			}
		})
		switch {
		case s.spent:
			return nil
		case c != nil && done == 0:
			c.without = maps.Clone(out)
			return c
		case c != nil:
			// Too few sets: whoever is in all of them is in the first.
			tried := maps.Clone(fixed)
			for _, e := range members {
				out[e] = true
				found := s.find(out, tried, n-1)
				delete(out, e)
				if found != nil || s.spent {
					return found
				}
				tried[e] = true
			}
			return nil
		}
		if done == 0 {
			members = slices.Sorted(maps.Keys(here))
		}
		maps.Copy(used, here)
	}
	return nil
}
