package disclosure_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"zonebox/internal/stopwatch"
	"zonebox/release/disclosure"
)

// BenchmarkJudge takes 1,000 cells over rows of a tenth as many entities, beside adding up the
// same values by cell; cpu-ms/op is what the process ran, whoever else used the machine. Flat values are decided by bounds; skewed ones have a row
// of a third of the total in each cell, so that all are added up by entity.
func BenchmarkJudge(b *testing.B) {
	measure := func(name string, n int, f func()) {
		b.Run(fmt.Sprintf("%s/%dM", name, n/1_000_000), func(b *testing.B) {
			begin := stopwatch.Process()
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(stopwatch.Process()-begin)/1e6/float64(b.N), "cpu-ms/op")
		})
	}
	for _, n := range []int{1_000_000, 10_000_000} {
		r := rand.New(rand.NewPCG(1, 2))
		entity, flat, skewed := make([]uint32, n), make([]int64, n), make([]int64, n)
		cells := make([][]uint32, 1000)
		for row := range n {
			entity[row] = uint32(r.IntN(n / 10))
			flat[row] = 1 + int64(r.IntN(1000))
			skewed[row] = flat[row]
			if row%1000 == 0 {
				skewed[row] = int64(n) / 5
			}
			cell := r.IntN(len(cells))
			cells[cell] = append(cells[cell], uint32(row))
		}
		table := disclosure.NewTable(entity)
		figures := disclosure.Figures{K: 10, Dominance: []disclosure.Dominance{{N: 2, Percent: 90}}, Percent: 10}
		judge := func(c *disclosure.Column) func() {
			return func() {
				if _, err := table.Judge(figures, c, cells); err != nil {
					b.Fatal(err)
				}
			}
		}
		measure("table", n, func() { disclosure.NewTable(entity) })
		measure("summing", n, func() {
			for _, cell := range cells {
				sum := int64(0)
				for _, row := range cell {
					sum += flat[row]
				}
				sink += sum
			}
		})
		measure("count", n, judge(nil))
		measure("flat", n, judge(&disclosure.Column{Whole: flat}))
		measure("skewed", n, judge(&disclosure.Column{Whole: skewed}))
	}
}

var sink int64
