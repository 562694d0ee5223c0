package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zonebox/keys"
	"zonebox/registry"
)

// ShredOrder says what is to be destroyed for good: a column of a dataset, a
// version, a dataset, everything of a zone, or the workspace of an operator.
type ShredOrder struct {
	Kind         string `json:"kind"` // column, version, dataset, zone or workspace
	Zone         string `json:"zone,omitempty"`
	Dataset      string `json:"dataset,omitempty"`
	Version      string `json:"version,omitempty"`
	Column       string `json:"column,omitempty"`
	Organization string `json:"organization,omitempty"`
	Reason       string `json:"reason"`
}

// ShredView is an order and what became of it.
type ShredView struct {
	ID    string `json:"id"`
	State string `json:"state"`
	ShredOrder
	OrderedBy   string     `json:"ordered_by"`
	OrderedAt   time.Time  `json:"ordered_at"`
	ConfirmedBy string     `json:"confirmed_by,omitempty"`
	ConfirmedAt *time.Time `json:"confirmed_at,omitempty"`
	// Certificate proves what was destroyed, once it is.
	Certificate *Certificate `json:"certificate,omitempty"`
}

// orderTerm is how long an order waits for the second person.
const orderTerm = 7 * 24 * time.Hour

// OrderShred orders a destruction, which another person confirms. Nothing is
// destroyed by it. It takes the permission to destroy.
func (e *Engine) OrderShred(ctx context.Context, s Subject, o ShredOrder) (*ShredView, error) {
	sh, err := e.newShred(ctx, s, o)
	if err != nil {
		return nil, err
	}
	if err := e.update(ctx, func(tx *registry.Tx) error { return placeShred(tx, &sh) }); err != nil {
		return nil, asError(err)
	}
	return e.shredView(sh)
}

// newShred returns the order of a person who may give it, for what may be shredded.
func (e *Engine) newShred(ctx context.Context, s Subject, o ShredOrder) (registry.Shred, error) {
	if !e.mayOrderShred(ctx, s, o.Zone) {
		return registry.Shred{}, fail("ROLE_REQUIRED", nil)
	}
	if err := e.permitted(ctx, s, registry.PermissionDestroy, "shred order"); err != nil {
		return registry.Shred{}, err
	}
	sh := registry.Shred{ID: newID("shred", e.cfg.Now()), State: registry.ShredOrdered, Kind: o.Kind, Zone: o.Zone, Dataset: o.Dataset,
		Version: o.Version, Column: o.Column, Organization: o.Organization, Reason: o.Reason,
		OrderedBy: s.user, OrderedOrg: s.organization, Space: o.Zone}
	if o.Kind == registry.ShredWorkspace {
		sh.Space = keys.Workspace(o.Organization)
	}
	return sh, e.shreddable(ctx, sh)
}

// placeShred stores a new order.
func placeShred(tx *registry.Tx, sh *registry.Shred) error {
	sh.OrderedAt = tx.Now()
	if err := tx.PutShred(*sh); err != nil {
		return err
	}
	return tx.Emit(shredEvent(*sh, "shred.ordered", sh.OrderedBy, sh.OrderedOrg))
}

// whole checks that an order names what its kind takes, and nothing else.
func (o ShredOrder) whole() error {
	has := func(zone, dataset, version, column, organization bool) bool {
		return (o.Zone != "") == zone && (o.Dataset != "") == dataset && (o.Version != "") == version &&
			(o.Column != "") == column && (o.Organization != "") == organization
	}
	ok := false
	switch o.Kind {
	case registry.ShredColumn:
		ok = has(true, true, false, true, false)
	case registry.ShredVersion:
		ok = has(true, true, true, false, false)
	case registry.ShredDataset:
		ok = has(true, true, false, false, false)
	case registry.ShredZone:
		ok = has(true, false, false, false, false)
	case registry.ShredWorkspace:
		ok = has(false, false, false, false, true)
	}
	if !ok || strings.TrimSpace(o.Reason) == "" || len(o.Reason) > 1000 {
		return fail("BAD_REQUEST", nil).because("须写明销毁对象与理由:column、version、dataset、zone 或 workspace", "what is to be destroyed and why: a column, version, dataset, zone or workspace")
	}
	return nil
}

// shreddable checks that what is to be shredded exists and may be now.
func (e *Engine) shreddable(ctx context.Context, sh registry.Shred) error {
	if err := orderOf(sh).whole(); err != nil {
		return err
	}
	switch sh.Kind {
	case registry.ShredWorkspace:
		return e.workspaceEnded(ctx, sh.Organization)
	case registry.ShredZone:
		_, err := e.zoneOf(ctx, sh.Zone)
		return err
	}
	versions, err := e.storedOf(ctx, sh.Zone)
	if err != nil {
		return asError(err)
	}
	for _, v := range versions {
		if v.Dataset != sh.Dataset || sh.Version != "" && v.Version != sh.Version {
			continue
		}
		if sh.Kind == registry.ShredVersion {
			return e.standsAlone(ctx, v)
		}
		if sh.Kind != registry.ShredColumn {
			return nil
		}
		stats, err := e.store.Columns(v.Zone, v.Dataset, v.Version, v.Manifest)
		if err != nil {
			return e.storeError(err)
		}
		for _, name := range stats {
			if name == sh.Column {
				return nil
			}
		}
	}
	return fail("NOT_FOUND", nil).because("没有可销毁的此项数据", "there is nothing of that name to be shredded")
}

// standsAlone refuses to shred a version whose rows a later one that is kept has
// taken over: they would be readable still.
func (e *Engine) standsAlone(ctx context.Context, v registry.DataVersion) error {
	all, err := e.registry.DataVersions(ctx, v.Zone, v.Dataset)
	if err != nil {
		return asError(err)
	}
	has := map[string]bool{v.Version: true} // rows of v, loaded in this order
	for _, o := range all {
		if o.Lineage.Base == "" || !has[o.Lineage.Base] {
			continue
		}
		has[o.Version] = true
		if o.State != registry.DataRetired && o.State != registry.DataShredded {
			return fail("KEY_IN_USE", nil).because("增量版本 "+o.Version+" 含有该版本的行,请先销毁它,或销毁整个数据集",
				"version "+o.Version+" has taken over its rows: shred that first, or the dataset")
		}
	}
	return nil
}

// storedOf returns the versions of a zone's data that are kept.
func (e *Engine) storedOf(ctx context.Context, zone string) ([]registry.DataVersion, error) {
	all, err := e.registry.StoredVersions(ctx)
	var out []registry.DataVersion
	for _, v := range all {
		if v.Zone == zone {
			out = append(out, v)
		}
	}
	return out, err
}

// workspaceEnded refuses to destroy the workspace of an operator that still has a
// license or a statement under way.
func (e *Engine) workspaceEnded(ctx context.Context, organization string) error {
	doc, _, err := e.registry.Get(ctx, registry.KindOrganization, organization)
	if errors.Is(err, registry.ErrNotFound) {
		return fail("NOT_FOUND", err)
	}
	if err != nil {
		return asError(err)
	}
	if o, err := registry.SpecOf[registry.Organization](doc); err != nil || o.Kind != registry.RoleOperator {
		return fail("NOT_FOUND", err).because("该单位不是运营单位", "it is no operator")
	}
	err = e.each(ctx, registry.KindLicense, func(doc registry.Document) error {
		l, err := registry.SpecOf[registry.License](doc)
		if err == nil && l.Operator == organization && !l.Ended() {
			return fail("KEY_IN_USE", nil).because("协议 "+doc.Name+" 未终止", "license "+doc.Name+" is not terminated")
		}
		return err
	})
	if err != nil {
		return asError(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.runs {
		if !r.known && r.request.Subject.organization == organization || r.known && r.facts.License.Spec.Operator == organization {
			return fail("KEY_IN_USE", nil).because("该单位仍有语句在执行", "statements of the operator are under way")
		}
	}
	return nil
}

// ConfirmShred carries out what another person ordered, by the word of the city
// authority or of the zone's regulator. Once the confirmation is durable it is
// carried out whatever interrupts it: by the next call, or when the domain is
// opened next.
func (e *Engine) ConfirmShred(ctx context.Context, s Subject, id string) (*ShredView, error) {
	if !s.any(registry.RoleCityAuthority, registry.RoleZoneRegulator) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	sh, err := e.registry.Shred(ctx, id)
	if errors.Is(err, registry.ErrNotFound) || err == nil && !e.competent(ctx, s, sh.Zone) {
		return nil, fail("NOT_FOUND", err)
	}
	if err != nil {
		return nil, asError(err)
	}
	if err := e.mayConfirm(ctx, s, sh); err != nil {
		return nil, err
	}
	if !e.sealing.TryLock() {
		return nil, fail("KEY_IN_USE", nil).because("正在装载、备份或销毁,请稍后重试", "a load, a backup or another destruction is under way; try again later")
	}
	defer e.sealing.Unlock()
	if sh.State == registry.ShredOrdered {
		if sh, err = e.confirm(ctx, s, sh); err != nil {
			return nil, err
		}
	}
	if sh, err = e.carryOut(context.WithoutCancel(ctx), sh); err != nil {
		return nil, asError(err)
	}
	return e.shredView(sh)
}

func (e *Engine) mayConfirm(ctx context.Context, s Subject, sh registry.Shred) error {
	if err := e.permitted(ctx, s, registry.PermissionDestroy, "shred confirm"); err != nil {
		return err
	}
	switch {
	case sh.State != registry.ShredOrdered: // it is carried out to its end by whoever repeats it
		return nil
	case s.user == sh.OrderedBy:
		return fail("KEY_IN_USE", nil).because("申请与确认须为不同人员", "who ordered it does not confirm it")
	case e.cfg.Now().Sub(sh.OrderedAt) > orderTerm:
		return fail("KEY_IN_USE", nil).because("申请已超过七日,请重新提出", "the order is older than seven days; give it again")
	}
	if err := e.ordererStands(ctx, sh); err != nil {
		return err
	}
	if err := e.shreddable(ctx, sh); err != nil {
		return err
	}
	if sh.Kind == registry.ShredZone {
		zone, err := e.zoneOf(ctx, sh.Zone)
		if err != nil {
			return err
		}
		return e.mayDestroyZone(ctx, s, zone)
	}
	return nil
}

// ordererStands refuses the order of a person who might not give it today.
func (e *Engine) ordererStands(ctx context.Context, sh registry.Shred) error {
	p, err := e.registry.Person(ctx, sh.OrderedBy)
	gone := errors.Is(err, registry.ErrInactive) || errors.Is(err, registry.ErrNotFound)
	if err != nil && !gone {
		return asError(err)
	}
	if gone || !p.Permits(registry.PermissionDestroy) || !e.mayOrderShred(ctx, Subject{roles: p.Roles, organization: p.Organization}, sh.Zone) {
		return fail("KEY_IN_USE", nil).because("申请人员已无此权限,请重新提出", "who ordered it may not any more; give the order again")
	}
	return nil
}

// mayOrderShred reports whether s may order that something of a zone is destroyed:
// the data centre and the security officer of every zone and workspace, and whoever
// is competent for the zone (NJ24-06).
func (e *Engine) mayOrderShred(ctx context.Context, s Subject, zone string) bool {
	return s.any(registry.RoleDataCentre, registry.RoleSecurity) || e.competent(ctx, s, zone)
}

// confirm makes the order one that will be carried out.
func (e *Engine) confirm(ctx context.Context, s Subject, sh registry.Shred) (registry.Shred, error) {
	if err := e.survivorsOpen(ctx, sh); err != nil {
		return sh, err
	}
	standings, err := e.keys.Standings()
	if err != nil {
		return sh, asError(err)
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		now, err := tx.Shred(sh.ID)
		if err != nil {
			return err
		}
		if now.State != registry.ShredOrdered { // two people at once
			return fail("KEY_IN_USE", nil).because("已由他人确认", "another person has confirmed it")
		}
		sh.State, sh.ConfirmedBy, sh.ConfirmedOrg, sh.ConfirmedAt = registry.ShredConfirmed, s.user, s.organization, tx.Now()
		sh.Keys = standings[sh.Space].Live
		if err := tx.PutShred(sh); err != nil {
			return err
		}
		return tx.Emit(shredEvent(sh, "shred.confirmed", s.user, s.organization))
	})
	if err != nil {
		return sh, asError(err)
	}
	return sh, nil
}

// survivorsOpen refuses a shred that would come to no end, since the manifest of a
// version that it leaves cannot be read and so not be wrapped anew.
func (e *Engine) survivorsOpen(ctx context.Context, sh registry.Shred) error {
	versions, err := e.storedOf(ctx, sh.Zone)
	if err != nil {
		return asError(err)
	}
	for _, v := range versions {
		if takes(sh, v) {
			continue
		}
		if _, err := e.store.WrappedKeys(v.Zone, v.Dataset, v.Version, v.Manifest); err != nil {
			return e.storeError(err)
		}
	}
	return nil
}

// Shreds lists the orders: to a regulator those of its zones, to the others who give
// them and those who supervise every one.
func (e *Engine) Shreds(ctx context.Context, s Subject) ([]ShredView, error) {
	if !s.any(registry.RoleDataCentre, registry.RoleSecurity, registry.RoleCityAuthority, registry.RoleZoneRegulator, registry.RoleAuditor) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	all, err := e.registry.Shreds(ctx)
	if err != nil {
		return nil, asError(err)
	}
	out := []ShredView{}
	for _, sh := range all {
		if !s.any(registry.RoleAuditor) && !e.mayOrderShred(ctx, s, sh.Zone) {
			continue
		}
		v, err := e.shredView(sh)
		if err != nil {
			return nil, err
		}
		out = append(out, *v)
	}
	return out, nil
}

func orderOf(sh registry.Shred) ShredOrder {
	return ShredOrder{Kind: sh.Kind, Zone: sh.Zone, Dataset: sh.Dataset, Version: sh.Version, Column: sh.Column, Organization: sh.Organization, Reason: sh.Reason}
}

func (e *Engine) shredView(sh registry.Shred) (*ShredView, error) {
	v := &ShredView{ID: sh.ID, State: sh.State, ShredOrder: orderOf(sh), OrderedBy: sh.OrderedBy, OrderedAt: sh.OrderedAt, ConfirmedBy: sh.ConfirmedBy}
	if !sh.ConfirmedAt.IsZero() {
		v.ConfirmedAt = &sh.ConfirmedAt
	}
	if sh.State == registry.ShredDone {
		var err error
		if v.Certificate, err = e.certify(sh); err != nil {
			return nil, asError(err)
		}
	}
	return v, nil
}

// shredEvent is the log entry of a step. Its id is of the order and the step, so
// that repeating it is one entry.
func shredEvent(sh registry.Shred, kind, actor, org string) registry.Event {
	f := map[string]string{"shred": sh.ID, "what": sh.Kind, "org": org}
	for name, v := range map[string]string{"dataset": sh.Dataset, "version": sh.Version, "column": sh.Column, "organization": sh.Organization} {
		if v != "" {
			f[name] = v
		}
	}
	if len(sh.Keys) > 0 {
		f["keys"] = strings.Trim(fmt.Sprint(sh.Keys), "[]")
	}
	return registry.Event{ID: sh.ID + "-" + strings.TrimPrefix(kind, "shred."), Kind: kind, Actor: actor, Zone: sh.Zone, Fields: f}
}
