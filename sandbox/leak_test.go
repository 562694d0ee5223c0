package sandbox_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"zonebox/sandbox"
)

// campaign reports whether tests run at full length, minutes instead of seconds.
func campaign() bool { return os.Getenv("ZONEBOX_CAMPAIGN") != "" }

// held is what a process must not gather.
type held struct {
	descriptors, children, zombies, threads, goroutines, mappings int
	resident                                                      int64 // bytes
}

func descriptors(t testing.TB) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

func resident(t testing.TB) int64 {
	t.Helper()
	debug.FreeOSMemory()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n * int64(os.Getpagesize())
}

func holds(t testing.TB) held {
	t.Helper()
	h := held{descriptors: descriptors(t), goroutines: runtime.NumGoroutine(), resident: resident(t)}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	h.threads = len(threads)
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	h.mappings = bytes.Count(maps, []byte("\n"))
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if fields[1] == strconv.Itoa(os.Getpid()) {
			h.children++
			if fields[0] == "Z" {
				h.zombies++
			}
		}
	}
	return h
}

func (h held) String() string {
	return fmt.Sprintf("%d descriptors, %d children (%d zombies), %d threads, %d goroutines, %d mappings, %.1f MB",
		h.descriptors, h.children, h.zombies, h.threads, h.goroutines, h.mappings, float64(h.resident)/1e6)
}

// TestTenThousand asks trivial questions, of which every tenth loses a worker,
// and looks at what the gate holds at rest after each tenth part.
func TestTenThousand(t *testing.T) {
	count := 300
	if campaign() {
		count = 10_000
	} else {
		// What nobody closed shows, and is not closed by the collector.
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
	}
	p := pool(t, sandbox.Config{Pool: 3})
	ask := func(i int64) error {
		h := hash(t, p, `SELECT 42`)
		s, err := p.Start(t.Context())
		if err != nil {
			return err
		}
		defer s.Close()
		if i%10 == 0 {
			time.AfterFunc(time.Duration(i%7)*time.Millisecond, func() { _ = s.Kill(syscall.SIGKILL) })
		}
		got, err := rows(s.Execute(t.Context(), `SELECT 42`, h, sandbox.Limits{}))
		if i%10 != 0 && (err != nil || got[0][0] != "42") {
			return fmt.Errorf("Execute() = %v, %v", got, err)
		}
		return nil
	}
	rest := func() held {
		// What ends a worker, and a kill that comes late, end a moment after the counts say so.
		still, before := 0, 0
		for looks := 0; still < 10 && looks < 1000; looks++ {
			s, now := p.Stats(), runtime.NumGoroutine()
			if still++; s.Idle != 3 || s.InUse+s.Starting > 0 || now != before {
				still = 0
			}
			before = now
			time.Sleep(10 * time.Millisecond)
		}
		return holds(t)
	}
	start := rest()
	var parts []held
	var done atomic.Int64
	begun := time.Now()
	for part := range 10 {
		var clients sync.WaitGroup
		for range 2 {
			clients.Go(func() {
				for {
					i := done.Add(1)
					if i > int64(count*(part+1)/10) {
						done.Add(-1)
						return
					}
					if err := ask(i); err != nil {
						t.Errorf("question %d: %v", i, err)
						return
					}
				}
			})
		}
		clients.Wait()
		if t.Failed() {
			return
		}
		parts = append(parts, rest())
		if campaign() {
			t.Logf("%5d questions, %v: %v", done.Load(), time.Since(begun).Round(time.Second), parts[part])
		}
	}
	first, last := parts[1], parts[9]
	t.Logf("%.1f questions/s; at rest after a fifth %v, at the end %v; %+v", float64(count)/time.Since(begun).Seconds(), first, last, p.Stats())
	if last.zombies > 0 || last.children > start.children || last.descriptors > start.descriptors || last.goroutines > first.goroutines ||
		last.threads > first.threads+4 || last.mappings > first.mappings+40 || last.resident > first.resident+10<<20 {
		t.Errorf("at rest at the start: %v; after %d questions: %v; after all %d: %v", start, count/5, first, count, last)
	}
}
