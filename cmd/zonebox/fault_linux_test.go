package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/query"
)

// An operation changes a domain from one state to another by many durable steps.
type operation struct {
	name string
	// prepare makes the domain ready for another turn; may be nil.
	prepare func(t *testing.T, h *home)
	// do has a client order the change of a domain in the state before, and nothing
	// else of the gate.
	do func(t *testing.T, h *home, before string) outcome
	// state tells, of a gate that serves, which state the domain is in, and checks
	// what holds in both.
	state func(t *testing.T, h *home) string
	// turns reports whether a domain in the state before may be in the state now
	// once the order was carried out.
	turns func(before, now string) bool
}

// TestADomainIsOldOrNewWhateverAStepSays has each durable step of each operation
// not happen: the gate is killed before it, the disk is full, or the device
// fails. After a new start the domain is in the state before or the one ordered,
// in that if the client was told so, and the log verifies.
func TestADomainIsOldOrNewWhateverAStepSays(t *testing.T) {
	for _, op := range operations {
		for _, f := range []fault{killed, {syscall.ENOSPC}, {syscall.EIO}} {
			t.Run(op.name+"/"+strings.ReplaceAll(f.String(), " ", "-"), func(t *testing.T) { op.endure(t, f) })
		}
	}
}

func (op operation) endure(t *testing.T, f fault) {
	h := newHome(t)
	g := h.serveWatched(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the gate's log:\n%s", g.log)
		}
	})
	ready := func() string {
		if op.prepare != nil {
			op.prepare(t, h)
		}
		return op.state(t, h)
	}
	before := ready()
	g.after(0, f)
	if o := op.do(t, h, before); o.code != exitOK {
		t.Fatalf("exited %d: %s", o.code, o.errout)
	}
	total, names := g.count()
	now := op.state(t, h)
	if !op.turns(before, now) || total < 10 {
		t.Fatalf("went from %q to %q by %d steps: %s", before, now, total, strings.Join(names, " "))
	}
	changed, kept := 0, 0
	for _, at := range points(total, 5) {
		before = ready()
		g.after(at, f)
		o := op.do(t, h, before)
		g.after(0, f)
		if f == killed {
			g.kill()
			g.gone(t)
		} else {
			g.terminate(t)
		}
		h.verify(t)
		g = h.serveWatched(t)
		where := fmt.Sprintf("step %d of %d (%s)", at, total, names[max(0, at-1)])
		now = op.state(t, h)
		told := o.code == exitOK
		switch {
		case now == before && !told:
			kept++
		case op.turns(before, now):
			changed++
		default:
			t.Errorf("%s: from %q to %q, the client was told %d: %s", where, before, now, o.code, o.errout)
		}
		if f != killed && at > 0 && !told && (o.code != exitFailure || !strings.Contains(o.errout, "DISK_FULL") && !strings.Contains(o.errout, "AUDIT_UNAVAILABLE") && !strings.Contains(o.errout, "INTERNAL")) {
			t.Errorf("%s: the client was told %d: %s", where, o.code, o.errout)
		}
		h.verify(t)
		checkIntents(t, h.entries(t))
	}
	if changed == 0 || f == killed && kept == 0 {
		t.Errorf("%d orders took effect and %d did not; the faults were not spread", changed, kept)
	}
	g.terminate(t)
	h.verify(t)
}

// operations are those of a zone's data and keys.
var operations = []operation{
	{
		name: "load",
		do: func(t *testing.T, h *home, before string) outcome {
			file := h.path("visits.csv")
			if before == "n\n9000\n" {
				file = h.path("other.csv")
				h.must(t, exitOK, "city", "visits", "--rows", "2000", "--seed", "9", "--out", file, "--zone", "medical", "--grant", "visits-statistics")
			}
			return h.zonebox(t, "load", "--as", "wu.dc", file, "--manifest", file+".manifest.yaml")
		},
		state: func(t *testing.T, h *home) string { return h.ask(t, countVisits, "-o", "csv").out },
		turns: func(before, now string) bool {
			return before != now && slices.Contains([]string{"n\n9000\n", "n\n2000\n"}, now)
		},
	},
	{
		name: "rotate",
		do: func(t *testing.T, h *home, _ string) outcome {
			return h.zonebox(t, "keys", "rotate", "zone-data", "--zone", "medical", "--as", "wu.dc")
		},
		state: func(t *testing.T, h *home) string {
			if o := h.ask(t, countVisits, "-o", "csv"); o.out != "n\n9000\n" {
				t.Errorf("the data answer %q: %s", o.out, o.errout)
			}
			return fmt.Sprint(len(versionsOf(t, h, "medical")))
		},
		turns: func(before, now string) bool {
			n, err := strconv.Atoi(before)
			return err == nil && now == strconv.Itoa(n+1)
		},
	},
	{
		name: "rewrap",
		prepare: func(t *testing.T, h *home) {
			h.must(t, exitOK, "keys", "rotate", "zone-data", "--zone", "medical", "--as", "wu.dc")
		},
		do: func(t *testing.T, h *home, _ string) outcome {
			return h.zonebox(t, "keys", "rewrap", "medical", "--as", "wu.dc")
		},
		state: func(t *testing.T, h *home) string {
			if o := h.ask(t, countVisits, "-o", "csv"); o.out != "n\n9000\n" {
				t.Errorf("the data answer %q: %s", o.out, o.errout)
			}
			return current(t, h, "visits").Manifest + current(t, h, "persons").Manifest
		},
		turns: func(before, now string) bool {
			return before != now && before[:64] != now[:64] && before[64:] != now[64:] // all or none
		},
	},
	{
		name: "shred",
		prepare: func(t *testing.T, h *home) {
			h.must(t, exitOK, "city", "visits", "--rows", "9000", "--seed", fmt.Sprint(time.Now().UnixNano()), "--out", h.path("visits.csv"), "--zone", "medical", "--grant", "visits-statistics")
			h.must(t, exitOK, "load", "--as", "wu.dc", h.path("visits.csv"), "--manifest", h.path("visits.csv.manifest.yaml"))
			o := h.must(t, exitOK, "shred", "column", "--zone", "medical", "--dataset", "visits", "--column", "department", "--reason", "协议第九条", "--as", "wu.dc")
			write(t, h.path("order"), []byte(strings.TrimSpace(o.out)), 0o600)
		},
		do: func(t *testing.T, h *home, _ string) outcome {
			order, err := os.ReadFile(h.path("order"))
			if err != nil {
				t.Fatal(err)
			}
			return h.zonebox(t, "shred", "confirm", string(order), "--as", "sun.health")
		},
		state: func(t *testing.T, h *home) string {
			if o := h.ask(t, countVisits, "-o", "csv"); o.out != "n\n9000\n" {
				t.Errorf("what is left answers %q: %s", o.out, o.errout)
			}
			o := h.ask(t, "SELECT department, count(*) AS n FROM visits GROUP BY department", "--json")
			if o.code == exitOK {
				return "there"
			}
			return problemOf(t, o).Code
		},
		turns: func(before, now string) bool { return before == "there" && now == "DATA_SHREDDED" },
	},
	{
		name: "backup",
		do: func(t *testing.T, h *home, _ string) outcome {
			return h.zonebox(t, "backup", "create", "--as", "wu.dc")
		},
		state: func(t *testing.T, h *home) string {
			all := backups(t, h)
			for _, b := range all {
				h.must(t, exitOK, "backup", "verify", b, "--as", "wu.dc")
			}
			left, err := os.ReadDir(h.path("backups"))
			if err != nil || len(left) != len(all) {
				t.Errorf("the folder of backups holds %v, listed are %v; %v", left, all, err)
			}
			return fmt.Sprint(len(all))
		},
		turns: func(before, now string) bool {
			n, err := strconv.Atoi(before)
			return err == nil && now == strconv.Itoa(n+1)
		},
	},
}

// backups lists what there is to restore.
func backups(t *testing.T, h *home) []string {
	t.Helper()
	var all []query.Backup
	o := h.must(t, exitOK, "backup", "list", "--as", "wu.dc", "-o", "json")
	if err := json.Unmarshal([]byte(o.out), &all); err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(all))
	for i, b := range all {
		out[i] = b.ID
	}
	return out
}

// TestARestorationIsWholeOrCanBeDoneAgain has each durable step of a restoration
// not happen. What is left then does not start; the restoration is done again, to
// the same folder, and what it brings back is what was backed up.
func TestARestorationIsWholeOrCanBeDoneAgain(t *testing.T) {
	h := newHome(t)
	g := h.serveWatched(t)
	h.must(t, exitOK, "backup", "create", "--as", "wu.dc")
	backup := backups(t, h)[0]
	g.terminate(t)

	target := h.path("again")
	args := []string{"backup", "restore", backup, "--backup-root", h.path("backups"), "--keys", h.path("domain.keys"), "--passphrase-file", h.path("passphrase")}
	watched := append(slices.Clone(args), "--domain", target, "--keyring", h.path("keyring"))
	serves := func() outcome {
		return h.aside(t, target, "serve", "--keys", h.path("domain.keys"), "--passphrase-file", h.path("passphrase"), "--worker", workerBinary)
	}
	w := h.watch(t, 0, killed, watched...)
	if w.gone(t) || w.cmd.ProcessState.ExitCode() != exitOK {
		t.Fatalf("restore exited %d: %s", w.cmd.ProcessState.ExitCode(), w.log)
	}
	total, names := w.count()
	if total < 30 {
		t.Fatalf("a restoration has %d durable steps, want at least 30: %s", total, strings.Join(names, " "))
	}
	for _, f := range []fault{killed, {syscall.ENOSPC}, {syscall.EIO}} {
		for _, at := range points(total, 6) {
			if at == 0 {
				continue // it was whole
			}
			removeAll(t, target)
			where := fmt.Sprintf("%v, step %d of %d (%s)", f, at, total, names[at-1])
			w := h.watch(t, at, f, watched...)
			died := w.gone(t)
			code := w.cmd.ProcessState.ExitCode()
			if f == killed != died || f != killed && code != exitFailure && code != exitOK {
				t.Errorf("%s: killed %v, exit %d: %s", where, died, code, w.log)
			}
			if o := serves(); o.code != exitFailure {
				t.Errorf("%s: what is left serves: exit %d, %s", where, o.code, o.errout)
			}
			again := h.aside(t, target, args...)
			if whole := strings.Contains(again.errout, "FOLDER_NOT_EMPTY"); again.code != exitOK && !whole {
				t.Errorf("%s: again: exit %d, %s", where, again.code, again.errout)
			}
			if left, err := filepath.Glob(h.path(".again.restore-*")); err != nil || len(left) > 0 {
				t.Errorf("%s: %v is left; %v", where, left, err)
			}
		}
	}
	if o := h.aside(t, target, "backup", "accept", "--reason", "硬盘损坏", "--as", "zhao.city"); o.code != exitOK {
		t.Fatalf("accept exited %d: %s", o.code, o.errout)
	}
	if err := os.Rename(h.domain(), h.path("before")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(target, h.domain()); err != nil {
		t.Fatal(err)
	}
	g = h.serveWatched(t)
	if o := h.ask(t, countVisits, "-o", "csv"); o.out != "n\n9000\n" {
		t.Errorf("what was restored answers %q: %s", o.out, o.errout)
	}
	g.terminate(t)
	h.verify(t)
}

// aside runs one command line on another domain folder, as a process that is
// ended if it goes on for long.
func (h *home) aside(t *testing.T, domain string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var out, errout bytes.Buffer
	code := run(ctx, append(args, "--domain", domain, "--keyring", h.path("keyring"), "--lang", "en"), strings.NewReader(""), &out, &errout)
	return outcome{code, out.String(), errout.String()}
}

// current returns the data version of a dataset that is in force.
func current(t *testing.T, h *home, dataset string) query.VersionView {
	t.Helper()
	var all []query.VersionView
	o := h.must(t, exitOK, "zone", "versions", dataset, "--as", "wu.dc", "-o", "json")
	if err := json.Unmarshal([]byte(o.out), &all); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(v query.VersionView) bool { return v.State == "CURRENT" })
	if i < 0 {
		t.Fatalf("%s has no current version: %s", dataset, o.out)
	}
	return all[i]
}

// versionsOf returns the versions of the key that wraps a zone's data keys.
func versionsOf(t *testing.T, h *home, zone string) []int {
	t.Helper()
	var r query.KeyReport
	o := h.must(t, exitOK, "keys", "list", "--as", "wu.dc", "-o", "json")
	if err := json.Unmarshal([]byte(o.out), &r); err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, k := range r.Keys {
		if k.Purpose == keys.PurposeZoneData && k.Zone == zone {
			out = append(out, k.Version)
		}
	}
	return out
}
