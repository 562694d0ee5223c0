package query_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/feed"
	"zonebox/query"
	"zonebox/query/querytest"
)

// A gate that drains begins nothing new and tells who waits; what runs goes on to its
// own end, or to that of the time it is given. A gate that does not is ready.
func TestADrainLetsWhatRunsComeToItsEnd(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute, Limits: query.Limits{All: 1, Operator: 1}})
	if err := d.Engine.Ready(t.Context()); err != nil {
		t.Fatalf("a gate with workers is not ready: %v", err)
	}
	under := askBeside(t, d, "li.op", long)
	under.runs(t, d)
	waits := askBeside(t, d, "li.op", "SELECT sum(beds) FROM beds")
	for until := time.Now().Add(20 * time.Second); d.Engine.Measures().Waiting == 0 && time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
	}
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	killed := make(chan int, 1)
	go func() { killed <- d.Engine.Drain(ctx) }()
	if err := waits.ends(t); querytest.Code(err) != "STOPPING" {
		t.Errorf("what waited ends with %v, want STOPPING", err)
	}
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) FROM persons"); querytest.Code(err) != "STOPPING" {
		t.Errorf("a new question gives %v, want STOPPING", err)
	}
	if _, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: "SELECT sum(beds) FROM beds"}); querytest.Code(err) != "STOPPING" {
		t.Errorf("a new explain gives %v, want STOPPING", err)
	}
	data := querytest.Registers().Persons
	if _, err := d.TryLoad("wu.dc", querytest.Delivery("medical", "persons", "persons-statistics", data.CSV(), len(data.Rows)), data.CSV()); querytest.Code(err) != "STOPPING" {
		t.Errorf("a new delivery gives %v, want STOPPING", err)
	}
	if err := d.Engine.Ready(t.Context()); querytest.Code(err) != "STOPPING" {
		t.Errorf("it is ready: %v, want STOPPING", err)
	}
	if now := d.Engine.Measures(); now.Running != 1 || now.Waiting != 0 || !now.Draining {
		t.Errorf("%d run, %d wait, draining %v; want the one that ran", now.Running, now.Waiting, now.Draining)
	}
	enough()
	if n := <-killed; n != 1 {
		t.Errorf("%d were killed, want 1", n)
	}
	if err := under.ends(t); querytest.Code(err) != "STOPPED" {
		t.Errorf("what ran too long ends with %v, want STOPPED", err)
	}

	d.Config.Wall = 3 * time.Second
	d.Reopen()
	under = askBeside(t, d, "li.op", long)
	under.runs(t, d)
	if n := d.Engine.Drain(t.Context()); n != 0 {
		t.Errorf("%d were killed that had time", n)
	}
	if err := under.ends(t); querytest.Code(err) != "TIME_LIMIT" {
		t.Errorf("what had time ends with %v, want its own TIME_LIMIT", err)
	}
}

// What reads a file or rows beside questions and deliveries is waited for and killed
// as they are, and begins no more.
func TestADrainWaitsForWhatElseReads(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2})
	looks := func(data io.Reader) chan error {
		ended := make(chan error, 1)
		go func() {
			_, err := d.Engine.Propose(t.Context(), d.Subject("wu.dc"), query.ProposalRequest{SHA256: strings.Repeat("0", 64)}, data)
			ended <- err
		}()
		return ended
	}
	read, write := io.Pipe()
	ended := looks(read)
	_, _ = write.Write([]byte("id,age\n")) // which returns once it is read
	ctx, enough := context.WithCancel(t.Context())
	killed := make(chan int, 1)
	go func() { killed <- d.Engine.Drain(ctx) }()
	for until := time.Now().Add(20 * time.Second); !d.Engine.Measures().Draining && time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
	}
	select {
	case n := <-killed:
		t.Fatalf("the drain waits for nothing: %d", n)
	case err := <-looks(strings.NewReader("id\n1\n")):
		if querytest.Code(err) != "STOPPING" {
			t.Errorf("a file that is looked at now gives %v, want STOPPING", err)
		}
	}
	if _, err := d.Engine.CreateBackup(t.Context(), d.Subject("wu.dc"), ""); querytest.Code(err) != "STOPPING" {
		t.Errorf("a backup now gives %v, want STOPPING", err)
	}
	enough()
	_ = write.CloseWithError(io.ErrUnexpectedEOF) // as a connection that is closed
	if n := <-killed; n != 1 {
		t.Errorf("%d were killed, want 1", n)
	}
	if err := <-ended; querytest.Code(err) != "STOPPED" {
		t.Errorf("what was looked at gives %v, want STOPPED", err)
	}
}

// Whoever goes away, at whatever moment of a question, ends it as stopped: no step of
// it fails in a way of its own, and none is taken for a refusal.
func TestAQuestionThatIsEndedIsStoppedWhereverItIs(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2})
	for _, at := range stepsOf(t, d) {
		ctx, leave := context.WithCancel(t.Context())
		_, err := query.Walk(ctx, d.Engine, query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: "SELECT id_number, count(*) AS n FROM persons GROUP BY id_number"},
			func(step string) {
				if step == at {
					leave()
				}
			})
		leave()
		if at == "decide release" || at == "seal" { // what is left waits for nobody
			if err != nil {
				t.Errorf("ended after %s it gives %s", at, querytest.Text(err))
			}
			continue
		}
		if err == nil || querytest.Code(err) != "STOPPED" {
			t.Errorf("ended after %s it gives %v, want STOPPED", at, err)
			continue
		}
		if e := lastOf(t, d, "feng.audit", querytest.RunOf(t, err)); e.Kind != "query.denied" && e.Kind != "query.killed" || e.Fields["cause"] != "CLIENT_GONE" || e.Fields["reasons"] != "STOPPED" {
			t.Errorf("ended after %s the log says %s %v of it", at, e.Kind, e.Fields)
		}
	}
}

// The trace of a run has its parts and its code; nothing of a statement is in it.
func TestATraceHoldsNothingOfAStatement(t *testing.T) {
	d := querytest.City(t, querytest.Options{})
	file := filepath.Join(t.TempDir(), "traces.jsonl")
	to, err := feed.Parse("file:" + file)
	if err != nil {
		t.Fatal(err)
	}
	d.Config.TracesTo = to
	d.Reopen()
	const literal = "绝无此址0451"
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT district, count(*) AS n FROM persons WHERE district <> '"+literal+"' GROUP BY district"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	_, denied := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT address FROM persons WHERE district <> '"+literal+"'")
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{literal, "persons", "district", "address", "SELECT", "li.op", "medical", querytest.Scenario, querytest.Purpose, "320104"} {
		if strings.Contains(string(text), word) {
			t.Errorf("the traces hold %q", word)
		}
	}
	var got [][]string
	for line := range strings.Lines(string(text)) {
		var trace struct {
			ResourceSpans []struct {
				ScopeSpans []struct{ Spans []struct{ Name string } }
			}
		}
		if err := json.Unmarshal([]byte(line), &trace); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range trace.ResourceSpans[0].ScopeSpans[0].Spans {
			names = append(names, s.Name)
		}
		got = append(got, names)
	}
	if len(got) != 2 || !slices.Equal(got[0], []string{"query", "decide", "attach", "execute", "check", "release"}) || !slices.Equal(got[1], []string{"query"}) {
		t.Errorf("traces of an answer and a refusal have the spans %q", got)
	}
	if code := querytest.Code(denied); code == "" || !strings.Contains(string(text), `"key":"code","value":{"stringValue":"`+code+`"}`) {
		t.Errorf("the refusal is %s, and its trace %s", code, text)
	}
}
