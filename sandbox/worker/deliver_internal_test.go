package worker

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/klauspost/compress/zstd"

	"zonebox/sandbox/internal/wire"
)

var visitColumns = []wire.Column{
	{Name: "name", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}, {Name: "cost", Type: "DOUBLE"},
	{Name: "ok", Type: "BOOLEAN"}, {Name: "day", Type: "DATE"}, {Name: "at", Type: "TIMESTAMP"}, {Name: "paid", Type: "DECIMAL(6,2)"},
}

// A sample is a good file. exact says that its packing carries a checksum of
// the content, so that no changed value can pass.
type sample struct {
	name  string
	m     wire.DeliverMessage
	file  []byte
	exact bool
	// open formats have no end: a file that was cut may pass as a shorter one.
	open bool
}

func samples(t testing.TB) []sample {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("..", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	csv, table := read("visits.csv"), read("visits.json")
	var objects []json.RawMessage
	if err := json.Unmarshal(table, &objects); err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for _, o := range objects {
		lines = append(append(lines, o...), '\n')
	}
	var gz, zipFile bytes.Buffer
	g := gzip.NewWriter(&gz)
	z := zip.NewWriter(&zipFile)
	f, err1 := z.Create("visits.csv")
	_, err2 := f.Write(csv)
	_, err3 := g.Write(csv)
	e, err4 := zstd.NewWriter(nil)
	if err := errors.Join(err1, err2, err3, err4, g.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	of := func(format, packing string) wire.DeliverMessage {
		return wire.DeliverMessage{Format: format, Packing: packing, Columns: visitColumns, Delimiter: ',', Decoded: 64 << 20, Memory: 256 << 20}
	}
	gb := of("csv", "")
	gb.Encoding = "gb18030"
	return []sample{
		{name: "csv", m: of("csv", ""), file: csv, open: true},
		{name: "csv in GB18030", m: gb, file: bytes.ReplaceAll(bytes.ReplaceAll(csv, []byte("李四"), []byte("\xc0\xee\xcb\xc4")), []byte("无"), []byte("\xce\xde")), open: true},
		{name: "json", m: of("json", ""), file: table},
		{name: "json lines", m: of("jsonl", ""), file: lines, open: true},
		{name: "csv.gz", m: of("csv", "gzip"), file: gz.Bytes(), exact: true},
		{name: "csv.zst", m: of("csv", "zstd"), file: e.EncodeAll(csv, nil), exact: true},
		{name: "csv.zip", m: of("csv", "zip"), file: zipFile.Bytes(), exact: true},
		{name: "parquet", m: of("parquet", ""), file: read("visits-pyarrow.parquet"), exact: true}, // page checksums
		{name: "arrow file, lz4", m: of("arrow", ""), file: read("visits-lz4.feather")},
		{name: "arrow file, zstd", m: of("arrow", ""), file: read("visits-zstd.feather")},
		{name: "arrow file, dictionary", m: of("arrow", ""), file: read("visits-dictionary.feather")},
		{name: "arrow stream", m: of("arrow", ""), file: read("visits.arrows")},
		{name: "xlsx", m: of("xlsx", ""), file: read("visits-openpyxl.xlsx"), exact: true},
	}
}

// deliverTo reads file as m says and returns its rows as text. It fails the test
// if a batch is not one the gate would take.
func deliverTo(t testing.TB, m wire.DeliverMessage, file []byte) ([]string, error) {
	t.Helper()
	schema, err := wire.ArrowSchema(m.Columns)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	done := int64(-1)
	write := func(frame []byte) error {
		kind, payload, err := wire.Read(bytes.NewReader(frame))
		if err != nil {
			t.Fatalf("the reader sent a bad frame: %v", err)
		}
		if kind == wire.Done {
			var m wire.DoneMessage
			if err := json.Unmarshal(payload, &m); err != nil {
				t.Fatal(err)
			}
			done = m.Rows
			return nil
		}
		rows = append(rows, rowsOf(t, schema, payload)...)
		return nil
	}
	out := &emitter{write: write, columns: m.Columns, schema: schema, allowed: m.Decoded,
		builder: array.NewRecordBuilder(memory.DefaultAllocator, schema)}
	if m.Packing == "gzip" || m.Packing == "zstd" || m.Packing == "" && (m.Format == "csv" || m.Format == "json" || m.Format == "jsonl") {
		err = readDelivery(m, bytes.NewReader(file), nil, out)
	} else {
		err = readDelivery(m, nil, file, out)
	}
	var f *fault
	switch {
	case err == nil && done != int64(len(rows)):
		t.Fatalf("the reader sent %d rows and announced %d", len(rows), done)
	case err != nil && !errors.As(err, &f):
		t.Fatalf("the reader failed with %v, want a fault", err)
	case err != nil && done >= 0:
		t.Fatalf("the reader failed with %v behind the end", err)
	}
	return rows, err
}

// rowsOf returns the rows of one frame.
func rowsOf(t testing.TB, schema *arrow.Schema, payload []byte) []string {
	t.Helper()
	var stream bytes.Buffer
	w := ipc.NewWriter(&stream, ipc.WithSchema(schema))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	stream.Truncate(stream.Len() - 8) // the end of the stream
	stream.Write(payload)
	r, err := ipc.NewReader(&stream)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if !r.Next() {
		t.Fatalf("the reader sent a batch that cannot be read: %v", r.Err())
	}
	rec := r.RecordBatch()
	if err := array.ValidateRecordFull(rec); err != nil {
		t.Fatalf("the reader sent a bad batch: %v", err)
	}
	rows := make([]string, rec.NumRows())
	for i := range rows {
		var row []string
		for _, c := range rec.Columns() {
			v := c.ValueStr(i)
			if !utf8.ValidString(v) {
				t.Fatal("the reader sent text that is not UTF-8")
			}
			if d, is := c.(*array.Decimal128); is && !d.IsNull(i) && !d.Value(i).FitsInPrecision(d.DataType().(*arrow.Decimal128Type).Precision) {
				t.Fatal("the reader sent a decimal with too many digits")
			}
			row = append(row, v)
		}
		rows[i] = strings.Join(row, "|")
	}
	return rows
}

// code returns the code of a fault, or "".
func code(err error) string {
	var f *fault
	if errors.As(err, &f) {
		return f.code
	}
	return ""
}

func TestEverySampleHasTheSameRows(t *testing.T) {
	var want []string
	for _, s := range samples(t) {
		got, err := deliverTo(t, s.m, s.file)
		if err != nil || len(got) != 5 {
			t.Fatalf("%s: %d rows, %v, want 5", s.name, len(got), err)
		}
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", s.name, got, want)
		}
	}
}

func TestAFileThatWasCutIsRefused(t *testing.T) {
	for _, s := range samples(t) {
		whole, err := deliverTo(t, s.m, s.file)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 16 {
			got, err := deliverTo(t, s.m, s.file[:len(s.file)*i/16])
			if err == nil && (!s.open || len(got) >= len(whole) && !slices.Equal(got, whole)) {
				t.Errorf("%s cut at %d/16 was accepted", s.name, i)
			}
		}
	}
}

// TestMutants flips bits. Every mutant is refused or gives well formed rows;
// where a checksum covers the content, they are the rows of the original. What
// passes elsewhere is for the digest in the manifest to find.
func TestMutants(t *testing.T) {
	const mutants, seed = 2000, 20261122
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			whole, err := deliverTo(t, s.m, s.file)
			if err != nil {
				t.Fatal(err)
			}
			random := rand.New(rand.NewPCG(seed, uint64(len(s.file))))
			same, other := 0, 0
			codes := map[string]int{}
			for range mutants {
				file := bytes.Clone(s.file)
				var at []int
				for range 1 + random.IntN(8) {
					bit := random.IntN(8 * len(file))
					file[bit/8] ^= 1 << (bit % 8)
					at = append(at, bit)
				}
				got, err := deliverTo(t, s.m, file)
				switch {
				case err != nil:
					codes[code(err)]++
				case slices.Equal(got, whole):
					same++
				default:
					if other++; s.exact {
						t.Errorf("with bits %v flipped the file was accepted with other rows", at)
					}
				}
			}
			t.Logf("%d mutants (seed %d): %d accepted with the same rows, %d with others, refused %v", mutants, seed, same, other, codes)
		})
	}
}

func TestCraftedTextsAreRefused(t *testing.T) {
	columns := []wire.Column{{Name: "s", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}, {Name: "d", Type: "DECIMAL(20,2)"}, {Name: "b", Type: "BOOLEAN"}}
	good := `{"s":"x","n":1,"d":1.5,"b":true}`
	with := func(pairs ...string) string { return "[" + strings.NewReplacer(pairs...).Replace(good) + "]" }
	deep := strings.Repeat("[", 100_000)
	for _, c := range []struct {
		rule, format, encoding, text, want string
		row                                int64
		column                             int
	}{
		{"depth of 100,000", "json", "", deep, "format", 1, -1},
		{"depth of 100,000 in a value", "json", "", with(`"x"`, deep), "nested_value", 1, 0},
		{"an object in a value", "json", "", with(`1.5`, `{"a":1}`), "nested_value", 1, 2},
		{"a key unknown", "json", "", with(`"b"`, `"c"`), "key_unknown", 1, -1},
		{"a key twice", "json", "", with(`"b"`, `"n"`), "key_duplicate", 1, 1},
		{"a key twice, once escaped", "json", "", with(`"b":true`, `"b":true,"\u0062":false`), "key_duplicate", 1, 3},
		{"a key missing", "json", "", with(`,"b":true`, ``), "key_missing", 1, 3},
		{"an empty object", "json", "", "[{}]", "key_missing", 1, 0},
		{"text without quotes", "json", "", with(`"x"`, `x`), "format", 1, 0},
		{"a number for text", "json", "", with(`"x"`, `1`), "value", 1, 0},
		{"text for a bool", "json", "", with(`true`, `"true"`), "value", 1, 3},
		{"a bool for a number", "json", "", with(`1,`, `true,`), "value", 1, 1},
		{"a number too large", "json", "", with(`:1,`, `:9223372036854775808,`), "value", 1, 1},
		{"a fraction in a whole number", "json", "", with(`:1,`, `:1.0,`), "value", 1, 1},
		{"an exponent in a decimal", "json", "", with(`1.5`, `15e-1`), "value", 1, 2},
		{"more decimals than declared", "json", "", with(`1.5`, `1.555`), "value", 1, 2},
		{"a leading zero", "json", "", with(`1.5`, `01.5`), "format", 1, 2},
		{"not a number", "json", "", with(`1.5`, `NaN`), "format", 1, 2},
		{"a lone surrogate", "json", "", with(`"x"`, `"\ud800"`), "encoding", 1, 0},
		{"a surrogate before a letter", "json", "", with(`"x"`, `"\ud800\u0041"`), "encoding", 1, 0},
		{"bytes that are not UTF-8", "json", "", with(`"x"`, "\"\xff\""), "encoding", 1, 0},
		{"a zero character", "json", "", with(`"x"`, `"\u0000"`), "encoding", 1, 0},
		{"a newline in a string", "json", "", with(`"x"`, "\"\n\""), "format", 1, 0},
		{"a string that never ends", "json", "", `[{"s":"` + strings.Repeat("a", 9<<20), "too_long", 1, -1},
		{"a key that never ends", "jsonl", "", `{"` + strings.Repeat("a", 9<<20), "too_long", 1, -1},
		{"a trailing comma", "json", "", "[" + good + ",]", "format", 1, -1},
		{"no comma", "json", "", "[" + good + good + "]", "format", 1, -1},
		{"text behind the array", "json", "", "[" + good + "] x", "format", 0, -1},
		{"an array that is not closed", "json", "", "[" + good, "format", 1, -1},
		{"no array", "json", "", good, "format", 0, -1},
		{"an empty file", "json", "", "", "format", 0, -1},
		{"no lines", "jsonl", "", " \n", "format", 0, -1},
		{"two objects on a line", "jsonl", "", good + good, "format", 1, -1},
		{"a line that was cut", "jsonl", "", good + "\n" + good[:20], "format", 2, -1},
		{"nothing but white space", "json", "", strings.Repeat(" ", 65<<20), "too_large", 0, -1},
		{"one field of 9 MB", "csv", "", "s,n,d,b\n" + strings.Repeat("a", 9<<20), "too_long", 1, -1},
		{"rows without end", "csv", "", "s,n,d,b\n" + strings.Repeat("aaaaaaa,1,1.5,true\n", 4<<20), "too_large", 0, -1},
		{"bytes that are no GB18030", "csv", "gb18030", "s,n,d,b\na,1,1,1\n\xff,1,1,1\n", "undecodable", 2, 0},
		{"U+FFFD in GB18030", "csv", "gb18030", "s,n,d,b\n\x84\x31\xa4\x37,1,1,1\n", "undecodable", 1, 0},
		{"half a UTF-16 unit", "csv", "utf-16le", "s\x00,\x00n\x00,\x00d\x00,\x00b\x00\n\x00a", "undecodable", 1, 0},
		{"half a UTF-16 pair", "csv", "utf-16le", "s\x00,\x00n\x00,\x00d\x00,\x00b\x00\n\x00\x00\xd8a\x00", "undecodable", 1, 0},
		{"a mark of the other byte order", "csv", "utf-16le", "\xfe\xff\x00s", "encoding_mark", 0, -1},
		{"an encoding nobody reads", "csv", "utf-7", "s", "format", 0, -1},
		{"bzip2 without a word", "csv", "", "BZh91AY&SY", "packing", 0, -1},
	} {
		t.Run(c.rule, func(t *testing.T) {
			m := wire.DeliverMessage{Format: c.format, Encoding: c.encoding, Columns: columns, Delimiter: ',', Decoded: 64 << 20, Memory: 256 << 20}
			_, err := deliverTo(t, m, []byte(c.text))
			var f *fault
			if !errors.As(err, &f) || f.code != c.want || c.row > 0 && f.row != c.row || f.column != c.column {
				t.Errorf("read = %+v, want %s at row %d, column %d", err, c.want, c.row, c.column)
			}
		})
	}
}

// FuzzText and the others of its kind call a reader of ours without the net that
// turns its panics into faults.
func FuzzText(f *testing.F) {
	for _, s := range samples(f) {
		switch s.m.Format {
		case "csv", "json", "jsonl":
			if s.m.Packing == "" {
				f.Add(s.m.Format, s.m.Encoding, s.file)
			}
		}
	}
	f.Add("json", "", []byte(`[{"name":"\ud83d\ude00`))
	f.Add("csv", "utf-16be", []byte("\xd8\x00"))
	f.Fuzz(func(t *testing.T, format, encoding string, file []byte) {
		text, err := decoded(bytes.NewReader(file), encoding)
		if err != nil {
			return
		}
		out := sink(t)
		if format == "csv" {
			_ = readCSV(text, 0, out)
		} else {
			_ = readJSON(text, format == "jsonl", out)
		}
	})
}

func FuzzWorkbook(f *testing.F) {
	for _, s := range samples(f) {
		if s.m.Format == "xlsx" {
			f.Add(s.file)
		}
	}
	f.Add(workbook(f, map[string]string{}))
	f.Fuzz(func(t *testing.T, file []byte) {
		_ = readSheet(io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file))),
			wire.DeliverMessage{Columns: visitColumns, Decoded: 16 << 20, Memory: 64 << 20}, sink(t))
	})
}

// FuzzSheet changes the sheet alone, so that no checksum hides it.
func FuzzSheet(f *testing.F) {
	f.Add(`<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>name_x0041_</t></is></c></row><row r="2"><c r="B2"><v>1</v></c></row></sheetData></worksheet>`)
	f.Add(`<worksheet><sheetData><row><c t="s"><v>0</v></c><c s="1"><v>45351.5</v></c><c><f>A1</f></c></row></sheetData></worksheet>`)
	f.Fuzz(func(t *testing.T, sheet string) {
		file := workbook(t, map[string]string{"xl/worksheets/sheet1.xml": sheet})
		_ = readSheet(io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file))),
			wire.DeliverMessage{Columns: visitColumns, Decoded: 16 << 20, Memory: 64 << 20}, sink(t))
	})
}

func FuzzColumnar(f *testing.F) {
	for _, s := range samples(f) {
		if s.m.Format == "parquet" || s.m.Format == "arrow" {
			f.Add(s.m.Format, s.file)
		}
	}
	f.Fuzz(func(t *testing.T, format string, file []byte) {
		if format != "parquet" && format != "arrow" {
			return
		}
		_, _ = deliverTo(t, wire.DeliverMessage{Format: format, Columns: visitColumns, Decoded: 16 << 20, Memory: 64 << 20}, file)
	})
}

func FuzzUnpack(f *testing.F) {
	for _, s := range samples(f) {
		if s.m.Packing != "" {
			f.Add(s.m.Packing, s.file)
		}
	}
	f.Fuzz(func(t *testing.T, packing string, file []byte) {
		_, _ = deliverTo(t, wire.DeliverMessage{Format: "csv", Delimiter: ',', Packing: packing, Columns: visitColumns, Decoded: 16 << 20, Memory: 64 << 20}, file)
	})
}

// sink is an emitter whose batches nobody looks at.
func sink(t testing.TB) *emitter {
	t.Helper()
	schema, err := wire.ArrowSchema(visitColumns)
	if err != nil {
		t.Fatal(err)
	}
	return &emitter{write: func([]byte) error { return nil }, columns: visitColumns, schema: schema,
		builder: array.NewRecordBuilder(memory.DefaultAllocator, schema)}
}

// workbook returns an xlsx file of one sheet; parts replaces or adds parts.
func workbook(t testing.TB, parts map[string]string) []byte {
	t.Helper()
	all := map[string]string{
		"_rels/.rels":                `<Relationships><Relationship Id="r" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            `<workbook xmlns:r="x/relationships"><sheets><sheet name="one" r:id="s1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="s1" Type="x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="s2" Type="x/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="s3" Type="x/styles" Target="/xl/styles.xml"/></Relationships>`,
		"xl/sharedStrings.xml":       `<sst><si><t>name</t></si><si><r><t>a</t></r><rPh><t>no</t></rPh><r><t>b</t></r></si></sst>`,
		"xl/styles.xml":              `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>`,
		"xl/worksheets/sheet1.xml":   `<worksheet><sheetData/></worksheet>`,
	}
	for name, text := range parts {
		all[name] = text
	}
	return zipOf(t, all)
}

func zipOf(t testing.TB, all map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, all[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
