package release_test

import (
	"bytes"
	"encoding/csv"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/release"
)

// texts returns one column of texts.
func texts(t testing.TB, name string, values ...string) (*arrow.Schema, []arrow.RecordBatch) {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: name, Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues(values, nil)
	return schema, []arrow.RecordBatch{b.NewRecordBatch()}
}

// A text that a spreadsheet would take for a formula has a ' before it; one that it
// would not is as it was.
func TestNoTextOfACSVIsAFormula(t *testing.T) {
	for value, want := range map[string]string{
		`=cmd|' /C calc'!A0`: `'=cmd|' /C calc'!A0`,
		"+1":                 "'+1",
		"-2+3":               "'-2+3",
		"@SUM(A1)":           "'@SUM(A1)",
		"\t=1":               "'\t=1",
		"\r=1":               "\"'\r=1\"",
		" =1":                "' =1",
		"\u00a0=1":           "'\u00a0=1",
		"\ufeff=1":           "'\ufeff=1",
		"\u200b=1":           "'\u200b=1",
		"\uff1d1":            "'\uff1d1",
		"\uff0b1":            "'\uff0b1",
		"\uff0d1":            "'\uff0d1",
		"\uff201":            "'\uff201",
		"'=1":                "''=1",
		"'":                  "''",
		"=1,2":               `"'=1,2"`,
		"-":                  "'-",
		"a=1":                "a=1",
		"1-2":                "1-2",
		"320102":             "320102",
		"张三":                 "张三",
		"\u4e00=1":           "\u4e00=1",
		" a":                 `" a"`,
		"":                   `""`,
		`say "hi"`:           `"say ""hi"""`,
	} {
		schema, rows := texts(t, "c", value)
		var b bytes.Buffer
		if err := release.WriteCSV(&b, schema, rows); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSuffix(b.String(), "\n"); got != "c\n"+want {
			t.Errorf("%q is written %q, want %q", value, got, "c\n"+want)
		}
	}
	schema, rows := texts(t, "=HYPERLINK(1)", "x")
	var b bytes.Buffer
	if err := release.WriteCSV(&b, schema, rows); err != nil || b.String() != "'=HYPERLINK(1)\nx\n" {
		t.Errorf("a name is written %q, %v", b.String(), err)
	}
}

// every is two rows of every type that may leave, the second all null, then the
// edges of each type.
func every(t testing.TB) (release.Plan, []arrow.Field, func(alloc memory.Allocator) arrow.RecordBatch) {
	t.Helper()
	types := []struct {
		duckdb string
		fill   func(b array.Builder)
	}{
		{"BOOLEAN", func(b array.Builder) { b.(*array.BooleanBuilder).AppendValues([]bool{true, false, true}, nil) }},
		{"TINYINT", func(b array.Builder) {
			b.(*array.Int8Builder).AppendValues([]int8{-1, math.MinInt8, math.MaxInt8}, nil)
		}},
		{"SMALLINT", func(b array.Builder) {
			b.(*array.Int16Builder).AppendValues([]int16{-1, math.MinInt16, math.MaxInt16}, nil)
		}},
		{"INTEGER", func(b array.Builder) {
			b.(*array.Int32Builder).AppendValues([]int32{-1, math.MinInt32, math.MaxInt32}, nil)
		}},
		{"BIGINT", func(b array.Builder) {
			b.(*array.Int64Builder).AppendValues([]int64{-1, math.MinInt64, math.MaxInt64}, nil)
		}},
		{"UTINYINT", func(b array.Builder) { b.(*array.Uint8Builder).AppendValues([]uint8{0, 1, math.MaxUint8}, nil) }},
		{"USMALLINT", func(b array.Builder) { b.(*array.Uint16Builder).AppendValues([]uint16{0, 1, math.MaxUint16}, nil) }},
		{"UINTEGER", func(b array.Builder) { b.(*array.Uint32Builder).AppendValues([]uint32{0, 1, math.MaxUint32}, nil) }},
		{"UBIGINT", func(b array.Builder) { b.(*array.Uint64Builder).AppendValues([]uint64{0, 1, math.MaxUint64}, nil) }},
		{"HUGEINT", func(b array.Builder) {
			b.(*array.Decimal128Builder).AppendValues([]decimal128.Num{decimal128.FromI64(-7), decimal128.New(math.MaxInt64>>1, 3), decimal128.FromI64(0)}, nil)
		}},
		{"DECIMAL(5,2)", func(b array.Builder) {
			b.(*array.Decimal128Builder).AppendValues([]decimal128.Num{decimal128.FromI64(-5), decimal128.FromI64(12345), decimal128.FromI64(0)}, nil)
		}},
		{"DECIMAL(38,38)", func(b array.Builder) {
			b.(*array.Decimal128Builder).AppendValues([]decimal128.Num{decimal128.FromI64(-5), decimal128.New(math.MaxInt64>>1, 3), decimal128.FromI64(1)}, nil)
		}},
		{"FLOAT", func(b array.Builder) {
			b.(*array.Float32Builder).AppendValues([]float32{float32(math.Copysign(0, -1)), math.MaxFloat32, float32(math.Inf(-1))}, nil)
		}},
		{"DOUBLE", func(b array.Builder) {
			b.(*array.Float64Builder).AppendValues([]float64{math.Copysign(0, -1), math.SmallestNonzeroFloat64, math.Inf(1)}, nil)
		}},
		{"VARCHAR", func(b array.Builder) {
			b.(*array.StringBuilder).AppendValues([]string{"", "(null)", "'=a,\"b\"\r\n"}, nil)
		}},
		{"DATE", func(b array.Builder) {
			b.(*array.Date32Builder).AppendValues([]arrow.Date32{-1, 2932897, -800000}, nil)
		}},
		{"TIMESTAMP", func(b array.Builder) {
			b.(*array.TimestampBuilder).AppendValues([]arrow.Timestamp{-1, 253402300800000000, 1700000000000000}, nil)
		}},
	}
	p := release.Plan{RowCap: 10, CellCap: 1 << 30, ByteCap: 1 << 30}
	var fields []arrow.Field
	for _, ty := range types {
		p.Columns = append(p.Columns, release.Column{Name: "c " + ty.duckdb, Type: ty.duckdb, Form: release.Clear, Technique: "泛化"})
	}
	columns, err := release.Approved(p.Columns)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range columns {
		fields = append(fields, arrow.Field{Name: p.Columns[i].Name, Type: typeOf(t, c.Type), Nullable: true})
	}
	return p, fields, func(alloc memory.Allocator) arrow.RecordBatch {
		b := array.NewRecordBuilder(alloc, arrow.NewSchema(fields, nil))
		defer b.Release()
		for i, ty := range types {
			ty.fill(b.Field(i))
			b.Field(i).AppendNull()
		}
		return b.NewRecordBatch()
	}
}

// typeOf is the type that a header names, written out.
func typeOf(t testing.TB, name string) arrow.DataType {
	t.Helper()
	for _, ty := range []arrow.DataType{arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64, &arrow.Decimal128Type{Precision: 38},
		&arrow.Decimal128Type{Precision: 5, Scale: 2}, &arrow.Decimal128Type{Precision: 38, Scale: 38}, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
		arrow.BinaryTypes.String, arrow.FixedWidthTypes.Date32, &arrow.TimestampType{Unit: arrow.Microsecond}} {
		if ty.String() == name {
			return ty
		}
	}
	t.Fatalf("no type %q", name)
	return nil
}

// The rows of a result are the same in every form, of every type, at its edges.
func TestEveryFormHoldsTheSameRows(t *testing.T) {
	private, public := newRecipient(t, suite)
	for _, rows := range []string{"all", "none"} {
		p, _, make := every(t)
		var in []arrow.RecordBatch
		if rows == "all" {
			in = append(in, make(memory.DefaultAllocator))
		}
		c, _, err := release.Check(stream(in...), p)
		if err != nil {
			t.Fatal(err)
		}
		h, err := release.Hold(c, "run-1", newAEAD(t))
		if err != nil {
			t.Fatal(err)
		}
		columns, err := release.Approved(p.Columns)
		if err != nil {
			t.Fatal(err)
		}
		var want arrow.RecordBatch
		for _, form := range release.Forms() {
			a, err := h.Seal(release.Sealing{Label: label(), Recipient: public, Columns: columns, Form: form}, newGate(1))
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			o, err := release.Open(a.Bytes(), release.Key{HPKE: private}, newGate(1).public())
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			if o.Form != form {
				t.Errorf("form = %s, want %s", o.Form, form)
			}
			switch {
			case rows == "none":
				if len(o.Rows) != 0 || o.Schema.NumFields() != 17 {
					t.Errorf("%s: %d batches of %d columns, want none of 17", form, len(o.Rows), o.Schema.NumFields())
				}
			case want == nil:
				want = o.Rows[0]
				if want.NumRows() != 4 {
					t.Errorf("%s: %d rows, want 4", form, want.NumRows())
				}
			case len(o.Rows) != 1 || !array.RecordEqual(o.Rows[0], want):
				t.Errorf("%s: rows = %v, want %v", form, o.Rows, want)
			}
		}
	}
}

// Others read the CSV as it was meant: by RFC 4180.
func TestOthersReadTheCSV(t *testing.T) {
	schema, rows := texts(t, "c", "a,b", `x"y`, "l1\nl2", "=1", "")
	var b bytes.Buffer
	if err := release.WriteCSV(&b, schema, rows); err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(&b).ReadAll()
	want := []string{"c", "a,b", `x"y`, "l1\nl2", "'=1", ""}
	if err != nil || len(all) != len(want) {
		t.Fatalf("ReadAll = %q, %v", all, err)
	}
	for i := range want {
		if all[i][0] != want[i] {
			t.Errorf("line %d = %q, want %q", i, all[i][0], want[i])
		}
	}
}
