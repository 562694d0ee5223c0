package zone_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/sha256"
	"iter"
	"strings"
	"sync"
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
		"decimal(18,0)": &arrow.Decimal128Type{Precision: 18},
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

// batches returns the pieces of a projection as record batches.
func batches(s *zone.Store, ctx context.Context, p zone.Projection) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for piece, err := range s.Project(ctx, p) {
			if err != nil {
				yield(nil, err)
				return
			}
			var fields []arrow.Field
			columns := []arrow.Array{}
			for _, c := range piece.Columns {
				arr, err := c.Array()
				if err != nil {
					for _, c := range columns {
						c.Release()
					}
					yield(nil, err)
					return
				}
				columns, fields = append(columns, arr), append(fields, arrow.Field{Name: c.Name, Type: arr.DataType(), Nullable: true})
			}
			rec := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(piece.Rows))
			for _, c := range columns {
				c.Release()
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// read prints a projection, one row a line, columns separated by |.
func read(t *testing.T, s *zone.Store, p zone.Projection) (string, error) {
	t.Helper()
	var out strings.Builder
	for rec, err := range batches(s, t.Context(), p) {
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

func TestAProjectionShowsWhatItSaysAndNoMore(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	p := projection(info,
		zone.Project{Name: "visit_date", Recipe: &masking.Recipe{Kind: "date", Part: "month"}},
		zone.Project{Name: "district", Recipe: &masking.Recipe{Kind: "region", Digits: 4}},
		zone.Project{Name: "cost"},
	)
	want := `2024-05|320100|10.5
2024-05|320100|-3.25
2024-06|320100|-
2023-12|320100|99.75
-|-|0
1970-01|320100|1
2024-05|110100|2
2024-02|320100|5
`
	if got := mustRead(t, s, p); got != want {
		t.Errorf("projection =\n%s\nwant\n%s", got, want)
	}
}

func TestColumnsAreNamedTypedAndNullable(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	p := projection(info, all(spec)...)
	p.Columns[2].Recipe = &masking.Recipe{Kind: "number", Width: 10}
	p.Entity = true
	want := `id_number: type=utf8, nullable
district: type=utf8, nullable
cost: type=utf8, nullable
visits: type=int64, nullable
visit_date: type=date32, nullable
seen: type=timestamp[us], nullable
insured: type=bool, nullable
paid: type=decimal(10, 2), nullable
__entity: type=uint32, nullable`
	count := 0
	for rec, err := range batches(s, t.Context(), p) {
		if err != nil {
			t.Fatal(err)
		}
		count++
		var got []string
		for _, f := range rec.Schema().Fields() {
			got = append(got, f.String())
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("schema =\n%s\nwant\n%s", strings.Join(got, "\n"), want)
		}
		rec.Release()
	}
	if count != 3 {
		t.Errorf("batches = %d, want 3", count)
	}
}

func TestAProjectionWithoutColumnsCountsRows(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	p := projection(info)
	p.Scope = []zone.Condition{{"district", []string{"320106"}}}
	total := int64(0)
	for rec, err := range batches(s, t.Context(), p) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.NumCols() != 0 {
			t.Errorf("columns = %d, want 0", rec.NumCols())
		}
		total += rec.NumRows()
		rec.Release()
	}
	if total != 4 {
		t.Errorf("rows in scope = %d, want 4", total)
	}
}

func TestTokensJoinDatasetsOfAZone(t *testing.T) {
	s := open(t, t.TempDir())
	persons := zone.Spec{Zone: "health", Dataset: "persons", Columns: []zone.ColumnSpec{{"person", "string"}}}
	a := load(t, s, spec, visits)
	b := load(t, s, persons, `[{"person":"320106197001010002"},{"person":"x"}]`)
	token := &masking.Recipe{Kind: "token"}
	visit := strings.Split(mustRead(t, s, projection(a, zone.Project{Name: "id_number", Recipe: token})), "\n")
	person := strings.Split(mustRead(t, s, projection(b, zone.Project{Name: "person", Recipe: token})), "\n")
	if visit[2] != person[0] || len(visit[2]) != 32 || visit[0] == person[0] || visit[3] != "-" {
		t.Errorf("tokens of visits %v and persons %v do not join as their values do", visit, person)
	}
}

func TestRowScope(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	for _, c := range []struct {
		name  string
		scope []zone.Condition
		want  string // visits of the rows left
	}{
		{"no condition", nil, "7 12 - 40 0 -1 100 19"},
		{"one of two districts", []zone.Condition{{"district", []string{"320105", "110101"}}}, "- 40 100"},
		{"both conditions", []zone.Condition{{"district", []string{"320106"}}, {"insured", []string{"true"}}}, "7 19"},
		{"a value that no row has", []zone.Condition{{"district", []string{"999999"}}}, ""},
		{"nothing allowed", []zone.Condition{{"district", nil}}, ""},
		{"null meets no condition", []zone.Condition{{"visits", []string{"7", "0"}}}, "7 0"},
		{"dates", []zone.Condition{{"visit_date", []string{"2024-02-29", "1970-01-01"}}}, "-1 19"},
		{"timestamps", []zone.Condition{{"seen", []string{"1969-12-31 23:59:59"}}}, "0"},
		{"decimals", []zone.Condition{{"paid", []string{"1.5", "-0.05"}}}, "7 40"},
		{"floats", []zone.Condition{{"cost", []string{"-3.25", "-0"}}}, "12 0"},
		{"the text that Arrow takes for null", []zone.Condition{{"district", []string{"(null)", ""}}}, ""},
	} {
		p := projection(info, zone.Project{Name: "visits"})
		p.Scope = c.scope
		if got := strings.Join(strings.Fields(mustRead(t, s, p)), " "); got != c.want {
			t.Errorf("%s: visits = %q, want %q", c.name, got, c.want)
		}
		p.Columns, p.Entity = all(spec), true
		if got := strings.Count(mustRead(t, s, p), "\n"); got != len(strings.Fields(c.want)) {
			t.Errorf("%s: rows over all columns = %d, want %d", c.name, got, len(strings.Fields(c.want)))
		}
	}
}

func TestLoadStatistics(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	got, err := s.Stats(info.Zone, info.Dataset, info.Version, info.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range []zone.Stats{info.Stats, got} {
		if st.Rows != 8 || st.Entities != 4 || st.MostRows != 3 || st.Unkeyed != 1 || len(st.Columns) != 8 {
			t.Errorf("stats = %+v, want 8 rows, 4 entities, 3 most rows, 1 unkeyed, 8 columns", st)
		}
		// entropy of 3 2 1 1 of 7 rows: log2(7) - (3·log2(3) + 2)/7 = 1.8424
		id, _ := st.Column("id_number")
		if id.Nulls != 1 || !near(id.Entropy, 1.8424) || !near(id.Top, 3.0/7) {
			t.Errorf("id_number = %+v, want 1 null, 1.8424 bits, top 3/7", id)
		}
		// 5 of 7 true: 0.8631 bits
		insured, _ := st.Column("insured")
		if insured.Nulls != 1 || !near(insured.Entropy, 0.8631) || !near(insured.Top, 5.0/7) {
			t.Errorf("insured = %+v, want 1 null, 0.8631 bits, top 5/7", insured)
		}
		if _, found := st.Column("nobody"); found {
			t.Error("stats know a column that does not exist")
		}
	}
}

func near(got, want float64) bool { return got-want < 0.0001 && want-got < 0.0001 }

func TestStatisticsOfColumnsWithoutValuesRefuseTokens(t *testing.T) {
	s := open(t, t.TempDir())
	one := zone.Spec{Zone: "z", Dataset: "d", Columns: []zone.ColumnSpec{{"a", "string"}, {"b", "string"}}}
	info := load(t, s, one, `[{"a":null,"b":"same"},{"a":null,"b":"same"}]`)
	want := []zone.ColumnStats{{Name: "a", Nulls: 2, Entropy: 0, Top: 1}, {Name: "b", Nulls: 0, Entropy: 0, Top: 1}}
	for i, c := range info.Stats.Columns {
		if c != want[i] {
			t.Errorf("stats = %+v, want %+v", c, want[i])
		}
	}
}

func TestAnEmptyDatasetHasNoSegments(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, `[]`)
	if info.Rows != 0 || info.Segments != 0 {
		t.Errorf("rows, segments = %d, %d, want 0, 0", info.Rows, info.Segments)
	}
	if got := mustRead(t, s, projection(info, all(spec)...)); got != "" {
		t.Errorf("projection = %q, want no rows", got)
	}
	if err := s.Verify(info.Zone, info.Dataset, info.Version, info.Manifest); err != nil {
		t.Errorf("Verify = %v", err)
	}
}

func TestBatchSizesDoNotShow(t *testing.T) {
	s := open(t, t.TempDir())
	rec := rows(t, spec, visits)
	want := mustRead(t, s, projection(load(t, s, spec, visits), all(spec)...))
	for size := int64(1); size <= 8; size++ {
		l, err := s.Begin(spec)
		if err != nil {
			t.Fatal(err)
		}
		for from := int64(0); from < 8; from += size {
			part := rec.NewSlice(from, min(8, from+size))
			err := l.Append(part)
			part.Release()
			if err != nil {
				t.Fatal(err)
			}
		}
		info, err := l.Commit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := mustRead(t, s, projection(info, all(spec)...)); got != want || info.Segments != 3 || info.Stats.Entities != 4 {
			t.Errorf("batches of %d rows: %+v\n%s\nwant\n%s", size, info, got, want)
		}
	}
}

func TestLoadsAndProjectionsRunBesideEachOther(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	p := projection(info, all(spec)...)
	want := mustRead(t, s, p)
	rec := rows(t, spec, visits)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got, err := read(t, s, p); got != want || err != nil {
				t.Errorf("projection = %q, %v", got, err)
			}
		})
		wg.Go(func() {
			l, err := s.Begin(spec)
			if err != nil {
				t.Error(err)
				return
			}
			if err := l.Append(rec); err != nil {
				t.Error(err)
			}
			other, err := l.Commit(t.Context())
			if err != nil {
				t.Error(err)
			}
			if err := s.Verify(other.Zone, other.Dataset, other.Version, other.Manifest); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := s.Sweep(func(string, string, string) bool { return true }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestReopenedStoreReadsWhatWasCommitted(t *testing.T) {
	dir := t.TempDir()
	info := load(t, open(t, dir), spec, visits)
	if got := mustRead(t, open(t, dir), projection(info, zone.Project{Name: "cost"})); !strings.HasPrefix(got, "10.5\n-3.25\n-\n") {
		t.Errorf("projection after reopening = %q", got)
	}
}
