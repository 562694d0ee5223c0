package worker

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/sandbox/internal/wire"
)

// written is the file of rec as Arrow's own writer makes it, with nothing checked.
func written(t testing.TB, arrays []arrow.Array, batches int, opts ...ipc.Option) string {
	t.Helper()
	var fields []arrow.Field
	for _, a := range arrays {
		fields = append(fields, arrow.Field{Name: "c", Type: a.DataType(), Nullable: true})
	}
	schema := arrow.NewSchema(fields, nil)
	var b strings.Builder
	w, err := ipc.NewFileWriter(&b, append(opts, ipc.WithSchema(schema))...)
	if err != nil {
		t.Fatal(err)
	}
	for range batches {
		if err := w.Write(array.NewRecordBatch(schema, arrays, int64(arrays[0].Len()))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func longs(values ...int64) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues(values, nil)
	return b.NewArray()
}

// raw makes an array of whatever is in the buffers.
func raw(dt arrow.DataType, n int, children []arrow.ArrayData, buffers ...[]byte) *array.Data {
	list := make([]*memory.Buffer, len(buffers))
	for i, b := range buffers {
		if b != nil {
			list[i] = memory.NewBufferBytes(b)
		}
	}
	return array.NewData(dt, n, list, children, 0, 0)
}

func numbers32(v ...uint32) []byte {
	var out []byte
	for _, n := range v {
		out = binary.LittleEndian.AppendUint32(out, n)
	}
	return out
}

// scan attaches one file as a table of one column and reads it.
func scan(t testing.TB, typ string, rows int64, content string) (read string, err error) {
	t.Helper()
	e := open(t, 1)
	table, err := e.table(wire.Table{Name: "t", Columns: []wire.Column{{Name: "c", Type: typ}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.add(wire.Part{Rows: rows, Files: 1}, []int{memfd(t, content)}); err != nil {
		return "", err
	}
	return ask(e, `SELECT count(c::VARCHAR) || ' ' || count(*) FROM t`)
}

func TestAWrongFileIsAFault(t *testing.T) {
	text := func(buffers ...[]byte) string {
		return written(t, []arrow.Array{array.MakeFromData(raw(arrow.BinaryTypes.String, 2, nil, buffers...))}, 1)
	}
	codes := func(n int8) string {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		b.AppendValues([]string{"a", "b"}, nil)
		d := array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String},
			array.MakeFromData(raw(arrow.PrimitiveTypes.Int8, 2, nil, nil, []byte{0, byte(n)})), b.NewArray())
		return written(t, []arrow.Array{d}, 1)
	}
	view := func(length, buffer, offset uint32) string {
		views := append(numbers32(length, 0x61616161, buffer, offset), make([]byte, 16)...)
		return written(t, []arrow.Array{array.MakeFromData(raw(arrow.BinaryTypes.StringView, 2, nil, nil, views, []byte("aaaaaaaaaaaaaaaaaaaa")))}, 1)
	}
	lists := func(offsets ...uint32) string {
		child := longs(1, 2, 3)
		return written(t, []arrow.Array{array.MakeFromData(raw(arrow.ListOf(arrow.PrimitiveTypes.Int64), 2, []arrow.ArrayData{child.Data()}, nil, numbers32(offsets...)))}, 1)
	}
	good := written(t, []arrow.Array{longs(1, 2)}, 1)
	narrow := func(dt arrow.DataType) string {
		return written(t, []arrow.Array{integers(dt.(arrow.FixedWidthDataType), []int64{1, 2}, []bool{false, false})}, 1)
	}
	// Two numbers of 1 byte: where they begin, and how long they are. 8 bytes follow
	// the metadata.
	moved := func(offset, length byte) string {
		content := written(t, []arrow.Array{array.MakeFromData(raw(arrow.PrimitiveTypes.Int8, 2, nil, nil, []byte{1, 2}))}, 1)
		place := func(offset, length byte) string {
			at := make([]byte, 32)
			at[16], at[24] = offset, length
			return string(at)
		}
		if !strings.Contains(content, place(0, 2)) {
			t.Fatal("no place of values")
		}
		return strings.Replace(content, place(0, 2), place(offset, length), 1)
	}
	for _, c := range []struct {
		rule, typ, content string
		want               string // what a scan reads, "" for a fault
	}{
		{"control", "BIGINT", good, "2 2"},
		{"nothing", "BIGINT", "", ""},
		{"no Arrow", "BIGINT", strings.Repeat("noise ", 100), ""},
		{"only the magic", "BIGINT", good[:8], ""},
		{"cut within the schema", "BIGINT", good[:64], ""},
		{"cut within the batch", "BIGINT", good[:strings.Index(good, string(numbers32(2, 0)))], ""},
		{"another type", "DOUBLE", good, ""},
		{"two columns", "BIGINT", written(t, []arrow.Array{longs(1, 2), longs(1, 2)}, 1), ""},
		{"more rows", "BIGINT", written(t, []arrow.Array{longs(1, 2, 3)}, 1), ""},
		{"fewer rows", "BIGINT", written(t, []arrow.Array{longs(1)}, 1), ""},
		{"no batch", "BIGINT", written(t, []arrow.Array{longs(1, 2)}, 0), ""},
		{"compressed", "BIGINT", written(t, []arrow.Array{longs(make([]int64, 2)...)}, 1, ipc.WithZstd()), ""},
		{"narrow numbers, control", "BIGINT", narrow(arrow.PrimitiveTypes.Int8), "2 2"},
		{"unsigned numbers of a signed type", "BIGINT", narrow(arrow.PrimitiveTypes.Uint8), ""},
		{"signed numbers of an unsigned type", "UBIGINT", narrow(arrow.PrimitiveTypes.Int8), ""},
		{"numbers wider than their type", "INTEGER", narrow(arrow.PrimitiveTypes.Int64), ""},
		{"decimals wider than their type", "DECIMAL(4,1)", narrow(arrow.PrimitiveTypes.Int32), ""},
		{"dates of a type of numbers", "INTEGER", narrow(arrow.FixedWidthTypes.Date32), ""},
		{"a decimal that holds fewer digits than its type", "DECIMAL(12,2)", narrow(&arrow.Decimal32Type{Precision: 12, Scale: 2}), ""},
		{"values where they are, control", "BIGINT", moved(0, 2), "2 2"},
		{"values that are too few", "BIGINT", moved(0, 1), ""},
		{"values behind the file", "BIGINT", moved(128, 2), ""},
		{"values at no border of 8 bytes", "BIGINT", moved(4, 2), ""},
		{"text, control", "VARCHAR", text(nil, numbers32(0, 3, 6), []byte("abcdef")), "2 2"},
		{"an offset behind the text", "VARCHAR", strings.Replace(text(nil, numbers32(0, 3, 6), []byte("abcdef")), string(numbers32(0, 3, 6)), string(numbers32(0, 3, 1<<30)), 1), ""},
		{"an offset that goes back", "VARCHAR", strings.Replace(text(nil, numbers32(0, 3, 6), []byte("abcdef")), string(numbers32(0, 3, 6)), string(numbers32(0, 5, 3)), 1), ""},
		{"a negative offset", "VARCHAR", strings.Replace(text(nil, numbers32(0, 3, 6), []byte("abcdef")), string(numbers32(0, 3, 6)), string(numbers32(0xFFFFFFF0, 3, 6)), 1), ""},
		{"codes, control", "VARCHAR", codes(1), "2 2"},
		{"a code too large", "VARCHAR", codes(2), ""},
		{"a negative code", "VARCHAR", codes(-1), ""},
		{"views, control", "VARCHAR", view(20, 0, 0), "2 2"},
		{"a view of no buffer", "VARCHAR", view(20, 1, 0), ""},
		{"a view behind its buffer", "VARCHAR", view(20, 0, 1), ""},
		{"a view of a negative length", "VARCHAR", view(1<<31, 0, 0), ""},
		{"lists, control", "BIGINT[]", lists(0, 1, 3), "2 2"},
		{"a list behind its values", "BIGINT[]", strings.Replace(lists(0, 1, 3), string(numbers32(0, 1, 3)), string(numbers32(0, 1, 4)), 1), ""},
		{"a list that goes back", "BIGINT[]", strings.Replace(lists(0, 1, 3), string(numbers32(0, 1, 3)), string(numbers32(0, 3, 1)), 1), ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := scan(t, c.typ, 2, c.content)
			if c.want == "" && err == nil {
				t.Errorf("scan() = %q, want a fault", got)
			}
			if c.want != "" && (err != nil || got != c.want) {
				t.Errorf("scan() = %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestPartsOfASegmentComeInOrder(t *testing.T) {
	columns := []wire.Column{{Name: "a", Type: "BIGINT"}, {Name: "b", Type: "BIGINT"}}
	for _, c := range []struct {
		rule  string
		parts []wire.Part
		fails bool
	}{
		{"at once", []wire.Part{{Rows: 2, Files: 2}}, false},
		{"one by one", []wire.Part{{Rows: 2, Files: 1}, {Rows: 2, First: 1, Files: 1}}, false},
		{"not from the first", []wire.Part{{Rows: 2, First: 1, Files: 1}}, true},
		{"the first twice", []wire.Part{{Rows: 2, Files: 1}, {Rows: 2, Files: 1}}, true},
		{"too many", []wire.Part{{Rows: 2, Files: 3}}, true},
		{"of another length", []wire.Part{{Rows: 2, Files: 1}, {Rows: 3, First: 1, Files: 1}}, true},
		{"a negative length", []wire.Part{{Rows: -1, Files: 2}}, true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			table, err := open(t, 1).table(wire.Table{Name: "t", Columns: columns})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.parts {
				var files []int
				for range p.Files {
					files = append(files, memfd(t, written(t, []arrow.Array{longs(1, 2)}, 1)))
				}
				if err = table.add(p, files); err != nil {
					break
				}
			}
			if (err != nil) != c.fails {
				t.Errorf("add(%v) = %v", c.parts, err)
			}
		})
	}
}

// TestChangedFilesEndNoWorker flips bits of good files behind their schema. The
// scan may read other values or end with a fault; it may not read outside its
// mapping. A changed schema is left out, and what tells of the buffers of views:
// Arrow's reader allocates what it announces, which ends a worker that is confined
// and nothing else.
func TestChangedFilesEndNoWorker(t *testing.T) {
	const budget = 3 * time.Second
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 2))
	t.Logf("seed %d", seed)
	all := forms()
	e := open(t, 1)
	begun, tries := time.Now(), 0
	for ; time.Since(begun) < budget; tries++ {
		f := all[r.IntN(len(all))]
		typ, err := wire.ParseType(f.typ)
		if err != nil {
			t.Fatal(err)
		}
		arr := build(r, memory.DefaultAllocator, f.dt, cells(r, typ, 50, 0))
		content := []byte(written(t, []arrow.Array{arr}, 1))
		first := 16 + int(binary.LittleEndian.Uint32(content[12:]))
		if strings.Contains(f.dt.String(), "view") {
			first += 8 + int(binary.LittleEndian.Uint32(content[first+4:]))
		}
		for range 1 + r.IntN(3) {
			content[first+r.IntN(len(content)-first)] ^= byte(1 << r.IntN(8))
		}
		name := fmt.Sprintf("t%d", tries)
		table, err := e.table(wire.Table{Name: name, Columns: []wire.Column{{Name: "c", Type: f.typ}}})
		if err != nil {
			t.Fatal(err)
		}
		if table.add(wire.Part{Rows: 50, Files: 1}, []int{memfd(t, string(content))}) == nil {
			_, _ = ask(e, "SELECT sum(hash(c)) FROM "+name)
		}
	}
	t.Logf("%d files", tries)
}
