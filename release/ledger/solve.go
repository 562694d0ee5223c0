package ledger

import (
	"math/bits"
	"slices"
)

// term is a column with its factor.
type term struct {
	column int
	factor uint64
}

// echelon is independent equations, each led by its highest column, with factor 1.
type echelon struct {
	led  [][]term // by column: the equation it leads, highest column first; nil if none
	zero []bool   // by column: it leads an equation of itself alone
	rank int
	// of counts the equations led by columns before ties.
	ties, of int

	// An equation that is being added: its factors, and a bit for each column that may
	// have one.
	buf  []uint64
	bits []uint64
}

// newEchelon returns that of no equation. The first columns are those of ties.
func newEchelon(ties, columns int) *echelon {
	return &echelon{ties: ties, led: make([][]term, columns), zero: make([]bool, columns), buf: make([]uint64, columns), bits: make([]uint64, columns/64+1)}
}

// done reports whether no tie is left a weight but 0.
func (e *echelon) done() bool { return e.of == e.ties }

// copy returns an echelon of the same equations. Not both may be added to at a time.
func (e *echelon) copy() *echelon {
	c := *e
	c.led, c.zero = slices.Clone(e.led), slices.Clone(e.zero)
	return &c
}

// add takes an equation in, and reports whether it was independent and how many
// multiplications it took.
func (e *echelon) add(f []term) (bool, int) {
	for _, t := range f {
		e.buf[t.column] = add(e.buf[t.column], t.factor)
		e.bits[t.column/64] |= 1 << (t.column % 64)
	}
	cost := len(e.bits)
	for w := len(e.bits) - 1; w >= 0; w-- {
		for e.bits[w] != 0 {
			column := w*64 + bits.Len64(e.bits[w]) - 1
			v := e.buf[column]
			switch led := e.led[column]; {
			case v == 0 || e.zero[column]:
				e.buf[column] = 0
				e.bits[w] &^= 1 << (column % 64)
			case led == nil:
				e.lead(column)
				return true, cost
			default:
				v = neg(v)
				stale := 0
				for _, t := range led {
					if e.zero[t.column] {
						stale++
						continue
					}
					e.buf[t.column] = add(e.buf[t.column], mul(v, t.factor))
					e.bits[t.column/64] |= 1 << (t.column % 64)
				}
				if stale > 0 {
					e.shorten(column)
				}
				cost += len(led)
			}
		}
	}
	return false, cost
}

// lead takes what is left of an equation out of the buffer, led by its highest column.
func (e *echelon) lead(column int) {
	scale := invert(e.buf[column])
	var out []term
	for w := column / 64; w >= 0; w-- {
		for e.bits[w] != 0 {
			c := w*64 + bits.Len64(e.bits[w]) - 1
			e.bits[w] &^= 1 << (c % 64)
			if e.buf[c] != 0 && !e.zero[c] {
				out = append(out, term{c, mul(scale, e.buf[c])})
			}
			e.buf[c] = 0
		}
	}
	e.led[column], e.zero[column] = out, len(out) == 1
	e.rank++
	if column < e.ties {
		e.of++
	}
}

// shorten leaves out of an equation what is known to be 0. Copies of the echelon keep
// theirs.
func (e *echelon) shorten(column int) {
	var out []term
	for _, t := range e.led[column] {
		if !e.zero[t.column] {
			out = append(out, t)
		}
	}
	e.led[column], e.zero[column] = out, len(out) == 1
}

// free returns weights, by column, that fulfil the equations: 1 for the first tie that is left
// free, 0 for all else that is free.
func (e *echelon) free() []uint64 {
	out := make([]uint64, len(e.led))
	one := false
	for c, led := range e.led {
		if led == nil {
			if !one && c < e.ties {
				out[c], one = 1, true
			}
			continue
		}
		v := uint64(0)
		for _, t := range led[1:] {
			v = add(v, mul(t.factor, out[t.column]))
		}
		out[c] = neg(v)
	}
	return out
}
