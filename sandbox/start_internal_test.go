package sandbox

import (
	"os"
	"slices"
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
