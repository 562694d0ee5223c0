package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The files of a log, by the tlog-tiles layout (https://c2sp.org/tlog-tiles)
// and the state file that Tessera keeps beside it. This file and verify.go read
// them on their own, without Tessera: a mistake there must not hide itself.
const (
	checkpointFile = "checkpoint"
	stateFile      = ".state/treeState"
	versionFile    = ".state/version"
	bundleKind     = "entries"
	tileWidth      = 256
)

// tile names a file below tile/: an entry bundle or a tile of hashes.
type tile struct {
	kind  string // bundleKind, or the level of a hash tile
	index uint64
	width int // entries in it, 1 to tileWidth
}

func (t tile) path() string {
	s := fmt.Sprintf("%03d", t.index%1000)
	for n := t.index / 1000; n > 0; n /= 1000 {
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	if t.width < tileWidth {
		s = fmt.Sprintf("%s.p/%d", s, t.width)
	}
	return "tile/" + t.kind + "/" + s
}

// parseTile reads a slash-separated path below the log folder. It accepts only
// what path writes.
func parseTile(path string) (tile, bool) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return tile{}, false
	}
	kind, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return tile{}, false
	}
	t := tile{kind: kind, width: tileWidth}
	if name, width, partial := strings.Cut(rest, ".p/"); partial {
		w, err := strconv.Atoi(width)
		if err != nil || w < 1 || w >= tileWidth {
			return tile{}, false
		}
		rest, t.width = name, w
	}
	for part := range strings.SplitSeq(rest, "/") {
		n, err := strconv.ParseUint(strings.TrimPrefix(part, "x"), 10, 16)
		if err != nil || t.index > 1<<53 {
			return tile{}, false
		}
		t.index = t.index*1000 + n
	}
	if kind != bundleKind {
		if level, err := strconv.Atoi(kind); err != nil || level < 0 || level > 7 {
			return tile{}, false
		}
	}
	return t, t.path() == path
}

// span returns the number of log entries under one slot of t.
func (t tile) span() uint64 {
	if t.kind == bundleKind {
		return 1
	}
	level, _ := strconv.Atoi(t.kind)
	return 1 << (8 * level)
}

// within reports whether all of t lies in a tree of this size.
func (t tile) within(size uint64) bool {
	return t.index*tileWidth+uint64(t.width) <= size/t.span()
}

// treeState is the size and root of the tree, signed or not.
type treeState struct {
	Size uint64 `json:"size"`
	Root []byte `json:"root"`
}

var errForm = errors.New("not in the written form")

func readState(dir string) (treeState, error) {
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return treeState{}, err
	}
	var s treeState
	if err := json.Unmarshal(b, &s); err != nil {
		return treeState{}, fmt.Errorf("read %s: %w", stateFile, errForm)
	}
	if again, err := json.Marshal(s); err != nil || !bytes.Equal(again, b) || len(s.Root) != tlog.HashSize {
		return treeState{}, fmt.Errorf("read %s: %w", stateFile, errForm)
	}
	return s, nil
}

// checkpoint is the text of a signed checkpoint (https://c2sp.org/tlog-checkpoint).
type checkpoint struct {
	origin string
	size   uint64
	root   tlog.Hash
}

// openCheckpoint checks the signature of b and reads it. It accepts only the
// bytes that a signer writes: no other form of the same signature.
func openCheckpoint(b []byte, v note.Verifier) (checkpoint, error) {
	n, err := note.Open(b, note.VerifierList(v))
	if err != nil {
		return checkpoint{}, err
	}
	for _, sig := range append(n.Sigs, n.UnverifiedSigs...) {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return checkpoint{}, errForm
		}
	}
	c, err := parseCheckpoint(b)
	if err == nil && c.origin != v.Name() {
		err = errForm
	}
	return c, err
}

// parseCheckpoint reads the text of b without checking its signature.
func parseCheckpoint(b []byte) (checkpoint, error) {
	lines := strings.SplitN(string(b), "\n", 4)
	if len(lines) != 4 {
		return checkpoint{}, errForm
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return checkpoint{}, errForm
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return checkpoint{}, errForm
	}
	return checkpoint{origin: lines[0], size: size, root: tlog.Hash(root)}, nil
}

// splitBundle calls f for each of the first n leaves of an entry bundle: each is
// a length of two bytes, big endian, and that many bytes. It returns how many
// it found and what follows them.
func splitBundle(b []byte, n int, f func(i int, leaf []byte) error) (int, []byte, error) {
	for i := range n {
		if len(b) < 2 {
			return i, b, nil
		}
		end := 2 + int(binary.BigEndian.Uint16(b))
		if len(b) < end {
			return i, b, nil
		}
		if err := f(i, b[2:end]); err != nil {
			return i, b, err
		}
		b = b[end:]
	}
	return n, b, nil
}

// readTile returns a file of the tree. If a partial one is gone, the log has
// grown since and the full one holds its content first.
func readTile(dir string, t tile) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(t.path())))
	if errors.Is(err, os.ErrNotExist) && t.width < tileWidth {
		t.width = tileWidth
		if full, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(t.path()))); err == nil {
			return full, nil
		}
	}
	return b, err
}

// bundleAt returns the bundle that starts at entry first in a tree of size.
func bundleAt(first, size uint64) tile {
	return tile{kind: bundleKind, index: first / tileWidth, width: int(min(tileWidth, size-first))}
}

// readEntries calls f for the leaves from <= i < to of a tree of size.
func readEntries(dir string, from, to, size uint64, f func(i uint64, leaf []byte) error) error {
	for first := from / tileWidth * tileWidth; first < to; first += tileWidth {
		t := bundleAt(first, size)
		b, err := readTile(dir, t)
		if err != nil {
			return err
		}
		n, _, err := splitBundle(b, t.width, func(k int, leaf []byte) error {
			if i := first + uint64(k); i >= from && i < to {
				return f(i, leaf)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if n < t.width {
			return &BrokenError{Code: Malformed, Entry: int64(first) + int64(n), File: t.path()}
		}
	}
	return nil
}
