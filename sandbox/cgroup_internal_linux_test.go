package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tree makes a directory with the files of a control group of version 2, for the
// files of a real one are the kernel's.
func tree(t *testing.T, dir, controllers string, files ...string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	files = append(files, "cgroup.procs", "cgroup.subtree_control", "cgroup.type", "cgroup.kill")
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.controllers"), []byte(controllers+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestGroupsAreMadeOnlyWhereTheyAreDelegated(t *testing.T) {
	root := tree(t, t.TempDir(), "cpu memory pids")
	service := tree(t, filepath.Join(root, "system.slice", "zonebox.service"), "cpu memory pids")
	tree(t, filepath.Join(service, "gate"), "")
	tree(t, filepath.Join(root, "other"), "hugetlb")
	tree(t, filepath.Join(root, "other", "leaf"), "hugetlb")
	closed := tree(t, filepath.Join(root, "closed"), "cpu memory pids")
	if err := os.Chmod(filepath.Join(closed, "cgroup.procs"), 0o444); err != nil {
		t.Fatal(err)
	}
	delegates := unix.Setxattr(service, "user.delegate", []byte("1"), 0) == nil
	for _, c := range []struct {
		rule, tree, own string
		root            bool
		want            string // directory, "" for none
	}{
		{"an ordinary user's service", root, "0::/system.slice/zonebox.service\n", false, service},
		{"beside a hierarchy of version 1", root, "4:memory:/x\n0::/system.slice/zonebox.service\n", false, service},
		{"started in a group within the delegated one", root, "0::/system.slice/zonebox.service/gate\n", false, service},
		{"no memory controller", root, "0::/other/leaf\n", false, ""},
		{"version 1", t.TempDir(), "4:memory:/x\n0::/\n", false, ""},
		{"no group of version 2", root, "4:memory:/x\n", false, ""},
		{"root in a group that nobody delegated", root, "0::/other/none\n", true, ""},
		{"root in a delegated group", root, "0::/system.slice/zonebox.service\n", true, map[bool]string{true: service}[delegates]},
		{"root of a container", root, "0::/\n", true, root},
	} {
		t.Run(c.rule, func(t *testing.T) {
			g, why := findCgroups(c.tree, c.own, c.root)
			switch {
			case c.want == "" && (g != nil || why == ""):
				t.Errorf("findCgroups() = %+v, %q, want none and a reason", g, why)
			case c.want != "" && (g == nil || g.dir != c.want || !slices.Equal(g.have, wantedControllers)):
				t.Errorf("findCgroups() = %+v, %q, want %s", g, why, c.want)
			}
		})
	}
	if os.Geteuid() != 0 {
		if g, _ := findCgroups(root, "0::/closed\n", false); g != nil {
			t.Errorf("findCgroups() in a group the user may not write = %+v, want none", g)
		}
	}
	if content(t, service, "cgroup.subtree_control") != "+memory +pids +cpu" {
		t.Errorf("controllers enabled: %q", content(t, service, "cgroup.subtree_control"))
	}
}

func TestAWorkersGroupIsBoundAndTakenAway(t *testing.T) {
	dir := tree(t, t.TempDir(), "cpu memory pids")
	g, why := findCgroups(dir, "0::/\n", false)
	if g == nil {
		t.Fatal(why)
	}
	// The kernel fills a new group; here the test does, as soon as it is made.
	name := filepath.Join(dir, workerGroup+g.owner+"-1")
	w := &group{dir: tree(t, name, "", "memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.weight", "memory.events"), fd: -1, have: g.have}
	if err := w.bound(1<<30, 512); err != nil {
		t.Fatal(err)
	}
	w.lower()
	for file, want := range map[string]string{
		"memory.max": strconv.Itoa(1<<30 + groupSlack), "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "512", "cpu.weight": "33",
	} {
		if got := content(t, name, file); got != want {
			t.Errorf("%s = %q, want %q", file, got, want)
		}
	}
	if err := w.allow(2 << 30); err != nil || content(t, name, "memory.max") != strconv.Itoa(2<<30+groupSlack) {
		t.Errorf("allow() = %v, memory.max %q", err, content(t, name, "memory.max"))
	}
	for events, want := range map[string]bool{"low 0\noom 1\noom_kill 0\n": false, "oom 1\noom_kill 1\n": true, "": false} {
		if err := os.WriteFile(filepath.Join(name, "memory.events"), []byte(events), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := w.starved(); got != want {
			t.Errorf("starved() after %q = %v, want %v", events, got, want)
		}
	}
	w.remove()
	if content(t, name, "cgroup.kill") != "1" {
		t.Errorf("cgroup.kill = %q, want 1", content(t, name, "cgroup.kill"))
	}
	if (*group)(nil).starved() || (*group)(nil).allow(1) != nil || len((*cgroups)(nil).controllers()) != 0 {
		t.Error("a host without groups is told of some")
	}
}

// Two pools of one gate stand below one group.
func TestGroupsOfTwoPoolsHaveNamesOfTheirOwn(t *testing.T) {
	dir := tree(t, t.TempDir(), "cpu memory pids")
	one, _ := findCgroups(dir, "0::/\n", false)
	other, _ := findCgroups(dir, "0::/\n", false)
	if a, b := one.next(), other.next(); a == b {
		t.Errorf("both make %s", filepath.Base(a))
	}
}

// TestGroupsOfDeadGatesAreSwept runs in the machine's own hierarchy of version 2,
// if it has one the test may write: groups there are real, whatever controllers
// it lacks.
func TestGroupsOfDeadGatesAreSwept(t *testing.T) {
	dir := "/sys/fs/cgroup/unified"
	if !exists(filepath.Join(dir, "cgroup.procs")) {
		dir = "/sys/fs/cgroup"
	}
	own := filepath.Join(dir, "zonebox-test-"+strconv.Itoa(os.Getpid()))
	if !exists(filepath.Join(dir, "cgroup.procs")) || os.Mkdir(own, 0o755) != nil {
		t.Skip("no hierarchy of version 2 that the test may write")
	}
	defer func() { _ = unix.Rmdir(own) }()
	g := &cgroups{dir: own, owner: strconv.Itoa(os.Getpid()) + "-" + startTicks(os.Getpid())}
	dead := filepath.Join(own, workerGroup+strconv.Itoa(os.Getpid())+"-1-1") // this id, started at another time
	alive := filepath.Join(own, workerGroup+g.owner+"-1")
	foreign := filepath.Join(own, "another")
	for _, d := range []string{dead, alive, foreign} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Rmdir(d) }()
	}
	g.sweep()
	if exists(dead) || !exists(alive) || !exists(foreign) {
		t.Errorf("after the sweep: of a dead gate %v, of this one %v, another's %v", exists(dead), exists(alive), exists(foreign))
	}

	// A worker starts inside its group and is ended with it.
	path := os.Getenv("ZONEBOX_WORKER")
	if path == "" {
		path = os.Getenv("ZONEBOX_TEST_WORKER")
	}
	if path == "" {
		t.Skip("no worker")
	}
	h, err := newHost(Config{Worker: path}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	fd, err := unix.Open(alive, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	reply := make(chan startReply, 1)
	h.requests <- startRequest{theirs, &group{dir: alive, fd: fd}, reply}
	started := <-reply
	if started.err != nil {
		t.Fatal(started.err)
	}
	held := content(t, "/proc", strconv.Itoa(started.process.Pid), "cgroup")
	(&group{dir: alive, fd: fd}).remove()
	state, err := started.process.Wait()
	if !strings.Contains(held, filepath.Base(alive)) || err != nil || state.Success() {
		t.Errorf("worker in %q ended %v, %v; want it in its group and killed", held, state, err)
	}
	if err := unix.Rmdir(alive); err != nil && !errors.Is(err, unix.ENOENT) {
		t.Errorf("group left behind: %v", err)
	}
}
