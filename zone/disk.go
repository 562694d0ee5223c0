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

func (d disk) step(op, path string) error {
	if d.fault == nil {
		return nil
	}
	return d.fault(op, path)
}

// mkdir makes the folder and its parents, and waits until each new one is
// named on disk.
func (d disk) mkdir(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := d.step("mkdir", path); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := d.sync(filepath.Dir(path)); err != nil {
		return err
	}
	return d.sync(filepath.Dir(filepath.Dir(path)))
}

// write makes a file that did not exist and waits until its bytes are on disk.
func (d disk) write(path string, data []byte) error {
	if err := d.step("create", path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // Sync has reported what Close could
	half := len(data) / 2
	if _, err := f.Write(data[:half]); err != nil {
		return err
	}
	if err := d.step("write", path); err != nil {
		return err
	}
	if _, err := f.Write(data[half:]); err != nil {
		return err
	}
	if err := d.step("fsync", path); err != nil {
		return err
	}
	return f.Sync()
}

func (d disk) rename(from, to string) error {
	if err := d.step("rename", to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func (d disk) remove(path string) error {
	if err := d.step("remove", path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// sync waits until the names in a folder are on disk.
func (d disk) sync(dir string) error {
	if err := d.step("fsyncdir", dir); err != nil {
		return err
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
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
