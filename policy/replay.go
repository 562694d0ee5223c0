package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// Replay returns what e decides on facts that were decided on before. It changes
// nothing and is nobody's permission: approvals that bound the earlier decision
// count as if they had been given on these facts under these rules, which a real
// decision never does.
func (e *Evaluator) Replay(ctx context.Context, in Input, binding string) (Decision, error) {
	in.Approvals = slices.Clone(in.Approvals)
	for i, a := range in.Approvals {
		if a.Binding == binding {
			in.Approvals[i].Binding = e.Binding(in)
		}
	}
	return e.Decide(ctx, in)
}

// Missing returns the facts that a recorded input lacks and every decision of its action
// needs, by their paths: a decision of before they existed cannot be replayed, for what
// they would have been nobody knows.
func (e *Evaluator) Missing(recorded []byte) []string {
	var doc map[string]any
	if err := json.Unmarshal(recorded, &doc); err != nil || doc == nil {
		return []string{""}
	}
	doc["binding"] = "recorded" // Decide adds both
	if doc["capabilities"] == nil {
		doc["capabilities"] = []any{}
	}
	var missing []string
	_, faults := e.schema.check(doc)
	for _, f := range faults {
		if f.code == codeMissing {
			missing = append(missing, f.about)
		}
	}
	return missing
}

// ReadDraft returns the bundle of an archive that nobody need have signed, to replay
// decisions under; it is not one to bring into force.
func ReadDraft(raw []byte) (*Bundle, error) {
	files, err := unpack(raw)
	if err != nil {
		return nil, fmt.Errorf("policy: read draft: %w: %w", err, ErrBundle)
	}
	b, err := content(files)
	if err != nil {
		return nil, fmt.Errorf("policy: read draft: %w: %w", err, ErrBundle)
	}
	return b, nil
}
