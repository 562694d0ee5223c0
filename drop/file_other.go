//go:build !unix

package drop

import (
	"errors"
	"io/fs"
	"os"
)

const nonblock = 0

func links(fs.FileInfo) uint64 { return 0 }

func inode(fs.FileInfo) (device, number uint64) { return 0, 0 }

// take refuses: without Unix's locks and file numbers there is no protection.
func take(*os.Root) (*os.File, error) {
	return nil, errors.New("drop: this system has no drop folders")
}

func release(lock *os.File) error { return lock.Close() }
