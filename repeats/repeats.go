// Package repeats tells whether a delivery repeats a result that was released
// before: data that were given out for one purpose and come in again for another
// (NJ24-13).
//
// Of a released result it keeps marks: 64 bits each of a keyed function (AES-CMAC,
// SP 800-38B) of single values, of pairs of values of one row, and of whole rows.
// Marks do not depend on the order of rows or columns nor on what columns are
// called; single values and pairs are found when columns were added or left out, and
// any of them when rows were. Without the key they are random numbers.
//
// A mark is made of what says enough to be no accident, at least 32 bits by a low
// estimate, and in columns of at least 20 different values: codes, days, counts and
// small lists make none. Single values and pairs are marked only where the release
// made them (masks, tokens, aggregates), since values that left as they are recur in
// deliveries of their own source. A repetition is 20 different marks of one result.
//
// It does not find what was rounded, reformatted or computed on, fewer than 20
// rows, or rows thinly spread over a file much longer than the result.
//
// Read [Marks] first.
package repeats

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/masking/lanes"
	"zonebox/masking/prf"
)

const (
	leastBits     = 32   // that what a mark is made of says
	leastDistinct = 20   // values of a column, and marks that make a repetition
	mostMarks     = 1024 // kept of a kind: the smallest, which is a sample that favors nothing
	mostColumns   = 64   // that pairs are made of
)

// Marks are of one result, each kind ascending and without repetition.
type Marks struct {
	Values []uint64 `json:"values,omitempty"`
	Pairs  []uint64 `json:"pairs,omitempty"`
	Rows   []uint64 `json:"rows,omitempty"`
	// Derived says that the release made a column of it: rows of a result without
	// one recur in deliveries of its source.
	Derived bool `json:"derived,omitempty"`
}

// Empty reports whether nothing could be told by the marks.
func (m Marks) Empty() bool { return len(m.Values)+len(m.Pairs)+len(m.Rows) == 0 }

// A Key makes marks. It is safe for concurrent use.
type Key struct{ cipher *lanes.Cipher }

// NewKey returns the key of 16 or 32 bytes.
func NewKey(secret []byte) (*Key, error) {
	c, err := lanes.NewAES(secret)
	if err != nil {
		return nil, err
	}
	return &Key{c}, nil
}

// hashes returns a number for each of the values of col, in the order of its rows,
// and what the values say if said is not nil.
func (k *Key) hashes(col arrow.Array, rows []int, said *[]int) []uint64 {
	var data []byte
	offsets := make([]int32, 1, len(rows)+1)
	for _, r := range rows {
		from := len(data)
		data = render(data, col, r)
		offsets = append(offsets, int32(len(data)))
		if said != nil {
			*said = append(*said, bits(data[from:]))
		}
	}
	tags := make([]byte, 16*len(rows))
	prf.NewCMAC(k.cipher).Sum(tags, data, offsets)
	out := make([]uint64, len(rows))
	for i := range out {
		out[i] = binary.LittleEndian.Uint64(tags[16*i:])
	}
	return out
}

// Of returns the marks of a result; derived tells of each column whether the
// release made its values.
func (k *Key) Of(result arrow.RecordBatch, derived []bool) Marks {
	n, columns := int(result.NumRows()), int(result.NumCols())
	if n < leastDistinct {
		return Marks{}
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	hash, said := make([][]uint64, columns), make([][]int, columns)
	for c := range columns {
		hash[c] = k.hashes(result.Column(c), all, &said[c])
		if distinct := len(slices.Compact(slices.Sorted(slices.Values(hash[c])))); distinct < leastDistinct {
			clear(said[c])
		}
	}
	m := Marks{Derived: slices.Contains(derived, true)}
	for r := range n {
		whole, sum := 0, uint64(0)
		for c := range columns {
			whole += said[c][r]
			sum += hash[c][r]
			if derived[c] && said[c][r] >= leastBits {
				m.Values = append(m.Values, hash[c][r])
			}
			for d := range min(c, mostColumns) {
				if (derived[c] || derived[d]) && said[c][r] > 0 && said[d][r] > 0 && said[c][r]+said[d][r] >= leastBits {
					m.Pairs = append(m.Pairs, hash[c][r]+hash[d][r])
				}
			}
		}
		if columns > 1 && whole >= leastBits {
			m.Rows = append(m.Rows, sum)
		}
	}
	for _, kind := range []*[]uint64{&m.Values, &m.Pairs, &m.Rows} {
		slices.Sort(*kind)
		*kind = slices.Compact(*kind)
		if len(*kind) < leastDistinct {
			*kind = nil
		}
		*kind = slices.Clip((*kind)[:min(len(*kind), mostMarks)])
	}
	return m
}

// A Known is a result that was released, and the key its marks were made with.
type Known struct {
	ID    string
	Key   *Key
	Marks Marks
	// Source says that the delivery is of a dataset that the result was made of.
	Source bool
}

// A Repetition says how many different marks of a result a delivery has.
type Repetition struct {
	ID    string
	Marks int
}

// A Watch looks for known results in a delivery. It is not safe for concurrent
// use.
//
// It looks at every row up to everyRow and at one in sparse of those that follow.
type Watch struct {
	keys  []*Key
	marks [][3]map[uint64][]int32 // by key and kind, of whom they are
	bloom [][]uint64              // by key: a bit for each mark
	known []Known
	hits  [][3]map[uint64]bool
	rows  int64
}

const (
	everyRow  = 1 << 15
	sparse    = 32
	bloomBits = 1 << 20
)

const (
	kindValue = iota
	kindPair
	kindRow
)

// NewWatch returns a watch for known, nil if there is nothing to look for.
func NewWatch(known []Known) *Watch {
	w := &Watch{known: known, hits: make([][3]map[uint64]bool, len(known))}
	for i, n := range known {
		at := slices.Index(w.keys, n.Key)
		if at < 0 {
			at = len(w.keys)
			w.keys = append(w.keys, n.Key)
			w.marks = append(w.marks, [3]map[uint64][]int32{{}, {}, {}})
			w.bloom = append(w.bloom, make([]uint64, bloomBits/64))
		}
		rows := n.Marks.Rows
		if n.Source && !n.Marks.Derived {
			rows = nil
		}
		for kind, marks := range [][]uint64{n.Marks.Values, n.Marks.Pairs, rows} {
			w.hits[i][kind] = map[uint64]bool{}
			for _, m := range marks {
				w.marks[at][kind][m] = append(w.marks[at][kind][m], int32(i))
				w.bloom[at][m%bloomBits/64] |= 1 << (m % 64)
			}
		}
	}
	if !slices.ContainsFunc(known, func(n Known) bool { return !n.Marks.Empty() }) {
		return nil
	}
	return w
}

// Add looks at further rows of the delivery.
func (w *Watch) Add(batch arrow.RecordBatch) error {
	if w == nil {
		return nil
	}
	n := batch.NumRows()
	var rows []int
	for r := range int(n) {
		if at := w.rows + int64(r); at < everyRow || at%sparse == 0 {
			rows = append(rows, r)
		}
	}
	w.rows += n
	if len(rows) == 0 || len(rows) > math.MaxInt32 {
		return nil
	}
	hash := make([][]uint64, batch.NumCols())
	for at, key := range w.keys {
		for c := range hash {
			hash[c] = key.hashes(batch.Column(c), rows, nil)
		}
		for i := range rows {
			sum := uint64(0)
			for c := range hash {
				h := hash[c][i]
				sum += h
				w.see(at, kindValue, h)
				for d := range min(c, mostColumns) {
					w.see(at, kindPair, h+hash[d][i])
				}
			}
			w.see(at, kindRow, sum)
		}
	}
	return nil
}

func (w *Watch) see(key, kind int, mark uint64) {
	if w.bloom[key][mark%bloomBits/64]&(1<<(mark%64)) == 0 {
		return
	}
	for _, i := range w.marks[key][kind][mark] {
		if hits := w.hits[i][kind]; len(hits) < mostMarks {
			hits[mark] = true
		}
	}
}

// Found returns the results that the delivery repeats, most marks first.
func (w *Watch) Found() []Repetition {
	if w == nil {
		return nil
	}
	var out []Repetition
	for i, hits := range w.hits {
		if most := max(len(hits[kindValue]), len(hits[kindPair]), len(hits[kindRow])); most >= leastDistinct {
			out = append(out, Repetition{ID: w.known[i].ID, Marks: most})
		}
	}
	slices.SortStableFunc(out, func(a, b Repetition) int { return cmp.Compare(b.Marks, a.Marks) })
	return out
}
