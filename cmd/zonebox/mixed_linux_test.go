package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// wrkScript reads one route after the other, each of the connections some ten times a
// second, and prints what wrk measured.
const wrkScript = `
local paths = { %s }
local i = 0
function request() i = i + 1; return wrk.format("GET", paths[i %% #paths + 1]) end
function delay() return 100 end
function done(summary, latency)
  io.write(string.format("requests=%%d p50=%%d p99=%%d most=%%d refused=%%d broken=%%d\n", summary.requests, latency:percentile(50), latency:percentile(99), latency.max,
    summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
`

// readPaths are what a machine of an operator reads by its key.
var readPaths = []string{"/v1/catalogue", "/v1/documents/dataset", "/v1/documents/dataset/visits", "/v1/documents/scenario", "/v1/documents/grant/visits-statistics", "/v1/quality"}

// readPatience is within which 99 of 100 readings are answered.
const readPatience = 50 * time.Millisecond

// asker is one client of an operator that asks one question after the other.
type asker struct {
	user, scenario string
	took           []time.Duration // of those that were answered
	again          int             // handed in once more
}

// apart runs one command line in a process of its own, whose connections end with it.
func (h *home) apart(t *testing.T, args ...string) outcome {
	var out, errout bytes.Buffer
	c := exec.Command("/proc/self/exe", append(args, h.flags()...)...)
	c.Env = append(os.Environ(), "ZONEBOX_TEST_PROCESS=zonebox")
	c.Stdout, c.Stderr = &out, &errout
	if err := c.Start(); err != nil {
		t.Error(err)
		return outcome{code: exitFailure, errout: err.Error()}
	}
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, c.Process.Pid, 10) // clients have hosts of their own
	_ = c.Wait()
	return outcome{c.ProcessState.ExitCode(), out.String(), errout.String()}
}

// ask asks until the time is over. Each question has a name of its own, so that no stored
// answer serves it, and is handed in under one key until it is answered.
func (a *asker) ask(t *testing.T, h *home, name string, over <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-over:
			return
		default:
		}
		name := fmt.Sprintf("%s_%d", name, i)
		began := time.Now()
		for {
			o := h.apart(t, "query", "--as", a.user, "--scenario", a.scenario, "--purpose", "MED-STAT", "-o", "csv", "--key", name,
				"SELECT department, count(*) AS "+name+" FROM visits GROUP BY department")
			if o.code == exitOK && strings.Contains(o.out, name) {
				a.took = append(a.took, time.Since(began))
				break
			}
			if o.code != exitBusy && !strings.Contains(o.errout, "GATE_UNREACHABLE") || time.Since(began) > time.Minute {
				t.Errorf("a question of %s is lost: exit %d after %v: %s", a.user, o.code, time.Since(began), o.errout)
				return
			}
			a.again++
			time.Sleep(time.Second)
		}
	}
}

// gateProcess is a gate of its own process that listens to the network and to its host.
type gateProcess struct {
	cmd        *exec.Cmd
	log        *syncBuffer
	web, admin string
}

func (h *home) process(t *testing.T) *gateProcess {
	t.Helper()
	g := &gateProcess{log: new(syncBuffer)}
	g.cmd = exec.Command("/proc/self/exe", append([]string{"serve", "--passphrase-file", h.path("passphrase"), "--worker", workerBinary,
		"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-level", "error"}, h.flags()...)...)
	g.cmd.Env = append(os.Environ(), "ZONEBOX_TEST_PROCESS=zonebox")
	g.cmd.Stderr = g.log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.cmd.Process.Kill() })
	web, admin := regexp.MustCompile(`https://127\.0\.0\.1:\d+`), regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/readyz`)
	for until := time.Now().Add(time.Minute); g.admin == ""; time.Sleep(10 * time.Millisecond) {
		if m := admin.FindStringSubmatch(g.log.String()); m != nil {
			g.web, g.admin = web.FindString(g.log.String()), m[1]
		}
		if time.Now().After(until) {
			t.Fatalf("the gate is not ready: %s", g.log)
		}
	}
	return g
}

// stops ends the gate and waits until it is gone.
func (g *gateProcess) stops(t *testing.T) {
	t.Helper()
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	if err := g.cmd.Wait(); err != nil {
		t.Errorf("a gate that drains ends with %v: %s", err, g.log)
	}
}

// held returns some of its own figures.
func (g *gateProcess) held(t *testing.T) map[string]float64 {
	res, err := http.Get(g.admin + "/metrics")
	if err != nil {
		t.Error(err)
		return nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
		return nil
	}
	out := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "process_resident_memory_bytes", "process_open_fds", "go_goroutines":
			out[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return out
}

// second signs and applies another operator with a license over the same visits.
func (h *home) second(t *testing.T) {
	t.Helper()
	document := func(file string, change ...string) string {
		text, err := demoDocuments.ReadFile("demo/" + file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer(change...).Replace(string(text))
	}
	part := func(text, name string) string {
		for doc := range strings.SplitSeq(text, "---\n") {
			if strings.Contains(doc, "\nname: "+name+"\n") {
				return doc
			}
		}
		t.Fatalf("no document %s", name)
		return ""
	}
	h.signed(t, "second-organization.yaml", part(document("organizations.yaml", "name: huiyi", "name: second", "惠医数据运营有限公司", "次医数据运营有限公司"), "second"), "zhao.city")
	person := "kind: Person\nname: wang.op\nspec:\n  real_name: 王运营\n  organization: second\n  roles: [operator]\n  status: active\n"
	for line := range strings.Lines(h.typed(t, "user", "wang.op")) {
		person += "  " + line
	}
	h.signed(t, "second-person.yaml", person, "zhao.city")
	names := []string{"medical-2026", "second-2026", "outpatient-statistics", "second-statistics", "huiyi", "second", "li.op", "wang.op", "visits-statistics", "visits-second"}
	h.signed(t, "second-license.yaml", document("license.yaml", names...), "zhao.city", "sun.health", "zhao.city", "wang.op")
	h.signed(t, "second-grant.yaml", part(document("grants.yaml", names...), "visits-second"), "zhao.city", "sun.health", "qian.hospital")
}

// reads has wrk read for d and returns what it measured.
func (g *gateProcess) reads(t *testing.T, h *home, token string, d time.Duration) map[string]int {
	t.Helper()
	var quoted []string
	for _, p := range readPaths {
		quoted = append(quoted, strconv.Quote(p))
	}
	script := h.path("reads.lua")
	if err := os.WriteFile(script, fmt.Appendf(nil, wrkScript, strings.Join(quoted, ", ")), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("wrk", "-t1", "-c8", "-d", strconv.Itoa(int(d.Seconds()))+"s", "-s", script, "-H", "Authorization: Bearer "+token, g.web).CombinedOutput()
	if err != nil {
		t.Fatalf("wrk: %v\n%s", err, out)
	}
	got := map[string]int{}
	for _, m := range regexp.MustCompile(`(\w+)=(\d+)`).FindAllSubmatch(out, -1) {
		got[string(m[1])], _ = strconv.Atoi(string(m[2]))
	}
	if got["requests"] == 0 {
		t.Fatalf("wrk measured nothing: %s", out)
	}
	return got
}

// TestMixedLoad asks and reads at once, for as long as ZONEBOX_MIXED says: six clients
// of one operator and one of another ask by the command line, a machine of the first
// reads by its key, and after a sixth of the time the gate is drained and started again.
func TestMixedLoad(t *testing.T) {
	whole, err := time.ParseDuration(os.Getenv("ZONEBOX_MIXED"))
	if err != nil {
		t.Skip("ZONEBOX_MIXED says for how long; make mixed does")
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		t.Fatal(err)
	}
	h := newHome(t)
	g := h.process(t)
	h.second(t)
	token := strings.TrimSpace(h.must(t, exitOK, "key", "issue", "load", "--scope", "read", "--as", "li.op").out)

	over := make(chan struct{})
	var clients sync.WaitGroup
	var askers []*asker
	for i := range 7 {
		a := &asker{user: "li.op", scenario: "outpatient-statistics"}
		if i == 6 {
			a.user, a.scenario = "wang.op", "second-statistics"
		}
		askers = append(askers, a)
		clients.Go(func() { a.ask(t, h, "n"+strconv.Itoa(i), over) })
	}
	first := g.reads(t, h, token, whole/6)
	g.stops(t)
	g = h.process(t)

	var held []map[string]float64
	sampled := make(chan struct{})
	enough := make(chan struct{})
	go func() {
		defer close(sampled)
		for {
			select {
			case <-enough:
				return
			case <-time.After(time.Second):
				held = append(held, g.held(t))
			}
		}
	}()
	second := g.reads(t, h, token, whole-whole/6)
	close(enough)
	<-sampled
	close(over)
	clients.Wait()

	answered := 0
	for i, a := range askers {
		slices.Sort(a.took)
		t.Logf("%s %d: %d answered, %d handed in again", a.user, i, len(a.took), a.again)
		answered += len(a.took)
		if len(a.took) < 3 {
			t.Fatalf("%s %d had %d answers", a.user, i, len(a.took))
		}
	}
	middle := func(a *asker) time.Duration { return a.took[len(a.took)/2] }
	t.Logf("%d answers in %v; the one client of an operator waits %v in the middle, one of six %v", answered, whole, middle(askers[6]), middle(askers[0]))
	// Two statements of each operator run at once at most. In one queue for all a client
	// alone would get what one of the six gets.
	if alone := len(askers[6].took); alone*6*5 < (answered-alone)*6 {
		t.Errorf("the client alone had %d answers, each of six others %d", alone, (answered-alone)/6)
	}
	for i, r := range []map[string]int{first, second} {
		t.Logf("reads: %v (microseconds)", r)
		if p99 := time.Duration(r["p99"]) * time.Microsecond; p99 > readPatience || r["refused"]+r["broken"] > 0 {
			t.Errorf("in part %d, 99 of 100 readings take up to %v, want %v; %d refused, %d broken", i+1, p99, readPatience, r["refused"], r["broken"])
		}
	}
	median := func(name string, part []map[string]float64) float64 {
		var all []float64
		for _, m := range part {
			all = append(all, m[name])
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	fifth := len(held) / 5
	if fifth == 0 {
		t.Fatalf("%d looks at the gate's figures", len(held))
	}
	for _, name := range []string{"go_goroutines", "process_open_fds", "process_resident_memory_bytes"} {
		if slices.ContainsFunc(held, func(m map[string]float64) bool { return m[name] == 0 }) {
			t.Errorf("the gate does not tell its %s", name)
		}
		early, late := median(name, held[fifth:2*fifth]), median(name, held[len(held)-fifth:])
		t.Logf("%s: %.0f in the second fifth, %.0f in the last", name, early, late)
		room := map[string]float64{"process_open_fds": 16, "go_goroutines": 100, "process_resident_memory_bytes": early/10 + 32<<20}
		if late > early+room[name] {
			t.Errorf("%s grows from %.0f to %.0f", name, early, late)
		}
	}
	entries := h.entries(t)
	checkIntents(t, entries)
	released := 0
	for _, e := range entries {
		if e.Kind == "output.released" {
			released++
		}
	}
	if released != answered {
		t.Errorf("%d outputs were released, %d answered", released, answered)
	}
	g.stops(t)
	h.verify(t)
}
