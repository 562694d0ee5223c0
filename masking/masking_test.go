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

var zoneKeys = masking.Keys{Token: bytes.Repeat([]byte{7}, 32), Scope: "a release"}

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

// apply masks arr and prints the result, nulls as (null). Of three subjects in
// turns the rows are about, a kernel per entity is told.
func apply(t testing.TB, alloc memory.Allocator, columnType string, r masking.Recipe, arr arrow.Array) []string {
	t.Helper()
	k, err := masking.Compile(columnType, r, zoneKeys)
	if err != nil {
		t.Fatalf("Compile(%s, %s): %v", columnType, r, err)
	}
	var out arrow.Array
	if k.PerEntity() {
		b := array.NewInt64Builder(alloc)
		defer b.Release()
		for i := range arr.Len() {
			b.Append(int64(i % 3))
		}
		subjects := b.NewArray()
		defer subjects.Release()
		out, _, err = k.ApplyBy(alloc, arr, subjects)
	} else {
		out, _, err = k.Apply(alloc, arr)
	}
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
	out := make([]string, arr.Len())
	for i := range out {
		out[i] = strings.Clone(arr.ValueStr(i))
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
	display := func(field string) masking.Recipe { return masking.Recipe{Kind: "display", Field: field} }
	pattern := func(p string) masking.Recipe { return masking.Recipe{Kind: "pattern", Pattern: p} }
	geohash := func(d int) masking.Recipe { return masking.Recipe{Kind: "geohash", Digits: d} }
	edges := func(low, high *float64) masking.Recipe {
		return masking.Recipe{Kind: "top_bottom", Low: low, High: high}
	}
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
		{"a given text", "int64", masking.Recipe{Kind: "fixed", Text: "保密"}, `[1, null, 2]`, `保密 (null) 保密`},
		{"nothing at all", "int64", masking.Recipe{Kind: "nullify"}, `[1, null]`, `(null) (null)`},
		{"a table", "string", masking.Recipe{Kind: "map", Values: map[string]string{"汉族": "多数", "": "无"}}, `["汉族", "回族", "", null]`, `多数 **** 无 (null)`},

		{"a shape of digits", "string", pattern(`###0000####`), `["13812345678", "1381234567a", "1381234567", "138123456789", "１３８12345678"]`, `138****5678 **** **** **** ****`},
		{"a shape of anything", "string", pattern(`?**`), `["欧阳锋", "abc", "😀😁😂", "ab"]`, `欧** a** 😀** ****`},
		{"a shape of letters", "string", pattern(`@A-0#`), `["苏A-12", "xy-99", "1a-12", "xy 99"]`, `苏*-*2 x*-*9 **** ****`},
		{"a shape with signs for themselves", "string", pattern(`\#0\0#0`), `["#1023", "#1123", "11023"]`, `#*02* **** ****`},

		{"surnames, compound ones too", "string", display("name"), `["张三", "欧阳娜娜", "诸葛亮", "张", "Alice", "桌子"]`, `张* 欧阳** 诸葛* **** **** ****`},
		{"identity numbers show their region", "string", display("id"), `["11010519491231002X", "110105491231002", "110105199913310021", "11010519491231002Y"]`, `110105************ 110105********* **** ****`},
		{"mobile numbers", "string", display("phone"), `["13812345678", "12812345678", "138123456789"]`, `138****5678 **** ****`},
		{"bank cards", "string", display("card"), `["6222021234567890128", "4111111111111111", "1234567890123456"]`, `****0128 ****1111 ****`},
		{"addresses down to the county", "string", display("address"), `["江苏省南京市鼓楼区中山北路1号", "北京市海淀区中关村", "中山路8号", "江苏南京鼓楼区中山路"]`, `江苏省南京市鼓楼区**** 北京市海淀区**** **** 江苏南京鼓楼区****`},
		{"plates of either kind", "string", display("plate"), `["苏A12345", "粤BD12345", "京A·1234学", "苏A1234"]`, `苏A****5 粤B*****5 京A****学 ****`},
		{"mail addresses", "string", display("email"), `["zhang.san@example.com", "z@example.cn", "a@b", "@example.cn"]`, `z****@example.com ****@example.cn **** ****`},
		{"passports", "string", display("passport"), `["E12345678", "EA1234567", "12345678"]`, `E******78 E******67 ****`},
		{"credit codes", "string", display("uscc"), `["91350100M000100Y43", "91350100I000100Y43"]`, `91************0Y43 ****`},
		{"network addresses", "string", display("ip"), `["10.1.2.3", "2001:db8::1", "::1", "256.1.1.1", "fe80::1%eth0"]`, `10.1.*.* 2001:db8:*:*:*:*:*:* 0:0:*:*:*:*:*:* **** ****`},

		{"places", "string", geohash(5), `["10.40744,57.64911", "116.4074, 39.9042", "181,0", "1e1,2", "1,2,3", "116.4"]`, `u4pru wx4g0 **** **** **** ****`},
		{"corners of the map", "string", geohash(2), `["-180,-90", "180,90", "0,0"]`, `00 zz s0`},

		{"decades", "date", date("decade"), `["1999-12-31", "2000-01-01"]`, `1990s 2000s`},
		{"quarters", "date", date("quarter"), `["2024-03-31", "2024-04-01", "2024-12-31"]`, `2024-Q1 2024-Q2 2024-Q4`},
		{"weeks begin on Monday, the first with its Thursday", "date", date("week"), `["2024-12-29", "2024-12-30", "2027-01-03", "0001-01-01"]`, `2024-W52 2025-W01 2026-W53 0001-W01`},
		{"days of a timestamp", "timestamp", date("day"), `["2024-02-29 23:59:59.999999", "1969-12-31 23:59:59"]`, `2024-02-29 1969-12-31`},

		{"top coding", "int64", edges(nil, new(90.0)), `[90, 91, -5, null]`, `90 90 -5 (null)`},
		{"top and bottom coding", "float64", edges(new(0.5), new(9.0)), `[0.4, 0.5, 9.5]`, `0.5 0.5 9`},
		{"bottom coding of decimals", "decimal(10,2)", edges(new(1.25), nil), `["1.24", "1.26", "-9.00"]`, `1.25 1.26 1.25`},

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

		{"bool", `{"kind":"nullify"}`, true},
		{"int64", `{"kind":"fixed","text":"x"}`, true},
		{"string", `{"kind":"pattern","pattern":"#0"}`, true},
		{"string", `{"kind":"display","field":"phone"}`, true},
		{"string", `{"kind":"map","values":{"a":"b"}}`, true},
		{"string", `{"kind":"geohash","digits":6}`, true},
		{"timestamp", `{"kind":"date","part":"day"}`, true},
		{"int64", `{"kind":"top_bottom","low":0}`, true},
		{"decimal(10,2)", `{"kind":"top_bottom","low":-0.25,"high":10}`, true},
		{"date", `{"kind":"shift","days":30}`, true},
		{"int64", `{"kind":"noise","spread":5}`, true},
		{"decimal(10,2)", `{"kind":"noise","spread":0.05}`, true},
		{"bool", `{"kind":"shuffle"}`, true},

		{"string", `{}`, false},
		{"string", `{"kind":"nullify","text":"x"}`, false},
		{"string", `{"kind":"fixed"}`, false},
		{"string", `{"kind":"fixed","text":"a\u0000b"}`, false},
		{"string", `{"kind":"pattern"}`, false},
		{"string", `{"kind":"pattern","pattern":"####*"}`, false},
		{"string", `{"kind":"pattern","pattern":"**"}`, false},
		{"string", `{"kind":"pattern","pattern":"#0\\"}`, false},
		{"int64", `{"kind":"pattern","pattern":"#0"}`, false},
		{"string", `{"kind":"display"}`, false},
		{"string", `{"kind":"display","field":"name id"}`, false},
		{"int64", `{"kind":"display","field":"phone"}`, false},
		{"string", `{"kind":"map"}`, false},
		{"string", `{"kind":"map","values":{"a":"a"}}`, false},
		{"string", `{"kind":"map","values":{"a":""}}`, false},
		{"int64", `{"kind":"map","values":{"1":"b"}}`, false},
		{"string", `{"kind":"geohash"}`, false},
		{"string", `{"kind":"geohash","digits":7}`, false},
		{"int64", `{"kind":"geohash","digits":5}`, false},
		{"string", `{"kind":"top_bottom","low":0}`, false},
		{"int64", `{"kind":"top_bottom"}`, false},
		{"int64", `{"kind":"top_bottom","low":1,"high":1}`, false},
		{"int64", `{"kind":"top_bottom","low":0.5}`, false},
		{"decimal(10,2)", `{"kind":"top_bottom","low":0.125}`, false},
		{"decimal(10,2)", `{"kind":"top_bottom","high":1e9}`, false},
		{"int64", `{"kind":"shift","days":30}`, false},
		{"date", `{"kind":"shift"}`, false},
		{"date", `{"kind":"shift","days":4000}`, false},
		{"date", `{"kind":"noise","spread":5}`, false},
		{"int64", `{"kind":"noise"}`, false},
		{"int64", `{"kind":"noise","spread":0.5}`, false},
		{"decimal(10,2)", `{"kind":"noise","spread":0.001}`, false},
		{"float64", `{"kind":"noise","spread":1e16}`, false},
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
		{"date", `{"kind":"date","part":"hour"}`, false},
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
		want := "string"
		if r.Typed() {
			want = c.column
		}
		if c.ok && (err != nil || out != want) || !c.ok && err == nil {
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
		"redact":           {Kind: "redact"},
		"token":            {Kind: "token"},
		"partial(1,0)":     {Kind: "partial", KeepFirst: 1},
		"token(base32,16)": {Kind: "token", Alphabet: "base32", Length: 16},
		`ff1("digits")`:    {Kind: "ff1", Alphabet: "digits"},
		`ff1("01",sm4)`:    {Kind: "ff1", Alphabet: "01", Cipher: "sm4"},
		"identifier(card)": {Kind: "identifier", Field: "card"},
		"free_text":        {Kind: "free_text"}, "free_text(mobile email)": {Kind: "free_text", Classes: []string{"mobile", "email"}},
		"identifier(resident_id,keep region sex,1900-2030,sm4)": {Kind: "identifier", Field: "resident_id", Keep: []string{"region", "sex"}, FirstYear: 1900, LastYear: 2030, Cipher: "sm4"},
		"date(month)": {Kind: "date", Part: "month"},
		"number(10)":  {Kind: "number", Width: 10},
		"number(0.5)": {Kind: "number", Width: 0.5},
		"region(4)":   {Kind: "region", Digits: 4},

		"nullify": {Kind: "nullify"}, "shuffle": {Kind: "shuffle"}, "shift(30)": {Kind: "shift", Days: 30}, "noise(0.5)": {Kind: "noise", Spread: 0.5},
		`fixed("a b")`: {Kind: "fixed", Text: "a b"}, `pattern("#0")`: {Kind: "pattern", Pattern: "#0"}, "display(id)": {Kind: "display", Field: "id"},
		"geohash(5)": {Kind: "geohash", Digits: 5}, "top_bottom(0,)": {Kind: "top_bottom", Low: new(0.0)}, "top_bottom(,0)": {Kind: "top_bottom", High: new(0.0)},
		"map(1 values, db4a7ecb114bc66c623a06c4ff6fe8daa2f49cc270ebbf7a1f81e22ab061c837)": {Kind: "map", Values: map[string]string{"a": "b"}},
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

// used gives memory that held something else.
type used struct{ memory.Allocator }

func (u used) Allocate(size int) []byte {
	b := u.Allocator.Allocate(size)
	for i := range b {
		b[i] = 0xff
	}
	return b
}

func TestNullifyShowsNothingOfMemoryThatWasUsedBefore(t *testing.T) {
	for typ, values := range map[string]string{"string": `["a", "b"]`, "int64": `[1, 2]`} {
		if got := apply(t, used{memory.DefaultAllocator}, typ, masking.Recipe{Kind: "nullify"}, column(t, memory.DefaultAllocator, types[typ], values)); got[0] != "(null)" || got[1] != "(null)" {
			t.Errorf("nullify of %s = %v, want nulls", typ, got)
		}
	}
}
