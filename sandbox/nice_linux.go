package sandbox

import (
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// share is the processor time after which a worker makes way for others,
	// and shareLook how often that is looked at.
	share     = time.Second
	shareLook = 50 * time.Millisecond
	// lowered is how much higher than the gate's own a worker's nice value is
	// then: it gets a third of what the gate gets beside it. Much more would let
	// any other load on the machine starve it.
	lowered = 5
)

// An autogroup is the kernel's scheduling group of a worker. Setsid gives a worker
// one of its own, within which a nice value counts for nothing (sched(7)): the
// group needs the value too. The file is opened while the worker may still be
// traced, for afterwards it is root's.
func openAutogroup(pid int) *os.File {
	f, err := os.OpenFile("/proc/"+strconv.Itoa(pid)+"/autogroup", os.O_WRONLY, 0)
	if err != nil {
		return nil // a kernel without autogroups
	}
	return f
}

// makeWay looks at a session's worker until it has used its share of processor
// time, and then lowers it. Short statements stay quick beside ones that never
// end.
func (s *Session) makeWay() {
	select {
	case <-s.exited:
		return
	default:
	}
	if cpuTime(s.process.Pid) < share {
		time.AfterFunc(shareLook, s.makeWay)
		return
	}
	s.group.lower()
	lower(s.process.Pid, s.autogroup)
}

// cpuTime returns the processor time of all threads of process pid, 0 if it is
// gone.
func cpuTime(pid int) time.Duration {
	var t unix.Timespec
	// The clock of a process (clock_getcpuclockid(3)).
	if unix.ClockGettime(int32(^pid<<3|2), &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// lowerNice returns the nice value of a worker that makes way.
func lowerNice() int {
	n, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 less the nice value
	if err != nil {
		n = 20
	}
	return min(19, 20-n+lowered)
}

// lower gives every thread of process pid, and its autogroup, the lowered
// priority. A thread that starts meanwhile has its creator's.
func lower(pid int, autogroup *os.File) {
	value := lowerNice()
	for range 2 {
		tasks, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
		for _, t := range tasks {
			if id, err := strconv.Atoi(t.Name()); err == nil {
				_ = unix.Setpriority(unix.PRIO_PROCESS, id, value)
			}
		}
	}
	if autogroup == nil {
		return
	}
	// The kernel takes one such change in a tenth of a second from all of a
	// host's users but root.
	for range 50 {
		if _, err := autogroup.WriteString(strconv.Itoa(value)); !errors.Is(err, unix.EAGAIN) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
