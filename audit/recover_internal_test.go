package audit

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// newLog opens an empty log and returns the verifier key of its signer.
func newLog(t *testing.T, dir string) (*Log, string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "zonebox.test/audit")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), dir, signer, Config{Verifier: vkey})
	if err != nil {
		t.Fatal(err)
	}
	return l, vkey
}

func add(t *testing.T, l *Log, id string, want uint64) {
	t.Helper()
	e := Entry{ID: id, Kind: "k", At: time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)}
	if got, err := l.Append(t.Context(), e); err != nil || got != want {
		t.Fatalf("Append(%s) = %d, %v, want %d", id, got, err, want)
	}
}

// A batch can fail after it took effect. The tree must then go on from what is
// on disk, and hold each entry once.
func TestTreeContinuesFromABatchThatTookEffectAndFailed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l, vkey := newLog(t, dir)
	add(t, l, "a", 0)
	add(t, l, "b", 1)
	add(t, l, "c", 2)
	if err := l.awaitCheckpoint(t.Context()); err != nil {
		t.Fatal(err)
	}

	// As after an error: b and c are in the tree, but only a is known to be.
	l.mu.Lock()
	l.pending = [][]byte{leafAt(t, dir, 1), leafAt(t, dir, 2)}
	l.stuck = errors.New("folder was not synced")
	l.mu.Unlock()

	add(t, l, "d", 3)
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(dir, vkey); err != nil || r.Size != 4 {
		t.Errorf("Verify = %+v, %v, want 4 entries", r, err)
	}
}

// Leaves in the tree that are not those of the tail mean that somebody else
// wrote there: nothing is added to such a log.
func TestATreeThatDiffersFromTheTailTakesNoMore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l, _ := newLog(t, dir)
	add(t, l, "a", 0)
	if err := l.awaitCheckpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.pending = [][]byte{[]byte("another leaf")}
	l.stuck = errors.New("folder was not synced")
	l.mu.Unlock()
	var broken *BrokenError
	l.mu.Lock()
	err := l.retry()
	l.mu.Unlock()
	if !errors.As(err, &broken) || broken.Code != Changed || broken.Entry != 0 {
		t.Errorf("the next batch ended with %v, want entry 0 named", err)
	}
	if _, err := l.Append(t.Context(), Entry{ID: "b", Kind: "k", At: time.Now()}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Append = %v, want ErrUnavailable", err)
	}
	if err := l.Room(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Room = %v, want ErrUnavailable", err)
	}
	l.end()
}

// A verifier beside a running log reads the tail, then the tree, which may have
// taken in entries that came to the tail meanwhile.
func TestATailReadBeforeTheTreeMovedOnIsNotBroken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l, _ := newLog(t, dir)
	add(t, l, "a", 0)
	earlier, err := readTail(dir)
	if err != nil || earlier.end() != 1 {
		t.Fatalf("the tail ends at %d, %v, want 1", earlier.end(), err)
	}
	add(t, l, "b", 1)
	if err := overtaken(dir, earlier, 2); err != nil {
		t.Errorf("tail read before entry 1 came: %v", err)
	}
	if err := overtaken(dir, earlier, 3); err == nil {
		t.Error("tree of 3 entries, tail of 2: no error")
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := overtaken(dir, earlier, 2); err != nil {
		t.Errorf("tail read before it was removed: %v", err)
	}
}

// Tessera removes the earlier versions of a full bundle while a verifier that
// saw them listed reads.
func TestABundleThatGrewMeanwhileIsNotBroken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l, _ := newLog(t, dir)
	entries := make([]Entry, 300)
	for i := range entries {
		entries[i] = Entry{ID: fmt.Sprint(i), Kind: "k", At: time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)}
	}
	if _, err := l.Append(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := 0
	have := map[tile][]int{{kind: bundleKind}: {200}, {kind: "0"}: {200}}
	w := walk{dir: dir, size: 200, have: have, visit: func(Entry, chain) { seen++ }}
	if err := w.run(); err != nil || w.file != nil || seen != 200 {
		t.Errorf("%d of 200 entries, %v, %v", seen, err, w.file)
	}
}

func leafAt(t *testing.T, dir string, i uint64) (leaf []byte) {
	t.Helper()
	state, err := readState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := readEntries(dir, i, i+1, state.Size, func(_ uint64, b []byte) error { leaf = b; return nil }); err != nil {
		t.Fatal(err)
	}
	return leaf
}

// Entries of one Append that lie in several batches: when one fails, those
// after it must not take its place in the log.
func TestEntriesDoNotOvertakeAFailedOne(t *testing.T) {
	var q queue
	q.init()
	first := &request{done: make(chan struct{})}
	second := &request{before: first, done: make(chan struct{})}
	third := &request{before: second, done: make(chan struct{})}
	other := &request{done: make(chan struct{})}
	q.put(first)
	q.put(second, third)
	q.put(other)
	if batch := q.take(); len(batch) != 4 { // nothing has failed: all may be written
		t.Fatalf("take = %d requests, want 4", len(batch))
	}
	first.err = ErrUnavailable
	q.put(second, third)
	q.put(other)
	if batch := q.take(); len(batch) != 1 || batch[0] != other {
		t.Errorf("take = %d requests, want only that of another Append", len(batch))
	}
	if second.err == nil || third.err == nil {
		t.Errorf("errors after a failed entry = %v, %v, want the same failure", second.err, third.err)
	}
}
