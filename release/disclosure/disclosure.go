// Package disclosure judges what the totals of an answer tell of those behind them,
// by the rows that each total was taken over: whether enough entities bear it, whether
// one or two bear nearly all of it, whether it says the same of everybody in a group.
//
// It knows entities and rows by number and values by row; keys and names it does not
// see, and a [Hit] holds positions and a rule. Read [Block.Judge] first.
//
// What is exact. Whole numbers and decimals are added as integers of 192 bits; a
// verdict on them is that of the definition. Floats are added as they are, and a
// verdict that rounding could turn is a hit. Most cells are decided by bounds, which
// never let pass what the definition does not.
//
// What it does not know: other totals than those of the block it is given (that is
// release/ledger), what a reader knows besides, and what follows from values being
// whole or positive. The mean and spread of few values can be solved for them
// (uwedragon); no spread is an aggregate over protected rows, so that there is no rule
// for it here.
package disclosure

import (
	"errors"
	"math"
)

// Errors of this package. None holds a value.
var (
	ErrFigures = errors.New("disclosure: figures out of range")
	ErrBlock   = errors.New("disclosure: block contradicts itself")
)

// Figures are what a pack asks of totals over one kind of entities.
type Figures struct {
	// K is the fewest entities a total may rest on, at least 1.
	K int
	// Dominance is the (n,k) rule, for each n that is asked about.
	Dominance []Dominance
	// Percent is the p of the p % rule: the second largest must not know the largest
	// better than to so much of it. 0 does not ask.
	Percent int
}

// Dominance refuses a total of which the N largest bear Percent or more.
type Dominance struct {
	N, Percent int
}

func (f Figures) check() error {
	if f.K < 1 || f.Percent < 0 || f.Percent > 100 {
		return ErrFigures
	}
	for _, d := range f.Dominance {
		if d.N < 1 || d.N > largest || d.Percent < 1 || d.Percent > 100 {
			return ErrFigures
		}
	}
	return nil
}

// largest is the most contributions that are kept apart: no N of a Dominance is more.
const largest = 8

// A Rule is why a total does not leave.
type Rule string

const (
	// Few: fewer than K entities are behind it.
	Few Rule = "FEW_ENTITIES"
	// FewNonzero: fewer than K entities bear any of it. It says 0 of everybody else;
	// one that nobody bears says it of all.
	FewNonzero Rule = "FEW_NONZERO"
	// Dominated: the N largest bear Percent or more of it (Cox 1981).
	Dominated Rule = "DOMINANCE"
	// PPercent: what is left without the two largest is under Percent of the largest,
	// so that the second largest knows the largest by that much.
	PPercent Rule = "P_PERCENT"
	// Class: it is over the rows of another total but for those of fewer than K
	// entities, or of none: what it says, it says of everybody in a group.
	Class Rule = "CLASS_DISCLOSURE"
	// Undone: it is an average whose sum leaves too, and both together are a count
	// that does not.
	Undone Rule = "SUPPRESSION_UNDONE"
	// NotFinite: a value behind it is infinite or no number.
	NotFinite Rule = "NOT_FINITE"
)

// Nobody is the entity of a row that is about none. Such a row bears nothing: to the
// rules a total is what entities bear.
const Nobody uint32 = math.MaxUint32

// Column is what the rows of a table hold in one column, by row; one list is set. A row
// without a value has 0 there and is in no cell of the column.
type Column struct {
	Whole  []int64   // integers, and decimals of up to 18 digits in units of the last
	Wide   []Int128  // longer decimals in units of the last
	Floats []float64 // anything else
}

// Int128 is an integer of 128 bits in two's complement.
type Int128 struct {
	Low  uint64
	High int64
}

func (c *Column) rows() int { return max(len(c.Whole), len(c.Wide), len(c.Floats)) }
