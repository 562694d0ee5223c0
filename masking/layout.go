package masking

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// isText reports whether arrays of t hold byte strings: text and binary, with
// offsets of 32 or 64 bits, as views, or of fixed size.
func isText(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW, arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY:
		return true
	}
	return false
}

// size returns how many bytes the values of arr have, where offsets of 32 bits
// might not tell them apart, else 0.
func size(arr arrow.Array) int64 {
	n := int64(arr.Len())
	switch a := arr.(type) {
	case *array.LargeString, *array.LargeBinary:
		if n == 0 {
			return 0
		}
		offsets := elements[int64](arr.Data().Buffers()[1], arr.Data().Offset())
		return offsets[n] - offsets[0]
	case *array.FixedSizeBinary:
		return n * int64(a.DataType().(*arrow.FixedSizeBinaryType).ByteWidth)
	case array.ViewLike:
		sum := int64(0)
		for i := range arr.Len() {
			if a.IsValid(i) {
				sum += int64(a.ValueHeader(i).Len())
			}
		}
		return sum
	}
	return 0
}

// reader returns the function that gives the values of a block of arr, for
// which isText holds. The span is read-only and valid until the next call.
//
// Values of 32-bit offsets are read where they lie. The others are too, but for
// their offsets; views are copied, and so are values beside nulls that have
// bytes of their own.
func reader(arr arrow.Array) func(w *work, b block) span {
	buffers, at := arr.Data().Buffers(), arr.Data().Offset()
	switch a := arr.(type) {
	case *array.String, *array.Binary:
		offsets := elements[int32](buffers[1], at)
		return func(w *work, b block) span { return between(w, b, offsets, bytesOf(buffers[2])) }
	case *array.LargeString, *array.LargeBinary:
		offsets := elements[int64](buffers[1], at)
		return func(w *work, b block) span { return between(w, b, offsets, bytesOf(buffers[2])) }
	case *array.FixedSizeBinary:
		size := a.DataType().(*arrow.FixedSizeBinaryType).ByteWidth
		all := bytesOf(buffers[1])[at*size:]
		return func(w *work, b block) span {
			return gather(w, b, func(row int) []byte { return all[row*size : (row+1)*size] })
		}
	case *array.StringView:
		return func(w *work, b block) span { return gather(w, b, func(row int) []byte { return view(a.Value(row)) }) }
	case *array.BinaryView:
		return func(w *work, b block) span { return gather(w, b, a.Value) }
	}
	panic("masking: no bytes in " + arr.DataType().Name())
}

// between reads values by their offsets, of which T is the type.
func between[T int32 | int64](w *work, b block, offsets []T, data []byte) span {
	offsets = offsets[b.start : b.start+b.rows+1]
	base := T(0)
	if unsafe.Sizeof(base) == 8 {
		base = offsets[0]
		data = data[base:]
	}
	if b.live == nil {
		if direct, ok := any(offsets).([]int32); ok {
			return span{data, direct}
		}
		for i, o := range offsets {
			w.offsets[i] = int32(o - base)
		}
		return span{data, w.offsets[:len(offsets)]}
	}
	end := offsets[0]
	for k, row := range b.live {
		if offsets[row] != end && k > 0 { // a null before it has bytes
			return gather(w, b, func(row int) []byte { return data[offsets[row-b.start]-base : offsets[row-b.start+1]-base] })
		}
		w.offsets[k] = int32(offsets[row] - base)
		end = offsets[row+1]
	}
	w.offsets[len(b.live)] = int32(end - base)
	return span{data, w.offsets[:len(b.live)+1]}
}

// gather copies the values of a block, which value gives by row of the array.
func gather(w *work, b block, value func(row int) []byte) span {
	data := w.data[:0]
	w.offsets[0] = 0
	for k := range b.values() {
		row := b.start + k
		if b.live != nil {
			row = b.start + int(b.live[k])
		}
		data = append(data, value(row)...)
		w.offsets[k+1] = int32(len(data))
	}
	w.data = data
	return span{data, w.offsets[:b.values()+1]}
}

// elements returns the elements of a buffer from the one at on.
func elements[T any](b *memory.Buffer, at int) []T {
	raw := bytesOf(b)
	if len(raw) == 0 {
		return nil
	}
	var one T
	return unsafe.Slice((*T)(unsafe.Pointer(&raw[0])), len(raw)/int(unsafe.Sizeof(one)))[at:]
}

func bytesOf(b *memory.Buffer) []byte {
	if b == nil {
		return nil
	}
	return b.Bytes()
}

// view returns the bytes of s, which nobody may write to.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
