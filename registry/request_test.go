package registry_test

import (
	"strings"
	"testing"

	"zonebox/registry"
)

func request(edits ...edit) registry.Document {
	return document("DataRequest", "flu-more", `{"scenario":"flu","purpose_code":"PH-01","statement_sha256":"`+strings.Repeat("0a", 32)+`",
		"datasets":[{"dataset":"visits","grant":"flu-visits","columns":[{"name":"cost","mode":"COMPUTE_ONLY","permissions":["agg:sum","agg:avg","cmp_lit:<"]}]}],
		"from":"2026-02-01","until":"2026-12-31","access":"REQUEST_RESPONSE","status":"DRAFT",
		"commitments":{"truthful":false,"compliant":false,"secure":false}}`, edits...)
}

func filed(edits ...edit) registry.Document {
	return request(append([]edit{set("status", "SUBMITTED"), set("commitments.truthful", true), set("commitments.compliant", true), set("commitments.secure", true)}, edits...)...)
}

func TestADataRequestIsItsOperators(t *testing.T) {
	w := granted(t)
	w.must("carol", organization("other", "operator"), person("otto", "other", "operator"), person("aud", "assessors", "auditor"))
	for _, by := range []string{"zoe", "paul", "carol", "dave", "aud"} {
		w.refused(registry.CodeRole, by, request())
	}
	absent := w.refused(registry.CodeReference, "otto", request(set("scenario", "none")))
	if f := w.refused(registry.CodeReference, "otto", request()); f.EN != strings.Replace(absent.EN, "none", "flu", 1) || f.Path != absent.Path {
		t.Errorf("another operator is told %+v of a scenario that is there, %+v of one that is not", f, absent)
	}
	w.must("olga", request())

	// Until it is filed, people of the operator change it, and nobody else.
	w.refused(registry.CodeReference, "otto", request(set("until", "2026-11-30")))
	w.must("oscar", request(set("until", "2026-11-30")))
}

func TestADataRequestIsFiledWithASignatureUnderItsCommitments(t *testing.T) {
	w := granted(t)
	w.must("carol", organization("other", "operator"), person("otto", "other", "operator"))
	w.must("olga", request())
	w.refused(registry.CodeSchema, "olga", w.signed(filed(set("commitments.secure", false)), "olga"))
	for _, signers := range [][]string{nil, {"zoe"}, {"otto"}} {
		if f := w.refused(registry.CodeSignature, "olga", w.signed(filed(), signers...)); f.Article != "YC22-19" {
			t.Errorf("signed by %v: article %s, want YC22-19", signers, f.Article)
		}
	}
	w.must("olga", w.signed(filed(), "olga"))
	w.clock.tick()
	w.refused(registry.CodeImmutable, "olga", request())
	w.refused(registry.CodeImmutable, "olga", w.signed(filed(set("until", "2026-11-30")), "olga"))
}

func TestADataRequestLiesInsideItsScenario(t *testing.T) {
	w := granted(t)
	twice := map[string]any{"dataset": "visits", "columns": []any{map[string]any{"name": "cost", "mode": "COMPUTE_ONLY", "permissions": []string{"agg:avg"}}}}
	for _, c := range []struct {
		what, code, path string
		change           edit
	}{
		{"no such scenario", registry.CodeReference, "/spec/scenario", set("scenario", "none")},
		{"another purpose", registry.CodeScope, "/spec/purpose_code", set("purpose_code", "AD-01")},
		{"before the scenario", registry.CodeScope, "/spec/from", set("from", "2025-12-31")},
		{"after the scenario", registry.CodeScope, "/spec/from", set("until", "2027-01-01")},
		{"no such column", registry.CodeScope, "/spec/datasets/0/columns/0/name", set("datasets.0.columns.0.name", "salary")},
		{"no such grant", registry.CodeReference, "/spec/datasets/0/grant", set("datasets.0.grant", "none")},
		{"a dataset twice", registry.CodeSchema, "/spec/datasets/1/dataset", func(spec map[string]any) { spec["datasets"] = append(spec["datasets"].([]any), twice) }},
		{"a column twice", registry.CodeSchema, "/spec/datasets/0/columns/1/name", func(spec map[string]any) {
			d := spec["datasets"].([]any)[0].(map[string]any)
			d["columns"] = append(d["columns"].([]any)[:1:1], d["columns"].([]any)[0])
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			if f := w.refused(c.code, "olga", request(c.change)); f.Path != c.path {
				t.Errorf("fault at %s, want %s", f.Path, c.path)
			}
		})
	}

	// A grant of other data is none of these.
	births := visits()
	births.Name = "births"
	w.must("paul", births)
	if f := w.refused(registry.CodeReference, "olga", request(set("datasets.0.dataset", "births"))); f.Path != "/spec/datasets/0/grant" {
		t.Errorf("a grant of other data: fault at %s", f.Path)
	}
	w.must("olga", request(set("datasets.0.dataset", "births"), set("datasets.0.grant", nil)))

	// A grant of another scenario is none of this one's.
	other := scenario()
	other.Name = "other"
	w.must("zoe", other)
	w.clock.tick()
	w.refused(registry.CodeReference, "olga", request(set("scenario", "other")))
	elsewhere := request(set("scenario", "other"), set("datasets.0.grant", nil))
	elsewhere.Name = "elsewhere"
	w.must("olga", elsewhere)
	back := request()
	back.Name = "elsewhere"
	w.refused(registry.CodeImmutable, "olga", back)
}

// What a zone has not published answers as what is not there does.
func TestADataRequestTellsNothingOfWhatIsNotPublished(t *testing.T) {
	w := granted(t)
	hidden := visits()
	hidden.Name = "births"
	w.must("paul", hidden)
	hidden = visits(set("status", "SUSPENDED"))
	hidden.Name = "births"
	w.must("paul", hidden)
	asks := func(dataset string) registry.Document {
		return request(set("datasets.0.dataset", dataset), set("datasets.0.grant", nil))
	}
	there := w.refused(registry.CodeReference, "olga", asks("births"))
	absent := w.refused(registry.CodeReference, "olga", asks("deaths"))
	if there.EN != strings.Replace(absent.EN, "deaths", "births", 1) || there.ZH != strings.Replace(absent.ZH, "deaths", "births", 1) || there.Path != absent.Path {
		t.Errorf("unpublished: %+v\nabsent: %+v", there, absent)
	}
	hidden = visits()
	hidden.Name = "births"
	w.must("paul", hidden)
	w.must("olga", asks("births"))
}

// A dataset of another zone answers as one that is not there, until it is supplied.
func TestADataRequestTellsNothingOfAnotherZonesDatasets(t *testing.T) {
	w := supplier(t)
	w.must("zoe", scenario())
	w.clock.tick()
	asks := func(dataset string) registry.Document {
		return request(set("datasets.0.dataset", dataset), set("datasets.0.grant", nil), set("until", "2026-05-31"))
	}
	there := w.refused(registry.CodeReference, "olga", asks("persons"))
	absent := w.refused(registry.CodeReference, "olga", asks("deaths"))
	if there.EN != strings.Replace(absent.EN, "deaths", "persons", 1) || there.ZH != strings.Replace(absent.ZH, "deaths", "persons", 1) || there.Path != absent.Path {
		t.Errorf("of another zone: %+v\nabsent: %+v", there, absent)
	}
	w.must("olga", asks("visits"))
	w.must("paul", w.signed(supply(), "cora", "zoe", "paul"))
	w.clock.tick()
	w.must("olga", asks("persons"))
}

// A request that changes ends nothing and takes nothing away.
func TestADataRequestIsNoPartOfAnyFacts(t *testing.T) {
	w := granted(t)
	f, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
	if err != nil {
		t.Fatal(err)
	}
	w.must("olga", request())
	w.must("olga", request(set("until", "2026-11-30")))
	w.must("olga", w.signed(filed(set("until", "2026-11-30")), "olga"))
	if by, err := w.Overtaken(t.Context(), f); err != nil || by != nil {
		t.Errorf("facts are overtaken by %v, %v", by, err)
	}
	after, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
	if err != nil || len(after.Grants) != len(f.Grants) || after.Grants[0].Version != f.Grants[0].Version {
		t.Errorf("grants %+v, %v: want %+v", after.Grants, err, f.Grants)
	}
}

// What could not be granted is refused when it is asked for, not when it is decided
// (4.2; NJ24-02, YC22-18, NJ24-11).
func TestADataRequestIsNotFiledForWhatNoGrantMayOpen(t *testing.T) {
	for _, c := range []struct {
		what, article, path string
		before              func(*world)
	}{
		{"open type prohibited", "NJ24-02", "/spec/datasets/0/dataset", func(w *world) {
			w.must("paul", visits(set("open_type", "PROHIBITED"), set("open_reason", "涉及个人隐私"), set("open_ground", "PRIVACY")))
		}},
		{"a negative list of the dataset", "YC22-18", "/spec/datasets/0/dataset", func(w *world) {
			w.must("carol", w.signed(document("NegativeList", "city", `{"title":"负面清单","items":[{"dataset":"visits","reason":"评估","basis":"YC22-18"}]}`), "carol"))
		}},
		{"a negative list of the column", "YC22-18", "/spec/datasets/0/columns/0/name", func(w *world) {
			w.must("carol", w.signed(document("NegativeList", "city", `{"title":"负面清单","items":[{"dataset":"visits","column":"cost","reason":"评估","basis":"YC22-18"}]}`), "carol"))
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := granted(t)
			c.before(w)
			w.clock.tick()
			w.must("olga", request()) // to draw one up is free
			w.clock.tick()
			if f := w.refused(registry.CodeForbidden, "olga", w.signed(filed(), "olga")); f.Article != c.article || f.Path != c.path {
				t.Errorf("fault %+v, want %s at %s", f, c.article, c.path)
			}
		})
	}
}

// A grant may leave open which person of the provider agrees: it is whoever signs,
// of that organization, in that role, and nobody else (NJ24-15).
func TestAGrantMayNameTheProviderAlone(t *testing.T) {
	open := set("prov", map[string]any{"org": "hospital"})
	w := licensed(t)
	w.must("carol", person("pete", "hospital", "provider"), organization("clinic", "provider"), person("pia", "clinic", "provider"))
	for _, signers := range [][]string{{"zoe"}, {"zoe", "pia"}, {"zoe", "zack"}, {"zoe", "olga"}, {"zoe", "carol"}} {
		if f := w.refused(registry.CodeSignature, "zoe", w.signed(grant(open), signers...)); f.Path != "/spec/prov/by" {
			t.Errorf("signed by %v: fault %+v", signers, f)
		}
	}
	w.refused(registry.CodeSignature, "zoe", w.signed(grant(open), "pete", "zoe")) // the wrong order
	w.must("zoe", w.signed(grant(open), "zoe", "pete"))
	f, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
	if err != nil || len(f.Grants) != 1 || f.Grants[0].Spec.Prov.By != "pete" || f.Grants[0].Spec.Prov.At == "" {
		t.Errorf("facts %+v, %v: want pete as who agreed", f.Grants, err)
	}
}
