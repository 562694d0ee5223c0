package query

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"zonebox/policy"
	"zonebox/registry"
)

// enter reads the facts of the load, in the name of the person who loads.
func (l *loading) enter() error {
	e, m := l.engine, l.manifest
	if !l.subject.any(registry.RoleDataCentre) {
		return fail("ROLE_REQUIRED", nil)
	}
	var err error
	l.grant, err = find[registry.Grant](l.ctx, lookup{e, nil}, registry.KindGrant, m.Grant)
	if errors.Is(err, registry.ErrNotFound) {
		return refused("清单所写的授权不存在", "the manifest names no approved grant", "NJ24-15")
	}
	if err != nil {
		return err
	}
	l.facts, err = e.registry.Enter(l.ctx, registry.Query{User: l.subject.user, Zone: m.Zone, Scenario: l.grant.Scenario})
	if errors.Is(err, registry.ErrNotFound) {
		return refused("清单所写的专区不存在", "the manifest names no zone", "NJ24-15")
	}
	if errors.Is(err, registry.ErrInactive) {
		return fail("AUTH_FAILED", err)
	}
	if err != nil {
		return err
	}
	i := slices.IndexFunc(l.facts.Datasets, func(d registry.DatasetFacts) bool { return d.Name == m.Dataset && d.Spec.Zone == m.Zone })
	if i < 0 || l.grant.Dataset != m.Dataset {
		return refused("清单所写的数据集不在该专区目录或该授权之内", "the manifest's dataset is not in that zone's catalogue or that grant", "NJ24-15")
	}
	l.dataset = l.facts.Datasets[i]
	l.signed, err = l.signature()
	return err
}

// clockSkew is how far ahead of the gate's a signer's clock may be.
const clockSkew = 5 * time.Minute

// signature returns whose signature the manifest bears, and whether it is that
// person's; nil if it bears none.
func (l *loading) signature() (*policy.DeliverySignature, error) {
	s := l.manifest.Signature
	if s == nil {
		return nil, nil
	}
	out := &policy.DeliverySignature{By: cmp.Or(clip(s.By), "?"), Roles: []string{}}
	p, err := find[registry.Person](l.ctx, lookup{l.engine, nil}, registry.KindPerson, s.By)
	if errors.Is(err, registry.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339Nano, s.At)
	out.Org, out.Roles = p.Organization, p.Roles
	out.Valid = err == nil && p.Status == "active" && s.Key == p.SigningKey && !at.After(l.engine.cfg.Now().Add(clockSkew)) &&
		l.manifest.document().Verify(*s)
	return out, nil
}

// contract checks that the manifest is whole and asks for what a gate can do.
// Whether it may be loaded is for policy.
func (l *loading) contract() error {
	m := l.manifest
	if m.Source != "" {
		if _, err := l.source(); err != nil {
			return err
		}
	}
	if err := l.fits(); err != nil {
		return err
	}
	if err := l.newer(); err != nil {
		return err
	}
	if zh, en := m.readable(); en != "" {
		return refused(zh, en, "NJ19-03")
	}
	switch _, dated := m.day(); {
	case m.Rows < 0 || m.Source == "" && !isDigest(m.SHA256):
		return refused("清单缺少行数或 SHA-256", "the manifest lacks rows or SHA-256", "NJ24-15")
	case !isDigest(m.SchemaSHA256):
		return refused("清单缺少 schema_sha256(目录条目的结构摘要)", "the manifest lacks schema_sha256, the digest of the entry's columns", "NJ24-15")
	case !dated:
		return refused("清单缺少获取日期(acquired,如 2006-01-02)", "the manifest lacks the date of acquisition (acquired, as 2006-01-02)", "NJ24-15")
	}
	return nil
}

// newer refuses a full delivery that another of its day has taken the place of: by
// loading it again one person would do what a rollback takes two for. Policy refuses
// those of an earlier day. Under another entry it is read anew, and it is one to the
// next day's manifest.
func (l *loading) newer() error {
	m, now := l.manifest, l.dataset.Data
	if l.increment() || m.SHA256 == "" || now == nil || now.Lineage.Delivery == m.SHA256 {
		return nil
	}
	all, err := l.engine.registry.DataVersions(l.ctx, m.Zone, m.Dataset)
	if err != nil {
		return err
	}
	for _, v := range all {
		replaced := v.State == registry.DataKept || v.State == registry.DataRetired
		if replaced && v.Lineage.Delivery == m.SHA256 && v.Lineage.Acquired == m.Acquired && v.Lineage.Mode == "" && v.Catalogue == l.dataset.Version {
			return refused("该文件已装载过,并已被同日的另一次交付取代;确需恢复旧版本的,用 zone rollback",
				"this file was loaded before and another delivery of its day took its place; an earlier version comes back by zone rollback", "NJ24-20")
		}
	}
	return nil
}

func refused(zh, en, article string) *Error {
	e := fail("LOAD_REFUSED", nil).because(zh, en)
	e.Articles = []string{article}
	return e
}

// decide asks policy whether the delivery may enter, found being what is known
// of the file.
func (l *loading) decide(found policy.Receipt) error {
	e, m := l.engine, l.manifest
	in := e.policyFacts(policy.ActionLoad, about(l.facts, map[string]bool{m.Dataset: true}))
	in.Operator, in.License, in.Consent = nil, nil, nil
	in.Grants = slices.DeleteFunc(in.Grants, func(g policy.Grant) bool { return g.ID != m.Grant })
	stated := l.stated()
	// What looks alike warns and refuses nothing: no column is named to policy.
	in.Load = &policy.Load{Dataset: m.Dataset, Lookalike: []string{}, Unlisted: []string{}, Manifest: &stated, Found: &found,
		Acquired: m.Acquired, Signature: l.signed, Repeats: list(l.repeats)}
	enterFacts(in.Load, l.facts.Zone.Spec, l.grant, l.dataset)
	in.Runtime = runtimeFacts(l.worker.Attestation())
	in.Now = e.cfg.Now()
	d, err := e.policy().Decide(l.ctx, in)
	if err != nil {
		e.log.ErrorContext(l.ctx, "policy failed", "decision_id", d.ID, "cause", err)
	}
	l.ruled = &ruled{in, d}
	l.told = slices.DeleteFunc(d.Warnings, func(r policy.Reason) bool { // the others are of a license, which no delivery has
		return !strings.HasPrefix(r.Code, "LOAD_") && !strings.HasPrefix(r.Code, "DATASET_")
	})
	if d.Verdict != policy.Allow {
		why := details(d.Reasons)
		for i, r := range why {
			if !strings.HasPrefix(r.Code, "LOAD_") { // its hint is for who asks, not for who delivers
				why[i].HintZH, why[i].HintEN = codes["LOAD_REFUSED"].hintZH, codes["LOAD_REFUSED"].hintEN
			}
		}
		return denied(why)
	}
	return nil
}

// enterFacts fills in what the registry says of a delivery into an entry under a grant.
func enterFacts(l *policy.Load, z registry.Zone, g registry.Grant, d registry.DatasetFacts) {
	required := z.SignedDeliveries || g.SignedDeliveries
	l.SignatureRequired, l.Frequency, l.Standing, l.Unlabelled = &required, d.Spec.Source.UpdateFrequency, "", []string{}
	if d.Data != nil {
		l.Standing = d.Data.Lineage.Acquired
	}
	for _, c := range d.Spec.Columns {
		if c.Level == 0 {
			l.Unlabelled = append(l.Unlabelled, d.Name+"."+c.Name)
		}
	}
}
