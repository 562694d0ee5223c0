package registry_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"testing"

	"zonebox/registry"
)

func rulesOfVisits() registry.Document {
	return document("QualityRules", "visits", `{"contract":{"kind":"DataContract"},"gate":{"minimum_score":80,"errors":true}}`)
}

func TestRulesOfADatasetAreItsProviders(t *testing.T) {
	w := granted(t)
	for _, by := range []string{"carol", "zoe", "olga", "dave"} {
		w.refused(registry.CodeRole, by, rulesOfVisits())
	}
	w.must("carol", organization("other", "provider"), person("otto", "other", "provider"))
	if f := w.refused(registry.CodeRole, "otto", rulesOfVisits()); f.Article != "NJ24-20" {
		t.Errorf("article %s, want NJ24-20", f.Article)
	}
	unknown := rulesOfVisits()
	unknown.Name = "nothing"
	w.refused(registry.CodeReference, "paul", unknown)
	for _, spec := range []string{`{}`, `{"contract":[]}`, `{"contract":{},"gate":{"minimum_score":101}}`, `{"contract":{},"gate":{"errors":1}}`, `{"contract":{},"rules":[]}`} {
		bad := rulesOfVisits()
		bad.Spec = json.RawMessage(spec)
		w.refused(registry.CodeSchema, "paul", bad)
	}
	w.must("paul", rulesOfVisits())
	r, err := w.QualityRulesOf(t.Context(), "visits")
	if err != nil || r.Version != 1 || r.Spec.Gate.MinimumScore != 80 || !r.Spec.Gate.Errors || string(r.Spec.Contract) != `{"kind":"DataContract"}` {
		t.Errorf("rules %+v, %v", r, err)
	}
	if _, err := w.QualityRulesOf(t.Context(), "persons"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("rules of another dataset: %v, want ErrNotFound", err)
	}
}

// A report is bound to its row: given to another version it is no report.
func TestQualityReportsAreKeptAndBoundToTheirRows(t *testing.T) {
	w := granted(t)
	add := func(version, body string) {
		w.clock.tick()
		err := w.Update(t.Context(), func(tx *registry.Tx) error {
			return tx.AddQualityReport(registry.QualityReport{Zone: "medical", Dataset: "visits", Version: version, Cause: "load", Body: json.RawMessage(body)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	add("v1", `{"score":1}`)
	add("v2", `{"score":2}`)
	add("v1", `{"score":3}`)
	all, err := w.QualityReports(t.Context(), "medical", "visits", "", 2)
	if err != nil || len(all) != 2 || string(all[0].Body) != `{"score":3}` || string(all[1].Body) != `{"score":2}` || !all[0].At.After(all[1].At) {
		t.Errorf("reports %+v, %v, want the newest two", all, err)
	}
	one, err := w.QualityReports(t.Context(), "medical", "visits", "v1", 9)
	if err != nil || len(one) != 2 || one[1].Cause != "load" {
		t.Errorf("reports of v1 %+v, %v, want two", one, err)
	}
	if none, err := w.QualityReports(t.Context(), "medical", "persons", "", 9); err != nil || len(none) != 0 {
		t.Errorf("reports of another dataset %+v, %v", none, err)
	}
	w.Close()
	db, err := sql.Open("sqlite", w.path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE quality_reports SET version = 'v2' WHERE version = 'v1'`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	w.open()
	if _, err := w.QualityReports(t.Context(), "medical", "visits", "", 9); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("a report of another version: %v, want ErrCorrupt", err)
	}
}
