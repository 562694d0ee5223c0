package zone_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/zone"
)

// keys is a Wrapper with one key per zone name, and counts unwraps.
type keys struct{}

func (keys) aead(zone string) cipher.AEAD {
	key := sha256.Sum256([]byte("zone key of " + zone))
	block, _ := aes.NewCipher(key[:])
	aead, _ := cipher.NewGCM(block)
	return aead
}

func (k keys) Wrap(zone string, dek, aad []byte) ([]byte, error) {
	return k.aead(zone).Seal(nil, make([]byte, 12), dek, aad), nil
}

func (k keys) Unwrap(zone string, wrapped, aad []byte) ([]byte, error) {
	return k.aead(zone).Open(nil, make([]byte, 12), wrapped, aad)
}

type signer struct{ key ed25519.PrivateKey }

func newSigner(name string) signer {
	seed := sha256.Sum256([]byte(name))
	return signer{ed25519.NewKeyFromSeed(seed[:])}
}

func (s signer) Sign(msg []byte) []byte { return ed25519.Sign(s.key, msg) }
func (s signer) Verify(msg, sig []byte) bool {
	return ed25519.Verify(s.key.Public().(ed25519.PublicKey), msg, sig)
}

// open opens a store of three-row segments on a checked allocator.
func open(t *testing.T, dir string) *zone.Store {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	t.Cleanup(func() { alloc.AssertSize(t, 0) })
	s, err := zone.New(zone.Config{Dir: dir, Wrapper: keys{}, Signer: newSigner("gate"), Allocator: alloc, SegmentRows: 3})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var spec = zone.Spec{
	Zone: "health", Dataset: "city.Visits", Entity: "id_number",
	Columns: []zone.ColumnSpec{
		{"id_number", "string"}, {"district", "string"}, {"cost", "float64"}, {"visits", "int64"},
		{"visit_date", "date"}, {"seen", "timestamp"}, {"insured", "bool"}, {"paid", "decimal(10,2)"},
	},
}

func schemaOf(spec zone.Spec) *arrow.Schema {
	types := map[string]arrow.DataType{
		"string": arrow.BinaryTypes.String, "int64": arrow.PrimitiveTypes.Int64, "float64": arrow.PrimitiveTypes.Float64,
		"bool": arrow.FixedWidthTypes.Boolean, "date": arrow.FixedWidthTypes.Date32,
		"timestamp": &arrow.TimestampType{Unit: arrow.Microsecond}, "decimal(10,2)": &arrow.Decimal128Type{Precision: 10, Scale: 2},
	}
	var fields []arrow.Field
	for _, c := range spec.Columns {
		fields = append(fields, arrow.Field{Name: c.Name, Type: types[c.Type], Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// visits are 8 rows: entities 5 1 2 - 5 5 1 9 (- is null).
const visits = `[
{"id_number":"320106197001010005","district":"320106","cost":10.5,"visits":7,"visit_date":"2024-05-01","seen":"2024-05-01 08:00:00","insured":true,"paid":"1.50"},
{"id_number":"320106197001010001","district":"320106","cost":-3.25,"visits":12,"visit_date":"2024-05-02","seen":"2024-05-02 08:00:00","insured":false,"paid":"200.00"},
{"id_number":"320106197001010002","district":"320105","cost":null,"visits":null,"visit_date":"2024-06-30","seen":null,"insured":null,"paid":null},
{"id_number":null,"district":"320105","cost":99.75,"visits":40,"visit_date":"2023-12-31","seen":"2023-12-31 23:59:59.999999","insured":true,"paid":"-0.05"},
{"id_number":"320106197001010005","district":null,"cost":0,"visits":0,"visit_date":null,"seen":"1969-12-31 23:59:59","insured":true,"paid":"0.00"},
{"id_number":"320106197001010005","district":"320106","cost":1,"visits":-1,"visit_date":"1970-01-01","seen":"1970-01-01 00:00:00","insured":false,"paid":"3.10"},
{"id_number":"320106197001010001","district":"110101","cost":2,"visits":100,"visit_date":"2024-05-31","seen":"2024-05-31 12:00:00","insured":true,"paid":"7.00"},
{"id_number":"320106197001010009","district":"320106","cost":5,"visits":19,"visit_date":"2024-02-29","seen":"2024-02-29 00:00:00","insured":true,"paid":"99.99"}]`

func rows(t *testing.T, spec zone.Spec, json string) arrow.RecordBatch {
	t.Helper()
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schemaOf(spec), strings.NewReader(json))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rec.Release)
	return rec
}

func load(t *testing.T, s *zone.Store, spec zone.Spec, json string) zone.Info {
	t.Helper()
	l, err := s.Begin(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(rows(t, spec, json)); err != nil {
		t.Fatal(err)
	}
	info, err := l.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func projection(info zone.Info, columns ...zone.Project) zone.Projection {
	return zone.Projection{
		Zone: info.Zone, Dataset: info.Dataset, Version: info.Version, Manifest: info.Manifest,
		Columns: columns, Keys: masking.Keys{Token: bytes.Repeat([]byte{7}, 32)},
	}
}

// read prints a projection, one row a line, columns separated by |.
func read(t *testing.T, s *zone.Store, p zone.Projection) (string, error) {
	t.Helper()
	var out strings.Builder
	for rec, err := range s.Project(t.Context(), p) {
		if err != nil {
			return out.String(), err
		}
		for i := range int(rec.NumRows()) {
			for c, col := range rec.Columns() {
				if c > 0 {
					out.WriteString("|")
				}
				if col.IsNull(i) {
					out.WriteString("-")
				} else {
					out.WriteString(col.ValueStr(i))
				}
			}
			out.WriteString("\n")
		}
		rec.Release()
	}
	return out.String(), nil
}

func mustRead(t *testing.T, s *zone.Store, p zone.Projection) string {
	t.Helper()
	text, err := read(t, s, p)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func all(spec zone.Spec) []zone.Project {
	var columns []zone.Project
	for _, c := range spec.Columns {
		columns = append(columns, zone.Project{Name: c.Name})
	}
	return columns
}

func TestRowsComeBackInOrderWithDenseEntityCodes(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	if info.Rows != 8 || info.Segments != 3 {
		t.Errorf("rows, segments = %d, %d, want 8, 3", info.Rows, info.Segments)
	}
	p := projection(info, all(spec)...)
	p.Entity = true
	want := `320106197001010005|320106|10.5|7|2024-05-01|2024-05-01T08:00:00|true|1.5|0
320106197001010001|320106|-3.25|12|2024-05-02|2024-05-02T08:00:00|false|200|1
320106197001010002|320105|-|-|2024-06-30|-|-|-|2
-|320105|99.75|40|2023-12-31|2023-12-31T23:59:59.999999|true|-0.05|-
320106197001010005|-|0|0|-|1969-12-31T23:59:59|true|0|0
320106197001010005|320106|1|-1|1970-01-01|1970-01-01T00:00:00|false|3.1|0
320106197001010001|110101|2|100|2024-05-31|2024-05-31T12:00:00|true|7|1
320106197001010009|320106|5|19|2024-02-29|2024-02-29T00:00:00|true|99.99|3
`
	if got := mustRead(t, s, p); got != want {
		t.Errorf("projection =\n%s\nwant\n%s", got, want)
	}
}

var _ = fmt.Sprint
var _ = errors.Is
var _ fs.FS
var _ = os.Stat
var _ = filepath.Join
var _ = context.Background
