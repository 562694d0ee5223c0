package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Code tells what a *[BrokenError] found.
type Code string

const (
	// Unsigned: the checkpoint is not one that the verifier's key signed.
	Unsigned Code = "unsigned"
	// Truncated: entries that a signed checkpoint or the tree state covers are missing.
	Truncated Code = "truncated"
	// Missing: a file of the tree or the tail is missing or unreadable.
	Missing Code = "missing"
	// Malformed: a file or leaf is not in the form it was written in.
	Malformed Code = "malformed"
	// Changed: an entry is not the one that was added at its index.
	Changed Code = "changed"
	// Moved: an entry stands at another index than it was given; something was
	// removed, inserted or reordered.
	Moved Code = "moved"
	// Unchained: an entry's successor records another SM3 digest.
	Unchained Code = "unchained"
	// Reverted: an entry's registry revision is smaller than its predecessor's.
	Reverted Code = "reverted"
	// Tile: the entries are intact, but a file derived from them is not.
	Tile Code = "tile"
	// Forked: entries and files agree, but not with a signed checkpoint: history
	// was rewritten as a whole.
	Forked Code = "forked"
)

// A BrokenError names the first place where a log does not verify.
type BrokenError struct {
	Code  Code
	Entry int64  // index of the first broken entry, -1 if none can be named
	File  string // path below the log folder, "" if none can be named
}

func (e *BrokenError) Error() string {
	s := "log is broken: " + string(e.Code)
	if e.Entry >= 0 {
		s += " at entry " + strconv.FormatInt(e.Entry, 10)
	}
	if e.File != "" {
		s += " in " + e.File
	}
	return s
}

// Report tells what Verify covered.
type Report struct {
	Origin   string
	Size     uint64 // entries under the signed checkpoint
	Tail     uint64 // durable entries after it: chained, not yet signed, perhaps not yet in the tree
	Root     string // base64, of the signed tree
	Head     string // hex SM3 of the last entry
	Revision int64  // of the last entry

	// Torn is the file at whose end bytes stand that are no entry, "" if none do:
	// the rest of a write that was cut short, or is going on. Nobody was told that
	// its entries are in the log.
	Torn string

	// Ignored lists files that are no part of the log, sorted: lock and
	// temporary files, collection state, leftovers of writes that were cut
	// short, anything foreign.
	Ignored []string
}

// Verify checks the log in dir against the note verifier key of its signer. It
// returns a *[BrokenError] for the first break, in entry order.
//
// It recomputes the tree from the entries and compares every tile, the signed
// checkpoint and the tree state; it follows the SM3 chain, the sequence numbers
// and the registry revisions; it demands that every leaf has its canonical
// form. Entries after the checkpoint are checked against each other, the tree
// state and the tail only, and counted in Tail. kept are checkpoints that were stored
// elsewhere: a log that no longer extends one of them is broken, even if it is
// consistent in itself.
//
// Verify takes no lock and writes nothing; it may run beside the gate or on a
// copy. Of the files it does not read, none can change its result: see
// [Report.Ignored].
func Verify(dir, verifierKey string, kept ...[]byte) (Report, error) {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return Report{}, fmt.Errorf("audit: verify log: verifier key: %w", err)
	}
	r, _, err := verify(dir, v, kept, func(Entry, chain) {})
	if err != nil {
		return r, fmt.Errorf("audit: verify log: %w", err)
	}
	return r, nil
}

// verify calls visit for each entry up to the first break, with the chain after
// it. It returns the leaves that the tree does not hold yet beside the report.
func verify(dir string, v note.Verifier, kept [][]byte, visit func(Entry, chain)) (Report, [][]byte, error) {
	// A running log moves entries from the tail to the tree: read in this order,
	// none can be missing from both.
	tail, err := readTail(dir)
	if err != nil {
		return Report{}, nil, err
	}
	signed, state, err := readHeads(dir, v)
	if err != nil {
		return Report{}, nil, err
	}
	if err := overtaken(dir, tail, state.Size); err != nil {
		return Report{}, nil, err
	}
	marks := []checkpoint{signed}
	for _, b := range kept {
		c, err := openCheckpoint(b, v)
		if err != nil {
			return Report{}, nil, fmt.Errorf("kept checkpoint: %w", err)
		}
		marks = append(marks, c)
	}
	for _, c := range marks {
		if c.size > state.Size {
			return Report{}, nil, &BrokenError{Code: Truncated, Entry: int64(state.Size), File: stateFile}
		}
	}
	have, ignored, err := inventory(dir, state.Size)
	if err != nil {
		return Report{}, nil, err
	}
	w := walk{dir: dir, size: state.Size, tail: tail, have: have, visit: visit, marks: marks}
	if err := w.run(); err != nil {
		return Report{}, nil, err
	}
	if err := w.judge(state); err != nil {
		return Report{}, nil, err
	}
	rest, err := w.follow()
	if err != nil {
		return Report{}, nil, err
	}
	r := Report{
		Origin: signed.origin, Size: signed.size, Tail: w.chain.size - signed.size, Root: signed.root.String(),
		Head: w.chain.digest, Revision: w.chain.revision, Ignored: ignored,
	}
	if n := len(tail); n > 0 && tail[n-1].torn > 0 && tail.end() >= state.Size {
		r.Torn = tail[n-1].file
	}
	return r, rest, nil
}

// readHeads reads the checkpoint and then the tree state, which a running log
// only moves on.
func readHeads(dir string, v note.Verifier) (checkpoint, treeState, error) {
	broken := func(code Code, file string) (checkpoint, treeState, error) {
		return checkpoint{}, treeState{}, &BrokenError{Code: code, Entry: -1, File: file}
	}
	b, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if err != nil {
		return broken(Missing, checkpointFile)
	}
	signed, err := openCheckpoint(b, v)
	if err != nil {
		return broken(Unsigned, checkpointFile)
	}
	state, err := readState(dir)
	if errors.Is(err, errForm) {
		return broken(Malformed, stateFile)
	} else if err != nil {
		return broken(Missing, stateFile)
	}
	if b, err = os.ReadFile(filepath.Join(dir, versionFile)); err != nil {
		return broken(Missing, versionFile)
	} else if string(b) != "1" {
		return broken(Malformed, versionFile)
	}
	return signed, state, nil
}

// inventory lists the files of a tree of size by what they hold, and the others.
func inventory(dir string, size uint64) (have map[tile][]int, ignored []string, err error) {
	have = map[tile][]int{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // collected meanwhile
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch t, ok := parseTile(rel); {
		case ok && t.within(size):
			w := t.width
			t.width = 0
			have[t] = append(have[t], w)
		case rel != checkpointFile && rel != stateFile && rel != versionFile:
			if _, ok := parseSegment(rel); !ok {
				ignored = append(ignored, rel)
			}
		}
		return nil
	})
	return have, ignored, err
}

// accepts returns what is wrong with e as the next entry of the chain, "" if
// nothing is.
func (c chain) accepts(e Entry) Code {
	switch {
	case e.Seq != c.size:
		return Moved
	case e.PrevSM3 != c.prev():
		return Unchained
	case e.Revision < c.revision:
		return Reverted
	}
	return ""
}

// walk reads the entries in order and recomputes everything derived from them.
type walk struct {
	dir   string
	size  uint64
	tail  segments
	have  map[tile][]int // widths on disk, by tile with width 0
	visit func(Entry, chain)
	marks []checkpoint

	chain  chain
	tree   frontier
	roots  []tlog.Hash   // of the tree at the size of each mark
	levels [][]tlog.Hash // the incomplete hash tile of each level
	filled []uint64      // complete hash tiles of each level
	entry  *BrokenError  // first break among the entries
	leaf   *BrokenError  // first entry that the lowest tiles do not hold
	file   *BrokenError  // first derived file that is wrong
	copied *BrokenError  // first entry that the tail holds differently
}

// run reads all bundles. It stops early where entries can no longer be told
// apart.
func (w *walk) run() error {
	w.roots = make([]tlog.Hash, len(w.marks))
	w.mark()
	for first := uint64(0); first < w.size; first += tileWidth {
		t := bundleAt(first, w.size)
		b, err := readTile(w.dir, t)
		if err != nil {
			have := 0
			for _, n := range w.have[tile{kind: t.kind, index: t.index}] {
				have = max(have, n)
			}
			return w.earliest(&BrokenError{Code: Missing, Entry: int64(first) + int64(have), File: t.path()})
		}
		ends := make([]int, 1, tileWidth+1)
		n, rest, _ := splitBundle(b, t.width, func(k int, leaf []byte) error {
			w.add(first+uint64(k), leaf, t)
			ends = append(ends, ends[k]+2+len(leaf))
			return nil
		})
		if n < t.width || (len(rest) > 0 && w.exact(t)) {
			w.flush()
			return w.earliest(&BrokenError{Code: Malformed, Entry: int64(first) + int64(n), File: t.path()})
		}
		w.older(t, func(n int) []byte { return b[:ends[n]] })
	}
	w.flush()
	return nil
}

// exact reports whether t itself is on disk, not only a later version of it. A
// running log may have removed it since the files were listed.
func (w *walk) exact(t tile) bool {
	_, err := os.Lstat(filepath.Join(w.dir, filepath.FromSlash(t.path())))
	return err == nil
}

func (w *walk) add(i uint64, leaf []byte, t tile) {
	h := tlog.RecordHash(leaf)
	w.hash(0, h)
	w.tree.add(h)
	w.mark()
	if kept, file, ok := w.tail.at(i); ok && w.copied == nil && !bytes.Equal(kept, leaf) {
		w.copied = &BrokenError{Code: Changed, Entry: int64(i), File: file}
	}
	if w.entry != nil {
		return
	}
	e, err := decode(leaf)
	if err != nil {
		w.entry = &BrokenError{Code: Malformed, Entry: int64(i), File: t.path()}
		return
	}
	if code := w.chain.accepts(e); code != "" {
		w.entry = &BrokenError{Code: code, Entry: int64(i), File: t.path()}
		if code == Unchained && i > 0 {
			// The entry before is not the one that this entry followed.
			w.entry.Entry, w.entry.File = int64(i)-1, bundleAt((i-1)/tileWidth*tileWidth, w.size).path()
		}
		return
	}
	w.chain = w.chain.next(e, leaf)
	w.visit(e, w.chain)
}

// mark notes the root for each checkpoint of the tree's present size.
func (w *walk) mark() {
	for k, c := range w.marks {
		if c.size == w.tree.size {
			w.roots[k] = w.tree.root()
		}
	}
}

// hash adds h to the tile being filled at this level.
func (w *walk) hash(level int, h tlog.Hash) {
	if level == len(w.levels) {
		w.levels, w.filled = append(w.levels, nil), append(w.filled, 0)
	}
	w.levels[level] = append(w.levels[level], h)
	if len(w.levels[level]) < tileWidth {
		return
	}
	w.compare(level)
	var sub frontier
	for _, h := range w.levels[level] {
		sub.add(h)
	}
	w.levels[level] = w.levels[level][:0]
	w.filled[level]++
	w.hash(level+1, sub.root())
}

// flush compares the tiles at the right edge.
func (w *walk) flush() {
	for level := range w.levels {
		if len(w.levels[level]) > 0 {
			w.compare(level)
		}
	}
}

// compare checks the stored tile of a level against the recomputed one.
func (w *walk) compare(level int) {
	t := tile{kind: strconv.Itoa(level), index: w.filled[level], width: len(w.levels[level])}
	want := make([]byte, 0, tileWidth*tlog.HashSize)
	for _, h := range w.levels[level] {
		want = append(want, h[:]...)
	}
	defer w.older(t, func(n int) []byte { return want[:n*tlog.HashSize] })
	got, err := readTile(w.dir, t)
	if err == nil && !w.exact(t) && len(got) > len(want) {
		got = got[:len(want)]
	}
	if err == nil && bytes.Equal(got, want) {
		return
	}
	same := 0
	for same < min(len(got), len(want)) && got[same] == want[same] {
		same++
	}
	entry := (t.index*tileWidth + uint64(same/tlog.HashSize)) * t.span()
	if w.file == nil {
		w.file = &BrokenError{Code: Tile, Entry: -1, File: t.path()}
		if err != nil {
			w.file.Code = Missing
		}
	}
	if level == 0 && w.leaf == nil && err == nil && same < len(want) {
		w.leaf = &BrokenError{Code: Changed, Entry: int64(entry), File: bundleAt(t.index*tileWidth, w.size).path()}
	}
}

// older checks the earlier versions of a tile, which readers of earlier
// checkpoints may still ask for: each is the first part of it.
func (w *walk) older(t tile, prefix func(width int) []byte) {
	for _, n := range w.have[tile{kind: t.kind, index: t.index}] {
		if n >= t.width || w.file != nil {
			continue
		}
		old := tile{kind: t.kind, index: t.index, width: n}
		b, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(old.path())))
		if errors.Is(err, os.ErrNotExist) {
			continue // collected meanwhile
		}
		if err != nil || !bytes.Equal(b, prefix(n)) {
			w.file = &BrokenError{Code: Tile, Entry: -1, File: old.path()}
		}
	}
}

// earliest returns the first of the breaks among entries and e. Where the chain
// cannot tell which of two entries changed, the lowest tile can.
func (w *walk) earliest(e *BrokenError) error {
	chained := w.entry
	if chained != nil && chained.Code == Unchained && w.leaf != nil && w.leaf.Entry <= chained.Entry+1 {
		chained = nil
	}
	for _, o := range []*BrokenError{w.leaf, chained} {
		if o != nil && (e == nil || o.Entry < e.Entry) {
			e = o
		}
	}
	if e == nil {
		return nil
	}
	return e
}

// judge compares the roots and decides which of the breaks came first. If the
// entries give the signed root they are what was signed, and a tile that differs
// is itself wrong; otherwise the first entry that differs from its tile is.
func (w *walk) judge(state treeState) error {
	wrong := -1
	for k, c := range w.marks {
		if w.roots[k] != c.root && wrong < 0 {
			wrong = k
		}
	}
	end := w.tree.root()
	whole := bytes.Equal(end[:], state.Root)
	if wrong < 0 && whole {
		w.leaf = nil
	}
	if err := w.earliest(nil); err != nil {
		return err
	}
	switch {
	case w.file != nil:
		return w.file
	case wrong == 0:
		return &BrokenError{Code: Forked, Entry: -1, File: checkpointFile}
	case wrong > 0:
		return &BrokenError{Code: Forked, Entry: -1}
	case !whole:
		return &BrokenError{Code: Malformed, Entry: -1, File: stateFile}
	}
	return nil
}

// frontier is the right edge of an RFC 6962 tree: the roots of its complete
// subtrees, largest first.
type frontier struct {
	size  uint64
	roots []tlog.Hash
}

func (f *frontier) add(h tlog.Hash) {
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.roots) - 1
		h = tlog.NodeHash(f.roots[last], h)
		f.roots = f.roots[:last]
	}
	f.roots = append(f.roots, h)
	f.size++
}

func (f *frontier) root() tlog.Hash {
	if f.size == 0 {
		return sha256.Sum256(nil)
	}
	h := f.roots[len(f.roots)-1]
	for i := len(f.roots) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.roots[i], h)
	}
	return h
}
