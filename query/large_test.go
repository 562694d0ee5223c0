package query_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// However large a statement is, its explanation takes about as long as judging it.
func TestALargeStatementIsExplainedInTime(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2})
	many := func(n int, item string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(strings.ReplaceAll(item, "#", fmt.Sprint(i)))
		}
		return b.String()
	}
	for _, c := range []struct{ name, sql string }{
		{"5,000 groups", "SELECT " + many(5000, "district || '#' AS c#") + ", count(*) FROM persons GROUP BY ALL"},
		{"2,000 averages", "SELECT " + many(2000, "avg(income) + # AS c#") + " FROM persons"},
		{"2,000 faults", "SELECT " + many(2000, "income AS c#, x#") + " FROM persons"},
		{"300 faults in little", "SELECT " + many(300, "x#") + " FROM persons"},
		{"a megabyte", "SELECT count(*) FROM persons WHERE district IN ('" + strings.Repeat("x', '", 200_000) + "')"},
	} {
		began := time.Now()
		x, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: c.sql})
		took := time.Since(began)
		verdict := ""
		if x != nil {
			verdict = x.Verdict
		}
		t.Logf("%s: %s %v in %v", c.name, verdict, querytest.Code(err), took)
		if e := query.AsError(err); err != nil && e.Class == query.ClassFailure {
			t.Errorf("%s: gives %s, want an explanation, a refusal or a limit", c.name, e.Code)
		}
		if took > 10*time.Second { // on a busy machine
			t.Errorf("%s: explained in %v", c.name, took)
		}
	}
}
