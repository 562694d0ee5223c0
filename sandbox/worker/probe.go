//go:build zonebox_probe

package worker

// #cgo CFLAGS: -DZONEBOX_PROBE
import "C"

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

// skipped reports whether a test asked to leave out a layer.
func skipped(opt wire.Options, layer string) bool { return slices.Contains(opt.Skip, layer) }

// probe does what no worker may and answers with the error number, 0 for
// success. Some probes end the process where it is confined.
func (s *server) probe(request string) error {
	name, argument, _ := strings.Cut(request, " ")
	if answer, ok := rogues[name]; ok {
		return s.rogue(answer, []byte(argument))
	}
	do, ok := probes[name]
	if !ok {
		return errDead
	}
	var errno syscall.Errno
	if err := do(argument); err != nil && !errors.As(err, &errno) {
		return errDead
	}
	return s.reply(wire.Done, wire.DoneMessage{Rows: int64(errno)})
}

var probes = map[string]func(argument string) error{
	"read_file": func(string) error { return openClose("/etc/passwd", unix.O_RDONLY) },
	"read_dir":  func(string) error { return openClose("/", unix.O_RDONLY|unix.O_DIRECTORY) },
	"write_file": func(string) error {
		path := "/tmp/zonebox-probe-" + strconv.Itoa(os.Getpid())
		defer func() { _ = unix.Unlink(path) }()
		return openClose(path, unix.O_CREAT|unix.O_WRONLY)
	},
	"make_dir": func(string) error {
		path := "/tmp/zonebox-probe-dir-" + strconv.Itoa(os.Getpid())
		defer func() { _ = unix.Rmdir(path) }()
		return unix.Mkdir(path, 0o700)
	},
	// A file that the start may read, on 64 threads at once: a layer that missed
	// one would let it through.
	"read_file_on_every_thread": func(string) error {
		var wg sync.WaitGroup
		results := make(chan error, 64)
		ready := make(chan struct{})
		for range cap(results) {
			wg.Add(1)
			go func() {
				runtime.LockOSThread()
				wg.Done()
				<-ready
				results <- openClose("/etc/ld.so.cache", unix.O_RDONLY)
			}()
		}
		wg.Wait()
		close(ready)
		var refused error
		for range cap(results) {
			err := <-results
			if err == nil {
				return nil
			}
			refused = err
		}
		return refused
	},
	"tcp":  func(port string) error { return dial(unix.AF_INET, unix.SOCK_STREAM, loopback(port)) },
	"udp":  func(port string) error { return dialSend(loopback(port)) },
	"unix": func(name string) error { return dial(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: name}) },
	"socketpair": func(string) error {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err == nil {
			_, _ = unix.Close(pair[0]), unix.Close(pair[1])
		}
		return err
	},
	"sendmsg": func(string) error { return unix.Sendmsg(-1, nil, nil, nil, 0) },
	"execve":  func(string) error { return unix.Exec("/bin/true", []string{"true"}, nil) },
	// A process, not a thread, with flags that the kernel refuses once it looks.
	"fork":     func(string) error { return raw(unix.SYS_CLONE, unix.CLONE_SIGHAND, 0, 0) },
	"ptrace":   func(string) error { return unix.PtraceCont(os.Getpid(), 0) },
	"kill":     func(string) error { return unix.Kill(os.Getpid(), 0) },
	"kill_pid": func(pid string) error { n, _ := strconv.Atoi(pid); return unix.Tgkill(n, n, 0) },
	"vm_readv": func(string) error {
		b := []byte{0}
		local := []unix.Iovec{{Base: &b[0], Len: 1}}
		remote := []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&b[0])), Len: 1}}
		_, err := unix.ProcessVMReadv(os.Getpid(), local, remote, 0)
		return err
	},
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
	"io_uring":    func(string) error { return raw(unix.SYS_IO_URING_SETUP, 0, 0, 0) },
	"unshare":     func(string) error { return unix.Unshare(unix.CLONE_FS) },
	"setns":       func(string) error { return unix.Setns(-1, 0) },
	"personality": func(string) error { return raw(unix.SYS_PERSONALITY, 0xffffffff, 0, 0) },
	"memfd":       func(string) error { fd, err := unix.MemfdCreate("p", 0); _ = unix.Close(fd); return err },
	"fill": func(size string) error {
		n, _ := strconv.Atoi(size)
		fd, err := unix.Open(ownCell().spill+"/fill-"+size, unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return err
		}
		for block := make([]byte, 1<<20); n > 0; n -= len(block) {
			if _, err := unix.Write(fd, block); err != nil {
				return err
			}
		}
		return nil
	},
	"setrlimit": func(string) error {
		return unix.Prlimit(0, unix.RLIMIT_AS, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, nil)
	},
}

func openClose(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func loopback(port string) *unix.SockaddrInet4 {
	n, _ := strconv.Atoi(port)
	return &unix.SockaddrInet4{Port: n, Addr: [4]byte{127, 0, 0, 1}}
}

func dial(family, kind int, to unix.Sockaddr) error {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Connect(fd, to)
}

func dialSend(to unix.Sockaddr) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Sendto(fd, []byte{1}, 0, to)
}

func raw(nr, a, b, c uintptr) error {
	if _, _, errno := unix.Syscall(nr, a, b, c); errno != 0 {
		return errno
	}
	return nil
}
