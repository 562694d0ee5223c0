package query_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"zonebox/query"
	"zonebox/query/querytest"
)

// When the log fails just after the end of a run was committed with its
// release, nothing leaves; the artifact waits for the log.
func TestAnOutputReleasedWhileTheLogFailsLeavesLater(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1})
	now := d.Config.Now
	var repair func()
	d.Config.Now = func() time.Time {
		if stack := string(debug.Stack()); strings.Contains(stack, "(*Engine).settle") && strings.Contains(stack, "(*Registry).Update") && repair == nil {
			repair = failLog(t, query.AuditDir(d.Config.Domain))
		}
		return now()
	}
	d.Reopen()
	run := cityRefuses(t, d, "SELECT count(*) FROM persons", "AUDIT_UNAVAILABLE")
	if repair == nil {
		t.Fatal("the log did not fail")
	}
	repair()
	d.Reopen()
	a, err := d.Resume("li.op", run)
	if err != nil {
		t.Fatalf("with the log back: %s", querytest.Text(err))
	}
	if got := d.Open("li.op", a).String(); got != "200\n" {
		t.Errorf("the output is %s, want 200", got)
	}
}

// So it is with an output that waited: it is released, so its hold is destroyed,
// although nobody has it yet.
func TestAReleaseThatTheLogDidNotTakeLeavesNoHold(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1})
	now := d.Config.Now
	armed, repair := false, func() {}
	d.Config.Now = func() time.Time {
		if stack := string(debug.Stack()); armed && strings.Contains(stack, "(*Engine).settle") && strings.Contains(stack, "(*Registry).Update") {
			armed, repair = false, failLog(t, query.AuditDir(d.Config.Domain))
		}
		return now()
	}
	d.Reopen()
	run := approvedOutput(t, d)
	held := []string{filepath.Join(d.Config.Domain, "holds", run+".hold"), filepath.Join(d.Config.Keys, "holds", run+".key")}
	for _, file := range held {
		if _, err := os.Stat(file); err != nil {
			t.Fatalf("the output waits without %v", err)
		}
	}
	armed = true
	if _, err := d.Resume("li.op", run); querytest.Code(err) != "AUDIT_UNAVAILABLE" || armed {
		t.Fatalf("resume while the log fails = %v", err)
	}
	for _, file := range held {
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a released output is still at %s (%v)", file, err)
		}
	}
	repair()
	if _, err := d.Resume("li.op", run); err != nil {
		t.Errorf("with the log back: %s", querytest.Text(err))
	}
}

// So it is with an output that a reviewer replaces: another is in its place, so nobody
// can open the old one although the reviewer was told that it failed.
func TestAReplacementThatTheLogDidNotTakeLeavesNoHold(t *testing.T) {
	t.Parallel()
	d := reviewedStreets(t, false)
	run := pends(t, d, counted)
	held := []string{filepath.Join(d.Config.Domain, "holds", run+".hold"), filepath.Join(d.Config.Keys, "holds", run+".key")}
	for _, file := range held {
		if _, err := os.Stat(file); err != nil {
			t.Fatalf("the output waits without %v", err)
		}
	}
	var repair func()
	during(d, "(*Engine).settle", func() { repair = failLog(t, query.AuditDir(d.Config.Domain)) })
	if _, err := coarsen(t, d, "sun.health", run, query.Coarsening{K: 20}); querytest.Code(err) != "AUDIT_UNAVAILABLE" || repair == nil {
		t.Fatalf("coarsen while the log fails = %v", err)
	}
	for _, file := range held {
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("an output that was replaced is still at %s (%v)", file, err)
		}
	}
	repair()
	d.Reopen()
	_, err := d.Resume("li.op", run)
	if querytest.Code(err) != "OUTPUT_COARSENED" {
		t.Fatalf("with the log back: %s", querytest.Text(err))
	}
	in := querytest.RunOf(t, err)
	d.Approve("sun.health", in)
	if got := collected(t, d, in); got != "east 40; north 50; square 20; west 30" {
		t.Errorf("what is in its place = %s", got)
	}
}

// failLog makes the open audit log refuse entries, as a full disk does, until
// the function that it returns is called: /dev/full takes the place of the
// segment that is open, and a file that of the folder where another would begin.
func failLog(t *testing.T, dir string) (repair func()) {
	tail := filepath.Join(dir, "tail")
	device, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer device.Close()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Error(err)
	}
	for _, fd := range open {
		var n int
		name, _ := os.Readlink("/proc/self/fd/" + fd.Name())
		if _, err := fmt.Sscan(fd.Name(), &n); err == nil && strings.HasPrefix(name, tail+"/") {
			if err := unix.Dup3(int(device.Fd()), n, unix.O_CLOEXEC); err != nil {
				t.Error(err)
			}
		}
	}
	if err := errors.Join(os.Rename(tail, tail+".gone"), os.WriteFile(tail, nil, 0o600)); err != nil {
		t.Error(err)
	}
	return func() {
		if err := errors.Join(os.Remove(tail), os.Rename(tail+".gone", tail)); err != nil {
			t.Error(err)
		}
	}
}
