package registry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

const personDisabled = "disabled"

// endAccounts disables the people of every operator whom a license of applied leaves
// without one that is live, and of the partners that work under it alone, in the act
// that ended the license (YC22-40): from then on no signature of theirs counts. Only
// a new version of the person, by the city authority, takes anybody up again.
func (tx *Tx) endAccounts(by string, applied []Applied) ([]Applied, error) {
	var out []Applied
	var done []string
	for _, a := range applied {
		if a.Kind != KindLicense || !a.Changed {
			continue
		}
		l, err := load[License](tx.ctx, tx.r, tx.sql, KindLicense, a.Name)
		if err != nil {
			return nil, err
		}
		if !l.Spec.Ended() || slices.Contains(done, l.Spec.Operator) {
			continue
		}
		done = append(done, l.Spec.Operator)
		ended, err := tx.endOperator(by, l)
		if err != nil {
			return nil, err
		}
		out = append(out, ended...)
	}
	return out, nil
}

// endOperator disables the people of the operator of l, unless another of its
// licenses is live.
func (tx *Tx) endOperator(by string, l Versioned[License]) ([]Applied, error) {
	live, err := tx.licensed(l.Spec.Operator)
	if live || err != nil {
		return nil, err
	}
	people, err := tx.r.documents(tx.ctx, tx.sql, `WHERE kind = ? AND parent = ? AND `+newest+` ORDER BY name`, KindPerson, l.Spec.Operator)
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
		a, err := tx.restate(by, l.Spec.Zone, s, map[string]string{"status": personDisabled})
		if err != nil {
			return nil, err
		}
		err = tx.Emit(Event{Kind: "account.ended", Actor: by, Zone: l.Spec.Zone, Fields: map[string]string{
			"person": a.Name, "version": strconv.FormatInt(a.Version, 10), "org": p.Organization, "license": l.Name}})
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// licensed reports whether an operator has a license that has not ended.
func (tx *Tx) licensed(operator string) (bool, error) {
	all, err := tx.r.documents(tx.ctx, tx.sql, `WHERE kind = ? AND `+newest, KindLicense)
	if err != nil {
		return false, err
	}
	for _, s := range all {
		l, err := SpecOf[License](s.Document)
		if err != nil {
			return false, err
		}
		if l.Operator == operator && !l.Ended() {
			return true, nil
		}
	}
	return false, nil
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
