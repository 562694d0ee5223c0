package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// An Extension shows that a log continues what it was: its newest checkpoint, and
// the proof that the tree of From entries is the beginning of it (RFC 9162 §2.1.4).
// The proof is empty where there is nothing to prove: From is 0, the size itself, or
// beyond it.
type Extension struct {
	From       uint64         `json:"from"`
	Checkpoint string         `json:"checkpoint"` // a signed note
	Proof      tlog.TreeProof `json:"proof"`
}

// Extend returns the newest checkpoint of the log in dir and the proof that it
// continues the tree of its first from entries. It takes no lock and may run
// beside the gate or on a copy; it reads hashes, no entry, and none that does not
// belong under the checkpoint.
func Extend(dir string, from uint64) (Extension, error) {
	b, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if err != nil {
		return Extension{}, fmt.Errorf("audit: prove extension: %w", err)
	}
	c, err := parseCheckpoint(b)
	if err != nil {
		return Extension{}, fmt.Errorf("audit: prove extension: %w", err)
	}
	x := Extension{From: from, Checkpoint: string(b)}
	if from == 0 || from >= c.size {
		return x, nil
	}
	if x.Proof, err = tlog.ProveTree(int64(c.size), int64(from), c.hashes(dir)); err != nil {
		return Extension{}, fmt.Errorf("audit: prove extension: %w", err)
	}
	return x, nil
}

// Check returns the head of the extension's checkpoint. It returns a *[BrokenError]
// if the key did not sign it (Unsigned), if it has fewer entries than last
// (Truncated), or if it does not continue it (Forked).
func (x Extension) Check(verifierKey string, last Head) (Head, error) {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return Head{}, fmt.Errorf("audit: check extension: verifier key: %w", err)
	}
	c, err := openCheckpoint([]byte(x.Checkpoint), v)
	if err != nil {
		return Head{}, fmt.Errorf("audit: check extension: %w", &BrokenError{Code: Unsigned, Entry: -1, File: checkpointFile})
	}
	broken := func(code Code, entry int64) (Head, error) {
		return Head{}, fmt.Errorf("audit: check extension: %w", &BrokenError{Code: code, Entry: entry, File: checkpointFile})
	}
	switch {
	case c.size < last.Size:
		return broken(Truncated, int64(c.size))
	case last.Size == 0, c.head() == last:
		return c.head(), nil
	case c.size == last.Size:
		return broken(Forked, -1)
	}
	root, err := tlog.ParseHash(last.Root)
	if err != nil {
		return Head{}, fmt.Errorf("audit: check extension: root of the last head: %w", err)
	}
	if tlog.CheckTree(x.Proof, int64(c.size), c.root, int64(last.Size), root) != nil {
		return broken(Forked, -1)
	}
	return c.head(), nil
}

// Holds returns a *[BrokenError] unless the log in dir, whose checkpoint the key
// signed, is at least as long as each head and has its root at that size.
func Holds(dir, verifierKey string, heads ...Head) error {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return fmt.Errorf("audit: compare heads: verifier key: %w", err)
	}
	broken := func(code Code, entry int64) error {
		return fmt.Errorf("audit: compare heads: %w", &BrokenError{Code: code, Entry: entry, File: checkpointFile})
	}
	b, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if err != nil {
		return broken(Missing, -1)
	}
	c, err := openCheckpoint(b, v)
	if err != nil {
		return broken(Unsigned, -1)
	}
	for _, h := range heads {
		if h.Size > c.size {
			return broken(Truncated, int64(c.size))
		}
		root, err := tlog.TreeHash(int64(h.Size), c.hashes(dir))
		if err != nil {
			return fmt.Errorf("audit: compare heads: %w", err)
		}
		if root.String() != h.Root {
			return broken(Forked, -1)
		}
	}
	return nil
}

// hashes reads the hashes of the tree under c from the tiles in dir, and none that
// do not lead to its root.
func (c checkpoint) hashes(dir string) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: int64(c.size), Hash: c.root}, tileFolder(dir))
}

// tileFolder is a tlog.TileReader of the log in a folder.
type tileFolder string

// Height is the number of levels in a tile.
func (tileFolder) Height() int { return 8 }

// SaveTiles keeps nothing: the tiles lie in the folder.
func (tileFolder) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles returns the tiles' hashes.
func (f tileFolder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		b, err := readTile(string(f), tile{kind: strconv.Itoa(t.L), index: uint64(t.N), width: t.W})
		if err != nil {
			return nil, err
		}
		if len(b) < t.W*tlog.HashSize {
			return nil, errors.New("tile is too short")
		}
		out[i] = b[:t.W*tlog.HashSize]
	}
	return out, nil
}
