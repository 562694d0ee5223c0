package sandbox

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkAWorkerStarts measures what Pool hides: from nothing to a worker that
// is confined, attested and waiting. Workers run one after the other, the
// machine is otherwise idle. ZONEBOX_WORKER names the binary.
func BenchmarkAWorkerStarts(b *testing.B) {
	path := os.Getenv("ZONEBOX_WORKER")
	if path == "" {
		b.Skip("ZONEBOX_WORKER is not set")
	}
	h, err := newHost(Config{Worker: path}.withDefaults())
	if err != nil {
		b.Fatal(err)
	}
	defer h.close()
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		s, err := h.start(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begun))
		_ = s.Close()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*9/10].Microseconds())/1000, "p90-ms")
}

// TestASessionsOwnTimeComesFirst: processor time ends no session that its clock
// would let go on.
func TestASessionsOwnTimeComesFirst(t *testing.T) {
	for _, cfg := range []Config{{}, {Wall: 2 * time.Hour}, {Load: 3 * time.Hour}, {Wall: 2 * time.Hour, Load: time.Minute}} {
		cfg.Threads = 4
		cfg = cfg.withDefaults()
		cell := (&host{cfg: cfg}).options(Host{})[3]
		var seconds int64
		_, list, _ := strings.Cut(cell, "cpu=")
		if _, err := fmt.Sscan(strings.ReplaceAll(list, ";", " "), &seconds); err != nil {
			t.Fatal(err)
		}
		if least := int64(max(cfg.Wall, cfg.Load).Seconds()) * 4; seconds <= least {
			t.Errorf("options() of %v and %v = %s, want more than %d s of processor time", cfg.Wall, cfg.Load, cell, least)
		}
	}
}
