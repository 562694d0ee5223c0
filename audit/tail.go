package audit

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// segmentSize is the size of a segment in bytes, about a thousand entries. It
// is written out as zeros beforehand: a sync of bytes that the file has already
// writes them and nothing else, while one that makes the file longer, or fills
// what was only reserved, also commits the file system's journal.
const segmentSize = 512 << 10

// A tail writes the segments. Its methods belong to the sequencer, but for drop.
type tail struct {
	dir    string
	file   *os.File // of the newest segment, nil if the next frame begins another
	used   int64    // bytes of whole frames in it
	unsure bool     // a write failed: it may hold more than that

	mu     sync.Mutex
	firsts []uint64 // of the segments on disk, oldest first
}

// write appends a frame of entries from first on and returns once it is durable.
// With an error none of them is in the log, unless the process ends before a
// later call has cut the segment back.
func (t *tail) write(first uint64, leaves [][]byte) error {
	if t.unsure {
		if err := t.cut(); err != nil {
			return err
		}
	}
	frame := appendFrame(nil, first, leaves)
	if t.file == nil || t.used+int64(len(frame)) > segmentSize {
		if err := t.begin(first); err != nil {
			return err
		}
	}
	if err := writeThrough(t.file, frame, t.used); err != nil {
		t.unsure = true
		_ = t.cut() // tried again before the next frame
		return err
	}
	t.used += int64(len(frame))
	return nil
}

// appendFrame appends to b the frame of entries from first on.
func appendFrame(b []byte, first uint64, leaves [][]byte) []byte {
	head := len(b)
	b = append(b, make([]byte, frameHead)...)
	for _, leaf := range leaves {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(leaf))), leaf...)
	}
	frame := b[head:]
	binary.BigEndian.PutUint32(frame[4:], uint32(len(frame)-frameHead))
	binary.BigEndian.PutUint64(frame[8:], first)
	binary.BigEndian.PutUint32(frame, crc32.Checksum(frame[4:], castagnoli))
	return b
}

// writeThrough writes b at offset and syncs it.
func writeThrough(f *os.File, b []byte, offset int64) error {
	if _, err := f.WriteAt(b, offset); err != nil {
		return err
	}
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return err
	}
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil {
		return err
	}
	if s.Nlink == 0 {
		return errors.New("segment was removed")
	}
	return nil
}

// begin starts the segment of entries from first on. If it fails, so will the
// next frame until it succeeds: the segment before takes none any more.
func (t *tail) begin(first uint64) error {
	t.close()
	path := filepath.Join(t.dir, segmentFile(first))
	// A file of this name is left of an attempt that failed: nothing in it was
	// acknowledged.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(make([]byte, segmentSize)); err == nil {
		err = errors.Join(f.Sync(), syncFolder(filepath.Dir(path)))
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(path))
	}
	t.file, t.used = f, 0
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.firsts); n == 0 || t.firsts[n-1] != first {
		t.firsts = append(t.firsts, first)
	}
	return nil
}

// cut takes back what a failed write left of its frame, and ends the segment.
func (t *tail) cut() error {
	t.mu.Lock()
	path := filepath.Join(t.dir, segmentFile(t.firsts[len(t.firsts)-1]))
	t.mu.Unlock()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(t.used), f.Sync(), f.Close()); err != nil {
		return err
	}
	t.unsure = false
	t.close()
	return nil
}

func (t *tail) close() {
	if t.file != nil {
		t.file.Close() // everything acknowledged was synced
		t.file = nil
	}
}

// drop removes the segments that hold only entries of a tree of size, but for
// the newest. It is the integrator's.
func (t *tail) drop(size uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.firsts) > 1 && t.firsts[1] <= size {
		if err := os.Remove(filepath.Join(t.dir, segmentFile(t.firsts[0]))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return // tried again after the next batch
		}
		t.firsts = t.firsts[1:]
	}
}

// makeTail makes the folder of the segments, durably.
func makeTail(dir string) error {
	if err := os.Mkdir(filepath.Join(dir, tailFolder), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncFolder(dir)
}

// clearTail removes all segments in dir, the oldest first, once the tree holds
// them. It returns when they can not come back.
func clearTail(dir string) error {
	folder := filepath.Join(dir, tailFolder)
	files, err := os.ReadDir(folder) // sorted by name
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, ok := parseSegment(tailFolder + "/" + f.Name()); !ok {
			continue
		}
		if err := os.Remove(filepath.Join(folder, f.Name())); err != nil {
			return err
		}
	}
	return syncFolder(folder)
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
