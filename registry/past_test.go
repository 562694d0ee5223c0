package registry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"zonebox/registry"
)

// As drafts, the documents in force say what they say: each stands where facts look for
// it. Of the rest, the version is one more and signatures are of then.
func TestDocumentsAsDraftsAreTheFacts(t *testing.T) {
	w := granted(t)
	if err := w.SetVersion(t.Context(), registry.DataVersion{Zone: "medical", Dataset: "visits", Version: "v1", Manifest: "ab12", Rows: 7, LoadedBy: "dave"}); err != nil {
		t.Fatal(err)
	}
	want, err := w.Enter(t.Context(), fluQuery)
	if err != nil {
		t.Fatal(err)
	}
	var drafts []registry.Document
	for _, kind := range registry.BearOnFacts {
		all, err := w.List(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			doc, _, err := w.Get(t.Context(), m.Kind, m.Name)
			if err != nil {
				t.Fatal(err)
			}
			drafts = append(drafts, doc)
		}
	}
	if len(drafts) < 8 {
		t.Fatalf("%d documents: the test shows nothing", len(drafts))
	}
	p, err := w.Past(t.Context(), drafts)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.At(t.Context(), want.Revision); err != nil {
		t.Fatal(err)
	}
	if err := p.Drafted(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := p.Facts(t.Context(), fluQuery)
	if err != nil {
		t.Fatal(err)
	}
	when := cmp.FilterPath(func(p cmp.Path) bool {
		last := p.Last().String()
		return last == ".Version" && p.Index(-2).String() != ".Data" || last == ".At"
	}, cmp.Ignore())
	if d := cmp.Diff(want, got, when); d != "" {
		t.Errorf("facts (-in force +as drafts):\n%s", d)
	}
	if got.Scenario.Version != want.Scenario.Version+1 || got.Grants[0].Version != want.Grants[0].Version+1 {
		t.Error("the facts are not the drafts'")
	}
}

// A drafted exception is the license's, agreed to by those it names.
func TestADraftedExceptionIsAFact(t *testing.T) {
	w := granted(t)
	x := document(registry.KindException, "more-rows", `{"relaxes":"row_cap","value":20000,"zone":"medical","license":"medical-2026","scenario":"flu","dataset":"visits",
		"reason":"年度统计","basis":"NJ24-14","from":"2026-01-01","until":"2026-12-31","status":"ACTIVE",
		"city":{"by":"carol","org":"city"},"zreg":{"by":"zoe","org":"health"},"prov":{"by":"paul","org":"hospital"}}`)
	p, err := w.Past(t.Context(), []registry.Document{x})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, drafted := range []bool{false, true} {
		err := p.At(t.Context(), w.revision())
		if err == nil && drafted {
			err = p.Drafted(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := p.Facts(t.Context(), fluQuery)
		if err != nil || (len(f.Exceptions) == 1) != drafted {
			t.Fatalf("drafted %v: %+v, %v", drafted, f.Exceptions, err)
		}
		if drafted && (f.Exceptions[0].Spec.City.At == "" || f.Exceptions[0].Spec.ZReg.At == "" || f.Exceptions[0].Spec.Prov.At == "") {
			t.Errorf("agreed to at %+v", f.Exceptions[0].Spec)
		}
	}
}

// The past knows nothing of what came after, and nobody but the past knows of drafts.
func TestThePastAndItsDraftsAreApart(t *testing.T) {
	w := granted(t)
	then, err := w.Enter(t.Context(), fluQuery)
	if err != nil {
		t.Fatal(err)
	}
	olga, _, err := w.Get(t.Context(), registry.KindPerson, "olga")
	if err != nil {
		t.Fatal(err)
	}
	off := document(registry.KindPerson, "olga", string(olga.Spec), set("status", "disabled"))
	p, err := w.Past(t.Context(), []registry.Document{off})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.At(t.Context(), then.Revision); err != nil {
		t.Fatal(err)
	}
	if err := p.Drafted(t.Context()); err != nil {
		t.Fatal(err)
	}
	if who, err := p.Person(t.Context(), "olga"); err != nil || who.Status != "disabled" {
		t.Errorf("in the draft olga is %s, %v", who.Status, err)
	}
	if now, err := w.Enter(t.Context(), fluQuery); err != nil || cmp.Diff(then, now) != "" {
		t.Errorf("the draft is not the past's alone: %v", err)
	}
	if err := w.SetVersion(t.Context(), registry.DataVersion{Zone: "medical", Dataset: "visits", Version: "v1", Manifest: "ab12", Rows: 7, LoadedBy: "dave"}); err != nil {
		t.Fatal(err)
	}
	medco, _, err := w.Get(t.Context(), registry.KindOrganization, "medco")
	if err != nil {
		t.Fatal(err)
	}
	w.must("carol", document(registry.KindOrganization, "medco", string(medco.Spec), set("title", "后来的名称")))
	if err := p.At(t.Context(), then.Revision); err != nil {
		t.Fatal(err)
	}
	f, err := p.Facts(t.Context(), fluQuery)
	if err != nil {
		t.Fatal(err)
	}
	f.Revision, f.Epoch = then.Revision, then.Epoch
	if d := cmp.Diff(then, f); d != "" {
		t.Errorf("facts (-then +as of then):\n%s", d)
	}
	revision := w.revision()
	if state, err := p.State(t.Context(), revision); err != nil || state <= then.Revision {
		t.Errorf("the last change up to %d is of %d, %v", revision, state, err)
	}
	if err := p.At(t.Context(), revision); err != nil {
		t.Fatal(err)
	}
	if f, err = p.Facts(t.Context(), fluQuery); err != nil || len(f.Datasets) == 0 || f.Datasets[0].Data == nil {
		t.Errorf("the data loaded since are not of now, %v", err)
	}
}
