package registry_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"zonebox/registry"
)

// raise raises an alert in a transaction of its own.
func raise(t *testing.T, w *world, a registry.Alert) {
	t.Helper()
	if err := tryRaise(t, w, a); err != nil {
		t.Fatal(err)
	}
}

func tryRaise(t *testing.T, w *world, a registry.Alert) error {
	t.Helper()
	w.clock.tick()
	return w.Update(t.Context(), func(tx *registry.Tx) error {
		_, _, err := tx.RaiseAlert("gate", a)
		return err
	})
}

func measure(level, target, degree string, rate int) *registry.Restriction {
	return &registry.Restriction{Level: level, Target: target, Degree: degree, Rate: rate}
}

// The gate restricts an operator or a license; it closes nothing but a zone, on a
// MAJOR alert. What it may not leaves no alert either.
func TestTheGateRestrictsAndClosesNothingButAZone(t *testing.T) {
	w := guarded(t)
	for name, c := range map[string]struct {
		severity string
		measure  *registry.Restriction
		want     bool
	}{
		"operator restricted":             {"WARNING", measure("operator", "medco", "RESTRICT", 5), true},
		"license restricted":              {"NOTICE", measure("license", "medical-2026", "RESTRICT", 5), true},
		"zone closed on MAJOR":            {"MAJOR", measure("zone", "medical", "CLOSE", 0), true},
		"zone closed on WARNING":          {"WARNING", measure("zone", "medical", "CLOSE", 0), false},
		"operator closed":                 {"MAJOR", measure("operator", "medco", "CLOSE", 0), false},
		"license closed":                  {"MAJOR", measure("license", "medical-2026", "CLOSE", 0), false},
		"scenario restricted":             {"WARNING", measure("scenario", "flu", "RESTRICT", 5), false},
		"dataset restricted":              {"WARNING", measure("dataset", "visits", "RESTRICT", 5), false},
		"what is no operator":             {"WARNING", measure("operator", "health", "RESTRICT", 5), false},
		"an operator that is not there":   {"WARNING", measure("operator", "nobody", "RESTRICT", 5), false},
		"an organization of the security": {"WARNING", measure("operator", "bureau", "RESTRICT", 5), false},
	} {
		id, epoch := "alert-"+strings.ToLower(strings.ReplaceAll(name, " ", "-")), w.epoch()
		err := tryRaise(t, w, registry.Alert{ID: id, Rule: name, Pack: "nanjing-2024", Severity: c.severity, Subject: "x", Measure: c.measure})
		var refusal *registry.Refusal
		if (err == nil) != c.want || err != nil && !errors.As(err, &refusal) {
			t.Errorf("%s: %v, want in force %v", name, err, c.want)
		}
		if _, err := w.Alert(t.Context(), id); (err == nil) != c.want {
			t.Errorf("%s: the alert is %v", name, err)
		}
		if after := w.epoch(); (after > epoch) != c.want {
			t.Errorf("%s: the epoch went from %d to %d", name, epoch, after)
		}
	}
}

// What the gate set by itself those lift who might have set it, and never the
// restricted; nobody else, and nobody without a reason.
func TestWhoLiftsWhatTheGateSet(t *testing.T) {
	for level, c := range map[string]struct {
		target   string
		may, not []string
	}{
		"operator": {"medco", []string{"carol", "sven", "dave"}, []string{"olga", "zoe", "paul", "finn"}},
		"zone":     {"medical", []string{"carol", "zoe", "sven", "dave"}, []string{"olga", "paul", "finn", "petra"}},
	} {
		for _, by := range append(c.may, c.not...) {
			w := guarded(t)
			m := measure(level, c.target, "RESTRICT", 5)
			raise(t, w, registry.Alert{ID: "alert-1", Rule: "burst", Pack: "nanjing-2024", Article: "NJ24-23", Severity: "WARNING", Subject: "x", Measure: m})
			lift := func(name string, more ...edit) registry.Document {
				doc, _, err := w.Get(t.Context(), "Restriction", "alert-1")
				if err != nil {
					t.Fatal(err)
				}
				return document("Restriction", name, string(doc.Spec), more...)
			}
			w.clock.tick()
			bare := w.signed(lift("alert-1", set("status", "LIFTED")), by)
			if _, err := w.Apply(t.Context(), by, []registry.Document{bare}); err == nil {
				t.Errorf("%s: lifted by %s without a reason", level, by)
			}
			doc := w.signed(lift("alert-1", set("status", "LIFTED"), set("status_reason", "误报")), by)
			_, err := w.Apply(t.Context(), by, []registry.Document{doc})
			if want := slices.Contains(c.may, by); (err == nil) != want {
				t.Errorf("%s: lifted by %s: %v, want %v", level, by, err, want)
			}
		}
	}
}

// A measure that took its place ends the gate's own; alerts are read back as they
// were raised, the newest first.
func TestAMeasureTakesThePlaceOfTheGates(t *testing.T) {
	w := guarded(t)
	raise(t, w, registry.Alert{ID: "alert-1", Rule: "burst", Pack: "nanjing-2024", Severity: "WARNING", Subject: "medco", Count: 120, Measure: measure("operator", "medco", "RESTRICT", 5)})
	raise(t, w, registry.Alert{ID: "alert-2", Rule: "burst", Pack: "nanjing-2024", Subject: "medco", Count: 240})
	enter := func() int {
		t.Helper()
		f, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
		if err != nil {
			t.Fatal(err)
		}
		return len(f.Restrictions)
	}
	if n := enter(); n != 1 {
		t.Errorf("after the alert %d measures are facts, want 1", n)
	}
	if err := w.Update(t.Context(), func(tx *registry.Tx) error { return tx.Supersede("gate", "alert-1", "m-1") }); err != nil {
		t.Fatal(err)
	}
	if n := enter(); n != 0 {
		t.Errorf("after another took its place %d measures are facts, want 0", n)
	}
	all, err := w.Alerts(t.Context(), 10)
	if err != nil || len(all) != 2 || all[0].ID != "alert-2" || all[1].Count != 120 || all[1].Measure.Target != "medco" {
		t.Errorf("alerts are %+v, %v", all, err)
	}
	err = w.Update(t.Context(), func(tx *registry.Tx) error {
		if a, err := tx.AlertAt("burst", "medco"); err != nil || a.ID != "alert-2" {
			t.Errorf("the last of medco is %q, %v", a.ID, err)
		}
		if _, err := tx.AlertAt("burst", "other"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("of another there is %v, want ErrNotFound", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
