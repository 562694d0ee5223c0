package feed_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zonebox/feed"
)

// numbered is a batch of three alerts, the last of which has the number n.
func numbered(n int) (batch []feed.Message) {
	for i := n - 2; i <= n; i++ {
		batch = append(batch, feed.Message{Origin: "zonebox-abc", Kind: "alert.test", At: time.Unix(0, 0), Severity: feed.Notice,
			Line: fmt.Appendf(nil, `{"n":%d,"text":"%s"}`, i, strings.Repeat("警", 200))})
	}
	return batch
}

// numbers returns what the whole lines of a file are numbered, and how many lines are
// none.
func numbers(t *testing.T, path string) (all []int, cut int) {
	t.Helper()
	for line := range strings.Lines(read(t, path)) {
		var l struct{ N int }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			cut++
			continue
		}
		all = append(all, l.N)
	}
	return all, cut
}

// A full disk is told, whatever of the batch found room, and what was cut short there
// takes nothing from the batch that comes again. Here a bound on the size of files stands
// for the disk: the kernel writes what fits and refuses the rest alike.
func TestAFullDiskLosesNothing(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	for name, room := range map[string]uint64{"nothing": 0, "a byte": 1, "half a line": 300, "a line and a half": 950} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "alerts.jsonl")
			r := receiver(t, "file:"+path)
			if err := r.Deliver(t.Context(), numbered(3)); err != nil {
				t.Fatal(err)
			}
			whole := read(t, path)
			full := syscall.Rlimit{Cur: uint64(len(whole)) + room, Max: before.Max}
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
				t.Fatal(err)
			}
			for range 3 { // it is tried again and again
				if err := r.Deliver(t.Context(), numbered(6)); !errors.Is(err, syscall.EFBIG) {
					t.Errorf("with room for %s it is told %v", name, err)
				}
			}
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
				t.Fatal(err)
			}
			if got := read(t, path); !strings.HasPrefix(got, whole) || len(got) != len(whole)+int(room) {
				t.Errorf("%d bytes stand in the file, want what was there and %d more", len(got), room)
			}
			if err := r.Deliver(t.Context(), numbered(6)); err != nil {
				t.Fatal(err)
			}
			all, cut := numbers(t, path)
			last := all[max(0, len(all)-3):]
			if fmt.Sprint(all[:3], last) != "[1 2 3] [4 5 6]" || cut > 3 {
				t.Errorf("the file has %v and %d lines cut short", all, cut)
			}
		})
	}
}

// A gate that is killed between two batches, or in one, goes on behind the last of which
// it knew: every alert is there whole, in order, and no more come again than those of
// the batch that was in doubt.
func TestAKilledGateLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	const kills = 12
	known := 0 // the last number that was known to be there
	for i := range kills {
		gate := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOneGateAfterTheOther$")
		gate.Env = append(os.Environ(), "ZONEBOX_FEED_FILE="+path, "ZONEBOX_FEED_FROM="+strconv.Itoa(known))
		out, err := gate.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := gate.Start(); err != nil {
			t.Fatal(err)
		}
		told := bufio.NewScanner(out)
		for batches := 0; told.Scan(); {
			n, err := strconv.Atoi(told.Text())
			if err != nil {
				continue
			}
			known = n
			if batches++; batches == 1+i%4 {
				time.Sleep(time.Duration(i) * time.Millisecond / 4) // into the next, by a part of it
				break
			}
		}
		if err := gate.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for told.Scan() { // what it still said counts
			if n, err := strconv.Atoi(told.Text()); err == nil {
				known = n
			}
		}
		if err := gate.Wait(); err == nil {
			t.Fatal("it was not killed")
		}
	}
	if known < 3*kills {
		t.Fatalf("only %d alerts are known to be there", known)
	}
	all, cut := numbers(t, path)
	next, again := 1, 0
	for _, n := range all {
		switch {
		case n == next:
			next++
		case n < next && n > next-4:
			again++
			next = n + 1
		default:
			t.Fatalf("after %d comes %d", next-1, n)
		}
	}
	if next <= known || cut > kills || again > kills {
		t.Errorf("the file goes to %d of %d, with %d lines cut short; %d times it began again", next-1, known, cut, again)
	}
}

// TestOneGateAfterTheOther is the gate of the test above: it hands over batch after
// batch from a place on, and says of each that the receiver has it.
func TestOneGateAfterTheOther(t *testing.T) {
	path := os.Getenv("ZONEBOX_FEED_FILE")
	if path == "" {
		t.Skip("a part of TestAKilledGateLosesNothing")
	}
	n, err := strconv.Atoi(os.Getenv("ZONEBOX_FEED_FROM"))
	if err != nil {
		t.Fatal(err)
	}
	for r := receiver(t, "file:"+path); t.Context().Err() == nil; {
		if n += 3; r.Deliver(t.Context(), numbered(n)) != nil {
			t.Fatal("a batch was not taken")
		}
		fmt.Println(n)
	}
}
