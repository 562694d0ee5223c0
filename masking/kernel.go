package masking

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/internal/raw"
)

// A Kernel masks arrays of one column type by one recipe. Compile makes it.
type Kernel struct {
	input arrow.DataType
	bind  binder
	width int // bytes a masked value usually has

	identity string
}

// A binder returns the function that appends the masked text of value i of
// arr to dst, for one goroutine. The zero Kernel has none.
type binder func(arr arrow.Array) writer

// A writer appends at most headroom bytes more than the raw value holds.
type writer func(dst []byte, i int) []byte

// headroom is what a writer may append beyond the length of a raw string: a
// token has 32 bytes, the widest number label 2 × 21 digits and 3 signs.
const headroom = 64

// Compile returns the kernel of r for columns of the catalogue type
// columnType, or an error wrapping ErrRecipe or ErrKey.
func Compile(columnType string, r Recipe, k Keys) (Kernel, error) {
	if err := r.Validate(columnType); err != nil {
		return Kernel{}, err
	}
	t := mustType(columnType)
	var bind binder
	switch r.Kind {
	case "redact":
		bind = redact
	case "partial":
		bind = partial(r.KeepFirst, r.KeepLast)
	case "token":
		tokens, err := newTokens(k.Token, t)
		if err != nil {
			return Kernel{}, fmt.Errorf("masking: compile %s on %s: %w", r, columnType, err)
		}
		bind = tokens.bind
	case "date":
		bind = date(r.Part)
	case "number":
		g, _ := newGrid(r.Width) // Validate has judged the width
		bind = g.bind
	case "region":
		bind = region(r.Digits)
	}
	width := 12
	if r.Kind == "token" {
		width = tokenLength
	}
	identity, err := r.identity(columnType, k)
	if err != nil {
		return Kernel{}, err
	}
	return Kernel{input: t, bind: bind, width: width, identity: identity}, nil
}

// Apply returns the masked form of arr, an *array.String of the same length
// with the same null positions. The caller releases it.
//
// arr has the compiled type, or is a dictionary of it, of which each distinct
// value is masked once. It may be a slice of a longer array. Buffers come from
// alloc.
//
// Apply returns an error wrapping ErrInput for any other type, and ErrSize if
// the masked text does not fit one Arrow string array. It is safe for
// concurrent use.
func (k Kernel) Apply(alloc memory.Allocator, arr arrow.Array) (arrow.Array, error) {
	masked, err := k.mask(alloc, arr)
	if err != nil {
		return nil, err
	}
	dict, ok := masked.(*array.Dictionary)
	if !ok {
		return masked, nil
	}
	defer dict.Release()
	return gather(alloc, dict, dict.Dictionary().(*array.String))
}

// mask is Apply, but leaves a dictionary one: entry i of the result is the mask
// of entry i of arr, so that entries may be equal and need not be used.
func (k Kernel) mask(alloc memory.Allocator, arr arrow.Array) (arrow.Array, error) {
	if k.bind == nil {
		panic("masking: Apply on the zero Kernel")
	}
	if dict, ok := arr.(*array.Dictionary); ok && arrow.TypeEqual(dict.Dictionary().DataType(), k.input) {
		masked, err := write(alloc, dict.Dictionary(), k.bind(dict.Dictionary()), k.width)
		if err != nil {
			return nil, err
		}
		defer masked.Release()
		t := &arrow.DictionaryType{IndexType: dict.Indices().DataType(), ValueType: masked.DataType()}
		return array.NewDictionaryArray(t, dict.Indices(), masked), nil
	}
	if !arrow.TypeEqual(arr.DataType(), k.input) {
		return nil, fmt.Errorf("masking: apply to %s: %w", arr.DataType(), ErrInput)
	}
	return write(alloc, arr, k.bind(arr), k.width)
}

// write builds the string array whose value i is what w appends for it, about
// width bytes.
func write(alloc memory.Allocator, arr arrow.Array, w writer, width int) (arrow.Array, error) {
	length := func(int) int { return 0 }
	if s, ok := arr.(*array.String); ok {
		length = s.ValueLen
	}
	return build(alloc, arr, width, func(dst *text, i int) {
		dst.reserve(headroom + length(i))
		dst.bytes = w(dst.bytes, i)
	})
}

// gather expands a dictionary of strings to one string per row, taking the
// text from values instead of the dictionary itself.
func gather(alloc memory.Allocator, dict *array.Dictionary, values *array.String) (arrow.Array, error) {
	if values.NullN() > 0 {
		return nil, fmt.Errorf("masking: dictionary with a null value: %w", ErrInput)
	}
	width := 1
	if n := values.Len(); n > 0 { // an empty array may have no offsets
		width += len(values.ValueBytes()) / n
	}
	return build(alloc, dict, width, func(dst *text, i int) {
		v := values.Value(dict.GetValueIndex(i))
		dst.reserve(len(v))
		dst.bytes = append(dst.bytes, v...)
	})
}

// text is the data of a string array under construction, in memory of the
// allocator.
type text struct {
	buffer *memory.Buffer
	bytes  []byte
}

// reserve makes room for n more bytes, so that append stays in the buffer.
func (t *text) reserve(n int) {
	if cap(t.bytes)-len(t.bytes) >= n {
		return
	}
	used := len(t.bytes)
	t.buffer.Resize(max(2*used, used+n))
	all := t.buffer.Buf()
	t.bytes = all[:used:len(all)]
}

// build returns a string array of the length and null positions of arr, with
// the text that add appends for each value that is not null.
func build(alloc memory.Allocator, arr arrow.Array, width int, add func(dst *text, i int)) (arrow.Array, error) {
	n := arr.Len()
	offsets := memory.NewResizableBuffer(alloc)
	defer offsets.Release()
	offsets.Resize(arrow.Int32Traits.BytesRequired(n + 1))
	ends := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	out := text{buffer: memory.NewResizableBuffer(alloc)}
	defer out.buffer.Release()

	out.reserve(width*n + headroom)
	ends[0] = 0
	for i := range n {
		if !arr.IsNull(i) {
			add(&out, i)
			if len(out.bytes) > math.MaxInt32 {
				return nil, fmt.Errorf("masking: build: %w", ErrSize)
			}
		}
		ends[i+1] = int32(len(out.bytes))
	}
	out.buffer.Resize(len(out.bytes))

	validity := nulls(alloc, arr)
	if validity != nil {
		defer validity.Release()
	}
	data := array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{validity, offsets, out.buffer}, nil, arr.NullN(), 0)
	defer data.Release()
	return array.NewStringData(data), nil
}

// redact shows nothing of any value.
func redact(arrow.Array) writer {
	return func(dst []byte, _ int) []byte { return append(dst, Redacted...) }
}

// mustType is raw.Type for a column type that Validate has accepted.
func mustType(columnType string) arrow.DataType {
	t, err := raw.Type(columnType)
	if err != nil {
		panic("masking: " + err.Error())
	}
	return t
}
