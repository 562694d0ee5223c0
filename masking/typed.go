package masking

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// typed masks an array of the compiled type, or of any layout of strings, and
// keeps the type. It returns how many values became null because they are
// outside the shape. entities is nil unless the kernel needs them.
type typed func(alloc memory.Allocator, arr, entities arrow.Array) (arrow.Array, int64, error)

// nullify shows nothing but the number of rows: every value becomes null.
func nullify(alloc memory.Allocator, arr, _ arrow.Array) (arrow.Array, int64, error) {
	t := arr.DataType()
	if isText(t) {
		t = arrow.BinaryTypes.String
	}
	return array.MakeArrayOfNull(clearing{alloc}, t, arr.Len()), 0, nil
}

// clearing gives memory of zeros, which MakeArrayOfNull takes for granted: what
// an allocator gives may have held another column.
type clearing struct{ memory.Allocator }

func (c clearing) Allocate(size int) []byte {
	b := c.Allocator.Allocate(size)
	clear(b)
	return b
}

// A revaluer sets dst to the masks of the values src, of rows from start on, and
// marks those that are to become null. What it does to rows that are null does
// not matter.
type revaluer[T any] func(w *work, start int, dst, src []T, odd *marks)

// revalue returns an array of the type, length and null positions of arr, whose
// values are all, with the values that f sets.
func revalue[T any](alloc memory.Allocator, arr arrow.Array, all []T, f revaluer[T]) (arrow.Array, int64) {
	n := arr.Len()
	buffer := memory.NewResizableBuffer(alloc)
	defer buffer.Release()
	var zero T
	buffer.Resize(n * arr.DataType().(arrow.FixedWidthDataType).Bytes())
	dst := elements[T](buffer, 0)
	validity := nulls(alloc, arr)
	w := workPool.Get().(*work)
	defer w.done()

	misfits := 0
	var odd marks
	for start := 0; start < n; start += blockRows {
		end := min(start+blockRows, n)
		odd = marks{}
		f(w, start, dst[start:end], all[start:end], &odd)
		for row := start; row < end; row++ {
			switch {
			case arr.IsNull(row):
				dst[row] = zero
			case odd.has(row - start):
				dst[row] = zero
				if validity == nil {
					validity = allValid(alloc, n)
				}
				bitutil.ClearBit(validity.Bytes(), row)
				misfits++
			}
		}
	}
	if validity != nil {
		defer validity.Release()
	}
	data := array.NewData(arr.DataType(), n, []*memory.Buffer{validity, buffer}, nil, arr.NullN()+misfits, 0)
	defer data.Release()
	return array.MakeFromData(data), int64(misfits)
}

func allValid(alloc memory.Allocator, n int) *memory.Buffer {
	validity := memory.NewResizableBuffer(alloc)
	validity.Resize(int(bitutil.BytesForBits(int64(n))))
	clear(validity.Bytes())
	bitutil.SetBitsTo(validity.Bytes(), 0, int64(n), true)
	return validity
}
