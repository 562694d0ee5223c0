package worker

import (
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// The filter's answers (linux/seccomp.h).
const (
	actAllow  = 0x7fff0000
	actErrno  = 0x00050000
	actKill   = 0x80000000 // the whole process, by SIGSYS
	flagTSYNC = 1
)

// allowedCalls is what a Go program with DuckDB in it needs to compute: memory,
// threads, time, and reading from and writing to descriptors it already has.
// None of them opens, creates or names anything.
var allowedCalls = append([]uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_PREAD64, unix.SYS_CLOSE, unix.SYS_LSEEK, unix.SYS_FSTAT,
	unix.SYS_MUNMAP, unix.SYS_MREMAP, unix.SYS_MADVISE, unix.SYS_BRK, unix.SYS_MINCORE,
	unix.SYS_FUTEX, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_GETCPU, unix.SYS_MEMBARRIER,
	unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_RESTART_SYSCALL,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,
	unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_GETTIMEOFDAY,
	unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT,
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETRUSAGE, unix.SYS_SYSINFO, unix.SYS_UNAME, unix.SYS_GETRANDOM,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
}, archAllowed...)

// killedCalls is what no honest worker asks for: the attempt ends it, and the
// gate sees SIGSYS. Everything in neither list is refused with EPERM, which the
// engine and the C library take as an answer.
var killedCalls = append([]uint32{
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
	unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG, unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD,
	unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT,
	unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSMOUNT,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_PERSONALITY,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT,
	unix.SYS_SETUID, unix.SYS_SETRESUID, unix.SYS_SETGID, unix.SYS_SETRESGID, unix.SYS_CAPSET,
}, archKilled...)

// spillCalls is what the engine needs to keep what does not fit its memory in
// files of its own. A worker that holds no rows loses them (settle). Names are
// left to the two layers that know them: its own root and Landlock.
var spillCalls = append([]uint32{
	unix.SYS_OPENAT, unix.SYS_PWRITE64, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE, unix.SYS_UNLINKAT, unix.SYS_FACCESSAT,
}, archSpill...)

// filter returns the program for a process with this id; with spill, it knows
// spillCalls and the call that installs a tighter one.
func filter(pid int, spill bool) []bpf.Instruction {
	const (
		offNumber = 0
		offArch   = 4
	)
	ret := func(action uint32) bpf.Instruction { return bpf.RetConstant{Val: action} }
	refuse := ret(actErrno | uint32(unix.EPERM))
	// arg loads the low half of argument i, or the high half.
	arg := func(i int) bpf.Instruction { return bpf.LoadAbsolute{Off: uint32(16 + 8*i), Size: 4} }
	argHigh := func(i int) bpf.Instruction { return bpf.LoadAbsolute{Off: uint32(20 + 8*i), Size: 4} }
	// when runs body if the accumulator holds the call number nr. Bodies
	// always return.
	when := func(nr uint32, body ...bpf.Instruction) []bpf.Instruction {
		return append([]bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: nr, SkipTrue: uint8(len(body))}}, body...)
	}
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		ret(actKill),
		bpf.LoadAbsolute{Off: offNumber, Size: 4},
		// x32 on amd64 has its own numbers; no number of ours is this large.
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 0x40000000, SkipTrue: 1},
		ret(actKill),
	}
	allowed := allowedCalls
	if spill {
		allowed = append(slices.Clone(allowed), spillCalls...)
		program = append(program, when(unix.SYS_SECCOMP, arg(0),
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SECCOMP_SET_MODE_FILTER, SkipFalse: 1}, ret(actAllow), refuse)...)
	}
	for _, nr := range allowed {
		program = append(program, when(nr, ret(actAllow))...)
	}
	for _, nr := range killedCalls {
		program = append(program, when(nr, ret(actKill))...)
	}
	// No new code: neither memory that is executable nor files mapped so.
	for _, nr := range []uint32{unix.SYS_MMAP, unix.SYS_MPROTECT} {
		program = append(program, when(nr, arg(2),
			bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: unix.PROT_EXEC, SkipTrue: 1}, ret(actAllow), refuse)...)
	}
	// Threads but no processes. clone3 hides its flags behind a pointer; the C
	// library falls back to clone when it is told the call does not exist.
	program = append(program, when(unix.SYS_CLONE, arg(0),
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: unix.CLONE_THREAD, SkipFalse: 1}, ret(actAllow), ret(actKill))...)
	program = append(program, when(unix.SYS_CLONE3, ret(actErrno|uint32(unix.ENOSYS)))...)
	// Signals to this process only: the runtime preempts its threads so.
	program = append(program, when(unix.SYS_TGKILL, arg(0),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(pid), SkipFalse: 1}, ret(actAllow), ret(actKill))...)
	// Messages from the gate only.
	program = append(program, when(unix.SYS_RECVMSG, arg(0),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: gateFD, SkipFalse: 1}, ret(actAllow), refuse)...)
	program = append(program, when(unix.SYS_PRCTL, arg(0),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PR_SET_NAME, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PR_SET_VMA, SkipFalse: 1}, ret(actAllow), refuse)...)
	// Reading limits, not setting them: the third argument is null.
	program = append(program, when(unix.SYS_PRLIMIT64, arg(2),
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 3}, argHigh(2),
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 1}, ret(actAllow), refuse)...)
	return append(program, refuse)
}

// installFilter puts every thread of the process under the filter, on top of
// those it is under already: of two answers the kernel takes the stricter.
func installFilter(spill bool) error {
	raw, err := bpf.Assemble(filter(unix.Getpid(), spill))
	if err != nil {
		return err
	}
	code := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	r, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flagTSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	if r != 0 {
		return fmt.Errorf("thread %d could not be filtered", r)
	}
	return nil
}
