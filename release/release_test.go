package release_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/release"
)

// batch reads rows of JSON, one object each, into a batch of the given columns.
func batch(t testing.TB, alloc memory.Allocator, fields []arrow.Field, rows string) arrow.RecordBatch {
	t.Helper()
	b, _, err := array.RecordFromJSON(alloc, arrow.NewSchema(fields, nil), strings.NewReader("["+rows+"]"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func field(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

// stream hands out batches and releases each once it has been asked for the
// next, as the sandbox does.
func stream(batches ...arrow.RecordBatch) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for i, b := range batches {
			more := yield(b, nil)
			b.Release()
			if !more {
				for _, rest := range batches[i+1:] {
					rest.Release()
				}
				return
			}
		}
	}
}

func checked(t *testing.T) memory.Allocator {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	t.Cleanup(func() { alloc.AssertSize(t, 0) })
	return alloc
}

// text renders what leaves, one JSON object a row, by way of a hold.
func text(t *testing.T, c *release.Checked) string {
	t.Helper()
	o := roundTrip(t, c)
	defer o.Release()
	var lines []string
	for _, b := range o.Rows {
		data, err := b.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var rows []json.RawMessage
		if err := json.Unmarshal(data, &rows); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			lines = append(lines, string(r))
		}
	}
	return strings.Join(lines, "\n")
}

func ptr(n int64) *int64 { return &n }

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
}

var (
	i64 = arrow.PrimitiveTypes.Int64
	u32 = arrow.PrimitiveTypes.Uint32
	f64 = arrow.PrimitiveTypes.Float64
	str = arrow.BinaryTypes.String
)

// visits is a plan of SELECT district, count(*) n, sum(cost) s … GROUP BY 1 with
// a guard on the group and one on the sum.
func visits(alloc memory.Allocator) (release.Plan, []arrow.Field) {
	return release.Plan{
			Columns: []release.Column{
				{Name: "district", Type: "VARCHAR", Form: release.GroupLabel, Level: 2},
				{Name: "n", Type: "BIGINT", Form: release.Aggregate, Level: 3},
				{Name: "s", Type: "DOUBLE", Form: release.Aggregate, Level: 3},
			},
			Hidden: []release.Hidden{
				{Kind: release.Group, K: 10, Output: -1},
				{Kind: release.Cell, K: 10, Output: 2},
			},
			Protected: true,
			RowCap:    100, CellCap: 1 << 30, ByteCap: 1 << 30,
			Allocator: alloc,
		}, []arrow.Field{
			field("district", str), field("n", i64), field("s", f64), field("__g", u32), field("__c", u32),
		}
}

func TestSmallGroupsDisappearAndSmallCellsBecomeNull(t *testing.T) {
	alloc := checked(t)
	p, fields := visits(alloc)
	c, report, err := release.Check(stream(batch(t, alloc, fields, `
		{"district": "d", "n": 40, "s": 4.5, "__g": 10, "__c": 10},
		{"district": "c", "n": 30, "s": 3.5, "__g": 10, "__c": 9},
		{"district": "b", "n": 20, "s": 2.5, "__g": 9,  "__c": 9}`), batch(t, alloc, fields, `
		{"district": "a", "n": 10, "s": 1.5, "__g": 10, "__c": 10},
		{"district": "e", "n": 50, "s": 5.5, "__g": null, "__c": 10},
		{"district": "f", "n": 60, "s": 6.5, "__g": 10, "__c": null},
		{"district": null, "n": 11, "s": null, "__g": 10, "__c": 0}`)), p)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	want := `{"district":"a","n":10,"s":1.5}
{"district":"c","n":30,"s":null}
{"district":"d","n":40,"s":4.5}
{"district":"f","n":60,"s":null}
{"district":null,"n":11,"s":null}`
	if got := text(t, c); got != want {
		t.Errorf("released\n%s\nwant\n%s", got, want)
	}
	few := release.Withheld{Output: 2}
	wantReport := release.Report{Rows: 5, RowsSuppressed: 2, CellsSuppressed: 3, MinGroup: 10, MaxLevel: 3,
		Withheld: []release.WithheldCell{{Row: 1, Withheld: few}, {Row: 3, Withheld: few}, {Row: 4, Withheld: few}}}
	if !reflect.DeepEqual(report, wantReport) {
		t.Errorf("report = %+v, want %+v", report, wantReport)
	}
}

// Every protected reference has its own guard and its own k.
func TestEachReferenceNeedsItsOwnMinimum(t *testing.T) {
	alloc := checked(t)
	p := release.Plan{
		Columns:   []release.Column{{Name: "n", Type: "BIGINT", Form: release.Aggregate}},
		Hidden:    []release.Hidden{{Kind: release.Group, K: 10, Output: -1}, {Kind: release.Group, K: 3, Output: -1}},
		Protected: true, RowCap: 100, CellCap: 1 << 30, ByteCap: 1 << 30, Allocator: alloc,
	}
	fields := []arrow.Field{field("n", i64), field("__p", u32), field("__e", u32)}
	c, report, err := release.Check(stream(batch(t, alloc, fields, `
		{"n": 1, "__p": 10, "__e": 3},
		{"n": 2, "__p": 9,  "__e": 3},
		{"n": 3, "__p": 10, "__e": 2},
		{"n": 4, "__p": 10, "__e": 3}`)), p)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if got, want := text(t, c), "{\"n\":1}\n{\"n\":4}"; got != want {
		t.Errorf("released\n%s\nwant\n%s", got, want)
	}
	if report.MinGroup != 3 {
		t.Errorf("MinGroup = %d, want 3", report.MinGroup)
	}
}

// Two worlds that differ only in what is suppressed release the same bytes: no
// count, no place in the order, no bytes left under a null.
func TestWithheldValuesLeaveNoTrace(t *testing.T) {
	release1 := func(alloc memory.Allocator, ordered bool, rows string) []byte {
		p, fields := visits(alloc)
		p.Ordered = ordered
		c, _, err := release.Check(stream(batch(t, alloc, fields, rows)), p)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Release()
		return content(t, c)
	}
	for _, ordered := range []bool{false, true} {
		alloc := checked(t)
		one := release1(alloc, ordered, `
			{"district": "a", "n": 10, "s": 1.5, "__g": 10, "__c": 10},
			{"district": "b", "n": 30, "s": 1234.5678, "__g": 10, "__c": 9},
			{"district": "c", "n": 40, "s": 4.5, "__g": 10, "__c": 10},
			{"district": "secret", "n": 1, "s": 7.25, "__g": 1, "__c": 1}`)
		// ORDER BY s puts b first here; the group under k is another one, twice.
		two := release1(alloc, ordered, `
			{"district": "hidden", "n": 2, "s": 0.25, "__g": 2, "__c": 2},
			{"district": "b", "n": 30, "s": 1, "__g": 10, "__c": 1},
			{"district": "a", "n": 10, "s": 1.5, "__g": 10, "__c": 10},
			{"district": "other", "n": 3, "s": 2.25, "__g": 9, "__c": 3},
			{"district": "c", "n": 40, "s": 4.5, "__g": 10, "__c": 10}`)
		if !bytes.Equal(one, two) {
			t.Errorf("ordered=%v: what was withheld changes the released bytes", ordered)
		}
		if bytes.Contains(one, []byte("secret")) {
			t.Errorf("ordered=%v: a withheld label is in the released bytes", ordered)
		}
	}
}

func TestLimitCountsWhatSuppressionLeaves(t *testing.T) {
	rows := `
		{"district": "a", "n": 9, "s": 1, "__g": 9, "__c": 9},
		{"district": "b", "n": 8, "s": 1, "__g": 10, "__c": 10},
		{"district": "c", "n": 7, "s": 1, "__g": 7, "__c": 7},
		{"district": "d", "n": 6, "s": 1, "__g": 10, "__c": 10},
		{"district": "e", "n": 5, "s": 1, "__g": 10, "__c": 10}`
	for _, tc := range []struct {
		name          string
		limit, offset *int64
		want          string // districts
	}{
		{"none", nil, nil, "bde"},
		{"limit", ptr(2), nil, "bd"},
		{"limit and offset", ptr(1), ptr(1), "d"},
		{"offset", nil, ptr(2), "e"},
		{"limit zero", ptr(0), nil, ""},
		{"limit past the end", ptr(9), ptr(1), "de"},
		{"offset past the end", ptr(9), ptr(4), ""},
	} {
		alloc := checked(t)
		p, fields := visits(alloc)
		p.Ordered, p.Limit, p.Offset = true, tc.limit, tc.offset
		c, report, err := release.Check(stream(batch(t, alloc, fields, rows)), p)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		got := ""
		for _, line := range strings.Fields(text(t, c)) {
			got += strings.TrimPrefix(line, `{"district":"`)[:1]
		}
		if got != tc.want || report.Rows != int64(len(tc.want)) {
			t.Errorf("%s: released %q (%d rows), want %q", tc.name, got, report.Rows, tc.want)
		}
		c.Release()
	}
}

// No batch, a batch without rows and a batch of which nothing is left are the
// same result, to the byte.
func TestZeroRowsIsAResult(t *testing.T) {
	alloc := checked(t)
	p, fields := visits(alloc)
	var first []byte
	for name, in := range map[string]iter.Seq2[arrow.RecordBatch, error]{
		"no batch":        stream(),
		"no rows":         stream(batch(t, alloc, fields, ``)),
		"all suppressed":  stream(batch(t, alloc, fields, `{"district": "a", "n": 9, "s": 1, "__g": 9, "__c": 9}`)),
		"twice no rows":   stream(batch(t, alloc, fields, ``), batch(t, alloc, fields, ``)),
		"first has a row": stream(batch(t, alloc, fields, `{"district": "a", "n": 9, "s": 1, "__g": 1, "__c": 9}`), batch(t, alloc, fields, ``)),
	} {
		c, report, err := release.Check(in, p)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.NumRows() != 0 || report.Rows != 0 || report.MinGroup != 0 {
			t.Errorf("%s: %d rows, report %+v, want none", name, c.NumRows(), report)
		}
		got := content(t, c)
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Errorf("%s: differs from the other empty results", name)
		}
		c.Release()
	}
}

func TestCapsRefuseWithoutSayingHowMany(t *testing.T) {
	rows := `
		{"district": "a", "n": 1, "s": 1, "__g": 10, "__c": 10},
		{"district": "b", "n": 1, "s": 1, "__g": 10, "__c": 10},
		{"district": "c", "n": 1, "s": 1, "__g": 1, "__c": 1},
		{"district": "d", "n": 1, "s": 1, "__g": 10, "__c": 10}`
	for _, tc := range []struct {
		name       string
		record     bool
		rows, recs int64
		limit      *int64
		code       string
	}{
		{"at the row cap", false, 3, 0, nil, ""},
		{"over the row cap", false, 2, 0, nil, release.RowCap},
		{"no cap given", false, 0, 0, nil, release.RowCap},
		{"limited to the row cap", false, 2, 0, ptr(2), ""},
		{"records at their cap", true, 100, 3, nil, ""},
		{"records over their cap", true, 100, 2, nil, release.RecordCap},
		{"records without their cap", true, 100, 0, nil, release.RecordCap},
		{"records over the row cap", true, 2, 100, nil, release.RowCap},
	} {
		alloc := checked(t)
		p, fields := visits(alloc)
		p.RecordLevel, p.RowCap, p.RecordCap, p.Limit = tc.record, tc.rows, tc.recs, tc.limit
		c, _, err := release.Check(stream(batch(t, alloc, fields, rows)), p)
		if tc.code == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			} else {
				c.Release()
			}
			continue
		}
		var limit *release.LimitError
		if !errors.As(err, &limit) || limit.Code != tc.code {
			t.Errorf("%s: %v, want a LimitError %s", tc.name, err, tc.code)
		}
		if err != nil && strings.Contains(err.Error(), "3") && tc.rows != 3 {
			t.Errorf("%s: %q tells the number of rows", tc.name, err)
		}
	}
}

// TestSizesAreCapped: three rows of three columns are nine cells. One of them is a text of
// 5,000 bytes; the others and what Arrow adds are under 1,000.
func TestSizesAreCapped(t *testing.T) {
	rows := `
		{"district": "a", "n": 1, "s": 1, "__g": 10, "__c": 10},
		{"district": "b", "n": 1, "s": null, "__g": 10, "__c": 10},
		{"district": "c", "n": 1, "s": 1, "__g": 1, "__c": 1},
		{"district": "` + strings.Repeat("d", 5000) + `", "n": 1, "s": 1, "__g": 10, "__c": 10}`
	for _, tc := range []struct {
		name         string
		cells, bytes int64
		limit        *int64
		code         string
	}{
		{"at the cap of cells", 9, 6000, nil, ""},
		{"a cell more", 8, 6000, nil, release.CellCap},
		{"no cells", 0, 6000, nil, release.CellCap},
		{"limited to the cap of cells", 6, 6000, ptr(2), ""},
		{"more bytes", 9, 5000, nil, release.ByteCap},
		{"no bytes", 9, 0, nil, release.ByteCap},
		{"without the long one", 9, 1000, ptr(2), ""},
	} {
		alloc := checked(t)
		p, fields := visits(alloc)
		p.CellCap, p.ByteCap, p.Limit = tc.cells, tc.bytes, tc.limit
		c, _, err := release.Check(stream(batch(t, alloc, fields, rows)), p)
		if err == nil {
			c.Release()
		}
		var limit *release.LimitError
		if got := errors.As(err, &limit); got != (tc.code != "") || got && limit.Code != tc.code {
			t.Errorf("%s: %v, want code %q", tc.name, err, tc.code)
		}
	}
}

func TestMaskedColumnsAreScannedForRawValues(t *testing.T) {
	alloc := checked(t)
	fields := []arrow.Field{field("phone", str), field("name", str), field("n", i64)}
	plan := release.Plan{
		Columns: []release.Column{
			{Name: "phone", Type: "VARCHAR", Form: release.Masked},
			{Name: "name", Type: "VARCHAR", Form: release.Clear},
			{Name: "n", Type: "BIGINT", Form: release.Masked},
		},
		Protected: true, RecordLevel: true, RowCap: 10, CellCap: 1 << 30, ByteCap: 1 << 30, RecordCap: 10, Allocator: alloc,
	}
	rows := `{"phone": "139****", "name": "raw", "n": 1}, {"phone": "raw", "name": "x", "n": 2}, {"phone": null, "name": null, "n": null}`
	plan.Match = func(column, row int, value string) bool {
		if column != 0 {
			t.Errorf("asked for column %d, which is not a masked string", column)
		}
		return value == "raw"
	}
	_, _, err := release.Check(stream(batch(t, alloc, fields, rows)), plan)
	wantErr(t, "Check", err, release.ErrRawMatch)
	var match *release.RawMatchError
	if !errors.As(err, &match) || match.Column != "phone" || match.Row != 1 {
		t.Errorf("Check = %v, want a match in column phone, row 1", err)
	}
	if strings.Contains(err.Error(), "raw\"") || strings.Contains(err.Error(), "139") {
		t.Errorf("%q holds a value", err)
	}

	// The allowed twin: nothing matches; and what the limit cuts is not scanned.
	plan.Match = func(_, _ int, value string) bool { return value == "absent" }
	c, _, err := release.Check(stream(batch(t, alloc, fields, rows)), plan)
	if err != nil {
		t.Fatal(err)
	}
	c.Release()
	plan.Match = func(_, _ int, value string) bool { return value == "raw" }
	plan.Limit = ptr(1)
	if c, _, err = release.Check(stream(batch(t, alloc, fields, rows)), plan); err != nil {
		t.Fatal(err)
	}
	c.Release()
}

// rekeyed returns tokens spelled backwards: another order than the zone's own.
func rekeyed(alloc memory.Allocator, _ int, a arrow.Array) (arrow.Array, error) {
	b := array.NewStringBuilder(alloc)
	defer b.Release()
	in := a.(*array.String)
	for i := range in.Len() {
		if in.IsNull(i) {
			b.AppendNull()
			continue
		}
		r := []byte(in.Value(i))
		for x, y := 0, len(r)-1; x < y; x, y = x+1, y-1 {
			r[x], r[y] = r[y], r[x]
		}
		b.Append(string(r))
	}
	return b.NewArray(), nil
}

func TestTokensLeaveRekeyedAndSortedAsTheyLeave(t *testing.T) {
	alloc := checked(t)
	fields := []arrow.Field{field("id", str)}
	plan := release.Plan{
		Columns:   []release.Column{{Name: "id", Type: "VARCHAR", Form: release.Token, Token: true}},
		Protected: true, RecordLevel: true, RowCap: 10, CellCap: 1 << 30, ByteCap: 1 << 30, RecordCap: 10, Allocator: alloc, RekeyToken: rekeyed,
	}
	rows := `{"id": "a9"}, {"id": null}, {"id": "b5"}, {"id": "c1"}`
	c, _, err := release.Check(stream(batch(t, alloc, fields, rows)), plan)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if got, want := text(t, c), `{"id":"1c"}
{"id":"5b"}
{"id":"9a"}
{"id":null}`; got != want {
		t.Errorf("released\n%s\nwant\n%s", got, want)
	}

	cause := errors.New("no key")
	plan.RekeyToken = func(memory.Allocator, int, arrow.Array) (arrow.Array, error) { return nil, cause }
	_, _, err = release.Check(stream(batch(t, alloc, fields, rows)), plan)
	wantErr(t, "Check without the key", err, cause)
	plan.RekeyToken = func(alloc memory.Allocator, _ int, a arrow.Array) (arrow.Array, error) {
		return array.NewSlice(a, 0, 1), nil
	}
	_, _, err = release.Check(stream(batch(t, alloc, fields, rows)), plan)
	wantErr(t, "Check with a token lost", err, release.ErrSchema)
}

func TestTheErrorOfTheStreamEndsTheCheck(t *testing.T) {
	alloc := checked(t)
	p, fields := visits(alloc)
	cause := errors.New("worker died")
	_, _, err := release.Check(func(yield func(arrow.RecordBatch, error) bool) {
		b := batch(t, alloc, fields, `{"district": "a", "n": 1, "s": 1, "__g": 10, "__c": 10}`)
		defer b.Release()
		if yield(b, nil) {
			yield(nil, cause)
		}
	}, p)
	wantErr(t, "Check", err, cause)
}

func TestBatchesOfAnotherShapeAreRefused(t *testing.T) {
	for name, fields := range map[string][]arrow.Field{
		"a hidden column is missing": {field("district", str), field("n", i64), field("s", f64), field("__g", u32)},
		"one column too many":        {field("district", str), field("n", i64), field("s", f64), field("__g", u32), field("__c", u32), field("x", i64)},
		"another name":               {field("address", str), field("n", i64), field("s", f64), field("__g", u32), field("__c", u32)},
		"another type":               {field("district", str), field("n", f64), field("s", f64), field("__g", u32), field("__c", u32)},
		"a count that is no count":   {field("district", str), field("n", i64), field("s", f64), field("__g", str), field("__c", u32)},
		"a count without bound":      {field("district", str), field("n", i64), field("s", f64), field("__g", u32), field("__c", i64)},
	} {
		alloc := checked(t)
		p, _ := visits(alloc)
		_, _, err := release.Check(stream(batch(t, alloc, fields, `{}`)), p)
		wantErr(t, name, err, release.ErrSchema)
	}
}

// What is hidden is hidden before the rest is rounded, by itself: seven and fewer are not
// shown, and the table of the OpenSAFELY manual rounds as it says. Rows stand in the order
// of their keys, or of what they show.
func TestFiguresAreRoundedOnceTheFewAreHidden(t *testing.T) {
	const rows = `
		{"district": "g", "n": 44, "s": 40.5, "__g": 8, "__c": 8},
		{"district": "f", "n": 31, "s": 9.5,  "__g": 8, "__c": 7},
		{"district": "e", "n": 18, "s": 12.4, "__g": 8, "__c": 8},
		{"district": "d", "n": 23, "s": 12.5, "__g": 8, "__c": 8},
		{"district": "c", "n": 16, "s": -2.5, "__g": 8, "__c": 8},
		{"district": "b", "n": 8,  "s": 0.1,  "__g": 8, "__c": 8},
		{"district": "a", "n": 7,  "s": 70.0, "__g": 7, "__c": 7}`
	for _, ordered := range []bool{false, true} {
		alloc := checked(t)
		p, fields := visits(alloc)
		for i := range p.Hidden {
			p.Hidden[i].K = 8
		}
		p.Columns[1].Round, p.Columns[2].Round = 5, 5
		if p.Ordered = ordered; ordered {
			p.Order = []int{0}
		}
		c, report, err := release.Check(stream(batch(t, alloc, fields, rows)), p)
		if err != nil {
			t.Fatal(err)
		}
		want := `b|10|0 c|15|-5 d|25|15 e|20|10 f|30|null g|45|40`
		if ordered { // as the statement had them, what lost a value last
			want = `g|45|40 e|20|10 d|25|15 c|15|-5 b|10|0 f|30|null`
		}
		got := strings.NewReplacer(`{"district":"`, "", `","n":`, "|", `,"s":`, "|", "}", "", "\n", " ").Replace(text(t, c))
		if got != want || report.RowsSuppressed != 1 || report.CellsSuppressed != 1 {
			t.Errorf("ordered %t: %s, %d rows and %d cells hidden, want %s", ordered, got, report.RowsSuppressed, report.CellsSuppressed, want)
		}
		c.Release()
	}
}

func TestPlansThatContradictThemselvesAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*release.Plan){
		"zero value":                 func(p *release.Plan) { *p = release.Plan{} },
		"k of zero":                  func(p *release.Plan) { p.Hidden[0].K = 0 },
		"cell k of zero":             func(p *release.Plan) { p.Hidden[1].K = 0 },
		"cell without output":        func(p *release.Plan) { p.Hidden[1].Output = -1 },
		"cell of no output":          func(p *release.Plan) { p.Hidden[1].Output = 3 },
		"unknown kind":               func(p *release.Plan) { p.Hidden[0].Kind = "sum" },
		"order, but not ordered":     func(p *release.Plan) { p.Order = []int{0} },
		"order of no output":         func(p *release.Plan) { p.Ordered, p.Order = true, []int{3} },
		"records ordered by nothing": func(p *release.Plan) { p.Ordered, p.RecordLevel = true, true },
		"ordered by a token": func(p *release.Plan) {
			p.Columns[0].Form, p.Columns[0].Token, p.RekeyToken = release.Token, true, rekeyed
			p.Ordered, p.Order = true, []int{0}
		},
		"rounded and in order of it":    func(p *release.Plan) { p.Columns[1].Round, p.Ordered, p.Order = 5, true, []int{0, 1} },
		"rounded and in a hidden order": func(p *release.Plan) { p.Columns[1].Round, p.Ordered = 5, true },
		"a rounded key":                 func(p *release.Plan) { p.Columns[0].Round = 5 },
		"rounded to less than none":     func(p *release.Plan) { p.Columns[1].Round = -5 },
		"unknown form":                  func(p *release.Plan) { p.Columns[0].Form = "" },
		"token form without token":      func(p *release.Plan) { p.Columns[0].Form = release.Token },
		"token without its key":         func(p *release.Plan) { p.Columns[0].Form, p.Columns[0].Token = release.Token, true },
		"token of another form":         func(p *release.Plan) { p.Columns[0].Token, p.RekeyToken = true, rekeyed },
		"token that is no string": func(p *release.Plan) {
			p.Columns[1].Form, p.Columns[1].Token, p.RekeyToken = release.Token, true, rekeyed
		},
		"unknown type":         func(p *release.Plan) { p.Columns[0].Type = "BLOB" },
		"type of no precision": func(p *release.Plan) { p.Columns[0].Type = "DECIMAL(39,0)" },
		"type with a tail":     func(p *release.Plan) { p.Columns[0].Type = "DECIMAL(9,0)[]" },
		"negative limit":       func(p *release.Plan) { p.Limit = ptr(-1) },
		"negative offset":      func(p *release.Plan) { p.Offset = ptr(-1) },
		"negative cap":         func(p *release.Plan) { p.RowCap = -1 },
		"records of no one":    func(p *release.Plan) { p.RecordLevel, p.Protected = true, false },
		"name that is no text": func(p *release.Plan) { p.Columns[0].Name = "\xff" },
	} {
		p, _ := visits(checked(t))
		spoil(&p)
		_, _, err := release.Check(stream(), p)
		wantErr(t, name, err, release.ErrPlan)
	}
}

// What is withheld is told by row as rows leave, with every rule that took it; rows that
// go altogether are not among them, nor are those behind a limit.
func TestWhatIsWithheldIsToldByRow(t *testing.T) {
	alloc := checked(t)
	p, fields := visits(alloc)
	p.Hidden = append(p.Hidden, release.Hidden{Kind: release.Numbered, Output: -1})
	fields = append(fields, field("__rows", u32))
	p.Limit = ptr(3)
	p.Judge = func(reached []release.Reached) ([][]release.Withheld, error) {
		out := make([][]release.Withheld, len(reached))
		for i, r := range reached {
			switch r.Number {
			case 1, 4: // d, a
				out[i] = []release.Withheld{{Output: 2, Rule: "DOMINANCE"}, {Output: 2, Rule: "P_PERCENT"}}
			case 2: // c
				out[i] = []release.Withheld{{Output: 1, Rule: "CLASS_DISCLOSURE"}, {Output: 2, Rule: "DOMINANCE"}}
			}
		}
		return out, nil
	}
	c, report, err := release.Check(stream(batch(t, alloc, fields, `
		{"district": "d", "n": 40, "s": 4.5, "__g": 10, "__c": 10, "__rows": 1},
		{"district": "c", "n": 30, "s": 3.5, "__g": 10, "__c": 10, "__rows": 2},
		{"district": "b", "n": 20, "s": null, "__g": 10, "__c": 3, "__rows": 3},
		{"district": "a", "n": 10, "s": 1.5, "__g": 10, "__c": 10, "__rows": 4},
		{"district": "e", "n": 50, "s": null, "__g": 10, "__c": 3, "__rows": 5}`)), p)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	want := `{"district":"a","n":10,"s":null}
{"district":"b","n":20,"s":null}
{"district":"d","n":40,"s":null}`
	if got := text(t, c); got != want {
		t.Errorf("released\n%s\nwant\n%s", got, want)
	}
	dominated, known := release.Withheld{Output: 2, Rule: "DOMINANCE"}, release.Withheld{Output: 2, Rule: "P_PERCENT"}
	cells := []release.WithheldCell{{0, dominated}, {0, known}, {1, release.Withheld{Output: 2}}, {2, dominated}, {2, known}}
	if !reflect.DeepEqual(report.Withheld, cells) {
		t.Errorf("withheld = %+v, want %+v", report.Withheld, cells)
	}
}
