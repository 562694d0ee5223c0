package query_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"zonebox/query"
	"zonebox/query/querytest"
)

// A secret that others may read is none; what comes out of a pipe of one's own is.
func TestASecretIsItsOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pass")
	for mode, want := range map[os.FileMode]string{0o600: "", 0o400: "", 0o640: "SECRET_FILE", 0o604: "SECRET_FILE", 0o620: "SECRET_FILE", 0o601: "SECRET_FILE"} {
		if err := os.WriteFile(path, []byte("guess"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		got, err := query.ReadSecret(path)
		if querytest.Code(err) != want || (want == "") != (string(got) == "guess") {
			t.Errorf("mode %o = %q, %v, want %q", mode, got, err, want)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := query.ReadSecret(path); err == nil {
		t.Error("a secret of more than a megabyte is read")
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(pipe, []byte("guess"), 0o600) }()
	if got, err := query.ReadSecret(pipe); err != nil || string(got) != "guess" {
		t.Errorf("a pipe = %q, %v", got, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}
