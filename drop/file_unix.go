//go:build unix

package drop

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// nonblock keeps the opening of a pipe from waiting.
const nonblock = syscall.O_NONBLOCK

// links is how many names a file has.
func links(info fs.FileInfo) uint64 {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return uint64(s.Nlink)
}

// inode returns the device of a file and its number on it.
func inode(info fs.FileInfo) (device, number uint64) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return uint64(s.Dev), uint64(s.Ino)
}

// take locks the folder for this process.
func take(root *os.Root) (*os.File, error) {
	f, err := root.OpenFile(lock, os.O_RDWR|os.O_CREATE|nonblock, 0o644)
	if err != nil {
		return nil, fmt.Errorf("drop: lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("drop: %w", ErrTaken), f.Close())
	}
	return f, nil
}

// release gives the folder back, also where a child that is just being started
// has the lock's descriptor as well.
func release(lock *os.File) error {
	return errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN), lock.Close())
}
