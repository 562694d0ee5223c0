package querytest_test

import (
	"testing"

	"zonebox/query/querytest"
)

// One test sees a copy of the city at most once, its subtests included, for two
// copies have one identity and one set of keys: what is tried with the one on the
// other would pass where another domain refuses it.
func TestNoTestHasTwoCopiesOfACity(t *testing.T) {
	seen := map[string]string{}
	made := func(t *testing.T, name string, d *querytest.Domain) {
		t.Helper()
		id := d.Engine.Domain().ID
		if other, ok := seen[id]; ok {
			t.Errorf("%s is the domain of %s", name, other)
		}
		seen[id] = name
	}
	made(t, "the first", querytest.City(t, querytest.Options{}))
	made(t, "the second", querytest.City(t, querytest.Options{}))
	made(t, "one with other rows", querytest.CityOf(t, querytest.Options{}, querytest.Registers()))
	t.Run("inner", func(t *testing.T) {
		made(t, "that of a subtest", querytest.City(t, querytest.Options{}))
	})
}

// A copy is what the city is that is made from scratch.
func TestACopyAnswersAsItsOriginal(t *testing.T) {
	first, second := querytest.City(t, querytest.Options{}), querytest.City(t, querytest.Options{})
	const sql = "SELECT district, count(*) AS n FROM persons GROUP BY district ORDER BY district"
	for name, d := range map[string]*querytest.Domain{"the copy": first, "the one from scratch": second} {
		a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
		if err != nil {
			t.Fatalf("%s: %s", name, querytest.Text(err))
		}
		if got, want := d.Open("li.op", a).String(), "320102|60\n320104|60\n320105|60\n320106|20\n"; got != want {
			t.Errorf("%s answers\n%swant\n%s", name, got, want)
		}
	}
}
