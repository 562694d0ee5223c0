package disclosure_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"zonebox/release/disclosure"
)

// The tables of this file are re-created from public manuals and reports: the numbers
// are theirs, the words are not.

// acro are the figures of ACRO's defaults.
var acro = disclosure.Figures{K: 10, Dominance: []disclosure.Dominance{{N: 2, Percent: 90}}, Percent: 10}

// each returns a table of one row for each value, of an entity of its own.
func each(values ...int64) (*disclosure.Table, *disclosure.Column, [][]uint32) {
	var entity, all []uint32
	for i := range values {
		entity, all = append(entity, uint32(i)), append(all, uint32(i))
	}
	return disclosure.NewTable(entity), &disclosure.Column{Whole: values}, [][]uint32{all}
}

func judged(t *testing.T, f disclosure.Figures, values ...int64) string {
	t.Helper()
	table, c, cells := each(values...)
	verdicts, err := table.Judge(f, c, cells)
	if err != nil {
		t.Fatal(err)
	}
	return say(verdicts[0].Rules, verdicts[0].Review)
}

func say(rules []disclosure.Rule, review bool) string {
	var words []string
	for _, r := range rules {
		words = append(words, string(r))
	}
	if review {
		words = append(words, "review")
	}
	return strings.Join(words, " ")
}

// TestRulesBesideThoseOfACRO walks the edges of ACRO's three rules. Where ours differ,
// the case says so.
func TestRulesBesideThoseOfACRO(t *testing.T) {
	// Two and eight of about 10, which are 80 together.
	ten := func(first, second int64) []int64 {
		return []int64{first, second, 9, 11, 10, 10, 9, 11, 10, 10}
	}
	for _, test := range []struct {
		name   string
		values []int64
		want   string
	}{
		{"nine contributors", []int64{5, 6, 7, 8, 9, 5, 6, 7, 8}, "FEW_ENTITIES FEW_NONZERO"},
		{"ten contributors", []int64{5, 6, 7, 8, 9, 5, 6, 7, 8, 9}, ""},
		// ACRO passes what is not over 90 %; the definition is "k percent or more".
		{"the two largest bear 90 % exactly", ten(360, 360), "DOMINANCE"},
		{"they bear 89.9 %", ten(360, 350), ""},
		{"the second knows the first to 10.1 %", ten(790, 11), "DOMINANCE"},
		{"the second knows the first to 10 % exactly", ten(800, 11), "DOMINANCE"},
		{"the second knows the first to 9.9 %", ten(810, 11), "DOMINANCE P_PERCENT"},
		{"all zeros", make([]int64, 10), "FEW_NONZERO DOMINANCE"},
		// ACRO counts the nine of twelve that bear nothing.
		{"three bear all of it", []int64{4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "FEW_NONZERO"},
		// ACRO suppresses no cell of a table with a value below zero.
		{"one below zero, harmless", []int64{5, 6, 7, 8, 9, 5, 6, 7, 8, -1}, "review"},
		{"one below zero that bears nearly all", ten(-9000, 30), "DOMINANCE P_PERCENT review"},
	} {
		if got := judged(t, acro, test.values...); got != test.want {
			t.Errorf("%s: Judge = %q, want %q", test.name, got, test.want)
		}
	}
}

// TestNegativeCellsAreJudgedAsTheirMirrors is what a user of τ-Argus expected of a
// variable below zero throughout (UserSupport 156): the pattern of the same values above
// zero, not that every cell goes. Here cells are flagged besides.
func TestNegativeCellsAreJudgedAsTheirMirrors(t *testing.T) {
	for _, values := range [][]int64{
		{50, 40, 30, 20, 10, 50, 40, 30, 20, 10},
		{9000, 40, 30, 20, 10, 50, 40, 30, 20, 10},
		{9000, 9000, 30, 20, 10, 50, 40, 30, 20, 10},
		{5, 5, 5},
	} {
		mirrored := make([]int64, len(values))
		for i, v := range values {
			mirrored[i] = -v
		}
		positive, negative := judged(t, acro, values...), judged(t, acro, mirrored...)
		if negative != strings.TrimSpace(positive+" review") {
			t.Errorf("of %v it is %q, of its mirror %q", values, positive, negative)
		}
	}
}

// TestContributionsAreThoseOfEntitiesNotOfRows: rows of one enterprise are one
// contribution, as ContributorVar has it in GaussSuppression; ACRO counts rows.
func TestContributionsAreThoseOfEntitiesNotOfRows(t *testing.T) {
	bills := &disclosure.Column{Whole: []int64{30, 30, 30, 30, 30, 30, 5, 6, 7, 8, 9, 10}}
	all := [][]uint32{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}
	figures := disclosure.Figures{K: 3, Dominance: []disclosure.Dominance{{N: 1, Percent: 75}}}
	for _, test := range []struct {
		whose []uint32
		want  string
	}{
		{[]uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, ""},
		{[]uint32{0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6}, "DOMINANCE"},
		{[]uint32{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1}, "FEW_ENTITIES FEW_NONZERO DOMINANCE"},
	} {
		got, err := disclosure.NewTable(test.whose).Judge(figures, bills, all)
		if err != nil {
			t.Fatal(err)
		}
		if got := say(got[0].Rules, got[0].Review); got != test.want {
			t.Errorf("rows of %v: %q, want %q", test.whose, got, test.want)
		}
	}
}

// TestTwoEntitiesNeverShareATotal is the table of UserSupport 135: counts of 1, 1, 7, 1
// and 0, 1, 0, 0, 2, 8 with maxN = 2. What sdcTable added up to singletons does not leave
// in the first place; that totals of what is left tell nothing is the ledger's.
func TestTwoEntitiesNeverShareATotal(t *testing.T) {
	var got []string
	for _, n := range []int{1, 1, 7, 1, 0, 1, 0, 0, 2, 8} {
		ones := make([]int64, n)
		for i := range ones {
			ones[i] = 1
		}
		got = append(got, judged(t, disclosure.Figures{K: 3}, ones...))
	}
	few, out := "FEW_ENTITIES FEW_NONZERO", ""
	if want := []string{few, few, out, few, few, few, few, few, few, out}; !slices.Equal(got, want) {
		t.Errorf("cells are judged %q, want %q", got, want)
	}
}

// TestBusinessesUnderTwoEighty is the shape of UserSupport 160: branches in which the
// largest enterprise bears nearly all, and branches in which none does.
func TestBusinessesUnderTwoEighty(t *testing.T) {
	figures := disclosure.Figures{K: 3, Dominance: []disclosure.Dominance{{N: 2, Percent: 80}}}
	for _, test := range []struct {
		branch string
		values []int64
		want   string
	}{
		{"B05", []int64{920, 40, 20, 20}, "DOMINANCE"},
		{"B06", []int64{30, 10, 5, 5, 5}, ""},
		{"B07", []int64{18, 2, 1, 1, 1}, "DOMINANCE"},
		{"B08", []int64{200, 190, 180, 170, 160}, ""},
		{"B09", []int64{30, 25, 20, 15, 10}, ""},
		// What a total less the cells that left tells of those that did not: to hide B09
		// as well is not enough, to hide B08 is.
		{"B05 and B07", []int64{920, 40, 20, 20, 18, 2, 1, 1, 1}, "DOMINANCE"},
		{"B05, B07 and B09", []int64{920, 40, 20, 20, 18, 2, 1, 1, 1, 30, 25, 20, 15, 10}, "DOMINANCE"},
		{"B05, B07 and B08", []int64{920, 40, 20, 20, 18, 2, 1, 1, 1, 200, 190, 180, 170, 160}, ""},
	} {
		if got := judged(t, figures, test.values...); got != test.want {
			t.Errorf("%s: %q, want %q", test.branch, got, test.want)
		}
	}
}

// sheet is a block over people of one table, one row each, who are asked for by
// conditions.
type sheet struct {
	entity []uint32
	values []int64
	groups []disclosure.Group
}

// group adds people, and for each set how many of them it takes, the first or, where it
// is below zero, the last.
func (s *sheet) group(people int, sets ...int) {
	var g disclosure.Group
	var all []uint32
	for range people {
		row := uint32(len(s.entity))
		s.entity, s.values, all = append(s.entity, row), append(s.values, int64(100+row%7)), append(all, row)
	}
	g = append(g, [][]uint32{all})
	for _, n := range sets {
		if n >= 0 {
			g = append(g, [][]uint32{all[:n]})
		} else {
			g = append(g, [][]uint32{all[people+n:]})
		}
	}
	s.groups = append(s.groups, g)
}

func (s *sheet) judge(t *testing.T, k int, totals ...disclosure.Total) []string {
	t.Helper()
	b := disclosure.Block{
		References: []disclosure.Reference{{disclosure.NewTable(s.entity), disclosure.Figures{K: k}}},
		Columns:    []disclosure.Measure{{0, disclosure.Figures{K: k}, disclosure.Column{Whole: s.values}}},
		Totals:     totals, Groups: s.groups,
	}
	found, err := b.Judge()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, h := range found.Hits {
		out = append(out, fmt.Sprintf("%d.%d %s", h.Group, h.Total, h.Rule))
	}
	return out
}

var (
	everybody = disclosure.Total{Function: disclosure.Count}
	first     = disclosure.Total{Function: disclosure.Count, Set: 1}
	second    = disclosure.Total{Function: disclosure.Count, Set: 2}
	sum       = disclosure.Total{Function: disclosure.Sum}
	sumFirst  = disclosure.Total{Function: disclosure.Sum, Set: 1}
	avg       = disclosure.Total{Function: disclosure.Average}
	avgFirst  = disclosure.Total{Function: disclosure.Average, Set: 1}
)

// TestTablesOfTheOpenSAFELYManual are those of its page on disclosure control, as one
// statement asks for them: by age band, how many there are and how many of them have a
// heart disease (first), or are men with one (second).
func TestTablesOfTheOpenSAFELYManual(t *testing.T) {
	var primary sheet
	for _, band := range [][2]int{{1, 1}, {100, 10}, {90, 15}, {85, 25}} {
		primary.group(band[0], band[1])
	}
	// The first band is one person, who has it; nothing else is small.
	want := []string{"0.0 FEW_ENTITIES", "0.0 FEW_NONZERO", "0.1 FEW_ENTITIES", "0.1 FEW_NONZERO", "0.1 CLASS_DISCLOSURE"}
	if got := primary.judge(t, 6, everybody, first); !slices.Equal(got, want) {
		t.Errorf("primary: %q, want %q", got, want)
	}

	// Of 20 people 19 are men, of 8 who have it 7: one woman. In the other bands there are
	// 5 women or more with it, and 10 or more of them.
	var population, disease sheet
	for _, band := range [][2]int{{20, 19}, {25, 15}, {30, 18}, {40, 25}} {
		population.group(band[0], band[1])
	}
	for _, band := range [][2]int{{8, 7}, {10, 5}, {15, 8}, {25, 13}} {
		disease.group(band[0], band[1])
	}
	if got := population.judge(t, 6, everybody, first); !slices.Equal(got, []string{"0.1 CLASS_DISCLOSURE"}) {
		t.Errorf("male and total: %q", got)
	}
	want = []string{"0.1 CLASS_DISCLOSURE"}
	if got := disease.judge(t, 5, everybody, first); !slices.Equal(got, want) {
		t.Errorf("male and total of those who have it: %q, want %q", got, want)
	}
}

// TestNobodyAndEverybodyLookAlike: a count of all, of all but a few, of a few and of
// nobody in a group are one to who reads the answer; a count of about half is not.
func TestNobodyAndEverybodyLookAlike(t *testing.T) {
	for _, test := range []struct {
		of   int
		want string
	}{
		{0, "FEW_ENTITIES FEW_NONZERO"}, {2, "FEW_ENTITIES FEW_NONZERO"}, {3, ""}, {10, ""}, {17, ""},
		{18, "CLASS_DISCLOSURE"}, {19, "CLASS_DISCLOSURE"}, {20, "CLASS_DISCLOSURE"},
	} {
		var s sheet
		s.group(20, test.of)
		var want []string
		for _, rule := range strings.Fields(test.want) {
			want = append(want, "0.1 "+rule)
		}
		if got := s.judge(t, 3, everybody, first); !slices.Equal(got, want) {
			t.Errorf("%d of 20: %q, want %q", test.of, got, want)
		}
	}
}

// TestTotalsOfAGroupAreJudgedByEachOther: conditions that hold for nearly the same
// people, and what an average gives back.
func TestTotalsOfAGroupAreJudgedByEachOther(t *testing.T) {
	for _, test := range []struct {
		name   string
		sets   []int
		totals []disclosure.Total
		want   []string
	}{
		{"one condition within the other", []int{12, 10}, []disclosure.Total{first, second}, []string{"0.1 CLASS_DISCLOSURE"}},
		{"and around it", []int{10, 12}, []disclosure.Total{first, second}, []string{"0.1 CLASS_DISCLOSURE"}},
		{"well within it", []int{12, 6}, []disclosure.Total{first, second}, nil},
		{"the same people, the later goes", []int{12, 12}, []disclosure.Total{second, first}, []string{"0.0 CLASS_DISCLOSURE"}},
		{"side by side", []int{12, -12}, []disclosure.Total{first, second}, nil},
		{"three in steps of two, of which the first and the last stay", []int{14, 12, 10}, []disclosure.Total{first, second, {Function: disclosure.Count, Set: 3}}, []string{"0.1 CLASS_DISCLOSURE"}},
		{"a count twice", []int{12}, []disclosure.Total{first, first}, nil},
		{"sums of nearly the same people", []int{18}, []disclosure.Total{sum, sumFirst}, []string{"0.1 CLASS_DISCLOSURE"}},
		{"a sum and an average of them", []int{18}, []disclosure.Total{sum, avgFirst}, []string{"0.1 CLASS_DISCLOSURE"}},
		{"a count of all and a sum of nearly all", []int{18}, []disclosure.Total{everybody, sumFirst}, nil},
		{"the average would give back the count", []int{18}, []disclosure.Total{everybody, first, sumFirst, avgFirst},
			[]string{"0.1 CLASS_DISCLOSURE", "0.3 SUPPRESSION_UNDONE"}},
		{"of a count that nobody asked for too", []int{18}, []disclosure.Total{everybody, sumFirst, avgFirst}, []string{"0.2 SUPPRESSION_UNDONE"}},
		{"the count may leave, and both with it", []int{12}, []disclosure.Total{everybody, first, sumFirst, avgFirst}, nil},
		{"an average alone gives nothing back", []int{18}, []disclosure.Total{everybody, first, avgFirst}, []string{"0.1 CLASS_DISCLOSURE"}},
		{"all of it at once", nil, []disclosure.Total{everybody, sum, avg}, nil},
	} {
		var s sheet
		s.group(20, test.sets...)
		if got := s.judge(t, 3, test.totals...); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestAFlagTellsOfBothItsValues: the sum of a column of two values counts those who have
// either.
func TestAFlagTellsOfBothItsValues(t *testing.T) {
	// Of the first 20 people 2 have it, of the others the first 10.
	flags := make([]int64, 40)
	for _, row := range append(rows(0, 2), rows(20, 30)...) {
		flags[row] = 1
	}
	table := disclosure.NewTable(rows(0, 40))
	cells := [][]uint32{rows(0, 20), rows(20, 40), rows(20, 32)}
	got, err := table.Judge(disclosure.Figures{K: 3}, &disclosure.Column{Whole: flags}, cells)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"FEW_NONZERO CLASS_DISCLOSURE", "", "CLASS_DISCLOSURE"} {
		if got := say(got[i].Rules, got[i].Review); got != want {
			t.Errorf("cell %d: %q, want %q", i, got, want)
		}
	}
}

// TestNoNumberIsTooLarge: two rows of one enterprise add up to more than 64 bits hold.
func TestNoNumberIsTooLarge(t *testing.T) {
	turnover := []int64{math.MaxInt64, math.MaxInt64, 3, 4, 5, 6}
	table := disclosure.NewTable([]uint32{0, 0, 1, 2, 3, 4})
	got, err := table.Judge(disclosure.Figures{K: 3, Dominance: []disclosure.Dominance{{N: 1, Percent: 90}}}, &disclosure.Column{Whole: turnover}, [][]uint32{rows(0, 6), rows(2, 6)})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"DOMINANCE", ""} {
		if got := say(got[i].Rules, got[i].Review); got != want {
			t.Errorf("cell %d: %q, want %q", i, got, want)
		}
	}
}

// TestWhatCannotBeAddedUpDoesNotLeave: a value that is infinite or no number, wherever it
// stands, hits its own cell and no other.
func TestWhatCannotBeAddedUpDoesNotLeave(t *testing.T) {
	table := disclosure.NewTable(rows(0, 20))
	for _, strange := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64} {
		values := make([]float64, 20)
		for i := range values {
			values[i] = float64(10 + i)
		}
		values[13], values[14] = strange, strange
		got, err := table.Judge(disclosure.Figures{K: 3}, &disclosure.Column{Floats: values}, [][]uint32{rows(0, 10), rows(10, 20)})
		if err != nil {
			t.Fatal(err)
		}
		if len(got[0].Rules) > 0 || !slices.Contains(got[1].Rules, disclosure.NotFinite) {
			t.Errorf("with two of %v in the second cell: %v", strange, got)
		}
	}
}

// TestWhatCancelsIsNothing: what each of them bears comes to 0, though not in floats.
func TestWhatCancelsIsNothing(t *testing.T) {
	var who []uint32
	var values []float64
	for e := range uint32(5) {
		who = append(who, e, e, e, e)
		values = append(values, 1e16, 1, -1e16, -1)
	}
	got, err := disclosure.NewTable(who).Judge(disclosure.Figures{K: 3}, &disclosure.Column{Floats: values}, [][]uint32{rows(0, 20)})
	if err != nil {
		t.Fatal(err)
	}
	if want := []disclosure.Rule{disclosure.FewNonzero}; !slices.Equal(got[0].Rules, want) || !got[0].Review {
		t.Errorf("Judge = %v, want %v for review", got[0], want)
	}
}

// TestRowsOutsideNeverRaiseABound: what an enterprise got back, in a row that no cell has,
// does not lower what it bears of the cell.
func TestRowsOutsideNeverRaiseABound(t *testing.T) {
	taxes := []int64{900, -900, 10, 11, 12, 10, 11, 12, 10, 11}
	table := disclosure.NewTable([]uint32{0, 0, 1, 2, 3, 4, 5, 6, 7, 8})
	got, err := table.Judge(disclosure.Figures{K: 3, Dominance: []disclosure.Dominance{{N: 1, Percent: 90}}}, &disclosure.Column{Whole: taxes}, [][]uint32{{0, 2, 3, 4, 5, 6, 7, 8, 9}})
	if err != nil {
		t.Fatal(err)
	}
	if got := say(got[0].Rules, got[0].Review); got != "DOMINANCE" {
		t.Errorf("Judge = %q, want DOMINANCE", got)
	}
}

// TestCountsOverAJoinAreOfRowsThatItDoesNotRepeat: 20 visits of 20 people to 2 hospitals,
// of which a condition takes in some. It is the visits that say how many are left out:
// each hospital has some either way.
func TestCountsOverAJoinAreOfRowsThatItDoesNotRepeat(t *testing.T) {
	visits, hospitals := disclosure.NewTable(rows(0, 20)), disclosure.NewTable(rows(0, 2))
	repeated := func(n int) (out []uint32) {
		for i := range n {
			out = append(out, uint32(2*i/n))
		}
		return out
	}
	for _, test := range []struct {
		name    string
		all, of [][]uint32
		want    bool
	}{
		{"half of the visits", [][]uint32{rows(0, 20), repeated(20)}, [][]uint32{rows(0, 10), repeated(10)}, false},
		{"all but two", [][]uint32{rows(0, 20), repeated(20)}, [][]uint32{rows(0, 18), repeated(18)}, true},
		// Each of the ten that the condition finds, and no other, has a record of its own.
		{"half, by an outer join", [][]uint32{rows(0, 20), rows(0, 2)}, [][]uint32{rows(0, 10), rows(0, 2)}, false},
		{"two, by an outer join", [][]uint32{rows(0, 20), rows(0, 2)}, [][]uint32{rows(0, 2), rows(0, 2)}, false},
		// Both are repeated: each is asked, and either may say so.
		{"half, with visits counted twice", [][]uint32{twice(0, 20), repeated(40)}, [][]uint32{twice(0, 10), repeated(20)}, true},
	} {
		b := disclosure.Block{
			References: []disclosure.Reference{{visits, disclosure.Figures{K: 3}}, {hospitals, disclosure.Figures{K: 1}}},
			Totals:     []disclosure.Total{everybody, first},
			Groups:     []disclosure.Group{{test.all, test.of}},
		}
		found, err := b.Judge()
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(found.Hits, disclosure.Hit{Total: 1, Rule: disclosure.Class}); got != test.want || slices.ContainsFunc(found.Hits, func(h disclosure.Hit) bool { return h.Total == 0 }) {
			t.Errorf("%s: %v, want the class rule: %v", test.name, found.Hits, test.want)
		}
	}
}

func twice(from, to uint32) (out []uint32) {
	for row := from; row < to; row++ {
		out = append(out, row, row)
	}
	return out
}

// TestEntitiesAreCountedOnceWhateverRowsTheyHave: that one of ten people made 91 of 100
// visits is told by how many visits there are, not by how many people made one.
func TestEntitiesAreCountedOnceWhateverRowsTheyHave(t *testing.T) {
	who := make([]uint32, 100)
	for i := range 9 {
		who[i] = uint32(i + 1)
	}
	for f, want := range map[disclosure.Function]int{disclosure.Count: 2, disclosure.Entities: 0, disclosure.Other: 0} {
		b := disclosure.Block{
			References: []disclosure.Reference{{disclosure.NewTable(who), disclosure.Figures{K: 10, Dominance: []disclosure.Dominance{{N: 2, Percent: 90}}, Percent: 10}}},
			Totals:     []disclosure.Total{{Function: f}}, Groups: []disclosure.Group{{{rows(0, 100)}}},
		}
		if found, err := b.Judge(); err != nil || len(found.Hits) != want {
			t.Errorf("%s: %v, %v, want %d hits", f, found, err, want)
		}
	}
}

// TestBlocksThatContradictThemselvesAreNotJudged: nothing is found rather than nothing
// wrong.
func TestBlocksThatContradictThemselvesAreNotJudged(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(*disclosure.Block)
		want error
	}{
		{"sound", func(*disclosure.Block) {}, nil},
		{"no group size", func(b *disclosure.Block) { b.References[0].Figures.K = 0 }, disclosure.ErrFigures},
		{"over 100 %", func(b *disclosure.Block) { b.References[0].Figures.Percent = 101 }, disclosure.ErrFigures},
		{"dominance of none", func(b *disclosure.Block) { b.References[0].Figures.Dominance = []disclosure.Dominance{{0, 90}} }, disclosure.ErrFigures},
		{"dominance of nine", func(b *disclosure.Block) { b.References[0].Figures.Dominance = []disclosure.Dominance{{9, 90}} }, disclosure.ErrFigures},
		{"dominance of 0 %", func(b *disclosure.Block) { b.References[0].Figures.Dominance = []disclosure.Dominance{{1, 0}} }, disclosure.ErrFigures},
		{"no group size of a column", func(b *disclosure.Block) { b.Columns[0].Figures.K = 0 }, disclosure.ErrFigures},
		{"no such column", func(b *disclosure.Block) { b.Totals[1].Column = 1 }, disclosure.ErrBlock},
		{"no such set", func(b *disclosure.Block) { b.Totals[1].Set = 1 }, disclosure.ErrBlock},
		{"no such function", func(b *disclosure.Block) { b.Totals[1].Function = "median" }, disclosure.ErrBlock},
		{"no such reference", func(b *disclosure.Block) { b.Columns[0].Reference = 1 }, disclosure.ErrBlock},
		{"a column of other rows", func(b *disclosure.Block) { b.Columns[0].Column.Whole = make([]int64, 11) }, disclosure.ErrBlock},
		{"a row that is not there", func(b *disclosure.Block) { b.Groups[0][0][0][9] = 12 }, disclosure.ErrBlock},
		{"rows out of order", func(b *disclosure.Block) { b.Groups[0][0][0][9] = 1 }, disclosure.ErrBlock},
		{"rows of another reference", func(b *disclosure.Block) { b.Groups[0][0] = append(b.Groups[0][0], rows(0, 3)) }, disclosure.ErrBlock},
	} {
		b := disclosure.Block{
			References: []disclosure.Reference{{disclosure.NewTable(rows(0, 12)), disclosure.Figures{K: 3, Percent: 10}}},
			Columns:    []disclosure.Measure{{0, disclosure.Figures{K: 3}, disclosure.Column{Whole: []int64{5, 6, 7, 5, 6, 7, 5, 6, 7, 5, 6, 7}}}},
			Totals:     []disclosure.Total{everybody, sum},
			Groups:     []disclosure.Group{{{rows(0, 10)}}},
		}
		test.edit(&b)
		if found, err := b.Judge(); !errors.Is(err, test.want) || len(found.Hits) > 0 {
			t.Errorf("%s: Judge = %v, %v, want %v", test.name, found, err, test.want)
		}
	}
}

func rows(from, to uint32) (out []uint32) {
	for row := from; row < to; row++ {
		out = append(out, row)
	}
	return out
}
