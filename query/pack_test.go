package query_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// TestALicenseComesIntoForceAsThePackOfItsZoneAllows applies one license under
// each city's pack, after nanjing-2024 has lapsed: only the zone's pack differs.
func TestALicenseComesIntoForceAsThePackOfItsZoneAllows(t *testing.T) {
	t.Parallel()
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
		{"nanjing-2019", "LICENSE_AWARD"}, // and its license is commercial (NJ19-27)
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
		based := license
		if c.refusal == "LICENSE_AWARD" {
			if err := d.TryApply(querytest.Founder, named(license, "unawarded-"+number), "sun.health", querytest.Founder, "li.op"); querytest.Code(err) != c.refusal {
				t.Errorf("%s with a recorded basis and no award: %s", c.pack, querytest.Text(err))
			}
			based = strings.Replace(license, "  purpose_class:", "  award_method: OPEN_TENDER\n  award_ref: 宁招〔2026〕1号\n  purpose_class:", 1)
		}
		if err := d.TryApply(querytest.Founder, named(based, "based-"+number), "sun.health", querytest.Founder, "li.op"); err != nil {
			t.Errorf("%s with a recorded basis: %s", c.pack, querytest.Text(err))
		}
	}
}

// JM19-18: a purpose that the pack of the zone does not publish comes into force by no
// license and no scenario, and is no purpose of a question; one that it does is.
func TestAPurposeOffThePublishedListIsRefused(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	text, err := os.ReadFile(filepath.Join("querytest", "city", "license.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	license, scenario, _ := strings.Cut(strings.NewReplacer("medical-2026", "second-2026", "outpatient-statistics", "second-statistics").Replace(string(text)), "---\n")
	bounded := func(codes string) string {
		return strings.Replace(license, "purposes: [MED-STAT]", "purposes: ["+codes+"]", 1)
	}
	loose := strings.Replace(license, ", purposes: [MED-STAT]", "", 1)
	of := func(code string) string {
		return strings.Replace(scenario, "purpose_code: MED-STAT", "purpose_code: "+code, 1)
	}
	three := []string{"sun.health", querytest.Founder, "li.op"}
	for _, c := range []struct {
		name, documents string
		refused         bool
	}{
		{"a license that names one", bounded("MED-STAT, AD-TARGETING"), true},
		{"a license that names listed ones", bounded("MED-STAT, EPI-STAT"), false},
		{"a scenario beside its license", loose + "---\n" + of("AD-TARGETING"), true},
		{"a license without bounds", loose, false},
		{"a scenario of a license without bounds", of("AD-TARGETING"), true},
		{"a scenario in words", of("market.research"), true},
		{"a scenario of a listed purpose", of("EPI-STAT"), false},
	} {
		err := d.TryApply(querytest.Founder, c.documents, three...)
		if (err != nil) != c.refused || c.refused && querytest.Code(err) != "PURPOSE_UNLISTED" {
			t.Errorf("%s: %v, want it refused: %v", c.name, err, c.refused)
		}
		if c.refused && err != nil && !slices.Equal(query.AsError(err).Articles, []string{"JM19-18"}) {
			t.Errorf("%s: refused under %q", c.name, query.AsError(err).Articles)
		}
	}
	const count = "SELECT count(*) FROM beds"
	for _, c := range []struct {
		purpose string
		want    bool
	}{{"AD-TARGETING", true}, {"EPI-STAT", false}} { // which is another scenario's
		x, err := explain(t, d, c.purpose, count)
		if err != nil || !slices.Contains(codesOf(x.Reasons), "PURPOSE_MISMATCH") || slices.Contains(codesOf(x.Reasons), "PURPOSE_UNLISTED") != c.want {
			t.Errorf("explained for %s: %+v, %v, want PURPOSE_UNLISTED: %v", c.purpose, x, err, c.want)
			continue
		}
		for _, r := range x.Reasons {
			if r.Code == "PURPOSE_UNLISTED" && (!strings.Contains(r.HintZH, "pack show") || !strings.Contains(r.HintEN, "pack show")) {
				t.Errorf("the next step is %q, %q, want pack show", r.HintZH, r.HintEN)
			}
		}
	}
	if _, err := d.Ask("li.op", querytest.Scenario, "AD-TARGETING", count); err == nil || !strings.Contains(querytest.Text(err), "PURPOSE_UNLISTED") {
		t.Errorf("asked for AD-TARGETING: %v", err)
	}
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, count); err != nil {
		t.Errorf("asked for %s: %s", querytest.Purpose, querytest.Text(err))
	}
}

// A question under a regulation that has ended is answered by its recorded basis,
// and told so each time; under one in force nothing is told.
func TestAQuestionUnderALapsedPackIsToldOfIt(t *testing.T) {
	t.Parallel()
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

// NJ24-24: what runs when the regulation ends goes on, each decision warns, the city is
// told once a day; nothing more comes into force until a basis is on record.
func TestARunningAgreementGoesOnWhenItsPackEndsAndNothingBegins(t *testing.T) {
	t.Parallel()
	d := watched(t)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("querytest", "city", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	license, scenario, _ := strings.Cut(read("license"), "\n---\n")
	grants := strings.Split(read("grants"), "\n---\n")
	visits, beds := grants[1], grants[2]
	line := func(text, from, to string) string { return strings.Replace(text, from, to, 1) }
	bare := line(license, "  renewed_basis: 宁政数〔2026〕示例号:办法期满后协议继续履行\n", "")
	parties := []string{"sun.health", querytest.Founder, "li.op"}
	d.Apply(querytest.Founder, line(read("zone"), "pack: nanjing-2024", "pack: yancheng-2022"))
	d.Apply(querytest.Founder, bare, parties...)
	const sql = "SELECT department, count(*) AS n FROM visits GROUP BY department"
	told := func() []string {
		t.Helper()
		x, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: sql})
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		return append(codesOf(x.Reasons), codesOf(x.Warnings)...)
	}
	shown := func(kind, name string) []string {
		t.Helper()
		s, err := d.Engine.Show(t.Context(), d.Subject(querytest.Founder), query.ShowRequest{Kind: kind, Name: name})
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		return codesOf(s.Notes)
	}
	alerts := func() []query.AlertView { return alertsBy(t, d, "pack_lapsed") }
	ask := func() {
		t.Helper()
		if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql); err != nil {
			t.Fatal(querytest.Text(err))
		}
	}
	begins := []struct {
		what, by, document string
		signers            []string
	}{
		{"a license of the next years", querytest.Founder, line(bare, "name: medical-2026", "name: medical-2027"), parties},
		{"other terms", querytest.Founder, line(bare, "统计分析", "统计分析与预测"), parties},
		{"a scenario", "sun.health", line(scenario, "name: outpatient-statistics", "name: next-statistics"), nil},
		{"another recipient", "sun.health", line(scenario, "recipients: [li.op]", "recipients: [li.op, zhou.officer]"), nil},
		{"a grant", "sun.health", line(beds, "name: beds-statistics", "name: beds-more"), []string{"sun.health", "qian.hospital"}},
		{"a column more", "sun.health", visits + "\n    - {name: visit_id, mode: COMPUTE_ONLY, permissions: [\"agg:count\"]}\n", []string{"sun.health", "qian.hospital"}},
		{"a template", "sun.health", "kind: Template\nname: by-department\nspec: {scenario: outpatient-statistics, title: 按科室, sql: \"" + sql + "\", from: \"2026-01-01\", until: \"2030-12-31\"}", []string{"li.op", "sun.health"}},
	}
	d.Apply("sun.health", strings.TrimRight(beds, "\n")+"\n  status: REVOKED\n  status_reason: 另行授权\n", "sun.health", "qian.hospital")
	request := askFor(t, d, "want-address", wantAddress)
	request.must("sun.health", "assess", "PROV_REVIEWING")
	if got := append(told(), shown("zone", "medical")...); len(got) > 0 {
		t.Errorf("in force: told %q", got)
	}
	ask()

	d.Advance(373 * 24 * time.Hour) // 2027-12-01
	for what, got := range map[string][]string{"explain": told(), "zone": shown("zone", "medical"), "license": shown("license", "medical-2026")} {
		if !slices.Equal(got, []string{"PACK_LAPSED"}) {
			t.Errorf("ended: %s told %q", what, got)
		}
	}
	ask()
	ask()
	if all := alerts(); len(all) != 1 || all[0].Subject != "medical-2026" || !slices.Equal(all[0].Recipients, []string{"city_authority", "zone_regulator"}) {
		t.Errorf("two questions of a day raise %+v", all)
	}
	d.Advance(25 * time.Hour)
	ask()
	if all := alerts(); len(all) != 2 {
		t.Errorf("the next day there are %d alerts, want 2", len(all))
	}
	for _, b := range begins {
		if err := d.TryApply(b.by, b.document, b.signers...); querytest.Code(err) != "PACK_LAPSED" || !slices.Equal(query.AsError(err).Articles, []string{"NJ24-24"}) {
			t.Errorf("%s begins under a pack that has ended: %s", b.what, querytest.Text(err))
		}
	}
	request.refused("qian.hospital", "approve", "NOT_FOUND")
	request.refused("zheng.police", "approve", "PACK_LAPSED")
	// What gives less is taken, and what is as it was.
	d.Apply("sun.health", line(visits, `until: "2030-12-31"`, `until: "2029-12-31"`), "sun.health", "qian.hospital")
	ask()

	// With a basis on record all of it begins.
	based := func(text string) string {
		return line(text, "  purpose_class:", "  renewed_basis: 盐政数〔2027〕示例号\n  purpose_class:")
	}
	d.Apply(querytest.Founder, based(bare), parties...)
	for i, b := range begins {
		if i < 2 {
			b.document = based(b.document)
		}
		if err := d.TryApply(b.by, b.document, b.signers...); err != nil {
			t.Errorf("%s with a basis on record: %s", b.what, querytest.Text(err))
		}
	}
	if got := told(); !slices.Equal(got, []string{"PACK_LAPSED"}) {
		t.Errorf("with a basis on record: told %q", got)
	}
	d.Advance(25 * time.Hour)
	before := len(alerts())
	ask()
	if after := len(alerts()); after != before {
		t.Errorf("with a basis on record the city is told %d times more", after-before)
	}
}
