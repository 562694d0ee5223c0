package release_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/release"
)

func records(alloc memory.Allocator, columns ...release.Column) release.Plan {
	return release.Plan{Columns: columns, Protected: true, RecordLevel: true, RowCap: 1000, CellCap: 1 << 30, ByteCap: 1 << 30, RecordCap: 1000, Allocator: alloc}
}

// Each type that may leave, its values in the order in which they leave.
func TestEveryTypeHasATotalOrder(t *testing.T) {
	for _, tc := range []struct {
		duckdb string
		arrow  arrow.DataType
		want   string // JSON values, in order
	}{
		{"BOOLEAN", arrow.FixedWidthTypes.Boolean, `false false true null null`},
		{"TINYINT", arrow.PrimitiveTypes.Int8, `-128 -1 0 127 null`},
		{"SMALLINT", arrow.PrimitiveTypes.Int16, `-32768 -1 0 32767 null`},
		{"INTEGER", arrow.PrimitiveTypes.Int32, `-2147483648 -1 0 2147483647 null`},
		{"BIGINT", arrow.PrimitiveTypes.Int64, `-9007199254740991 -1 0 2 10 null`},
		{"UTINYINT", arrow.PrimitiveTypes.Uint8, `0 2 10 255 null`},
		{"USMALLINT", arrow.PrimitiveTypes.Uint16, `0 2 10 65535 null`},
		{"UINTEGER", arrow.PrimitiveTypes.Uint32, `0 2 10 4294967295 null`},
		{"UBIGINT", arrow.PrimitiveTypes.Uint64, `0 2 10 9007199254740991 null`},
		{"HUGEINT", &arrow.Decimal128Type{Precision: 38}, `"-5" "2" "10" "99999999999999999999999999999999999999" null`},
		{"DECIMAL(9,2)", &arrow.Decimal128Type{Precision: 9, Scale: 2}, `"-1.50" "-0.01" "2" "10" null`},
		{"FLOAT", arrow.PrimitiveTypes.Float32, `-1.5 0 0.25 2 10 null`},
		{"DOUBLE", f64, `-1.5 0 0.25 2 10 null`},
		{"VARCHAR", str, `"" "10" "2" "A" "a" "区" null null`},
		{"DATE", arrow.FixedWidthTypes.Date32, `"1969-12-31" "2024-05-24" "2024-11-01" null`},
		{"TIMESTAMP", &arrow.TimestampType{Unit: arrow.Microsecond}, `"1969-12-31 23:59:59.999999" "2024-05-24 08:00:00" "2024-05-24 08:00:00.000001" null`},
	} {
		alloc := checked(t)
		fields := []arrow.Field{field("x", tc.arrow)}
		plan := records(alloc, release.Column{Name: "x", Type: tc.duckdb, Form: release.Masked})
		var values []string
		for _, v := range splitJSON(tc.want) {
			values = append(values, `{"x": `+v+`}`)
		}
		var first []byte
		for seed := range uint64(5) {
			shuffled := append([]string(nil), values...)
			if seed > 0 {
				rand.New(rand.NewPCG(seed, 0)).Shuffle(len(values), func(i, j int) {
					shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
				})
			}
			// Two batches, so that order across batches counts too.
			half := len(shuffled) / 2
			c, _, err := release.Check(stream(
				batch(t, alloc, fields, strings.Join(shuffled[:half], ",")),
				batch(t, alloc, fields, strings.Join(shuffled[half:], ",")),
			), plan)
			if err != nil {
				t.Fatalf("%s: %v", tc.duckdb, err)
			}
			got := content(t, c)
			if first == nil { // the values as written
				first = got
				inOrder, _, err := release.Check(stream(batch(t, alloc, fields, strings.Join(values, ","))), unordered(plan))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(content(t, inOrder), got) {
					t.Errorf("%s: released %s, want %s", tc.duckdb, text(t, c), tc.want)
				}
				inOrder.Release()
			}
			if !bytes.Equal(got, first) {
				t.Errorf("%s: seed %d: released %s, want %s", tc.duckdb, seed, text(t, c), tc.want)
			}
			c.Release()
		}
	}
}

// unordered returns the plan of the same rows without a protected reference,
// which leave as they come.
func unordered(p release.Plan) release.Plan {
	p.Protected, p.RecordLevel = false, false
	return p
}

// splitJSON splits at spaces outside quotes.
func splitJSON(s string) []string {
	var out []string
	quoted := false
	start := 0
	for i, r := range s + " " {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return out
}

func TestFloatsThatLookAlikeStillHaveAnOrder(t *testing.T) {
	alloc := checked(t)
	plan := records(alloc, release.Column{Name: "x", Type: "DOUBLE", Form: release.Masked})
	negativeNaN := math.Float64frombits(math.Float64bits(math.NaN()) | 1<<63)
	want := []float64{math.Inf(-1), math.Copysign(0, -1), 0, math.Inf(1), math.NaN(), negativeNaN}
	for _, in := range [][]float64{
		want,
		{negativeNaN, math.NaN(), math.Inf(1), 0, math.Copysign(0, -1), math.Inf(-1)},
		{0, negativeNaN, math.Copysign(0, -1), math.Inf(1), math.NaN(), math.Inf(-1)},
	} {
		b := array.NewFloat64Builder(alloc)
		b.AppendValues(in, nil)
		col := b.NewArray()
		b.Release()
		rec := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{field("x", f64)}, nil), []arrow.Array{col}, int64(len(in)))
		col.Release()
		c, _, err := release.Check(stream(rec), plan)
		if err != nil {
			t.Fatal(err)
		}
		o := roundTrip(t, c)
		got := o.Rows[0].Column(0).(*array.Float64)
		for i, w := range want {
			// The sign of a NaN orders before its bits do, as of -0 and 0.
			if i < 4 && math.Float64bits(got.Value(i)) != math.Float64bits(w) || i >= 4 && !math.IsNaN(got.Value(i)) {
				t.Errorf("row %d = %v, want %v", i, got.Value(i), w)
			}
		}
		if math.Signbit(got.Value(4)) == math.Signbit(got.Value(5)) || !math.Signbit(got.Value(4)) {
			t.Errorf("NaNs come as %x, %x", math.Float64bits(got.Value(4)), math.Float64bits(got.Value(5)))
		}
		o.Release()
		c.Release()
	}
}

func TestRecordsWithoutOrderBySortByEveryColumn(t *testing.T) {
	alloc := checked(t)
	plan := records(alloc,
		release.Column{Name: "a", Type: "VARCHAR", Form: release.Masked},
		release.Column{Name: "b", Type: "BIGINT", Form: release.Clear})
	fields := []arrow.Field{field("a", str), field("b", i64)}
	c, _, err := release.Check(stream(batch(t, alloc, fields, `
		{"a": "y", "b": 1}, {"a": "x", "b": 3}, {"a": null, "b": 0}, {"a": "x", "b": null}, {"a": "x", "b": 2}`)), plan)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if got, want := text(t, c), `{"a":"x","b":2}
{"a":"x","b":3}
{"a":"x","b":null}
{"a":"y","b":1}
{"a":null,"b":0}`; got != want {
		t.Errorf("released\n%s\nwant\n%s", got, want)
	}
}

// The first rows of a limit are the first in the order of release, so the
// stored order does not choose them.
func TestLimitWithoutOrderByTakesTheSmallest(t *testing.T) {
	alloc := checked(t)
	plan := records(alloc, release.Column{Name: "b", Type: "BIGINT", Form: release.Clear})
	plan.Limit = ptr(2)
	c, _, err := release.Check(stream(batch(t, alloc, []arrow.Field{field("b", i64)}, `{"b": 5}, {"b": 3}, {"b": 4}, {"b": 1}`)), plan)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if got, want := text(t, c), "{\"b\":1}\n{\"b\":3}"; got != want {
		t.Errorf("released\n%s\nwant\n%s", got, want)
	}
}

func TestOrderByKeepsItsOrderAndTiesSortByReleasedValues(t *testing.T) {
	alloc := checked(t)
	plan := records(alloc,
		release.Column{Name: "id", Type: "VARCHAR", Form: release.Token, Token: true},
		release.Column{Name: "k1", Type: "BIGINT", Form: release.Clear},
		release.Column{Name: "k2", Type: "VARCHAR", Form: release.Masked})
	plan.Ordered, plan.Order, plan.RekeyToken = true, []int{1, 2}, rekeyed
	fields := []arrow.Field{field("id", str), field("k1", i64), field("k2", str)}
	c, _, err := release.Check(stream(batch(t, alloc, fields, `
		{"id": "1d", "k1": 9, "k2": "x"},
		{"id": "1c", "k1": 5, "k2": "x"},
		{"id": "1z", "k1": 5, "k2": "w"},
		{"id": "2b", "k1": 5, "k2": "w"}`), batch(t, alloc, fields, `
		{"id": "3a", "k1": 5, "k2": "w"},
		{"id": "1q", "k1": null, "k2": "w"},
		{"id": "2p", "k1": null, "k2": "w"}`)), plan)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	got := ""
	for _, line := range strings.Fields(text(t, c)) {
		got += strings.TrimPrefix(line, `{"id":"`)[:2] + " "
	}
	if want := "d1 c1 a3 b2 z1 p2 q1 "; got != want {
		t.Errorf("released %s, want %s", got, want)
	}
	empty, _, err := release.Check(stream(), plan)
	if err != nil {
		t.Fatal(err)
	}
	empty.Release()
}

// ORDER BY s, of a statement that leaves the suppression to the gate: the place
// of a suppressed s among its neighbors would tell it.
func TestRowsWithASuppressedValueGoLast(t *testing.T) {
	for _, tc := range []struct{ name, z, y, want string }{
		{"values the gate suppresses", "2", "4", "cbayz"},
		{"nulls of the statement itself", "null", "null", "czbya"},
	} {
		alloc := checked(t)
		p, fields := visits(alloc)
		p.Ordered = true
		c, _, err := release.Check(stream(batch(t, alloc, fields, `
			{"district": "c", "n": 1, "s": 1, "__g": 10, "__c": 10},
			{"district": "z", "n": 1, "s": `+tc.z+`, "__g": 10, "__c": 2},
			{"district": "b", "n": 1, "s": 3, "__g": 10, "__c": 10},
			{"district": "y", "n": 1, "s": `+tc.y+`, "__g": 10, "__c": 2},
			{"district": "a", "n": 1, "s": 5, "__g": 10, "__c": 10}`)), p)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, line := range strings.Fields(text(t, c)) {
			got += strings.TrimPrefix(line, `{"district":"`)[:1]
		}
		if got != tc.want {
			t.Errorf("%s: released %q, want %q", tc.name, got, tc.want)
		}
		c.Release()
	}
}

func TestRowsWithoutProtectedReferenceLeaveAsTheyCome(t *testing.T) {
	alloc := checked(t)
	plan := unordered(records(alloc, release.Column{Name: "b", Type: "BIGINT", Form: release.Clear}))
	c, _, err := release.Check(stream(batch(t, alloc, []arrow.Field{field("b", i64)}, `{"b": 5}, {"b": 3}, {"b": 4}`)), plan)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if got, want := strings.ReplaceAll(text(t, c), "\n", " "), `{"b":5} {"b":3} {"b":4}`; got != want {
		t.Errorf("released %s, want %s", got, want)
	}
}
