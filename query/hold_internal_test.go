package query

import (
	"context"

	"zonebox/registry"
)

// Withdraw ends the course of an output that waits, and leaves its key as a gate does that
// is killed right after.
func Withdraw(ctx context.Context, e *Engine, run string) error {
	return e.update(ctx, func(tx *registry.Tx) error {
		return withdrawOutput(tx, registry.Shred{ID: "shred-1", Zone: "medical", ConfirmedBy: "wu.dc", ConfirmedOrg: "data-centre"}, run)
	})
}
