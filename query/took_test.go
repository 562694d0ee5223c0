package query_test

import (
	"encoding/json"
	"strings"
	"testing"

	"zonebox/query/querytest"
)

func TestTheLogTellsWhereTheTimeOfAnAnswerWent(t *testing.T) {
	d := querytest.City(t, querytest.Options{})
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT district, count(*) AS n FROM visits GROUP BY district"); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(d.Log.String()), "\n")
	var line struct {
		Msg                                              string
		Elapsed, Decide, Attach, Execute, Check, Release int64
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil || line.Msg != "answered" {
		t.Fatalf("last line is not of the answer: %s", lines[len(lines)-1])
	}
	parts := []int64{line.Decide, line.Attach, line.Execute, line.Check, line.Release}
	sum := int64(0)
	for i, part := range parts {
		if part <= 0 {
			t.Errorf("part %d took %d, want some time: every look moves the clock", i, part)
		}
		sum += part
	}
	if sum != line.Elapsed {
		t.Errorf("parts %v add up to %d, elapsed is %d", parts, sum, line.Elapsed)
	}
}
