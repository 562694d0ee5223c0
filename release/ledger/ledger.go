// Package ledger remembers over which rows every released figure was taken, and
// refuses a release from which, together with those before it, a figure over rows of
// fewer than k entities could be worked out.
//
// It knows rows and entities by numbers; of values it knows none. A release is cells,
// each a set of rows; the counts and each measure are apart, for a sum says nothing of
// another sum.
//
// What it guarantees. Of all kept releases of one measure, no linear combination is a
// figure over rows of 1 to k−1 entities. A combination counts as a figure over the rows
// on which it does not cancel; that some of them may be subtracted makes no difference.
// Nor does a release pass of which a combination with others cancels on every row, unless
// releases of its own population alone give as many such combinations: whoever asks
// for a total with and without a person learns as little where the person is in
// neither. Nor does one with which a cell that was hidden could be worked out, but for rows
// of fewer than k entities: it is judged as if it were released next. The arithmetic is
// modulo 2^61−1. What is too long to decide is refused.
//
// What it does not guarantee. It looks at what linear algebra gives and at nothing else:
// not at values that are known from elsewhere (whoever knows the values of k−1 entities of a
// figure over k knows that of the last), not at bounds that follow from values being
// positive, whole or rounded, not at maxima, medians and other figures that are no sums,
// not at what the refusals themselves tell.
//
// What it costs. A judgement goes a few times over the rows of the cells and, at most
// twice, over all. Releases whose cells lie in cells of others are folded with those when
// they are kept (fold.go), so that a judgement has fewer unknowns. Where the classes of rows that earlier releases treat alike have fewer
// than k entities, which a handful of tables over everybody brings about, it solves k
// systems with as many unknowns as the releases that overlap the new one have cells:
// fractions of a second for hundreds, seconds for thousands, and then it gives up. In memory
// a measure has 4 bytes for each row, and for each class 14 and 2 more for each layer
// ([Ledger.Bytes]).
//
// Read [Ledger.Try] first.
package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Counts is the measure of counts.
const Counts = ""

var (
	// ErrCells reports cells that are not sets of rows of the ledger.
	ErrCells = errors.New("ledger: cells are not sets of rows")
	// ErrKept reports a release that is in the ledger already.
	ErrKept = errors.New("ledger: release is kept already")
)

// Release is what one output shows of the rows of one ledger.
type Release struct {
	// ID tells releases apart.
	ID string
	// Population is what the cells are parts of, by a digest of the tables and
	// conditions before grouping. Releases of one population may add up to each other.
	Population string
	// Cells are by measure, [Counts] or a name: each the rows of one cell, ascending.
	// Cells of one measure may overlap. A cell that is not released is not among them.
	Cells map[string][][]uint32
	// Hidden are, alike, cells of k entities and more that are not released for what they
	// tell of one.
	Hidden map[string][][]uint32
}

// Kind is why a release is refused. Whoever asked is told none of them apart.
type Kind string

const (
	// Few is a combination over rows of fewer than k entities.
	Few Kind = "few"
	// Nothing is a combination over no row that does not follow from the population.
	Nothing Kind = "nothing"
	// Uncovers is a combination that is a cell that was hidden, but for few.
	Uncovers Kind = "uncovers"
	// Undecided is a question that would have taken too long.
	Undecided Kind = "undecided"
)

// Finding is what a release would let be worked out. It is for those who supervise.
type Finding struct {
	Measure string
	Kind    Kind
	// With are the earlier releases of the combination, oldest first.
	With []string
	// Cells are those of the release that are in it, by position.
	Cells []int
}

// Ledger is the history of the releases over the rows of one dataset. It is not safe for
// concurrent use.
type Ledger struct {
	k        int
	effort   int      // that a judgement may take
	entity   []uint32 // by row
	kept     []string // in their order
	measures map[string]*history
}

// New returns the ledger of rows that nothing was released of. entity tells whose each
// row is; a figure has to stand on at least k entities. It keeps entity.
func New(k int, entity []uint32) *Ledger {
	return &Ledger{k: k, effort: maxEffort, entity: entity, measures: map[string]*history{}}
}

// Least has Try judge by k entities from here on.
func (l *Ledger) Least(k int) { l.k = k }

// Grow adds rows that nothing was released of, after those there are.
func (l *Ledger) Grow(entity []uint32) { l.entity = append(l.entity, entity...) }

// Rows returns how many rows the ledger knows.
func (l *Ledger) Rows() int { return len(l.entity) }

// Bytes returns about how much memory the ledger takes.
func (l *Ledger) Bytes() int {
	n := 4 * len(l.entity)
	for _, h := range l.measures {
		n += 4*len(h.class) + 14*len(h.size)
		for _, level := range h.levels {
			n += 2 * len(level.cell)
		}
		for _, cell := range h.hidden {
			n += 4 * len(cell.rows)
		}
	}
	return n
}

// Releases returns the releases that are kept, oldest first.
func (l *Ledger) Releases() []string { return slices.Clone(l.kept) }

// Try judges a release and returns what it would let be worked out, nil if nothing. It
// keeps nothing. The first measure, in the order of names, that is refused is named.
//
// The error wraps ErrCells if a cell is empty, not ascending or has a row that the
// ledger does not know, and ErrKept if there is such a release already.
func (l *Ledger) Try(r Release) (*Finding, error) {
	if err := l.check(r); err != nil {
		return nil, err
	}
	for _, m := range r.Measures() {
		if f := l.judge(m, r); f != nil {
			return f, nil
		}
	}
	return nil, nil
}

// Keep puts a release into the ledger. It does not judge it: after a start the releases
// of before are kept again, in their order.
//
// Errors are those of Try, and ErrCells also where cells overlap so much that Try does
// not decide.
func (l *Ledger) Keep(r Release) error {
	if err := l.check(r); err != nil {
		return err
	}
	next := map[string]*history{}
	for _, m := range r.Measures() {
		layers, ok := layers(r.Cells[m], len(l.entity))
		if !ok {
			return fmt.Errorf("%w: those of %q overlap more than %d times", ErrCells, m, maxLayers)
		}
		h := l.history(m)
		for _, layer := range layers {
			h = h.with(layer, r).fold()
		}
		next[m] = h.hiding(r.hidden(m))
	}
	maps.Copy(l.measures, next)
	l.kept = append(l.kept, r.ID)
	return nil
}

// Void takes a release out of the ledger, whose output never left, and reports whether
// it was there.
func (l *Ledger) Void(id string) bool {
	at := slices.Index(l.kept, id)
	if at < 0 {
		return false
	}
	l.kept = slices.Delete(l.kept, at, at+1)
	for m, h := range l.measures {
		l.measures[m] = h.without(id)
	}
	return true
}

func (l *Ledger) check(r Release) error {
	if slices.Contains(l.kept, r.ID) {
		return fmt.Errorf("%w: %q", ErrKept, r.ID)
	}
	for _, m := range r.Measures() {
		for i, rows := range append(slices.Clone(r.Cells[m]), r.Hidden[m]...) {
			if len(rows) == 0 {
				return fmt.Errorf("%w: cell %d of %q is empty", ErrCells, i, m)
			}
			if int(rows[len(rows)-1]) >= len(l.entity) {
				return fmt.Errorf("%w: cell %d of %q has a row beyond %d", ErrCells, i, m, len(l.entity))
			}
			for n := 1; n < len(rows); n++ {
				if rows[n] <= rows[n-1] {
					return fmt.Errorf("%w: cell %d of %q is not ascending at %d", ErrCells, i, m, n)
				}
			}
		}
	}
	return nil
}

// Measures are those of cells that are released or hidden, in the order of names.
func (r Release) Measures() []string {
	out := slices.Collect(maps.Keys(r.Cells))
	for m := range r.Hidden {
		if _, shown := r.Cells[m]; !shown {
			out = append(out, m)
		}
	}
	slices.Sort(out)
	return out
}

// Only returns the release of the cells of one measure.
func (r Release) Only(measure string) Release {
	r.Cells = map[string][][]uint32{measure: r.Cells[measure]}
	if hidden := r.Hidden[measure]; len(hidden) > 0 {
		r.Hidden = map[string][][]uint32{measure: hidden}
	} else {
		r.Hidden = nil
	}
	return r
}

// history returns that of a measure, over all rows there are by now.
func (l *Ledger) history(measure string) *history {
	h := l.measures[measure]
	if h == nil {
		h = newHistory(0)
	}
	return h.grown(len(l.entity))
}
