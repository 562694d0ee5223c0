package zone_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"zonebox/masking/detect"
	"zonebox/zone"
)

// What values look like stands in the encrypted manifest, as counts.
func TestALoadSaysWhatItsColumnsLookLike(t *testing.T) {
	s := open(t, t.TempDir())
	looks := zone.Spec{Zone: "z", Dataset: "d", Titles: map[string]string{"b": "联系电话"}, Columns: []zone.ColumnSpec{
		{"a", "string"}, {"b", "int64"}, {"c", "decimal(18,0)"}, {"d", "decimal(10,2)"}, {"e", "date"}, {"f", "string"},
	}}
	var rows []string
	for i := range 40 {
		id := fmt.Sprintf("3201021965010%d%03d", 1+i%9, i)
		sum := 0
		for k, w := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
			sum += int(id[k]-'0') * w
		}
		id += string("10X98765432"[sum%11])
		rows = append(rows, fmt.Sprintf(`{"a":%q,"b":%d,"c":"%d","d":"%d.50","e":"2024-01-01","f":null}`, "证件 "+id, 13800000000+i*977, 13900000000+i*977, 13900000+i))
	}
	info := load(t, s, looks, "["+strings.Join(rows, ",")+"]")
	stored, err := s.Stats(info.Zone, info.Dataset, info.Version, info.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(stored, info.Stats) {
		t.Errorf("stored are %+v, told were %+v", stored, info.Stats)
	}
	want := []*zone.Look{
		{Looked: 40, Distinct: 40, Classes: []zone.Class{{Class: detect.ResidentID, Within: 40}}},
		{Looked: 40, Distinct: 40, Classes: []zone.Class{{Class: detect.Mobile, Whole: 40, Header: true}}},
		{Looked: 40, Distinct: 40, Classes: []zone.Class{{Class: detect.Mobile, Whole: 40}}},
		nil, nil, nil,
	}
	for i, c := range stored.Columns {
		if !reflect.DeepEqual(c.Look, want[i]) {
			t.Errorf("%s looks like %+v, want %+v", c.Name, c.Look, want[i])
		}
	}
	if a := stored.Columns[0]; !a.Shows(detect.ResidentID) || a.Shows(detect.Mobile) || stored.Columns[4].Shows(detect.Mobile) {
		t.Error("columns show other classes than were found")
	}
}

// Statistics as they were written before looks were taken, and of a class that a
// later version finds.
func TestStatisticsOfOtherVersionsAreRead(t *testing.T) {
	for text, want := range map[string]*zone.Look{
		`{"columns":[{"name":"a","nulls":1,"entropy":2,"top":0.5}]}`:                                                                   nil,
		`{"columns":[{"name":"a","nulls":1,"entropy":2,"top":0.5,"look":{"looked":3,"classes":[{"class":"resident_id","whole":3}]}}]}`: {Looked: 3, Classes: []zone.Class{{Class: detect.ResidentID, Whole: 3}}},
		`{"columns":[{"name":"a","nulls":1,"entropy":2,"top":0.5,"look":{"looked":3,"classes":[{"class":"iris","whole":3}]}}]}`:        {Looked: 3, Classes: []zone.Class{{Whole: 3}}},
	} {
		var s zone.Stats
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		if c := s.Columns[0]; c.Nulls != 1 || c.Entropy != 2 || !reflect.DeepEqual(c.Look, want) {
			t.Errorf("%s is read as %+v", text, c)
		}
	}
}
