package query_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
	"zonebox/sandbox"
)

const countBeds = "SELECT count(*) FROM beds"

func mustExplain(t *testing.T, d *querytest.Domain, user string) *sandbox.Session {
	t.Helper()
	_, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject(user), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: countBeds})
	if err != nil {
		t.Fatalf("explain as %s: %s", user, querytest.Text(err))
	}
	return query.Reader(d.Engine, user)
}

// A worker reads one person's explains one after the other, no other person's,
// and no question that runs; it never gets rows.
func TestAReaderServesOnePersonsExplainsAlone(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	d.Register(querytest.Person{User: "he.op", RealName: "何运营", Organization: "huiyi", Role: registry.RoleOperator})
	li := mustExplain(t, d, "li.op")
	if again := mustExplain(t, d, "li.op"); li == nil || again != li {
		t.Errorf("a second explain left %p, the first %p, want one worker", again, li)
	}
	he := mustExplain(t, d, "he.op")
	if he == nil || he == li || query.Reader(d.Engine, "li.op") != li {
		t.Errorf("two people's explains are read by %p and %p", li, he)
	}
	started := func() int64 { // when the pool is full again
		for {
			if s := d.Engine.Workers().Stats(); s.Idle == 2 {
				return s.Started
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	before := started()
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, countBeds); err != nil {
		t.Fatal(err)
	}
	if used := started() - before; query.Reader(d.Engine, "li.op") != li || used < 2 {
		t.Errorf("a question that ran took %d workers, want a fresh one to parse and one to run", used)
	}
	if err := li.Attach(t.Context(), sandbox.Table{Name: "t", Columns: []sandbox.Column{{Name: "a", Type: "BIGINT"}}}, nil); !errors.Is(err, sandbox.ErrUse) {
		t.Errorf("a worker that read explains takes rows: %v, want ErrUse", err)
	}
}

// What a reader may last is bounded, and a change of documents ends it.
func TestAReaderEnds(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	ended := func(what string, s *sandbox.Session) {
		t.Helper()
		if s == nil {
			t.Fatalf("no reader that could end %s", what)
		}
		for range 800 {
			if s.Ended() {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Errorf("%s a reader lives", what)
	}
	hour := time.Hour
	s := mustExplain(t, d, "li.op")
	d.Apply(querytest.Founder, suspended(t), querytest.Founder, "sun.health")
	ended("after the license's suspension", s)
	if n := query.Readers(d.Engine); n != 0 {
		t.Errorf("after the license's suspension %d readers wait", n)
	}
	resume := strings.Replace(suspended(t), "status: SUSPENDED\n  status_reason: 协议第七条", "status: ACTIVE\n  status_reason: 恢复", 1)
	d.Apply(querytest.Founder, resume, querytest.Founder, "sun.health", "li.op")

	query.BoundReaders(d.Engine, 500*time.Millisecond, hour, 100)
	ended("when nobody asks", mustExplain(t, d, "li.op"))
	if query.Readers(d.Engine) != 0 {
		t.Error("a reader that ended is still kept")
	}
	query.BoundReaders(d.Engine, hour, hour, 2)
	s = mustExplain(t, d, "li.op")
	if mustExplain(t, d, "li.op") != nil {
		t.Error("a reader is kept beyond its statements")
	}
	ended("beyond its statements", s)
	query.BoundReaders(d.Engine, hour, 2*time.Second, 100)
	s = mustExplain(t, d, "li.op")
	time.Sleep(2100 * time.Millisecond)
	if again := mustExplain(t, d, "li.op"); again == s {
		t.Error("a reader reads beyond its age")
	}
	ended("beyond its age", s)

	query.BoundReaders(d.Engine, hour, hour, 100)
	s = mustExplain(t, d, "li.op")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ask := query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: countBeds}
	if _, err := d.Engine.Explain(ctx, ask); err == nil {
		t.Error("an explain nobody waits for is explained")
	}
	if left := query.Reader(d.Engine, "li.op"); left == s && s != nil && s.Ended() {
		t.Error("a reader that was killed is kept")
	}
	s = mustExplain(t, d, "li.op")
	d.Reopen()
	ended("after the gate's stop", s)
}

func suspended(t *testing.T) string {
	t.Helper()
	license, _, _ := strings.Cut(mustRead(t, "querytest/city/license.yaml"), "---")
	return strings.Replace(license, "status: ACTIVE", "status: SUSPENDED\n  status_reason: 协议第七条", 1)
}

// What explains recall is what the registry says: a change shows in the next.
func TestAnExplainSeesWhatChanged(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	verdict := func() string {
		t.Helper()
		x, err := explain(t, d, querytest.Purpose, "SELECT district, count(*) FROM persons GROUP BY district")
		if err != nil {
			t.Fatal(err)
		}
		if len(x.Reasons) > 0 {
			return x.Reasons[0].Code
		}
		return x.Verdict
	}
	if v := verdict(); v != "ALLOW" {
		t.Fatalf("explained as %s", v)
	}
	for _, c := range []struct{ what, document, want string }{
		{"a suspended license", suspended(t), "LICENSE_INACTIVE"},
		{"a resumed license", strings.Replace(suspended(t), "status: SUSPENDED\n  status_reason: 协议第七条", "status: ACTIVE\n  status_reason: 恢复", 1), "ALLOW"},
	} {
		d.Apply(querytest.Founder, c.document, querytest.Founder, "sun.health", "li.op")
		if v := verdict(); v != c.want {
			t.Errorf("%s is explained as %s, want %s", c.what, v, c.want)
		}
	}
	d.Apply("sun.health", strings.Replace(strings.Split(mustRead(t, "querytest/city/grants.yaml"), "---\n")[0], "    - {name: district, mode: CLEAR}\n", "", 1))
	if v := verdict(); v != "NOT_GRANTED" {
		t.Errorf("a narrower grant is explained as %s, want NOT_GRANTED", v)
	}
}
