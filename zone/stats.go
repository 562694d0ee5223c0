package zone

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/internal/raw"
	"zonebox/masking"
	"zonebox/masking/detect"
)

// Stats are counts over all rows of a version. They hold no value of it.
type Stats struct {
	Rows     int64         `json:"rows"`
	Entities int64         `json:"entities"`  // distinct entity keys; 0 without entity
	MostRows int64         `json:"most_rows"` // rows of the entity that has most
	Unkeyed  int64         `json:"unkeyed"`   // rows whose entity key is null
	Columns  []ColumnStats `json:"columns"`   // in the order of the spec
}

// ColumnStats describe how the values of a column are spread, for judging
// whether a token of it hides anything: tokens keep frequencies, so a column
// with few values, or with one that dominates, can be read off them.
//
// Both figures are over the non-null values and err on the side of refusing:
// Entropy is never above the true one, Top never below (but for rounding).
// Without values they are 0 and 1.
type ColumnStats struct {
	Name    string  `json:"name"`
	Nulls   int64   `json:"nulls"`
	Entropy float64 `json:"entropy"` // Shannon entropy in bits; at most EntropyLimit and log2 of the rows
	Top     float64 `json:"top"`     // share of the most frequent value, 0 to 1
	Look    *Look   `json:"look,omitempty"`
}

// A Look says what a sample of a column's values looks like, by masking/detect.
// A column has none if nothing was found, if its type is neither text nor a
// number, or if its version was loaded before looks were taken.
type Look struct {
	Looked   int64   `json:"looked"`   // values, nulls aside
	Distinct int64   `json:"distinct"` // of these, about
	Classes  []Class `json:"classes"`  // the likeliest first
}

// Class is one class that a column is taken to hold.
type Class struct {
	Class  detect.Class `json:"class"`
	Whole  int64        `json:"whole"`  // of the values looked at, that are one
	Within int64        `json:"within"` // that hold one among other text
	Header bool         `json:"header"` // the column's name or title says so
}

// Shows reports whether the column was taken to hold the class.
func (c ColumnStats) Shows(class detect.Class) bool {
	return c.Look != nil && slices.ContainsFunc(c.Look.Classes, func(k Class) bool { return k.Class == class })
}

// EntropyLimit is the largest Entropy that is told apart, in bits. A column of
// unique values reports nearly min(EntropyLimit, log2 rows).
const EntropyLimit = 16

// Column returns the figures of the named column, and false if there is none.
func (s Stats) Column(name string) (ColumnStats, bool) {
	for _, c := range s.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return ColumnStats{}, false
}

func (l *Load) stats() Stats {
	s := Stats{Rows: l.rows}
	for i, k := range l.sketches {
		c := k.stats(l.schema.Field(i).Name)
		c.Look = lookOf(l.profilers[i])
		s.Columns = append(s.Columns, c)
	}
	if l.entity != nil {
		s.Entities, s.MostRows, s.Unkeyed = l.entity.count, int64(l.entity.most), l.entity.unkeyed
	}
	return s
}

// lookSample is how many values of a column are looked at in each segment: shares
// are told to a percent or two, and a load slows by less than that.
const lookSample = 4096

// newProfiler returns what looks at a column, nil if its type holds nothing to be
// found.
func newProfiler(c ColumnSpec, title string) *detect.Profiler {
	t, _ := raw.Type(c.Type) // validate has judged it
	decimal, fraction := t.(*arrow.Decimal128Type)
	fraction = fraction && decimal.Scale > 0
	switch id := t.ID(); {
	case id == arrow.STRING, id == arrow.INT64, id == arrow.FLOAT64, id == arrow.DECIMAL128 && !fraction:
		return detect.NewProfiler(c.Name+" "+title, detect.ProfileOptions{PerArray: lookSample})
	}
	return nil
}

// lookOf returns what p found, nil if that is nothing.
func lookOf(p *detect.Profiler) *Look {
	if p == nil {
		return nil
	}
	found := p.Profile()
	look := Look{Looked: found.Looked, Distinct: found.Distinct}
	for _, f := range found.Findings {
		if f.Proposed {
			look.Classes = append(look.Classes, Class{f.Class, f.Whole, f.Within, f.Header})
		}
	}
	if look.Classes == nil {
		return nil
	}
	return &look
}

// A sketch counts the values of a column in 2^EntropyLimit cells, chosen by a
// hash whose seed is drawn per load, in constant memory (256 KiB).
//
// The cell is a function of the value. Entropy cannot grow under a function
// (Cover and Thomas, Elements of Information Theory, ch. 2), and a cell counts
// at least the rows of each value in it: so the entropy of the cells is a lower
// bound, and the share of the fullest an upper bound, of the column's own.
// They are equal unless two values share a cell.
type sketch struct {
	seed  maphash.Seed
	cells [1 << EntropyLimit]uint32 // a version has fewer than 2^32 rows
	nulls int64
}

func newSketch() *sketch { return &sketch{seed: maphash.MakeSeed()} }

func (k *sketch) add(arr arrow.Array) {
	k.nulls += int64(arr.NullN())
	bytesOf := hashed(arr)
	nulls := arr.NullN() > 0
	var scratch [64]byte
	for i := range arr.Len() {
		if nulls && arr.IsNull(i) {
			continue
		}
		k.cells[uint16(maphash.Bytes(k.seed, bytesOf(scratch[:0], i)))]++
	}
}

// hashed is masking.Canonical where any bytes do that are equal for equal values
// of one column: whole numbers are not written out.
func hashed(arr arrow.Array) func(scratch []byte, i int) []byte {
	switch a := arr.(type) {
	case *array.Int64:
		return func(s []byte, i int) []byte { return binary.LittleEndian.AppendUint64(s, uint64(a.Value(i))) }
	case *array.Decimal128:
		return func(s []byte, i int) []byte {
			v := a.Value(i)
			return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(s, uint64(v.HighBits())), v.LowBits())
		}
	}
	return masking.Canonical(arr)
}

func (k *sketch) stats(name string) ColumnStats {
	c := ColumnStats{Name: name, Nulls: k.nulls, Top: 1}
	var total, most float64
	for _, n := range k.cells {
		total += float64(n)
		most = max(most, float64(n))
	}
	if total == 0 {
		return c
	}
	c.Top = most / total
	for _, n := range k.cells {
		if n > 0 {
			p := float64(n) / total
			c.Entropy -= p * math.Log2(p)
		}
	}
	c.Entropy = max(c.Entropy, 0) // -1·log2(1) is -0
	return c
}
