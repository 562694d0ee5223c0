package zone

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/internal/raw"
	"zonebox/masking"
)

// keyBinding is the associated data of a column's wrapped key.
func (m *manifest) keyBinding(column string) []byte {
	return binding("key", m.zone, m.dataset, m.version, column)
}

// chunkBinding is the associated data of a chunk: a chunk decrypts only as the
// segment of the column of the version it was written for.
func (m *manifest) chunkBinding(column string, segment int) []byte {
	return binding("chunk", m.zone, m.dataset, m.version, column, strconv.Itoa(segment))
}

// read returns the encrypted bytes of a chunk, whose size and digest are those
// of the manifest.
func (m *manifest) read(column, segment int) ([]byte, error) { return m.readTo(nil, column, segment) }

// readTo is read into the memory of buf, where that is enough.
func (m *manifest) readTo(buf []byte, column, segment int) ([]byte, error) {
	if m.Columns[column].Shredded {
		return nil, m.shreddedError(column)
	}
	want := m.Columns[column].Chunks[segment]
	name := chunkFile(column, segment)
	f, err := os.OpenFile(filepath.Join(m.dir, name), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, m.corrupt(name)
	}
	defer func() { _ = f.Close() }() // it was read, or is corrupt
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() != want.Size {
		return nil, m.corrupt(name)
	}
	buf = slices.Grow(buf[:0], int(want.Size))[:want.Size]
	if _, err := io.ReadFull(f, buf); err != nil || !bytes.Equal(m.suite.sum(buf), want.Digest) {
		return nil, m.corrupt(name)
	}
	return buf, nil
}

// decode reads, checks and decrypts a chunk. A string column may come as a
// dictionary. The caller releases the array.
func (m *manifest) decode(alloc memory.Allocator, key dataKey, column, segment int) (arrow.Array, error) {
	file, err := m.read(column, segment)
	if err != nil {
		return nil, err
	}
	return m.decodeFile(alloc, key, column, segment, file)
}

// decodeFile decrypts a chunk that was read, in its place.
func (m *manifest) decodeFile(alloc memory.Allocator, key dataKey, column, segment int, file []byte) (arrow.Array, error) {
	c := m.Columns[column]
	plain, err := key.open(file, key.chunkNonce(segment), m.chunkBinding(c.Name, segment))
	if err != nil {
		return nil, m.corrupt(chunkFile(column, segment))
	}
	arr, err := decodeIPC(alloc, plain)
	if err != nil {
		return nil, m.corrupt(chunkFile(column, segment))
	}
	if arr.Len() != m.Segments[segment] || !c.holds(arr.DataType()) {
		arr.Release()
		return nil, m.corrupt(chunkFile(column, segment))
	}
	return arr, nil
}

// holds reports whether chunks of the column may have type t.
func (c columnBody) holds(t arrow.DataType) bool {
	if c.Name == EntityColumn {
		return t.ID() == arrow.UINT32
	}
	want, err := raw.Type(c.Type)
	return err == nil && (arrow.TypeEqual(t, want) || want.ID() == arrow.STRING && arrow.TypeEqual(t, masking.DictionaryType))
}

// encode returns arr as an Arrow IPC stream of one column and one batch, with
// room for the tag that encryption adds.
func encode(alloc memory.Allocator, arr arrow.Array) ([]byte, error) {
	arr.Retain()
	if arr.DataType().ID() == arrow.STRING {
		compact, err := masking.Compact(alloc, arr)
		arr.Release()
		if err != nil {
			return nil, err
		}
		arr = compact
	}
	defer arr.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: "c", Type: arr.DataType(), Nullable: true}}, nil)
	rec := array.NewRecordBatch(schema, []arrow.Array{arr}, int64(arr.Len()))
	defer rec.Release()
	var out bytes.Buffer
	out.Grow(int(rawSize(rec)) + 4096)
	w := ipc.NewWriter(&out, ipc.WithSchema(schema), ipc.WithAllocator(alloc))
	if err := w.Write(rec); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// rawSize is about the bytes of the rows of rec, slices counted by their part.
func rawSize(rec arrow.RecordBatch) int64 {
	var size int64
	for _, c := range rec.Columns() {
		switch a := c.(type) {
		case *array.String:
			if a.Len() > 0 { // an empty array may have no offsets
				size += 4*int64(a.Len()) + int64(len(a.ValueBytes()))
			}
		case *array.Decimal128:
			size += 16 * int64(a.Len())
		default:
			size += 8 * int64(a.Len())
		}
	}
	return size
}

// bounds are the least and greatest value of a chunk as bytes that sort like
// the values.
type bounds struct {
	Min []byte `json:"min"`
	Max []byte `json:"max"`
}

// boundsLimit is how long a bound may be; columns with longer ones have none.
const boundsLimit = 64

// boundsOf returns the bounds of arr, or nil if it has no values, a NaN, values
// that are too long, or a type without order. Of a dictionary every entry
// counts.
func boundsOf(arr arrow.Array) *bounds {
	var e extent
	e.add(arr)
	return e.known()
}

// sortKey returns the function that gives value i of arr as bytes that sort
// like the values, nil for NaN, which has no place. The bytes are valid until
// scratch is used again or arr is released. sortKey is nil for bool.
func sortKey(arr arrow.Array) func(scratch []byte, i int) []byte {
	signed := func(s []byte, v int64) []byte { return binary.BigEndian.AppendUint64(s, uint64(v)^1<<63) }
	switch a := arr.(type) {
	case *array.String:
		text := masking.Canonical(a)
		return func(_ []byte, i int) []byte {
			if a.ValueLen(i) == 0 {
				return []byte{} // sorts first, but has a place
			}
			return text(nil, i)
		}
	case *array.Int64:
		return func(s []byte, i int) []byte { return signed(s, a.Value(i)) }
	case *array.Date32:
		return func(s []byte, i int) []byte { return signed(s, int64(a.Value(i))) }
	case *array.Timestamp:
		return func(s []byte, i int) []byte { return signed(s, int64(a.Value(i))) }
	case *array.Decimal128:
		return func(s []byte, i int) []byte {
			v := a.Value(i)
			return binary.BigEndian.AppendUint64(signed(s, v.HighBits()), v.LowBits())
		}
	case *array.Float64:
		return func(s []byte, i int) []byte {
			v := a.Value(i)
			if v != v {
				return nil
			}
			if v == 0 {
				v = 0 // -0 equals 0
			}
			u := math.Float64bits(v)
			if u>>63 == 1 {
				return binary.BigEndian.AppendUint64(s, ^u)
			}
			return binary.BigEndian.AppendUint64(s, u|1<<63)
		}
	}
	return nil
}
