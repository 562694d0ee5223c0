package disclosure

import (
	"math"
	"slices"
)

// Verdict is what the rules say of one total.
type Verdict struct {
	Rules []Rule // that it breaks; none: it may leave
	// Review says that contributions below zero were judged by their size. The
	// literature has no rule for them that all agree on.
	Review bool
}

// Judge judges the totals of c over cells, each a list of rows of t in ascending order.
// A row that a join repeats stands there as often. A nil c counts rows.
//
// A cell is decided by bounds if it can be: no entity bears more of it than the most
// that any bears in the whole table. The others are added up by entity.
func (t *Table) Judge(f Figures, c *Column, cells [][]uint32) ([]Verdict, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if c != nil && c.rows() != len(t.entity) {
		return nil, ErrBlock
	}
	for _, cell := range cells {
		for i, row := range cell {
			if int(row) >= len(t.entity) || i > 0 && row < cell[i-1] {
				return nil, ErrBlock
			}
		}
	}
	m := &measure{Table: t, figures: f, column: c}
	m.survey(cells)
	out := make([]Verdict, len(cells))
	for _, i := range m.doubtful(cells) {
		out[i] = m.verdict(cells[i])
	}
	return out, nil
}

// doubtful returns which cells have to be added up by entity: those that neither the
// most of a row, times the most rows of an entity, decides, nor, if there are many, the
// most of an entity.
func (m *measure) doubtful(cells [][]uint32) []int {
	var left []int
	rows := 0
	for i, cell := range cells {
		if !m.surely(cell) || !m.varied(cell) {
			left = append(left, i)
			rows += len(cell)
		}
	}
	if !m.bounded || m.keyless || rows <= len(m.entity)/4 || !m.limit() {
		return left
	}
	return slices.DeleteFunc(left, func(i int) bool { return m.surely(cells[i]) && m.varied(cells[i]) })
}

// measure is a column of a table under judgement.
type measure struct {
	*Table
	figures Figures
	column  *Column // nil counts rows

	bounded bool // no value in the cells is below zero or no number
	limited bool // no entity has more than peak in any cell
	peak    amount
	largest whole // of a value in the cells

	narrow  []int64 // contributions to the cell at hand, by place, where they fit
	exact   []whole // where they need not
	inexact []float64

	two    bool // the cells hold exactly two values
	values [2]amount
}

// amount is a number as the rules compare it: exact, or a float and by how much it may
// be wrong.
type amount struct {
	whole
	float, err float64
}

func (m *measure) floats() bool { return m.column != nil && m.column.Floats != nil }

func (m *measure) at(row uint32) amount {
	switch c := m.column; {
	case c == nil:
		return amount{whole: whole{lo: 1}}
	case c.Whole != nil:
		return amount{whole: wholeOf(c.Whole[row])}
	case c.Wide != nil:
		return amount{whole: wideOf(c.Wide[row])}
	default:
		return amount{float: c.Floats[row]}
	}
}

// rounding is by how much a sum of n floats whose sizes add up to size may be wrong: it
// is under n·2^−53 of that (Higham 2002, 4.2), and size is such a sum itself.
func rounding(n int, size float64) float64 { return float64(n+8) * 0x1p-52 * size }

// survey looks at the values of all cells: for the largest, and whether there are two
// only, as of a flag, whose total tells how many rows have either.
func (m *measure) survey(cells [][]uint32) {
	m.bounded = true
	switch c := m.column; {
	case c == nil:
		m.largest = wholeOf(1)
	case c.Whole != nil:
		low, high := int64(math.MaxInt64), int64(math.MinInt64)
		m.two = kinds(m, cells, c.Whole, func(v int64) {
			low, high = min(low, v), max(high, v)
		})
		m.bounded = low >= 0
		m.largest = larger(wholeOf(low).size(), wholeOf(high).size())
	case c.Wide != nil:
		m.two = kinds(m, cells, c.Wide, func(v Int128) {
			m.bounded = m.bounded && v.High >= 0
			m.largest = larger(m.largest, wideOf(v).size())
		})
	default:
		m.two = kinds(m, cells, c.Floats, func(v float64) {
			m.bounded = m.bounded && v >= 0
		})
	}
}

// kinds shows look values of the cells, each that is another than the last one, and
// reports whether there are two of them, which it leaves in m.
func kinds[V comparable](m *measure, cells [][]uint32, values []V, look func(V)) bool {
	var met [2]V
	n := 0
	for _, cell := range cells {
		for i, row := range cell {
			v := values[row]
			if i > 0 && v == values[cell[i-1]] {
				continue
			}
			look(v)
			if n > 2 || n > 0 && v == met[0] || n > 1 && v == met[1] {
				continue
			}
			if n < 2 {
				met[n], m.values[n] = v, m.at(row)
			}
			n++
		}
	}
	return n == 2
}

// verdict adds the cell up by entity.
func (m *measure) verdict(cell []uint32) Verdict {
	var v Verdict
	hit := func(is bool, r Rule) {
		if is {
			v.Rules = append(v.Rules, r)
		}
	}
	s := m.sizes(cell)
	v.Review = s.negative
	hit(s.entities < m.figures.K, Few)
	hit(s.nonzero < m.figures.K, FewNonzero)
	dominated := false
	for _, d := range m.figures.Dominance {
		dominated = dominated || s.dominated(d)
	}
	hit(dominated, Dominated)
	hit(s.known(m.figures.Percent), PPercent)
	hit(!m.varied(cell), Class)
	hit(s.infinite, NotFinite)
	return v
}

// varied reports whether, of two values, enough entities have either.
func (m *measure) varied(cell []uint32) bool {
	return !m.two || m.have(cell, m.values[0]) && m.have(cell, m.values[1])
}

// have reports whether K entities or more have v in rows of cell.
func (m *measure) have(cell []uint32, v amount) bool {
	m.begin()
	k := m.figures.K
	for _, row := range cell {
		if m.at(row) == v && m.meet(m.entity[row]) {
			if k--; k == 0 {
				return true
			}
		}
	}
	return false
}

// sizes are the contributions to one cell by size.
type sizes struct {
	entities, nonzero  int
	negative, infinite bool
	total              amount
	top                [largest]amount // the largest first
	inexact            bool
}

// sizes adds up what each entity bears of the cell.
func (m *measure) sizes(cell []uint32) sizes {
	s := sizes{entities: m.place(cell), inexact: m.floats()}
	if s.inexact {
		m.addFloats(cell, &s)
		return s
	}
	if c := m.column; c == nil || c.Whole != nil && m.largest.times(len(cell)).less(wholeOf(math.MaxInt64)) {
		m.narrow = zeros(m.narrow, s.entities)
		for i, row := range cell {
			if at := m.places[i]; at != Nobody {
				v := int64(1)
				if c != nil {
					v = c.Whole[row]
				}
				m.narrow[at] += v
				s.negative = s.negative || v < 0
			}
		}
		for _, c := range m.narrow {
			s.add(amount{whole: wholeOf(c).size()}, c != 0)
		}
		return s
	}
	m.exact = zeros(m.exact, s.entities)
	for i, row := range cell {
		if at := m.places[i]; at != Nobody {
			v := m.at(row)
			m.exact[at] = m.exact[at].plus(v.whole)
			s.negative = s.negative || v.hi < 0
		}
	}
	for _, c := range m.exact {
		s.add(amount{whole: c.size()}, !c.zero())
	}
	return s
}

func (m *measure) addFloats(cell []uint32, s *sizes) {
	m.inexact = zeros(m.inexact, s.entities)
	size := 0.0
	for i, row := range cell {
		if at := m.places[i]; at != Nobody {
			v := m.column.Floats[row]
			m.inexact[at] += v
			size += math.Abs(v)
			s.negative = s.negative || v < 0
		}
	}
	s.infinite = math.IsNaN(size) || math.IsInf(size, 0)
	err := rounding(len(cell), size)
	for _, c := range m.inexact {
		// What is left of values that cancel may be their rounding.
		s.add(amount{float: math.Abs(c)}, s.negative && math.Abs(c) > err || !s.negative && c > 0)
	}
	s.total.err = err
}

// zeros returns n zeros, in the memory of s if they fit.
func zeros[T any](s []T, n int) []T {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

func (s *sizes) add(c amount, nonzero bool) {
	if nonzero {
		s.nonzero++
	}
	s.total.whole, s.total.float = s.total.plus(c.whole), s.total.float+c.float
	for i, o := range s.top {
		if o.whole.less(c.whole) || o.float < c.float {
			copy(s.top[i+1:], s.top[i:])
			s.top[i] = c
			return
		}
	}
}

// first returns the sum of the n largest.
func (s *sizes) first(n int) (sum amount) {
	for _, c := range s.top[:n] {
		sum.whole, sum.float = sum.plus(c.whole), sum.float+c.float
	}
	return sum
}

// dominated reports whether the N largest bear Percent of the total or more. Each side
// is wrong by the total's error and the rounding of its own sum at most.
func (s *sizes) dominated(d Dominance) bool {
	top := s.first(d.N)
	if s.inexact {
		return !(100*(top.float+2*s.total.err) < float64(d.Percent)*(s.total.float-2*s.total.err))
	}
	return !top.times(100).less(s.total.times(d.Percent))
}

// known reports whether the total without the two largest is under percent of the
// largest.
func (s *sizes) known(percent int) bool {
	if percent == 0 {
		return false
	}
	if s.inexact {
		left := s.total.float - s.first(2).float - 4*s.total.err
		return !(100*left >= float64(percent)*(s.top[0].float+s.total.err))
	}
	left := s.total.minus(s.first(2).whole)
	return left.times(100).less(s.top[0].times(percent))
}

// limit finds the most that any entity has in all rows of the table, and reports whether
// it could: values below zero elsewhere make it no limit. Rows that no cell has only make
// it higher.
func (m *measure) limit() bool {
	if m.column == nil {
		return false
	}
	exact, inexact := make([]whole, len(m.marks)), make([]float64, len(m.marks))
	for row, e := range m.entity {
		v := m.at(uint32(row))
		if v.hi < 0 || !(v.float >= 0) {
			return false
		}
		exact[e], inexact[e] = exact[e].plus(v.whole), inexact[e]+v.float
	}
	for e := range exact {
		m.peak.whole, m.peak.float = larger(m.peak.whole, exact[e]), max(m.peak.float, inexact[e])
	}
	m.peak.float += rounding(m.most, m.peak.float)
	m.limited = true
	return true
}

// surely reports whether no rule can hit cell, by how much an entity can bear of it at
// most. Where a join repeats rows, or a row is about nobody, it does not say so.
func (m *measure) surely(cell []uint32) bool {
	if !m.bounded || m.keyless || !ascends(cell) {
		return false
	}
	var total, most amount
	nonzero := len(cell)
	switch c := m.column; {
	case c == nil:
		total.whole, most.whole = wholeOf(int64(len(cell))), wholeOf(1)
	case c.Whole != nil:
		largest := int64(0)
		for _, row := range cell {
			v := c.Whole[row]
			if v == 0 {
				nonzero--
			}
			largest = max(largest, v)
			total.whole = total.plus(whole{lo: uint64(v)})
		}
		most.whole = wholeOf(largest)
	case c.Wide != nil:
		for _, row := range cell {
			v := wideOf(c.Wide[row])
			if v.zero() {
				nonzero--
			}
			most.whole = larger(most.whole, v)
			total.whole = total.plus(v)
		}
	default:
		for _, row := range cell {
			v := c.Floats[row]
			if v == 0 {
				nonzero--
			}
			most.float = max(most.float, v)
			total.float += v
		}
		total.err = rounding(len(cell), total.float)
	}
	if nonzero <= (m.figures.K-1)*m.most || total.float > math.MaxFloat64 {
		return false
	}
	most.whole, most.float = most.times(m.most), most.float*float64(m.most)
	if m.limited {
		most.float = min(most.float, m.peak.float)
		if m.peak.less(most.whole) {
			most.whole = m.peak.whole
		}
	}
	for _, d := range m.figures.Dominance {
		if !m.under(most, 100*d.N, total, d.Percent) {
			return false
		}
	}
	return m.figures.Percent == 0 || m.under(most, 200+m.figures.Percent, total, 100)
}

// under reports whether n times a is less than so much of total.
func (m *measure) under(a amount, n int, total amount, of int) bool {
	if m.floats() {
		return float64(n)*a.float*(1+0x1p-40) < float64(of)*(total.float-total.err)*(1-0x1p-40)
	}
	return a.times(n).less(total.times(of))
}

// ascends reports whether no row is there twice.
func ascends(rows []uint32) bool {
	for i := 1; i < len(rows); i++ {
		if rows[i] <= rows[i-1] {
			return false
		}
	}
	return true
}
