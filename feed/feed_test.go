package feed_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"zonebox/feed"
)

// alerts are two messages with every severity but one, in two languages.
var alerts = []feed.Message{
	{Origin: "zonebox-abc", Kind: "alert.probing", At: time.Date(2026, 2, 11, 9, 0, 0, 123000, time.FixedZone("", 8*3600)), Severity: feed.Warning, Line: []byte(`{"id":"a1","to":"<运营>"}`)},
	{Origin: "zonebox-abc", Kind: "clock.overdue", At: time.Date(2026, 2, 11, 1, 0, 1, 0, time.UTC), Severity: feed.Major, Line: []byte(`{"id":"a2"}`)},
}

func receiver(t *testing.T, name string) *feed.Receiver {
	t.Helper()
	r, err := feed.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	r.Patience = 500 * time.Millisecond
	return r
}

func TestWhatNamesAReceiver(t *testing.T) {
	for text, path := range map[string]string{
		"file:/var/log/zonebox/alerts.jsonl": "/var/log/zonebox/alerts.jsonl",
		"file:/a/../b":                       "/b",
		"unix:/run/siem.sock":                "/run/siem.sock",
		"syslog:unix:/run/siem.sock":         "/run/siem.sock",
		"syslog:127.0.0.1:6514":              "",
		"syslog:[::1]:601":                   "",
	} {
		if r, err := feed.Parse(text); err != nil || r.Path() != path || r.String() != text {
			t.Errorf("%s: %v, want a receiver at %q", text, err, path)
		}
	}
	for _, text := range []string{"", "alerts.jsonl", "file:", "file:alerts", "unix:", "unix:siem.sock", "syslog:", "syslog:host", "syslog::514", "syslog:host:",
		"syslog:unix:sock", "unix:host:1", "tcp:host:1", "syslog:file:/a", "http://host/"} {
		if r, err := feed.Parse(text); !errors.Is(err, feed.ErrReceiver) {
			t.Errorf("%q names %v, %v", text, r, err)
		}
	}
}

// The file is the gate's alone, and each batch follows the one before.
func TestAFileGetsALineForEachAlert(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	r := receiver(t, "file:"+path)
	want := ""
	for range 2 {
		if err := r.Deliver(t.Context(), alerts); err != nil {
			t.Fatal(err)
		}
		want += "{\"id\":\"a1\",\"to\":\"<运营>\"}\n{\"id\":\"a2\"}\n"
		if got := read(t, path); got != want {
			t.Errorf("the file holds %q, want %q", got, want)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file has mode %v, %v, want 0600", info.Mode(), err)
	}
	// Moved away, as log rotation does it: the next batch begins another.
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := r.Deliver(t.Context(), alerts[1:]); err != nil {
		t.Fatal(err)
	}
	if old, now := read(t, path+".1"), read(t, path); old != want || now != "{\"id\":\"a2\"}\n" {
		t.Errorf("moved away holds %q, the new file %q", old, now)
	}
}

// A line that a crash cut short stays one of its own.
func TestALineCutShortEndsNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	if err := os.WriteFile(path, []byte("{\"id\":\"a0\"}\n{\"id\":\"a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := receiver(t, "file:"+path).Deliver(t.Context(), alerts[1:]); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, path), "{\"id\":\"a0\"}\n{\"id\":\"a\n{\"id\":\"a2\"}\n"; got != want {
		t.Errorf("the file holds %q, want %q", got, want)
	}
}

// What is no file of the gate's own is not written, and nothing behind it.
func TestOnlyAFileOfOnesOwnIsWritten(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"secret", "wide", "linked"} {
		if err := os.WriteFile(at(name), []byte("before\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{os.Symlink(at("secret"), at("link")), os.Symlink(at("nothing"), at("dangling")), os.Chmod(at("wide"), 0o640),
		os.Link(at("linked"), at("other")), os.Mkdir(at("folder"), 0o700), syscall.Mkfifo(at("pipe"), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"link", "dangling", "wide", "linked", "folder", "pipe", "missing/alerts"} {
		if err := receiver(t, "file:"+at(name)).Deliver(t.Context(), alerts); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	for _, name := range []string{"secret", "wide", "linked"} {
		if got := read(t, at(name)); got != "before\n" {
			t.Errorf("%s holds %q", name, got)
		}
	}
	if _, err := os.Stat(at("nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made behind a link: %v", err)
	}
	if err := receiver(t, "file:"+at("secret")).Deliver(t.Context(), alerts); err != nil {
		t.Errorf("a file of one's own: %v", err)
	}
}

// listen serves one connection after the other with f, and returns what it listens on.
func listen(t *testing.T, network, address string, f func(net.Conn)) net.Addr {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr()
}

// Of a socket the receiver's closing after the last byte is its word that it has all.
func TestASocketGetsABatchByAConnection(t *testing.T) {
	var got []string
	all := func(c net.Conn) {
		b, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		got = append(got, string(b))
	}
	path := filepath.Join(t.TempDir(), "s")
	listen(t, "unix", path, all)
	tcp := listen(t, "tcp", "127.0.0.1:0", all)
	lines := "{\"id\":\"a1\",\"to\":\"<运营>\"}\n{\"id\":\"a2\"}\n"
	// 9 o'clock of China is 1 o'clock UTC; facility 13, severities 4 and 1.
	first := "<108>1 2026-02-11T01:00:00.000123Z zonebox-abc zonebox - alert.probing - \ufeff{\"id\":\"a1\",\"to\":\"<运营>\"}"
	second := "<105>1 2026-02-11T01:00:01.000000Z zonebox-abc zonebox - clock.overdue - \ufeff{\"id\":\"a2\"}"
	if len(first) != 103 || len(second) != 87 {
		t.Fatalf("the messages have %d and %d bytes", len(first), len(second))
	}
	messages := "103 " + first + "87 " + second
	for _, c := range []struct{ name, want string }{{"unix:" + path, lines}, {"syslog:unix:" + path, messages}, {"syslog:" + tcp.String(), messages}} {
		got = nil
		if err := receiver(t, c.name).Deliver(t.Context(), alerts); err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("%s got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

// A receiver that did not read to the end has not got the batch, whatever it does.
func TestAReceiverThatDidNotReadHasNothing(t *testing.T) {
	for name, f := range map[string]func(c net.Conn, over <-chan struct{}){
		"closes at once":        func(net.Conn, <-chan struct{}) {},
		"dies in a line":        func(c net.Conn, _ <-chan struct{}) { _, _ = io.ReadFull(c, make([]byte, 10)) },
		"hangs":                 func(_ net.Conn, over <-chan struct{}) { <-over },
		"reads and never ends":  func(c net.Conn, over <-chan struct{}) { _, _ = io.Copy(io.Discard, c); <-over },
		"talks and never reads": func(c net.Conn, over <-chan struct{}) { _, _ = c.Write([]byte("250 ok")); <-over },
	} {
		for _, network := range []string{"unix", "tcp"} {
			for size, batch := range map[string][]feed.Message{"small": alerts, "large": many(alerts)} {
				t.Run(name+" "+network+" "+size, func(t *testing.T) {
					over := make(chan struct{})
					address, to := "127.0.0.1:0", "syslog:"
					if network == "unix" {
						address, to = filepath.Join(t.TempDir(), "s"), "syslog:unix:"
					}
					r := receiver(t, to+listen(t, network, address, func(c net.Conn) { f(c, over) }).String())
					defer close(over)
					began := time.Now()
					if err := r.Deliver(t.Context(), batch); err == nil {
						t.Error("the batch counts as delivered")
					}
					if took := time.Since(began); took > 5*time.Second {
						t.Errorf("it took %v to say so, with a patience of half a second", took)
					}
				})
			}
		}
	}
	if err := receiver(t, "unix:"+filepath.Join(t.TempDir(), "nobody")).Deliver(t.Context(), alerts); err == nil {
		t.Error("nobody has the batch")
	}
}

// Whoever stops the gate waits for no receiver.
func TestTheEndOfTheGateEndsADelivery(t *testing.T) {
	hold := make(chan struct{})
	path := filepath.Join(t.TempDir(), "s")
	listen(t, "unix", path, func(net.Conn) { <-hold })
	r, err := feed.Parse("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if err := r.Deliver(ctx, alerts); !errors.Is(err, context.Canceled) {
		t.Errorf("the delivery ends with %v", err)
	}
	close(hold)
}

// many is a batch that no socket takes whole at once.
func many(some []feed.Message) []feed.Message {
	var all []feed.Message
	for range 1000 {
		m := some[0]
		m.Line = []byte(`{"text":"` + strings.Repeat("x", 1000) + `"}`)
		all = append(all, m)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
