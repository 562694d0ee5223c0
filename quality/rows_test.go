package quality_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/quality"
)

type recordBatch = arrow.RecordBatch

var today = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

var arrowTypes = map[string]arrow.DataType{
	"string": arrow.BinaryTypes.String, "int64": arrow.PrimitiveTypes.Int64, "float64": arrow.PrimitiveTypes.Float64,
	"bool": arrow.FixedWidthTypes.Boolean, "date": arrow.FixedWidthTypes.Date32, "timestamp": &arrow.TimestampType{Unit: arrow.Microsecond},
	"decimal(10,2)": &arrow.Decimal128Type{Precision: 10, Scale: 2},
}

// names are the columns of batches: s, i, f, b, d, t, m by type, then s2 …
func names(types []string) []string {
	short := map[string]string{"string": "s", "int64": "i", "float64": "f", "bool": "b", "date": "d", "timestamp": "t", "decimal(10,2)": "m"}
	seen := map[string]int{}
	var out []string
	for _, t := range types {
		seen[t]++
		name := short[t]
		if seen[t] > 1 {
			name += fmt.Sprint(seen[t])
		}
		out = append(out, name)
	}
	return out
}

func columns(types ...string) []quality.Column {
	var out []quality.Column
	for i, name := range names(types) {
		out = append(out, quality.Column{Name: name, Type: types[i], Nullable: true})
	}
	return out
}

// batches cuts rows into batches of 1, 4, 13, 40, 121 … rows. Values are of the Go
// type of their column, or text to be parsed, nil for null.
func batches(t testing.TB, types []string, rows [][]any) []arrow.RecordBatch {
	t.Helper()
	var fields []arrow.Field
	for i, name := range names(types) {
		fields = append(fields, arrow.Field{Name: name, Type: arrowTypes[types[i]], Nullable: true})
	}
	schema := arrow.NewSchema(fields, nil)
	var out []arrow.RecordBatch
	for size := 1; len(rows) > 0; size = size*3%200 + 1 {
		n := min(size, len(rows))
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for _, row := range rows[:n] {
			for i, v := range row {
				put(t, b.Field(i), v)
			}
		}
		out = append(out, b.NewRecordBatch())
		b.Release()
		rows = rows[n:]
	}
	return out
}

func put(t testing.TB, b array.Builder, v any) {
	t.Helper()
	switch v := v.(type) {
	case nil:
		b.AppendNull()
	case int64:
		b.(*array.Int64Builder).Append(v)
	case float64:
		b.(*array.Float64Builder).Append(v)
	case string:
		if s, ok := b.(*array.StringBuilder); ok {
			s.Append(v)
		} else if err := b.AppendValueFromString(v); err != nil {
			t.Fatal(err)
		}
	}
}

// store feeds checkers, as the zone store does.
type store struct {
	own     []arrow.RecordBatch
	others  map[string][]arrow.RecordBatch
	passes  int
	perPass []string
}

func (s *store) feed(p *quality.Pass) error {
	s.passes++
	s.perPass = append(s.perPass, fmt.Sprint(p.Dataset, p.Columns))
	rows := s.own
	if p.Dataset != "" {
		var ok bool
		if rows, ok = s.others[p.Dataset]; !ok {
			p.Absent()
			return nil
		}
	}
	for _, rec := range rows {
		var cols []arrow.Array
		for _, name := range p.Columns {
			cols = append(cols, rec.Column(rec.Schema().FieldIndices(name)[0]))
		}
		if err := p.Add(cols); err != nil {
			return err
		}
	}
	return nil
}

// check measures the rows as they come.
func (s *store) check(t testing.TB, plan *quality.Plan, o quality.Options) *quality.Report {
	t.Helper()
	c := plan.Start(o)
	if err := c.Prepare(s.feed); err != nil {
		t.Fatal(err)
	}
	for _, rec := range s.own {
		if err := c.Add(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Finish(s.feed); err != nil {
		t.Fatal(err)
	}
	return c.Report(quality.Facts{Dataset: "visits", Declared: -1}, quality.Gate{})
}

func compile(t testing.TB, cols []quality.Column, parents map[string][]quality.Column, contract string) *quality.Plan {
	t.Helper()
	p, err := quality.Compile(mustDecode(t, contract), cols, parents)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func outcome(t testing.TB, r *quality.Report, id string) quality.Outcome {
	t.Helper()
	for _, o := range r.Rules {
		if o.ID == id {
			return o
		}
	}
	t.Fatalf("the report has no rule %s", id)
	return quality.Outcome{}
}
