// Package registers invents the public registers of a city for measuring:
// traffic crossings, air readings, parking and three small tables of places. None
// holds personal information, and nothing in them is real.
//
// Every cell is a function of its register, column and row number, so that two
// processes which never speak to each other hold equal rows, in equal order.
// Nothing is kept: rows are made in batches as they are asked for.
//
// Read City first, then Register.Batch.
package registers

import (
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// A Register is a table of invented rows.
type Register struct {
	Name    string
	Title   string
	Rows    int64
	Columns []Column
}

// A Column of a register. Type is the catalogue's name of its type.
type Column struct {
	Name, Title, Type string
	Nullable          bool

	arrow  arrow.DataType
	append func(b array.Builder, row int64)
}

// BatchRows is how many rows Batches puts into a batch.
const BatchRows = 1 << 16

// Schema returns the Arrow schema of a register's batches. All fields are
// nullable.
func (r Register) Schema() *arrow.Schema {
	fields := make([]arrow.Field, len(r.Columns))
	for i, c := range r.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: c.arrow, Nullable: true}
	}
	return arrow.NewSchema(fields, nil)
}

// Batch makes rows from up to but not including to. The caller releases it.
func (r Register) Batch(from, to int64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, r.Schema())
	defer b.Release()
	b.Reserve(int(to - from))
	for i, c := range r.Columns {
		field := b.Field(i)
		for row := from; row < to; row++ {
			c.append(field, row)
		}
	}
	return b.NewRecordBatch()
}

// random returns 64 bits that look random, the same for the same column and row
// (the finalizer of SplitMix64, Steele et al. 2014).
func random(column uint64, row int64) uint64 {
	z := column*0x9E3779B97F4A7C15 + uint64(row)*0xD1342543DE82EF95
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func below(column uint64, row, n int64) int64 {
	high, _ := bits.Mul64(random(column, row), uint64(n))
	return int64(high)
}

// unit returns a number from 0 up to 1.
func unit(column uint64, row int64) float64 { return float64(random(column, row)>>11) / (1 << 53) }

// chance reports whether a cell is one of percent in a hundred.
func chance(column uint64, row, percent int64) bool { return below(column+1<<32, row, 100) < percent }

// padded returns prefix and number with at least width digits.
func padded(prefix string, number int64, width int) string {
	digits := strconv.FormatInt(number, 10)
	out := append(make([]byte, 0, 32), prefix...)
	for range width - len(digits) {
		out = append(out, '0')
	}
	return string(append(out, digits...))
}
