package query

import (
	"encoding/json"
	"testing"

	"zonebox/masking/detect"
	"zonebox/zone"
)

// Only of a register that was seen to have one row of each person is a class as
// many people as rows. One without a key, or loaded before rows were counted by
// people, is not known to be; nor does it show a class of identifiers.
func TestOfWhichRegistersEachRowIsAPerson(t *testing.T) {
	for stats, want := range map[string]bool{
		`{"rows":5,"entities":5,"most_rows":1}`:             true,
		`{"rows":5,"entities":4,"most_rows":1,"unkeyed":1}`: true,
		`{"rows":5,"entities":3,"most_rows":1,"unkeyed":2}`: false,
		`{"rows":5,"entities":4,"most_rows":2}`:             false,
		`{"rows":5}`:                                        false,
		`{"rows":5,"entities":5,"columns":[{"name":"phone","nulls":0,"entropy":2,"top":0.2}]}`: false,
	} {
		var s zone.Stats
		if err := json.Unmarshal([]byte(stats), &s); err != nil {
			t.Fatal(err)
		}
		if got := oneRowEach(s); got != want {
			t.Errorf("%s: %v, want %v", stats, got, want)
		}
		if c, ok := s.Column("phone"); ok && (c.Look != nil || c.Shows(detect.Mobile) || c.Shows(detect.None)) {
			t.Errorf("%s shows numbers", stats)
		}
	}
}
