package sandbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"

	"zonebox/sandbox"
)

var visits = []sandbox.Column{
	{Name: "name", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}, {Name: "cost", Type: "DOUBLE"},
	{Name: "ok", Type: "BOOLEAN"}, {Name: "day", Type: "DATE"}, {Name: "at", Type: "TIMESTAMP"}, {Name: "paid", Type: "DECIMAL(6,2)"},
}

// read reads one delivery with a fresh worker.
func read(t *testing.T, p *sandbox.Pool, d sandbox.Delivery) ([][]string, error) {
	t.Helper()
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	defer s.Close()
	return rows(s.Read(t.Context(), d))
}

func TestCSVIsReadAsWrittenInTheRules(t *testing.T) {
	p := pool(t, sandbox.Config{})
	const header = "name,n,cost,ok,day,at,paid\n"
	full := []string{"李四", "-7", "1.5", "true", "2024-02-29", "2024-02-29T08:00:00.25", "-12.3"}
	empty := []string{"(null)", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)"}
	for _, c := range []struct {
		rule string
		csv  string
		want [][]string
	}{
		{"every type", header + "李四,-7,1.5,true,2024-02-29,2024-02-29 08:00:00.25,-12.3\n", [][]string{full}},
		{"CRLF, byte order mark, no last newline", "\ufeffname,n,cost,ok,day,at,paid\r\n李四,-7,1.5,T,2024-02-29,2024-02-29T08:00:00.25,-12.30", [][]string{full}},
		{"columns in another order", "paid,at,day,ok,cost,n,name\n-12.3,2024-02-29 08:00:00.25,2024-02-29,1,1.5,-7,李四\n", [][]string{full}},
		{"empty is null, quoted or not", header + ",,,,,,\n\"\",\"\",\"\",\"\",\"\",\"\",\"\"\n", [][]string{empty, empty}},
		{"quotes hold delimiters, newlines and quotes", header + "\"a,\"\"b\"\"\nc\",,,,,,\n",
			[][]string{{"a,\"b\"\nc", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)"}}},
		{"blank lines hold nothing", header + "\n,,,,,,\n\n", [][]string{empty}},
		{"a header alone is an empty file", header, nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := read(t, p, sandbox.Delivery{Format: "csv", Columns: visits, Source: strings.NewReader(c.csv)})
			if err != nil {
				t.Fatalf("Read() = %v", err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Read() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFaultyCSVIsRefusedByCodeRowAndColumn(t *testing.T) {
	p := pool(t, sandbox.Config{})
	columns := []sandbox.Column{{Name: "name", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}}
	for _, c := range []struct {
		rule string
		csv  string
		typ  string // of the second column, BIGINT if empty
		want sandbox.DeliveryError
	}{
		{rule: "no header", csv: "", want: sandbox.DeliveryError{Code: "header_absent"}},
		{rule: "a column missing", csv: "name\nx\n", want: sandbox.DeliveryError{Code: "header_missing", Column: "n"}},
		{rule: "a column too many", csv: "name,n,secret\n", want: sandbox.DeliveryError{Code: "header_unknown", Field: 3}},
		{rule: "a column twice", csv: "name,n,n\n", want: sandbox.DeliveryError{Code: "header_duplicate", Column: "n"}},
		{rule: "too few fields", csv: "name,n\na,1\nb\n", want: sandbox.DeliveryError{Code: "fields", Row: 2}},
		{rule: "a quoted field of nothing for a record", csv: "name,n\na,1\n\"\"\nb,2\n", want: sandbox.DeliveryError{Code: "fields", Row: 2}},
		{rule: "too many fields", csv: "name,n\na,1,2\n", want: sandbox.DeliveryError{Code: "fields", Row: 1}},
		{rule: "a number that is none", csv: "name,n\na,1\nb,2\nc,3x\n", want: sandbox.DeliveryError{Code: "value", Row: 3, Column: "n"}},
		{rule: "a number out of range", csv: "name,n\na,9223372036854775808\n", want: sandbox.DeliveryError{Code: "value", Row: 1, Column: "n"}},
		{rule: "a quote inside a field", csv: "name,n\na\"b,1\n", want: sandbox.DeliveryError{Code: "quote", Row: 1}},
		{rule: "text after a quote", csv: "name,n\n\"a\"b,1\n", want: sandbox.DeliveryError{Code: "quote", Row: 1}},
		{rule: "a quote never closed", csv: "name,n\nx,1\n\"a,1\n", want: sandbox.DeliveryError{Code: "quote", Row: 2}},
		{rule: "a quote over megabytes", csv: "name,n\n\"" + strings.Repeat("a", 9<<20), want: sandbox.DeliveryError{Code: "too_long", Row: 1}},
		{rule: "not UTF-8", csv: "name,n\n\xc0\xc1,1\n", want: sandbox.DeliveryError{Code: "encoding", Row: 1, Column: "name"}},
		{rule: "a zero byte", csv: "name,n\na\x00b,1\n", want: sandbox.DeliveryError{Code: "encoding", Row: 1, Column: "name"}},
		{rule: "no such day", csv: "name,n\na,2023-02-29\n", typ: "DATE", want: sandbox.DeliveryError{Code: "value", Row: 1, Column: "n"}},
		{rule: "a timestamp with a zone", csv: "name,n\na,2023-02-28T00:00:00Z\n", typ: "TIMESTAMP", want: sandbox.DeliveryError{Code: "value", Row: 1, Column: "n"}},
		{rule: "infinity", csv: "name,n\na,inf\n", typ: "DOUBLE", want: sandbox.DeliveryError{Code: "value", Row: 1, Column: "n"}},
		{rule: "a CR for a line end", csv: "name,n\na,1\rb,2\n", want: sandbox.DeliveryError{Code: "line_ends", Row: 1}},
		{rule: "a CR within a value", csv: "name,n\na,1\nb\rc,2\n", want: sandbox.DeliveryError{Code: "line_ends", Row: 2}},
		{rule: "two CRs for a line end", csv: "name,n\r\na,1\r\r\n", want: sandbox.DeliveryError{Code: "line_ends", Row: 1}},
		{rule: "a whole number that no double is", csv: "name,n\na,9007199254740992\nb,9007199254740993\n", typ: "DOUBLE", want: sandbox.DeliveryError{Code: "value", Row: 2, Column: "n"}},
		{rule: "an identity number for a double", csv: "name,n\na,320102199001011234\nb,320102199001011235\n", typ: "DOUBLE", want: sandbox.DeliveryError{Code: "value", Row: 1, Column: "n"}},
		{rule: "a number too small for a double", csv: "name,n\na,-0.0e5\nb,1e-400\n", typ: "DOUBLE", want: sandbox.DeliveryError{Code: "value", Row: 2, Column: "n"}},
		{rule: "a number too large for a double", csv: "name,n\na,1e400\n", typ: "DOUBLE", want: sandbox.DeliveryError{Code: "value", Row: 1, Column: "n"}},
		{rule: "a fault behind newlines in quotes and blank lines", csv: "name,n\n\n\"a\n\n\",1\n\nb,x\n", want: sandbox.DeliveryError{Code: "value", Row: 2, Column: "n"}},
		{rule: "more decimals than declared", csv: "name,n\na,1.234\n", typ: "DECIMAL(6,2)", want: sandbox.DeliveryError{Code: "value", Row: 1, Column: "n"}},
		{rule: "more digits than declared", csv: "name,n\na,12345.1\n", typ: "DECIMAL(6,2)", want: sandbox.DeliveryError{Code: "value", Row: 1, Column: "n"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			columns := append([]sandbox.Column(nil), columns...)
			if c.typ != "" {
				columns[1].Type = c.typ
			}
			_, err := read(t, p, sandbox.Delivery{Format: "csv", Columns: columns, Source: strings.NewReader(c.csv)})
			var got *sandbox.DeliveryError
			if !errors.As(err, &got) || *got != c.want {
				t.Errorf("Read() = %v, want %v", err, &c.want)
			}
		})
	}
}

func TestAHundredThousandRowsStreamThrough(t *testing.T) {
	p := pool(t, sandbox.Config{})
	var csv strings.Builder
	csv.WriteString("n,name\n")
	for i := range 100_000 {
		fmt.Fprintf(&csv, "%d,person number %d\n", i, i)
	}
	got, err := read(t, p, sandbox.Delivery{Format: "csv", Source: strings.NewReader(csv.String()),
		Columns: []sandbox.Column{{Name: "name", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}}})
	if err != nil || len(got) != 100_000 {
		t.Fatalf("Read() = %d rows, %v, want 100000 rows", len(got), err)
	}
	for _, i := range []int{0, 65_535, 65_536, 99_999} {
		if want := []string{fmt.Sprint("person number ", i), fmt.Sprint(i)}; !cmp.Equal(got[i], want) {
			t.Errorf("row %d = %v, want %v", i, got[i], want)
		}
	}
}

func TestErrorOfTheSourceComesBack(t *testing.T) {
	p := pool(t, sandbox.Config{})
	broken := errors.New("source broke")
	_, err := read(t, p, sandbox.Delivery{Format: "csv", Columns: visits,
		Source: io.MultiReader(strings.NewReader("name,n,cost,ok,day,at,paid\n"), errorReader{broken})})
	if !errors.Is(err, broken) {
		t.Errorf("Read() = %v, want %v", err, broken)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// parquetFile writes one file: a string, a narrow integer and a timestamp in
// milliseconds, with one null row.
func parquetFile(t *testing.T, codec compress.Compression, zone string) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: zone}, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.TimestampBuilder).AppendValues([]arrow.Timestamp{1500, 0}, []bool{true, false})
	b.Field(1).(*array.Int32Builder).AppendValues([]int32{-3, 0}, []bool{true, false})
	b.Field(2).(*array.StringBuilder).AppendValues([]string{"李四", ""}, []bool{true, false})
	rec := b.NewRecordBatch()
	defer rec.Release()
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &out, parquet.NewWriterProperties(parquet.WithCompression(codec)), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestParquet(t *testing.T) {
	p := pool(t, sandbox.Config{})
	columns := []sandbox.Column{{Name: "name", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}, {Name: "at", Type: "TIMESTAMP"}}
	good := parquetFile(t, compress.Codecs.Zstd, "")
	for _, c := range []struct {
		rule    string
		file    []byte
		columns []sandbox.Column
		want    [][]string
		refused *sandbox.DeliveryError
	}{
		{rule: "columns are reordered and widened", file: good, columns: columns,
			want: [][]string{{"李四", "-3", "1970-01-01T00:00:01.5"}, {"(null)", "(null)", "(null)"}}},
		{rule: "Snappy is read", file: parquetFile(t, compress.Codecs.Snappy, ""), columns: columns,
			want: [][]string{{"李四", "-3", "1970-01-01T00:00:01.5"}, {"(null)", "(null)", "(null)"}}},
		{rule: "Brotli is refused", file: parquetFile(t, compress.Codecs.Brotli, ""), columns: columns,
			refused: &sandbox.DeliveryError{Code: "brotli"}},
		{rule: "a timestamp with a zone is another type", file: parquetFile(t, compress.Codecs.Snappy, "UTC"), columns: columns,
			refused: &sandbox.DeliveryError{Code: "column_type", Column: "at"}},
		{rule: "a number is not text", file: good, columns: []sandbox.Column{columns[0], {Name: "n", Type: "VARCHAR"}, columns[2]},
			refused: &sandbox.DeliveryError{Code: "column_type", Column: "n"}},
		{rule: "a column missing", file: good, columns: append([]sandbox.Column{{Name: "x", Type: "VARCHAR"}}, columns...),
			refused: &sandbox.DeliveryError{Code: "header_missing", Column: "x"}},
		{rule: "a column too many", file: good, columns: columns[:2], refused: &sandbox.DeliveryError{Code: "header_unknown", Field: 1}},
		{rule: "not Parquet", file: []byte("name,n,at\n"), columns: columns, refused: &sandbox.DeliveryError{Code: "format"}},
		{rule: "an empty file", file: nil, columns: columns, refused: &sandbox.DeliveryError{Code: "format"}},
		{rule: "cut short", file: good[:len(good)-9], columns: columns, refused: &sandbox.DeliveryError{Code: "format"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := read(t, p, sandbox.Delivery{Format: "parquet", Columns: c.columns, Source: bytes.NewReader(c.file)})
			var refused *sandbox.DeliveryError
			errors.As(err, &refused)
			if !cmp.Equal(refused, c.refused) || (err != nil && refused == nil) {
				t.Fatalf("Read() = %v, want %v", err, c.refused)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Read() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnknownFormatIsRefused(t *testing.T) {
	_, err := read(t, pool(t, sandbox.Config{}), sandbox.Delivery{Format: "xml", Columns: visits, Source: strings.NewReader("")})
	var got *sandbox.DeliveryError
	if !errors.As(err, &got) || got.Code != "format" {
		t.Errorf("Read() = %v, want code format", err)
	}
}
