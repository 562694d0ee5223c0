package query_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/query/analysis"
	"zonebox/sandbox"
)

// extremes is a protected table of the values that make functions raise.
var extremes = []struct {
	name, delivered, engine string
	class                   byte // as in analysis.Function.Args
	arrow                   arrow.DataType
	values                  []any
}{
	{"i", "int64", "BIGINT", 'i', arrow.PrimitiveTypes.Int64, []any{int64(math.MinInt64), int64(math.MaxInt64), int64(0), int64(-1), int64(1), int64(math.MaxInt32) + 1}},
	{"f", "float64", "DOUBLE", 'n', arrow.PrimitiveTypes.Float64, []any{math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64, math.Inf(1), math.NaN(), -1.0, 0.0, math.SmallestNonzeroFloat64}},
	{"s", "string", "VARCHAR", 's', arrow.BinaryTypes.String, []any{"", "a", "数据", "2024-13-45", "9223372036854775808", "1e999", "%", strings.Repeat("x", 5000)}},
	{"b", "bool", "BOOLEAN", 'b', arrow.FixedWidthTypes.Boolean, []any{true, false}},
	{"d", "date", "DATE", 'd', arrow.FixedWidthTypes.Date32, []any{arrow.Date32(2147483646), arrow.Date32(-2147483646), arrow.Date32(0), arrow.Date32(2147483647), arrow.Date32(-2147483647)}},
	{"t", "timestamp", "TIMESTAMP", 't', &arrow.TimestampType{Unit: arrow.Microsecond}, []any{arrow.Timestamp(math.MaxInt64 - 1), arrow.Timestamp(-9223372022400000000), arrow.Timestamp(0), arrow.Timestamp(math.MaxInt64), arrow.Timestamp(-math.MaxInt64)}},
	{"m", "decimal(18,2)", "DECIMAL(18,2)", 'n', &arrow.Decimal128Type{Precision: 18, Scale: 2}, []any{decimal128.FromI64(999999999999999999), decimal128.FromI64(-999999999999999999), decimal128.FromI64(0)}},
	{"w", "decimal(38,10)", "DECIMAL(38,10)", 'n', &arrow.Decimal128Type{Precision: 38, Scale: 10}, []any{decimal128.MaxDecimal128, decimal128.MaxDecimal128.Negate(), decimal128.FromI64(1)}},
}

// arguments are what a call may be tried with, by class of argument.
func arguments(class byte, words []string) []string {
	var out []string
	for _, c := range extremes {
		if c.class == class || class == 'a' || class == 'n' && c.class == 'i' || class == 't' && c.class == 'd' {
			out = append(out, c.name)
		}
	}
	switch class {
	case 'c':
		for _, w := range words {
			out = append(out, "'"+w+"'")
		}
	case 's':
		out = append(out, "'x'", "''")
	case 'i':
		out = append(out, "2147483648", "-1", "0")
	case 'n':
		out = append(out, "0", "-9223372036854775807", "1e308", "0.5")
	case 'v':
		out = append(out, "to_days(i)", "to_years(7)", "to_hours(i)")
	}
	return out
}

// calls writes calls of f with every combination of arguments, up to a few.
func calls(f analysis.Function) []string {
	var out []string
	for _, shape := range f.Args {
		shape = strings.TrimSuffix(shape, "*")
		combined := []string{""}
		for i := range len(shape) {
			var next []string
			for _, c := range combined {
				for _, arg := range arguments(shape[i], f.Words) {
					next = append(next, strings.TrimPrefix(c+", "+arg, ", "))
				}
			}
			combined = next
		}
		for _, c := range combined {
			args := strings.Split(c, ", ")
			switch {
			case f.Name == "count_star":
				out = append(out, "count(*)")
			case !f.Operator() && f.Name != "position":
				out = append(out, f.Name+"("+c+")")
			case len(args) == 1:
				out = append(out, "("+f.Name+" "+c+")")
			case f.Name == "position":
				out = append(out, "position("+args[0]+" IN "+args[1]+")")
			default:
				out = append(out, "("+args[0]+" "+f.Name+" "+args[1]+")")
			}
		}
	}
	return out
}

// An error tells whether a row was there: beside protected tables nothing on
// the reviewed list raises, whatever the values.
func TestNothingRaisesBesideProtectedTables(t *testing.T) {
	t.Parallel()
	p := livePool(t, 2)
	parser := liveSession(t, p)
	cat := analysis.Catalog{Tables: []analysis.Table{{Name: "people", Personal: true, Entity: "id", K: 1}}}
	id := analysis.Column{Name: "id", Type: "string", Level: 4, Mode: analysis.Masked, Recipe: "token", Token: true, Granted: true}
	cat.Tables[0].Columns = append(cat.Tables[0].Columns, id)
	table := sandbox.Table{Name: "people"}
	for _, c := range extremes {
		cat.Tables[0].Columns = append(cat.Tables[0].Columns, analysis.Column{Name: c.name, Type: c.delivered, Level: 2, Mode: analysis.Clear, Nullable: true, Granted: true})
		table.Columns = append(table.Columns, sandbox.Column{Name: c.name, Type: c.engine})
	}
	table.Columns = append(table.Columns, sandbox.Column{Name: "__entity", Type: "UINTEGER"})

	var tried []string
	accepted := func(sql string) (*analysis.Statement, bool) {
		tree, err := liveTree(t, parser, sql)
		if err != nil {
			t.Fatalf("%s\n%v", sql, err)
		}
		st, err := analysis.Analyze(sql, tree, cat, analysis.Options{})
		if _, refused := errors.AsType[*analysis.Refusal](err); refused {
			return nil, false
		}
		if err != nil {
			t.Fatal(err)
		}
		return st, true
	}
	run := func(exprs []string) error {
		st, ok := accepted("SELECT " + strings.Join(exprs, ", ") + " FROM people")
		if !ok {
			return fmt.Errorf("refused together, not alone")
		}
		if _, err := parser.Bind(t.Context(), []sandbox.Table{table}, st.SQL, st.Groups()...); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
		s, err := p.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		g, err := sandbox.SealBatch(extremeRows())
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if err := s.Attach(t.Context(), table, []sandbox.Segment{g}); err != nil {
			t.Fatal(err)
		}
		r, err := s.Execute(t.Context(), st.SQL, liveHash(t, parser, st.SQL), sandbox.Limits{}, st.Groups()...)
		for err == nil {
			_, err = r.Next()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	var check func(exprs []string)
	check = func(exprs []string) {
		err := run(exprs)
		if err == nil {
			return
		}
		if len(exprs) == 1 {
			t.Errorf("SELECT %s: %v", exprs[0], err)
			return
		}
		check(exprs[:len(exprs)/2])
		check(exprs[len(exprs)/2:])
	}
	var scalar, aggregate []string
	for _, f := range analysis.Functions() {
		for _, e := range calls(f) {
			if st, ok := accepted("SELECT " + e + " FROM people"); ok {
				if st.Outputs[0].Type == "INTERVAL" { // which does not cross the border
					e = "(" + e + ") IS NULL"
				}
				tried = append(tried, f.Name)
				if f.Aggregate {
					aggregate = append(aggregate, e)
				} else {
					scalar = append(scalar, e)
				}
			}
		}
	}
	for _, c := range extremes {
		for _, typ := range []string{"INTEGER", "TINYINT", "BIGINT", "HUGEINT", "DOUBLE", "DECIMAL(9,2)", "DECIMAL(38,30)", "VARCHAR", "DATE", "TIMESTAMP", "BOOLEAN"} {
			e := "CAST(" + c.name + " AS " + typ + ")"
			if _, ok := accepted("SELECT " + e + " FROM people"); ok {
				scalar = append(scalar, "("+e+") IS NULL")
			}
		}
		for _, d := range extremes {
			for _, e := range []string{c.name + " = " + d.name, c.name + " IN (" + d.name + ", NULL)", c.name + " BETWEEN " + d.name + " AND " + d.name,
				"coalesce(" + c.name + ", " + d.name + ")", "CASE WHEN " + c.name + " IS NULL THEN " + c.name + " ELSE " + d.name + " END"} {
				if _, ok := accepted("SELECT " + e + " FROM people"); ok {
					scalar = append(scalar, e)
				}
			}
		}
	}
	for batch := range slices.Chunk(scalar, 100) {
		check(batch)
	}
	for batch := range slices.Chunk(aggregate, 100) {
		check(batch)
	}
	names := slices.Compact(slices.Sorted(slices.Values(tried)))
	t.Logf("%d scalar and %d aggregate expressions of %d functions", len(scalar), len(aggregate), len(names))
}

// extremeRows repeats the values of each column so that all pairs of
// neighboring lists meet.
func extremeRows() arrow.RecordBatch {
	var fields []arrow.Field
	for _, c := range extremes {
		fields = append(fields, arrow.Field{Name: c.name, Type: c.arrow, Nullable: true})
	}
	fields = append(fields, arrow.Field{Name: "__entity", Type: arrow.PrimitiveTypes.Uint32, Nullable: true})
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for row := range 9 * 8 * 7 {
		for i, c := range extremes {
			v := any(nil)
			if n := row / (i*i + 1) % (len(c.values) + 1); n > 0 {
				v = c.values[n-1]
			}
			switch f := b.Field(i).(type) {
			case *array.Int64Builder:
				put(f, v)
			case *array.Float64Builder:
				put(f, v)
			case *array.StringBuilder:
				put(f, v)
			case *array.BooleanBuilder:
				put(f, v)
			case *array.Date32Builder:
				put(f, v)
			case *array.TimestampBuilder:
				put(f, v)
			case *array.Decimal128Builder:
				put(f, v)
			}
		}
		b.Field(len(extremes)).(*array.Uint32Builder).Append(uint32(row))
	}
	return b.NewRecordBatch()
}

func put[T any](b interface {
	Append(T)
	AppendNull()
}, v any) {
	if x, ok := v.(T); ok {
		b.Append(x)
	} else {
		b.AppendNull()
	}
}
