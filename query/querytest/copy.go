package querytest

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zonebox/keys"
)

// An original is a domain that is made once for all tests of a process and copied
// for each: its folders, the keys of its people, its time and what it logged.
//
// Copies have the same identity, so no test has two of them: one whose own domain
// is open, or that of a test around it, gets the next from scratch. Nor is there a
// copy under a provider of the test's own.
type original struct {
	furnish func(d *Domain) // after its founding

	once sync.Once
	dir  string
	ring map[string]*keys.User
	at   time.Time
	log  []byte
}

var (
	licensed = &original{furnish: (*Domain).licenseCity}
	loaded   = &original{furnish: func(d *Domain) { d.licenseCity(); d.loadCity(Registers()) }}
)

// copied names the tests that have a copy of an original.
var copied struct {
	mu    sync.Mutex
	tests map[string]bool
}

// reserve reports whether a test may have a copy, which it then has until its end.
func reserve(t testing.TB) bool {
	copied.mu.Lock()
	defer copied.mu.Unlock()
	for name := range copied.tests {
		if within(name, t.Name()) || within(t.Name(), name) {
			return false
		}
	}
	if copied.tests == nil {
		copied.tests = map[string]bool{}
	}
	copied.tests[t.Name()] = true
	t.Cleanup(func() {
		copied.mu.Lock()
		defer copied.mu.Unlock()
		delete(copied.tests, t.Name())
	})
	return true
}

// within reports whether inner is the test outer or one of its subtests.
func within(inner, outer string) bool { return inner == outer || strings.HasPrefix(inner, outer+"/") }

// copy returns the domain, open under o.
func (s *original) copy(t testing.TB, o Options) *Domain {
	t.Helper()
	if o.Provider != nil || !reserve(t) {
		d := New(t, o)
		s.furnish(d)
		return d
	}
	s.once.Do(func() { s.prepare(t) })
	if s.dir == "" {
		t.Fatal("the domain to copy could not be made")
	}
	d := closed(t, folder(t), o)
	CopyFolder(t, filepath.Join(s.dir, "domain"), d.Config.Domain)
	CopyFolder(t, filepath.Join(s.dir, "keys"), d.Config.Keys)
	d.clock.at, d.ring.keys = s.at, maps.Clone(s.ring)
	// A write to a Log does not fail.
	_, _ = d.Log.Write(s.log)
	d.open()
	return d
}

// prepare makes the domain that is copied, and leaves it closed.
func (s *original) prepare(t testing.TB) {
	t.Helper()
	dir, err := os.MkdirTemp("", "zonebox-original-")
	if err != nil {
		t.Fatal(err)
	}
	kept.Lock()
	kept.dirs = append(kept.dirs, dir)
	kept.Unlock()
	d := closed(t, dir, Options{})
	d.found()
	d.open()
	s.furnish(d)
	if err := d.Engine.Close(); err != nil {
		t.Fatalf("close domain: %v", err)
	}
	*d.last = nil
	s.dir, s.ring, s.at, s.log = dir, d.ring.keys, d.clock.at, []byte(d.Log.String())
}

// CopyFolder copies a folder of private folders and files.
func CopyFolder(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
	if err != nil {
		t.Fatalf("copy folder: %v", err)
	}
}
