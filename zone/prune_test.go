package zone_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"zonebox/masking"
	"zonebox/zone"
)

// given returns the rows of each piece of a projection, all columns made.
func given(t testing.TB, s *zone.Store, p zone.Projection) string {
	t.Helper()
	var out []string
	for rec, err := range batches(s, t.Context(), p) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(rec.NumRows()))
		rec.Release()
	}
	return strings.Join(out, " ")
}

func TestASegmentNobodyNeedsIsLeftOut(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits) // segments of rows 0-2, 3-5, 6-7
	need := func(column, typ, op string, values ...string) zone.Need {
		return zone.Need{Column: column, Type: typ, Op: op, Values: values}
	}
	for _, tt := range []struct {
		what  string
		needs [][]zone.Need
		want  string
	}{
		{"nothing said", nil, "3 3 2"},
		{"a reference that needs all", [][]zone.Need{{}}, "3 3 2"},
		{"visits: 7 12 - | 40 0 -1 | 100 19", [][]zone.Need{{need("visits", "int64", "=", "12")}}, "3 3"},
		{"less than the least", [][]zone.Need{{need("visits", "int64", "<", "-1")}}, ""},
		{"up to the least", [][]zone.Need{{need("visits", "int64", "<=", "-1")}}, "3"},
		{"above the greatest", [][]zone.Need{{need("visits", "int64", ">", "100")}}, ""},
		{"from the greatest", [][]zone.Need{{need("visits", "int64", ">=", "100")}}, "2"},
		{"one of some", [][]zone.Need{{need("visits", "int64", "in", "-5", "8", "200")}}, "3 3"},
		{"two needs of one reference", [][]zone.Need{{need("visits", "int64", ">", "12"), need("visit_date", "date", "<", "2024-01-01")}}, "3"},
		{"two references", [][]zone.Need{{need("visits", "int64", "=", "12")}, {need("visits", "int64", ">=", "100")}}, "3 3 2"},
		{"two references, one of which needs all", [][]zone.Need{{need("visits", "int64", "=", "-7")}, {}}, "3 3 2"},
		{"decimals", [][]zone.Need{{need("paid", "decimal(10,2)", "=", "200")}}, "3"},
		{"timestamps", [][]zone.Need{{need("seen", "timestamp", ">=", "2024-05-02 08:00:00.5")}}, "2"},
		{"texts", [][]zone.Need{{need("district", "string", "<", "32")}}, "2"},
		{"another type than the column's", [][]zone.Need{{need("visits", "string", "=", "-7")}}, "3 3 2"},
		{"a constant that is none", [][]zone.Need{{need("visits", "int64", "=", "x")}}, "3 3 2"},
		{"a comparison that is none", [][]zone.Need{{need("visits", "int64", "<>", "12")}}, "3 3 2"},
		{"a column that is not projected", [][]zone.Need{{need("nothing", "int64", "=", "12")}}, "3 3 2"},
		{"a type without order", [][]zone.Need{{need("insured", "bool", "=", "true")}}, "3 3 2"},
	} {
		p := projection(info, all(spec)...)
		p.Needs = tt.needs
		if got := given(t, s, p); got != tt.want {
			t.Errorf("%s: pieces of %s rows, want %s", tt.what, got, tt.want)
		}
	}
	if s.Pruned() == 0 {
		t.Error("no segment is counted")
	}
}

// Of a masked column the delivered values count, once they are known, and
// nothing else: least and greatest raw value would tell what the mask hides.
func TestMaskedColumnsAreJudgedByTheirMasks(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits) // dates 2024-05-01..2024-06-30 | 1970-01-01..2023-12-31 | 2024-02-29..2024-05-31
	p := projection(info, zone.Project{Name: "visit_date", Recipe: &masking.Recipe{Kind: "date", Part: "month"}},
		zone.Project{Name: "district", Recipe: &masking.Recipe{Kind: "region", Digits: 4}})
	month := func(op, v string) [][]zone.Need {
		return [][]zone.Need{{{Column: "visit_date", Type: "string", Op: op, Values: []string{v}}}}
	}
	for _, first := range []bool{true, false} {
		for _, tt := range []struct {
			needs [][]zone.Need
			want  string
		}{
			{month("=", "2024-05"), "3 2"}, {month("<", "2000-01"), "3"}, {month(">=", "2024-06"), "3"},
			{[][]zone.Need{{{Column: "district", Type: "string", Op: "=", Values: []string{"110100"}}}}, "2"},
			{[][]zone.Need{{{Column: "district", Type: "string", Op: "=", Values: []string{"110101"}}}}, "2"}, // within 110100 and 320100
			{[][]zone.Need{{{Column: "visit_date", Type: "date", Op: "=", Values: []string{"1800-01-01"}}}}, "3 3 2"},
		} {
			q := p
			q.Needs = tt.needs
			pieces := 0
			for _, err := range s.Project(t.Context(), q) {
				if err != nil {
					t.Fatal(err)
				}
				pieces++
			}
			want := len(strings.Fields(tt.want))
			if first {
				want = 3
			}
			if pieces != want {
				t.Errorf("needs %v, first %v: %d pieces, want %d", tt.needs, first, pieces, want)
			}
		}
		given(t, s, p)
	}
	s.Forget(info.Zone)
	q := p
	q.Needs = month("=", "1800-01")
	if got := given(t, s, q); got != "3 3 2" {
		t.Errorf("after forgetting: pieces of %s rows, want all", got)
	}
}

// So it is where the mask keeps the type: the raw greatest, 100, is nobody's.
func TestTypedMasksAreJudgedByTheirMasks(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits) // visits 7 12 - | 40 0 -1 | 100 19
	p := projection(info, zone.Project{Name: "visits", Recipe: &masking.Recipe{Kind: "top_bottom", High: new(30.0)}},
		zone.Project{Name: "paid", Recipe: &masking.Recipe{Kind: "nullify"}})
	if got := mustRead(t, s, p); got != "7|-\n12|-\n-|-\n30|-\n0|-\n-1|-\n30|-\n19|-\n" {
		t.Fatalf("rows = %q", got)
	}
	for _, tt := range []struct{ typ, op, value, want string }{
		{"int64", ">", "30", ""}, {"int64", "=", "30", "3 2"}, {"int64", "=", "100", ""}, {"string", "=", "100", "3 3 2"},
	} {
		p.Needs = [][]zone.Need{{{Column: "visits", Type: tt.typ, Op: tt.op, Values: []string{tt.value}}}}
		if got := given(t, s, p); got != tt.want {
			t.Errorf("visits %s %s %s: pieces of %s rows, want %s", tt.typ, tt.op, tt.value, got, tt.want)
		}
	}
}

func TestValuesOutsideTheShapeOfTheirRecipeAreCounted(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	p := projection(info, zone.Project{Name: "district", Recipe: &masking.Recipe{Kind: "map", Values: map[string]string{"320106": "鼓楼"}}})
	if got := mustRead(t, s, p); got != "鼓楼\n鼓楼\n****\n****\n-\n鼓楼\n****\n鼓楼\n" || s.Misfits() != 3 {
		t.Errorf("rows = %q, %d misfits, want 3", got, s.Misfits())
	}
}

// Rows out of scope tell nothing either.
func TestRowsOutOfScopeHaveNoBounds(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	p := projection(info, zone.Project{Name: "visits"})
	p.Scope = []zone.Condition{{"district", []string{"320105"}}} // visits - | 40
	p.Needs = [][]zone.Need{{{Column: "visits", Type: "int64", Op: ">", Values: []string{"50"}}}}
	if got := given(t, s, p); got != "1 1" {
		t.Errorf("at first: pieces of %s rows, want 1 1", got)
	}
	if got := given(t, s, p); got != "1" { // a piece without any value has no bounds
		t.Errorf("afterwards: pieces of %s rows, want 1", got)
	}
}

// Whatever is left out, no row that meets the needs of a reference is.
func TestNoRowThatIsNeededIsLeftOut(t *testing.T) {
	s := open(t, t.TempDir())
	var json []string
	for i := range 60 {
		json = append(json, fmt.Sprintf(`{"n":%d,"code":"%02d"}`, i*i%47-20, i*7%31))
	}
	info := load(t, s, zone.Spec{Zone: "z", Dataset: "d", Columns: []zone.ColumnSpec{{"n", "int64"}, {"code", "string"}}}, "["+strings.Join(json, ",")+"]")
	base := projection(info, zone.Project{Name: "n"}, zone.Project{Name: "code", Recipe: &masking.Recipe{Kind: "partial", KeepFirst: 1}})
	rapid.Check(t, func(rt *rapid.T) {
		lists := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) zone.Need {
			op := rapid.SampledFrom([]string{"=", "<", "<=", ">", ">=", "in"}).Draw(rt, "op")
			n := zone.Need{Column: "n", Type: "int64", Op: op, Values: []string{fmt.Sprint(rapid.IntRange(-25, 30).Draw(rt, "value"))}}
			if rapid.Bool().Draw(rt, "code") {
				n.Column, n.Type, n.Values = "code", "string", []string{fmt.Sprintf("%d****", rapid.IntRange(0, 4).Draw(rt, "digit"))}
			}
			return n
		}), 1, 3), 1, 2).Draw(rt, "needs")
		needed := func(n, code string) bool {
			for _, list := range lists {
				met := true
				for _, need := range list {
					have, want := code, need.Values[0]
					c := strings.Compare(have, want)
					if need.Column == "n" {
						var x, y int
						fmt.Sscan(n, &x)
						fmt.Sscan(want, &y)
						c = x - y
					}
					met = met && map[string]bool{"=": c == 0, "in": c == 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[need.Op]
				}
				if met {
					return true
				}
			}
			return false
		}
		keep := func(text string) string {
			var out []string
			for line := range strings.Lines(text) {
				n, code, _ := strings.Cut(strings.TrimSpace(line), "|")
				if needed(n, code) {
					out = append(out, line)
				}
			}
			return strings.Join(out, "")
		}
		p := base
		want := keep(mustRead(t, s, p))
		p.Needs = lists
		if got := keep(mustRead(t, s, p)); got != want {
			rt.Fatalf("needs %v give\n%s\nwant\n%s", lists, got, want)
		}
	})
}
