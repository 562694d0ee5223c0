package query

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"zonebox/registry"
	"zonebox/zone"
)

// VersionView is one version of a dataset's data, as those see it who load,
// provide or supervise: counts and names, no value.
type VersionView struct {
	Zone     string    `json:"zone"`
	Dataset  string    `json:"dataset"`
	Version  string    `json:"version"`
	State    string    `json:"state"` // CURRENT, KEPT, QUARANTINED, RETIRED or SHREDDED
	Rows     int64     `json:"rows"`
	Bytes    int64     `json:"bytes"` // on disk
	Manifest string    `json:"manifest"`
	Entry    int64     `json:"entry"` // version of the catalogue entry it was loaded by
	Provider string    `json:"provider,omitempty"`
	Grant    string    `json:"grant,omitempty"`
	Delivery string    `json:"delivery,omitempty"` // SHA-256 of the file as delivered
	Acquired string    `json:"acquired,omitempty"`
	Mode     string    `json:"mode"`
	Base     string    `json:"base,omitempty"` // version that an increment stands on
	LoadedBy string    `json:"loaded_by"`
	LoadedAt time.Time `json:"loaded_at"`

	History []VersionEvent `json:"history,omitempty"` // of one that was asked for by name
}

// VersionEvent is one thing that happened to a version.
type VersionEvent struct {
	Event  string    `json:"event"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Order  string    `json:"order,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// VersionQuery names versions: of one dataset, or of one zone, or of all that the
// asking person supervises. With Version it is the one, and its history.
type VersionQuery struct {
	Zone    string `json:"zone,omitempty"`
	Dataset string `json:"dataset,omitempty"`
	Version string `json:"version,omitempty"`
}

// oversees reports whether s may know what lies in a dataset: the data centre and
// supervisors of all, the regulator of its zone, the provider.
func (s Subject) oversees(z zoneState, provider string) bool {
	return s.any(registry.RoleDataCentre, registry.RoleCityAuthority, registry.RoleSecurity, registry.RoleAuditor) ||
		s.regulates(z) ||
		s.any(registry.RoleProvider) && s.organization == provider
}

// entryState is a catalogue entry with its zone.
type entryState struct {
	name string
	spec registry.Dataset
	zone zoneState
}

// overseen returns the entries of which s may know what lies in them, by name.
func (e *Engine) overseen(ctx context.Context, s Subject, q VersionQuery) ([]entryState, error) {
	var out []entryState
	err := e.each(ctx, registry.KindDataset, func(doc registry.Document) error {
		d, err := registry.SpecOf[registry.Dataset](doc)
		if err != nil || q.Dataset != "" && q.Dataset != doc.Name || q.Zone != "" && q.Zone != d.Zone {
			return err
		}
		z, err := e.zoneOf(ctx, d.Zone)
		if err == nil && s.oversees(z, d.Provider) {
			out = append(out, entryState{doc.Name, d, z})
		}
		return err
	})
	if err != nil {
		return nil, asError(err)
	}
	if len(out) == 0 {
		if s.any(registry.RoleOperator) {
			return nil, fail("ROLE_REQUIRED", nil)
		}
		if q.Dataset != "" || q.Zone != "" {
			return nil, fail("NOT_FOUND", nil)
		}
	}
	return out, nil
}

// dataset returns the one entry of that name, of which s may know what lies in it.
func (e *Engine) dataset(ctx context.Context, s Subject, name string) (entryState, error) {
	if name == "" {
		return entryState{}, BadRequest("缺少数据集", "the dataset is missing")
	}
	all, err := e.overseen(ctx, s, VersionQuery{Dataset: name})
	if err != nil {
		return entryState{}, err
	}
	return all[0], nil
}

// Versions tells what lies in zones: every version of every dataset that s
// oversees, those too that are gone, the first loaded first.
func (e *Engine) Versions(ctx context.Context, s Subject, q VersionQuery) ([]VersionView, error) {
	entries, err := e.overseen(ctx, s, q)
	if err != nil {
		return nil, err
	}
	out := []VersionView{}
	for _, entry := range entries {
		versions, err := e.registry.DataVersions(ctx, entry.spec.Zone, entry.name)
		if err != nil {
			return nil, asError(err)
		}
		for _, v := range versions {
			if q.Version != "" && !strings.HasPrefix(v.Version, q.Version) {
				continue
			}
			view, err := e.viewVersion(v)
			if err != nil {
				return nil, err
			}
			out = append(out, view)
		}
	}
	if q.Version == "" {
		return out, nil
	}
	if len(out) != 1 {
		return nil, fail("NOT_FOUND", nil)
	}
	history, err := e.registry.DataHistory(ctx, out[0].Zone, out[0].Dataset)
	if err != nil {
		return nil, asError(err)
	}
	for _, h := range history {
		if h.Version == out[0].Version {
			out[0].History = append(out[0].History, VersionEvent{Event: h.Kind, By: h.By, At: h.At, Order: h.Order, Reason: h.Reason})
		}
	}
	return out, nil
}

func (e *Engine) viewVersion(v registry.DataVersion) (VersionView, error) {
	size, err := e.store.Size(v.Zone, v.Dataset, v.Version)
	if err != nil {
		return VersionView{}, asError(err)
	}
	l := v.Lineage
	out := VersionView{Zone: v.Zone, Dataset: v.Dataset, Version: v.Version, State: v.State, Rows: v.Rows, Bytes: size, Manifest: v.Manifest,
		Entry: v.Catalogue, Provider: l.Provider, Grant: l.Grant, Delivery: l.Delivery, Acquired: l.Acquired, Mode: l.Mode, Base: l.Base,
		LoadedBy: v.LoadedBy, LoadedAt: v.LoadedAt}
	if out.Mode == "" {
		out.Mode = ModeFull
	}
	return out, nil
}

// version returns the one version of an entry whose name begins as given; "" is
// the current one.
func (e *Engine) version(ctx context.Context, entry entryState, name string) (registry.DataVersion, error) {
	all, err := e.registry.DataVersions(ctx, entry.spec.Zone, entry.name)
	if err != nil {
		return registry.DataVersion{}, asError(err)
	}
	all = slices.DeleteFunc(all, func(v registry.DataVersion) bool {
		return name == "" && v.State != registry.DataCurrent || !strings.HasPrefix(v.Version, name)
	})
	if len(all) != 1 {
		return registry.DataVersion{}, fail("NOT_FOUND", nil).because("版本 "+printName(name), "version "+printName(name))
	}
	return all[0], nil
}

// stored is version for what must lie in the store.
func (e *Engine) storedVersion(ctx context.Context, entry entryState, name string) (registry.DataVersion, error) {
	v, err := e.version(ctx, entry, name)
	if err == nil && (v.State == registry.DataRetired || v.State == registry.DataShredded) {
		err = fail("DATA_STATE", nil).because("该版本已不在库中", "the version is no longer stored")
	}
	return v, err
}

// VerifyRequest asks whether a version is what was committed. Column narrows it to
// one column's files.
type VerifyRequest struct {
	Dataset string `json:"dataset"`
	Version string `json:"version,omitempty"` // the current one if empty
	Column  string `json:"column,omitempty"`
	Decrypt bool   `json:"decrypt,omitempty"`
}

// VerifyReport says that what was asked about is what was committed.
type VerifyReport struct {
	Dataset string `json:"dataset"`
	Version string `json:"version"`
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"`
	Decrypt bool   `json:"decrypt"`
}

// Verify reads files of a version and compares every digest; with Decrypt it opens
// each as well, in the gate's memory, and drops it. The first that is not what was
// committed is DATA_DAMAGED with its name, and an entry of the audit log.
func (e *Engine) Verify(ctx context.Context, s Subject, q VerifyRequest) (*VerifyReport, error) {
	entry, err := e.dataset(ctx, s, q.Dataset)
	if err != nil {
		return nil, err
	}
	ctx, end := e.reading(ctx, entry.spec.Zone)
	defer end()
	v, err := e.storedVersion(ctx, entry, q.Version)
	if err != nil {
		return nil, err
	}
	if q.Decrypt {
		if err := e.noteRead(ctx, s, "verify", v); err != nil {
			return nil, err
		}
	}
	done, err := e.store.VerifyPart(ctx, v.Zone, v.Dataset, v.Version, v.Manifest, zone.Verification{Column: q.Column, Decrypt: q.Decrypt})
	if errors.Is(err, zone.ErrProjection) {
		return nil, fail("NOT_FOUND", err).because("没有该列", "no such column")
	}
	err = overtaken(ctx, err)
	var broken *zone.IntegrityError
	if errors.As(err, &broken) {
		logged := e.update(ctx, func(tx *registry.Tx) error {
			return tx.Emit(registry.Event{Kind: "zone.damaged", Actor: s.user, Zone: v.Zone,
				Fields: map[string]string{"dataset": v.Dataset, "version": v.Version, "file": clip(broken.File), "org": s.organization}})
		})
		if logged != nil {
			return nil, asError(logged)
		}
	}
	if err != nil {
		return nil, e.storeError(err)
	}
	return &VerifyReport{Dataset: v.Dataset, Version: v.Version, Files: done.Files, Bytes: done.Bytes, Decrypt: q.Decrypt}, nil
}

// noteRead puts into the log who has the gate read which rows, and what for, before
// the first is read. Nobody is shown one of them.
func (e *Engine) noteRead(ctx context.Context, s Subject, what string, versions ...registry.DataVersion) error {
	err := e.update(ctx, func(tx *registry.Tx) error {
		for _, v := range versions {
			err := tx.Emit(registry.Event{Kind: "zone.read", Actor: s.user, Zone: v.Zone, Fields: map[string]string{
				"dataset": v.Dataset, "version": v.Version, "what": what, "org": s.organization, "role": strings.Join(s.roles, " ")}})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return asError(err)
	}
	return nil
}

// DiffRequest asks how two versions differ. Before is the base or the one loaded
// before After, if it is empty; After the current one.
type DiffRequest struct {
	Dataset string `json:"dataset"`
	Before  string `json:"before,omitempty"`
	After   string `json:"after,omitempty"`
}

// VersionDiff is how two versions differ, in counts; a count of fewer than K rows
// is -1.
type VersionDiff struct {
	Dataset string         `json:"dataset"`
	Before  VersionExtent  `json:"before"`
	After   VersionExtent  `json:"after"`
	K       int            `json:"k"` // minimum group of the zone
	Columns []ColumnChange `json:"columns"`
}

// VersionExtent is one of the two versions.
type VersionExtent struct {
	Version  string `json:"version"`
	Rows     int64  `json:"rows"`
	Entities int64  `json:"entities"`
}

// ColumnChange is one column in both versions.
type ColumnChange struct {
	Name   string       `json:"name"`
	Before ColumnExtent `json:"before"`
	After  ColumnExtent `json:"after"`
	Drift  *float64     `json:"drift,omitempty"` // population stability index; absent if it cannot be told
}

// ColumnExtent is a column of one version. Type is empty where there is none;
// Distinct a power of ten that is not exceeded. Min and Max are of numbers and
// times of datasets that are not protected.
type ColumnExtent struct {
	Type     string `json:"type,omitempty"`
	Shredded bool   `json:"shredded,omitempty"`
	Nulls    int64  `json:"nulls"`
	Distinct int64  `json:"distinct"`
	Min      string `json:"min,omitempty"`
	Max      string `json:"max,omitempty"`
}

// Diff compares two versions of a dataset by counts.
func (e *Engine) Diff(ctx context.Context, s Subject, q DiffRequest) (*VersionDiff, error) {
	entry, err := e.dataset(ctx, s, q.Dataset)
	if err != nil {
		return nil, err
	}
	ctx, end := e.reading(ctx, entry.spec.Zone)
	defer end()
	after, err := e.storedVersion(ctx, entry, q.After)
	if err != nil {
		return nil, err
	}
	if q.Before == "" {
		if q.Before, err = e.precedes(ctx, entry, after); err != nil {
			return nil, err
		}
	}
	before, err := e.storedVersion(ctx, entry, q.Before)
	if err != nil {
		return nil, err
	}
	pack, err := e.policy().Pack(entry.zone.spec.Pack)
	if err != nil {
		return nil, asError(err)
	}
	ref := func(v registry.DataVersion) zone.Ref {
		return zone.Ref{Zone: v.Zone, Dataset: v.Dataset, Version: v.Version, Manifest: v.Manifest}
	}
	if err := e.noteRead(ctx, s, "diff", before, after); err != nil {
		return nil, err
	}
	c, err := e.store.Compare(ctx, ref(before), ref(after), int64(pack.MinGroup), tellable(entry.spec, pack.LevelThreshold))
	if err := overtaken(ctx, err); err != nil {
		return nil, e.storeError(err)
	}
	out := &VersionDiff{Dataset: entry.name, K: pack.MinGroup, Columns: []ColumnChange{},
		Before: VersionExtent{before.Version, c.Before.Rows, c.Before.Entities}, After: VersionExtent{after.Version, c.After.Rows, c.After.Entities}}
	for _, col := range c.Columns {
		out.Columns = append(out.Columns, ColumnChange{col.Name, ColumnExtent(col.Before), ColumnExtent(col.After), col.Drift})
	}
	return out, nil
}

// precedes returns the version that v was made from, or else the one loaded before
// it that is still stored.
func (e *Engine) precedes(ctx context.Context, entry entryState, v registry.DataVersion) (string, error) {
	all, err := e.registry.DataVersions(ctx, entry.spec.Zone, entry.name)
	if err != nil {
		return "", asError(err)
	}
	before := ""
	for _, o := range all {
		if o.Version == v.Version {
			break
		}
		if o.State != registry.DataRetired && o.State != registry.DataShredded && (v.Lineage.Base == "" || o.Version == v.Lineage.Base) {
			before = o.Version
		}
	}
	if before == "" {
		return "", fail("NOT_FOUND", nil).because("没有更早的在库版本可比较", "no earlier version is stored to compare with")
	}
	return before, nil
}

// tellable returns the columns whose least and greatest value may be told: below
// the level from which values are protected, no personal information, and not the
// entity. Of a protected dataset it is none: such a value is one entity's.
func tellable(d registry.Dataset, threshold int) []string {
	if d.PersonalInfo || d.Level() >= threshold {
		return nil
	}
	var out []string
	for _, c := range d.Columns {
		if c.Level > 0 && c.Level < threshold && !c.PersonalInfo && !c.SecretFlag && (d.Entity == nil || d.Entity.Column != c.Name) {
			out = append(out, c.Name)
		}
	}
	return out
}
