package query

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"zonebox/audit"
	"zonebox/registry"
)

// Whatever names there are, the entry of a preview fits into the log: one that did
// not would stop every change after it.
func TestTheEntryOfAPreviewFitsTheLog(t *testing.T) {
	name := strings.Repeat("n", 63)
	for _, column := range []string{strings.Repeat("列", 42), strings.Repeat(`"`, 128), strings.Repeat(`\`, 20), "a", strings.Repeat("a", 100)} {
		p := &previewing{subject: Subject{user: name, organization: name}, name: name}
		p.facts.Zone.Name, p.dataset.Name, p.dataset.Data = name, name, &registry.DataVersion{Version: "v" + strings.Repeat("a", 16)}
		p.columns = []registry.GrantColumn{{Name: column, Recipe: &registry.Recipe{Kind: "redact"}}}
		e := entryOf(registry.Pending{Event: p.event("dec-" + strings.Repeat("a", 26)), Revision: 1<<53 - 1})
		e.ID, e.At, e.Seq, e.PrevSM3 = "ev-0000000000-001", time.Now(), 1<<53-1, strings.Repeat("0", 64)
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > audit.MaxLeaf {
			t.Errorf("with column %.20s the entry has %d bytes, the log takes %d", column, len(text), audit.MaxLeaf)
		}
	}
}
