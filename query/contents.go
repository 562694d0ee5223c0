package query

import (
	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/keys"
	"zonebox/registry"
	"zonebox/repeats"
)

// useContents is the use of the zone keys that digests of released rows are made with.
const useContents = "contents"

// contents are the digests of the rows that are to leave. They say nothing any more
// once the zone's key that made them is destroyed.
func (c *cleared) contents() (registry.ReleaseContents, error) {
	out := registry.ReleaseContents{Run: c.id, Zone: c.facts.Zone.Name}
	secret, err := c.engine.keys.Derive(keys.Purpose{Use: useContents, Zone: out.Zone})
	if err != nil {
		return out, err
	}
	key, err := repeats.NewKey(secret)
	if err != nil {
		return out, err
	}
	out.Key = keyID(secret)
	err = c.held.Rows(func(rows []arrow.RecordBatch) {
		made := key.Contents(rows...)
		out.Whole, out.Rows, out.Columns, out.Cells = made.Whole, made.Bytes(), made.Columns(), made.Cells()
	})
	return out, err
}
