package sandbox

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"zonebox/sandbox/internal/wire"
)

// namespaceNames are the namespaces a worker may have of its own, as /proc names
// them.
var namespaceNames = []string{"user", "net", "ipc", "uts", "mnt"}

// attest reads the worker's report and the kernel's account of it, and refuses
// a worker that lacks a required layer or whose report is not the kernel's.
func (h *host) attest(s *Session) error {
	kind, payload, err := s.receive()
	if err != nil {
		return fmt.Errorf("sandbox: start worker: %w: %w", ErrIsolation, err)
	}
	if kind == wire.Fault {
		f, err := wire.Decode[wire.FaultMessage](payload)
		if err != nil || !layerName(f.Code) {
			return s.broken("fault")
		}
		return fmt.Errorf("sandbox: start worker: layer %q: %w", f.Code, ErrIsolation)
	}
	hello, err := wire.Decode[wire.HelloMessage](payload)
	if kind != wire.Hello || err != nil || !plainHello(hello) {
		return s.broken("hello")
	}
	a, err := h.compare(s.process.Pid, hello)
	if err != nil {
		return fmt.Errorf("sandbox: start worker: %w: %w", ErrIsolation, err)
	}
	if h.cfg.skip == nil || h.cfg.demand {
		if err := h.sufficient(a); err != nil {
			return err
		}
	}
	s.attestation = a
	s.base, err = addressSpace(s.process.Pid)
	return err
}

// compare returns what is in force in process pid. What the worker says counts
// only where the kernel says nothing: its Landlock version, and what the gate's
// user may not look at. What both say must agree.
func (h *host) compare(pid int, hello wire.HelloMessage) (Attestation, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	a := Attestation{Landlock: hello.Landlock, Dumpable: hello.Dumpable, Files: hello.Files, Engine: hello.Engine,
		Binary: h.digest, Namespaces: []string{}, Cgroup: h.cgroups.controllers()}
	if err := a.readStatus(dir, hello.Status); err != nil {
		return a, err
	}
	if err := a.readLimits(dir, hello.Limits); err != nil {
		return a, err
	}
	if err := a.readMounts(dir, hello); err != nil {
		return a, err
	}
	for _, n := range namespaceNames {
		link, err := os.Readlink(dir + "/ns/" + n)
		switch {
		case hidden(err):
			link = hello.Namespaces[n]
		case err != nil:
			return a, err
		case link != hello.Namespaces[n]:
			return a, disagreement("namespace " + n)
		}
		if link != "" && link != h.namespaces[n] {
			a.Namespaces = append(a.Namespaces, n)
		}
	}
	if err := sameFiles(dir, hello.Files); err != nil {
		return a, err
	}
	own, err := os.ReadFile(dir + "/cgroup")
	if err != nil {
		return a, err
	}
	if string(own) != hello.Cgroup {
		return a, disagreement("cgroup")
	}
	return a, nil
}

// disagreement is the error for a worker that reports what the kernel does not.
func disagreement(of string) error {
	return errors.New("worker's report of its " + of + " is not the kernel's")
}

// hidden reports whether the kernel keeps a file of /proc from the gate's user.
func hidden(err error) bool {
	return errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
}

// statusFields are the lines of a process's status that tell of its confinement.
var statusFields = []string{"NoNewPrivs", "Seccomp", "Seccomp_filters", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}

// readStatus takes the filter, no_new_privs and capabilities of the weakest
// thread.
func (a *Attestation) readStatus(dir, reported string) error {
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return err
	}
	fields, theirs := procFields(string(status)), procFields(reported)
	for _, name := range statusFields {
		if fields[name] != theirs[name] {
			return disagreement(name)
		}
	}
	uid, _, _ := strings.Cut(fields["Uid"], "\t")
	if a.UID, err = strconv.Atoi(uid); err != nil {
		return err
	}
	// The kernel shows files of a process that may not be traced as root's.
	if info, err := os.Stat(dir + "/status"); err != nil {
		return err
	} else if owner := info.Sys().(*syscall.Stat_t).Uid; a.UID != 0 && (int(owner) == a.UID) != a.Dumpable {
		return disagreement("dumpability")
	}
	tasks, err := os.ReadDir(dir + "/task")
	if err != nil {
		return err
	}
	a.Seccomp, a.NoNewPrivs = 2, len(tasks) > 0
	for _, t := range tasks {
		status, err := os.ReadFile(dir + "/task/" + t.Name() + "/status")
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // a thread that has ended
		}
		if err != nil {
			return err
		}
		fields := procFields(string(status))
		mode, _ := strconv.Atoi(fields["Seccomp"])
		a.Seccomp = min(a.Seccomp, mode)
		a.NoNewPrivs = a.NoNewPrivs && fields["NoNewPrivs"] == "1"
		for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
			a.Caps = max(a.Caps, fields[set])
		}
	}
	return nil
}

func procFields(status string) map[string]string {
	fields := map[string]string{}
	for _, line := range strings.Split(status, "\n") {
		if name, v, ok := strings.Cut(line, ":"); ok {
			fields[name] = strings.TrimSpace(v)
		}
	}
	return fields
}

func (a *Attestation) readLimits(dir, reported string) error {
	limits, err := os.ReadFile(dir + "/limits")
	if err != nil {
		return err
	}
	if string(limits) != reported {
		return disagreement("limits")
	}
	a.Limits = map[string]string{}
	for _, line := range strings.Split(string(limits), "\n") {
		if len(line) < 63 {
			continue
		}
		name, hard := strings.TrimSpace(line[:26]), strings.TrimSpace(line[47:67])
		switch name {
		case "Max cpu time", "Max file size", "Max core file size", "Max open files", "Max locked memory", "Max processes":
			a.Limits[name] = hard
		}
	}
	return nil
}

// readMounts finds out whether the worker's root is its own, which is to say
// whether its mounts are the two that cell_linux.c makes, and how much it may
// overflow into.
func (a *Attestation) readMounts(dir string, hello wire.HelloMessage) error {
	shown, err := os.ReadFile(dir + "/mountinfo")
	if err != nil {
		return err
	}
	a.Root = true
	for _, line := range strings.Split(strings.TrimSpace(string(shown)), "\n") {
		// id parent device root place options - type source options
		before, after, _ := strings.Cut(line, " - ")
		f, fs := strings.Fields(before), strings.Fields(after)
		if len(f) < 6 || len(fs) < 3 {
			return errors.New("mounts not understood")
		}
		place, options := f[4], strings.Split(f[5], ",")
		closed := fs[0] == "tmpfs" && slices.Contains(options, "nosuid") && slices.Contains(options, "nodev") && slices.Contains(options, "noexec")
		switch {
		case fs[1] == "zonebox-spill" && closed:
			if a.Spill, err = tmpfsSize(fs[2]); err != nil {
				return err
			}
			a.Root = a.Root && place == "/spill"
		case fs[1] == "zonebox" && closed && place == "/" && slices.Contains(options, "ro"):
		default:
			a.Root = false
		}
	}
	if a.Root != hello.Root || a.Root && string(shown) != hello.Mounts {
		return disagreement("root")
	}
	return nil
}

// tmpfsSize returns the bytes in the option size=1048576k.
func tmpfsSize(options string) (int64, error) {
	for _, o := range strings.Split(options, ",") {
		if v, ok := strings.CutPrefix(o, "size="); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(v, "k"), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("overflow directory without a size")
}

// sameFiles compares the worker's list of its descriptors with the kernel's,
// which root sees.
func sameFiles(dir string, reported []string) error {
	entries, err := os.ReadDir(dir + "/fd")
	if hidden(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var shown []string
	for _, e := range entries {
		target, err := os.Readlink(dir + "/fd/" + e.Name())
		if hidden(err) {
			return nil
		}
		if err != nil {
			return err
		}
		shown = append(shown, e.Name()+" "+target)
	}
	reported = slices.Clone(reported)
	slices.Sort(reported)
	slices.Sort(shown)
	if !slices.Equal(shown, reported) {
		return disagreement("descriptors")
	}
	return nil
}

// sufficient returns an error unless a shows every layer that is required or
// that this host has granted before, no capability, and no descriptor beyond the
// known ones.
func (h *host) sufficient(a Attestation) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	required := h.cfg.Require | h.granted
	if h.attr.Cloneflags != 0 {
		required |= LayerNamespaces
	}
	if missing := required &^ a.Layers(); missing != 0 {
		return fmt.Errorf("sandbox: start worker: %v missing: %w", missing.names(), ErrIsolation)
	}
	if strings.Trim(a.Caps, "0") != "" {
		return fmt.Errorf("sandbox: start worker: capabilities left: %w", ErrIsolation)
	}
	for _, f := range a.Files {
		if !expectedFile(f) {
			return fmt.Errorf("sandbox: start worker: descriptor leaked: %w", ErrIsolation)
		}
	}
	h.granted |= a.Layers()
	return nil
}

// expectedFile reports whether a worker may hold what the descriptor shows: the
// null device, the socket and the Go runtime's poller.
func expectedFile(shown string) bool {
	_, target, _ := strings.Cut(shown, " ")
	switch target {
	case os.DevNull, "anon_inode:[eventpoll]", "anon_inode:[eventfd]":
		return true
	}
	return strings.HasPrefix(target, "socket:")
}

func ownNamespaces() map[string]string {
	out := map[string]string{}
	for _, n := range namespaceNames {
		out[n], _ = os.Readlink("/proc/self/ns/" + n)
	}
	return out
}
