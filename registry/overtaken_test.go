package registry_test

import (
	"reflect"
	"slices"
	"testing"

	"zonebox/registry"
)

func TestFactsAreOvertakenByANewerVersionOfWhatTheyName(t *testing.T) {
	title := set("title", "另一名称")
	another := template(title)
	another.Name = "another"
	for _, c := range []struct {
		what, by string
		document func(w *world) registry.Document
		overtook string
	}{
		{"the subject and recipient", "carol", func(*world) registry.Document { return person("olga", "medco", "operator", set("real_name", "x")) }, "Person olga 2"},
		{"the operator", "carol", func(*world) registry.Document { return organization("medco", "operator", title) }, "Organization medco 2"},
		{"the regulator", "carol", func(*world) registry.Document { return organization("health", "industry_authority", title) }, "Organization health 2"},
		{"the zone", "carol", func(*world) registry.Document { return zone(set("status", "SUSPENDED")) }, "Zone medical 2"},
		{"the scenario", "zoe", func(*world) registry.Document { return scenario(title) }, "Scenario flu 2"},
		{"the license", "carol", func(w *world) registry.Document {
			return w.signed(license(set("status", "SUSPENDED"), set("status_reason", "NJ24-23")), "carol", "zoe")
		}, "License medical-2026 2"},
		{"the grant", "zoe", func(w *world) registry.Document { return w.signed(grant(set("until", "2026-11-30")), "zoe", "paul") }, "Grant flu-visits 2"},
		{"the dataset", "paul", func(w *world) registry.Document {
			return w.signed(visits(set("title", "门诊就诊"), set("change_reason", "更正")), "paul", "zoe", "carol")
		}, "Dataset visits 2"},
		{"the template", "olga", func(*world) registry.Document {
			return template(set("status", "REVOKED"), set("status_reason", "停用"))
		}, "Template flu-by-district 2"},
		{"another template", "zoe", func(w *world) registry.Document { return w.signed(another, "olga", "zoe") }, ""},
		{"another person", "carol", func(*world) registry.Document { return person("oscar", "medco", "operator", set("real_name", "x")) }, ""},
		{"another organization", "carol", func(*world) registry.Document { return organization("assessors", "third_party", title) }, ""},
		{"a new person", "carol", func(*world) registry.Document { return person("oleg", "medco", "operator") }, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := granted(t)
			w.must("zoe", w.signed(template(), "olga", "zoe"))
			f, err := w.Enter(t.Context(), fluByTemplate)
			if err != nil {
				t.Fatal(err)
			}
			w.must(c.by, c.document(w))
			by, err := w.Overtaken(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if by != nil {
				got = by.String()
			}
			if got != c.overtook {
				t.Errorf("overtaken by %q, want %q", got, c.overtook)
			}
			err = w.Update(t.Context(), func(tx *registry.Tx) error {
				inside, err := tx.Overtaken(f)
				if !reflect.DeepEqual(inside, by) {
					t.Errorf("in a transaction overtaken by %v, outside by %v", inside, by)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			again, err := w.Enter(t.Context(), fluByTemplate)
			if err != nil {
				t.Fatal(err)
			}
			if by, err := w.Overtaken(t.Context(), again); by != nil || err != nil {
				t.Errorf("facts of now are overtaken by %v, %v", by, err)
			}
		})
	}
}

// Facts that are added one day have to be among those that overtake.
func TestDocumentsNamesEveryVersionedFact(t *testing.T) {
	w := granted(t)
	w.must("zoe", w.signed(template(), "olga", "zoe"))
	f, err := w.Enter(t.Context(), fluByTemplate)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Struct:
			if name, version := v.FieldByName("Name"), v.FieldByName("Version"); name.IsValid() && version.IsValid() && version.CanInt() {
				found = append(found, name.String())
				return
			}
			for i := range v.NumField() {
				walk(v.Field(i))
			}
		}
	}
	walk(reflect.ValueOf(f))
	var named []string
	for _, d := range f.Documents() {
		named = append(named, d.Name)
	}
	slices.Sort(found)
	slices.Sort(named)
	if !slices.Equal(found, named) || len(found) < 11 {
		t.Errorf("facts have %v, Documents names %v", found, named)
	}
}
