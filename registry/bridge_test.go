package registry_test

import (
	"slices"
	"strings"
	"testing"

	"zonebox/registry"
)

// neighbored is licensed with the visits and two more zones: finance, of another
// regulator with tess and tom, and welfare, of the medical zone's own.
func neighbored(t *testing.T) *world {
	t.Helper()
	w := licensed(t)
	w.must("carol", organization("treasury", "industry_authority"), person("tess", "treasury", "zone_regulator"), person("tom", "treasury", "provider"))
	finance, welfare := zone(set("regulator", "treasury")), zone()
	finance.Name, welfare.Name = "finance", "welfare"
	w.must("carol", finance, welfare)
	w.must("paul", visits())
	w.clock.tick()
	return w
}

func bridging(domain string, edits ...edit) registry.Document {
	all := []edit{set("columns.0.recipe", map[string]any{"kind": "token", "domain": domain}), set("columns.0.permissions", []string{"bridge"})}
	return grant(append(all, edits...)...)
}

// Tokens of another zone link two zones: that is a permission of its own, and
// takes the word of that zone's regulator besides the two who consent.
func TestABridgeNeedsItsPermissionAndTheOtherRegulator(t *testing.T) {
	for _, tt := range []struct {
		why, code, path string
		doc             registry.Document
		signers         []string
	}{
		{"no permission", registry.CodeProtect, "/spec/columns/0/permissions", bridging("finance", set("columns.0.permissions", nil)), []string{"zoe", "paul", "tess"}},
		{"no word of the other regulator", registry.CodeSignature, "/signatures", bridging("finance"), []string{"zoe", "paul"}},
		{"the word of another there", registry.CodeSignature, "/signatures", bridging("finance"), []string{"zoe", "paul", "tom"}},
		{"the word of another regulator here", registry.CodeSignature, "/signatures", bridging("finance"), []string{"zoe", "paul", "zack"}},
		{"neither", registry.CodeProtect, "/spec/columns/0/permissions", bridging("finance", set("columns.0.permissions", nil)), []string{"zoe", "paul"}},
		{"one person for both zones", registry.CodeSignature, "/signatures", bridging("welfare"), []string{"zoe", "paul"}},
		{"its own zone", registry.CodeScope, "/spec/columns/0/recipe/domain", bridging("medical"), []string{"zoe", "paul", "zack"}},
		{"a zone that is not there", registry.CodeReference, "/spec/columns", bridging("nowhere"), []string{"zoe", "paul", "tess"}},
		{"a permission without a zone", registry.CodeProtect, "/spec/columns/0/permissions", grant(set("columns.0.permissions", []string{"bridge"})), []string{"zoe", "paul", "tess"}},
		{"another permission", registry.CodeSchema, "/spec/columns/0/permissions/0", bridging("finance", set("columns.0.permissions", []string{"order"})), []string{"zoe", "paul", "tess"}},
		{"of a column to compute with", registry.CodeSchema, "/spec/columns/1/permissions/0", grant(set("columns.1.permissions", []string{"bridge"})), []string{"zoe", "paul", "tess"}},
		{"another kind than tokens", registry.CodeSchema, "/spec/columns/0/recipe/domain",
			bridging("finance", set("columns.0.recipe", map[string]any{"kind": "redact", "domain": "finance"})), []string{"zoe", "paul", "tess"}},
	} {
		w := neighbored(t)
		f := w.refused(tt.code, "zoe", w.signed(tt.doc, tt.signers...))
		if f.Path != tt.path || f.ZH == "" {
			t.Errorf("%s: fault at %s: %s", tt.why, f.Path, f.ZH)
		}
	}
	w := neighbored(t)
	w.must("zoe", w.signed(bridging("finance"), "zoe", "paul", "tess"))
	w.clock.tick()
	w.must("zoe", w.signed(bridging("welfare"), "zoe", "paul", "zack"))
	w.clock.tick()
	w.refused(registry.CodeSignature, "zoe", w.signed(bridging("finance"), "zoe", "paul")) // a signature is for one version
}

// Facts hold the zones that grants bridge to, and do not stand once one changes.
func TestFactsHoldBridgedZones(t *testing.T) {
	w := neighbored(t)
	w.must("zoe", w.signed(bridging("finance"), "zoe", "paul", "tess"))
	facts, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
	if err != nil {
		t.Fatal(err)
	}
	if b := facts.Grants[0].Bridges; len(b) != 1 || b[0].Name != "finance" || b[0].Spec.Status != registry.StatusActive {
		t.Fatalf("bridges = %+v", b)
	}
	if !slices.Contains(facts.Documents(), registry.Ref{Kind: registry.KindZone, Name: "finance", Version: 1}) {
		t.Errorf("documents = %v", facts.Documents())
	}
	w.clock.tick()
	suspended := zone(set("regulator", "treasury"), set("status", "SUSPENDED"))
	suspended.Name = "finance"
	w.must("carol", suspended)
	if by, err := w.Overtaken(t.Context(), facts); err != nil || by == nil || by.String() != "Zone finance 2" {
		t.Errorf("overtaken by %v, %v, want Zone finance 2", by, err)
	}
}

func TestTheOtherRegulatorRevokesABridge(t *testing.T) {
	revoked := bridging("finance", set("status", "REVOKED"), set("status_reason", "不再同意关联"))
	w := neighbored(t)
	w.must("zoe", w.signed(bridging("finance"), "zoe", "paul", "tess"))
	w.clock.tick()
	if f := w.refused(registry.CodeRole, "tom", revoked); !strings.Contains(f.EN, "tom") {
		t.Errorf("fault %+v", f)
	}
	w.must("tess", revoked)
}
