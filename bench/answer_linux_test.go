package bench_test

import (
	"fmt"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"zonebox/query/querytest"
)

func TestMain(m *testing.M) { querytest.Main(m) }

// questions are asked in turn of a city so small that the engine's work is next
// to nothing: what is left is parsing, analysis, policy, two workers, masking,
// hold, seal and three durable audit entries. Half are the same each time, half
// never were asked before; half have a protected reference.
var questions = []struct{ name, sql string }{
	{"protected, the same", "SELECT district, count(*) AS n FROM visits GROUP BY district"},
	{"plain, the same", "SELECT district, sum(beds) AS n FROM beds GROUP BY district"},
	{"protected, new", "SELECT district, count(*) AS n FROM visits WHERE district <> '%d' GROUP BY district"},
	{"plain, new", "SELECT district, sum(beds) AS n FROM beds WHERE beds > -%d GROUP BY district"},
}

// overhead is a served question without the engine's execution of it.
func (t took) overhead() time.Duration { return t.Elapsed - t.Execute }

// BenchmarkAnswer times what an answer costs beyond the execution of its
// statement: Engine.Answer's own time less the time from sending the statement
// to its worker until the last row has come. ZONEBOX_BENCH_SAMPLES sets how many
// answers a percentile is of (200 unless set).
//
// idle: one client, which waits until the pool is full again. busy: the same
// beside as many processes that never rest as there are processors. sustained: one
// client, the next question at once.
func BenchmarkAnswer(b *testing.B) {
	samples := int(setting(b, "ZONEBOX_BENCH_SAMPLES", 200))
	const idle = 4
	d := querytest.City(b, querytest.Options{Idle: idle, Timed: true})
	g := &governed{d: d, user: "li.op", scenario: querytest.Scenario, purpose: querytest.Purpose, idle: idle}
	asked := 0
	next := func(b *testing.B) (kind int, t took) {
		kind = asked % len(questions)
		sql := questions[kind].sql
		if kind >= 2 {
			sql = fmt.Sprintf(sql, asked)
		}
		asked++
		return kind, g.time(b, sql)
	}
	spaced := func(b *testing.B) {
		var all []time.Duration
		parts := make([][]took, len(questions))
		for range samples {
			g.settle(b)
			kind, t := next(b)
			all = append(all, t.overhead())
			parts[kind] = append(parts[kind], t)
		}
		for kind, of := range parts {
			fmt.Printf("%-20s %s\n", questions[kind].name, partsOf(of))
		}
		b.ReportMetric(0, "ns/op") // one iteration is all samples
		b.ReportMetric(at(all, 50), "p50-ms")
		b.ReportMetric(at(all, 99), "p99-ms")
	}
	for range questions {
		next(b) // what is made once is made now
	}
	b.Run("idle", spaced)
	b.Run("busy", func(b *testing.B) {
		for range runtime.NumCPU() {
			c := exec.Command("sh", "-c", "while :; do :; done")
			if err := c.Start(); err != nil {
				b.Fatal(err)
			}
			g.others = append(g.others, c.Process.Pid)
			defer func() {
				_ = c.Process.Kill()
				_ = c.Wait() // it was killed
			}()
		}
		spaced(b)
		g.others = nil
	})
	b.Run("sustained", func(b *testing.B) {
		g.settle(b)
		var all []time.Duration
		began := time.Now()
		for time.Since(began) < 10*time.Second {
			_, t := next(b)
			all = append(all, t.overhead())
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(len(all))/time.Since(began).Seconds(), "questions/s")
		b.ReportMetric(at(all, 50), "p50-ms")
		b.ReportMetric(at(all, 99), "p99-ms")
	})
}

// partsOf returns the medians of the parts of answers.
func partsOf(all []took) string {
	if len(all) == 0 {
		return ""
	}
	median := func(part func(took) time.Duration) float64 {
		var times []time.Duration
		for _, t := range all {
			times = append(times, part(t))
		}
		return at(times, 50)
	}
	return fmt.Sprintf("p50 ms: decide %.1f, attach %.1f, execute %.1f, check %.1f, release %.1f; all %.1f",
		median(func(t took) time.Duration { return t.Decide }), median(func(t took) time.Duration { return t.Attach }),
		median(func(t took) time.Duration { return t.Execute }), median(func(t took) time.Duration { return t.Check }),
		median(func(t took) time.Duration { return t.Release }), median(func(t took) time.Duration { return t.Elapsed }))
}
