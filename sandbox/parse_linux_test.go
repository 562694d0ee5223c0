package sandbox_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"zonebox/sandbox"
)

// Texts that would take the engine minutes or gigabytes to parse end in a code
// soon, whatever time and memory a statement may have.
func TestParsingIsBrief(t *testing.T) {
	p := pool(t, sandbox.Config{Memory: 2 << 30, Threads: 1, Pool: 2})
	for _, c := range []struct {
		name, sql string
		want      error
	}{
		{"a chain of ANDs", "SELECT a FROM t WHERE a" + strings.Repeat(" AND a", 150_000), sandbox.ErrTime},
		{"a list of values", "SELECT a IN (1" + strings.Repeat(",1", 500_000) + ") FROM t", sandbox.ErrMemory},
	} {
		s, err := p.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := s.Parse(t.Context(), c.sql); !errors.Is(err, c.want) {
			t.Errorf("Parse of %s = %v, want %v", c.name, err, c.want)
		}
		if took := time.Since(began); took > 10*time.Second { // of a machine with other work
			t.Errorf("Parse of %s took %v", c.name, took)
		}
		_ = s.Close()
	}
}

// A worker that has parsed may bind with all the memory of the session.
func TestParsingGivesTheMemoryBack(t *testing.T) {
	s := start(t, sandbox.Config{Memory: 1 << 30})
	limit := func() int64 {
		raw, err := os.ReadFile("/proc/" + strconv.Itoa(s.Pid()) + "/limits")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			if rest, ok := strings.CutPrefix(line, "Max address space"); ok {
				n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
		}
		t.Fatal("no limit of address space")
		return 0
	}
	before := limit()
	for range 3 {
		if _, err := s.Parse(t.Context(), "SELECT 1"); err != nil {
			t.Fatal(err)
		}
		if after := limit(); after != before {
			t.Errorf("address space %d after parsing, %d before", after, before)
		}
	}
	if _, err := s.Parse(t.Context(), "SELECT FROM"); err == nil || limit() != before {
		t.Errorf("address space %d after %v, %d before", limit(), err, before)
	}
}
