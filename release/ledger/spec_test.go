package ledger_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"zonebox/release/ledger"
)

// span returns the rows from low up to, not including, high.
func span(low, high uint32) []uint32 {
	var out []uint32
	for r := low; r < high; r++ {
		out = append(out, r)
	}
	return out
}

// people returns n entities with a row each.
func people(n uint32) []uint32 { return span(0, n) }

func counts(id, population string, cells ...[]uint32) ledger.Release {
	return ledger.Release{ID: id, Population: population, Cells: map[string][][]uint32{ledger.Counts: cells}}
}

// Each history is asked in its order, k is 10; every release but the last is kept.
func TestWhatMayNotBeWorkedOut(t *testing.T) {
	few := func(with ...string) *ledger.Finding {
		return &ledger.Finding{Kind: ledger.Few, With: with, Cells: []int{0}}
	}
	nothing := func(with ...string) *ledger.Finding {
		return &ledger.Finding{Kind: ledger.Nothing, With: with, Cells: []int{0}}
	}
	for name, test := range map[string]struct {
		entity   []uint32
		releases []ledger.Release
		want     *ledger.Finding
	}{
		"everybody but one": {people(100), []ledger.Release{
			counts("a", "all", span(0, 100)), counts("b", "but one", span(0, 99)),
		}, few("a")},
		"everybody but nine": {people(100), []ledger.Release{
			counts("a", "all", span(0, 100)), counts("b", "but some", span(0, 91)),
		}, few("a")},
		"everybody but ten": {people(100), []ledger.Release{
			counts("a", "all", span(0, 100)), counts("b", "but some", span(0, 90)),
		}, nil},
		"everybody but nobody": {people(100), []ledger.Release{
			counts("a", "all", span(0, 100)), counts("b", "but nobody", span(0, 100)),
		}, nothing("a")},
		"the same population in other groups": {people(100), []ledger.Release{
			counts("a", "all", span(0, 100)), counts("b", "all", span(0, 40), span(40, 100)),
		}, nil},
		"the same groups of another population": {people(100), []ledger.Release{
			counts("a", "all", span(0, 40), span(40, 100)), counts("b", "most", span(0, 100)),
		}, nothing("a")},
		"a group of one left out beside the total": {people(100), []ledger.Release{
			counts("a", "all", span(0, 100)), counts("b", "all", span(0, 40), span(40, 99)),
		}, &ledger.Finding{Kind: ledger.Few, With: []string{"a"}, Cells: []int{0, 1}}},
		"two groups of eight left out beside the total": {people(100), []ledger.Release{
			counts("a", "all", span(0, 100)), counts("b", "all", span(0, 40), span(40, 84)),
		}, nil},
		"a tracker over three": {people(100), []ledger.Release{
			counts("a", "a", span(0, 60)), counts("b", "b", span(40, 100)), counts("c", "c", append(span(0, 40), span(60, 100)...)),
			counts("d", "d", append(span(0, 40), span(61, 100)...)),
		}, few("c")},
		"nine people of many rows": {append(span(0, 50), make([]uint32, 50)...), []ledger.Release{
			counts("a", "all", span(0, 100)), counts("b", "but fifty rows", span(0, 50)),
		}, few("a")},
		"cells that overlap but for one": {people(100), []ledger.Release{
			counts("a", "own", span(0, 50), span(0, 51)),
		}, &ledger.Finding{Kind: ledger.Few, Cells: []int{0, 1}}},
		"cells that overlap but for ten": {people(100), []ledger.Release{
			counts("a", "own", span(0, 50), span(0, 60)),
		}, nil},
		"another measure": {people(100), []ledger.Release{
			counts("a", "all", span(0, 100)),
			{ID: "b", Population: "but one", Cells: map[string][][]uint32{"income": {span(0, 99)}}},
		}, nil},
		"the same measure": {people(100), []ledger.Release{
			{ID: "a", Population: "all", Cells: map[string][][]uint32{"income": {span(0, 100)}}},
			{ID: "b", Population: "but one", Cells: map[string][][]uint32{"income": {span(0, 99)}, "tax": {span(0, 99)}}},
		}, &ledger.Finding{Measure: "income", Kind: ledger.Few, With: []string{"a"}, Cells: []int{0}}},
		"no population is one of its own": {people(100), []ledger.Release{
			counts("a", "", span(0, 100)), counts("b", "", span(0, 100)),
		}, nothing("a")},
	} {
		t.Run(name, func(t *testing.T) {
			l := ledger.New(10, test.entity)
			for i, r := range test.releases {
				got, err := l.Try(r)
				if err != nil {
					t.Fatal(err)
				}
				if i == len(test.releases)-1 {
					if !reflect.DeepEqual(got, test.want) {
						t.Errorf("Try(%s) = %+v, want %+v", r.ID, got, test.want)
					}
				} else if got != nil {
					t.Fatalf("Try(%s) = %+v, want nil", r.ID, got)
				}
				if err := l.Keep(r); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A cell that was hidden stays hidden: no other cells add up to it, but for few.
func TestWhatWasHiddenIsNotWorkedOut(t *testing.T) {
	hid := ledger.Release{ID: "hid", Population: "all", Cells: map[string][][]uint32{"income": {span(30, 100)}}, Hidden: map[string][][]uint32{"income": {span(0, 30)}}}
	income := func(id string, cells ...[]uint32) ledger.Release {
		return ledger.Release{ID: id, Population: "all", Cells: map[string][][]uint32{"income": cells}}
	}
	for name, test := range map[string]struct {
		before *ledger.Release
		next   ledger.Release
		want   *ledger.Finding
	}{
		"the total beside the others": {nil, income("next", span(0, 100)), &ledger.Finding{Measure: "income", Kind: ledger.Uncovers, With: []string{"hid"}}},
		"itself but for nine":         {nil, income("next", span(0, 21)), &ledger.Finding{Measure: "income", Kind: ledger.Uncovers, With: []string{"hid"}}},
		"its halves":                  {nil, income("next", span(0, 15), span(15, 30)), &ledger.Finding{Measure: "income", Kind: ledger.Uncovers, With: []string{"hid"}}},
		"one of its halves":           {nil, income("next", span(0, 15)), nil},
		"the others apart":            {nil, income("next", span(30, 60)), nil},
		"another figure of everybody": {nil, counts("next", "all", span(0, 100)), nil},
		"what was no secret":          {ptr(income("told", span(0, 30))), income("next", span(40, 60)), nil},
		"a half beside the other":     {ptr(income("half", span(0, 15))), income("next", span(15, 30)), &ledger.Finding{Measure: "income", Kind: ledger.Uncovers, With: []string{"half", "hid"}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := ledger.New(10, people(100))
			for _, r := range []*ledger.Release{test.before, &hid} {
				if r != nil {
					if err := l.Keep(*r); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got, err := l.Try(test.next); err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("Try = %+v, %v, want %+v", got, err, test.want)
			}
			if l.Void("hid"); test.want != nil {
				if got, err := l.Try(test.next); err != nil || got != nil {
					t.Errorf("Try with it void = %+v, %v, want nil", got, err)
				}
			}
		})
	}
}

func ptr(r ledger.Release) *ledger.Release { return &r }

func TestAReleaseThatIsVoidTellsNothing(t *testing.T) {
	l := ledger.New(10, people(100))
	for _, r := range []ledger.Release{counts("a", "all", span(0, 100)), counts("b", "some", span(0, 50))} {
		if err := l.Keep(r); err != nil {
			t.Fatal(err)
		}
	}
	next := counts("c", "but one", span(0, 99))
	if f, err := l.Try(next); err != nil || f == nil || f.Kind != ledger.Few {
		t.Errorf("Try beside everybody = %+v, %v, want few", f, err)
	}
	if !l.Void("a") || l.Void("a") {
		t.Error("Void does not tell that the release was there once")
	}
	if f, err := l.Try(next); err != nil || f != nil {
		t.Errorf("Try with everybody void = %+v, %v, want nil", f, err)
	}
	if f, err := l.Try(counts("d", "but one", span(0, 49))); err != nil || f == nil || f.Kind != ledger.Few {
		t.Errorf("Try beside what is not void = %+v, %v, want few", f, err)
	}
}

func TestRowsThatCameLaterAreToldFromThoseBefore(t *testing.T) {
	for added, want := range map[uint32]*ledger.Finding{
		0:  {Kind: ledger.Nothing, With: []string{"a"}, Cells: []int{0}},
		3:  {Kind: ledger.Few, With: []string{"a"}, Cells: []int{0}},
		20: nil,
	} {
		l := ledger.New(10, people(100))
		if err := l.Keep(counts("a", "first version", span(0, 100))); err != nil {
			t.Fatal(err)
		}
		l.Grow(span(100, 100+added))
		if got, err := l.Try(counts("b", "second version", span(0, 100+added))); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Try of %d more = %+v, %v, want %+v", added, got, err, want)
		}
	}
}

func TestAReleaseIsKeptOnce(t *testing.T) {
	l := ledger.New(10, people(100))
	r := counts("a", "all", span(0, 100))
	if err := l.Keep(r); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Try(r); !errors.Is(err, ledger.ErrKept) {
		t.Errorf("Try = %v, want %v", err, ledger.ErrKept)
	}
	if err := l.Keep(r); !errors.Is(err, ledger.ErrKept) {
		t.Errorf("Keep = %v, want %v", err, ledger.ErrKept)
	}
	if got := l.Releases(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("Releases = %v, want a", got)
	}
}

func TestALedgerTellsHowMuchMemoryItTakes(t *testing.T) {
	l := ledger.New(10, people(1000))
	if got := l.Bytes(); got != 4_000 {
		t.Errorf("Bytes = %d, want 4 a row", got)
	}
	if err := l.Keep(counts("a", "all", span(0, 500), span(500, 900))); err != nil {
		t.Fatal(err)
	}
	if got, want := l.Bytes(), 4_000+4_000+3*14+3*2; got != want { // three classes: in either cell, in none
		t.Errorf("Bytes with a release = %d, want %d", got, want)
	}
}
