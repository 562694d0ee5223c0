package query

import (
	"strings"
	"testing"

	"zonebox/masking/detect"
	"zonebox/registry"
)

// An audit entry names columns and classes where it has room, else how many.
func TestAnEntryHasRoomForItsLookalikes(t *testing.T) {
	event := func() registry.Event {
		return registry.Event{Kind: "load.committed", Fields: map[string]string{"dataset": "beds"}}
	}
	if e := noted(event(), nil); len(e.Fields) != 1 {
		t.Errorf("of no look-alike the entry says %v", e.Fields)
	}
	var many []Lookalike
	for range 40 {
		many = append(many, Lookalike{Column: strings.Repeat("列", 20), Class: detect.Mobile})
	}
	if e := noted(event(), many[:2]); e.Fields["lookalikes"] != many[0].Column+" mobile, "+many[0].Column+" mobile" {
		t.Errorf("of two look-alikes the entry says %v", e.Fields)
	}
	e := noted(event(), many)
	if e.Fields["lookalikes"] != "40" || !entryOf(registry.Pending{Event: e}).Fits() {
		t.Errorf("of 40 look-alikes the entry says %v", e.Fields)
	}
}

// Codes of organizations are at home in level 1; whatever is about a person is
// told where the entry says that nothing is.
func TestALookalikeIsALevelOrAMark(t *testing.T) {
	for _, c := range []struct {
		class    detect.Class
		level    int
		personal bool
		told     bool
	}{
		{detect.CreditCode, 1, false, false},
		{detect.Organization, 1, false, false},
		{detect.ResidentID, 3, true, true},
		{detect.ResidentID, 4, true, false},
		{detect.ResidentID, 4, false, true},
		{detect.Mobile, 2, true, true},
		{detect.Mobile, 3, true, false},
		{detect.PersonName, 3, false, true},
	} {
		entry := registry.Dataset{Columns: []registry.Column{{Name: "c", Level: c.level, PersonalInfo: c.personal}}}
		got := against([]Lookalike{{Column: "c", Class: c.class}, {Column: "gone", Class: c.class}}, entry)
		if (len(got) == 1) != c.told || len(got) > 1 {
			t.Errorf("%s of level %d, personal %v: told %v, want %v", c.class, c.level, c.personal, got, c.told)
		}
		if len(got) == 1 && got[0].Least < c.level {
			t.Errorf("%s of level %d: a lower level %d is proposed", c.class, c.level, got[0].Least)
		}
	}
}
