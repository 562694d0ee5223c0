package registry_test

import (
	"testing"

	"zonebox/registry"
)

// The generation rises with whatever facts are made of, and with nothing else.
func TestTheGenerationRisesWithDocumentsAndData(t *testing.T) {
	w := granted(t)
	for _, c := range []struct {
		what  string
		rises bool
		do    func() error
	}{
		{"a new document", true, func() error { w.must("carol", person("oleg", "medco", "operator")); return nil }},
		{"a new version", true, func() error { w.must("carol", zone(set("status", "SUSPENDED"))); return nil }},
		{"new data", true, func() error {
			return w.SetVersion(t.Context(), registry.DataVersion{Zone: "medical", Dataset: "visits", Version: "v2", Manifest: "aa", Rows: 1})
		}},
		{"the same document again", false, func() error { w.must("carol", person("oleg", "medco", "operator")); return nil }},
		{"a run", false, func() error {
			return w.SaveRun(t.Context(), registry.Run{ID: "r1", User: "olga", Zone: "medical", Scenario: "flu"})
		}},
	} {
		before := w.Generation()
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if rose := w.Generation() > before; rose != c.rises {
			t.Errorf("%s: the generation rose: %v, want %v", c.what, rose, c.rises)
		}
	}
}
