package registry_test

import (
	"slices"
	"testing"
	"time"

	"zonebox/registry"
)

// exception lets answers of the scenario over visits have more rows.
func exception(edits ...edit) registry.Document {
	return document("Exception", "flu-rows", `{"relaxes":"row_cap","value":200000,"zone":"medical","license":"medical-2026","scenario":"flu","dataset":"visits",
		"reason":"全市分街道分周统计","basis":"NJ24-14 原则上;会议纪要〔2026〕12号","from":"2026-03-02","until":"2026-06-30","status":"ACTIVE",
		"city":{"by":"carol","org":"city"},"zreg":{"by":"zoe","org":"health"},"prov":{"by":"paul","org":"hospital"}}`, edits...)
}

func named(name string, d registry.Document) registry.Document {
	d.Name = name
	return d
}

func by(person, org string) map[string]any { return map[string]any{"by": person, "org": org} }

// excepting is the licensed world with people and organizations to sign the wrong way.
func excepting(t *testing.T) *world {
	t.Helper()
	w := licensed(t)
	w.must("carol", person("cora", "city", "city_authority"), organization("bureau", "provider"), person("bob", "bureau", "provider"),
		person("hugo", "health", "provider"), zone(set("regulator", "health")), named("finance", zone(set("domain", "finance"))))
	loans := named("loans", visits(set("zone", "finance")))
	own := named("beds", visits(set("provider", "health"), set("collector", "health"), set("auditor", "health")))
	w.must("paul", loans)
	w.clock.tick()
	w.must("hugo", w.signed(own, "hugo", "carol"))
	w.must("carol", w.signed(named("other-2026", license()), "zoe", "carol", "olga"))
	w.must("zoe", named("cough", scenario(set("license", "other-2026"))))
	w.clock.tick()
	return w
}

func TestAnExceptionIsSignedByThreeOrganizations(t *testing.T) {
	w := excepting(t)
	all := []string{"carol", "zoe", "paul"}
	for _, tc := range []struct {
		name, by, code, path string
		doc                  registry.Document
	}{
		{"without the city authority", "carol", registry.CodeSignature, "/spec/city/by", w.signed(exception(), "zoe", "paul")},
		{"without the regulator", "carol", registry.CodeSignature, "/spec/zreg/by", w.signed(exception(), "carol", "paul")},
		{"without the provider", "carol", registry.CodeSignature, "/spec/prov/by", w.signed(exception(), "carol", "zoe")},
		{"another provider", "carol", registry.CodeRole, "/spec/prov/by", w.signed(exception(set("prov", by("bob", "bureau"))), "carol", "zoe", "bob")},
		{"the regulator for the city", "carol", registry.CodeRole, "/spec/city/by", w.signed(exception(set("city", by("zack", "health"))), "zack", "zoe", "paul")},
		{"one person for two", "carol", registry.CodeExclusion, "/spec/zreg/by", w.signed(exception(set("zreg", by("carol", "city"))), "carol", "paul")},
		{"a provider of the regulator's organization", "carol", registry.CodeExclusion, "/spec/prov/org", w.signed(exception(set("dataset", "beds"), set("prov", by("hugo", "health"))), "carol", "zoe", "hugo")},
		{"another organization's name", "carol", registry.CodeRole, "/spec/prov/by", w.signed(exception(set("prov", by("paul", "bureau"))), all...)},
		{"handed in by the regulator", "zoe", registry.CodeRole, "", w.signed(exception(), all...)},
		{"handed in by the provider", "paul", registry.CodeRole, "", w.signed(exception(), all...)},
		{"handed in by the operator", "olga", registry.CodeRole, "", w.signed(exception(), all...)},
		{"changed after it was signed", "carol", registry.CodeSignature, "/signatures/0/sig", func() registry.Document {
			d := w.signed(exception(), all...)
			d.Spec = exception(set("value", 900000)).Spec
			return d
		}()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if f := w.refused(tc.code, tc.by, tc.doc); f.Path != tc.path {
				t.Errorf("fault = %+v, want %s", f, tc.path)
			}
		})
	}
	w.must("carol", w.signed(exception(), all...))
}

func TestAnExceptionLiesInsideItsLicenseAndZone(t *testing.T) {
	w := excepting(t)
	all := []string{"carol", "zoe", "paul"}
	for _, tc := range []struct {
		name, code, path string
		edits            []edit
	}{
		{"a day past the license", registry.CodeScope, "/spec/from", []edit{set("until", "2029-01-01")}},
		{"a day before it", registry.CodeScope, "/spec/from", []edit{set("from", "2025-12-31")}},
		{"ending before it begins", registry.CodeSchema, "/spec/until", []edit{set("until", "2026-03-01")}},
		{"a scenario of another license", registry.CodeScope, "/spec/scenario", []edit{set("scenario", "cough")}},
		{"a dataset of another zone", registry.CodeScope, "/spec/dataset", []edit{set("dataset", "loans")}},
		{"another zone than the license's", registry.CodeScope, "/spec/license", []edit{set("zone", "finance"), set("dataset", "loans")}},
		{"a license that is not there", registry.CodeReference, "/spec/license", []edit{set("license", "nothing")}},
		{"a dataset that is not there", registry.CodeReference, "/spec/dataset", []edit{set("dataset", "nothing")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if f := w.refused(tc.code, "carol", w.signed(exception(tc.edits...), all...)); f.Path != tc.path {
				t.Errorf("fault = %+v, want %s", f, tc.path)
			}
		})
	}
	w.must("carol", w.signed(exception(), all...))
	w.clock.tick()
	w.refused(registry.CodeScope, "carol", w.signed(named("twice", exception(set("from", "2026-06-30"), set("until", "2026-07-31"))), all...))
	w.must("carol", w.signed(named("next", exception(set("from", "2026-07-01"), set("until", "2026-07-31"))), all...))
}

// The list of what may be raised is closed: a mask, a level, a group, plaintext cannot
// even be written down.
func TestWhatProtectsValuesCannotBeExcepted(t *testing.T) {
	w := excepting(t)
	of := func(relaxes string) []edit { return []edit{set("relaxes", relaxes), set("scenario", nil)} }
	for name, edits := range map[string][]edit{
		"a mask": of("mask"), "a level": of("level_threshold"), "the smallest group": of("min_group"), "records": of("record_cap"), "plaintext": of("clear"), "nothing": of(""), "columns": {set("columns", []string{"cost"})},
		"no rows": {set("value", 0)}, "without a scenario": {set("scenario", nil)}, "a term of a scenario": {set("relaxes", "license_term")},
		"without a reason": {set("reason", nil)}, "without a basis": {set("basis", nil)}, "without an end": {set("until", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			w.refused(registry.CodeSchema, "carol", w.signed(exception(edits...), "carol", "zoe", "paul"))
		})
	}
}

// The term of a license is raised before it comes into force, by its name.
func TestATermIsExceptedBeforeThereIsALicense(t *testing.T) {
	w := excepting(t)
	long := func(edits ...edit) registry.Document {
		return named("long-term", exception(append([]edit{set("relaxes", "license_term"), set("scenario", nil), set("value", 8), set("license", "long-2026")}, edits...)...))
	}
	w.must("carol", w.signed(long(), "carol", "zoe", "paul"))
	all, err := w.Exceptions(t.Context(), "long-2026")
	if err != nil || len(all) != 1 || all[0].Spec.Value != 8 {
		t.Fatalf("exceptions = %+v, %v", all, err)
	}
	at, err := time.Parse(time.RFC3339Nano, all[0].Spec.Prov.At)
	if err != nil || all[0].Spec.City.At == "" || all[0].Spec.ZReg.At == "" || at.Sub(w.clock.t).Abs() > time.Hour {
		t.Errorf("signed at %+v", all[0].Spec)
	}
}

// Each of the three revokes alone, with a reason; what is revoked stays so, and nothing
// else of an exception changes.
func TestEachOfThreeRevokesAnExceptionAlone(t *testing.T) {
	revoked := func(edits ...edit) registry.Document {
		return exception(append(edits, set("status", "REVOKED"), set("status_reason", "用途变更"))...)
	}
	for _, person := range []string{"carol", "cora", "zoe", "zack", "paul"} {
		w := excepting(t)
		w.must("carol", w.signed(exception(), "carol", "zoe", "paul"))
		w.must(person, revoked())
		w.clock.tick()
		w.refused(registry.CodeImmutable, "carol", w.signed(exception(), "carol", "zoe", "paul"))
		if all, err := w.Exceptions(t.Context(), "medical-2026"); err != nil || len(all) != 0 {
			t.Errorf("after %s revoked it there are %+v, %v", person, all, err)
		}
	}
	w := excepting(t)
	w.must("carol", w.signed(exception(), "carol", "zoe", "paul"))
	w.clock.tick()
	w.refused(registry.CodeRole, "olga", revoked())
	w.refused(registry.CodeRole, "bob", revoked())
	w.refused(registry.CodeImmutable, "carol", revoked(set("value", 300000)))
	w.refused(registry.CodeImmutable, "carol", w.signed(exception(set("value", 300000)), "carol", "zoe", "paul"))
	w.refused(registry.CodeImmutable, "carol", named("never", revoked()))
	w.refused(registry.CodeSchema, "carol", exception(set("status", "REVOKED")))
}

// What an exception raises is read with the facts, and its end overtakes them.
func TestTheFactsHoldTheLicensesExceptions(t *testing.T) {
	w := excepting(t)
	w.must("carol", w.signed(exception(), "carol", "zoe", "paul"))
	w.must("carol", w.signed(named("others", exception(set("license", "other-2026"), set("scenario", "cough"))), "carol", "zoe", "paul"))
	f, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Exceptions) != 1 || f.Exceptions[0].Name != "flu-rows" {
		t.Fatalf("exceptions = %+v", f.Exceptions)
	}
	if !slices.Contains(f.Documents(), registry.Ref{Kind: "Exception", Name: "flu-rows", Version: 1}) {
		t.Errorf("the facts do not stand on the exception: %v", f.Documents())
	}
	w.must("paul", exception(set("status", "REVOKED"), set("status_reason", "用途变更")))
	if seen, err := w.Overtaken(t.Context(), f); err != nil || seen == nil || seen.Kind != "Exception" {
		t.Errorf("overtaken by %v, %v", seen, err)
	}
}
