package audit_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
				index, err := l.Append(context.Background(), entry(id, 1))
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

// TestKilledWritersLoseNothing kills the process at 25 random moments. Whatever
// it acknowledged is at its index, and the log verifies before and after the
// next process opens it.
func TestKilledWritersLoseNothing(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	acknowledged := map[uint64]string{}
	for round := range 25 {
		c := child(t, "writers", dir, k.private, k.verifier, fmt.Sprint(round))
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var index uint64
			var id string
			if _, err := fmt.Sscan(lines.Text(), &index, &id); err != nil {
				t.Fatalf("round %d: %s", round, lines.Text())
			}
			if other, ok := acknowledged[index]; ok {
				t.Fatalf("index %d was given to %s and %s", index, other, id)
			}
			if len(acknowledged)%7 == 0 {
				// From the first acknowledgment on, any moment will do.
				time.AfterFunc(time.Duration(round)*900*time.Microsecond, func() { _ = c.Process.Kill() })
			}
			acknowledged[index] = id
		}
		_ = c.Wait()
		if r, err := audit.Verify(dir, k.verifier); err != nil {
			t.Fatalf("round %d: Verify = %+v, %v", round, r, err)
		}
	}
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

// TestFailingFolderRefusesEntriesAndLosesNone needs no namespaces: a file stands
// where a folder of tiles should be, so that a batch fails after its bundle was
// written.
func TestFailingFolderRefusesEntriesAndLosesNone(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	l := k.open(t, dir)
	levels := filepath.Join(dir, "tile/0")
	var acknowledged, refused int
	for round := range 6 {
		if round%2 == 1 {
			if err := errors.Join(os.Rename(levels, levels+".away"), os.WriteFile(levels, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		for w := range 12 {
			wg.Go(func() {
				_, err := l.Append(t.Context(), entry(fmt.Sprintf("r%d-w%d", round, w), 1))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					acknowledged++
				} else if errors.Is(err, audit.ErrUnavailable) {
					refused++
				} else {
					t.Errorf("Append = %v, want ErrUnavailable", err)
				}
			})
		}
		wg.Wait()
		if round%2 == 1 {
			if err := errors.Join(os.Remove(levels), os.Rename(levels+".away", levels)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if acknowledged != 36 || refused != 36 {
		t.Errorf("%d acknowledged, %d refused, want 36 and 36", acknowledged, refused)
	}
	closeLog(t, l)
	r, err := audit.Verify(dir, k.verifier)
	if err != nil || r.Size != 36 || len(r.Ignored) != 2 {
		t.Errorf("Verify = %+v, %v, want 36 entries and nothing left over", r, err)
	}
}
