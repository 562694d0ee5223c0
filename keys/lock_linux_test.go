package keys_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"zonebox/keys"
)

// A child process that is just being started holds a copy of every descriptor.
// The folder is free once it is closed all the same.
func TestACloseFreesTheFolderWhateverCopiesThereAre(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	p, err := keys.Create(dir, keys.Passphrase([]byte("a passphrase")))
	if err != nil {
		t.Fatal(err)
	}
	dup, err := unix.Dup(descriptorOf(t, filepath.Join(dir, "lock")))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dup)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := keys.Open(dir, keys.Passphrase([]byte("a passphrase")))
	if err != nil {
		t.Fatalf("open after close = %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// descriptorOf returns the descriptor under which this process has a file open.
func descriptorOf(t *testing.T, file string) int {
	t.Helper()
	for fd := range 1024 {
		if to, err := os.Readlink(fmt.Sprint("/proc/self/fd/", fd)); err == nil && to == file {
			return fd
		}
	}
	t.Fatalf("%s is not open", file)
	return -1
}
