package query

import (
	"strings"
	"testing"

	"zonebox/registry"
)

// Whatever names there are, the entry of a preview fits into the log: one that did
// not would stop every change after it.
func TestTheEntryOfAPreviewFitsTheLog(t *testing.T) {
	name := strings.Repeat("n", 63)
	for _, column := range []string{strings.Repeat("列", 42), strings.Repeat(`"`, 128), strings.Repeat(`\`, 20), "a", strings.Repeat("a", 100), strings.Repeat("<", 128), strings.Repeat("\u2028", 42), strings.Repeat("多 ", 400)} {
		p := &previewing{subject: Subject{user: name, organization: name}, name: name}
		p.facts.Zone.Name, p.dataset.Name, p.dataset.Data = name, name, &registry.DataVersion{Version: "v" + strings.Repeat("a", 16)}
		p.columns = []registry.GrantColumn{{Name: column, Recipe: &registry.Recipe{Kind: "redact"}}}
		e := entryOf(registry.Pending{Event: p.event("dec-" + strings.Repeat("a", 26)), Revision: 1<<53 - 1})
		if !e.Fits() {
			t.Errorf("the entry with column %.20s does not fit", column)
		}
	}
}
