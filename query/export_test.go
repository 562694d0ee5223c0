package query

import "zonebox/sandbox"

// Segmented returns c with segments of so many rows, which are left out where a
// statement does not need them only if pruned.
func Segmented(c Config, rows int, pruned bool) Config {
	c.segment, c.unpruned = rows, !pruned
	return c
}

// Workers returns the pool that the gate's statements run in.
func (e *Engine) Workers() *sandbox.Pool { return e.pool }
