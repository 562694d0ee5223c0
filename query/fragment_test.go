package query_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
	"zonebox/release"
)

// leakedCSV is what the recipient of an answer can pass on of it.
func leakedCSV(t *testing.T, d *querytest.Domain, a *query.Answer) string {
	t.Helper()
	o, err := release.Open(a.Artifact.Bytes(), release.Key{HPKE: d.Key("li.op").Recipient()}, gateKey(t, d))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	var text strings.Builder
	if err := release.WriteCSV(&text, o.Schema, o.Rows); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func traceAs(t *testing.T, d *querytest.Domain, who, text string) (*query.FragmentTrace, error) {
	t.Helper()
	lines, err := release.Lines([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d.Engine.TraceFragment(t.Context(), d.Subject(who), query.Fragment{Lines: lines})
}

// The rows of a released result are known again, whatever became of their order and the
// names of columns; those who ask are told by whom they left, once the log knows that
// they asked (R-NJ24-21a).
func TestReleasedRowsAreKnownAgain(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	d.Apply(querytest.Founder, `kind: Organization
name: security-office
spec: {title: 市安全保密办, kind: security, org_form: unincorporated}
---
kind: Organization
name: finance-bureau
spec: {title: 市财政局, kind: industry_authority, org_form: unincorporated}
`)
	d.Register(querytest.Person{User: "he.sec", RealName: "何保密", Organization: "security-office", Role: registry.RoleSecurity},
		querytest.Person{User: "gu.finance", RealName: "顾财政", Organization: "finance-bureau", Role: registry.RoleZoneRegulator})
	a, err := formed(t, d, "parquet", "SELECT district, count(*) AS n, avg(income) * 100 AS cents FROM persons GROUP BY district ORDER BY district LIMIT 3")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if _, err := formed(t, d, "", "SELECT address FROM persons"); querytest.Code(err) == "" {
		t.Fatal("not refused")
	}
	_, err = formed(t, d, "", "SELECT name, birth_date, district FROM persons ORDER BY name LIMIT 5")
	querytest.RunOf(t, err) // waits, and is no release
	result := leakedCSV(t, d, a)
	if !strings.Contains(result, "e+0") {
		t.Errorf("no number of\n%sis spelled with an exponent", result)
	}
	lines := strings.Split(strings.TrimSpace(result), "\n")
	moved := func(line string) string {
		cells := strings.Split(line, ",")
		return cells[2] + "\t" + cells[0] + "\t" + cells[1]
	}
	of := func(who, text string) int {
		t.Helper()
		found, err := traceAs(t, d, who, text)
		if err != nil || len(found.Zones) != 1 || found.Zones[0] != "medical" || len(found.Releases) > 1 {
			t.Fatalf("traced %+v, %v", found, err)
		}
		if len(found.Releases) == 0 {
			return 0
		}
		r := found.Releases[0]
		if r.Run != a.Run || r.Operator != "huiyi" || r.Person != "li.op" || r.RealName != "李运营" || r.Recipient != "li.op" || r.Partner != "" ||
			r.Artifact != a.Artifact.Digest() || r.Scenario != querytest.Scenario || r.Released.IsZero() || r.Rows != 3 || found.Tied != 1 {
			t.Errorf("traced %+v", r)
		}
		return r.Lines
	}
	without := func(column int) string {
		var out []string
		for i, line := range lines[1:] {
			cells := strings.Split(line, ",")
			out = append(out, strings.Join(slices.Insert(slices.Delete(cells, column, column+1), 0, strconv.Itoa(i+1)), "\t"))
		}
		return strings.Join(out, "\n")
	}
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"all of it":           {result, 3},
		"one line":            {lines[2], 1},
		"moved":               {moved(lines[3]) + "\n" + moved(lines[1]), 2},
		"twice the same":      {lines[1] + "\n" + lines[1], 1},
		"torn":                {lines[1][:len(lines[1])-1] + "\n" + lines[2], 1},
		"numbered, one less":  {without(1), 3},
		"district and number": {strings.Join(strings.Split(lines[1], ",")[:2], ","), 0},
		"names alone":         {lines[0], 0},
		"of nobody at all":    {"张*,138****1234", 0},
	} {
		if got := of("he.sec", c.text); got != c.want {
			t.Errorf("%s: %d lines are known again, want %d", name, got, c.want)
		}
	}
	if got := of("sun.health", result); got != 3 {
		t.Errorf("the regulator of the zone is told of %d lines, want 3", got)
	}
	if found, err := traceAs(t, d, "gu.finance", result); err != nil || len(found.Zones)+len(found.Releases) != 0 {
		t.Errorf("a regulator of no zone is told %+v, %v", found, err)
	}
	for _, who := range []string{"li.op", "zheng.police", "wu.dc", querytest.Founder, "feng.audit"} {
		if found, err := traceAs(t, d, who, result); querytest.Code(err) != "ROLE_REQUIRED" {
			t.Errorf("%s is told %+v, %v", who, found, err)
		}
	}
	for name, lines := range map[string][][]string{"nothing": {}, "an empty line": {{"320102"}, {}}, "too wide": {slices.Repeat([]string{"1"}, 257)}, "too long": slices.Repeat([][]string{{"1"}}, 10_001)} {
		if _, err := d.Engine.TraceFragment(t.Context(), d.Subject("he.sec"), query.Fragment{Lines: lines}); querytest.Code(err) != "BAD_REQUEST" {
			t.Errorf("%s: %v, want BAD_REQUEST", name, err)
		}
	}

	// The same rows left once more: the lines do not tell which of the two it was.
	again, err := formed(t, d, "csv", "SELECT district AS d, count(*) AS n, avg(income) * 100 AS c FROM persons GROUP BY district ORDER BY district LIMIT 3")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if found, err := traceAs(t, d, "he.sec", result); err != nil || found.Tied != 2 || len(found.Releases) != 2 || found.Releases[0].Lines != 3 || found.Releases[1].Run != again.Run {
		t.Errorf("traced %+v, %v, want two releases alike", found, err)
	}
	// Nor which of three, where a figure is left out that another output does not have.
	other, err := formed(t, d, "csv", "SELECT district, 2 * count(*) AS m, avg(income) * 100 AS c FROM persons GROUP BY district ORDER BY district LIMIT 3")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	for text, want := range map[string]string{result: "9/12 3 3; 9/12 3 3; 6/12 3 0; tied 2", without(1): "6/9 3 0; 6/9 3 0; 6/9 3 0; tied 3"} {
		found, err := traceAs(t, d, "he.sec", text)
		if err != nil || len(found.Releases) != 3 || found.Releases[2].Run != other.Run && found.Tied == 2 {
			t.Fatalf("traced %+v, %v, want three releases", found, err)
		}
		var got []string
		for _, r := range found.Releases {
			got = append(got, fmt.Sprintf("%d/%d %d %d", r.Cells, found.Cells, r.Lines, r.Whole))
		}
		if got := strings.Join(append(got, fmt.Sprintf("tied %d", found.Tied)), "; "); got != want {
			t.Errorf("traced %s, want %s", got, want)
		}
	}
	all, err := query.Contents(t.Context(), d.Engine, "medical")
	if err != nil || len(all) != 3 || len(all[0].Cells) != 72 || all[0].Columns != 3 || len(all[0].Rows) != 24 || len(all[0].Whole) != 32 || all[0].Whole != all[1].Whole {
		t.Errorf("digests = %+v, %v, want those of two releases alike", all, err)
	}
	if none, err := query.Contents(t.Context(), d.Engine, "finance"); err != nil || len(none) != 0 {
		t.Errorf("another zone has %v, %v", none, err)
	}
	d.Reopen()
	if found, err := traceAs(t, d, "sun.health", lines[1]); err != nil || len(found.Releases) != 3 || found.Tied != 2 {
		t.Errorf("after a restart traced %+v, %v", found, err)
	}

	var told []string
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "fragment.traced" && e.Zone == "medical" && e.Actor == "he.sec" {
			told = append(told, e.Fields["lines"]+" "+e.Fields["releases"]+" "+e.Fields["runs"])
		}
	}
	slices.Sort(told)
	three := " " + a.Run + " " + again.Run + " " + other.Run
	if want := []string{"1 0 ", "1 0 ", "1 0 ", "1 1 " + a.Run, "2 1 " + a.Run, "2 1 " + a.Run, "2 1 " + a.Run, "3 1 " + a.Run, "3 3" + three, "4 1 " + a.Run, "4 2 " + a.Run + " " + again.Run, "4 3" + three}; !slices.Equal(told, want) {
		t.Errorf("the log tells %q, want %q", told, want)
	}
}
