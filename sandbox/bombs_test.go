package sandbox_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/zstd"

	"zonebox/sandbox"
)

// deflated returns a raw deflate stream of start and n copies of block, cheaply:
// each copy is the same bytes, which refer to nothing before them.
func deflated(t testing.TB, start string, block []byte, n int) []byte {
	t.Helper()
	flushed := func(b []byte) []byte {
		var out bytes.Buffer
		w, err := flate.NewWriter(&out, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil || w.Flush() != nil {
			t.Fatal("flate")
		}
		return out.Bytes()
	}
	end := []byte{0x03, 0x00} // a last block of nothing
	return append(append(flushed([]byte(start)), bytes.Repeat(flushed(block), n)...), end...)
}

// gzipBomb returns a gzip file whose checksum nobody will live to see.
func gzipBomb(t testing.TB, block []byte, n int) []byte {
	out := append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), deflated(t, "", block, n)...)
	return append(out, make([]byte, 8)...)
}

// zipBomb returns an archive of one file that says how large it is.
func zipBomb(t testing.TB, name, start string, block []byte, n int, others map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range others {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
	}
	packed := deflated(t, start, block, n)
	f, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, CRC32: 1,
		CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(len(start)) + uint64(n)*uint64(len(block))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(packed); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// zstdBomb returns n copies of block.
func zstdBomb(t testing.TB, block []byte, n int) io.Reader {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}

// repeated yields one text for ever.
type repeated struct {
	text string
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	for n := 0; ; {
		m := copy(p[n:], r.text[r.at:])
		n += m
		if r.at = (r.at + m) % len(r.text); n == len(p) {
			return n, nil
		}
	}
}

// gatePeak returns the largest resident set this process had since reset, and
// its resident set now.
func gatePeak(t testing.TB) (peak, now int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	field := func(name string) int64 {
		m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(b)
		if m == nil {
			t.Fatal("no " + name)
		}
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		return n << 10
	}
	return field("VmHWM"), field("VmRSS")
}

// TestBombsEndTheirLoadAlone is about the gate: whatever a file unpacks to, the
// gate's memory stays what it was but for the spool, and the next session works.
func TestBombsEndTheirLoadAlone(t *testing.T) {
	const mb = 1 << 20
	zeros := make([]byte, mb)
	space := bytes.Repeat([]byte(" "), mb)
	line := strings.Repeat("a", 1000)
	rows := []byte(strings.Repeat(line+"\n", 1000))
	book := map[string]string{
		"_rels/.rels":                `<Relationships><Relationship Id="r" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            `<workbook xmlns:r="x/relationships"><sheets><sheet name="one" r:id="s1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="s1" Type="x/worksheet" Target="sheet.xml"/></Relationships>`,
	}
	inner := zipped(t, map[string][]byte{"a.csv": []byte("s\n")})
	forty2 := zipped(t, map[string][]byte{"1.zip": inner, "2.zip": inner})
	column := []sandbox.Column{{Name: "s", Type: "VARCHAR"}}
	// The header comes in a member of its own, then the bomb.
	header := gzipped(t, []byte("s\n"))
	p := pool(t, sandbox.Config{Memory: 512 * mb, Spool: 64 * mb, Decoded: 512 * mb, Load: 60 * time.Second})
	small := pool(t, sandbox.Config{Memory: 512 * mb, Decoded: 16 * mb})
	endless := pool(t, sandbox.Config{Memory: 512 * mb, Load: 2 * time.Second})
	for _, c := range []struct {
		rule   string
		p      *sandbox.Pool
		d      sandbox.Delivery
		source func() io.Reader
		code   string
		err    error
	}{
		{rule: "10 GB of zeros in a zip", d: sandbox.Delivery{Format: "csv"}, source: func() io.Reader { return bytes.NewReader(zipBomb(t, "a", "", zeros, 10<<10, nil)) }, code: "too_long"},
		{rule: "10 GB of spaces in a zip", d: sandbox.Delivery{Format: "json"}, source: func() io.Reader { return bytes.NewReader(zipBomb(t, "a", "", space, 10<<10, nil)) }, code: "too_large"},
		{rule: "10 GB of rows in gzip", d: sandbox.Delivery{Format: "csv"}, source: func() io.Reader {
			return io.MultiReader(bytes.NewReader(header), bytes.NewReader(gzipBomb(t, rows, 10<<10)))
		}, code: "too_large"},
		{rule: "1 GB of spaces in zstd", d: sandbox.Delivery{Format: "jsonl"}, source: func() io.Reader { return zstdBomb(t, space, 1024) }, code: "too_large"},
		{rule: "10 GB of zeros in gzip called Parquet", d: sandbox.Delivery{Format: "parquet"}, source: func() io.Reader { return bytes.NewReader(gzipBomb(t, zeros, 10<<10)) }, code: "too_large"},
		{rule: "10 GB of zeros in a zip called Arrow", d: sandbox.Delivery{Format: "arrow"}, source: func() io.Reader { return bytes.NewReader(zipBomb(t, "a", "", zeros, 10<<10, nil)) }, code: "too_large"},
		{rule: "a workbook with a sheet ten thousand times", p: small, d: sandbox.Delivery{Format: "xlsx"},
			source: func() io.Reader {
				return bytes.NewReader(zipBomb(t, "xl/sheet.xml", "", []byte("<worksheet>"+strings.Repeat("<a> </a>", 1000)+"</worksheet>"), 10<<10, book))
			}, code: "format"},
		{rule: "a workbook with a sheet of 10 GB of elements", p: small, d: sandbox.Delivery{Format: "xlsx"},
			source: func() io.Reader {
				return bytes.NewReader(zipBomb(t, "xl/sheet.xml", "<worksheet>", bytes.Repeat([]byte("<a> </a>"), 100_000), 10<<10, book))
			}, code: "too_large"},
		{rule: "archives in an archive", d: sandbox.Delivery{Format: "csv"}, source: func() io.Reader { return bytes.NewReader(forty2) }, code: "members"},
		{rule: "an archive in an archive", d: sandbox.Delivery{Format: "csv"}, source: func() io.Reader { return bytes.NewReader(zipped(t, map[string][]byte{"a": inner})) }, code: "nested_archive"},
		{rule: "gzip in gzip", d: sandbox.Delivery{Format: "csv"}, source: func() io.Reader { return bytes.NewReader(gzipped(t, header)) }, code: "nested_archive"},
		{rule: "one field of 1 GB", d: sandbox.Delivery{Format: "csv"}, source: func() io.Reader { return io.LimitReader(&repeated{text: "a"}, 1<<30) }, code: "too_long"},
		{rule: "an endless file of rows", p: endless, d: sandbox.Delivery{Format: "csv"}, source: func() io.Reader { return io.MultiReader(strings.NewReader("s\n"), &repeated{text: line + "\n"}) }, err: sandbox.ErrTime},
		{rule: "an endless Parquet file", d: sandbox.Delivery{Format: "parquet"}, source: func() io.Reader { return &repeated{text: "PAR1"} }, code: "too_large"},
		{rule: "100,000 columns", d: sandbox.Delivery{Format: "csv"}, source: func() io.Reader { return strings.NewReader(strings.Repeat("a,", 100_000) + "b\n1\n") }, code: "header_unknown"},
		{rule: "an object of 100,000 keys", d: sandbox.Delivery{Format: "jsonl"}, source: func() io.Reader {
			return io.MultiReader(strings.NewReader("{"), io.LimitReader(&repeated{text: `"s":"x",`}, 900_000))
		}, code: "key_duplicate"},
		{rule: "JSON a million deep", d: sandbox.Delivery{Format: "json"}, source: func() io.Reader { return strings.NewReader(strings.Repeat("[", 1<<20)) }, code: "format"},
		{rule: "a line of 2 GB between quotes", d: sandbox.Delivery{Format: "csv"}, source: func() io.Reader {
			return io.MultiReader(strings.NewReader("s\n\""), io.LimitReader(&repeated{text: "a,\n"}, 2<<30))
		}, code: "too_long"},
		{rule: "Parquet with a dictionary named a hundred million times", d: sandbox.Delivery{Format: "parquet"}, source: func() io.Reader { return bytes.NewReader(dictionaryBomb(t)) }, code: "too_large"},
		{rule: "a database of texts of 4 GB", d: sandbox.Delivery{Format: "sqlite"}, source: func() io.Reader { return bytes.NewReader(sqliteBomb(t)) }, code: "too_long"},
		{rule: "an endless database", d: sandbox.Delivery{Format: "sqlite"}, source: func() io.Reader { return &repeated{text: "SQLite format 3\x00"} }, code: "too_large"},
		{rule: "10 GB of zeros in gzip called a database", d: sandbox.Delivery{Format: "sqlite"}, source: func() io.Reader { return bytes.NewReader(gzipBomb(t, zeros, 10<<10)) }, code: "too_large"},
		{rule: "10 GB of GB18030 in gzip", d: sandbox.Delivery{Format: "csv", Encoding: "gb18030"}, source: func() io.Reader {
			return io.MultiReader(bytes.NewReader(header), bytes.NewReader(gzipBomb(t, bytes.Repeat([]byte("\xd6\xd0\xb9\xfa\n"), 200_000), 10<<10)))
		}, code: "too_large"},
		{rule: "an endless workbook", d: sandbox.Delivery{Format: "xlsx"}, source: func() io.Reader { return &repeated{text: "PK\x03\x04"} }, code: "too_large"},
		{rule: "an archive cut off", d: sandbox.Delivery{Format: "csv"}, source: func() io.Reader { return bytes.NewReader(inner[:len(inner)-9]) }, code: "damaged"},
		{rule: "a zip with a password", d: sandbox.Delivery{Format: "csv"}, source: func() io.Reader { return bytes.NewReader(withPassword(inner)) }, code: "encrypted"},
		{rule: "Brotli with packing", d: sandbox.Delivery{Format: "csv", Packing: "brotli"}, source: func() io.Reader { return strings.NewReader("") }, code: "packing"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if c.p == nil {
				c.p = p
			}
			c.d.Source = c.source()
			debug.FreeOSMemory()
			if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
				t.Skip("the kernel does not reset the peak of a process")
			}
			_, before := gatePeak(t)
			c.d.Columns = column
			began := time.Now()
			err := drain(t, c.p, c.d)
			took := time.Since(began)
			peak, _ := gatePeak(t)
			var refused *sandbox.DeliveryError
			errors.As(err, &refused)
			if refused == nil && (c.err == nil || !errors.Is(err, c.err)) || refused != nil && refused.Code != c.code {
				t.Errorf("Read() = %v, want %v %s", err, c.err, c.code)
			}
			debug.FreeOSMemory()
			_, after := gatePeak(t)
			t.Logf("%v in %v; the gate's resident set: before %d MB, peak %+d MB, after %+d MB", err, took.Round(time.Millisecond), before/mb, (peak-before)/mb, (after-before)/mb)
			if peak-before > (10+64)*mb || after-before > 10*mb {
				t.Errorf("the gate's memory grew by %d MB at its peak and %d MB at the end", (peak-before)/mb, (after-before)/mb)
			}
			if got, err := read(t, p, sandbox.Delivery{Format: "csv", Columns: column, Source: strings.NewReader("s\nx\n")}); err != nil || len(got) != 1 {
				t.Errorf("the next session reads %v, %v", got, err)
			}
		})
	}
}

// dictionaryBomb returns a small Parquet file whose only value of 64 KB stands in
// ten thousand rows, by a dictionary and in runs.
func dictionaryBomb(t testing.TB) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	value := strings.Repeat("a", 64<<10)
	for range 10_000 {
		b.Field(0).(*array.StringBuilder).Append(value)
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &out, parquet.NewWriterProperties(parquet.WithDictionaryDefault(true), parquet.WithCompression(compress.Codecs.Zstd)), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 1<<20 {
		t.Fatalf("the bomb has %d bytes", out.Len())
	}
	return out.Bytes()
}

// sqliteBomb returns a database whose only row says that it has 4 GB.
func sqliteBomb(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"CREATE TABLE t(s TEXT)", "INSERT INTO t VALUES ('x')"} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const leaf, cell = 4096, 4096 + 2000 // the table's page; its cell is put where there is room
	copy(b[cell:], "\x8f\xff\xff\xff\x7f\x01\x02\x0f")
	b[leaf+8], b[leaf+9] = byte((cell-leaf)>>8), byte((cell-leaf)&0xff)
	return b
}

// drain reads a delivery and forgets it.
func drain(t testing.TB, p *sandbox.Pool, d sandbox.Delivery) error {
	t.Helper()
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Read(t.Context(), d)
	for err == nil {
		b, next := r.Next()
		if err = next; err == nil {
			b.Release()
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// withPassword sets the flag of encryption in both heads of an archive's file.
func withPassword(archive []byte) []byte {
	b := bytes.Clone(archive)
	b[6] |= 1
	directory := bytes.Index(b, []byte("PK\x01\x02"))
	b[directory+8] |= 1
	return b
}

// TestMutantsThroughWorkers is TestMutants of package worker with the whole way
// in use: what a worker makes of a damaged file is what the gate accepts as a
// worker's word, never a breach of the protocol.
func TestMutantsThroughWorkers(t *testing.T) {
	const mutants, seed = 30, 20261122
	p := pool(t, sandbox.Config{Memory: 512 << 20, Load: 20 * time.Second, Pool: 2})
	csv := file(t, "visits.csv")
	for _, c := range []struct {
		format string
		file   []byte
	}{
		{"csv", csv}, {"json", file(t, "visits.json")}, {"jsonl", lines(t, file(t, "visits.json"))},
		{"csv", gzipped(t, csv)}, {"csv", zstdPacked(t, csv)}, {"csv", zipped(t, map[string][]byte{"a": csv})},
		{"parquet", file(t, "visits-pyarrow.parquet")}, {"arrow", file(t, "visits.arrows")},
		{"arrow", file(t, "visits-zstd.feather")}, {"xlsx", file(t, "visits-openpyxl.xlsx")},
	} {
		random := rand.New(rand.NewPCG(seed, uint64(len(c.file))))
		codes := map[string]int{}
		for range mutants {
			b := bytes.Clone(c.file)
			for range 1 + random.IntN(8) {
				bit := random.IntN(8 * len(b))
				b[bit/8] ^= 1 << (bit % 8)
			}
			err := drain(t, p, sandbox.Delivery{Format: c.format, Columns: visits, Source: bytes.NewReader(b)})
			var refused *sandbox.DeliveryError
			switch {
			case err == nil:
				codes["accepted"]++
			case errors.As(err, &refused):
				codes[refused.Code]++
			case errors.Is(err, sandbox.ErrMemory), errors.Is(err, sandbox.ErrTime), errors.Is(err, sandbox.ErrKilled):
				codes[fmt.Sprint(err)]++
			default:
				t.Errorf("%s: a mutant ended with %v", c.format, err)
			}
		}
		t.Logf("%s of %d bytes: %v", c.format, len(c.file), codes)
	}
}
