package ledger

// term is a column with its factor.
type term struct {
	column int
	factor uint64
}

// echelon is independent equations, each led by its highest column, with factor 1.
type echelon struct {
	led  [][]term // by column: the equation it leads, lowest column first; nil if none
	buf  []uint64
	rank int
	// of counts the equations led by columns before it, which are those of ties.
	ties, of int
}

// newEchelon returns that of no equation. The first columns are those of ties.
func newEchelon(ties int) *echelon { return &echelon{ties: ties, led: make([][]term, ties)} }

// done reports whether no tie is left a weight but 0.
func (e *echelon) done() bool { return e.of == e.ties }

func (e *echelon) copy() *echelon {
	c := *e
	c.led, c.buf = append([][]term(nil), e.led...), nil
	return &c
}

// add takes an equation in, and reports whether it was independent and what it cost.
func (e *echelon) add(f []term) (bool, int) {
	top := -1
	for _, t := range f {
		top = max(top, t.column)
	}
	for len(e.led) <= top {
		e.led = append(e.led, nil)
	}
	for len(e.buf) <= top {
		e.buf = append(e.buf, 0)
	}
	for _, t := range f {
		e.buf[t.column] = add(e.buf[t.column], t.factor)
	}
	cost := top + 1
	for col := top; col >= 0; col-- {
		v := e.buf[col]
		if v == 0 {
			continue
		}
		if led := e.led[col]; led != nil {
			v = neg(v)
			for _, t := range led {
				e.buf[t.column] = add(e.buf[t.column], mul(v, t.factor))
			}
			cost += len(led)
			continue
		}
		var out []term
		scale := invert(v)
		for c := range e.buf[:col+1] {
			if e.buf[c] != 0 {
				out = append(out, term{c, mul(scale, e.buf[c])})
				e.buf[c] = 0
			}
		}
		e.led[col] = out
		e.rank++
		if col < e.ties {
			e.of++
		}
		return true, cost
	}
	return false, cost
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
		for _, t := range led[:len(led)-1] {
			v = add(v, mul(t.factor, out[t.column]))
		}
		out[c] = neg(v)
	}
	return out
}
