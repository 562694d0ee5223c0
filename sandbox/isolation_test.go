package sandbox_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

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

// outcome of a probe: the error number, or how the process ended.
func outcome(t *testing.T, p *sandbox.Pool, request string) string {
	t.Helper()
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	defer s.Close()
	errno, err := s.Probe(request)
	switch {
	case errors.Is(err, sandbox.ErrKilled) && strings.HasSuffix(err.Error(), "bad system call"):
		return "killed"
	case errors.Is(err, sandbox.ErrKilled) && strings.HasSuffix(err.Error(), "exit code 0"):
		return "done" // execve ran another program, which ended well
	case err != nil:
		return err.Error()
	case errno == 0:
		return "done"
	}
	return errorNames[errno]
}

var errorNames = map[syscall.Errno]string{
	syscall.EPERM: "EPERM", syscall.EACCES: "EACCES", syscall.ENOENT: "ENOENT", syscall.EBADF: "EBADF",
	syscall.EINVAL: "EINVAL", syscall.EFAULT: "EFAULT", syscall.ESRCH: "ESRCH", syscall.ENETUNREACH: "ENETUNREACH", syscall.ECONNREFUSED: "ECONNREFUSED",
}

// TestWhatAWorkerMayNotDo tries each thing four times: with no layer, as the
// control that shows the attempt itself works; with Landlock alone; with seccomp
// alone; and as every worker is. "done" is a success; errors such as ENOENT or
// EBADF in the control show that the kernel carried the call out.
func TestWhatAWorkerMayNotDo(t *testing.T) {
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	abstract := fmt.Sprintf("@zonebox-probe-%d", os.Getpid())
	stream, err := net.Listen("unix", abstract)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	port := func(a net.Addr) string { return a.String()[strings.LastIndexByte(a.String(), ':')+1:] }

	none, landlock := pool(t, only()), pool(t, only("no_new_privs", "landlock"))
	seccomp, all := pool(t, only("no_new_privs", "seccomp")), pool(t, sandbox.Config{Spill: -1})
	for _, c := range []struct {
		probe                           string
		control, landlock, seccomp, all string
	}{
		{"read_file", "done", "EACCES", "EPERM", "EPERM"},
		{"read_file_on_every_thread", "done", "EACCES", "EPERM", "EPERM"},
		{"read_dir", "done", "EACCES", "EPERM", "EPERM"},
		{"write_file", "done", "EACCES", "EPERM", "EPERM"},
		{"make_dir", "done", "EACCES", "EPERM", "EPERM"},
		{"tcp " + port(tcp.Addr()), "done", "EACCES", "killed", "killed"},
		{"udp " + port(udp.LocalAddr()), "done", "done", "killed", "killed"},
		{"unix " + abstract, "done", "EPERM", "killed", "killed"},
		{"socketpair", "done", "done", "killed", "killed"},
		{"sendmsg", "EBADF", "EBADF", "killed", "killed"},
		{"execve", "done", "EACCES", "killed", "killed"},
		{"fork", "EINVAL", "EINVAL", "killed", "killed"},
		{"ptrace", "ESRCH", "ESRCH", "killed", "killed"},
		{"kill", "done", "done", "killed", "killed"},
		{"vm_readv", "done", "done", "killed", "killed"},
		{"executable_mmap", "done", "done", "EPERM", "EPERM"},
		{"executable_mprotect", "done", "done", "EPERM", "EPERM"},
		{"io_uring", "EFAULT", "EFAULT", "killed", "killed"},
		{"unshare", "done", "done", "killed", "killed"},
		{"setns", "EBADF", "EBADF", "killed", "killed"},
		{"personality", "done", "done", "killed", "killed"},
		{"memfd", "done", "done", "EPERM", "EPERM"},
		{"setrlimit", "done", "done", "EPERM", "EPERM"},
	} {
		t.Run(c.probe, func(t *testing.T) {
			for _, in := range []struct {
				layers string
				pool   *sandbox.Pool
				want   string
			}{{"no layer", none, c.control}, {"landlock", landlock, c.landlock}, {"seccomp", seccomp, c.seccomp}, {"all", all, c.all}} {
				if got := outcome(t, in.pool, c.probe); got != in.want {
					t.Errorf("%s under %s: %s, want %s", c.probe, in.layers, got, in.want)
				}
			}
		})
	}
}

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
	for _, layer := range []string{"no_new_privs", "seccomp", "landlock", "limits", "nondumpable", "descriptors"} {
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

// TestFilesAreOutOfTheEnginesReach asks the engine itself, under its settings
// alone and as every worker is. The analysis that would refuse such statements
// is not part of this package.
func TestFilesAreOutOfTheEnginesReach(t *testing.T) {
	for name, p := range map[string]*sandbox.Pool{"settings alone": pool(t, only()), "all layers": pool(t, sandbox.Config{})} {
		if _, err := query(t, p, `SELECT * FROM range(3)`); err != nil {
			t.Errorf("control under %s: %v", name, err)
		}
		for _, sql := range []string{
			`SELECT * FROM read_text('/etc/passwd')`,
			`SELECT * FROM read_csv('/etc/passwd')`,
			`SELECT * FROM '/etc/passwd'`,
			`SELECT * FROM glob('/etc/*')`,
			`SELECT * FROM read_blob('/proc/self/environ')`,
		} {
			if got, err := query(t, p, sql); err == nil {
				t.Errorf("Execute(%q) under %s = %v, want an error", sql, name, got)
			}
		}
	}
}

// TestAsAnOrdinaryUser repeats the tests that matter as nobody, whose namespaces
// and limits follow other rules than root's.
func TestAsAnOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("runs as an ordinary user already")
	}
	tests := exec.Command("/proc/self/exe", "-test.run",
		"^(TestWhatAWorkerMayNotDo|TestAttestationShowsEveryLayer|TestStatementsSeeAttachedSegmentsAsOneTable|TestMemoryIsBounded|TestTimeIsBounded)$")
	tests.Dir = "/"
	tests.Env = []string{"ZONEBOX_TEST_WORKER=" + worker}
	tests.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := tests.CombinedOutput(); err != nil {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}
