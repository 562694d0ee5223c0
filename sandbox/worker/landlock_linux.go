package worker

import (
	"errors"

	landlock "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// landlockForService forbids every thread every file but those in the worker's
// own memory, and verifies that. A worker with a root of its own has been under
// that rule since cell_linux.c; one that shares the host's root may have read
// until now what its start reads, and has no overflow directory.
func landlockForService(c confinement) error {
	if !c.root {
		if err := landlockAgain(); err != nil {
			return err
		}
	}
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if !errors.Is(err, unix.EACCES) {
		_ = unix.Close(fd)
		return errLandlock
	}
	return nil
}

func landlockAgain() error {
	ruleset, err := landlockRuleset()
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(ruleset) }()
	// The list of threads stays readable: going through it again is how the
	// next call knows that it has reached every thread.
	if err := landlockAllow(ruleset, "/proc/self/task", landlock.AccessFSReadDir); err != nil {
		return err
	}
	return landlock.AllThreadsLandlockRestrictSelf(ruleset, 0)
}

// landlockRuleset returns a ruleset that handles all this kernel can: files,
// TCP since version 4, abstract sockets and signals to others since version 6.
func landlockRuleset() (ruleset int, err error) {
	abi, err := landlock.LandlockGetABIVersion()
	if err != nil {
		return 0, err
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
	return landlock.LandlockCreateRuleset(&attr, 0)
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
