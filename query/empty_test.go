package query_test

import (
	"testing"

	"zonebox/query/querytest"
)

// A question that reads nothing of the zone has no source to be labeled with.
func TestAStatementWithoutADatasetIsRefused(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	for _, sql := range []string{"SELECT 1", "WITH q AS (SELECT 1 AS a) SELECT a FROM q"} {
		if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql); querytest.Code(err) != "NO_DATASET" {
			t.Errorf("%s: %s, want NO_DATASET", sql, querytest.Text(err))
		}
	}
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) FROM beds"); err != nil {
		t.Errorf("its twin: %s", querytest.Text(err))
	}
}
