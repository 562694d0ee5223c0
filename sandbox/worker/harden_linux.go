package worker

// #include "cell.h"
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

const maxOpenFiles = 256

// A confinement is what cell_linux.c put in force before the program began.
type confinement struct {
	landlock int
	root     bool
	proc     int    // descriptor of the process's own directory of /proc
	spill    string // directory the engine may overflow into, or empty
}

func confinedBy() confinement {
	c := C.zonebox_cell
	return confinement{landlock: int(c.landlock), root: c.root != 0, proc: int(c.proc), spill: C.GoString(&c.spill[0])}
}

// harden closes the last doors once the engine has opened what it needs: files
// for good, tracing, and all system calls but those of seccomp_linux.go. It
// returns the worker's own account of itself, which the gate compares with the
// kernel's.
func harden(opt wire.Options, c confinement) (wire.HelloMessage, error) {
	hello := wire.HelloMessage{Namespaces: map[string]string{}, Dumpable: true, Root: c.root, Landlock: c.landlock}
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
	if err := c.report(&hello); err != nil {
		return hello, &layerError{"report", err}
	}
	status, err := unix.Openat(c.proc, "status", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return hello, &layerError{"report", err}
	}
	_ = unix.Close(c.proc)
	defer func() { _ = unix.Close(status) }()
	if c.landlock > 0 {
		if err := landlockForService(c); err != nil {
			return hello, &layerError{"landlock", err}
		}
	}
	if !skipped(opt, "seccomp") {
		if err := installFilter(c.spill != ""); err != nil && !slices.Contains(opt.Waived, "seccomp") {
			return hello, &layerError{"seccomp", err}
		}
	}
	// A file of /proc is written anew for whoever reads it from its start: this
	// is the status under the filter.
	hello.Status, err = readAll(status)
	if err != nil {
		return hello, &layerError{"report", err}
	}
	embellish(opt, &hello)
	return hello, nil
}

// report reads from the process's own directory of /proc what it is confined by.
func (c confinement) report(hello *wire.HelloMessage) error {
	var link [256]byte
	for _, n := range []string{"user", "net", "ipc", "uts", "mnt"} {
		if k, err := unix.Readlinkat(c.proc, "ns/"+n, link[:]); err == nil {
			hello.Namespaces[n] = string(link[:k])
		}
	}
	for fd := range maxOpenFiles {
		if fd == c.proc {
			continue // closed before the worker serves
		}
		if k, err := unix.Readlinkat(c.proc, "fd/"+strconv.Itoa(fd), link[:]); err == nil {
			hello.Files = append(hello.Files, strconv.Itoa(fd)+" "+string(link[:k]))
		}
	}
	texts := map[string]*string{"limits": &hello.Limits, "cgroup": &hello.Cgroup}
	if c.root {
		texts["mountinfo"] = &hello.Mounts
	}
	for name, to := range texts {
		fd, err := unix.Openat(c.proc, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*to, err = readAll(fd)
		_ = unix.Close(fd)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// readAll reads what is left in fd. It uses no os.File: those want the poller to
// know of them.
func readAll(fd int) (string, error) {
	var out []byte
	buf := make([]byte, 8<<10)
	for {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return "", err
		}
		if n == 0 {
			return string(out), nil
		}
		out = append(out, buf[:n]...)
	}
}

// settle makes the worker what its first request needs and nothing more. Only a
// worker that holds rows may overflow into memory of its own; any other loses
// every call that names a file, and the engine the file system. It comes before
// the engine sees any text but this package's: whoever has set
// enable_external_access can set no directory afterwards.
func (s *server) settle(rows bool) error {
	if s.settled {
		return nil
	}
	s.settled = true
	rows = rows && s.cell.spill != ""
	settings := "SET enable_external_access = false; SET lock_configuration = true"
	if !rows {
		settings = "SET temp_directory = ''; SET disabled_filesystems = 'LocalFileSystem'; " + settings
	}
	if err := s.engine.run(settings); err != nil {
		return err
	}
	if rows || s.cell.spill == "" || skipped(s.options, "seccomp") {
		return nil
	}
	if err := installFilter(false); err != nil && !slices.Contains(s.options.Waived, "seccomp") {
		return err
	}
	return nil
}

var errLandlock = errors.New("a file could be opened")
