package zone_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"zonebox/zone"
)

var chainSpec = zone.Spec{Zone: "health", Dataset: "visits", Entity: "id",
	Columns: []zone.ColumnSpec{{"id", "string"}, {"district", "string"}, {"cost", "int64"}}}

// chainRow is a row of the tables below: id is "" where it is null.
type chainRow struct {
	id, district string
	cost         int
}

func (r chainRow) json() string {
	id := "null"
	if r.id != "" {
		id = fmt.Sprintf("%q", r.id)
	}
	return fmt.Sprintf(`{"id":%s,"district":%q,"cost":%d}`, id, r.district, r.cost)
}

func loadRows(t *testing.T, s *zone.Store, spec zone.Spec, rows []chainRow) zone.Ref {
	t.Helper()
	var text []string
	for _, r := range rows {
		text = append(text, r.json())
	}
	info := load(t, s, spec, "["+strings.Join(text, ",")+"]")
	return zone.Ref{Zone: info.Zone, Dataset: info.Dataset, Version: info.Version, Manifest: info.Manifest}
}

func follow(t *testing.T, s *zone.Store, ref zone.Ref, measure string, earlier ...zone.Numbered) *zone.Lineage {
	t.Helper()
	var columns []string
	if measure != "" {
		columns = []string{measure}
	}
	return number(t, s.Following(ref), columns, earlier)
}

func number(t *testing.T, f *zone.Following, columns []string, earlier []zone.Numbered) *zone.Lineage {
	t.Helper()
	l, err := f.Number(t.Context(), columns, earlier)
	if err != nil {
		t.Fatal(err)
	}
	data, err := l.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var again zone.Lineage
	if err := again.UnmarshalBinary(data); err != nil || !slices.Equal(again.Rows, l.Rows) || !slices.Equal(again.Entities, l.Entities) {
		t.Fatalf("a lineage reads back as %v, %v, want %v", again, err, *l)
	}
	return l
}

func TestRowsKeepTheirNumbersOverVersions(t *testing.T) {
	const none = zone.NoEntity
	first := []chainRow{{"a", "x", 1}, {"b", "x", 2}, {"", "y", 3}, {"a", "y", 4}}
	for _, tt := range []struct {
		name, measure  string
		next           []chainRow
		rows, entities []uint32
	}{
		{"the same rows in another order", "", []chainRow{{"a", "y", 4}, {"", "y", 3}, {"b", "x", 2}, {"a", "x", 1}}, []uint32{3, 2, 1, 0}, []uint32{0, none, 1, 0}},
		{"a row more of nobody who was there", "", append(slices.Clone(first), chainRow{"c", "x", 1}), []uint32{0, 1, 2, 3, 4}, []uint32{0, 1, none, 0, 2}},
		{"a row that changed keeps its number for counts", "", []chainRow{{"a", "x", 1}, {"b", "x", 9}, {"a", "y", 4}}, []uint32{0, 1, 3}, []uint32{0, 1, 0}},
		{"and has another for what changed", "cost", []chainRow{{"a", "x", 1}, {"b", "x", 9}, {"a", "y", 4}}, []uint32{0, 4, 3}, []uint32{0, 1, 0}},
		{"but not for what did not", "cost", []chainRow{{"a", "z", 1}, {"b", "z", 2}, {"a", "z", 4}}, []uint32{0, 1, 3}, []uint32{0, 1, 0}},
		{"a row of nobody that changed is new", "", []chainRow{{"", "y", 7}}, []uint32{4}, []uint32{none}},
		{"a row that is there twice is one more", "", []chainRow{{"b", "x", 2}, {"b", "x", 2}}, []uint32{1, 4}, []uint32{1, 1}},
		{"equal rows come before those of the entity", "", []chainRow{{"a", "z", 9}, {"a", "x", 1}}, []uint32{3, 0}, []uint32{0, 0}},
		{"a measure that was not there is new in every row", "weight", []chainRow{{"b", "x", 2}}, []uint32{4}, []uint32{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			one := loadRows(t, s, chainSpec, first)
			before := follow(t, s, one, tt.measure)
			if want := []uint32{0, 1, 2, 3}; !slices.Equal(before.Rows, want) || !slices.Equal(before.Entities, []uint32{0, 1, none, 0}) {
				t.Fatalf("the first version is numbered %v of %v, want %v of 0, 1, nobody, 0", before.Rows, before.Entities, want)
			}
			got := follow(t, s, loadRows(t, s, chainSpec, tt.next), tt.measure, zone.Numbered{one, before})
			if !slices.Equal(got.Rows, tt.rows) || !slices.Equal(got.Entities, tt.entities) {
				t.Errorf("the next version is numbered %v of %v, want %v of %v", got.Rows, got.Entities, tt.rows, tt.entities)
			}
		})
	}
}

func TestWhatCannotBeReadIsNotComparedAndItsNumbersAreNotGivenAgain(t *testing.T) {
	s := open(t, t.TempDir())
	one := loadRows(t, s, chainSpec, []chainRow{{"a", "x", 1}, {"b", "x", 2}})
	before := follow(t, s, one, "")
	two := loadRows(t, s, chainSpec, []chainRow{{"a", "x", 1}})
	one.Manifest = ""
	got := follow(t, s, two, "", zone.Numbered{one, before})
	if !slices.Equal(got.Rows, []uint32{2}) || !slices.Equal(got.Entities, []uint32{2}) {
		t.Errorf("numbered %v of %v, want 2 of 2: nothing of before can be read", got.Rows, got.Entities)
	}
}

func TestRowsOfADatasetWithoutEntityAreTheirOwn(t *testing.T) {
	spec := chainSpec
	spec.Entity = ""
	s := open(t, t.TempDir())
	one := loadRows(t, s, spec, []chainRow{{"a", "x", 1}, {"a", "x", 2}})
	before := follow(t, s, one, "")
	got := follow(t, s, loadRows(t, s, spec, []chainRow{{"a", "x", 2}, {"a", "x", 3}}), "", zone.Numbered{one, before})
	if want := []uint32{1, 2}; !slices.Equal(got.Rows, want) || !slices.Equal(got.Entities, want) {
		t.Errorf("numbered %v of %v, want %v of themselves", got.Rows, got.Entities, want)
	}
}

func TestValuesOfEveryTypeTellRowsApart(t *testing.T) {
	for _, tt := range []struct{ typ, value, same, other string }{
		{"string", `"x"`, `"x"`, `""`},
		{"int64", `1`, `1`, `-1`},
		{"decimal(10,2)", `"-0.10"`, `"-0.1"`, `"0.10"`},
		{"float64", `0`, `-0.0`, `1e-300`},
		{"bool", `true`, `true`, `false`},
		{"date", `"2026-01-01"`, `"2026-01-01"`, `"2026-01-02"`},
		{"timestamp", `"2026-01-01 00:00:00"`, `"2026-01-01 00:00:00"`, `"2026-01-01 00:00:01"`},
	} {
		t.Run(tt.typ, func(t *testing.T) {
			spec := zone.Spec{Zone: "health", Dataset: "d", Columns: []zone.ColumnSpec{{"v", tt.typ}}}
			s := open(t, t.TempDir())
			version := func(values ...string) zone.Ref {
				var rows []string
				for _, v := range values {
					rows = append(rows, `{"v":`+v+`}`)
				}
				info := load(t, s, spec, "["+strings.Join(rows, ",")+"]")
				return zone.Ref{Zone: info.Zone, Dataset: info.Dataset, Version: info.Version, Manifest: info.Manifest}
			}
			one := version(tt.value, "null", tt.other)
			before := follow(t, s, one, "v")
			got := follow(t, s, version(tt.other, tt.same, "null", tt.same), "v", zone.Numbered{one, before})
			if want := []uint32{2, 0, 1, 3}; !slices.Equal(got.Rows, want) {
				t.Errorf("numbered %v, want %v", got.Rows, want)
			}
		})
	}
}

// Random chains of versions are numbered as a reader of all rows would, pair by pair,
// for two measures after each other; and rows of one number are of one entity and have
// one value of the measure.
func TestLineagesEqualBruteForce(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 11))
		measures := [][]string{nil, {"cost"}}
		s := open(t, t.TempDir())
		chains := make([][]zone.Numbered, len(measures))
		var versions [][]chainRow
		rows := []chainRow{}
		for range 5 {
			rows = slices.DeleteFunc(slices.Clone(rows), func(chainRow) bool { return r.IntN(5) == 0 })
			for i := range rows {
				if r.IntN(4) == 0 {
					rows[i].cost = r.IntN(3)
				}
			}
			for range 1 + r.IntN(8) {
				rows = append(rows, chainRow{[]string{"", "a", "b", "c", "d"}[r.IntN(5)], []string{"x", "y"}[r.IntN(2)], r.IntN(3)})
			}
			r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			ref := loadRows(t, s, chainSpec, rows)
			following := s.Following(ref)
			for i, measure := range measures {
				got := number(t, following, measure, chains[i])
				want := brute(rows, versions, chains[i], measure != nil)
				if !slices.Equal(got.Rows, want) {
					t.Fatalf("seed %d, version %d: numbered %v for %q, want %v", seed, len(versions)+1, got.Rows, measure, want)
				}
				chains[i] = append([]zone.Numbered{{ref, got}}, chains[i]...)
			}
			versions = append([][]chainRow{slices.Clone(rows)}, versions...)
		}
		for m, chain := range chains {
			whose, who, value := map[uint32]string{}, map[string]uint32{}, map[uint32]int{}
			for v, rows := range versions {
				for i, row := range rows {
					n, e := chain[v].Lineage.Rows[i], chain[v].Lineage.Entities[i]
					if w, ok := whose[n]; ok && w != row.id {
						t.Fatalf("seed %d: row %d is of %q and of %q", seed, n, w, row.id)
					}
					if x, ok := value[n]; ok && x != row.cost && measures[m] != nil {
						t.Fatalf("seed %d: row %d has %d and %d", seed, n, x, row.cost)
					}
					whose[n], value[n] = row.id, row.cost
					if (row.id == "") != (e == zone.NoEntity) {
						t.Fatalf("seed %d: a row of %q has entity %d", seed, row.id, e)
					}
					if prior, ok := who[row.id]; ok && prior != e && v > 0 && slices.ContainsFunc(versions[v-1], func(r chainRow) bool { return r.id == row.id }) {
						t.Fatalf("seed %d: %q is %d and %d in versions that follow each other", seed, row.id, prior, e)
					}
					who[row.id] = e
				}
			}
		}
	}
}

// brute numbers rows after versions of before, the newest first.
func brute(rows []chainRow, versions [][]chainRow, chain []zone.Numbered, byCost bool) []uint32 {
	next := uint32(0)
	for _, c := range chain {
		for _, n := range c.Lineage.Rows {
			next = max(next, n+1)
		}
	}
	given, taken := make([]int64, len(rows)), map[uint32]bool{}
	for i := range given {
		given[i] = -1
	}
	for v, was := range versions {
		for _, same := range []func(a, b chainRow) bool{
			func(a, b chainRow) bool { return a == b },
			func(a, b chainRow) bool { return a.id != "" && a.id == b.id && (!byCost || a.cost == b.cost) },
		} {
			for i, row := range rows {
				if given[i] >= 0 {
					continue
				}
				best := int64(-1)
				for j, old := range was {
					if n := chain[v].Lineage.Rows[j]; !taken[n] && same(row, old) && (best < 0 || int64(n) < best) {
						best = int64(n)
					}
				}
				if best >= 0 {
					given[i], taken[uint32(best)] = best, true
				}
			}
		}
	}
	out := make([]uint32, len(rows))
	for i, g := range given {
		if out[i] = uint32(g); g < 0 {
			out[i] = next
			next++
		}
	}
	return out
}
