package query_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// question is one that is on its way in a goroutine of its own.
type question struct {
	err  chan error
	stop context.CancelFunc
}

// askBeside asks without waiting for the answer.
func askBeside(t *testing.T, d *querytest.Domain, user, sql string) *question {
	t.Helper()
	return askBesideIn(t, d, querytest.Scenario, user, sql)
}

func askBesideIn(t *testing.T, d *querytest.Domain, scenario, user, sql string) *question {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	q := &question{make(chan error, 1), cancel}
	req := query.Request{Subject: d.Subject(user), Scenario: scenario, Purpose: querytest.Purpose, SQL: sql}
	go func() {
		_, err := d.Engine.Answer(ctx, req)
		q.err <- err
	}()
	return q
}

// ends waits for the end of a question that has to end by itself now.
func (q *question) ends(t *testing.T) error {
	t.Helper()
	select {
	case err := <-q.err:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the question has not ended")
		return nil
	}
}

// openIntents is how many questions have an intent that is open.
func openIntents(d *querytest.Domain) (open int) {
	for _, e := range d.Audit("feng.audit") {
		switch e.Kind {
		case "query.intent":
			open++
		case "query.done", "query.failed", "query.killed":
			open--
		}
	}
	return open
}

// runs returns when a question that is the only one has its intent.
func (q *question) runs(t *testing.T, d *querytest.Domain) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if openIntents(d) == 1 {
			return
		}
		select {
		case err := <-q.err:
			t.Fatalf("the question ended by itself: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the question did not start")
		}
	}
}

// lastOf returns the last audit entry of a run as somebody sees it.
func lastOf(t *testing.T, d *querytest.Domain, reader, run string) query.AuditEntry {
	t.Helper()
	entries := d.Audit(reader)
	for _, e := range slices.Backward(entries) {
		if e.Run == run {
			return e
		}
	}
	t.Fatalf("%s sees no entry of run %s", reader, run)
	return query.AuditEntry{}
}

// changed returns the newest document of a name with a part of its text replaced.
func changed(t *testing.T, d *querytest.Domain, kind, name, old, now string) string {
	t.Helper()
	docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), kind, name)
	if err != nil || len(docs) != 1 {
		t.Fatalf("read %s %s: %v", kind, name, err)
	}
	var doc struct {
		Kind string          `json:"kind"`
		Name string          `json:"name"`
		Spec json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal(docs[0].Document, &doc); err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	after := strings.Replace(string(before), old, now, 1)
	if after == string(before) {
		t.Fatalf("%s has no %s", before, old)
	}
	return after
}

// Whatever a run stands on may be suspended or corrected: license, scenario,
// grant, dataset, zone, organization, person. It ends what runs and what waits,
// the log names the document, and the operator is told no more than that the
// run was stopped.
func TestAChangeEndsWhatStandsOnItAndIsNamed(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute, Limits: query.Limits{All: 1, Operator: 1}})
	for _, c := range []struct {
		kind, name, by, old, now string
		signers                  []string
	}{
		{registry.KindOrganization, "huiyi", querytest.Founder, "数据安全部", "安全部", nil},
		{registry.KindOrganization, "health-commission", querytest.Founder, "市卫生健康委员会", "市卫健委", nil},
		{registry.KindScenario, querytest.Scenario, "sun.health", "门诊就诊统计", "门诊统计", nil},
		{registry.KindGrant, "persons-statistics", "sun.health", `"until":"2030-12-31"`, `"until":"2029-12-31"`, nil},
		{registry.KindDataset, "beds", "qian.hospital", `"name":"beds","spec":{`, `"name":"beds","spec":{"change_reason":"更正",`, []string{"qian.hospital", "sun.health"}},
		{registry.KindPerson, "li.op", querytest.Founder, "李运营", "李 运营", nil},
		{registry.KindZone, "medical", querytest.Founder, `"title":`, `"token_algorithm":"sm4-cmac","title":`, nil},
		{registry.KindZone, "medical", querytest.Founder, `"status":"ACTIVE"`, `"status":"SUSPENDED"`, nil},
		{registry.KindZone, "medical", querytest.Founder, `"status":"SUSPENDED"`, `"status":"ACTIVE"`, nil},
		{registry.KindLicense, "medical-2026", querytest.Founder, `"status":"ACTIVE"`, `"status":"SUSPENDED","status_reason":"NJ24-23"`, []string{querytest.Founder, "sun.health"}},
	} {
		t.Run(c.kind+" "+c.now, func(t *testing.T) {
			d := d.In(t)
			document := changed(t, d, c.kind, c.name, c.old, c.now)
			if c.old == `"status":"SUSPENDED"` { // nothing runs in a suspended zone
				d.Apply(c.by, document, c.signers...)
				return
			}
			running := askBeside(t, d, "li.op", long)
			defer running.stop()
			running.runs(t, d)
			waiting := askBeside(t, d, "li.op", long)
			defer waiting.stop()
			time.Sleep(100 * time.Millisecond)
			d.Apply(c.by, document, c.signers...)
			docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), c.kind, c.name)
			if err != nil {
				t.Fatal(err)
			}
			by := fmt.Sprintf("%s %s %d", c.kind, c.name, docs[0].Version)
			for q, kind := range map[*question]string{running: "query.killed", waiting: "query.denied"} {
				err := q.ends(t)
				if querytest.Code(err) != "STOPPED" || strings.Contains(querytest.Text(err), c.name) || strings.Contains(querytest.Text(err), "REVOKED") {
					t.Errorf("%s: the operator is told %s", kind, querytest.Text(err))
				}
				run := querytest.RunOf(t, err)
				e := lastOf(t, d, "feng.audit", run)
				if e.Kind != kind || e.Fields["cause"] != "REVOKED" || e.Fields["by"] != by || e.Fields["reasons"] != "STOPPED" {
					t.Errorf("the last entry is %s %v, want %s by %s", e.Kind, e.Fields, kind, by)
				}
				if e := lastOf(t, d, "li.op", run); e.Kind != kind || e.Fields["cause"] != "" || e.Fields["by"] != "" || e.Fields["reasons"] != "STOPPED" {
					t.Errorf("the operator sees %s %v", e.Kind, e.Fields)
				}
			}
		})
	}
}

// A change of what a run does not stand on is none of its business: another
// zone, another operator, another person.
func TestAChangeElsewhereEndsNothing(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute})
	const rival = "kind: Organization\nname: rival\nspec: {title: 竞争者, kind: operator, org_form: legal_person, credit_code: 91610103MA6M5AE288, security_officer: %s, security_department: 部, incident_3y: false, dishonesty_3y: false}"
	const zone = "kind: Zone\nname: transport\nspec:\n  title: %s\n  kind: INDUSTRY\n  domain: TRANSPORT\n  regulator: health-commission\n  status: ACTIVE\n  pack: nanjing-2024\n" +
		"  responsible:\n    - {stage: load, person: wu.dc}\n    - {stage: query, person: li.op}\n    - {stage: release, person: sun.health}\n"
	d.Apply(querytest.Founder, fmt.Sprintf(rival, "王"))
	d.Apply(querytest.Founder, fmt.Sprintf(zone, "交通"))
	running := askBeside(t, d, "li.op", long)
	defer running.stop()
	running.runs(t, d)
	// A short one decides, runs and is released while the epoch moves under it.
	d.Apply(querytest.Founder, fmt.Sprintf(rival, "李"))
	short := askBeside(t, d, "li.op", "SELECT sum(beds) FROM beds")
	for i := range 5 {
		d.Apply(querytest.Founder, fmt.Sprintf(zone, fmt.Sprint("交通", i)))
		d.Apply(querytest.Founder, fmt.Sprintf(rival, fmt.Sprint("李", i)))
	}
	if err := short.ends(t); err != nil {
		t.Errorf("a short question ended with %s", querytest.Text(err))
	}
	select {
	case err := <-running.err:
		t.Errorf("a change elsewhere ended the run: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	running.stop()
	err := running.ends(t)
	if e := lastOf(t, d, "feng.audit", querytest.RunOf(t, err)); e.Kind != "query.killed" || e.Fields["cause"] != "CLIENT_GONE" {
		t.Errorf("when the client left the entry is %s %v", e.Kind, e.Fields)
	}
}

// The other causes that end a run from outside, and from inside where there is
// nothing to hide.
func TestTheLogSaysWhyARunEnded(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: 3 * time.Second})
	err := askBeside(t, d, "li.op", long).ends(t)
	run := querytest.RunOf(t, err)
	if e := lastOf(t, d, "feng.audit", run); querytest.Code(err) != "TIME_LIMIT" || e.Kind != "query.failed" || e.Fields["cause"] != "TIME" {
		t.Errorf("past its time a run ends with %v, logged as %s %v", err, e.Kind, e.Fields)
	}
	d.Config.Wall = time.Minute
	d.Reopen()
	running := askBeside(t, d, "li.op", long)
	running.runs(t, d)
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	err = running.ends(t)
	d.Reopen()
	if e := lastOf(t, d, "feng.audit", querytest.RunOf(t, err)); querytest.Code(err) != "STOPPED" || e.Kind != "query.killed" || e.Fields["cause"] != "SHUTDOWN" {
		t.Errorf("when the gate stops a run ends with %v, logged as %s %v", err, e.Kind, e.Fields)
	}
}

// A full queue is told at once and logged nowhere but in the gate's own log;
// what waits is answered in its turn; loads wait for loads.
func TestAFullQueueIsBusy(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute, Limits: query.Limits{All: 1, Operator: 1, Queue: 1}})
	running := askBeside(t, d, "li.op", long)
	defer running.stop()
	running.runs(t, d)
	waiting := askBeside(t, d, "li.op", "SELECT sum(beds) FROM beds")
	time.Sleep(200 * time.Millisecond)
	before := len(d.Audit("feng.audit"))
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) FROM persons")
	if querytest.Code(err) != "BUSY" {
		t.Errorf("over the queue a question gives %v, want BUSY", err)
	}
	x := query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: "SELECT sum(beds) FROM beds"}
	if _, err := d.Engine.Explain(t.Context(), x); querytest.Code(err) != "BUSY" {
		t.Errorf("over the queue explain gives %v, want BUSY", err)
	}
	if n := len(d.Audit("feng.audit")); n != before {
		t.Errorf("%d entries tell of what was not looked at", n-before)
	}
	select {
	case err := <-waiting.err:
		t.Fatalf("the one that waits ended beside the other: %v", err)
	default:
	}
	running.stop()
	if err := waiting.ends(t); err != nil {
		t.Errorf("after its wait a question gives %s", querytest.Text(err))
	}
}

// What waited decides on the facts of its turn, not of its arrival.
func TestWhatWaitedReadsTheFactsAgain(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute, Limits: query.Limits{All: 1, Operator: 1}})
	running := askBeside(t, d, "li.op", long)
	defer running.stop()
	running.runs(t, d)
	data := querytest.Registers()
	ctx := t.Context()
	req := query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: "SELECT sum(beds) FROM beds"}
	answers := make(chan *query.Answer, 1)
	go func() {
		a, _ := d.Engine.Answer(ctx, req)
		answers <- a
	}()
	time.Sleep(200 * time.Millisecond)
	for _, row := range data.Beds.Rows {
		row[data.Beds.Column("beds")] = "7"
	}
	d.LoadTable("beds", data.Beds)
	running.stop()
	a := <-answers
	if a == nil {
		t.Fatal("no answer")
	}
	if got := d.Open("li.op", a).String(); got != "28\n" {
		t.Errorf("after its wait a question reads %s, want the 28 beds that were loaded meanwhile", got)
	}
}

// bedsLoader returns what begins to load the register of beds from a reader and
// tells how that ended, and the delivery that the manifest speaks of. Acquired on
// 2026-11-01 it is the version in use.
func bedsLoader(t *testing.T, d *querytest.Domain, acquired string) (load func(io.Reader) chan error, data []byte) {
	t.Helper()
	beds := querytest.Registers().Beds
	data = beds.CSV()
	m := d.Delivery("medical", "beds", "beds-statistics", data, len(beds.Rows))
	m.Acquired = acquired
	subject := d.Subject("wu.dc")
	return func(from io.Reader) chan error {
		ended := make(chan error, 1)
		go func() {
			_, err := d.Engine.Load(t.Context(), subject, m, from)
			ended <- err
		}()
		time.Sleep(300 * time.Millisecond)
		return ended
	}, data
}

// Deliveries take turns among themselves: one more than may wait is told so,
// and a statement does not wait for any of them.
func TestLoadsTakeTurns(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Loads: 1, LoadQueue: 1}})
	load, data := bedsLoader(t, d, "2026-11-02")
	read, write := io.Pipe()
	first := load(read)
	second := load(bytes.NewReader(data))
	if err := <-load(bytes.NewReader(data)); querytest.Code(err) != "BUSY" {
		t.Errorf("a third load gives %v, want BUSY", err)
	}
	select {
	case err := <-second:
		t.Errorf("a second load did not wait: %v", err)
	default:
	}
	if got := cityAnswer(t, d, "SELECT sum(beds) FROM beds"); got != "1000\n" {
		t.Errorf("beside a load a question reads %s", got)
	}
	if _, err := write.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	for i, ended := range []chan error{first, second} {
		if err := <-ended; err != nil {
			t.Errorf("load %d: %v", i+1, err)
		}
	}
}

// A delivery that waited is judged by the facts of its turn: meanwhile its grant
// may be revoked, or who brings it may have left.
func TestALoadThatWaitedReadsTheFactsAgain(t *testing.T) {
	for _, c := range []struct {
		kind, name, by, old, now string
	}{
		{registry.KindGrant, "beds-statistics", "sun.health", `"scenario":`, `"status":"REVOKED","status_reason":"NJ24-23","scenario":`},
		{registry.KindPerson, "wu.dc", querytest.Founder, `"status":"active"`, `"status":"disabled"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Loads: 1, LoadQueue: 1}})
			load, data := bedsLoader(t, d, "2026-11-02")
			read, write := io.Pipe()
			first := load(read)
			second := load(bytes.NewReader(data))
			d.Apply(c.by, changed(t, d, c.kind, c.name, c.old, c.now))
			if err := write.CloseWithError(io.ErrUnexpectedEOF); err != nil {
				t.Fatal(err)
			}
			if err := <-first; err == nil {
				t.Error("a delivery that broke off was loaded")
			}
			var refusal *query.Error
			if err := <-second; !errors.As(err, &refusal) || refusal.Class != query.ClassDenied {
				t.Errorf("the delivery that waited gives %v, want it refused", err)
			}
		})
	}
}

// What changes while a delivery is being read counts as well, and while one is
// compared with the version that is in use already.
func TestALoadIsJudgedByTheFactsOfItsCommit(t *testing.T) {
	type change struct {
		kind, name, by, old, now string
		loads                    bool
	}
	changes := []change{
		{registry.KindGrant, "beds-statistics", "sun.health", `"scenario":`, `"status":"REVOKED","status_reason":"NJ24-23","scenario":`, false},
		{registry.KindPerson, "wu.dc", querytest.Founder, `"status":"active"`, `"status":"disabled"`, false},
		{registry.KindDataset, "beds", "qian.hospital", `"name":"beds","spec":{`, `"name":"beds","spec":{"change_reason":"更正",`, false},
		{registry.KindPerson, "li.op", querytest.Founder, "李运营", "李 运营", true},
	}
	for way, acquired := range map[string]string{"read": "2026-11-02", "compared": "2026-11-01"} {
		for _, c := range changes {
			t.Run(way+" "+c.name, func(t *testing.T) {
				d := querytest.City(t, querytest.Options{Idle: 2})
				load, data := bedsLoader(t, d, acquired)
				read, write := io.Pipe()
				ended := load(read)
				if _, err := write.Write(data[:len(data)/2]); err != nil {
					t.Fatal(err)
				}
				d.Apply(c.by, changed(t, d, c.kind, c.name, c.old, c.now))
				if _, err := write.Write(data[len(data)/2:]); err != nil {
					t.Fatal(err)
				}
				if err := write.Close(); err != nil {
					t.Fatal(err)
				}
				var refusal *query.Error
				if err := <-ended; c.loads && err != nil {
					t.Errorf("a change elsewhere ended the load: %s", querytest.Text(err))
				} else if !c.loads && (!errors.As(err, &refusal) || refusal.Class != query.ClassDenied) {
					t.Errorf("the load gives %v, want it refused", err)
				}
			})
		}
	}
}
