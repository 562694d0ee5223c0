package registry

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// Ref names one version of a document.
type Ref struct {
	Kind, Name string
	Version    int64
}

// String returns kind, name and version, divided by spaces.
func (r Ref) String() string { return fmt.Sprintf("%s %s %d", r.Kind, r.Name, r.Version) }

// Documents returns the documents that f was read from, in the version it saw.
// A document may stand there twice.
func (f Facts) Documents() []Ref {
	all := []Ref{
		{KindPerson, f.Subject.Name, f.Subject.Version}, {KindOrganization, f.SubjectOrg.Name, f.SubjectOrg.Version},
		{KindZone, f.Zone.Name, f.Zone.Version}, {KindOrganization, f.Regulator.Name, f.Regulator.Version},
		{KindScenario, f.Scenario.Name, f.Scenario.Version}, {KindLicense, f.License.Name, f.License.Version},
		{KindOrganization, f.Operator.Name, f.Operator.Version},
	}
	if f.Partner != nil {
		all = append(all, Ref{KindPartner, f.Partner.Name, f.Partner.Version})
	}
	for _, p := range f.Recipients {
		all = append(all, Ref{KindPerson, p.Name, p.Version})
	}
	for _, g := range f.Grants {
		all = append(all, Ref{KindGrant, g.Name, g.Version})
		for _, z := range g.Bridges {
			all = append(all, Ref{KindZone, z.Name, z.Version})
		}
	}
	for _, d := range f.Datasets {
		all = append(all, Ref{KindDataset, d.Name, d.Version})
	}
	for _, s := range f.Supplies {
		all = append(all, Ref{KindSupply, s.Name, s.Version}, Ref{KindZone, s.Zone.Name, s.Zone.Version})
	}
	for _, l := range f.Negative {
		all = append(all, Ref{KindNegativeList, l.Name, l.Version})
	}
	for _, r := range f.Restrictions {
		all = append(all, Ref{KindRestriction, r.Name, r.Version})
	}
	for _, x := range f.Exceptions {
		all = append(all, Ref{KindException, x.Name, x.Version})
	}
	if f.Template != nil {
		all = append(all, Ref{KindTemplate, f.Template.Name, f.Template.Version})
	}
	return all
}

// Overtaken returns the newer version of a document that f was read from, one that
// ought to be in force by now, a negative list or restriction that is new since,
// consents to its scenario that were withdrawn, or what became of data that f names,
// nil if there is none. Facts are a function of their documents, of the negative lists and
// of what was loaded and granted new since, which takes nothing away: while no
// document of theirs has a newer version, nothing was listed, and no consent and no
// data of theirs were withdrawn, they stand, whatever else raised the epoch.
func (r *Registry) Overtaken(ctx context.Context, f Facts) (*Ref, error) {
	var by *Ref
	err := r.View(ctx, func(tx *sql.Tx) error {
		_, epoch, _, err := state(ctx, tx)
		if err == nil {
			by, err = r.overtaken(ctx, tx, epoch, r.cfg.Now(), f)
		}
		return err
	})
	return by, err
}

// Overtaken is Registry.Overtaken as this transaction sees it.
func (tx *Tx) Overtaken(f Facts) (*Ref, error) {
	return tx.r.overtaken(tx.ctx, tx.sql, tx.epoch, tx.at, f)
}

func (r *Registry) overtaken(ctx context.Context, q querier, epoch int64, now time.Time, f Facts) (*Ref, error) {
	if by, err := dueOver(ctx, q, now, f); by != nil || err != nil {
		return by, err
	}
	if epoch == f.Epoch {
		return nil, nil // every newer version of a document raises it, and whatever withdraws data
	}
	for _, seen := range f.Documents() {
		var version sql.NullInt64
		err := q.QueryRowContext(ctx, `SELECT max(version) FROM documents WHERE kind = ? AND name = ?`, seen.Kind, seen.Name).Scan(&version)
		if err != nil {
			return nil, fmt.Errorf("registry: compare %s %s: %w", seen.Kind, seen.Name, err)
		}
		if version.Int64 != seen.Version {
			return &Ref{seen.Kind, seen.Name, version.Int64}, nil
		}
	}
	if by, err := newlyListed(ctx, q, f); by != nil || err != nil {
		return by, err
	}
	if by, err := r.newlyRestricted(ctx, q, f); by != nil || err != nil {
		return by, err
	}
	if by, err := consentsWithdrawn(ctx, q, f); by != nil || err != nil {
		return by, err
	}
	return withdrawn(ctx, q, f)
}

// dueOver returns a document whose time has come, that is not in force yet and that
// overtakes f when it is: a version of one f was read from, a negative list, or a
// measure, of whatever it is.
func dueOver(ctx context.Context, q querier, now time.Time, f Facts) (*Ref, error) {
	if by, err := due(ctx, q, now, ""); by == nil || err != nil {
		return nil, err
	}
	for _, seen := range f.Documents() {
		if by, err := due(ctx, q, now, `AND kind = ? AND name = ?`, seen.Kind, seen.Name); by != nil || err != nil {
			return by, err
		}
	}
	return due(ctx, q, now, `AND kind IN (?, ?)`, KindNegativeList, KindRestriction)
}

// newlyListed returns a negative list that f was read before.
func newlyListed(ctx context.Context, q querier, f Facts) (*Ref, error) {
	rows, err := q.QueryContext(ctx, `SELECT name, max(version) FROM documents WHERE kind = ? GROUP BY name ORDER BY name`, KindNegativeList)
	if err != nil {
		return nil, fmt.Errorf("registry: compare negative lists: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		ref := Ref{Kind: KindNegativeList}
		if err := rows.Scan(&ref.Name, &ref.Version); err != nil {
			return nil, fmt.Errorf("registry: compare negative lists: %w", err)
		}
		if !slices.ContainsFunc(f.Negative, func(l Versioned[NegativeList]) bool { return l.Name == ref.Name }) {
			return &ref, nil
		}
	}
	return nil, rows.Err()
}

// consentsWithdrawn returns how many withdrawals there are if f was read before one.
func consentsWithdrawn(ctx context.Context, q querier, f Facts) (*Ref, error) {
	var n int64
	err := q.QueryRowContext(ctx, `SELECT count(*) FROM consent_withdrawals w JOIN consent_scopes s ON s.id = w.scope
		WHERE s.zone = ? AND s.scenario = ?`, f.Zone.Name, f.Scenario.Name).Scan(&n)
	if err != nil {
		return nil, fmt.Errorf("registry: compare consents to %s: %w", f.Scenario.Name, err)
	}
	if n != f.Consents.Withdrawals {
		return &Ref{KindConsents, f.Scenario.Name, n}, nil
	}
	return nil, nil
}
