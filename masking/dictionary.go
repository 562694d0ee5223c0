package masking

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// dictionary masks each distinct value once. Misfits are counted by row.
//
// A kind that keeps the type works on the rows, which for strings is cheap
// beside what it is for.
func (k Kernel) dictionary(alloc memory.Allocator, dict *array.Dictionary) (arrow.Array, int64, error) {
	values := dict.Dictionary()
	if err := k.check(values); err != nil {
		return nil, 0, err
	}
	if k.typed != nil {
		if !isText(values.DataType()) {
			return nil, 0, fmt.Errorf("masking: apply to %s: %w", dict.DataType(), ErrInput)
		}
		plain, err := expand(alloc, dict)
		if err != nil {
			return nil, 0, err
		}
		defer plain.Release()
		return k.typed(alloc, plain, nil)
	}
	odd := make([]byte, bitutil.BytesForBits(int64(values.Len())))
	masked, misfits, err := build(alloc, values, k.text(values), odd)
	if err != nil {
		return nil, 0, err
	}
	defer masked.Release()
	if misfits > 0 {
		misfits = 0
		for i := range dict.Len() {
			if !dict.IsNull(i) && bitutil.BitIsSet(odd, dict.GetValueIndex(i)) {
				misfits++
			}
		}
	}
	t := &arrow.DictionaryType{IndexType: dict.Indices().DataType(), ValueType: masked.DataType()}
	return array.NewDictionaryArray(t, dict.Indices(), masked), misfits, nil
}

// expand returns a dictionary of strings as one string for each row.
func expand(alloc memory.Allocator, dict *array.Dictionary) (arrow.Array, error) {
	values := dict.Dictionary()
	if !isText(values.DataType()) {
		return nil, fmt.Errorf("masking: dictionary of %s: %w", values.DataType(), ErrInput)
	}
	if values.NullN() > 0 {
		return nil, fmt.Errorf("masking: dictionary with a null value: %w", ErrInput)
	}
	all, err := texts(alloc, values)
	if err != nil {
		return nil, err
	}
	defer all.Release()
	text, _, err := build(alloc, dict, rowsOf(all, dict.GetValueIndex), nil)
	return text, err
}

// rowsOf fills in, for each row, the value of all that index names.
func rowsOf(all *array.String, index func(row int) int) fill {
	return func(_ *work, b block, out *text) {
		for k := range b.values() {
			row := b.start + k
			if b.live != nil {
				row = b.start + int(b.live[k])
			}
			v := all.Value(index(row))
			dst := append(out.room(len(v)), v...)
			out.took(dst)
			out.ends[k] = int32(len(dst))
		}
	}
}

// texts returns arr, for which isText holds, as strings. The caller releases
// them.
func texts(alloc memory.Allocator, arr arrow.Array) (*array.String, error) {
	if s, ok := arr.(*array.String); ok {
		s.Retain()
		return s, nil
	}
	out, _, err := build(alloc, arr, bytewise(verbatim)(arr), nil)
	if err != nil {
		return nil, err
	}
	return out.(*array.String), nil
}

// verbatim copies values.
func verbatim(_ *work, v span, out *text) {
	dst := out.room(v.size())
	shift := int32(len(dst)) - v.offsets[0]
	dst = append(dst, v.data[v.offsets[0]:v.offsets[v.len()]]...)
	for i, end := range v.offsets[1:] {
		out.ends[i] = end + shift
	}
	out.took(dst)
}
