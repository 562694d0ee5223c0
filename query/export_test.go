package query

import (
	"context"

	"zonebox/sandbox"
)

// Segmented returns c with segments of so many rows, which are left out where a
// statement does not need them only if pruned.
func Segmented(c Config, rows int, pruned bool) Config {
	c.segment, c.unpruned = rows, !pruned
	return c
}

// Workers returns the pool that the gate's statements run in.
func (e *Engine) Workers() *sandbox.Pool { return e.pool }

// Asked returns how many questions of a person count against a rate now.
func (e *Engine) Asked(ctx context.Context, user string) (int64, error) {
	h, err := e.history(ctx, user)
	if err != nil {
		return 0, err
	}
	return h.Queries24h, nil
}
