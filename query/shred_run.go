package query

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"zonebox/keys"
	"zonebox/registry"
	"zonebox/workflow"
	"zonebox/zone"
)

// carryOut does what is left of a confirmed shred, in an order in which whatever
// stops it leaves what was there or nothing: survivors are wrapped anew, the
// registry names them in one transaction, the keys that opened the rest are
// destroyed, then files go. sealing is held.
func (e *Engine) carryOut(ctx context.Context, sh registry.Shred) (registry.Shred, error) {
	var err error
	if sh.State == registry.ShredConfirmed {
		if sh.Kind == registry.ShredWorkspace {
			err = e.switchWorkspace(ctx, &sh)
		} else {
			err = e.switchData(ctx, &sh)
		}
		if err != nil {
			return sh, err
		}
	}
	if sh.State == registry.ShredSwitched {
		if err := e.endUsers(ctx, sh); err != nil {
			return sh, err
		}
		if err := e.endOutputs(ctx, &sh); err != nil {
			return sh, err
		}
		if err := e.endKeys(ctx, sh); err != nil {
			return sh, err
		}
		if err := e.endFiles(ctx, sh); err != nil {
			return sh, err
		}
		err = e.update(ctx, func(tx *registry.Tx) error {
			sh.State, sh.DoneAt = registry.ShredDone, tx.Now()
			if err := tx.PutShred(sh); err != nil {
				return err
			}
			return tx.Emit(shredEvent(sh, "shred.done", sh.ConfirmedBy, sh.ConfirmedOrg))
		})
		if err != nil {
			return sh, err
		}
		e.log.InfoContext(ctx, "shredded", "shred", sh.ID, "kind", sh.Kind, "zone", sh.Zone, "dataset", sh.Dataset)
	}
	return sh, e.remember(ctx)
}

// switchData wraps the keys of what is left of a zone by a new version and has the
// registry name the new manifests, and what is shredded so.
func (e *Engine) switchData(ctx context.Context, sh *registry.Shred) error {
	versions, err := e.storedOf(ctx, sh.Zone)
	if err != nil {
		return err
	}
	if sh.Kind == registry.ShredVersion || sh.Kind == registry.ShredColumn {
		if err := e.numberCurrent(ctx, sh.Zone, sh.Dataset); err != nil {
			return err
		}
	}
	if err := e.rotateBeyond(sh); err != nil {
		return err
	}
	var heirs []keys.Heir
	var gone []registry.DataVersion
	left := map[int]zone.Rewrapped{}
	sh.Manifests = nil
	for i, v := range versions {
		if takes(*sh, v) {
			gone = append(gone, v)
			sh.Manifests = append(sh.Manifests, registry.ShredManifest{Dataset: v.Dataset, Version: v.Version, Before: v.Manifest})
			continue
		}
		r, err := e.rewrapped(v, sh)
		if err != nil {
			return err
		}
		left[i] = r
		sh.Manifests = append(sh.Manifests, registry.ShredManifest{Dataset: v.Dataset, Version: v.Version, Before: v.Manifest, After: r.Manifest})
		heirs = append(heirs, heirsOf(r)...)
	}
	if sh.Kind != registry.ShredZone {
		if err := e.keys.Inherit(sh.Zone, heirs); err != nil {
			return err
		}
	}
	next := *sh
	err = e.update(ctx, func(tx *registry.Tx) error {
		c := registry.DataChange{Zone: sh.Zone, By: sh.ConfirmedBy, Org: sh.ConfirmedOrg, Reason: sh.Reason}
		for i, v := range versions {
			c.Dataset, c.Version = v.Dataset, v.Version
			if r, lives := left[i]; lives {
				if err := tx.Rewrapped(c, r.Manifest, r.Shredded...); err != nil {
					return err
				}
			}
		}
		for _, v := range gone {
			c.Dataset, c.Version = v.Dataset, v.Version
			if err := tx.Shredded(c); err != nil {
				return err
			}
		}
		next.State = registry.ShredSwitched
		return tx.PutShred(next)
	})
	if err == nil {
		*sh = next
	}
	return err
}

// rewrapped writes a manifest of a survivor, without the key of the column that is
// shredded.
func (e *Engine) rewrapped(v registry.DataVersion, sh *registry.Shred) (zone.Rewrapped, error) {
	var columns []string
	if sh != nil && sh.Kind == registry.ShredColumn && sh.Dataset == v.Dataset {
		names, err := e.store.Columns(v.Zone, v.Dataset, v.Version, v.Manifest)
		if err != nil {
			return zone.Rewrapped{}, err
		}
		if slices.Contains(names, sh.Column) {
			columns = []string{sh.Column}
		}
	}
	return e.store.Rewrap(v.Zone, v.Dataset, v.Version, v.Manifest, columns...)
}

func heirsOf(r zone.Rewrapped) (out []keys.Heir) {
	for _, k := range r.Keys {
		out = append(out, keys.Heir{Wrapped: k.Key, Binding: k.Binding})
	}
	return out
}

// rotateBeyond takes down the versions of a zone's key that may have wrapped what is
// shredded, which is all there are: when an earlier call failed, data may have been
// wrapped by the one it made. What survives gets a version that has wrapped nothing.
func (e *Engine) rotateBeyond(sh *registry.Shred) error {
	standings, err := e.keys.Standings()
	if err != nil {
		return err
	}
	sh.Keys = standings[sh.Zone].Live
	if sh.Kind == registry.ShredZone {
		return nil
	}
	_, err = e.keys.RotateZone(sh.Zone)
	return err
}

// endKeys destroys the keys that opened what is shredded.
func (e *Engine) endKeys(ctx context.Context, sh registry.Shred) error {
	for _, id := range slices.Concat(sh.Runs, sh.Withdrawn()) {
		if err := e.destroyHold(ctx, id); err != nil {
			return fmt.Errorf("query: shred: %w", err)
		}
	}
	if sh.Kind == registry.ShredZone || sh.Kind == registry.ShredWorkspace {
		spaces := []string{sh.Space}
		if sh.Kind == registry.ShredZone {
			spaces = append(spaces, keys.Ledger(sh.Zone))
		}
		for _, space := range spaces {
			if err := e.keys.DestroyZone(space); err != nil && !errors.Is(err, keys.ErrNoKey) {
				return err
			}
		}
		return nil
	}
	for _, n := range sh.Keys {
		if err := e.keys.DestroyZoneVersion(sh.Zone, n); err != nil && !errors.Is(err, keys.ErrNoKey) {
			return err
		}
	}
	return nil
}

// endFiles removes what opens no more.
func (e *Engine) endFiles(ctx context.Context, sh registry.Shred) error {
	for _, m := range sh.Manifests {
		var err error
		if m.After == "" {
			err = e.store.Remove(sh.Zone, m.Dataset, m.Version)
		} else {
			err = e.pruned(ctx, sh.Zone, m.Dataset, m.Version)
		}
		if err != nil {
			return err
		}
	}
	if sh.Kind == registry.ShredZone {
		if err := e.endLedger(ctx, sh.Zone); err != nil {
			return err
		}
	}
	for _, id := range sh.Runs {
		if err := os.Remove(e.artifactFile(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("query: shred: %w", err)
		}
	}
	return nil
}

// pruned removes the manifests of a version that are not in force; a version that
// is kept no more has none.
func (e *Engine) pruned(ctx context.Context, zone, dataset, version string) error {
	v, err := e.registry.DataVersion(ctx, zone, dataset, version)
	if err != nil {
		return err
	}
	if v.State == registry.DataRetired || v.State == registry.DataShredded {
		return nil
	}
	return e.store.PruneManifests(zone, dataset, version, v.Manifest)
}

// switchWorkspace takes the statements of an operator's runs out of the registry
// and ends the courses of its outputs.
func (e *Engine) switchWorkspace(ctx context.Context, sh *registry.Shred) error {
	waiting, err := e.queue(ctx, workflow.OutputRelease, slices.Concat(waitingOutputs, endedOutputs)...)
	if err != nil {
		return err
	}
	gone, err := e.queue(ctx, workflow.OutputRelease, releasedOutputs...)
	if err != nil {
		return err
	}
	next := *sh
	err = e.update(ctx, func(tx *registry.Tx) error {
		runs, err := tx.ForgetRuns(sh.Organization)
		if err != nil {
			return err
		}
		next.Runs, next.Outputs = nil, &registry.ShredOutputs{}
		for _, r := range runs {
			next.Runs = append(next.Runs, r.ID)
		}
		for _, in := range waiting {
			if !slices.Contains(next.Runs, in.ID) {
				continue
			}
			if slices.Contains(waitingOutputs, in.State) {
				next.Outputs.Withdrawn = append(next.Outputs.Withdrawn, in.ID)
			}
			if err := withdrawOutput(tx, next, in.ID); err != nil {
				return err
			}
		}
		for _, in := range gone {
			if slices.Contains(next.Runs, in.ID) {
				next.Outputs.Released = append(next.Outputs.Released, in.ID)
			}
		}
		if err := tx.BumpEpoch(); err != nil {
			return err
		}
		next.State = registry.ShredSwitched
		return tx.PutShred(next)
	})
	if err == nil {
		*sh = next
	}
	return err
}

// resumeShreds carries out what was confirmed when the last process ended.
func (e *Engine) resumeShreds(ctx context.Context) error {
	all, err := e.registry.Shreds(ctx)
	if err != nil {
		return err
	}
	for _, sh := range all {
		if sh.State == registry.ShredConfirmed || sh.State == registry.ShredSwitched {
			_, err := e.carryOut(ctx, sh)
			if errors.As(err, new(*zone.IntegrityError)) { // the domain opens, so that this can be mended
				e.log.ErrorContext(ctx, "a shred waits for a damaged version", "shred", sh.ID, "zone", sh.Zone, "cause", err)
				continue
			}
			if err != nil {
				return fmt.Errorf("query: open domain: finish %s: %w", sh.ID, err)
			}
		}
	}
	return nil
}

// takes reports whether a shred leaves nothing of a version.
func takes(sh registry.Shred, v registry.DataVersion) bool {
	switch sh.Kind {
	case registry.ShredZone:
		return true
	case registry.ShredDataset:
		return v.Dataset == sh.Dataset
	case registry.ShredVersion:
		return v.Dataset == sh.Dataset && v.Version == sh.Version
	}
	return false
}
