package query_test

import (
	"testing"

	"zonebox/query/querytest"
)

// Where the engine compares in another type than the column's, what it finds
// equal is not what bounds say: 9007199254740992 and …993 are one DOUBLE.
func TestPruningLeavesWhatTheEngineConverts(t *testing.T) {
	t.Parallel()
	data := querytest.Registers()
	data.Beds.Rows = nil
	for _, beds := range []string{"9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994", "5", "-3"} {
		data.Beds.Rows = append(data.Beds.Rows, []string{querytest.Districts[0], "医院" + beds, beds, "2020-01-01", ""})
	}
	d := querytest.CityOf(t, querytest.Options{}, data)
	segmented(t, d, data, 1, true) // each row a segment
	for _, tt := range []struct{ condition, want string }{
		{"BETWEEN 9007199254740993 AND 9007199254740999", "2\n"},
		{"BETWEEN 9007199254740993 AND 1e300", "3\n"},
		{"BETWEEN 9007199254740993 AND 1.5::DOUBLE * 1e300", "3\n"},
		{"BETWEEN -1e300 AND 9007199254740992", "5\n"},
		{"IN (9007199254740993, 1e300)", "2\n"},
	} {
		if got := cityAnswer(t, d, "SELECT count(*) AS n FROM beds WHERE beds "+tt.condition); got != tt.want {
			t.Errorf("beds %s: %s, want %s", tt.condition, got, tt.want)
		}
	}
}
