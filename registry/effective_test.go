package registry_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"zonebox/registry"
)

// effective gives a document the time at which it comes into force.
func effective(d registry.Document, at string) registry.Document {
	d.Effective = at
	return d
}

// comes moves the clock to the time and brings into force what is due.
func (w *world) comes(at time.Time) []registry.Effected {
	w.t.Helper()
	w.clock.t = at
	var all []registry.Effected
	for {
		next, err := w.NextDue(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if len(next) == 0 {
			return all
		}
		e, err := w.TakeEffect(w.t.Context(), next[0].Batch, nil, func(*registry.Tx, []registry.Applied) error { return nil })
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, e)
	}
}

func (w *world) withdraw(by, batch string) error {
	return w.Update(w.t.Context(), func(tx *registry.Tx) error { return tx.Withdraw(by, batch, "no longer") })
}

func (w *world) pending(all bool) []registry.PendingDocument {
	w.t.Helper()
	p, err := w.PendingDocuments(w.t.Context(), all)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) version(kind, name string) int64 {
	w.t.Helper()
	_, meta, err := w.Get(w.t.Context(), kind, name)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		w.t.Fatal(err)
	}
	return meta.Version
}

// eventsOf returns the kinds of the events since the given number of them.
func (w *world) eventsOf(from int) []string {
	w.t.Helper()
	all, err := w.Pending(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var kinds []string
	for _, e := range all[from:] {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func ask(w *world) error {
	_, err := w.Enter(w.t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
	return err
}

func suspended(w *world, at string) registry.Document {
	return w.signed(effective(license(set("status", "SUSPENDED"), set("status_reason", "clause 7")), at), "zoe", "carol")
}

// A document with a time to come counts for nothing before it, is in force from it
// on, and between the two no question is answered.
func TestAPendingDocumentComesIntoForceAtItsTime(t *testing.T) {
	w := granted(t)
	before, epoch := w.version("License", "medical-2026"), w.epoch()
	facts, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
	if err != nil {
		t.Fatal(err)
	}
	events := len(w.eventsOf(0))
	done := w.must("carol", suspended(w, "2026-03-05"))
	due := time.Date(2026, 3, 4, 16, 0, 0, 0, time.UTC) // midnight in China
	if !done[0].Effective.Equal(due) || done[0].Version != 0 || !done[0].Changed {
		t.Fatalf("Apply = %+v, want it pending until %s", done[0], due)
	}
	w.clock.t = due.Add(-time.Nanosecond)
	if w.version("License", "medical-2026") != before || w.epoch() != epoch || w.Due() || ask(w) != nil {
		t.Error("a document that is pending counts before its time")
	}
	if by, err := w.Overtaken(t.Context(), facts); by != nil || err != nil {
		t.Errorf("Overtaken before its time = %v, %v, want nothing", by, err)
	}
	w.clock.t = due
	if err := ask(w); !errors.Is(err, registry.ErrDue) {
		t.Errorf("Enter at its time, before the switch = %v, want ErrDue", err)
	}
	if by, err := w.Overtaken(t.Context(), facts); err != nil || by == nil || by.Kind != "License" || by.Version != before+1 {
		t.Errorf("Overtaken at its time, before the switch = %v, %v, want version %d of the license", by, err, before+1)
	}
	if _, err := w.Apply(t.Context(), "carol", []registry.Document{organization("late", "operator")}); !errors.Is(err, registry.ErrDue) {
		t.Errorf("Apply at its time, before the switch = %v, want ErrDue", err)
	}
	w.open() // whoever comes after a kill finds it due
	if !w.Due() {
		t.Error("a registry opened after the time does not say that a document is due")
	}
	w.comes(due)
	if got := w.version("License", "medical-2026"); got != before+1 || w.epoch() != epoch+1 || w.Due() {
		t.Errorf("version %d and epoch %d after its time, want %d and %d", got, w.epoch(), before+1, epoch+1)
	}
	if err := ask(w); err != nil {
		t.Errorf("Enter after the switch: %v", err)
	}
	if got, want := w.eventsOf(events), []string{"document.pending", "apply", "document.effective"}; !slices.Equal(got, want) {
		t.Errorf("events = %q, want %q", got, want)
	}
	if p := w.pending(true); len(p) != 1 || p[0].State != "IN_FORCE" || !p[0].Settled.Equal(due) {
		t.Errorf("pending documents = %+v, want one that came into force", p)
	}
}

// What was handed in stands up to the rules of its time, or lapses: nothing of its
// batch comes into force then, and the log tells.
func TestADocumentThatNoLongerStandsUpToTheRulesLapses(t *testing.T) {
	future := "2026-03-05"
	due := time.Date(2026, 3, 4, 16, 0, 0, 0, time.UTC)
	longer := func(w *world) registry.Document {
		return w.signed(effective(license(set("end", "2029-12-31")), future), "zoe", "carol", "olga")
	}
	for name, c := range map[string]struct {
		pend  func(*world) (by string, docs []registry.Document)
		since func(*world)
		code  string
	}{
		"nothing happened": {func(w *world) (string, []registry.Document) { return "carol", []registry.Document{longer(w)} }, func(*world) {}, ""},
		"the license was suspended since": {func(w *world) (string, []registry.Document) { return "carol", []registry.Document{longer(w)} }, func(w *world) {
			w.must("carol", w.signed(license(set("status", "SUSPENDED"), set("status_reason", "clause 7")), "zoe", "carol"))
		}, registry.CodeImmutable},
		"the zone was suspended since, its document needs no signature": {func(w *world) (string, []registry.Document) {
			return "zoe", []registry.Document{effective(zone(set("status", "ACTIVE")), future)}
		}, func(w *world) { w.must("dave", zone(set("status", "SUSPENDED"))) }, registry.CodeImmutable},
		"a signer was disabled since": {func(w *world) (string, []registry.Document) { return "carol", []registry.Document{longer(w)} }, func(w *world) {
			w.must("carol", person("zoe", "health", "zone_regulator", set("status", "disabled")))
		}, registry.CodeSignature},
		"who handed it in was disabled since": {func(w *world) (string, []registry.Document) {
			return "zoe", []registry.Document{effective(scenario(set("title", "其他")), future)}
		}, func(w *world) {
			w.must("carol", person("zoe", "health", "zone_regulator", set("status", "disabled")))
		}, registry.CodeRole},
		"one of two no longer holds": {func(w *world) (string, []registry.Document) {
			return "carol", []registry.Document{longer(w), effective(scenario(set("title", "其他")), future)}
		}, func(w *world) {
			w.must("carol", person("olga", "medco", "operator", set("recipient_key", nil)))
		}, registry.CodeReference},
	} {
		t.Run(name, func(t *testing.T) {
			w := granted(t)
			by, docs := c.pend(w)
			w.must(by, docs...)
			c.since(w)
			before, epoch, events := w.version("License", "medical-2026"), w.epoch(), len(w.eventsOf(0))
			got := w.comes(due)
			if len(got) != 1 {
				t.Fatalf("%d batches were due, want 1", len(got))
			}
			if c.code == "" {
				if len(got[0].Faults) > 0 || w.version("License", "medical-2026") != before+1 {
					t.Errorf("TakeEffect = %+v, want it in force", got[0])
				}
				return
			}
			if !slices.ContainsFunc(got[0].Faults, func(f registry.Fault) bool { return f.Code == c.code }) {
				t.Errorf("TakeEffect = %+v, want the fault %s", got[0].Faults, c.code)
			}
			if w.version("License", "medical-2026") != before || w.epoch() != epoch {
				t.Error("a batch that lapsed left a document in force")
			}
			if kinds := w.eventsOf(events); !slices.Equal(kinds, []string{"document.lapsed"}) {
				t.Errorf("events = %q, want document.lapsed alone", kinds)
			}
			if p := w.pending(true); p[0].State != "LAPSED" || p[0].Reason == "" {
				t.Errorf("state %s for %q, want LAPSED with its reason", p[0].State, p[0].Reason)
			}
			if w.Due() || ask(w) != nil && name != "who handed it in was disabled since" {
				t.Errorf("after it lapsed no question is answered: %v", ask(w))
			}
		})
	}
}

// Two versions of one document that wait come in the order in which they were handed
// in; one that would come before an earlier one is refused.
func TestTwoPendingVersionsComeInOrder(t *testing.T) {
	w := granted(t)
	w.must("carol", w.signed(effective(license(set("end", "2029-12-31")), "2026-03-05"), "zoe", "carol", "olga"))
	w.refused(registry.CodeImmutable, "carol", w.signed(effective(license(set("end", "2030-12-31")), "2026-03-04"), "zoe", "carol", "olga"))
	w.refused(registry.CodeImmutable, "carol", w.signed(effective(license(set("end", "2030-12-31")), "2026-03-05"), "zoe", "carol", "olga"))
	w.must("carol", w.signed(effective(license(set("end", "2030-12-31")), "2026-03-06T08:30:00+08:00"), "zoe", "carol", "olga"))
	got := w.comes(time.Date(2026, 3, 7, 0, 0, 0, 0, time.UTC)) // the gate was asleep over both
	if len(got) != 2 || len(got[0].Faults)+len(got[1].Faults) > 0 {
		t.Fatalf("TakeEffect = %+v, want both in force", got)
	}
	doc, _, err := w.Get(t.Context(), "License", "medical-2026")
	if err != nil {
		t.Fatal(err)
	}
	if l, err := registry.SpecOf[registry.License](doc); err != nil || l.End != "2030-12-31" {
		t.Errorf("end = %s, %v, want that of the later version", l.End, err)
	}
}

// Whoever signed or handed in takes a document back before its time, nobody else and
// not at its time; its signatures are used up.
func TestAPendingDocumentIsWithdrawnByThoseWhoseItIs(t *testing.T) {
	for by, want := range map[string]error{"zoe": nil, "carol": nil, "zack": registry.ErrNotFound, "olga": registry.ErrNotFound, "paul": registry.ErrNotFound} {
		w := granted(t)
		doc := suspended(w, "2026-03-05")
		w.must("carol", doc)
		batch := w.pending(false)[0].Batch
		if err := w.withdraw(by, batch); !errors.Is(err, want) {
			t.Errorf("Withdraw by %s = %v, want %v", by, err, want)
		}
		if want != nil {
			continue
		}
		w.refused(registry.CodeSignature, "carol", doc)
		if got := w.comes(time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)); len(got) > 0 || w.version("License", "medical-2026") != 1 {
			t.Errorf("what %s withdrew came into force", by)
		}
		if err := w.withdraw(by, batch); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("a second Withdraw by %s = %v, want ErrNotFound", by, err)
		}
	}
	w := granted(t)
	w.must("carol", suspended(w, "2026-03-05"))
	w.clock.t = time.Date(2026, 3, 4, 16, 0, 0, 0, time.UTC)
	if err := w.withdraw("carol", w.pending(false)[0].Batch); !errors.Is(err, registry.ErrDue) {
		t.Errorf("Withdraw at its time = %v, want ErrDue", err)
	}
}

// The effective time is signed, has a shape, and past ones mean at once.
func TestTheEffectiveTimeIsPartOfWhatIsSigned(t *testing.T) {
	w := granted(t)
	moved := suspended(w, "2026-03-05")
	moved.Effective = "2026-04-05"
	w.refused(registry.CodeSignature, "carol", moved)
	moved.Effective = ""
	w.refused(registry.CodeSignature, "carol", moved)
	for _, at := range []string{"soon", "2026-3-5", "2026-03-05T00:00:00", "2026-02-30"} {
		w.refused(registry.CodeSchema, "carol", suspended(w, at))
	}
	w.refused(registry.CodeSyntax, "carol", effective(organization("a", "operator"), "2026-03-05"), organization("b", "operator"))
	doc := suspended(w, "2026-03-05")
	w.must("carol", doc)
	if again, err := w.Apply(t.Context(), "carol", []registry.Document{doc}); err != nil || again[0].Changed {
		t.Errorf("the same document handed in again = %+v, %v, want nothing new", again, err)
	}
	if done := w.must("carol", w.signed(effective(license(set("end", "2029-12-31")), "2026-03-01"), "zoe", "carol", "olga")); done[0].Version != 2 {
		t.Errorf("a document whose time is past = %+v, want it in force at once", done)
	}
}

// Documents that build on each other wait and come together.
func TestABatchComesIntoForceTogether(t *testing.T) {
	w := catalogued(t)
	at := "2026-03-05"
	w.must("carol", w.signed(effective(license(), at), "zoe", "carol", "olga"), effective(scenario(), at), w.signed(effective(grant(), at), "zoe", "paul"))
	if w.version("License", "medical-2026") != 0 || len(w.pending(false)) != 3 {
		t.Fatal("a pending license is in force")
	}
	w.refused(registry.CodeReference, "zoe", scenario())
	if got := w.comes(time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)); len(got) != 1 || len(got[0].Applied) != 3 {
		t.Fatalf("TakeEffect = %+v, want three documents", got)
	}
	if err := ask(w); err != nil {
		t.Error(err)
	}
}

// Whoever signs what comes at once has seen the version in force, though that one was
// to be seen before its time: nothing signed before a suspension came undoes it.
func TestASignatureOfBeforeASuspensionCameDoesNotUndoIt(t *testing.T) {
	w := granted(t)
	due := time.Date(2026, 3, 4, 16, 0, 0, 0, time.UTC)
	w.must("carol", suspended(w, "2026-03-05"))
	w.clock.tick()
	again := license(set("status_reason", "clause 8"))
	early := w.signed(again, "zoe", "carol")
	w.clock.t = due
	w.comes(due)
	w.clock.tick()
	w.refused(registry.CodeSignature, "carol", early)
	w.must("carol", w.signed(again, "zoe", "carol"))
}
