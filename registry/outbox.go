package registry

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Event is one line for the audit log. It commits with the change it tells of
// and is appended to the log afterwards.
type Event struct {
	// ID is unique and names the event in the log. Empty means that Emit makes
	// one from the revision.
	ID    string
	Kind  string
	Actor string
	Zone  string
	Run   string
	// At is the time of the event; zero means the time of the transaction.
	At     time.Time
	Fields map[string]string
}

// Pending is an event that is not known to be in the log yet.
type Pending struct {
	Event
	Revision int64
}

// Emit puts e in the outbox. An id that exists already is ErrConflict.
func (tx *Tx) Emit(e Event) error {
	tx.events++
	if e.ID == "" {
		e.ID = fmt.Sprintf("ev-%010d-%03d", tx.revision, tx.events)
	}
	if e.At.IsZero() {
		e.At = tx.at
	}
	body, err := tx.r.sealRow(e, "event", e.ID, strconv.FormatInt(tx.revision, 10))
	if err != nil {
		return err
	}
	res, err := tx.sql.ExecContext(tx.ctx,
		`INSERT INTO outbox (id, revision, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, e.ID, tx.revision, body)
	if err != nil {
		return fmt.Errorf("registry: emit event: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("registry: emit event %s: %w", e.ID, ErrConflict)
	}
	return nil
}

// Pending returns the events not marked as logged, in the order of their
// commits.
func (r *Registry) Pending(ctx context.Context) ([]Pending, error) {
	rows, err := r.reader.QueryContext(ctx,
		`SELECT id, revision, body FROM outbox WHERE log_index IS NULL ORDER BY seq`)
	if err != nil {
		return nil, fmt.Errorf("registry: read outbox: %w", err)
	}
	defer rows.Close()
	var all []Pending
	for rows.Next() {
		var id string
		var p Pending
		var body []byte
		if err := rows.Scan(&id, &p.Revision, &body); err != nil {
			return nil, fmt.Errorf("registry: read outbox: %w", err)
		}
		if err := r.openRow(body, &p.Event, "event", id, strconv.FormatInt(p.Revision, 10)); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read outbox: %w", err)
	}
	return all, nil
}

// A Mark says that the event ID stands in the log at Index.
type Mark struct {
	ID    string
	Index uint64
}

// MarkLogged records where events stand in the log, all or none. Marking one
// again with the same index is allowed, with another one is ErrConflict. It is
// bookkeeping, not a change: the revision stays.
func (r *Registry) MarkLogged(ctx context.Context, marks ...Mark) error {
	tx, err := r.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("registry: mark event: %w", err)
	}
	defer tx.Rollback()
	for _, m := range marks {
		res, err := tx.ExecContext(ctx,
			`UPDATE outbox SET log_index = ?1 WHERE id = ?2 AND (log_index IS NULL OR log_index = ?1)`, int64(m.Index), m.ID)
		if err != nil {
			return fmt.Errorf("registry: mark event: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("registry: mark event %s: %w", m.ID, ErrConflict)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("registry: mark event: %w", err)
	}
	return nil
}

// Logged returns the least number of entries the audit log must have: one more
// than the highest index that MarkLogged was given, 0 if there is none.
func (r *Registry) Logged(ctx context.Context) (uint64, error) {
	var n int64
	if err := r.reader.QueryRowContext(ctx, `SELECT coalesce(max(log_index) + 1, 0) FROM outbox`).Scan(&n); err != nil {
		return 0, fmt.Errorf("registry: read outbox: %w", err)
	}
	return uint64(n), nil
}
