package registry_test

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/registry"
)

// loads sets versions of visits, one after the other; "?" before a name means
// into quarantine.
func (w *world) loads(names ...string) {
	w.t.Helper()
	for _, n := range names {
		v := registry.DataVersion{Zone: "medical", Dataset: "visits", Version: strings.TrimPrefix(n, "?"), Manifest: "m-" + n, Rows: 3, LoadedBy: "dave"}
		if v.Version != n {
			v.State = registry.DataQuarantined
		}
		if err := w.SetVersion(w.t.Context(), v); err != nil {
			w.t.Fatal(err)
		}
	}
}

// data does one of the things that may happen to a version.
func (w *world) data(what, version string) error {
	return w.Update(w.t.Context(), func(tx *registry.Tx) error {
		c := registry.DataChange{Zone: "medical", Dataset: "visits", Version: version, By: "dave", Org: "dc", Role: "data_centre", Reason: "marker_reason"}
		switch what {
		case "quarantine":
			_, err := tx.Quarantine(c)
			return err
		case "release":
			return tx.ReleaseQuarantined(c)
		case "rollback":
			_, err := tx.Rollback(c)
			return err
		case "retire":
			return tx.Retire(c)
		case "shred":
			return tx.Shredded(c)
		case "rewrap":
			return tx.Rewrapped(c, "m-new")
		}
		return tx.OrderData(c, what)
	})
}

// exec does to the file what nobody but the registry should.
func (w *world) exec(statements ...string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			w.t.Fatal(err)
		}
	}
}

// states returns every version with its state, "v1 KEPT".
func (w *world) states() []string {
	w.t.Helper()
	all, err := w.DataVersions(w.t.Context(), "medical", "visits")
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	current := ""
	for _, v := range all {
		out = append(out, v.Version+" "+v.State)
		if v.State == registry.DataCurrent {
			current = v.Version
		}
	}
	// What is read for each question is told by fewer rows, and is the same.
	v, err := w.CurrentVersion(w.t.Context(), "medical", "visits")
	if (err == nil) != (current != "") || err == nil && (v.Version != current || v.State != registry.DataCurrent) {
		w.t.Errorf("current = %q, %v; of all it is %q", v.Version, err, current)
	}
	return out
}

func TestWhatBecomesOfAVersion(t *testing.T) {
	for _, c := range []struct{ name, loads, then, want string }{
		{"a load takes the place of the one before", "v1 v2", "", "v1 KEPT, v2 CURRENT"},
		{"one loaded into quarantine takes no place", "v1 ?v2", "", "v1 CURRENT, v2 QUARANTINED"},
		{"the first one too", "?v1", "", "v1 QUARANTINED"},
		{"it is released", "v1 ?v2", "release v2", "v1 KEPT, v2 CURRENT"},
		{"only what is quarantined is released", "v1 v2", "release v1", "refused"},
		{"not over a later one", "v1 ?v2 v3", "release v2", "refused"},
		{"nothing older takes the place of what is quarantined", "v1 v2", "quarantine v2", "v1 KEPT, v2 QUARANTINED"},
		{"an earlier one is quarantined", "v1 v2", "quarantine v1", "v1 QUARANTINED, v2 CURRENT"},
		{"not twice", "v1 v2", "quarantine v1, quarantine v1", "refused"},
		{"rolled back, what was current is quarantined", "v1 v2", "rollback v1", "v1 CURRENT, v2 QUARANTINED"},
		{"and forth", "v1 v2", "rollback v1, release v2", "v1 KEPT, v2 CURRENT"},
		{"where none is current", "v1 v2", "quarantine v2, rollback v1", "v1 CURRENT, v2 QUARANTINED"},
		{"not to itself", "v1 v2", "rollback v2", "refused"},
		{"not to what is quarantined", "v1 v2", "quarantine v1, rollback v1", "refused"},
		{"not to what is retired", "v1 v2", "retire v1, rollback v1", "refused"},
		{"not to what is not there", "v1 v2", "rollback v7", "refused"},
		{"the current one is not retired", "v1 v2", "retire v2", "refused"},
		{"one in quarantine is", "v1 ?v2", "retire v2", "v1 CURRENT, v2 RETIRED"},
		{"shredded is for good", "v1 v2", "shred v1, quarantine v1", "refused"},
		{"whatever state it was in", "v1 v2 ?v3", "retire v1, shred v1, shred v2, shred v3", "v1 SHREDDED, v2 SHREDDED, v3 SHREDDED"},
		{"and not rolled back to", "v1 v2", "shred v1, rollback v1", "refused"},
		{"a load after all that", "v1 v2", "shred v2", "v1 KEPT, v2 SHREDDED"},
		{"rewrapped it is what it was", "v1 v2", "rewrap v1", "v1 KEPT, v2 CURRENT"},
		{"not what is gone", "v1 v2", "shred v1, rewrap v1", "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := catalogued(t)
			w.loads(strings.Fields(c.loads)...)
			before := w.states()
			var err error
			for _, step := range strings.Split(c.then, ", ") {
				if step == "" {
					continue
				}
				if err != nil {
					t.Fatal(err) // of the step before
				}
				before = w.states()
				what, version, _ := strings.Cut(step, " ")
				err = w.data(what, version)
			}
			if c.want == "refused" {
				if !errors.Is(err, registry.ErrDataState) && !errors.Is(err, registry.ErrNotFound) {
					t.Errorf("err = %v, want ErrDataState or ErrNotFound", err)
				}
				if after := w.states(); !slices.Equal(after, before) {
					t.Errorf("refused, and still %v became %v", before, after)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(w.states(), ", "); got != c.want {
				t.Errorf("versions = %s, want %s", got, c.want)
			}
		})
	}
}

func TestAnIncrementStandsOnTheCurrentVersion(t *testing.T) {
	w := catalogued(t)
	w.loads("v1", "v2")
	on := func(version, base, state string) error {
		return w.SetVersion(t.Context(), registry.DataVersion{Zone: "medical", Dataset: "visits", Version: version, State: state,
			Lineage: registry.Lineage{Mode: "append", Base: base}})
	}
	for _, base := range []string{"v1", "v9"} {
		if err := on("v3", base, ""); !registry.HasCode(err, registry.CodeData) {
			t.Errorf("an increment on %s = %v, want %s", base, err, registry.CodeData)
		}
	}
	if err := on("v3", "v2", registry.DataQuarantined); err != nil {
		t.Fatal(err)
	}
	// What it holds of v2 is as bad as v2.
	if err := w.data("quarantine", "v2"); err != nil {
		t.Fatal(err)
	}
	if err := w.data("release", "v3"); !errors.Is(err, registry.ErrDataState) {
		t.Errorf("released although its base is quarantined: %v", err)
	}
	if err := w.data("release", "v2"); err != nil {
		t.Fatal(err)
	}
	if err := w.data("release", "v3"); err != nil {
		t.Error(err)
	}
}

func TestHistoryIsWholeAndLogged(t *testing.T) {
	w := catalogued(t)
	lineage := registry.Lineage{Delivery: "ab", Provider: "hospital", Grant: "flu-visits", Acquired: "2026-06-01", Mode: "upsert"}
	err := w.SetVersion(t.Context(), registry.DataVersion{Zone: "medical", Dataset: "visits", Version: "v1", Manifest: "m-v1", LoadedBy: "dave", Lineage: lineage})
	if err != nil {
		t.Fatal(err)
	}
	w.loads("v2", "?v3")
	for _, step := range []string{"rewrap v1", "rollback v1", "retire v3", "shred v2", "order v1"} {
		what, version, _ := strings.Cut(step, " ")
		if err := w.data(what, version); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
	}
	history, err := w.DataHistory(t.Context(), "medical", "visits")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range history {
		got = append(got, e.Kind+" "+e.Version+" "+e.Manifest)
		if e.By != "dave" || e.At.IsZero() || e.Zone != "medical" || e.Dataset != "visits" {
			t.Errorf("event = %+v", e)
		}
	}
	want := []string{"LOADED v1 m-v1", "LOADED v2 m-v2", "HELD v3 m-?v3", "QUARANTINED v3 m-?v3", "REWRAPPED v1 m-new",
		"QUARANTINED v2 m-v2", "CURRENT v1 m-new", "RETIRED v3 m-?v3", "SHREDDED v2 m-v2", "ORDERED v1 m-new"}
	if !slices.Equal(got, want) {
		t.Errorf("history = %q, want %q", got, want)
	}
	v, err := w.CurrentVersion(t.Context(), "medical", "visits")
	if err != nil || v.Version != "v1" || v.Manifest != "m-new" || v.Lineage != lineage {
		t.Errorf("current = %+v, %v", v, err)
	}
	pending, err := w.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var logged []string
	for _, p := range pending {
		if strings.HasPrefix(p.Kind, "data.") {
			logged = append(logged, p.Kind+" "+p.Fields["version"]+" "+p.Fields["manifest"])
		}
		for _, f := range p.Fields {
			if strings.Contains(f, "marker_reason") {
				t.Errorf("the log holds a reason: %+v", p)
			}
		}
	}
	want = []string{"data.quarantined v3 m-?v3", "data.rewrapped v1 m-new", "data.quarantined v2 m-v2", "data.current v1 m-new",
		"data.retired v3 m-?v3", "data.shredded v2 m-v2", "data.ordered v1 m-new"}
	if !slices.Equal(logged, want) {
		t.Errorf("logged = %q, want %q", logged, want)
	}
	all, err := w.DataHistory(t.Context(), "", "")
	if err != nil || len(all) != len(history) {
		t.Errorf("of all datasets: %d events, %v, want %d", len(all), err, len(history))
	}
	stored, err := w.StoredVersions(t.Context())
	if err != nil || len(stored) != 1 || stored[0].Version != "v1" {
		t.Errorf("stored = %+v, %v, want v1", stored, err)
	}
}

func TestFactsAreOvertakenByWhatBecomesOfTheirData(t *testing.T) {
	for _, c := range []struct {
		what      string
		do        func(w *world) error
		overtaken bool
	}{
		{"quarantined", func(w *world) error { return w.data("quarantine", "v2") }, true},
		{"rolled back", func(w *world) error { return w.data("rollback", "v1") }, true},
		{"shredded", func(w *world) error { return w.data("shred", "v2") }, true},
		{"rewrapped", func(w *world) error { return w.data("rewrap", "v2") }, true},
		{"and released again", func(w *world) error {
			return errors.Join(w.data("quarantine", "v2"), w.data("release", "v2"))
		}, true},
		{"an earlier version retired", func(w *world) error { return w.data("retire", "v1") }, false},
		{"a load", func(w *world) error { w.loads("v3"); return nil }, false},
		{"an order", func(w *world) error { return w.data("rollback it", "v2") }, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := granted(t)
			w.loads("v1", "v2")
			f, err := w.Enter(t.Context(), fluQuery)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.do(w); err != nil {
				t.Fatal(err)
			}
			by, err := w.Overtaken(t.Context(), f)
			if err != nil || (by != nil) != c.overtaken {
				t.Errorf("overtaken by %v, %v; want %v", by, err, c.overtaken)
			}
			if by != nil && (by.Kind != registry.KindData || by.Name != "visits") {
				t.Errorf("overtaken by %v, want Data visits", by)
			}
			now, err := w.Enter(t.Context(), fluQuery)
			if err != nil {
				t.Fatal(err)
			}
			if by, err := w.Overtaken(t.Context(), now); by != nil || err != nil {
				t.Errorf("facts of now are overtaken by %v, %v", by, err)
			}
		})
	}
}

func TestAnOrderWaitsForWhoeverDidNotGiveIt(t *testing.T) {
	w := catalogued(t)
	w.loads("v1", "v2")
	by := func(order, version string, since time.Time) (who string) {
		t.Helper()
		err := w.Update(t.Context(), func(tx *registry.Tx) (err error) {
			who, err = tx.OrderedBy("medical", "visits", version, order, since)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return who
	}
	if who := by("rollback", "v1", time.Time{}); who != "" {
		t.Errorf("ordered by %q before anybody did", who)
	}
	if err := w.data("rollback", "v7"); err == nil {
		t.Error("ordered for a version that is not there")
	}
	if err := w.Update(t.Context(), func(tx *registry.Tx) error {
		return tx.OrderData(registry.DataChange{Zone: "medical", Dataset: "visits", Version: "v1", By: "dave"}, registry.OrderRollback)
	}); err != nil {
		t.Fatal(err)
	}
	if who := by("rollback", "v1", time.Time{}); who != "dave" {
		t.Errorf("ordered by %q, want dave", who)
	}
	if who := by("rollback", "v1", w.clock.now().Add(time.Second)); who != "" {
		t.Errorf("an order that is too old was taken: %q", who)
	}
	if who := by("retire", "v1", time.Time{}) + by("rollback", "v2", time.Time{}); who != "" {
		t.Errorf("another order was taken: %q", who)
	}
	w.loads("v3")
	if who := by("rollback", "v1", time.Time{}); who != "" {
		t.Errorf("ordered by %q, before something else happened", who)
	}
}

// Rows from before there were events are loads, under their old seals.
func TestVersionsOfTheFirstSchemaAreLoads(t *testing.T) {
	w := catalogued(t)
	w.loads("v1", "v2")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.exec(
		`CREATE TABLE data_versions (zone TEXT NOT NULL, dataset TEXT NOT NULL, version TEXT NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (zone, dataset, version)) STRICT, WITHOUT ROWID`,
		`INSERT INTO data_versions SELECT zone, dataset, version, revision, body FROM data_events`,
		`DROP TABLE data_events`,
		`DELETE FROM goose_db_version WHERE version_id = 2`)
	w.open()
	if got := strings.Join(w.states(), ", "); got != "v1 KEPT, v2 CURRENT" {
		t.Errorf("versions = %s", got)
	}
}

func TestRowsOfDataAreBoundToTheirPlace(t *testing.T) {
	for _, c := range []struct{ what, statement string }{
		{"quarantined made rewrapped", `UPDATE data_events SET kind = 'REWRAPPED' WHERE kind = 'QUARANTINED'`},
		{"of another version", `UPDATE data_events SET version = 'v2' WHERE kind = 'QUARANTINED'`},
		{"later", `UPDATE data_events SET revision = revision + 100 WHERE kind = 'QUARANTINED'`},
		{"elsewhere in its revision", `UPDATE data_events SET seq = seq + 7 WHERE kind = 'QUARANTINED'`},
		{"held made loaded", `UPDATE data_events SET kind = 'LOADED' WHERE kind = 'HELD'`},
		{"loaded made held", `UPDATE data_events SET kind = 'HELD' WHERE kind = 'LOADED' AND version = 'v1'`},
	} {
		w := catalogued(t)
		w.loads("v1", "v2", "?v3")
		if err := w.data("quarantine", "v1"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.DataVersions(t.Context(), "medical", "visits"); err != nil {
			t.Fatal(err) // the control
		}
		w.exec(c.statement)
		if _, err := w.DataHistory(t.Context(), "", ""); !errors.Is(err, registry.ErrCorrupt) {
			t.Errorf("%s: DataHistory = %v, want ErrCorrupt", c.what, err)
		}
		if _, err := w.DataVersions(t.Context(), "medical", "visits"); !errors.Is(err, registry.ErrCorrupt) {
			t.Errorf("%s: DataVersions = %v, want ErrCorrupt", c.what, err)
		}
	}
}
