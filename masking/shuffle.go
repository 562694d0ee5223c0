package masking

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking/prf"
)

// shuffle deals the values of a column out to its rows anew, nulls staying
// where they are, by a permutation that key and scope draw (GB/T 37964:
// randomization, 置换). The column's distribution stays exact and its values are
// real ones; only whose they are is hidden, from those who cannot tell from the
// values themselves. So no license may name it.
//
// A column with fewer than two values, which no dealing hides, becomes null.
func shuffle(d draws) typed {
	return func(alloc memory.Allocator, arr, _ arrow.Array) (arrow.Array, int64, error) {
		if live := arr.Len() - arr.NullN(); live < 2 {
			out, _, err := nullify(alloc, arr, nil)
			return out, int64(live), err
		}
		from := d.permutation(arr)
		switch a := arr.(type) {
		case *array.Int64:
			return deal(alloc, arr, a.Int64Values(), from)
		case *array.Float64:
			return deal(alloc, arr, a.Float64Values(), from)
		case *array.Date32:
			return deal(alloc, arr, a.Date32Values(), from)
		case *array.Timestamp:
			return deal(alloc, arr, a.TimestampValues(), from)
		case *array.Decimal128:
			return deal[decimal128.Num](alloc, arr, a.Values(), from)
		case *array.Boolean:
			return dealBools(alloc, a, from), 0, nil
		}
		return dealText(alloc, arr, from)
	}
}

func deal[T any](alloc memory.Allocator, arr arrow.Array, all []T, from []int32) (arrow.Array, int64, error) {
	out, misfits := revalue(alloc, arr, all, func(_ *work, start int, dst, _ []T, _ *marks) {
		for i := range dst {
			dst[i] = all[from[start+i]]
		}
	})
	return out, misfits, nil
}

func dealBools(alloc memory.Allocator, arr *array.Boolean, from []int32) arrow.Array {
	b := array.NewBooleanBuilder(alloc)
	defer b.Release()
	b.Reserve(arr.Len())
	for i, row := range from {
		if arr.IsNull(i) {
			b.UnsafeAppendBoolToBitmap(false)
		} else {
			b.UnsafeAppend(arr.Value(int(row)))
		}
	}
	return b.NewArray()
}

func dealText(alloc memory.Allocator, arr arrow.Array, from []int32) (arrow.Array, int64, error) {
	all, err := texts(alloc, arr)
	if err != nil {
		return nil, 0, err
	}
	defer all.Release()
	return build(alloc, arr, rowsOf(all, func(row int) int { return int(from[row]) }), nil)
}

// permutation returns from which row the value of each row comes, a uniform
// permutation of the rows that are not null (Fisher and Yates; Durstenfeld
// 1964), and of the others their own.
func (d draws) permutation(arr arrow.Array) []int32 {
	from := make([]int32, arr.Len())
	live := make([]int32, 0, arr.Len()-arr.NullN())
	for row := range from {
		from[row] = int32(row)
		if arr.IsValid(row) {
			live = append(live, int32(row))
		}
	}
	w := workPool.Get().(*work)
	defer w.done()
	for i := len(live) - 1; i > 0; i -= blockRows {
		tags := d.counted(w, uint64(i), min(i, blockRows))
		for k := range min(i, blockRows) {
			at := i - k
			with := below(tags, k, uint64(at+1))
			a, b := live[at], live[with]
			from[a], from[b] = from[b], from[a]
		}
	}
	return from
}

// counted returns the draws of the numbers from n down.
func (d draws) counted(w *work, n uint64, count int) []byte {
	data := w.data[:0]
	w.offsets[0] = 0
	for k := range count {
		data = binary.BigEndian.AppendUint64(data, n-uint64(k))
		w.offsets[k+1] = int32(len(data))
	}
	w.data = data
	tags := w.tags[:count*prf.TagSize]
	d.mac.Sum(tags, data, w.offsets[:count+1])
	return tags
}
