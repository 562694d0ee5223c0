package masking_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
)

var zoneKeys = masking.Keys{Token: bytes.Repeat([]byte{7}, 32)}

// checked returns an allocator that fails the test if memory is left.
func checked(t testing.TB) *memory.CheckedAllocator {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	t.Cleanup(func() { alloc.AssertSize(t, 0) })
	return alloc
}

// column builds an array from JSON, as in ["a", null].
func column(t testing.TB, alloc memory.Allocator, typ arrow.DataType, values string) arrow.Array {
	t.Helper()
	arr, _, err := array.FromJSON(alloc, typ, strings.NewReader(values))
	if err != nil {
		t.Fatalf("FromJSON(%s): %v", values, err)
	}
	t.Cleanup(arr.Release)
	return arr
}

// apply masks arr and prints the result, nulls as (null).
func apply(t testing.TB, alloc memory.Allocator, columnType string, r masking.Recipe, arr arrow.Array) []string {
	t.Helper()
	k, err := masking.Compile(columnType, r, zoneKeys)
	if err != nil {
		t.Fatalf("Compile(%s, %s): %v", columnType, r, err)
	}
	out, _, err := k.Apply(alloc, arr)
	if err != nil {
		t.Fatalf("Apply(%s): %v", r, err)
	}
	defer out.Release()
	if err := array.ValidateFull(out); err != nil {
		t.Fatalf("Apply(%s) gives an invalid array: %v", r, err)
	}
	return texts(out)
}

func texts(arr arrow.Array) []string {
	s := arr.(*array.String)
	out := make([]string, s.Len())
	for i := range out {
		out[i] = "(null)"
		if !s.IsNull(i) {
			out[i] = strings.Clone(s.Value(i))
		}
	}
	return out
}

var types = map[string]arrow.DataType{
	"string": arrow.BinaryTypes.String, "int64": arrow.PrimitiveTypes.Int64, "float64": arrow.PrimitiveTypes.Float64,
	"bool": arrow.FixedWidthTypes.Boolean, "date": arrow.FixedWidthTypes.Date32,
	"timestamp":     &arrow.TimestampType{Unit: arrow.Microsecond},
	"decimal(10,2)": &arrow.Decimal128Type{Precision: 10, Scale: 2},
	"decimal(38,3)": &arrow.Decimal128Type{Precision: 38, Scale: 3},
}

func TestWhatEachRecipeShows(t *testing.T) {
	partial := func(first, last int) masking.Recipe {
		return masking.Recipe{Kind: "partial", KeepFirst: first, KeepLast: last}
	}
	number := func(w float64) masking.Recipe { return masking.Recipe{Kind: "number", Width: w} }
	date := func(part string) masking.Recipe { return masking.Recipe{Kind: "date", Part: part} }
	region := func(d int) masking.Recipe { return masking.Recipe{Kind: "region", Digits: d} }
	for _, c := range []struct {
		name, column string
		recipe       masking.Recipe
		in, want     string
	}{
		{"redact hides length", "string", masking.Recipe{Kind: "redact"}, `["", "a", "张三丰", null]`, `**** **** **** (null)`},
		{"redact on numbers", "int64", masking.Recipe{Kind: "redact"}, `[1, null]`, `**** (null)`},

		{"a name keeps its first character", "string", partial(1, 0), `["张三", "欧阳娜娜", "Alice"]`, `张**** 欧**** A****`},
		{"one character shows nothing", "string", partial(1, 0), `["张", ""]`, `**** ****`},
		{"a mobile number keeps 3 and 4", "string", partial(3, 4), `["13812345678"]`, `138****5678`},
		{"a shorter number shows nothing", "string", partial(3, 4), `["84701234", "1234567", "123", "1381234567"]`, `**** **** **** ****`},
		{"15-digit and 18-digit identity numbers", "string", partial(6, 4), `["320106700101001", "32010619700101000X"]`, `320106****1001 320106****000X`},
		{"the last characters alone", "string", partial(0, 1), `["张三丰"]`, `****丰`},
		{"characters beyond the basic plane", "string", partial(1, 1), `["𠮷野家𠮷", "😀😁😂"]`, `𠮷****𠮷 😀****😂`},
		{"a combining mark belongs to the hidden part", "string", partial(1, 0), `["e\u0301a"]`, `e****`},

		{"months", "date", date("month"), `["2024-05-31", "0001-01-01", "9999-12-31", null]`, `2024-05 0001-01 9999-12 (null)`},
		{"years", "date", date("year"), `["2024-02-29", "1969-12-31"]`, `2024 1969`},
		{"a timestamp before the epoch", "timestamp", date("month"), `["1969-12-31 23:59:59.999999", "2024-05-01 00:00:00"]`, `1969-12 2024-05`},

		{"whole buckets", "int64", number(10), `[0, 9, 10, 19, -1, -10, -11, null]`, `0-9 0-9 10-19 10-19 -10--1 -10--1 -20--11 (null)`},
		{"whole buckets at the ends of int64", "int64", number(10), `["9223372036854775807", "-9223372036854775808", "9223372036854775799"]`, `**** **** 9223372036854775790-9223372036854775799`},
		{"float buckets are half open", "float64", number(10), `[0, 9.99, 10, -0.5, -10]`, `[0,10) [0,10) [10,20) [-10,0) [-10,0)`},
		{"float edges are decimals", "float64", number(0.1), `[0.3, 0.29999999999999, 0.7, -0.1, 0.1]`, `[0.3,0.4) [0.2,0.3) [0.7,0.8) [-0.1,0.0) [0.1,0.2)`},
		{"floats without exact edges", "float64", number(10), `[1e300, -1e300, 9007199254740992]`, `**** **** ****`},
		{"decimal buckets", "decimal(10,2)", number(0.5), `["1.49", "1.50", "-0.01", "0.00"]`, `[1.0,1.5) [1.5,2.0) [-0.5,0.0) [0.0,0.5)`},
		{"decimals with a finer width than the column", "decimal(10,2)", number(0.125), `["0.12", "0.13"]`, `[0.000,0.125) [0.125,0.250)`},
		{"decimals beyond 64 bits", "decimal(38,3)", number(10), `["99999999999999999999999999999999999.999", "-99999999999999999999999999999999999.999", "12345.678"]`, `**** **** [12340,12350)`},
		{"decimals at the ends of 64 bits", "decimal(38,3)", number(10), `["-9223372036854775.808", "9223372036854775.807", "-9223372036854775.809"]`, `**** [9223372036854770,9223372036854780) ****`},

		{"a district becomes its city", "string", region(4), `["320106", "110101", null]`, `320100 110100 (null)`},
		{"a district becomes its province", "string", region(2), `["320106"]`, `320000`},
		{"a village becomes its district", "string", region(6), `["320106001002", "320106001", "320106"]`, `320106000000 320106000 ****`},
		{"what is no region code", "string", region(4), `["", "3201", "32010a", "３２０１０６", "32010619700101000X", "3201060", " 320106"]`, `**** **** **** **** **** **** ****`},
	} {
		t.Run(c.name, func(t *testing.T) {
			alloc := checked(t)
			arr := column(t, alloc, types[c.column], c.in)
			if got := strings.Join(apply(t, alloc, c.column, c.recipe, arr), " "); got != c.want {
				t.Errorf("Apply(%s) = %s, want %s", c.in, got, c.want)
			}
		})
	}
}

func TestValuesJSONCannotSpell(t *testing.T) {
	alloc := checked(t)
	floats := array.NewFloat64Builder(alloc)
	defer floats.Release()
	floats.AppendValues([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}, nil)
	f := floats.NewArray()
	defer f.Release()
	if got := apply(t, alloc, "float64", masking.Recipe{Kind: "number", Width: 10}, f); strings.Join(got, " ") != "**** **** ****" {
		t.Errorf("number(10) of NaN and infinities = %v, want all redacted", got)
	}

	dates := array.NewDate32Builder(alloc)
	defer dates.Release()
	dates.AppendValues([]arrow.Date32{math.MinInt32, math.MaxInt32, -719163}, nil) // the last is 0000-12-31
	d := dates.NewArray()
	defer d.Release()
	if got := apply(t, alloc, "date", masking.Recipe{Kind: "date", Part: "year"}, d); strings.Join(got, " ") != "**** **** ****" {
		t.Errorf("date(year) outside the years 1 to 9999 = %v, want all redacted", got)
	}

	text := array.NewStringBuilder(alloc)
	defer text.Release()
	text.AppendValues([]string{"\xff\xfe\xfd\xfc\xfb", "张三\xff四五"}, nil)
	s := text.NewArray()
	defer s.Release()
	if got := apply(t, alloc, "string", masking.Recipe{Kind: "partial", KeepFirst: 1}, s); strings.Join(got, " ") != "**** ****" {
		t.Errorf("partial(1,0) of what is not UTF-8 = %q, want all redacted", got)
	}
}

func TestRecipesThatDoNotFitAreRefused(t *testing.T) {
	for _, c := range []struct {
		column, recipe string
		ok             bool
	}{
		{"string", `{"kind":"redact"}`, true},
		{"string", `{"kind":"token"}`, true},
		{"decimal(10,2)", `{"kind":"token"}`, true},
		{"string", `{"kind":"partial","keep_first":1,"keep_last":0}`, true},
		{"date", `{"kind":"date","part":"year"}`, true},
		{"timestamp", `{"kind":"date","part":"month"}`, true},
		{"int64", `{"kind":"number","width":10}`, true},
		{"float64", `{"kind":"number","width":0.5}`, true},
		{"string", `{"kind":"region","digits":4}`, true},

		{"string", `{}`, false},
		{"string", `{"kind":"REDACT"}`, false},
		{"string", `{"kind":"hash"}`, false},
		{"varchar", `{"kind":"redact"}`, false},
		{"string", `{"kind":"redact","digits":2}`, false},
		{"string", `{"kind":"token","keep_first":1}`, false},
		{"string", `{"kind":"partial"}`, false},
		{"string", `{"kind":"partial","keep_first":-1,"keep_last":3}`, false},
		{"string", `{"kind":"partial","keep_first":17}`, false},
		{"string", `{"kind":"partial","keep_first":1,"part":"year"}`, false},
		{"int64", `{"kind":"partial","keep_first":1}`, false},
		{"string", `{"kind":"date","part":"year"}`, false},
		{"date", `{"kind":"date"}`, false},
		{"date", `{"kind":"date","part":"day"}`, false},
		{"string", `{"kind":"number","width":10}`, false},
		{"int64", `{"kind":"number"}`, false},
		{"int64", `{"kind":"number","width":1}`, false},
		{"int64", `{"kind":"number","width":2.5}`, false},
		{"float64", `{"kind":"number","width":-1}`, false},
		{"float64", `{"kind":"number","width":0.0000000001}`, false},
		{"float64", `{"kind":"number","width":1e300}`, false},
		{"int64", `{"kind":"region","digits":4}`, false},
		{"string", `{"kind":"region"}`, false},
		{"string", `{"kind":"region","digits":3}`, false},
		{"string", `{"kind":"region","digits":12}`, false},
	} {
		var r masking.Recipe
		if err := json.Unmarshal([]byte(c.recipe), &r); err != nil {
			t.Fatal(err)
		}
		err := r.Validate(c.column)
		if c.ok != (err == nil) || !c.ok && !errors.Is(err, masking.ErrRecipe) {
			t.Errorf("Validate(%s) of %s = %v, want allowed %v", c.column, c.recipe, err, c.ok)
		}
		out, err := r.OutputType(c.column)
		if c.ok && (err != nil || out != "string") || !c.ok && err == nil {
			t.Errorf("OutputType(%s) of %s = %q, %v", c.column, c.recipe, out, err)
		}
		if _, err := masking.Compile(c.column, r, zoneKeys); c.ok != (err == nil) {
			t.Errorf("Compile(%s, %s) = %v, want allowed %v", c.column, c.recipe, err, c.ok)
		}
	}
	for _, width := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if err := (masking.Recipe{Kind: "number", Width: width}).Validate("float64"); !errors.Is(err, masking.ErrRecipe) {
			t.Errorf("Validate of width %v = %v, want ErrRecipe", width, err)
		}
	}
}

func TestRecipesPrintAsCataloguesSpellThem(t *testing.T) {
	for want, r := range map[string]masking.Recipe{
		"redact":       {Kind: "redact"},
		"token":        {Kind: "token"},
		"partial(1,0)": {Kind: "partial", KeepFirst: 1},
		"date(month)":  {Kind: "date", Part: "month"},
		"number(10)":   {Kind: "number", Width: 10},
		"number(0.5)":  {Kind: "number", Width: 0.5},
		"region(4)":    {Kind: "region", Digits: 4},
	} {
		if got := r.String(); got != want {
			t.Errorf("String() = %s, want %s", got, want)
		}
	}
}

func TestAKernelTakesOnlyItsOwnType(t *testing.T) {
	alloc := checked(t)
	k, err := masking.Compile("string", masking.Recipe{Kind: "redact"}, masking.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.Apply(alloc, column(t, alloc, arrow.PrimitiveTypes.Int64, `[1]`)); !errors.Is(err, masking.ErrInput) {
		t.Errorf("Apply(int64) of a string kernel = %v, want ErrInput", err)
	}
	d, err := masking.Compile("decimal(10,2)", masking.Recipe{Kind: "redact"}, masking.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewDecimal128Builder(alloc, &arrow.Decimal128Type{Precision: 10, Scale: 3})
	defer b.Release()
	b.Append(decimal128.FromI64(1))
	arr := b.NewArray()
	defer arr.Release()
	if _, _, err := d.Apply(alloc, arr); !errors.Is(err, masking.ErrInput) {
		t.Errorf("Apply(decimal(10,3)) of a decimal(10,2) kernel = %v, want ErrInput", err)
	}
}
