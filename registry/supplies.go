package registry

import (
	"context"
	"slices"
	"time"
)

// SupplyFacts is a supply with the zone whose data it gives. A supply to come or past
// its days stands there too: the clock is policy's.
type SupplyFacts struct {
	Versioned[Supply]
	Zone Versioned[Zone]
	// Moves is what the dataset's entry says otherwise since all agreed.
	Moves []EntryMove

	since time.Time // this version is in force
}

// Owner returns the zone under whose keys a dataset of f lies: the one f is of, or one
// that supplies it.
func (f Facts) Owner(d DatasetFacts) (Versioned[Zone], bool) {
	if d.Spec.Zone == f.Zone.Name {
		return f.Zone, true
	}
	i := slices.IndexFunc(f.Supplies, func(s SupplyFacts) bool { return s.Spec.Dataset == d.Name && s.Zone.Name == d.Spec.Zone })
	if i < 0 {
		return Versioned[Zone]{}, false
	}
	return f.Supplies[i].Zone, true
}

// suppliesTo returns the supplies of a dataset to a zone that are not revoked, by name,
// with who agreed to them and when.
func (r *Registry) suppliesTo(ctx context.Context, q querier, zone, dataset string) ([]SupplyFacts, error) {
	rows, err := r.documents(ctx, q, `WHERE kind = ? AND parent = ? AND `+newest+` ORDER BY name`, KindSupply, zone)
	if err != nil {
		return nil, err
	}
	var all []SupplyFacts
	for _, s := range rows {
		v := SupplyFacts{since: s.Meta.At}
		if v.Versioned, err = decoded[Supply](s); err != nil {
			return nil, err
		}
		if v.Spec.Dataset != dataset || v.Spec.Status == StatusRevoked {
			continue
		}
		s.dates(&v.Spec.FromZReg, &v.Spec.ToZReg, &v.Spec.Prov)
		all = append(all, v)
	}
	return all, nil
}

// supplyFacts returns the supplies that the grants of f stand on, by dataset.
func (r *Registry) supplyFacts(ctx context.Context, q querier, f Facts) ([]SupplyFacts, error) {
	var out []SupplyFacts
	for _, d := range f.Datasets {
		if d.Spec.Zone == f.Zone.Name {
			continue
		}
		all, err := r.suppliesTo(ctx, q, f.Zone.Name, d.Name)
		if err != nil {
			return nil, err
		}
		for _, s := range all {
			if s.Zone, err = load[Zone](ctx, r, q, KindZone, s.Spec.FromZone); err != nil {
				return nil, err
			}
			if s.Moves, err = r.entryMoves(ctx, q, s.Spec.grant(), s.since); err != nil {
				return nil, err
			}
			out = append(out, s)
		}
	}
	return out, nil
}
