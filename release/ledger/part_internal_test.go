package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// scattering returns a release of one to four cells of some of the rows of one to three
// districts, now and then of one row more.
func scattering(r *rand.Rand, id string, district []uint32) Release {
	cells := make([][]uint32, 1+r.IntN(4))
	from, most := uint32(r.IntN(12)), uint32(1+r.IntN(3))
	more := -1
	if r.IntN(8) == 0 {
		more = r.IntN(len(district))
	}
	for row, d := range district {
		if cell := r.IntN(len(cells) + 1); d >= from && d < from+most && cell < len(cells) || row == more {
			cell = min(cell, len(cells)-1)
			cells[cell] = append(cells[cell], uint32(row))
		}
	}
	cells = slices.DeleteFunc(cells, func(c []uint32) bool { return len(c) == 0 })
	return Release{ID: id, Population: fmt.Sprint(from, most, r.IntN(2)), Cells: map[string][][]uint32{Counts: cells}}
}

// Levels are of one part if and only if a row leads from one to the other, and what is
// judged within the part of a release is what is judged of all.
func TestPartsAreJudgedAsTheWhole(t *testing.T) {
	refused, several := 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 13))
		district, entity := make([]uint32, 60+r.IntN(120)), []uint32(nil)
		for row := range district {
			district[row] = uint32(r.IntN(12))
			entity = append(entity, uint32(r.IntN(len(district))))
		}
		l := New(2+r.IntN(4), slices.Clone(entity))
		var kept []string
		for n := range 14 {
			next := scattering(r, fmt.Sprint(n), district)
			if len(next.Cells[Counts]) == 0 {
				continue
			}
			got, err := l.Try(next)
			if err != nil {
				t.Fatal(err)
			}
			whole := New(l.k, l.entity)
			h := *l.history(Counts)
			h.part = make([]int, len(h.levels))
			whole.measures[Counts] = &h
			want, err := whole.Try(next)
			if err != nil {
				t.Fatal(err)
			}
			if (got == nil) != (want == nil) || got != nil && got.Kind != want.Kind {
				t.Fatalf("seed %d, release %d: %+v, of the whole %+v", seed, n, got, want)
			}
			if got != nil {
				refused++
				if r.IntN(2) == 0 {
					continue
				}
			}
			if err := l.Keep(next); err != nil {
				t.Fatal(err)
			}
			kept = append(kept, next.ID)
			if r.IntN(5) == 0 {
				gone := r.IntN(len(kept))
				l.Void(kept[gone])
				kept = slices.Delete(kept, gone, gone+1)
			}
			if r.IntN(5) == 0 {
				l.Grow([]uint32{uint32(r.IntN(len(entity))), uint32(len(l.entity))})
				district = append(district, uint32(r.IntN(12)), uint32(r.IntN(12)))
			}
			h = *l.measures[Counts]
			if want := connected(&h); !slices.Equal(h.part, want) {
				t.Fatalf("seed %d, release %d: parts %v, want %v", seed, n, h.part, want)
			}
			if len(slices.Compact(slices.Sorted(slices.Values(h.part)))) > 1 {
				several++
			}
		}
	}
	if refused < 100 || several < 500 {
		t.Errorf("%d refused, %d of several parts: the histories say little", refused, several)
	}
}

// connected returns the parts of levels by going from row to row.
func connected(h *history) []int {
	part := make([]int, len(h.levels))
	for i := range part {
		part[i] = i
	}
	for changed := true; changed; {
		changed = false
		for _, class := range h.class {
			first := len(part)
			for i := range h.levels {
				if h.levels[i].of(h, class) != none {
					first = min(first, part[i])
				}
			}
			for i := range h.levels {
				if h.levels[i].of(h, class) != none && part[i] != first {
					part[i], changed = first, true
				}
			}
		}
	}
	return part
}
