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

// operatorWith returns the document of the city's operator with another evidence and
// record.
func operatorWith(until, record string) string {
	return `kind: Organization
name: huiyi
spec:
  title: 惠医数据运营有限公司
  kind: operator
  org_form: legal_person
  credit_code: 91610103MA6M5AE288
  security_officer: 周安全
  security_department: 数据安全部
  incident_3y: false
  dishonesty_3y: false
` + record + `  evidence: [{kind: mlps-3, valid_until: "` + until + `"}, {kind: crypto-assessment, valid_until: "2029-12-31"}]
`
}

// NJ24-08: a certificate that ends is told thirty days ahead, at each question, beside
// the license and once in the log, and again when it has ended; from then on nothing
// comes into force.
func TestACertificateThatEndsIsToldAhead(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	d.Apply(querytest.Founder, operatorWith("2027-01-15", ""))
	next := nextLicense(t)
	parties := []string{"sun.health", querytest.Founder, "li.op"}
	for _, c := range []struct {
		day, code, state string // "" for nothing
		told             []string
		refused          bool
	}{
		{"2026-12-15", "", "", nil, false},
		{"2026-12-16", "EVIDENCE_EXPIRING", "EXPIRING", []string{"clock.ahead"}, false},
		{"2027-01-15", "EVIDENCE_EXPIRING", "EXPIRING", []string{"clock.ahead"}, false},
		{"2027-01-16", "EVIDENCE_EXPIRED", "EXPIRED", []string{"clock.ahead", "clock.overdue", "clock.escalated"}, true},
		{"2027-01-17", "EVIDENCE_EXPIRED", "EXPIRED", []string{"clock.ahead", "clock.overdue", "clock.escalated"}, true},
	} {
		on(t, d, c.day)
		var want []string
		if c.code != "" {
			want = []string{c.code + " mlps-3"}
		}
		if got := operatorCodes(warned(t, d)); !slices.Equal(got, want) {
			t.Errorf("%s: explain tells %q, want %q", c.day, got, want)
		}
		s, err := d.Engine.Show(t.Context(), d.Subject(querytest.Founder), query.ShowRequest{Kind: "license", Name: "medical-2026"})
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		if got := operatorCodes(s.Notes); !slices.Equal(got, want) {
			t.Errorf("%s: the license tells %q, want %q", c.day, got, want)
		}
		for who, sees := range map[string]bool{"li.op": true, "sun.health": true, querytest.Founder: true, "qian.hospital": false} {
			open := clocksOf(t, d, who)
			if want := sees && c.code != ""; (len(open) == 1) != want {
				t.Errorf("%s: %s sees the terms %+v", c.day, who, open)
			} else if want && (open[0].State != c.state || open[0].On != "medical-2026 mlps-3" || open[0].Started != "2026-12-16" || open[0].Due != "2027-01-15" ||
				open[0].Overdue != c.refused || open[0].Article != "NJ24-08" || open[0].Origin != "local") {
				t.Errorf("%s: the term is %+v", c.day, open[0])
			}
		}
		var told []string
		for _, x := range d.Audit(querytest.Founder) {
			if strings.HasPrefix(x.Kind, "clock.") && x.Fields["on"] == "evidence medical-2026 mlps-3" {
				told = append(told, x.Kind)
			}
		}
		if !slices.Equal(told, c.told) {
			t.Errorf("%s: the log told %q, want %q", c.day, told, c.told)
		}
		if c.refused {
			if err := d.TryApply(querytest.Founder, strings.Replace(next, "name: medical-2026", "name: next-"+c.day, 1), parties...); querytest.Code(err) != "EVIDENCE_EXPIRED" {
				t.Errorf("%s: a license comes into force: %s", c.day, querytest.Text(err))
			}
		}
	}
	// Renewed, nothing is told, and a license comes into force.
	d.Apply(querytest.Founder, operatorWith("2030-01-15", ""))
	if got, open := operatorCodes(warned(t, d)), clocksOf(t, d, querytest.Founder); len(got)+len(open) > 0 {
		t.Errorf("renewed: explain tells %q, terms are %+v", got, open)
	}
	d.Apply(querytest.Founder, strings.Replace(next, "name: medical-2026", "name: next", 1), parties...)
}

// NJ24-08: the days on an operator's record count by the pack when a license comes into
// force and at each question, as they do when it applies.
func TestADatedRecordCountsWithoutAFlag(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	next := nextLicense(t)
	parties := []string{"sun.health", querytest.Founder, "li.op"}
	for i, c := range []struct{ record, about string }{
		{"", ""},
		{"  incidents: [{\"on\": \"2023-11-22\", ref: 网安〔2023〕1号}]\n", ""},
		{"  incidents: [{\"on\": \"2024-01-05\", ref: 网安〔2024〕1号}]\n", "incident_3y"},
		{"  dishonesty: [{\"on\": \"2023-11-22\", ref: 信用〔2023〕1号}]\n", ""},
		{"  dishonesty: [{\"on\": \"2025-11-01\", ref: 信用〔2025〕1号}]\n", "dishonesty_3y"},
	} {
		d.Apply(querytest.Founder, operatorWith("2029-12-31", c.record))
		var want []string
		if c.about != "" {
			want = []string{"OPERATOR_NOT_ELIGIBLE " + c.about}
		}
		if got := operatorCodes(warned(t, d)); !slices.Equal(got, want) {
			t.Errorf("%q: a question is told %q, want %q", c.record, got, want)
		}
		err := d.TryApply(querytest.Founder, strings.Replace(next, "name: medical-2026", "name: next-"+string(rune('a'+i)), 1), parties...)
		if (err != nil) != (c.about != "") || err != nil && querytest.Code(err) != "OPERATOR_NOT_ELIGIBLE" {
			t.Errorf("%q: a license comes into force: %s", c.record, querytest.Text(err))
		}
	}
	// What is on record now is too old by the day it was three years ago.
	d.Apply(querytest.Founder, operatorWith("2029-12-31", "  incidents: [{\"on\": \"2024-01-05\", ref: 网安〔2024〕1号}]\n"))
	d.Advance(43 * 24 * time.Hour) // 2027-01-05
	if got := operatorCodes(warned(t, d)); len(got) > 0 {
		t.Errorf("three years later a question is told %q", got)
	}
}

func nextLicense(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("querytest", "city", "license.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	license, _, _ := strings.Cut(string(text), "\n---\n")
	return license
}

// warned returns what explain warns of.
func warned(t *testing.T, d *querytest.Domain) []query.ReasonView {
	t.Helper()
	x, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: "SELECT count(*) AS n FROM visits"})
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if x.Verdict != "ALLOW" {
		t.Fatalf("explain = %s %+v", x.Verdict, x.Reasons)
	}
	return x.Warnings
}

// operatorCodes returns the codes about the operator, each with what its text ends with.
func operatorCodes(all []query.ReasonView) (out []string) {
	for _, r := range all {
		if _, about, found := strings.Cut(r.EN, ": "); found && (strings.HasPrefix(r.Code, "OPERATOR_") || strings.HasPrefix(r.Code, "EVIDENCE_")) {
			out = append(out, r.Code+" "+about)
		}
	}
	return out
}
