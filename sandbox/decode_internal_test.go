package sandbox

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/sandbox/internal/wire"
)

func message(t testing.TB, rec arrow.RecordBatch, opts ...ipc.Option) []byte {
	t.Helper()
	p, err := ipc.GetRecordBatchPayload(rec, opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	var out bytes.Buffer
	if _, err := p.WritePayload(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// mixed has a column of each layout that crosses the border, with nulls.
func mixed(t testing.TB) (*arrow.Schema, []byte) {
	t.Helper()
	schema, err := wire.ArrowSchema([]Column{{Name: "s", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"},
		{Name: "b", Type: "BOOLEAN"}, {Name: "d", Type: "DECIMAL(5,2)"}, {Name: "day", Type: "DATE"}})
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues([]string{"李四", "", "x"}, []bool{true, false, true})
	b.Field(1).(*array.Int64Builder).AppendValues([]int64{1, 2, 3}, []bool{true, true, false})
	b.Field(2).(*array.BooleanBuilder).AppendValues([]bool{true, false, true}, nil)
	b.Field(3).(*array.Decimal128Builder).AppendValues([]decimal128.Num{decimal128.FromI64(1), decimal128.FromI64(-99999), decimal128.FromI64(0)}, nil)
	b.Field(4).(*array.Date32Builder).AppendValues([]arrow.Date32{0, 1, 2}, nil)
	rec := b.NewRecordBatch()
	defer rec.Release()
	return schema, message(t, rec)
}

func TestCompressionIsSeenBeforeDecoding(t *testing.T) {
	_, plain := mixed(t)
	schema, err := wire.ArrowSchema([]Column{{Name: "n", Type: "BIGINT"}})
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.Int64Builder).AppendValues(make([]int64, 1000), nil)
	rec := b.NewRecordBatch()
	defer rec.Release()
	for _, c := range []struct {
		rule    string
		message []byte
		want    bool
	}{
		{"plain", plain, false},
		{"zstd", message(t, rec, ipc.WithZstd()), true},
		{"lz4", message(t, rec, ipc.WithLZ4()), true},
	} {
		if got, err := messageCompressed(c.message[8:]); got != c.want || err != nil {
			t.Errorf("messageCompressed(%s) = %v, %v, want %v", c.rule, got, err, c.want)
		}
	}
}

// use touches every value, as later code does.
func use(rec arrow.RecordBatch) (size int) {
	for _, c := range rec.Columns() {
		for i := range c.Len() {
			size += len(c.ValueStr(i))
		}
	}
	return size
}

func TestNoFlippedByteBreaksTheDecoder(t *testing.T) {
	schema, good := mixed(t)
	rec, err := decode(schema, bytes.Clone(good))
	if err != nil {
		t.Fatalf("decode() of an honest batch = %v", err)
	}
	if rec.NumRows() != 3 || rec.Column(0).ValueStr(0) != "李四" || rec.Column(3).ValueStr(1) != "-999.99" {
		t.Fatalf("decode() = %v", rec)
	}
	for i := range good {
		for _, flip := range []byte{1, 0x80, 0xff} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			if rec, err := decode(schema, bad); err == nil {
				use(rec)
			}
		}
	}
	for n := range good {
		if rec, err := decode(schema, bytes.Clone(good[:n])); err == nil {
			t.Errorf("decode() of the first %d of %d bytes = %v, want an error", n, len(good), rec)
		}
	}
}

func TestValuesOutsideTheirTypeAreRefused(t *testing.T) {
	text, err := wire.ArrowSchema([]Column{{Name: "s", Type: "VARCHAR"}})
	if err != nil {
		t.Fatal(err)
	}
	number, err := wire.ArrowSchema([]Column{{Name: "d", Type: "DECIMAL(5,2)"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule   string
		schema *arrow.Schema
		fill   func(array.Builder)
	}{
		{"text that is not UTF-8", text, func(b array.Builder) { b.(*array.StringBuilder).Append("\xc3\x28") }},
		{"text cut within a character", text, func(b array.Builder) { b.(*array.StringBuilder).AppendValues([]string{"\xe6\x9d", "\x8e"}, nil) }},
		{"more digits than the type", number, func(b array.Builder) { b.(*array.Decimal128Builder).Append(decimal128.FromI64(100_000)) }},
	} {
		b := array.NewRecordBuilder(memory.DefaultAllocator, c.schema)
		c.fill(b.Field(0))
		rec := b.NewRecordBatch()
		if got, err := decode(c.schema, message(t, rec)); err == nil {
			t.Errorf("decode() of %s = %v, want an error", c.rule, got)
		}
		rec.Release()
		b.Release()
	}
}

// numbers encodes columns of n BIGINTs, each with the validity given, nil for no
// nulls.
func numbers(t testing.TB, columns, n int, valid []bool) (*arrow.Schema, []byte) {
	t.Helper()
	schema, err := wire.ArrowSchema(slices.Repeat([]Column{{Name: "n", Type: "BIGINT"}}, columns))
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, f := range b.Fields() {
		f.(*array.Int64Builder).AppendValues(make([]int64, n), valid)
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	return schema, message(t, rec)
}

// pair is a struct of two int64 as flatbuffers write it: a field node's length
// and null count, a buffer's offset and length.
func pair(a, b int64) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(a)), uint64(b))
}

func TestWhatABatchSaysOfItselfIsChecked(t *testing.T) {
	two, twins := numbers(t, 2, 100, nil)
	one, nulled := numbers(t, 1, 8, []bool{true, false, true, false, true, true, true, true})
	_, plain := numbers(t, 1, 8, nil)
	for _, c := range []struct {
		rule     string
		schema   *arrow.Schema
		message  []byte
		was, say []byte
	}{
		{"columns are together longer than the body", two, twins, pair(800, 800), pair(0, 1600)},
		{"a buffer is longer than the body", two, twins, pair(800, 800), pair(800, 80_000)},
		{"a buffer lies before the body", two, twins, pair(800, 800), pair(-800, 800)},
		{"a buffer is longer than memory", two, twins, pair(800, 800), pair(800, 1<<62)},
		{"a column is longer than its bytes", one, plain, pair(8, 0), pair(1<<40, 0)},
		{"a column has fewer rows than the batch", one, plain, pair(8, 0), pair(7, 0)},
		{"fewer nulls than there are", one, nulled, pair(8, 2), pair(8, 1)},
		{"more nulls than there are", one, nulled, pair(8, 2), pair(8, 7)},
		{"nulls without a bitmap", one, plain, pair(8, 0), pair(8, 2)},
		{"fewer nulls than none", one, plain, pair(8, 0), pair(8, -1)},
	} {
		if rec, err := decode(c.schema, bytes.Clone(c.message)); err != nil {
			t.Fatalf("%s: decode() of the honest batch = %v", c.rule, err)
		} else {
			rec.Release()
		}
		at := bytes.LastIndex(c.message, c.was)
		if at < 0 {
			t.Fatalf("%s: the batch has nothing to change", c.rule)
		}
		if rec, err := decode(c.schema, slices.Concat(c.message[:at], c.say, c.message[at+len(c.was):])); err == nil {
			t.Errorf("decode() where %s = %v, want an error", c.rule, rec)
		}
	}
}

// TestABatchHoldsNoMoreThanItIsCharged: the limit of a result's bytes bounds what
// the gate holds, however small the batches are.
func TestABatchHoldsNoMoreThanItIsCharged(t *testing.T) {
	for _, columns := range []int{1, 10, 100} {
		schema, message := numbers(t, columns, 1, nil)
		held := make([]arrow.RecordBatch, 1000)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range held {
			var err error
			if held[i], err = decode(schema, bytes.Clone(message)); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / int64(len(held))
		charged := int64(len(message)) + batchCost*int64(columns+1)
		t.Logf("%d columns of one row: %d bytes of message, %d held, %d charged", columns, len(message), each, charged)
		if each > charged {
			t.Errorf("a batch of %d columns and one row holds %d bytes, charged %d", columns, each, charged)
		}
		runtime.KeepAlive(held)
	}
}

// seeds makes a fuzz target fail that has none.
func seeds(f *testing.F) {
	f.Helper()
	if found, err := filepath.Glob("testdata/fuzz/" + f.Name() + "/*"); err != nil || len(found) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
}

// FuzzDecode: a batch that decodes is valid, and no message makes the gate
// allocate much more than its length.
func FuzzDecode(f *testing.F) {
	seeds(f)
	schema, good := mixed(f)
	f.Add(good)
	f.Fuzz(func(t *testing.T, message []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rec, err := decode(schema, message)
		runtime.ReadMemStats(&after)
		if size := after.TotalAlloc - before.TotalAlloc; size > uint64(128<<10+2*len(message)) {
			t.Errorf("decode() of %d bytes allocated %d", len(message), size)
		}
		if err == nil {
			if err := validate(rec); err != nil || held(rec) > len(message) {
				t.Fatalf("decode() let through what validate() refuses: %v", err)
			}
			use(rec)
		}
	})
}
