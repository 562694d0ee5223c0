package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Fed returns the index of the first entry of the log of which it is not known that
// its alert was handed over, 0 if nothing was yet.
func (r *Registry) Fed(ctx context.Context) (uint64, error) {
	var next int64
	err := r.reader.QueryRowContext(ctx, `SELECT next FROM feed`).Scan(&next)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("registry: read feed: %w", err)
	}
	return uint64(next), nil
}

// SetFed records that all before next was handed over, and returns once that is
// durable. It is bookkeeping, not a change: the revision stays.
func (r *Registry) SetFed(ctx context.Context, next uint64) error {
	_, err := r.writer.ExecContext(ctx, `INSERT INTO feed (one, next) VALUES (1, ?1) ON CONFLICT DO UPDATE SET next = ?1`, int64(next))
	if err != nil {
		return fmt.Errorf("registry: write feed: %w", err)
	}
	return nil
}
