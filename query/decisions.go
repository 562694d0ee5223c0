package query

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"maps"

	"zonebox/policy"
	"zonebox/registry"
)

// ruled is what policy was asked and answered.
type ruled struct {
	input    policy.Input
	decision policy.Decision
}

// maxInput bounds the facts of one decision as they are unpacked.
const maxInput = 16 << 20

// keepDecision records in the transaction of its effect what was decided of the run,
// or, if a is nil, that it was refused before anything was.
func (r *run) keepDecision(tx *registry.Tx, action string, a *ruled, codes ...string) error {
	d := registry.RecordedDecision{Run: r.id, Action: action, Zone: r.facts.Zone.Name, Operator: r.operator(),
		Scenario: r.facts.Scenario.Name, Codes: codes}
	if a != nil {
		raw, err := json.Marshal(a.input)
		if err != nil {
			return fmt.Errorf("query: record decision of %s: %w", r.id, err)
		}
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, flate.BestSpeed)
		if err != nil {
			return fmt.Errorf("query: record decision of %s: %w", r.id, err)
		}
		if _, err := w.Write(raw); err != nil {
			return fmt.Errorf("query: record decision of %s: %w", r.id, err)
		}
		if err := w.Close(); err != nil {
			return fmt.Errorf("query: record decision of %s: %w", r.id, err)
		}
		d.ID, d.Verdict, d.Bundle, d.Digest, d.Input = a.decision.ID, string(a.decision.Verdict), a.decision.BundleHash, a.decision.InputSHA256, packed.Bytes()
		d.Binding = a.decision.Binding
		d.Codes = nil
		for _, reason := range a.decision.Reasons {
			d.Codes = append(d.Codes, reason.Code)
		}
	}
	return tx.RecordDecision(d)
}

// entry adds to an event which decision is behind it, if there is one and the entry
// has room: the registry tells it as well.
func (a *ruled) entry(event registry.Event) registry.Event {
	if a == nil {
		return event
	}
	whole := event
	whole.Fields = maps.Clone(event.Fields)
	whole.Fields["decision"], whole.Fields["bundle"], whole.Fields["input"] = a.decision.ID, a.decision.BundleHash, a.decision.InputSHA256
	if !entryOf(registry.Pending{Event: whole}).Fits() {
		return event
	}
	return whole
}

// inputOf returns the facts of a recorded decision.
func inputOf(d registry.RecordedDecision) (in policy.Input, err error) {
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(d.Input)), maxInput))
	if err != nil {
		return in, fmt.Errorf("query: decision %s: %w", d.ID, err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields() // facts of another release are no facts of this one
	if err := dec.Decode(&in); err != nil {
		return in, fmt.Errorf("query: decision %s: facts of another release", d.ID)
	}
	return in, nil
}
