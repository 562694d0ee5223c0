package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Tx is one write transaction. It is for one goroutine, inside Update only.
type Tx struct {
	r        *Registry
	sql      *sql.Tx
	ctx      context.Context
	at       time.Time
	revision int64
	epoch    int64
	events   int
	learned  bool // facts differ after it
	pended   bool // other documents are pending after it
}

// Update calls f inside one write transaction and commits if f returns nil.
// Only one runs at a time, and it sees what all before it committed. The
// revision rises by one, before f is called; if f fails nothing happened.
func (r *Registry) Update(ctx context.Context, f func(*Tx) error) error {
	stx, err := r.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("registry: write: %w", err)
	}
	defer stx.Rollback()
	tx := &Tx{r: r, sql: stx, ctx: ctx, at: r.cfg.Now().UTC()}
	var changes int64
	err = stx.QueryRowContext(ctx,
		`UPDATE registry_state SET revision = revision + 1 RETURNING revision, epoch, changes`).Scan(&tx.revision, &tx.epoch, &changes)
	if err != nil {
		return fmt.Errorf("registry: write: %w", err)
	}
	r.known.found(changes)
	switch err := f(tx); {
	case errors.Is(err, errUnchanged):
		return nil
	case err != nil:
		return err
	}
	next := r.nextDue.Load()
	if tx.pended {
		if next, err = readNextDue(ctx, stx); err != nil {
			return err
		}
	}
	if tx.learned {
		if _, _, changes, err = state(ctx, stx); err != nil {
			return err
		}
		r.known.leaves(changes) // whatever the commit says: it may stand
	}
	if err := stx.Commit(); err != nil {
		return fmt.Errorf("registry: commit: %w", err)
	}
	if tx.pended {
		r.nextDue.Store(next)
	}
	return nil
}

// SQL returns the transaction itself, for packages that keep tables of their
// own in the registry's file. The caller neither commits nor rolls back.
func (tx *Tx) SQL() *sql.Tx { return tx.sql }

// Context returns the context of the transaction.
func (tx *Tx) Context() context.Context { return tx.ctx }

// Now returns the time of the transaction: one moment for all it writes.
func (tx *Tx) Now() time.Time { return tx.at }

// Revision returns the revision this transaction commits as.
func (tx *Tx) Revision() int64 { return tx.revision }

// Epoch returns the revocation epoch as this transaction sees it.
func (tx *Tx) Epoch() int64 { return tx.epoch }

// BumpEpoch raises the revocation epoch, which overtakes every decision made
// before this transaction.
func (tx *Tx) BumpEpoch() error {
	err := tx.sql.QueryRowContext(tx.ctx,
		`UPDATE registry_state SET epoch = epoch + 1 RETURNING epoch`).Scan(&tx.epoch)
	if err != nil {
		return fmt.Errorf("registry: bump epoch: %w", err)
	}
	return nil
}
