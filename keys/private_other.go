//go:build !linux

package keys

import (
	"fmt"
	"os"
)

// Private reports whether nobody may use an open file but its owner.
func Private(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("keys: %w", err)
	}
	return info.Mode().Perm()&0o077 == 0, nil
}
