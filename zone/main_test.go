package zone_test

import (
	"os"
	"testing"
)

// TestMain puts temporary folders on a memory file system where there is one:
// these tests flush thousands of files, which is free there. What is flushed
// when is tested by the order of the calls.
func TestMain(m *testing.M) {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() && os.Getenv("TMPDIR") == "" {
		if err := os.Setenv("TMPDIR", "/dev/shm"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
