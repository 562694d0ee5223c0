package zone

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

var errKilled = errors.New("killed")

// plainKeys wraps nothing: what is encrypted plays no part in these tests.
type plainKeys struct{}

func (plainKeys) Wrap(_ string, dek, _ []byte) ([]byte, error) {
	return append([]byte(nil), dek...), nil
}
func (plainKeys) Unwrap(_ string, wrapped, _ []byte) ([]byte, error) {
	return append([]byte(nil), wrapped...), nil
}
func (plainKeys) Sign(msg []byte) []byte      { return suites[0].sum(msg) }
func (plainKeys) Verify(msg, sig []byte) bool { return string(suites[0].sum(msg)) == string(sig) }

var crashSpec = Spec{Zone: "z", Dataset: "d", Entity: "a", Columns: []ColumnSpec{{"a", "string"}, {"b", "int64"}}}

func crashStore(t *testing.T, dir string) *Store {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	t.Cleanup(func() { alloc.AssertSize(t, 0) })
	s, err := New(Config{Dir: dir, Wrapper: plainKeys{}, Signer: plainKeys{}, Allocator: alloc, SegmentRows: 2})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dyingStore is a store on a copy of a folder that ends at one step: this and
// every later one fail, as none happens after a kill.
type dyingStore struct {
	*Store
	dead  bool
	where string // the step it ended at
}

// killedAt returns a store on a copy of the folder before that dies at its step at,
// counted from 0.
func killedAt(t *testing.T, before string, at int) *dyingStore {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.CopyFS(dir, os.DirFS(before)); err != nil {
		t.Fatal(err)
	}
	s := &dyingStore{Store: crashStore(t, dir)}
	step := 0
	s.disk.fault = serialized(func(op, path string) error {
		if step == at {
			s.dead, s.where = true, op+" "+filepath.Base(path)
		}
		step++
		if s.dead {
			return errKilled
		}
		return nil
	})
	return s
}

// crashLoad loads five rows in three segments.
func crashLoad(t *testing.T, s *Store) (Info, error) {
	t.Helper()
	l, err := s.Begin(crashSpec)
	if err != nil {
		return Info{}, err
	}
	defer func() { _ = l.Abort() }() // after a kill it reaches the disk no more
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, l.schema,
		strings.NewReader(`[{"a":"x","b":1},{"a":"y","b":2},{"a":null,"b":3},{"a":"x","b":4},{"a":"y","b":null}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	if err := l.Append(rec); err != nil {
		return Info{}, err
	}
	return l.Commit(t.Context())
}

func versions(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "z", "d", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// At whatever step of a load the process dies, the version there was reads as
// before, the new one is absent or complete, and Sweep clears the rest away.
func TestAKilledLoadLeavesOldOrNew(t *testing.T) {
	before := t.TempDir()
	old, err := crashLoad(t, crashStore(t, before))
	if err != nil {
		t.Fatal(err)
	}
	complete, steps := 0, 0
	for at := 0; ; at++ {
		dying := killedAt(t, before, at)
		dir := dying.dir
		_, err = crashLoad(t, dying.Store)
		if !dying.dead {
			steps = at
			if err != nil {
				t.Fatalf("load without a kill = %v", err)
			}
			break
		}
		if !errors.Is(err, errKilled) {
			t.Fatalf("killed at %s: load = %v, want an error", dying.where, err)
		}

		s := crashStore(t, dir)
		for _, v := range versions(t, dir) {
			manifests, err := filepath.Glob(filepath.Join(v, manifestPrefix+"*"))
			if err != nil || len(manifests) != 1 {
				t.Fatalf("killed at %s: version %s has the manifests %v: %v", dying.where, v, manifests, err)
			}
			digest := strings.TrimPrefix(filepath.Base(manifests[0]), manifestPrefix)
			if err := s.Verify("z", "d", filepath.Base(v), digest); err != nil {
				t.Fatalf("killed at %s: %v", dying.where, err)
			}
			if filepath.Base(v) != old.Version {
				complete++
			}
		}
		if err := s.Sweep(func(_, _, version string) bool { return version == old.Version }); err != nil {
			t.Fatalf("killed at %s: sweep: %v", dying.where, err)
		}
		if err := s.Verify("z", "d", old.Version, old.Manifest); err != nil {
			t.Fatalf("killed at %s: old version: %v", dying.where, err)
		}
		left, err := os.ReadDir(s.tmp())
		if err != nil || len(left) != 0 || len(versions(t, dir)) != 1 {
			t.Fatalf("killed at %s: sweep left %v and %v", dying.where, left, versions(t, dir))
		}
	}
	if _, err := crashLoad(t, crashStore(t, before)); err != nil {
		t.Errorf("the next load = %v", err)
	}
	// 3 steps for each of 9 chunks and the manifest, folders, rename; only a
	// kill after the rename leaves the new version, complete.
	if steps < 30 || complete != 1 {
		t.Errorf("steps = %d, complete = %d, want at least 30 and 1", steps, complete)
	}
}

// Power loss keeps only what was flushed. So at the rename every file of the
// version and its folder must have been, and afterwards the parents.
func TestEverythingIsFlushedBeforeTheRename(t *testing.T) {
	s := crashStore(t, t.TempDir())
	var log []string
	s.disk.fault = serialized(func(op, path string) error {
		rel, _ := filepath.Rel(s.dir, path)
		log = append(log, op+" "+rel)
		return nil
	})
	info, err := crashLoad(t, s)
	if err != nil {
		t.Fatal(err)
	}
	tmp := filepath.Join(".tmp", info.Version)
	rename := index(log, "rename z/d/"+info.Version)
	created := 0
	for i, entry := range log {
		file, ok := strings.CutPrefix(entry, "create ")
		if !ok {
			continue
		}
		created++
		if flushed := index(log, "fsync "+file); flushed < i || flushed > rename {
			t.Errorf("%s is not flushed before the rename", file)
		}
		if index(log, "fsyncdir "+tmp) < i {
			t.Errorf("the name of %s is not flushed", file)
		}
	}
	if created != 10 {
		t.Errorf("files = %d, want 10", created)
	}
	for _, folder := range []string{tmp, "z", "."} {
		if at := index(log, "fsyncdir "+folder); at < 0 || at > rename {
			t.Errorf("folder %s is not flushed before the rename", folder)
		}
	}
	if last := log[len(log)-1]; last != "fsyncdir z/d" {
		t.Errorf("last step = %s, want fsyncdir z/d", last)
	}
}

// serialized makes fault safe for the goroutines that write columns.
func serialized(fault func(op, path string) error) func(op, path string) error {
	var mu sync.Mutex
	return func(op, path string) error {
		mu.Lock()
		defer mu.Unlock()
		return fault(op, path)
	}
}

// index returns where entry stands last in log, or -1.
func index(log []string, entry string) int {
	for i := len(log) - 1; i >= 0; i-- {
		if log[i] == entry {
			return i
		}
	}
	return -1
}

// A full disk fails the load, and the store works on when there is room.
func TestAFullDiskFailsTheLoadOnly(t *testing.T) {
	dir := t.TempDir()
	s := crashStore(t, dir)
	errFull := errors.New("no space left on device")
	s.disk.fault = serialized(func(op, path string) error {
		if op == "write" && filepath.Base(path) == chunkFile(1, 1) {
			return errFull
		}
		return nil
	})
	if _, err := crashLoad(t, s); !errors.Is(err, errFull) {
		t.Fatalf("load = %v, want the disk's error", err)
	}
	left, err := os.ReadDir(s.tmp())
	if err != nil || len(left) != 0 || len(versions(t, dir)) != 0 {
		t.Errorf("Abort left %v and %v", left, versions(t, dir))
	}
	s.disk.fault = nil
	if _, err := crashLoad(t, s); err != nil {
		t.Errorf("load with room = %v", err)
	}
}

func TestEscapedNamesComeBack(t *testing.T) {
	for name, want := range map[string]string{
		"health": "health", "a-b_9": "a-b_9", "..": "%2e%2e", "a/b": "a%2fb", "A": "%41", "%41": "%2541", "区": "%e5%8c%ba",
	} {
		got := escape(name)
		back, err := unescape(got)
		if got != want || back != name || err != nil {
			t.Errorf("escape(%q) = %q, back %q, %v, want %q", name, got, back, err, want)
		}
	}
	for _, name := range []string{"A", "%4", "%", "%zz", "%2E", "%61", ".tmp", "x "} {
		if back, err := unescape(name); err == nil {
			t.Errorf("unescape(%q) = %q, want an error", name, back)
		}
	}
}

// At whatever step of a rewrapping or of the pruning after it the process dies,
// the version reads by the manifest in force, and doing it again ends the same.
func TestAKilledRewrappingLeavesOldOrNew(t *testing.T) {
	before := t.TempDir()
	old, err := crashLoad(t, crashStore(t, before))
	if err != nil {
		t.Fatal(err)
	}
	kills := 0
	for at := 0; ; at++ {
		dying := killedAt(t, before, at)
		dir := dying.dir
		inForce := old.Manifest // as the registry would say
		r, err := dying.Rewrap("z", "d", old.Version, old.Manifest, "b")
		if err == nil {
			inForce = r.Manifest
			err = dying.PruneManifests("z", "d", old.Version, inForce)
		}
		if !dying.dead {
			if err != nil {
				t.Fatalf("without a kill = %v", err)
			}
			break
		}
		kills++
		if !errors.Is(err, errKilled) {
			t.Fatalf("killed at step %d = %v, want an error", at, err)
		}
		s := crashStore(t, dir)
		if err := s.Verify("z", "d", old.Version, inForce); err != nil {
			t.Fatalf("killed at step %d: %v", at, err)
		}
		if inForce == old.Manifest {
			if r, err = s.Rewrap("z", "d", old.Version, old.Manifest, "b"); err != nil {
				t.Fatalf("killed at step %d: again: %v", at, err)
			}
			inForce = r.Manifest
		}
		if err := s.Sweep(func(_, _, version string) bool { return version == old.Version }); err != nil {
			t.Fatal(err)
		}
		if err := s.PruneManifests("z", "d", old.Version, inForce); err != nil {
			t.Fatalf("killed at step %d: prune: %v", at, err)
		}
		if err := s.Verify("z", "d", old.Version, inForce); err != nil {
			t.Fatalf("killed at step %d: in the end: %v", at, err)
		}
		left, err := os.ReadDir(filepath.Join(dir, "z", "d", old.Version))
		if err != nil || len(left) != 2*3+1 {
			t.Fatalf("killed at step %d: the version has %v", at, left)
		}
		if tmp, err := os.ReadDir(s.tmp()); err != nil || len(tmp) != 0 {
			t.Fatalf("killed at step %d: left %v", at, tmp)
		}
	}
	// create, two writes, fsync, rename, fsyncdir; then the old manifest and three
	// chunks, and the folder once more.
	if kills != 11 {
		t.Errorf("kills = %d, want 11", kills)
	}
}
