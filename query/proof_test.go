package query_test

import (
	"os"
	"path/filepath"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/sandbox"
)

func binaryOf(s *query.Status) string { return s.Worker.(sandbox.Attestation).Binary }

// entryOf returns the entry of a kind of a run.
func entryOf(t *testing.T, d *querytest.Domain, run, kind string) query.AuditEntry {
	t.Helper()
	for _, e := range d.Audit("feng.audit") {
		if e.Run == run && e.Kind == kind {
			return e
		}
	}
	t.Fatalf("run %s has no entry %s", run, kind)
	return query.AuditEntry{}
}

// A release says what the run ran under: the worker that held the rows and what
// was in force in it, the policy, the pack, license and catalogue by version. A
// release that waited says it of its run, whatever runs by then.
func TestAReleaseProvesItsRun(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT sum(beds) FROM beds")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	status, err := d.Engine.Status(t.Context(), d.Subject("feng.audit"))
	if err != nil {
		t.Fatal(err)
	}
	first := entryOf(t, d, a.Run, "output.released").Fields
	for field, want := range map[string]string{"worker": binaryOf(status), "bundle": status.PolicyHash, "pack": "nanjing-2024", "license": "1",
		"attestation": entryOf(t, d, a.Run, "query.done").Fields["attestation"], "catalogue": entryOf(t, d, a.Run, "query.done").Fields["catalogue"]} {
		if first[field] != want || want == "" {
			t.Errorf("the release says %s is %q, want %q", field, first[field], want)
		}
	}
	for _, digest := range []string{"worker", "bundle", "attestation", "catalogue", "artifact", "output"} {
		if len(first[digest]) != 64 {
			t.Errorf("%s is %q, want a digest", digest, first[digest])
		}
	}

	run := approvedOutput(t, d)
	old := d.Config.Worker
	other := filepath.Join(t.TempDir(), "zonebox-worker")
	binary, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, append(binary, 0), 0o755); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(other); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { // workers of a root gate run as nobody
			t.Fatal(err)
		}
	}
	d.Config.Worker = other
	d.Reopen()
	if _, err := d.Resume("li.op", run); err != nil {
		t.Fatalf("resume = %s", querytest.Text(err))
	}
	if status, err = d.Engine.Status(t.Context(), d.Subject("feng.audit")); err != nil || binaryOf(status) == first["worker"] {
		t.Fatalf("the gate's worker is still %s (%v)", binaryOf(status), err)
	}
	released := entryOf(t, d, run, "output.released").Fields
	done := entryOf(t, d, run, "query.done").Fields
	for _, field := range []string{"worker", "attestation", "bundle", "catalogue"} {
		if released[field] != done[field] || field == "worker" && released[field] != first[field] {
			t.Errorf("a release that waited says %s is %s, want that of its run, %s", field, released[field], done[field])
		}
	}

	// Another version of a dataset is another catalogue.
	beds := querytest.Registers().Beds
	later := querytest.Delivery("medical", "beds", "beds-statistics", beds.CSV(), len(beds.Rows))
	later.Acquired = "2026-11-02" // what is in use already is not loaded again
	d.Load("wu.dc", later, beds.CSV())
	if a, err = d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT sum(beds) FROM beds"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if again := entryOf(t, d, a.Run, "output.released").Fields; again["catalogue"] == first["catalogue"] {
		t.Error("data loaded again give the catalogue of before")
	}
}
