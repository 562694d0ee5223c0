package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// SchemaSHA256 returns the SHA-256, in hex, of the names and types of the
// columns: what a provider has to know of an entry to make a file for it. The
// order of columns does not count, nor does anything else the entry says.
//
// The digest is of one line per column, sorted by name, `"name" "type"` with the
// quoting of Go's %q, each ended by a line feed.
func (d Dataset) SchemaSHA256() string {
	columns := slices.SortedFunc(slices.Values(d.Columns), func(a, b Column) int { return cmp.Compare(a.Name, b.Name) })
	h := sha256.New()
	for _, c := range columns {
		fmt.Fprintf(h, "%q %q\n", c.Name, c.Type)
	}
	return hex.EncodeToString(h.Sum(nil))
}
