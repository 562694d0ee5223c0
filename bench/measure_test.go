package bench_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"zonebox/bench"
)

// paired measures two sides of one comparison in turns, the one that goes first
// changing from round to round, so that what else the machine does meets both.
func paired(rounds int, one, other func() time.Duration) (ones, others []time.Duration) {
	for round := range rounds {
		if round%2 == 0 {
			ones = append(ones, one())
			others = append(others, other())
		} else {
			others = append(others, other())
			ones = append(ones, one())
		}
	}
	return ones, others
}

// ratio returns the median over rounds of others to ones: a round is as slow as
// the machine was just then, on both sides.
func ratio(ones, others []time.Duration) float64 {
	ratios := make([]float64, len(ones))
	for i := range ones {
		ratios[i] = float64(others[i]) / float64(ones[i])
	}
	slices.Sort(ratios)
	return (ratios[(len(ratios)-1)/2] + ratios[len(ratios)/2]) / 2
}

// at returns the p-th percentile of times in milliseconds, by the nearest rank.
func at(times []time.Duration, p float64) float64 {
	sorted := slices.Sorted(slices.Values(times))
	rank := max(int(math.Ceil(p/100*float64(len(sorted)))), 1)
	return float64(sorted[rank-1].Nanoseconds()) / 1e6
}

func geometricMean(ratios []float64) float64 {
	sum := 0.0
	for _, r := range ratios {
		sum += math.Log(r)
	}
	return math.Exp(sum / float64(len(ratios)))
}

func TestRatioIsTheMedianOfRounds(t *testing.T) {
	ms := func(n ...int) (out []time.Duration) {
		for _, v := range n {
			out = append(out, time.Duration(v)*time.Millisecond)
		}
		return out
	}
	if got := ratio(ms(10, 100, 10), ms(20, 200, 90)); got != 2 {
		t.Errorf("ratio = %v, want 2", got)
	}
	if got := geometricMean([]float64{0.5, 2, 8}); math.Abs(got-2) > 1e-12 {
		t.Errorf("geometricMean = %v, want 2", got)
	}
	if p50, p99 := at(ms(1, 2, 3, 4), 50), at(ms(1, 2, 3, 4), 99); p50 != 2 || p99 != 4 {
		t.Errorf("p50, p99 = %v, %v, want 2, 4", p50, p99)
	}
}

// The harness must find equal what is equal and slow what is slow, or its
// figures say nothing. Other work may share the machine: the bounds are wide, and
// one measurement of three within them is enough.
func TestHarnessTellsEqualFromSlow(t *testing.T) {
	n := startNative(t, 1_000_000)
	for _, q := range bench.Queries() {
		if q.Name != "group-many" {
			continue
		}
		bare := func() time.Duration { return n.time(q.SQL) }
		bare()
		within := func(low, high float64, other func() time.Duration) (got float64, ok bool) {
			for try := 0; try < 3 && !ok; try++ {
				got = ratio(paired(11, bare, other))
				ok = got >= low && got <= high
			}
			return got, ok
		}
		if got, ok := within(0.7, 1.4, bare); !ok {
			t.Errorf("the engine against itself = %.2f, want about 1", got)
		}
		if got, ok := within(2, 4.5, func() time.Duration { return bare() + bare() + bare() }); !ok {
			t.Errorf("three runs against one = %.2f, want about 3", got)
		}
		return
	}
	t.Fatal("no statement group-many")
}
