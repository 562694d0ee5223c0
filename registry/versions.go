package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// DataVersion is one loaded version of a dataset's data.
type DataVersion struct {
	Zone, Dataset, Version string
	Manifest               string // SHA-256 of the zone store's manifest, hex
	Rows                   int64
	LoadedBy               string
	LoadedAt               time.Time
	// Catalogue is the version of the catalogue entry the data were checked
	// against; 0 lets SetVersion take the one in force.
	Catalogue int64
	// Meta holds what else the loader keeps, in its own encoding.
	Meta json.RawMessage
}

// SetVersion makes v the current data of its dataset. It returns a Refusal if
// the catalogue has no such dataset in that zone or does not allow loading it,
// and ErrConflict if that version was set before.
func (tx *Tx) SetVersion(v DataVersion) error {
	refuse := func(code, path, article string, t text) error {
		return &Refusal{[]Fault{{code, KindDataset, v.Dataset, path, t.zh, t.en, article}}}
	}
	d, err := load[Dataset](tx.ctx, tx.r, tx.sql, KindDataset, v.Dataset)
	switch {
	case errors.Is(err, ErrNotFound):
		return refuse(CodeReference, "", "", say("no such dataset in the catalogue", "目录中没有该数据集"))
	case err != nil:
		return err
	case d.Spec.Zone != v.Zone:
		return refuse(CodeReference, "/spec/zone", "NJ24-05", say("the dataset does not belong to zone %s", "数据集不属于专区 %s", v.Zone))
	case d.Spec.OpenType == openProhibited:
		return refuse(CodeForbidden, "/spec/open_type", "NJ24-02", say("data that must not be opened may not be operated", "依法不能开放的公共数据不得开展授权运营"))
	case d.Spec.Status != StatusPublished:
		return refuse(CodeForbidden, "/spec/status", "NJ24-15", say("the catalogue entry is not published", "目录条目未发布"))
	}
	if v.Catalogue == 0 {
		v.Catalogue = d.Version
	}
	v.LoadedAt = tx.at
	tx.learned = true
	body, err := tx.r.sealRow(v, "data", v.Zone, v.Dataset, v.Version, strconv.FormatInt(tx.revision, 10))
	if err != nil {
		return err
	}
	res, err := tx.sql.ExecContext(tx.ctx,
		`INSERT INTO data_versions (zone, dataset, version, revision, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		v.Zone, v.Dataset, v.Version, tx.revision, body)
	if err != nil {
		return fmt.Errorf("registry: set version of %s: %w", v.Dataset, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("registry: set version of %s: %w", v.Dataset, ErrConflict)
	}
	return nil
}

// SetVersion sets v in a transaction of its own.
func (r *Registry) SetVersion(ctx context.Context, v DataVersion) error {
	return r.Update(ctx, func(tx *Tx) error { return tx.SetVersion(v) })
}

// CurrentVersion returns the data version set last, or ErrNotFound.
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
// one: what the zone store must keep.
func (r *Registry) CurrentVersions(ctx context.Context) ([]DataVersion, error) {
	var all []DataVersion
	err := r.View(ctx, func(tx *sql.Tx) error {
		sets, err := r.documents(ctx, tx, `WHERE kind = ? AND `+newest+` ORDER BY name`, KindDataset)
		if err != nil {
			return err
		}
		for _, s := range sets {
			v, err := r.currentVersion(ctx, tx, s.Meta.Parent, s.Name)
			if err != nil {
				return err
			}
			if v != nil {
				all = append(all, *v)
			}
		}
		return nil
	})
	return all, err
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

// currentVersion returns nil if nothing was loaded yet.
func (r *Registry) currentVersion(ctx context.Context, q querier, zone, dataset string) (*DataVersion, error) {
	var version string
	var revision int64
	var body []byte
	err := q.QueryRowContext(ctx, `SELECT version, revision, body FROM data_versions
		WHERE zone = ? AND dataset = ? ORDER BY revision DESC LIMIT 1`, zone, dataset).Scan(&version, &revision, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("registry: read data version of %s: %w", dataset, err)
	}
	var v DataVersion
	err = r.openRow(body, &v, "data", zone, dataset, version, strconv.FormatInt(revision, 10))
	if err != nil {
		return nil, err
	}
	return &v, nil
}
