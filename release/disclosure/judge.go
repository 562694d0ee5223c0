package disclosure

import "math"

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
	rows := 0
	for _, cell := range cells {
		for i, row := range cell {
			if int(row) >= len(t.entity) || i > 0 && row < cell[i-1] {
				return nil, ErrBlock
			}
		}
		rows += len(cell)
	}
	m := &measure{Table: t, figures: f, column: c}
	if rows > len(t.entity)/4 { // one pass over the table, to save one over most cells
		m.limit()
	}
	m.twoValued(cells)
	out := make([]Verdict, len(cells))
	for i, cell := range cells {
		if !m.surely(cell) || !m.varied(cell) {
			out[i] = m.verdict(cell)
		}
	}
	return out, nil
}

// measure is a column of a table under judgement.
type measure struct {
	*Table
	figures Figures
	column  *Column // nil counts rows

	bounded bool // no value is below zero, and no entity has more than peak
	peak    amount
	exact   []whole   // contributions to the cell at hand, by place
	inexact []float64 // those of floats

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

// twoValued finds out whether all cells together hold two values only, as a flag does:
// then a total tells how many rows have either.
func (m *measure) twoValued(cells [][]uint32) {
	if m.column == nil {
		return
	}
	n := 0
	for _, cell := range cells {
		for _, row := range cell {
			v := m.at(row)
			if n > 0 && v == m.values[0] || n > 1 && v == m.values[1] {
				continue
			}
			if n == 2 {
				return
			}
			m.values[n] = v
			n++
		}
	}
	m.two = n == 2
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
	s := sizes{inexact: m.floats()}
	m.begin()
	m.exact, m.inexact = m.exact[:0], m.inexact[:0]
	size := 0.0
	for _, row := range cell {
		e := m.entity[row]
		if e == Nobody {
			continue
		}
		if m.meet(e) {
			m.place[e] = uint32(s.entities)
			s.entities++
			if s.inexact {
				m.inexact = append(m.inexact, 0)
			} else {
				m.exact = append(m.exact, whole{})
			}
		}
		v := m.at(row)
		if s.inexact {
			m.inexact[m.place[e]] += v.float
			size += math.Abs(v.float)
			s.negative = s.negative || v.float < 0
			s.infinite = s.infinite || math.IsNaN(v.float) || math.IsInf(v.float, 0)
		} else {
			m.exact[m.place[e]] = m.exact[m.place[e]].plus(v.whole)
			s.negative = s.negative || v.hi < 0
		}
	}
	err := rounding(len(cell), size)
	s.infinite = s.infinite || math.IsInf(size, 0)
	for _, c := range m.exact {
		s.add(amount{whole: c.size()}, !c.zero())
	}
	for _, c := range m.inexact {
		// What is left of values that cancel may be their rounding.
		s.add(amount{float: math.Abs(c)}, s.negative && math.Abs(c) > err || !s.negative && c > 0)
	}
	s.total.err = err
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

// limit finds the most that any entity has in the whole table. It is no bound if there
// are values below zero.
func (m *measure) limit() {
	if m.column == nil {
		m.bounded, m.peak = true, amount{whole: wholeOf(int64(m.most))}
		return
	}
	if m.column.Floats != nil {
		m.limitFloats()
		return
	}
	sums := make([]whole, len(m.seen))
	for row, e := range m.entity {
		v := m.at(uint32(row)).whole
		if v.hi < 0 {
			return
		}
		if e != Nobody {
			sums[e] = sums[e].plus(v)
		}
	}
	m.bounded = true
	for _, s := range sums {
		if m.peak.less(s) {
			m.peak.whole = s
		}
	}
}

func (m *measure) limitFloats() {
	sums := make([]float64, len(m.seen))
	for row, e := range m.entity {
		v := m.column.Floats[row]
		if !(v >= 0) {
			return
		}
		if e != Nobody {
			sums[e] += v
		}
	}
	m.bounded = true
	for _, s := range sums {
		m.peak.float = max(m.peak.float, s)
	}
	m.peak.float += rounding(m.most, m.peak.float)
}

// surely reports whether no rule can hit cell, by the number of rows and the peak
// alone. Where a join repeats rows, or a row is about nobody, it does not say so.
func (m *measure) surely(cell []uint32) bool {
	if !m.bounded || m.keyless {
		return false
	}
	var total amount
	nonzero := len(cell)
	switch c := m.column; {
	case c == nil:
		total.whole = wholeOf(int64(len(cell)))
	case c.Whole != nil:
		for _, row := range cell {
			v := c.Whole[row]
			if v == 0 {
				nonzero--
			}
			total.whole = total.plus(whole{lo: uint64(v)})
		}
	case c.Wide != nil:
		for _, row := range cell {
			v := wideOf(c.Wide[row])
			if v.zero() {
				nonzero--
			}
			total.whole = total.plus(v)
		}
	default:
		for _, row := range cell {
			v := c.Floats[row]
			if v == 0 {
				nonzero--
			}
			total.float += v
		}
		total.err = rounding(len(cell), total.float)
	}
	if nonzero <= (m.figures.K-1)*m.most || !ascends(cell) {
		return false
	}
	for _, d := range m.figures.Dominance {
		if !m.under(total, 100*d.N, d.Percent) {
			return false
		}
	}
	return m.figures.Percent == 0 || m.under(total, 200+m.figures.Percent, 100)
}

// under reports whether n of the peak is less than so much of the total.
func (m *measure) under(total amount, n, of int) bool {
	if m.floats() {
		return float64(n)*m.peak.float*(1+0x1p-40) < float64(of)*(total.float-total.err)*(1-0x1p-40)
	}
	return m.peak.times(n).less(total.times(of))
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
