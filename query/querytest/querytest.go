// Package querytest builds whole domains for tests: a domain folder and its
// keys in temporary folders, people with keys, signed documents, loaded data
// and an open engine, which the end of the test closes.
//
// It guarantees what a test of the product needs: every person signs with a key
// of their own through Authenticate, the clock is the domain's own and only
// goes forward, and everything the engine logs is kept to be looked at. It is
// for tests alone: nothing that runs in a gate imports it.
//
// Read City first, then Domain.
package querytest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/keys/keystest"
	"zonebox/query"
	"zonebox/release"
)

// Founder is the first person of every domain New makes, of the city authority.
const Founder = "zhao.city"

// Start is when the clock of every domain starts: a working day after the pack
// nanjing-2024 lapsed, so that licenses need their renewed basis.
var Start = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

// Options change what New makes. The zero value is a working domain.
type Options struct {
	Idle   int           // workers kept ready
	Memory int64         // bytes a worker may use
	Wall   time.Duration // time a statement may take
	Timed  bool          // the clock runs as fast as the machine's
	Limits query.Limits  // what runs at once
	Alerts bool          // alerts restrict by themselves, as they do in a gate
	Ledger bool          // releases are compared with those before, as they are in a gate

	Provider keys.KeyProvider // nil: a passphrase
}

// Domain is an open domain and everything a test does to it. Its methods fail
// the test where something goes wrong that the test did not ask about. It is
// safe for concurrent use but for Reopen,
// after which copies that In made earlier hold a closed engine.
type Domain struct {
	Engine *query.Engine
	Config query.Config // what the engine was opened with
	Log    *Log         // everything the engine logged, at every level

	t     testing.TB
	clock *clock
	ring  *ring
	last  **query.Engine // opened last, by the domain or a copy of it
}

// In returns the domain with another test to fail: a subtest.
func (d *Domain) In(t testing.TB) *Domain {
	in := *d
	in.t = t
	return &in
}

// New makes a domain with its founder and nothing else, and opens it.
func New(t testing.TB, o Options) *Domain {
	t.Helper()
	d := closed(t, folder(t), o)
	d.found()
	d.open()
	return d
}

// folder returns a folder that goes with the test. The log's own goroutines outlive
// Close by a moment, and may write a file anew that was just removed.
func folder(t testing.TB) string {
	t.Helper()
	t.TempDir() // so that what a test keeps there goes after the domain is closed
	dir, err := os.MkdirTemp("", "zonebox")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := os.RemoveAll(dir)
		for range 100 {
			if err == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
			err = os.RemoveAll(dir)
		}
		t.Error(err)
	})
	return dir
}

// closed returns a domain in a folder, neither made nor open. What it opens later
// ends with the test.
func closed(t testing.TB, dir string, o Options) *Domain {
	t.Helper()
	if o.Limits.Explains == 0 {
		o.Limits.Explains = 1 << 20 // the clock stands nearly still
	}
	log, c := &Log{}, &clock{at: Start}
	if o.Timed {
		c.began = time.Now()
	}
	d := &Domain{t: t, Log: log, clock: c, ring: &ring{keys: map[string]*keys.User{}}, last: new(*query.Engine)}
	d.Config = query.Config{
		Domain: filepath.Join(dir, "domain"), Keys: filepath.Join(dir, "keys"), Passphrase: []byte("a passphrase of the test"),
		Worker: Worker(t), Idle: o.Idle, Memory: o.Memory, Wall: o.Wall, Limits: o.Limits, Now: d.clock.now, Unrestrained: !o.Alerts, Forgetful: !o.Ledger,
		Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if o.Provider != nil {
		d.Config.Provider, d.Config.Passphrase = o.Provider, nil
	}
	t.Cleanup(func() {
		if *d.last == nil {
			return
		}
		if err := (*d.last).Close(); err != nil {
			t.Errorf("close domain: %v", err)
		}
	})
	return d
}

// found makes the domain with its founder.
func (d *Domain) found() {
	d.t.Helper()
	founding := d.Config
	founding.Worker = "" // nothing is asked of one yet
	if founding.Provider == nil {
		founding.Provider = keystest.Cheap(founding.Passphrase)
	}
	err := query.Init(d.t.Context(), founding, query.Founder{
		Organization: "city-data-authority", Title: "市数据主管部门", User: Founder, RealName: "赵市数", Key: d.Key(Founder),
	})
	if err != nil {
		d.t.Fatalf("make domain: %v", err)
	}
}

func (d *Domain) open() {
	d.t.Helper()
	// The end of the test's context must not end the engine before its Close.
	e, err := query.Open(context.WithoutCancel(d.t.Context()), d.Config)
	if err != nil {
		d.t.Fatalf("open domain: %v", err)
	}
	d.Engine, *d.last = e, e
	if d.Config.Worker != "" {
		e.AskAgain(context.WithoutCancel(d.t.Context()))
	}
}

// Reopen closes the domain and opens it again, as a restart does.
func (d *Domain) Reopen() {
	d.t.Helper()
	if err := d.Engine.Close(); err != nil {
		d.t.Fatalf("close domain: %v", err)
	}
	d.open()
}

// Reopened opens a domain that the test has closed.
func (d *Domain) Reopened() {
	d.t.Helper()
	d.open()
}

// Now returns the time of the domain's clock, which moves with every look.
func (d *Domain) Now() time.Time { return d.clock.now() }

// Advance moves the clock forward.
func (d *Domain) Advance(by time.Duration) { d.clock.advance(by) }

// Key returns the private key of a person, made at first use.
func (d *Domain) Key(user string) *keys.User {
	d.t.Helper()
	d.ring.mu.Lock()
	defer d.ring.mu.Unlock()
	if d.ring.keys[user] == nil {
		k, err := keys.Generate(user)
		if err != nil {
			d.t.Fatalf("make key of %s: %v", user, err)
		}
		d.ring.keys[user] = k
	}
	return d.ring.keys[user]
}

// Subject authenticates a person, as a client's signed request does.
func (d *Domain) Subject(user string) query.Subject {
	d.t.Helper()
	s, err := d.TrySubject(user)
	if err != nil {
		d.t.Fatalf("authenticate %s: %v", user, err)
	}
	return s
}

// TrySubject is Subject for a person who may be refused.
func (d *Domain) TrySubject(user string) (query.Subject, error) {
	d.t.Helper()
	at, nonce := d.Now(), rand.Text()
	message := []byte(user + "\n" + at.Format(time.RFC3339Nano) + "\n" + nonce)
	return d.Engine.Authenticate(d.t.Context(), query.Credentials{
		Gate: d.Engine.Domain().GateKey, User: user, At: at, Nonce: nonce, Message: message, Signature: d.Key(user).Sign(message),
	})
}

// Ask asks a question.
func (d *Domain) Ask(user, scenario, purpose, sql string) (*query.Answer, error) {
	d.t.Helper()
	return d.Engine.Answer(d.t.Context(), query.Request{Subject: d.Subject(user), Scenario: scenario, Purpose: purpose, SQL: sql})
}

// AskTemplate asks a question by a template.
func (d *Domain) AskTemplate(user, scenario, purpose, template string, parameters map[string]string) (*query.Answer, error) {
	d.t.Helper()
	return d.Engine.Answer(d.t.Context(), query.Request{Subject: d.Subject(user), Scenario: scenario, Purpose: purpose,
		Template: template, Parameters: parameters})
}

// Resume goes on with a run that was in review.
func (d *Domain) Resume(user, run string) (*query.Answer, error) {
	d.t.Helper()
	return d.Engine.Answer(d.t.Context(), query.Request{Subject: d.Subject(user), Resume: run})
}

// Approve approves what a run waits for and returns the state it is in then.
func (d *Domain) Approve(user, run string) string {
	d.t.Helper()
	item, err := d.Engine.Settle(d.t.Context(), d.Subject(user), run, true, "NJ24-14")
	if err != nil {
		d.t.Fatalf("approve %s as %s: %v", run, user, err)
	}
	return item.State
}

// Open opens an answer as its recipient.
func (d *Domain) Open(user string, a *query.Answer) Result {
	d.t.Helper()
	gate, err := base64.StdEncoding.DecodeString(d.Engine.Domain().GateKey)
	if err != nil {
		d.t.Fatalf("gate key: %v", err)
	}
	opened, err := release.Open(a.Artifact.Bytes(), release.Key{HPKE: d.Key(user).Recipient(), SM2: d.Key(user).RecipientSM2()}, gate)
	if err != nil {
		d.t.Fatalf("open answer %s: %v", a.Run, err)
	}
	defer opened.Release()
	r := Result{Columns: []string{}, Rows: [][]string{}}
	for _, f := range opened.Schema.Fields() {
		r.Columns = append(r.Columns, f.Name)
	}
	for _, batch := range opened.Rows {
		for i := range int(batch.NumRows()) {
			row := make([]string, batch.NumCols())
			for c := range row {
				if col := batch.Column(c); col.IsValid(i) {
					row[c] = col.ValueStr(i)
				} else {
					row[c] = Null
				}
			}
			r.Rows = append(r.Rows, row)
		}
	}
	return r
}

// Audit returns the entries of the audit log as the auditing role sees them.
func (d *Domain) Audit(auditor string) []query.AuditEntry {
	d.t.Helper()
	entries, err := d.Engine.Audit(d.t.Context(), d.Subject(auditor), 0, 1<<20)
	if err != nil {
		d.t.Fatalf("read audit log: %v", err)
	}
	return entries
}

// Null is how a missing cell shows in a Result.
const Null = "∅"

// Result is an opened answer as text.
type Result struct {
	Columns []string
	Rows    [][]string
}

// String returns the rows one a line, cells divided by a bar.
func (r Result) String() string {
	var b strings.Builder
	for _, row := range r.Rows {
		b.WriteString(strings.Join(row, "|") + "\n")
	}
	return b.String()
}

// Code returns the code of an engine's error, "" of none.
func Code(err error) string {
	var e *query.Error
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// RunOf returns the run an error names.
func RunOf(t testing.TB, err error) string {
	t.Helper()
	var e *query.Error
	if !errors.As(err, &e) || e.Run == "" {
		t.Fatalf("error %v names no run", err)
	}
	return e.Run
}

// Text returns everything of an error that reaches a client: texts, hints,
// spans, paths and details. The cause, which does not, is left out.
func Text(err error) string {
	var e *query.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text, jsonErr := json.Marshal(e)
	if jsonErr != nil {
		return jsonErr.Error()
	}
	return e.Error() + "\n" + string(text)
}

// Log keeps what is written to it.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds p.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns everything written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// ring holds the private keys of the people.
type ring struct {
	mu   sync.Mutex
	keys map[string]*keys.User
}

// clock moves a millisecond with every look, so that no two moments are one; or
// with the time since it began, if it did.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	began time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.began.IsZero() {
		return c.at.Add(time.Since(c.began))
	}
	c.at = c.at.Add(time.Millisecond)
	return c.at
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}
