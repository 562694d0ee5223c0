package registry

import (
	"context"
	"errors"
	"slices"
	"time"
)

// DataRetention says how long versions of data are kept that are no longer current:
// while they are among the newest Versions, the current one counted, or younger
// than Days since they were loaded. A field that is 0 keeps nothing by itself.
type DataRetention struct {
	Versions int `json:"versions,omitempty"`
	Days     int `json:"days,omitempty"`
}

// DefaultRetention keeps the version before the current one, so that a bad
// delivery is rolled back without asking for the last one again, for the price of
// the same room once more. Whoever has to show older ones says so in the entry.
var DefaultRetention = DataRetention{Versions: 2}

// Expired returns the versions of a dataset that r lets go at the time now: none
// that is current. What is quarantined is counted apart from what is kept, and
// both from the newest on. all is in the order of the loads.
func (r DataRetention) Expired(all []DataVersion, now time.Time) []DataVersion {
	var out []DataVersion
	kept, held := 0, 0
	if slices.ContainsFunc(all, func(v DataVersion) bool { return v.State == DataCurrent }) {
		kept++
	}
	for _, v := range slices.Backward(all) {
		n := &kept
		switch v.State {
		case DataKept:
		case DataQuarantined:
			n = &held
		default:
			continue
		}
		*n++
		if *n > r.Versions && !now.Before(v.LoadedAt.AddDate(0, 0, r.Days)) {
			out = append(out, v)
		}
	}
	slices.Reverse(out)
	return out
}

// Expired returns the versions of a dataset that its retention lets go, by its
// entry, or its zone, or the default.
func (tx *Tx) Expired(zone, dataset string) ([]DataVersion, error) {
	return tx.r.expired(tx.ctx, tx.sql, zone, dataset, tx.at)
}

// Expired is Tx.Expired as of now.
func (r *Registry) Expired(ctx context.Context, zone, dataset string) ([]DataVersion, error) {
	return r.expired(ctx, r.reader, zone, dataset, r.cfg.Now())
}

func (r *Registry) expired(ctx context.Context, q querier, zone, dataset string, now time.Time) ([]DataVersion, error) {
	keep := DefaultRetention
	z, err := load[Zone](ctx, r, q, KindZone, zone)
	if err == nil && z.Spec.Retention != nil {
		keep = *z.Spec.Retention
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	d, err := load[Dataset](ctx, r, q, KindDataset, dataset)
	if err == nil && d.Spec.Retention != nil {
		keep = *d.Spec.Retention
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	all, err := r.versions(ctx, q, zone, dataset)
	if err != nil {
		return nil, err
	}
	return keep.Expired(all, now), nil
}

// Loaded returns zone and name of every dataset that data were loaded of.
func (r *Registry) Loaded(ctx context.Context) ([][2]string, error) { return r.loaded(ctx, r.reader) }
