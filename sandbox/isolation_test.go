package sandbox_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"zonebox/query/ast"
	"zonebox/sandbox"
)

// Layers by the names the worker knows them by.
var allLayers = []string{"no_new_privs", "seccomp", "landlock", "limits", "nondumpable", "namespaces", "root", "capabilities", "descriptors"}

// only returns a configuration with nothing but the named layers.
func only(keep ...string) sandbox.Config {
	skip := []string{"none"}
	for _, l := range allLayers {
		if !strings.Contains(strings.Join(keep, " "), l) {
			skip = append(skip, l)
		}
	}
	return sandbox.Skipping(sandbox.Config{}, skip...)
}

// without returns the usual configuration less the named layers.
func without(layers ...string) sandbox.Config { return sandbox.Skipping(sandbox.Config{}, layers...) }

func TestAttestationShowsEveryLayer(t *testing.T) {
	a := start(t, sandbox.Config{}).Attestation()
	if a.Layers()&sandbox.Strict != sandbox.Strict {
		t.Errorf("Layers() = %b, want all of %b", a.Layers(), sandbox.Strict)
	}
	if a.UID == 0 || strings.Trim(a.Caps, "0") != "" {
		t.Errorf("worker runs as %d with capabilities %s, want another user and none", a.UID, a.Caps)
	}
	for _, f := range a.Files {
		if strings.Contains(f, "/") && !strings.HasSuffix(f, " /dev/null") {
			t.Errorf("open file %q, want none but the null device", f)
		}
	}
	if sandbox.Probe().Namespaces != (a.Layers()&sandbox.LayerNamespaces != 0) {
		t.Errorf("namespaces %v, want those of %+v", a.Namespaces, sandbox.Probe())
	}
	if len(a.Binary) != 64 || a.Engine != "v1.5.5" {
		t.Errorf("binary %q, engine %q, want a SHA-256 and v1.5.5", a.Binary, a.Engine)
	}
}

func TestAWorkerWithoutARequiredLayerIsNotHandedOut(t *testing.T) {
	for _, layer := range []string{"no_new_privs", "seccomp", "landlock", "limits", "nondumpable", "descriptors", "capabilities"} {
		t.Run(layer, func(t *testing.T) {
			cfg := sandbox.Demanding(sandbox.Skipping(sandbox.Config{Worker: worker}, layer))
			p, err := sandbox.NewPool(cfg)
			if err == nil {
				_ = p.Close()
			}
			if !errors.Is(err, sandbox.ErrIsolation) {
				t.Errorf("NewPool() without %s = %v, want ErrIsolation", layer, err)
			}
		})
	}
}

// TestALyingWorkerIsNotHandedOut starts workers that report what the kernel does
// not.
func TestALyingWorkerIsNotHandedOut(t *testing.T) {
	for _, c := range []struct {
		lie string
		cfg sandbox.Config
	}{
		{"filter", only("no_new_privs")},
		{"privileges", only("descriptors")},
		{"capabilities", without("none")},
		{"limits", without("none")},
		{"root", without("none")},
		{"mounts", without("none")},
		{"namespace", without("none")},
		{"files", without("none")},
		{"dumpable", without("none")},
		{"group", without("none")},
	} {
		t.Run(c.lie, func(t *testing.T) {
			c.cfg.Worker = worker
			p, err := sandbox.NewPool(c.cfg)
			if err != nil {
				t.Fatalf("control: NewPool() = %v", err)
			}
			_ = p.Close()
			p, err = sandbox.NewPool(sandbox.Lying(c.cfg, "lie:"+c.lie))
			if err == nil {
				_ = p.Close()
			}
			// Only root sees another's descriptors.
			if c.lie == "files" && os.Geteuid() != 0 {
				return
			}
			if !errors.Is(err, sandbox.ErrIsolation) {
				t.Errorf("NewPool() of a worker that lies about its %s = %v, want ErrIsolation", c.lie, err)
			}
		})
	}
}

// hostile are statements that reach for what is not theirs. The analysis of the
// gate would refuse them; here they go straight to the worker.
var hostile = []string{
	`SELECT * FROM read_text('%[1]s')`, `SELECT * FROM read_csv('%[1]s')`, `SELECT * FROM '%[1]s'`, `SELECT * FROM read_blob('%[1]s')`,
	`SELECT * FROM read_json('%[1]s')`, `SELECT * FROM read_ndjson('%[1]s')`, `SELECT * FROM read_parquet('%[1]s')`, `SELECT * FROM sniff_csv('%[1]s')`,
	`SELECT * FROM glob('%[2]s/*')`, `SELECT * FROM glob('/spill/../*')`, `SELECT * FROM read_blob('/spill/../etc/passwd')`, `SELECT * FROM read_blob('/proc/self/environ')`,
	`SELECT * FROM read_blob('/proc/self/mem')`, `SELECT * FROM read_blob('file://%[1]s')`, `SELECT * FROM read_csv('http://127.0.0.1:%[3]s/x.csv')`,
	`SELECT * FROM read_csv('s3://127.0.0.1:%[3]s/x')`, `SELECT * FROM 'http://127.0.0.1:%[3]s/x.parquet'`,
	`SELECT getenv('PATH')`, `SELECT * FROM query('SELECT * FROM read_text(''%[1]s'')')`, `SELECT * FROM query_table('%[1]s')`,
	`SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''%[1]s'')'))`,
	`SELECT content FROM read_text(['%[1]s'])`, `FROM parquet_metadata('%[1]s')`, `FROM parquet_schema('%[1]s')`,
	`COPY (SELECT 1) TO '%[2]s/out'`, `COPY people FROM '%[1]s'`, `ATTACH '%[1]s' AS other`, `ATTACH ':memory:' AS other`, `LOAD httpfs`, `INSTALL httpfs`,
	`LOAD '%[1]s'`, `SET enable_external_access = true`, `SET temp_directory = '%[2]s'`, `RESET lock_configuration`, `PRAGMA enable_profiling`,
	`CALL enable_logging()`, `EXPORT DATABASE '%[2]s'`, `IMPORT DATABASE '%[2]s'`, `CREATE SECRET s (TYPE s3)`, `SELECT 1; COPY people TO '%[2]s/out'`,
	`CHECKPOINT`, `PREPARE p AS SELECT 1`, `DETACH memory`, `FORCE CHECKPOINT`, `SELECT * FROM duckdb_logs()`, `SELECT * FROM duckdb_secrets()`,
	`SELECT * FROM duckdb_temporary_files()`, `SELECT * FROM which_secret('s3://x', 's3')`, `SELECT * FROM pragma_database_list`, `SELECT * FROM theirs`,
}

// harmless are those of them that answer: with what is the session's own.
var harmless = map[string]bool{
	`SELECT * FROM duckdb_temporary_files()`: true, `SELECT * FROM which_secret('s3://x', 's3')`: true, `SELECT * FROM pragma_database_list`: true,
}

// TestHostileStatementsReachNothing sends them to workers that hold rows, as far
// as the parser lets them pass. Beside them lives another session with a table of
// its own.
func TestHostileStatementsReachNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file.csv")
	const marker = "another's row"
	if err := errors.Join(os.WriteFile(file, []byte("a\n"+marker+"\n"), 0o644), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	called := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
			called <- struct{}{}
		}
	}()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	g := seal(t, peopleBatch(0, 10))
	theirs := start(t, sandbox.Config{})
	attach(t, theirs, sandbox.Table{Name: "theirs", Columns: people.Columns}, g...)
	for name, p := range map[string]*sandbox.Pool{"settings alone": pool(t, only()), "all layers": pool(t, sandbox.Config{}), "no overflow": pool(t, sandbox.Config{Spill: -1})} {
		if got, err := query(t, p, `SELECT count(*) FROM people`, g...); err != nil || got[0][0] != "10" {
			t.Errorf("control under %s: %v, %v", name, got, err)
		}
		for _, form := range hostile {
			sql := form
			if strings.Contains(form, "%") {
				sql = fmt.Sprintf(form, file, dir, port)
				sql, _, _ = strings.Cut(sql, "%!(EXTRA")
			}
			got, err := attempt(t, p, sql, g...)
			if strings.Contains(fmt.Sprint(got), marker) || strings.Contains(fmt.Sprint(got), "root:") || strings.Contains(fmt.Sprint(got), file) {
				t.Errorf("Execute(%q) under %s = %v, %v: another's data", sql, name, got, err)
			}
			if (err == nil) != harmless[form] {
				t.Errorf("Execute(%q) under %s = %v, %v, want an error but for what is harmless", sql, name, got, err)
			}
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("files beside the one that was there: %v", left)
	}
	if len(called) != 0 {
		t.Errorf("%d connections, want none", len(called))
	}
}

// attempt runs sql as if it were approved, whatever it is.
func attempt(t *testing.T, p *sandbox.Pool, sql string, segs ...sandbox.Segment) ([][]string, error) {
	t.Helper()
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tree, err := s.Parse(t.Context(), sql)
	if err != nil {
		return nil, err
	}
	h, err := ast.HashJSON(tree)
	if err != nil {
		return nil, err
	}
	e, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	attach(t, e, people, segs...)
	return rows(e.Execute(t.Context(), sql, h, sandbox.Limits{}))
}

// TestAsAnOrdinaryUser repeats the tests that matter as nobody, whose namespaces
// and limits follow other rules than root's.
func TestAsAnOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("runs as an ordinary user already")
	}
	tests := exec.Command("/proc/self/exe", "-test.run",
		"^(TestAProcessThatHasUsedItsShareMakesWay|TestALyingWorkerIsNotHandedOut|TestEveryEscapeIsRefused|TestWhatDoesNotFitMemoryOverflows|TestAttestationShowsEveryLayer|TestStatementsSeeAttachedSegmentsAsOneTable|TestMemoryIsBounded|TestTimeIsBounded)$")
	tests.Dir = "/"
	tests.Env = []string{"ZONEBOX_TEST_WORKER=" + worker}
	tests.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := tests.CombinedOutput(); err != nil {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}
