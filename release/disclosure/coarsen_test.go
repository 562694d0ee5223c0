package disclosure_test

import (
	"math/big"
	"slices"
	"testing"

	"zonebox/release/disclosure"
)

// branches is a sheet of four branches of business by district: how many firms, their
// turnover, its average, the average of their staff, and the largest.
func branches() disclosure.Sheet {
	value := func(ns ...int64) (out []*big.Rat) {
		for _, n := range ns {
			if n < 0 {
				out = append(out, nil)
				continue
			}
			out = append(out, big.NewRat(n, 1))
		}
		return out
	}
	return disclosure.Sheet{
		Totals: []disclosure.Total{{Function: disclosure.Count}, {Function: disclosure.Sum, Column: 0}, {Function: disclosure.Average, Column: 0},
			{Function: disclosure.Average, Column: 1}, {Function: disclosure.Other}},
		Cells: []disclosure.Cell{
			{Keys: []string{"B05", "east"}, Values: value(12, 600, 50, 7, 90), Rows: disclosure.Group{{rows(0, 12)}}},
			{Keys: []string{"B06", "east"}, Values: value(3, 300, 100, 9, 200), Rows: disclosure.Group{{rows(20, 23)}}},
			{Keys: []string{"B05", "west"}, Values: value(4, -1, -1, 8, 10), Rows: disclosure.Group{{rows(12, 16)}}},
			{Keys: []string{"B06", "west"}, Values: value(5, 100, 20, 8, 30), Rows: disclosure.Group{{rows(23, 28)}}},
			{Keys: []string{"B07", "west"}, Values: value(13, 130, 10, 6, 20), Rows: disclosure.Group{{rows(30, 43)}}},
		},
	}
}

func told(s disclosure.Sheet) (out []string) {
	for _, c := range s.Cells {
		line := ""
		for _, k := range c.Keys {
			line += k + " "
		}
		for _, v := range c.Values {
			if v == nil {
				line += "- "
			} else {
				line += v.RatString() + " "
			}
		}
		out = append(out, line)
	}
	return out
}

// TestCategoriesMergeIntoOne: counts and sums are added, an average comes from sum and
// count or not at all, and what was hidden in a part is gone.
func TestCategoriesMergeIntoOne(t *testing.T) {
	whole := branches()
	merged := whole.Merge(0, map[string]string{"B05": "B05–06", "B06": "B05–06"})
	want := []string{"B05–06 east 15 900 60 - - ", "B05–06 west 9 - - - - ", "B07 west 13 130 10 6 20 "}
	if got := told(merged); !slices.Equal(got, want) {
		t.Errorf("merged: %q, want %q", got, want)
	}
	if got := merged.Cells[0].Rows[0][0]; !slices.Equal(got, append(rows(0, 12), 20, 21, 22)) {
		t.Errorf("rows behind the merged cell are %v", got)
	}
	if got := merged.Merge(1, map[string]string{"east": "city", "west": "city"}).Cells[0].Rows[0][0]; !slices.Equal(got, slices.Concat(rows(0, 16), rows(20, 28))) {
		t.Errorf("rows behind what is merged twice are %v", got)
	}
	if got := merged.Cells[2].Rows[0][0]; !slices.Equal(got, rows(30, 43)) {
		t.Errorf("rows behind a cell that was not merged are %v", got)
	}
	if got := told(whole); !slices.Equal(got, told(branches())) {
		t.Errorf("the sheet itself became %q", got)
	}
	byBranch := whole.Merge(1, map[string]string{"east": "city", "west": "city"})
	want = []string{"B05 city 16 - - - - ", "B06 city 8 400 50 - - ", "B07 city 13 130 10 6 20 "}
	if got := told(byBranch); !slices.Equal(got, want) {
		t.Errorf("merged by district: %q, want %q", got, want)
	}
}

// TestKeysThatReadAlikeStayApart: no text of one key runs into the next.
func TestKeysThatReadAlikeStayApart(t *testing.T) {
	s := disclosure.Sheet{Cells: []disclosure.Cell{{Keys: []string{"a\x00\x00", "b"}}, {Keys: []string{"a", "\x00\x00b"}}, {Keys: []string{"a\x00", "b"}}, {Keys: []string{"a", "\x00b"}}}}
	if got := len(s.Merge(0, nil).Cells); got != 4 {
		t.Errorf("%d cells, want 4", got)
	}
}

// TestMergedCellsAreJudgedAnew: three firms are too few, with the twelve of the branch
// beside they are not, and by groups of 20 all are.
func TestMergedCellsAreJudgedAnew(t *testing.T) {
	firms := disclosure.NewTable(rows(0, 43))
	judge := func(s disclosure.Sheet, k int) (hidden disclosure.Sheet) {
		t.Helper()
		b := disclosure.Block{References: []disclosure.Reference{{firms, disclosure.Figures{K: k}}}, Totals: s.Totals[:1]}
		for _, c := range s.Cells {
			b.Groups = append(b.Groups, c.Rows)
		}
		found, err := b.Judge()
		if err != nil {
			t.Fatal(err)
		}
		return s.Hide(found.Hits)
	}
	counts := func(s disclosure.Sheet) (out []string) {
		for _, c := range s.Cells {
			if c.Values[0] == nil {
				out = append(out, "-")
			} else {
				out = append(out, c.Values[0].RatString())
			}
		}
		return out
	}
	merged := branches().Merge(0, map[string]string{"B05": "B05–06", "B06": "B05–06"})
	for _, test := range []struct {
		of   disclosure.Sheet
		k    int
		want []string
	}{
		{branches(), 10, []string{"12", "-", "-", "-", "13"}},
		{merged, 9, []string{"15", "9", "13"}},
		{merged, 10, []string{"15", "-", "13"}},
		{merged, 20, []string{"-", "-", "-"}},
	} {
		if got := counts(judge(test.of, test.k)); !slices.Equal(got, test.want) {
			t.Errorf("by groups of %d: %q, want %q", test.k, got, test.want)
		}
	}
}

// TestRoundingComesFromTheValueItself: halves go away from 0, an average is that of the
// rounded parts or gone, and the table of the OpenSAFELY manual rounds as it says.
func TestRoundingComesFromTheValueItself(t *testing.T) {
	s := branches().Round(5)
	want := []string{"B05 east 10 600 60 - - ", "B06 east 5 300 60 - - ", "B05 west 5 - - - - ", "B06 west 5 100 20 - - ", "B07 west 15 130 26/3 - - "}
	if got := told(s); !slices.Equal(got, want) {
		t.Errorf("rounded: %q, want %q", got, want)
	}
	manual := disclosure.Sheet{Totals: []disclosure.Total{{Function: disclosure.Count}}}
	for _, n := range [][2]int64{{8, 10}, {16, 15}, {23, 25}, {18, 20}, {31, 30}, {44, 45}, {0, 0}, {2, 0}, {-7, -5}, {-8, -10}} {
		manual.Cells = []disclosure.Cell{{Values: []*big.Rat{big.NewRat(n[0], 1)}}}
		if got := manual.Round(5).Cells[0].Values[0]; got.Cmp(big.NewRat(n[1], 1)) != 0 {
			t.Errorf("%d rounds to %s, want %d", n[0], got.RatString(), n[1])
		}
	}
	for _, n := range [][2]int64{{5, 10}, {-5, -10}, {15, 20}, {14, 10}} {
		manual.Cells = []disclosure.Cell{{Values: []*big.Rat{big.NewRat(n[0], 1)}}}
		if got := manual.Round(10).Cells[0].Values[0]; got.Cmp(big.NewRat(n[1], 1)) != 0 {
			t.Errorf("%d rounds to %s, want %d", n[0], got.RatString(), n[1])
		}
	}
}
