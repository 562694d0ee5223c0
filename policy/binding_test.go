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
		{"/license/override_ref", "other", true},
		{"/action", "explain", true},
		{"/now", "2025-06-03T10:00:00+08:00", false},
		{"/runtime/binary_sha256", "other", false},
		{"/history", map[string]any{"queries_24h": 4, "explains_1h": 9, "denials_1h": 9}, false},
		{"/datasets/visits/version", "v8", false},
		{"/columns/visits.cost/level", 1, false},
		{"/grants/1/status", "REVOKED", false},
	}
	for _, tt := range tests {
		patch := []any{map[string]any{"op": "add", "path": tt.path, "value": tt.value}}
		if got := decide(t, e, facts(t, base, patch)).Binding; (got != first) != tt.moves {
			t.Errorf("%s → %v: binding moved = %v, want %v", tt.path, tt.value, got != first, tt.moves)
		}
	}
}
