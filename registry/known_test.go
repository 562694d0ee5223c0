package registry_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zonebox/registry"
)

// everything is a world in which facts have a part of every kind: a partner, a supply
// of another zone, a bridge, a template, a measure, a negative list, consents, data.
func everything(t *testing.T) *world {
	t.Helper()
	w := supplier(t)
	w.must("zoe", w.signed(grant(), "zoe", "paul"))
	w.must("carol", organization("bureau2", "security"), person("sven", "bureau2", "security"), organization("allyco", "operator"),
		person("pia", "allyco", "operator", set("confidentiality_ref", "保密协议〔2026〕4号")))
	w.must("zoe", w.signed(partner(), "zoe", "olga"))
	w.must("paul", w.signed(supply(), "cora", "zoe", "paul"))
	w.clock.tick()
	w.must("zoe", w.signed(fromAll(), "zoe", "paul"))
	w.must("zoe", w.signed(template(), "olga", "zoe"))
	w.loads("v1", "v2")
	return w
}

// walked is how many changes a walk tries.
const walked = 400

// change is something that may happen to a registry; it is refused where it does not
// fit what there is.
type change struct {
	what string
	do   func(w *world, n int) error
}

func applied(by string, doc func(w *world, n int) registry.Document) func(*world, int) error {
	return func(w *world, n int) error {
		_, err := w.Apply(w.t.Context(), by, w.entered([]registry.Document{doc(w, n)}))
		return err
	}
}

// either is an edit in one of two ways, by turns.
func either(n int, path string, one, other any) edit {
	if n%2 == 0 {
		return set(path, one)
	}
	return set(path, other)
}

func changes() []change {
	all := []change{
		{"Organization", applied("carol", func(w *world, n int) registry.Document {
			return organization("medco", "operator", set("title", fmt.Sprint("惠医 ", n)))
		})},
		{"Person", applied("carol", func(w *world, n int) registry.Document {
			return person("oscar", "medco", "operator", either(n, "status", "disabled", "active"))
		})},
		{"Person, the subject", applied("carol", func(w *world, n int) registry.Document {
			return person("olga", "medco", "operator", set("real_name", fmt.Sprint("真名 ", n)))
		})},
		{"Zone", applied("carol", func(w *world, n int) registry.Document {
			return w.signed(zone(either(n, "status", "SUSPENDED", "ACTIVE")), "zoe")
		})},
		{"Dataset", applied("paul", func(w *world, n int) registry.Document {
			return w.signed(visits(set("title", fmt.Sprint("门诊 ", n)), set("change_reason", fmt.Sprint("更正 ", n))), "paul", "zoe", "carol")
		})},
		{"Dataset, a new one", applied("paul", func(w *world, n int) registry.Document {
			d := visits()
			d.Name = fmt.Sprint("visits_", n)
			return d
		})},
		{"Dataset, of another zone", applied("paul", func(w *world, n int) registry.Document {
			d := visits(set("zone", "all"), set("title", fmt.Sprint("人口 ", n)), set("change_reason", fmt.Sprint("更正 ", n)))
			d.Name = "persons"
			return w.signed(d, "paul", "cora", "carol")
		})},
		{"NegativeList", applied("carol", func(w *world, n int) registry.Document {
			list := negative(map[string]any{"dataset": "persons", "column": "diagnosis"})
			return w.signed(document(list.Kind, list.Name, string(list.Spec), set("title", fmt.Sprint("负面清单 ", n))), "carol")
		})},
		{"License", applied("carol", func(w *world, n int) registry.Document {
			if n%2 == 0 {
				return w.signed(license(set("status", "SUSPENDED"), set("status_reason", fmt.Sprint(n))), "zoe", "carol")
			}
			return w.signed(license(set("status_reason", fmt.Sprint(n))), "zoe", "carol")
		})},
		{"Scenario", applied("zoe", func(w *world, n int) registry.Document { return scenario(set("title", fmt.Sprint("流感 ", n))) })},
		{"Grant", applied("zoe", func(w *world, n int) registry.Document {
			return w.signed(grant(set("until", fmt.Sprintf("2026-11-%02d", 1+n%28))), "zoe", "paul")
		})},
		{"Grant, revoked", applied("paul", func(w *world, n int) registry.Document {
			name := "flu-visits"
			if n < walked/2 { // a revoked grant stays so
				name = "none"
			}
			doc, _, err := w.Get(w.t.Context(), registry.KindGrant, name)
			if err != nil {
				return grant(set("status", "REVOKED"))
			}
			return document(doc.Kind, doc.Name, string(doc.Spec), set("status", "REVOKED"), set("status_reason", fmt.Sprint("用途变更 ", n)))
		})},
		{"Template", applied("zoe", func(w *world, n int) registry.Document {
			return w.signed(template(set("title", fmt.Sprint("各区 ", n))), "olga", "zoe")
		})},
		{"Partner", applied("zoe", func(w *world, n int) registry.Document {
			return w.signed(partner(set("until", fmt.Sprintf("2026-11-%02d", 1+n%28))), "zoe", "olga")
		})},
		{"Supply", applied("paul", func(w *world, n int) registry.Document {
			return w.signed(supply(set("basis", fmt.Sprint("NJ24-05 数据支撑 ", n))), "cora", "zoe", "paul")
		})},
		{"Exception", applied("carol", func(w *world, n int) registry.Document {
			return w.signed(named(fmt.Sprint("e-", n), exception()), "carol", "zoe", "paul")
		})},
		{"Restriction", applied("carol", func(w *world, n int) registry.Document {
			return w.signed(restriction(fmt.Sprint("m-", n), "scenario", "flu"), "carol")
		})},
		{"Restriction, lifted", func(w *world, n int) error {
			all, err := w.List(w.t.Context(), registry.KindRestriction)
			if err != nil || len(all) == 0 {
				return errors.Join(err, registry.ErrNotFound)
			}
			doc, _, err := w.Get(w.t.Context(), registry.KindRestriction, all[n%len(all)].Name)
			if err != nil {
				return err
			}
			lifted := document(doc.Kind, doc.Name, string(doc.Spec), set("status", "LIFTED"), set("status_reason", "整改"))
			_, err = w.Apply(w.t.Context(), "carol", []registry.Document{w.signed(lifted, "carol")})
			return err
		}},
		{"consents", func(w *world, n int) error {
			w.bring(fmt.Sprint("file-", n), []registry.SubjectConsent{w.consentFrom(n, 0, 0, 9000)}, true)
			return nil
		}},
		{"consents, withdrawn", func(w *world, n int) error { w.unconsent(n); return nil }},
		{"data, loaded", func(w *world, n int) error { w.loads(fmt.Sprint("w", n)); return nil }},
		{"data, held", func(w *world, n int) error { w.loads(fmt.Sprint("?h", n)); return nil }},
		{"a document to come", applied("carol", func(w *world, n int) registry.Document {
			d := effective(zone(either(n, "status", "ACTIVE", "SUSPENDED"), set("title", fmt.Sprint("医疗 ", n))), w.clock.t.Add(3*time.Minute).Format(time.RFC3339))
			return w.signed(d, "zoe")
		})},
		{"time", func(w *world, n int) error { w.clock.t = w.clock.t.Add(5 * time.Minute); return nil }},
		{"a look at drafts", func(w *world, n int) error {
			title := fmt.Sprint("草案 ", n)
			p, err := w.Past(w.t.Context(), []registry.Document{zone(set("title", title)), visits(set("title", title))})
			if err != nil {
				return err
			}
			defer p.Close()
			if err := errors.Join(p.At(w.t.Context(), w.revision()), p.Drafted(w.t.Context())); err != nil {
				return err
			}
			f, err := p.Facts(w.t.Context(), fluQuery)
			if err == nil && (f.Zone.Spec.Title != title || !slices.ContainsFunc(f.Datasets, func(d registry.DatasetFacts) bool { return d.Spec.Title == title })) {
				w.t.Error("the facts under drafts are not those of the drafts")
			}
			return err
		}},
		{"a change that is not committed", func(w *world, n int) error {
			ctx, cancel := context.WithCancel(w.t.Context())
			err := w.Update(ctx, func(tx *registry.Tx) error {
				if _, err := tx.Apply("carol", []registry.Document{organization("health", "industry_authority", set("title", fmt.Sprint("never ", n)))}); err != nil {
					return err
				}
				cancel()
				time.Sleep(time.Millisecond) // database/sql takes the transaction back by itself
				return nil
			})
			if err == nil {
				w.t.Error("a commit without its context was no failure")
			}
			return nil
		}},
		{"a run", func(w *world, n int) error {
			return w.SaveRun(w.t.Context(), registry.Run{ID: fmt.Sprint("r", n), User: "olga", Zone: "medical", Scenario: "flu"})
		}},
		{"the epoch alone", func(w *world, n int) error {
			return w.Update(w.t.Context(), func(tx *registry.Tx) error { return tx.BumpEpoch() })
		}},
	}
	for _, what := range []string{"quarantine", "release", "rollback", "retire", "rewrap", "shred"} {
		all = append(all, change{"data, " + what, func(w *world, n int) error {
			versions, err := w.DataVersions(w.t.Context(), "medical", "visits")
			if err != nil {
				return err
			}
			return w.data(what, versions[max(0, len(versions)-1-n%4)].Version)
		}})
	}
	return all
}

// Whatever changes, in whatever order, the next question stands on what a registry
// reads that was opened just then and knows nothing yet.
func TestWhatIsKnownIsWhatIsThere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	queries := []registry.Query{
		{User: "olga", Zone: "medical", Scenario: "flu"}, {User: "oscar", Zone: "medical", Scenario: "flu", Template: "flu-by-district"},
		{User: "pia", Zone: "medical", Scenario: "flu"}, {User: "zoe", Zone: "all", Scenario: "flu"}, {User: "nobody", Zone: "medical", Scenario: "flu"},
		{User: "olga", Zone: "finance", Scenario: "flu", Template: "none"},
	}
	w := everything(t)
	compare := func(what string) {
		t.Helper()
		fresh, err := registry.Open(t.Context(), w.path, registry.Config{AEAD: newAEAD(t), Now: w.clock.now})
		if err != nil {
			t.Fatal(err)
		}
		defer fresh.Close()
		for _, q := range queries {
			want, wantErr := fresh.Enter(t.Context(), q)
			got, gotErr := w.Enter(t.Context(), q)
			if fmt.Sprint(wantErr) != fmt.Sprint(gotErr) {
				t.Fatalf("seed %d, after %s: %+v: %v, want %v", seed, what, q, gotErr, wantErr)
			}
			if !reflect.DeepEqual(want, got) {
				t.Fatalf("seed %d, after %s: %+v (-want +got):\n%s", seed, what, q, cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })))
			}
			zone, err := registry.Current[registry.Zone](t.Context(), w.Registry, registry.KindZone, q.Zone)
			if wantErr == nil && (err != nil || !reflect.DeepEqual(zone, want.Zone)) {
				t.Fatalf("seed %d, after %s: the zone is %+v, %v, want %+v", seed, what, zone, err, want.Zone)
			}
		}
	}
	compare("nothing")
	all := changes()
	done, came := map[string]int{}, 0
	for n := range walked {
		c := all[random.IntN(len(all))]
		if n < 2*len(all) {
			c = all[n%len(all)] // each has its turn, first of all
		}
		w.clock.tick()
		if random.IntN(3) == 0 && len(w.comes(w.clock.t)) > 0 {
			came++
		}
		err := c.do(w, n)
		if err == nil {
			done[c.what]++
		}
		if random.IntN(3) > 0 { // at times two changes come between two questions
			compare(fmt.Sprintf("%d: %s (%v)", n, c.what, err))
		}
	}
	for _, c := range all {
		for n := walked; done[c.what] == 0 && n < walked+30; n++ { // what chance left out
			w.comes(w.clock.tick())
			w.loads(fmt.Sprint("x", c.what, n), fmt.Sprint("?y", c.what, n))
			err := c.do(w, n)
			if err == nil {
				done[c.what]++
			}
			compare(fmt.Sprintf("%d: %s (%v)", n, c.what, err))
		}
		if done[c.what] == 0 {
			t.Errorf("%s never happened", c.what)
		}
	}
	if came == 0 {
		t.Error("no document's time ever came")
	}
	f, err := w.Enter(t.Context(), registry.Query{User: "pia", Zone: "medical", Scenario: "flu", Template: "flu-by-district"})
	if err != nil && !errors.Is(err, registry.ErrDue) {
		t.Fatal(err)
	}
	for _, ref := range f.Documents() {
		if !slices.ContainsFunc(all, func(c change) bool { return strings.HasPrefix(c.what, ref.Kind) }) {
			t.Errorf("facts name documents of kind %s, and none is changed here", ref.Kind)
		}
	}
}

// What a registry knew is nothing to one that a backup is opened as.
func TestARestoredRegistryKnowsWhatItHolds(t *testing.T) {
	w := granted(t)
	if _, err := w.Enter(t.Context(), fluQuery); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	if err := w.Snapshot(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	w.must("carol", zone(set("status", "SUSPENDED")))
	if f, err := w.Enter(t.Context(), fluQuery); err != nil || f.Zone.Spec.Status != "SUSPENDED" {
		t.Fatalf("the zone is %s, %v, want SUSPENDED", f.Zone.Spec.Status, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.path = backup
	w.open()
	if f, err := w.Enter(t.Context(), fluQuery); err != nil || f.Zone.Spec.Status != "ACTIVE" {
		t.Errorf("in the backup the zone is %s, %v, want ACTIVE", f.Zone.Spec.Status, err)
	}
}

// A question that is asked while a change is committed stands on all of it or on
// nothing of it, and one that is asked after it stands on it.
func TestAQuestionAfterAChangeStandsOnIt(t *testing.T) {
	w := granted(t)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	for range 3 {
		go func() {
			for ctx.Err() == nil {
				_, _ = w.Enter(ctx, fluQuery)
			}
			asked <- struct{}{}
		}()
	}
	for n := range 40 {
		title := fmt.Sprint("医疗 ", n)
		if _, err := w.Apply(t.Context(), "carol", []registry.Document{zone(set("title", title))}); err != nil {
			t.Fatal(err)
		}
		f, err := w.Enter(t.Context(), fluQuery)
		if err != nil || f.Zone.Spec.Title != title {
			t.Fatalf("after %q the zone is called %q, %v", title, f.Zone.Spec.Title, err)
		}
		z, err := registry.Current[registry.Zone](t.Context(), w.Registry, registry.KindZone, "medical")
		if err != nil || z.Spec.Title != title {
			t.Fatalf("after %q the current zone is called %q, %v", title, z.Spec.Title, err)
		}
	}
	cancel()
	for range 3 {
		<-asked
	}
}

// What somebody writes past the registry while it is open is seen by the next question,
// whether or not the registry wrote in between.
func TestWhatIsWrittenPastARegistryIsSeen(t *testing.T) {
	for _, statement := range []string{
		`UPDATE documents SET body = CAST(iif(substr(body, 1, 1) = x'00', x'01', x'00') || substr(body, 2) AS BLOB) WHERE kind = 'Dataset'`,
		`UPDATE documents SET body = CAST(iif(substr(body, 1, 1) = x'00', x'01', x'00') || substr(body, 2) AS BLOB) WHERE kind = 'Person' AND name = 'olga'`,
		`UPDATE data_events SET body = CAST(iif(substr(body, 1, 1) = x'00', x'01', x'00') || substr(body, 2) AS BLOB)`,
		`UPDATE consent_scopes SET body = x'00'`,
	} {
		for what, between := range map[string]func(*world) error{
			"at once": func(*world) error { return nil },
			"after a run": func(w *world) error {
				return w.SaveRun(t.Context(), registry.Run{ID: "r1", User: "olga", Zone: "medical", Scenario: "flu"})
			},
			"after a change": func(w *world) error { w.must("carol", person("oleg", "medco", "operator")); return nil },
		} {
			w := granted(t)
			w.loads("v1")
			w.bring("file", []registry.SubjectConsent{w.consentFrom(1, 0, 0, 9)}, true)
			if _, err := w.Enter(t.Context(), fluQuery); err != nil {
				t.Fatal(err)
			}
			w.exec(statement)
			if err := between(w); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Enter(t.Context(), fluQuery); !errors.Is(err, registry.ErrCorrupt) {
				t.Errorf("%s, %s: Enter = %v, want ErrCorrupt", statement, what, err)
			}
		}
	}
}
