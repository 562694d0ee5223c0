// Package effect judges how well masked rows hide the people in them: the size
// of the groups that cannot be told apart (k-anonymity), the variety of what
// is said about them (l-diversity), the grade of GB/T 42460 that follows, and
// what an attacker gets who matches frequencies or hashes a dictionary.
//
// It judges the rows it is given, as they leave. Results are counts and shares;
// no value of a cell is in them. Read Assess first.
//
// What it does not know: other releases and registers that rows can be joined
// with, what a reader knows besides, and whether the columns named as quasi
// identifiers are all there are. A good grade is a necessary condition.
//
// The text of GB/T 42460-2023 and its worked example (annex D) were not at hand;
// grades follow the four levels of its draft of 2021, and the threshold of 0.05
// that is commonly quoted for it is a parameter.
package effect

import (
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
)

// Errors of this package. None holds a cell value.
var (
	ErrColumn = errors.New("no such column")
	ErrType   = errors.New("column type cannot be compared")
	ErrParam  = errors.New("parameter out of range")
)

// Columns says what the columns of a result are, by index. A column may be in
// more than one list or in none.
type Columns struct {
	Direct    []int // tell who somebody is by themselves, and are not masked
	Quasi     []int // do so together with others: region, year of birth, sex
	Sensitive []int // what must not be learned about a person: a diagnosis
	Tokens    []int // pseudonyms
}

// DefaultThreshold is the risk that is taken for acceptable: one in twenty.
const DefaultThreshold = 0.05

// Options of Assess. The zero value is record-level data at DefaultThreshold.
type Options struct {
	// Threshold is the highest acceptable risk of re-identification, over 0 and
	// at most 1; 0 is DefaultThreshold.
	Threshold float64
	// Aggregate says that each row is a statistic over a group of people and
	// none is about one. The caller knows: the statement says so, not the rows.
	Aggregate bool
	// RowsEach is the most rows that one person has in the record; 0 is 1. A class
	// of K rows then holds K/RowsEach people at least.
	RowsEach int64
}

// A Rule is why a grade was given.
type Rule string

// The rules in the order they are asked.
const (
	DirectPresent  Rule = "direct_identifier_present" // level 1
	AggregateData  Rule = "aggregate_data"            // level 4
	RiskAbove      Rule = "risk_above_threshold"      // level 2
	RiskAcceptable Rule = "risk_acceptable"           // level 3
)

// An Assessment is the grade of a result with the figures it rests on.
type Assessment struct {
	// Level is 1 if a column identifies people directly, 2 if none does but
	// quasi identifiers leave a risk over the threshold, 3 if the risk is
	// acceptable, 4 if nothing is about a single person.
	Level     int
	Rule      Rule
	Threshold float64
	// People is how many there are at least in the smallest class, 0 without
	// rows, and Risk is 1/People, 0 without rows.
	People    int64
	Risk      float64
	Anonymity Anonymity
	Diversity []Diversity // in the order of Columns.Sensitive
	Tokens    []Spread    // in the order of Columns.Tokens
}

// Assess grades the rows of record. Rows with nulls are compared like others:
// null equals null.
//
// It returns an error wrapping ErrColumn, ErrType or ErrParam, and no grade, if
// it cannot judge a column.
func Assess(record arrow.RecordBatch, c Columns, o Options) (Assessment, error) {
	if o.Threshold == 0 {
		o.Threshold = DefaultThreshold
	}
	if !(o.Threshold > 0 && o.Threshold <= 1) {
		return Assessment{}, fmt.Errorf("effect: assess with threshold %v: %w", o.Threshold, ErrParam)
	}
	a := Assessment{Threshold: o.Threshold}
	p, err := Group(record, c.Quasi)
	if err != nil {
		return Assessment{}, err
	}
	a.Anonymity = p.Anonymity()
	if a.Anonymity.K > 0 {
		a.People = 1 + (a.Anonymity.K-1)/max(1, o.RowsEach)
		a.Risk = 1 / float64(a.People)
	}
	for _, i := range c.Sensitive {
		values, err := columnCodes(record, i)
		if err != nil {
			return Assessment{}, err
		}
		a.Diversity = append(a.Diversity, p.diversity(values))
	}
	for _, i := range c.Tokens {
		values, err := columnCodes(record, i)
		if err != nil {
			return Assessment{}, err
		}
		a.Tokens = append(a.Tokens, values.spread())
	}
	direct := false
	for _, i := range c.Direct {
		if i < 0 || i >= int(record.NumCols()) {
			return Assessment{}, fmt.Errorf("effect: column %d: %w", i, ErrColumn)
		}
		direct = direct || record.Column(i).NullN() < record.Column(i).Len()
	}
	switch {
	case direct:
		a.Level, a.Rule = 1, DirectPresent
	case o.Aggregate:
		a.Level, a.Rule = 4, AggregateData
	case a.Risk > o.Threshold:
		a.Level, a.Rule = 2, RiskAbove
	default:
		a.Level, a.Rule = 3, RiskAcceptable
	}
	return a, nil
}

// A Spread tells how the values of a column are spread, nulls aside.
type Spread struct {
	Rows, Distinct int64
	Entropy        float64 // Shannon, in bits
	Top            float64 // share of the most frequent value, which guessing it gets right
}

func (c codes) spread() Spread {
	var s Spread
	counts := make([]int64, c.distinct)
	for _, v := range c.of {
		if v != null {
			counts[v]++
			s.Rows++
		}
	}
	var most int64
	for _, n := range counts {
		if n > 0 {
			s.Distinct++
			p := float64(n) / float64(s.Rows)
			s.Entropy -= p * math.Log2(p)
			most = max(most, n)
		}
	}
	if s.Rows > 0 {
		s.Top = float64(most) / float64(s.Rows)
	}
	s.Entropy = max(s.Entropy, 0)
	return s
}
