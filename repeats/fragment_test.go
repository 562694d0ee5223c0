package repeats_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/repeats"
)

// A fragment is known by the columns that it shares with a result, where others were left
// out, added or altered, if they say enough to be no accident.
func TestAFragmentIsKnownByTheColumnsThatItHas(t *testing.T) {
	k := keyOf(t, 1)
	result := k.Contents(leaked(t, "district,month,visits,cost",
		"320102,2026-01,412,90311.5", "320102,2026-02,398,88100.25", "320104,2026-01,77,10450", "320104,2026-02,81,∅",
		"320105,2026-01,1290,310022.75", "320105,2026-02,1301,∅"))
	people := k.Contents(leaked(t, "token,year,district",
		"4f8d0c1b2a394857a6b5c4d3e2f10911,1985,320102", "99aa0c1b2a394857a6b5c4d3e2f10922,1985,320102", "7b8d0c1b2a394857a6b5c4d3e2f10933,1990,320104"))
	for name, c := range map[string]struct {
		of       repeats.Contents
		fragment arrow.RecordBatch
		want     repeats.Found
	}{
		"whole lines":                   {result, leaked(t, "a,b,c,d", "320104,2026-01,77,10450", "320102,2026-02,398,88100.25"), repeats.Found{Lines: 2, Whole: 2, Cells: 8}},
		"without a figure":              {result, leaked(t, "a,b,c", "412,2026-01,320102", "1290,2026-01,320105"), repeats.Found{Lines: 2, Cells: 6}},
		"without a key":                 {result, leaked(t, "a,b,c", "320102,412,90311.5", "320105,1290,310022.75"), repeats.Found{Lines: 2, Cells: 6}},
		"two columns of many lines":     {result, leaked(t, "a,b", "320102,412", "320105,1290", "320105,1301"), repeats.Found{Lines: 3, Cells: 6}},
		"two columns of one line":       {result, leaked(t, "a,b", "320105,1290"), repeats.Found{}},
		"a number of its own":           {result, leaked(t, "no,a,b,c,d", "1,320102,2026-01,412,90311.5", "2,320104,2026-01,77,10450"), repeats.Found{Lines: 2, Cells: 8}},
		"a figure rounded":              {result, leaked(t, "a,b,c,d", "320102,2026-01,412,90000", "320105,2026-01,1290,310000", "320104,2026-01,77,10000"), repeats.Found{Lines: 3, Cells: 9}},
		"a line altered":                {result, leaked(t, "a,b,c,d", "320102,2026-01,412,90311.5", "320102,2026-02,398,88100.25", "320105,2026-01,1291,310022.75"), repeats.Found{Lines: 3, Whole: 2, Cells: 9}},
		"a missing value":               {result, leaked(t, "a,b,c,d", "320104,2026-02,81,", "320105,2026-02,1301,"), repeats.Found{Lines: 2, Whole: 2, Cells: 8}},
		"figures of other rows":         {result, leaked(t, "a,b,c", "320102,2026-01,77", "320104,2026-01,412", "320105,2026-02,1290"), repeats.Found{Lines: 3, Cells: 6}},
		"among as many of another":      {result, leaked(t, "a,b,c", "320102,2026-01,412", "320102,2026-02,398", "510107,2026-07,5", "510108,2026-08,6"), repeats.Found{Lines: 2, Cells: 6}},
		"one column of figures":         {result, leaked(t, "a", "90311.5", "88100.25", "310022.75", "10450"), repeats.Found{}},
		"names alone":                   {result, leaked(t, "a,b,c,d", "district,month,visits,cost"), repeats.Found{}},
		"nothing but empty cells":       {result, leaked(t, "a,b,c", ",,", "∅,∅,∅"), repeats.Found{}},
		"tokens alone":                  {people, leaked(t, "a", "4F8D0C1B2A394857A6B5C4D3E2F10911", "7b8d0c1b2a394857a6b5c4d3e2f10933"), repeats.Found{Lines: 2, Cells: 2}},
		"tokens beside other columns":   {people, leaked(t, "a,b,c", "4f8d0c1b2a394857a6b5c4d3e2f10911,张三,13800001234", "00000c1b2a394857a6b5c4d3e2f10911,李四,13800001235"), repeats.Found{Lines: 1, Cells: 1}},
		"years and districts":           {people, leaked(t, "a,b", "1985,320102"), repeats.Found{}},
		"years and districts of others": {people, leaked(t, "a,b", "1985,320102", "1985,320105", "1990,320105", "1991,320104", "1992,320104"), repeats.Found{}},
		"one row thrice":                {people, leaked(t, "a,b", "4f8d0c1b2a394857a6b5c4d3e2f10911,1985", "4f8d0c1b2a394857a6b5c4d3e2f10911,1985", "4f8d0c1b2a394857a6b5c4d3e2f10911,1985"), repeats.Found{Lines: 1, Cells: 2}},
	} {
		if got := c.of.Find(k.Fragment(c.fragment)); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if got := repeats.ContentsOf(result.Whole, result.Bytes(), 0, nil).Find(k.Fragment(leaked(t, "a,b", "320102,412", "320105,1290", "320105,1301"))); got != (repeats.Found{}) {
		t.Errorf("where no cells are kept: %+v", got)
	}
}

// What is kept of a large result is bounded, and a sample of its rows is known in part.
func TestCellsOfALargeResultAreASample(t *testing.T) {
	k := keyOf(t, 1)
	var lines, some []string
	for i := range 40_000 {
		line := fmt.Sprintf("%032x,%d", 7919*i+1<<40, 1900+i%100)
		lines = append(lines, line+",320102,x")
		if i%40 == 0 {
			some = append(some, line)
		}
	}
	all := leaked(t, "token,year,district,x", lines...)
	c := k.Contents(all.NewSlice(0, 25_000), all.NewSlice(25_000, 40_000))
	if n := len(c.Cells()); n != 8*1<<16 {
		t.Errorf("%d bytes of cells are kept, want 2^16 of eight bytes", n)
	}
	// 16384 of 40000 rows are known in part: 410 of 1000 lines, give or take.
	if got := c.Find(k.Fragment(leaked(t, "a,b", some...))); got.Lines < 350 || got.Lines > 470 || got.Whole != 0 || got.Cells != 2*got.Lines {
		t.Errorf("of 1000 lines without two columns %+v are known, want 410 or so", got)
	}
	if got := c.Find(k.Fragment(all.NewSlice(0, 500))); got.Lines != 500 || got.Whole != 500 {
		t.Errorf("of 500 whole lines %+v", got)
	}
	if one := k.Contents(all); one.Whole != c.Whole || string(one.Cells()) == "" || len(one.Cells()) != len(c.Cells()) {
		t.Error("in one batch they are others")
	}
}
