package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Survey is what of a host's settings bears on isolation and is not the gate's
// to change.
type Survey struct {
	// PlainSwap names the swap areas that keep memory readable on a disk.
	PlainSwap []string `json:"plain_swap"`
	// CorePattern is where the kernel puts a dump of a process that crashed.
	CorePattern string `json:"core_pattern"`
	// Forbidding names the settings that keep user namespaces from the gate.
	Forbidding []string `json:"user_namespaces_forbidden_by"`
	// PtraceScope is Yama's, -1 for none: 0 lets a user's processes trace each
	// other.
	PtraceScope int `json:"ptrace_scope"`
	// Cgroup lists the controllers that can bound a worker, NoCgroup says why
	// there are none.
	Cgroup   []string `json:"cgroup"`
	NoCgroup string   `json:"no_cgroup,omitempty"`
	// Clock is ClockSynchronized, ClockAlone, or empty if the kernel does not say.
	Clock string `json:"clock"`
	// Dumpable says that another process of the same user may read this one.
	Dumpable bool `json:"dumpable"`
}

// What the kernel says of its clock (adjtimex(2)).
const (
	ClockSynchronized = "synchronized"
	ClockAlone        = "not synchronized"
)

// Look reads the host's settings. Like a pool it moves the gate into a group of
// its own, and enables controllers, where groups are delegated to it.
func Look() Survey {
	s := Survey{PlainSwap: plainSwap("/proc/swaps", "/sys"), CorePattern: readLine("/proc/sys/kernel/core_pattern"),
		Forbidding: []string{}, PtraceScope: -1}
	for _, f := range []struct{ path, forbids string }{
		{"/proc/sys/kernel/unprivileged_userns_clone", "0"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"},
		{"/proc/sys/user/max_user_namespaces", "0"},
	} {
		if readLine(f.path) == f.forbids {
			s.Forbidding = append(s.Forbidding, strings.ReplaceAll(strings.TrimPrefix(f.path, "/proc/sys/"), "/", ".")+"="+f.forbids)
		}
	}
	if n, err := strconv.Atoi(readLine("/proc/sys/kernel/yama/ptrace_scope")); err == nil {
		s.PtraceScope = n
	}
	groups, _ := os.ReadFile("/proc/self/cgroup")
	g, why := findCgroups("/sys/fs/cgroup", string(groups), os.Geteuid() == 0)
	s.Cgroup, s.NoCgroup = g.controllers(), why
	var clock unix.Timex // with no mode, which changes nothing
	if state, err := unix.Adjtimex(&clock); err == nil {
		s.Clock = ClockSynchronized
		if state == unix.TIME_ERROR || clock.Status&unix.STA_UNSYNC != 0 {
			s.Clock = ClockAlone
		}
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	s.Dumpable = err != nil || dumpable != 0
	return s
}

// plainSwap returns the areas listed in the file swaps that are neither memory
// (zram without a device it writes to) nor encrypted (a device mapper target whose id cryptsetup gave). A swap
// file counts by the device its file system is on.
func plainSwap(swaps, sys string) []string {
	plain := []string{}
	text, _ := os.ReadFile(swaps)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range lines[min(1, len(lines)):] {
		f := strings.Fields(line)
		if len(f) < 2 || f[1] == "partition" && inMemory(f[0], sys) {
			continue
		}
		var st unix.Stat_t
		if unix.Stat(f[0], &st) != nil {
			plain = append(plain, f[0])
			continue
		}
		device := st.Rdev
		if f[1] == "file" {
			device = st.Dev
		}
		id := readLine(filepath.Join(sys, "dev/block", fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device)), "dm/uuid"))
		if !strings.HasPrefix(id, "CRYPT-") {
			plain = append(plain, f[0])
		}
	}
	return plain
}

// inMemory reports whether the device keeps what it holds in memory for good.
func inMemory(device, sys string) bool {
	name, found := strings.CutPrefix(device, "/dev/zram")
	backing := readLine(filepath.Join(sys, "block", "zram"+name, "backing_dev"))
	return found && (backing == "" || backing == "none")
}
