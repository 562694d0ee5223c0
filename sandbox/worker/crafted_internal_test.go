package worker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"zonebox/sandbox/internal/wire"
)

// sheetOf returns a sheet whose header is in row 1 and whose further rows are as
// written.
func sheetOf(rows string) string {
	return `<worksheet><dimension ref="A1:XFD1000000000"/><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>s</t></is></c><c r="B1" t="inlineStr"><is><t>n</t></is></c><c r="C1" t="inlineStr"><is><t>at</t></is></c></row>` + rows
}

const endSheet = `</sheetData></worksheet>`

func TestWorkbooks(t *testing.T) {
	columns := []wire.Column{{Name: "s", Type: "VARCHAR"}, {Name: "n", Type: "DECIMAL(18,2)"}, {Name: "at", Type: "TIMESTAMP"}}
	one := func(cell string) map[string]string {
		return map[string]string{"xl/worksheets/sheet1.xml": sheetOf(`<row r="2">`+cell+`</row>`) + endSheet}
	}
	sheet := func(text string) map[string]string { return map[string]string{"xl/worksheets/sheet1.xml": text} }
	for _, c := range []struct {
		rule  string
		parts map[string]string
		name  string // of the sheet
		rows  []string
		want  fault
	}{
		{rule: "texts, shared and inline, runs joined, escapes undone", parts: one(`<c r="A2" t="s"><v>1</v></c>`), rows: []string{"ab|(null)|(null)"}},
		{rule: "an escape", parts: one(`<c r="A2" t="inlineStr"><is><t>a_x000D_b_x005F_x</t></is></c>`), rows: []string{"a\rb_x|(null)|(null)"}},
		{rule: "a number with the noise of a double", parts: one(`<c r="B2"><v>1.1000000000000001</v></c>`), rows: []string{"(null)|1.1|(null)"}},
		{rule: "a moment", parts: one(`<c r="C2" s="1"><v>45351.333333333336</v></c>`), rows: []string{"(null)|(null)|2024-02-29T08:00:00"}},
		{rule: "day 59 is 28 February 1900", parts: one(`<c r="C2" s="1"><v>59.5</v></c>`), rows: []string{"(null)|(null)|1900-02-28T12:00:00"}},
		{rule: "day 60 was not", parts: one(`<c r="C2" s="1"><v>60.5</v></c>`), want: fault{code: "value", row: 1, column: 2}},
		{rule: "day 61 is 1 March 1900", parts: one(`<c r="C2" s="1"><v>61</v></c>`), rows: []string{"(null)|(null)|1900-03-01T00:00:00"}},
		{rule: "a workbook that counts from 1904", parts: map[string]string{
			"xl/worksheets/sheet1.xml": sheetOf(`<row r="2"><c r="C2" s="1"><v>1</v></c></row>`) + endSheet,
			"xl/workbook.xml":          `<workbook xmlns:r="x/relationships"><workbookPr date1904="1"/><sheets><sheet name="one" r:id="s1"/></sheets></workbook>`},
			rows: []string{"(null)|(null)|1904-01-02T00:00:00"}},
		{rule: "between two milliseconds", parts: one(`<c r="C2" s="1"><v>45351.333333337</v></c>`), want: fault{code: "value", row: 1, column: 2}},
		{rule: "a date that is shown as a number", parts: one(`<c r="C2"><v>45351</v></c>`), want: fault{code: "value", row: 1, column: 2}},
		{rule: "a number that is shown as a date", parts: one(`<c r="B2" s="1"><v>45351</v></c>`), want: fault{code: "value", row: 1, column: 1}},
		{rule: "an identity number stored as a number", parts: one(`<c r="A2"><v>320102199001011234</v></c>`), want: fault{code: "value", row: 1, column: 0}},
		{rule: "a number of more than 15 digits", parts: one(`<c r="B2"><v>12345678901234.56</v></c>`), want: fault{code: "value", row: 1, column: 1}},
		{rule: "a formula", parts: one(`<c r="B2"><f>1+1</f><v>2</v></c>`), want: fault{code: "formula", row: 1, column: 1}},
		{rule: "an error", parts: one(`<c r="B2" t="e"><v>#N/A</v></c>`), want: fault{code: "cell_error", row: 1, column: 1}},
		{rule: "merged cells", parts: sheet(sheetOf(`</sheetData><mergeCells><mergeCell ref="A1:B1"/></mergeCells></worksheet>`)), want: fault{code: "merged", column: -1}},
		{rule: "a merged header", parts: sheet(`<worksheet><sheetData><row><c t="inlineStr"><is><t>visits</t></is></c></row></sheetData><mergeCells><mergeCell ref="A1:C1"/></mergeCells></worksheet>`), want: fault{code: "merged", column: -1}},
		{rule: "a value outside the header", parts: one(`<c r="E2"><v>1</v></c>`), want: fault{code: "fields", row: 1, column: -1}},
		{rule: "a shared text that is not there", parts: one(`<c r="A2" t="s"><v>2</v></c>`), want: fault{code: "format", row: 1, column: -1}},
		{rule: "rows that go back", parts: sheet(sheetOf(`<row r="5"><c r="B5"><v>1</v></c></row><row r="4"/>`) + endSheet), want: fault{code: "format", row: 2, column: -1}},
		{rule: "cells that go back", parts: one(`<c r="B2"><v>1</v></c><c r="A2"><v>1</v></c>`), want: fault{code: "format", row: 1, column: -1}},
		{rule: "a row beyond the sheet", parts: sheet(sheetOf(`<row r="1000000000"><c><v>1</v></c></row>`) + endSheet), want: fault{code: "format", row: 1, column: -1}},
		{rule: "a column beyond the sheet", parts: one(`<c r="ZZZ2"><v>1</v></c>`), want: fault{code: "format", row: 1, column: -1}},
		{rule: "an entity of a billion laughs", parts: sheet(`<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>` + sheetOf(`<row><c t="inlineStr"><is><t>&b;</t></is></c></row>`) + endSheet), want: fault{code: "format", column: -1}},
		{rule: "an entity nobody declared", parts: one(`<c r="A2" t="inlineStr"><is><t>&b;</t></is></c>`), want: fault{code: "format", row: 1, column: -1}},
		{rule: "elements in elements", parts: sheet(strings.Repeat("<a>", 100_000)), want: fault{code: "format", column: -1}},
		{rule: "one text of 9 MB", parts: one(`<c r="A2" t="inlineStr"><is><t>` + strings.Repeat("a", 9<<20) + `</t></is></c>`), want: fault{code: "too_long", row: 1, column: -1}},
		{rule: "shared texts of 60 MB", parts: map[string]string{"xl/sharedStrings.xml": `<sst>` + strings.Repeat(`<si><t>`+strings.Repeat("a", 1<<20)+`</t></si>`, 60)}, want: fault{code: "too_large", column: -1}},
		{rule: "ten million empty shared texts", parts: map[string]string{"xl/sharedStrings.xml": `<sst>` + strings.Repeat(`<si/>`, 5<<20)}, want: fault{code: "too_large", column: -1}},
		{rule: "a sheet of 70 MB of nothing", parts: sheet(sheetOf(strings.Repeat(" ", 70<<20))), want: fault{code: "too_long", row: 1, column: -1}},
		{rule: "a sheet of 70 MB of comments", parts: sheet(sheetOf(strings.Repeat("<!-- "+strings.Repeat(" ", 1<<20)+"-->", 70))), want: fault{code: "too_large", row: 1, column: -1}},
		{rule: "one large shared text named often", parts: map[string]string{
			"xl/sharedStrings.xml":     `<sst><si><t>` + strings.Repeat("a", 1<<20) + `</t></si></sst>`,
			"xl/worksheets/sheet1.xml": sheetOf(strings.Repeat(`<row><c t="s"><v>0</v></c></row>`, 100)) + endSheet}, want: fault{code: "too_large", column: -1}},
		{rule: "a sheet by name", parts: sheet(sheetOf("") + endSheet), name: "one"},
		{rule: "a sheet that is not there", parts: sheet(sheetOf("") + endSheet), name: "two", want: fault{code: "sheet", column: -1}},
		{rule: "a sheet outside the workbook", parts: map[string]string{
			"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="s1" Type="x/worksheet" Target="../../../../etc/passwd"/></Relationships>`}, want: fault{code: "format", column: -1}},
		{rule: "a sheet on another machine", parts: map[string]string{
			"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="s1" Type="x/worksheet" TargetMode="External" Target="http://example.org/"/></Relationships>`}, want: fault{code: "format", column: -1}},
		{rule: "two sheets in one part", parts: sheet(sheetOf("") + endSheet + sheetOf("") + endSheet), want: fault{code: "format", row: 1, column: -1}},
		{rule: "an empty sheet", parts: sheet(`<worksheet><sheetData/></worksheet>`), want: fault{code: "header_absent", column: -1}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			m := wire.DeliverMessage{Format: "xlsx", Sheet: c.name, Columns: columns, Decoded: 64 << 20, Memory: 128 << 20}
			got, err := deliverTo(t, m, workbook(t, c.parts))
			checkFault(t, err, c.want)
			if err == nil && !slices.Equal(got, c.rows) {
				t.Errorf("rows = %q, want %q", got, c.rows)
			}
		})
	}
	for rule, c := range map[string]struct{ file, want string }{
		"an old workbook":           {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 500), "xls"},
		"a zip that is no workbook": {string(packedZip(t, "a", "b")), "format"},
		"no zip":                    {"s,n,at\n", "format"},
	} {
		_, err := deliverTo(t, wire.DeliverMessage{Format: "xlsx", Columns: columns, Decoded: 64 << 20, Memory: 128 << 20}, []byte(c.file))
		if code(err) != c.want {
			t.Errorf("%s: %v, want %s", rule, err, c.want)
		}
	}
}

// checkFault compares err with want; want of code "" is no error.
func checkFault(t *testing.T, err error, want fault) {
	t.Helper()
	var f *fault
	if !errors.As(err, &f) {
		if want.code != "" || err != nil {
			t.Errorf("read = %v, want %s", err, want.code)
		}
		return
	}
	if f.code != want.code || f.row != want.row || f.column != want.column {
		t.Errorf("read = %s at row %d, column %d, want %s at row %d, column %d", f.code, f.row, f.column, want.code, want.row, want.column)
	}
}

func packedZip(t testing.TB, pairs ...string) []byte {
	t.Helper()
	parts := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		parts[pairs[i]] = pairs[i+1]
	}
	return zipOf(t, parts)
}

// column returns an IPC stream, an IPC file and a Parquet file of one column.
func column(t testing.TB, name string, a arrow.Array, opts ...ipc.Option) (stream, file, pq []byte) {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: name, Type: a.DataType(), Nullable: true}}, nil)
	rec := array.NewRecordBatch(schema, []arrow.Array{a}, int64(a.Len()))
	var s, f, p bytes.Buffer
	w := ipc.NewWriter(&s, append(opts, ipc.WithSchema(schema))...)
	fw, err := ipc.NewFileWriter(&f, append(opts, ipc.WithSchema(schema))...)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(rec), w.Close(), fw.Write(rec), fw.Close()); err != nil {
		t.Fatal(err)
	}
	pw, err := pqarrow.NewFileWriter(schema, &p, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy)), pqarrow.DefaultWriterProps())
	if err == nil {
		err = errors.Join(pw.Write(rec), pw.Close())
	}
	if err != nil {
		return s.Bytes(), f.Bytes(), nil
	}
	return s.Bytes(), f.Bytes(), p.Bytes()
}

func of[B interface {
	array.Builder
	Append(T)
}, T any](b B, values ...T) arrow.Array {
	for _, v := range values {
		b.Append(v)
	}
	return b.NewArray()
}

func TestColumnarTypes(t *testing.T) {
	mem := memory.DefaultAllocator
	list := array.NewListBuilder(mem, arrow.PrimitiveTypes.Int64)
	list.Append(true)
	list.ValueBuilder().(*array.Int64Builder).Append(1)
	dictionary := array.NewDictionaryBuilder(mem, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}).(*array.BinaryDictionaryBuilder)
	_ = dictionary.AppendString("李")
	at := func(unit arrow.TimeUnit, zone string) *array.TimestampBuilder {
		return array.NewTimestampBuilder(mem, &arrow.TimestampType{Unit: unit, TimeZone: zone})
	}
	for _, c := range []struct {
		rule string
		a    arrow.Array
		typ  string
		want string // the value, or a code
	}{
		{"uint64 that fits", of(array.NewUint64Builder(mem), 7), "BIGINT", "7"},
		{"uint64 that does not", of(array.NewUint64Builder(mem), 1<<63), "BIGINT", "value"},
		{"int8", of(array.NewInt8Builder(mem), -7), "BIGINT", "-7"},
		{"float32", of(array.NewFloat32Builder(mem), 0.5), "DOUBLE", "0.5"},
		{"large text", of(array.NewLargeStringBuilder(mem), "李"), "VARCHAR", "李"},
		{"text view", of(array.NewStringViewBuilder(mem), "a text of more than twelve bytes"), "VARCHAR", "a text of more than twelve bytes"},
		{"dictionary", dictionary.NewArray(), "VARCHAR", "李"},
		{"all null", array.NewNull(1), "VARCHAR", "(null)"},
		{"a zero byte in text", of(array.NewStringBuilder(mem), "a\x00"), "VARCHAR", "encoding"},
		{"text that is not UTF-8", of(array.NewStringBuilder(mem), "\xff"), "VARCHAR", "encoding"},
		{"bytes are not text", of(array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary), []byte("a")), "VARCHAR", "column_type"},
		{"a list", list.NewArray(), "BIGINT", "column_type"},
		{"a number is not text", of(array.NewInt64Builder(mem), 1), "VARCHAR", "column_type"},
		{"a float is not a number of cents", of(array.NewFloat64Builder(mem), 1), "DECIMAL(6,2)", "column_type"},
		{"nanoseconds that are whole microseconds", of(at(arrow.Nanosecond, ""), 1000), "TIMESTAMP", "1970-01-01T00:00:00.000001"},
		{"nanoseconds that are not", of(at(arrow.Nanosecond, ""), 1001), "TIMESTAMP", "value"},
		{"seconds beyond the year 9999", of(at(arrow.Second, ""), 1<<40), "TIMESTAMP", "value"},
		{"the engine's infinity", of(at(arrow.Microsecond, ""), 1<<63-1), "TIMESTAMP", "value"},
		{"a timestamp with a zone", of(at(arrow.Microsecond, "UTC"), 1), "TIMESTAMP", "column_type"},
		{"a date", of(array.NewDate32Builder(mem), 1), "DATE", "1970-01-02"},
		{"the engine's infinite date", of(array.NewDate32Builder(mem), 1<<31-1), "DATE", "value"},
		{"milliseconds that are a day", of(array.NewDate64Builder(mem), 86_400_000), "DATE", "1970-01-02"},
	} {
		stream, file, pq := column(t, "c", c.a)
		for format, data := range map[string][]byte{"arrow ": stream, "arrow": file, "parquet": pq} {
			if data == nil || format == "parquet" && (c.rule == "all null" || strings.Contains(c.rule, "milliseconds") || c.a.DataType().ID() == arrow.STRING_VIEW) {
				continue
			}
			m := wire.DeliverMessage{Format: strings.TrimSpace(format), Columns: []wire.Column{{Name: "c", Type: c.typ}}, Decoded: 64 << 20, Memory: 64 << 20}
			got, err := deliverTo(t, m, data)
			if err == nil && !slices.Equal(got, []string{c.want}) || err != nil && code(err) != c.want {
				t.Errorf("%s in %s: %q, %v, want %s", c.rule, format, got, err, c.want)
			}
		}
	}
}

func TestHostileArrow(t *testing.T) {
	texts := of(array.NewStringBuilder(memory.DefaultAllocator), "one", "two", "three")
	stream, file, _ := column(t, "c", texts)
	zstdStream, _, _ := column(t, "c", of(array.NewStringBuilder(memory.DefaultAllocator), strings.Repeat("a", 1000)), ipc.WithZstd())
	find := func(b []byte, old []byte) int {
		i := bytes.Index(b, old)
		if i < 0 {
			t.Fatal("the file has another layout")
		}
		return i
	}
	offsets := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 0), 3), 6)
	for _, c := range []struct {
		rule, want string
		file       func() []byte
	}{
		{"offsets out of range", "format", func() []byte {
			b := bytes.Clone(stream)
			binary.LittleEndian.PutUint32(b[find(b, offsets)+8:], 1<<30)
			return b
		}},
		{"offsets below zero", "format", func() []byte {
			b := bytes.Clone(stream)
			binary.LittleEndian.PutUint32(b[find(b, offsets)+4:], 1<<31+5)
			return b
		}},
		{"offsets that go back", "format", func() []byte {
			b := bytes.Clone(stream)
			binary.LittleEndian.PutUint32(b[find(b, offsets)+4:], 7)
			return b
		}},
		{"a compressed buffer that announces a terabyte", "too_large", func() []byte {
			b := bytes.Clone(zstdStream)
			frame := find(b, []byte{0x28, 0xb5, 0x2f, 0xfd})
			binary.LittleEndian.PutUint64(b[frame-8:], 1<<40)
			return b
		}},
		{"a message that announces a body of a terabyte", "format", func() []byte {
			b := bytes.Clone(stream)
			binary.LittleEndian.PutUint32(b[4:], 1<<30)
			return b
		}},
		{"no end mark", "format", func() []byte { return stream[:len(stream)-8] }},
		{"bytes behind the end", "format", func() []byte { return append(bytes.Clone(stream), stream...) }},
		{"a footer that leaves a batch out", "format", func() []byte {
			b := bytes.Clone(file)
			at := len(b) - 10 - int(binary.LittleEndian.Uint32(b[len(b)-10:]))
			footer := flat(b[at:])
			blocks := footer.field(footer.root(), 3)
			blocks += footer.offset(blocks)
			binary.LittleEndian.PutUint32(footer[blocks:], 0)
			return b
		}},
		{"a footer with a billion batches", "format", func() []byte {
			b := bytes.Clone(file)
			at := len(b) - 10 - int(binary.LittleEndian.Uint32(b[len(b)-10:]))
			footer := flat(b[at:])
			blocks := footer.field(footer.root(), 3)
			blocks += footer.offset(blocks)
			binary.LittleEndian.PutUint32(footer[blocks:], 1<<30)
			return b
		}},
		{"a schema with a billion fields", "format", func() []byte {
			b := bytes.Clone(stream)
			meta := flat(b[8:])
			fields := meta.field(meta.table(meta.root(), 2), 1)
			fields += meta.offset(fields)
			binary.LittleEndian.PutUint32(meta[fields:], 1<<30)
			return b
		}},
		{"an empty file", "format", func() []byte { return nil }},
		{"a magic alone", "format", func() []byte { return []byte("ARROW1\x00\x00ARROW1") }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := deliverTo(t, wire.DeliverMessage{Format: "arrow", Columns: []wire.Column{{Name: "c", Type: "VARCHAR"}}, Decoded: 64 << 20, Memory: 64 << 20}, c.file())
			if code(err) != c.want {
				t.Errorf("read = %v, want %s", err, c.want)
			}
		})
	}
}

func TestHostileParquet(t *testing.T) {
	mem := memory.DefaultAllocator
	repeated := make([]string, 2000)
	for i := range repeated {
		repeated[i] = strings.Repeat("a", 64<<10)
	}
	_, _, good := column(t, "c", of(array.NewStringBuilder(mem), "one", "two"))
	_, _, huge := column(t, "c", of(array.NewStringBuilder(mem), repeated...))
	write := func(codec compress.Compression) []byte {
		schema := arrow.NewSchema([]arrow.Field{{Name: "c", Type: arrow.BinaryTypes.String}}, nil)
		var out bytes.Buffer
		w, err := pqarrow.NewFileWriter(schema, &out, parquet.NewWriterProperties(parquet.WithCompression(codec)), pqarrow.DefaultWriterProps())
		if err != nil {
			t.Fatal(err)
		}
		rec := array.NewRecordBatch(schema, []arrow.Array{of(array.NewStringBuilder(mem), "one", "two")}, 2)
		if err := errors.Join(w.Write(rec), w.Close()); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	brotli := write(compress.Codecs.Brotli)
	for _, c := range []struct {
		rule string
		file []byte
		want []string
	}{
		{"the good one", good, []string{""}},
		{"Brotli", brotli, []string{"brotli"}},
		{"Brotli under the name of Snappy", recode(t, brotli, 4, 1), []string{"format"}},
		{"Snappy under the name of Brotli", recode(t, good, 1, 4), []string{"brotli"}},
		{"a codec nobody knows", recode(t, good, 1, 9), []string{"format"}},
		{"a dictionary whose one text fills the memory", huge, []string{"too_large"}},
		{"a footer longer than the file", append(append(bytes.Clone(good[:len(good)-8]), 0xff, 0xff, 0xff, 0x03), "PAR1"...), []string{"format"}},
		{"an encrypted footer", append(bytes.Clone(good[:len(good)-4]), "PARE"...), []string{"encrypted"}},
	} {
		_, err := deliverTo(t, wire.DeliverMessage{Format: "parquet", Columns: []wire.Column{{Name: "c", Type: "VARCHAR"}}, Decoded: 64 << 20, Memory: 64 << 20}, c.file)
		if !slices.Contains(c.want, code(err)) {
			t.Errorf("%s: read = %v, want one of %v", c.rule, err, c.want)
		}
	}
}

// recode writes another codec into the footer of a Parquet file of one chunk:
// ColumnMetaData.codec is field 4, a zigzag number below 64.
func recode(t testing.TB, file []byte, from, to byte) []byte {
	t.Helper()
	b := bytes.Clone(file)
	size := int(binary.LittleEndian.Uint32(b[len(b)-8:]))
	footer := b[len(b)-8-size : len(b)-8]
	// The path ["c"] (field 3) stands before the codec, the number of values behind it.
	path := []byte{0x19, 0x18, 0x01, 'c', 0x15, from << 1, 0x16}
	at := bytes.Index(footer, path)
	if at < 0 || bytes.Count(footer, path) != 1 {
		t.Fatal("the footer has another layout")
	}
	footer[at+5] = to << 1
	return b
}
