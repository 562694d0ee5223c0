package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// BearOnFacts are the kinds of documents that Facts is made of: a draft of another
// kind changes nothing that was decided on a statement, a delivery or a preview.
var BearOnFacts = []string{KindOrganization, KindPerson, KindZone, KindNegativeList, KindDataset, KindLicense, KindSupply,
	KindScenario, KindGrant, KindPartner, KindTemplate, KindRestriction, KindException}

// Past reads what the registry said earlier, with drafts in force or without. It has a
// connection of its own, on which temporary views stand in front of the tables: no
// other reader sees a draft, and nothing is written to the file. It is for one
// goroutine; Close ends it.
type Past struct {
	r      *Registry
	db     *sql.DB
	drafts []Document
}

// Past opens the registry's past. The drafts are taken as applied by whoever may, as
// the newest of all documents there were, and signed by everybody they name.
func (r *Registry) Past(ctx context.Context, drafts []Document) (*Past, error) {
	db, err := connect(r.path, 1, url.Values{"mode": {"ro"}, "_pragma": {"temp_store(2)"}}) // temporary tables are in memory
	if err != nil {
		return nil, err
	}
	p := &Past{r: r, db: db, drafts: slices.Clone(drafts)}
	slices.SortStableFunc(p.drafts, func(a, b Document) int { return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind) })
	for _, statement := range []string{
		`CREATE TEMP TABLE moment (revision INTEGER NOT NULL, drafted INTEGER NOT NULL)`,
		`INSERT INTO moment VALUES (0, 0)`,
		`CREATE TEMP TABLE drafts AS SELECT * FROM main.documents LIMIT 0`,
		`CREATE TEMP VIEW documents AS SELECT * FROM main.documents WHERE revision <= (SELECT revision FROM temp.moment)
			UNION ALL SELECT * FROM temp.drafts WHERE (SELECT drafted FROM temp.moment)`,
		`CREATE TEMP VIEW data_events AS SELECT * FROM main.data_events WHERE revision <= (SELECT revision FROM temp.moment)`,
		`CREATE TEMP TABLE pending_documents AS SELECT * FROM main.pending_documents LIMIT 0`,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("registry: look at the past: %w", err), db.Close())
		}
	}
	return p, nil
}

// Close forgets the drafts.
func (p *Past) Close() error { return p.db.Close() }

// State returns the revision of the last change of documents or data up to a revision:
// between the two nothing that Facts is made of changed.
func (p *Past) State(ctx context.Context, revision int64) (int64, error) {
	var state int64
	err := p.db.QueryRowContext(ctx, `SELECT max((SELECT coalesce(max(revision), 0) FROM main.documents WHERE revision <= ?1),
		(SELECT coalesce(max(revision), 0) FROM main.data_events WHERE revision <= ?1))`, revision).Scan(&state)
	if err != nil {
		return 0, fmt.Errorf("registry: look at revision %d: %w", revision, err)
	}
	return state, nil
}

// At has all that is read until the next At be of a revision, without the drafts.
func (p *Past) At(ctx context.Context, revision int64) error {
	if _, err := p.db.ExecContext(ctx, `UPDATE temp.moment SET revision = ?, drafted = 0`, revision); err != nil {
		return fmt.Errorf("registry: look at revision %d: %w", revision, err)
	}
	return nil
}

// Drafted puts the drafts in force at the revision of the last At.
func (p *Past) Drafted(ctx context.Context) error {
	var revision, last int64
	err := p.db.QueryRowContext(ctx, `SELECT (SELECT revision FROM temp.moment), coalesce(max(applied_at), 0) FROM documents`).Scan(&revision, &last)
	if err != nil {
		return fmt.Errorf("registry: look at drafts: %w", err)
	}
	if _, err := p.db.ExecContext(ctx, `DELETE FROM temp.drafts`); err != nil {
		return fmt.Errorf("registry: look at drafts: %w", err)
	}
	if _, err := p.db.ExecContext(ctx, `UPDATE temp.moment SET drafted = 1`); err != nil {
		return fmt.Errorf("registry: look at drafts: %w", err)
	}
	for _, doc := range p.drafts {
		s := stored{Document: doc, Meta: Meta{Kind: doc.Kind, Name: doc.Name, Version: 1, Revision: revision, At: time.Unix(0, last).UTC()}}
		before, err := p.r.get(ctx, p.db, doc.Kind, doc.Name)
		if err == nil {
			s.Meta.Version = before.Meta.Version + 1
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
		if s.Meta.Parent, err = parentOf(doc); err != nil {
			return err
		}
		if s.Signers, err = p.signers(ctx, doc, before.Signers, s.Meta.At.Format(time.RFC3339Nano)); err != nil {
			return err
		}
		body, err := p.r.sealRow(s, documentParts(s.Meta)...)
		if err != nil {
			return err
		}
		m := s.Meta
		_, err = p.db.ExecContext(ctx, `INSERT INTO temp.drafts (kind, name, version, parent, revision, applied_by, applied_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			m.Kind, m.Name, m.Version, m.Parent, m.Revision, m.By, m.At.UnixNano(), body)
		if err != nil {
			return fmt.Errorf("registry: look at drafts: %w", err)
		}
	}
	return nil
}

// Facts is Registry.Enter at that moment.
func (p *Past) Facts(ctx context.Context, q Query) (Facts, error) {
	return moment{ctx: ctx, r: p.r, q: p.db}.facts(q)
}

// Zone returns the zone of a scenario's license at that moment, or ErrNotFound.
func (p *Past) Zone(ctx context.Context, scenario string) (string, error) {
	s, err := load[Scenario](ctx, p.r, p.db, KindScenario, scenario)
	if err != nil {
		return "", err
	}
	l, err := load[License](ctx, p.r, p.db, KindLicense, s.Spec.License)
	return l.Spec.Zone, err
}

// Person returns a person of that moment, active or not, or ErrNotFound.
func (p *Past) Person(ctx context.Context, name string) (Person, error) {
	v, err := load[Person](ctx, p.r, p.db, KindPerson, name)
	return v.Spec, err
}

// signers returns who signed a draft: all whom the rules of its kind want. Those of the
// version before stay who they were.
func (p *Past) signers(ctx context.Context, doc Document, before []Signer, at string) ([]Signer, error) {
	consented := func(role string, c Consent) Signer {
		by := c.By
		if by == "" {
			by = c.Org
		}
		return Signer{By: by, Org: c.Org, Role: role, At: at}
	}
	switch doc.Kind {
	case KindGrant:
		g, err := SpecOf[Grant](doc)
		return []Signer{consented(RoleZoneRegulator, g.ZReg), consented(RoleProvider, g.Prov)}, err
	case KindSupply:
		s, err := SpecOf[Supply](doc)
		return []Signer{consented(RoleZoneRegulator, s.FromZReg), consented(RoleZoneRegulator, s.ToZReg), consented(RoleProvider, s.Prov)}, err
	case KindException:
		x, err := SpecOf[Exception](doc)
		return []Signer{consented(RoleCityAuthority, x.City), consented(RoleZoneRegulator, x.ZReg), consented(RoleProvider, x.Prov)}, err
	case KindLicense:
		l, err := SpecOf[License](doc)
		if err != nil {
			return nil, err
		}
		z, err := load[Zone](ctx, p.r, p.db, KindZone, l.Zone)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		signers := slices.Clone(before)
		for _, party := range licenseParties(l, z.Spec) {
			if !slices.ContainsFunc(before, func(s Signer) bool { return s.Role == party.role && (party.org == "" || s.Org == party.org) }) {
				signers = append(signers, consented(party.role, Consent{By: party.role, Org: party.org}))
			}
		}
		return signers, nil
	}
	return nil, nil
}

// parentOf returns the parent that Meta has of a document, see there.
func parentOf(doc Document) (string, error) {
	switch doc.Kind {
	case KindPerson:
		p, err := SpecOf[Person](doc)
		return p.Organization, err
	case KindDataset:
		d, err := SpecOf[Dataset](doc)
		return d.Zone, err
	case KindLicense:
		l, err := SpecOf[License](doc)
		return l.Zone, err
	case KindSupply:
		s, err := SpecOf[Supply](doc)
		return s.ToZone, err
	case KindScenario:
		s, err := SpecOf[Scenario](doc)
		return s.License, err
	case KindGrant:
		g, err := SpecOf[Grant](doc)
		return g.Scenario, err
	case KindPartner:
		p, err := SpecOf[Partner](doc)
		return p.License, err
	case KindException:
		x, err := SpecOf[Exception](doc)
		return x.License, err
	case KindTemplate:
		t, err := SpecOf[Template](doc)
		return t.Scenario, err
	case KindRestriction:
		r, err := SpecOf[Restriction](doc)
		if r.Status == StatusLifted {
			return "", err
		}
		return r.Level, err
	}
	return "", nil
}
