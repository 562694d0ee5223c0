package sandbox

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAProcessThatHasUsedItsShareMakesWay runs a shell that computes for ever in
// a scheduling group of its own, as a worker has.
func TestAProcessThatHasUsedItsShareMakesWay(t *testing.T) {
	c := exec.Command("/bin/sh", "-c", "while :; do :; done")
	c.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s := &Session{process: c.Process, exited: make(chan struct{}), autogroup: openAutogroup(c.Process.Pid)}
	defer func() {
		close(s.exited)
		_, _ = c.Process.Kill(), c.Wait()
	}()
	dir := "/proc/" + strconv.Itoa(c.Process.Pid)
	want := lowerNice()
	if n, err := unix.Getpriority(unix.PRIO_PROCESS, c.Process.Pid); err != nil || 20-n != want-lowered {
		t.Fatalf("nice value %d, %v before, want %d", 20-n, err, want-lowered)
	}
	begun := time.Now()
	s.makeWay()
	for {
		if n, _ := unix.Getpriority(unix.PRIO_PROCESS, c.Process.Pid); 20-n == want {
			break
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatalf("not lowered after %v of processor time", cpuTime(c.Process.Pid))
		}
		time.Sleep(10 * time.Millisecond)
	}
	if used := cpuTime(c.Process.Pid); used < share {
		t.Errorf("lowered after %v, want not before %v", used, share)
	}
	if s.autogroup == nil {
		t.Skip("this kernel has no autogroups")
	}
	for wait := time.Millisecond; ; wait *= 2 {
		shown, _ := os.ReadFile(dir + "/autogroup")
		if strings.HasSuffix(strings.TrimSpace(string(shown)), "nice "+strconv.Itoa(want)) {
			return
		}
		if wait > 5*time.Second {
			t.Fatalf("autogroup %q, want nice %d", shown, want)
		}
		time.Sleep(wait)
	}
}
