package registry

import (
	"encoding/json"
	"testing"
)

// TestEveryFieldHasALabel reads the fields from the schema of documents, so that a
// new one is shown to people under a name of theirs.
func TestEveryFieldHasALabel(t *testing.T) {
	var schema any
	if err := json.Unmarshal(schemaJSON, &schema); err != nil {
		t.Fatal(err)
	}
	beside := map[string]bool{"spec": true, "signatures": true, "sig": true} // what holds fields, and is none
	seen := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if fields, ok := v["properties"].(map[string]any); ok {
				for name := range fields {
					seen[name] = true
					if labels[name] == "" && !beside[name] {
						t.Errorf("the field %s has no label", name)
					}
				}
			}
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(schema)
	if len(seen) < 150 {
		t.Fatalf("found %d fields in the schema, want 150 or more", len(seen))
	}
}
