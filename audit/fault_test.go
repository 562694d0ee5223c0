package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"zonebox/audit"
)

// While the tree cannot be written, the tail takes entries up to its bound, the
// log says that no change should begin, and everything is there again when the
// cause is gone.
func TestAFailingTreeLosesNothingAndIsBounded(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	fill(t, k, dir, 1)
	l := k.open(t, dir)
	if err := l.Room(); err != nil {
		t.Fatalf("Room = %v", err)
	}
	release := seize(t, dir)
	next := uint64(1)
	var refused error
	for refused == nil && next < 10_000 {
		batch := make([]audit.Entry, 100)
		for i := range batch {
			batch[i] = entry(fmt.Sprintf("e-%d", next+uint64(i)), 1000)
		}
		first, err := l.Append(t.Context(), batch...)
		if refused = err; err == nil && first != next {
			t.Fatalf("Append = %d, want %d", first, next)
		} else if err == nil {
			next += 100
		}
	}
	if !errors.Is(refused, audit.ErrUnavailable) || next < 3900 || l.Size() > 1+4096 {
		t.Errorf("after %d entries Append = %v, want ErrUnavailable near 4096 entries", l.Size(), refused)
	}
	if err := l.Room(); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("Room = %v, want ErrUnavailable", err)
	}
	size := l.Size()
	n := uint64(0)
	for e, err := range l.Entries(t.Context(), 0, size) {
		if err != nil || e.Seq != n {
			t.Fatalf("Entries gave %d, %v, want %d", e.Seq, err, n)
		}
		n++
	}
	if n != size {
		t.Errorf("Entries gave %d entries, want %d", n, size)
	}
	release()
	if err := l.Room(); err != nil {
		t.Errorf("with the tree back: Room = %v", err)
	}
	if r, err := audit.Verify(dir, k.verifier); err != nil || r.Size+r.Tail != size {
		t.Errorf("Verify = %+v, %v, want %d entries", r, err, size)
	}
	if got, err := l.Append(t.Context(), entry("after", 1)); err != nil || got != size {
		t.Errorf("with the tree back: Append = %d, %v, want %d", got, err, size)
	}
	closeLog(t, l)
	if r, err := audit.Verify(dir, k.verifier); err != nil || r.Size != size+1 || strays(r) != nil {
		t.Errorf("Verify = %+v, %v, want %d entries and nothing left over", r, err, size+1)
	}
}

// strays returns the files beside a log but for Tessera's own.
func strays(r audit.Report) (names []string) {
	for _, name := range r.Ignored {
		if !strings.HasPrefix(name, ".state/") {
			names = append(names, name)
		}
	}
	return names
}

// A log whose tree cannot be written closes with an error, and the next Open
// moves the entries.
func TestClosingBehindTheTreeKeepsTheTail(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	fill(t, k, dir, 1)
	l := k.open(t, dir)
	release := seize(t, dir)
	if _, err := l.Append(t.Context(), entry("e-1", 1000)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Close(ctx); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("Close = %v, want ErrUnavailable", err)
	}
	_ = l.Room() // does not wait for a log that is closed
	release()
	l = k.open(t, dir)
	defer closeLog(t, l)
	if i, ok := l.Find("e-1"); !ok || i != 1 {
		t.Errorf("Find = %d, %v, want 1", i, ok)
	}
	if r, err := audit.Verify(dir, k.verifier); err != nil || r.Size != 2 {
		t.Errorf("Verify = %+v, %v, want 2 signed entries", r, err)
	}
}

// full puts /dev/full in the place of the open segment of the log in dir.
func full(t testing.TB, dir string) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	device, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer device.Close()
	for _, fd := range fds {
		name, _ := os.Readlink("/proc/self/fd/" + fd.Name())
		var n int
		if _, err := fmt.Sscan(fd.Name(), &n); err != nil || !strings.HasPrefix(name, filepath.Join(dir, "tail")+"/") {
			continue
		}
		if err := unix.Dup3(int(device.Fd()), n, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("the log has no segment open")
}

func TestAFailingTailRefusesEntriesAndLosesNone(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	l := k.open(t, dir)
	folder := filepath.Join(dir, "tail")
	var mu sync.Mutex
	given := map[uint64]string{}
	burst := func(round int) (acknowledged, refused int) {
		var wg sync.WaitGroup
		for w := range 12 {
			wg.Go(func() {
				id := fmt.Sprintf("r%d-w%d", round, w)
				index, err := l.Append(t.Context(), entry(id, 1))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					acknowledged++
					given[index] = id
				} else if errors.Is(err, audit.ErrUnavailable) {
					refused++
				} else {
					t.Errorf("Append = %v, want ErrUnavailable", err)
				}
			})
		}
		wg.Wait()
		return acknowledged, refused
	}
	for round := range 6 {
		if ok, bad := burst(2 * round); ok != 12 || bad != 0 {
			t.Errorf("round %d: %d acknowledged, %d refused, want 12", round, ok, bad)
		}
		full(t, dir)
		if round%2 == 0 { // the segment cannot even be cut back
			if err := os.Rename(folder, folder+".away"); err != nil {
				t.Fatal(err)
			}
			if ok, bad := burst(2*round + 1); ok != 0 || bad != 12 {
				t.Errorf("round %d: %d acknowledged, %d refused, want none and 12", round, ok, bad)
			}
			if err := os.Rename(folder+".away", folder); err != nil {
				t.Fatal(err)
			}
		} else if _, err := l.Append(t.Context(), entry("refused", 1)); !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("Append = %v, want ErrUnavailable", err)
		}
		if r, err := audit.Verify(dir, k.verifier); err != nil || r.Torn != "" {
			t.Errorf("round %d: Verify = %+v, %v", round, r, err)
		}
	}
	if l.Contains(t.Context(), "refused") || l.Size() != 72 {
		t.Errorf("%d entries, want the 72 acknowledged", l.Size())
	}
	for e, err := range l.Entries(t.Context(), 0, 72) {
		if err != nil || given[e.Seq] != e.ID {
			t.Errorf("entry %d is %s, %v, want %s", e.Seq, e.ID, err, given[e.Seq])
		}
	}
	closeLog(t, l)
	r, err := audit.Verify(dir, k.verifier)
	if err != nil || r.Size != 72 || strays(r) != nil {
		t.Errorf("Verify = %+v, %v, want 72 entries and nothing left over", r, err)
	}
}

func TestARemovedSegmentTakesNoEntries(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	l := k.open(t, dir)
	if _, err := l.Append(t.Context(), entry("e-0", 1)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "tail")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), entry("e-1", 1)); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("Append = %v, want ErrUnavailable", err)
	}
	_ = l.Close(t.Context())
	if r, err := audit.Verify(dir, k.verifier); err != nil || r.Size != 1 {
		t.Errorf("Verify = %+v, %v, want the entry that was acknowledged", r, err)
	}
}

// shortWrites lets files grow to a limit that the segment has already, so that
// the kernel writes the first part of a frame.
func shortWrites(dir, private, verifier string) error {
	signal.Ignore(syscall.SIGXFSZ)
	l, err := openAs(dir, private, verifier)
	if err != nil {
		return err
	}
	short, next := 0, uint64(0)
	for round := range 40 {
		if got, err := l.Append(context.Background(), entry(fmt.Sprintf("e-%d", next), 1)); err != nil || got != next {
			return fmt.Errorf("Append = %d, %v, want %d", got, err, next)
		}
		next++
		files, err := filepath.Glob(filepath.Join(dir, "tail", "*"))
		if err != nil || len(files) == 0 {
			return fmt.Errorf("no segment: %v", err)
		}
		b, err := os.ReadFile(files[len(files)-1])
		if err != nil {
			return err
		}
		used := frames(b)
		var whole unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &whole); err != nil {
			return err
		}
		limit := uint64(used[len(used)-1] + 1 + 7*round)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: whole.Max}); err != nil {
			return err
		}
		_, failed := l.Append(context.Background(), entry("short", 1))
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &whole); err != nil {
			return err
		}
		if !errors.Is(failed, audit.ErrUnavailable) {
			return fmt.Errorf("with a limit of %d: Append = %v", limit, failed)
		}
		short++
		if r, err := audit.Verify(dir, verifier); err != nil || r.Torn != "" || r.Size+r.Tail != next {
			return fmt.Errorf("after a short write: Verify = %+v, %v, want %d entries", r, err, next)
		}
	}
	if err := l.Close(context.Background()); err != nil {
		return err
	}
	r, err := audit.Verify(dir, verifier)
	if err != nil || r.Size != next {
		return fmt.Errorf("closed: Verify = %+v, %v, want %d entries", r, err, next)
	}
	fmt.Println("ok", short)
	return nil
}

func TestAShortWriteIsTakenBack(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	out, err := child(t, "short writes", filepath.Join(t.TempDir(), "log"), k.private, k.verifier).Output()
	if err != nil || !strings.Contains(string(out), "ok 40") {
		t.Errorf("with short writes: %v: %s", err, out)
	}
}
