package query_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"zonebox/policy"
	"zonebox/query"
	"zonebox/query/querytest"
)

// underPack puts the city's zone under a pack of that name.
func underPack(t *testing.T, d *querytest.Domain, pack string) {
	t.Helper()
	zone, err := os.ReadFile(filepath.Join("querytest", "city", "zone.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d.Apply(querytest.Founder, strings.Replace(string(zone), "pack: nanjing-2024", "pack: "+pack, 1))
}

// ownPack brings a pack into force that is nanjing-2024 but for what edit changes, by
// a bundle that two people sign, and puts the city's zone under it.
func ownPack(t *testing.T, d *querytest.Domain, revision int64, edit func(pack map[string]any)) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "policy", "pack", "nanjing-2024.json"))
	if err != nil {
		t.Fatal(err)
	}
	var pack map[string]any
	if err := json.Unmarshal(text, &pack); err != nil {
		t.Fatal(err)
	}
	pack["id"] = "own"
	edit(pack)
	if text, err = json.Marshal(pack); err != nil {
		t.Fatal(err)
	}
	raw, err := policy.Build(fstest.MapFS{"packs/own/data.json": {Data: text}}, revision)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = policy.Sign(raw, querytest.Founder, d.Key(querytest.Founder).Private()); err != nil {
		t.Fatal(err)
	}
	o, err := d.Engine.OrderPolicy(t.Context(), d.Subject(querytest.Founder), query.PolicyOrder{Archive: raw})
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if _, err = d.Engine.ConfirmPolicy(t.Context(), d.Subject("sun.health"), o.ID); err != nil {
		t.Fatal(querytest.Text(err))
	}
	underPack(t, d, "own")
}

// level returns what a pack has for a level.
func level(pack map[string]any, n string) map[string]any {
	return pack["level_controls"].(map[string]any)[n].(map[string]any)
}

// unequal returns a register of people in two districts, 15 in one and 25 in the other.
func unequal() querytest.Data {
	data := querytest.Registers()
	one := data.Persons.Rows
	data.Persons.Rows = nil
	district := data.Persons.Column("district")
	for i := range 40 {
		row := slices.Clone(one[i])
		row[0] = fmt.Sprintf("3201021970%08d", i)
		if row[district] = "320102"; i >= 15 {
			row[district] = "320104"
		}
		data.Persons.Rows = append(data.Persons.Rows, row)
	}
	return data
}

// How large groups are follows from the highest level that a statement reads: of 15
// and 25 people both are shown of what is level 3, and under a pack that wants 20 at
// level 4 the larger one alone of what is level 4.
func TestTheLeastGroupIsThatOfTheLevelsRead(t *testing.T) {
	t.Parallel()
	d := querytest.CityOf(t, querytest.Options{}, unequal())
	const (
		level3 = "SELECT district, count(birth_date) AS n FROM persons GROUP BY district ORDER BY district"
		level4 = "SELECT district, count(DISTINCT id_number) AS n FROM persons GROUP BY district ORDER BY district"
		nested = "SELECT sum(n) AS n FROM (SELECT district, count(DISTINCT id_number) AS n FROM persons GROUP BY district) x"
	)
	const both, large = "320102|15\n320104|25\n", "320104|25\n"
	for _, c := range []struct{ pack, sql, want string }{
		{"nanjing-2024", level3, both}, {"nanjing-2024", level4, both}, {"nanjing-2024", nested, "40\n"},
		{"nanjing-2019", level3, both}, {"nanjing-2019", level4, large}, {"nanjing-2019", nested, "25\n"},
	} {
		underPack(t, d, c.pack)
		if got := ask(t, d, querytest.Scenario, c.sql); got != c.want {
			t.Errorf("under %s %s = %q, want %q", c.pack, c.sql, got, c.want)
		}
	}
	ownPack(t, d, 1, func(pack map[string]any) { level(pack, "3")["min_group"] = 4 })
	if got := ask(t, d, querytest.Scenario, level3); got != both {
		t.Errorf("where a level wants fewer than the pack: %q, want %q", got, both)
	}
	ownPack(t, d, 2, func(pack map[string]any) { level(pack, "3")["min_group"] = 30 })
	for _, sql := range []string{level3, level4} { // a higher level is never protected less
		if got := ask(t, d, querytest.Scenario, sql); got != "" {
			t.Errorf("where level 3 wants 30: %s = %q, want no group", sql, got)
		}
	}
	if got := ask(t, d, querytest.Scenario, "SELECT district, count(*) AS n FROM persons GROUP BY district ORDER BY district"); got != both {
		t.Errorf("where level 3 wants 30: of level 2 %q, want %q", got, both)
	}
}

// What was approved with the groups of its level is what runs.
func TestAnApprovalHoldsForTheGroupsOfItsLevel(t *testing.T) {
	t.Parallel()
	d := querytest.CityOf(t, querytest.Options{}, unequal())
	underPack(t, d, "nanjing-2019")
	const sql = "SELECT p.name, x.n FROM persons p JOIN (SELECT district, count(DISTINCT id_number) AS n FROM persons GROUP BY district) x ON p.district = x.district ORDER BY p.name LIMIT 40"
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	if querytest.Code(err) != "QUERY_IN_REVIEW" {
		t.Fatal(querytest.Text(err))
	}
	rows := d.Open("li.op", reviewed(t, d, err)).String()
	if n := strings.Count(rows, "|25\n"); n != 25 || strings.Contains(rows, "|15\n") {
		t.Errorf("%d rows beside the group of 25 and some beside that of 15:\n%s", n, rows)
	}
}

// A level of which no records leave is answered in aggregates.
func TestALevelLeavesInItsShapesAlone(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	ownPack(t, d, 1, func(pack map[string]any) { delete(level(pack, "4"), "record") })
	for _, c := range []struct{ sql, code string }{
		{"SELECT name, district FROM persons ORDER BY name LIMIT 5", "LEVEL_EGRESS"},
		{"SELECT phone, district FROM persons WHERE name = 'x' LIMIT 5", "LEVEL_EGRESS"},
		{"SELECT phone, district FROM persons ORDER BY phone LIMIT 5", "OUTPUT_IN_REVIEW"}, // level 3
		{"SELECT district, count(DISTINCT id_number) AS n FROM persons GROUP BY district", ""},
	} {
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, c.sql)
		if c.code == "" && err != nil || c.code != "" && !slices.Contains(whyRefused(err), c.code) {
			t.Errorf("%s = %s, want %q", c.sql, querytest.Text(err), c.code)
		}
	}
}

// A level that names its masks is shown by those and no others.
func TestALevelIsShownByItsMasksAlone(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	const sql = "SELECT district, count(DISTINCT id_number) AS n FROM persons GROUP BY district ORDER BY district LIMIT 1"
	for revision, c := range []struct {
		masks []string
		code  string
	}{{[]string{"token", "redact"}, ""}, {[]string{"redact"}, "LEVEL_MASK"}, {[]string{}, "LEVEL_MASK"}} {
		ownPack(t, d, int64(revision+1), func(pack map[string]any) { level(pack, "4")["masks"] = c.masks })
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
		if c.code == "" && err != nil || c.code != "" && !slices.Contains(whyRefused(err), c.code) {
			t.Errorf("masks %v: %s, want %q", c.masks, querytest.Text(err), c.code)
		}
	}
}
