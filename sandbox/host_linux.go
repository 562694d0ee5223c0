package sandbox

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
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
	// maxTasks is the worker's thread limit: two runtimes' own and the engine's.
	maxTasks = 512
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
	cgroups    *cgroups
	namespaces map[string]string // of the gate
	arguments  []string
	requests   chan startRequest
	alive      sync.WaitGroup // workers that are not reaped yet

	mu      sync.Mutex
	granted Layers // to a worker of this host before
}

type startRequest struct {
	socket *os.File
	group  *group
	reply  chan startReply
}

type startReply struct {
	process   *os.Process
	autogroup *os.File
	err       error
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
	probe := Probe()
	h := &host{cfg: cfg, exe: exe, null: null, digest: hex.EncodeToString(sum.Sum(nil)), namespaces: ownNamespaces(),
		attr: workerAttr(probe, cfg.skip), requests: make(chan startRequest)}
	own, _ := os.ReadFile("/proc/self/cgroup")
	h.cgroups, _ = findCgroups("/sys/fs/cgroup", string(own), probe.Root)
	h.cfg.Spill = overflow(cfg.Spill, h.cgroups, plainSwap("/proc/swaps", "/sys"))
	h.arguments = h.options(probe)
	go h.spawn()
	return h, nil
}

// overflow returns how much of spill bytes workers get: what overflows is memory,
// which a host may swap. Where that would put rows on a disk in the clear, on one
// of the areas swap, there is none, unless groups forbid it.
func overflow(spill int64, groups *cgroups, swap []string) int64 {
	if len(swap) > 0 && !groups.keepsFromSwap() {
		return 0
	}
	return spill
}

// options returns the command line of a worker.
func (h *host) options(probe Host) []string {
	o := wire.Options{
		Threads: h.cfg.Threads,
		Memory:  h.cfg.Memory,
		// A worker may use every thread all the time; a session's own time
		// limit comes first.
		CPU:    int64(max(h.cfg.Load, h.cfg.Wall).Seconds()+1)*int64(h.cfg.Threads) + 5,
		Files:  maxOpenFiles,
		Waived: (^h.cfg.Require).names(),
		Skip:   h.cfg.skip,
	}
	if len(h.attr.AmbientCaps) > 0 {
		o.Mounts, o.Spill = true, h.cfg.Spill
	}
	// A kernel counts the threads of a user namespace since it counts by
	// namespace; before, it counted all of a user's.
	if h.attr.Cloneflags != 0 && probe.atLeast(5, 14) {
		o.Tasks = maxTasks
	}
	text, err := json.Marshal(o)
	if err != nil {
		panic("sandbox: " + err.Error())
	}
	serve := []string{"serve", string(text), o.Cell()}
	if h.attr.Cloneflags == 0 {
		return append([]string{"zonebox-worker"}, serve...)
	}
	return append([]string{"zonebox-worker", "enter", h.entrance()}, serve...)
}

// entrance is what a worker is told that makes its namespaces itself (cell_linux.c).
func (h *host) entrance() string {
	user, capabilities := uint32(0), 0
	if h.attr.Credential != nil {
		user = h.attr.Credential.Uid
	}
	for _, c := range h.attr.AmbientCaps {
		capabilities |= 1 << c
	}
	return fmt.Sprintf("namespaces=%d;user=%d;capabilities=%d;gate=%d", h.attr.Cloneflags, user, capabilities, os.Getpid())
}

// admit waits until a worker has made its namespaces, and says who it is in them.
func (h *host) admit(s *Session) error {
	if h.attr.Cloneflags == 0 {
		return nil
	}
	if _, err := s.in.ReadByte(); err != nil {
		return fmt.Errorf("sandbox: start worker: %w: namespaces: %w", ErrIsolation, s.died())
	}
	// The numbers are those of the gate's own namespace: one that it has no user for
	// the kernel refuses, and no worker starts.
	dir := "/proc/" + strconv.Itoa(s.process.Pid)
	files := []struct {
		name string
		ids  []syscall.SysProcIDMap
	}{{"uid_map", h.attr.UidMappings}, {"gid_map", h.attr.GidMappings}}
	if !h.attr.GidMappingsEnableSetgroups {
		if err := os.WriteFile(dir+"/setgroups", []byte("deny"), 0); err != nil {
			return fmt.Errorf("sandbox: start worker: %w: %w", ErrIsolation, err)
		}
	}
	for _, f := range files {
		text := fmt.Sprintf("%d %d %d\n", f.ids[0].ContainerID, f.ids[0].HostID, f.ids[0].Size)
		if err := os.WriteFile(dir+"/"+f.name, []byte(text), 0); err != nil {
			return fmt.Errorf("sandbox: start worker: %w: %w", ErrIsolation, err)
		}
	}
	if _, err := s.conn.Write([]byte{1}); err != nil {
		return fmt.Errorf("sandbox: start worker: %w: namespaces: %w", ErrIsolation, s.died())
	}
	return nil
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
	uid, gid := os.Getuid(), os.Getgid()
	if probe.Root {
		uid, gid = nobody, nobody
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	if probe.Namespaces {
		attr.Cloneflags = workerFlags
		// Without a name in its namespace the worker could make no file there.
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: gid, Size: 1}}
		attr.GidMappingsEnableSetgroups = probe.Root // to drop root's groups
	}
	if probe.Mounts {
		attr.AmbientCaps = mountCaps
	}
	return attr
}

// mountCaps are what a worker has, in its own user namespace, until it has made
// its root (cell_linux.c).
var mountCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}

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
		attr := h.attr
		if attr.Cloneflags != 0 { // it makes them itself: see enter in cell_linux.c
			attr = syscall.SysProcAttr{Setsid: attr.Setsid, Pdeathsig: attr.Pdeathsig}
		}
		if r.group != nil {
			attr.UseCgroupFD, attr.CgroupFD = true, r.group.fd
		}
		p, err := os.StartProcess("/proc/self/fd/4", h.arguments, &os.ProcAttr{
			Env: []string{
				// One arena per thread would reserve 64 MB of address space
				// each, which the limit on it would count.
				"MALLOC_ARENA_MAX=2",
				// Else the runtime keeps the cgroup's files open.
				"GODEBUG=containermaxprocs=0,updatemaxprocs=0",
			},
			Dir:   "/",
			Files: []*os.File{h.null, h.null, h.null, r.socket, h.exe},
			Sys:   &attr,
		})
		reply := startReply{process: p, err: err}
		if err == nil {
			reply.autogroup = openAutogroup(p.Pid)
		}
		r.reply <- reply
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
	g, err := h.cgroups.add(h.cfg.Memory+h.cfg.Spill, maxTasks)
	if err != nil {
		_, _ = c.Close(), theirs.Close()
		return nil, fmt.Errorf("sandbox: start worker: %w", err)
	}
	reply := make(chan startReply, 1)
	h.requests <- startRequest{theirs, g, reply}
	started := <-reply
	_ = theirs.Close()
	if started.err != nil {
		_ = c.Close()
		g.remove()
		return nil, fmt.Errorf("sandbox: start worker: %w", started.err)
	}
	s := &Session{process: started.process, conn: c.(*net.UnixConn), in: bufio.NewReaderSize(c, 256<<10),
		exited: make(chan struct{}), cfg: h.cfg, group: g, autogroup: started.autogroup}
	h.alive.Go(func() {
		s.reap()
		s.streams.end()
		g.remove()
		if s.autogroup != nil {
			_ = s.autogroup.Close()
		}
	})
	stop := s.watch(ctx)
	err = h.admit(s)
	if err == nil {
		err = h.attest(s)
	}
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
	if err := s.group.allow(s.cfg.Memory + s.cfg.Spill + extra); err != nil {
		return fmt.Errorf("sandbox: limit worker memory: %w: %w", ErrIsolation, err)
	}
	err := unix.Prlimit(s.process.Pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: limit, Max: unix.RLIM_INFINITY}, nil)
	if errors.Is(err, unix.ESRCH) {
		return s.died()
	}
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
	file, own, err := anonymousFile(name, unix.F_SEAL_SHRINK, write)
	if err != nil {
		return nil, err
	}
	_ = own.Close()
	return file, nil
}

// lentFile is sealedFile but for own, which can still be truncated.
func lentFile(name string, write func(*os.File) error) (file, own *os.File, err error) {
	return anonymousFile(name, 0, write)
}

// anonymousFile returns a file that write has filled and that is sealed then, as
// it was made and open for reading only.
func anonymousFile(name string, seals int, write func(*os.File) error) (file, own *os.File, err error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, err
	}
	own = os.NewFile(uintptr(fd), name)
	if err = write(own); err == nil {
		_, err = unix.FcntlInt(own.Fd(), unix.F_ADD_SEALS, seals|unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err == nil {
		// A second description, so that the worker's is read-only and its offset
		// is its own.
		file, err = os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), os.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		_ = own.Close()
		return nil, nil, err
	}
	return file, own, nil
}
