package policy_test

import (
	"testing"

	"zonebox/policy"
)

// An approval stands for a binding: what it was given on must change it, what
// time and circumstance bring must not.
func TestBindingFollowsWhatAnApprovalStandsFor(t *testing.T) {
	e, s := newEvaluator(t, policy.Config{}), loadSuite(t)
	base := s.Bases["records_level_4"]
	first := decide(t, e, facts(t, base)).Binding
	tests := []struct {
		path  string
		value any
		moves bool
	}{
		{"/query/tree_sha256", "other", true},
		{"/query/params_sha256", "other", true},
		{"/query/recipient", "other", true},
		{"/scenario/until", "2026-12-30", true},
		{"/datasets/persons/version", "v2", true},
		{"/columns/persons.name/level", 2, true},
		{"/grants/0/columns/1/recipe", "redact", true},
		{"/license/renewed_basis", "other", true},
		{"/action", "explain", true},
		{"/template", map[string]any{"id": "by-age", "version": 1, "in_force": true}, true},
		{"/now", "2025-06-03T10:00:00+08:00", false},
		{"/runtime/binary_sha256", "other", false},
		{"/history", map[string]any{"queries_24h": 4, "explains_1h": 9, "denials_1h": 9}, false},
		{"/datasets/visits/version", "v8", false},
		{"/columns/visits.cost/level", 1, false},
		{"/grants/1/status", "REVOKED", false},
		{"/restrictions", measured("dataset", "persons"), true},
		{"/restrictions", measured("column", "persons.phone"), true},
		{"/restrictions", measured("operator", "medco"), true},
		{"/restrictions", measured("dataset", "visits"), false},
		{"/restrictions", measured("column", "visits.cost"), false},
	}
	for _, tt := range tests {
		patch := []any{map[string]any{"op": "add", "path": tt.path, "value": tt.value}}
		if got := decide(t, e, facts(t, base, patch)).Binding; (got != first) != tt.moves {
			t.Errorf("%s → %v: binding moved = %v, want %v", tt.path, tt.value, got != first, tt.moves)
		}
	}
}

// measured are the facts of a measure that restricts one thing.
func measured(level, target string) []any {
	return []any{map[string]any{"id": "m-1", "level": level, "target": target, "degree": "RESTRICT", "rate": 100, "max_level": 0, "aggregates_only": false, "until": ""}}
}

func TestBindingFollowsTheTemplate(t *testing.T) {
	e, s := newEvaluator(t, policy.Config{}), loadSuite(t)
	with := func(id string, version int, inForce bool) string {
		t.Helper()
		template := map[string]any{"id": id, "version": version, "in_force": inForce}
		d := decide(t, e, facts(t, s.Bases["records_level_4"], []any{map[string]any{"op": "add", "path": "/template", "value": template}}))
		if d.Verdict != policy.Review {
			t.Fatalf("decision = %s %v, want the verdict of its statement", d.Verdict, d.Reasons)
		}
		return d.Binding
	}
	first := with("by-age", 1, true)
	if with("by-age", 1, true) != first {
		t.Error("one template gives two bindings")
	}
	for _, other := range []string{with("by-sex", 1, true), with("by-age", 2, true), with("by-age", 1, false)} {
		if other == first {
			t.Error("another template, another version or another time keeps the binding")
		}
	}
}
