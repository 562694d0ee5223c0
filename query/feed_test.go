package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zonebox/feed"
	"zonebox/query"
	"zonebox/query/querytest"
)

// fed is a domain without workers whose alerts go to a receiver.
func fed(t *testing.T, to string) *querytest.Domain {
	t.Helper()
	d := querytest.New(t, querytest.Options{})
	r, err := feed.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	r.Patience = 200 * time.Millisecond
	d.Config.Worker, d.Config.AlertsTo = "", r
	d.Reopen()
	return d
}

// feeds has a domain's alerts handed over until the function it returns is called.
func feeds(t *testing.T, d *querytest.Domain) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { d.Engine.Feed(ctx) })
	stop = func() { cancel(); all.Wait() }
	t.Cleanup(stop)
	return stop
}

func raise(t *testing.T, d *querytest.Domain, kind string, n int) {
	t.Helper()
	if err := query.Emit(d.Engine, kind, map[string]string{"n": fmt.Sprint(n), "severity": "MAJOR"}); err != nil {
		t.Fatal(err)
	}
}

// linesOf returns what a file of JSON lines says, kind and number by line.
func linesOf(t *testing.T, text string) []string {
	t.Helper()
	var out []string
	for line := range strings.Lines(text) {
		var l query.FeedLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		out = append(out, l.Kind+" "+l.Fields["n"])
	}
	return out
}

// soon waits until there is what a test waits for.
func soon(t *testing.T, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if there() {
			return
		}
	}
	t.Fatalf("it does not come to this: %s", what)
}

func fileText(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}

func alertsOf(t *testing.T, d *querytest.Domain) query.FeedStatus {
	t.Helper()
	s, err := d.Engine.Status(t.Context(), d.Subject(querytest.Founder))
	if err != nil || s.Alerts == nil {
		t.Fatalf("the status tells of no feed: %v", err)
	}
	return *s.Alerts
}

// Alerts leave in the order of the log, each once, and nothing else does; a restart
// goes on behind the last.
func TestAlertsLeaveInTheOrderOfTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	d := fed(t, "file:"+path)
	raise(t, d, "alert.probing", 1)
	raise(t, d, "query.denied", 2)
	raise(t, d, "clock.overdue", 3)
	raise(t, d, "clock.escalated", 4)
	raise(t, d, "clock.recounted", 5)
	raise(t, d, "document.lapsed", 6)
	stop := feeds(t, d)
	want := []string{"alert.probing 1", "clock.overdue 3", "clock.escalated 4", "document.lapsed 6"}
	soon(t, "four alerts", func() bool { return strings.Count(fileText(path), "\n") == 4 })
	if got := linesOf(t, fileText(path)); !slices.Equal(got, want) {
		t.Errorf("the file holds %q, want %q", got, want)
	}
	var first query.FeedLine
	if err := json.Unmarshal([]byte(strings.SplitAfter(fileText(path), "\n")[0]), &first); err != nil {
		t.Fatal(err)
	}
	for _, e := range d.Audit(querytest.Founder) {
		if e.Kind == "alert.probing" && (first.ID != e.ID || first.Index != e.Index || !first.At.Equal(e.At) || first.Actor != "gate" || first.Zone != "medical" ||
			first.Severity != "MAJOR" || first.Domain != d.Engine.Domain().ID) {
			t.Errorf("the line says %+v of the entry %+v", first, e)
		}
	}
	soon(t, "a status of four", func() bool { return alertsOf(t, d).Delivered == 4 })
	stop()
	d.Reopen()
	feeds(t, d)
	raise(t, d, "alert.witness", 7)
	soon(t, "a fifth alert", func() bool { return strings.Count(fileText(path), "\n") >= 5 })
	if got, want := linesOf(t, fileText(path)), append(want, "alert.witness 7"); !slices.Equal(got, want) {
		t.Errorf("after a restart the file holds %q, want %q", got, want)
	}
}

// siem is a receiver on a socket that comes and goes.
type siem struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *siem) got() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// serve takes connections with f until the function it returns is called.
func (s *siem) serve(t *testing.T, path string, f func(net.Conn) string) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			text := f(c)
			s.mu.Lock()
			s.text.WriteString(text)
			s.mu.Unlock()
			c.Close()
		}
	})
	return func() { l.Close(); all.Wait() }
}

// whole reads all of a connection.
func whole(c net.Conn) string {
	var b strings.Builder
	for buf := make([]byte, 4096); ; {
		n, err := c.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}

// A receiver that is not there, dies in a line or hangs holds nobody up and loses
// nothing; log and status tell of it, once.
func TestAReceiverThatFailsLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "siem")
	d := fed(t, "unix:"+path)
	feeds(t, d)
	var s siem
	want, n := []string{}, 0
	for name, f := range map[string]func(net.Conn) string{
		"nobody":         nil,
		"dies in a line": func(c net.Conn) string { _, _ = c.Read(make([]byte, 20)); return "" },
		"hangs":          func(net.Conn) string { time.Sleep(time.Second); return "" },
	} {
		stop := func() {}
		if f != nil {
			stop = (&siem{}).serve(t, path, f)
		}
		for range 3 {
			n++
			began := time.Now()
			raise(t, d, "alert.test", n)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%s: the gate waited %v", name, took)
			}
			want = append(want, fmt.Sprint("alert.test ", n))
		}
		soon(t, name+": a status that says so", func() bool { return alertsOf(t, d).Failing != nil })
		if a := alertsOf(t, d); a.Cause == "" || a.To != "unix:"+path {
			t.Errorf("%s: the status is %+v", name, a)
		}
		stop()
		stop = s.serve(t, path, whole)
		soon(t, name+": all alerts", func() bool { return strings.Count(s.got(), "\n") >= n })
		soon(t, name+": a status that says so", func() bool { return alertsOf(t, d).Failing == nil })
		stop()
	}
	if got := linesOf(t, s.got()); !slices.Equal(got, want) {
		t.Errorf("the receiver has %q, want %q", got, want)
	}
	if fails, again := strings.Count(d.Log.String(), "alerts are not handed over"), strings.Count(d.Log.String(), "alerts are handed over again"); fails != 3 || again != 3 {
		t.Errorf("the log tells of %d failures and %d ends, want 3 and 3", fails, again)
	}
}

// A gate that ends between the receiver's word and its own note hands over again: the
// receiver knows the id.
func TestWhatIsInDoubtComesAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	d := fed(t, "file:"+path)
	raise(t, d, "alert.test", 1)
	raise(t, d, "alert.test", 2)
	stop := feeds(t, d)
	soon(t, "two alerts", func() bool { return strings.Count(fileText(path), "\n") == 2 })
	stop()
	for _, next := range []uint64{0, 1 << 40} { // before the delivery; of a longer log
		if err := query.Unfed(d.Engine, next); err != nil {
			t.Fatal(err)
		}
		before := fileText(path)
		stop = feeds(t, d)
		soon(t, "both again", func() bool { return fileText(path) == before+before[:len(before)*2/strings.Count(before, "\n")] })
		stop()
	}
}

// Nothing is written into the domain, the keys or the backups, whatever links lead there.
func TestAlertsStayOutOfTheDomain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out", "alerts.jsonl")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	d := fed(t, "file:"+path)
	stop := feeds(t, d)
	raise(t, d, "alert.test", 1)
	soon(t, "an alert outside", func() bool { return strings.Count(fileText(path), "\n") == 1 })
	// The folder becomes a link into the domain while the gate runs.
	for _, err := range []error{os.Rename(filepath.Dir(path), filepath.Join(dir, "away")), os.Symlink(d.Config.Domain, filepath.Dir(path))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	raise(t, d, "alert.test", 2)
	soon(t, "a status that says so", func() bool { return alertsOf(t, d).Failing != nil })
	if _, err := os.Stat(filepath.Join(d.Config.Domain, "alerts.jsonl")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file of alerts stands in the domain: %v", err)
	}
	stop()
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(d.Config.Keys, link); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"file:" + d.Config.Domain + "/alerts", "file:" + d.Config.Domain + "/audit/../alerts", "unix:" + d.Config.Domain + "/sock",
		"syslog:unix:" + d.Config.Keys + "/sock", "file:" + link + "/alerts"} {
		cfg := d.Config
		r, err := feed.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		cfg.AlertsTo, cfg.Passphrase = r, []byte("a passphrase of the test")
		if e, err := query.Open(t.Context(), cfg); err == nil {
			t.Errorf("a gate starts with %s", to)
			_ = e.Close()
		} else if !strings.Contains(err.Error(), "must be outside") {
			t.Errorf("%s: %v", to, err)
		}
	}
	d.Config.AlertsTo = nil
	d.Reopen()
}
