package masking

import (
	"fmt"
	"math"
	"math/bits"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking/detect"
	"zonebox/masking/ff1"
)

// blockRows is how many rows a kernel sees at a time: 32 KiB of tags, 8 KiB of
// offsets, so that a block stays in the first two caches.
const blockRows = 2048

// A block is a run of rows of an array.
type block struct {
	start, rows int
	live        []int32 // those that are not null, from start; nil if all are
}

func (b block) values() int {
	if b.live != nil {
		return len(b.live)
	}
	return b.rows
}

// A span is the values of a block, without the nulls: value i is
// data[offsets[i]:offsets[i+1]].
type span struct {
	data    []byte
	offsets []int32
}

func (s span) len() int { return len(s.offsets) - 1 }

// size is how many bytes all values have.
func (s span) size() int { return int(s.offsets[s.len()] - s.offsets[0]) }

func (s span) value(i int) []byte {
	return s.data[s.offsets[i]:s.offsets[i+1]:s.offsets[i+1]]
}

// A binder returns the fill of one array, for one goroutine.
type binder func(arr arrow.Array) fill

// A fill appends the masks of a block's values to out, and their ends.
type fill func(w *work, b block, out *text)

// bytewise is the binder of a mask over bytes: the strings of any layout.
func bytewise(mask func(w *work, v span, out *text)) binder {
	return func(arr arrow.Array) fill {
		read := reader(arr)
		return func(w *work, b block, out *text) { mask(w, read(w, b), out) }
	}
}

// work is scratch memory of one call. Nothing of it outlives a block.
type work struct {
	live     [blockRows]int32
	offsets  [blockRows + 1]int32
	data     []byte
	tags     [blockRows * 16]byte
	ints     [blockRows]int64
	days     [blockRows]arrow.Date32
	times    [blockRows]arrow.Timestamp
	floats   [blockRows]float64
	decimals [blockRows]decimal128.Num

	enciphered ff1.Column
	fits       [blockRows]bool

	hits   []detect.Hit
	hidden [2][]byte
}

var workPool = sync.Pool{New: func() any { return new(work) }}

// done gives the memory back for the next call, unless long values made it large.
func (w *work) done() {
	if cap(w.data) > 1<<20 {
		w.data = nil
	}
	if cap(w.hidden[0]) > 1<<20 || cap(w.hits) > 1<<14 {
		w.hits, w.hidden = nil, [2][]byte{}
	}
	workPool.Put(w)
}

// block returns the rows of arr from start on.
func (w *work) block(arr arrow.Array, start int) block {
	b := block{start: start, rows: min(blockRows, arr.Len()-start)}
	if arr.NullN() == 0 {
		return b
	}
	validity, at := arr.NullBitmapBytes(), arr.Data().Offset()+start
	n := 0
	for i := range b.rows {
		w.live[n] = int32(i)
		n += int(validity[(at+i)/8] >> uint((at+i)%8) & 1)
	}
	if n < b.rows {
		b.live = w.live[:n]
	}
	return b
}

// pick returns the values of a block out of all values of an array.
func pick[T any](b block, all, scratch []T) []T {
	if b.live == nil {
		return all[b.start : b.start+b.rows]
	}
	for k, i := range b.live {
		scratch[k] = all[b.start+int(i)]
	}
	return scratch[:len(b.live)]
}

// marks has a bit for each value of a block.
type marks [blockRows / 64]uint64

func (m *marks) set(i int) { m[i/64] |= 1 << (i % 64) }

func (m *marks) has(i int) bool { return m[i/64]>>(i%64)&1 == 1 }

func (m *marks) count() (n int) {
	for _, word := range m {
		n += bits.OnesCount64(word)
	}
	return n
}

// text is the data of a string array under construction, in memory of the
// allocator.
type text struct {
	buffer *memory.Buffer
	used   int
	rows   int     // the array has
	done   int     // rows before this block
	ends   []int32 // of the block's values, for the fill to set
	misfit marks   // of the block's values, those masked whole
}

// slack is what a fill may write, and take back, beyond the values.
const slack = 32

// room returns memory behind the text so far, n+slack bytes at least: append to
// it, or write at its length.
func (t *text) room(n int) []byte {
	if need := t.used + n + slack; need > t.buffer.Cap() {
		grown := t.buffer.Cap() + t.buffer.Cap()/4
		if t.done > 0 { // as wide as the rows so far, and a little
			grown = max(grown, int(float64(t.used)/float64(t.done)*1.03*float64(t.rows))+n+slack)
		}
		t.buffer.Reserve(max(need, grown))
	}
	all := t.buffer.Buf()
	return all[:t.used:len(all)]
}

// took says how far the memory that room gave was used.
func (t *text) took(dst []byte) {
	if len(dst) > t.buffer.Cap() || len(dst) > 0 && &dst[0] != &t.buffer.Buf()[0] {
		panic("masking: a kernel wrote beyond its room")
	}
	t.used = len(dst)
}

// redact appends Redacted for value i, which is outside the declared shape.
func (t *text) redact(dst []byte, i int) []byte {
	t.misfit.set(i)
	return append(dst, Redacted...)
}

// build returns a string array of the length and null positions of arr, with
// the text that f fills in, and how many values were masked whole. If odd is
// not nil, their bits are set in it.
func build(alloc memory.Allocator, arr arrow.Array, f fill, odd []byte) (arrow.Array, int64, error) {
	n := arr.Len()
	offsets := memory.NewResizableBuffer(alloc)
	defer offsets.Release()
	offsets.Resize(arrow.Int32Traits.BytesRequired(n + 1))
	ends := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	ends[0] = 0
	out := &text{buffer: memory.NewResizableBuffer(alloc), rows: n}
	defer out.buffer.Release()
	w := workPool.Get().(*work)
	defer w.done()

	misfits := int64(0)
	for start := 0; start < n; start += blockRows {
		b := w.block(arr, start)
		out.ends = ends[start+1:][:b.values()]
		out.misfit, out.done = marks{}, start
		if len(out.ends) > 0 {
			f(w, b, out)
		}
		if out.used > math.MaxInt32 {
			return nil, 0, fmt.Errorf("masking: build: %w", ErrSize)
		}
		misfits += int64(out.misfit.count())
		if odd != nil {
			out.misfit.spread(b, odd)
		}
		if b.live != nil {
			scatter(ends[start:][:b.rows+1], b.live)
		}
	}
	out.buffer.Resize(out.used)

	validity := nulls(alloc, arr)
	if validity != nil {
		defer validity.Release()
	}
	data := array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{validity, offsets, out.buffer}, nil, arr.NullN(), 0)
	defer data.Release()
	return array.NewStringData(data), misfits, nil
}

// scatter moves the ends of the live values, which stand at ends[1:], to their
// rows; a null ends where the row before it does.
func scatter(ends, live []int32) {
	k := len(live)
	for row := len(ends) - 1; row > 0; row-- {
		ends[row] = ends[k] // of the last live value up to row, or the start
		if k > 0 && int(live[k-1]) == row-1 {
			k--
		}
	}
}

// spread sets the bits of the rows of b whose values are marked.
func (m *marks) spread(b block, rows []byte) {
	for k := range b.values() {
		if !m.has(k) {
			continue
		}
		row := b.start + k
		if b.live != nil {
			row = b.start + int(b.live[k])
		}
		bitutil.SetBit(rows, row)
	}
}

// nulls returns a copy of the null positions of arr, nil if it has none.
func nulls(alloc memory.Allocator, arr arrow.Array) *memory.Buffer {
	if arr.NullN() == 0 {
		return nil
	}
	validity := memory.NewResizableBuffer(alloc)
	validity.Resize(int(bitutil.BytesForBits(int64(arr.Len()))))
	clear(validity.Bytes())
	bitutil.CopyBitmap(arr.NullBitmapBytes(), arr.Data().Offset(), arr.Len(), validity.Bytes(), 0)
	return validity
}
