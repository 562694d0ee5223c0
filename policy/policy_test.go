package policy_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"zonebox/policy"
)

// clock is when the facts of testdata hold.
var clock = time.Date(2025, 6, 2, 10, 0, 0, 0, time.FixedZone("", 8*3600))

func newEvaluator(t testing.TB) *policy.Evaluator {
	t.Helper()
	e, err := policy.New(t.Context(), policy.Config{Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// facts returns the input of testdata/name.json.
func facts(t testing.TB, name string) policy.Input {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name + ".json")
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

func decide(t testing.TB, e *policy.Evaluator, in policy.Input) policy.Decision {
	t.Helper()
	d, err := e.Decide(t.Context(), in)
	if err != nil {
		t.Fatalf("Decide: %v", err)
	}
	return d
}

func TestLicensedQueryIsAllowed(t *testing.T) {
	d := decide(t, newEvaluator(t), facts(t, "query"))
	if d.Verdict != policy.Allow {
		t.Fatalf("verdict = %v, reasons %+v", d.Verdict, d.Reasons)
	}
}

func BenchmarkDecide(b *testing.B) {
	e, in := newEvaluator(b), facts(b, "query")
	for b.Loop() {
		if d := decide(b, e, in); d.Verdict != policy.Allow {
			b.Fatal(d.Reasons)
		}
	}
}
