package ledger

import "math/bits"

// p is the Mersenne prime 2^61−1. Totals are compared in the field of its residues:
// exact, and without the growth of fractions.
const p = 1<<61 - 1

func add(a, b uint64) uint64 {
	if a += b; a >= p {
		a -= p
	}
	return a
}

func neg(a uint64) uint64 {
	if a == 0 {
		return 0
	}
	return p - a
}

func mul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return add(lo&p, hi<<3|lo>>61)
}

// invert returns the inverse of a, which is not 0, by Fermat: a^(p−2).
func invert(a uint64) uint64 {
	x := uint64(1)
	for e := uint64(p - 2); e > 0; e >>= 1 {
		if e&1 == 1 {
			x = mul(x, a)
		}
		a = mul(a, a)
	}
	return x
}
