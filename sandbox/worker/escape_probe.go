//go:build zonebox_probe

package worker

/*
#include <stddef.h>
#include <unistd.h>

static int zonebox_vfork(void) {
	pid_t p = vfork();
	if (p == 0) _exit(0);
	return p < 0 ? -1 : 0;
}
*/
import "C"

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An escape is one thing no worker may do. Its argument is what the test sets
// up: a process id, a port, a directory, a name. Where a call cannot succeed it
// is made so that the error tells whether the kernel carried it out.
var escapes = map[string]func(argument string) error{
	"open":        func(path string) error { return openClose(path, unix.O_RDONLY) },
	"open_path":   func(path string) error { return openClose(path, unix.O_PATH) },
	"open_create": func(path string) error { return openClose(path+".new", unix.O_CREAT|unix.O_WRONLY) },
	"open_write":  func(path string) error { return openClose(path, unix.O_WRONLY) },
	"open_trunc":  func(path string) error { return openClose(path, unix.O_WRONLY|unix.O_TRUNC) },
	"openat2": func(path string) error {
		fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: unix.O_RDONLY})
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	},
	"open_handle": func(path string) error {
		h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, path, 0)
		_ = h
		return err
	},
	"stat":     func(path string) error { var st unix.Stat_t; return unix.Fstatat(unix.AT_FDCWD, path, &st, 0) },
	"statx":    func(path string) error { var st unix.Statx_t; return unix.Statx(unix.AT_FDCWD, path, 0, 0, &st) },
	"access":   func(path string) error { return unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, 0) },
	"readlink": func(string) error { _, err := unix.Readlink("/proc/self/exe", make([]byte, 64)); return err },
	"statfs":   func(string) error { var st unix.Statfs_t; return unix.Statfs("/etc", &st) },
	"chdir":    func(string) error { return unix.Chdir("/etc") },
	"truncate": func(path string) error { return unix.Truncate(path, 0) },
	"mkdir":    func(path string) error { return unix.Mkdir(path+".dir", 0o700) },
	"unlink":   func(path string) error { return unix.Unlink(path + ".gone") },
	"rename":   func(path string) error { return unix.Rename(path, path) },
	"symlink":  func(path string) error { return unix.Symlink("/etc", path+".sym."+strconv.Itoa(os.Getpid())) },
	"hardlink": func(path string) error { return unix.Link(path, path+".hard."+strconv.Itoa(os.Getpid())) },
	"mknod": func(path string) error {
		return unix.Mknod(path+".fifo."+strconv.Itoa(os.Getpid()), unix.S_IFIFO|0o600, 0)
	},
	"chmod":      func(path string) error { return unix.Chmod(path, 0o666) },
	"chown":      func(path string) error { return unix.Lchown(path, -1, -1) },
	"utimes":     func(path string) error { return unix.Utimes(path, nil) },
	"setxattr":   func(path string) error { return unix.Setxattr(path, "user.zonebox", []byte("x"), 0) },
	"list_proc":  func(string) error { return openClose("/proc", unix.O_RDONLY|unix.O_DIRECTORY) },
	"environ_of": func(pid string) error { return openClose("/proc/"+pid+"/environ", unix.O_RDONLY) },
	"mem_of":     func(pid string) error { return openClose("/proc/"+pid+"/mem", unix.O_RDWR) },
	"own_mem":    func(string) error { return openClose("/proc/self/mem", unix.O_RDWR) },
	"reopen_fd":  func(string) error { return openClose("/proc/self/fd/0", unix.O_RDWR) },
	"inotify":    func(string) error { return descriptor(unix.InotifyInit1(unix.IN_CLOEXEC)) },

	"tcp": func(port string) error { return dial(unix.AF_INET, unix.SOCK_STREAM, loopback(port)) },
	"tcp6": func(port string) error {
		n, _ := strconv.Atoi(port)
		return dial(unix.AF_INET6, unix.SOCK_STREAM, &unix.SockaddrInet6{Port: n, Addr: [16]byte{15: 1}})
	},
	"tcp_listen": func(string) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return errors.Join(unix.Bind(fd, loopback("0")), unix.Listen(fd, 1), unix.Close(fd))
	},
	"udp":           func(port string) error { return dialSend(loopback(port)) },
	"unix_path":     func(path string) error { return dial(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path}) },
	"unix_abstract": func(name string) error { return dial(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: name}) },
	"netlink":       func(string) error { return newSocket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE) },
	"raw_socket":    func(string) error { return newSocket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) },
	"packet_socket": func(string) error { return newSocket(unix.AF_PACKET, unix.SOCK_RAW, 0) },
	"vsock":         func(string) error { return newSocket(unix.AF_VSOCK, unix.SOCK_STREAM, 0) },
	"socketpair": func(string) error {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			_, _ = unix.Close(pair[0]), unix.Close(pair[1])
		}
		return err
	},
	"send_fd": func(string) error { return unix.Sendmsg(-1, nil, nil, nil, 0) },

	"exec": func(string) error { return unix.Exec("/bin/true", []string{"true"}, nil) },
	"exec_memfd": func(string) error {
		fd, err := unix.MemfdCreate("p", 0)
		if err != nil {
			fd = 0
		} else if b, err := os.ReadFile("/bin/true"); err == nil {
			_, _ = unix.Write(fd, b)
		}
		empty, arg := []byte{0}, [2]*byte{}
		arg[0] = &empty[0]
		_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty[0])), uintptr(unsafe.Pointer(&arg[0])),
			uintptr(unsafe.Pointer(&arg[1])), unix.AT_EMPTY_PATH, 0)
		return failed(errno)
	},
	"fork": func(string) error {
		r, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno == 0 && r == 0 {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		return failed(errno)
	},
	"vfork": func(string) error {
		if r, err := C.zonebox_vfork(); r != 0 {
			return err
		}
		return nil
	},
	"clone3": func(string) error {
		args := [11]uint64{4: uint64(unix.SIGCHLD)}
		r, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), 64, 0)
		if errno == 0 && r == 0 {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		return failed(errno)
	},
	"ptrace": func(pid string) error {
		runtime.LockOSThread()
		n, _ := strconv.Atoi(pid)
		return raw(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(n), 0)
	},
	"kill":   func(pid string) error { n, _ := strconv.Atoi(pid); return unix.Kill(n, 0) },
	"tgkill": func(pid string) error { n, _ := strconv.Atoi(pid); return unix.Tgkill(n, n, 0) },
	"pidfd":  func(pid string) error { n, _ := strconv.Atoi(pid); return descriptor(unix.PidfdOpen(n, 0)) },
	"vm_readv": func(pid string) error {
		n, _ := strconv.Atoi(pid)
		b := []byte{0}
		_, err := unix.ProcessVMReadv(n, []unix.Iovec{{Base: &b[0], Len: 1}}, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&b[0])), Len: 1}}, 0)
		return err
	},
	"priority_of": func(pid string) error { n, _ := strconv.Atoi(pid); return unix.Setpriority(unix.PRIO_PROCESS, n, 19) },
	"limits_of": func(pid string) error {
		n, _ := strconv.Atoi(pid)
		return unix.Prlimit(n, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	},
	"affinity_of": func(pid string) error {
		n, _ := strconv.Atoi(pid)
		var s unix.CPUSet
		s.Set(0)
		s.Set(1)
		return unix.SchedSetaffinity(n, &s)
	},
	"priority": func(string) error { return unix.Setpriority(unix.PRIO_PROCESS, 0, -5) },
	"realtime": func(string) error {
		p := int32(1)
		return raw(unix.SYS_SCHED_SETSCHEDULER, 0, 1, uintptr(unsafe.Pointer(&p)))
	},
	"raise_limit": func(string) error {
		return unix.Prlimit(0, unix.RLIMIT_AS, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, nil)
	},
	"dumpable":    func(string) error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) },
	"seccomp_off": func(string) error { return unix.Prctl(unix.PR_SET_SECCOMP, 0, 0, 0, 0) },
	"personality": func(string) error { return raw(unix.SYS_PERSONALITY, 0xffffffff, 0, 0) },
	"unshare":     func(string) error { return unix.Unshare(unix.CLONE_FS) },
	"setns":       func(string) error { return unix.Setns(-1, 0) },
	"setuid":      func(string) error { return raw(unix.SYS_SETUID, 0, 0, 0) },
	"capset": func(string) error {
		h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var d [2]unix.CapUserData
		return unix.Capset(&h, &d[0])
	},
	"chroot":     func(string) error { return unix.Chroot("/") },
	"pivot_root": func(string) error { return unix.PivotRoot("/", "/") },
	"mount": func(dir string) error {
		return errors.Join(unix.Mount("p", dir, "tmpfs", 0, ""), unix.Unmount(dir, unix.MNT_DETACH))
	},
	"umount": func(string) error { return unix.Unmount("/", 0x8000) },
	"fsopen": func(string) error { return descriptor(unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)) },
	"open_tree": func(string) error {
		fd, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLOEXEC)
		return descriptor(fd, err)
	},
	"io_uring": func(string) error { return raw(unix.SYS_IO_URING_SETUP, 0, 0, 0) },
	"bpf":      func(string) error { return raw(unix.SYS_BPF, 0xffff, 0, 0) },
	"perf":     func(string) error { return raw(unix.SYS_PERF_EVENT_OPEN, 0, 0, ^uintptr(0)) },
	"userfaultfd": func(string) error {
		fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
		return descriptor(int(fd), failed(errno))
	},
	"keyctl":       func(string) error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, true); return err },
	"memfd":        func(string) error { return descriptor(unix.MemfdCreate("p", unix.MFD_CLOEXEC)) },
	"memfd_secret": func(string) error { return descriptor(unix.MemfdSecret(0)) },
	"executable_mmap": func(string) error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err == nil {
			_ = unix.Munmap(b)
		}
		return err
	},
	"executable_mprotect": func(string) error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Munmap(b) }()
		return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
	},
	"pkey_mprotect": func(string) error { return raw(unix.SYS_PKEY_MPROTECT, 0, 0, unix.PROT_EXEC) },
	"shmget":        func(string) error { _, err := unix.SysvShmGet(0, 4096, 0o600|unix.IPC_CREAT); return err },
	"dup":           func(string) error { return descriptor(unix.Dup(0)) },
	"pipe": func(string) error {
		var p [2]int
		err := unix.Pipe2(p[:], unix.O_CLOEXEC)
		_, _ = unix.Close(p[0]), unix.Close(p[1])
		return err
	},
	"tty_input": func(string) error {
		b := byte('x')
		return raw(unix.SYS_IOCTL, 0, unix.TIOCSTI, uintptr(unsafe.Pointer(&b)))
	},
	"lock":        func(string) error { return unix.Flock(0, unix.LOCK_SH) },
	"record_lock": func(string) error { return unix.FcntlFlock(0, unix.F_SETLK, &unix.Flock_t{Type: unix.F_UNLCK}) },
	"splice":      func(string) error { _, err := unix.Splice(-1, nil, -1, nil, 1, 0); return err },
	"sync":        func(string) error { return raw(unix.SYS_SYNC, 0, 0, 0) },
}

// On the sealed memory of a segment, which arrives with the request.
var sealedEscapes = map[string]func(fd int) error{
	"sealed_write":    func(fd int) error { _, err := unix.Write(fd, []byte{0}); return err },
	"sealed_pwrite":   func(fd int) error { _, err := unix.Pwrite(fd, []byte{0}, 0); return err },
	"sealed_truncate": func(fd int) error { return unix.Ftruncate(fd, 0) },
	"sealed_punch": func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 1)
	},
	"sealed_map": func(fd int) error {
		_, err := unix.Mmap(fd, 0, 1, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		return err
	},
	"sealed_chmod": func(fd int) error { return unix.Fchmod(fd, 0o777) },
	"sealed_xattr": func(fd int) error { return unix.Fsetxattr(fd, "user.x", []byte("x"), 0) },
	"sealed_lock": func(fd int) error {
		return unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &unix.Flock_t{Type: unix.F_RDLCK})
	},
	"sealed_flock":  func(fd int) error { return unix.Flock(fd, unix.LOCK_EX) },
	"sealed_reopen": func(fd int) error { return openClose("/proc/self/fd/"+strconv.Itoa(fd), unix.O_RDWR) },
	"sealed_unseal": func(fd int) error { _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, 0); return err },
}

// In the overflow directory, where files may be made and nothing else.
var spillEscapes = map[string]func(dir string) error{
	"spill_symlink":  func(dir string) error { return unix.Symlink("/etc/passwd", dir+"/s") },
	"spill_hardlink": func(dir string) error { return errors.Join(make0(dir+"/h"), unix.Link(dir+"/h", dir+"/h2")) },
	"spill_mknod":    func(dir string) error { return unix.Mknod(dir+"/n", unix.S_IFIFO|0o600, 0) },
	"spill_mkdir":    func(dir string) error { return unix.Mkdir(dir+"/d", 0o700) },
	"spill_rename":   func(dir string) error { return errors.Join(make0(dir+"/r"), unix.Rename(dir+"/r", dir+"/r2")) },
	"spill_chmod":    func(dir string) error { return errors.Join(make0(dir+"/c"), unix.Chmod(dir+"/c", 0o777)) },
	"spill_up":       func(dir string) error { return openClose(filepath.Dir(dir)+"/x", unix.O_CREAT|unix.O_WRONLY) },
	"spill_dotdot":   func(dir string) error { return openClose(dir+"/../file", unix.O_RDONLY) },
	"spill_mount":    func(dir string) error { return unix.Mount("p", dir, "tmpfs", 0, "") },
	"spill_exec": func(dir string) error {
		fd, err := unix.Open(dir+"/e", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o700)
		if err != nil {
			return err
		}
		_ = unix.Close(fd)
		return unix.Exec(dir+"/e", []string{"e"}, nil)
	},
}

func make0(path string) error { return openClose(path, unix.O_CREAT|unix.O_WRONLY) }

// escape tries the named thing and reports whether there is one of that name.
func (s *server) escape(name, argument string) (err error, known bool) {
	if do, ok := escapes[name]; ok {
		return first(do(argument)), true
	}
	if do, ok := spillEscapes[name]; ok {
		if s.cell.spill != "" {
			argument = s.cell.spill
		}
		return first(do(argument)), true
	}
	if do, ok := sealedEscapes[name]; ok {
		files, err := s.in.take(1)
		if err != nil {
			return err, true
		}
		defer func() { _ = unix.Close(files[0]) }()
		return do(files[0]), true
	}
	return nil, false
}

// first returns the first of joined errors, which names the call that failed.
func first(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

func newSocket(family, kind, protocol int) error {
	return descriptor(unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol))
}

// descriptor closes what a call returned and passes its error on.
func descriptor(fd int, err error) error {
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func failed(errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}
