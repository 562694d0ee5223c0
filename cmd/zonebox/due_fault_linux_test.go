package main

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWhatIsDueComesIntoForceOnceWhateverAStepSays has each durable step of documents
// coming into force not happen: the gate is killed before it, the disk is full, or the
// device fails. Nobody is told what was in force before once their time has come; after
// a new start both of the batch are in force, once, and log and registry are of one time.
func TestWhatIsDueComesIntoForceOnceWhateverAStepSays(t *testing.T) {
	t.Parallel() // it mostly waits for the time to come
	h := newHome(t)
	g := h.serveWatched(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the gate's log:\n%s", g.log)
		}
	})
	round := 0
	title := func() string { return fmt.Sprintf("单位第%d次更名", round) }
	// pend has two documents wait for the time it returns.
	pend := func() time.Time {
		round++
		due := time.Now().Add(3 * time.Second)
		var text strings.Builder
		for _, name := range []string{"third-party", "public-security"} {
			kind := map[string]string{"third-party": "third_party, org_form: legal_person", "public-security": "provider, org_form: unincorporated, provider_type: administration"}[name]
			fmt.Fprintf(&text, "---\nkind: Organization\nname: %s\neffective: %q\nspec: {title: %s, kind: %s}\n", name, due.UTC().Format(time.RFC3339Nano), title(), kind)
		}
		write(t, h.path("later.yaml"), []byte(text.String()), 0o600)
		if o := h.must(t, exitOK, "apply", "--as", "zhao.city", "-f", h.path("later.yaml")); !strings.Contains(o.errout, "pending, in force from") {
			t.Fatalf("it does not wait: %s", o.errout)
		}
		return due
	}
	// asked is what somebody learns as soon as the time has come.
	asked := func(due time.Time) outcome {
		time.Sleep(time.Until(due))
		return h.zonebox(t, "get", "organization", "third-party", "--as", "zhao.city")
	}
	whole := func(where string) {
		t.Helper()
		for _, name := range []string{"third-party", "public-security"} {
			if o := h.must(t, exitOK, "get", "organization", name, "--as", "zhao.city"); !strings.Contains(o.out, title()) {
				t.Errorf("%s: %s is of another version: %s", where, name, o.out)
			}
			if o := h.must(t, exitOK, "history", "organization", name, "--as", "zhao.city", "-o", "json"); strings.Count(o.out, `"version"`) != round+1 {
				t.Errorf("%s: %s has %d versions, want %d", where, name, strings.Count(o.out, `"version"`), round+1)
			}
		}
		effective, applied := 0, map[string]int{}
		for _, e := range h.entries(t) {
			switch {
			case e.Kind == "document.effective":
				effective++
			case e.Kind == "apply" && e.Fields["kind"] == "Organization":
				applied[e.Fields["name"]+" "+e.Fields["version"]]++
			}
		}
		if effective != round {
			t.Errorf("%s: the log tells %d times that a batch came into force, want %d", where, effective, round)
		}
		for version, n := range applied {
			if n != 1 {
				t.Errorf("%s: the log tells %d times of %s", where, n, version)
			}
		}
		h.verify(t)
	}
	due := pend()
	g.after(0, killed)
	if o := asked(due); o.code != exitOK || !strings.Contains(o.out, title()) {
		t.Fatalf("exited %d: %s%s", o.code, o.out, o.errout)
	}
	g.nothingAtRisk(t, "due")
	total, names := g.count()
	if total < 5 {
		t.Fatalf("coming into force has %d durable steps, want at least 5: %s", total, strings.Join(names, " "))
	}
	whole("undisturbed")
	faults := []fault{killed, {syscall.ENOSPC}, {syscall.EIO}}
	if !campaign() {
		faults = []fault{killed, {syscall.ENOSPC}}
	}
	died := 0
	for _, f := range faults {
		for _, at := range points(total, 3) {
			where := fmt.Sprintf("%v, step %d of %d (%s)", f, at, total, names[max(0, at-1)])
			due := pend()
			g.after(at, f)
			o := asked(due)
			if o.code == exitOK && !strings.Contains(o.out, title()) {
				t.Errorf("%s: what is over was shown as in force: %s", where, o.out)
			}
			g.after(0, f)
			if f == killed {
				g.kill()
				died++
				g.gone(t)
			} else {
				g.terminate(t)
			}
			h.verify(t)
			g = h.serveWatched(t)
			whole(where)
		}
	}
	if !slices.Contains(faults, killed) || died == 0 {
		t.Error("the gate was never killed")
	}
	g.terminate(t)
	h.verify(t)
}
