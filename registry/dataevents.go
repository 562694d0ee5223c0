package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrDataState means that a data version is not in a state in which that can
// happen to it.
var ErrDataState = errors.New("data version is not in a state for that")

// KindData is the kind of a Ref that names an event of data, its version being
// the revision.
const KindData = "Data"

// Kinds of events of data. Rows with the first two describe the version.
const (
	dataLoaded      = "LOADED"
	dataHeld        = "HELD"
	dataCurrent     = "CURRENT"
	dataQuarantined = "QUARANTINED"
	dataRetired     = "RETIRED"
	dataShredded    = "SHREDDED"
	dataRewrapped   = "REWRAPPED"
	dataOrdered     = "ORDERED"
)

// DataChange says what is to happen to a data version, and by whom.
type DataChange struct {
	Zone, Dataset, Version string
	By, Org, Role          string
	Reason                 string // stays in the registry, encrypted
}

// DataEvent is one thing that happened to a data version.
type DataEvent struct {
	Zone, Dataset, Version string
	Revision               int64
	Kind                   string
	Manifest               string // in force since
	By                     string
	At                     time.Time
	Reason                 string
	Order                  string   // what was ordered
	Shredded               []string `json:",omitempty"` // columns without a key, of a manifest
}

// Orders that wait for a second person.
const (
	OrderRollback = "rollback"
	OrderRetire   = "retire"
	OrderRelease  = "release"
)

// Quarantine takes a version out of use, and every version that was made from it:
// they hold its rows. It returns them all. If one is current the dataset has no
// current data then: nothing older takes its place by itself. Each is lifted by a
// decision of its own.
func (tx *Tx) Quarantine(c DataChange) ([]string, error) {
	all, err := tx.r.versions(tx.ctx, tx.sql, c.Zone, c.Dataset)
	if err != nil {
		return nil, err
	}
	if err := tx.changeData(c, dataQuarantined, DataCurrent, DataKept); err != nil {
		return nil, err
	}
	out, has := []string{c.Version}, map[string]bool{c.Version: true} // its rows; a base is loaded before what stands on it
	for _, v := range all {
		if v.Lineage.Base == "" || !has[v.Lineage.Base] {
			continue
		}
		has[v.Version] = true
		if v.State != DataCurrent && v.State != DataKept {
			continue
		}
		with := c
		with.Version = v.Version
		if err := tx.changeData(with, dataQuarantined, DataCurrent, DataKept); err != nil {
			return nil, err
		}
		out = append(out, v.Version)
	}
	return out, nil
}

// ReleaseQuarantined makes a version current that was quarantined. It returns
// ErrDataState if a later one is current, or if a version that it was made from
// was quarantined and not released, whatever became of that since.
func (tx *Tx) ReleaseQuarantined(c DataChange) error {
	if _, err := tx.loadable(c.Zone, c.Dataset); err != nil {
		return err
	}
	all, err := tx.r.versions(tx.ctx, tx.sql, c.Zone, c.Dataset)
	if err != nil {
		return err
	}
	at := func(version string) int {
		return slices.IndexFunc(all, func(v DataVersion) bool { return v.Version == version })
	}
	i := at(c.Version)
	if i < 0 {
		return fmt.Errorf("registry: data of %s: %w", c.Dataset, ErrNotFound)
	}
	if b := at(all[i].Lineage.Base); b >= 0 && all[b].Doubtful ||
		slices.ContainsFunc(all[i+1:], func(v DataVersion) bool { return v.State == DataCurrent }) {
		return fmt.Errorf("registry: release data of %s: %w", c.Dataset, ErrDataState)
	}
	return tx.changeData(c, dataCurrent, DataQuarantined)
}

// Rollback makes an earlier version current and quarantines the one that is, with
// what was made from that. It returns them; facts that name one are overtaken. To
// what was made from the current version, or from one in quarantine, nobody rolls
// back: ErrDataState.
func (tx *Tx) Rollback(c DataChange) (quarantined []string, err error) {
	if _, err := tx.loadable(c.Zone, c.Dataset); err != nil {
		return nil, err
	}
	now, err := tx.r.currentVersion(tx.ctx, tx.sql, c.Zone, c.Dataset)
	if err != nil {
		return nil, err
	}
	if now != nil && now.Version != c.Version {
		from := c
		from.Version = now.Version
		if quarantined, err = tx.Quarantine(from); err != nil {
			return nil, err
		}
	}
	to, err := tx.DataVersion(c.Zone, c.Dataset, c.Version)
	if err != nil {
		return nil, err
	}
	if to.Doubtful {
		return nil, fmt.Errorf("registry: roll back data of %s: %w", c.Dataset, ErrDataState)
	}
	return quarantined, tx.changeData(c, dataCurrent, DataKept)
}

// Retire says that a version is needed no more: its files may go. The current one
// is not retired.
func (tx *Tx) Retire(c DataChange) error {
	return tx.changeData(c, dataRetired, DataKept, DataQuarantined)
}

// Shredded says that nobody can read a version any more, whatever state it was in.
func (tx *Tx) Shredded(c DataChange) error {
	return tx.changeData(c, dataShredded, DataCurrent, DataKept, DataQuarantined, DataRetired)
}

// Rewrapped says that another manifest of the same rows is in force, in which the
// columns shredded have no key.
func (tx *Tx) Rewrapped(c DataChange, manifest string, shredded ...string) error {
	v, err := tx.DataVersion(c.Zone, c.Dataset, c.Version)
	if err != nil {
		return err
	}
	if v.State == DataShredded || v.State == DataRetired {
		return fmt.Errorf("registry: %s of data of %s: %w", dataRewrapped, c.Dataset, ErrDataState)
	}
	if err := tx.BumpEpoch(); err != nil { // facts name a manifest that may go
		return err
	}
	return tx.addDataEvent(DataEvent{Kind: dataRewrapped, Manifest: manifest, Shredded: shredded}, c)
}

// OrderData notes that somebody wants something done to a version that takes a
// second person.
func (tx *Tx) OrderData(c DataChange, order string) error {
	v, err := tx.DataVersion(c.Zone, c.Dataset, c.Version)
	if err != nil {
		return err
	}
	return tx.addDataEvent(DataEvent{Kind: dataOrdered, Manifest: v.Manifest, Order: order}, c)
}

// OrderedBy returns who ordered what at or after since, "" if nobody: orders
// are void once anything else happened to the data of the dataset.
func (tx *Tx) OrderedBy(zone, dataset, version, order string, since time.Time) (string, error) {
	all, err := tx.r.dataHistory(tx.ctx, tx.sql, zone, dataset)
	if err != nil {
		return "", err
	}
	for _, e := range slices.Backward(all) {
		if e.Kind != dataOrdered {
			break
		}
		if e.Version == version && e.Order == order && !e.At.Before(since) {
			return e.By, nil
		}
	}
	return "", nil
}

// changeData adds an event to a version that is in one of the states from.
func (tx *Tx) changeData(c DataChange, kind string, from ...string) error {
	v, err := tx.DataVersion(c.Zone, c.Dataset, c.Version)
	if err != nil {
		return err
	}
	if !slices.Contains(from, v.State) {
		return fmt.Errorf("registry: %s of data of %s: %w", kind, c.Dataset, ErrDataState)
	}
	if kind != dataCurrent {
		if err := tx.BumpEpoch(); err != nil {
			return err
		}
	}
	return tx.addData(c, kind, v.Manifest)
}

func (tx *Tx) addData(c DataChange, kind, manifest string) error {
	return tx.addDataEvent(DataEvent{Kind: kind, Manifest: manifest}, c)
}

// addDataEvent stores an event and the log entry that goes with it: whoever
// takes the row away is found out by the log.
func (tx *Tx) addDataEvent(e DataEvent, c DataChange) error {
	e.Zone, e.Dataset, e.Version, e.Revision = c.Zone, c.Dataset, c.Version, tx.revision
	e.By, e.At, e.Reason = c.By, tx.at, c.Reason
	if err := tx.putData(c.Zone, c.Dataset, c.Version, e.Kind, e); err != nil {
		return err
	}
	fields := map[string]string{"dataset": c.Dataset, "version": c.Version, "manifest": e.Manifest, "epoch": strconv.FormatInt(tx.epoch, 10)}
	for name, v := range map[string]string{"org": c.Org, "role": c.Role, "order": e.Order} {
		if v != "" {
			fields[name] = v
		}
	}
	return tx.Emit(Event{Kind: "data." + strings.ToLower(e.Kind), Actor: c.By, Zone: c.Zone, Fields: fields})
}

// putData stores one row of data_events. A version that is loaded twice is
// ErrConflict.
func (tx *Tx) putData(zone, dataset, version, kind string, body any) error {
	tx.learned = true
	var seq int64
	err := tx.sql.QueryRowContext(tx.ctx, `SELECT count(*) FROM data_events WHERE zone = ? AND dataset = ? AND revision = ?`,
		zone, dataset, tx.revision).Scan(&seq)
	if err != nil {
		return fmt.Errorf("registry: store data event of %s: %w", dataset, err)
	}
	row := dataRow{zone, dataset, version, kind, tx.revision, seq}
	sealed, err := tx.r.sealRow(body, row.parts()...)
	if err != nil {
		return err
	}
	res, err := tx.sql.ExecContext(tx.ctx, `INSERT INTO data_events (zone, dataset, version, revision, seq, kind, body)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, zone, dataset, version, tx.revision, seq, kind, sealed)
	if err != nil {
		return fmt.Errorf("registry: store data event of %s: %w", dataset, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("registry: store data event of %s: %w", dataset, ErrConflict)
	}
	return nil
}

// dataRow is the plain part of a row of data_events.
type dataRow struct {
	zone, dataset, version, kind string
	revision, seq                int64
}

func (d dataRow) loads() bool { return d.kind == dataLoaded || d.kind == dataHeld }

// parts names the row for its AEAD. The body of a load says by itself whether it
// became current.
func (d dataRow) parts() []string {
	if d.loads() {
		return []string{"data", d.zone, d.dataset, d.version, strconv.FormatInt(d.revision, 10)}
	}
	return []string{"data-event", d.zone, d.dataset, d.version, strconv.FormatInt(d.revision, 10), strconv.FormatInt(d.seq, 10), d.kind}
}

// dataRows calls f for each event of a dataset's data, in the order they
// happened. An empty dataset means all of all zones.
func dataRows(ctx context.Context, q querier, zone, dataset string, f func(d dataRow, body []byte) error) error {
	rows, err := q.QueryContext(ctx, `SELECT zone, dataset, version, revision, seq, kind, body FROM data_events
		WHERE ?2 = '' OR zone = ?1 AND dataset = ?2 ORDER BY revision, zone, dataset, seq`, zone, dataset)
	if err != nil {
		return fmt.Errorf("registry: read data of %s: %w", dataset, err)
	}
	defer rows.Close()
	for rows.Next() {
		var d dataRow
		var body []byte
		if err := rows.Scan(&d.zone, &d.dataset, &d.version, &d.revision, &d.seq, &d.kind, &body); err != nil {
			return fmt.Errorf("registry: read data of %s: %w", dataset, err)
		}
		if err := f(d, body); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("registry: read data of %s: %w", dataset, err)
	}
	return nil
}

// openData opens the row of a load.
func (r *Registry) openData(d dataRow, body []byte) (DataVersion, error) {
	var v DataVersion
	if err := r.openRow(body, &v, d.parts()...); err != nil {
		return v, err
	}
	if (v.State == DataQuarantined) != (d.kind == dataHeld) {
		return v, fmt.Errorf("registry: data of %s: %w", d.dataset, ErrCorrupt)
	}
	return v, nil
}

// openEvent opens any row.
func (r *Registry) openEvent(d dataRow, body []byte) (DataEvent, error) {
	if d.loads() {
		v, err := r.openData(d, body)
		return DataEvent{Zone: d.zone, Dataset: d.dataset, Version: d.version, Revision: d.revision, Kind: d.kind, Manifest: v.Manifest,
			By: v.LoadedBy, At: v.LoadedAt}, err
	}
	var e DataEvent
	return e, r.openRow(body, &e, d.parts()...)
}

// DataHistory returns everything that happened to the data of a dataset, or of
// all datasets if dataset is "", in the order it did.
func (r *Registry) DataHistory(ctx context.Context, zone, dataset string) ([]DataEvent, error) {
	return r.dataHistory(ctx, r.reader, zone, dataset)
}

func (r *Registry) dataHistory(ctx context.Context, q querier, zone, dataset string) ([]DataEvent, error) {
	var all []DataEvent
	err := dataRows(ctx, q, zone, dataset, func(d dataRow, body []byte) error {
		e, err := r.openEvent(d, body)
		all = append(all, e)
		return err
	})
	return all, err
}

// versions returns every version of a dataset's data with its state.
func (r *Registry) versions(ctx context.Context, q querier, zone, dataset string) ([]DataVersion, error) {
	var all []DataVersion
	current := ""
	err := dataRows(ctx, q, zone, dataset, func(d dataRow, body []byte) error {
		if d.loads() {
			v, err := r.openData(d, body)
			if err != nil {
				return err
			}
			v.State = DataKept
			if d.kind == dataLoaded {
				current = d.version
			}
			all = append(all, v)
			return nil
		}
		e, err := r.openEvent(d, body)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(v DataVersion) bool { return v.Version == e.Version })
		if i < 0 {
			return fmt.Errorf("registry: data of %s: an event of a version that was not loaded: %w", dataset, ErrCorrupt)
		}
		switch e.Kind {
		case dataCurrent:
			all[i].State, all[i].Doubtful, current = DataKept, false, e.Version
		case dataQuarantined, dataRetired, dataShredded:
			all[i].State = e.Kind
			all[i].Doubtful = all[i].Doubtful || e.Kind == dataQuarantined
			if current == e.Version {
				current = ""
			}
		case dataRewrapped:
			all[i].Manifest, all[i].Shredded = e.Manifest, e.Shredded
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	doubtful := map[string]bool{} // a base is loaded before what stands on it
	for i := range all {
		if all[i].Version == current {
			all[i].State = DataCurrent
		}
		all[i].Doubtful = all[i].Doubtful || doubtful[all[i].Lineage.Base]
		doubtful[all[i].Version] = all[i].Doubtful
	}
	return all, nil
}

// currentVersion returns nil if there is none. Of the rows of a dataset it opens
// those alone that say which it is and what it is: facts are read for each
// question, and histories grow.
func (r *Registry) currentVersion(ctx context.Context, q querier, zone, dataset string) (*DataVersion, error) {
	type sealed struct {
		row  dataRow
		body []byte
	}
	loads, manifests := map[string]sealed{}, map[string]sealed{}
	var chose *sealed
	err := dataRows(ctx, q, zone, dataset, func(d dataRow, body []byte) error {
		s := sealed{d, body}
		switch d.kind {
		case dataLoaded:
			loads[d.version], chose = s, &s
		case dataHeld:
			loads[d.version] = s
		case dataCurrent:
			chose = &s
		case dataQuarantined, dataRetired, dataShredded:
			if chose != nil && chose.row.version == d.version {
				chose = nil
			}
		case dataRewrapped:
			manifests[d.version] = s
		}
		return nil
	})
	if err != nil || chose == nil {
		return nil, err
	}
	if _, err := r.openEvent(chose.row, chose.body); err != nil {
		return nil, err
	}
	of, ok := loads[chose.row.version]
	if !ok {
		return nil, fmt.Errorf("registry: data of %s: %w", dataset, ErrCorrupt)
	}
	v, err := r.openData(of.row, of.body)
	if err != nil {
		return nil, err
	}
	v.State = DataCurrent
	if m, ok := manifests[v.Version]; ok {
		e, err := r.openEvent(m.row, m.body)
		if err != nil {
			return nil, err
		}
		v.Manifest, v.Shredded = e.Manifest, e.Shredded
	}
	return &v, nil
}

// withdrawn returns the event by which a data version that f names came to be
// what it was not, nil if there is none.
func withdrawn(ctx context.Context, q querier, f Facts) (*Ref, error) {
	for _, d := range f.Datasets {
		if d.Data == nil {
			continue
		}
		var revision sql.NullInt64
		err := q.QueryRowContext(ctx, `SELECT max(revision) FROM data_events WHERE zone = ? AND dataset = ? AND version = ? AND revision > ?
			AND kind NOT IN ('CURRENT', 'ORDERED')`, d.Data.Zone, d.Data.Dataset, d.Data.Version, f.Revision).Scan(&revision)
		if err != nil {
			return nil, fmt.Errorf("registry: compare data of %s: %w", d.Name, err)
		}
		if revision.Valid {
			return &Ref{KindData, d.Name, revision.Int64}, nil
		}
	}
	return nil, nil
}
