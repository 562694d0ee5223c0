package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

// Skipping returns cfg with layers left out of its workers. Only a worker built
// with the tag zonebox_probe obeys.
func Skipping(cfg Config, layers ...string) Config {
	cfg.skip = layers
	return cfg
}

// Lying returns cfg with workers that report what is not.
func Lying(cfg Config, lie string) Config {
	cfg.skip = append(slices.Clone(cfg.skip), lie)
	return cfg
}

// Demanding returns cfg with every layer required although some are left out.
func Demanding(cfg Config) Config {
	cfg.demand = true
	return cfg
}

// Probe has the worker try what it may not.
func (s *Session) Probe(request string, files ...*os.File) (syscall.Errno, error) {
	if err := s.send(wire.Append(nil, wire.Probe, []byte(request)), files); err != nil {
		return 0, err
	}
	kind, payload, err := s.receive()
	if err != nil {
		return 0, err
	}
	var m wire.DoneMessage
	if kind != wire.Done || json.Unmarshal(payload, &m) != nil {
		return 0, s.broken("probe")
	}
	return syscall.Errno(m.Rows), nil
}

// SealedFile returns memory that nobody can change, as an attached segment is.
func SealedFile(content []byte) (*os.File, error) {
	return sealedFile("probe", func(f *os.File) error { _, err := f.Write(content); return err })
}

// Kill ends the worker as if it had died by itself.
func (s *Session) Kill(signal syscall.Signal) error { return s.process.Signal(signal) }

// Unread is how many bytes the worker has sent and nobody has received.
func (s *Session) Unread(t testing.TB) (n int) {
	t.Helper()
	raw, err := s.conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return n + s.in.Buffered()
}

// Pid is the worker's process id.
func (s *Session) Pid() int { return s.process.Pid }

// Alive reports whether the process is there and not reaped.
func (s *Session) Alive() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// NewPoolStarting returns a pool that starts its workers by way of wrap.
func NewPoolStarting(cfg Config, wrap func(start func(context.Context) (*Session, error)) func(context.Context) (*Session, error)) (*Pool, error) {
	cfg = cfg.withDefaults()
	h, err := newHost(cfg)
	if err != nil {
		return nil, err
	}
	return newPool(cfg, wrap(h.start), h.close)
}

// Streams has the gate know announced segments of which the worker is not told.
func (s *Session) Streams(table Table, segs ...Streamed) {
	t := s.streams.table(table.Name)
	t.columns, t.segments = len(table.Columns), segs
}

// Streamed is the most address space announced segments took at one time.
func (s *Session) Streamed() int64 { return s.streams.most }

// Held returns what tells how many bytes of memory the file of c takes, also when c
// is closed. It ends with the test.
func (c *Sealed) Held(t *testing.T) func() int64 {
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", c.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return func() int64 {
		var st syscall.Stat_t
		if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		return st.Blocks * 512
	}
}
