package zone

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// disk does every change to the file system, so that tests can stop it at each
// step. The zero disk is the real one.
type disk struct {
	fault func(op, path string) error // tests: an error ends the step before it happens
}

// do does one step.
func (d disk) do(op, path string, step func() error) error {
	if d.fault != nil {
		if err := d.fault(op, path); err != nil {
			return err
		}
	}
	return step()
}

// mkdir makes the folder and its parent if they are missing, and waits until
// the names of both are on disk.
func (d disk) mkdir(path string) error {
	if err := d.do("mkdir", path, func() error { return os.MkdirAll(path, 0o700) }); err != nil {
		return err
	}
	if err := d.sync(filepath.Dir(path)); err != nil {
		return err
	}
	return d.sync(filepath.Dir(filepath.Dir(path)))
}

// write makes a file that did not exist and waits until its bytes are on disk.
func (d disk) write(path string, data []byte) error {
	var f *os.File
	err := d.do("create", path, func() (err error) {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	// Sync has reported what Close could.
	defer func() { _ = f.Close() }()
	// In two writes, so that tests can stop midway.
	for _, half := range [][]byte{data[:len(data)/2], data[len(data)/2:]} {
		if err := d.do("write", path, func() error { _, err := f.Write(half); return err }); err != nil {
			return err
		}
	}
	return d.do("fsync", path, f.Sync)
}

func (d disk) rename(from, to string) error {
	return d.do("rename", to, func() error { return os.Rename(from, to) })
}

func (d disk) remove(path string) error {
	return d.do("remove", path, func() error { return os.RemoveAll(path) })
}

// sync waits until the names in a folder are on disk.
func (d disk) sync(dir string) error {
	return d.do("fsyncdir", dir, func() error {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		return f.Sync()
	})
}

// escape makes a folder name of the name of a zone or dataset: every byte
// outside a-z 0-9 _ - becomes %XX, so that no name is a path, hidden, or equal
// to another on a file system that folds case.
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-' {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + hex.EncodeToString([]byte{c}))
		}
	}
	return b.String()
}

var errEscape = errors.New("zone: not an escaped name")

func unescape(name string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '%' {
			b.WriteByte(name[i])
			continue
		}
		if i+2 >= len(name) {
			return "", errEscape
		}
		c, err := hex.DecodeString(name[i+1 : i+3])
		if err != nil {
			return "", errEscape
		}
		b.WriteByte(c[0])
		i += 2
	}
	if escape(b.String()) != name {
		return "", errEscape
	}
	return b.String(), nil
}

// nameLimit keeps an escaped name under the 255 bytes file systems allow.
const nameLimit = 80

func validName(name string) bool { return name != "" && len(name) <= nameLimit }
