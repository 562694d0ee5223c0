package sandbox_test

import (
	"errors"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"zonebox/query/ast"
	"zonebox/sandbox"
)

// people has a column of every type a dataset may have, and the entity code.
var people = sandbox.Table{Name: "people", Columns: []sandbox.Column{
	{Name: "name", Type: "VARCHAR"},
	{Name: "born", Type: "DATE"},
	{Name: "seen", Type: "TIMESTAMP"},
	{Name: "income", Type: "DOUBLE"},
	{Name: "visits", Type: "BIGINT"},
	{Name: "paid", Type: "DECIMAL(9,2)"},
	{Name: "debt", Type: "DECIMAL(38,4)"},
	{Name: "insured", Type: "BOOLEAN"},
	{Name: "__entity", Type: "UINTEGER"},
}}

// peopleSchema is the Arrow form of people.
var peopleSchema = arrow.NewSchema([]arrow.Field{
	{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "born", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "seen", Type: &arrow.TimestampType{Unit: arrow.Microsecond}, Nullable: true},
	{Name: "income", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "visits", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "paid", Type: &arrow.Decimal128Type{Precision: 9, Scale: 2}, Nullable: true},
	{Name: "debt", Type: &arrow.Decimal128Type{Precision: 38, Scale: 4}, Nullable: true},
	{Name: "insured", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "__entity", Type: arrow.PrimitiveTypes.Uint32, Nullable: true},
}, nil)

// peopleBatch has rows first to first+n-1. Every value follows from its row
// number i; every seventh row is null but for the name.
func peopleBatch(first, n int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, peopleSchema)
	defer b.Release()
	for i := first; i < first+n; i++ {
		name := "李" // short: stored in place by the engine
		if i%2 == 1 {
			name = "a name of more than twelve bytes"
		}
		b.Field(0).(*array.StringBuilder).Append(name)
		if i%7 == 0 {
			for c := 1; c < 9; c++ {
				b.Field(c).AppendNull()
			}
			continue
		}
		b.Field(1).(*array.Date32Builder).Append(arrow.Date32(i))
		b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(i) * 1_000_000)
		b.Field(3).(*array.Float64Builder).Append(float64(i))
		b.Field(4).(*array.Int64Builder).Append(int64(i))
		b.Field(5).(*array.Decimal128Builder).Append(decimal128.FromI64(int64(i)))
		b.Field(6).(*array.Decimal128Builder).Append(decimal128.FromI64(-int64(i)))
		b.Field(7).(*array.BooleanBuilder).Append(i%3 == 0)
		b.Field(8).(*array.Uint32Builder).Append(uint32(i / 2))
	}
	return b.NewRecordBatch()
}

func seal(t *testing.T, recs ...arrow.RecordBatch) []sandbox.Segment {
	t.Helper()
	var segs []sandbox.Segment
	for _, r := range recs {
		g, err := sandbox.SealBatch(r)
		if err != nil {
			t.Fatalf("SealBatch() = %v", err)
		}
		r.Release()
		t.Cleanup(func() { _ = g.Close() })
		segs = append(segs, g)
	}
	return segs
}

func attach(t *testing.T, s *sandbox.Session, table sandbox.Table, segs ...sandbox.Segment) {
	t.Helper()
	if err := s.Attach(t.Context(), table, segs); err != nil {
		t.Fatalf("Attach() = %v", err)
	}
}

// hash returns the tree hash of sql, parsed by a session of its own.
func hash(t *testing.T, p *sandbox.Pool, sql string) [32]byte {
	t.Helper()
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	defer s.Close()
	tree, err := s.Parse(t.Context(), sql)
	if err != nil {
		t.Fatalf("Parse(%q) = %v", sql, err)
	}
	h, err := ast.HashJSON(tree)
	if err != nil {
		t.Fatalf("HashJSON() = %v", err)
	}
	return h
}

// rows drains a result: one slice of printed cells per row.
func rows(r *sandbox.Result, err error) ([][]string, error) {
	if err != nil {
		return nil, err
	}
	var out [][]string
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		for i := range int(rec.NumRows()) {
			row := make([]string, rec.NumCols())
			for c := range row {
				row[c] = rec.Column(c).ValueStr(i)
			}
			out = append(out, row)
		}
		rec.Release()
	}
}

// query attaches people in segments of batches and runs sql.
func query(t *testing.T, p *sandbox.Pool, sql string, segs ...sandbox.Segment) ([][]string, error) {
	t.Helper()
	h := hash(t, p, sql)
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	defer s.Close()
	attach(t, s, people, segs...)
	return rows(s.Execute(t.Context(), sql, h, sandbox.Limits{}))
}

func TestStatementsSeeAttachedSegmentsAsOneTable(t *testing.T) {
	p := pool(t, sandbox.Config{})
	small := seal(t, peopleBatch(0, 3), peopleBatch(3, 4), peopleBatch(7, 3))
	large := seal(t, peopleBatch(0, 150_000), peopleBatch(150_000, 50_001))
	for _, c := range []struct {
		rule string
		sql  string
		segs []sandbox.Segment
		want [][]string
	}{
		{"every type crosses both ways", `SELECT * FROM people WHERE visits = 3`, small, [][]string{
			{"a name of more than twelve bytes", "1970-01-04", "1970-01-01T00:00:03", "3", "3", "0.03", "-0.0003", "true", "1"}}},
		{"nulls stay null", `SELECT * FROM people WHERE visits IS NULL ORDER BY name`, small, [][]string{
			{"a name of more than twelve bytes", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)"},
			{"李", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)"}}},
		{"no column is needed to count", `SELECT count(*) FROM people`, small, [][]string{{"10"}}},
		{"a statement without tables runs", `SELECT 1 + 1 AS two`, nil, [][]string{{"2"}}},
		{"a table without segments is empty", `SELECT count(*), sum(visits) FROM people`, nil, [][]string{{"0", "(null)"}}},
		{"projection keeps columns apart", `SELECT sum(visits), sum(income), sum(debt), min(born), max(seen), count(insured) FROM people`, small,
			[][]string{{"38", "38", "-0.0038", "1970-01-02", "1970-01-01T00:00:09", "8"}}},
		{"one table twice in one statement", `SELECT count(*) FROM people a JOIN people b ON a.visits = b.visits`, small, [][]string{{"8"}}},
		{"columns in another order", `SELECT __entity, name FROM people WHERE income = 8`, small, [][]string{{"4", "李"}}},
		{"filters on every thread", `SELECT count(*), count(visits), sum(visits), count(DISTINCT __entity) FROM people`, large,
			[][]string{{"200001", "171429", "17142942858", "100001"}}},
		{"strings survive a sort", `SELECT name, visits FROM people WHERE visits > 199996 ORDER BY name, visits DESC`, large,
			[][]string{{"a name of more than twelve bytes", "199999"},
				{"李", "200000"}, {"李", "199998"}}},
		{"names of any case, group by text", `SELECT NAME, count(*) FROM PEOPLE GROUP BY name ORDER BY name`, large,
			[][]string{{"a name of more than twelve bytes", "100000"}, {"李", "100001"}}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := query(t, p, c.sql, c.segs...)
			if err != nil {
				t.Fatalf("Execute(%q) = %v", c.sql, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Execute(%q) (-want +got):\n%s", c.sql, diff)
			}
		})
	}
}

func TestResultLargerThanOneBatchArrivesWhole(t *testing.T) {
	p := pool(t, sandbox.Config{})
	got, err := query(t, p, `SELECT visits, name FROM people`, seal(t, peopleBatch(0, 150_000))...)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 150_000 {
		t.Fatalf("got %d rows, want 150000", len(got))
	}
	for i, row := range got {
		want := "李"
		if i%2 == 1 {
			want = "a name of more than twelve bytes"
		}
		if row[1] != want {
			t.Fatalf("row %d holds %q, want %q", i, row[1], want)
		}
	}
}
