package sandbox

import (
	"bytes"
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

func FuzzDecode(f *testing.F) {
	schema, good := mixed(f)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, message []byte) {
		if rec, err := decode(schema, message); err == nil {
			if err := validate(rec); err != nil {
				t.Fatalf("decode() let through what validate() refuses: %v", err)
			}
			use(rec)
		}
	})
}
