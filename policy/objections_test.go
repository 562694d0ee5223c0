package policy_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"zonebox/policy"
)

// part returns what might be known of a statement when it is refused early: some
// of what it names, nothing of what it gives.
func part(r *rand.Rand, whole policy.Query) *policy.Query {
	some := func(all []string) []string {
		kept := []string{}
		for _, s := range all {
			if r.IntN(2) == 0 {
				kept = append(kept, s)
			}
		}
		return kept
	}
	no := false
	q := whole
	q.TreeSHA256, q.Outputs, q.RecordLevel, q.Protected = q.SQLSHA256, []policy.QueryOutput{}, &no, &no
	for _, list := range []*[]string{&q.Tables, &q.ColumnsRead, &q.FilterCols, &q.JoinCols, &q.GroupCols, &q.Functions, &q.ExternalRefs} {
		*list = some(*list)
	}
	return &q
}

// What is said of a part of a statement is said of the whole: over every denial
// of the suite, with the statement's facts cut at random.
func TestObjectionsToAPartHoldForTheWhole(t *testing.T) {
	e, s := newEvaluator(t, policy.Config{Packs: packs(t)}), loadSuite(t)
	r := rand.New(rand.NewPCG(7, 11))
	told, silent := 0, 0
	for _, c := range s.Denials {
		whole := facts(t, s.Bases[c.Base], c.Deny)
		if whole.Action != policy.ActionQuery || whole.Query == nil {
			continue
		}
		want := decide(t, e, whole)
		for range 4 {
			cut := whole
			cut.Query = part(r, *whole.Query)
			if cut.Masking != nil {
				cut.Masking = &policy.Masking{Recipes: []policy.Recipe{}, KeysAvailable: whole.Masking.KeysAvailable, Suite: whole.Masking.Suite}
			}
			got, err := e.Objections(t.Context(), cut)
			if err != nil {
				t.Fatalf("%s: %v", c.Code, err)
			}
			for _, o := range got {
				if !cites(want.Reasons, o.Code, o.About) {
					t.Errorf("%s %s: of a part it is said %s %q, of the whole %q", c.Rule, c.Code, o.Code, o.About, codes(want.Reasons))
				}
			}
			if cites(got, c.Code, c.About) {
				told++
			} else {
				silent++
			}
		}
	}
	if told < 100 || silent < 50 {
		t.Errorf("the denial of the case was told %d times and not told %d times, want both often", told, silent)
	}
}

// What speaks against license, purpose or scenario is told although nothing is
// known of the statement.
func TestObjectionsToAStatementNobodyCouldRead(t *testing.T) {
	e, s := newEvaluator(t, policy.Config{}), loadSuite(t)
	in := facts(t, s.Bases["query"], []any{
		map[string]any{"op": "replace", "path": "/license/status", "value": "SUSPENDED"},
		map[string]any{"op": "replace", "path": "/query/purpose_code", "value": "POP-01"},
	})
	no := false
	in.Query.Tables, in.Query.ColumnsRead, in.Query.FilterCols, in.Query.JoinCols, in.Query.GroupCols = []string{}, []string{}, []string{}, []string{}, []string{}
	in.Query.Outputs, in.Query.Protected, in.Query.RecordLevel = []policy.QueryOutput{}, &no, &no
	in.Approvals = []policy.Approval{{Step: "query", Role: "zone_regulator", By: "sun.health", Org: "health-commission", Binding: "another"}}
	got, err := e.Objections(t.Context(), in)
	if err != nil || !slices.Equal(codes(got), []string{"LICENSE_INACTIVE " + in.License.ID, "PURPOSE_MISMATCH purpose_code"}) {
		t.Errorf("Objections = %q, %v, want the license and the purpose, and nothing of the approval", codes(got), err)
	}
}
