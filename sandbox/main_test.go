package sandbox_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"zonebox/sandbox"
)

// worker is the binary under test, built with the probes of
// sandbox/worker/probe.go.
var worker string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if worker = os.Getenv("ZONEBOX_TEST_WORKER"); worker != "" {
		return m.Run() // TestAsAnOrdinaryUser
	}
	dir, err := os.MkdirTemp("", "zonebox-sandbox")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Workers of a root gate run as nobody, and tests run as nobody too.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	worker = filepath.Join(dir, "zonebox-worker")
	// netgo and osusergo as in the product: a driver asks who it runs as, and the C
	// library would open a socket to find out.
	build := exec.Command("go", "build", "-tags", "duckdb_arrow,netgo,osusergo,zonebox_probe", "-o", worker, "zonebox/cmd/zonebox-worker")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build worker: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// start returns a session of a pool that ends with the test.
func start(t *testing.T, cfg sandbox.Config) *sandbox.Session {
	t.Helper()
	s, err := pool(t, cfg).Start(t.Context())
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func pool(t *testing.T, cfg sandbox.Config) *sandbox.Pool {
	t.Helper()
	cfg.Worker = worker
	p, err := sandbox.NewPool(cfg)
	if err != nil {
		t.Fatalf("NewPool() = %v", err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}
