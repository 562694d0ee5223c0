package audit_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zonebox/audit"
)

// long is an entry whose leaf has nearly a kilobyte: about 540 fill a segment.
func long(id string) audit.Entry {
	e := entry(id, 1000)
	e.Fields["long"] = strings.Repeat("x", 600)
	return e
}

// seize puts a file where the tree keeps the hashes of its leaves, so that a
// batch fails after its bundle was written, and returns what puts it right.
func seize(t testing.TB, dir string) (release func()) {
	t.Helper()
	hashes := filepath.Join(dir, "tile/0")
	if err := errors.Join(os.Rename(hashes, hashes+".away"), os.WriteFile(hashes, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := errors.Join(os.Remove(hashes), os.Rename(hashes+".away", hashes)); err != nil {
			t.Fatal(err)
		}
	}
}

// killed returns the folder of a log as kill -9 leaves it: entries 0 to 9 were
// signed, of which 6 to 9 are in the tail too, and n more are in the tail alone,
// each in its own frame. The log itself goes on and is closed.
func killed(t testing.TB, k keys, n int, e func(id string) audit.Entry) string {
	t.Helper()
	dir, copied := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "killed")
	fill(t, k, dir, 6)
	l := k.open(t, dir)
	for i := range 4 {
		if _, err := l.Append(t.Context(), e(fmt.Sprintf("e-%d", 6+i))); err != nil {
			t.Fatal(err)
		}
	}
	for signed := uint64(0); signed < 10; {
		r, err := audit.Verify(dir, k.verifier)
		if err != nil {
			t.Fatal(err)
		}
		signed = r.Size
	}
	release := seize(t, dir)
	for i := range n {
		if got, err := l.Append(t.Context(), e(fmt.Sprintf("e-%d", 10+i))); err != nil || got != uint64(10+i) {
			t.Fatalf("Append = %d, %v, want %d", got, err, 10+i)
		}
	}
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	hashes := filepath.Join(copied, "tile/0")
	if err := errors.Join(os.Remove(hashes), os.Rename(hashes+".away", hashes)); err != nil {
		t.Fatal(err)
	}
	release()
	closeLog(t, l)
	return copied
}

// frames returns where each frame of a segment begins, and where the last ends.
func frames(b []byte) (starts []int) {
	at := 0
	for at+16 <= len(b) && binary.BigEndian.Uint32(b[at+4:]) != 0 {
		starts = append(starts, at)
		at += 16 + int(binary.BigEndian.Uint32(b[at+4:]))
	}
	return append(starts, at)
}

func tailFiles(t testing.TB, dir string) (paths []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "tail", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		paths = append(paths, "tail/"+filepath.Base(name))
	}
	return paths
}

func TestTheTailOfAKilledLogIsReadVerifiedAndMovedToTheTree(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	dir := killed(t, k, 1200, long)
	if want := []string{"tail/00000000000000000006"}; len(tailFiles(t, dir)) != 3 || tailFiles(t, dir)[0] != want[0] {
		t.Fatalf("tail = %v, want three segments from entry 6", tailFiles(t, dir))
	}
	if got := treeSize(t, dir); got != 10 {
		t.Fatalf("the tree holds %d entries, want 10", got)
	}
	before, err := audit.Verify(dir, k.verifier)
	if err != nil || before.Size != 10 || before.Tail != 1200 || before.Revision != 1000 || before.Torn != "" {
		t.Fatalf("Verify = %+v, %v, want 10 and 1200 entries", before, err)
	}
	l := k.open(t, dir)
	if files := tailFiles(t, dir); len(files) != 0 {
		t.Errorf("after Open the tail has %v, want nothing", files)
	}
	if i, ok := l.Find("e-1209"); !ok || i != 1209 || l.Size() != 1210 {
		t.Errorf("Find = %d, %v of %d, want 1209 of 1210", i, ok, l.Size())
	}
	after, err := audit.Verify(dir, k.verifier)
	if err != nil || after.Size != 1210 || after.Head != before.Head {
		t.Errorf("Verify = %+v, %v, want 1210 signed entries and the same head", after, err)
	}
	if got, err := l.Append(t.Context(), entry("next", 1)); err != nil || got != 1210 {
		t.Errorf("Append = %d, %v, want 1210", got, err)
	}
	closeLog(t, l)
}

// No bit of the tail changes unseen. In the newest frame and in the zeros after
// it a change looks like a write that was cut short: it is told apart from an
// intact log, and costs no entry but those of that frame.
func TestEveryFlippedByteOfTheTailIsReported(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	dir := killed(t, k, 4, func(id string) audit.Entry { return entry(id, 1000) })
	const file = "tail/00000000000000000006"
	if files := tailFiles(t, dir); !slices.Equal(files, []string{file}) {
		t.Fatalf("tail = %v, want one segment", files)
	}
	good, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	starts := frames(good)
	newest, end := starts[len(starts)-2], starts[len(starts)-1]
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := []int{end + 1, end + 100, end + 4096, end + 300<<10, len(good) - 1}
	for i := range end {
		at = append(at, i)
	}
	for _, i := range at {
		if _, err := f.WriteAt([]byte{good[i] ^ 1<<(i%8)}, int64(i)); err != nil {
			t.Fatal(err)
		}
		r, err := audit.Verify(dir, k.verifier)
		var broken *audit.BrokenError
		switch owner, _ := slices.BinarySearch(starts, i+1); {
		case i < newest || i >= end+300<<10:
			want := audit.BrokenError{Code: audit.Malformed, Entry: int64(6 + min(owner-1, 8)), File: file}
			if !errors.As(err, &broken) || *broken != want {
				t.Fatalf("byte %d: Verify = %v, want %v", i, err, &want)
			}
		case i < end:
			if err != nil || r.Torn != file || r.Size+r.Tail != 13 {
				t.Fatalf("byte %d of the newest frame: Verify = %+v, %v, want 13 entries and a torn end", i, r, err)
			}
		default:
			if err != nil || r.Torn != file || r.Size+r.Tail != 14 {
				t.Fatalf("byte %d after the newest frame: Verify = %+v, %v, want 14 entries and a torn end", i, r, err)
			}
		}
		if _, err := f.WriteAt(good[i:i+1], int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := audit.Verify(dir, k.verifier); err != nil || r.Torn != "" || r.Tail != 4 {
		t.Errorf("Verify of the restored log = %+v, %v", r, err)
	}
}

// What remains of a write that was cut short anywhere is dropped, and the next
// entry takes its index.
func TestATornEndOfTheTailIsDropped(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	clean := killed(t, k, 3, func(id string) audit.Entry { return entry(id, 1000) })
	const file = "tail/00000000000000000006"
	good, err := os.ReadFile(filepath.Join(clean, file))
	if err != nil {
		t.Fatal(err)
	}
	starts := frames(good)
	newest, end := starts[len(starts)-2], starts[len(starts)-1]
	for _, c := range []struct {
		name string
		b    []byte
	}{
		{"only its first byte", slices.Concat(good[:newest+1], make([]byte, 1000))},
		{"only its head", slices.Concat(good[:newest+16], make([]byte, 1000))},
		{"all but its last byte", slices.Concat(good[:end-1], make([]byte, 1000))},
		{"cut off with the file", good[:end-1]},
		{"all but its head", slices.Concat(good[:newest], make([]byte, 16), good[newest+16:])},
	} {
		dir := copyLog(t, clean)
		overwrite(t, filepath.Join(dir, file), c.b)
		if r, err := audit.Verify(dir, k.verifier); err != nil || r.Torn != file || r.Tail != 2 {
			t.Errorf("%s: Verify = %+v, %v, want two entries and a torn end", c.name, r, err)
		}
		l := k.open(t, dir)
		if got, err := l.Append(t.Context(), entry("next", 1)); err != nil || got != 12 {
			t.Errorf("%s: Append = %d, %v, want 12", c.name, got, err)
		}
		closeLog(t, l)
		if r, err := audit.Verify(dir, k.verifier); err != nil || r.Torn != "" || r.Size != 13 {
			t.Errorf("%s: Verify = %+v, %v, want 13 entries", c.name, r, err)
		}
	}
}

// Each attack changes the tail of a log of three segments after kill -9.
func TestAttacksOnTheTailAreNamed(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	clean := killed(t, k, 1200, long)
	names := tailFiles(t, clean)
	if len(names) != 3 {
		t.Fatalf("tail = %v, want three segments", names)
	}
	first := func(name string) int64 {
		var n int64
		if _, err := fmt.Sscanf(name, "tail/%d", &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	second, third := first(names[1]), first(names[2])
	// within changes the frames of a segment, one entry each.
	within := func(name string, f func(frames [][]byte) [][]byte) func(dir string) error {
		return func(dir string) error {
			path := filepath.Join(dir, name)
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var all [][]byte
			starts := frames(b)
			for i, end := range starts[1:] {
				all = append(all, bytes.Clone(b[starts[i]:end]))
			}
			return os.WriteFile(path, slices.Concat(bytes.Join(f(all), nil), make([]byte, 4096)), 0o600)
		}
	}
	// sealed puts the checksum of a frame right.
	sealed := func(frame []byte) []byte {
		binary.BigEndian.PutUint32(frame, crc32.Checksum(frame[4:], crc32.MakeTable(crc32.Castagnoli)))
		return frame
	}
	edit := func(i int) func([][]byte) [][]byte {
		return func(all [][]byte) [][]byte {
			all[i] = sealed(bytes.Replace(all[i], []byte("ALLOW"), []byte("ALLOT"), 1))
			return all
		}
	}
	remove := func(name string) func(string) error {
		return func(dir string) error { return os.Remove(filepath.Join(dir, name)) }
	}
	rename := func(from, to string) func(string) error {
		return func(dir string) error { return os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)) }
	}
	for _, c := range []struct {
		name   string
		attack func(dir string) error
		want   audit.BrokenError
	}{
		{"first segment removed", remove(names[0]), audit.BrokenError{Code: audit.Missing, Entry: 10, File: "tail/00000000000000000010"}},
		{"middle segment removed", remove(names[1]), audit.BrokenError{Code: audit.Missing, Entry: second, File: names[1]}},
		{"segments swapped", func(dir string) error {
			return errors.Join(rename(names[0], "x")(dir), rename(names[1], names[0])(dir), rename("x", names[1])(dir))
		}, audit.BrokenError{Code: audit.Malformed, Entry: 6, File: names[0]}},
		{"segment renamed", rename(names[2], "tail/00000000000000009999"), audit.BrokenError{Code: audit.Malformed, Entry: 9999, File: "tail/00000000000000009999"}},
		{"segment under a name of another form", rename(names[1], names[1]+"0"), audit.BrokenError{Code: audit.Missing, Entry: second, File: names[1]}},
		{"first segment copied to the end", func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, names[0]))
			return errors.Join(err, os.WriteFile(filepath.Join(dir, "tail/00000000000000009999"), b, 0o600))
		}, audit.BrokenError{Code: audit.Malformed, Entry: 9999, File: "tail/00000000000000009999"}},
		{"middle segment cut at a frame", within(names[1], func(all [][]byte) [][]byte { return all[:100] }),
			audit.BrokenError{Code: audit.Missing, Entry: second + 100, File: fmt.Sprintf("tail/%020d", second+100)}},
		{"middle segment cut in a frame", func(dir string) error { return os.Truncate(filepath.Join(dir, names[1]), 100_000) },
			audit.BrokenError{Code: audit.Malformed, Entry: second + 100_000/int64(len(frameOf(t, clean, names[1]))), File: names[1]}},
		{"middle segment emptied", func(dir string) error { return os.Truncate(filepath.Join(dir, names[1]), 0) },
			audit.BrokenError{Code: audit.Missing, Entry: second, File: names[1]}},
		{"frame removed", within(names[2], func(all [][]byte) [][]byte { return slices.Delete(all, 20, 21) }),
			audit.BrokenError{Code: audit.Malformed, Entry: third + 20, File: names[2]}},
		{"frame doubled", within(names[2], func(all [][]byte) [][]byte { return slices.Insert(all, 20, all[20]) }),
			audit.BrokenError{Code: audit.Malformed, Entry: third + 21, File: names[2]}},
		{"frames swapped", within(names[2], func(all [][]byte) [][]byte { all[20], all[21] = all[21], all[20]; return all }),
			audit.BrokenError{Code: audit.Malformed, Entry: third + 20, File: names[2]}},
		{"zeros between frames", within(names[2], func(all [][]byte) [][]byte { return slices.Insert(all, 20, make([]byte, 64)) }),
			audit.BrokenError{Code: audit.Malformed, Entry: third + 20, File: names[2]}},
		{"entry edited, checksum put right", within(names[1], edit(30)), audit.BrokenError{Code: audit.Unchained, Entry: second + 30, File: names[1]}},
		{"last entry of a segment edited, checksum put right", within(names[1], func(all [][]byte) [][]byte { return edit(len(all) - 1)(all) }),
			audit.BrokenError{Code: audit.Unchained, Entry: third - 1, File: names[1]}},
		{"entry of the tree edited, checksum put right", within(names[0], edit(2)), audit.BrokenError{Code: audit.Changed, Entry: 8, File: names[0]}},
		{"revision set back", within(names[1], func(all [][]byte) [][]byte {
			all[7] = sealed(bytes.Replace(all[7], []byte(`"revision":1000`), []byte(`"revision":0999`), 1))
			return all
		}), audit.BrokenError{Code: audit.Malformed, Entry: second + 7, File: names[1]}},
		{"only segments older than the tree", func(dir string) error {
			return errors.Join(remove(names[1])(dir), remove(names[2])(dir), within(names[0], func(all [][]byte) [][]byte { return all[:3] })(dir))
		}, audit.BrokenError{Code: audit.Truncated, Entry: 9, File: names[0]}},
		{"a folder in its place", func(dir string) error {
			return errors.Join(remove(names[1])(dir), os.Mkdir(filepath.Join(dir, names[1]), 0o700))
		}, audit.BrokenError{Code: audit.Missing, Entry: second, File: names[1]}},
		{"everything but the tail removed", func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "tile")), os.RemoveAll(filepath.Join(dir, ".state")), remove("checkpoint")(dir))
		}, audit.BrokenError{Code: audit.Missing, Entry: -1, File: "checkpoint"}},
		{"tree set back", func(dir string) error {
			return shrink(filepath.Join(dir, ".state/treeState"))
		}, audit.BrokenError{Code: audit.Truncated, Entry: 1, File: ".state/treeState"}},
	} {
		dir := copyLog(t, clean)
		if err := c.attack(dir); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var got *audit.BrokenError
		if r, err := audit.Verify(dir, k.verifier); !errors.As(err, &got) || *got != c.want {
			t.Errorf("%s: Verify = %+v, %v, want %v", c.name, r, err, &c.want)
		}
		got = nil
		if _, err := audit.Open(t.Context(), dir, k.signer, audit.Config{Verifier: k.verifier}); !errors.As(err, &got) || *got != c.want {
			t.Errorf("%s: Open = %v, want %v", c.name, err, &c.want)
		}
	}
	// What nobody has signed can be dropped from the end; the log is as it was
	// before. Whoever counts its entries elsewhere sees it.
	for _, c := range []struct {
		name   string
		attack func(dir string) error
		want   uint64
	}{
		{"newest segment removed", remove(names[2]), uint64(third)},
		{"all segments removed", func(dir string) error { return os.RemoveAll(filepath.Join(dir, "tail")) }, 10},
		{"newest frames removed", within(names[2], func(all [][]byte) [][]byte { return all[:5] }), uint64(third) + 5},
	} {
		dir := copyLog(t, clean)
		if err := c.attack(dir); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if r, err := audit.Verify(dir, k.verifier); err != nil || r.Size+r.Tail != c.want {
			t.Errorf("%s: Verify = %+v, %v, want %d entries", c.name, r, err, c.want)
		}
	}
}

// frameOf returns the first frame of a segment.
func frameOf(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b[:frames(b)[1]]
}

// shrink makes the tree state claim a tenth of its size.
func shrink(path string) error {
	return edit(path, func(s string) string { return strings.Replace(s, `"size":10,`, `"size":1,`, 1) })
}
