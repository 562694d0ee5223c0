package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"zonebox/policy"
	"zonebox/registry"
)

// mayActivate asks policy whether a license may come into force: term,
// sections, parties, and whether its pack still is. The signatures are taken
// as valid here; the registry verifies them before anything changes.
func (e *Engine) mayActivate(ctx context.Context, by string, doc registry.Document, batch []registry.Document) error {
	spec, err := registry.SpecOf[registry.License](doc)
	if err != nil || spec.Status != registry.StatusActive {
		return err
	}
	look := lookup{e, batch}
	f, err1 := applying(ctx, look, by, spec.Zone)
	operator, err2 := find[registry.Organization](ctx, look, registry.KindOrganization, spec.Operator)
	if err := errors.Join(err1, err2); errors.Is(err, registry.ErrNotFound) {
		return nil // the registry names the missing reference
	} else if err != nil {
		return asError(err)
	}
	f.Operator = registry.Versioned[registry.Organization]{Name: spec.Operator, Spec: operator}
	f.License = registry.LicenseFacts{Versioned: registry.Versioned[registry.License]{Name: doc.Name, Spec: spec}}
	if err := e.termExceptions(ctx, look, &f); err != nil {
		return asError(err)
	}
	in := e.policyFacts(policy.ActionApply, f)
	in.Scenario, in.Consent, in.Datasets, in.Columns = nil, nil, nil, nil
	in.Runtime = hostFacts()
	for _, s := range doc.Signatures {
		if p, err := find[registry.Person](ctx, look, registry.KindPerson, s.By); err == nil {
			in.License.Signatures = append(in.License.Signatures, policy.Signature{By: s.By, Org: p.Organization, Roles: p.Roles, Valid: true})
		}
	}
	kept, err := e.signersKept(ctx, doc)
	if err != nil {
		return asError(err)
	}
	for _, s := range kept {
		in.License.Signatures = append(in.License.Signatures, policy.Signature{By: s.By, Org: s.Org, Roles: []string{s.Role}, Valid: true})
	}
	in.Change = &policy.Change{Kind: registry.KindLicense, Entity: doc.Name, Field: "status", New: spec.Status, By: []policy.Signer{}}
	d := e.weigh(ctx, in)
	if d.Verdict != policy.Allow {
		return denied(details(d.Reasons))
	}
	return nil
}

// unjudged are policy's reasons against a document that it could not judge.
var unjudged = []string{"FACT_MISSING", "FACT_UNKNOWN", "POLICY_ERROR", "POLICY_TIMEOUT", "POLICY_UNDEFINED", "POLICY_EXPERT"}

// ofTheGrant and ofTheScenario are policy's reasons against what a document says,
// whatever the day and whoever asks.
var (
	ofTheGrant    = []string{"GRANT_NO_BASIS", "LEVEL_MASK"}
	ofTheScenario = []string{"PURPOSE_UNLISTED"}
)

// applying returns the facts that policy is asked about any document by: who applies it,
// and its zone.
func applying(ctx context.Context, look lookup, by, zone string) (registry.Facts, error) {
	subject, err1 := find[registry.Person](ctx, look, registry.KindPerson, by)
	org, err2 := find[registry.Organization](ctx, look, registry.KindOrganization, subject.Organization)
	z, err3 := find[registry.Zone](ctx, look, registry.KindZone, zone)
	return registry.Facts{
		Subject:    registry.Versioned[registry.Person]{Name: by, Spec: subject},
		SubjectOrg: registry.Versioned[registry.Organization]{Name: subject.Organization, Spec: org},
		Zone:       registry.Versioned[registry.Zone]{Name: zone, Spec: z},
	}, errors.Join(err1, err2, err3)
}

// weigh asks policy about a document. A failure of policy is logged, and a denial.
func (e *Engine) weigh(ctx context.Context, in policy.Input) policy.Decision {
	d, err := e.policy().Decide(ctx, in)
	if err != nil {
		e.log.ErrorContext(ctx, "policy failed", "decision_id", d.ID, "cause", err)
	}
	return d
}

// heldAgainst asks policy about a document whose facts are in, and returns a refusal for
// those of its reasons that are against what the document says, or that left it
// unjudged.
func (e *Engine) heldAgainst(ctx context.Context, in policy.Input, against []string) error {
	d := e.weigh(ctx, in)
	d.Reasons = slices.DeleteFunc(d.Reasons, func(r policy.Reason) bool {
		return !slices.Contains(unjudged, r.Code) && !slices.Contains(against, r.Code)
	})
	if len(d.Reasons) > 0 {
		return denied(details(d.Reasons))
	}
	return nil
}

// mayGrant asks policy whether the zone's pack allows what a grant says: by what right
// personal information is used, and by which masks its levels are shown. Every
// question under the grant is asked the same again.
func (e *Engine) mayGrant(ctx context.Context, by string, doc registry.Document, batch []registry.Document) error {
	spec, err := registry.SpecOf[registry.Grant](doc)
	if err != nil || spec.Status == registry.StatusRevoked {
		return err
	}
	look := lookup{e, batch}
	scenario, err1 := find[registry.Scenario](ctx, look, registry.KindScenario, spec.Scenario)
	license, err2 := find[registry.License](ctx, look, registry.KindLicense, scenario.License)
	f, err3 := applying(ctx, look, by, license.Zone)
	data, err4 := find[registry.Dataset](ctx, look, registry.KindDataset, spec.Dataset)
	if err := errors.Join(err1, err2, err3, err4); errors.Is(err, registry.ErrNotFound) {
		return nil // the registry names the missing reference
	} else if err != nil {
		return asError(err)
	}
	f.Scenario = registry.Versioned[registry.Scenario]{Name: spec.Scenario, Spec: scenario}
	f.Grants = []registry.GrantFacts{{Versioned: registry.Versioned[registry.Grant]{Name: doc.Name, Spec: spec}}}
	f.Datasets = []registry.DatasetFacts{{Versioned: registry.Versioned[registry.Dataset]{Name: spec.Dataset, Spec: data}}}
	in := e.policyFacts(policy.ActionApply, f)
	in.Operator, in.License, in.Consent, in.Runtime = nil, nil, nil, hostFacts()
	in.Grants[0].Regulator, in.Grants[0].Provider = nil, nil // the registry verifies who signed, and when
	in.Change = &policy.Change{Kind: registry.KindGrant, Entity: doc.Name, By: []policy.Signer{}}
	return e.heldAgainst(ctx, in, ofTheGrant)
}

// mayPursue asks policy whether the purpose of a scenario is one that the zone's pack
// publishes. Every question in the scenario is asked the same again.
func (e *Engine) mayPursue(ctx context.Context, by string, doc registry.Document, batch []registry.Document) error {
	spec, err := registry.SpecOf[registry.Scenario](doc)
	if err != nil {
		return err
	}
	look := lookup{e, batch}
	license, err1 := find[registry.License](ctx, look, registry.KindLicense, spec.License)
	f, err2 := applying(ctx, look, by, license.Zone)
	if err := errors.Join(err1, err2); errors.Is(err, registry.ErrNotFound) {
		return nil // the registry names the missing reference
	} else if err != nil {
		return asError(err)
	}
	f.Scenario = registry.Versioned[registry.Scenario]{Name: doc.Name, Spec: spec}
	in := e.policyFacts(policy.ActionApply, f)
	in.Operator, in.License, in.Consent, in.Datasets, in.Columns, in.Runtime = nil, nil, nil, nil, nil, hostFacts()
	in.Change = &policy.Change{Kind: registry.KindScenario, Entity: doc.Name, By: []policy.Signer{}}
	return e.heldAgainst(ctx, in, ofTheScenario)
}

// mayBegin refuses a scenario, grant, partner or template that gives more than the one
// before, under a license without a recorded basis whose pack has ended: what runs goes
// on as it is (NJ24-24).
func (e *Engine) mayBegin(ctx context.Context, doc registry.Document, batch []registry.Document) error {
	look := lookup{e, batch}
	l, err := licenseUnder(ctx, look, doc)
	if errors.Is(err, registry.ErrNotFound) || err == nil && l == nil {
		return nil // the registry names the missing reference
	}
	if err != nil {
		return asError(err)
	}
	z, err := find[registry.Zone](ctx, look, registry.KindZone, l.Zone)
	if errors.Is(err, registry.ErrNotFound) {
		return nil
	}
	if err != nil {
		return asError(err)
	}
	why := e.policy().Begin(z.Pack, e.cfg.Now(), l.RenewedBasis)
	if len(why) == 0 {
		return nil
	}
	before, _, err := e.registry.Get(ctx, doc.Kind, doc.Name)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return asError(err)
	}
	changes, err := registry.Diff(before, doc)
	if err != nil {
		return asError(err)
	}
	if slices.ContainsFunc(changes, func(c registry.Change) bool { return c.Effect == registry.Loosens }) {
		return denied(details(why))
	}
	return nil
}

// licenseUnder returns the license that a document stands on, nil of a kind that stands
// on none.
func licenseUnder(ctx context.Context, look lookup, doc registry.Document) (*registry.License, error) {
	var name, scenario string
	var err error
	switch doc.Kind {
	case registry.KindScenario:
		var s registry.Scenario
		s, err = registry.SpecOf[registry.Scenario](doc)
		name = s.License
	case registry.KindPartner:
		var p registry.Partner
		p, err = registry.SpecOf[registry.Partner](doc)
		name = p.License
	case registry.KindGrant:
		var g registry.Grant
		g, err = registry.SpecOf[registry.Grant](doc)
		scenario = g.Scenario
	case registry.KindTemplate:
		var t registry.Template
		t, err = registry.SpecOf[registry.Template](doc)
		scenario = t.Scenario
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if scenario != "" {
		s, err := find[registry.Scenario](ctx, look, registry.KindScenario, scenario)
		if err != nil {
			return nil, err
		}
		name = s.License
	}
	l, err := find[registry.License](ctx, look, registry.KindLicense, name)
	return &l, err
}

// signersKept returns who signed what a license says, where doc changes nothing but its
// status: whoever takes it up again need not have the operator sign it anew (NJ24-12).
// The registry demands the signatures of those who do.
func (e *Engine) signersKept(ctx context.Context, doc registry.Document) ([]registry.Signer, error) {
	now, _, err := e.registry.Get(ctx, registry.KindLicense, doc.Name)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	content := func(d registry.Document) ([]byte, error) {
		var spec map[string]json.RawMessage
		if err := json.Unmarshal(d.Spec, &spec); err != nil {
			return nil, err
		}
		delete(spec, "status")
		delete(spec, "status_reason")
		text, err := json.Marshal(spec)
		return registry.Document{Kind: d.Kind, Name: d.Name, Spec: text}.Payload(), err
	}
	was, err1 := content(now)
	is, err2 := content(doc)
	if err := errors.Join(err1, err2); err != nil || !bytes.Equal(was, is) {
		return nil, err
	}
	return e.registry.LicenseSigners(ctx, doc.Name)
}

// lookup finds documents in a batch about to be applied, else in the registry.
type lookup struct {
	engine *Engine
	batch  []registry.Document
}

func find[T any](ctx context.Context, l lookup, kind, name string) (T, error) {
	if i := slices.IndexFunc(l.batch, func(d registry.Document) bool { return d.Kind == kind && d.Name == name }); i >= 0 {
		return registry.SpecOf[T](l.batch[i])
	}
	var zero T
	doc, _, err := l.engine.registry.Get(ctx, kind, name)
	if err != nil {
		return zero, err
	}
	return registry.SpecOf[T](doc)
}
