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

// against returns a if policy refused, nil if whatever was refused was not by it.
func (a *ruled) against() *ruled {
	if a == nil || a.decision.Verdict == policy.Allow {
		return nil
	}
	return a
}

// maxInput bounds the facts of one decision as they are unpacked.
const maxInput = 16 << 20

// keepDecision records in the transaction of its effect what was decided of the run,
// or, if a is nil, that it was refused before anything was.
func (r *run) keepDecision(tx *registry.Tx, action string, a *ruled, codes ...string) error {
	return keep(tx, registry.RecordedDecision{Run: r.id, Action: action, Zone: r.facts.Zone.Name, Operator: r.operator(), Scenario: r.facts.Scenario.Name,
		User: r.request.Subject.user, Template: r.request.Template, Revision: r.facts.Revision, Codes: codes}, a)
}

// keepDecision is the run's, of a delivery. One that is only tried is not kept, as an
// explanation is not.
func (l *loading) keepDecision(tx *registry.Tx, a *ruled, codes ...string) error {
	if l.trial {
		return nil
	}
	return keep(tx, registry.RecordedDecision{Run: l.id, Action: policy.ActionLoad, Zone: clip(l.manifest.Zone), Operator: l.subject.organization, Scenario: l.grant.Scenario,
		User: l.subject.user, Revision: l.facts.Revision, Codes: codes}, a)
}

// keepDecision is the run's, of a preview.
func (p *previewing) keepDecision(tx *registry.Tx, a *ruled, codes ...string) error {
	d := registry.RecordedDecision{Action: policy.ActionPreview, Zone: p.facts.Zone.Name, Operator: p.subject.organization, Scenario: p.facts.Scenario.Name,
		User: p.subject.user, Revision: p.facts.Revision, Codes: codes}
	if p.dataset.Data != nil {
		d.Run = p.dataset.Data.Version
	}
	return keep(tx, d, a)
}

// keep records d with what policy was asked and answered, if it was.
func keep(tx *registry.Tx, d registry.RecordedDecision, a *ruled) error {
	if a == nil {
		return tx.RecordDecision(d)
	}
	raw, err := json.Marshal(a.input)
	if err != nil {
		return fmt.Errorf("query: record decision of %s: %w", d.Run, err)
	}
	if d.Input, err = packed(raw); err != nil {
		return fmt.Errorf("query: record decision of %s: %w", d.Run, err)
	}
	d.ID, d.Verdict, d.Bundle, d.Digest = a.decision.ID, string(a.decision.Verdict), a.decision.BundleHash, a.decision.InputSHA256
	d.Binding, d.Codes = a.decision.Binding, nil
	for _, reason := range a.decision.Reasons {
		d.Codes = append(d.Codes, reason.Code)
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

// packed returns facts as they are kept.
func packed(raw []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unpacked returns the facts of a recorded decision as they were written.
func unpacked(d registry.RecordedDecision) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(d.Input)), maxInput))
	if err != nil {
		return nil, fmt.Errorf("query: decision %s: %w", d.ID, err)
	}
	return raw, nil
}
