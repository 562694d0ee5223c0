package registry

import (
	"context"
	"slices"
	"time"
)

// partners returns those of a license, or of all licenses if it is empty, by name.
func (r *Registry) partners(ctx context.Context, q querier, license string) ([]Versioned[Partner], error) {
	rows, err := r.documents(ctx, q, `WHERE kind = ? AND (parent = ? OR ? = '') AND `+newest+` ORDER BY name`, KindPartner, license, license)
	if err != nil {
		return nil, err
	}
	all := make([]Versioned[Partner], 0, len(rows))
	for _, s := range rows {
		p, err := decoded[Partner](s)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// partnerFacts returns what an organization works under a license by: what has not
// ended if there is any, nil if there never was.
func (r *Registry) partnerFacts(ctx context.Context, q querier, license, organization string) (*Versioned[Partner], error) {
	all, err := r.partners(ctx, q, license)
	if err != nil {
		return nil, err
	}
	var found *Versioned[Partner]
	for i, p := range all {
		if p.Spec.Organization == organization && (found == nil || !p.Spec.Ended()) {
			found = &all[i]
		}
	}
	return found, nil
}

// Works reports whether an organization has a license that has not ended, or works as
// a partner that has not ended under one.
func (r *Registry) Works(ctx context.Context, organization string) (bool, error) {
	return r.works(ctx, r.reader, organization)
}

func (r *Registry) works(ctx context.Context, q querier, organization string) (bool, error) {
	all, err := r.documents(ctx, q, `WHERE kind = ? AND `+newest, KindLicense)
	if err != nil {
		return false, err
	}
	live := map[string]bool{}
	for _, s := range all {
		l, err := SpecOf[License](s.Document)
		if err != nil {
			return false, err
		}
		if l.Operator == organization && !l.Ended() {
			return true, nil
		}
		live[s.Name] = !l.Ended()
	}
	partners, err := r.partners(ctx, q, "")
	return slices.ContainsFunc(partners, func(p Versioned[Partner]) bool {
		return p.Spec.Organization == organization && !p.Spec.Ended() && live[p.Spec.License]
	}), err
}

// under returns the partners, live or ended, under the licenses of an operator.
func (r *Registry) under(ctx context.Context, operator string) ([]Versioned[Partner], error) {
	all, err := r.partners(ctx, r.reader, "")
	if err != nil {
		return nil, err
	}
	var out []Versioned[Partner]
	for _, p := range all {
		l, err := load[License](ctx, r, r.reader, KindLicense, p.Spec.License)
		if err != nil {
			return nil, err
		}
		if l.Spec.Operator == operator {
			out = append(out, p)
		}
	}
	return out, nil
}

// Partners returns every organization that is or was a partner under a license of an
// operator, by name.
func (r *Registry) Partners(ctx context.Context, operator string) ([]string, error) {
	all, err := r.under(ctx, operator)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range all {
		if !slices.Contains(out, p.Spec.Organization) {
			out = append(out, p.Spec.Organization)
		}
	}
	slices.Sort(out)
	return out, nil
}

// PartnersAsked counts the questions that people of partners asked under an operator's
// licenses since a time.
func (r *Registry) PartnersAsked(ctx context.Context, operator string, since time.Time) (int64, error) {
	all, err := r.under(ctx, operator)
	if err != nil {
		return 0, err
	}
	seen, n := map[[2]string]bool{}, int64(0)
	for _, p := range all {
		key := [2]string{p.Spec.License, p.Spec.Organization}
		if seen[key] {
			continue
		}
		seen[key] = true
		some, err := r.countRuns(ctx, `created_at > ? AND in_place_of = ''
			AND scenario IN (SELECT name FROM documents WHERE kind = ? AND parent = ?)
			AND user IN (SELECT name FROM documents WHERE kind = ? AND parent = ?)`,
			since.UnixNano(), KindScenario, p.Spec.License, KindPerson, p.Spec.Organization)
		if err != nil {
			return 0, err
		}
		n += some
	}
	return n, nil
}
