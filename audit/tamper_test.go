package audit_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm3"
	"golang.org/x/mod/sumdb/tlog"

	"zonebox/audit"
)

func TestVerifierDoesNotImportTheWriter(t *testing.T) {
	for _, name := range []string{"verify.go", "segment.go", "tiles.go", "entry.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if strings.Contains(i.Path.Value, "transparency-dev") {
				t.Errorf("%s imports %s", name, i.Path.Value)
			}
		}
	}
}

func TestLeafIsCanonicalJSONChainedBySM3(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	fill(t, k, dir, 2)
	leaves := readBundle(t, filepath.Join(dir, "tile/entries/000.p/2"))
	first := `{"actor":"张三","at":"2025-03-01T09:30:00.123456Z","decision":"ALLOW","fields":{"bundle":"cd34","tree":"ab12"},"id":"e-0",` +
		`"kind":"query.intent","org":"org-1","prev_sm3":"0000000000000000000000000000000000000000000000000000000000000000",` +
		`"revision":100,"role":"operator","run":"run-1","scenario":"s-1","seq":0,"zone":"medical"}`
	if string(leaves[0]) != first {
		t.Errorf("leaf 0 = %s, want %s", leaves[0], first)
	}
	// SM3 of the line above, computed with OpenSSL.
	const digest = "627d0efbe7143208122aaa4d3dd518c378510cf90eb4c14bd95017378cf06f70"
	if want := `"prev_sm3":"` + digest + `"`; !strings.Contains(string(leaves[1]), want) {
		t.Errorf("leaf 1 = %s, want %s in it", leaves[1], want)
	}
}

// TestEveryFlippedByteIsReported is the promise of the log: no byte of any file
// can change unseen. The two lock files are empty; nothing else is exempt.
func TestEveryFlippedByteIsReported(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	for range 4 {
		fill(t, k, dir, 1) // each leaves a version of the last tiles
	}
	r, err := audit.Verify(dir, k.verifier)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{".state/publish.lock", ".state/treeState.lock"}; !slices.Equal(r.Ignored, want) {
		t.Errorf("Ignored = %v, want %v", r.Ignored, want)
	}
	flips := 0
	for _, path := range files(t, dir) {
		full := filepath.Join(dir, path)
		good, err := os.ReadFile(full)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(full, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		put := func(i int, b byte) {
			if _, err := f.WriteAt([]byte{b}, int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range good {
			bits := []byte{1 << (i % 8)}
			if !strings.HasPrefix(path, "tile/") {
				bits = []byte{1, 2, 4, 8, 16, 32, 64, 128}
			}
			for _, bit := range bits {
				put(i, good[i]^bit)
				flips++
				_, err := audit.Verify(dir, k.verifier)
				var broken *audit.BrokenError
				if !errors.As(err, &broken) {
					t.Fatalf("%s: byte %d ^ %#x: Verify = %v, want a *BrokenError", path, i, bit, err)
				}
				// A larger size in the tree state reads as entries that are missing.
				if broken.File != path && (path != ".state/treeState" || broken.Code != audit.Missing || broken.Entry != 4) {
					t.Fatalf("%s: byte %d ^ %#x: Verify = %v, want this file named", path, i, bit, err)
				}
				if path == "tile/entries/000.p/4" && broken.Entry != owner(good, i) {
					t.Fatalf("%s: byte %d ^ %#x: Verify = %v, want entry %d named", path, i, bit, err, owner(good, i))
				}
			}
			put(i, good[i])
		}
		f.Close()
	}
	if flips < 5000 {
		t.Errorf("%d flips, want more: the log is too small to say anything", flips)
	}
	if _, err := audit.Verify(dir, k.verifier); err != nil {
		t.Errorf("Verify of the restored log = %v", err)
	}
}

func TestAddedAndCutBytesAreReported(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	fill(t, k, dir, 3)
	for _, path := range files(t, dir) {
		good, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range [][]byte{append(bytes.Clone(good), '\n'), append(bytes.Clone(good), 0, 0), append(bytes.Clone(good), good...), good[:len(good)-1], nil} {
			overwrite(t, filepath.Join(dir, path), bad)
			var broken *audit.BrokenError
			if _, err := audit.Verify(dir, k.verifier); !errors.As(err, &broken) || broken.File != path {
				t.Errorf("%s with %d instead of %d bytes: Verify = %v, want this file named", path, len(bad), len(good), err)
			}
		}
		overwrite(t, filepath.Join(dir, path), good)
	}
}

// owner returns the index of the entry that byte i of a bundle belongs to.
func owner(bundle []byte, i int) int64 {
	n := int64(0)
	for end := 2 + int(binary.BigEndian.Uint16(bundle)); i >= end; n++ {
		end += 2 + int(binary.BigEndian.Uint16(bundle[end:]))
	}
	return n
}

// Each attack changes the entries of a log of 300; forge decides how much of the
// rest the attacker puts right.
func TestAttacksAreNamed(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	clean := collected(t, k)
	type leaves = [][]byte
	replace := func(i int, old, new string) func(leaves) leaves {
		return func(l leaves) leaves {
			l[i] = bytes.Replace(l[i], []byte(old), []byte(new), 1)
			return l
		}
	}
	for _, c := range []struct {
		name   string
		attack func(leaves) leaves
		forge  forgery
		code   audit.Code
		entry  int64
		file   string
	}{
		{"edit, nothing else", replace(17, `"e-17"`, `"e-71"`), bundles, audit.Changed, 17, "tile/entries/000"},
		{"edit in the last bundle", replace(280, "ALLOW", "ALLOT"), bundles, audit.Changed, 280, "tile/entries/001.p/44"},
		{"edit, tiles and state put right", replace(17, `"e-17"`, `"e-71"`), bundles | tiles, audit.Unchained, 17, "tile/entries/000"},
		{"edit, chain put right too", replace(17, `"e-17"`, `"e-71"`), bundles | tiles | chained, audit.Forked, -1, "checkpoint"},
		{"edit of the last entry, tiles and state put right", replace(299, "ALLOW", "ALLOT"), bundles | tiles, audit.Forked, -1, "checkpoint"},
		{"spaces in a leaf", replace(9, `,"at"`, `, "at"`), bundles | tiles, audit.Malformed, 9, "tile/entries/000"},
		{"field of no entry", replace(9, `"zone"`, `"zonf"`), bundles | tiles, audit.Malformed, 9, "tile/entries/000"},
		{"deletion", func(l leaves) leaves { return slices.Delete(l, 40, 41) }, bundles | tiles, audit.Truncated, 299, ".state/treeState"},
		{"deletion and one more at the end", func(l leaves) leaves { return append(slices.Delete(l, 40, 41), l[0]) }, bundles | tiles, audit.Moved, 40, "tile/entries/000"},
		{"insertion", func(l leaves) leaves { return slices.Insert(l, 40, l[3]) }, bundles | tiles, audit.Moved, 40, "tile/entries/000"},
		{"reordering", func(l leaves) leaves { l[5], l[6] = l[6], l[5]; return l }, bundles | tiles, audit.Moved, 5, "tile/entries/000"},
		{"reordering, nothing else", func(l leaves) leaves { l[5], l[6] = l[6], l[5]; return l }, bundles, audit.Changed, 5, "tile/entries/000"},
		{"revision set back", replace(60, `"revision":160`, `"revision":100`), bundles | tiles | chained, audit.Reverted, 60, "tile/entries/000"},
		{"last ten dropped", func(l leaves) leaves { return l[:290] }, bundles | tiles, audit.Truncated, 290, ".state/treeState"},
		{"last bundle dropped", func(l leaves) leaves { return l[:256] }, bundles | tiles, audit.Truncated, 256, ".state/treeState"},
		{"everything dropped", func(l leaves) leaves { return nil }, bundles | tiles, audit.Truncated, 0, ".state/treeState"},
	} {
		dir := copyLog(t, clean)
		forge(t, dir, c.attack(readLeaves(t, dir, 300)), c.forge)
		_, err := audit.Verify(dir, k.verifier)
		want := audit.BrokenError{Code: c.code, Entry: c.entry, File: c.file}
		var got *audit.BrokenError
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%s: Verify = %v, want %v", c.name, err, &want)
		}
	}
	dir := copyLog(t, clean)
	forge(t, dir, readLeaves(t, dir, 300), bundles|tiles|chained)
	if _, err := audit.Verify(dir, k.verifier); err != nil {
		t.Errorf("control: a log written out again unchanged: Verify = %v", err)
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	clean := collected(t, k)
	for _, c := range []struct {
		file string
		want audit.BrokenError
	}{
		{"checkpoint", audit.BrokenError{Code: audit.Missing, Entry: -1, File: "checkpoint"}},
		{".state/treeState", audit.BrokenError{Code: audit.Missing, Entry: -1, File: ".state/treeState"}},
		{".state/version", audit.BrokenError{Code: audit.Missing, Entry: -1, File: ".state/version"}},
		{"tile/entries/000", audit.BrokenError{Code: audit.Missing, Entry: 0, File: "tile/entries/000"}},
		{"tile/entries/001.p/44", audit.BrokenError{Code: audit.Missing, Entry: 299, File: "tile/entries/001.p/44"}},
		{"tile/0/000", audit.BrokenError{Code: audit.Missing, Entry: -1, File: "tile/0/000"}},
		{"tile/1/000.p/1", audit.BrokenError{Code: audit.Missing, Entry: -1, File: "tile/1/000.p/1"}},
	} {
		dir := copyLog(t, clean)
		if err := os.Remove(filepath.Join(dir, c.file)); err != nil {
			t.Fatal(err)
		}
		_, err := audit.Verify(dir, k.verifier)
		var got *audit.BrokenError
		if !errors.As(err, &got) || *got != c.want {
			t.Errorf("%s removed: Verify = %v, want %v", c.file, err, &c.want)
		}
	}
}

func TestOldStateIsSeenAgainstAKeptCheckpoint(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	fill(t, k, dir, 3)
	old := copyLog(t, dir)
	l := k.open(t, dir)
	if _, err := l.Append(t.Context(), entry("e-3", 200)); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	kept, err := l.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(dir, k.verifier, kept); err != nil {
		t.Errorf("Verify of the log itself = %v", err)
	}
	if _, err := audit.Verify(old, k.verifier); err != nil {
		t.Errorf("Verify of the old copy alone = %v, want nil: it is consistent", err)
	}
	var broken *audit.BrokenError
	if _, err := audit.Verify(old, k.verifier, kept); !errors.As(err, &broken) || broken.Code != audit.Truncated || broken.Entry != 3 {
		t.Errorf("Verify of the old copy = %v, want truncated at entry 3", err)
	}
	l = k.open(t, old)
	for i := range 3 {
		if _, err := l.Append(t.Context(), entry(fmt.Sprint("other-", i), 200)); err != nil {
			t.Fatal(err)
		}
	}
	closeLog(t, l)
	if _, err := audit.Verify(old, k.verifier); err != nil {
		t.Errorf("Verify of the fork alone = %v, want nil: it is consistent", err)
	}
	if _, err := audit.Verify(old, k.verifier, kept); !errors.As(err, &broken) || broken.Code != audit.Forked {
		t.Errorf("Verify of the fork = %v, want forked", err)
	}
	if _, err := audit.Verify(dir, newKeys(t).verifier); !errors.As(err, &broken) || broken.Code != audit.Unsigned {
		t.Errorf("Verify with another key of the same name = %v, want unsigned", err)
	}
}

func TestForeignFilesAreListed(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	fill(t, k, dir, 3)
	for _, name := range []string{"note.txt", "tile/entries/000.p/31234567", "tile/entries/000.p/7", "checkpoint99", ".state/treeState12"} {
		overwrite(t, filepath.Join(dir, name), []byte("x"))
	}
	r, err := audit.Verify(dir, k.verifier)
	want := []string{".state/publish.lock", ".state/treeState.lock", ".state/treeState12", "checkpoint99", "note.txt", "tile/entries/000.p/31234567", "tile/entries/000.p/7"}
	if err != nil || !slices.Equal(r.Ignored, want) {
		t.Errorf("Verify = %v, %v, want %v ignored", r.Ignored, err, want)
	}
	closeLog(t, k.open(t, dir))
	r, err = audit.Verify(dir, k.verifier)
	want = []string{".state/publish.lock", ".state/treeState.lock", "note.txt"}
	if err != nil || !slices.Equal(r.Ignored, want) {
		t.Errorf("after Open: Verify = %v, %v, want only %v ignored", r.Ignored, err, want)
	}
}

// forgery is what an attacker writes again to match changed entries.
type forgery int

const (
	bundles forgery = 1 << iota // the entry bundles
	tiles                       // the hash tiles and the tree state
	chained                     // the SM3 chain inside the entries
)

// forge writes the log of fewer than 512 leaves anew, but for the checkpoint.
func forge(t *testing.T, dir string, leaves [][]byte, f forgery) {
	t.Helper()
	if f&chained != 0 {
		prev := strings.Repeat("0", 64)
		for i, b := range leaves {
			var e struct {
				Prev string `json:"prev_sm3"`
			}
			if err := json.Unmarshal(b, &e); err != nil {
				t.Fatal(err)
			}
			leaves[i] = bytes.Replace(b, []byte(e.Prev), []byte(prev), 1)
			sum := sm3.Sum(leaves[i])
			prev = hex.EncodeToString(sum[:])
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "tile/entries")); err != nil {
		t.Fatal(err)
	}
	var storage []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range at {
			out = append(out, storage[i])
		}
		return out, nil
	})
	name := func(kind string, i, n int) string {
		if n < 256 {
			return filepath.Join(dir, "tile", kind, fmt.Sprintf("%03d.p/%d", i, n))
		}
		return filepath.Join(dir, "tile", kind, fmt.Sprintf("%03d", i))
	}
	var level0 [][]byte
	for i, b := range leaves {
		hashes, err := tlog.StoredHashes(int64(i), b, reader)
		if err != nil {
			t.Fatal(err)
		}
		storage = append(storage, hashes...)
		level0 = append(level0, hashes[0][:])
	}
	for i := 0; i*256 < len(leaves); i++ {
		n := min(256, len(leaves)-i*256)
		var b []byte
		for _, leaf := range leaves[i*256 : i*256+n] {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(leaf))), leaf...)
		}
		overwrite(t, name("entries", i, n), b)
	}
	if f&tiles == 0 {
		return
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "tile/0")), os.RemoveAll(filepath.Join(dir, "tile/1"))); err != nil {
		t.Fatal(err)
	}
	for i := 0; i*256 < len(leaves); i++ {
		n := min(256, len(leaves)-i*256)
		overwrite(t, name("0", i, n), bytes.Join(level0[i*256:i*256+n], nil))
		if n == 256 {
			sub, err := reader(([]int64{tlog.StoredHashIndex(8, int64(i))}))
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, name("1", 0, i+1), sub[0][:])
		}
	}
	root, err := tlog.TreeHash(int64(len(leaves)), reader)
	if err != nil {
		t.Fatal(err)
	}
	state, _ := json.Marshal(map[string]any{"size": len(leaves), "root": root[:]})
	state = []byte(fmt.Sprintf(`{"size":%d,"root":%s}`, len(leaves), bytes.TrimSuffix(bytes.SplitAfter(state, []byte(`"root":`))[1], fmt.Appendf(nil, `,"size":%d}`, len(leaves)))))
	overwrite(t, filepath.Join(dir, ".state/treeState"), state)
}

func readBundle(t *testing.T, path string) (leaves [][]byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		n := 2 + int(binary.BigEndian.Uint16(b))
		leaves = append(leaves, b[2:n])
		b = b[n:]
	}
	return leaves
}

// readLeaves returns the leaves of a log of 256 to 511 entries.
func readLeaves(t *testing.T, dir string, n int) [][]byte {
	t.Helper()
	return append(readBundle(t, filepath.Join(dir, "tile/entries/000")), readBundle(t, filepath.Join(dir, fmt.Sprintf("tile/entries/001.p/%d", n-256)))...)
}

// collected returns a log of 300 entries with only the last of the earlier
// versions of its tiles; the log itself removes those of full tiles after some
// seconds.
func collected(t *testing.T, k keys) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clean")
	fill(t, k, dir, 299)
	fill(t, k, dir, 1)
	keep := []string{"tile/entries/001.p/43", "tile/entries/001.p/44", "tile/0/001.p/43", "tile/0/001.p/44", "tile/1/000.p/1"}
	for _, path := range files(t, dir) {
		if strings.Contains(path, ".p/") && !slices.Contains(keep, path) {
			if err := os.Remove(filepath.Join(dir, path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func copyLog(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// files lists the files below dir that hold bytes.
func files(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() == 0 {
			return err
		}
		paths = append(paths, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func overwrite(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
