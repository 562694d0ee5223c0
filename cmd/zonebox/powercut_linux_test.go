package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A ledger notes what a power cut would take from a process that is watched:
// bytes that were written and not flushed, and names that were given, moved or
// removed in folders that were not flushed since. A file system may keep any of
// them and lose any other.
type ledger struct {
	mu     sync.Mutex
	bytes  map[string]bool            // files with bytes that were not flushed
	names  map[string]map[string]bool // by folder, what was done to its names
	broken []string                   // moves that came before what they rest on
}

func newLedger() *ledger {
	return &ledger{bytes: map[string]bool{}, names: map[string]map[string]bool{}}
}

// note takes down a call before it happens.
func (l *ledger) note(pid int, n seccompNotif) error {
	c := caller{pid}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch n.Nr {
	case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_FTRUNCATE:
		if file := c.descriptor(n.Args[0]); strings.HasPrefix(file, "/") && !passing(file) && !c.writesThrough(n.Args[0]) {
			l.bytes[file] = true
		}
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		file := c.descriptor(n.Args[0])
		delete(l.bytes, file)
		delete(l.names, file)
	case unix.SYS_OPENAT:
		file, err := c.path(n.Args[0], n.Args[1])
		if err != nil {
			return err
		}
		if _, err := os.Lstat(file); err != nil && !passing(file) {
			l.name(file, "made")
		} else if n.Args[2]&unix.O_TRUNC != 0 {
			l.bytes[file] = true
		}
	case unix.SYS_MKDIRAT:
		dir, err := c.path(n.Args[0], n.Args[1])
		if err != nil {
			return err
		}
		if _, err := os.Lstat(dir); err != nil {
			l.name(dir, "made")
		}
	case unix.SYS_UNLINKAT:
		file, err := c.path(n.Args[0], n.Args[1])
		if err != nil {
			return err
		}
		if _, err := os.Lstat(file); err == nil {
			l.remove(file)
		}
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT:
		from, err := c.path(n.Args[0], n.Args[1])
		if err != nil {
			return err
		}
		to, err := c.path(n.Args[2], n.Args[3])
		if err != nil {
			return err
		}
		l.move(from, to, n.Nr == unix.SYS_LINKAT)
	}
	return nil
}

// passing reports whether a file is of no use to the next process: a lock, or the
// database's shared memory.
func passing(file string) bool {
	return filepath.Base(file) == "lock" || strings.HasSuffix(file, "-shm")
}

func (l *ledger) name(path, done string) {
	dir := filepath.Dir(path)
	if l.names[dir] == nil {
		l.names[dir] = map[string]bool{}
	}
	l.names[dir][filepath.Base(path)+" "+done] = true
}

// remove forgets a file. The log's tail is what its tree is made of again, so
// the tree must be safe by then.
func (l *ledger) remove(path string) {
	delete(l.bytes, path)
	delete(l.names, path)
	if made := filepath.Base(path) + " made"; l.names[filepath.Dir(path)][made] {
		delete(l.names[filepath.Dir(path)], made) // whether or not it ever was, it is not there
	} else {
		l.name(path, "removed")
	}
	if audit, _, ok := strings.Cut(path, "/audit/tail/"); ok {
		for _, lost := range append(l.below(audit+"/audit/tile"), l.below(audit+"/audit/.state")...) {
			l.broken = append(l.broken, "a segment of the log's tail was removed before "+lost)
		}
	}
}

// move gives a file or folder another name, which others take as whole.
func (l *ledger) move(from, to string, link bool) {
	for _, lost := range l.below(from) {
		l.broken = append(l.broken, fmt.Sprintf("%s was moved to %s before %s", from, to, lost))
	}
	if !link {
		for _, file := range slices.Collect(maps.Keys(l.bytes)) {
			if rest, ok := inside(file, from); ok {
				delete(l.bytes, file)
				l.bytes[to+rest] = true
			}
		}
		for _, dir := range slices.Collect(maps.Keys(l.names)) {
			if rest, ok := inside(dir, from); ok {
				l.names[to+rest] = l.names[dir]
				delete(l.names, dir)
			}
		}
		l.remove(from)
	}
	l.name(to, "moved there")
}

// inside returns what a path adds to that of a folder it is below, or "" if it is
// the folder.
func inside(path, dir string) (string, bool) {
	rest, ok := strings.CutPrefix(path, dir)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// below returns what a power cut could take of a file, or of a folder and what
// is in it. A name that was removed may come back: of keys and deliveries that is
// a loss too, what else comes back is swept at the next start.
func (l *ledger) below(path string) []string {
	var out []string
	for file := range l.bytes {
		if _, ok := inside(file, path); ok {
			out = append(out, "the bytes of "+file)
		}
	}
	for dir, names := range l.names {
		if _, ok := inside(dir, path); !ok {
			continue
		}
		for name := range names {
			if !strings.HasSuffix(name, " removed") || strings.Contains(dir, ".keys") || strings.Contains(dir, "/in") {
				out = append(out, "the names in "+dir+": "+name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// atRisk returns what a power cut could take of a home now, and the moves that
// came too early. The log's tree is made again of its tail.
func (l *ledger) atRisk(home string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost := slices.DeleteFunc(l.below(home), func(what string) bool {
		return strings.Contains(what, "/audit/tile") || strings.Contains(what, "/audit/.state") || strings.Contains(what, "/audit/checkpoint") ||
			strings.Contains(what, "/audit: checkpoint")
	})
	return append(slices.Clone(l.broken), lost...)
}

// A caller is a process whose arguments are read from its memory.
type caller struct{ pid int }

func (c caller) proc(elem ...string) string {
	return filepath.Join(append([]string{"/proc", strconv.Itoa(c.pid)}, elem...)...)
}

// descriptor returns the path that a descriptor was opened by.
func (c caller) descriptor(fd uint64) string {
	file, _ := os.Readlink(c.proc("fd", strconv.Itoa(int(int32(fd)))))
	return strings.TrimSuffix(file, " (deleted)")
}

// writesThrough reports whether what is written to a descriptor is flushed at once.
func (c caller) writesThrough(fd uint64) bool {
	text, _ := os.ReadFile(c.proc("fdinfo", strconv.Itoa(int(int32(fd)))))
	_, flags, _ := strings.Cut(string(text), "flags:")
	flags, _, _ = strings.Cut(strings.TrimSpace(flags), "\n")
	n, _ := strconv.ParseInt(flags, 8, 64)
	return n&unix.O_DSYNC != 0
}

// path returns a path argument, made absolute by the folder it is relative to.
func (c caller) path(fd, at uint64) (string, error) {
	mem, err := os.Open(c.proc("mem"))
	if err != nil {
		return "", err
	}
	defer mem.Close()
	var text []byte
	for len(text) < unix.PathMax {
		b := make([]byte, 4096-(at+uint64(len(text)))%4096) // a page may be the last
		if _, err := mem.ReadAt(b, int64(at)+int64(len(text))); err != nil {
			return "", err
		}
		end := bytes.IndexByte(b, 0)
		if end < 0 {
			text = append(text, b...)
			continue
		}
		path := string(append(text, b[:end]...))
		if filepath.IsAbs(path) {
			return filepath.Clean(path), nil
		}
		dir := c.descriptor(fd)
		if int32(fd) == unix.AT_FDCWD {
			if dir, err = os.Readlink(c.proc("cwd")); err != nil {
				return "", err
			}
		}
		return filepath.Join(dir, path), nil
	}
	return "", unix.ENAMETOOLONG
}

// TestAPowerCutTakesNothingThatWasTold looks at the order of flushes instead of
// cutting: bytes are flushed before a file gets the name under which it is
// looked for, and when somebody is told, every name and byte is on disk. The
// operations on data are looked at where they are put through faults.
func TestAPowerCutTakesNothingThatWasTold(t *testing.T) {
	h := newHome(t)
	w := h.watch(t, 0, killed, "init", "--as", "zhao.city", "--passphrase-file", h.path("passphrase"), "--domain", h.path("new", "domain"), "--keyring", h.path("newring"))
	if w.gone(t); w.cmd.ProcessState.ExitCode() != exitOK {
		t.Fatalf("init exited %d: %s", w.cmd.ProcessState.ExitCode(), w.log)
	}
	w.nothingAtRisk(t, "init")

	g := h.serveWatched(t)
	run := runPattern.FindString(h.ask(t, "SELECT name, district FROM persons LIMIT 3").errout)
	h.must(t, exitOK, "review", "approve", "--as", "sun.health", run, "--basis", "NJ24-14")
	g.nothingAtRisk(t, "review")
	resume := func(code int, what string) {
		t.Helper()
		g.after(0, killed)
		h.must(t, code, "query", "--resume", run, "--as", "li.op")
		g.nothingAtRisk(t, what)
	}
	resume(exitReview, "an output that waits")
	for _, by := range []string{"sun.health", "zheng.police"} {
		h.must(t, exitOK, "review", "approve", "--as", by, run, "--basis", "NJ24-14")
	}
	resume(exitOK, "an output that is released")
	in := h.path("in")
	if err := os.Mkdir(in, 0o700); err != nil {
		t.Fatal(err)
	}
	file := h.delivery(t, 100, "11")
	for _, suffix := range []string{"", ".manifest.yaml"} {
		if err := os.Rename(file+suffix, filepath.Join(in, "visits.csv"+suffix)); err != nil {
			t.Fatal(err)
		}
	}
	w = h.watch(t, 0, killed, append([]string{"drop", "run", "--once", "--erase", "--as", "wu.dc", in}, h.flags()...)...)
	if w.gone(t); w.cmd.ProcessState.ExitCode() != exitOK {
		t.Fatalf("drop exited %d: %s", w.cmd.ProcessState.ExitCode(), w.log)
	}
	w.nothingAtRisk(t, "a drop folder")
	g.terminate(t)
	g.nothingAtRisk(t, "a gate that ended")
}

// nothingAtRisk fails if a power cut could take anything that the process did
// since the last call of after.
func (w *watched) nothingAtRisk(t *testing.T, what string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unread != nil {
		t.Logf("not looked at: this user may not read what the gate calls the kernel with: %v", w.unread)
		return
	}
	for _, lost := range w.ledger.atRisk(w.home) {
		t.Errorf("%s: a power cut may take %s", what, strings.ReplaceAll(lost, w.home, ""))
	}
}
