package policy_test

import (
	"runtime"
	"slices"
	"testing"

	"zonebox/internal/stopwatch"
	"zonebox/policy"
)

// BenchmarkDecide reports one decision on a join of two datasets, facts to
// Decision, as p50 and p99 beside the mean.
func BenchmarkDecide(b *testing.B) {
	e, in := newEvaluator(b, policy.Config{}), facts(b)
	decides(b, e, in)
}

// decides reports p50 and p99 of one decision that allows: by the wall, and by the
// time its thread ran, which leaves out what others took of a busy machine.
func decides(b *testing.B, e *policy.Evaluator, in policy.Input) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var wall, cpu []int64
	for b.Loop() {
		start, ran := stopwatch.Wall(), stopwatch.Thread()
		d, err := e.Decide(b.Context(), in)
		wall, cpu = append(wall, stopwatch.Wall()-start), append(cpu, stopwatch.Thread()-ran)
		if err != nil || d.Verdict != policy.Allow {
			b.Fatal(err, d.Reasons)
		}
	}
	for unit, took := range map[string][]int64{"µs": wall, "cpu-µs": cpu} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2])/1e3, "p50-"+unit)
		b.ReportMetric(float64(took[len(took)*99/100])/1e3, "p99-"+unit)
	}
}

// BenchmarkNew reports what a new policy version costs.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		newEvaluator(b, policy.Config{})
	}
}
