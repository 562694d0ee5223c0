package sandbox

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Parsing takes a millisecond, and for a hundred thousand values, which is more
// than the gate reads, a third of a second and 180 MB in 300 MB of address
// space. Some texts of a megabyte would take minutes and gigabytes: the engine
// copies a chain of ANDs at each of its links, and a named window at each use.
const (
	parseTime   = 500 * time.Millisecond // of a processor
	parseMemory = 320 << 20              // bytes of address space
)

// brief bounds what the worker takes to parse, until end is called: past the
// time it is killed, past the memory its allocations fail.
func (s *Session) brief() (end func() error, err error) {
	pid := s.process.Pid
	now, err := addressSpace(pid)
	if err != nil {
		return nil, s.died()
	}
	limit := uint64(min(now+parseMemory, s.base+s.cfg.Memory))
	err = unix.Prlimit(pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: limit, Max: unix.RLIM_INFINITY}, nil)
	if errors.Is(err, unix.ESRCH) {
		return nil, s.died()
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox: limit worker memory: %w: %w", ErrIsolation, err)
	}
	used, done := cpuTime(pid), make(chan struct{})
	go func() {
		look := time.NewTicker(shareLook)
		defer look.Stop()
		for {
			select {
			case <-done:
				return
			case <-s.exited:
				return
			case <-look.C:
				if cpuTime(pid)-used > parseTime {
					s.kill(ErrTime)
				}
			}
		}
	}()
	return func() error {
		close(done)
		return s.allow(0)
	}, nil
}
