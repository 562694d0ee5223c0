package bench_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"zonebox/query/querytest"
)

// released are statements over all visits, of 1,000 cells at most, in the order in
// which they are asked: each is held against the history of those before it.
var released = []struct{ name, sql string }{
	{"total", "SELECT count(*) AS n, avg(cost) AS a FROM visits"},
	{"district", "SELECT district, count(*) AS n, avg(cost) AS a FROM visits GROUP BY district"},
	{"department", "SELECT department, count(*) AS n, avg(cost) AS a FROM visits GROUP BY department"},
	{"diagnosis", "SELECT diagnosis, count(*) AS n, sum(cost) AS a FROM visits GROUP BY diagnosis"},
	{"district-department", "SELECT district, department, count(*) AS n, avg(cost) AS a FROM visits GROUP BY district, department"},
	{"department-diagnosis", "SELECT department, diagnosis, count(*) AS n, avg(cost) AS a FROM visits GROUP BY department, diagnosis"},
	{"district-diagnosis", "SELECT district, diagnosis, count(*) AS n FROM visits GROUP BY district, diagnosis"},
}

// visitsOf returns rows of visits, three to a person, by 23 districts, 20 departments and
// 20 diagnoses.
func visitsOf(rows int64) querytest.Table {
	r := rand.New(rand.NewPCG(5, 6))
	codes := strings.Fields("A15 B18 C18 C34 C50 E04 E11 F32 F41 G40 H52 I10 I25 I63 J06 J18 K29 K80 M51 N18")
	t := querytest.Table{Columns: []string{"visit_id", "id_number", "visit_date", "district", "department", "diagnosis", "cost"}}
	for i := range rows {
		person := r.Int64N(max(rows/3, 1))
		t.Rows = append(t.Rows, []string{
			fmt.Sprintf("MZ%08d", i), fmt.Sprintf("3201%02d%04d0101%04d", person/10_000%100, 1930+person/1_000_000, person%10_000),
			fmt.Sprintf("2026-%02d-%02d", 1+r.IntN(9), 1+r.IntN(28)), fmt.Sprintf("3201%02d", 1+r.IntN(23)),
			fmt.Sprintf("科室%d", r.IntN(20)), codes[r.IntN(len(codes))], fmt.Sprintf("%d.25", 20+r.IntN(2_000)),
		})
	}
	return t
}

// BenchmarkRelease compares statements over protected rows, with the rules on totals and
// the history of releases, with the engine alone on a table of its own.
//
// Bare is the engine's own execution and the reading of every row. Governed is from
// sending the statement to its worker until its output has passed: execution with
// minimum groups and evidence, the rules, the ledgers, every check of its rows. Each
// statement is asked once of a gate, between two runs of the bare one, and every round
// has a new gate, since the same question twice is answered from what was released.
// Gate is the processor time of the gate in the whole answer.
//
// ZONEBOX_BENCH_ROWS sets the visits (1,000,000 unless set; the target holds for
// 10,000,000: at most 3), ZONEBOX_BENCH_ROUNDS the rounds (1).
func BenchmarkRelease(b *testing.B) {
	rows, rounds := setting(b, "ZONEBOX_BENCH_ROWS", 1_000_000), int(setting(b, "ZONEBOX_BENCH_ROUNDS", 1))
	data := querytest.Registers()
	data.Visits = visitsOf(rows)
	path := filepath.Join(b.TempDir(), "visits.csv")
	if err := os.WriteFile(path, data.Visits.CSV(), 0o600); err != nil {
		b.Fatal(err)
	}
	n := startNative(b, 1000)
	n.rows("CREATE TABLE visits AS SELECT * FROM read_csv('" + path + "', types = {'district': 'VARCHAR', 'cost': 'DOUBLE'})")
	bare, passed := make([][]time.Duration, len(released)), make([][]time.Duration, len(released))
	parts, gate := make([][]took, len(released)), make([][]time.Duration, len(released))
	for range rounds {
		const idle = 2
		d := querytest.CityOf(b, querytest.Options{Idle: idle, Memory: 4 << 30, Timed: true, Ledger: true}, data)
		g := &governed{d: d, user: "li.op", scenario: querytest.Scenario, purpose: querytest.Purpose, idle: idle, others: []int{n.pid}}
		g.time(b, "SELECT district, sum(beds) AS n FROM beds GROUP BY district") // what is made once is made now
		for i, q := range released {
			g.settle(b)
			before := n.time(q.sql)
			from := gateTime(b)
			t := g.time(b, q.sql)
			gate[i] = append(gate[i], gateTime(b)-from)
			bare[i] = append(bare[i], (before+n.time(q.sql))/2)
			passed[i] = append(passed[i], t.Execute+t.Check)
			parts[i] = append(parts[i], t)
		}
	}
	var ratios []float64
	worst := 0.0
	fmt.Printf("%22s %9s %12s %7s %9s\n", "statement", "bare ms", "governed ms", "ratio", "gate ms")
	for i, q := range released {
		r := ratio(bare[i], passed[i])
		ratios, worst = append(ratios, r), max(worst, r)
		fmt.Printf("%22s %9.1f %12.1f %7.2f %9.1f  %s\n", q.name, at(bare[i], 50), at(passed[i], 50), r, at(gate[i], 50), partsOf(parts[i]))
	}
	b.ReportMetric(0, "ns/op") // one iteration is the whole list
	b.ReportMetric(geometricMean(ratios), "mean-ratio")
	b.ReportMetric(worst, "worst-ratio")
}

// gateTime is the processor time that this process has used.
func gateTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
