package sandbox_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"zonebox/sandbox"
)

// larger sorts and joins up to three times the memory that the tests leave the engine.
var larger = []struct{ rule, sql, want string }{
	{"a sort", `SELECT count(*) || min(s)[:3] || max(s)[:3] FROM (SELECT repeat(x::VARCHAR, 50) AS s FROM range(2000000) t(x), (SELECT 1 FROM people LIMIT 1) ORDER BY s)`, "2000000000999"},
	{"a join", `SELECT count(*) || '' FROM (SELECT repeat(x::VARCHAR, 50) AS s FROM range(1400000) t(x)) a JOIN (SELECT repeat(x::VARCHAR, 50) AS s FROM range(1400000) t(x)) b USING (s) WHERE EXISTS (FROM people)`, "1400000"},
	{"groups", `SELECT count(*) || '' FROM (SELECT s FROM (SELECT repeat(x::VARCHAR, 50) AS s FROM range(2000000) t(x)) GROUP BY s) WHERE EXISTS (FROM people)`, "2000000"},
}

// TestWhatDoesNotFitMemoryOverflows runs the same statements with an overflow
// directory and without.
func TestWhatDoesNotFitMemoryOverflows(t *testing.T) {
	if !sandbox.Probe().Mounts {
		t.Skip("this host grants workers no mounts")
	}
	g := seal(t, peopleBatch(0, 10))
	with := pool(t, sandbox.Config{Memory: 512 << 20, Threads: 2, Wall: 2 * time.Minute})
	without := pool(t, sandbox.Config{Memory: 512 << 20, Spill: -1, Threads: 2, Wall: 2 * time.Minute})
	small := pool(t, sandbox.Config{Memory: 512 << 20, Spill: 16 << 20, Threads: 2, Wall: 2 * time.Minute})
	for _, c := range larger {
		t.Run(c.rule, func(t *testing.T) {
			got, err := query(t, with, c.sql, g...)
			if err != nil || got[0][0] != c.want {
				t.Errorf("Execute() with overflow = %v, %v, want %s", got, err, c.want)
			}
			if _, err := query(t, without, c.sql, g...); !errors.Is(err, sandbox.ErrMemory) {
				t.Errorf("Execute() without overflow = %v, want ErrMemory", err)
			}
			if _, err := query(t, small, c.sql, g...); !errors.Is(err, sandbox.ErrMemory) {
				t.Errorf("Execute() with too small an overflow = %v, want ErrMemory", err)
			}
		})
	}
	// One statement's shortage is nobody else's.
	if got, err := query(t, small, `SELECT count(*) || '' FROM people`, g...); err != nil || got[0][0] != "10" {
		t.Errorf("Execute() after a shortage = %v, %v, want 10", got, err)
	}
}

// TestOverflowGoesWithItsWorker fills the overflow directory, kills the worker
// and watches the machine's memory.
func TestOverflowGoesWithItsWorker(t *testing.T) {
	if !sandbox.Probe().Mounts {
		t.Skip("this host grants workers no mounts")
	}
	s := start(t, sandbox.Config{Spill: 256 << 20})
	if s.Attestation().Spill != 256<<20 {
		t.Errorf("Spill = %d, want %d", s.Attestation().Spill, 256<<20)
	}
	// The machine's other processes fill and empty file systems of memory too, so
	// what is looked at is the rise while the worker fills its own and the fall when
	// it ends. What others do between two looks is made up for by looking again.
	held, freed := int64(0), int64(0)
	for range 10 {
		before := shmem(t)
		if errno, err := s.Probe(fmt.Sprintf("fill %d", 200<<20)); errno != 0 || err != nil {
			t.Fatalf("fill = %v, %v", errno, err)
		}
		full := shmem(t)
		held = full - before
		if errno, err := s.Probe(fmt.Sprintf("fill %d", 100<<20)); errno == 0 || err != nil {
			t.Errorf("overflow beyond its size = %v, %v, want an error", errno, err)
		}
		full = shmem(t)
		_ = s.Close()
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if freed = full - shmem(t); freed > 150<<20 {
				break
			}
		}
		if held > 150<<20 && freed > 150<<20 {
			break
		}
		s = start(t, sandbox.Config{Spill: 256 << 20})
	}
	if held < 150<<20 {
		t.Errorf("200 MiB of overflow hold %d bytes of memory, want about as many", held)
	}
	if freed < 150<<20 {
		t.Fatalf("of 200 MiB of overflow %d bytes were freed, want about as many", freed)
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	if strings.Contains(string(mounts), "zonebox") {
		t.Error("a worker's mount is visible to others")
	}
}

// shmem is how much of the machine's memory is in memory file systems.
func shmem(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "Shmem:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
