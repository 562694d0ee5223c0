package registry

import (
	"context"
	"slices"
)

// Concerns reports whether r is about what f stands on: its operator, license,
// scenario, zone, a zone that supplies it, or a dataset among those of f.
func (r Restriction) Concerns(f Facts) bool {
	switch r.Level {
	case LevelOperator:
		return r.Target == f.Operator.Name || r.Target == f.SubjectOrg.Name
	case LevelLicense:
		return r.Target == f.License.Name
	case LevelScenario:
		return r.Target == f.Scenario.Name
	case LevelZone:
		return r.Target == f.Zone.Name || slices.ContainsFunc(f.Supplies, func(s SupplyFacts) bool { return s.Zone.Name == r.Target })
	}
	return slices.ContainsFunc(f.Datasets, func(d DatasetFacts) bool { return d.Name == r.dataset() })
}

// concerning returns those of all that concern f.
func concerning(all []Versioned[Restriction], f Facts) []Versioned[Restriction] {
	return slices.DeleteFunc(slices.Clone(all), func(v Versioned[Restriction]) bool { return !v.Spec.Concerns(f) })
}

// restrictions returns those that are not lifted, by name.
func (r *Registry) restrictions(ctx context.Context, q querier) ([]Versioned[Restriction], error) {
	rows, err := r.documents(ctx, q, `WHERE kind = ? AND parent <> '' AND `+newest+` ORDER BY name`, KindRestriction)
	if err != nil {
		return nil, err
	}
	var all []Versioned[Restriction]
	for _, s := range rows {
		v, err := decoded[Restriction](s)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// newlyRestricted returns a restriction that concerns f and that f was read before.
// One that was lifted since is no reason: what it took away was not given.
func (r *Registry) newlyRestricted(ctx context.Context, q querier, f Facts) (*Ref, error) {
	all, err := r.restrictions(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, v := range concerning(all, f) {
		if !slices.ContainsFunc(f.Restrictions, func(o Versioned[Restriction]) bool { return o.Name == v.Name }) {
			return &Ref{KindRestriction, v.Name, v.Version}, nil
		}
	}
	return nil, nil
}
