package feed

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// appendTo adds data to a file and returns once it is durable. The file is opened
// anew each time, so that it may be moved away; one that is not there is made, of
// mode 0600. What stands in its place must be a file of the gate's own: nothing that
// a link leads to is written, and nobody else reads on. A last line that is not
// whole is ended first.
func appendTo(path string, data []byte) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || st.Nlink != 1 || int(st.Uid) != os.Geteuid() {
		return ErrFile
	}
	if info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			data = append([]byte{'\n'}, data...)
		}
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
