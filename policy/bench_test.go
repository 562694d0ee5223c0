package policy_test

import (
	"slices"
	"testing"
	"time"

	"zonebox/policy"
)

// BenchmarkDecide reports one decision on a join of two datasets, facts to
// Decision, as p50 and p99 beside the mean.
func BenchmarkDecide(b *testing.B) {
	e, in := newEvaluator(b, policy.Config{}), facts(b)
	decides(b, e, in)
}

// decides reports p50 and p99 of one decision that allows.
func decides(b *testing.B, e *policy.Evaluator, in policy.Input) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		d, err := e.Decide(b.Context(), in)
		took = append(took, time.Since(start))
		if err != nil || d.Verdict != policy.Allow {
			b.Fatal(err, d.Reasons)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkNew reports what a new policy version costs.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		newEvaluator(b, policy.Config{})
	}
}
