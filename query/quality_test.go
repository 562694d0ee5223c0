package query_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/quality"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// visitRules are rules of the visits that the city's register meets.
func visitRules(gate, more string) string {
	return `kind: QualityRules
name: visits
spec:
  gate: ` + gate + `
  contract:
    apiVersion: v3.1.0
    kind: DataContract
    id: visits-quality
    version: 1.0.0
    status: active
    schema:
    - name: visits
      quality:
      - {metric: rowCount, mustBeGreaterThan: 0}
      properties:
      - name: visit_id
        primaryKey: true
      - name: district
        relationships: [{to: beds.district}]
        quality:
        - {id: region, metric: invalidValues, arguments: {validator: region_code}, mustBe: 0}
      - name: cost
        quality:
        - {id: cost, metric: invalidValues, arguments: {min: 0, max: 100000}, mustBe: 0}
` + more
}

func TestQuality(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	t.Run("a load without rules is measured", func(t *testing.T) { measuredWithoutRules(t, d.In(t)) })
	t.Run("rules are the provider's, and can be checked", func(t *testing.T) { rulesAreTheProviders(t, d.In(t)) })
	t.Run("keys of another's people are not referred to", func(t *testing.T) { noOracle(t, d.In(t)) })
	t.Run("no report, error or log holds a value", func(t *testing.T) { noValueAnywhere(t, d.In(t)) })
	t.Run("operators see nothing of it", func(t *testing.T) { notForOperators(t, d.In(t)) })
	t.Run("what is due is checked once a day, and stale data are told", func(t *testing.T) { onceADay(t, d.In(t)) })
	t.Run("damaged data are a finding", func(t *testing.T) { damagedIsAFinding(t, d.In(t)) })
}

func TestAGateHoldsAVersionBackUntilItsProviderSettlesIt(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	d.Apply("qian.hospital", visitRules("{minimum_score: 90, errors: true}", ""))
	heldBack(t, d)
}

func measuredWithoutRules(t *testing.T, d *querytest.Domain) {
	t.Helper()
	v, err := d.Engine.Quality(t.Context(), d.Subject("qian.hospital"), "visits", "")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if v.Cause != "load" || v.State != registry.DataCurrent || v.Report.RulesOf != 0 || v.Report.Rows != 399 || len(v.History) != 1 {
		t.Errorf("view %+v of report %+v", v, v.Report)
	}
	assessed := map[quality.Dimension]bool{}
	for _, s := range v.Report.Dimensions {
		assessed[s.Dimension] = s.Assessed
	}
	if assessed[quality.Accuracy] || !assessed[quality.Conformity] || !assessed[quality.Timeliness] || v.Report.Score != 100 || v.Report.Grade != "A" {
		t.Errorf("score %v %s of %v, want 100 without accuracy, of which nothing is known", v.Report.Score, v.Report.Grade, assessed)
	}
}

func rulesAreTheProviders(t *testing.T, d *querytest.Domain) {
	t.Helper()
	rules := visitRules("{minimum_score: 90, errors: true}", "")
	for _, by := range []string{"zheng.police", "wu.dc", querytest.Founder, "li.op", "sun.health"} {
		if code := querytest.Code(d.TryApply(by, rules)); code != "DOCUMENT_REFUSED" {
			t.Errorf("%s applies the rules of the hospitals' visits: %q, want DOCUMENT_REFUSED", by, code)
		}
	}
	for _, bad := range []struct{ more, place string }{
		{"      - {name: diagnosis, quality: [{type: sql, query: 'SELECT 1', mustBe: 0}]}\n", "/spec/contract/schema/0/properties/3/quality/0/type"},
		{"      - {name: nothing, required: true}\n", "/spec/contract/schema/0/properties/3/required"},
	} {
		err := d.TryApply("qian.hospital", visitRules("{}", bad.more))
		if querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(querytest.Text(err), bad.place) {
			t.Errorf("%s: %s, want DOCUMENT_REFUSED at %s", bad.more, querytest.Text(err), bad.place)
		}
	}
	d.Apply("qian.hospital", rules)
	v, err := d.Engine.QualityRules(t.Context(), d.Subject("wu.dc"), "visits")
	if err != nil || len(v.Rules) != 6 || v.Gate.Minimum != 90 || !v.Gate.Errors || v.By != "qian.hospital" || len(v.Faults) != 0 {
		t.Errorf("rules %+v, %v, want six with the gate", v, err)
	}
	view, err := d.Engine.RunQuality(t.Context(), d.Subject("qian.hospital"), "visits")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if !view.Report.Gate.Passed || view.Report.Grade != "A" || view.Cause != "run" || view.Report.RulesOf != v.Version {
		t.Errorf("the city's visits: %+v", view.Report)
	}
	if _, err := d.Engine.RunQuality(t.Context(), d.Subject("sun.health"), "visits"); querytest.Code(err) != "ROLE_REQUIRED" {
		t.Errorf("a regulator runs a check: %v, want ROLE_REQUIRED", err)
	}
}

// noOracle: which of the delivered keys stand in the register of another provider
// is that register's secret.
func noOracle(t *testing.T, d *querytest.Domain) {
	t.Helper()
	err := d.TryApply("qian.hospital", visitRules("{}", "      - {name: id_number, relationships: [{to: persons.id_number}]}\n"))
	if querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(querytest.Text(err), "no column id_number that may be referred to") {
		t.Errorf("a reference to another's people: %q, want DOCUMENT_REFUSED that names the column", querytest.Code(err))
	}
	// The same column of one's own, and a public one of another, are.
	d.Apply("qian.hospital", visitRules("{errors: true}", "      - {name: department, quality: [{id: r, metric: invalidValues, arguments: {references: {dataset: persons, properties: [district]}}, mustBeGreaterThan: 0}]}\n"))
	d.Apply("qian.hospital", visitRules("{errors: true}", ""))
}

// held loads visits of which one district does not exist and one id stands twice.
func held(t *testing.T, d *querytest.Domain) *query.LoadReport {
	t.Helper()
	bad := querytest.Registers().Visits.Clone()
	bad.Rows[6][bad.Column("district")] = "990199"
	bad.Rows[8][bad.Column("visit_id")] = bad.Rows[3][bad.Column("visit_id")]
	r := d.LoadTable("visits", bad)
	if !r.Quarantined || r.Quality.Gate.Passed {
		t.Fatalf("load report %+v, want quarantined", r)
	}
	return r
}

func districts(t *testing.T, d *querytest.Domain) (string, string) {
	t.Helper()
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT district, count(*) AS n FROM visits GROUP BY district ORDER BY district")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	return d.Open("li.op", a).String(), a.Artifact.Header().Label.Sources[0].Version
}

func heldBack(t *testing.T, d *querytest.Domain) {
	t.Helper()
	answer, version := districts(t, d)
	r := held(t, d)
	for id, want := range map[string][]int64{"region": {7}, "visit_id.duplicateValues.primaryKey": {9}, "district.invalidValues.relationship": {7}} {
		i := slices.IndexFunc(r.Quality.Rules, func(o quality.Outcome) bool { return o.ID == id })
		if o := r.Quality.Rules[i]; o.Passed || !slices.Equal(o.Rows, want) {
			t.Errorf("%s: %+v, want rows %v", id, o, want)
		}
	}
	// Nobody queries it: the version before answers.
	if now, v := districts(t, d); now != answer || v != version {
		t.Errorf("after the quarantine %s answers\n%s, want %s\n%s", v, now, version, answer)
	}
	items, err := d.Engine.Qualities(t.Context(), d.Subject("qian.hospital"))
	if err != nil || len(items) != 2 {
		t.Fatalf("items %+v, %v, want the hospitals' two", items, err)
	}
	if i := items[1]; i.Dataset != "visits" || !slices.Equal(i.Waiting, []string{r.Version}) || i.State != registry.DataQuarantined {
		t.Errorf("item %+v, want the version waiting", i)
	}
	// A restart keeps both, and what they are.
	d.Reopen()
	settle := func(by string, o query.QualityOrder) error {
		_, err := d.Engine.SettleQuality(t.Context(), d.Subject(by), "visits", o)
		return err
	}
	release := query.QualityOrder{Version: r.Version, Release: true, Reason: "区划代码为新设,已核实"}
	for _, by := range []string{"wu.dc", querytest.Founder, "sun.health"} {
		if code := querytest.Code(settle(by, release)); code != "ROLE_REQUIRED" {
			t.Errorf("%s releases: %q, want ROLE_REQUIRED", by, code)
		}
	}
	for _, by := range []string{"zheng.police", "li.op"} {
		if code := querytest.Code(settle(by, release)); code != "NOT_FOUND" {
			t.Errorf("%s releases: %q, want NOT_FOUND", by, code)
		}
	}
	if code := querytest.Code(settle("qian.hospital", query.QualityOrder{Version: version, Release: false, Reason: "x"})); code != "NOT_FOUND" {
		t.Errorf("the current version is rejected: %q, want NOT_FOUND", code)
	}
	if code := querytest.Code(settle("qian.hospital", query.QualityOrder{Version: r.Version, Release: true})); code != "BAD_REQUEST" {
		t.Errorf("without a reason: %q, want BAD_REQUEST", code)
	}
	if err := settle("qian.hospital", release); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if now, v := districts(t, d); v != r.Version || !strings.Contains(now, "320102") {
		t.Errorf("after the release %s answers\n%s, want %s", v, now, r.Version)
	}
	if code := querytest.Code(settle("qian.hospital", release)); code != "DATA_STATE" {
		t.Errorf("released twice: %q, want DATA_STATE", code)
	}
	// Two people took it back: one alone neither puts it into use again nor retires it.
	for _, by := range []string{"wu.dc", "sun.health"} {
		if _, err := d.Engine.Rollback(t.Context(), d.Subject(by), query.VersionOrder{Dataset: "visits", Version: version, Reason: "x"}); err != nil {
			t.Fatal(querytest.Text(err))
		}
	}
	for _, again := range []bool{true, false} {
		if code := querytest.Code(settle("qian.hospital", query.QualityOrder{Version: r.Version, Release: again, Reason: "x"})); code != "DATA_STATE" {
			t.Errorf("after it was rolled back, released %v: %q, want DATA_STATE", again, code)
		}
	}
	again := held(t, d)
	if err := settle("qian.hospital", query.QualityOrder{Version: again.Version, Reason: "重报"}); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if code := querytest.Code(settle("qian.hospital", query.QualityOrder{Version: again.Version, Release: true, Reason: "x"})); code != "DATA_STATE" {
		t.Errorf("released after it was rejected: %q, want DATA_STATE", code)
	}
	kinds := map[string]int{}
	for _, e := range d.Audit(querytest.Founder) {
		if e.Fields["dataset"] == "visits" {
			kinds[strings.Join([]string{e.Kind, e.Fields["gate"], e.Actor}, " ")]++
		}
	}
	for kind, want := range map[string]int{"quality.report stopped wu.dc": 2, "data.quarantined  wu.dc": 2, "data.current  qian.hospital": 1, "data.retired  qian.hospital": 1} {
		if kinds[kind] != want {
			t.Errorf("the log has %d entries %s, want %d: %v", kinds[kind], kind, want, kinds)
		}
	}
}

// noValueAnywhere: canaries where every rule finds something, in reports as each
// role reads them, the load's report, the page, refusals, the log and the gate's
// own log.
func noValueAnywhere(t *testing.T, d *querytest.Domain) {
	t.Helper()
	const canary, district = "金丝雀8261", "826182"
	bad := querytest.Registers().Visits.Clone()
	for i := range 5 {
		bad.Rows[i][bad.Column("visit_id")] = canary
		bad.Rows[i][bad.Column("district")] = district
		bad.Rows[i][bad.Column("cost")] = "-8261.5"
	}
	r := d.LoadTable("visits", bad)
	texts := map[string]string{}
	add := func(where string, v any) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		texts[where] = string(b)
	}
	add("load", r)
	for _, who := range []string{"qian.hospital", "wu.dc", "sun.health", querytest.Founder} {
		v, err := d.Engine.Quality(t.Context(), d.Subject(who), "visits", r.Version)
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		add("show "+who, v)
		var page strings.Builder
		if err := quality.HTML(&page, v.Report, v.History, "zh"); err != nil {
			t.Fatal(err)
		}
		texts["page "+who] = page.String()
	}
	if len(r.Quality.Gate.Failed) < 4 {
		t.Errorf("control: %v failed, want four rules", r.Quality.Gate.Failed)
	}
	_, err := d.Engine.SettleQuality(t.Context(), d.Subject("wu.dc"), "visits", query.QualityOrder{Version: r.Version, Release: true, Reason: "x"})
	texts["refusal"] = querytest.Text(err)
	add("audit", d.Audit(querytest.Founder))
	texts["log"] = d.Log.String()
	for _, name := range []string{"registry.db", "registry.db-wal"} {
		if b, err := os.ReadFile(filepath.Join(d.Config.Domain, name)); err == nil {
			texts[name] = string(b)
		}
	}
	for where, text := range texts {
		for _, value := range []string{canary, district, "8261.5"} {
			if strings.Contains(text, value) {
				t.Errorf("%s holds %s", where, value)
			}
		}
	}
	if !strings.Contains(texts["audit"], "quality.report") {
		t.Error("control: the log has no report")
	}
}

func notForOperators(t *testing.T, d *querytest.Domain) {
	t.Helper()
	op := d.Subject("li.op")
	for name, ask := range map[string]func() error{
		"show":    func() error { _, err := d.Engine.Quality(t.Context(), op, "visits", ""); return err },
		"history": func() error { _, err := d.Engine.QualityHistory(t.Context(), op, "visits"); return err },
		"rules":   func() error { _, err := d.Engine.QualityRules(t.Context(), op, "visits"); return err },
		"run":     func() error { _, err := d.Engine.RunQuality(t.Context(), op, "visits"); return err },
		"get":     func() error { _, err := d.Engine.Documents(t.Context(), op, "QualityRules", "visits"); return err },
	} {
		if code := querytest.Code(ask()); code != "NOT_FOUND" {
			t.Errorf("an operator's %s: %q, want NOT_FOUND", name, code)
		}
	}
	if items, err := d.Engine.Qualities(t.Context(), op); err != nil || len(items) != 0 {
		t.Errorf("an operator's list: %v, %v, want nothing", items, err)
	}
}

func onceADay(t *testing.T, d *querytest.Domain) {
	t.Helper()
	count := func() (reports, stale int) {
		for _, e := range d.Audit(querytest.Founder) {
			switch {
			case e.Kind == "quality.report" && e.Fields["check"] == "daily":
				reports++
			case e.Kind == "quality.stale":
				stale++
			}
		}
		return reports, stale
	}
	check := func() {
		if err := d.Engine.CheckDue(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(querytest.Text(err))
		}
	}
	check() // loaded and checked today
	d.Advance(24 * time.Hour)
	check()
	check()
	if reports, stale := count(); reports != 3 || stale != 0 {
		t.Errorf("after a day %d reports and %d alerts, want 3 and 0", reports, stale)
	}
	d.Advance(30 * 24 * time.Hour) // 53 days after the data were acquired, a month being their period
	check()
	check()
	if reports, stale := count(); reports != 6 || stale != 3 {
		t.Errorf("a month later %d reports and %d alerts, want 6 and 3", reports, stale)
	}
	v, err := d.Engine.Quality(t.Context(), d.Subject("qian.hospital"), "beds", "")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	i := slices.IndexFunc(v.Report.Rules, func(o quality.Outcome) bool { return o.ID == "freshness" })
	if o := v.Report.Rules[i]; o.Passed || o.Count != 53-31 || o.Dimension != quality.Timeliness {
		t.Errorf("freshness %+v, want 22 days over", o)
	}
	items, err := d.Engine.Qualities(t.Context(), d.Subject("wu.dc"))
	if err != nil || len(items) != 3 || !items[0].Stale || *items[0].AgeDays != 53 {
		t.Errorf("items %+v, %v, want three stale ones of 53 days", items, err)
	}
}

func damagedIsAFinding(t *testing.T, d *querytest.Domain) {
	t.Helper()
	v, err := d.Engine.RunQuality(t.Context(), d.Subject("wu.dc"), "beds")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	files, err := filepath.Glob(filepath.Join(d.Config.Domain, "zones", "*", "*", v.Report.Version, "c002*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("chunks %v, %v", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	broken := slices.Clone(whole)
	broken[len(broken)/2] ^= 1
	if err := os.WriteFile(files[0], broken, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.WriteFile(files[0], whole, 0o600)
	v, err = d.Engine.RunQuality(t.Context(), d.Subject("wu.dc"), "beds")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	for _, s := range v.Report.Dimensions {
		if s.Dimension == quality.Accessibility && (s.Score != 0 || s.Failed != 1) {
			t.Errorf("accessibility %+v, want 0", s)
		}
	}
	if fmt.Sprint(v.Report.Grade) == "A" {
		t.Errorf("grade %s of data that cannot be read", v.Report.Grade)
	}
}
