package query

import (
	"context"
	"strings"

	"zonebox/keys"
	"zonebox/registry"
	"zonebox/sandbox"
	"zonebox/zone"
)

// RewrapReport tells what Rewrap wrapped anew.
type RewrapReport struct {
	Zone     string `json:"zone"`
	Key      int    `json:"key"` // version of the zone's key that wraps now
	Versions int    `json:"versions"`
	Keys     int    `json:"keys"` // data keys
}

// Rewrap wraps the data keys of everything a zone keeps by the newest version of
// its key, after which an earlier one can be destroyed. No row is read or written:
// it takes as long as there are columns and versions. All are switched in one
// transaction; an interrupted call changes nothing.
func (e *Engine) Rewrap(ctx context.Context, s Subject, name string) (*RewrapReport, error) {
	if !s.any(registry.RoleDataCentre, registry.RoleSecurity) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if _, err := e.zoneOf(ctx, name); err != nil {
		return nil, err
	}
	if !e.sealing.TryLock() {
		return nil, fail("KEY_IN_USE", nil).because("正在装载、备份或销毁,请稍后重试", "a load, a backup or a destruction is under way; try again later")
	}
	defer e.sealing.Unlock()
	versions, err := e.storedOf(ctx, name)
	if err != nil {
		return nil, asError(err)
	}
	out := &RewrapReport{Zone: name, Versions: len(versions)}
	var heirs []keys.Heir
	var done []zone.Rewrapped
	for _, v := range versions {
		r, err := e.rewrapped(v, nil)
		if err != nil {
			return nil, e.storeError(err)
		}
		done, heirs = append(done, r), append(heirs, heirsOf(r)...)
		out.Keys += len(r.Keys)
	}
	if err := e.keys.Inherit(name, heirs); err != nil {
		return nil, asError(err)
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		for i, v := range versions {
			c := registry.DataChange{Zone: name, Dataset: v.Dataset, Version: v.Version, By: s.user, Org: s.organization, Role: strings.Join(s.roles, " ")}
			if err := tx.Rewrapped(c, done[i].Manifest, done[i].Shredded...); err != nil {
				return err
			}
		}
		return tx.Emit(registry.Event{Kind: "key.rewrapped", Actor: s.user, Zone: name, Fields: map[string]string{"purpose": keys.PurposeZoneData, "org": s.organization}})
	})
	if err != nil {
		return nil, asError(err)
	}
	e.evict(sandbox.Tag{Zone: name})
	for _, v := range versions {
		if err := e.pruned(ctx, name, v.Dataset, v.Version); err != nil {
			return nil, asError(err)
		}
	}
	standings, err := e.keys.Standings()
	if err != nil {
		return nil, asError(err)
	}
	out.Key = standings[name].Newest
	return out, nil
}
