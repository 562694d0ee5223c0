package sandbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"golang.org/x/sys/unix"

	"zonebox/sandbox"
)

// A wall is a set of layers in which every escape is tried.
type wall struct {
	name string
	cfg  sandbox.Config
}

// walls: the control, each of the three layers alone, the full cell as a worker
// with rows has it and as a worker with an operator's text has it, and the full
// cell less one layer. What limits and no_new_privs forbid is part of every wall
// but the first.
var walls = []wall{
	{"none", only()},
	{"landlock", only("no_new_privs", "landlock")},
	{"seccomp", only("no_new_privs", "seccomp")},
	{"root", only("no_new_privs", "namespaces", "root", "capabilities", "nondumpable")},
	{"all", sandbox.Config{}},
	{"all, parsing", sandbox.Config{Spill: -1}},
	{"-landlock", without("landlock")},
	{"-seccomp", without("seccomp")},
	{"-root", without("root", "namespaces")},
}

// oneWall lists what the filter alone refuses, with the reason why no second layer
// does. Hosts differ: root with every capability is refused more by a root of its
// own than the control shows elsewhere, so the list may be too long.
var oneWall = func() map[string]string {
	out := map[string]string{}
	for reason, names := range map[string]string{
		"it names no file, address or process, so no other layer knows of it": `inotify netlink vsock socketpair send_fd fork vfork clone3
			personality unshare setns capset io_uring bpf perf userfaultfd keyctl memfd memfd_secret executable_mmap executable_mprotect
			pkey_mprotect shmget dup pipe tty_input splice sync pidfd raise_limit dumpable seccomp_off exec_memfd`,
		"it takes a capability the worker lost and the control may lack":          "chroot pivot_root mount umount fsopen open_tree spill_mount",
		"a descriptor the gate gave may be locked and tagged, which tells nobody": "lock record_lock sealed_lock sealed_flock sealed_xattr",
		"the kernel lets the processes of one ordinary user do it to each other":  "priority_of limits_of affinity_of sealed_chmod priority realtime",
		"the overflow directory is the worker's own, and goes with it":            "spill_hardlink spill_rename spill_chmod",
	} {
		for _, n := range strings.Fields(names) {
			out[n] = reason
		}
	}
	return out
}()

// environment is what the escapes reach for outside the worker.
func environment(t *testing.T) map[string]string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "zonebox-escape")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "file")
	if err := errors.Join(os.Chmod(dir, 0o777), os.WriteFile(file, []byte("another's"), 0o666), os.Chmod(file, 0o666), os.Mkdir(filepath.Join(dir, "mnt"), 0o777),
		os.Mkdir(filepath.Join(dir, "spill"), 0o777), os.Chmod(filepath.Join(dir, "spill"), 0o777)); err != nil {
		t.Fatal(err)
	}
	listen := func(network, address string) string {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l.Addr().String()[strings.LastIndexByte(l.Addr().String(), ':')+1:]
	}
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	// Another process of the same user: the escapes aim at it rather than at
	// the gate, so that a success harms nobody.
	target := exec.Command("/bin/sleep", "600")
	if err := target.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = target.Process.Kill(), target.Wait() })
	pid := strconv.Itoa(target.Process.Pid)
	abstract := fmt.Sprintf("@zonebox-escape-%d", os.Getpid())
	listen("unix", abstract)
	socket := filepath.Join(dir, "socket")
	listen("unix", socket)
	_ = os.Chmod(socket, 0o777)
	env := map[string]string{
		"tcp": listen("tcp4", "127.0.0.1:0"), "udp": udp.LocalAddr().String()[len("127.0.0.1:"):],
		"tcp6": "1", "unix_path": socket, "unix_abstract": abstract, "mount": filepath.Join(dir, "mnt"),
	}
	if l, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		t.Cleanup(func() { _ = l.Close() })
		env["tcp6"] = l.Addr().String()[len("[::1]:"):]
	}
	for _, name := range attempts {
		if strings.HasPrefix(name, "spill_") {
			env[name] = filepath.Join(dir, "spill")
		}
	}
	for _, name := range []string{"ptrace", "kill", "tgkill", "pidfd", "vm_readv", "priority_of", "limits_of", "affinity_of", "environ_of", "mem_of"} {
		env[name] = pid
	}
	for _, name := range []string{"open", "open_path", "open_create", "open_write", "open_trunc", "openat2", "open_handle", "stat", "statx", "access",
		"truncate", "mkdir", "unlink", "rename", "symlink", "hardlink", "mknod", "chmod", "chown", "utimes", "setxattr"} {
		env[name] = file
	}
	return env
}

// attempts are every escape by name, in the order of the table.
var attempts = []string{
	"open", "read_file_on_every_thread", "open_path", "open_create", "open_write", "open_trunc", "openat2", "open_handle", "stat", "statx", "access", "readlink", "statfs", "chdir",
	"truncate", "mkdir", "unlink", "rename", "symlink", "hardlink", "mknod", "chmod", "chown", "utimes", "setxattr", "list_proc", "environ_of",
	"mem_of", "own_mem", "reopen_fd", "inotify",
	"tcp", "tcp6", "tcp_listen", "udp", "unix_path", "unix_abstract", "netlink", "raw_socket", "packet_socket", "vsock", "socketpair", "send_fd",
	"exec", "exec_memfd", "fork", "vfork", "clone3", "ptrace", "kill", "tgkill", "pidfd", "vm_readv", "priority_of", "limits_of", "affinity_of",
	"priority", "realtime", "raise_limit", "dumpable", "seccomp_off", "personality", "unshare", "setns", "setuid", "capset",
	"chroot", "pivot_root", "mount", "umount", "fsopen", "open_tree", "io_uring", "bpf", "perf", "userfaultfd", "keyctl", "memfd", "memfd_secret",
	"executable_mmap", "executable_mprotect", "pkey_mprotect", "shmget", "dup", "pipe", "tty_input", "lock", "record_lock", "splice", "sync",
	"spill_symlink", "spill_hardlink", "spill_mknod", "spill_mkdir", "spill_rename", "spill_chmod", "spill_up", "spill_dotdot", "spill_mount", "spill_exec",
	"sealed_write", "sealed_pwrite", "sealed_truncate", "sealed_punch", "sealed_map", "sealed_chmod", "sealed_xattr", "sealed_lock", "sealed_flock",
	"sealed_reopen", "sealed_unseal",
}

// try lets workers of p try every escape, memory standing for a segment. A worker
// serves until one ends it.
func try(t *testing.T, p *sandbox.Pool, env map[string]string, memory *os.File) map[string]string {
	t.Helper()
	left, _ := filepath.Glob(env["open"] + ".*")
	inside, _ := filepath.Glob(env["spill_exec"] + "/*")
	for _, f := range append(left, inside...) {
		_ = os.Remove(f)
	}
	if err := os.WriteFile(env["unlink"]+".gone", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	var err error
	var s *sandbox.Session
	out := map[string]string{}
	for _, name := range attempts {
		if s == nil {
			if s, err = p.Start(t.Context()); err != nil {
				t.Fatalf("Start() = %v", err)
			}
		}
		var files []*os.File
		if strings.HasPrefix(name, "sealed_") {
			files = append(files, memory)
		}
		errno, err := s.Probe(strings.TrimSpace(name+" "+env[name]), files...)
		switch {
		case err == nil && errno == 0:
			out[name] = "done"
		case err == nil:
			out[name] = strings.TrimPrefix(unix.ErrnoName(errno), "unix.")
		case errors.Is(err, sandbox.ErrKilled) && strings.HasSuffix(err.Error(), "bad system call"):
			out[name] = "killed"
		case errors.Is(err, sandbox.ErrKilled) && strings.HasSuffix(err.Error(), "exit code 0"):
			out[name] = "done" // another program ran in the worker's place, and ended well
		default:
			out[name] = "lost"
		}
		if err != nil {
			_ = s.Close()
			s = nil
		}
	}
	if s != nil {
		_ = s.Close()
	}
	return out
}

// forbidden reports whether an outcome is the kernel's word for what a user may
// not do. An ordinary user's control gets it where root's succeeds.
func forbidden(outcome string) bool { return outcome == "EPERM" || outcome == "EACCES" }

// TestEveryEscapeIsRefused tries everything in attempts inside a real worker
// behind every wall, prints the matrix, and holds that the full cell refuses all
// of it, and that what two layers refuse is refused with either of them gone.
//
// An escape counts as refused where its outcome is neither success nor what the
// control gets, for a call whose control fails was carried out as far as its
// error.
func TestEveryEscapeIsRefused(t *testing.T) {
	if h := sandbox.Probe(); !h.Mounts || h.Landlock < 6 {
		t.Skip("this host lacks a layer: the matrix is of another shape")
	}
	env := environment(t)
	got := map[string]map[string]string{}
	fd, err := unix.MemfdCreate("open", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	open := os.NewFile(uintptr(fd), "open")
	defer open.Close()
	sealed, err := sandbox.SealedFile(bytes.Repeat([]byte("row"), 4096))
	if err != nil {
		t.Fatal(err)
	}
	defer sealed.Close()
	for _, w := range walls {
		cfg := w.cfg
		cfg.Threads = 1
		// The control of what is tried on sealed memory is memory that is not.
		memory := map[bool]*os.File{true: open, false: sealed}[w.name == "none"]
		got[w.name] = try(t, pool(t, cfg), env, memory)
	}
	refused := func(wall, name string) bool {
		o := got[wall][name]
		return o != "done" && o != "lost" && (o != got["none"][name] || forbidden(o))
	}

	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "escape")
	for _, c := range walls {
		fmt.Fprint(w, "\t", c.name)
	}
	fmt.Fprintln(w)
	for _, name := range attempts {
		fmt.Fprint(w, name)
		for _, c := range walls {
			fmt.Fprint(w, "\t", got[c.name][name])
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
	t.Logf("%d escapes\n%s", len(attempts), table.String())

	single := map[string]bool{}
	for _, name := range attempts {
		for _, full := range []string{"all", "all, parsing"} {
			if !refused(full, name) {
				t.Errorf("%s behind %q: %s, want a refusal", name, full, got[full][name])
			}
		}
		var layers []string
		for _, l := range []string{"landlock", "seccomp", "root"} {
			if refused(l, name) {
				layers = append(layers, l)
			}
		}
		if len(layers) < 2 && !forbidden(got["none"][name]) {
			single[name] = true
		}
		if len(layers) < 2 || oneWall[name] != "" {
			continue
		}
		for _, l := range layers {
			if !refused("-"+l, name) {
				t.Errorf("%s without %s: %s, though %v refuse it", name, l, got["-"+l][name], layers)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(single)) {
		if oneWall[name] == "" {
			t.Errorf("%s is refused by one layer only and not known to be", name)
		}
	}
}
