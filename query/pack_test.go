package query_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// TestALicenseComesIntoForceAsThePackOfItsZoneAllows applies one license under
// each city's pack, after nanjing-2024 has lapsed: only the zone's pack differs.
func TestALicenseComesIntoForceAsThePackOfItsZoneAllows(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("querytest", "city", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	d := querytest.New(t, querytest.Options{})
	d.Apply(querytest.Founder, read("organizations"))
	d.Register(querytest.Cast...)
	license, _, _ := strings.Cut(read("license"), "\n---")
	var bare []string
	for line := range strings.Lines(license) {
		if !strings.HasPrefix(line, "  renewed_basis:") {
			bare = append(bare, line)
		}
	}
	for i, c := range []struct{ pack, refusal string }{
		{"nanjing-2024", "PACK_LAPSED"},
		{"jiangmen-2019-draft", "PACK_DRAFT"},
		{"nanjing-2019", ""},
		{"shenyang-2020", ""},
		{"yancheng-2022", ""},
	} {
		d.Apply(querytest.Founder, strings.Replace(read("zone"), "pack: nanjing-2024", "pack: "+c.pack, 1))
		named := func(text, name string) string { return strings.Replace(text, "name: medical-2026", "name: "+name, 1) }
		number := string(rune('a' + i))
		err := d.TryApply(querytest.Founder, named(strings.Join(bare, ""), "bare-"+number), "sun.health", querytest.Founder, "li.op")
		var refused []string
		if err != nil {
			for _, x := range query.AsError(err).Details {
				refused = append(refused, x.Code)
			}
		}
		if want := c.refusal != ""; (err != nil) != want || want && !slices.Equal(refused, []string{c.refusal}) {
			t.Errorf("%s without a recorded basis: %q (%s), want %q", c.pack, refused, querytest.Text(err), c.refusal)
		}
		if err := d.TryApply(querytest.Founder, named(license, "based-"+number), "sun.health", querytest.Founder, "li.op"); err != nil {
			t.Errorf("%s with a recorded basis: %s", c.pack, querytest.Text(err))
		}
	}
}

// A question under a regulation that has ended is answered by its recorded basis,
// and told so each time; under one in force nothing is told.
func TestAQuestionUnderALapsedPackIsToldOfIt(t *testing.T) {
	d := querytest.City(t, querytest.Options{})
	const sql = "SELECT department, count(*) AS n FROM visits GROUP BY department"
	zone, err := os.ReadFile(filepath.Join("querytest", "city", "zone.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pack, warning, refusal string
	}{
		{"nanjing-2024", "PACK_LAPSED", ""},
		{"yancheng-2022", "", ""},
		{"shenyang-2020", "", ""},
		{"jiangmen-2019-draft", "PACK_DRAFT", "DATASET_PROHIBITED"}, // which has no conditional opening
	} {
		if c.pack != "nanjing-2024" {
			d.Apply(querytest.Founder, strings.Replace(string(zone), "pack: nanjing-2024", "pack: "+c.pack, 1))
		}
		x, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: sql})
		if err != nil {
			t.Fatalf("%s: %s", c.pack, querytest.Text(err))
		}
		if got := codesOf(x.Warnings); (c.warning == "") != (len(got) == 0) || c.warning != "" && !slices.Contains(got, c.warning) {
			t.Errorf("%s: told %q, want %q", c.pack, got, c.warning)
		}
		if got := codesOf(x.Reasons); c.refusal != "" && !slices.Contains(got, c.refusal) || c.refusal == "" && len(got) > 0 {
			t.Errorf("%s: refused for %q, want %q", c.pack, got, c.refusal)
		}
		if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql); (err != nil) != (c.refusal != "") {
			t.Errorf("%s: answered %s, want refusal %q", c.pack, querytest.Text(err), c.refusal)
		}
	}
}
