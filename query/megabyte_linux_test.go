package query_test

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"zonebox/query/ast"
	"zonebox/sandbox"
)

// A megabyte is a statement of up to one, and whether it has an answer.
type megabyte struct {
	name, sql string
	answer    bool
}

var megabytes = []megabyte{
	{"100,000 parentheses", "SELECT " + repeat("(", 100_000) + "1" + repeat(")", 100_000), false},
	{"100,000 brackets", "SELECT " + repeat("[", 100_000) + "1" + repeat("]", 100_000), false},
	{"100,000 calls", "SELECT " + repeat("f(", 100_000) + "1" + repeat(")", 100_000), false},
	{"100,000 subqueries", "SELECT " + repeat("(SELECT ", 100_000) + "1" + repeat(")", 100_000), false},
	{"60,000 derived tables", repeat("SELECT * FROM (", 60_000) + "SELECT 1" + repeat(")", 60_000), false},
	{"500,000 signs", "SELECT " + repeat("- ", 500_000) + "a FROM t", false},
	{"500,000 terms", "SELECT " + repeat("1+", 500_000) + "1", false},
	{"150,000 conditions", "SELECT a FROM t WHERE a" + repeat(" AND a", 150_000), false},
	{"500,000 values in a list", "SELECT a IN (1" + repeat(",1", 500_000) + ") FROM t", false},
	{"500,000 columns", "SELECT a" + repeat(",a", 500_000) + " FROM t", false},
	{"99,000 columns", "SELECT a" + repeat(",a", 99_000) + " FROM t", true},
	{"5,000 columns", "SELECT " + numbered(5000) + " FROM t", true},
	{"5,000 windows", "SELECT " + strings.ReplaceAll(numbered(5000), "c", "sum(DISTINCT x) FILTER (WHERE y) OVER (PARTITION BY z) AS c") + " FROM t", true},
	{"5,000 unions", "SELECT 1" + repeat(" UNION ALL SELECT 1", 5_000), true},
	{"50,000 unions", "SELECT 1" + repeat(" UNION ALL SELECT 1", 50_000), false},
	{"60,000 set operations", "SELECT 1" + repeat(" EXCEPT SELECT 1", 60_000), false},
	{"300,000 tables", "SELECT * FROM t" + repeat(",t", 300_000), false},
	{"900 tables", "SELECT * FROM t" + repeat(",t", 900), true},
	{"a megabyte of text", "SELECT '" + repeat("x", 1<<20-100) + "'", true},
	{"a megabyte of control characters", "SELECT '" + repeat("\x01", 1<<20-100) + "'", true},
	{"a megabyte of name", "SELECT " + repeat("x", 1<<20-100), true},
	{"a name of 200,000 parts", "SELECT a" + repeat(".a", 200_000), true},
	{"200,000 fields", "SELECT (a)" + repeat(".a", 200_000), false},
	{"200,000 casts", "SELECT a" + repeat("::int", 200_000), false},
	{"50,000 nested types", "SELECT CAST(a AS " + repeat("struct(a ", 50_000) + "int" + repeat(")", 50_000) + ")", false},
	{"60,000 branches of a long CASE", "SELECT CASE " + repeat("x", 1000) + repeat(" WHEN 1 THEN 2", 60_000) + " END", false},
	{"30,000 uses of a long window", "SELECT 1" + repeat(",sum(a) OVER w", 30_000) + " FROM t WINDOW w AS (PARTITION BY " + repeat("a,", 200_000) + "a)", false},
	{"CUBE of 15", "SELECT 1 FROM t GROUP BY CUBE (" + numbered(15) + ")", false},
	{"CUBE of 12 long names", "SELECT 1 FROM t GROUP BY CUBE (" + strings.ReplaceAll(numbered(12), "c", repeat("y", 50_000)) + ")", false},
	{"CUBE of 10", "SELECT 1 FROM t GROUP BY CUBE (" + numbered(10) + ")", true},
	{"ROLLUP of 5,000", "SELECT 1 FROM t GROUP BY ROLLUP (" + numbered(5000) + ")", false},
	{"100,000 parameters", "SELECT ?" + repeat(",?", 100_000), false},
}

func repeat(s string, n int) string { return strings.Repeat(s, n) }

func numbered(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("c%d", i)
	}
	return strings.Join(names, ",")
}

// Whatever a megabyte of SQL holds, it is read into a typed tree and printed, or
// refused by a code, within a second and 200 MB of the gate's memory; the
// worker's are bounded by Session.Parse. The second is of a processor, for there
// is other work on the machine; run with -v to see it by the clock.
func TestLargeStatementsAreReadOrRefusedSoon(t *testing.T) {
	p := livePool(t, 2)
	for _, c := range megabytes {
		if len(c.sql) > 1<<20 {
			t.Fatalf("%s: %d bytes, more than a statement may have", c.name, len(c.sql))
		}
		used, memory, err := read(t, p, c)
		if (err == nil) != c.answer {
			t.Errorf("%s: %v, want an answer: %v", c.name, err, c.answer)
		}
		if used > time.Second || memory > 200<<20 {
			t.Errorf("%s: %v and %d MB, want at most 1s and 200 MB", c.name, used, memory>>20)
		}
	}
}

// read parses, decodes and prints a statement, and returns the processor time
// that took, in gate and worker, and how much memory the gate allocated. Any
// error but a clean refusal ends the test.
func read(t *testing.T, p *sandbox.Pool, c megabyte) (time.Duration, uint64, error) {
	t.Helper()
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // so that what is allocated is what is in use
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, used, ended := time.Now(), processorTime(t, unix.RUSAGE_SELF), processorTime(t, unix.RUSAGE_CHILDREN)
	raw, err := s.Parse(t.Context(), c.sql)
	if err == nil {
		var q ast.Query
		if q, err = ast.Decode(raw); err == nil {
			_ = ast.Print(q)
		}
	}
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	used = processorTime(t, unix.RUSAGE_SELF) - used
	_ = s.Close()
	for processorTime(t, unix.RUSAGE_CHILDREN) == ended { // until the worker is gone; its start counts as well
		time.Sleep(time.Millisecond)
	}
	used += processorTime(t, unix.RUSAGE_CHILDREN) - ended
	memory := after.TotalAlloc - before.TotalAlloc
	t.Logf("%-31s %6v, of a processor %6v, %3d MB: %v", c.name, took.Round(time.Millisecond), used.Round(time.Millisecond), memory>>20, err)
	_, statement := errors.AsType[*sandbox.StatementError](err)
	if err != nil && !statement && !errors.Is(err, sandbox.ErrTime) && !errors.Is(err, sandbox.ErrMemory) && !errors.Is(err, sandbox.ErrKilled) && !errors.Is(err, ast.ErrLimit) {
		t.Fatalf("%v is no clean refusal", err)
	}
	return used, memory, err
}

// processorTime returns the processor time of this process or of the workers that
// have ended.
func processorTime(t *testing.T, who int) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
