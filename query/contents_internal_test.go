package query

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/keys"
	"zonebox/registry"
	"zonebox/repeats"
)

// Contents are the digests that a zone keeps of what it released.
func Contents(ctx context.Context, e *Engine, zone string) ([]registry.ReleaseContents, error) {
	return e.registry.ReleaseContents(ctx, zone)
}

// Traced are the runs of a zone whose results have rows of a fragment, with how many,
// as far as the zone's keys of now tell.
func Traced(ctx context.Context, e *Engine, zone string, fragment ...arrow.RecordBatch) (map[string]int, error) {
	all, err := e.registry.ReleaseContents(ctx, zone)
	if err != nil {
		return nil, err
	}
	known := map[string]repeats.Contents{}
	for version := range newestKey {
		secret, err := e.keys.Derive(keys.Purpose{Use: useContents, Zone: zone, Version: version})
		if errors.Is(err, keys.ErrNoKey) {
			continue
		}
		if err != nil {
			return nil, err
		}
		key, err := repeats.NewKey(secret)
		if err != nil {
			return nil, err
		}
		known[keyID(secret)] = key.Contents(fragment...)
	}
	out := map[string]int{}
	for _, c := range all {
		if f, ok := known[c.Key]; ok {
			if n := repeats.ContentsOf(c.Whole, c.Rows).Shared(f); n > 0 {
				out[c.Run] = n
			}
		}
	}
	return out, nil
}
