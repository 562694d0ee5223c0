package querytest_test

import (
	"testing"

	"zonebox/query/querytest"
)

func TestMain(m *testing.M) { querytest.Main(m) }

func TestCityAnswers(t *testing.T) {
	d := querytest.City(t, querytest.Options{})
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT district, count(*) AS people FROM persons GROUP BY district ORDER BY district")
	if err != nil {
		t.Fatal(querytest.Text(err), err)
	}
	if got, want := d.Open("li.op", a).String(), "320102|60\n320104|60\n320105|60\n320106|20\n"; got != want {
		t.Errorf("people by district =\n%swant\n%s", got, want)
	}
}
