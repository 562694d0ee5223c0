package query

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"zonebox/query/ast"
	"zonebox/sandbox"
)

// What Ready asks of workers, and how long they may take and its finding stands:
// nobody who may ask it makes the gate start workers all the time.
const (
	canary       = "SELECT 42 AS canary"
	canaryWait   = 10 * time.Second
	canaryStands = 10 * time.Second
)

// readiness is what Ready found last.
type readiness struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

// Ready returns nil if the gate can answer: its registry reads, its log takes entries,
// and two workers parse and run a statement that reads nothing. The rules were
// compiled when it was opened. Otherwise Ready returns the *Error of what it cannot:
// STOPPING as soon as it drains. It looks again after ten seconds.
func (e *Engine) Ready(ctx context.Context) error {
	if e.isDraining() {
		return fail("STOPPING", nil)
	}
	e.readiness.mu.Lock()
	defer e.readiness.mu.Unlock()
	if now := e.cfg.Now(); e.readiness.at.IsZero() || now.Sub(e.readiness.at) >= canaryStands {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), canaryWait) // its finding is for the next who ask too
		defer cancel()
		e.readiness.err = e.look(ctx)
		e.readiness.at = now
	}
	return e.readiness.err
}

func (e *Engine) look(ctx context.Context) error {
	if _, err := e.registry.Revision(ctx); err != nil {
		return asError(err)
	}
	if err := e.audit.Room(); err != nil {
		return fail("AUDIT_UNAVAILABLE", err)
	}
	if e.pool == nil {
		return fail("INTERNAL", errors.New("query: a gate without workers"))
	}
	if err := e.runCanary(ctx); err != nil {
		return asError(err)
	}
	return nil
}

func (e *Engine) runCanary(ctx context.Context) (err error) {
	parser, err := e.pool.Start(ctx)
	if err != nil {
		return err
	}
	tree, err := parser.Parse(ctx, canary)
	if err = errors.Join(err, parser.Close()); err != nil {
		return err
	}
	hash, err := ast.HashJSON(tree)
	if err != nil {
		return err
	}
	worker, err := e.pool.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, worker.Close()) }()
	result, err := worker.Execute(ctx, canary, hash, sandbox.Limits{})
	if err != nil {
		return err
	}
	rows := int64(0)
	for {
		b, err := result.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		rows += b.NumRows()
		b.Release()
	}
	if rows != 1 {
		return errors.New("query: a worker answers the canary with other rows")
	}
	return nil
}
