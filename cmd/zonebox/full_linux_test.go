package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"zonebox/query"

	"golang.org/x/sys/unix"
)

// TestNothingHappensOnAFullDisk fills the disk that holds the audit log, the
// whole domain, the keys or the backups, and asks, explains, loads, applies,
// approves, rotates, shreds, backs up and restores. Each fails clearly, nothing
// leaves, and all goes on once there is space.
//
// It needs a small file system of its own, so it runs again in a mount
// namespace, as root there or with a user namespace around it.
func TestNothingHappensOnAFullDisk(t *testing.T) {
	if os.Getenv("ZONEBOX_TEST_NAMESPACE") == "" {
		inNamespace(t)
		return
	}
	for _, where := range []string{"audit", ""} {
		t.Run("domain/"+where, func(t *testing.T) { fullDisk(t, where) })
	}
	t.Run("keys", fullKeys)
	t.Run("backups", fullBackups)
}

func inNamespace(t *testing.T) {
	c := exec.Command("/proc/self/exe", "-test.v", "-test.run=^TestNothingHappensOnAFullDisk$")
	c.Env = append(os.Environ(), "ZONEBOX_TEST_NAMESPACE=1", "ZONEBOX_WORKER="+workerBinary)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if id := os.Geteuid(); id != 0 {
		// A gate in this process made it non-dumpable, and who is that may not
		// map the users of a child.
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: id, HostID: id, Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		c.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		t.Skipf("this host gives a test no mount namespace: %v", err)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("this host lets a test mount no file system:\n%s", out)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	}
}

func fullDisk(t *testing.T, where string) {
	h := newHome(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the gate's log:\n%s", h.log)
		}
	})
	disk := h.domain()
	if where != "" {
		disk = h.domain(where)
	}
	small(t, disk)
	h.serveBackups(t)
	if o := h.ask(t, countVisits); o.code != exitOK {
		t.Fatalf("before: exit %d: %s", o.code, o.errout)
	}
	review := runPattern.FindString(h.ask(t, "SELECT name FROM persons ORDER BY name LIMIT 3").errout)
	if review == "" {
		t.Fatal("no run in review")
	}
	org := h.path("org.yaml")
	write(t, org, []byte("kind: Organization\nname: late-org\nspec: {title: 迟到的单位, kind: third_party, org_form: legal_person}\n"), 0o600)
	smaller := h.path("smaller.csv")
	h.must(t, exitOK, "city", "visits", "--rows", "100", "--out", smaller, "--zone", "medical", "--grant", "visits-statistics")
	order := h.shredOrder(t)
	before := len(h.entries(t))
	const again = "SELECT count(*) AS visits FROM visits" // a question that nothing answered yet

	empty := fill(t, disk+"/filler")
	for range 2 {
		for name, args := range map[string][]string{
			"query":   {"query", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", again},
			"repeat":  {"query", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", countVisits},
			"denial":  {"query", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", "SELECT address FROM persons"},
			"explain": {"explain", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", countVisits},
			"load":    {"load", "--as", "wu.dc", smaller, "--manifest", smaller + ".manifest.yaml"},
			"apply":   {"apply", "--as", "zhao.city", "-f", org},
			"approve": {"review", "approve", "--as", "sun.health", review, "--basis", "NJ24-14"},
			"try":     {"load", "--as", "wu.dc", smaller, "--manifest", smaller + ".manifest.yaml", "--dry-run"},
			"rotate":  {"keys", "rotate", "zone-data", "--zone", "medical", "--as", "wu.dc"},
			"rewrap":  {"keys", "rewrap", "medical", "--as", "wu.dc"},
			"shred":   {"shred", "confirm", order, "--as", "sun.health"},
			"backup":  {"backup", "create", "--as", "wu.dc"},
			"read":    {"pack", "list", "--as", "qian.hospital"},
		} {
			o := h.zonebox(t, append(args, "--json")...)
			p := problemOf(t, o)
			if o.code != exitFailure || p.Code != "AUDIT_UNAVAILABLE" && (where == "audit" || p.Code != "DISK_FULL") {
				t.Errorf("%s on a full disk: exit %d, %s", name, o.code, o.out)
			}
			if p.Detail == "" || p.Hint == "" {
				t.Errorf("%s on a full disk does not say why: %s", name, o.out)
			}
		}
	}
	empty()

	if o := h.ask(t, again, "-o", "csv"); o.out != "visits\n9000\n" {
		t.Errorf("after: exit %d, %q %s", o.code, o.out, o.errout)
	}
	released := 0
	for _, e := range h.entries(t)[before:] {
		if e.Kind == "output.released" || e.Kind == "load.committed" {
			released++
		}
	}
	if released != 1 {
		t.Errorf("%d outputs were released or loads committed since the disk was full, want the one after it", released)
	}
	// What was refused did not happen after all, and can be done now.
	if o := h.zonebox(t, "get", "organization", "late-org", "--as", "zhao.city"); o.code != exitUsage {
		t.Errorf("the document that was refused is in force: exit %d, %s", o.code, o.out)
	}
	h.must(t, exitOK, "apply", "--as", "zhao.city", "-f", org)
	if o := h.must(t, exitOK, "review", "list", "--as", "sun.health"); !strings.Contains(o.out, review) {
		t.Errorf("the approval that was refused counts: %s", o.out)
	}
	h.must(t, exitOK, "review", "approve", "--as", "sun.health", review, "--basis", "NJ24-14")
	h.departments(t, exitOK)
	if n := len(versionsOf(t, h, "medical")); n != 1 {
		t.Errorf("the zone's key has %d versions, want one: the rotations were refused", n)
	}
	h.noBackup(t)
	h.must(t, exitOK, "load", "--as", "wu.dc", smaller, "--manifest", smaller+".manifest.yaml", "--dry-run")
	h.must(t, exitOK, "keys", "rotate", "zone-data", "--zone", "medical", "--as", "wu.dc")
	h.must(t, exitOK, "shred", "confirm", order, "--as", "sun.health")
	h.departments(t, exitDenied)
	h.must(t, exitOK, "backup", "create", "--as", "wu.dc")
	h.stop(t)
	h.verify(t)
	h.serveBackups(t)
	h.verify(t)
	checkIntents(t, h.entries(t))
}

// fullKeys fills the disk of the keys: those of before stay, and are not lost.
func fullKeys(t *testing.T) {
	h := newHome(t)
	small(t, h.path("domain.keys"))
	h.serveBackups(t)
	order := h.shredOrder(t)
	if o := h.ask(t, countVisits); o.code != exitOK { // which makes the operator's keys
		t.Fatalf("before: exit %d: %s", o.code, o.errout)
	}
	empty := fill(t, h.path("domain.keys", "filler"))
	for range 2 {
		for name, args := range map[string][]string{
			"rotate": {"keys", "rotate", "zone-data", "--zone", "medical", "--as", "wu.dc"},
			"rewrap": {"keys", "rewrap", "medical", "--as", "wu.dc"},
			"shred":  {"shred", "confirm", order, "--as", "sun.health"},
		} {
			o := h.zonebox(t, append(args, "--json")...)
			if p := problemOf(t, o); o.code != exitFailure || p.Code != "DISK_FULL" || p.Hint == "" {
				t.Errorf("%s with the keys on a full disk: exit %d, %s", name, o.code, o.out)
			}
		}
	}
	if o := h.ask(t, countVisits, "-o", "csv"); o.out != "n\n9000\n" {
		t.Errorf("the data answer %q: %s", o.out, o.errout)
	}
	empty()
	if n := len(versionsOf(t, h, "medical")); n != 1 {
		t.Errorf("the zone's key has %d versions, want one: the rotations were refused", n)
	}
	h.must(t, exitOK, "keys", "rotate", "zone-data", "--zone", "medical", "--as", "wu.dc")
	h.must(t, exitOK, "shred", "confirm", order, "--as", "sun.health")
	h.departments(t, exitDenied)
	h.stop(t)
	h.serveBackups(t)
	h.must(t, exitOK, "zone", "verify", "--all", "--as", "wu.dc")
}

// fullBackups fills the disk of the backups, and one that a backup is restored to.
func fullBackups(t *testing.T) {
	h := newHome(t)
	if err := os.MkdirAll(h.path("backups"), 0o700); err != nil {
		t.Fatal(err)
	}
	small(t, h.path("backups"))
	h.serveBackups(t)
	filler := h.path("backups", "filler")
	empty := fill(t, filler)
	o := h.zonebox(t, "backup", "create", "--as", "wu.dc", "--json")
	if p := problemOf(t, o); o.code != exitFailure || p.Code != "DISK_FULL" || p.Hint == "" {
		t.Errorf("a backup on a full disk: exit %d, %s", o.code, o.out)
	}
	empty()
	h.noBackup(t)
	h.must(t, exitOK, "backup", "create", "--as", "wu.dc")
	backup := backups(t, h)[0]
	h.must(t, exitOK, "backup", "verify", backup, "--as", "wu.dc")
	h.stop(t)

	if err := os.Mkdir(h.path("elsewhere"), 0o700); err != nil {
		t.Fatal(err)
	}
	small(t, h.path("elsewhere"))
	empty = fill(t, h.path("elsewhere", "filler"))
	args := []string{"backup", "restore", backup, "--backup-root", h.path("backups"), "--keys", h.path("domain.keys"), "--passphrase-file", h.path("passphrase"),
		"--domain", h.path("elsewhere", "domain"), "--keyring", h.path("keyring"), "--lang", "en"}
	var out, errout strings.Builder
	if code := run(t.Context(), args, strings.NewReader(""), &out, &errout); code != exitFailure || !strings.Contains(errout.String(), "no space left") {
		t.Errorf("a restoration to a full disk: exit %d, %s", code, errout.String())
	}
	empty()
	if left, err := os.ReadDir(h.path("elsewhere")); err != nil || len(left) > 0 {
		t.Errorf("the restoration left %v; %v", left, err)
	}
	if code := run(t.Context(), args, strings.NewReader(""), &out, &errout); code != exitOK {
		t.Errorf("with space the restoration exits %d, %s", code, errout.String())
	}
}

// serveBackups starts a gate that may write backups.
func (h *home) serveBackups(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(h.path("backups"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := h.openWith(t, query.Config{BackupRoots: []string{h.path("backups")}}); err != nil {
		t.Fatalf("start gate: %v", err)
	}
	t.Cleanup(func() { h.stop(t) })
}

// shredOrder orders the shredding of a column, which another person confirms.
func (h *home) shredOrder(t *testing.T) string {
	t.Helper()
	o := h.must(t, exitOK, "shred", "column", "--zone", "medical", "--dataset", "visits", "--column", "department", "--reason", "协议第九条", "--as", "wu.dc")
	return strings.TrimSpace(o.out)
}

// departments asks for a column, which ends with the code.
func (h *home) departments(t *testing.T, code int) {
	t.Helper()
	if o := h.ask(t, "SELECT department, count(*) AS n FROM visits GROUP BY department"); o.code != code {
		t.Errorf("the departments are answered with %d, want %d: %s", o.code, code, o.errout)
	}
}

// noBackup fails unless the folder of backups is empty.
func (h *home) noBackup(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(h.path("backups")); err != nil || len(left) > 0 {
		t.Errorf("backups left %v; %v", left, err)
	}
}

// small puts a file system of 16 MiB in the place of a folder, with its content.
func small(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skipf("cannot make mounts private: %v", err)
	}
	content := dir + ".content"
	if err := os.Rename(dir, content); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m,mode=700"); err != nil {
		t.Skipf("cannot mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	if out, err := exec.Command("cp", "-a", content+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("cp -a: %v\n%s", err, out)
	}
	removeAll(t, content)
}

// fill writes a file until no byte more fits, and returns what removes it.
func fill(t *testing.T, file string) func() {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		_, err := io.CopyN(f, zeros{}, int64(size))
		switch {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			t.Fatal(err)
		}
	}
	return func() {
		removeAll(t, file)
		var st unix.Statfs_t
		for deadline := time.Now().Add(5 * time.Second); st.Bavail == 0; { // the kernel takes its time
			if err := unix.Statfs(filepath.Dir(file), &st); err != nil || time.Now().After(deadline) {
				t.Fatalf("the disk has no room after the filler is gone: %v", err)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// zeros is an endless file of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
