package sandbox_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
	_ "modernc.org/sqlite"

	"zonebox/sandbox"
)

// inspect asks a fresh worker what a file looks like.
func inspect(t testing.TB, p *sandbox.Pool, d sandbox.Delivery, limit int64) (*sandbox.Shape, []string, error) {
	t.Helper()
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	defer s.Close()
	var rows []string
	shape, err := s.Inspect(t.Context(), d, limit, func(rec arrow.RecordBatch) error {
		for i := range int(rec.NumRows()) {
			var row []string
			for _, c := range rec.Columns() {
				row = append(row, c.ValueStr(i))
			}
			rows = append(rows, strings.Join(row, "|"))
		}
		return nil
	})
	return shape, rows, err
}

// TestInspectionFindsWhatReadTakes inspects every format without a word about it,
// and reads it by what was found.
func TestInspectionFindsWhatReadTakes(t *testing.T) {
	p := pool(t, sandbox.Config{})
	csv := file(t, "visits.csv")
	want, err := read(t, p, sandbox.Delivery{Format: "csv", Columns: visits, Source: bytes.NewReader(csv)})
	if err != nil {
		t.Fatal(err)
	}
	gb := encoded(t, simplifiedchinese.GB18030, csv)
	for _, c := range []struct {
		rule  string
		file  []byte
		shape sandbox.Shape // what is found but for columns
	}{
		{"csv", csv, sandbox.Shape{Format: "csv", Encoding: "utf-8"}},
		{"csv in GB18030", gb, sandbox.Shape{Format: "csv", Encoding: "gb18030"}},
		{"csv in GB18030, gzip", gzipped(t, gb), sandbox.Shape{Format: "csv", Encoding: "gb18030", Packing: "gzip"}},
		{"json", file(t, "visits.json"), sandbox.Shape{Format: "json", Encoding: "utf-8"}},
		{"json lines, zstd", zstdPacked(t, lines(t, file(t, "visits.json"))), sandbox.Shape{Format: "jsonl", Encoding: "utf-8", Packing: "zstd"}},
		{"json in a zip", zipped(t, map[string][]byte{"a": file(t, "visits.json")}), sandbox.Shape{Format: "json", Encoding: "utf-8", Packing: "zip"}},
		{"parquet", file(t, "visits-pyarrow.parquet"), sandbox.Shape{Format: "parquet"}},
		{"parquet, gzip", gzipped(t, file(t, "visits-pyarrow.parquet")), sandbox.Shape{Format: "parquet", Packing: "gzip"}},
		{"arrow file", file(t, "visits-lz4.feather"), sandbox.Shape{Format: "arrow"}},
		{"arrow stream", file(t, "visits.arrows"), sandbox.Shape{Format: "arrow"}},
		{"xlsx", file(t, "visits-openpyxl.xlsx"), sandbox.Shape{Format: "xlsx"}},
		{"xlsx by another", file(t, "visits-excelize.xlsx"), sandbox.Shape{Format: "xlsx"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			shape, rows, err := inspect(t, p, sandbox.Delivery{Encoding: "auto", Source: bytes.NewReader(c.file)}, 0)
			if err != nil {
				t.Fatalf("Inspect() = %v", err)
			}
			if shape.Format != c.shape.Format || shape.Encoding != c.shape.Encoding || shape.Packing != c.shape.Packing || shape.Rows != 5 || !shape.Whole || len(rows) != 5 {
				t.Errorf("Inspect() = %+v and %d rows", shape, len(rows))
			}
			d := sandbox.Delivery{Format: shape.Format, Packing: shape.Packing, Encoding: shape.Encoding, Source: bytes.NewReader(c.file)}
			for i, col := range shape.Columns {
				if col.Nulls != 1 && (i > 0 || col.Nulls != 0) {
					t.Errorf("%s has %d nulls, want 1", col.Name, col.Nulls)
				}
				d.Columns = append(d.Columns, sandbox.Column{Name: col.Name, Type: col.Type})
			}
			if len(d.Columns) != len(visits) {
				t.Fatalf("columns = %+v", d.Columns)
			}
			got, err := read(t, p, d)
			if err != nil {
				t.Fatalf("Read() of %+v = %v", d.Columns, err)
			}
			for i := range got {
				// DOUBLE and DECIMAL write a number in different ways.
				for _, at := range []int{0, 1, 3, 4, 5} {
					if got[i][at] != want[i][at] {
						t.Errorf("row %d column %d = %s, want %s", i+1, at, got[i][at], want[i][at])
					}
				}
			}
		})
	}
}

func TestTypesAndDialectsAreFound(t *testing.T) {
	p := pool(t, sandbox.Config{})
	column := func(name, typ string, nulls int64) sandbox.ShapeColumn {
		return sandbox.ShapeColumn{Name: name, Type: typ, Nulls: nulls}
	}
	plain := sandbox.Shape{Format: "csv", Encoding: "utf-8", Delimiter: ',', Score: 1000, Header: true, LineEnd: "lf", Tables: []string{}, Whole: true}
	with := func(change func(*sandbox.Shape), rows int64, columns ...sandbox.ShapeColumn) sandbox.Shape {
		s := plain
		s.Rows, s.Columns = rows, columns
		if change != nil {
			change(&s)
		}
		return s
	}
	for _, c := range []struct {
		rule, file string
		limit      int64
		want       sandbox.Shape
	}{
		{"numbers, dates and words", "n,d,t,b,a,x,s\n1,2024-02-29,2024-02-29 08:00:00,true,12.30,1.5,甲\n-22,2023-01-01,2024-02-29T08:00:00.5,FALSE,0.05,2e3,\n", 0,
			with(nil, 2, column("n", "BIGINT", 0), column("d", "DATE", 0), column("t", "TIMESTAMP", 0), column("b", "BOOLEAN", 0),
				column("a", "DECIMAL(4,2)", 0), column("x", "DOUBLE", 0), column("s", "VARCHAR", 1))},
		{"identifiers stay text", "id,code,card,count\n320102199001011234,007,6222021234567890,99999999999999\n32010219900101123X,012,6222021234567891,1\n", 0,
			with(nil, 2, column("id", "VARCHAR", 0), column("code", "VARCHAR", 0), column("card", "VARCHAR", 0), column("count", "BIGINT", 0))},
		{"a number with a plus, a zero with a sign, a bare point", "a,b,c\n+1,-0,.5\n", 0,
			with(nil, 1, column("a", "VARCHAR", 0), column("b", "VARCHAR", 0), column("c", "VARCHAR", 0))},
		{"decimals of many digits are exact or text", "a,b\n1234567890123456.12,1234567890123456789012345678901234567890.1\n1.1,1\n", 0,
			with(nil, 2, column("a", "DECIMAL(18,2)", 0), column("b", "VARCHAR", 0))},
		{"nothing is text", "a,b\n,\n", 0, with(nil, 1, column("a", "VARCHAR", 1), column("b", "VARCHAR", 1))},
		{"semicolons beside decimal commas", "a;b\n1,5;x\n2,5;y\n", 0, with(func(s *sandbox.Shape) { s.Delimiter = ';' }, 2, column("a", "VARCHAR", 0), column("b", "VARCHAR", 0))},
		{"tabs, CRLF", "a\tb\r\n1\t2\r\n", 0, with(func(s *sandbox.Shape) { s.Delimiter, s.LineEnd = '\t', "crlf" }, 1, column("a", "BIGINT", 0), column("b", "BIGINT", 0))},
		{"pipes", "a|b,c\n1|2\n", 0, with(func(s *sandbox.Shape) { s.Delimiter = '|' }, 1, column("a", "BIGINT", 0), column("b,c", "BIGINT", 0))},
		{"a full-width comma is text", "甲，乙\n1，2\n", 0, with(nil, 1, column("甲，乙", "VARCHAR", 0))},
		{"quotes", "a,b\n\"x,y\",\"1\"\n", 0, with(func(s *sandbox.Shape) { s.Quoted = true }, 1, column("a", "VARCHAR", 0), column("b", "BIGINT", 0))},
		{"no header", "甲,1\n乙,2\n", 0, with(func(s *sandbox.Shape) { s.Header = false }, 2, column("column1", "VARCHAR", 0), column("column2", "BIGINT", 0))},
		{"a first record that stands again", "男,汉\n女,回\n男,满\n", 0, with(func(s *sandbox.Shape) { s.Header = false }, 3, column("column1", "VARCHAR", 0), column("column2", "VARCHAR", 0))},
		{"the first rows", "a\n1\n2\nx\n", 2, with(func(s *sandbox.Shape) { s.Whole = false }, 2, column("a", "BIGINT", 0))},
		{"numbers of JSON", `[{"a":1,"b":123456789012345678,"c":"007","d":null,"e":true,"f":""}]`, 0,
			sandbox.Shape{Format: "json", Encoding: "utf-8", Tables: []string{}, Whole: true, Rows: 1, Columns: []sandbox.ShapeColumn{
				column("a", "BIGINT", 0), column("b", "BIGINT", 0), column("c", "VARCHAR", 0), column("d", "VARCHAR", 1), column("e", "BOOLEAN", 0), column("f", "VARCHAR", 0)}}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, _, err := inspect(t, p, sandbox.Delivery{Encoding: "auto", Source: strings.NewReader(c.file)}, c.limit)
			if err != nil {
				t.Fatalf("Inspect() = %v", err)
			}
			if c.want.Score == 1000 && len(c.want.Columns) > 1 && got.Score != 1000 {
				t.Errorf("Score = %d", got.Score)
			}
			got.Score = c.want.Score
			if diff := cmp.Diff(c.want, *got); diff != "" {
				t.Errorf("Inspect() (-want +got):\n%s", diff)
			}
		})
	}
	for rule, c := range map[string]struct{ file, code string }{
		"an old workbook": {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 600), "xls"},
		"100,000 columns": {strings.Repeat("a,", 99_999) + "b\n", "columns"},
		"an empty file":   {"", "header_absent"},
		"a ragged file":   {"a,b\n1,2\n1,2,3\n", "fields"},
	} {
		_, _, err := inspect(t, p, sandbox.Delivery{Encoding: "auto", Source: strings.NewReader(c.file)}, 0)
		var refused *sandbox.DeliveryError
		if !errors.As(err, &refused) || refused.Code != c.code {
			t.Errorf("%s: Inspect() = %v, want %s", rule, err, c.code)
		}
	}
}

func TestSQLiteThroughWorkers(t *testing.T) {
	p := pool(t, sandbox.Config{})
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"CREATE TABLE visits(id INTEGER PRIMARY KEY, name TEXT, code TEXT, at TEXT, raw BLOB)",
		"INSERT INTO visits VALUES (7, '李四', '007', '2024-02-29', x'00'), (8, NULL, '008', '2024-03-01', NULL)"} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := sandbox.Shape{Format: "sqlite", Packing: "gzip", Tables: []string{"visits"}, Rows: 2, Whole: true, Columns: []sandbox.ShapeColumn{
		{Name: "id", Type: "BIGINT"}, {Name: "name", Type: "VARCHAR", Nulls: 1}, {Name: "code", Type: "VARCHAR"}, {Name: "at", Type: "DATE"}, {Name: "raw", Nulls: 1}}}
	got, _, err := inspect(t, p, sandbox.Delivery{Source: bytes.NewReader(gzipped(t, f))}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("Inspect() (-want +got):\n%s", diff)
	}
	for packing, f := range map[string][]byte{"none": f, "gzip": gzipped(t, f), "zstd": zstdPacked(t, f), "zip": zipped(t, map[string][]byte{"a": f})} {
		_, err := read(t, p, sandbox.Delivery{Format: "sqlite", Packing: packing, Source: bytes.NewReader(f), Columns: []sandbox.Column{
			{Name: "id", Type: "BIGINT"}, {Name: "name", Type: "VARCHAR"}, {Name: "code", Type: "VARCHAR"}, {Name: "at", Type: "DATE"}, {Name: "raw", Type: "VARCHAR"}}})
		var refused *sandbox.DeliveryError
		if !errors.As(err, &refused) || refused.Code != "value" || refused.Row != 1 || refused.Column != "raw" {
			t.Errorf("%s: Read() = %v, want value in row 1, column raw", packing, err)
		}
	}
}

func TestInspectionOfTheFirstRowsLeavesTheRest(t *testing.T) {
	p := pool(t, sandbox.Config{})
	shape, rows, err := inspect(t, p, sandbox.Delivery{Encoding: "auto", Source: io.MultiReader(strings.NewReader("a,b\n"), &repeated{text: "1,x\n"})}, 100_000)
	if err != nil || shape.Rows != 100_000 || shape.Whole || len(rows) != 10_000 {
		t.Errorf("Inspect() = %+v, %d rows, %v", shape, len(rows), err)
	}
}
