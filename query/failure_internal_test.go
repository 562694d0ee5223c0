package query

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"syscall"
	"testing"

	"zonebox/query/analysis"
	"zonebox/release"
	"zonebox/sandbox"
	"zonebox/zone"
)

// intentOf returns an intent of which nothing is known but whether it reads a
// protected reference.
func intentOf(ctx context.Context, protected bool) *intent {
	r := &run{id: "run-x", ctx: ctx}
	st := &analysis.Statement{Protected: protected}
	return &intent{&decided{bound: &bound{approved: &approved{analyzed: &analyzed{parser: &parser{run: r, ctx: ctx}, Statement: st}}}}}
}

// Once rows are attached, whatever a statement with a protected reference uses
// up, breaks or raises is one answer; for those who supervise each has a cause
// of its own.
func TestAFailureBesideProtectedRowsIsOneAnswer(t *testing.T) {
	wrapped := func(err error) error { return fmt.Errorf("sandbox: read result: %w", err) }
	for _, c := range []struct {
		name        string
		err         error
		code, cause string // code where nothing is protected
	}{
		{"memory", wrapped(sandbox.ErrMemory), "MEMORY_LIMIT", "MEMORY"},
		{"time", wrapped(sandbox.ErrTime), "TIME_LIMIT", "TIME"},
		{"output", wrapped(sandbox.ErrOutput), "ROW_LIMIT", "OUTPUT"},
		{"killed", wrapped(fmt.Errorf("%w of %v", sandbox.ErrKilled, syscall.SIGKILL)), "STATEMENT_FAILED", "KILLED"},
		{"overflow", wrapped(&sandbox.StatementError{Code: "out_of_range", Offset: 7}), "STATEMENT_FAILED", "ENGINE"},
		{"conversion", wrapped(&sandbox.StatementError{Code: "conversion", Offset: -1}), "STATEMENT_FAILED", "ENGINE"},
		{"engine", wrapped(&sandbox.StatementError{Code: "engine", Offset: -1}), "STATEMENT_FAILED", "ENGINE"},
		{"protocol", wrapped(sandbox.ErrProtocol), "INTERNAL", "PROTOCOL"},
		{"another tree", wrapped(sandbox.ErrTree), "INTERNAL", "TREE"},
		{"isolation", wrapped(sandbox.ErrIsolation), "INTERNAL", "ISOLATION"},
		{"use", wrapped(sandbox.ErrUse), "INTERNAL", "HOST"},
		{"a full disk", fmt.Errorf("write: %w", syscall.ENOSPC), "DISK_FULL", "DISK"},
		{"a quota", fmt.Errorf("write: %w", syscall.EDQUOT), "DISK_FULL", "DISK"},
		{"anything", errors.New("anything"), "INTERNAL", "HOST"},
	} {
		if got := intentOf(t.Context(), false).runError(c.err); got.Code != c.code {
			t.Errorf("%s beside open data is %s, want %s", c.name, got.Code, c.code)
		}
		i := intentOf(t.Context(), true)
		got, want := i.runError(c.err), fail("STATEMENT_FAILED", nil)
		got.cause = nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s beside protected rows is %+v, want %+v", c.name, got, want)
		}
		if f := i.ended(map[string]string{}, c.err); f[fieldCause] != c.cause || len(f) != 1 {
			t.Errorf("the log says %v of %s, want %s", f, c.name, c.cause)
		}
	}
	// What is a rule's own answer stays one, protected or not.
	for _, c := range []struct {
		err         error
		code, cause string
	}{
		{&release.LimitError{}, "ROW_LIMIT", "ROWS"},
		{fmt.Errorf("check: %w", release.ErrRawMatch), "WITHHELD", "RAW_MATCH"},
		{fail("RELEASE_HISTORY", &overlapError{}), "RELEASE_HISTORY", "OVERLAP"},
		{fail("RELEASE_HISTORY", &overlapError{few: true}), "RELEASE_HISTORY", "FEW"},
		{fail("DATA_DAMAGED", &zone.IntegrityError{}), "DATA_DAMAGED", "DATA"},
		{(&Engine{}).storeError(fmt.Errorf("project: %w", zone.ErrEntity)), "DATA_WITHOUT_ENTITY", "DATA"},
		{fail("AUDIT_UNAVAILABLE", errUnlogged), "AUDIT_UNAVAILABLE", "AUDIT"},
	} {
		i := intentOf(t.Context(), true)
		if got := i.runError(c.err); got.Code != c.code {
			t.Errorf("%v is %s, want %s", c.err, got.Code, c.code)
		}
		if f := i.ended(map[string]string{}, c.err); f[fieldCause] != c.cause {
			t.Errorf("the log says %v of %v, want %s", f, c.err, c.cause)
		}
	}
	// Who ended it is said of a run that was ended, whatever broke on the way.
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStopped)
	i := intentOf(ctx, true)
	if got := i.runError(wrapped(sandbox.ErrMemory)); got.Code != "STOPPED" || i.ended(map[string]string{}, sandbox.ErrMemory)[fieldCause] != "SHUTDOWN" {
		t.Errorf("a run that the gate stopped is %s, %v", got.Code, i.ended(map[string]string{}, sandbox.ErrMemory))
	}
	for _, c := range []struct {
		err          error
		ended, other string // ended, and not
	}{
		{fmt.Errorf("registry: read: %w", context.Canceled), "STOPPED", "INTERNAL"},
		{errors.New("interrupted (9)"), "STOPPED", "INTERNAL"},
		{fail("KEYS_UNAVAILABLE", fmt.Errorf("ask: %w", context.Canceled)), "STOPPED", "KEYS_UNAVAILABLE"},
		{fmt.Errorf("write: %w", syscall.ENOSPC), "DISK_FULL", "DISK_FULL"},
		{fail("AUDIT_UNAVAILABLE", errUnlogged), "AUDIT_UNAVAILABLE", "AUDIT_UNAVAILABLE"},
		{fail("WITHHELD", nil), "WITHHELD", "WITHHELD"},
	} {
		if got := i.outcome(c.err).Code; got != c.ended {
			t.Errorf("%v in a run that was ended is %s, want %s", c.err, got, c.ended)
		}
		if got := intentOf(t.Context(), true).outcome(c.err).Code; got != c.other {
			t.Errorf("%v in a run that was not is %s, want %s", c.err, got, c.other)
		}
	}
}
