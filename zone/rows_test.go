package zone_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/zone"
)

// Rows have the numbers that they have in the version, whatever is left out.
func TestRowsAreNumberedOverTheWholeVersion(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits) // segments of 3, 3 and 2 rows; districts 320106 320106 320105 | 320105 - 320106 | 110101 320106
	in := []zone.Condition{{"district", []string{"320106"}}}
	seen := map[[sha256.Size]byte]string{}
	for _, tt := range []struct {
		scope []zone.Condition
		only  []int64
		want  string
	}{
		{nil, nil, "[0 1 2] [3 4 5] [6 7]"},
		{in, nil, "[0 1] [5] [7]"},
		{nil, []int64{1, 4, 7}, "[1] [4] [7]"},
		{in, []int64{1, 4, 7}, "[1] [7]"},
		{in, []int64{4}, ""},
	} {
		p := projection(info, zone.Project{Name: "visits"})
		p.Entity, p.Rows, p.Scope, p.Only = true, true, tt.scope, tt.only
		var got []string
		for piece, err := range s.Project(t.Context(), p) {
			if err != nil {
				t.Fatal(err)
			}
			c := piece.Columns[2]
			if len(piece.Columns) != 3 || c.Name != zone.RowColumn {
				t.Fatalf("columns %v, want visits, %s and %s", piece.Columns, zone.EntityColumn, zone.RowColumn)
			}
			arr, err := c.Array()
			if err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprint(arr.(*array.Uint32).Uint32Values())
			arr.Release()
			if other, known := seen[c.ID]; known && other != text {
				t.Errorf("rows %s and %s have one ID", other, text)
			}
			seen[c.ID] = text
			got = append(got, text)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("in scope %v only %v: rows %v, want %s", tt.scope, tt.only, got, tt.want)
		}
	}
	if len(seen) != 8 {
		t.Errorf("%d IDs, want 8: one for each list of rows", len(seen))
	}
}

// Of every row it is known whom it is about, by the same codes as in the engine.
func TestEntitiesAreKnownByRow(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, zone.Spec{Zone: "z", Dataset: "d", Entity: "key", Columns: []zone.ColumnSpec{{"key", "string"}}},
		`[{"key":"a"},{"key":"b"},{"key":"a"},{"key":null},{"key":"c"},{"key":"b"}]`)
	want := []uint32{0, 1, 0, zone.NoEntity, 2, 1}
	for range 2 { // the second is remembered
		got, err := s.Entities(t.Context(), info.Zone, info.Dataset, info.Version, info.Manifest, []int{0, 1})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Entities() = %v, %v, want %v", got, err, want)
		}
	}
	got, err := s.Entities(t.Context(), info.Zone, info.Dataset, info.Version, info.Manifest, nil)
	if want := slices.Repeat([]uint32{zone.NoEntity}, 6); err != nil || !slices.Equal(got, want) {
		t.Errorf("Entities() of no segment = %v, %v, want %v", got, err, want)
	}
	if _, err := s.Entities(t.Context(), info.Zone, info.Dataset, info.Version, strings.Repeat("0", 64), nil); err == nil {
		t.Error("entities are told of a version that is not the registry's")
	}
}
