package query_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// What was found to be wrong is not read by way of an increment that took its
// rows over.
func TestIncrementsOfAQuarantinedVersionAreQuarantined(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	text, err := os.ReadFile(filepath.Join("querytest", "city", "beds.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d.Apply("qian.hospital", strings.Replace(string(text), "  status: PUBLISHED", "  retention: {versions: 10}\n  status: PUBLISHED", 1))
	bedsIn(d, "111")
	bad := bedsIn(d, "222")
	more := querytest.Registers().Beds
	more.Rows = [][]string{{"320104", "新建医院", "5", "2001-01-01", ""}}
	m := querytest.Delivery("medical", "beds", "beds-statistics", more.CSV(), 1)
	m.Mode, m.Base = query.ModeAppend, bad.Version
	increment, err := d.TryLoad("wu.dc", m, more.CSV())
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	bedsIn(d, "333")
	all, err := d.Engine.Versions(t.Context(), d.Subject("wu.dc"), query.VersionQuery{Dataset: "beds"})
	if err != nil || len(all) != 5 {
		t.Fatalf("%d versions, %v, want 5", len(all), err)
	}
	back := func(version string) string {
		t.Helper()
		for _, who := range []string{"wu.dc", "sun.health"} {
			if _, err := d.Engine.Rollback(t.Context(), d.Subject(who), query.VersionOrder{Dataset: "beds", Version: version, Reason: "x"}); err != nil {
				return querytest.Code(err)
			}
		}
		return ""
	}
	for _, c := range []struct{ what, to, code, states, beds string }{
		{"to the base of an increment", bad.Version, "", "KEPT KEPT CURRENT KEPT QUARANTINED", "222"},
		{"on to the increment, which stands on what that would quarantine", increment.Version, "DATA_STATE", "KEPT KEPT CURRENT KEPT QUARANTINED", "222"},
		{"to before both", all[1].Version, "", "KEPT CURRENT QUARANTINED QUARANTINED QUARANTINED", "111"},
		{"to the increment of what is wrong", increment.Version, "DATA_STATE", "KEPT CURRENT QUARANTINED QUARANTINED QUARANTINED", "111"},
	} {
		if got := back(c.to); got != c.code {
			t.Errorf("rolled back %s: %q, want %q", c.what, got, c.code)
		}
		if got := states(t, d, "beds"); got != c.states {
			t.Errorf("rolled back %s: %s, want %s", c.what, got, c.states)
		}
		if got := bedsOf(t, d); got != c.beds {
			t.Errorf("rolled back %s: %s beds, want %s", c.what, got, c.beds)
		}
	}
	// Nor does one deliver on top of either, or have its provider alone put it to use.
	for _, on := range []string{bad.Version, increment.Version} {
		m.Base = on
		if _, err := d.TryLoad("wu.dc", m, more.CSV()); querytest.Code(err) != "LOAD_BASE" {
			t.Errorf("an increment on a quarantined version: %v", err)
		}
		order := query.QualityOrder{Version: on, Release: true, Reason: "x"}
		if _, err := d.Engine.SettleQuality(t.Context(), d.Subject("qian.hospital"), "beds", order); querytest.Code(err) != "NOT_FOUND" {
			t.Errorf("released by its provider alone: %v", err)
		}
	}
	var quarantined int
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "data.quarantined" && e.Fields["dataset"] == "beds" {
			quarantined++
		}
	}
	if quarantined != 3 {
		t.Errorf("the log has %d quarantines, want 3", quarantined)
	}
	d.Reopen()
	if got := states(t, d, "beds"); got != "KEPT CURRENT QUARANTINED QUARANTINED QUARANTINED" {
		t.Errorf("after a start: %s", got)
	}
}

// An output that waits is withheld for good once its data were quarantined: that
// they are retired afterwards heals nothing.
func TestAnOutputOfQuarantinedDataIsWithheldOnceTheyAreRetired(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	all, err := d.Engine.Versions(t.Context(), d.Subject("wu.dc"), query.VersionQuery{Dataset: "persons"})
	if err != nil {
		t.Fatal(err)
	}
	persons := querytest.Registers().Persons
	persons.Rows[0][persons.Column("phone")] = "13900001111"
	wrong := d.LoadTable("persons", persons)
	run := approvedOutput(t, d)
	for _, who := range []string{"wu.dc", "zheng.police"} {
		if _, err := d.Engine.Rollback(t.Context(), d.Subject(who), query.VersionOrder{Dataset: "persons", Version: all[0].Version, Reason: "x"}); err != nil {
			t.Fatal(querytest.Text(err))
		}
	}
	for _, who := range []string{"sun.health", "wu.dc"} {
		c, err := d.Engine.Retire(t.Context(), d.Subject(who), query.VersionOrder{Dataset: "persons", Version: wrong.Version, Reason: "x"})
		if err != nil || who == "wu.dc" && c.State != registry.DataRetired {
			t.Fatalf("retire = %+v, %s", c, querytest.Text(err))
		}
	}
	if _, err = d.Resume("li.op", run); querytest.Code(err) != "WITHHELD" {
		t.Errorf("resume = %v, want WITHHELD", querytest.Text(err))
	}
}
