package calendar_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"zonebox/policy/calendar"
)

func announced(t *testing.T) *calendar.Table {
	t.Helper()
	table, err := calendar.Announced()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestDatesOfTheRequirements has every date vector that the terms of the five
// regulations are checked by.
func TestDatesOfTheRequirements(t *testing.T) {
	for _, c := range []struct {
		receipt calendar.Day
		days    int
		due     calendar.Day
		why     string
	}{
		{"2026-02-11", 5, "2026-02-25", "Spring Festival; Monday to Friday would say 02-18"},
		{"2026-09-18", 15, "2026-10-15", "two festivals, two make-up days; Monday to Friday would say 10-09"},
		{"2026-09-18", 10, "2026-10-09", "two festivals and one make-up Sunday"},
		{"2026-09-29", 7, "2026-10-14", "National Day and a make-up Saturday"},
		{"2026-02-11", 15, "2026-03-10", "Spring Festival with both make-up Saturdays"},
		{"2026-04-30", 5, "2026-05-11", "Labor Day and a make-up Saturday"},
		{"2025-09-26", 5, "2025-10-10", "National Day with Mid-Autumn, a make-up Sunday"},
		{"2026-02-13", 1, "2026-02-14", "a Saturday that is worked"},
		{"2026-02-13", 2, "2026-02-24", "past the whole Spring Festival"},
		{"2026-02-24", 5, "2026-03-02", "a Saturday that is worked"},
		{"2026-09-19", 1, "2026-09-20", "received on a Saturday, due on a Sunday that is worked"},
		{"2026-02-11", 0, "2026-02-11", "no day counted is the day of receipt"},
	} {
		due, err := announced(t).Add(c.receipt, c.days)
		if err != nil || due.Day != c.due || due.Provisional() {
			t.Errorf("Add(%s, %d) = %v, %v, want %s for sure: %s", c.receipt, c.days, due, err, c.due, c.why)
		}
	}
}

// TestDaysOffAndWorkedOfTheAnnouncements is copied by hand from the two notices,
// every weekday off and every weekend day worked.
func TestDaysOffAndWorkedOfTheAnnouncements(t *testing.T) {
	off := []calendar.Day{
		"2025-01-01", "2025-01-28", "2025-01-29", "2025-01-30", "2025-01-31", "2025-02-03", "2025-02-04", "2025-04-04",
		"2025-05-01", "2025-05-02", "2025-05-05", "2025-06-02", "2025-10-01", "2025-10-02", "2025-10-03", "2025-10-06",
		"2025-10-07", "2025-10-08",
		"2026-01-01", "2026-01-02", "2026-02-16", "2026-02-17", "2026-02-18", "2026-02-19", "2026-02-20", "2026-02-23",
		"2026-04-06", "2026-05-01", "2026-05-04", "2026-05-05", "2026-06-19", "2026-09-25", "2026-10-01", "2026-10-02",
		"2026-10-05", "2026-10-06", "2026-10-07",
	}
	worked := []calendar.Day{
		"2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11",
		"2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10",
	}
	table := announced(t)
	for d := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() < 2027; d = d.AddDate(0, 0, 1) {
		day := calendar.Day(d.Format(calendar.Layout))
		weekend := d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
		want := !weekend && !slices.Contains(off, day) || slices.Contains(worked, day)
		if got, _, err := table.Working(day); err != nil || got != want {
			t.Errorf("Working(%s) = %v, %v, want %v", day, got, err, want)
		}
	}
}

func TestAYearWithoutATableIsProvisionalNeverAGuessForSure(t *testing.T) {
	table := announced(t)
	for _, c := range []struct {
		receipt calendar.Day
		days    int
		missing []int
	}{
		{"2026-12-17", 5, nil},         // until 12-24
		{"2026-12-17", 6, []int{2027}}, // 12-25: the next year's announcement may reach it
		{"2026-12-30", 5, []int{2027}},
		{"2026-12-29", 300, []int{2027, 2028}},
		{"2024-12-20", 2, []int{2024}},
		{"2024-12-27", 1, []int{2024}},
		{"2025-12-26", 5, nil}, // both sides of the new year are announced
	} {
		due, err := table.Add(c.receipt, c.days)
		if err != nil || !slices.Equal(due.Missing, c.missing) || due.Provisional() != (len(c.missing) > 0) {
			t.Errorf("Add(%s, %d) = %+v, %v, want missing %v", c.receipt, c.days, due, err, c.missing)
		}
	}
	if s, err := table.Between("2026-12-20", "2027-01-10"); err != nil || !slices.Equal(s.Missing, []int{2027}) {
		t.Errorf("Between across the last table = %+v, %v, want missing 2027", s, err)
	}
	if _, missing, err := table.Working("2026-12-31"); err != nil || !slices.Equal(missing, []int{2027}) {
		t.Errorf("Working(2026-12-31) misses %v, %v, want 2027", missing, err)
	}
}

func TestDaysLeftAndExceeded(t *testing.T) {
	table := announced(t)
	for _, c := range []struct {
		a, b calendar.Day
		days int
	}{
		{"2026-02-11", "2026-02-25", 5},
		{"2026-02-25", "2026-02-25", 0},
		{"2026-02-14", "2026-02-23", 0}, // the whole festival
		{"2026-02-26", "2026-02-25", -1},
		{"2026-03-02", "2026-02-25", -4}, // 26, 27, 28 (worked) and 2
	} {
		if got, err := table.Between(c.a, c.b); err != nil || got.Days != c.days {
			t.Errorf("Between(%s, %s) = %+v, %v, want %d", c.a, c.b, got, err, c.days)
		}
	}
}

// oracle counts by walking instants hour by hour in UTC, with a list of its own.
func oracle(receipt calendar.Day, n int, worked map[string]bool) calendar.Day {
	at, _ := time.Parse(time.RFC3339, string(receipt)+"T12:00:00+08:00")
	seen := string(receipt)
	for n > 0 {
		at = at.Add(time.Hour)
		day := at.UTC().Add(8 * time.Hour).Format("2006-01-02")
		if day == seen {
			continue
		}
		seen = day
		if worked[day] {
			n--
		}
	}
	return calendar.Day(seen)
}

func TestCountingAgreesWithWalkingEveryHour(t *testing.T) {
	table := announced(t)
	worked := map[string]bool{}
	for d := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() < 2027; d = d.AddDate(0, 0, 1) {
		w, _, err := table.Working(calendar.Day(d.Format("2006-01-02")))
		if err != nil {
			t.Fatal(err)
		}
		worked[d.Format("2006-01-02")] = w
	}
	for d := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC); d.Before(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)); d = d.AddDate(0, 0, 1) {
		day := calendar.Day(d.Format("2006-01-02"))
		for _, n := range []int{1, 2, 3, 5, 7, 10, 15} {
			got, err := table.Add(day, n)
			if want := oracle(day, n, worked); err != nil || got.Day != want {
				t.Fatalf("Add(%s, %d) = %v, %v, want %s", day, n, got, err, want)
			}
		}
	}
}

func TestCountingIsOrderedAndAddsUp(t *testing.T) {
	table := announced(t)
	random := rand.New(rand.NewPCG(20, 26))
	first := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 2000 {
		d := calendar.Day(first.AddDate(0, 0, random.IntN(600)).Format("2006-01-02"))
		n, m := random.IntN(20), random.IntN(20)
		whole, err1 := table.Add(d, n+m)
		half, err2 := table.Add(d, n)
		rest, err3 := table.Add(half.Day, m)
		left, err4 := table.Between(d, whole.Day)
		back, err5 := table.Between(whole.Day, d)
		switch {
		case err1 != nil || err2 != nil || err3 != nil || err4 != nil || err5 != nil:
			t.Fatal(err1, err2, err3, err4, err5)
		case whole.Day != rest.Day:
			t.Fatalf("%s + %d + %d = %s, + %d at once = %s", d, n, m, rest.Day, n+m, whole.Day)
		case left.Days != n+m || back.Days != -(n+m):
			t.Fatalf("from %s to %s are %d and %d back, want %d", d, whole.Day, left.Days, back.Days, n+m)
		case m > 0 && whole.Day <= half.Day:
			t.Fatalf("%s + %d = %s is not after + %d = %s", d, n+m, whole.Day, n, half.Day)
		}
		if worked, _, err := table.Working(whole.Day); n+m > 0 && (err != nil || !worked) {
			t.Fatalf("%s + %d = %s, which is no working day", d, n+m, whole.Day)
		}
	}
}

func TestADayIsOneOfShanghai(t *testing.T) {
	for _, c := range []struct {
		instant string
		day     calendar.Day
	}{
		{"2026-02-11T15:59:59Z", "2026-02-11"},
		{"2026-02-11T16:00:00Z", "2026-02-12"},
		{"2026-02-11T00:00:00+08:00", "2026-02-11"},
		{"2026-02-10T23:00:00-05:00", "2026-02-11"},
	} {
		at, err := time.Parse(time.RFC3339, c.instant)
		if err != nil {
			t.Fatal(err)
		}
		if got := calendar.DayOf(at); got != c.day {
			t.Errorf("DayOf(%s) = %s, want %s", c.instant, got, c.day)
		}
	}
	if got := calendar.Day("2026-02-14").End().UTC().Format(time.RFC3339); got != "2026-02-14T16:00:00Z" {
		t.Errorf("2026-02-14 ends %s, want 16:00 UTC", got)
	}
}

func TestWhatIsNoDayAndNoNumberOfDaysIsRefused(t *testing.T) {
	table := announced(t)
	for _, d := range []calendar.Day{"", "2026-2-1", "2026-02-30", "2026-02-11T00:00:00Z", "today"} {
		if _, err := table.Add(d, 1); err == nil {
			t.Errorf("Add(%q, 1) is counted", d)
		}
		if _, _, err := table.Working(d); err == nil {
			t.Errorf("Working(%q) is answered", d)
		}
		if _, err := table.Between("2026-01-01", d); err == nil {
			t.Errorf("Between(2026-01-01, %q) is counted", d)
		}
	}
	for _, n := range []int{-1, 1001} {
		if _, err := table.Add("2026-01-01", n); err == nil {
			t.Errorf("Add(2026-01-01, %d) is counted", n)
		}
	}
}

func TestATableThatIsNotWellFormedIsRefused(t *testing.T) {
	good := `{"year":2027,"source":"notice","holidays":[{"name":"New Year","from":"2026-12-31","until":"2027-01-02"}],"working":["2026-12-27"]}`
	table, err := calendar.Read(fstest.MapFS{"2027.json": {Data: []byte(good)}})
	if err != nil {
		t.Fatal(err)
	}
	if worked, _, err := table.Working("2026-12-27"); err != nil || !worked {
		t.Errorf("a day of the week before the year is not as announced: %v", err)
	}
	for name, files := range map[string]map[string]string{
		"no file":             {},
		"another year":        {"2028.json": good},
		"not JSON":            {"2027.json": `year: 2027`},
		"unknown field":       {"2027.json": `{"year":2027,"source":"s","holidays":[{"name":"n","from":"2027-01-01","until":"2027-01-01"}],"workdays":[]}`},
		"text after":          {"2027.json": good + `{}`},
		"no source":           {"2027.json": `{"year":2027,"source":"","holidays":[{"name":"n","from":"2027-01-01","until":"2027-01-01"}]}`},
		"no holiday":          {"2027.json": `{"year":2027,"source":"s","holidays":[]}`},
		"no name":             {"2027.json": `{"year":2027,"source":"s","holidays":[{"name":"","from":"2027-01-01","until":"2027-01-01"}]}`},
		"no day":              {"2027.json": `{"year":2027,"source":"s","holidays":[{"name":"n","from":"2027-02-29","until":"2027-03-01"}]}`},
		"ends first":          {"2027.json": `{"year":2027,"source":"s","holidays":[{"name":"n","from":"2027-01-02","until":"2027-01-01"}]}`},
		"too long":            {"2027.json": `{"year":2027,"source":"s","holidays":[{"name":"n","from":"2027-01-01","until":"2027-01-16"}]}`},
		"day of another year": {"2027.json": `{"year":2027,"source":"s","holidays":[{"name":"n","from":"2028-01-01","until":"2028-01-01"}]}`},
		"day too early":       {"2027.json": `{"year":2027,"source":"s","holidays":[{"name":"n","from":"2026-12-24","until":"2026-12-24"}]}`},
		"worked Monday":       {"2027.json": `{"year":2027,"source":"s","holidays":[{"name":"n","from":"2027-01-01","until":"2027-01-01"}],"working":["2027-01-04"]}`},
		"off and worked":      {"2027.json": `{"year":2027,"source":"s","holidays":[{"name":"n","from":"2027-01-01","until":"2027-01-03"}],"working":["2027-01-03"]}`},
		"announced twice": {
			"2027.json": good,
			"2026.json": `{"year":2026,"source":"s","holidays":[{"name":"n","from":"2026-12-31","until":"2026-12-31"}]}`,
		},
	} {
		fsys := fstest.MapFS{}
		for n, text := range files {
			fsys[n] = &fstest.MapFile{Data: []byte(text)}
		}
		if _, err := calendar.Read(fsys); err == nil {
			t.Errorf("%s: the table is read", name)
		}
	}
}

func TestAnotherAnnouncementIsAnotherVersion(t *testing.T) {
	read := func(source string) *calendar.Table {
		table, err := calendar.Read(fstest.MapFS{"2027.json": {Data: []byte(`{"year":2027,"source":"` + source + `","holidays":[{"name":"n","from":"2027-01-01","until":"2027-01-01"}]}`)}})
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	if a, b := read("first"), read("first"); a.Version() != b.Version() || len(a.Version()) != 16 {
		t.Errorf("versions %s and %s of one file", a.Version(), b.Version())
	}
	if read("first").Version() == read("second").Version() {
		t.Error("two files have one version")
	}
	if got := announced(t).Years(); !slices.Equal(got, []int{2025, 2026}) {
		t.Errorf("years announced %v, want 2025 and 2026", got)
	}
}
