//go:build !unix

package keys

import (
	"errors"
	"os"
)

// lockFolder refuses: without a lock two processes could hold one folder.
func lockFolder(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func unlockFolder(f *os.File) error { return f.Close() }
