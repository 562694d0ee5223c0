package registry_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"zonebox/registry"
)

// raw opens the file as somebody with access to the disk would.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestNoBodyStandsInTheFile(t *testing.T) {
	w := granted(t)
	request := []byte("SELECT secret_marker_sql FROM visits WHERE x = ?")
	if err := w.SaveRun(t.Context(), registry.Run{ID: "run-1", User: "olga", Zone: "medical", Scenario: "flu", Request: request, Decision: []byte("marker_decision")}); err != nil {
		t.Fatal(err)
	}
	err := w.Update(t.Context(), func(tx *registry.Tx) error {
		if err := tx.SetVersion(registry.DataVersion{Zone: "medical", Dataset: "visits", Version: "v1", Manifest: "marker_manifest", Meta: []byte(`{"k":"marker_meta"}`)}); err != nil {
			return err
		}
		return tx.Emit(registry.Event{Kind: "intent", Actor: "olga", Fields: map[string]string{"note": "marker_field"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	markers := []string{"真名-olga", "真名-carol", "secret_marker_sql", "marker_decision", "marker_manifest", "marker_meta", "marker_field", "流感监测", "agg:sum", publicOf("olga")[:20] + "zz"}
	files, err := filepath.Glob(w.path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("files = %v, %v: want the database and its log", files, err)
	}
	sawName := false
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range markers {
			if bytes.Contains(content, []byte(m)) {
				t.Errorf("%s holds %q", filepath.Base(f), m)
			}
		}
		// The control: what is allowed to stand there is found.
		sawName = sawName || bytes.Contains(content, []byte("flu-visits"))
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", filepath.Base(f), info.Mode().Perm())
		}
	}
	if !sawName {
		t.Error("the search does not even find a document's name")
	}
}

func TestARowMovedToAnotherPlaceIsNotAuthentic(t *testing.T) {
	for name, statement := range map[string]string{
		"another grant's body":      `UPDATE documents SET body = (SELECT body FROM documents WHERE kind = 'Scenario') WHERE kind = 'Grant'`,
		"an old version as the new": `UPDATE documents SET version = version + 5 WHERE kind = 'Grant'`,
		"another scenario":          `UPDATE documents SET parent = 'other' WHERE kind = 'Zone'`,
		"another name":              `UPDATE documents SET applied_by = 'mallory' WHERE kind = 'License'`,
		"a flipped byte":            `UPDATE documents SET body = CAST(iif(substr(body, 1, 1) = x'00', x'01', x'00') || substr(body, 2) AS BLOB) WHERE kind = 'License'`,
	} {
		t.Run(name, func(t *testing.T) {
			w := granted(t)
			if _, err := w.Enter(t.Context(), fluQuery); err != nil {
				t.Fatalf("before: %v", err)
			}
			res, err := raw(t, w.path).Exec(statement)
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := res.RowsAffected(); n == 0 {
				t.Fatal("the attack changed nothing")
			}
			if _, err := w.Enter(t.Context(), fluQuery); !errors.Is(err, registry.ErrCorrupt) {
				t.Errorf("Enter = %v, want ErrCorrupt", err)
			}
		})
	}
}

func TestDocumentsSurviveClosing(t *testing.T) {
	w := granted(t)
	revision := w.revision()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	if w.revision() != revision {
		t.Errorf("revision = %d, want %d", w.revision(), revision)
	}
	if _, err := w.Enter(t.Context(), fluQuery); err != nil {
		t.Error(err)
	}
	w.must("zoe", zone(set("status", "SUSPENDED")))
	d, m, err := w.GetVersion(t.Context(), "Zone", "medical", 1)
	if err != nil || m.Version != 1 || m.By != "carol" {
		t.Errorf("GetVersion = %+v, %v", m, err)
	}
	if z, err := registry.SpecOf[registry.Zone](d); err != nil || z.Status != "ACTIVE" {
		t.Errorf("version 1 = %+v, %v, want ACTIVE", z, err)
	}
	all, err := w.List(t.Context(), "Person")
	if err != nil || len(all) != 8 || all[0].Name != "carol" {
		t.Errorf("List(Person) = %d, %v, want 8 from carol on", len(all), err)
	}
}

func TestUpdateCommitsEventsWithTheChange(t *testing.T) {
	w := founded(t)
	for _, p := range pending(t, w) {
		if p.Kind != "apply" || p.Actor != "carol" {
			t.Errorf("event of the bootstrap = %+v", p)
		}
		if err := w.MarkLogged(t.Context(), registry.Mark{ID: p.ID, Index: 3}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := w.Logged(t.Context()); err != nil || n != 4 {
		t.Errorf("Logged after index 3 = %d, %v, want 4", n, err)
	}
	before := w.revision()
	boom := errors.New("boom")
	err := w.Update(t.Context(), func(tx *registry.Tx) error {
		if err := tx.Emit(registry.Event{ID: "e1", Kind: "intent"}); err != nil {
			return err
		}
		if err := tx.BumpEpoch(); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) || len(pending(t, w)) != 0 || w.revision() != before || w.epoch() != 0 {
		t.Errorf("a failed update: %v, %d events, revision %d, epoch %d", err, len(pending(t, w)), w.revision(), w.epoch())
	}
	err = w.Update(t.Context(), func(tx *registry.Tx) error {
		if tx.Revision() != before+1 {
			t.Errorf("Revision in the transaction = %d, want %d", tx.Revision(), before+1)
		}
		for _, id := range []string{"e2", "e1"} {
			if err := tx.Emit(registry.Event{ID: id, Kind: "intent", Run: "run-1", Fields: map[string]string{"tree": "ab"}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p := pending(t, w)
	if len(p) != 2 || p[0].ID != "e2" || p[1].ID != "e1" || p[0].Revision != before+1 || p[0].Fields["tree"] != "ab" || !p[0].At.Equal(w.clock.t) {
		t.Fatalf("pending = %+v", p)
	}
	if err := w.MarkLogged(t.Context(), registry.Mark{ID: "e2", Index: 9}); err != nil {
		t.Error(err)
	}
	if err := w.MarkLogged(t.Context(), registry.Mark{ID: "e2", Index: 9}); err != nil {
		t.Errorf("marking again: %v", err)
	}
	for _, id := range []string{"e2", "e3"} {
		if err := w.MarkLogged(t.Context(), registry.Mark{ID: id, Index: 10}); !errors.Is(err, registry.ErrConflict) {
			t.Errorf("MarkLogged(%s, 10) = %v, want ErrConflict", id, err)
		}
	}
	if p := pending(t, w); len(p) != 1 || p[0].ID != "e1" || w.revision() != before+1 {
		t.Errorf("pending = %+v at revision %d, want e1 at %d", p, w.revision(), before+1)
	}
	err = w.Update(t.Context(), func(tx *registry.Tx) error { return tx.Emit(registry.Event{ID: "e1"}) })
	if !errors.Is(err, registry.ErrConflict) {
		t.Errorf("an event id twice: %v, want ErrConflict", err)
	}
}

func pending(t *testing.T, w *world) []registry.Pending {
	t.Helper()
	p, err := w.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestUpdateAbandonedByItsContextLeavesNothing(t *testing.T) {
	w := founded(t)
	before := w.revision()
	ctx, cancel := context.WithCancel(t.Context())
	err := w.Update(ctx, func(tx *registry.Tx) error {
		if err := tx.Emit(registry.Event{ID: "lost"}); err != nil {
			return err
		}
		cancel()
		return nil
	})
	if err == nil || w.revision() != before {
		t.Errorf("Update = %v at revision %d, want an error at %d", err, w.revision(), before)
	}
}

func TestRunsKeepWhoAskedWhat(t *testing.T) {
	w := founded(t)
	run := registry.Run{ID: "run-1", User: "olga", Zone: "medical", Scenario: "flu", Request: []byte("q")}
	if err := w.SaveRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	run.Decision = []byte("d")
	w.clock.tick()
	if err := w.SaveRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	got, err := w.LoadRun(t.Context(), "run-1")
	if err != nil || string(got.Request) != "q" || string(got.Decision) != "d" || !got.CreatedAt.Equal(w.clock.t.Add(-time.Minute)) {
		t.Errorf("LoadRun = %+v, %v", got, err)
	}
	for name, change := range map[string]func(*registry.Run){
		"user":     func(r *registry.Run) { r.User = "oscar" },
		"zone":     func(r *registry.Run) { r.Zone = "finance" },
		"scenario": func(r *registry.Run) { r.Scenario = "other" },
		"request":  func(r *registry.Run) { r.Request = []byte("other") },
	} {
		other := run
		change(&other)
		if err := w.SaveRun(t.Context(), other); !errors.Is(err, registry.ErrConflict) {
			t.Errorf("another %s: %v, want ErrConflict", name, err)
		}
	}
	if _, err := w.LoadRun(t.Context(), "run-2"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("LoadRun(run-2) = %v, want ErrNotFound", err)
	}
	w.clock.tick()
	if err := w.SaveRun(t.Context(), registry.Run{ID: "run-2", User: "oscar"}); err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]int{"": 2, "olga": 1, "nobody": 0} {
		if all, err := w.ListRuns(t.Context(), user, 10); err != nil || len(all) != want {
			t.Errorf("ListRuns(%q) = %d, %v, want %d", user, len(all), err, want)
		}
	}
	for since, want := range map[time.Time]int64{w.clock.t: 0, w.clock.t.Add(-2 * time.Minute): 1} {
		if n, err := w.CountRuns(t.Context(), "olga", since); err != nil || n != want {
			t.Errorf("CountRuns since %v = %d, %v, want %d", since, n, err, want)
		}
	}
	inPlace := registry.Run{ID: "run-1b", User: "olga", Zone: run.Zone, Scenario: run.Scenario, InPlaceOf: "run-1"}
	for range 2 { // what it is in the place of stays
		if err := w.SaveRun(t.Context(), inPlace); err != nil {
			t.Fatal(err)
		}
		inPlace.InPlaceOf = ""
	}
	if n, err := w.CountRuns(t.Context(), "olga", w.clock.t.Add(-2*time.Minute)); err != nil || n != 1 {
		t.Errorf("CountRuns with one that a reviewer had run = %d, %v, want 1", n, err)
	}
	if got, err := w.LoadRun(t.Context(), "run-1b"); err != nil || got.InPlaceOf != "run-1" {
		t.Errorf("LoadRun(run-1b) = %+v, %v, want it in the place of run-1", got, err)
	}
	if _, err := raw(t, w.path).Exec(`UPDATE runs SET in_place_of = '' WHERE id = 'run-1b'`); err != nil {
		t.Fatal(err)
	}
	if _, err := w.LoadRun(t.Context(), "run-1b"); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("a reviewer's run that is made its requester's: %v, want ErrCorrupt", err)
	}
	if _, err := raw(t, w.path).Exec(`DELETE FROM runs WHERE id = 'run-1b'`); err != nil {
		t.Fatal(err)
	}
	if all, _ := w.ListRuns(t.Context(), "", 1); len(all) != 1 || all[0].ID != "run-2" {
		t.Errorf("the newest run = %+v, want run-2", all)
	}
	if _, err := raw(t, w.path).Exec(`UPDATE runs SET user = 'oscar' WHERE id = 'run-1'`); err != nil {
		t.Fatal(err)
	}
	if _, err := w.LoadRun(t.Context(), "run-1"); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("a run given to another user: %v, want ErrCorrupt", err)
	}
}

func TestANonceServesOnce(t *testing.T) {
	w := founded(t)
	before := w.revision()
	now := w.clock.t
	for i, tc := range []struct {
		user, nonce string
		at          time.Time
		want        error
	}{
		{"olga", "n1", now, nil},
		{"olga", "n1", now, registry.ErrReplay},
		{"olga", "n1", now.Add(time.Minute), registry.ErrReplay},
		{"oscar", "n1", now, nil},
		{"olga", "n2", now.Add(-6 * time.Minute), registry.ErrStale},
		{"olga", "n2", now.Add(6 * time.Minute), registry.ErrStale},
		{"olga", "", now, registry.ErrStale},
		{"olga", "n3", now.Add(-5 * time.Minute), nil},
		{"olga", "n3", now.Add(-5 * time.Minute), registry.ErrReplay},
	} {
		if err := w.UseNonce(t.Context(), tc.user, tc.nonce, tc.at); !errors.Is(err, tc.want) {
			t.Errorf("%d: UseNonce = %v, want %v", i, err, tc.want)
		}
	}
	// Forgotten nonces are too old to be used again.
	w.clock.t = now.Add(11 * time.Minute)
	if err := w.UseNonce(t.Context(), "olga", "n4", w.clock.t); err != nil {
		t.Fatal(err)
	}
	if err := w.UseNonce(t.Context(), "olga", "n1", now); !errors.Is(err, registry.ErrStale) {
		t.Errorf("an old nonce = %v, want ErrStale", err)
	}
	if w.revision() != before {
		t.Errorf("nonces raised the revision from %d to %d", before, w.revision())
	}
}

func TestDataVersions(t *testing.T) {
	w := catalogued(t)
	if _, err := w.CurrentVersion(t.Context(), "medical", "visits"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("before a load: %v, want ErrNotFound", err)
	}
	load := func(v string) error {
		return w.SetVersion(t.Context(), registry.DataVersion{Zone: "medical", Dataset: "visits", Version: v, Manifest: "m-" + v, Rows: 3, LoadedBy: "dave"})
	}
	for _, v := range []string{"v2", "v1"} {
		if err := load(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := load("v2"); !errors.Is(err, registry.ErrConflict) {
		t.Errorf("a version twice: %v, want ErrConflict", err)
	}
	all, err := w.CurrentVersions(t.Context())
	if err != nil || len(all) != 1 || all[0].Version != "v1" || all[0].Manifest != "m-v1" || all[0].Catalogue != 1 {
		t.Errorf("current = %+v, %v, want v1", all, err)
	}
	for name, v := range map[string]registry.DataVersion{
		"another zone":    {Zone: "finance", Dataset: "visits", Version: "v3"},
		"unknown dataset": {Zone: "medical", Dataset: "nothing", Version: "v3"},
	} {
		if err := w.SetVersion(t.Context(), v); !registry.HasCode(err, registry.CodeReference) {
			t.Errorf("%s: %v, want %s", name, err, registry.CodeReference)
		}
	}
	for _, e := range []edit{set("status", "SUSPENDED"), prohibited, set("format", "DOCUMENT")} {
		w := catalogued(t)
		w.must("paul", visits(e))
		err := w.SetVersion(t.Context(), registry.DataVersion{Zone: "medical", Dataset: "visits", Version: "v1"})
		if !registry.HasCode(err, registry.CodeForbidden) {
			t.Errorf("SetVersion = %v, want %s", err, registry.CodeForbidden)
		}
	}
}

func TestSealBindsPurposeAndID(t *testing.T) {
	w := founded(t)
	s, err := w.Seal("review", "run-1", []byte("理由"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.Unseal("review", "run-1", s); err != nil || string(got) != "理由" {
		t.Errorf("Unseal = %q, %v", got, err)
	}
	for _, at := range [][2]string{{"review", "run-2"}, {"other", "run-1"}} {
		if _, err := w.Unseal(at[0], at[1], s); !errors.Is(err, registry.ErrCorrupt) {
			t.Errorf("Unseal(%v) = %v, want ErrCorrupt", at, err)
		}
	}
}

func TestMigrationsOfOtherPackagesShareTheTransaction(t *testing.T) {
	more := fstest.MapFS{"01500_more.sql": {Data: []byte("-- +goose Up\nCREATE TABLE more (x TEXT) STRICT;\n-- +goose Down\nDROP TABLE more;\n")}}
	path := filepath.Join(t.TempDir(), "r.db")
	cfg := registry.Config{AEAD: newAEAD(t)}
	r, err := registry.Open(t.Context(), path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // added later, and then there
		if r, err = registry.Open(t.Context(), path, cfg, more); err != nil {
			t.Fatal(err)
		}
		err = r.Update(t.Context(), func(tx *registry.Tx) error {
			_, err := tx.SQL().Exec(`INSERT INTO more VALUES ('a')`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := registry.Open(t.Context(), path, registry.Config{}); err == nil {
		t.Error("Open without AEAD was accepted")
	}
}
