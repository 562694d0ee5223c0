package worker

import (
	"errors"

	landlock "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// What the start of a Go program with a C++ engine in it reads: the binary and
// its libraries; the processor list; the limits of its cgroup (DuckDB 1.5 aborts
// if it sees the file and cannot read it); its own maps and threads.
var (
	startRun  = []string{"/proc/self/exe", "/lib", "/lib64", "/usr/lib", "/usr/lib64"}
	startRead = []string{"/etc/ld.so.cache", "/proc/self", "/sys/fs/cgroup", "/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage"}
)

// landlockForStart allows the calling thread and what it executes to run this
// binary and to read the files above, nothing else.
func landlockForStart() error {
	ruleset, _, err := landlockRuleset()
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(ruleset) }()
	for _, path := range startRun {
		if err := landlockAllow(ruleset, path, landlock.AccessFSExecute|landlock.AccessFSReadFile|landlock.AccessFSReadDir); err != nil {
			return err
		}
	}
	for _, path := range startRead {
		if err := landlockAllow(ruleset, path, landlock.AccessFSReadFile|landlock.AccessFSReadDir); err != nil {
			return err
		}
	}
	return landlock.LandlockRestrictSelf(ruleset, 0)
}

// landlockForService forbids every thread every file, verifies that, and returns
// the kernel's Landlock version.
func landlockForService() (int, error) {
	ruleset, abi, err := landlockRuleset()
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(ruleset) }()
	// The list of threads stays readable: going through it again is how the
	// next call knows that it has reached every thread.
	if err := landlockAllow(ruleset, "/proc/self/task", landlock.AccessFSReadDir); err != nil {
		return 0, err
	}
	if err := landlock.AllThreadsLandlockRestrictSelf(ruleset, 0); err != nil {
		return 0, err
	}
	if fd, err := unix.Open("/proc/self/status", unix.O_RDONLY|unix.O_CLOEXEC, 0); !errors.Is(err, unix.EACCES) {
		_ = unix.Close(fd)
		return 0, errLandlock
	}
	return abi, nil
}

// landlockRuleset returns a ruleset that handles all this kernel can: files,
// TCP since version 4, abstract sockets and signals to others since version 6.
func landlockRuleset() (ruleset, abi int, err error) {
	abi, err = landlock.LandlockGetABIVersion()
	if err != nil {
		return 0, 0, err
	}
	attr := landlock.RulesetAttr{HandledAccessFS: landlock.AccessFSMakeSym<<1 - 1}
	if abi >= 2 {
		attr.HandledAccessFS |= landlock.AccessFSRefer
	}
	if abi >= 3 {
		attr.HandledAccessFS |= landlock.AccessFSTruncate
	}
	if abi >= 4 {
		attr.HandledAccessNet = landlock.AccessNetBindTCP | landlock.AccessNetConnectTCP
	}
	if abi >= 5 {
		attr.HandledAccessFS |= landlock.AccessFSIoctlDev
	}
	if abi >= 6 {
		attr.Scoped = landlock.ScopeAbstractUnixSocket | landlock.ScopeSignal
	}
	ruleset, err = landlock.LandlockCreateRuleset(&attr, 0)
	return ruleset, abi, err
}

// landlockAllow adds a path that exists; one that does not needs no rule.
func landlockAllow(ruleset int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &^= landlock.AccessFSReadDir
	}
	return landlock.LandlockAddPathBeneathRule(ruleset, &landlock.PathBeneathAttr{ParentFd: fd, AllowedAccess: access}, 0)
}
