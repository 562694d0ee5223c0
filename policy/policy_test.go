package policy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/rego"

	"zonebox/policy"
)

// suite is testdata/cases.json: inputs as patches (RFC 6902) of the allowed
// query in testdata/query.json. rego/tests reads the same file.
type suite struct {
	Bases   map[string][]any `json:"bases"`
	Denials []struct {
		Rule  string `json:"rule"`
		Base  string `json:"base"`
		Code  string `json:"code"`
		About string `json:"about"`
		Deny  []any  `json:"deny"`
		Twin  []any  `json:"twin"`
	} `json:"denials"`
	Verdicts []struct {
		Rule    string         `json:"rule"`
		Base    string         `json:"base"`
		Patch   []any          `json:"patch"`
		Verdict policy.Verdict `json:"verdict"`
		Waiting []string       `json:"waiting"`
		// Warnings are codes and what they are about; nil where the case says nothing of
		// them.
		Warnings [][2]string `json:"warnings"`
	} `json:"verdicts"`
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func loadSuite(t testing.TB) suite {
	t.Helper()
	var s suite
	if err := json.Unmarshal(readFile(t, "testdata/cases.json"), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// packs returns the embedded packs and those of testdata/packs.
func packs(t testing.TB) fstest.MapFS {
	t.Helper()
	all := fstest.MapFS{}
	for _, pattern := range []string{"pack/*.json", "testdata/packs/*.json"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no packs at %s: %v", pattern, err)
		}
		for _, name := range names {
			all[filepath.Base(name)] = &fstest.MapFile{Data: readFile(t, name)}
		}
	}
	return all
}

func newEvaluator(t testing.TB, cfg policy.Config) *policy.Evaluator {
	t.Helper()
	e, err := policy.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// facts returns the allowed query changed by patches.
func facts(t testing.TB, patches ...[]any) policy.Input {
	t.Helper()
	var doc any
	if err := json.Unmarshal(readFile(t, "testdata/query.json"), &doc); err != nil {
		t.Fatal(err)
	}
	all := []any{}
	for _, p := range patches {
		all = append(all, p...)
	}
	results, err := rego.New(
		rego.Query("x := json.patch(input.doc, input.patch)"),
		rego.Input(map[string]any{"doc": doc, "patch": all}),
		rego.StrictBuiltinErrors(true),
	).Eval(context.Background())
	if err != nil || len(results) != 1 {
		t.Fatalf("patch %v: %v", all, err)
	}
	raw, err := json.Marshal(results[0].Bindings["x"])
	if err != nil {
		t.Fatal(err)
	}
	var in policy.Input
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		t.Fatal(err)
	}
	return in
}

// decide decides on in, with the approvals that say BINDING bound to it.
func decide(t testing.TB, e *policy.Evaluator, in policy.Input) policy.Decision {
	t.Helper()
	d, err := e.Decide(t.Context(), in)
	if err != nil {
		t.Fatalf("Decide: %v", err)
	}
	for i, a := range in.Approvals {
		if a.Binding == "BINDING" {
			in.Approvals[i].Binding = d.Binding
		}
	}
	if len(in.Approvals) == 0 {
		return d
	}
	if d, err = e.Decide(t.Context(), in); err != nil {
		t.Fatalf("Decide: %v", err)
	}
	return d
}

func cites(reasons []policy.Reason, code, about string) bool {
	for _, r := range reasons {
		if r.Code == code && r.About == about {
			return true
		}
	}
	return false
}

func codes(reasons []policy.Reason) (all []string) {
	for _, r := range reasons {
		all = append(all, r.Code+" "+r.About)
	}
	return all
}
