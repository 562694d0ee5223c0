//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/keys/keystest"
	"zonebox/query"
)

// founded is a domain at rest that tests copy: the demo city of 3,000 people and
// 9,000 visits, licensed and loaded, with the keys of its people.
var founded string

// workerBinary is what the gates of the tests start.
var workerBinary string

const people = 3000

func TestMain(m *testing.M) {
	// The test binary is also the zonebox binary of those tests that kill it.
	switch os.Getenv("ZONEBOX_TEST_PROCESS") {
	case "zonebox":
		main()
	case "watched":
		os.Exit(execWatched())
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "zonebox-cmd-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	founded = filepath.Join(dir, "city")
	if workerBinary, err = findWorker(dir); err == nil {
		err = foundCity(founded, time.Now)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func findWorker(dir string) (string, error) {
	if given := os.Getenv("ZONEBOX_WORKER"); given != "" {
		return given, nil
	}
	// The workers of a gate that runs as root run as nobody.
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "zonebox-worker")
	build := exec.Command("go", "build", "-tags", "duckdb_arrow", "-o", path, "zonebox/cmd/zonebox-worker")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build worker: %w\n%s", err, out)
	}
	return path, nil
}

// foundCity takes the first steps of the demo and leaves the gate stopped.
func foundCity(dir string, now func() time.Time) (err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	var told bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &told, stderr: &told, lang: "zh", now: now}
	d := &demo{app: a, ctx: context.Background(), dir: dir, rows: people, worker: workerBinary, began: time.Now()}
	for _, step := range []func() error{d.found, d.register, d.load} {
		if err = step(); err != nil {
			break
		}
	}
	if d.gate != nil {
		err = errors.Join(err, d.gate.stop())
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, told.String())
	}
	secret, err := os.ReadFile(filepath.Join(dir, "passphrase"))
	if err != nil {
		return err
	}
	return keystest.Cheapen(filepath.Join(dir, "domain.keys"), secret) // gates of tests open it a thousand times
}

// home is a copy of the city that belongs to one test.
type home struct {
	dir  string
	gate *gate
	web  listening
	log  *syncBuffer // what the gate logged
}

func newHome(t testing.TB) *home {
	t.Helper()
	h := noHome(t)
	copyDir(t, founded, h.dir)
	return h
}

// newCity founds a city by another clock.
func newCity(t testing.TB, now func() time.Time) *home {
	t.Helper()
	h := noHome(t)
	if err := foundCity(h.dir, now); err != nil {
		t.Fatalf("found city: %v", err)
	}
	return h
}

func noHome(t testing.TB) *home {
	t.Helper()
	// Not t.TempDir: a socket's path is at most 107 bytes.
	dir, err := os.MkdirTemp("", "zb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return &home{dir: filepath.Join(dir, "h"), log: new(syncBuffer)}
}

// copyDir copies a folder with its modes; to must not exist.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp -a: %v\n%s", err, out)
	}
}

func (h *home) path(elem ...string) string { return filepath.Join(append([]string{h.dir}, elem...)...) }
func (h *home) domain(elem ...string) string {
	return h.path(append([]string{"domain"}, elem...)...)
}

// openWith starts a gate in this process, as serve does, with what cfg says beyond
// where things are.
func (h *home) openWith(t *testing.T, cfg query.Config) error {
	t.Helper()
	secret, err := os.ReadFile(h.path("passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Domain, cfg.Keys, cfg.Passphrase, cfg.Worker = h.domain(), h.path("domain.keys"), secret, workerBinary
	cfg.Log = slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.gate, err = startGate(t.Context(), socketOf(h.domain()), h.web, cfg)
	return err
}

// serve starts a gate that ends with the test.
func (h *home) serve(t *testing.T) {
	t.Helper()
	h.serveAt(t, time.Now)
}

// serveAt is serve by another clock, and with folders to back up to.
func (h *home) serveAt(t *testing.T, now func() time.Time, backups ...string) {
	t.Helper()
	if err := h.openWith(t, query.Config{Now: now, BackupRoots: backups}); err != nil {
		t.Fatalf("start gate: %v", err)
	}
	t.Cleanup(func() { h.stop(t) })
}

// backups makes the folder that a gate may back up to.
func (h *home) backups(t *testing.T) string {
	t.Helper()
	if err := os.MkdirAll(h.path("backups"), 0o700); err != nil {
		t.Fatal(err)
	}
	return h.path("backups")
}

func (h *home) stop(t *testing.T) {
	t.Helper()
	if h.gate == nil {
		return
	}
	if err := h.gate.stop(); err != nil {
		t.Errorf("stop gate: %v", err)
	}
	h.gate = nil
}

// zonebox runs one command line in this process.
func (h *home) zonebox(t *testing.T, args ...string) outcome {
	t.Helper()
	return h.zoneboxWith(t, "", args...)
}

func (h *home) zoneboxWith(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	var out, errout bytes.Buffer
	code := run(t.Context(), append(slices.Clone(args), h.flags()...), strings.NewReader(stdin), &out, &errout)
	return outcome{code, out.String(), errout.String()}
}

func (h *home) flags() []string {
	return []string{"--domain", h.domain(), "--keyring", h.path("keyring"), "--lang", "en"}
}

// must runs one command line that has to end with the given code.
func (h *home) must(t *testing.T, code int, args ...string) outcome {
	t.Helper()
	o := h.zonebox(t, args...)
	if o.code != code {
		t.Fatalf("zonebox %s exited %d, want %d\nstdout: %s\nstderr: %s", strings.Join(args, " "), o.code, code, o.out, o.errout)
	}
	return o
}

// ask runs a query of the demo's operator.
func (h *home) ask(t *testing.T, sql string, more ...string) outcome {
	t.Helper()
	return h.zonebox(t, append([]string{"query", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", sql}, more...)...)
}

// runPattern finds the id of a run in what a command printed.
var runPattern = regexp.MustCompile(`run-[0-9a-v]{26}`)

// countVisits is a statement that the license allows and that names one
// dataset.
const countVisits = "SELECT count(*) AS n FROM visits"

// problemOf returns what --json printed.
func problemOf(t *testing.T, o outcome) (p struct {
	Code, Class, Detail, Hint, Run string
	Articles                       []string
	Span                           *struct{ Start, End int }
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(o.out), &p); err != nil {
		t.Fatalf("--json printed %q: %v", o.out, err)
	}
	return p
}

// entries returns the audit log as the auditor reads it through the gate.
func (h *home) entries(t *testing.T) []query.AuditEntry {
	t.Helper()
	var all []query.AuditEntry
	for {
		o := h.must(t, exitOK, "audit", "list", "--as", "feng.audit", "-o", "json", "--limit", "1000", "--from", fmt.Sprint(len(all)))
		var page []query.AuditEntry
		if err := json.Unmarshal([]byte(o.out), &page); err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		if len(page) < 1000 {
			return all
		}
	}
}

// checkIntents fails unless every intent was closed exactly once, and nothing
// else was closed. It takes the log of a gate that is at rest.
func checkIntents(t *testing.T, entries []query.AuditEntry) {
	t.Helper()
	opened, closed := map[string]int{}, map[string]int{}
	for _, e := range entries {
		switch e.Kind {
		case "query.intent":
			opened[e.Run]++
		case "query.done", "query.failed", "query.killed", "query.abandoned":
			closed[e.Run]++
		}
	}
	for run, n := range opened {
		if n != 1 || closed[run] != 1 {
			t.Errorf("run %s has %d intents closed %d times, want 1 and 1", run, n, closed[run])
		}
	}
	for run := range closed {
		if opened[run] == 0 {
			t.Errorf("run %s was closed without an intent", run)
		}
	}
}

func hasEntry(entries []query.AuditEntry, kind, run string) bool {
	return slices.ContainsFunc(entries, func(e query.AuditEntry) bool { return e.Kind == kind && e.Run == run })
}

// verify runs audit verify, which must not find anything.
func (h *home) verify(t *testing.T) {
	t.Helper()
	h.must(t, exitOK, "audit", "verify")
}
