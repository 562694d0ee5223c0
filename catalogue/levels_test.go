package catalogue_test

import (
	"strings"
	"testing"

	"zonebox/catalogue"
)

func scheme(t *testing.T, id string) catalogue.LevelScheme {
	t.Helper()
	all, err := catalogue.LevelSchemes()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.ID == id {
			return s
		}
	}
	t.Fatalf("no scheme %s", id)
	return catalogue.LevelScheme{}
}

// TestALevelIsWhatItsStandardMakesIt: one cell, another number under another
// standard; what no zone takes has none.
func TestALevelIsWhatItsStandardMakesIt(t *testing.T) {
	for _, c := range []struct {
		scheme, code string
		level        int // 0: refused
	}{
		{"db32-t-4608", "1", 1}, {"db32-t-4608", "3级", 3}, {"db32-t-4608", "4", 4}, {"db32-t-4608", "5", 0}, {"db32-t-4608", "L3", 0},
		{"db33-t-2350", "L1", 1}, {"db33-t-2350", "L2", 3}, {"db33-t-2350", "l3", 3}, {"db33-t-2350", "L4", 4}, {"db33-t-2350", "3", 0}, {"db33-t-2350", "L5", 0},
		{"gbt-43697", "2", 2}, {"gbt-43697", "4级", 4}, {"gbt-43697", "重要", 4}, {"gbt-43697", "important", 4}, {"gbt-43697", "核心", 0}, {"gbt-43697", "core", 0},
		{"jrt-0197", "3", 3}, {"jrt-0197", "4", 4}, {"jrt-0197", "5", 0}, {"jrt-0197", "", 0}, {"jrt-0197", "-1", 0},
	} {
		n, taken := scheme(t, c.scheme).Level(c.code)
		if n != c.level || taken != (c.level > 0) {
			t.Errorf("%s %q = %d, %v, want %d", c.scheme, c.code, n, taken, c.level)
		}
		s := scheme(t, c.scheme)
		file := "name,title,column,column_type,column_level\nbeds,Beds,ward,string," + c.code + "\n"
		entries, faults, err := catalogue.Read(strings.NewReader(file), catalogue.Defaults{Zone: "z", Provider: "p", Levels: &s})
		switch {
		case err != nil:
			t.Fatal(err)
		case c.code == "":
		case c.level == 0 && (len(entries) > 0 || len(faults) == 0 || faults[0].Column != 5):
			t.Errorf("%s: an entry of level %q is read: %v", c.scheme, c.code, faults)
		case c.level > 0 && (len(faults) > 0 || entries[0].Columns[0].Level != c.level):
			t.Errorf("%s: an entry of level %q = %v %v, want %d", c.scheme, c.code, entries, faults, c.level)
		}
	}
}

// What a standard opens only after masking is masked here, whatever its number.
func TestWhatAStandardMasksIsMasked(t *testing.T) {
	for _, code := range []string{"L2", "L3", "L4"} {
		if n, _ := scheme(t, "db33-t-2350").Level(code); n < 3 {
			t.Errorf("%s is %d, which is not masked", code, n)
		}
	}
}

// In JSON the levels of a standard are texts: a number may be anybody's.
func TestLevelsOfAStandardAreTextsInJSON(t *testing.T) {
	for _, c := range []struct {
		scheme, level string
		want          int // 0: refused
	}{
		{"db33-t-2350", `"level": "L2"`, 3}, {"db33-t-2350", `"level": "l4"`, 4}, {"db33-t-2350", `"Level": "L2"`, 3},
		{"db33-t-2350", `"level": 3`, 0}, {"db33-t-2350", `"level": "3"`, 0}, {"db33-t-2350", `"level": null`, 0}, {"db33-t-2350", `"level": ""`, 0}, {"db33-t-2350", `"level": "L5"`, 0},
		{"gbt-43697", `"level": "重要"`, 4}, {"gbt-43697", `"level": "核心"`, 0}, {"jrt-0197", `"level": "3"`, 3}, {"jrt-0197", `"level": 3`, 0},
		{"db33-t-2350", `"level": "L4", "level": "L1"`, 0}, {"db33-t-2350", `"level": "L4", "LEVEL": "L1"`, 0}, {"db33-t-2350", `"level": "L1", "nothing": 1`, 0},
	} {
		s := scheme(t, c.scheme)
		file := `[{"name": "beds", "title": "Beds", "columns": [{"name": "first", "type": "string"}, {"name": "ward", "type": "string", ` + c.level + `}]}]`
		entries, faults, err := catalogue.Read(strings.NewReader(file), catalogue.Defaults{Zone: "z", Provider: "p", Levels: &s})
		switch {
		case err != nil:
			t.Fatal(err)
		case c.want == 0 && (len(entries) > 0 || len(faults) != 1 || faults[0].Row != 1):
			t.Errorf("%s: an entry of %s is read: %v %v", c.scheme, c.level, entries, faults)
		case c.want > 0 && (len(faults) > 0 || len(entries) != 1 || entries[0].Columns[1].Level != c.want || entries[0].Columns[0].Level != 0 || entries[0].Title != "Beds"):
			t.Errorf("%s: an entry of %s = %v %v, want %d", c.scheme, c.level, entries, faults, c.want)
		}
	}
	entries, faults, err := catalogue.Read(strings.NewReader(`[{"name": "beds", "columns": [{"name": "ward", "level": 3}]}]`), catalogue.Defaults{})
	if err != nil || len(faults) > 0 || entries[0].Columns[0].Level != 3 {
		t.Errorf("a number without a standard = %v %v %v, want 3", entries, faults, err)
	}
}
