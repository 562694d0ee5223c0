package audit

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// reserve is what must be free on the log's file system before a change
// begins: a batch writes at most a segment of the tail, two bundles of 256
// entries of MaxLeaf bytes, three tiles and the heads.
const reserve = 2 << 20

// Room returns ErrUnavailable unless the log's file system has room for the
// entries of a change, and while the newest entries cannot be moved to the tree
// and signed. Who commits a change elsewhere before appending its entry asks
// first, so that a full disk stops the change and not only its entry. It is a
// look, not a reservation: others may fill the disk right after.
func (l *Log) Room() error {
	var s unix.Statfs_t
	if err := unix.Statfs(l.dir, &s); err != nil {
		return fmt.Errorf("audit: %w: %v", ErrUnavailable, err)
	}
	// File systems without a table of inodes report none at all.
	if free := uint64(s.Bavail) * uint64(s.Bsize); free < reserve || s.Files > 0 && s.Ffree < 16 {
		return fmt.Errorf("audit: %w: %d bytes and %d files are free", ErrUnavailable, free, s.Ffree)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.retry(); err != nil {
		return fmt.Errorf("audit: %w: %v", ErrUnavailable, err)
	}
	return nil
}
