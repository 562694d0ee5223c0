package registry_test

import (
	"testing"

	"zonebox/registry"
)

// What takes something off the negative list takes two people, what puts something on
// it one.
func TestWhatLeavesTheNegativeListTakesTwoPeople(t *testing.T) {
	list := func(why string, items ...any) registry.Document {
		return document("NegativeList", "city", `{"title":"负面清单","items":[]}`, set("items", items), set("change_reason", why))
	}
	item := func(dataset, column string) any {
		m := map[string]any{"dataset": dataset, "reason": "x", "basis": "y"}
		if column != "" {
			m["column"] = column
		}
		return m
	}
	for _, c := range []struct {
		name          string
		before, after []any
		two           bool
	}{
		{"one more", []any{item("births", "")}, []any{item("births", ""), item("deaths", "")}, false},
		{"the same in another order", []any{item("births", ""), item("deaths", "")}, []any{item("deaths", ""), item("births", "")}, false},
		{"the first", nil, []any{item("births", "")}, false},
		{"one less", []any{item("births", ""), item("deaths", "")}, []any{item("births", "")}, true},
		{"none", []any{item("births", "")}, nil, true},
		{"a column for the whole", []any{item("births", "")}, []any{item("births", "name")}, true},
		{"another in its place", []any{item("births", "")}, []any{item("deaths", "")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := catalogued(t)
			if c.before == nil {
				c.before = []any{}
			}
			if c.after == nil {
				c.after = []any{}
			}
			w.must("carol", w.signed(list("初次", c.before...), "carol"))
			w.clock.tick()
			after := list("复核", c.after...)
			if !c.two {
				w.must("carol", w.signed(after, "carol"))
				return
			}
			for _, signers := range [][]string{{"carol"}, {"carol", "paul"}, {"carol", "dave"}, {"carol", "olga"}} {
				if f := w.refused(registry.CodeSignature, "carol", w.signed(after, signers...)); f.Path != "/signatures" || f.Article != "YC22-18" {
					t.Errorf("signed by %q: %+v, want a fault of the signatures by YC22-18", signers, f)
				}
			}
			w.must("carol", w.signed(after, "carol", "zoe"))
		})
	}
}
