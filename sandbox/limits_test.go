package sandbox_test

import (
	"context"
	"errors"
	"runtime"
	"syscall"
	"testing"
	"time"

	"zonebox/query/ast"
	"zonebox/sandbox"
)

func TestMemoryIsBounded(t *testing.T) {
	p := pool(t, sandbox.Config{Memory: 256 << 20, Spill: -1, Wall: time.Minute, Threads: 2})
	for _, c := range []struct {
		rule string
		sql  string
		want error
	}{
		{"control", `SELECT length(repeat('x', 1000000))`, nil},
		{"one huge string", `SELECT length(repeat('x', 2000000000))`, sandbox.ErrMemory},
		{"one huge list", `SELECT len(range(2000000000))`, sandbox.ErrMemory},
		{"a list made text", `SELECT length(list_aggregate(range(100000000), 'string_agg', ','))`, sandbox.ErrMemory},
		{"a sort that does not fit", `SELECT max(s) FROM (SELECT repeat(x::VARCHAR, 50) AS s FROM range(8000000) t(x) ORDER BY s)`, sandbox.ErrMemory},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if _, err := query(t, p, c.sql); !errors.Is(err, c.want) {
				t.Errorf("Execute(%q) = %v, want %v", c.sql, err, c.want)
			}
		})
	}
}

func TestAttachedTablesDoNotCountAsMemory(t *testing.T) {
	p := pool(t, sandbox.Config{Memory: 100 << 20})
	g := seal(t, peopleBatch(0, 1_500_000))
	if size := g[0].Size(); size < 100<<20 {
		t.Fatalf("segment of %d bytes proves nothing", size)
	}
	got, err := query(t, p, `SELECT count(*) FROM people WHERE visits > 10`, g...)
	if err != nil || got[0][0] != "1285705" {
		t.Errorf("Execute() = %v, %v, want 1285705", got, err)
	}
}

func TestTimeIsBounded(t *testing.T) {
	p := pool(t, sandbox.Config{Wall: 500 * time.Millisecond, Threads: 1})
	// Within one function call the engine looks at no interrupt.
	h := treeOf(t, forever) // of a pool with time enough
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	begun := time.Now()
	_, err = rows(s.Execute(t.Context(), forever, h, sandbox.Limits{}))
	if !errors.Is(err, sandbox.ErrTime) {
		t.Errorf("Execute() = %v, want ErrTime", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("Execute() took %v, want about half a second", took)
	}
}

func TestContextEndsASession(t *testing.T) {
	p := pool(t, sandbox.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	s, err := p.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = s.Bind(t.Context(), nil, `SELECT 1`)
	for err == nil {
		_, err = s.Bind(t.Context(), nil, `SELECT 1`)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Bind() = %v, want context.Canceled", err)
	}
}

func TestResultIsBounded(t *testing.T) {
	p := pool(t, sandbox.Config{})
	sql := `SELECT visits, name FROM people`
	h := hash(t, p, sql)
	g := seal(t, peopleBatch(0, 1000))
	for _, c := range []struct {
		rule string
		lim  sandbox.Limits
		want error
	}{
		{"as many rows as allowed", sandbox.Limits{Rows: 1000}, nil},
		{"one row too many", sandbox.Limits{Rows: 999}, sandbox.ErrOutput},
		{"bytes enough", sandbox.Limits{Bytes: 100_000}, nil},
		{"too many bytes", sandbox.Limits{Bytes: 10_000}, sandbox.ErrOutput},
		{"the bound schema", sandbox.Limits{Schema: []sandbox.Column{{Name: "visits", Type: "BIGINT"}, {Name: "name", Type: "VARCHAR"}}}, nil},
		{"another schema", sandbox.Limits{Schema: []sandbox.Column{{Name: "visits", Type: "HUGEINT"}, {Name: "name", Type: "VARCHAR"}}}, sandbox.ErrProtocol},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s, err := p.Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			attach(t, s, people, g...)
			if _, err := rows(s.Execute(t.Context(), sql, h, c.lim)); !errors.Is(err, c.want) {
				t.Errorf("Execute() = %v, want %v", err, c.want)
			}
		})
	}
}

func TestOnlyTheApprovedTreeRuns(t *testing.T) {
	p := pool(t, sandbox.Config{})
	approved := hash(t, p, `SELECT count(*) FROM people`)
	for _, c := range []struct {
		sql  string
		want error
	}{
		{`SELECT count(*) FROM people`, nil},
		{"SELECT  count( * )\nFROM people", nil},
		{`SELECT count(*) FROM people WHERE visits = 1`, sandbox.ErrTree},
		{`SELECT count(name) FROM people`, sandbox.ErrTree},
	} {
		s, err := p.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		attach(t, s, people)
		if _, err := rows(s.Execute(t.Context(), c.sql, approved, sandbox.Limits{})); !errors.Is(err, c.want) {
			t.Errorf("Execute(%q) = %v, want %v", c.sql, err, c.want)
		}
		_ = s.Close()
	}
}

func TestStatementsAreRefusedByCodeAndPosition(t *testing.T) {
	s := start(t, sandbox.Config{})
	for _, c := range []struct {
		sql  string
		want sandbox.StatementError
	}{
		{`SELECT 1 FRM t`, sandbox.StatementError{Code: "syntax", Offset: 13, Column: -1}},
		{`DROP TABLE t`, sandbox.StatementError{Code: "not_select", Offset: -1, Column: -1}},
		{`COPY (SELECT 1) TO '/tmp/x'`, sandbox.StatementError{Code: "not_select", Offset: -1, Column: -1}},
		{`SELECT 1; SELECT 2`, sandbox.StatementError{Code: "multiple", Offset: -1, Column: -1}},
		{` -- nothing`, sandbox.StatementError{Code: "empty", Offset: -1, Column: -1}},
		{"SELECT '\x00'", sandbox.StatementError{Code: "encoding", Offset: -1, Column: -1}},
		{"SELECT '\xff'", sandbox.StatementError{Code: "encoding", Offset: -1, Column: -1}},
		{string(make([]byte, 2<<20)), sandbox.StatementError{Code: "too_long", Offset: -1, Column: -1}},
	} {
		_, err := s.Parse(t.Context(), c.sql)
		var got *sandbox.StatementError
		if !errors.As(err, &got) || *got != c.want {
			t.Errorf("Parse(%.40q) = %v, want %v", c.sql, err, &c.want)
		}
	}
	tree, err := s.Parse(t.Context(), `SELECT 1;`)
	if err != nil {
		t.Fatalf("Parse() = %v", err)
	}
	if _, err := ast.HashJSON(tree); err != nil {
		t.Errorf("HashJSON() = %v", err)
	}
}

func TestBindNamesColumnsAndTypes(t *testing.T) {
	s := start(t, sandbox.Config{})
	tables := []sandbox.Table{people}
	got, err := s.Bind(t.Context(), tables, `SELECT name AS who, sum(visits) AS v, sum(paid), avg(income), count(*) FROM people GROUP BY 1`)
	want := []sandbox.Column{{Name: "who", Type: "VARCHAR"}, {Name: "v", Type: "HUGEINT"}, {Name: "sum(paid)", Type: "DECIMAL(38,2)"},
		{Name: "avg(income)", Type: "DOUBLE"}, {Name: "count_star()", Type: "BIGINT"}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("Bind() = %v, %v, want %v", got, err, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("column %d = %v, want %v", i, got[i], want[i])
		}
	}
	for _, c := range []struct{ sql, code string }{
		{`SELECT nothing FROM people`, "binder"},
		{`SELECT 1 FROM nothing`, "catalog"},
		{`SELECT nothing(name) FROM people`, "catalog"},
		{`SELECT [name] FROM people`, "type"},
		{`SELECT now()`, "type"},
		{`SELECT ?`, "parameter"},
	} {
		_, err := s.Bind(t.Context(), tables, c.sql)
		var refused *sandbox.StatementError
		if !errors.As(err, &refused) || refused.Code != c.code {
			t.Errorf("Bind(%q) = %v, want code %s", c.sql, err, c.code)
		}
	}
	// The tables of one Bind are not those of the next.
	if _, err := s.Bind(t.Context(), nil, `SELECT 1 FROM people`); err == nil {
		t.Error("Bind() over no table found the table of an earlier call")
	}
}

func TestEngineErrorsAreCodes(t *testing.T) {
	p := pool(t, sandbox.Config{})
	g := seal(t, peopleBatch(0, 10))
	for _, c := range []struct{ sql, code string }{
		{`SELECT name::BIGINT FROM people`, "conversion"},
		{`SELECT error(name) FROM people`, "invalid_input"},
		{`SELECT (visits + 9223372036854775807)::BIGINT FROM people`, "out_of_range"},
	} {
		_, err := query(t, p, c.sql, g...)
		var got *sandbox.StatementError
		if !errors.As(err, &got) || got.Code != c.code {
			t.Errorf("Execute(%q) = %v, want code %s", c.sql, err, c.code)
		}
	}
}

func TestASessionServesOneUse(t *testing.T) {
	p := pool(t, sandbox.Config{})
	open := func() *sandbox.Session {
		s, err := p.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	parsed := open()
	if _, err := parsed.Parse(t.Context(), `SELECT 1`); err != nil {
		t.Fatal(err)
	}
	if err := parsed.Attach(t.Context(), people, nil); !errors.Is(err, sandbox.ErrUse) {
		t.Errorf("Attach() after Parse() = %v, want ErrUse: an operator's text and rows in one worker", err)
	}
	holding := open()
	attach(t, holding, people)
	if _, err := holding.Parse(t.Context(), `SELECT 1`); !errors.Is(err, sandbox.ErrUse) {
		t.Errorf("Parse() after Attach() = %v, want ErrUse", err)
	}
	if _, err := holding.Read(t.Context(), sandbox.Delivery{Format: "csv"}); !errors.Is(err, sandbox.ErrUse) {
		t.Errorf("Read() after Attach() = %v, want ErrUse", err)
	}
	h := hash(t, p, `SELECT 1`)
	if _, err := rows(holding.Execute(t.Context(), `SELECT 1`, h, sandbox.Limits{})); err != nil {
		t.Fatal(err)
	}
	if _, err := holding.Execute(t.Context(), `SELECT 1`, h, sandbox.Limits{}); !errors.Is(err, sandbox.ErrUse) {
		t.Errorf("second Execute() = %v, want ErrUse", err)
	}
}

func TestAWorkerThatDiesIsNoticed(t *testing.T) {
	p := pool(t, sandbox.Config{})
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSEGV} {
		s, err := p.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Kill(signal); err != nil {
			t.Fatal(err)
		}
		for err == nil { // the worker may answer once more before it dies
			_, err = s.Parse(t.Context(), `SELECT 1`)
		}
		if !errors.Is(err, sandbox.ErrKilled) {
			t.Errorf("Parse() after %v = %v, want ErrKilled", signal, err)
		}
		_ = s.Close()
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	p, err := sandbox.NewPool(sandbox.Config{Worker: worker, Pool: 2})
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pid := s.Pid()
	_ = s.Close()
	_ = p.Close()
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("kill(worker) = %v, want ESRCH: it is reaped", err)
	}
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines after Close, %d before", runtime.NumGoroutine(), before)
}
