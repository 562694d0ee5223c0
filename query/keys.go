package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zonebox/keys"
	"zonebox/registry"
	"zonebox/sandbox"
)

// KeyReport is the inventory of a domain's keys: what an assessment of
// cryptography (密评) asks for, and nothing secret.
type KeyReport struct {
	At       time.Time   `json:"at"`
	Provider KeyProvider `json:"provider"`
	Keys     []KeyView   `json:"keys"`
}

// KeyProvider says what wraps the keys of a domain. Certificate is the number of
// its commercial cryptography product certificate, empty if it has none.
type KeyProvider struct {
	Kind        string `json:"kind"`
	Place       string `json:"place"`
	Algorithm   string `json:"algorithm"`
	Certificate string `json:"certificate"`
}

// KeyView is one key, or several alike. Days is its age, or how old it became.
type KeyView struct {
	Purpose     string     `json:"purpose"`
	Zone        string     `json:"zone,omitempty"`
	Version     int        `json:"version"`
	State       string     `json:"state"`
	Algorithm   string     `json:"algorithm"`
	Created     time.Time  `json:"created"`
	Destroyed   *time.Time `json:"destroyed,omitempty"`
	Days        int        `json:"age_days"`
	KeptBy      string     `json:"kept_by"`    // kind of the provider
	WrappedBy   string     `json:"wrapped_by"` // "provider", or "root", which the provider wraps
	Count       int        `json:"count"`
	Module      string     `json:"module"` // that computes with it
	Certified   bool       `json:"certified"`
	Certificate string     `json:"certificate"`
}

// KeyOrder names a key to rotate, of the purpose zone-data, zone-tokens or
// release-sign, which is of no zone; or one to destroy, of the purpose zone-data.
// Version 0 is all versions.
type KeyOrder struct {
	Purpose string `json:"purpose,omitempty"`
	Zone    string `json:"zone"`
	Version int    `json:"version,omitempty"`

	ending []int // versions that are destroyed together
}

// KeyChange is what became of an order.
type KeyChange struct {
	Purpose string `json:"purpose"`
	Zone    string `json:"zone"`
	Version int    `json:"version"`
}

// Keys lists every key of the domain. It is for the data centre and those who
// supervise it.
func (e *Engine) Keys(_ context.Context, s Subject) (*KeyReport, error) {
	if !s.any(registry.RoleDataCentre, registry.RoleSecurity, registry.RoleAuditor, registry.RoleCityAuthority) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	all, err := e.keys.Inventory()
	if err != nil {
		return nil, asError(err)
	}
	p, now := e.keys.Provider(), e.cfg.Now()
	out := &KeyReport{At: now, Provider: KeyProvider{Kind: p.Kind, Place: p.Place, Algorithm: p.Algorithm, Certificate: p.Certificate}, Keys: []KeyView{}}
	for _, k := range all {
		v := KeyView{Purpose: k.Purpose, Zone: k.Zone, Version: k.Version, State: k.State, Algorithm: k.Algorithm, Created: k.Created,
			KeptBy: p.Kind, WrappedBy: k.WrappedBy, Count: k.Count, Module: k.Module, Certified: k.Certificate != "", Certificate: k.Certificate}
		until := now
		if !k.Destroyed.IsZero() {
			v.Destroyed, until = &k.Destroyed, k.Destroyed
		}
		v.Days = max(0, int(until.Sub(k.Created)/(24*time.Hour)))
		out.Keys = append(out.Keys, v)
	}
	return out, nil
}

// RotateKey gives a zone a new version of the key that wraps its data keys, or of
// the key of its tokens as well, which changes all of them; or the gate a new key
// that signs. What earlier versions wrapped still opens, what they signed still
// verifies. It is the data centre's or the security officer's to do.
func (e *Engine) RotateKey(ctx context.Context, s Subject, o KeyOrder) (*KeyChange, error) {
	if !s.any(registry.RoleDataCentre, registry.RoleSecurity) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	rotate := func() (int, error) { return e.keys.RotateZone(o.Zone) }
	switch o.Purpose {
	case keys.PurposeZoneData:
	case keys.PurposeZoneTokens:
		rotate = func() (int, error) { return e.keys.RotateTokens(o.Zone) }
	case keys.PurposeReleaseSign:
		rotate = e.rotateSigner
	default:
		return nil, fail("BAD_REQUEST", nil).because("只能轮换 zone-data、zone-tokens 或 release-sign", "only zone-data, zone-tokens and release-sign can be rotated")
	}
	if o.Purpose != keys.PurposeReleaseSign {
		if _, err := e.zoneOf(ctx, o.Zone); err != nil {
			return nil, err
		}
	} else if o.Zone != "" {
		return nil, fail("BAD_REQUEST", nil).because("release-sign 不属于专区", "release-sign is of no zone")
	}
	o.Version = 0
	err := e.ordered(ctx, s, &o, "key.rotating", "key.rotated", func() (err error) {
		o.Version, err = rotate()
		return err
	})
	if err != nil {
		return nil, err
	}
	if o.Zone != "" { // no column that was made with an earlier token key is needed again, in whatever zone
		e.evict(sandbox.Tag{})
	}
	return &KeyChange{o.Purpose, o.Zone, o.Version}, nil
}

// rotateSigner makes a new signing key and tells whoever asks for the domain's.
// Should the identity file not be written, the next Open writes it.
func (e *Engine) rotateSigner() (int, error) {
	n, err := e.keys.RotateSigner()
	if err != nil {
		return 0, err
	}
	return n, e.identify()
}

// DestroyKey destroys the keys of a zone for good, or an earlier version of the
// one that wraps its data keys.
//
// A version may go once no current data are wrapped by it: nothing that anybody
// may still read is lost. The keys of a zone may go once the zone is suspended
// and all of its licenses are terminated, by the word of the city authority or the
// zone's regulator, and of another person than the one who suspended it.
func (e *Engine) DestroyKey(ctx context.Context, s Subject, o KeyOrder) (*KeyChange, error) {
	if o.Version < 0 || o.Purpose != keys.PurposeZoneData {
		return nil, fail("BAD_REQUEST", nil).because("只能销毁 zone-data,版本从 1 起", "only zone-data can be destroyed, versions begin at 1")
	}
	// Who may not is told so of whatever zone, before it is looked up.
	if o.Version > 0 && !s.any(registry.RoleDataCentre, registry.RoleSecurity) || o.Version == 0 && !e.competent(ctx, s, o.Zone) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	zone, err := e.zoneOf(ctx, o.Zone)
	if err != nil {
		return nil, err
	}
	// Nothing is wrapped while keys end: no load, backup or shred is under way.
	alone := e.sealing.TryLock()
	if alone {
		defer e.sealing.Unlock()
	}
	destroy := func() error { return e.keys.DestroyZone(o.Zone) }
	if o.Version > 0 {
		destroy = func() error { return e.keys.DestroyZoneVersion(o.Zone, o.Version) }
		err = e.mayDestroyVersion(ctx, s, o)
	} else {
		err = e.mayDestroyZone(ctx, s, zone)
		if standings, known := e.keys.Standings(); err == nil {
			o.ending, err = standings[o.Zone].Live, known
		}
	}
	if err != nil {
		return nil, err
	}
	if !alone {
		return nil, fail("KEY_IN_USE", nil).because("正在装载、备份或销毁,请稍后重试", "a load, a backup or another destruction is under way; try again later")
	}
	if err := e.ordered(ctx, s, &o, "key.destroying", "key.destroyed", destroy); err != nil {
		return nil, err
	}
	e.evict(sandbox.Tag{})
	return &KeyChange{o.Purpose, o.Zone, o.Version}, nil
}

// zoneState is a zone as its newest document says, and what is known of that.
type zoneState struct {
	name string
	spec registry.Zone
	meta registry.Meta
}

func (e *Engine) zoneOf(ctx context.Context, name string) (zoneState, error) {
	doc, meta, err := e.registry.Get(ctx, registry.KindZone, name)
	if errors.Is(err, registry.ErrNotFound) {
		return zoneState{}, fail("NOT_FOUND", err)
	}
	if err != nil {
		return zoneState{}, asError(err)
	}
	spec, err := registry.SpecOf[registry.Zone](doc)
	if err != nil {
		return zoneState{}, asError(err)
	}
	return zoneState{name, spec, meta}, nil
}

// competent reports whether s speaks for the zone of that name: the city authority
// for every zone, a regulator for its own (NJ24-06), and of what is no zone for none.
func (e *Engine) competent(ctx context.Context, s Subject, zone string) bool {
	if s.any(registry.RoleCityAuthority) {
		return true
	}
	z, err := e.zoneOf(ctx, zone)
	return err == nil && s.regulates(z)
}

// regulates reports whether s is of the zone's regulator.
func (s Subject) regulates(z zoneState) bool {
	return s.any(registry.RoleZoneRegulator) && s.organization == z.spec.Regulator
}

// mayDestroyZone is for whoever is competent.
func (e *Engine) mayDestroyZone(ctx context.Context, s Subject, z zoneState) error {
	if err := e.permitted(ctx, s, registry.PermissionDestroy, "keys destroy"); err != nil {
		return err
	}
	if z.spec.Status != registry.StatusSuspended {
		return fail("KEY_IN_USE", nil).because("专区未暂停", "the zone is not suspended")
	}
	by, err := e.suspendedBy(ctx, z)
	if err != nil {
		return asError(err)
	}
	if by == s.user {
		return fail("KEY_IN_USE", nil).because("暂停专区与销毁密钥须为不同人员", "who suspended the zone does not destroy its keys")
	}
	err = e.each(ctx, registry.KindLicense, func(doc registry.Document) error {
		l, err := registry.SpecOf[registry.License](doc)
		if err == nil && l.Zone == z.name && !l.Ended() {
			return fail("KEY_IN_USE", nil).because("协议 "+doc.Name+" 未终止", "license "+doc.Name+" is not terminated")
		}
		return err
	})
	if err != nil {
		return asError(err)
	}
	if e.turns.busy(z.name) || e.loads.busy(z.name) || e.readBeside(z.name) {
		return fail("KEY_IN_USE", nil).because("专区内仍有语句或装载在执行", "statements or loads of the zone are under way")
	}
	return nil
}

// readBeside reports whether a statement of another zone is under way that may read
// what the zone supplies.
func (e *Engine) readBeside(zone string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.runs {
		if r.known && slices.ContainsFunc(r.facts.Supplies, func(s registry.SupplyFacts) bool { return s.Zone.Name == zone }) {
			return true
		}
	}
	return false
}

// suspendedBy returns who suspended a zone that is suspended: whoever applied the
// first of the versions that say so up to the newest. Others may have changed it
// since.
func (e *Engine) suspendedBy(ctx context.Context, z zoneState) (string, error) {
	by := z.meta.By
	for version := z.meta.Version - 1; version > 0; version-- {
		doc, meta, err := e.registry.GetVersion(ctx, registry.KindZone, z.name, version)
		if err != nil {
			return "", err
		}
		spec, err := registry.SpecOf[registry.Zone](doc)
		if err != nil {
			return "", err
		}
		if spec.Status != registry.StatusSuspended {
			break
		}
		by = meta.By
	}
	return by, nil
}

func (e *Engine) mayDestroyVersion(ctx context.Context, s Subject, o KeyOrder) error {
	if err := e.permitted(ctx, s, registry.PermissionDestroy, "keys destroy"); err != nil {
		return err
	}
	// A load that begins from here on is wrapped by the newest version, which is
	// never destroyed alone.
	if e.loads.busy(o.Zone) {
		return fail("KEY_IN_USE", nil).because("专区内仍有装载在执行", "loads of the zone are under way")
	}
	versions, err := e.registry.StoredVersions(ctx)
	if err != nil {
		return asError(err)
	}
	for _, d := range versions {
		if d.Zone != o.Zone {
			continue
		}
		wrapped, err := e.store.WrappedKeys(d.Zone, d.Dataset, d.Version, d.Manifest)
		if err != nil {
			return e.storeError(err)
		}
		for _, w := range wrapped {
			n, err := e.keys.WrappedBy(d.Zone, w.Key, w.Binding)
			if err != nil {
				return asError(err)
			}
			if n == o.Version {
				return fail("KEY_IN_USE", nil).because("数据集 "+d.Dataset+" 的数据由该版本加密,请先 keys rewrap", "data of dataset "+d.Dataset+" are wrapped by it; keys rewrap first")
			}
		}
	}
	return nil
}

// ordered does what was ordered between two durable entries of the log: one that
// says it was ordered, and one that says it was done or why not. Where the second
// is missing, the order is to be given again. do may set the version of o.
func (e *Engine) ordered(ctx context.Context, s Subject, o *KeyOrder, before, after string, do func() error) error {
	event := func(kind string, more ...string) registry.Event {
		f := map[string]string{"purpose": o.Purpose, "provider": e.keys.Provider().Kind, "org": s.organization}
		if o.Version > 0 {
			f["version"] = strconv.Itoa(o.Version)
		}
		if len(o.ending) > 0 {
			f["keys"] = strings.Trim(fmt.Sprint(o.ending), "[]")
		}
		for pair := range slices.Chunk(more, 2) {
			f[pair[0]] = pair[1]
		}
		return registry.Event{Kind: kind, Actor: s.user, Zone: o.Zone, Fields: f}
	}
	err := e.update(ctx, func(tx *registry.Tx) error { return tx.Emit(event(before)) })
	if err != nil {
		return asError(err)
	}
	change := e.keyError(do())
	done := event(after)
	if change != nil {
		done = event("key.failed", "order", before, "reasons", change.Code)
	}
	if err := e.record(ctx, func(tx *registry.Tx) error { return tx.Emit(done) }); err != nil {
		return asError(err)
	}
	if change != nil {
		return change
	}
	return nil
}

// keyError maps what the key folder says of an order; nil of nil.
func (e *Engine) keyError(err error) *Error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keys.ErrNoKey):
		return fail("NOT_FOUND", err)
	case errors.Is(err, keys.ErrNewest):
		return fail("KEY_IN_USE", err).because("现行版本不能单独销毁,请先轮换", "the current version is not destroyed alone; rotate first")
	}
	return asError(fmt.Errorf("query: keys: %w", err))
}
