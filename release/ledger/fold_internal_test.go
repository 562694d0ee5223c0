package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// nested returns a release by one column, of rows with a value of another between two
// bounds: its cells often lie in those of others. Some leave out a few rows.
func nested(r *rand.Rand, id string, columns [][]uint32) Release {
	by, of := columns[r.IntN(len(columns))], columns[r.IntN(len(columns))]
	low, high := uint32(r.IntN(3)), uint32(2+r.IntN(4))
	if r.IntN(3) == 0 {
		low, high = 0, 6
	}
	without := -1
	if r.IntN(3) == 0 {
		without = r.IntN(len(by))
	}
	cells := make([][]uint32, 6)
	for row, v := range by {
		if of[row] >= low && of[row] < high && row != without {
			cells[v] = append(cells[v], uint32(row))
		}
	}
	cells = slices.DeleteFunc(cells, func(c []uint32) bool { return len(c) == 0 })
	return Release{ID: id, Population: fmt.Sprint(low, high, without, r.IntN(4)), Cells: map[string][][]uint32{Counts: cells}}
}

// unfolded returns a ledger of releases over the rows of another, that folds nothing.
func unfolded(t *testing.T, of *Ledger, releases []Release) *Ledger {
	t.Helper()
	l := New(of.k, of.entity)
	h := l.history(Counts)
	for _, r := range releases {
		all, ok := layers(r.Cells[Counts], len(l.entity))
		if !ok {
			t.Fatal("too many layers")
		}
		for _, layer := range all {
			h = h.with(layer, r)
		}
	}
	l.measures[Counts] = h
	return l
}

// What is judged of levels that are folded is what is judged of them as they are, and
// the releases that are named as part of a combination are enough for one.
func TestFoldedLevelsAreJudgedAsTheyAre(t *testing.T) {
	refused, folds := 0, 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 12))
		entity := make([]uint32, 20+r.IntN(200))
		columns := make([][]uint32, 2+r.IntN(2))
		for c := range columns {
			columns[c] = make([]uint32, len(entity))
		}
		for row := range entity {
			entity[row] = uint32(r.IntN(len(entity)))
			for c := range columns {
				columns[c][row] = uint32(r.IntN(6))
			}
		}
		k := 2 + r.IntN(4)
		l := New(k, slices.Clone(entity))
		var kept []Release
		for n := range 14 {
			next := nested(r, fmt.Sprint(n), columns)
			if len(next.Cells[Counts]) == 0 {
				continue
			}
			got, err := l.Try(next)
			if err != nil {
				t.Fatal(err)
			}
			want, err := unfolded(t, l, kept).Try(next)
			if err != nil {
				t.Fatal(err)
			}
			if (got == nil) != (want == nil) || got != nil && got.Kind != want.Kind {
				t.Fatalf("seed %d, release %d: %+v, unfolded %+v", seed, n, got, want)
			}
			if got != nil {
				refused++
				with := slices.DeleteFunc(slices.Clone(kept), func(r Release) bool { return !slices.Contains(got.With, r.ID) })
				if f, err := unfolded(t, l, with).Try(next); err != nil || f == nil {
					t.Fatalf("seed %d, release %d: %+v, but with those it names alone %+v, %v", seed, n, got, f, err)
				}
				if r.IntN(2) == 0 {
					continue
				}
			}
			if err := l.Keep(next); err != nil {
				t.Fatal(err)
			}
			kept = append(kept, next)
			if r.IntN(6) == 0 {
				gone := r.IntN(len(kept))
				l.Void(kept[gone].ID)
				kept = slices.Delete(kept, gone, gone+1)
			}
			if r.IntN(4) == 0 {
				l.Grow([]uint32{uint32(r.IntN(len(entity))), uint32(len(l.entity))})
				for c := range columns {
					columns[c] = append(columns[c], uint32(r.IntN(6)), uint32(r.IntN(6)))
				}
			}
		}
		folds += len(l.measures[Counts].folds)
	}
	if refused < 100 || folds < 1000 {
		t.Errorf("%d refused, %d folds: the histories say little", refused, folds)
	}
}
