package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestADeliveryIsSettledOnceWhateverAStepSays has each durable step of a drop
// folder's watcher not happen: it is killed before it, the disk is full, or the
// device fails. The next watcher goes on: each delivery makes one version or none,
// lies aside once, whole, beside a receipt of the gate, and nothing half done stays.
func TestADeliveryIsSettledOnceWhateverAStepSays(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.serve(t)
	seed := 100
	// lay makes a folder with a delivery to be loaded and one to be refused.
	lay := func() string {
		seed++
		dir := h.path(fmt.Sprintf("in%d", seed))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"good.csv", "bad.csv"} {
			h.must(t, exitOK, "city", "visits", "--rows", "40", "--seed", fmt.Sprint(seed), "--out", filepath.Join(dir, name), "--zone", "medical", "--grant", "visits-statistics")
		}
		manifest := filepath.Join(dir, "bad.csv.manifest.yaml")
		text, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(manifest, []byte(strings.Replace(string(text), "rows: 40", "rows: 41", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	versions := func() int {
		return strings.Count(h.must(t, exitOK, "zone", "versions", "visits", "--as", "wu.dc", "-o", "json").out, `"version"`)
	}
	settled := func(dir, where string) {
		t.Helper()
		for _, pattern := range []string{"*.csv*", ".zonebox-drop/moving/*"} {
			if left, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(left) > 0 {
				t.Errorf("%s: left over: %q, %v", where, left, err)
			}
		}
		for file, aside := range map[string]string{"good.csv": "done", "bad.csv": "refused"} {
			whole, err := filepath.Glob(filepath.Join(dir, "*", "*", file))
			if err != nil || len(whole) != 1 || filepath.Base(filepath.Dir(filepath.Dir(whole[0]))) != aside {
				t.Errorf("%s: %s lies at %q, want one place below %s", where, file, whole, aside)
				continue
			}
			for _, name := range []string{whole[0] + ".manifest.yaml", whole[0] + ".receipt.json", filepath.Join(dir, "receipts", file+".receipt.json")} {
				if _, err := os.Stat(name); err != nil {
					t.Errorf("%s: %v", where, err)
				}
			}
			o := h.must(t, exitOK, "drop", "verify", "--as", "wu.dc", whole[0]+".receipt.json", filepath.Join(dir, "receipts", file+".receipt.json"))
			if strings.Count(o.out, `"load": "`+filepath.Base(filepath.Dir(whole[0]))+`"`) != 2 {
				t.Errorf("%s: the receipts of %s are of other loads than lie aside:\n%s", where, file, o.out)
			}
		}
	}
	watch := func(dir string, at int, f fault) *watched {
		w := h.watch(t, at, f, append([]string{"drop", "run", "--once", "--as", "wu.dc", dir}, h.flags()...)...)
		w.gone(t)
		return w
	}
	dir := lay()
	before := versions()
	w := watch(dir, 0, killed)
	total, names := w.count()
	if w.cmd.ProcessState.ExitCode() != exitOK || total < 30 || versions() != before+1 {
		t.Fatalf("exited %d after %d steps %s: %s", w.cmd.ProcessState.ExitCode(), total, strings.Join(names, " "), w.log)
	}
	settled(dir, "undisturbed")
	faults := []fault{killed, {syscall.ENOSPC}, {syscall.EIO}}
	for i, at := range points(total, 9) {
		if at == 0 {
			continue
		}
		for _, f := range faults {
			if !campaign() && f != faults[i%len(faults)] {
				continue
			}
			where := fmt.Sprintf("%v, step %d of %d (%s)", f, at, total, names[at-1])
			dir, before := lay(), versions()
			w := watch(dir, at, f)
			first := w.cmd.ProcessState.ExitCode()
			if o := h.zonebox(t, "drop", "run", "--once", "--as", "wu.dc", dir); o.code != exitOK {
				t.Errorf("%s: the next watcher exited %d: %s\nthe one before %d: %s", where, o.code, o.errout, first, w.log)
			}
			settled(dir, where)
			if now := versions(); now != before+1 {
				t.Errorf("%s: %d versions, before %d", where, now, before)
			}
		}
	}
}
