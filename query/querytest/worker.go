package querytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var built struct {
	once sync.Once
	path string
	err  error
}

// Worker returns the path of zonebox-worker: ZONEBOX_WORKER if that is set, or
// one built for this process and kept until its end by Main.
func Worker(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("ZONEBOX_WORKER"); path != "" {
		return path
	}
	built.once.Do(func() {
		var dir string
		if dir, built.err = os.MkdirTemp("", "zonebox-worker-"); built.err != nil {
			return
		}
		if built.err = os.Chmod(dir, 0o755); built.err != nil { // workers of a root gate run as nobody
			return
		}
		built.path = filepath.Join(dir, "zonebox-worker")
		build := exec.Command("go", "build", "-tags", "duckdb_arrow", "-o", built.path, "zonebox/cmd/zonebox-worker")
		build.Env = append(os.Environ(), "CGO_ENABLED=1")
		build.Stderr = os.Stderr
		built.err = build.Run()
	})
	if built.err != nil {
		t.Fatalf("build zonebox-worker: %v", built.err)
	}
	return built.path
}

// Main runs the tests of a package and removes the worker they built: call it
// from TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if built.path != "" {
		if err := os.RemoveAll(filepath.Dir(built.path)); err != nil {
			os.Stderr.WriteString("remove worker: " + err.Error() + "\n")
		}
	}
	os.Exit(code)
}
