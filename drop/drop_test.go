//go:build unix

package drop_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"zonebox/drop"
)

const id = "load-06h02npiih0d64bhkn5l1muk58"

func open(t *testing.T, dir string, marker bool) *drop.Folder {
	t.Helper()
	f, err := drop.Open(dir, marker)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func lay(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// deliver lays down a delivery as the contract says: the file, then its manifest
// by rename.
func deliver(t *testing.T, dir, name, text string) {
	t.Helper()
	lay(t, dir, name, text)
	lay(t, dir, name+".manifest.tmp", "manifest of "+name)
	if err := os.Rename(filepath.Join(dir, name+".manifest.tmp"), filepath.Join(dir, name+drop.ManifestSuffix)); err != nil {
		t.Fatal(err)
	}
}

func complete(t *testing.T, f *drop.Folder) []string {
	t.Helper()
	out, err := f.Complete(1000, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func taken(t *testing.T, f *drop.Folder, manifest string) *drop.Delivery {
	t.Helper()
	d, err := f.Take(manifest)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", filepath.Base(path), got, err, want)
	}
}

func gone(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %v", filepath.Base(p), err)
		}
	}
}

func TestADeliveryIsCompleteWhenItsManifestIsThere(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, false)
	lay(t, dir, "half.csv", "a")
	lay(t, dir, "named.csv", "a")
	lay(t, dir, "named.csv.manifest.yaml.tmp", "still being written")
	deliver(t, dir, "人口.csv", "姓名\n")
	if got := complete(t, f); !slices.Equal(got, []string{"人口.csv.manifest.yaml"}) {
		t.Fatalf("complete are %q", got)
	}
	d := taken(t, f, "人口.csv.manifest.yaml")
	body, err := io.ReadAll(d.Data)
	if err != nil || string(body) != "姓名\n" || string(d.Text) != "manifest of 人口.csv" || d.Name != "人口.csv" || d.Size != 7 || d.Fault != "" {
		t.Errorf("it is %+v with %q, %v", d, body, err)
	}
	if err := f.Settle(d, id, true, []byte("receipt")); err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(dir, "done", id)
	holds(t, filepath.Join(dir, "receipts", "人口.csv.receipt.json"), "receipt")
	holds(t, filepath.Join(aside, "人口.csv.receipt.json"), "receipt")
	holds(t, filepath.Join(aside, "人口.csv"), "姓名\n")
	holds(t, filepath.Join(aside, "人口.csv.manifest.yaml"), "manifest of 人口.csv")
	gone(t, filepath.Join(dir, "人口.csv"), filepath.Join(dir, "人口.csv.manifest.yaml"))
	holds(t, filepath.Join(dir, "half.csv"), "a")
	holds(t, filepath.Join(dir, "named.csv.manifest.yaml.tmp"), "still being written")
	if got := complete(t, f); len(got) != 0 {
		t.Errorf("afterwards complete are %q", got)
	}
}

func TestWithAMarkerADeliveryIsCompleteWhenThatIsThere(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, true)
	deliver(t, dir, "a.csv", "a")
	if got := complete(t, f); len(got) != 0 {
		t.Errorf("without a marker complete are %q", got)
	}
	lay(t, dir, "a.csv.done", "")
	if got := complete(t, f); !slices.Equal(got, []string{"a.csv.manifest.yaml"}) {
		t.Errorf("with a marker complete are %q", got)
	}
	d := taken(t, f, "a.csv.manifest.yaml")
	if err := f.Settle(d, id, false, []byte("receipt")); err != nil {
		t.Fatal(err)
	}
	holds(t, filepath.Join(dir, "refused", id, "a.csv.done"), "")
	gone(t, filepath.Join(dir, "a.csv.done"))
}

// TestNothingButPlainFilesIsRead: what a link leads to belongs to somebody else,
// a pipe has no end, and a second name of a file is a way to another folder.
func TestNothingButPlainFilesIsRead(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		lay  func(t *testing.T, dir, path string)
		want string
	}{
		{"a link out of the folder", func(t *testing.T, _, path string) { check(t, os.Symlink(secret, path)) }, drop.FaultKind},
		{"a link within the folder", func(t *testing.T, dir, path string) {
			lay(t, dir, "other", "x")
			check(t, os.Symlink("other", path))
		}, drop.FaultKind},
		{"a link that leads nowhere", func(t *testing.T, _, path string) { check(t, os.Symlink("nowhere", path)) }, drop.FaultKind},
		{"a second name of a file", func(t *testing.T, dir, path string) {
			lay(t, dir, "other", "x")
			check(t, os.Link(filepath.Join(dir, "other"), path))
		}, drop.FaultKind},
		{"a pipe", func(t *testing.T, _, path string) { check(t, syscall.Mkfifo(path, 0o644)) }, drop.FaultKind},
		{"a folder", func(t *testing.T, _, path string) { check(t, os.Mkdir(path, 0o755)) }, drop.FaultKind},
	} {
		for _, what := range []string{"file", "manifest"} {
			t.Run(c.name+" as "+what, func(t *testing.T) {
				dir := t.TempDir()
				f := open(t, dir, false)
				data, manifest := filepath.Join(dir, "a.csv"), filepath.Join(dir, "a.csv.manifest.yaml")
				if what == "file" {
					lay(t, dir, "a.csv.manifest.yaml", "m")
					c.lay(t, dir, data)
				} else {
					lay(t, dir, "a.csv", "a")
					c.lay(t, dir, manifest)
				}
				began := time.Now()
				d := taken(t, f, "a.csv.manifest.yaml")
				if took := time.Since(began); took > time.Second {
					t.Errorf("it took %v", took)
				}
				if d.Fault != c.want {
					t.Errorf("fault %q, want %q", d.Fault, c.want)
				}
				if what == "file" && d.Data != nil || what == "manifest" && d.Text != nil {
					t.Error("it was read")
				}
				if err := f.Settle(d, id, false, []byte("receipt")); err != nil {
					t.Fatal(err)
				}
				gone(t, data, manifest) // it does not come again
				holds(t, secret, "secret")
			})
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestANameThatTheContractDoesNotAllowIsRefused(t *testing.T) {
	for _, name := range []string{".hidden.csv", "-rf.csv", "a b.csv", "a\nb.csv", "a\x1b[2J.csv", "a;b.csv", "a'b.csv", "a\xffb", "", "receipts", "done",
		"refused", ".zonebox-drop", "..", ".", "a.manifest.yaml", "a\u202e.csv", strings.Repeat("a", 121)} {
		t.Run(fmt.Sprintf("%q", name), func(t *testing.T) {
			dir := t.TempDir()
			f := open(t, dir, false)
			if !slices.Contains([]string{"", "receipts", "done", "refused", ".zonebox-drop", "..", "."}, name) {
				lay(t, dir, name, "a")
			}
			lay(t, dir, name+drop.ManifestSuffix, "m")
			d := taken(t, f, name+drop.ManifestSuffix)
			if d.Fault != drop.FaultName {
				t.Errorf("fault %q", d.Fault)
			}
			check(t, f.Settle(d, id, false, []byte("receipt")))
			holds(t, filepath.Join(dir, "receipts", id+".receipt.json"), "receipt")
			gone(t, filepath.Join(dir, name+drop.ManifestSuffix))
			for _, own := range []string{"receipts", "done", "refused", ".zonebox-drop"} {
				if info, err := os.Lstat(filepath.Join(dir, own)); err != nil || !info.IsDir() {
					t.Errorf("%s is no folder any more: %v", own, err)
				}
			}
		})
	}
	for _, name := range []string{"persons.csv", "人口_2026-11.csv.gz", "a", "1", "_x"} {
		dir := t.TempDir()
		f := open(t, dir, false)
		deliver(t, dir, name, "a")
		if d := taken(t, f, name+drop.ManifestSuffix); d.Fault != "" {
			t.Errorf("%q is refused for %s", name, d.Fault)
		}
	}
}

func TestAManifestIsBoundedAndNeedsItsFile(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, false)
	lay(t, dir, "a.csv", "a")
	lay(t, dir, "a.csv.manifest.yaml", strings.Repeat("a", 64<<10+1))
	lay(t, dir, "b.csv.manifest.yaml", "m")
	if d := taken(t, f, "a.csv.manifest.yaml"); d.Fault != drop.FaultSize || d.Text != nil {
		t.Errorf("fault %q with %d bytes", d.Fault, len(d.Text))
	}
	if d := taken(t, f, "b.csv.manifest.yaml"); d.Fault != drop.FaultMissing {
		t.Errorf("fault %q", d.Fault)
	}
	if _, err := f.Take("c.csv.manifest.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that is gone gives %v", err)
	}
}

// TestWhatIsPutInAFilesPlaceIsNeitherReadNorMoved: the bytes that were opened
// are read, whatever the name leads to afterwards.
func TestWhatIsPutInAFilesPlaceIsNeitherReadNorMoved(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, false)
	deliver(t, dir, "a.csv", "first")
	d := taken(t, f, "a.csv.manifest.yaml")
	lay(t, dir, "swap", "second")
	check(t, os.Rename(filepath.Join(dir, "swap"), filepath.Join(dir, "a.csv")))
	lay(t, dir, "swap", "another manifest")
	check(t, os.Rename(filepath.Join(dir, "swap"), filepath.Join(dir, "a.csv.manifest.yaml")))
	if body, err := io.ReadAll(d.Data); err != nil || string(body) != "first" || string(d.Text) != "manifest of a.csv" {
		t.Errorf("read %q under %q, %v", body, d.Text, err)
	}
	check(t, f.Settle(d, id, true, []byte("receipt")))
	holds(t, filepath.Join(dir, "a.csv"), "second")
	holds(t, filepath.Join(dir, "a.csv.manifest.yaml"), "another manifest")
	gone(t, filepath.Join(dir, "done", id, "a.csv"), filepath.Join(dir, "done", id, "a.csv.manifest.yaml"))
	if got := complete(t, f); !slices.Equal(got, []string{"a.csv.manifest.yaml"}) {
		t.Errorf("complete are %q: the newcomer has to be taken in its turn", got)
	}
}

// TestTheFoldersOwnPlacesAreNoLinks: a receipt must not be written where somebody
// else points.
func TestTheFoldersOwnPlacesAreNoLinks(t *testing.T) {
	for _, name := range []string{"receipts", "done", "refused", ".zonebox-drop"} {
		dir, elsewhere := t.TempDir(), t.TempDir()
		check(t, os.Symlink(elsewhere, filepath.Join(dir, name)))
		if f, err := drop.Open(dir, false); err == nil {
			f.Close()
			t.Errorf("a folder whose %s is a link was opened", name)
		}
	}
	dir, elsewhere := t.TempDir(), t.TempDir()
	f := open(t, dir, false)
	deliver(t, dir, "a.csv", "a")
	d := taken(t, f, "a.csv.manifest.yaml")
	check(t, os.Remove(filepath.Join(dir, "receipts")))
	check(t, os.Symlink(elsewhere, filepath.Join(dir, "receipts")))
	if err := f.Settle(d, id, true, []byte("receipt")); err == nil {
		t.Error("a receipt was written through a link")
	}
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) != 0 {
		t.Errorf("elsewhere lie %v, %v", left, err)
	}
	holds(t, filepath.Join(dir, "a.csv"), "a") // without a receipt nothing is moved
}

func TestTwoWatchersExcludeEachOther(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, false)
	if f, err := drop.Open(dir, false); !errors.Is(err, drop.ErrTaken) {
		t.Errorf("a second one gives %v, %v; want %v", f, err, drop.ErrTaken)
	}
	check(t, first.Close())
	open(t, dir, false)
}

// TestAMoveThatWasInterruptedIsFinished at every point where a crash can cut it.
func TestAMoveThatWasInterruptedIsFinished(t *testing.T) {
	for _, done := range []int{0, 1, 2} {
		dir := t.TempDir()
		f := open(t, dir, false)
		deliver(t, dir, "a.csv", "a")
		d := taken(t, f, "a.csv.manifest.yaml")
		check(t, drop.Interrupted(f, d, id, done))
		check(t, d.Close())
		check(t, f.Close())
		lay(t, dir, "b.csv.manifest.yaml", "of another")
		f = open(t, dir, false)
		aside := filepath.Join(dir, "done", id)
		holds(t, filepath.Join(aside, "a.csv"), "a")
		holds(t, filepath.Join(aside, "a.csv.manifest.yaml"), "manifest of a.csv")
		if got := complete(t, f); !slices.Equal(got, []string{"b.csv.manifest.yaml"}) {
			t.Errorf("after %d of the moves complete are %q", done, got)
		}
		if left, err := os.ReadDir(filepath.Join(dir, ".zonebox-drop", "moving")); err != nil || len(left) != 0 {
			t.Errorf("after %d of the moves there are still notes: %v, %v", done, left, err)
		}
	}
}

// TestAHugeFolderIsListedInBoundedSteps: names that are skipped cost no place.
func TestAHugeFolderIsListedInBoundedSteps(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, false)
	for i := range 5000 {
		lay(t, dir, fmt.Sprintf("f%05d.csv.manifest.yaml", i), "")
	}
	first, err := f.Complete(100, func(string) bool { return false })
	if err != nil || len(first) != 100 {
		t.Fatalf("%d names, %v", len(first), err)
	}
	seen := map[string]bool{}
	for _, name := range first {
		seen[name] = true
	}
	next, err := f.Complete(10000, func(name string) bool { return seen[name] })
	if err != nil || len(next) != 4900 {
		t.Errorf("%d more, %v", len(next), err)
	}
}

func TestTheIDOfALoadIsNoPath(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, false)
	deliver(t, dir, "a.csv", "a")
	d := taken(t, f, "a.csv.manifest.yaml")
	for _, bad := range []string{"", "..", "../../x", "load-", id + "/x", "load-" + strings.Repeat("a", 300)} {
		if err := f.Settle(d, bad, true, nil); err == nil {
			t.Errorf("%q was taken for an id", bad)
		}
	}
}

// A child that is just being started has the descriptors of its parent until it
// becomes what it is to be. It keeps nobody out of a folder that was given back.
func TestAFolderIsFreeOnceItIsGivenBack(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, false)
	child, err := syscall.Dup(drop.Lock(f))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(child)
	if _, err := drop.Open(dir, false); !errors.Is(err, drop.ErrTaken) {
		t.Errorf("control: a second watcher: %v, want ErrTaken", err)
	}
	check(t, f.Close())
	again, err := drop.Open(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	check(t, again.Close())
}

// What cannot be settled for now is settled later, once: nothing of it is lost, and
// nothing is written in two places.
func TestSettlingIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, false)
	deliver(t, dir, "a.csv", "rows")
	d := taken(t, f, "a.csv"+drop.ManifestSuffix)
	for _, place := range []string{drop.Receipts, drop.Done} { // somebody takes a folder away
		check(t, os.Rename(filepath.Join(dir, place), filepath.Join(dir, "away")))
		if err := f.Settle(d, id, true, []byte("receipt")); err == nil {
			t.Errorf("settled without %s", place)
		}
		holds(t, filepath.Join(dir, "a.csv"), "rows")
		check(t, os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, place)))
	}
	check(t, f.Settle(d, id, true, []byte("receipt")))
	gone(t, filepath.Join(dir, "a.csv"), filepath.Join(dir, "a.csv"+drop.ManifestSuffix))
	holds(t, filepath.Join(dir, drop.Done, id, "a.csv"), "rows")
	holds(t, filepath.Join(dir, drop.Receipts, "a.csv"+drop.ReceiptSuffix), "receipt")
}

// A folder where the receipt belongs keeps nobody else from a receipt.
func TestAReceiptWhosePlaceIsTakenStandsUnderItsID(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, false)
	deliver(t, dir, "a.csv", "rows")
	check(t, os.MkdirAll(filepath.Join(dir, drop.Receipts, "a.csv"+drop.ReceiptSuffix, "x"), 0o755))
	check(t, f.Settle(taken(t, f, "a.csv"+drop.ManifestSuffix), id, true, []byte("receipt")))
	holds(t, filepath.Join(dir, drop.Receipts, id+drop.ReceiptSuffix), "receipt")
	holds(t, filepath.Join(dir, drop.Done, id, id+drop.ReceiptSuffix), "receipt")
	holds(t, filepath.Join(dir, drop.Done, id, "a.csv"), "rows")
}

// A note of a move names files of the folder and the place of its load, or nothing
// is moved and nobody watches.
func TestANoteOfAMoveLeadsNowhereElse(t *testing.T) {
	for what, note := range map[string]string{
		"to another place":     `{"to":"receipts","parts":[]}`,
		"to another load":      `{"to":"done/load-00000000000000000000000000","parts":[]}`,
		"of another folder":    `{"to":"done/` + id + `","parts":[{"name":"receipts/a.csv.receipt.json","number":[0,0,0]}]}`,
		"of a folder above it": `{"to":"done/` + id + `","parts":[{"name":"../a.csv","number":[0,0,0]}]}`,
		"cut off":              `{"to":"done/`,
	} {
		dir := t.TempDir()
		check(t, open(t, dir, false).Close())
		check(t, os.Mkdir(filepath.Join(dir, drop.Done, id), 0o755))
		lay(t, dir, filepath.Join(".zonebox-drop", "moving", id+".json"), note)
		if f, err := drop.Open(dir, false); err == nil {
			t.Errorf("a note %s was followed", what)
			check(t, f.Close())
		}
	}
}

// A file that is written to after it was taken is another delivery: it stays.
func TestWhatIsWrittenToAfterItWasTakenStays(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, false)
	deliver(t, dir, "a.csv", "rows")
	d := taken(t, f, "a.csv"+drop.ManifestSuffix)
	check(t, os.Chtimes(filepath.Join(dir, "a.csv"), time.Time{}, time.Now().Add(time.Second))) // as a write does
	check(t, f.Settle(d, id, true, []byte("receipt")))
	holds(t, filepath.Join(dir, "a.csv"), "rows")
	gone(t, filepath.Join(dir, drop.Done, id, "a.csv"))
}
