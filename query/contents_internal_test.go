package query

import (
	"context"

	"zonebox/registry"
)

// Contents are the digests that a zone keeps of what it released.
func Contents(ctx context.Context, e *Engine, zone string) (all []registry.ReleaseContents, err error) {
	err = e.registry.EachReleaseContents(ctx, zone, func(c registry.ReleaseContents) error {
		all = append(all, c)
		return nil
	})
	return all, err
}
