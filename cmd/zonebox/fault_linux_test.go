package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestADomainIsOldOrNewWhateverAStepSays has each durable step of each operation
// not happen: the gate is killed before it, the disk is full, or the device
// fails. After a new start the domain is in the state before or the one ordered,
// in that if the client was told so; log and stored versions verify, nothing is
// left over, nothing of a delivery stands in the clear, and what did not happen
// can be ordered again.
func TestADomainIsOldOrNewWhateverAStepSays(t *testing.T) {
	// Taking turns, the kill has the first step, before which nothing has happened.
	faults := []fault{killed, {syscall.ENOSPC}, {syscall.EIO}}
	for _, op := range operations {
		if !op.apart && !campaign() {
			t.Run(op.name, func(t *testing.T) { op.endure(t, faults...) })
			continue
		}
		for _, f := range faults {
			t.Run(op.name+"/"+f.String(), func(t *testing.T) { op.endure(t, f) })
		}
	}
}

// endure puts an operation through faults that take turns.
func (op operation) endure(t *testing.T, faults ...fault) {
	h := newHome(t)
	h.edit(t, h.path("visits.csv"), "department", canary)
	g := h.serveWatched(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the gate's log:\n%s", g.log)
		}
	})
	if op.found != nil {
		op.found(t, h)
	}
	ready := func() string {
		if op.prepare != nil {
			op.prepare(t, h)
		}
		return op.state(t, h)
	}
	before := ready()
	g.after(0, killed)
	if o := op.do(t, h, before); o.code != exitOK {
		t.Fatalf("exited %d: %s", o.code, o.errout)
	}
	g.nothingAtRisk(t, op.name)
	total, names := g.count()
	now := op.state(t, h)
	if !op.turns(before, now) || total < 10 {
		t.Fatalf("went from %q to %q by %d steps: %s", before, now, total, strings.Join(names, " "))
	}
	changed, repeated := 0, 0
	for i, at := range points(total, max(3, op.steps)) {
		f := faults[i%len(faults)]
		where := fmt.Sprintf("%v, step %d of %d (%s)", f, at, total, names[max(0, at-1)])
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
		h.noPlainValue(t, canary, where)
		ended := g.log
		g = h.serveWatched(t)
		now = op.state(t, h)
		told := o.code == exitOK
		again := false
		switch {
		case now == before && !told:
			again = true
		case op.turns(before, now):
			changed++
		default:
			t.Errorf("%s: from %q to %q, the client was told %d: %s", where, before, now, o.code, o.errout)
		}
		if f != killed && at > 0 && !told && (o.code != exitFailure || !strings.Contains(o.errout, "DISK_FULL") && !strings.Contains(o.errout, "AUDIT_UNAVAILABLE") && !strings.Contains(o.errout, "INTERNAL")) {
			t.Errorf("%s: the client was told %d: %s\nthe log of the gate then:\n%s", where, o.code, o.errout, ended)
		}
		h.nothingLeft(t, where)
		if again {
			repeated++
			o := op.do(t, h, before)
			if now = op.state(t, h); o.code != exitOK || !op.turns(before, now) {
				t.Errorf("%s: ordered again, from %q to %q, the client was told %d: %s", where, before, now, o.code, o.errout)
			}
			h.nothingLeft(t, where+", ordered again")
		}
		h.must(t, exitOK, "zone", "verify", "--all", "--as", "wu.dc")
		h.verify(t)
		checkIntents(t, h.entries(t))
	}
	if changed == 0 || slices.Contains(faults, killed) && repeated == 0 {
		t.Errorf("%d orders took effect and %d did not; the faults were not spread", changed, repeated)
	}
	g.terminate(t)
	h.verify(t)
	for _, text := range []string{canary, h.firstPerson(t)} {
		h.noPlainValue(t, text, "at the end")
	}
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
	w.nothingAtRisk(t, "restore")
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
	for _, who := range []string{"wu.dc", "zhao.city"} {
		if o := h.aside(t, target, "backup", "accept", "--reason", "硬盘损坏", "--as", who); o.code != exitOK {
			t.Fatalf("accept exited %d: %s", o.code, o.errout)
		}
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
