package disclosure

import "math/bits"

// whole is an integer of 192 bits in two's complement: 2^32 values of 128 bits add up
// in it, and that a hundred times over.
type whole struct {
	lo, mid uint64
	hi      int64
}

func wholeOf(v int64) whole { return whole{uint64(v), uint64(v >> 63), v >> 63} }

func wideOf(v Int128) whole { return whole{v.Low, uint64(v.High), v.High >> 63} }

func (a whole) plus(b whole) whole {
	lo, c := bits.Add64(a.lo, b.lo, 0)
	mid, c := bits.Add64(a.mid, b.mid, c)
	return whole{lo, mid, a.hi + b.hi + int64(c)}
}

func (a whole) minus(b whole) whole {
	lo, c := bits.Sub64(a.lo, b.lo, 0)
	mid, c := bits.Sub64(a.mid, b.mid, c)
	return whole{lo, mid, a.hi - b.hi - int64(c)}
}

// times returns a·n, n not below 0.
func (a whole) times(n int) whole {
	c, lo := bits.Mul64(a.lo, uint64(n))
	c2, mid := bits.Mul64(a.mid, uint64(n))
	mid, carry := bits.Add64(mid, c, 0)
	return whole{lo, mid, a.hi*int64(n) + int64(c2+carry)}
}

func (a whole) size() whole {
	if a.hi < 0 {
		return whole{}.minus(a)
	}
	return a
}

func (a whole) zero() bool { return a == whole{} }

func (a whole) less(b whole) bool {
	if a.hi != b.hi {
		return a.hi < b.hi
	}
	if a.mid != b.mid {
		return a.mid < b.mid
	}
	return a.lo < b.lo
}

func larger(a, b whole) whole {
	if a.less(b) {
		return b
	}
	return a
}
