package policy

import (
	"runtime"
	"testing"

	"github.com/open-policy-agent/opa/v1/topdown"
)

func TestAnEvaluationEndsWhenTheHeapHasGrown(t *testing.T) {
	runtime.GC()
	for name, tt := range map[string]struct {
		bytes int
		ends  bool
	}{"little": {1 << 20, false}, "much": {maxGrowth + 64<<20, true}} {
		m := newMeter()
		taken := make([]byte, tt.bytes)
		for range everySo {
			m.TraceEvent(topdown.Event{})
		}
		runtime.KeepAlive(taken)
		if m.cancel.Cancelled() != tt.ends {
			t.Errorf("%s: ended = %v, want %v", name, m.cancel.Cancelled(), tt.ends)
		}
		taken = nil
		runtime.GC()
	}
}
