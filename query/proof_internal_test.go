package query

import (
	"strings"
	"testing"
	"time"

	"zonebox/registry"
	"zonebox/sandbox"
)

// A leaf has room for 1 KB. Whatever the names, a release has room in one; the
// digests of the artifact and of the worker's state are never what gives way.
func TestAReleaseEntryAlwaysFits(t *testing.T) {
	digest := strings.Repeat("a", 64)
	p := &proof{Attestation: sandbox.Attestation{Binary: digest}, Bundle: digest, Pack: "nanjing-2024", License: "License medical-2026 3",
		Documents: []string{"Zone medical 1"}, Data: []string{"beds v1"}}
	for _, c := range []struct {
		name   int
		folded bool
	}{{10, false}, {20, false}, {63, true}} {
		name := strings.Repeat("n", c.name)
		r := &run{id: newID("run", time.Unix(0, 0)), request: Request{Scenario: name, Subject: Subject{user: name}}}
		r.facts.Zone.Name, r.facts.Subject.Spec.Organization = name, name
		e, err := p.proven(r, "output.released", map[string]string{"decision": "0198f1a2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", "artifact": digest, "output": digest, "recipient": name})
		if err != nil {
			t.Fatal(err)
		}
		if !entryOf(registry.Pending{Event: e}).Fits() {
			t.Errorf("with names of %d bytes the entry does not fit", c.name)
		}
		if e.Fields["artifact"] != digest || len(e.Fields["attestation"]) != 64 {
			t.Errorf("with names of %d bytes it holds %v", c.name, e.Fields)
		}
		if folded := e.Fields["proof"] != ""; folded != c.folded || folded == (e.Fields["worker"] != "") || folded == (e.Fields["license"] != "") {
			t.Errorf("with names of %d bytes it holds %v", c.name, e.Fields)
		}
		if !c.folded && e.Fields["license"] != "3" {
			t.Errorf("the license has version %q, want 3", e.Fields["license"])
		}
	}
}

// So has every entry of a run by a template, which is told by name and values or
// by the digest of both.
func TestAnEntryOfATemplateAlwaysFits(t *testing.T) {
	digest := strings.Repeat("a", 64)
	p := &proof{Attestation: sandbox.Attestation{Binary: digest}, Bundle: digest, Pack: "nanjing-2024", License: "License medical-2026 3",
		Documents: []string{"Zone medical 1"}, Data: []string{"beds v1"}}
	decision := "0198f1a2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"
	for _, length := range []int{10, 20, 40, 63} {
		name := strings.Repeat("n", length)
		r := &run{id: newID("run", time.Unix(0, 0)), request: Request{Scenario: name, Subject: Subject{user: name}, Template: name, Parameters: map[string]string{"a": "b"}},
			filled: filled{1 << 40, map[string]string{"a": "b"}}}
		r.facts.Zone.Name, r.facts.Subject.Spec.Organization = name, name
		for kind, fields := range map[string]map[string]string{
			"query.intent":    {"decision": decision, "binding": digest, "bundle": digest, "tree": digest},
			"query.review":    {"decision": decision, "binding": digest, "bundle": digest, "reasons": clip(strings.Repeat("x", 300))},
			"query.denied":    {"reasons": clip(strings.Repeat("x", 300)), "cause": "SUSPENDED", "by": "Organization " + name + " 1000"},
			"output.review":   {"decision": decision, "output": digest, "reasons": clip(strings.Repeat("x", 300))},
			"query.done":      nil,
			"output.released": nil, // its label tells
		} {
			e := r.event(kind, fields)
			var err error
			switch kind {
			case "output.released":
				e, err = p.proven(r, kind, map[string]string{"decision": decision, "artifact": digest, "output": digest, "recipient": name})
			case "query.done":
				e, err = p.proven(r, kind, map[string]string{"decision": decision, "output": digest})
			}
			if err != nil {
				t.Fatal(err)
			}
			if !entryOf(registry.Pending{Event: e}).Fits() {
				t.Errorf("%s with names of %d bytes does not fit: %v", kind, length, e.Fields)
			}
			shown := e.Fields["template"] == name+" 1099511627776" && e.Fields["parameters"] == r.request.parametersDigest()
			folded := len(e.Fields["asked"]) == 64 && e.Fields["template"] == ""
			if query := strings.HasPrefix(kind, "query."); query && length <= 20 && !shown || kind == "query.denied" && shown == folded || !query && (shown || folded) {
				t.Errorf("%s with names of %d bytes tells of its template %v", kind, length, e.Fields)
			}
		}
	}
}
