package zone_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/zone"
)

// A projection of some rows gives those in scope among them, and nothing of the
// others, whatever it gave before.
func TestAProjectionOfSomeRowsGivesThem(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits) // visits 7 12 - | 40 0 -1 | 100 19; districts 320106 320106 320105 | 320105 - 320106 | 110101 320106
	columns := []zone.Project{{Name: "visits"}, {Name: "id_number", Recipe: &masking.Recipe{Kind: "partial", KeepLast: 2}}}
	in := []zone.Condition{{"district", []string{"320106"}}}
	for _, tt := range []struct {
		only  []int64
		scope []zone.Condition
		want  string
	}{
		{nil, nil, "7 12 - 40 0 -1 100 19"},
		{nil, in, "7 12 -1 19"},
		{[]int64{0, 4, 7}, nil, "7 0 19"},
		{[]int64{0, 4, 7}, in, "7 19"},
		{[]int64{0, 0, 7}, nil, "7 19"},
		{[]int64{3, 4}, in, ""},
		{[]int64{3, 4}, nil, "40 0"},
		{[]int64{0, 1, 2, 3, 4, 5, 6, 7}, nil, "7 12 - 40 0 -1 100 19"},
		{[]int64{-1, 8, 1 << 40}, nil, ""},
		{[]int64{}, nil, ""},
		{nil, in, "7 12 -1 19"},
	} {
		p := projection(info, columns...)
		p.Only, p.Scope = tt.only, tt.scope
		var got []string
		for _, line := range strings.Fields(mustRead(t, s, p)) {
			first, _, _ := strings.Cut(line, "|")
			got = append(got, first)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("rows %v in scope %v: %v, want %s", tt.only, tt.scope, got, tt.want)
		}
		n, err := s.Count(t.Context(), p)
		if err != nil || n != int64(len(got)) {
			t.Errorf("rows %v in scope %v: Count = %d, %v, want %d", tt.only, tt.scope, n, err, len(got))
		}
	}
}

// What is kept by ID is kept by rows.
func TestAnIDDependsOnTheRows(t *testing.T) {
	s := roomy(t, t.TempDir(), memory.DefaultAllocator)
	info := load(t, s, spec, visits)
	seen := map[[sha256.Size]byte][]int64{}
	for _, only := range [][]int64{nil, {0}, {1}, {0, 1}} {
		p := projection(info, zone.Project{Name: "visits"})
		p.Only = only
		id := ids(t, s, p)["visits"]
		if other, known := seen[id]; known {
			t.Errorf("rows %v and %v share an ID", other, only)
		}
		seen[id] = only
	}
}
