package query

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// steadyBytes is what a sender has to give of a delivery, or the rest of it,
// within Limits.LoadStall of waiting for it: a kilobyte a second by default, which
// no network that a delivery comes over is below. It is also what has to be there
// before a delivery takes a turn.
const steadyBytes = 64 << 10

var errStalled = errors.New("query: the sender of the delivery gives nothing more")

// interruptible is a reader whose blocked Read a deadline ends, as those of os and
// net are.
type interruptible interface {
	io.Reader
	SetReadDeadline(time.Time) error
}

// A sender is one that may stall. What a Read waits for it counts, not what it
// waits for the gate; with each steadyBytes the count begins anew. A Read that
// waits too long is errStalled, and so is every later one. The end of ctx ends a
// Read that waits. It is read by one goroutine at a time.
type sender struct {
	from interruptible
	ctx  context.Context
	stop func() bool

	all, left time.Duration
	got       int
	stalls    atomic.Bool
}

// Read implements io.Reader.
func (s *sender) Read(p []byte) (int, error) {
	if s.stalled() {
		return 0, errStalled
	}
	began := time.Now() // of the host: that is what deadlines are of
	if s.from.SetReadDeadline(began.Add(s.left)) != nil {
		return s.from.Read(p) // a plain file: it does not stall
	}
	if s.ctx.Err() != nil {
		_ = s.from.SetReadDeadline(began)
		return 0, context.Cause(s.ctx)
	}
	n, err := s.from.Read(p)
	s.got, s.left = s.got+n, s.left-time.Since(began)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded): // the deadline stays: nobody waits for the rest
		if s.left > 0 { // it was not ours
			return n, context.Cause(s.ctx)
		}
		s.stalls.Store(true) // a server ends ctx for it as well, and says nothing of why
		return n, errStalled
	case s.got >= steadyBytes:
		s.got, s.left = 0, s.all
	}
	_ = s.from.SetReadDeadline(time.Time{})
	return n, err
}

// stalled reports whether it gave nothing more. No sender never does.
func (s *sender) stalled() bool { return s != nil && s.stalls.Load() }

// end ends the care of the sender's deadlines.
func (s *sender) end() {
	if s != nil {
		s.stop()
	}
}

// steady returns data once its first steadyBytes are there, or all of it: nobody
// takes a turn who has nothing to give. What it returns does not wait for the
// sender for good. The caller ends the sender. Data that nothing can interrupt are
// returned as they are, and no sender.
func (e *Engine) steady(ctx context.Context, data io.Reader) (io.Reader, *sender, error) {
	from, ok := data.(interruptible)
	if !ok {
		return data, nil, nil
	}
	stall := e.cfg.Limits.LoadStall
	s := &sender{from: from, ctx: ctx, all: stall, left: stall}
	s.stop = context.AfterFunc(ctx, func() { _ = from.SetReadDeadline(time.Unix(1, 0)) })
	b := bufio.NewReaderSize(s, steadyBytes)
	if _, err := b.Peek(steadyBytes); err != nil && err != io.EOF {
		return nil, s, err
	}
	return b, s, nil
}

// bounded has the kernel end what a worker waits for a server that gives nothing,
// or takes nothing, for so long.
func bounded(conn net.Conn, stall time.Duration) error {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return errors.New("query: not a connection of the kernel's")
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	limit := unix.NsecToTimeval(stall.Nanoseconds())
	var in, out error
	err = raw.Control(func(fd uintptr) {
		in = unix.SetsockoptTimeval(int(fd), unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit)
		out = unix.SetsockoptTimeval(int(fd), unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit)
	})
	return errors.Join(err, in, out)
}
