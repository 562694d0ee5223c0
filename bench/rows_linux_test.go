package bench_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zonebox/bench"
	"zonebox/query/querytest"
)

// setting returns a figure from the environment.
func setting(tb testing.TB, name string, standard int64) int64 {
	tb.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		tb.Fatalf("%s = %q is not a number of at least 1", name, text)
	}
	return n
}

// turn takes the lock of the machine, if there is one, and returns what gives it
// back.
func turn(tb testing.TB) func() {
	tb.Helper()
	path := os.Getenv("ZONEBOX_BENCH_LOCK")
	if path == "" {
		return func() {}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		tb.Fatalf("take turn: %v", err)
	}
	return func() { _ = f.Close() } // which unlocks
}

// compared is one statement of the list, measured.
type compared struct {
	bench.Query
	rows                            int64
	bare, attach, execute, governed []time.Duration // governed is attach and execute
	answer                          []time.Duration
	ratio, best                     float64 // of the median round, of the fastest of each side
}

// BenchmarkRows compares governed statements without a protected reference with
// the engine alone on tables of its own, over the list of queries.sql.
//
// Bare is the engine's own execution and the reading of every row into Arrow
// memory. Governed is attaching the granted columns, from a cache that is warm, to
// a worker that waited in the pool, executing there, and reading every row into
// the gate. Answer is the whole of Engine.Answer. Both engines have as many
// threads as there are processors, and take turns.
//
// ZONEBOX_BENCH_ROWS sets the rows of the two big registers (1,000,000 unless
// set; the target holds for 10,000,000), ZONEBOX_BENCH_ROUNDS the rounds (10),
// ZONEBOX_BENCH_ONLY the names of the statements (all). ZONEBOX_BENCH_LOCK names a
// file that is locked while a statement is measured, for those who share a
// machine.
func BenchmarkRows(b *testing.B) {
	rows, rounds := setting(b, "ZONEBOX_BENCH_ROWS", 1_000_000), int(setting(b, "ZONEBOX_BENCH_ROUNDS", 10))
	n := startNative(b, rows)
	began := time.Now()
	d := streets(b, querytest.Options{Idle: 2, Memory: 4 << 30, Timed: true}, rows)
	fmt.Printf("%d rows, %d rounds; registers loaded in %.0f s\n", rows, rounds, time.Since(began).Seconds())
	g := &governed{d: d, user: operator, scenario: scenario, purpose: purpose, idle: 2, others: []int{n.pid}}
	self, again := paired(rounds, func() time.Duration { return n.time(bench.Queries()[0].SQL) }, func() time.Duration { return n.time(bench.Queries()[0].SQL) })
	fmt.Printf("the engine against itself: %.2f\n", ratio(self, again))

	fmt.Printf("%20s %9s %9s %9s %12s %9s %7s %11s %10s\n", "statement", "class", "rows out", "bare ms", "governed ms", "attach", "ratio", "of fastest", "answer ms")
	only := os.Getenv("ZONEBOX_BENCH_ONLY")
	var all []*compared
	for _, q := range bench.Queries() {
		if only == "" || slices.Contains(strings.Split(only, ","), q.Name) {
			c := g.compare(b, n, q, rounds)
			fmt.Printf("%20s %9s %9d %9.1f %12.1f %9.1f %7.2f %11.2f %10.1f\n", c.Name, c.Class, c.rows,
				at(c.bare, 50), at(c.governed, 50), at(c.attach, 50), c.ratio, c.best, at(c.answer, 50))
			all = append(all, c)
		}
	}
	report(b, all)
}

// compare holds the two answers against each other, which warms both sides, and
// then measures.
func (g *governed) compare(b *testing.B, n *native, q bench.Query, rounds int) *compared {
	b.Helper()
	want, got := n.rows(q.SQL), g.answer(b, q.SQL)
	if err := sameRows(want.Types, want.Cells, g.d.Open(operator, got).Rows, q.Ordered); err != nil {
		b.Fatalf("%s: answers differ: %v", q.Name, err)
	}
	defer turn(b)()
	c := &compared{Query: q, rows: want.Rows}
	c.bare, c.governed = paired(rounds,
		func() time.Duration {
			g.settle(b)
			return n.time(q.SQL)
		},
		func() time.Duration {
			g.settle(b)
			took := g.time(b, q.SQL)
			c.attach, c.execute, c.answer = append(c.attach, took.Attach), append(c.execute, took.Execute), append(c.answer, took.Elapsed)
			return took.Attach + took.Execute
		})
	c.ratio, c.best = ratio(c.bare, c.governed), at(c.governed, 0)/at(c.bare, 0)
	return c
}

// report prints what the targets speak of.
func report(b *testing.B, all []*compared) {
	var full, fastest, every []float64
	worst := &compared{}
	slowest := 0.0
	for _, c := range all {
		every = append(every, c.ratio)
		if c.Class == "full" {
			full, fastest = append(full, c.ratio), append(fastest, c.best)
			if c.ratio > worst.ratio {
				worst = c
			}
		} else {
			slowest = max(slowest, at(c.governed, 50))
		}
	}
	fmt.Println("answers equal on both sides: all")
	b.ReportMetric(0, "ns/op") // one iteration is the whole list
	if len(full) > 0 {
		fmt.Printf("full: geometric mean %.2f, worst %.2f (%s); of the fastest rounds %.2f\n", geometricMean(full), worst.ratio, worst.Name, geometricMean(fastest))
		b.ReportMetric(geometricMean(full), "full-mean-ratio")
		b.ReportMetric(worst.ratio, "full-worst-ratio")
	}
	fmt.Printf("selective and topn: slowest %.1f ms; all statements: geometric mean %.2f\n", slowest, geometricMean(every))
	b.ReportMetric(slowest, "selective-topn-worst-ms")
	b.ReportMetric(geometricMean(every), "all-mean-ratio")
}
