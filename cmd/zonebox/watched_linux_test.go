package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watched is a zonebox process whose durable steps the kernel shows to the
// test, one by one, before they happen: flushes, renames, removals, new files,
// new folders and truncations, the database's page writes, and writes to files
// of the home. The test lets each go on, or kills the process instead, or has
// the call fail. It uses seccomp's user notification (Linux 5.5); the worker
// inherits the watch, but makes no such step of its own.
type watched struct {
	cmd      *exec.Cmd
	listener int
	log      *syncBuffer
	wait     chan error

	home  string // whose files' writes are steps
	mu    sync.Mutex
	at    int   // the step that does not happen; 0 none
	fault fault // what happens instead
	steps int   // since the last call of after
	names []string

	ledger *ledger // of the same
	unread error   // why one could not be noted
}

// A fault is what happens to a step: the process is killed before it, or the
// call fails with an error number.
type fault struct{ errno syscall.Errno }

// killed is the fault of a power cut.
var killed = fault{}

func (f fault) String() string {
	if f == killed {
		return "killed"
	}
	return strings.ToLower(unix.ErrnoName(f.errno))
}

// watchedCalls are the system calls of a durable step.
var watchedCalls = map[uint32]string{
	unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_RENAMEAT: "rename", unix.SYS_RENAMEAT2: "rename",
	unix.SYS_UNLINKAT: "unlink", unix.SYS_MKDIRAT: "mkdir", unix.SYS_LINKAT: "link", unix.SYS_FTRUNCATE: "truncate",
	unix.SYS_PWRITE64: "pwrite", unix.SYS_WRITE: "write", unix.SYS_OPENAT: "create",
}

// seccompNotif and seccompResp are struct seccomp_notif and seccomp_notif_resp
// of linux/seccomp.h.
type seccompNotif struct {
	ID    uint64
	PID   uint32
	Flags uint32
	Nr    int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

type seccompResp struct {
	ID    uint64
	Val   int64
	Error int32
	Flags uint32
}

// execWatched is the first half of the child: it installs the filter, hands the
// listener to the test through descriptor 3 and becomes zonebox.
func execWatched() int {
	runtime.LockOSThread()
	listener, err := installFilter()
	if err == nil {
		err = unix.Sendmsg(3, []byte{1}, unix.UnixRights(listener), nil, 0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "watch:", err)
		return exitFailure
	}
	unix.CloseOnExec(3)
	unix.CloseOnExec(listener)
	if err := os.Setenv("ZONEBOX_TEST_PROCESS", "zonebox"); err != nil {
		return exitFailure
	}
	err = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
	fmt.Fprintln(os.Stderr, "watch: exec:", err)
	return exitFailure
}

func installFilter() (int, error) {
	// seccomp_data.nr is the first word; the calls differ by architecture, but
	// this process and the filter are of one.
	prog := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}}
	for nr := range watchedCalls {
		if nr == unix.SYS_OPENAT { // one that may make a file; its flags are the third argument
			prog = append(prog,
				unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 4},
				unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16 + 2*8},
				unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: unix.O_CREAT, Jf: 1},
				unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
				unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
			continue
		}
		prog = append(prog,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	prog = append(prog, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&fprog)))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

var errNotReady = errors.New("the gate did not get ready")

// serveWatched starts zonebox serve on the home as a process of its own and
// waits until it answers.
func (h *home) serveWatched(t *testing.T) *watched {
	t.Helper()
	args := []string{"serve", "--passphrase-file", h.path("passphrase"), "--worker", workerBinary, "--backup-root", h.backups(t)}
	w := h.watch(t, 0, killed, append(args, h.flags()...)...)
	if err := w.ready(h); err != nil {
		t.Fatalf("start gate: %v\n%s", err, w.log)
	}
	return w
}

// watch starts zonebox on a command line as a process of its own, of which step
// at does not happen.
func (h *home) watch(t *testing.T, at int, f fault, args ...string) *watched {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	mine, theirs := pair[0], os.NewFile(uintptr(pair[1]), "watch")
	defer unix.Close(mine)
	defer theirs.Close()
	w := &watched{home: h.dir, log: new(syncBuffer), wait: make(chan error, 1), at: at, fault: f, ledger: newLedger()}
	w.cmd = exec.Command("/proc/self/exe", args...)
	w.cmd.Env = append(os.Environ(), "ZONEBOX_TEST_PROCESS=watched")
	w.cmd.Stderr = w.log
	w.cmd.Stdout = io.Discard
	w.cmd.ExtraFiles = []*os.File{theirs}
	// Workers hold the log open a moment longer than the gate lives.
	w.cmd.WaitDelay = 5 * time.Second
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.kill)
	go func() { w.wait <- w.cmd.Wait() }()
	_ = theirs.Close()
	w.listener, err = receiveDescriptor(mine)
	if err != nil {
		t.Skipf("this kernel does not let a test watch system calls: %v; %s", err, w.log)
	}
	go w.answer()
	return w
}

func receiveDescriptor(sock int) (int, error) {
	data, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(sock, data, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil || n != 1 {
		return 0, fmt.Errorf("no listener: %v", err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		return 0, fmt.Errorf("no listener: %v", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return 0, fmt.Errorf("no listener: %v", err)
	}
	return fds[0], nil
}

// ready waits until the gate listens.
func (w *watched) ready(h *home) error {
	for range 3000 {
		// That somebody listens is not enough: a child that a killed gate was starting
		// has its socket open until it ends.
		if strings.Contains(w.log.String(), "the gate is ready: "+socketOf(h.domain())) {
			return nil
		}
		select {
		case err := <-w.wait:
			w.wait <- err
			return fmt.Errorf("%w: %v", errNotReady, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errNotReady
}

// answer answers the kernel until the process and all it started are gone.
func (w *watched) answer() {
	defer unix.Close(w.listener)
	for {
		poll := []unix.PollFd{{Fd: int32(w.listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil {
			if err == unix.EINTR {
				continue
			}
			return
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			return // hung up
		}
		var n seccompNotif
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); errno != 0 {
			continue // the caller was interrupted and will call again
		}
		r := seccompResp{ID: n.ID, Flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if f, now := w.step(n); now && f == killed {
			w.kill() // the call of a killed process cannot be answered, nor need it be
		} else if now {
			r = seccompResp{ID: n.ID, Error: -int32(f.errno)}
		}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(w.listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r)))
	}
}

// treeLock ends the path of the lock under which Tessera changes the log's tree.
// Where it cannot be opened Tessera panics, in a goroutine of its own: the gate
// ends, and the threat model says so.
const treeLock = "/audit/.state/treeState.lock"

// step counts a call of the gate and returns the fault of the one that is not to
// happen.
func (w *watched) step(n seccompNotif) (fault, bool) {
	task := filepath.Join("/proc", strconv.Itoa(w.cmd.Process.Pid), "task", strconv.Itoa(int(n.PID)))
	if _, err := os.Stat(task); err != nil {
		return fault{}, false // a worker's
	}
	if n.Nr == unix.SYS_WRITE {
		file, err := os.Readlink(filepath.Join(task, "fd", strconv.FormatUint(n.Args[0], 10)))
		if err != nil || !strings.HasPrefix(file, w.home+"/") {
			return fault{}, false // a socket, a pipe or sealed memory
		}
	}
	if n.Nr == unix.SYS_OPENAT {
		file, err := (caller{w.cmd.Process.Pid}).path(n.Args[0], n.Args[1])
		if err != nil || strings.HasSuffix(file, treeLock) {
			return fault{}, false // which file is not known, or it is the lock
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ledger.note(w.cmd.Process.Pid, n); err != nil {
		w.unread = err
	}
	w.steps++
	w.names = append(w.names, watchedCalls[uint32(n.Nr)])
	return w.fault, w.steps == w.at
}

// after counts from now on and does f to step n, or to none if n is 0.
func (w *watched) after(n int, f fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps, w.at, w.fault, w.names, w.ledger = 0, n, f, nil, newLedger()
}

// count returns how many steps there were since after, and their names.
func (w *watched) count() (int, []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.steps, w.names
}

// kill ends the process as a power cut would, and waits until it is gone.
func (w *watched) kill() {
	_ = w.cmd.Process.Kill()
}

// gone waits for the end of the process and reports whether it was killed.
func (w *watched) gone(t *testing.T) bool {
	t.Helper()
	select {
	case err := <-w.wait:
		w.wait <- err
		var exit *exec.ExitError
		return errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	case <-time.After(20 * time.Second):
		t.Fatalf("the gate did not end\n%s", w.log)
		return false
	}
}

// terminate asks the process to stop, as an init system would.
func (w *watched) terminate(t *testing.T) {
	t.Helper()
	_ = w.cmd.Process.Signal(syscall.SIGTERM)
	if w.gone(t) {
		t.Error("the gate had to be killed")
	}
}
