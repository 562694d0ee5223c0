//go:build linux

package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/api"
	"zonebox/keys"
	"zonebox/query"
)

// campaign reports whether the long form of a test was asked for.
func campaign() bool { return os.Getenv("ZONEBOX_CAMPAIGN") != "" }

// points returns the steps before which to kill: every one in a campaign, else
// n of them spread over all, the first and the last included. The 0 at the end
// stands for a kill once the client has its answer.
func points(total, n int) []int {
	if campaign() || total <= n {
		n = total
	}
	out := make([]int, 0, n+1)
	for i := range n {
		out = append(out, 1+i*(total-1)/max(1, n-1))
	}
	return append(out, 0)
}

// TestALoadIsAllOrNothingWhereverTheGateIsKilled kills the gate before each
// durable step of a load. Afterwards the dataset is the old or the new version,
// the new one if the client was told so, and the log verifies.
func TestALoadIsAllOrNothingWhereverTheGateIsKilled(t *testing.T) {
	h := newHome(t)
	// Deliveries of two sizes; a load brings a new one of the size that is not there.
	sizes := [2]int{3 * people, 2000}
	loads := 0
	load := func(i int) outcome {
		loads++
		file := h.path(fmt.Sprintf("delivery-%d.csv", loads))
		h.must(t, exitOK, "city", "visits", "--rows", fmt.Sprint(sizes[i]), "--seed", fmt.Sprint(100+loads), "--out", file, "--zone", "medical", "--grant", "visits-statistics")
		return h.zonebox(t, "load", "--as", "wu.dc", file, "--manifest", file+".manifest.yaml")
	}
	now := 0 // which size the dataset has
	held := func() int {
		t.Helper()
		o := h.ask(t, countVisits, "-o", "csv")
		for i, n := range sizes {
			if o.code == exitOK && o.out == fmt.Sprintf("n\n%d\n", n) {
				return i
			}
		}
		t.Fatalf("the dataset is neither version: exit %d\n%s%s", o.code, o.out, o.errout)
		return 0
	}

	g := h.serveWatched(t)
	g.after(0, killed)
	if o := load(1); o.code != exitOK {
		t.Fatalf("load exited %d: %s", o.code, o.errout)
	}
	total, names := g.count()
	if now = held(); now != 1 || total < 30 {
		t.Fatalf("a load has %d durable steps, want at least 30: %s", total, strings.Join(names, " "))
	}
	changed, kept := 0, 0
	for _, at := range points(total, 10) {
		g.after(at, killed)
		told := load(1-now).code == exitOK
		g.kill()
		g.gone(t)
		h.verify(t)
		g = h.serveWatched(t)
		was := now
		if now = held(); now != was {
			changed++
		} else {
			kept++
		}
		if told && now == was {
			t.Errorf("killed before step %d: the client was told of a version that is gone", at)
		}
		h.verify(t)
		checkIntents(t, h.entries(t))
	}
	if changed == 0 || kept == 0 {
		t.Errorf("%d loads took effect and %d did not; the kills were not spread over the load", changed, kept)
	}
	g.terminate(t)
	h.verify(t)
}

// TestNoBytesWithoutAReleaseEntryWhereverTheGateIsKilled kills the gate before
// each durable step of a query. Afterwards what the client got has its release
// entry, every intent is closed exactly once, and the log verifies.
func TestNoBytesWithoutAReleaseEntryWhereverTheGateIsKilled(t *testing.T) {
	h := newHome(t)
	g := h.serveWatched(t)
	h.pin(t)
	g.after(0, killed)
	if _, err := h.fetch(t); err != nil {
		t.Fatal(err)
	}
	total, names := g.count()
	if total < 30 {
		t.Fatalf("a query has %d durable steps, want at least 30: %s", total, strings.Join(names, " "))
	}
	got, lost := 0, 0
	for _, at := range points(total, 12) {
		g.after(at, killed)
		answer, err := h.fetch(t)
		g.kill()
		g.gone(t)
		h.verify(t)
		g = h.serveWatched(t)
		entries := h.entries(t)
		checkIntents(t, entries)
		h.verify(t)
		released := map[string]int{}
		for _, e := range entries {
			if e.Kind == "output.released" {
				released[e.Run]++
			}
		}
		for run, n := range released {
			if n != 1 {
				t.Errorf("killed before step %d: run %s was released %d times", at, run, n)
			}
		}
		if len(answer) > 0 {
			got++
			if run := h.runOf(t, answer); released[run] != 1 {
				t.Errorf("killed before step %d: the client holds the answer of %q, which has no release entry", at, run)
			}
		} else if lost++; err == nil {
			t.Errorf("killed before step %d: success without an answer", at)
		}
		// No artifact stays in the domain that was not released.
		left, err := os.ReadDir(h.domain("artifacts"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range left {
			if run, _ := strings.CutSuffix(f.Name(), ".zbx"); released[run] != 1 {
				t.Errorf("killed before step %d: artifact %s has no release entry", at, f.Name())
			}
		}
	}
	if got == 0 || lost == 0 {
		t.Errorf("%d answers arrived and %d did not; the kills were not spread over the query", got, lost)
	}
	g.terminate(t)
}

// TestTheGateIsKilledAtAnyMoment does the same without looking at the steps:
// several clients, a kill after a delay.
func TestTheGateIsKilledAtAnyMoment(t *testing.T) {
	h := newHome(t)
	const clients = 4 // one of them loads
	delays := []time.Duration{5, 40, 90, 160}
	if campaign() {
		for d := range 60 {
			delays = append(delays, time.Duration(5*d))
		}
	}
	for _, d := range delays {
		g := h.serveWatched(t)
		g.after(0, killed)
		h.pin(t)
		answers := make(chan []byte, clients)
		for i := range clients {
			go func() {
				if i == 0 {
					h.zonebox(t, "load", "--as", "wu.dc", h.path("visits.csv"), "--manifest", h.path("visits.csv.manifest.yaml"))
					answers <- nil
					return
				}
				answer, _ := h.fetch(t)
				answers <- answer
			}()
		}
		time.Sleep(d * time.Millisecond)
		g.kill()
		var got [][]byte
		for range clients {
			if a := <-answers; len(a) > 0 {
				got = append(got, a)
			}
		}
		g.gone(t)
		h.verify(t)
		g = h.serveWatched(t)
		if o := h.ask(t, countVisits, "-o", "csv"); o.out != "n\n9000\n" {
			t.Errorf("after %d ms: exit %d, %q, %s", d, o.code, o.out, o.errout)
		}
		entries := h.entries(t)
		checkIntents(t, entries)
		for _, a := range got {
			if run := h.runOf(t, a); !hasEntry(entries, "output.released", run) {
				t.Errorf("after %d ms: the client holds the answer of %q, which has no release entry", d, run)
			}
		}
		g.terminate(t)
		h.verify(t)
	}
}

// pin has the operator keep the gate's key, which opening an answer needs.
func (h *home) pin(t *testing.T) {
	t.Helper()
	if o := h.ask(t, countVisits); o.code != exitOK {
		t.Fatalf("query exited %d: %s", o.code, o.errout)
	}
}

// operator is a client of the gate.
func (h *home) operator() (*api.Client, error) {
	key, err := keys.LoadUser(h.path("keyring", "li.op.key"))
	if err != nil {
		return nil, err
	}
	return api.NewClient(socketOf(h.domain()), "", "li.op", "en", key.Sign, time.Now), nil
}

// TestNothingSubmittedIsLostWhenTheGateIsKilled kills a gate that runs one question while
// more wait. What ran is closed and not run again; what waited
// is answered by the next gate, once, and by its key it is what was submitted.
func TestNothingSubmittedIsLostWhenTheGateIsKilled(t *testing.T) {
	h := newHome(t)
	serve := func() *watched {
		t.Helper()
		g := h.watch(t, 0, killed, append([]string{"serve", "--passphrase-file", h.path("passphrase"), "--worker", workerBinary, "--max-running", "1"}, h.flags()...)...)
		if err := g.ready(h); err != nil {
			t.Fatalf("start gate: %v\n%s", err, g.log)
		}
		return g
	}
	g := serve()
	client, err := h.operator()
	if err != nil {
		t.Fatal(err)
	}
	submit := func(key, sql string) api.Submission {
		t.Helper()
		s, err := client.Submit(t.Context(), key, api.QueryRequest{Scenario: "outpatient-statistics", Purpose: "MED-STAT", SQL: sql})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	ran := submit("heavy", heavy)
	for began := time.Now(); ran.Step != query.StepRun; time.Sleep(10 * time.Millisecond) {
		if ran, err = client.Submission(t.Context(), ran.ID); err != nil || time.Since(began) > time.Minute {
			t.Fatalf("a heavy question is %+v, %v", ran, err)
		}
	}
	off := submit("off", countVisits)
	if _, err := client.CallOff(t.Context(), off.ID); err != nil {
		t.Fatal(err)
	}
	var waits []api.Submission
	question := func(i int) string { return fmt.Sprintf("SELECT count(*) AS n%d FROM visits", i) }
	for i := range 3 {
		waits = append(waits, submit(fmt.Sprint("waits-", i), question(i)))
	}
	g.kill()
	g.gone(t)
	g = serve()
	ends := func(s api.Submission, want string) {
		t.Helper()
		end, err := client.Follow(t.Context(), s.ID, nil)
		got := ""
		if end.Problem != nil {
			got = end.Problem.Code
		}
		if err != nil || got != want || want == "" && end.Answered != s.Run {
			t.Errorf("%s ended %+v, %v, want %q", s.ID, end, err, want)
		}
	}
	ends(ran, "ABANDONED")
	ends(off, "STOPPED")
	for i, s := range waits {
		ends(s, "")
		if _, _, err := client.Collect(t.Context(), s.ID); err != nil {
			t.Errorf("what waited is not collected: %v", err)
		}
		if again := submit(fmt.Sprint("waits-", i), question(i)); again.ID != s.ID || !again.Over() {
			t.Errorf("the same again is %+v", again)
		}
	}
	entries := h.entries(t)
	checkIntents(t, entries)
	for _, s := range slices.Concat(waits, []api.Submission{ran, off}) {
		kinds := map[string]int{}
		for _, e := range entries {
			if e.Run == s.Run {
				kinds[e.Kind]++
			}
		}
		want := map[string]int{"query.intent": 1, "query.abandoned": 1}
		switch {
		case s.ID == off.ID:
			want = nil
		case slices.ContainsFunc(waits, func(w api.Submission) bool { return w.ID == s.ID }):
			want = map[string]int{"query.intent": 1, "query.done": 1, "output.released": 1, "output.downloaded": 1}
		}
		for _, kind := range []string{"query.intent", "query.abandoned", "query.done", "output.released", "output.downloaded"} {
			if kinds[kind] != want[kind] {
				t.Errorf("of %s the log has %v, want %v", s.ID, kinds, want)
				break
			}
		}
	}
	g.terminate(t)
	h.verify(t)
}

// fetch asks without opening: what it returns are the bytes that left the gate.
func (h *home) fetch(t *testing.T) ([]byte, error) {
	client, err := h.operator()
	if err != nil {
		return nil, err
	}
	s, err := client.Submit(t.Context(), rand.Text(), api.QueryRequest{Scenario: "outpatient-statistics", Purpose: "MED-STAT", SQL: countVisits})
	if err != nil {
		return nil, err
	}
	if s, err = client.Follow(t.Context(), s.ID, nil); err != nil {
		return nil, err
	}
	if s.Problem != nil {
		return nil, s.Problem
	}
	answer, _, err := client.Collect(t.Context(), s.ID)
	return answer, err
}

// runOf returns the run on the label of an answer, opened as its recipient.
func (h *home) runOf(t *testing.T, answer []byte) string {
	t.Helper()
	file := h.path("answer.zbx")
	if err := os.WriteFile(file, answer, 0o600); err != nil {
		t.Fatal(err)
	}
	o := h.must(t, exitOK, "open", "--as", "li.op", file)
	return runPattern.FindString(o.errout)
}
