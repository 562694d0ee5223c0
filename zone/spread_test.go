package zone_test

import (
	"errors"
	"math"
	"testing"

	"zonebox/zone"
)

// How values are spread is told of the rows of people who consented, within the
// scope, and of no others; the same again, and after what is remembered was dropped.
func TestHowValuesAreSpreadIsOfTheRowsThatAreSeen(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits) // visits 7 12 - 40 0 -1 100 19 of entities 5 1 2 - 5 5 1 9
	const person = "32010619700101000"
	in := []zone.Condition{{"district", []string{"320106"}}} // 7 12 -1 19
	for _, tt := range []struct {
		name         string
		set          *zone.Consented
		scope        []zone.Condition
		rows, nulls  int64
		entropy, top float64
	}{
		{"all rows", nil, nil, 8, 1, 2.807355, 1.0 / 7},
		{"nobody", consented(t, ""), nil, 0, 0, 0, 1},
		{"one person", consented(t, "", person+"1"), nil, 2, 0, 1, 0.5},
		{"of three rows", consented(t, "", person+"5"), nil, 3, 0, 1.584963, 1.0 / 3},
		{"without a value", consented(t, "", person+"2"), nil, 1, 1, 0, 1},
		{"two people", consented(t, "", person+"1", person+"5"), nil, 5, 0, 2.321928, 0.2},
		{"two people within the scope", consented(t, "", person+"1", person+"5"), in, 3, 0, 1.584963, 1.0 / 3},
		{"the scope alone", nil, in, 4, 0, 2, 0.25},
		{"one person again", consented(t, "", person+"1"), nil, 2, 0, 1, 0.5},
	} {
		p := projection(info, zone.Project{Name: "district"})
		p.Consented, p.Scope = tt.set, tt.scope
		for _, what := range []string{"first", "again", "anew"} {
			c, rows, err := s.Spread(t.Context(), p, "visits")
			if err != nil || rows != tt.rows || c.Nulls != tt.nulls || math.Abs(c.Entropy-tt.entropy) > 1e-6 || math.Abs(c.Top-tt.top) > 1e-6 {
				t.Errorf("%s, %s: Spread = %+v of %d rows, %v, want %d rows, %d without, %v bits, top %v", tt.name, what, c, rows, err, tt.rows, tt.nulls, tt.entropy, tt.top)
			}
			if what == "again" {
				s.Forget("")
			}
		}
	}
	p := projection(info)
	p.Consented = consented(t, "", person+"1")
	if _, _, err := s.Spread(t.Context(), p, "nothing"); !errors.Is(err, zone.ErrProjection) {
		t.Errorf("of a column that is none: %v, want ErrProjection", err)
	}
}
