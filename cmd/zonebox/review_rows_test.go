package main

import (
	"bytes"
	"testing"

	"zonebox/query"
)

// A cell that rules hide shows them, in either language, in a table that lines up with
// Chinese; a null of the data is another sign.
func TestHiddenCellsShowTheirRules(t *testing.T) {
	text := func(s string) *string { return &s }
	r := &query.ReviewRows{Total: 9, From: 4, Rows: 2, Columns: []query.ReviewColumn{
		{Name: "区", Form: "group_label", Cells: []*string{text("玄武"), nil}},
		{Name: "s", Form: "aggregate", Cells: []*string{nil, text("15610")}},
	}, Withheld: []query.WithheldCell{{Row: 4, Output: 2, Rule: "DOMINANCE"}, {Row: 4, Output: 2, Rule: "FEW_ENTITIES"}}}
	for lang, want := range map[string]string{
		"zh": `┌───┬──────┬─────────────────┐
│ # │ 区   │               s │
├───┼──────┼─────────────────┤
│ 4 │ 玄武 │ [(n,k) 少于k人] │
│ 5 │ ∅    │           15610 │
└───┴──────┴─────────────────┘
共 9 行,显示 2 行;方括号内为隐去该值的规则,∅ 为空值
`,
		"en": `┌───┬──────┬────────────┐
│ # │ 区   │          s │
├───┼──────┼────────────┤
│ 4 │ 玄武 │ [(n,k) <k] │
│ 5 │ ∅    │      15610 │
└───┴──────┴────────────┘
9 rows, 2 shown; in brackets the rules that hide a value, ∅ is null
`,
	} {
		var out bytes.Buffer
		a := &app{stdout: &out, lang: lang}
		if err := a.printReviewRows(r); err != nil || out.String() != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", lang, err, out.String(), want)
		}
	}
}
