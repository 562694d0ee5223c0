package query_test

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"zonebox/query/querytest"
)

// streaming makes the city in segments of some rows, of which a statement has
// none attached.
func streaming(t *testing.T, d *querytest.Domain, data querytest.Data, rows int) {
	t.Helper()
	d.Config.Attached = -1
	segmented(t, d, data, rows, true)
}

// For any statement the answer from segments that stream is the answer from
// tables that are attached, and nothing of them goes through the cache.
func TestAnswersAreTheSameFromSegmentsThatStream(t *testing.T) {
	t.Parallel()
	data := querytest.Registers()
	streamed, attached := querytest.CityOf(t, querytest.Options{}, data), querytest.CityOf(t, querytest.Options{}, data)
	streaming(t, streamed, data, 50)
	statements := append(prunable(rand.New(rand.NewPCG(6, 1)), 20), byDistrict,
		"SELECT district, birth_date, avg(income) AS a, count(DISTINCT id_number) AS n FROM persons GROUP BY ALL ORDER BY ALL",
		"SELECT count(*) AS n FROM persons a JOIN persons b ON a.id_number = b.id_number",
		"WITH c AS (SELECT district, count(*) AS n FROM persons GROUP BY district) SELECT x.district, x.n + y.n AS m FROM c x JOIN c y ON x.district = y.district ORDER BY 1")
	for _, sql := range statements {
		if x, y := ask(t, streamed, querytest.Scenario, sql), ask(t, attached, querytest.Scenario, sql); x != y {
			t.Errorf("%s\ngives streamed\n%s\nand attached\n%s", sql, x, y)
		}
	}
	if got := cacheOf(t, streamed); got.Misses != 0 || got.Entries != 0 {
		t.Errorf("what streams went through the cache: %+v", got)
	}
}

// A chunk that is damaged ends the run when a scan comes to it, and names the
// file to the data centre.
func TestADamagedSegmentEndsARunThatStreams(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	streaming(t, d, querytest.Registers(), 60) // a district a segment
	for _, f := range chunks(t, d, "persons") {
		if strings.HasSuffix(f, "-s00003") {
			if err := os.WriteFile(f, []byte("not what was committed"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := cityAnswer(t, d, "SELECT count(*) AS n FROM persons WHERE district = '320104'"); got != "60\n" {
		t.Errorf("of a whole segment: %s", got)
	}
	cityRefuses(t, d, byDistrict, "DATA_DAMAGED")
}
