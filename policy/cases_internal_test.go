package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// A judged is one input of testdata/cases.json and what its case says of it.
type judged struct {
	name  string
	code  string
	input ast.Value
	holds func(Decision) bool
}

// judgedCases returns every input of the cases: denials, their twins, verdicts.
func judgedCases(t *testing.T) (all []judged) {
	t.Helper()
	var s struct {
		Bases   map[string][]any
		Denials []struct {
			Rule, Base, Code, About string
			Deny, Twin              []any
		}
		Verdicts []struct {
			Rule, Base string
			Patch      []any
			Verdict    Verdict
			Waiting    []string
			Warnings   [][2]string
		}
	}
	raw, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	patched, err := rego.New(
		rego.Query(`x := object.union(json.patch(input.doc, input.patch), {"binding": "BINDING", "capabilities": input.capabilities})`),
		rego.StrictBuiltinErrors(true),
	).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	base := readJSON(t, "testdata/query.json")
	add := func(name, code, of string, patch []any, holds func(Decision) bool) {
		in := map[string]any{"doc": base, "patch": append(append([]any{}, s.Bases[of]...), patch...), "capabilities": Capabilities()}
		rs, err := patched.Eval(t.Context(), rego.EvalInput(in))
		if err != nil || len(rs) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		value, err := ast.InterfaceToValue(rs[0].Bindings["x"])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, judged{name, code, value, holds})
	}
	for i, c := range s.Denials {
		name := fmt.Sprintf("denial %d %s %s", i, c.Code, c.Base)
		add(name, c.Code, c.Base, c.Deny, func(d Decision) bool {
			return d.Verdict == Deny && slices.ContainsFunc(d.Reasons, func(r Reason) bool { return r.Code == c.Code && r.About == c.About })
		})
		add(name+" twin", c.Code, c.Base, c.Twin, func(d Decision) bool { return d.Verdict != Deny })
	}
	for i, c := range s.Verdicts {
		add(fmt.Sprintf("verdict %d %s %s", i, c.Rule, c.Base), "", c.Base, c.Patch, func(d Decision) bool {
			var told [][2]string
			for _, w := range d.Warnings {
				told = append(told, [2]string{w.Code, w.About})
			}
			return d.Verdict == c.Verdict && slices.Equal(d.Reviewers, c.Waiting) && (c.Warnings == nil || slices.Equal(told, c.Warnings))
		})
	}
	return all
}
