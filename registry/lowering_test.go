package registry_test

import (
	"errors"
	"slices"
	"testing"

	"zonebox/registry"
)

// columns returns an edit that makes the columns of visits new: id_number as it is,
// and those given.
func columns(rest ...map[string]any) edit {
	return func(spec map[string]any) {
		all := []any{spec["columns"].([]any)[0]}
		for _, c := range rest {
			all = append(all, c)
		}
		spec["columns"] = all
	}
}

// col is a column of visits with what is said of it otherwise.
func col(name string, level int, more ...edit) map[string]any {
	c := map[string]any{"name": name, "type": "string", "level": level, "class": "health", "personal_info": false, "secret_flag": false}
	for _, e := range more {
		e(c)
	}
	return c
}

// A column whose level falls is lowered under whatever name: under its own, under a
// new one while its own is gone (now or in a version before), under that of another
// column, or under its title or data element.
func TestAColumnIsLoweredUnderAnyName(t *testing.T) {
	title, element := set("title", "诊断"), set("element", "DE-7")
	for _, tc := range []struct {
		name     string
		versions []edit // the last is on trial
		path     string // of the fault; empty if nothing is lowered
	}{
		{"as it was", []edit{columns(col("diagnosis", 3), col("cost", 1)), columns(col("diagnosis", 3), col("cost", 1))}, ""},
		{"a new column where none is gone", []edit{columns(col("diagnosis", 3)), columns(col("diagnosis", 3), col("cost", 1))}, ""},
		{"a column gone", []edit{columns(col("diagnosis", 3), col("cost", 1)), columns(col("cost", 1))}, ""},
		{"a new column as strict as the one gone", []edit{columns(col("diagnosis", 3)), columns(col("illness", 3))}, ""},
		{"its own name", []edit{columns(col("diagnosis", 3)), columns(col("diagnosis", 2))}, "/spec/columns/1/level"},
		{"its own name in capitals", []edit{columns(col("diagnosis", 3)), columns(col("Diagnosis", 2))}, "/spec/columns/1/level"},
		{"another class", []edit{columns(col("diagnosis", 3)), columns(col("diagnosis", 2, set("class", "region")))}, "/spec/columns/1/level"},
		{"a new name", []edit{columns(col("diagnosis", 3)), columns(col("illness", 2))}, "/spec/columns/1/name"},
		{"a new name and type", []edit{columns(col("diagnosis", 3)), columns(col("illness", 2, set("type", "int64")))}, "/spec/columns/1/name"},
		{"a new name, no personal information", []edit{columns(col("diagnosis", 3, set("personal_info", true))), columns(col("illness", 3))}, "/spec/columns/1/name"},
		{"a new name a version later", []edit{columns(col("diagnosis", 3), col("cost", 1)), columns(col("cost", 1)), columns(col("cost", 1), col("illness", 2))}, "/spec/columns/2/name"},
		{"taken out and put back", []edit{columns(col("diagnosis", 3), col("cost", 1)), columns(col("cost", 1)), columns(col("cost", 1), col("diagnosis", 2))}, "/spec/columns/2/level"},
		{"two names swapped", []edit{columns(col("diagnosis", 3), col("ward", 1)), columns(col("diagnosis", 1), col("ward", 3))}, "/spec/columns/1/level"},
		{"two titles swapped", []edit{columns(col("diagnosis", 3, title), col("ward", 1)), columns(col("diagnosis", 3), col("ward", 1, title))}, "/spec/columns/2/level"},
		{"two titles swapped in two versions", []edit{columns(col("diagnosis", 3, title), col("ward", 1)), columns(col("diagnosis", 3), col("ward", 1)), columns(col("diagnosis", 3), col("ward", 1, title))}, "/spec/columns/2/level"},
		{"a data element that moves", []edit{columns(col("diagnosis", 3, element), col("ward", 1)), columns(col("diagnosis", 3), col("ward", 1, element))}, "/spec/columns/2/level"},
		{"a title that another has too", []edit{columns(col("diagnosis", 3, title), col("ward", 1)), columns(col("diagnosis", 3, title), col("ward", 1, title))}, ""},
		{"a title that it always had", []edit{columns(col("diagnosis", 3, title), col("ward", 1, title)), columns(col("ward", 1, title))}, ""},
		{"public codes under a new name", []edit{columns(col("diagnosis", 2)), columns(col("illness", 2, set("public_codes", []string{"J06"})))}, "/spec/columns/1/name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := peopled(t)
			last := len(tc.versions) - 1
			for _, e := range tc.versions[:last] {
				w.must("paul", visits(e))
			}
			w.clock.tick()
			why := set("change_reason", "复核后降级")
			on := visits(tc.versions[last], why)
			if tc.path == "" {
				w.must("paul", on)
				return
			}
			f := w.refused(registry.CodeProtect, "paul", on)
			_, err := w.Apply(t.Context(), "paul", []registry.Document{w.signed(on, "paul", "carol")})
			var r *registry.Refusal
			if !errors.As(err, &r) || !slices.ContainsFunc(r.Faults, func(f registry.Fault) bool { return f.Path == tc.path }) {
				t.Errorf("Apply = %v, want a fault at %s; %v", err, tc.path, f)
			}
			w.refused(registry.CodeProtect, "paul", w.signed(visits(tc.versions[last]), "paul", "zoe", "carol")) // no reason
			w.must("paul", w.signed(on, "paul", "zoe", "carol"))
		})
	}
}

// What another law protects is not re-classed under its title or element either;
// under a new name that says nothing of it, regulator and provider answer for it.
func TestWhatAnotherLawProtectsIsNotReclassedUnderItsTitle(t *testing.T) {
	title, law := set("title", "诊断"), set("cause_code", "OTHER_LAW")
	why := set("change_reason", "复核后降级")
	w := peopled(t)
	w.must("paul", visits(columns(col("diagnosis", 3, title, law))))
	w.clock.tick()
	for _, now := range []map[string]any{col("diagnosis", 2, law), col("diagnosis", 3), col("illness", 2, title, law), col("illness", 3, title)} {
		w.refused(registry.CodeForbidden, "paul", w.signed(visits(columns(now), why), "paul", "zoe", "carol"))
	}
	w.refused(registry.CodeProtect, "paul", visits(columns(col("illness", 2)), why))
	w.refused(registry.CodeProtect, "paul", visits(columns(col("illness", 3)), why))
	w.must("paul", w.signed(visits(columns(col("illness", 2)), why), "paul", "zoe", "carol"))
}

// A column does not leave a negative list by another name, class or element without
// the two.
func TestAListedColumnDoesNotLeaveTheListAlone(t *testing.T) {
	why := set("change_reason", "复核后调整")
	for _, item := range []string{`{"dataset":"visits","column":"diagnosis"`, `{"class":"secretive"`, `{"element":"DE-9"`} {
		w := peopled(t)
		was := col("diagnosis", 3, set("class", "secretive"), set("element", "DE-9"))
		w.must("paul", visits(columns(was)))
		list := document("NegativeList", "city", `{"title":"负面清单","items":[`+item+`,"reason":"x","basis":"YC22-18"}]}`)
		w.must("carol", w.signed(list, "carol"))
		w.clock.tick()
		next := col("diagnosis", 3)
		if item == `{"dataset":"visits","column":"diagnosis"` {
			next = col("illness", 3)
		}
		w.refused(registry.CodeProtect, "paul", visits(columns(next), why))
		w.must("paul", visits(columns(was), set("title", "其他"))) // still on it
		w.clock.tick()
		w.must("paul", w.signed(visits(columns(next), why), "paul", "zoe", "carol"))
	}
}

// However a column's name is written, the item that names it has it; another name is
// another's.
func TestAListedNameIsListedHoweverItIsWritten(t *testing.T) {
	item := registry.NegativeItem{Dataset: "visits", Column: "opened"}
	for name, want := range map[string]bool{
		"opened": true, "OPENED": true, "ｏｐｅｎｅｄ": true, "opened ": true, "o\u200bpened": true, "оpеned": true, "ope\u00adned": true, "opened\u3000": true,
		"οpened": true, "opened\ufe0f": true, "opened_2": false, "reopened": false, "开业": false, "kaiye": false, "": false,
	} {
		d := registry.Dataset{Columns: []registry.Column{{Name: name}}}
		whole, columns := item.Lists("visits", d)
		if got := len(columns) == 1; whole || got != want {
			t.Errorf("%q is listed: %v, want %v", name, got, want)
		}
	}
	for _, item := range []registry.NegativeItem{{Class: "Secretive"}, {Element: "de-9"}} {
		d := registry.Dataset{Columns: []registry.Column{{Name: "a", Class: "secretive", Element: "DE-9"}, {Name: "b", Class: "region"}}}
		if _, columns := item.Lists("visits", d); !slices.Equal(columns, []string{"a"}) {
			t.Errorf("%+v lists %v, want a", item, columns)
		}
	}
	zh := registry.NegativeItem{Dataset: "visits", Column: "身份证号"}
	if _, columns := zh.Lists("visits", registry.Dataset{Columns: []registry.Column{{Name: "⾝份证号"}}}); len(columns) != 1 {
		t.Error("a radical stands for its character and is not listed")
	}
}

// A reason given for an earlier lowering is none for the next.
func TestEachLoweringHasItsOwnReason(t *testing.T) {
	why := set("change_reason", "复核后降级")
	w := catalogued(t)
	w.clock.tick()
	w.must("paul", w.signed(visits(set("columns.1.level", 2), why), "paul", "zoe", "carol"))
	w.clock.tick()
	f := w.refused(registry.CodeProtect, "paul", w.signed(visits(set("columns.1.level", 1), why), "paul", "zoe", "carol"))
	if f.Path != "/spec/change_reason" {
		t.Errorf("fault = %+v", f)
	}
	w.must("paul", w.signed(visits(set("columns.1.level", 1), set("change_reason", "再次复核")), "paul", "zoe", "carol"))
}
