package detect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// ErrType says that a column's type cannot be profiled: it holds neither text
// nor whole numbers.
var ErrType = errors.New("column holds neither text nor whole numbers")

// ProfileOptions say how a column is read and what its classes weigh.
type ProfileOptions struct {
	// PerArray is how many rows of each array given to Add are looked at, evenly
	// spread; 0 is all. A sample of some thousand rows says as much about shares
	// as all rows; all rows find the three identity numbers among a million remarks.
	PerArray int
	// Levels is the least level of a column of each class; nil is DefaultLevels().
	Levels map[Class]int
}

// DefaultLevels returns least levels on a scale of 1 to 4, threshold 3, by the rule
// commonly quoted for GB/T 43697-2024 that sensitive personal information has at
// least level 4 and other personal information at least 2, raised to 3 for what
// the product masks on its way out. City packs replace them.
func DefaultLevels() map[Class]int {
	return map[Class]int{
		ResidentID: 4, Passport: 4, Permit: 4, BankCard: 4,
		Mobile: 3, PersonName: 3, PostalAddress: 3, Email: 3,
		Landline: 2, Plate: 2, Network: 2,
		CreditCode: 1, Organization: 1,
	}
}

// A Profiler reads a column and says what it looks like. It keeps counts and
// hashes, no values. It is not safe for concurrent use.
type Profiler struct {
	options ProfileOptions
	header  Set // classes that the header speaks for
	not     Set
	scanner *Scanner

	rows, nulls, looked int64
	whole, within       [classCount]int64
	spread              spread
	hits                []Hit
}

// NewProfiler returns a profiler for the column with the header: its name and,
// if the catalogue has more to say, its title or comment after a space.
func NewProfiler(header string, o ProfileOptions) *Profiler {
	p := &Profiler{options: o, scanner: New(Options{}).Under(header)}
	p.header, p.not = p.scanner.header, p.scanner.not
	return p
}

// Add reads an array of the column: text, binary text, whole numbers, floating
// point numbers that are whole, or a dictionary of these, each value of which is
// looked at once. It returns an error wrapping ErrType for other types. The
// caller keeps the array.
func (p *Profiler) Add(arr arrow.Array) error {
	values := arr
	dictionary, coded := arr.(*array.Dictionary)
	if coded {
		values = dictionary.Dictionary()
	}
	value, ok := reader(values)
	if !ok {
		return fmt.Errorf("detect: profile %s: %w", arr.DataType(), ErrType)
	}
	n := arr.Len()
	p.rows += int64(n)
	p.nulls += int64(arr.NullN())
	step := 1
	if p.options.PerArray > 0 {
		step = max(1, (n+p.options.PerArray-1)/p.options.PerArray)
	}
	var scratch []byte
	if !coded {
		for i := 0; i < n; i += step {
			if arr.IsValid(i) {
				scratch = value(scratch[:0], i)
				p.cell(scratch, 1)
			}
		}
		return nil
	}
	counts := make([]int64, values.Len())
	for i := 0; i < n; i += step {
		if arr.IsValid(i) {
			counts[dictionary.GetValueIndex(i)]++
		}
	}
	for i, count := range counts {
		switch {
		case count == 0:
		case values.IsNull(i):
			p.nulls += count
		default:
			scratch = value(scratch[:0], i)
			p.cell(scratch, count)
		}
	}
	return nil
}

// cell counts a value that stands in count rows.
func (p *Profiler) cell(text []byte, count int64) {
	p.looked += count
	p.spread.add(text, count)
	text = trim(text)
	found := Set(0)
	for c := ResidentID; c < classCount; c++ {
		if wholly(c, text) {
			found |= 1 << c
			p.whole[c] += count
		}
	}
	p.hits = p.scanner.Scan(p.hits[:0], text)
	for _, h := range p.hits {
		if found.Has(h.Class) {
			continue
		}
		found |= 1 << h.Class
		if h.Class == PostalAddress && h.Start == 0 && 3*h.End >= 2*len(text) {
			p.whole[h.Class] += count
		} else if h.End-h.Start < len(text) {
			p.within[h.Class] += count
		}
	}
}

// A Finding is a class that a column may hold, with what speaks for it.
type Finding struct {
	Class    Class
	Category string  // of personal information
	Score    float64 // 0 to 1, of the column being of the class as a whole
	Whole    int64   // rows looked at whose value is one
	Within   int64   // rows whose value holds one among other text
	Chance   float64 // share of values of that form which would pass by accident
	Header   bool    // the header names the class
	// Proposed is true if Score is at least 0.5, or if more of the rows are or
	// hold one than accident explains.
	Proposed bool
}

// A Profile says how the values of a column are spread and what they look like.
// It holds counts, no value.
type Profile struct {
	Rows     int64 // given to Add
	Nulls    int64
	Looked   int64   // values looked at, nulls aside
	Distinct int64   // of these, about; exact within 2 % to 50,000
	Entropy  float64 // Shannon entropy in bits of the values looked at, a lower bound, at most 12
	Findings []Finding

	floor int
}

// Raise returns the level of the column: the given one, or the least level of
// what was found in it if that is higher. A level of 0 is one not set; it stays
// 0, since only the provider sets levels: a profile proposes to whoever does.
func (p Profile) Raise(given int) int {
	if given <= 0 {
		return 0
	}
	return max(given, p.floor)
}

// Profile returns what was read so far.
func (p *Profiler) Profile() Profile {
	out := Profile{Rows: p.rows, Nulls: p.nulls, Looked: p.looked}
	out.Distinct, out.Entropy = p.spread.figures()
	levels := p.options.Levels
	if levels == nil {
		levels = DefaultLevels()
	}
	for c := ResidentID; c < classCount; c++ {
		if p.whole[c]+p.within[c] == 0 && !p.header.Has(c) {
			continue
		}
		f := p.finding(c, float64(out.Distinct))
		if f.Score < 0.05 && !f.Proposed {
			continue
		}
		if f.Proposed {
			out.floor = max(out.floor, levels[c])
		}
		out.Findings = append(out.Findings, f)
	}
	slices.SortStableFunc(out.Findings, func(a, b Finding) int { return cmp.Compare(b.Score, a.Score) })
	return out
}

// Weights of a finding's score: what the values are, what the header says, and
// how much the values differ. A full column of checked numbers is proposed
// without a header; a header alone, over values that are none, is not.
const (
	valueWeight  = 0.75
	headerWeight = 0.25
	spreadWeight = 0.10
)

func (p *Profiler) finding(c Class, distinct float64) Finding {
	f := Finding{
		Class: c, Category: categories[c], Whole: p.whole[c], Within: p.within[c],
		Chance: chances[c], Header: p.header.Has(c),
	}
	n := float64(max(1, p.looked))
	share := float64(f.Whole) / n
	f.Score = valueWeight * share * (1 - f.Chance)
	if f.Score > 0 {
		f.Score += spreadWeight * min(1, distinct/n)
	}
	switch {
	case f.Header:
		f.Score += headerWeight
	case p.not.Has(c):
		f.Score -= headerWeight
	}
	f.Score = min(max(f.Score, 0), 1)
	against := p.not.Has(c) && f.Chance > 0.001
	f.Proposed = f.Score >= 0.5 ||
		!against && f.Whole >= 3 && f.Chance <= 0.1 && share >= f.Chance+0.05 ||
		f.Within >= 3 && float64(f.Within) >= 0.005*n && c != PersonName ||
		checkedAlone.Has(c) && f.Whole+f.Within >= 3
	return f
}

// checkedAlone are classes of which few members prove themselves: fewer than
// three are left to the look at what leaves.
const checkedAlone = Set(1 << ResidentID)

// chances are the shares of random values of a class's form (its length, digits
// and letters where it has them) that pass the check of it. Without a check they
// are guesses on the side of doubt.
var chances = [classCount]float64{
	ResidentID: 5e-7, CreditCode: 1.0 / 31, Organization: 1.0 / 11, Mobile: 0.07, BankCard: 0.1, Landline: 0.4,
	Passport: 0.5, Permit: 0.5, Plate: 0.02, Email: 0.001, Network: 0.01, PostalAddress: 0.05, PersonName: 0.17,
}

// categories are the groups of personal information of GB/T 35273-2020, table
// A.1, as GB/T 43697-2024 takes them up.
var categories = [classCount]string{
	ResidentID: "个人身份信息", Passport: "个人身份信息", Permit: "个人身份信息", BankCard: "个人财产信息",
	Mobile: "个人基本资料", Landline: "个人基本资料", Email: "个人基本资料", PostalAddress: "个人基本资料", PersonName: "个人基本资料",
	Network: "网络身份标识信息", Plate: "其他信息", CreditCode: "组织信息", Organization: "组织信息",
}
