package masking

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// DictionaryType is the form of a string column with few distinct values: masks
// then cost by distinct value, and the engine compares codes.
var DictionaryType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint16, ValueType: arrow.BinaryTypes.String}

// compactProbe is how many first rows tell a column of identifiers.
const compactProbe = 4096

// Compact returns arr, strings or a dictionary of strings, as a DictionaryType
// array if its distinct values are at most a quarter of the rows and fit 16
// bits, and as plain strings otherwise. The caller releases the array.
//
// The result depends on the values alone: each entry of the dictionary is a
// value of some row, once, in the order the rows come. A dictionary of raw
// values that was masked entry by entry has entries that nobody may tell apart
// and entries of rows that were left out; here both are gone.
func Compact(alloc memory.Allocator, arr arrow.Array) (arrow.Array, error) {
	switch a := arr.(type) {
	case *array.String:
		codes := newCoder(alloc, a.Len())
		defer codes.release()
		for i := range a.Len() {
			if !a.IsNull(i) && !codes.add(i, a.Value(i)) {
				a.Retain()
				return a, nil
			}
		}
		if out := codes.finish(a); out != nil {
			return out, nil
		}
		a.Retain()
		return a, nil
	case *array.Dictionary:
		values, ok := a.Dictionary().(*array.String)
		if !ok {
			return nil, fmt.Errorf("masking: dictionary of %s: %w", a.Dictionary().DataType(), ErrInput)
		}
		if out := recode(alloc, a, values); out != nil {
			return out, nil
		}
		return expand(alloc, a)
	}
	return nil, fmt.Errorf("masking: compact %s: %w", arr.DataType(), ErrInput)
}

// recode is Compact of a dictionary, nil if it must be plain.
func recode(alloc memory.Allocator, dict *array.Dictionary, values *array.String) arrow.Array {
	codes := newCoder(alloc, dict.Len())
	defer codes.release()
	known := make([]int32, values.Len()) // code + 1 by old index
	var whole []uint16                   // old indices of a column without nulls
	if u, ok := dict.Indices().(*array.Uint16); ok && dict.NullN() == 0 {
		whole = u.Uint16Values()
	}
	for i := range dict.Len() {
		var at int
		switch {
		case whole != nil:
			at = int(whole[i])
		case dict.IsNull(i):
			continue
		default:
			at = dict.GetValueIndex(i)
		}
		if values.IsNull(at) {
			return nil // expand refuses it
		}
		if c := known[at]; c > 0 {
			codes.index[i] = uint16(c - 1)
			continue
		}
		if !codes.add(i, values.Value(at)) {
			return nil
		}
		known[at] = int32(codes.index[i]) + 1
	}
	return codes.finish(dict)
}

// coder builds a dictionary.
type coder struct {
	alloc  memory.Allocator
	buffer *memory.Buffer
	index  []uint16 // in buffer, 0 where null
	codes  map[string]uint16
	values *array.StringBuilder
	limit  int
}

func newCoder(alloc memory.Allocator, rows int) *coder {
	c := &coder{alloc: alloc, buffer: memory.NewResizableBuffer(alloc), codes: map[string]uint16{},
		values: array.NewStringBuilder(alloc), limit: min(rows/4, 1<<16)}
	c.buffer.Resize(arrow.Uint16Traits.BytesRequired(rows))
	clear(c.buffer.Bytes())
	c.index = arrow.Uint16Traits.CastFromBytes(c.buffer.Bytes())
	return c
}

// add gives row i the code of v and reports whether the values are still few.
func (c *coder) add(i int, v string) bool {
	code, known := c.codes[v]
	if !known {
		if len(c.codes) == c.limit || i < compactProbe && len(c.codes) > compactProbe/2 {
			return false
		}
		code = uint16(len(c.codes))
		c.codes[v] = code // a view of the array, which outlives the coder
		c.values.Append(v)
	}
	c.index[i] = code
	return true
}

// finish returns the dictionary array with the nulls of arr, nil if it has no
// value at all.
func (c *coder) finish(arr arrow.Array) arrow.Array {
	if len(c.codes) == 0 {
		return nil
	}
	validity := nulls(c.alloc, arr)
	if validity != nil {
		defer validity.Release()
	}
	values := c.values.NewArray()
	defer values.Release()
	data := array.NewData(arrow.PrimitiveTypes.Uint16, len(c.index), []*memory.Buffer{validity, c.buffer}, nil, arr.NullN(), 0)
	defer data.Release()
	index := array.NewUint16Data(data)
	defer index.Release()
	return array.NewDictionaryArray(DictionaryType, index, values)
}

func (c *coder) release() {
	c.buffer.Release()
	c.values.Release()
}
