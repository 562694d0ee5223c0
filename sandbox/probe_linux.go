package sandbox

import (
	"errors"
	"os"
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
	Memfd      bool   `json:"memfd_sealing"`
	Root       bool   `json:"root"`
}

// Probe asks the kernel. It changes nothing.
func Probe() Host {
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
	h.Namespaces = namespacesAllowed()
	return h
}

// namespacesAllowed tries to start a program that does not exist in new
// namespaces: where they are granted, the missing program is what fails.
func namespacesAllowed() bool {
	_, err := syscall.ForkExec("/proc/self/nonexistent", []string{"nonexistent"},
		&syscall.ProcAttr{Sys: &syscall.SysProcAttr{Cloneflags: workerFlags}})
	return errors.Is(err, syscall.ENOENT)
}
