package bench_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// governed asks the whole product.
type governed struct {
	d                       *querytest.Domain
	user, scenario, purpose string

	idle   int   // workers of the pool when nothing is asked
	others []int // children of this process that are no workers
	read   int   // of the log
}

// took is what the log's line of an answer says of time.
type took struct {
	Msg                                              string
	QueryID                                          string `json:"query_id"`
	Elapsed, Decide, Attach, Execute, Check, Release time.Duration
}

func (g *governed) answer(tb testing.TB, sql string) *query.Answer {
	tb.Helper()
	a, err := g.d.In(tb).Ask(g.user, g.scenario, g.purpose, sql)
	if err != nil {
		tb.Fatalf("%s\n%s", querytest.Text(err), g.d.Log.String()[g.read:])
	}
	return a
}

// time asks a question and returns how long its parts took.
func (g *governed) time(tb testing.TB, sql string) took {
	tb.Helper()
	a := g.answer(tb, sql)
	log := g.d.Log.String()
	for line := range strings.Lines(log[g.read:]) {
		var t took
		if err := json.Unmarshal([]byte(line), &t); err == nil && t.Msg == "answered" && t.QueryID == a.Run {
			g.read = len(log)
			return t
		}
	}
	tb.Fatalf("no line in the log for run %s", a.Run)
	return took{}
}

// settle waits until the pool is full and its workers have used no processor
// time for a moment: a worker that is still starting would slow whichever side is
// measured next.
func (g *governed) settle(tb testing.TB) {
	tb.Helper()
	quiet, last := 0, ""
	for began := time.Now(); quiet < 3; {
		if time.Since(began) > 20*time.Second {
			tb.Fatalf("the pool is not full and quiet after twenty seconds: %s", last)
		}
		time.Sleep(10 * time.Millisecond)
		now, workers := processorTime(tb, g.others)
		if now == last && workers == g.idle {
			quiet++
		} else {
			quiet = 0
		}
		last = now
	}
}

// processorTime describes the children of this process but others, and what each
// has used (proc_pid_stat(5), fields 14 and 15).
func processorTime(tb testing.TB, others []int) (used string, children int) {
	tb.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		tb.Fatal(err)
	}
	var b strings.Builder
	for _, task := range tasks {
		list, err := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		if err != nil {
			continue // the thread is gone
		}
		for _, pid := range strings.Fields(string(list)) {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			if n, _ := strconv.Atoi(pid); err != nil || slices.Contains(others, n) {
				continue
			}
			fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
			if len(fields) > 12 && fields[0] != "Z" {
				children++
				fmt.Fprintf(&b, "%s:%s:%s ", pid, fields[11], fields[12])
			}
		}
	}
	return b.String() + strconv.Itoa(children), children
}
