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

// kept are folders that stay until the process ends.
var kept struct {
	sync.Mutex
	dirs []string
}

// Worker returns the path of zonebox-worker: ZONEBOX_WORKER if that is set, or
// one built for this process and kept until Clean.
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
		kept.Lock()
		kept.dirs = append(kept.dirs, dir)
		kept.Unlock()
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

// Main runs the tests of a package and cleans up: call it from TestMain.
func Main(m *testing.M) {
	code := m.Run()
	Clean()
	os.Exit(code)
}

// Clean removes what tests of the process shared: the worker they built and the
// domains they copied.
func Clean() {
	kept.Lock()
	defer kept.Unlock()
	for _, dir := range kept.dirs {
		if err := os.RemoveAll(dir); err != nil {
			os.Stderr.WriteString("remove what tests shared: " + err.Error() + "\n")
		}
	}
	kept.dirs = nil
}
