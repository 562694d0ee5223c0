package sandbox_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"zonebox/sandbox"
)

// file returns a file of testdata.
func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil || w.Close() != nil {
		t.Fatal("gzip")
	}
	return out.Bytes()
}

func zstdPacked(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

func zipped(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, b := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func encoded(t testing.TB, e encoding.Encoding, b []byte) []byte {
	t.Helper()
	out, err := e.NewEncoder().Bytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// lines turns an array of objects into one object per line.
func lines(t testing.TB, b []byte) []byte {
	t.Helper()
	var objects []json.RawMessage
	if err := json.Unmarshal(b, &objects); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, o := range objects {
		out = append(append(out, o...), '\n')
	}
	return out
}

// batches reads one delivery with a fresh worker.
func batches(t testing.TB, p *sandbox.Pool, d sandbox.Delivery) ([]arrow.RecordBatch, error) {
	t.Helper()
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	defer s.Close()
	r, err := s.Read(t.Context(), d)
	if err != nil {
		return nil, err
	}
	var all []arrow.RecordBatch
	for {
		b, err := r.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
}

func TestEveryFormatGivesTheSameRows(t *testing.T) {
	p := pool(t, sandbox.Config{})
	csv, table := file(t, "visits.csv"), file(t, "visits.json")
	want, err := batches(t, p, sandbox.Delivery{Format: "csv", Columns: visits, Source: bytes.NewReader(csv)})
	if err != nil || len(want) != 1 {
		t.Fatalf("Read() of the CSV file = %d batches, %v, want one", len(want), err)
	}
	text := [][]string{
		{"李四", "-7", "1.1", "true", "2024-02-29", "2024-02-29T08:00:00.25", "-12.3"},
		{"无", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)"},
		{"(null)", "9007199254740", "2.5", "false", "1901-02-03", "2001-02-03T04:05:06", "-0.01"},
		{"a,\"b\"\nc", "123456789012345", "-0.5", "false", "1900-01-01", "1999-12-31T23:59:59", "9999.99"},
		{"1.0", "0", "1e-07", "true", "9999-12-31", "1970-01-01T00:00:00", "0"},
	}
	for i, row := range text {
		for c, v := range row {
			got := strings.TrimSuffix(want[0].Column(c).ValueStr(i), "Z")
			if got != v {
				t.Errorf("CSV row %d column %d = %q, want %q", i+1, c, got, v)
			}
		}
	}
	tsv := []byte(strings.NewReplacer("a,\"\"b\"\"", "a;\"\"b\"\"", ",", "\t", ";", ",").Replace(strings.Replace(string(csv), "a,\"\"", "a;\"\"", 1)))
	utf16 := encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), csv)
	book, parquet, arrows := file(t, "visits-openpyxl.xlsx"), file(t, "visits-pyarrow.parquet"), file(t, "visits.arrows")
	for _, c := range []struct {
		name string
		d    sandbox.Delivery
		file []byte
	}{
		{"tsv", sandbox.Delivery{Format: "tsv"}, tsv},
		{"csv in GB18030", sandbox.Delivery{Format: "csv", Encoding: "gb18030"}, encoded(t, simplifiedchinese.GB18030, csv)},
		{"csv in UTF-16LE with a mark", sandbox.Delivery{Format: "csv", Encoding: "utf-16le"}, utf16},
		{"csv in UTF-16BE without", sandbox.Delivery{Format: "csv", Encoding: "utf-16be"}, encoded(t, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), csv)},
		{"csv.gz", sandbox.Delivery{Format: "csv"}, gzipped(t, csv)},
		{"csv.gz in two members", sandbox.Delivery{Format: "csv"}, append(gzipped(t, csv[:40]), gzipped(t, csv[40:])...)},
		{"csv.zst", sandbox.Delivery{Format: "csv"}, zstdPacked(t, csv)},
		{"csv.zip", sandbox.Delivery{Format: "csv"}, zipped(t, map[string][]byte{"../../etc/visits.csv": csv})},
		{"csv.zip in GB18030", sandbox.Delivery{Format: "csv", Encoding: "gb18030"}, zipped(t, map[string][]byte{"": encoded(t, simplifiedchinese.GB18030, csv)})},
		{"json", sandbox.Delivery{Format: "json"}, table},
		{"json in GB18030", sandbox.Delivery{Format: "json", Encoding: "gb18030"}, encoded(t, simplifiedchinese.GB18030, table)},
		{"json.gz", sandbox.Delivery{Format: "json", Packing: "gzip"}, gzipped(t, table)},
		{"json lines", sandbox.Delivery{Format: "jsonl"}, lines(t, table)},
		{"json lines.zst", sandbox.Delivery{Format: "jsonl"}, zstdPacked(t, lines(t, table))},
		{"parquet", sandbox.Delivery{Format: "parquet"}, parquet},
		{"parquet.gz", sandbox.Delivery{Format: "parquet"}, gzipped(t, parquet)},
		{"parquet.zip", sandbox.Delivery{Format: "parquet"}, zipped(t, map[string][]byte{"a": parquet})},
		{"arrow file, lz4", sandbox.Delivery{Format: "arrow"}, file(t, "visits-lz4.feather")},
		{"arrow file, zstd", sandbox.Delivery{Format: "arrow"}, file(t, "visits-zstd.feather")},
		{"arrow file with a dictionary", sandbox.Delivery{Format: "arrow"}, file(t, "visits-dictionary.feather")},
		{"arrow stream", sandbox.Delivery{Format: "arrow"}, arrows},
		{"arrow stream.zst", sandbox.Delivery{Format: "arrow"}, zstdPacked(t, arrows)},
		{"xlsx by openpyxl", sandbox.Delivery{Format: "xlsx"}, book},
		{"xlsx by excelize", sandbox.Delivery{Format: "xlsx", Sheet: "就诊"}, file(t, "visits-excelize.xlsx")},
		{"xlsx.gz", sandbox.Delivery{Format: "xlsx"}, gzipped(t, book)},
		{"xlsx in a zip", sandbox.Delivery{Format: "xlsx", Packing: "zip"}, zipped(t, map[string][]byte{"b": book})},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.d.Columns, c.d.Source = visits, bytes.NewReader(c.file)
			got, err := batches(t, p, c.d)
			if err != nil {
				t.Fatalf("Read() = %v", err)
			}
			if len(got) != 1 || !array.RecordEqual(got[0], want[0]) {
				t.Errorf("Read() = %v, want %v", got, want)
			}
		})
	}
}

// TestAHiddenSheetIsNamedOrRefused: the first sheet that a person sees is not the
// first there is.
func TestAHiddenSheetIsNamedOrRefused(t *testing.T) {
	p := pool(t, sandbox.Config{})
	sheet := func(value string) []byte {
		return []byte(`<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>s</t></is></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>` + value + `</t></is></c></row></sheetData></worksheet>`)
	}
	for _, c := range []struct{ state, sheet, want string }{
		{"", "", "first"}, {"visible", "", "first"}, {"hidden", "", ""}, {"veryHidden", "", ""}, {"hidden", "one", "first"}, {"hidden", "two", "second"},
	} {
		book := zipped(t, map[string][]byte{
			"_rels/.rels":                []byte(`<Relationships><Relationship Id="r" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>`),
			"xl/workbook.xml":            []byte(`<workbook xmlns:r="x/relationships"><sheets><sheet name="one" state="` + c.state + `" r:id="s1"/><sheet name="two" r:id="s2"/></sheets></workbook>`),
			"xl/_rels/workbook.xml.rels": []byte(`<Relationships><Relationship Id="s1" Type="x/worksheet" Target="1.xml"/><Relationship Id="s2" Type="x/worksheet" Target="2.xml"/></Relationships>`),
			"xl/1.xml":                   sheet("first"), "xl/2.xml": sheet("second"),
		})
		got, err := read(t, p, sandbox.Delivery{Format: "xlsx", Sheet: c.sheet, Columns: []sandbox.Column{{Name: "s", Type: "VARCHAR"}}, Source: bytes.NewReader(book)})
		var refused *sandbox.DeliveryError
		if c.want != "" && (err != nil || len(got) != 1 || got[0][0] != c.want) || c.want == "" && (!errors.As(err, &refused) || refused.Code != "sheet") {
			t.Errorf("state %q, sheet %q: Read() = %v, %v, want %q", c.state, c.sheet, got, err, c.want)
		}
	}
}
