// Package interleave times several ways of doing one thing in turns, so that
// what else the machine does falls on all of them alike and their ratios hold
// where their times do not. For benchmarks only.
package interleave

import (
	"runtime"
	"slices"
	"testing"

	"zonebox/internal/stopwatch"
)

// Row is one way: Call works on as many values as every other row.
type Row struct {
	Name string
	Call func()
}

// Bench calls the rows in turns until the benchmark has run its time. It reports
// for each row the nanoseconds per value in the fastest tenth of its calls, as
// "<name>-ns", and for all but the first how often that goes into the first
// row's, as "<name>-x". Time is that of the calling thread on the processor,
// where the system tells it: not what others took meanwhile, nor the garbage
// collector. A call should take 20 µs or more.
func Bench(b *testing.B, values int, rows ...Row) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	times := make([][]int64, len(rows))
	for _, r := range rows {
		r.Call()
	}
	for b.Loop() {
		for i, r := range rows {
			start := stopwatch.Thread()
			r.Call()
			times[i] = append(times[i], stopwatch.Thread()-start)
		}
	}
	var first float64
	for i, r := range rows {
		slices.Sort(times[i])
		ns := float64(times[i][len(times[i])/10]) / float64(values)
		b.ReportMetric(ns, r.Name+"-ns")
		if i == 0 {
			first = ns
			b.ReportMetric(0, "ns/op") // of all rows together: says nothing
			continue
		}
		b.ReportMetric(first/ns, r.Name+"-x")
	}
}
