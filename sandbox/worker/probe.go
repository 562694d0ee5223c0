//go:build zonebox_probe

package worker

// #cgo CFLAGS: -DZONEBOX_PROBE
import "C"

import (
	"errors"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

// skipped reports whether a test asked to leave out a layer.
func skipped(opt wire.Options, layer string) bool { return slices.Contains(opt.Skip, layer) }

// embellish lets the worker report what tests ask it to, true or not.
func embellish(opt wire.Options, m *wire.HelloMessage) {
	for _, lie := range opt.Skip {
		switch lie {
		case "lie:filter":
			m.Status = strings.Replace(m.Status, "Seccomp:\t0", "Seccomp:\t2", 1)
		case "lie:privileges":
			m.Status = strings.Replace(m.Status, "NoNewPrivs:\t0", "NoNewPrivs:\t1", 1)
		case "lie:capabilities":
			m.Status = strings.Replace(m.Status, "CapBnd:\t0000000000000000", "CapBnd:\t0000000000000001", 1)
		case "lie:limits":
			m.Limits = strings.Replace(m.Limits, "Max core file size        unlimited", "Max core file size        0        ", 1)
			m.Limits = strings.Replace(m.Limits, "Max open files            256", "Max open files            255", 1)
		case "lie:root":
			m.Root = !m.Root
		case "lie:mounts":
			m.Mounts += "1 1 0:1 / /more ro - tmpfs zonebox ro\n"
		case "lie:namespace":
			m.Namespaces["net"] = "net:[1]"
		case "lie:files":
			m.Files = m.Files[:1]
		case "lie:dumpable":
			m.Dumpable = !m.Dumpable
		case "lie:group":
			m.Cgroup += "0::/zonebox\n"
		}
	}
}

// probe does what no worker may and answers with the error number, 0 for
// success. Some probes end the process where it is confined.
func (s *server) probe(request string) error {
	name, argument, _ := strings.Cut(request, " ")
	if answer, ok := rogues[name]; ok {
		return s.rogue(answer, []byte(argument))
	}
	err, known := s.escape(name, argument)
	if !known {
		do, ok := probes[name]
		if !ok {
			return errDead
		}
		err = do(argument)
	}
	var errno syscall.Errno
	if err != nil && !errors.As(err, &errno) {
		return errDead
	}
	return s.reply(wire.Done, wire.DoneMessage{Rows: int64(errno)})
}

var probes = map[string]func(argument string) error{
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
	"fill": func(size string) error {
		n, _ := strconv.Atoi(size)
		fd, err := unix.Open(confinedBy().spill+"/fill-"+size, unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
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
