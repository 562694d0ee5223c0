package worker

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

const maxOpenFiles = 256

// confine gives up privileges, limits, descriptors and files, and executes this
// binary again as the serving stage. It returns only on error.
//
// Landlock and the limits bind the calling thread and what it executes, so doing
// this before execve binds every thread of the serving stage without exception.
func confine(opt wire.Options) error {
	runtime.LockOSThread()
	steps := []struct {
		layer string
		do    func() error
	}{
		{"descriptors", func() error { return unix.CloseRange(gateFD+1, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) }},
		{"no_new_privs", func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }},
		{"limits", func() error { return setLimits(opt.CPU) }},
		{"landlock", landlockForStart},
	}
	for _, s := range steps {
		if skipped(opt, s.layer) {
			continue
		}
		if err := s.do(); err != nil && !slices.Contains(opt.Waived, s.layer) {
			return &layerError{s.layer, err}
		}
	}
	err := unix.Exec("/proc/self/exe", []string{"zonebox-worker", "serve", os.Args[2]}, os.Environ())
	return &layerError{"exec", err}
}

func setLimits(cpu int64) error {
	for _, l := range []struct {
		resource  int
		cur, hard uint64
	}{
		{unix.RLIMIT_CPU, uint64(cpu), uint64(cpu) + 1},
		{unix.RLIMIT_FSIZE, 0, 0},
		{unix.RLIMIT_CORE, 0, 0},
		{unix.RLIMIT_MEMLOCK, 0, 0},
		{unix.RLIMIT_NOFILE, maxOpenFiles, maxOpenFiles},
	} {
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: l.cur, Max: l.hard}); err != nil {
			return fmt.Errorf("limit %d: %w", l.resource, err)
		}
	}
	return nil
}

// harden closes the last doors once the engine has opened what it needs: files
// for good, tracing, and all system calls but those of seccomp_linux.go. It
// returns what only the worker can report.
func harden(opt wire.Options) (wire.HelloMessage, error) {
	hello := wire.HelloMessage{Namespaces: map[string]string{}, Dumpable: true}
	// The runtime's poller starts with the first timer, and the filter knows
	// no call to start it with.
	time.Sleep(time.Microsecond)
	if !skipped(opt, "nondumpable") {
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
			return hello, &layerError{"nondumpable", err}
		}
	}
	if v, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err == nil && v == 0 {
		hello.Dumpable = false
	}
	for _, n := range []string{"user", "net", "ipc", "uts", "mnt"} {
		hello.Namespaces[n], _ = os.Readlink("/proc/self/ns/" + n)
	}
	for fd := range maxOpenFiles {
		if target, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err == nil {
			hello.Files = append(hello.Files, strconv.Itoa(fd)+" "+target)
		}
	}
	if !skipped(opt, "landlock") {
		abi, err := landlockForService()
		if err != nil && !slices.Contains(opt.Waived, "landlock") {
			return hello, &layerError{"landlock", err}
		}
		hello.Landlock = abi
	}
	if !skipped(opt, "seccomp") {
		if err := installFilter(); err != nil && !slices.Contains(opt.Waived, "seccomp") {
			return hello, &layerError{"seccomp", err}
		}
	}
	return hello, nil
}

var errLandlock = errors.New("a file could be opened")
