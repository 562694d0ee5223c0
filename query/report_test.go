package query_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// TestReportsAgreeWithACountByHand: what the reports say is what was done, and what a
// plain count of the log gives.
func TestReportsAgreeWithACountByHand(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	day := func() string { return d.Now().UTC().Add(8 * time.Hour).Format(time.DateOnly) }
	ask := func(sql, want string) string {
		t.Helper()
		a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
		if querytest.Code(err) != want {
			t.Fatalf("%s = %v, want %q", sql, err, want)
		}
		if err != nil {
			return ""
		}
		return a.Run
	}
	period := query.Period{From: day(), To: day()}
	run := ask(perDistrict, "") // persons
	ask(acrossTokens, "")       // persons and visits
	ask("SELECT address FROM persons", "NOT_GRANTED")
	if _, err := d.Resume("li.op", run); err != nil { // handed out again
		t.Fatal(err)
	}
	rows := map[string]int64{}
	for _, name := range []string{"persons", "visits"} {
		for _, v := range versionsOf(t, d, name) {
			rows[name] = v.Rows
		}
	}
	d.Advance(48 * time.Hour)
	ask(perDistrict, "") // in no report of that day
	use := func(who string, p query.Period) *query.UseReport {
		t.Helper()
		r, err := d.Engine.Use(t.Context(), d.Subject(who), p)
		if err != nil {
			t.Fatalf("use by %s: %v", who, err)
		}
		return r
	}
	got := use("feng.audit", period)
	if len(got.Rows) != 1 {
		t.Fatalf("use = %+v, want one row", got)
	}
	groups := got.Rows[0].Released - 1 // and the row of acrossTokens
	want := query.UseRow{License: "medical-2026", Scenario: querytest.Scenario, Operator: "huiyi", Person: "li.op",
		Runs: 2, Denied: 1, Scanned: 2*rows["persons"] + rows["visits"], Outputs: 2, Released: groups + 1, Downloads: 1}
	if groups < 1 || got.Rows[0] != want {
		t.Errorf("use = %+v, want %+v", got.Rows[0], want)
	}
	for _, who := range []string{"sun.health", querytest.Founder} {
		if r := use(who, period); !reflect.DeepEqual(r.Rows, got.Rows) {
			t.Errorf("use by %s = %+v", who, r.Rows)
		}
	}
	want.Scanned = (want.Scanned + 999) / 1000 * 1000
	if r := use("li.op", period); len(r.Rows) != 1 || r.Rows[0] != want {
		t.Errorf("use by the operator = %+v, want %+v", r.Rows, want)
	}

	risk, err := d.Engine.Risk(t.Context(), d.Subject("feng.audit"), period)
	if err != nil {
		t.Fatal(err)
	}
	byKind, total := map[string]int{}, uint64(0)
	for _, e := range d.Audit("feng.audit") { // by hand
		if e.At.UTC().Add(8*time.Hour).Format(time.DateOnly) == period.From {
			byKind[e.Kind]++
			total++
		}
	}
	if risk.Entries != total {
		t.Errorf("risk report of %d entries, want %d", risk.Entries, total)
	}
	for _, h := range risk.Headings {
		if h.Count != byKind[h.Kind] {
			t.Errorf("%s %s: %d entries, want %d", h.Kind, h.Reason, h.Count, byKind[h.Kind])
		}
		delete(byKind, h.Kind)
	}
	if len(byKind) > 0 {
		t.Errorf("kinds that the risk report leaves out: %v", byKind)
	}
	if i := slices.IndexFunc(risk.Headings, func(h query.RiskHeading) bool { return h.Kind == "query.denied" }); i < 0 || risk.Headings[i].Reason != "NOT_GRANTED" || risk.Headings[i].Heading != query.RiskDenied {
		t.Errorf("refusals = %+v", risk.Headings)
	}

	unused, err := d.Engine.Unused(t.Context(), d.Subject("li.op"), period)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range unused.Grants {
		for _, c := range g.Unused {
			if g.Scenario == querytest.Scenario && slices.Contains([]string{"persons.district", "persons.id_number", "visits.id_number"}, g.Dataset+"."+c) {
				t.Errorf("%s of %s is told to be unused", c, g.Dataset)
			}
		}
		if g.Scenario == querytest.Scenario && g.Dataset == "persons" && (g.Runs != 2 || g.Granted != len(g.Unused)+2) {
			t.Errorf("unused = %+v, want all of persons but two columns", g)
		}
	}
	text, err := json.Marshal([]any{got, risk, unused})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ToUpper(string(text)), "SELECT") {
		t.Error("a report holds a statement")
	}
}

func versionsOf(t *testing.T, d *querytest.Domain, dataset string) []query.VersionView {
	t.Helper()
	out, err := d.Engine.Versions(t.Context(), d.Subject("wu.dc"), query.VersionQuery{Dataset: dataset})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestASampleIsTheSameAgain: same seed and period, same sample; each draw is logged;
// nobody judges their own.
func TestASampleIsTheSameAgain(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	for range 6 {
		if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, perDistrict); err != nil {
			t.Fatal(err)
		}
	}
	day := d.Now().UTC().Add(8 * time.Hour).Format(time.DateOnly)
	o := query.SampleOrder{Period: query.Period{From: day, To: day}, Seed: "spring", Size: 3}
	draw := func(who string, o query.SampleOrder, want string) *query.Sample {
		t.Helper()
		s, err := d.Engine.DrawSample(t.Context(), d.Subject(who), o)
		if querytest.Code(err) != want {
			t.Fatalf("draw by %s = %v, want %q", who, err, want)
		}
		return s
	}
	draw("feng.audit", o, "BAD_REQUEST") // the day is not over
	d.Advance(24 * time.Hour)
	first := draw("feng.audit", o, "")
	if first.Population != 6 || len(first.Items) != 3 {
		t.Fatalf("sample = %+v, want 3 of 6", first)
	}
	if again := draw(querytest.Founder, o, ""); !reflect.DeepEqual(again.Items, first.Items) || again.ID == first.ID {
		t.Errorf("the same seed gives %+v, want %+v", again.Items, first.Items)
	}
	if regional := draw("sun.health", o, ""); !reflect.DeepEqual(regional.Items, first.Items) {
		t.Errorf("the regulator of all of it gets %+v", regional.Items)
	}
	different := 0
	for i := range 8 {
		other := o
		other.Seed = fmt.Sprint("seed-", i)
		if !reflect.DeepEqual(draw("feng.audit", other, "").Items, first.Items) {
			different++
		}
	}
	if different < 5 {
		t.Errorf("%d of 8 other seeds give another sample", different)
	}
	for _, who := range []string{"li.op", "wu.dc", "zheng.police"} {
		draw(who, o, "ROLE_REQUIRED")
	}
	judge := func(who, id string, o query.VerdictOrder, want string) {
		t.Helper()
		if _, err := d.Engine.Judge(t.Context(), d.Subject(who), id, o); querytest.Code(err) != want {
			t.Errorf("verdict %+v by %s = %v, want %q", o, who, err, want)
		}
	}
	index := first.Items[1].Index
	sound := query.VerdictOrder{Index: index, Verdict: query.VerdictSound, Reason: "材料齐全"}
	judge("feng.audit", first.ID, sound, "")
	judge("li.op", first.ID, sound, "ROLE_REQUIRED")
	judge("feng.audit", first.ID, query.VerdictOrder{Index: 1, Verdict: query.VerdictSound, Reason: "x"}, "NOT_FOUND")
	judge("feng.audit", first.ID, query.VerdictOrder{Index: index, Verdict: "FINE", Reason: "x"}, "BAD_REQUEST")
	judge("feng.audit", first.ID, query.VerdictOrder{Index: index, Verdict: query.VerdictSound}, "BAD_REQUEST")
	judge("feng.audit", "ev-0000000001-001", sound, "NOT_FOUND")
	judge("sun.health", first.ID, sound, "NOT_FOUND") // drawn for the whole domain
	d.Reopen()
	s, err := d.Engine.Sample(t.Context(), d.Subject("feng.audit"), first.ID)
	if err != nil || len(s.Items) != 3 || len(s.Items[1].Verdicts) != 1 || s.Items[1].Verdicts[0].By != "feng.audit" || s.Items[1].Verdicts[0].Verdict != query.VerdictSound {
		t.Errorf("after a restart = %+v, %v", s, err)
	}
	draws := 0
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "sample.drawn" && e.Fields["seed"] != "" {
			draws++
		}
	}
	if draws != 11 {
		t.Errorf("%d draws in the log, want 11", draws)
	}
}

// TestNobodyRechecksTheirOwnApproval: who approved, and whoever is of the same
// organization, gives no verdict on it.
func TestNobodyRechecksTheirOwnApproval(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT name, phone FROM persons ORDER BY name, phone LIMIT 3")
	if querytest.Code(err) != "QUERY_IN_REVIEW" {
		t.Fatalf("ask = %v, want QUERY_IN_REVIEW", err)
	}
	d.Approve("sun.health", query.AsError(err).Run)
	day := d.Now().UTC().Add(8 * time.Hour).Format(time.DateOnly)
	d.Advance(24 * time.Hour)
	s, err := d.Engine.DrawSample(t.Context(), d.Subject("sun.health"), query.SampleOrder{Period: query.Period{From: day, To: day}, Size: 9})
	if err != nil || len(s.Items) != 1 || s.Items[0].Kind != "review.approved" {
		t.Fatalf("sample = %+v, %v", s, err)
	}
	o := query.VerdictOrder{Index: s.Items[0].Index, Verdict: query.VerdictFinding, Reason: "依据不足"}
	if _, err := d.Engine.Judge(t.Context(), d.Subject("sun.health"), s.ID, o); querytest.Code(err) != "OWN_DECISION" {
		t.Errorf("by who approved = %v, want OWN_DECISION", err)
	}
	if _, err := d.Engine.Judge(t.Context(), d.Subject(querytest.Founder), s.ID, o); err != nil {
		t.Errorf("by the city authority = %v", err)
	}
}
