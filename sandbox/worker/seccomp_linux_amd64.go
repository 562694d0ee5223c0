package worker

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

var (
	archAllowed = []uint32{unix.SYS_TIME, unix.SYS_EPOLL_WAIT}
	archSpill   = []uint32{unix.SYS_UNLINK, unix.SYS_STAT, unix.SYS_NEWFSTATAT, unix.SYS_ACCESS}
	archKilled  = []uint32{unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_MODIFY_LDT}
)
