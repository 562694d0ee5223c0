package quality

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestScoresGradesAndGatesAreExact works the formula out in fractions beside the
// report: a score that is 80 by the formula is A's neighbor B, and meets a gate of
// 80, whatever doubles make of tenths and thirds.
func TestScoresGradesAndGatesAreExact(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	rat := func(n int64) *big.Rat { return new(big.Rat).SetInt64(n) }
	severities := map[Severity]int64{Error: 3, Warning: 2, Info: 1}
	met := 0
	for range 20000 {
		report := &Report{}
		sums, weights := map[Dimension]*big.Rat{}, map[Dimension]int64{}
		failing := false
		for range 1 + r.IntN(5) {
			base := []int64{1, 3, 7, 10, 50, 100, 1000}[r.IntN(7)]
			hits := r.Int64N(base + 1)
			rule := Rule{Metric: InvalidValues, Dimension: Dimensions[r.IntN(6)], Severity: []Severity{Error, Warning, Info}[r.IntN(3)],
				Test: Test{Operator: LessOrEqual, A: float64(r.Int64N(base + 1))}}
			report.add(rule, &count{n: hits}, base)
			if float64(hits) > rule.Test.A && rule.Severity == Error {
				failing = true
			}
			w := severities[rule.Severity]
			if sums[rule.Dimension] == nil {
				sums[rule.Dimension] = rat(0)
			}
			sums[rule.Dimension].Add(sums[rule.Dimension], new(big.Rat).Mul(rat(w), big.NewRat(100*(base-hits), base)))
			weights[rule.Dimension] += w
		}
		exact := rat(0)
		for d, sum := range sums {
			exact.Add(exact, new(big.Rat).Quo(sum, rat(weights[d])))
		}
		exact.Quo(exact, rat(int64(len(sums))))
		minimum := int64(r.IntN(101))
		if exact.IsInt() {
			minimum = exact.Num().Int64()
			met++
		}
		report.score(Gate{Minimum: float64(minimum)})
		if want, _ := exact.Float64(); math.Abs(report.Score-want) > 1e-6 {
			t.Fatalf("score %v, want %v: %+v", report.Score, want, report.Rules)
		}
		want := "E"
		for _, g := range []struct {
			from int64
			name string
		}{{60, "D"}, {70, "C"}, {80, "B"}, {90, "A"}} {
			if exact.Cmp(rat(g.from)) >= 0 && !(failing && g.from > 70) {
				want = g.name
			}
		}
		if report.Grade != want {
			t.Fatalf("%s is graded %s, want %s (failing %v): %+v", exact.FloatString(12), report.Grade, want, failing, report.Rules)
		}
		if passes := exact.Cmp(rat(minimum)) >= 0; report.Gate.Passed != passes {
			t.Fatalf("%s passes a gate of %d: %v: %+v", exact.FloatString(12), minimum, report.Gate.Passed, report.Rules)
		}
	}
	if met < 1000 {
		t.Errorf("control: %d gates were met exactly", met)
	}
}
