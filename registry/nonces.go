package registry

import (
	"context"
	"fmt"
	"time"
)

// UseNonce records that user signed a request with nonce at the given time.
// It returns ErrReplay if the nonce was used before and ErrStale if at is
// farther from the clock than the nonce window, because older nonces are
// forgotten. It is not a change of the registry: the revision stays.
func (r *Registry) UseNonce(ctx context.Context, user, nonce string, at time.Time) error {
	now := r.cfg.Now()
	if d := now.Sub(at); nonce == "" || d > r.cfg.NonceWindow || d < -r.cfg.NonceWindow {
		return fmt.Errorf("registry: use nonce of %s: %w", user, ErrStale)
	}
	tx, err := r.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("registry: use nonce: %w", err)
	}
	defer tx.Rollback()
	_, err = tx.ExecContext(ctx, `DELETE FROM nonces WHERE at < ?`, now.Add(-2*r.cfg.NonceWindow).UnixNano())
	if err != nil {
		return fmt.Errorf("registry: use nonce: %w", err)
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO nonces (user, nonce, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		user, nonce, at.UnixNano())
	if err != nil {
		return fmt.Errorf("registry: use nonce: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("registry: use nonce of %s: %w", user, ErrReplay)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("registry: use nonce: %w", err)
	}
	return nil
}
