package audit

import (
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A write can fail after it took effect. The log must then go on from what is
// on disk, not from what it acknowledged.
func TestChainContinuesFromEntriesThatWereWrittenButRefused(t *testing.T) {
	skey, vkey, err := note.GenerateKey(rand.Reader, "zonebox.test/audit")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "log")
	l, err := Open(t.Context(), dir, signer, Config{Verifier: vkey})
	if err != nil {
		t.Fatal(err)
	}
	add := func(id string, want uint64) {
		t.Helper()
		e := Entry{ID: id, Kind: "k", At: time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)}
		if got, err := l.Append(t.Context(), e); err != nil || got != want {
			t.Fatalf("Append(%s) = %d, %v, want %d", id, got, err, want)
		}
	}
	add("a", 0)
	acknowledged := l.chain
	add("b", 1)
	add("c", 2)

	// As after an error: b and c are on disk, but only a was acknowledged. The
	// sequencer is idle between calls, and the queue's lock orders them.
	l.mu.Lock()
	l.chain, l.unsure = acknowledged, true
	delete(l.ids, keyOf("b"))
	l.mu.Unlock()

	add("d", 3)
	if i, ok := l.Find("b"); !ok || i != 1 {
		t.Errorf("Find(b) = %d, %v, want 1, true", i, ok)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(dir, vkey); err != nil || r.Size != 4 {
		t.Errorf("Verify = %+v, %v, want 4 entries", r, err)
	}
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
