package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"zonebox/api"
	"zonebox/query"
)

// figuresOfAGate are all that /metrics shows of a gate that answered, refused and
// explained: each with every label it has. What a statement read is in none of them.
const figuresOfAGate = `zonebox_audit_entries
zonebox_audit_unsigned_entries
zonebox_cache_bytes
zonebox_cache_evictions_total
zonebox_cache_lookups_total{found="no"}
zonebox_cache_lookups_total{found="yes"}
zonebox_disk_free_bytes
zonebox_draining
zonebox_explain_seconds_bucket{outcome="released"}
zonebox_explain_seconds_count{outcome="released"}
zonebox_explain_seconds_sum{outcome="released"}
zonebox_loads
zonebox_question_seconds_bucket{outcome="denied"}
zonebox_question_seconds_bucket{outcome="released"}
zonebox_question_seconds_count{outcome="denied"}
zonebox_question_seconds_count{outcome="released"}
zonebox_question_seconds_sum{outcome="denied"}
zonebox_question_seconds_sum{outcome="released"}
zonebox_statements{state="running"}
zonebox_statements{state="waiting"}
zonebox_traces_dropped_total
zonebox_worker_starts_failed_total
zonebox_workers_died_total
zonebox_workers_started_total
zonebox_workers{state="idle"}
zonebox_workers{state="in_use"}
zonebox_workers{state="starting"}`

// TestAGateTellsItsHostHowItIsAndDrains asks a gate of its own process at its address
// for the host, before and while it stops, and reads its log and its traces.
func TestAGateTellsItsHostHowItIsAndDrains(t *testing.T) {
	h := newHome(t)
	begin := func(more ...string) (*watched, string) {
		t.Helper()
		args := append([]string{"serve", "--passphrase-file", h.path("passphrase"), "--worker", workerBinary, "--admin", "127.0.0.1:0", "--traces-to", "file:" + h.path("traces.jsonl")}, more...)
		g := h.watch(t, 0, killed, append(args, h.flags()...)...)
		if err := g.ready(h); err != nil {
			t.Fatalf("start gate: %v\n%s", err, g.log)
		}
		at := regexp.MustCompile(`http://(127\.0\.0\.1:\d+)/readyz`)
		for until := time.Now().Add(10 * time.Second); !at.MatchString(g.log.String()) && time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		}
		return g, "http://" + at.FindStringSubmatch(g.log.String())[1]
	}
	g, at := begin("--max-running", "1")
	page := func(path string) (int, string) {
		t.Helper()
		res, err := http.Get(at + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	const literal = "绝无此科0451"
	count := "SELECT count(*) AS n FROM visits WHERE department <> '" + literal + "'"
	if o := h.ask(t, count); o.code != exitOK {
		t.Fatalf("a question exits %d: %s", o.code, o.errout)
	}
	if o := h.ask(t, "SELECT patient_id FROM visits WHERE department <> '"+literal+"'"); o.code != exitDenied {
		t.Fatalf("what is not there exits %d: %s", o.code, o.errout)
	}
	h.must(t, exitOK, "explain", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", count)
	for _, path := range []string{"/livez", "/readyz"} {
		if code, text := page(path); code != http.StatusOK || text != "{\"status\":\"ok\"}\n" {
			t.Errorf("%s = %d %s", path, code, text)
		}
	}
	_, figures := page("/metrics")
	var got []string
	for line := range strings.Lines(figures) {
		name, _, _ := strings.Cut(line, " ")
		name = strings.Replace(regexp.MustCompile(`,?le="[^"]*"`).ReplaceAllString(name, ""), "{}", "", 1)
		if strings.HasPrefix(name, "zonebox_") {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	if all := strings.Join(slices.Compact(got), "\n"); all != figuresOfAGate {
		t.Errorf("/metrics shows\n%s\nwant\n%s", all, figuresOfAGate)
	}
	for _, want := range []string{`zonebox_question_seconds_count{outcome="released"} 1`, `zonebox_question_seconds_count{outcome="denied"} 1`, `zonebox_explain_seconds_count{outcome="released"} 1`, "zonebox_draining 0", "go_goroutines ", "process_open_fds "} {
		if !strings.Contains(figures, "\n"+want) {
			t.Errorf("/metrics has no %s", want)
		}
	}

	client, err := h.operator()
	if err != nil {
		t.Fatal(err)
	}
	runs, err := client.Submit(t.Context(), "heavy", api.QueryRequest{Scenario: "outpatient-statistics", Purpose: "MED-STAT", SQL: heavy})
	for until := time.Now().Add(30 * time.Second); err == nil && runs.Step != query.StepRun && time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		runs, err = client.Submission(t.Context(), runs.ID)
	}
	if err != nil || runs.Step != query.StepRun {
		t.Fatalf("a heavy question is %+v, %v", runs, err)
	}
	beside := func(args ...string) <-chan outcome {
		told := make(chan outcome, 1)
		go func() {
			var out, errout bytes.Buffer
			code := run(t.Context(), append(append([]string{"query", "--as", "li.op"}, args...), h.flags()...), strings.NewReader(""), &out, &errout)
			told <- outcome{code, out.String(), errout.String()}
		}()
		return told
	}
	told := beside("--wait", runs.ID)
	waits := beside("--scenario", "outpatient-statistics", "--purpose", "MED-STAT", count)
	shows := func(path, want string) {
		t.Helper()
		until := time.Now().Add(30 * time.Second)
		for {
			_, text := page(path)
			if strings.Contains(text, want) {
				return
			}
			if time.Now().After(until) {
				t.Fatalf("%s has no %s: %s", path, want, text)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	shows("/metrics", `zonebox_statements{state="running"} 1`)
	shows("/metrics", `zonebox_statements{state="waiting"} 1`)
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	shows("/readyz", `"code":"STOPPING"`)
	postponed := <-waits
	id := regexp.MustCompile(`query --wait (sub-[0-9a-v]{26})`).FindStringSubmatch(postponed.errout)
	if postponed.code != exitBusy || !strings.Contains(postponed.errout, "POSTPONED") || id == nil {
		t.Fatalf("who waited exits %d: %s", postponed.code, postponed.errout)
	}
	if code, text := page("/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("while it drains /readyz = %d %s", code, text)
	}
	if code, _ := page("/livez"); code != http.StatusOK {
		t.Errorf("while it drains /livez = %d", code)
	}
	if o := h.ask(t, count); o.code != exitBusy || !strings.Contains(o.errout, "STOPPING") {
		t.Errorf("while it drains a question exits %d: %s", o.code, o.errout)
	}
	shows("/metrics", `zonebox_statements{state="running"} 1`)
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	if g.gone(t) || g.cmd.ProcessState.ExitCode() != exitFailure {
		t.Errorf("told twice to stop, with a statement that ran, it exits %d", g.cmd.ProcessState.ExitCode())
	}
	if o := <-told; o.code != exitFailure || !strings.Contains(o.errout, "STOPPED") {
		t.Errorf("who had asked exits %d: %s\n%s", o.code, o.errout, g.log)
	}

	lines := map[string]map[string]any{}
	for line := range strings.Lines(g.log.String()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) != nil {
			continue
		}
		code, _ := entry["code"].(string)
		switch entry["msg"] {
		case "request":
			lines[entry["route"].(string)+" "+code] = entry
		case "submission ended":
			lines["ended "+code] = entry
		}
	}
	for _, want := range []string{"/v1/submissions ", "/v1/submissions/:id/answer ", "ended ", "ended UNKNOWN_NAME", "/v1/explain ", "/v1/submissions STOPPING", "ended STOPPED"} {
		if lines[want]["elapsed"] == nil || strings.HasPrefix(want, "ended") && lines[want]["query_id"] == nil {
			t.Errorf("the log has no whole line of %q: %v", want, slices.Sorted(maps.Keys(lines)))
		}
	}

	// With nothing under way a stop is a success, and a log of errors has no requests.
	g, at = begin("--log-level", "error")
	if o := h.zonebox(t, "query", "--as", "li.op", "--wait", id[1], "-o", "csv"); o.code != exitOK || o.out != "n\n9000\n" {
		t.Errorf("what waited when the gate stopped exits %d: %s %s", o.code, o.out, o.errout)
	}
	if o := h.ask(t, count); o.code != exitOK {
		t.Errorf("after the start a question exits %d: %s", o.code, o.errout)
	}
	g.terminate(t)
	if code := g.cmd.ProcessState.ExitCode(); code != exitOK || strings.Contains(g.log.String(), `"msg"`) {
		t.Errorf("with nothing under way it exits %d, and its log is %s", code, g.log)
	}

	// Outside the drain the second signal ends it as well: here somebody does not go on
	// with a request, which a gate that stops waits for.
	g, _ = begin()
	idle, err := net.Dial("unix", socketOf(h.domain()))
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if _, err := idle.Write([]byte("GET /v1")); err != nil {
		t.Fatal(err)
	}
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("unix", socketOf(h.domain()))
		if err != nil { // it drained, and listens no more
			break
		}
		_ = c.Close()
	}
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	if g.gone(t) || g.cmd.ProcessState.ExitCode() != -1 {
		t.Errorf("told twice to stop, with a request that does not go on, it exits %d", g.cmd.ProcessState.ExitCode())
	}
	traces, err := os.ReadFile(h.path("traces.jsonl"))
	if err != nil || strings.Count(string(traces), "\n") < 4 {
		t.Errorf("%d lines of traces: %v", strings.Count(string(traces), "\n"), err)
	}
	for _, word := range []string{literal, "visits", "department", "li.op", "medical", "outpatient"} {
		for what, text := range map[string]string{"/metrics": figures, "traces": string(traces)} {
			if strings.Contains(text, word) {
				t.Errorf("%s hold %q", what, word)
			}
		}
	}
	h.verify(t)
}
