package audit_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"zonebox/audit"
)

var at = time.Date(2025, 3, 1, 9, 30, 0, 123456000, time.UTC)

// keys are one signer and its verifier key.
type keys struct {
	signer   note.Signer
	private  string
	verifier string
}

func newKeys(t testing.TB) keys {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "zonebox.test/audit")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return keys{signer: s, private: skey, verifier: vkey}
}

func (k keys) open(t testing.TB, dir string) *audit.Log {
	t.Helper()
	l, err := audit.Open(t.Context(), dir, k.signer, audit.Config{Verifier: k.verifier})
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	return l
}

func closeLog(t testing.TB, l *audit.Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Fatalf("Close = %v", err)
	}
}

func entry(id string, revision int64) audit.Entry {
	return audit.Entry{
		ID: id, Kind: "query.intent", Actor: "张三", Role: "operator", Org: "org-1", Zone: "medical", Scenario: "s-1",
		Run: "run-1", Decision: "ALLOW", At: at, Revision: revision, Fields: map[string]string{"tree": "ab12", "bundle": "cd34"},
	}
}

// fill adds n entries to a log and closes it: entry i has the id e-i and the
// revision 100+i.
func fill(t testing.TB, k keys, dir string, n int) {
	t.Helper()
	l := k.open(t, dir)
	for i := int(l.Size()); n > 0; i, n = i+1, n-1 {
		if got, err := l.Append(t.Context(), entry(fmt.Sprintf("e-%d", i), int64(100+i))); err != nil || got != uint64(i) {
			t.Fatalf("Append = %d, %v, want %d", got, err, i)
		}
	}
	closeLog(t, l)
}

func TestAppendKeepsEntryOrderAndChain(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	fill(t, k, dir, 3)
	l := k.open(t, dir)
	defer closeLog(t, l)
	var got []audit.Entry
	for e, err := range l.Entries(t.Context(), 0, 99) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if len(got) != 3 {
		t.Fatalf("Entries gave %d entries, want 3", len(got))
	}
	for i, e := range got {
		if e.ID != fmt.Sprintf("e-%d", i) || e.Seq != uint64(i) || e.Revision != int64(100+i) || !e.At.Equal(at) || e.Fields["tree"] != "ab12" {
			t.Errorf("entry %d = %+v", i, e)
		}
	}
	if got[0].PrevSM3 != strings.Repeat("0", 64) {
		t.Errorf("first PrevSM3 = %s, want 64 zeros", got[0].PrevSM3)
	}
	if l.LastRevision() != 102 || l.Size() != 3 {
		t.Errorf("LastRevision, Size = %d, %d, want 102, 3", l.LastRevision(), l.Size())
	}
	if i, ok := l.Find("e-1"); !ok || i != 1 {
		t.Errorf("Find(e-1) = %d, %v, want 1, true", i, ok)
	}
	if l.Contains(t.Context(), "e-9") {
		t.Error("Contains(e-9) = true, want false")
	}
}

func TestVerifyCoversEveryEntryOfAClosedLog(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 255, 256, 257, 600} {
		k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
		l := k.open(t, dir)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				if _, err := l.Append(t.Context(), entry(fmt.Sprintf("e-%d", i), 7)); err != nil {
					t.Errorf("Append = %v", err)
				}
			})
		}
		wg.Wait()
		closeLog(t, l)
		r, err := audit.Verify(dir, k.verifier)
		if err != nil || r.Size != uint64(n) || r.Tail != 0 || r.Origin != "zonebox.test/audit" {
			t.Fatalf("%d entries: Verify = %+v, %v", n, r, err)
		}
	}
}

// Verify reads while entries come to the tail, move to the tree and leave the
// tail, and while segments begin and end.
func TestVerifyMayRunBesideTheLog(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	l := k.open(t, dir)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 250 {
				e := entry(fmt.Sprintf("w%d-%d", w, i), 7)
				e.Fields["long"] = strings.Repeat("x", 500)
				if _, err := l.Append(t.Context(), e); err != nil {
					t.Errorf("Append = %v", err)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	runs, ahead := 0, 0
	for l.Size() < 4000 && !t.Failed() {
		before := l.Size()
		r, err := audit.Verify(dir, k.verifier)
		if err != nil || r.Size+r.Tail < before {
			t.Errorf("Verify = %+v, %v, want at least %d entries", r, err, before)
		}
		if before > 0 && treeSize(t, dir) < before {
			ahead++
		}
		runs++
	}
	wg.Wait()
	closeLog(t, l)
	if runs < 5 || ahead == 0 {
		t.Errorf("Verify ran %d times while the log grew, %d of them while entries were in the tail alone, want more", runs, ahead)
	}
	if r, err := audit.Verify(dir, k.verifier); err != nil || r.Size != 4000 || r.Torn != "" {
		t.Errorf("Verify = %+v, %v, want 4000 entries", r, err)
	}
}

// treeSize reads how many entries the tree holds.
func treeSize(t testing.TB, dir string) uint64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, ".state/treeState"))
	if err != nil {
		t.Fatal(err)
	}
	var state struct{ Size uint64 }
	if err := json.Unmarshal(b, &state); err != nil {
		t.Fatal(err)
	}
	return state.Size
}

func TestEntriesOfOneAppendStandTogether(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	l := k.open(t, dir)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 10 {
				id := func(j int) string { return fmt.Sprintf("w%d-%d-%d", w, i, j) }
				first, err := l.Append(t.Context(), entry(id(0), 7), entry(id(1), 7), entry(id(2), 7))
				if err != nil {
					t.Errorf("Append = %v", err)
					return
				}
				for j := range 3 {
					if at, ok := l.Find(id(j)); !ok || at != first+uint64(j) {
						t.Errorf("Find(%s) = %d, %v, want %d", id(j), at, ok, first+uint64(j))
					}
				}
			}
		})
	}
	wg.Wait()
	closeLog(t, l)
	if r, err := audit.Verify(dir, k.verifier); err != nil || r.Size != 240 {
		t.Errorf("Verify = %+v, %v, want 240 entries", r, err)
	}
}

func TestReopenContinuesTheChain(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	for i := range 5 {
		l := k.open(t, dir)
		if got, err := l.Append(t.Context(), entry(fmt.Sprintf("e-%d", i), int64(i))); err != nil || got != uint64(i) {
			t.Fatalf("Append = %d, %v, want %d", got, err, i)
		}
		closeLog(t, l)
	}
	if r, err := audit.Verify(dir, k.verifier); err != nil || r.Size != 5 || r.Revision != 4 {
		t.Fatalf("Verify = %+v, %v, want 5 entries", r, err)
	}
}

func TestCloseSignsEverythingAlthoughTheClockWasSetBack(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	l := k.open(t, dir)
	late := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "checkpoint"), late, late); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), entry("e-0", 1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Fatalf("Close = %v", err)
	}
	if r, err := audit.Verify(dir, k.verifier); err != nil || r.Size != 1 {
		t.Errorf("Verify = %+v, %v, want 1 signed entry", r, err)
	}
}

func TestRevisionNeverFalls(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	l := k.open(t, dir)
	defer closeLog(t, l)
	for _, revision := range []int64{5, 9, 7} {
		if _, err := l.Append(t.Context(), entry(fmt.Sprint("e-", revision), revision)); err != nil {
			t.Fatal(err)
		}
	}
	var got []int64
	for e, err := range l.Entries(t.Context(), 0, 3) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Revision)
	}
	if fmt.Sprint(got) != "[5 9 9]" || l.LastRevision() != 9 {
		t.Errorf("revisions = %v, last %d, want [5 9 9], 9", got, l.LastRevision())
	}
}

func TestEntriesThatAreRefused(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	l := k.open(t, dir)
	change := func(f func(e *audit.Entry)) audit.Entry {
		e := entry("x", 1)
		f(&e)
		return e
	}
	for _, c := range []struct {
		name string
		e    audit.Entry
		want error
	}{
		{"no id", change(func(e *audit.Entry) { e.ID = "" }), audit.ErrInvalid},
		{"no kind", change(func(e *audit.Entry) { e.Kind = "" }), audit.ErrInvalid},
		{"no time", change(func(e *audit.Entry) { e.At = time.Time{} }), audit.ErrInvalid},
		{"negative revision", change(func(e *audit.Entry) { e.Revision = -1 }), audit.ErrInvalid},
		{"revision beyond a JSON number", change(func(e *audit.Entry) { e.Revision = 1 << 53 }), audit.ErrInvalid},
		{"text that is not UTF-8", change(func(e *audit.Entry) { e.Fields["x"] = "\xff" }), audit.ErrInvalid},
		{"over 1 KB", change(func(e *audit.Entry) { e.Fields["x"] = strings.Repeat("a", 700) }), audit.ErrTooLarge},
		{"far over 1 KB", change(func(e *audit.Entry) { e.Fields["x"] = strings.Repeat("a", 1<<20) }), audit.ErrTooLarge},
		{"just over 1 KB through escapes", change(func(e *audit.Entry) { e.Fields["x"] = strings.Repeat("\x01", 150) }), audit.ErrTooLarge},
	} {
		if _, err := l.Append(t.Context(), c.e); !errors.Is(err, c.want) {
			t.Errorf("%s: Append = %v, want %v", c.name, err, c.want)
		}
	}
	unusual := change(func(e *audit.Entry) {
		e.Fields = map[string]string{"\U00010000": "astral sorts first", "\ue000": "\u2028 stays", "z": `\u2028 as text, "quoted" \`, "\x7f\x1f": "\b"}
	})
	if _, err := l.Append(t.Context(), unusual); err != nil {
		t.Errorf("Append of unusual text = %v", err)
	}
	fits := change(func(e *audit.Entry) { e.Fields["x"] = "\u2028<&>é\U00020087" + strings.Repeat("a", 500) })
	if _, err := l.Append(t.Context(), fits); err != nil {
		t.Errorf("Append of an entry that fits = %v", err)
	}
	closeLog(t, l) // the tree holds everything
	var leaves []string
	for _, b := range readBundle(t, filepath.Join(dir, "tile/entries/000.p/2")) {
		leaves = append(leaves, string(b))
	}
	// Keys by UTF-16 unit, nothing escaped that need not be: RFC 8785.
	want := `"fields":{"z":"\\u2028 as text, \"quoted\" \\","` + "\x7f" + `\u001f":"\b","` + "\U00010000" + `":"astral sorts first","` + "\ue000" + `":"` + "\u2028" + ` stays"}`
	if raw := `"x":"` + "\u2028" + `<&>é` + "\U00020087"; !strings.Contains(leaves[1], raw) {
		t.Errorf("leaf = %s, want %s in it", leaves[1], raw)
	}
	if !strings.Contains(leaves[0], want) {
		t.Errorf("leaf = %s, want %s in it", leaves[0], want)
	}
}

func TestOneProcessHoldsTheLog(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	l := k.open(t, dir)
	if _, err := audit.Open(t.Context(), dir, k.signer, audit.Config{Verifier: k.verifier}); !errors.Is(err, audit.ErrLocked) {
		t.Errorf("second Open = %v, want ErrLocked", err)
	}
	closeLog(t, l)
	closeLog(t, l)
	if _, err := l.Append(t.Context(), entry("late", 1)); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("Append after Close = %v, want ErrClosed", err)
	}
	closeLog(t, k.open(t, dir))
}

// A process that ended while it created the log may leave an empty tree state and
// the folder of the tail before the first checkpoint; but a segment there is a
// log's.
func TestOpenCompletesALogThatWasNeverSigned(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	begun := func() (dir string) {
		dir = filepath.Join(t.TempDir(), "log")
		closeLog(t, k.open(t, dir))
		if err := os.Remove(filepath.Join(dir, "checkpoint")); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dir := begun()
	l := k.open(t, dir)
	if got, err := l.Append(t.Context(), entry("e-0", 1)); err != nil || got != 0 {
		t.Errorf("Append = %d, %v, want 0", got, err)
	}
	closeLog(t, l)
	if r, err := audit.Verify(dir, k.verifier); err != nil || r.Size != 1 {
		t.Errorf("Verify = %+v, %v, want 1 entry", r, err)
	}

	dir = begun()
	if err := os.WriteFile(filepath.Join(dir, "tail", "00000000000000000000"), make([]byte, 512), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := audit.Open(t.Context(), dir, k.signer, audit.Config{Verifier: k.verifier})
	var broken *audit.BrokenError
	if !errors.As(err, &broken) || broken.Code != audit.Missing {
		t.Errorf("with a segment Open = %v, want %s", err, audit.Missing)
	}
}

func TestOpenRefusesABrokenLog(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	for _, c := range []struct {
		name  string
		spoil func(dir string) error
		want  audit.Code
	}{
		{"tree state removed", func(d string) error { return os.Remove(filepath.Join(d, ".state/treeState")) }, audit.Missing},
		{"state folder removed", func(d string) error { return os.RemoveAll(filepath.Join(d, ".state")) }, audit.Missing},
		{"checkpoint removed", func(d string) error { return os.Remove(filepath.Join(d, "checkpoint")) }, audit.Missing},
		{"entry edited", func(d string) error {
			return edit(filepath.Join(d, "tile/entries/000.p/4"), func(s string) string { return strings.Replace(s, "e-2", "e-7", 1) })
		}, audit.Changed},
	} {
		dir := filepath.Join(t.TempDir(), "log")
		fill(t, k, dir, 4)
		if err := c.spoil(dir); err != nil {
			t.Fatal(err)
		}
		_, err := audit.Open(t.Context(), dir, k.signer, audit.Config{Verifier: k.verifier})
		var broken *audit.BrokenError
		if !errors.As(err, &broken) || broken.Code != c.want {
			t.Errorf("%s: Open = %v, want %s", c.name, err, c.want)
		}
	}
	other := newKeys(t)
	if _, err := audit.Open(t.Context(), t.TempDir(), k.signer, audit.Config{Verifier: other.verifier}); err == nil {
		t.Error("Open with another signer's verifier key = nil, want an error")
	}
}

func edit(path string, f func(string) string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(f(string(b))), 0o644)
}
