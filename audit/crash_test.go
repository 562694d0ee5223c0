package audit_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sys/unix"

	"zonebox/audit"
)

// The test binary is also the process that is killed and the one that lives on
// a tiny disk: it finds in this variable what to do.
const childVar = "ZONEBOX_AUDIT_CHILD"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(childVar) {
	case "writers":
		err = writers(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	case "tiny disk":
		err = tinyDisk(os.Args[1], os.Args[2], os.Args[3])
	case "short writes":
		err = shortWrites(os.Args[1], os.Args[2], os.Args[3])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Println("child:", err)
		os.Exit(1)
	}
}

func child(t *testing.T, what string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), exe, args...)
	c.Env = append(os.Environ(), childVar+"="+what)
	return c
}

func openAs(dir, private, verifier string) (*audit.Log, error) {
	s, err := note.NewSigner(private)
	if err != nil {
		return nil, err
	}
	return audit.Open(context.Background(), dir, s, audit.Config{Verifier: verifier})
}

// writers appends without end and prints each index and id once acknowledged.
func writers(dir, private, verifier, round string) error {
	l, err := openAs(dir, private, verifier)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("r%s-w%d-%d", round, w, i)
				index, err := l.Append(context.Background(), long(id))
				mu.Lock()
				if err != nil {
					fmt.Println("child:", err)
				} else {
					fmt.Println(index, id)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

// TestKilledWritersLoseNothing kills the process at 25 random moments.
func TestKilledWritersLoseNothing(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	acknowledged := map[uint64]string{}
	for round := range 25 {
		c := child(t, "writers", dir, k.private, k.verifier, fmt.Sprint(round))
		runUntilKilled(t, k, c, dir, acknowledged, func() {}, func() {
			if len(acknowledged)%7 == 0 {
				// From the first acknowledgment on, any moment will do.
				time.AfterFunc(time.Duration(round)*900*time.Microsecond, func() { _ = c.Process.Kill() })
			}
		})
	}
	allThere(t, k, dir, acknowledged)
}

// TestKilledWhileEntriesMoveLosesNothing kills the process when the kernel tells
// that it wrote to the tail, began or removed a segment, opened the tree for a
// batch or replaced the tree state or the checkpoint, be it while it opens the
// log or later.
func TestKilledWhileEntriesMoveLosesNothing(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	for _, moment := range []struct {
		name   string
		folder string
		mask   uint32
		file   string
		step   int
	}{
		{"write to the tail", "tail", unix.IN_MODIFY, "", 135},
		{"segment begun", "tail", unix.IN_CREATE, "", 1},
		{"segment removed", "tail", unix.IN_DELETE, "", 1},
		{"batch begun", ".state", unix.IN_OPEN, "treeState.lock", 3},
		{"batch in the tree", ".state", unix.IN_MOVED_TO, "treeState", 3},
		{"checkpoint published", ".", unix.IN_MOVED_TO, "checkpoint", 1},
	} {
		dir, acknowledged := filepath.Join(t.TempDir(), "log"), map[uint64]string{}
		fill(t, k, dir, 1)
		for round := range 5 {
			c := child(t, "writers", dir, k.private, k.verifier, fmt.Sprint(moment.name, round))
			happened := watch(t, filepath.Join(dir, moment.folder), moment.mask, moment.file)
			runUntilKilled(t, k, c, dir, acknowledged, func() {
				for range 1 + round%3*moment.step {
					select {
					case <-happened:
					case <-time.After(20 * time.Second):
						t.Errorf("%s: round %d: it never happened", moment.name, round)
					}
				}
				_ = c.Process.Kill()
			}, func() {})
		}
		t.Logf("%s: %d entries were acknowledged", moment.name, len(acknowledged))
		allThere(t, k, dir, acknowledged)
	}
}

// watch sends a value for each event of inotify in a folder that names file, or
// any file if that is empty.
func watch(t *testing.T, folder string, mask uint32, file string) <-chan struct{} {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Skipf("no inotify here: %v", err)
	}
	if _, err := unix.InotifyAddWatch(fd, folder, mask); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "inotify")
	happened, over := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(over); f.Close() })
	go func() {
		buffer := make([]byte, 64<<10)
		for {
			n, err := f.Read(buffer)
			if err != nil {
				return
			}
			for b := buffer[:n]; len(b) >= unix.SizeofInotifyEvent; {
				end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
				name := string(bytes.TrimRight(b[unix.SizeofInotifyEvent:end], "\x00"))
				b = b[end:]
				if file != "" && name != file {
					continue
				}
				select {
				case happened <- struct{}{}:
				case <-over:
					return
				}
			}
		}
	}()
	return happened
}

// runUntilKilled runs writers until kill, which runs beside them, or each, which
// is called before an entry is noted as acknowledged, has killed them. It
// verifies what is left of the log.
func runUntilKilled(t *testing.T, k keys, c *exec.Cmd, dir string, acknowledged map[uint64]string, kill, each func()) {
	t.Helper()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go kill()
	size := uint64(0)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		number, id, _ := strings.Cut(lines.Text(), " ")
		index, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			t.Fatalf("%v: %s", c.Args, lines.Text())
		}
		if other, ok := acknowledged[index]; ok {
			t.Fatalf("index %d was given to %s and %s", index, other, id)
		}
		each()
		acknowledged[index] = id
		size = max(size, index+1)
	}
	_ = c.Wait()
	if r, err := audit.Verify(dir, k.verifier); err != nil || r.Size+r.Tail < size {
		t.Fatalf("%v: Verify = %+v, %v, want at least %d entries", c.Args, r, err, size)
	}
}

// allThere opens the log and looks for the acknowledged entries.
func allThere(t *testing.T, k keys, dir string, acknowledged map[uint64]string) {
	t.Helper()
	l := k.open(t, dir)
	for e, err := range l.Entries(t.Context(), 0, l.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := acknowledged[e.Seq]; ok && id != e.ID {
			t.Errorf("entry %d is %s, want %s", e.Seq, e.ID, id)
		}
		delete(acknowledged, e.Seq)
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged entries are lost", len(acknowledged))
	}
	closeLog(t, l)
	if r, err := audit.Verify(dir, k.verifier); err != nil || r.Tail != 0 {
		t.Errorf("Verify = %+v, %v", r, err)
	}
}

// tinyDisk mounts a small disk over dir and fills it.
func tinyDisk(dir, private, verifier string) error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		return err
	}
	fmt.Println("mounted")
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
		return err
	}
	log := filepath.Join(dir, "log")
	l, err := openAs(log, private, verifier)
	if err != nil {
		return err
	}
	var written atomic.Uint64
	fill := func() (full int) {
		var wg sync.WaitGroup
		var failed atomic.Int64
		for w := range 4 {
			wg.Go(func() {
				for i := 0; i < 400; i++ {
					_, err := l.Append(context.Background(), entry(fmt.Sprintf("w%d-%d-%d", w, i, written.Load()), 1))
					switch {
					case errors.Is(err, audit.ErrUnavailable):
						if failed.Add(1) >= 20 {
							return
						}
					case err != nil:
						panic(err)
					default:
						written.Add(1)
					}
				}
			})
		}
		wg.Wait()
		return int(failed.Load())
	}
	if fill() == 0 {
		return errors.New("the disk never filled")
	}
	before := written.Load()
	if before == 0 {
		return errors.New("nothing was written before the disk filled")
	}
	if r, err := audit.Verify(log, verifier); err != nil || r.Size+r.Tail < before {
		return fmt.Errorf("full: Verify = %+v, %v, want %d entries", r, err, before)
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	if _, err := l.Append(context.Background(), entry("after", 1)); err != nil {
		return fmt.Errorf("space is back: Append = %v", err)
	}
	if err := l.Close(context.Background()); err != nil {
		return err
	}
	r, err := audit.Verify(log, verifier)
	if err != nil || r.Size < before+1 || r.Tail != 0 {
		return fmt.Errorf("closed: Verify = %+v, %v, want more than %d entries", r, err, before)
	}
	fmt.Println("ok", before, r.Size)
	return nil
}

func TestFullDiskRefusesEntriesAndLosesNone(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	c := child(t, "tiny disk", t.TempDir(), k.private, k.verifier)
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := c.Output()
	if !strings.Contains(string(out), "mounted") {
		t.Skipf("no user or mount namespaces here: %v: %s", err, out)
	}
	if err != nil || !strings.Contains(string(out), "ok ") {
		t.Errorf("on a tiny disk: %v: %s", err, out)
	}
}
