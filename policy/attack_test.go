package policy_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"zonebox/policy"
)

// An approval answers the demand of its own step, whatever its role.
func TestAnApprovalOfAnotherStepAnswersNoDemand(t *testing.T) {
	e, s := under(t, map[string]string{"x": `demand contains {"review": "release_review", ` + because + `}`}), loadSuite(t)
	in := facts(t, s.Bases["release"])
	d := decide(t, e, in)
	for step, want := range map[string]policy.Verdict{"query": policy.Review, "release": policy.Allow} {
		in.Approvals = []policy.Approval{
			{Step: step, Role: "zone_regulator", By: "qian", Org: in.Zone.Regulator,
				At: "2025-06-01T09:00:00+08:00", ExpiresAt: "2025-06-08", Binding: d.Binding},
			{Step: step, Role: "provider", By: "zhou", Org: "civil-affairs",
				At: "2025-06-01T10:00:00+08:00", ExpiresAt: "2025-06-08", Binding: d.Binding},
		}
		if got := decide(t, e, in); got.Verdict != want {
			t.Errorf("approvals of step %s = %v %q, want %v", step, got.Verdict, codes(got.Reasons), want)
		}
	}
}

// Who consents today is no part of what was approved; that consent is asked for is.
func TestBindingFollowsWhetherConsentIsAsked(t *testing.T) {
	e, s := newEvaluator(t, policy.Config{}), loadSuite(t)
	first := decide(t, e, facts(t, s.Bases["records_level_4"])).Binding
	for _, tt := range []struct {
		path  string
		value any
		moves bool
	}{
		{"/consent/registry_version", "c-9", false},
		{"/consent/withdrawn_at", "2025-06-01T10:00:00+08:00", false},
		{"/consent/required", true, true},
	} {
		in := facts(t, s.Bases["records_level_4"], []any{map[string]any{"op": "add", "path": tt.path, "value": tt.value}})
		if got := decide(t, e, in).Binding; (got != first) != tt.moves {
			t.Errorf("%s: binding moved = %v, want %v", tt.path, got != first, tt.moves)
		}
	}
}

type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, errors.New("no randomness") }

func TestWithoutAnIDThereIsNoDecision(t *testing.T) {
	d, err := newEvaluator(t, policy.Config{Rand: empty{}}).Decide(t.Context(), facts(t))
	if d.Verdict != policy.Deny || !cites(d.Reasons, "POLICY_ERROR", "") || err == nil || d.Obligations.RowCap != 0 {
		t.Errorf("%v %q %v, want DENY for POLICY_ERROR", d.Verdict, codes(d.Reasons), err)
	}
}

func TestAnExpertMaySayOnlySoMuch(t *testing.T) {
	listed := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, `"`+strings.Repeat("y", i+1)+`"`)
		}
		return `deny contains {"code": "EXPERT_SAID", "article": "YC22-38", "about": x, "zh": "否", "en": "no"} if some x in [` + strings.Join(all, ",") + `]`
	}
	for _, tt := range []struct{ name, rules, code string }{
		{"a hundred findings", listed(100), "EXPERT_SAID"},
		{"one more", listed(101), "POLICY_EXPERT"},
		{"the largest figure", `limit := {"min_group": 1099511627776}`, ""},
		{"one more than it", `limit := {"min_group": 1099511627777}`, "POLICY_EXPERT"},
	} {
		d, _ := under(t, map[string]string{"x": tt.rules}).Decide(t.Context(), facts(t))
		if got := strings.Join(codes(d.Reasons), ","); tt.code == "" && d.Verdict != policy.Allow || !strings.Contains(got, tt.code) {
			t.Errorf("%s: %v %.80q, want %q", tt.name, d.Verdict, got, tt.code)
		}
	}
}

func TestJSONOfABundleIsNotNestedDeeply(t *testing.T) {
	_, err := policy.Build(fstest.MapFS{"packs/x/data.json": {Data: []byte(deep(200))}}, 1)
	if !errors.Is(err, policy.ErrBundle) || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("200 deep: %v", err)
	}
}
