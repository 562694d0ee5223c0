package sandbox

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

const (
	// maxOpenFiles is the worker's descriptor limit: its own few and a full
	// Attach message.
	maxOpenFiles = 256
	// startTime bounds the confinement of one worker.
	startTime = 20 * time.Second
	// nobody is whom a worker of root runs as: Linux's overflow user, which
	// owns nothing.
	nobody = 65534
)

// A host starts workers. One locked thread does, for the life of the host: a
// worker gets its death signal when the thread that started it ends.
type host struct {
	cfg        Config
	exe        *os.File
	null       *os.File
	digest     string
	attr       syscall.SysProcAttr
	namespaces map[string]string // of the gate
	options    string
	requests   chan startRequest
	alive      sync.WaitGroup // workers that are not reaped yet
}

type startRequest struct {
	socket *os.File
	reply  chan startReply
}

type startReply struct {
	process *os.Process
	err     error
}

func newHost(cfg Config) (*host, error) {
	exe, err := os.Open(cfg.Worker)
	if err != nil {
		return nil, fmt.Errorf("sandbox: open worker: %w", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		_ = exe.Close()
		return nil, fmt.Errorf("sandbox: open null device: %w", err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, exe); err != nil {
		_, _ = exe.Close(), null.Close()
		return nil, fmt.Errorf("sandbox: read worker: %w", err)
	}
	options, err := json.Marshal(wire.Options{
		Threads: cfg.Threads,
		Memory:  cfg.Memory,
		// A worker may use every thread all the time; a session's own time
		// limit comes first.
		CPU:    int64(cfg.Load.Seconds()+1)*int64(cfg.Threads) + 5,
		Waived: (^cfg.Require).names(),
		Skip:   cfg.skip,
	})
	if err != nil {
		panic("sandbox: " + err.Error())
	}
	h := &host{cfg: cfg, exe: exe, null: null, digest: hex.EncodeToString(sum.Sum(nil)), namespaces: ownNamespaces(),
		attr: workerAttr(Probe(), cfg.skip), options: string(options), requests: make(chan startRequest)}
	go h.spawn()
	return h, nil
}

// workerFlags are the namespaces of a worker. The process namespace is not among
// them: the worker's confinement walks its threads in the host's /proc.
const workerFlags = unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNS

// workerAttr returns how to start a worker on a host that offers what probe
// found. Root's workers are nobody's. The user namespace serves them as well:
// whoever creates one may limit the processes in it, even a root without
// CAP_SYS_RESOURCE, which containers commonly are. Such a root on a host that
// forbids user namespaces gets no workers; an ordinary user does.
func workerAttr(probe Host, skip []string) syscall.SysProcAttr {
	attr := syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if slices.Contains(skip, layerNames[LayerNamespaces]) {
		return attr
	}
	if probe.Namespaces {
		attr.Cloneflags = workerFlags
	}
	if !probe.Root {
		return attr
	}
	attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	if probe.Namespaces {
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: nobody, Size: 1}}
		attr.GidMappings = attr.UidMappings
		attr.GidMappingsEnableSetgroups = true // to drop root's groups
	}
	return attr
}

// close ends every worker, those in use too, and returns when they are gone:
// they die with the thread that started them.
func (h *host) close() {
	close(h.requests)
	_, _ = h.exe.Close(), h.null.Close()
	h.alive.Wait()
}

func (h *host) spawn() {
	runtime.LockOSThread() // and never unlock: the thread ends with the host
	for r := range h.requests {
		p, err := os.StartProcess("/proc/self/fd/4", []string{"zonebox-worker", "confine", h.options}, &os.ProcAttr{
			Env: []string{
				// One arena per thread would reserve 64 MB of address space
				// each, which the limit on it would count.
				"MALLOC_ARENA_MAX=2",
				// Else the runtime keeps the cgroup's files open.
				"GODEBUG=containermaxprocs=0,updatemaxprocs=0",
			},
			Dir:   "/",
			Files: []*os.File{h.null, h.null, h.null, r.socket, h.exe},
			Sys:   &h.attr,
		})
		r.reply <- startReply{p, err}
	}
}

// start returns a worker that is confined and attested.
func (h *host) start(ctx context.Context) (*Session, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("%w: worker did not get ready", ErrIsolation))
	defer cancel()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("sandbox: start worker: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "worker")
	ours := os.NewFile(uintptr(pair[0]), "gate")
	c, err := net.FileConn(ours)
	_ = ours.Close()
	if err != nil {
		_ = theirs.Close()
		return nil, fmt.Errorf("sandbox: start worker: %w", err)
	}
	reply := make(chan startReply, 1)
	h.requests <- startRequest{theirs, reply}
	started := <-reply
	_ = theirs.Close()
	if started.err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("sandbox: start worker: %w", started.err)
	}
	s := &Session{process: started.process, conn: c.(*net.UnixConn), in: bufio.NewReaderSize(c, 256<<10),
		exited: make(chan struct{}), cfg: h.cfg}
	h.alive.Go(s.reap)
	stop := s.watch(ctx)
	err = h.attest(s)
	if err == nil {
		err = s.allow(0)
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// attest reads the worker's report and the kernel's account of it, and refuses
// a worker that lacks a required layer.
func (h *host) attest(s *Session) error {
	kind, payload, err := s.receive()
	if err != nil {
		return fmt.Errorf("sandbox: start worker: %w: %w", ErrIsolation, err)
	}
	if kind == wire.Fault {
		f, err := wire.Decode[wire.FaultMessage](payload)
		if err != nil || !layerName(f.Code) {
			return s.broken("fault")
		}
		return fmt.Errorf("sandbox: start worker: layer %q: %w", f.Code, ErrIsolation)
	}
	hello, err := wire.Decode[wire.HelloMessage](payload)
	if kind != wire.Hello || err != nil || !plainHello(hello) {
		return s.broken("hello")
	}
	a := Attestation{Landlock: hello.Landlock, Dumpable: hello.Dumpable, Files: hello.Files, Engine: hello.Engine,
		Binary: h.digest, Namespaces: []string{}}
	for _, n := range []string{"user", "net", "ipc", "uts", "mnt"} {
		if hello.Namespaces[n] != "" && hello.Namespaces[n] != h.namespaces[n] {
			a.Namespaces = append(a.Namespaces, n)
		}
	}
	if err := a.readProc(s.process.Pid); err != nil {
		return fmt.Errorf("sandbox: start worker: %w: %w", ErrIsolation, err)
	}
	if h.cfg.skip == nil || h.cfg.demand {
		if err := h.sufficient(a); err != nil {
			return err
		}
	}
	s.attestation = a
	s.base, err = addressSpace(s.process.Pid)
	return err
}

// sufficient returns an error unless a shows every layer that is required or
// that this host was found to grant, and no descriptor beyond the known ones.
func (h *host) sufficient(a Attestation) error {
	required := h.cfg.Require
	if h.attr.Cloneflags != 0 {
		required |= LayerNamespaces
	}
	if missing := required &^ a.Layers(); missing != 0 {
		return fmt.Errorf("sandbox: start worker: %v missing: %w", missing.names(), ErrIsolation)
	}
	for _, f := range a.Files {
		if !expectedFile(f) {
			return fmt.Errorf("sandbox: start worker: descriptor leaked: %w", ErrIsolation)
		}
	}
	return nil
}

// expectedFile reports whether a worker may hold what the descriptor shows: the
// null device, the socket and the Go runtime's poller.
func expectedFile(shown string) bool {
	_, target, _ := strings.Cut(shown, " ")
	switch target {
	case os.DevNull, "anon_inode:[eventpoll]", "anon_inode:[eventfd]":
		return true
	}
	return strings.HasPrefix(target, "socket:")
}

// readProc takes from the kernel what it says of process pid: the filter and
// no_new_privs of its weakest thread, capabilities, limits.
func (a *Attestation) readProc(pid int) error {
	dir := "/proc/" + strconv.Itoa(pid)
	tasks, err := os.ReadDir(dir + "/task")
	if err != nil {
		return err
	}
	a.Seccomp, a.NoNewPrivs = 2, len(tasks) > 0
	for _, t := range tasks {
		status, err := os.ReadFile(dir + "/task/" + t.Name() + "/status")
		if err != nil {
			return err
		}
		fields := procFields(string(status))
		mode, _ := strconv.Atoi(fields["Seccomp"])
		a.Seccomp = min(a.Seccomp, mode)
		a.NoNewPrivs = a.NoNewPrivs && fields["NoNewPrivs"] == "1"
		a.Caps = max(a.Caps, fields["CapEff"])
		uid, _, _ := strings.Cut(fields["Uid"], "\t")
		a.UID, _ = strconv.Atoi(uid)
	}
	limits, err := os.ReadFile(dir + "/limits")
	if err != nil {
		return err
	}
	a.Limits = map[string]string{}
	for _, line := range strings.Split(string(limits), "\n") {
		if len(line) < 63 {
			continue
		}
		name, hard := strings.TrimSpace(line[:26]), strings.TrimSpace(line[47:67])
		switch name {
		case "Max cpu time", "Max file size", "Max core file size", "Max open files", "Max locked memory":
			a.Limits[name] = hard
		}
	}
	return nil
}

func procFields(status string) map[string]string {
	fields := map[string]string{}
	for _, line := range strings.Split(status, "\n") {
		if name, v, ok := strings.Cut(line, ":"); ok {
			fields[name] = strings.TrimSpace(v)
		}
	}
	return fields
}

func ownNamespaces() map[string]string {
	out := map[string]string{}
	for _, n := range []string{"user", "net", "ipc", "uts", "mnt"} {
		out[n], _ = os.Readlink("/proc/self/ns/" + n)
	}
	return out
}

// addressSpace returns the size of process pid's address space in bytes.
func addressSpace(pid int) (int64, error) {
	statm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0, fmt.Errorf("sandbox: read worker size: %w", err)
	}
	pages, _, _ := strings.Cut(string(statm), " ")
	n, err := strconv.ParseInt(pages, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("sandbox: read worker size: %w", err)
	}
	return n * int64(os.Getpagesize()), nil
}

// allow limits the worker's address space to what it had when ready, the
// allowance, and extra bytes that are mapped into it. Only the address space
// bounds DuckDB: its own limit does not count the strings and lists a function
// makes. The worker cannot raise it again: the filter refuses the call.
func (s *Session) allow(extra int64) error {
	limit := uint64(s.base + s.cfg.Memory + extra)
	err := unix.Prlimit(s.process.Pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: limit, Max: unix.RLIM_INFINITY}, nil)
	if err != nil {
		return fmt.Errorf("sandbox: limit worker memory: %w: %w", ErrIsolation, err)
	}
	return nil
}

// deathCause tells what a worker died of that the gate did not kill.
func deathCause(state *os.ProcessState) error {
	status, ok := state.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
		return ErrKilled
	case status.Signaled() && status.Signal() == syscall.SIGXCPU:
		return ErrTime
	case status.Signaled():
		return fmt.Errorf("%w of %v", ErrKilled, status.Signal())
	}
	return fmt.Errorf("%w: exit code %d", ErrKilled, status.ExitStatus())
}

// sealedFile returns an anonymous file that write has filled and nobody can
// change, open for reading only.
func sealedFile(name string, write func(*os.File) error) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer func() { _ = f.Close() }()
	if err := write(f); err != nil {
		return nil, err
	}
	seals := unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, err
	}
	// A second description, so that the worker's is read-only and its offset
	// is its own.
	return os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), os.O_RDONLY|unix.O_CLOEXEC, 0)
}
