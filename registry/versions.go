package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// DataVersion is one loaded version of a dataset's data. Its rows never change;
// what happened to it since is in State and Manifest.
type DataVersion struct {
	Zone, Dataset, Version string
	// Manifest is the SHA-256 of the zone store's manifest in force, hex.
	Manifest string
	Rows     int64
	LoadedBy string
	LoadedAt time.Time
	// Catalogue is the version of the catalogue entry the data were checked
	// against; 0 lets SetVersion take the one in force.
	Catalogue int64
	Lineage   Lineage
	// State is DataCurrent or DataQuarantined for SetVersion, "" being the first;
	// in what is read it is the state of now.
	State string `json:",omitempty"`
	// Doubtful says that the version, or one that it was made from, was quarantined
	// and not released since, whatever became of it. CurrentVersion leaves it false.
	Doubtful bool `json:"-"`
	// Shredded are the columns whose keys were destroyed.
	Shredded []string `json:",omitempty"`
	// Meta holds what else the loader keeps, in its own encoding.
	Meta json.RawMessage
}

// Lineage tells where the rows of a version come from.
type Lineage struct {
	Delivery string `json:",omitempty"` // SHA-256 of the file as delivered, hex
	Provider string `json:",omitempty"` // organization
	Grant    string `json:",omitempty"`
	Acquired string `json:",omitempty"` // 2006-01-02
	Mode     string `json:",omitempty"` // "" is full, else append or upsert
	Base     string `json:",omitempty"` // version that an append or upsert stands on
}

// States of a data version. At most one of a dataset is current; one that is kept
// was current or released once and may be again.
const (
	DataCurrent     = "CURRENT"
	DataKept        = "KEPT"
	DataQuarantined = "QUARANTINED"
	DataRetired     = "RETIRED"  // its files may go
	DataShredded    = "SHREDDED" // its keys are gone
)

// SetVersion adds v, and makes it the current data of its dataset unless v.State
// is DataQuarantined. It returns a Refusal if the catalogue has no such dataset
// in that zone or does not allow loading it, or if v.Lineage.Base is not the
// current version; and ErrConflict if that version was set before.
func (tx *Tx) SetVersion(v DataVersion) error {
	d, err := tx.loadable(v.Zone, v.Dataset)
	if err != nil {
		return err
	}
	if v.Lineage.Base != "" {
		now, err := tx.r.currentVersion(tx.ctx, tx.sql, v.Zone, v.Dataset)
		if err != nil {
			return err
		}
		if now == nil || now.Version != v.Lineage.Base {
			return refuseData(CodeData, v.Dataset, "", "", say("the version that the delivery stands on is not the current one", "交付所依据的版本不是现行版本"))
		}
	}
	if v.Catalogue == 0 {
		v.Catalogue = d.Version
	}
	if v.State == "" {
		v.State = DataCurrent
	}
	v.LoadedAt = tx.at
	kind := dataLoaded
	switch v.State {
	case DataCurrent:
	case DataQuarantined:
		kind = dataHeld
	default:
		return fmt.Errorf("registry: set version of %s: %w", v.Dataset, ErrDataState)
	}
	if err := tx.putData(v.Zone, v.Dataset, v.Version, kind, v); err != nil {
		return err
	}
	if kind == dataHeld {
		return tx.addData(DataChange{Zone: v.Zone, Dataset: v.Dataset, Version: v.Version, By: v.LoadedBy}, dataQuarantined, v.Manifest)
	}
	return nil
}

// SetVersion sets v in a transaction of its own.
func (r *Registry) SetVersion(ctx context.Context, v DataVersion) error {
	return r.Update(ctx, func(tx *Tx) error { return tx.SetVersion(v) })
}

// loadable returns the entry of a dataset whose data may be made current.
func (tx *Tx) loadable(zone, dataset string) (Versioned[Dataset], error) {
	d, err := load[Dataset](tx.ctx, tx.r, tx.sql, KindDataset, dataset)
	switch {
	case errors.Is(err, ErrNotFound):
		return d, refuseData(CodeReference, dataset, "", "", say("no such dataset in the catalogue", "目录中没有该数据集"))
	case err != nil:
		return d, err
	case d.Spec.Zone != zone:
		return d, refuseData(CodeReference, dataset, "/spec/zone", "NJ24-05", say("the dataset does not belong to zone %s", "数据集不属于专区 %s", zone))
	case d.Spec.OpenType == openProhibited:
		return d, refuseData(CodeForbidden, dataset, "/spec/open_type", "NJ24-02", say("data that must not be opened may not be operated", "依法不能开放的公共数据不得开展授权运营"))
	case d.Spec.Format != FormatTable:
		return d, refuseData(CodeForbidden, dataset, "/spec/format", "JM19-41", say("only tables are loaded: other items are catalogued and stay where they are", "仅装载表格类数据:其他资源只编目,不装载"))
	case d.Spec.Status != StatusPublished:
		return d, refuseData(CodeForbidden, dataset, "/spec/status", "NJ24-15", say("the catalogue entry is not published", "目录条目未发布"))
	}
	return d, nil
}

func refuseData(code, dataset, path, article string, t text) error {
	return &Refusal{[]Fault{{code, KindDataset, dataset, path, t.zh, t.en, article}}}
}

// CurrentVersion returns the current data version, or ErrNotFound.
func (r *Registry) CurrentVersion(ctx context.Context, zone, dataset string) (DataVersion, error) {
	v, err := r.currentVersion(ctx, r.reader, zone, dataset)
	if err == nil && v == nil {
		err = fmt.Errorf("registry: data of %s: %w", dataset, ErrNotFound)
	}
	if err != nil {
		return DataVersion{}, err
	}
	return *v, nil
}

// CurrentVersions returns the current data version of every dataset that has
// one.
func (r *Registry) CurrentVersions(ctx context.Context) ([]DataVersion, error) {
	return r.everyVersion(ctx, func(v DataVersion) bool { return v.State == DataCurrent })
}

// StoredVersions returns what the zone store must keep: every version that is
// neither retired nor shredded.
func (r *Registry) StoredVersions(ctx context.Context) ([]DataVersion, error) {
	return r.everyVersion(ctx, func(v DataVersion) bool { return v.State != DataRetired && v.State != DataShredded })
}

func (r *Registry) everyVersion(ctx context.Context, want func(DataVersion) bool) ([]DataVersion, error) {
	var all []DataVersion
	err := r.View(ctx, func(tx *sql.Tx) error {
		names, err := r.loaded(ctx, tx)
		if err != nil {
			return err
		}
		for _, n := range names {
			versions, err := r.versions(ctx, tx, n[0], n[1])
			if err != nil {
				return err
			}
			all = append(all, slices.DeleteFunc(versions, func(v DataVersion) bool { return !want(v) })...)
		}
		return nil
	})
	return all, err
}

// loaded returns zone and name of every dataset that data were loaded of, in
// order.
func (r *Registry) loaded(ctx context.Context, q querier) ([][2]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT DISTINCT zone, dataset FROM data_events ORDER BY zone, dataset`)
	if err != nil {
		return nil, fmt.Errorf("registry: read data versions: %w", err)
	}
	defer rows.Close()
	var all [][2]string
	for rows.Next() {
		var n [2]string
		if err := rows.Scan(&n[0], &n[1]); err != nil {
			return nil, fmt.Errorf("registry: read data versions: %w", err)
		}
		all = append(all, n)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read data versions: %w", err)
	}
	return all, nil
}

// DataVersions returns every version of a dataset's data that was ever loaded,
// the first first.
func (r *Registry) DataVersions(ctx context.Context, zone, dataset string) ([]DataVersion, error) {
	return r.versions(ctx, r.reader, zone, dataset)
}

// DataVersion returns one version, or ErrNotFound.
func (r *Registry) DataVersion(ctx context.Context, zone, dataset, version string) (DataVersion, error) {
	return r.dataVersion(ctx, r.reader, zone, dataset, version)
}

// DataVersion is Registry.DataVersion as this transaction sees it.
func (tx *Tx) DataVersion(zone, dataset, version string) (DataVersion, error) {
	return tx.r.dataVersion(tx.ctx, tx.sql, zone, dataset, version)
}

func (r *Registry) dataVersion(ctx context.Context, q querier, zone, dataset, version string) (DataVersion, error) {
	all, err := r.versions(ctx, q, zone, dataset)
	if err != nil {
		return DataVersion{}, err
	}
	i := slices.IndexFunc(all, func(v DataVersion) bool { return v.Version == version })
	if i < 0 {
		return DataVersion{}, fmt.Errorf("registry: data of %s: %w", dataset, ErrNotFound)
	}
	return all[i], nil
}

// usableVersion returns the current data of a dataset, nil if there are none or
// the entry has come to promise what they were not checked for.
func (r *Registry) usableVersion(ctx context.Context, q querier, d Versioned[Dataset]) (*DataVersion, error) {
	v, err := r.currentVersion(ctx, q, d.Spec.Zone, d.Name)
	if err != nil || v == nil || v.Catalogue == d.Version {
		return v, err
	}
	entries, err := r.documents(ctx, q, `WHERE kind = ? AND name = ? AND version = ?`, KindDataset, d.Name, v.Catalogue)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("registry: entry of the data of %s: %w", d.Name, ErrNotFound)
	}
	old, err := SpecOf[Dataset](entries[0].Document)
	if err != nil || !d.Spec.keeps(old) {
		return nil, err
	}
	return v, nil
}

// keeps reports whether data admitted under the entry old hold what d says of
// them: the same entity key, and of each column it had the type, no nulls where
// there are none, and only public codes. A column it had not is not in the data.
func (d Dataset) keeps(old Dataset) bool {
	if (d.Entity == nil) != (old.Entity == nil) || d.Entity != nil && *d.Entity != *old.Entity {
		return false
	}
	for _, now := range d.Columns {
		i := slices.IndexFunc(old.Columns, func(c Column) bool { return c.Name == now.Name })
		if i < 0 {
			continue
		}
		was := old.Columns[i]
		unlisted := func(code string) bool { return !slices.Contains(now.PublicCodes, code) }
		if now.Type != was.Type || was.Nullable && !now.Nullable ||
			len(now.PublicCodes) > 0 && (len(was.PublicCodes) == 0 || slices.ContainsFunc(was.PublicCodes, unlisted)) {
			return false
		}
	}
	return true
}
