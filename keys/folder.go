package keys

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// maxName keeps an escaped name, three bytes for each, below the 255 bytes that
// common file systems allow.
const maxName = 80

// maxKeyFile bounds what is read as a key file, in bytes.
const maxKeyFile = 1 << 20

// syncFile makes a file or folder durable. Tests make it fail.
var syncFile = (*os.File).Sync

func checkName(name string) error {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) {
		return ErrName
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return ErrName
		}
	}
	return nil
}

// member returns the slash-separated name of a key file inside the folder.
// Escaping makes any checked name one path element.
func member(folder, name string) string {
	return folder + "/" + url.PathEscape(name) + ".key"
}

func checkDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return noKey(err)
	}
	if !info.IsDir() {
		return ErrDamaged
	}
	if info.Mode().Perm()&0o077 != 0 {
		return ErrPermission
	}
	return nil
}

// readPrivate reads a file that is Private, as the open file is: it cannot be
// exchanged in between.
func readPrivate(path string) ([]byte, error) { return readPrivateUpTo(path, maxKeyFile) }

func readPrivateUpTo(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe is not waited for
	if err != nil {
		return nil, noKey(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if alone, err := Private(f); err != nil || !alone {
		return nil, errors.Join(err, fmt.Errorf("%s: %w", filepath.Base(path), ErrPermission))
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), ErrDamaged)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// newPrefix begins the name of a file that writeFile has not put in place yet.
const newPrefix = ".new-"

// sweepNew destroys what a process that ended in writeFile left in a folder. The
// caller has the lock.
func sweepNew(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), newPrefix) || !e.Type().IsRegular() {
			continue
		}
		if err := destroyFile(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// writeFile puts data at path with mode 0600, whole or not at all, and returns
// when it is durable.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), newPrefix+"*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once renamed
	_, err = f.Write(data)
	if err == nil {
		err = syncFile(f)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return err
}

// replaceFile is writeFile for a key that another one follows: the blocks of the
// earlier file are overwritten once the new one is durable.
func replaceFile(path string, data []byte) error {
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return noKey(err)
	}
	defer old.Close()
	info, err := old.Stat()
	if err != nil {
		return err
	}
	if err := writeFile(path, data); err != nil {
		return err
	}
	// The new key stands whether or not this succeeds: what would stay is ciphertext
	// under the root, in blocks that no file has any more.
	_ = overwrite(old, info.Size())
	return nil
}

// overwrite puts random bytes in place of what a file holds.
func overwrite(f *os.File, size int64) error {
	noise := make([]byte, size)
	rand.Read(noise)
	if _, err := f.WriteAt(noise, 0); err != nil {
		return err
	}
	return syncFile(f)
}

// destroyFile overwrites the file with random bytes, removes it, and returns
// when both are durable. ErrNoKey if it is not there.
func destroyFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return noKey(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := overwrite(f, info.Size()); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// MakeFolder makes a folder with mode 0700, and those above it that are missing,
// and returns when their names are durable. One that is there is left as it is.
func MakeFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return fmt.Errorf("keys: make folder %s: %w", dir, syscall.ENOTDIR)
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MakeFolder(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return syncFile(d)
}
