package sandbox_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zonebox/sandbox"
)

// TestAWorkerIsOfNoGroup reads of the kernel that a worker kept none of the groups
// of root, whose gate gives its workers a user of their own.
func TestAWorkerIsOfNoGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user's workers have its groups")
	}
	own, err := syscall.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setgroups([]int{4, 24}); err != nil { // adm and cdrom, which may read what nobody may
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setgroups(own); err != nil {
			t.Fatal(err)
		}
	}()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(start(t, sandbox.Config{}).Pid()) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		switch f := strings.Fields(line); f[0] {
		case "Uid:", "Gid:":
			if strings.Join(f[1:], " ") != "65534 65534 65534 65534" {
				t.Errorf("%q, want nobody's", line)
			}
		case "Groups:":
			if len(f) > 1 {
				t.Errorf("%q, want none", line)
			}
		}
	}
}

// TestAWorkerWhoseUserIsNotThereIsNotStarted has a gate that is root of a namespace
// which has no other user, and one of a namespace that has nobody too.
func TestAWorkerWhoseUserIsNotThereIsNotStarted(t *testing.T) {
	if os.Getenv("ZONEBOX_TEST_GATE") != "" {
		p, err := sandbox.NewPool(sandbox.Config{Worker: worker})
		fmt.Println(errors.Is(err, sandbox.ErrIsolation), err)
		if err == nil {
			_ = p.Close()
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user's workers are its own")
	}
	for users, want := range map[int]string{1: "true sandbox: start worker: isolation not in force", 65536: "false <nil>"} {
		c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		c.Env = append(os.Environ(), "ZONEBOX_TEST_GATE=1", "ZONEBOX_TEST_WORKER="+worker)
		ids := []syscall.SysProcIDMap{{Size: users}}
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true}
		if out, err := c.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), want) {
			t.Errorf("of %d users: %q, %v, want %q", users, out, err, want)
		}
	}
}

// TestWorkersEndWithAGateThatIsKilled kills a process that has two workers, which
// are stopped: they cannot see that their socket is closed.
func TestWorkersEndWithAGateThatIsKilled(t *testing.T) {
	if os.Getenv("ZONEBOX_TEST_GATE") != "" {
		gateToKill(t)
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	c.Env = append(os.Environ(), "ZONEBOX_TEST_GATE=1", "ZONEBOX_TEST_WORKER="+worker)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, _ = c.Process.Kill(), c.Wait()
	pids := strings.Fields(line)
	if err != nil || len(pids) != 2 {
		t.Fatalf("the gate said %q, %v, want two workers", line, err)
	}
	for _, pid := range pids {
		for end := time.Now().Add(10 * time.Second); running(pid); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("a worker outlives its gate")
			}
		}
	}
}

func gateToKill(t *testing.T) {
	var pids []any
	for range 2 {
		s := start(t, sandbox.Config{})
		if err := syscall.Kill(s.Pid(), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, s.Pid())
	}
	fmt.Println(pids...)
	time.Sleep(time.Minute)
}

// running reports whether a process is there and not only unread as ended.
func running(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
