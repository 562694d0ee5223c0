package query

import (
	"context"
	"slices"

	"zonebox/registry"
)

// permitted returns an error unless the city authority has given the person the
// permission; that somebody tried without it is in the log, as permission.denied.
// What a role may do is asked besides: neither is enough alone.
func (e *Engine) permitted(ctx context.Context, s Subject, permission, verb string) error {
	if slices.Contains(s.permissions, permission) {
		return nil
	}
	err := e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: "permission.denied", Actor: s.user, Fields: map[string]string{
			"permission": permission, "verb": verb, "org": s.organization}})
	})
	if err != nil {
		return asError(err)
	}
	return fail("PERMISSION_REQUIRED", nil).because(permission, permission)
}
