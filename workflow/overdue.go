package workflow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Overdue notes that a term of an instance, which began at started, has passed, and
// reports whether nobody had noted it.
func Overdue(ctx context.Context, tx *sql.Tx, m Machine, id, timer string, started, at time.Time) (bool, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO workflow_overdue (machine, id, timer, started, told_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		m.Name, id, timer, started.UnixNano(), at.UnixNano())
	if err != nil {
		return false, fmt.Errorf("workflow: term of %s %s: %w", m.Name, id, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Calendar returns the version of the working days that terms were last counted by,
// "" for none.
func Calendar(ctx context.Context, q Querier) (string, error) {
	var version string
	err := q.QueryRowContext(ctx, `SELECT version FROM workflow_calendar`).Scan(&version)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("workflow: read calendar: %w", err)
	}
	return version, nil
}

// SetCalendar notes the version of the working days that terms are counted by.
func SetCalendar(ctx context.Context, tx *sql.Tx, version string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO workflow_calendar (one, version) VALUES (1, ?1) ON CONFLICT DO UPDATE SET version = ?1`, version)
	if err != nil {
		return fmt.Errorf("workflow: set calendar: %w", err)
	}
	return nil
}
