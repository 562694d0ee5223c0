package registry_test

import (
	"errors"
	"testing"

	"zonebox/registry"
)

func (w *world) status(person string) string {
	w.t.Helper()
	doc, _, err := w.Get(w.t.Context(), registry.KindPerson, person)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := registry.SpecOf[registry.Person](doc)
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Status
}

func second(edits ...edit) registry.Document {
	d := license(edits...)
	d.Name = "medical-2027"
	return d
}

func terminated(d registry.Document) registry.Document {
	return document("License", d.Name, string(d.Spec), set("status", "TERMINATED"), set("status_reason", "第九条"))
}

// The accounts of an operator end in the act that ends its last live license, and in
// no other; a suspended license is live; nobody else's account ends.
func TestAccountsEndWithTheLastLicense(t *testing.T) {
	w := licensed(t)
	w.clock.tick()
	w.must("carol", w.signed(second(), "zoe", "carol", "olga"))
	w.clock.tick()
	w.must("carol", w.signed(document("License", "medical-2027", string(second().Spec), set("status", "SUSPENDED"), set("status_reason", "第八条")), "zoe", "carol"))
	w.clock.tick()
	w.must("carol", w.signed(terminated(license()), "zoe", "carol"))
	for _, name := range []string{"olga", "oscar"} {
		if s := w.status(name); s != "active" {
			t.Fatalf("%s is %s while a suspended license is live", name, s)
		}
	}
	err := w.Update(t.Context(), func(tx *registry.Tx) error {
		return errors.Join(tx.PutAPIKey(registry.APIKey{ID: "hers", Person: "olga"}, 1), tx.PutAPIKey(registry.APIKey{ID: "other", Person: "carol"}, 1))
	})
	if err != nil {
		t.Fatal(err)
	}
	err = w.Update(t.Context(), func(tx *registry.Tx) error { return tx.PutAPIKey(registry.APIKey{ID: "late", Person: "olga"}, 2) })
	if !errors.Is(err, registry.ErrInactive) {
		t.Errorf("a key of a person by another document: %v", err)
	}
	w.clock.tick()
	before, applied := w.epoch(), w.must("carol", w.signed(terminated(second()), "zoe", "carol"))
	if len(applied) != 3 || w.epoch() != before+3 {
		t.Errorf("applied %v at epoch %d, want the license and two people, each an epoch after %d", applied, w.epoch(), before)
	}
	for name, want := range map[string]string{"olga": "disabled", "oscar": "disabled", "carol": "active", "zoe": "active", "paul": "active", "dave": "active"} {
		if s := w.status(name); s != want {
			t.Errorf("%s is %s, want %s", name, s, want)
		}
	}
	// With an account the keys end that programs act by in its name (YC22-40).
	if _, err := w.APIKey(t.Context(), "hers"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("the key of an account that ended: %v, want ErrNotFound", err)
	}
	if _, err := w.APIKey(t.Context(), "other"); err != nil {
		t.Errorf("another person's key: %v", err)
	}
	events := map[string]int{}
	pending, err := w.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pending {
		events[p.Kind+" "+p.Fields["person"]+p.Fields["name"]+" "+p.Fields["version"]]++
	}
	for _, want := range []string{"account.ended olga 2", "account.ended oscar 2", "apply olga 2", "apply oscar 2", "apply medical-2027 3"} {
		if events[want] != 1 {
			t.Errorf("%d events %q, want 1 of %v", events[want], want, events)
		}
	}
	// Only a new version of the person takes anybody up again.
	w.must("carol", person("olga", "medco", "operator"))
	if s := w.status("olga"); s != "active" {
		t.Errorf("taken up again, olga is %s", s)
	}
}

// Nobody says that a license has expired but the clock, and what has stays so.
func TestALicenseExpiresByTheClockAlone(t *testing.T) {
	w := licensed(t)
	w.clock.tick()
	w.refused(registry.CodeForbidden, "carol", w.signed(license(set("status", "EXPIRED"), set("status_reason", "期满")), "zoe", "carol", "olga"))
	expire := func() (out []registry.Applied) {
		t.Helper()
		err := w.Update(t.Context(), func(tx *registry.Tx) (err error) {
			out, err = tx.ExpireLicense("gate", "medical-2026")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := expire(); len(got) != 3 || w.status("olga") != "disabled" {
		t.Fatalf("expired = %v with olga %s", got, w.status("olga"))
	}
	if got := expire(); len(got) != 0 {
		t.Errorf("expired again = %v", got)
	}
	w.must("carol", person("olga", "medco", "operator"))
	w.clock.tick()
	w.refused(registry.CodeImmutable, "carol", w.signed(license(), "zoe", "carol", "olga"))
	w.refused(registry.CodeScope, "zoe", scenario(set("title", "另一")))
}

// How the operator was chosen is said with its proof, or not at all; research is
// free; the modes are those of the regulations; both types are agreements.
func TestWhatALicenseSaysOfItsTerms(t *testing.T) {
	w := catalogued(t)
	signed := func(edits ...edit) registry.Document { return w.signed(license(edits...), "zoe", "carol", "olga") }
	w.refused(registry.CodeSchema, "carol", signed(set("award_method", "OPEN_TENDER")))
	w.refused(registry.CodeSchema, "carol", signed(set("award_ref", "宁招〔2026〕1号")))
	w.refused(registry.CodeSchema, "carol", signed(set("award_method", "FRIENDSHIP"), set("award_ref", "x")))
	w.refused(registry.CodeSchema, "carol", signed(set("operating_mode", "BARTER")))
	w.refused(registry.CodeSchema, "carol", signed(set("supply_mode", "BARTER")))
	f := w.refused(registry.CodeForbidden, "carol", signed(set("purpose_class", "RESEARCH"), set("fee", "每次一元")))
	if f.Article != "NJ19-27" || f.Path != "/spec/fee" {
		t.Errorf("fault = %s %s, want /spec/fee NJ19-27", f.Path, f.Article)
	}
	w.must("carol", signed(set("type", "UTILISATION"), set("purpose_class", "RESEARCH"), set("supply_mode", "DATA_OPENING")))
	other := second(set("purpose_class", "COMMERCIAL"), set("fee", "每次一元"), set("award_method", "OPEN_TENDER"), set("award_ref", "宁招〔2026〕1号"),
		set("operating_mode", "DATA_COMPANY"), set("supply_mode", "AUTHORIZED_USE"))
	w.must("carol", w.signed(other, "zoe", "carol", "olga"))
}
