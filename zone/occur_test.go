package zone_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"zonebox/masking"
	"zonebox/zone"
)

// Where a value occurs is told of the rows that are seen and of no others, however
// the value is set: the first time, again, and after what is remembered was dropped.
func TestValuesOccurInTheRowsThatAreSeen(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits) // districts 320106 320106 320105 | 320105 - 320106 | 110101 320106 of entities 5 1 2 | - 5 5 | 1 9
	const person = "32010619700101000"
	in := []zone.Condition{{"district", []string{"320105", "110101"}}}
	sought := []string{"320106", "320105", "110101", "999999", "３２０１０６", " 3201-06 ", "3201‑06", "320106 ", "32010", "", " - "}
	for _, tt := range []struct {
		name  string
		set   *zone.Consented
		scope []zone.Condition
		only  []int64
		want  []int64
	}{
		{"all rows", nil, nil, nil, []int64{4, 2, 1, 0, 4, 4, 4, 4, 0, 0, 0}},
		{"nobody", consented(t, ""), nil, nil, make([]int64, 11)},
		{"one person", consented(t, "", person+"1"), nil, nil, []int64{1, 0, 1, 0, 1, 1, 1, 1, 0, 0, 0}},
		{"the scope alone", nil, in, nil, []int64{0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"one person within the scope", consented(t, "", person+"1"), in, nil, []int64{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"some rows", nil, nil, []int64{0, 2, 7}, []int64{2, 1, 0, 0, 2, 2, 2, 2, 0, 0, 0}},
		{"all rows again", nil, nil, nil, []int64{4, 2, 1, 0, 4, 4, 4, 4, 0, 0, 0}},
	} {
		p := projection(info, zone.Project{Name: "visits"})
		p.Consented, p.Scope, p.Only = tt.set, tt.scope, tt.only
		for _, what := range []string{"first", "again", "anew"} {
			got, err := s.Occur(t.Context(), p, "district", sought)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%s, %s: Occur = %v, %v, want %v", tt.name, what, got, err, tt.want)
			}
			if what == "again" {
				s.Forget("")
			}
		}
	}
	for _, column := range []string{"visits", "nothing", zone.EntityColumn} {
		if _, err := s.Occur(t.Context(), projection(info), column, sought); !errors.Is(err, zone.ErrProjection) {
			t.Errorf("Occur in %q: %v, want ErrProjection", column, err)
		}
	}
}

func TestTextsAreComparedHoweverTheyAreSet(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""}, {" \t-\n", ""}, {"13812345678", "13812345678"}, {"138 1234-5678", "13812345678"}, {"１３８　１２３４－５６７８", "13812345678"},
		{"138‐1234–5678", "13812345678"}, {"11010119900307123X", "11010119900307123x"}, {"11010119900307123ｘ", "11010119900307123x"},
		{"张 三", "张三"}, {"张\u200b三", "张三"}, {"\ufeff张三", "张三"}, {"阿·买提", "阿·买提"}, {"138****5678", "138****5678"}, {"a\xffb", "a\xffb"},
	} {
		if got := masking.Plain(nil, []byte(tt.text)); !bytes.Equal(got, []byte(tt.want)) {
			t.Errorf("Plain(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}
