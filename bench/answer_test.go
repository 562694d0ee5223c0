package bench_test

import (
	"slices"
	"testing"
	"time"

	"zonebox/query/querytest"
)

func TestMain(m *testing.M) { querytest.Main(m) }

// BenchmarkAnswer times whole answers over a city so small that the engine's
// work is next to nothing: what is left is parsing, analysis, policy, two
// workers, masking, hold, seal and three durable audit entries. A protected
// and an unprotected question take turns.
func BenchmarkAnswer(b *testing.B) {
	d := querytest.City(b, querytest.Options{Idle: 4})
	questions := []struct{ name, sql string }{
		{"protected", "SELECT district, count(*) AS n FROM visits GROUP BY district"},
		{"plain", "SELECT district, sum(beds) AS n FROM beds GROUP BY district"},
	}
	times := make([][]time.Duration, len(questions))
	for b.Loop() {
		for i, q := range questions {
			began := time.Now()
			if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, q.sql); err != nil {
				b.Fatal(err)
			}
			times[i] = append(times[i], time.Since(began))
		}
	}
	b.ReportMetric(0, "ns/op") // one iteration is two questions: the percentiles say more
	for i, q := range questions {
		slices.Sort(times[i])
		at := func(p int) float64 { return float64(times[i][(len(times[i])-1)*p/100].Microseconds()) / 1000 }
		b.ReportMetric(at(50), q.name+"-p50-ms")
		b.ReportMetric(at(99), q.name+"-p99-ms")
	}
}
