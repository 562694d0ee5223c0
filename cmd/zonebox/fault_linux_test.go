package main

import (
	"encoding/json"
	"fmt"
	"os"
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
