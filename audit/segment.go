package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The tail holds the newest entries, those that the tree may not hold yet, in
// segments: files named after their first entry. A segment is a run of frames
// and then zeros. A frame is one batch of entries, written and synced at once:
//
//	CRC-32C of the rest of the frame   4 bytes, big endian
//	length of the leaves               4 bytes
//	index of the first entry           8 bytes
//	leaves, as in an entry bundle
//
// Nothing but the newest frame can have been cut short by the end of a process
// or of its machine, and nobody was told that such a frame is in the log. This
// file reads the tail on its own; tail.go writes it.
const (
	tailFolder = "tail"
	frameHead  = 4 + 4 + 8
	maxFrame   = frameHead + maxBatch*(2+MaxLeaf)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segmentFile returns the path below the log folder of the segment whose first
// entry is first.
func segmentFile(first uint64) string { return fmt.Sprintf(tailFolder+"/%020d", first) }

// parseSegment reads a slash-separated path below the log folder. It accepts
// only what segmentFile writes.
func parseSegment(path string) (first uint64, ok bool) {
	name, ok := strings.CutPrefix(path, tailFolder+"/")
	if !ok {
		return 0, false
	}
	first, err := strconv.ParseUint(name, 10, 63)
	return first, err == nil && segmentFile(first) == path
}

// segment is what one file of the tail holds.
type segment struct {
	file   string // path below the log folder
	first  uint64
	leaves [][]byte
	torn   int // bytes after the last whole frame, up to the last that is not zero
}

func (s segment) end() uint64 { return s.first + uint64(len(s.leaves)) }

// segments are those of a tail, oldest first.
type segments []segment

// end returns the index after the newest entry; 0 if there is no segment.
func (t segments) end() uint64 {
	if len(t) == 0 {
		return 0
	}
	return t[len(t)-1].end()
}

// at returns the leaf of entry i and the file that holds it.
func (t segments) at(i uint64) (leaf []byte, file string, ok bool) {
	for _, s := range t {
		if i >= s.first && i < s.end() {
			return s.leaves[i-s.first], s.file, true
		}
	}
	return nil, "", false
}

// readTail reads the segments in dir. Between two of them entries may be
// missing: the log removes a segment once the tree holds all of it.
func readTail(dir string) (segments, error) {
	files, err := os.ReadDir(filepath.Join(dir, tailFolder)) // sorted by name
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, &BrokenError{Code: Missing, Entry: -1, File: tailFolder}
	}
	var firsts []uint64
	for _, f := range files {
		if first, ok := parseSegment(tailFolder + "/" + f.Name()); ok {
			firsts = append(firsts, first)
		}
	}
	var t segments
	for k, first := range firsts {
		b, err := os.ReadFile(filepath.Join(dir, segmentFile(first)))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, &BrokenError{Code: Missing, Entry: int64(first), File: segmentFile(first)}
		}
		s, err := splitSegment(b, first, k == len(firsts)-1)
		if err != nil {
			return nil, err
		}
		if first < t.end() {
			return nil, &BrokenError{Code: Moved, Entry: int64(first), File: s.file}
		}
		t = append(t, s)
	}
	return t, nil
}

// splitSegment reads a segment. Only in the last one may the newest frame be
// broken.
func splitSegment(b []byte, first uint64, last bool) (segment, error) {
	s := segment{file: segmentFile(first), first: first}
	for {
		leaves, rest, ok := splitFrame(b, s.end())
		if !ok {
			break
		}
		s.leaves, b = append(s.leaves, leaves...), rest
	}
	b = bytes.TrimRight(b, "\x00")
	s.torn = len(b)
	if s.torn > 0 && (!last || s.torn > maxFrame || holdsFrame(b)) {
		return s, &BrokenError{Code: Malformed, Entry: int64(s.end()), File: s.file}
	}
	return s, nil
}

// splitFrame returns the leaves of the frame that b begins with, whose first
// entry must be first, and what follows it.
func splitFrame(b []byte, first uint64) (leaves [][]byte, rest []byte, ok bool) {
	if len(b) < frameHead || binary.BigEndian.Uint64(b[8:]) != first {
		return nil, nil, false
	}
	end := frameHead + int(binary.BigEndian.Uint32(b[4:]))
	if end == frameHead || end > min(maxFrame, len(b)) || crc32.Checksum(b[4:end], castagnoli) != binary.BigEndian.Uint32(b) {
		return nil, nil, false
	}
	_, more, _ := splitBundle(b[frameHead:end], math.MaxInt, func(_ int, leaf []byte) error {
		leaves = append(leaves, leaf)
		return nil
	})
	return leaves, b[end:], len(more) == 0
}

// holdsFrame reports whether a whole frame stands anywhere in b, in its place or
// not: a write that was cut short leaves none.
func holdsFrame(b []byte) bool {
	for ; len(b) >= frameHead; b = b[1:] {
		if _, _, ok := splitFrame(b, binary.BigEndian.Uint64(b[8:])); ok {
			return true
		}
	}
	return false
}

// overtaken reports a tail that ends before the tree of size does. Entries come
// to the tree from the newest segment, so it holds the newest entry, if there
// is one; but of a running log the tail may have been read earlier.
func overtaken(dir string, t segments, size uint64) error {
	if len(t) == 0 || t.end() >= size {
		return nil
	}
	t, err := readTail(dir)
	if err != nil || len(t) == 0 || t.end() >= size {
		return err
	}
	last := t[len(t)-1]
	if last.torn > 0 {
		return &BrokenError{Code: Malformed, Entry: int64(last.end()), File: last.file}
	}
	return &BrokenError{Code: Truncated, Entry: int64(last.end()), File: last.file}
}

// follow checks the tail against the tree: the entries of both are the same, and
// those after the tree continue its chain. It returns the leaves of the latter.
func (w *walk) follow() ([][]byte, error) {
	if w.copied != nil {
		return nil, w.copied
	}
	var rest [][]byte
	for i := w.size; i < w.tail.end(); i++ {
		leaf, file, ok := w.tail.at(i)
		if !ok {
			return nil, &BrokenError{Code: Missing, Entry: int64(i), File: segmentFile(i)}
		}
		e, err := decode(leaf)
		if err != nil {
			return nil, &BrokenError{Code: Malformed, Entry: int64(i), File: file}
		}
		if code := w.chain.accepts(e); code != "" {
			if _, before, ok := w.tail.at(i - 1); ok && i > w.size && code == Unchained {
				// The entry before is not the one that this entry followed.
				i, file = i-1, before
			}
			return nil, &BrokenError{Code: code, Entry: int64(i), File: file}
		}
		w.chain = w.chain.next(e, leaf)
		w.visit(e, w.chain)
		rest = append(rest, leaf)
	}
	return rest, nil
}
