package sandbox_test

import (
	"errors"
	"testing"
	"time"

	"zonebox/sandbox"
)

// A statement counts up to the k its message names, and to no other: neither to
// one of another session nor to a greater or lesser one.
func TestStatementsCountToTheGroupsOfTheirMessage(t *testing.T) {
	p := pool(t, sandbox.Config{})
	const sql = `SELECT __kset_10(x::UINTEGER) AS n FROM range(50) t(x)`
	h := hash(t, p, sql)
	for _, c := range []struct {
		groups []int
		want   string
	}{{[]int{10}, "10"}, {[]int{2, 10, 1000}, "10"}, {nil, ""}, {[]int{1}, ""}, {[]int{9, 11, 100}, ""}} {
		s := start(t, sandbox.Config{})
		columns, err := s.Bind(t.Context(), nil, sql, c.groups...)
		var fault *sandbox.StatementError
		if c.want == "" && (!errors.As(err, &fault) || fault.Code != "catalog") {
			t.Errorf("Bind() for %v = %v, %v, want the fault catalog", c.groups, columns, err)
		}
		if c.want != "" && (err != nil || columns[0] != sandbox.Column{Name: "n", Type: "UINTEGER"}) {
			t.Errorf("Bind() for %v = %v, %v, want n UINTEGER", c.groups, columns, err)
		}
		s = start(t, sandbox.Config{})
		got, err := rows(s.Execute(t.Context(), sql, h, sandbox.Limits{}, c.groups...))
		if c.want == "" && (!errors.As(err, &fault) || fault.Code != "catalog") {
			t.Errorf("Execute() for %v = %v, %v, want the fault catalog", c.groups, got, err)
		}
		if c.want != "" && (err != nil || got[0][0] != c.want) {
			t.Errorf("Execute() for %v = %v, %v, want %s", c.groups, got, err, c.want)
		}
	}
}

// The gate asks no worker for counters that it would take for the end.
func TestGroupsOutOfRangeAreRefusedByTheGate(t *testing.T) {
	for _, groups := range [][]int{{0}, {-3}, {1001}, {10, 10}, {10, 2}} {
		s := start(t, sandbox.Config{})
		if _, err := s.Bind(t.Context(), nil, `SELECT 1`, groups...); err == nil {
			t.Errorf("Bind() for %v succeeds", groups)
		}
		if _, err := s.Bind(t.Context(), nil, `SELECT 1`); err != nil {
			t.Errorf("Bind() after that = %v: the worker has heard of it", err)
		}
		s = start(t, sandbox.Config{})
		if _, err := s.Execute(t.Context(), `SELECT 1`, [32]byte{}, sandbox.Limits{}, groups...); err == nil || errors.Is(err, sandbox.ErrTree) {
			t.Errorf("Execute() for %v = %v, want it refused before the worker is asked", groups, err)
		}
	}
}

// The sets of a confined worker overflow into its memory file system.
func TestCountersOverflow(t *testing.T) {
	if !sandbox.Probe().Mounts {
		t.Skip("this host grants workers no mounts")
	}
	const sql = `SELECT sum(n)::VARCHAR FROM (SELECT x % 1200000 AS g, __kset_60((x // 1200000 * 5 + x % 3)::UINTEGER) AS n FROM range(3600000) t(x) WHERE EXISTS (FROM people) GROUP BY g)`
	g := seal(t, peopleBatch(0, 10))
	for spill, want := range map[int64]string{0: "3600000", -1: ""} {
		p := pool(t, sandbox.Config{Memory: 512 << 20, Spill: spill, Threads: 2, Wall: 2 * time.Minute})
		h := hash(t, p, sql)
		s, err := p.Start(t.Context())
		if err != nil {
			t.Fatalf("Start() = %v", err)
		}
		defer s.Close()
		attach(t, s, people, g...)
		got, err := rows(s.Execute(t.Context(), sql, h, sandbox.Limits{}, 60))
		if want != "" && (err != nil || got[0][0] != want) {
			t.Errorf("Execute() with overflow = %v, %v, want %s", got, err, want)
		}
		if want == "" && !errors.Is(err, sandbox.ErrMemory) {
			t.Errorf("Execute() without overflow = %v, %v, want ErrMemory", got, err)
		}
	}
}
