package effect

import (
	"maps"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// A Partition is the rows of a result in classes that cannot be told apart by
// the quasi identifiers (equivalence classes).
type Partition struct {
	class []int32 // of each row
	size  []int64 // of each class
}

// Group puts the rows of record in classes by the columns of the indices; none
// puts all rows in one class. It returns an error wrapping ErrColumn or ErrType.
func Group(record arrow.RecordBatch, quasi []int) (*Partition, error) {
	p := &Partition{class: make([]int32, record.NumRows())}
	count := int32(min(1, len(p.class)))
	for _, i := range quasi {
		values, err := columnCodes(record, i)
		if err != nil {
			return nil, err
		}
		finer := map[[2]int32]int32{}
		for row, class := range p.class {
			key := [2]int32{class, values.of[row]}
			c, ok := finer[key]
			if !ok {
				c = int32(len(finer))
				finer[key] = c
			}
			p.class[row] = c
		}
		count = int32(len(finer))
	}
	p.size = make([]int64, count)
	for _, class := range p.class {
		p.size[class]++
	}
	return p, nil
}

// Anonymity tells how large the classes are.
type Anonymity struct {
	Rows, Classes int64
	// K is the size of the smallest class (Sweeney 2002); 0 without rows.
	K int64
	// Unique is how many rows are alone in their class.
	Unique int64
	// MaxRisk is 1/K, the chance of an attacker who knows that a person is in
	// the result and looks at the worst class to name the row; MeanRisk is the
	// mean over all rows, Classes/Rows.
	MaxRisk, MeanRisk float64
	// Bands is the distribution of the sizes, smallest first.
	Bands []Band
}

// A Band counts the classes with From to To rows, and those rows. To is 0 in the
// last.
type Band struct{ From, To, Classes, Rows int64 }

// Anonymity returns the figures of the classes.
func (p *Partition) Anonymity() Anonymity {
	a := Anonymity{
		Rows: int64(len(p.class)), Classes: int64(len(p.size)),
		Bands: []Band{{From: 1, To: 1}, {From: 2, To: 2}, {From: 3, To: 4}, {From: 5, To: 9}, {From: 10, To: 19}, {From: 20, To: 49}, {From: 50}},
	}
	for _, n := range p.size {
		if a.K == 0 || n < a.K {
			a.K = n
		}
		for i := range a.Bands {
			if b := &a.Bands[i]; n >= b.From && (n <= b.To || b.To == 0) {
				b.Classes++
				b.Rows += n
			}
		}
	}
	a.Unique = a.Bands[0].Rows
	if a.Rows > 0 {
		a.MaxRisk, a.MeanRisk = 1/float64(a.K), float64(a.Classes)/float64(a.Rows)
	}
	return a
}

// Below returns how many rows are in classes of fewer than k rows: those that
// would have to go for the rest to be k-anonymous.
func (p *Partition) Below(k int64) int64 {
	var rows int64
	for _, n := range p.size {
		if n < k {
			rows += n
		}
	}
	return rows
}

// Diversity tells how varied a sensitive column is within the classes
// (Machanavajjhala and others 2006). Nulls are one value.
type Diversity struct {
	// L is the least number of different values in a class; 0 without rows. With
	// 1, everybody in that class has the same value, and all know it.
	L int64
	// EntropyL is 2 to the least entropy of a class: at most L, and less where
	// one value dominates.
	EntropyL float64
	// Exposed is how many rows are in classes of a single value.
	Exposed int64
	// Dominance is the largest share one value has of a class.
	Dominance float64
}

// Diversity returns the figures of a sensitive column, which must have the rows
// of the record that was grouped. It returns an error wrapping ErrType or, if it
// has not, ErrColumn.
func (p *Partition) Diversity(sensitive arrow.Array) (Diversity, error) {
	values, err := encode(sensitive)
	if err != nil {
		return Diversity{}, err
	}
	if len(values.of) != len(p.class) {
		return Diversity{}, ErrColumn
	}
	return p.diversity(values), nil
}

func (p *Partition) diversity(values codes) Diversity {
	counts := map[[2]int32]int64{}
	for row, class := range p.class {
		counts[[2]int32{class, values.of[row]}]++
	}
	kinds, entropy := make([]int64, len(p.size)), make([]float64, len(p.size))
	var d Diversity
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b [2]int32) int { return slices.Compare(a[:], b[:]) })
	for _, key := range keys { // in order, so that sums round the same each time
		class, n := key[0], counts[key]
		share := float64(n) / float64(p.size[class])
		kinds[class]++
		entropy[class] -= share * math.Log2(share)
		d.Dominance = max(d.Dominance, share)
	}
	least := math.Inf(1)
	for class, n := range kinds {
		if d.L == 0 || n < d.L {
			d.L = n
		}
		if n == 1 {
			d.Exposed += p.size[class]
		}
		least = min(least, max(entropy[class], 0))
	}
	if len(kinds) > 0 {
		d.EntropyL = math.Exp2(least)
	}
	return d
}
