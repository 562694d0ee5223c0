package sandbox

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Host is what this kernel offers for isolation, for the operator of a data
// centre to read.
type Host struct {
	Kernel     string `json:"kernel"`
	Landlock   int    `json:"landlock_abi"` // 0: none
	Seccomp    bool   `json:"seccomp_filter"`
	Namespaces bool   `json:"namespaces"` // for the user the gate runs as
	Mounts     bool   `json:"mounts"`     // in a namespace of its own
	Memfd      bool   `json:"memfd_sealing"`
	Root       bool   `json:"root"`
}

// Probe asks the kernel, once in a process. It changes nothing. A process that is not
// dumpable, and not root's, would be told of no mounts: nobody may write who its
// children are in their namespaces. Workers are, until they have a program of their own.
// So a gate asks before it hardens itself.
func Probe() Host { return probed() }

var probed = sync.OnceValue(func() Host {
	h := Host{Root: os.Geteuid() == 0}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		h.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); errno == 0 {
		h.Landlock = int(v)
	}
	// The kernel looks at the filter's address only after it has accepted the
	// mode, so a nil filter is EFAULT where filters exist.
	errno := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, 0, 0, 0)
	h.Seccomp = errors.Is(errno, unix.EFAULT)
	if fd, err := unix.MemfdCreate("zonebox-probe", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING); err == nil {
		h.Memfd = true
		_ = unix.Close(fd)
	}
	h.Namespaces = started(&syscall.SysProcAttr{Cloneflags: workerFlags})
	if h.Namespaces {
		attr := workerAttr(Host{Root: h.Root, Namespaces: true, Mounts: true}, nil)
		h.Mounts = started(&attr)
	}
	return h
})

// atLeast reports whether the kernel is of version major.minor or later.
func (h Host) atLeast(major, minor int) bool {
	var a, b int
	_, err := fmt.Sscanf(h.Kernel, "%d.%d", &a, &b)
	return err == nil && (a > major || a == major && b >= minor)
}

// started reports whether the kernel grants attr. It starts a program that does
// not exist: where all is granted, the missing program is what fails.
func started(attr *syscall.SysProcAttr) bool {
	_, err := syscall.ForkExec("/proc/self/nonexistent", []string{"nonexistent"}, &syscall.ProcAttr{Sys: attr})
	return errors.Is(err, syscall.ENOENT)
}
