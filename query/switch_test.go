package query_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// switchLevels are the levels with what stands in the city at each, and who closes it.
var switchLevels = []struct {
	level, target string
	by            []string
}{
	{registry.LevelOperator, "huiyi", []string{querytest.Founder}},
	{registry.LevelLicense, "medical-2026", []string{querytest.Founder, "sun.health"}},
	{registry.LevelScenario, querytest.Scenario, []string{"sun.health"}},
	{registry.LevelZone, "medical", []string{"sun.health"}},
	{registry.LevelDataset, "persons", []string{"zheng.police"}},
}

// campaign reports whether there is time for all of it.
func campaign() bool { return os.Getenv("ZONEBOX_CAMPAIGN") != "" }

var switches int

// sets applies a measure, signed by people of whom the first hands it in, and
// returns its name and what it ended.
func sets(t *testing.T, d *querytest.Domain, m registry.Restriction, by ...string) (string, *query.Ended) {
	t.Helper()
	switches++
	name := "measure-" + strconv.Itoa(switches)
	m.Reason, m.Clause, m.Status = "违反约定", "NJ24-12", registry.StatusActive
	return name, applyMeasure(t, d, name, m, by)
}

func lifts(t *testing.T, d *querytest.Domain, name string, m registry.Restriction, by ...string) {
	t.Helper()
	m.Reason, m.Clause, m.Status, m.StatusReason = "违反约定", "NJ24-12", registry.StatusLifted, "整改完成"
	if s := applyMeasure(t, d, name, m, by); s != nil {
		t.Errorf("lifting %s ended %+v", name, *s)
	}
}

func applyMeasure(t *testing.T, d *querytest.Domain, name string, m registry.Restriction, by []string) *query.Ended {
	t.Helper()
	spec, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	doc := registry.Document{Kind: registry.KindRestriction, Name: name, Spec: spec}
	for _, p := range by {
		doc.Sign(p, d.Key(p).Private(), d.Now())
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	done, err := d.Engine.Apply(t.Context(), d.Subject(by[0]), bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %s", name, querytest.Text(err))
	}
	return done[0].Stopped
}

func closes(level, target string) registry.Restriction {
	return registry.Restriction{Level: level, Target: target, Degree: registry.DegreeClose}
}

// closedOnce fails the test unless every intent of the log was closed once, and
// nothing of the runs was released.
func closedOnce(t *testing.T, d *querytest.Domain, runs ...string) {
	t.Helper()
	ends := map[string]int{}
	for _, e := range d.Audit("feng.audit") {
		switch e.Kind {
		case "query.intent":
			ends[e.Run]++
		case "query.done", "query.failed", "query.killed":
			ends[e.Run]--
		case "output.released":
			if slices.Contains(runs, e.Run) {
				t.Errorf("run %s was released", e.Run)
			}
		}
	}
	for run, open := range ends {
		if open != 0 {
			t.Errorf("run %s has %d intents open", run, open)
		}
	}
}

// stepsOf are the boundaries of a question that is answered.
func stepsOf(t *testing.T, d *querytest.Domain) (steps []string) {
	t.Helper()
	req := query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: "SELECT district, count(*) FROM persons GROUP BY district"}
	if _, err := query.Walk(t.Context(), d.Engine, req, func(step string) { steps = append(steps, step) }); err != nil {
		t.Fatal(err)
	}
	if len(steps) != 18 {
		t.Fatalf("a question has the boundaries %q", steps)
	}
	return steps
}

// At every boundary between two steps of a question and at every level: no byte
// leaves, the intent is closed once, and after lifting nothing resumes by itself.
func TestASwitchStopsAQuestionAtEveryStep(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	const sql = "SELECT count(*) FROM persons"
	steps := stepsOf(t, d)
	for i, l := range switchLevels {
		for j, at := range steps {
			if !campaign() && (i+j)%len(switchLevels) != 0 {
				continue // each step at one level; the campaign has every step at every level
			}
			t.Run(l.level+" "+at, func(t *testing.T) {
				d := d.In(t)
				m, name := closes(l.level, l.target), ""
				req := query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: sql}
				// The step that is next waits for nobody: the act is made while it does.
				a, err := query.Walk(t.Context(), d.Engine, req, func(step string) {
					if step == at {
						done := make(chan struct{})
						go func() { defer close(done); name, _ = sets(t, d, m, l.by...) }()
						<-done
					}
				})
				if a != nil || err == nil {
					t.Fatalf("answered, %v", err)
				}
				run := querytest.RunOf(t, err)
				closedOnce(t, d, run)
				if _, err := d.Resume("li.op", run); err == nil {
					t.Error("the run went on under the measure")
				}
				lifts(t, d, name, m, l.by...)
				if _, err := d.Resume("li.op", run); err == nil {
					t.Error("the run went on after the measure was lifted")
				}
			})
		}
	}
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql); err != nil {
		t.Errorf("after all were lifted a new question gives %s", querytest.Text(err))
	}
}

// An output that both reviewers agreed to, on its way out when the switch comes: it
// is frozen, at every boundary and level, and only a new review lets it go.
func TestASwitchFreezesAnApprovedOutputAtEveryStep(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	for i, l := range switchLevels {
		for j, at := range []string{"enter", "output", "decide release", "seal"} {
			if !campaign() && (i+j)%4 != 0 {
				continue // as above
			}
			t.Run(l.level+" "+at, func(t *testing.T) {
				d := d.In(t)
				run, m, name := approvedOutput(t, d), closes(l.level, l.target), ""
				a, err := query.Walk(t.Context(), d.Engine, query.Request{Subject: d.Subject("li.op"), Resume: run}, func(step string) {
					if step == at {
						var s *query.Ended
						done := make(chan struct{})
						go func() { defer close(done); name, s = sets(t, d, m, l.by...) }()
						<-done
						if s == nil || s.Frozen != 1 {
							t.Errorf("the measure froze %+v, want one output", s)
						}
					}
				})
				if a != nil || err == nil {
					t.Fatalf("released, %v", err)
				}
				closedOnce(t, d, run)
				if _, err := d.Resume("li.op", run); querytest.Code(err) != "WITHHELD" {
					t.Errorf("under the measure it gives %v, want WITHHELD", err)
				}
				lifts(t, d, name, m, l.by...)
				if _, err := d.Resume("li.op", run); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
					t.Errorf("after lifting it gives %s, want OUTPUT_IN_REVIEW", querytest.Text(err))
				}
				closedOnce(t, d, run)
				leaves(t, d, run)
			})
		}
	}
}

// Two run, five wait, three outputs are held: the switch stops all of them within a
// second, and nothing resumes by itself. ZONEBOX_CAMPAIGN does it a hundred times.
func TestASwitchStopsAllWithinASecond(t *testing.T) {
	times := 6
	if campaign() {
		times = 100
	}
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute, Limits: query.Limits{All: 2, Operator: 2}})
	var took []float64
	for i := range times {
		l := switchLevels[i%len(switchLevels)]
		var held []string
		for range 3 {
			held = append(held, waitsIn(t, d, "SELECT name, district FROM persons LIMIT 3"))
		}
		inReview := cityRefuses(t, d, "SELECT name, district FROM persons LIMIT 2", "QUERY_IN_REVIEW")
		var all []*question
		for range 7 {
			all = append(all, askBeside(t, d, "li.op", long))
		}
		running(t, d, 2)
		began := time.Now()
		name, s := sets(t, d, closes(l.level, l.target), l.by...)
		elapsed := time.Since(began)
		for _, q := range all {
			if code := querytest.Code(q.ends(t)); code != "STOPPED" {
				t.Errorf("%s: a question ends with %s", l.level, code)
			}
		}
		if s.Killed != 2 || s.Voided != 6 || s.Frozen != 3 || s.Ending != 0 || elapsed > time.Second {
			t.Errorf("%s: %+v in %v, want 2 killed, 6 voided, 3 frozen within a second", l.level, *s, elapsed)
		}
		took = append(took, s.Seconds)
		lifts(t, d, name, closes(l.level, l.target), l.by...)
		closedOnce(t, d, held...)
		if _, err := d.Resume("li.op", inReview); querytest.Code(err) != "RUN_STATE" {
			t.Errorf("%s: what was in review gives %v, want RUN_STATE", l.level, err)
		}
		if waits, err := d.Engine.Reviews(t.Context(), d.Subject("sun.health")); err != nil || len(waits) != 0 {
			t.Errorf("%s: %d runs wait for a review by themselves, %v", l.level, len(waits), err)
		}
	}
	slices.Sort(took)
	t.Logf("act to last worker reaped, %d times: p50 %.0f ms, p99 %.0f ms", times, 1000*took[len(took)/2], 1000*took[len(took)*99/100])
}

// running waits until so many questions run.
func running(t *testing.T, d *querytest.Domain, n int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if openIntents(d) == n {
			time.Sleep(100 * time.Millisecond) // the others take their places in the queue
			return
		}
	}
	t.Fatalf("%d questions do not run", n)
}

// An approval is used once, however many resume it, and not at all once the switch
// voided it.
func TestOneApprovalRunsOnceUnderFiftyResumes(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Queue: 64}})
	for _, closed := range []bool{false, true} {
		t.Run(fmt.Sprint("closed ", closed), func(t *testing.T) {
			d := d.In(t)
			run := cityRefuses(t, d, "SELECT name, district FROM persons LIMIT 3", "QUERY_IN_REVIEW")
			d.Approve("sun.health", run)
			m := closes(registry.LevelScenario, querytest.Scenario)
			name := ""
			if closed {
				var s *query.Ended
				if name, s = sets(t, d, m, "sun.health"); s.Voided != 1 {
					t.Errorf("the measure voided %+v, want the approval", *s)
				}
				lifts(t, d, name, m, "sun.health")
			}
			var all sync.WaitGroup
			for range 50 {
				s := d.Subject("li.op")
				all.Go(func() { _, _ = d.Engine.Answer(t.Context(), query.Request{Subject: s, Resume: run}) })
			}
			all.Wait()
			intents := 0
			for _, e := range d.Audit("feng.audit") {
				if e.Run == run && e.Kind == "query.intent" {
					intents++
				}
			}
			if want := map[bool]int{false: 1, true: 0}[closed]; intents != want {
				t.Errorf("the approval ran %d times, want %d", intents, want)
			}
			closedOnce(t, d)
		})
	}
}

// A restriction leaves what it says: statements an hour, a level, aggregates.
func TestARestrictionLeavesWhatItSays(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	for _, c := range []struct {
		name    string
		m       registry.Restriction
		refused string // statement, with its reason
		code    string
		passes  string
	}{
		{"level", registry.Restriction{MaxLevel: 2}, "SELECT avg(income) FROM persons", "ACCESS_LEVEL", "SELECT sum(beds) FROM beds"},
		{"aggregates", registry.Restriction{AggregatesOnly: true}, "SELECT name, district FROM persons LIMIT 3", "ACCESS_RECORDS", "SELECT count(*) FROM persons"},
		{"rate", registry.Restriction{Rate: 1}, "SELECT sum(beds) FROM beds", "ACCESS_RATE", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := d.In(t)
			c.m.Level, c.m.Target, c.m.Degree = registry.LevelOperator, "huiyi", registry.DegreeRestrict
			name, _ := sets(t, d, c.m, querytest.Founder)
			defer lifts(t, d, name, c.m, querytest.Founder)
			_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, c.refused)
			if e := query.AsError(err); err == nil || e.Class != query.ClassDenied || !slices.ContainsFunc(e.Details, func(r query.Detail) bool { return r.Code == c.code }) {
				t.Errorf("%s gives %s, want %s", c.refused, querytest.Text(err), c.code)
			}
			if c.passes == "" {
				d.Advance(2 * time.Hour)
				c.passes = c.refused
			}
			if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, c.passes); err != nil {
				t.Errorf("%s gives %s", c.passes, querytest.Text(err))
			}
		})
	}
}

// Whatever waits is frozen, wherever on its way to its recipient it is; what has left
// is not, and a restriction freezes nothing.
func TestASwitchFreezesAnOutputInEveryStateOfItsWay(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	waits := []string{"HELD", "CHECKED", "REVIEWING", "REVIEWING_FIRST", "REVIEWING_SECOND", "APPROVED"}
	runs := map[string]string{}
	for _, state := range append(slices.Clone(waits), "RELEASED", "BLOCKED") {
		runs[state] = waitsIn(t, d, "SELECT name, district FROM persons LIMIT 3")
		if err := query.Standing(d.Engine, runs[state], state); err != nil {
			t.Fatal(err)
		}
	}
	restricts := registry.Restriction{Level: registry.LevelOperator, Target: "huiyi", Degree: registry.DegreeRestrict, Rate: 1000}
	name, s := sets(t, d, restricts, querytest.Founder)
	if s.Frozen != 0 {
		t.Errorf("a restriction froze %+v", *s)
	}
	lifts(t, d, name, restricts, querytest.Founder)
	if _, s = sets(t, d, closes(registry.LevelOperator, "huiyi"), querytest.Founder); s.Frozen != len(waits) {
		t.Errorf("the measure froze %+v, want %d", *s, len(waits))
	}
	for state, run := range runs {
		x, err := d.Engine.Review(t.Context(), d.Subject("sun.health"), run)
		want := "FROZEN"
		if !slices.Contains(waits, state) {
			want = state
		}
		if err != nil || x.State != want {
			t.Errorf("at %s it is %+v, %v, want %s", state, x, err, want)
		}
	}
}
