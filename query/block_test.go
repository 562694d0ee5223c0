package query_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// While access is closed the key of a frozen output opens nothing by the key folder's
// own word; that of an output which the measure is not about opens. Lifting changes
// nothing: all its reviewers do.
func TestTheKeyOfAFrozenOutputOpensNothing(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	for i, l := range switchLevels {
		if !campaign() && i%2 == 1 {
			continue
		}
		t.Run(l.level, func(t *testing.T) {
			d := d.In(t)
			run := approvedOutput(t, d)
			other, _ := sets(t, d, closes(registry.LevelDataset, "beds"), querytest.Founder)
			if err := query.HoldOpens(d.Engine, run); err != nil {
				t.Errorf("under a measure about another dataset: %v", err)
			}
			lifts(t, d, other, closes(registry.LevelDataset, "beds"), querytest.Founder)
			m := closes(l.level, l.target)
			name, _ := sets(t, d, m, l.by...)
			blocked := func(when string) {
				t.Helper()
				if err := query.HoldOpens(d.Engine, run); !errors.Is(err, keys.ErrBlocked) {
					t.Errorf("%s its key gives %v, want it blocked", when, err)
				}
			}
			blocked("under the measure")
			lifts(t, d, name, m, l.by...)
			blocked("once it is lifted")
			if _, err := d.Resume("li.op", run); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
				t.Fatalf("after lifting it gives %s", querytest.Text(err))
			}
			blocked("while it is reviewed anew")
			d.Approve("sun.health", run)
			blocked("with one of two reviewers")
			d.Approve("zheng.police", run)
			if _, err := d.Resume("li.op", run); err != nil {
				t.Errorf("reviewed anew: %s", querytest.Text(err))
			}
		})
	}
}

// A registry that does not know of the freezing releases nothing: approvals of before it
// do not open the key. And a gate that died before it blocked a key does so at its start.
func TestTheKeyFolderRemembersWhatTheRegistryForgot(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	run := approvedOutput(t, d)
	m := closes(registry.LevelScenario, querytest.Scenario)
	name, _ := sets(t, d, m, "sun.health")
	if err := query.Unblock(d.Engine, run); err != nil {
		t.Fatal(err)
	}
	d.Reopen()
	if err := query.HoldOpens(d.Engine, run); !errors.Is(err, keys.ErrBlocked) {
		t.Errorf("after a start the key gives %v, want it blocked", err)
	}
	lifts(t, d, name, m, "sun.health")
	if err := query.Unfrozen(d.Engine, run); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Resume("li.op", run); querytest.Code(err) != "WITHHELD" {
		t.Errorf("an output that the registry calls approved gives %v, want WITHHELD", err)
	}
	closedOnce(t, d, run)
}

// What people froze is blocked for good.
func TestTheKeyOfWhatPeopleFrozeIsBlocked(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	run := approvedOutput(t, d)
	if _, err := d.Engine.MoveOutput(t.Context(), d.Subject("wu.dc"), run, "freeze", "NJ24-23"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if err := query.HoldOpens(d.Engine, run); !errors.Is(err, keys.ErrBlocked) {
		t.Errorf("its key gives %v, want it blocked", err)
	}
}

// The end of a license by the clock is a switch like any other: what is held under it
// is frozen, what waits is void (4.1).
func TestTheClockFreezesWhatALicenseHolds(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	last := time.Date(2030, 12, 31, 23, 0, 0, 0, time.FixedZone("CST", 8*60*60))
	d.Advance(last.Sub(d.Now()))
	run := approvedOutput(t, d)
	waits := cityRefuses(t, d, "SELECT name, district FROM persons LIMIT 2", "QUERY_IN_REVIEW")
	d.Advance(time.Hour)
	if err := d.Engine.ExpireDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kinds := auditKinds(d, run); tally(kinds, "output.frozen") != 1 {
		t.Errorf("the held output has the entries %q", kinds)
	}
	if kinds := auditKinds(d, waits); tally(kinds, "query.voided") != 1 {
		t.Errorf("what waits has the entries %q", kinds)
	}
	if err := query.HoldOpens(d.Engine, run); !errors.Is(err, keys.ErrBlocked) {
		t.Errorf("its key gives %v, want it blocked", err)
	}
}

// Access that is closed while a download is under way closes it too, however late the
// download is told.
func TestADownloadMeetsTheSwitch(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) FROM persons")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	collect := func(between func()) string {
		_, err := query.CollectLate(t.Context(), d.Engine, d.Subject("li.op"), a.Run, between)
		return querytest.Code(err)
	}
	if c := collect(func() {}); c != "" {
		t.Fatalf("a download gives %s", c)
	}
	m, name := closes(registry.LevelScenario, querytest.Scenario), ""
	if c := collect(func() { name, _ = sets(t, d, m, "sun.health") }); c != "STOPPED" && c != "WITHHELD" {
		t.Errorf("a download that the measure overtook gives %q", c)
	}
	if n := tally(auditKinds(d, a.Run), "output.downloaded"); n != 1 {
		t.Errorf("%d downloads, want the one of before", n)
	}
	lifts(t, d, name, m, "sun.health")
	if c := collect(func() {}); c != "" {
		t.Errorf("after lifting a download gives %s", c)
	}
}

// Of two measures at one target the one that is left withholds as both did.
func TestTwoMeasuresAreLiftedOneByOne(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	run := approvedOutput(t, d)
	m := closes(registry.LevelScenario, querytest.Scenario)
	first, s := sets(t, d, m, "sun.health")
	second, again := sets(t, d, m, querytest.Founder)
	if s.Frozen != 1 || again.Frozen != 0 {
		t.Errorf("the measures froze %d and %d outputs, want one and none", s.Frozen, again.Frozen)
	}
	lifts(t, d, first, m, "sun.health")
	if _, err := d.Resume("li.op", run); querytest.Code(err) != "WITHHELD" {
		t.Errorf("with one of two lifted it gives %s", querytest.Text(err))
	}
	if c := code(d, perDistrict); c != "ACCESS_CLOSED" && c != "DENIED" {
		t.Errorf("with one of two lifted a question gives %q", c)
	}
	lifts(t, d, second, m, querytest.Founder)
	if _, err := d.Resume("li.op", run); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Errorf("with both lifted it gives %s", querytest.Text(err))
	}
	leaves(t, d, run)
}

// A column that is closed is read by no statement, wherever it stands in it, is explained
// to nobody, and what was made of it is frozen; its neighbors are as before.
func TestAClosedColumnIsReadNowhere(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	run := approvedOutput(t, d) // name and district
	m := closes(registry.LevelColumn, "persons.district")
	name, s := sets(t, d, m, "zheng.police")
	if s.Frozen != 1 {
		t.Errorf("the measure froze %+v, want the output made of the column", *s)
	}
	if _, err := d.Resume("li.op", run); querytest.Code(err) != "WITHHELD" {
		t.Errorf("the output made of it gives %s", querytest.Text(err))
	}
	for _, sql := range []string{perDistrict, "SELECT count(*) FROM persons WHERE district = '320104'", "SELECT name FROM persons ORDER BY district LIMIT 3",
		"SELECT x FROM (SELECT avg(income) AS x, district AS y FROM persons GROUP BY district)"} {
		if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql); query.AsError(err).Class != query.ClassDenied {
			t.Errorf("%s gives %s", sql, querytest.Text(err))
		}
		x, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: sql})
		if err == nil && x.Verdict != "DENY" {
			t.Errorf("%s is explained as %s", sql, x.Verdict)
		}
	}
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) FROM persons"); err != nil {
		t.Errorf("a statement beside it gives %s", querytest.Text(err))
	}
	lifts(t, d, name, m, "zheng.police")
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, perDistrict); err != nil {
		t.Errorf("after lifting %s", querytest.Text(err))
	}
}

// A measure that restricts voids what waits for a review, under rules of before, and
// freezes nothing: what it lets out leaves as its reviewers agreed.
func TestARestrictionFreezesNothing(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	run := approvedOutput(t, d)
	waits := cityRefuses(t, d, "SELECT name, district FROM persons LIMIT 2", "QUERY_IN_REVIEW")
	_, s := sets(t, d, registry.Restriction{Level: registry.LevelDataset, Target: "beds", Degree: registry.DegreeRestrict, MaxLevel: 1}, querytest.Founder)
	if s.Frozen != 0 || s.Voided != 0 {
		t.Errorf("a measure about another dataset stopped %+v", *s)
	}
	_, s = sets(t, d, registry.Restriction{Level: registry.LevelOperator, Target: "huiyi", Degree: registry.DegreeRestrict, Rate: 1000}, querytest.Founder)
	if s.Frozen != 0 || s.Voided != 1 {
		t.Errorf("the measure stopped %+v, want the one that waits and no output", *s)
	}
	if err := query.HoldOpens(d.Engine, run); err != nil {
		t.Errorf("the key of a held output: %v", err)
	}
	if _, err := d.Resume("li.op", waits); querytest.Code(err) != "RUN_STATE" {
		t.Errorf("what waited gives %s", querytest.Text(err))
	}
}

// Whatever closes access freezes what is held under it, at its time and whether or not
// somebody applies it then; and nobody collects under it what was released before.
func TestWhateverClosesFreezesWhatIsHeld(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) FROM persons")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	collected := func() string { _, err := d.Resume("li.op", a.Run); return querytest.Code(err) }
	if c := collected(); c != "" {
		t.Fatalf("before: collected with %s", c)
	}
	closed := func(how, run string) {
		t.Helper()
		if kinds := auditKinds(d, run); tally(kinds, "output.frozen") != 1 {
			t.Errorf("%s: the held output has the entries %q", how, kinds)
		}
		if err := query.HoldOpens(d.Engine, run); !errors.Is(err, keys.ErrBlocked) {
			t.Errorf("%s: its key gives %v, want it blocked", how, err)
		}
		if c := collected(); c != "WITHHELD" {
			t.Errorf("%s: collected with %q, want WITHHELD", how, c)
		}
	}
	run := approvedOutput(t, d)
	m := registry.Restriction{Level: registry.LevelScenario, Target: querytest.Scenario, Degree: registry.DegreeClose, Reason: "违反约定", Clause: "NJ24-12", Status: registry.StatusActive}
	spec, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	doc := registry.Document{Kind: registry.KindRestriction, Name: "later", Spec: spec, Effective: d.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	d.Apply("sun.health", string(text), "sun.health")
	if err := query.HoldOpens(d.Engine, run); err != nil {
		t.Errorf("before the measure's time: %v", err)
	}
	d.Advance(2 * time.Hour)
	if err := d.Engine.TakeEffect(t.Context()); err != nil {
		t.Fatal(err)
	}
	closed("a measure whose time came", run)
	lifts(t, d, "later", registry.Restriction{Level: m.Level, Target: m.Target, Degree: m.Degree}, "sun.health")
	if c := collected(); c != "" {
		t.Errorf("after lifting: collected with %s", c)
	}
	run = approvedOutput(t, d)
	d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"SUSPENDED"`))
	closed("a suspended zone", run)
}
