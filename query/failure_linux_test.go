package query_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zonebox/query/querytest"
)

// worker is a worker process of the gates in this test process.
type process struct {
	pid      int
	resident int64 // bytes
	cpu      int64 // clock ticks
}

// workers returns the worker processes that this process started.
func workers(t *testing.T) []process {
	t.Helper()
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var out []process
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + d.Name() + "/stat")
		if err != nil {
			continue // it ended
		}
		at := strings.LastIndexByte(string(stat), ')')
		fields := strings.Fields(string(stat[at+1:])) // from the third on
		if parent, _ := strconv.Atoi(fields[1]); parent != os.Getpid() {
			continue
		}
		user, _ := strconv.ParseInt(fields[11], 10, 64)
		pages, _ := strconv.ParseInt(fields[21], 10, 64)
		out = append(out, process{pid, pages * int64(os.Getpagesize()), user})
	}
	return out
}

// large is a statement over protected rows that computes long and holds much.
const large = "SELECT a.id_number AS i, b.id_number AS j, c.id_number AS k, count(*) AS n FROM visits a JOIN visits b ON a.district = b.district " +
	"JOIN visits c ON a.district = c.district JOIN visits d ON a.district = d.district GROUP BY a.id_number, b.id_number, c.id_number"

// A statement over protected rows that runs out of time, out of memory, or
// whose worker is killed, gives the operator the same bytes; it counts as a
// question of the day, and its cause is in the log.
func TestWhatEndedAProtectedStatementDoesNotShow(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1, Wall: time.Minute})
	told := map[string]string{}
	asked := func() int64 {
		t.Helper()
		n, err := d.Engine.Asked(t.Context(), "li.op")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	fails := func(cause string) {
		t.Helper()
		before := asked()
		q := askBeside(t, d, "li.op", large)
		defer q.stop()
		if cause == "KILLED" {
			q.runs(t, d)
			time.Sleep(300 * time.Millisecond)
			busy := slices.MaxFunc(workers(t), func(a, b process) int { return int(a.cpu - b.cpu) })
			if err := syscall.Kill(busy.pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		err := q.ends(t)
		run := querytest.RunOf(t, err)
		if n := asked(); n != before+1 {
			t.Errorf("a statement that failed by %s counts as %d questions, want one", cause, n-before)
		}
		told[cause] = strings.ReplaceAll(querytest.Text(err), run, "RUN")
		if e := lastOf(t, d, "feng.audit", run); e.Kind != "query.failed" || e.Fields["cause"] != cause {
			t.Errorf("the entry is %s %v, want %s", e.Kind, e.Fields, cause)
		}
		own := lastOf(t, d, "li.op", run).Fields
		if len(own) != 1 || own["reasons"] != "STATEMENT_FAILED" {
			t.Errorf("the operator sees %v of it", own)
		}
	}
	fails("KILLED")
	d.Config.Wall = 2 * time.Second
	d.Reopen()
	fails("TIME")
	d.Config.Wall, d.Config.Memory = time.Minute, 200<<20
	d.Reopen()
	fails("MEMORY")
	for cause, text := range told {
		if text != told["TIME"] || !strings.Contains(text, "STATEMENT_FAILED") {
			t.Errorf("%s tells\n%s\nTIME tells\n%s", cause, text, told["TIME"])
		}
	}
}
