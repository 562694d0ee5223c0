package keys_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"zonebox/keys"
)

// What is no file of a key's size is refused, and nothing waits for it.
func TestWhatIsNoKeyFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	file, folder, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "folder"), filepath.Join(dir, "pipe")
	if err := keys.SaveUser(file, must(keys.Generate("a"))(t)); err != nil {
		t.Fatal(err)
	}
	text := must(os.ReadFile(file))(t)
	if err := os.WriteFile(file, append(text, bytes.Repeat([]byte("\n"), 1<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, folder, pipe} {
		done := make(chan error, 1)
		go func() {
			_, err := keys.LoadUser(path)
			done <- err
		}()
		select {
		case err := <-done:
			wantErr(t, "LoadUser of a "+filepath.Base(path), err, keys.ErrDamaged)
		case <-time.After(5 * time.Second):
			t.Errorf("LoadUser waits for a %s", filepath.Base(path))
		}
	}
}
