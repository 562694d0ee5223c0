package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// workerGroup starts the name of a worker's control group. The gate's process
	// id and start time follow, so that a later gate knows whose is left over.
	workerGroup = "zonebox-worker-"
	// gateGroup is where the gate goes when its own group shall bound groups
	// below it: a group with processes in it bounds none (cgroups(7), "no
	// internal processes").
	gateGroup = "zonebox-gate"
	// groupSlack is what a worker takes before it has a statement: the engine,
	// the Go runtime, page tables and socket buffers.
	groupSlack = 256 << 20
)

// A cgroups makes a control group for each worker, in version 2 of the kernel's
// interface, below a group that was delegated to the gate. A nil *cgroups makes
// none: most hosts delegate only to services that ask (systemd's Delegate=yes).
type cgroups struct {
	dir   string   // the delegated group
	have  []string // of memory, pids, cpu
	owner string   // process id and start time of this gate
}

// groupNumber counts the groups of this process, whichever pool they are of.
var groupNumber atomic.Int64

// wantedControllers bound a worker. Without the first there is no point in a
// group.
var wantedControllers = []string{"memory", "pids", "cpu"}

// findCgroups returns what the group in which the gate runs offers, or nil and
// the reason. tree is where version 2 is mounted, groups the content of
// /proc/self/cgroup. It sweeps what gates that have ended left behind.
func findCgroups(tree, groups string, root bool) (*cgroups, string) {
	if _, err := os.Stat(filepath.Join(tree, "cgroup.controllers")); err != nil {
		return nil, "no cgroup v2 at " + tree
	}
	var path string
	for _, line := range strings.Split(groups, "\n") {
		if p, ok := strings.CutPrefix(line, "0::"); ok {
			path = p
		}
	}
	if path == "" {
		return nil, "not in a group of version 2"
	}
	// A gate that enable has moved, or that systemd started in a group of its own
	// within the delegated one (DelegateSubgroup=), looks one level up first.
	own, above := filepath.Join(tree, path), filepath.Join(tree, filepath.Dir(path))
	candidates := []string{own, above}
	if filepath.Base(path) == gateGroup || marked(above) {
		candidates = []string{above, own}
	}
	reason := "not delegated"
	for _, dir := range candidates {
		if !delegated(dir, path, root) {
			continue
		}
		g := &cgroups{dir: dir, owner: strconv.Itoa(os.Getpid()) + "-" + startTicks(os.Getpid())}
		offered := strings.Fields(readLine(filepath.Join(dir, "cgroup.controllers")))
		for _, c := range wantedControllers {
			if slices.Contains(offered, c) {
				g.have = append(g.have, c)
			}
		}
		if len(g.have) == 0 || g.have[0] != "memory" {
			reason = "no memory controller in " + dir
			continue
		}
		if err := g.enable(); err != nil {
			reason = "controllers not enabled: " + err.Error()
			continue
		}
		g.sweep()
		return g, ""
	}
	return nil, reason
}

// delegated reports whether the gate may make groups below dir. For an ordinary
// user that is what the permissions say. Root may write everywhere, so root needs
// the mark that systemd leaves on what it delegates, or to stand at the root of a
// cgroup namespace, which is a container's own.
func delegated(dir, own string, root bool) bool {
	for _, f := range []string{"cgroup.procs", "cgroup.subtree_control"} {
		if unix.Access(filepath.Join(dir, f), unix.W_OK) != nil {
			return false
		}
	}
	if !root {
		return true
	}
	if marked(dir) {
		return true
	}
	// Only the true root of the hierarchy has no type.
	_, err := os.Stat(filepath.Join(dir, "cgroup.type"))
	return err == nil && own == "/"
}

// marked reports whether systemd left its mark of delegation on dir.
func marked(dir string) bool {
	mark := make([]byte, 8)
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		if n, err := unix.Getxattr(dir, name, mark); err == nil && string(mark[:n]) == "1" {
			return true
		}
	}
	return false
}

// enable lets groups below g.dir be bounded, and moves the gate out of it if its
// presence forbids that.
func (g *cgroups) enable() error {
	control := filepath.Join(g.dir, "cgroup.subtree_control")
	request := "+" + strings.Join(g.have, " +")
	err := writeControl(control, request)
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	leaf := filepath.Join(g.dir, gateGroup)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := writeControl(filepath.Join(leaf, "cgroup.procs"), strconv.Itoa(os.Getpid())); err != nil {
		return err
	}
	return writeControl(control, request)
}

// sweep ends what gates that are gone left behind. A worker dies with its gate;
// its group does not.
func (g *cgroups) sweep() {
	entries, _ := os.ReadDir(g.dir)
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), workerGroup)
		if !ok || !e.IsDir() {
			continue
		}
		pid, rest, _ := strings.Cut(rest, "-")
		ticks, _, _ := strings.Cut(rest, "-")
		n, err := strconv.Atoi(pid)
		if err != nil || startTicks(n) == ticks {
			continue // its gate lives
		}
		(&group{dir: filepath.Join(g.dir, e.Name())}).remove()
	}
}

// controllers returns the names of the controllers that bound a worker.
func (g *cgroups) controllers() []string {
	if g == nil {
		return []string{}
	}
	return g.have
}

// keepsFromSwap reports whether what is in a worker's group stays in memory: a
// kernel may be told not to count swap, and its groups cannot forbid it then.
func (g *cgroups) keepsFromSwap() bool {
	if g == nil {
		return false
	}
	trial := filepath.Join(g.dir, workerGroup+g.owner+"-0")
	if err := os.Mkdir(trial, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return false
	}
	defer func() { _ = unix.Rmdir(trial) }()
	return exists(filepath.Join(trial, "memory.swap.max"))
}

// A group is one worker's. A nil *group bounds nothing.
type group struct {
	dir  string
	fd   int
	have []string
}

// add makes a group that holds at most memory bytes and tasks threads.
func (g *cgroups) add(memory int64, tasks int) (*group, error) {
	if g == nil {
		return nil, nil
	}
	w := &group{dir: g.next(), fd: -1, have: g.have}
	if err := os.Mkdir(w.dir, 0o755); err != nil {
		return nil, err
	}
	err := w.bound(memory, tasks)
	if err == nil {
		w.fd, err = unix.Open(w.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		w.remove()
		return nil, fmt.Errorf("sandbox: control group: %w", err)
	}
	return w, nil
}

// next names a group as no other of this process is named.
func (g *cgroups) next() string {
	return filepath.Join(g.dir, fmt.Sprintf("%s%s-%d", workerGroup, g.owner, groupNumber.Add(1)))
}

// bound sets what the group may hold.
func (w *group) bound(memory int64, tasks int) error {
	err := w.allow(memory)
	if err == nil {
		// One thread that the kernel kills for memory takes the others along.
		err = writeControl(filepath.Join(w.dir, "memory.oom.group"), "1")
	}
	if swap := filepath.Join(w.dir, "memory.swap.max"); err == nil && exists(swap) {
		err = writeControl(swap, "0") // no row reaches a disk
	}
	if err == nil && slices.Contains(w.have, "pids") {
		err = writeControl(filepath.Join(w.dir, "pids.max"), strconv.Itoa(tasks))
	}
	return err
}

// allow bounds the memory of the group.
func (w *group) allow(memory int64) error {
	if w == nil {
		return nil
	}
	return writeControl(filepath.Join(w.dir, "memory.max"), strconv.FormatInt(memory+groupSlack, 10))
}

// lower gives the group a third of a new group's share of the processors, as the
// lowered nice value does: with much less, statements that come one after another
// would starve a long one.
func (w *group) lower() {
	if w != nil && slices.Contains(w.have, "cpu") {
		_ = writeControl(filepath.Join(w.dir, "cpu.weight"), "33") // of 100
	}
}

// starved reports whether the kernel killed the worker for its group's memory.
func (w *group) starved() bool {
	if w == nil {
		return false
	}
	events, _ := os.ReadFile(filepath.Join(w.dir, "memory.events"))
	for _, line := range strings.Split(string(events), "\n") {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok && n != "0" {
			return true
		}
	}
	return false
}

// remove ends what is in the group and takes the group away. The kernel gives it
// up a moment after its last process is reaped.
func (w *group) remove() {
	if w == nil {
		return
	}
	if w.fd > 0 {
		_ = unix.Close(w.fd)
	}
	_ = writeControl(filepath.Join(w.dir, "cgroup.kill"), "1")
	for wait := time.Millisecond; wait < time.Second; wait *= 2 {
		if err := unix.Rmdir(w.dir); err == nil || !errors.Is(err, unix.EBUSY) {
			return
		}
		time.Sleep(wait)
	}
}

// writeControl writes to a file of the kernel's that exists.
func writeControl(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

func readLine(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// startTicks returns when process pid started, in the kernel's ticks since boot,
// or "" if there is none.
func startTicks(pid int) string {
	stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	// The name, in parentheses, may hold anything; start time is field 22.
	end := strings.LastIndexByte(string(stat), ')')
	if f := strings.Fields(string(stat[end+1:])); len(f) > 19 {
		return f[19]
	}
	return ""
}
