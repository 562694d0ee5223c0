//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// ownOrRoot reports whether a file is root's or the reader's.
func ownOrRoot(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && (s.Uid == 0 || int(s.Uid) == os.Geteuid())
}
