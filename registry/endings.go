package registry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

const personDisabled = "disabled"

// endAccounts ends what dies with the licenses and partners of applied that are over,
// in the act that ended them (YC22-40): the partners under a license, and the accounts
// of the operator and of those partners, unless something else that is live keeps
// them. From then on no signature of theirs counts. Only a new version of the person,
// by the city authority, takes anybody up again.
func (tx *Tx) endAccounts(by string, applied []Applied) ([]Applied, error) {
	var out []Applied
	for _, a := range applied {
		if !a.Changed {
			continue
		}
		var ended []Applied
		var err error
		switch a.Kind {
		case KindLicense:
			ended, err = tx.endLicense(by, a.Name)
		case KindPartner:
			ended, err = tx.endPartner(by, a.Name)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, ended...)
	}
	return out, nil
}

// endLicense ends what dies with a license, if that is over.
func (tx *Tx) endLicense(by, name string) ([]Applied, error) {
	l, err := load[License](tx.ctx, tx.r, tx.sql, KindLicense, name)
	if err != nil || !l.Spec.Ended() {
		return nil, err
	}
	partners, err := tx.r.partners(tx.ctx, tx.sql, name)
	if err != nil {
		return nil, err
	}
	var out []Applied
	orgs := []string{l.Spec.Operator}
	for _, p := range partners {
		if !slices.Contains(orgs, p.Spec.Organization) {
			orgs = append(orgs, p.Spec.Organization)
		}
		if p.Spec.Ended() {
			continue
		}
		a, err := tx.closePartner(by, p, l.Spec.Zone, StatusTerminated, "协议 "+name+" 已终止或期满")
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	for _, org := range orgs {
		ended, err := tx.endPeople(by, org, name, l.Spec.Zone)
		if err != nil {
			return nil, err
		}
		out = append(out, ended...)
	}
	return out, nil
}

// endPartner ends the accounts that die with a partner, if that is over.
func (tx *Tx) endPartner(by, name string) ([]Applied, error) {
	p, err := load[Partner](tx.ctx, tx.r, tx.sql, KindPartner, name)
	if err != nil || !p.Spec.Ended() {
		return nil, err
	}
	l, err := load[License](tx.ctx, tx.r, tx.sql, KindLicense, p.Spec.License)
	if err != nil {
		return nil, err
	}
	return tx.endPeople(by, p.Spec.Organization, p.Spec.License, l.Spec.Zone)
}

// closePartner ends a partner by the law's word, with its event.
func (tx *Tx) closePartner(by string, p Versioned[Partner], zone, status, reason string) (Applied, error) {
	s, err := tx.r.get(tx.ctx, tx.sql, KindPartner, p.Name)
	if err != nil {
		return Applied{}, err
	}
	a, err := tx.restate(by, zone, s, map[string]string{"status": status, "status_reason": reason})
	if err != nil {
		return Applied{}, err
	}
	return a, tx.Emit(Event{Kind: "partner.ended", Actor: by, Zone: zone, Fields: map[string]string{
		"partner": p.Name, "version": strconv.FormatInt(a.Version, 10), "org": p.Spec.Organization, "license": p.Spec.License}})
}

// endPeople disables the operator people of an organization, unless something that is
// live keeps them.
func (tx *Tx) endPeople(by, org, license, zone string) ([]Applied, error) {
	live, err := tx.r.works(tx.ctx, tx.sql, org)
	if live || err != nil {
		return nil, err
	}
	people, err := tx.r.documents(tx.ctx, tx.sql, `WHERE kind = ? AND parent = ? AND `+newest+` ORDER BY name`, KindPerson, org)
	if err != nil {
		return nil, err
	}
	var out []Applied
	for _, s := range people {
		p, err := SpecOf[Person](s.Document)
		if err != nil {
			return nil, err
		}
		if p.Status != personActive || !slices.Contains(p.Roles, RoleOperator) {
			continue
		}
		a, err := tx.restate(by, zone, s, map[string]string{"status": personDisabled})
		if err != nil {
			return nil, err
		}
		err = tx.Emit(Event{Kind: "account.ended", Actor: by, Zone: zone, Fields: map[string]string{
			"person": a.Name, "version": strconv.FormatInt(a.Version, 10), "org": p.Organization, "license": license}})
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// ExpireLicense ends a license past its last day, and the accounts that die with it,
// in the name of by. It returns nothing for a license that has ended before. That the
// day has passed is for the caller to know, who knows the clock of the zone's pack.
func (tx *Tx) ExpireLicense(by, name string) ([]Applied, error) {
	s, err := tx.r.get(tx.ctx, tx.sql, KindLicense, name)
	if err != nil {
		return nil, err
	}
	l, err := SpecOf[License](s.Document)
	if err != nil || l.Ended() {
		return nil, err
	}
	a, err := tx.restate(by, l.Zone, s, map[string]string{"status": StatusExpired, "status_reason": "期满 " + l.End})
	if err != nil {
		return nil, err
	}
	err = tx.Emit(Event{Kind: "license.expired", Actor: by, Zone: l.Zone, Fields: map[string]string{
		"license": name, "version": strconv.FormatInt(a.Version, 10), "org": l.Operator, "end": l.End}})
	if err != nil {
		return nil, err
	}
	ended, err := tx.endAccounts(by, []Applied{a})
	return append([]Applied{a}, ended...), err
}

// ExpirePartner ends a partner past its last day, and the accounts that die with it, in
// the name of by. It returns nothing for one that has ended before.
func (tx *Tx) ExpirePartner(by, name string) ([]Applied, error) {
	p, err := load[Partner](tx.ctx, tx.r, tx.sql, KindPartner, name)
	if err != nil || p.Spec.Ended() {
		return nil, err
	}
	l, err := load[License](tx.ctx, tx.r, tx.sql, KindLicense, p.Spec.License)
	if err != nil {
		return nil, err
	}
	a, err := tx.closePartner(by, p, l.Spec.Zone, StatusExpired, "期满 "+p.Spec.Until)
	if err != nil {
		return nil, err
	}
	ended, err := tx.endAccounts(by, []Applied{a})
	return append([]Applied{a}, ended...), err
}

// restate puts a version into force that says of the given fields what the law says
// and of all else what stood before, with the signatures that were verified then.
func (tx *Tx) restate(by, zone string, s stored, fields map[string]string) (Applied, error) {
	var spec map[string]json.RawMessage
	if err := json.Unmarshal(s.Spec, &spec); err != nil {
		return Applied{}, fmt.Errorf("registry: decode %s %s: %w", s.Kind, s.Name, ErrCorrupt)
	}
	for field, value := range fields {
		text, err := json.Marshal(value)
		if err != nil {
			return Applied{}, fmt.Errorf("registry: encode %s %s: %w", s.Kind, s.Name, err)
		}
		spec[field] = text
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return Applied{}, fmt.Errorf("registry: encode %s %s: %w", s.Kind, s.Name, err)
	}
	if err := tx.BumpEpoch(); err != nil {
		return Applied{}, err
	}
	next := stored{Document: Document{Kind: s.Kind, Name: s.Name, Spec: text}, Signers: s.Signers,
		Meta: Meta{Kind: s.Kind, Name: s.Name, Parent: s.Meta.Parent, Version: s.Meta.Version + 1, By: by}}
	if err := tx.put(next); err != nil {
		return Applied{}, err
	}
	a := Applied{Kind: s.Kind, Name: s.Name, Version: next.Meta.Version, Changed: true}
	return a, tx.Emit(Event{Kind: "apply", Actor: by, Zone: zone, Fields: map[string]string{
		"kind": a.Kind, "name": a.Name, "version": strconv.FormatInt(a.Version, 10), "epoch": strconv.FormatInt(tx.epoch, 10)}})
}
