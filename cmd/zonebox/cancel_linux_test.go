package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"zonebox/query"
)

// heavy is a statement over protected rows that computes for minutes and holds
// gigabytes: pairs and triples of people of one district.
const heavy = "SELECT a.id_number AS i, b.id_number AS j, c.id_number AS k, count(*) AS n FROM visits a JOIN visits b ON a.district = b.district " +
	"JOIN visits c ON a.district = c.district GROUP BY a.id_number, b.id_number, c.id_number"

// resident is what a worker has to hold when it is cancelled.
const resident = 512 << 20

// children returns the memory in bytes of every process that this one started,
// by process, those that ended and were not waited for included.
func children(t testing.TB) map[int]int64 {
	t.Helper()
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	out := map[int]int64{}
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + d.Name() + "/stat")
		if err != nil {
			continue // it ended
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if parent, _ := strconv.Atoi(fields[1]); parent == os.Getpid() {
			pages, _ := strconv.ParseInt(fields[21], 10, 64)
			out[pid] = pages * int64(os.Getpagesize())
		}
	}
	return out
}

// cancelled asks a heavy question through the command line, stops waiting for it when
// its worker holds enough, calls it off, and returns how long it took from there until
// that process was gone, what it held, and what the command said that had waited.
func (h *home) cancelled(t testing.TB) (took time.Duration, held int64, o outcome) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	ended := make(chan outcome, 1)
	go func() {
		var out, errout bytes.Buffer
		args := append([]string{"query", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", heavy}, h.flags()...)
		code := run(ctx, args, strings.NewReader(""), &out, &errout)
		ended <- outcome{code, out.String(), errout.String()}
	}()
	worker := 0
	for deadline := time.Now().Add(time.Minute); worker == 0; time.Sleep(2 * time.Millisecond) {
		for pid, size := range children(t) {
			if size >= resident {
				worker, held = pid, size
			}
		}
		select {
		case o = <-ended:
			t.Fatalf("the question ended by itself: %d %s %s", o.code, o.out, o.errout)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("no worker holds %d bytes: %v", int64(resident), children(t))
		}
	}
	proc := "/proc/" + strconv.Itoa(worker)
	interrupt()
	o = <-ended
	if _, err := os.Stat(proc); err != nil {
		t.Errorf("the end of the wait ended the worker: %v", err)
	}
	id := regexp.MustCompile(`sub-[0-9a-v]+`).FindString(o.errout)
	began := time.Now()
	go func() {
		var out, errout bytes.Buffer
		run(context.WithoutCancel(ctx), append([]string{"query", "--as", "li.op", "--cancel", id}, h.flags()...), strings.NewReader(""), &out, &errout)
		ended <- o
	}()
	for {
		if _, err := os.Stat(proc); err != nil {
			took = time.Since(began)
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("the worker lives 20 s after the question was called off")
		}
		time.Sleep(200 * time.Microsecond)
	}
	<-ended
	return took, held, o
}

// serveOne starts a gate that runs one statement at a time.
func (h *home) serveOne(t testing.TB) {
	t.Helper()
	secret, err := os.ReadFile(h.path("passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	h.gate, err = startGate(context.WithoutCancel(t.Context()), socketOf(h.domain()), listening{}, query.Config{
		Domain: h.domain(), Keys: h.path("domain.keys"), Passphrase: secret, Worker: workerBinary, Idle: 1, Limits: query.Limits{All: 1, Operator: 1},
		Log: slog.New(slog.NewJSONHandler(h.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever stops waiting for a question leaves it running; whoever calls it off ends it:
// its worker and the memory it held are gone at once, its turn is free, and the log says
// whose word it was.
func TestAQuestionThatIsCalledOffEndsAtOnce(t *testing.T) {
	h := newHome(t)
	h.serveOne(t)
	t.Cleanup(func() { h.stop(t) })
	runs := map[string]bool{}
	for range 3 {
		took, held, o := h.cancelled(t)
		t.Logf("a worker of %d MiB was gone %v after its question was called off", held>>20, took)
		if took > time.Second {
			t.Errorf("the worker was gone %v after its question was called off, want at once", took)
		}
		if o.code != exitInterrupted || o.out != "" || !strings.Contains(o.errout, "zonebox: error: INTERRUPTED") {
			t.Errorf("the command exited %d and said %q %q, want %d and that it was interrupted", o.code, o.out, o.errout, exitInterrupted)
		}
		// The only turn there is was given back, and the answer to a short
		// question comes after the entry of the one that ended.
		if o := h.ask(t, countVisits); o.code != exitOK {
			t.Fatalf("after one was called off a question exits %d: %s", o.code, o.errout)
		}
		last := query.AuditEntry{}
		for _, e := range h.entries(t) {
			if e.Kind == "query.killed" && !runs[e.Run] {
				last = e
			}
		}
		runs[last.Run] = true
		if last.Fields["cause"] != "CLIENT_GONE" || last.Fields["reasons"] != "STOPPED" {
			t.Errorf("the log says %v of what ended the run", last.Fields)
		}
	}
	for pid, size := range children(t) {
		if size == 0 {
			t.Errorf("process %d ended and was not waited for", pid)
		}
	}
	h.stop(t)
	if left := children(t); len(left) != 0 {
		t.Errorf("processes %v outlive the gate", left)
	}
	h.verify(t)
}

// BenchmarkCallOff tells how long after its question was called off a worker of half a
// gigabyte is gone.
func BenchmarkCallOff(b *testing.B) {
	h := newHome(b)
	h.serveOne(b)
	defer func() {
		if err := h.gate.stop(); err != nil {
			b.Error(err)
		}
	}()
	var all []time.Duration
	var least int64
	for b.Loop() {
		took, held, _ := h.cancelled(b)
		all = append(all, took)
		if least == 0 || held < least {
			least = held
		}
	}
	slices.Sort(all)
	at := func(p float64) float64 {
		return float64(all[min(int(p*float64(len(all))), len(all)-1)].Microseconds()) / 1000
	}
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(float64(least>>20), "MiB-least")
	b.Log(fmt.Sprint(all))
}
