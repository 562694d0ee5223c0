package registry

import "context"

// exceptions returns those of a license that are not revoked, by name, with when each
// party signed. One to come or past its days stands there too: the clock is policy's.
func (r *Registry) exceptions(ctx context.Context, q querier, license string) ([]Versioned[Exception], error) {
	rows, err := r.documents(ctx, q, `WHERE kind = ? AND parent = ? AND `+newest+` ORDER BY name`, KindException, license)
	if err != nil {
		return nil, err
	}
	var all []Versioned[Exception]
	for _, s := range rows {
		v, err := decoded[Exception](s)
		if err != nil {
			return nil, err
		}
		if v.Spec.Status == StatusRevoked {
			continue
		}
		s.dates(&v.Spec.City, &v.Spec.ZReg, &v.Spec.Prov)
		all = append(all, v)
	}
	return all, nil
}

// Exceptions returns the exceptions of a license that are not revoked, by name.
func (r *Registry) Exceptions(ctx context.Context, license string) ([]Versioned[Exception], error) {
	return r.exceptions(ctx, r.reader, license)
}
