package query

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/internal/city"
	"zonebox/masking"
	"zonebox/masking/detect"
	"zonebox/query/analysis"
	"zonebox/registry"
	"zonebox/release"
)

// inspected returns what is found in columns of text that are made of nothing
// known.
func inspected(t testing.TB, names []string, columns ...[]string) []Identifier {
	t.Helper()
	i := intentOf(t.Context(), false)
	var fields []arrow.Field
	var arrays []arrow.Array
	for n, name := range names {
		i.Outputs = append(i.Outputs, analysis.Output{Name: name, Form: "clear"})
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String})
		b := array.NewStringBuilder(memory.DefaultAllocator)
		b.AppendStringValues(columns[n], nil)
		arrays = append(arrays, b.NewArray())
	}
	l := &leaving{rows: &rows{worker: &worker{intent: i}}, scanner: detect.New(detect.Options{Classes: certain, Threshold: detect.Certain})}
	if err := l.identify(array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(len(columns[0])))); err != nil {
		t.Fatal(err)
	}
	return l.identifiers
}

// What answers are made of is not taken for numbers of people: 2,000 answers of 50
// rows, each column under a name of its kind and under one that says nothing.
func TestOrdinaryAnswersHoldNoIdentifiers(t *testing.T) {
	r := rand.New(rand.NewPCG(20260524, 5))
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + r.IntN(10))
		}
		return string(b)
	}
	day := func() string { return fmt.Sprintf("%d%02d%02d", 1950+r.IntN(80), 1+r.IntN(12), 1+r.IntN(28)) }
	draws := []struct {
		name string
		draw func() string
	}{
		{"id_number", func() string { return fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()) }}, // a token
		{"district", func() string { return fmt.Sprintf("3201%02d", 1+r.IntN(20)) }},
		{"village", func() string { return "3201" + digits(8) }},
		{"day", day},
		{"month", func() string { return day()[:6] }},
		{"visits", func() string { return fmt.Sprint(r.IntN(1_000_000)) }},
		{"total", func() string { return fmt.Sprint(r.Int64N(1e15)) }},
		{"fee", func() string { return digits(8) + "." + digits(2) }},
		{"share", func() string { return "0." + digits(17) }},
		{"order_no", func() string { return day() + digits(6) }},
		{"订单号", func() string { return "1" + string(byte('3'+r.IntN(7))) + digits(9) }},
		{"流水号", func() string { return "62" + digits(17) }},
		{"serial_no", func() string { return "SN" + digits(16) }},
		{"batch", func() string { return "E" + digits(8) }},
		{"ts", func() string { return "17" + digits(11) }},
		{"hash", func() string {
			return fmt.Sprintf("%016x%016x%016x%016x", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
		}},
		{"uuid", func() string {
			return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", r.Uint32(), r.IntN(65536), r.IntN(4096), r.IntN(4096), r.Int64N(1<<48))
		}},
		{"发票号码", func() string { return digits(20) }},
		{"设备号", func() string { return "86" + digits(13) }},
		{"手机号", func() string { return "13" + digits(1) + "****" + digits(4) }},
		{"身份证号", func() string { return "320102********" + digits(4) }},
		{"银行卡号", func() string { return "622202******" + digits(4) }},
		{"护照号", func() string { return "E****" + digits(4) }},
		{"科室", func() string { return []string{"内科", "外科", "急诊科"}[r.IntN(3)] }},
		{"诊断", func() string { return []string{"I10", "E11", "G12"}[r.IntN(3)] }},
		{"version", func() string { return digits(1) + "." + digits(2) + "." + digits(3) }},
		{"plate", func() string { return "苏A" + digits(5) }},
	}
	names := make([]string, 2*len(draws))
	columns := make([][]string, len(names))
	for range 2000 {
		for i, d := range draws {
			values := make([]string, 50)
			for j := range values {
				values[j] = d.draw()
			}
			names[2*i], columns[2*i] = d.name, values
			names[2*i+1], columns[2*i+1] = fmt.Sprintf("c%d", i), values
		}
		if found := inspected(t, names, columns...); found != nil {
			t.Fatalf("an ordinary answer holds %+v", found)
		}
	}
}

// Of the registers of the city those columns that hold numbers of people are
// found, every row of them, and no other.
func TestRegistersOfTheCityHoldTheIdentifiersTheyHold(t *testing.T) {
	const rows = 3000
	want := map[string]string{"id_number": "resident_id", "phone": "mobile"}
	for _, register := range city.Registers() {
		var b bytes.Buffer
		if err := city.Write(&b, register, city.CSV, city.UTF8, 11, rows); err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range lines[0] {
			var values []string
			for _, line := range lines[1:] {
				values = append(values, line[i])
			}
			found := inspected(t, []string{name}, values)
			switch {
			case want[name] == "" && found != nil, want[name] != "" && (len(found) != 1 || found[0] != Identifier{name, want[name], Place{1, rows}}):
				t.Errorf("%s.%s holds %+v, want %s", register, name, found, want[name])
			}
		}
	}
}

// Identifiers are found under a name that says what they are; those that a check
// character proves under any.
func TestWhichIdentifiersAreCertain(t *testing.T) {
	for _, c := range []struct{ name, value, class string }{
		{"c", "320102195001010119", "resident_id"},
		{"order_no", "见320102195001010119", "resident_id"},
		{"c", "１３９１２３４５６７８", ""},
		{"c", "13912345678", ""},
		{"phone", "13912345678", "mobile"},
		{"c", "+86 139 1234 5678 手机", ""},
		{"联系电话", "+86 139 1234 5678", "mobile"},
		{"c", "手机１３９１２３４５６７８", "mobile"},
		{"c", "6222021234567890128", ""},
		{"c", "卡号:6222021234567890128", "bank_card"},
		{"card_no", "6222 0212 3456 7890 128", "bank_card"},
		{"c", "E12345678", ""},
		{"护照号", "E12345678", "passport"},
		{"手机", "王小明", ""},
		{"address", "南京市玄武区中山路1号", ""},
	} {
		got := ""
		if found := inspected(t, []string{c.name}, []string{"", c.value}); len(found) == 1 && found[0].Rows == 1 {
			got = found[0].Class
		}
		if got != c.class {
			t.Errorf("%q under %s is %q, want %q", c.value, c.name, got, c.class)
		}
	}
}

// BenchmarkInspect is the look at 100,000 rows of an answer beside all the rest of
// its check: three columns of text and one of numbers.
func BenchmarkInspect(b *testing.B) {
	const n = 100_000
	r := rand.New(rand.NewPCG(7, 7))
	name, district, token := array.NewStringBuilder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	day, id := array.NewStringBuilder(memory.DefaultAllocator), array.NewInt64Builder(memory.DefaultAllocator)
	for i := range n {
		name.Append([]string{"欧阳**", "王*", "李**"}[i%3])
		district.Append(fmt.Sprintf("3201%02d", r.IntN(20)))
		token.Append(fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()))
		day.Append(fmt.Sprintf("20%02d-%02d", r.IntN(25), 1+r.IntN(12)))
		id.Append(r.Int64N(1e12))
	}
	arrays := []arrow.Array{name.NewArray(), district.NewArray(), token.NewArray(), day.NewArray(), id.NewArray()}
	i := intentOf(b.Context(), false)
	plan := release.Plan{Protected: true, RowCap: n, CellCap: 1 << 30, ByteCap: 1 << 30, RekeyToken: func(alloc memory.Allocator, _ int, tokens arrow.Array) (arrow.Array, error) {
		return masking.Rekey(alloc, tokens, masking.Recipe{Kind: "token"}, masking.Keys{Token: make([]byte, masking.KeySize)})
	}}
	var fields []arrow.Field
	for c, form := range []string{release.Masked, release.Clear, release.Token, release.Masked, release.Clear} {
		kind := "VARCHAR"
		if c == 4 {
			kind = "BIGINT"
		}
		column := release.Column{Name: fmt.Sprintf("c%d", c), Type: kind, Form: form, Token: form == release.Token}
		plan.Columns = append(plan.Columns, column)
		i.Outputs = append(i.Outputs, analysis.Output{Name: column.Name, Form: form})
		fields = append(fields, arrow.Field{Name: column.Name, Type: arrays[c].DataType()})
	}
	record := array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, n)
	l := &leaving{rows: &rows{worker: &worker{intent: i}}, scanner: detect.New(detect.Options{Classes: certain, Threshold: detect.Certain})}
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			c, _, err := release.Check(func(yield func(arrow.RecordBatch, error) bool) { yield(record, nil) }, plan)
			if err != nil {
				b.Fatal(err)
			}
			c.Release()
		}
	})
	b.Run("look", func(b *testing.B) {
		for b.Loop() {
			if err := l.identify(record); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// An output is called by every column it is made of: a number is no less one of a
// telephone for standing beside, or in place of, something else.
func TestAnOutputIsCalledByAllItIsMadeOf(t *testing.T) {
	i := intentOf(t.Context(), false)
	i.catalog = &catalog{datasets: map[string]registry.DatasetFacts{"offices": {Versioned: registry.Versioned[registry.Dataset]{Spec: registry.Dataset{Columns: []registry.Column{
		{Name: "hall", Title: "大厅"}, {Name: "line", Title: "联系电话"}, {Name: "other", Title: "手机"}}}}}}}
	l := &leaving{rows: &rows{worker: &worker{intent: i}}}
	of := func(columns ...string) (o analysis.Output) {
		o.Name = "c"
		for _, c := range columns {
			o.Lineage = append(o.Lineage, analysis.Ref{Table: "offices", Column: c})
		}
		return o
	}
	for want, o := range map[string]analysis.Output{
		"c": of(), "c hall 大厅": of("hall"), "c line 联系电话": of("line"), "c hall 大厅 line 联系电话": of("hall", "line"),
	} {
		if got := l.header(o); got != want {
			t.Errorf("called %q, want %q", got, want)
		}
	}
	s := detect.New(detect.Options{Classes: certain, Threshold: detect.Certain})
	if n := len(s.Called(l.header(of("hall", "line"))).ScanString(nil, "13912345678")); n != 1 {
		t.Errorf("a hall or its line: %d numbers are certain", n)
	}
}
