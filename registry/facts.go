package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Query names what a run wants to stand on. Template is empty unless it asks
// by one.
type Query struct {
	User     string
	Zone     string
	Scenario string
	Template string
}

// Versioned is the spec of a document with the version it has in the snapshot.
type Versioned[T any] struct {
	Name    string
	Version int64
	Spec    T
}

// Facts is what the registry knows for one decision, all of one moment.
//
// The parts are what the documents say, not what they ought to say: the zone
// may be another than the license's, the license suspended, a grant past its
// end, the subject no member of the operator. Denying those is policy's part,
// with a reason for each. What Facts promises is that every part is authentic,
// was signed by those who had to sign it, and that no revoked grant is there.
type Facts struct {
	Revision int64
	Epoch    int64

	Subject    Versioned[Person]
	SubjectOrg Versioned[Organization]
	Zone       Versioned[Zone]
	Regulator  Versioned[Organization]
	Scenario   Versioned[Scenario]
	License    LicenseFacts
	Operator   Versioned[Organization] // the license's
	Partner    *Versioned[Partner]     // by which the subject's organization works under the license, nil if by none
	Recipients []Versioned[Person]     // the scenario's
	Grants     []GrantFacts            // the scenario's, by name
	Datasets   []DatasetFacts          // the zone's and the grants', by name
	Negative   []Versioned[NegativeList]
	Consents   ConsentState  // to the scenario
	Supplies   []SupplyFacts // of datasets of other zones that the grants name, by dataset
	// Restrictions are those not lifted that concern any of the above, by name.
	Restrictions []Versioned[Restriction]
	Exceptions   []Versioned[Exception] // the license's that are not revoked, by name
	Template     *Versioned[Template]   // nil if none was named, or the scenario has none of that name
}

// LicenseFacts is a license with the signatures under it.
type LicenseFacts struct {
	Versioned[License]
	// SignersRequired names the parties that had to sign, as roles.
	SignersRequired []string
	Signatures      []Signer
}

// Signer is one verified signature: who signed, for whom, in which role.
type Signer struct{ By, Org, Role, At string }

// GrantFacts is a grant with the consents that its signatures proved.
type GrantFacts struct {
	Versioned[Grant]
	License string            // the license of the grant's scenario
	Bridges []Versioned[Zone] // whose token keys it names, by name
	// Moves is what its dataset's entry says otherwise since both agreed.
	Moves []EntryMove
}

// DatasetFacts is a catalogue entry with its current data.
type DatasetFacts struct {
	Versioned[Dataset]
	Level int          // the highest of its columns
	Data  *DataVersion // nil if nothing was loaded, or not under what the entry says now
}

// Enter returns the facts for q as of one read transaction; what they are made of is
// shared and not to be changed. It returns
// ErrNotFound if the user, zone or scenario does not exist, ErrInactive if the user
// is disabled, and ErrDue while a document that is due is not in force.
func (r *Registry) Enter(ctx context.Context, q Query) (Facts, error) {
	var f Facts
	err := r.View(ctx, func(tx *sql.Tx) (err error) {
		f, err = moment{ctx: ctx, r: r, q: tx, known: r.known}.facts(q)
		return err
	})
	if err != nil {
		return Facts{}, err
	}
	return f, nil
}

func (m moment) facts(query Query) (Facts, error) {
	var f Facts
	ctx, r, q := m.ctx, m.r, m.q
	err := settled(ctx, q, r.cfg.Now())
	if err != nil {
		return f, err
	}
	var changes int64
	if f.Revision, f.Epoch, changes, err = state(ctx, q); err != nil {
		return f, err
	}
	if m.known != nil {
		m.kept = m.known.at(changes)
	}
	if f.Subject, err = document[Person](m, KindPerson, query.User); err != nil {
		return f, err
	}
	if f.Subject.Spec.Status != personActive {
		return f, fmt.Errorf("registry: person %s: %w", query.User, ErrInactive)
	}
	if f.SubjectOrg, err = document[Organization](m, KindOrganization, f.Subject.Spec.Organization); err != nil {
		return f, err
	}
	if f.Zone, err = document[Zone](m, KindZone, query.Zone); err != nil {
		return f, err
	}
	if f.Regulator, err = document[Organization](m, KindOrganization, f.Zone.Spec.Regulator); err != nil {
		return f, err
	}
	if f.Scenario, err = document[Scenario](m, KindScenario, query.Scenario); err != nil {
		return f, err
	}
	license := f.Scenario.Spec.License
	f.License, err = keep(m.kept, part{"signed license", license, ""}, func() (LicenseFacts, error) { return r.licenseFacts(ctx, q, license) })
	if err != nil {
		return f, err
	}
	if f.Operator, err = document[Organization](m, KindOrganization, f.License.Spec.Operator); err != nil {
		return f, err
	}
	f.Partner, err = keep(m.kept, part{"partner", license, f.SubjectOrg.Name}, func() (*Versioned[Partner], error) {
		return r.partnerFacts(ctx, q, license, f.SubjectOrg.Name)
	})
	if err != nil {
		return f, err
	}
	for _, name := range f.Scenario.Spec.Recipients {
		p, err := document[Person](m, KindPerson, name)
		if err != nil {
			return f, err
		}
		f.Recipients = append(f.Recipients, p)
	}
	f.Grants, err = keep(m.kept, part{"grants", query.Scenario, ""}, func() ([]GrantFacts, error) { return r.grantFacts(ctx, q, f.Scenario) })
	if err != nil {
		return f, err
	}
	if f.Datasets, err = m.datasets(query.Zone, f.Grants); err != nil {
		return f, err
	}
	f.Supplies, err = keep(m.kept, part{"supplies", query.Zone, query.Scenario}, func() ([]SupplyFacts, error) { return r.supplyFacts(ctx, q, f) })
	if err != nil {
		return f, err
	}
	f.Negative, err = keep(m.kept, part{what: "negative lists"}, func() ([]Versioned[NegativeList], error) { return r.negativeLists(ctx, q) })
	if err != nil {
		return f, err
	}
	measures, err := keep(m.kept, part{what: "restrictions"}, func() ([]Versioned[Restriction], error) { return r.restrictions(ctx, q) })
	if err != nil {
		return f, err
	}
	f.Restrictions = concerning(measures, f)
	f.Exceptions, err = keep(m.kept, part{"exceptions", license, ""}, func() ([]Versioned[Exception], error) { return r.exceptions(ctx, q, license) })
	if err != nil {
		return f, err
	}
	f.Consents, err = keep(m.kept, part{"consents", query.Zone, query.Scenario}, func() (ConsentState, error) {
		_, s, err := r.consentScope(ctx, q, ConsentScope{query.Zone, query.Scenario})
		return s, err
	})
	if err != nil || query.Template == "" {
		return f, err
	}
	t, err := document[Template](m, KindTemplate, query.Template)
	switch {
	case errors.Is(err, ErrNotFound):
		return f, nil
	case err != nil:
		return f, err
	}
	if t.Spec.Scenario == query.Scenario {
		f.Template = &t
	}
	return f, nil
}

func (r *Registry) licenseFacts(ctx context.Context, q querier, name string) (LicenseFacts, error) {
	s, err := r.get(ctx, q, KindLicense, name)
	if err != nil {
		return LicenseFacts{}, err
	}
	var f LicenseFacts
	if f.Versioned, err = decoded[License](s); err != nil {
		return f, err
	}
	zone, err := load[Zone](ctx, r, q, KindZone, f.Spec.Zone)
	if err != nil {
		return f, err
	}
	for _, p := range licenseParties(f.Spec, zone.Spec) {
		f.SignersRequired = append(f.SignersRequired, p.role)
		for _, s := range s.Signers {
			if s.Role == p.role && (p.org == "" || s.Org == p.org) {
				f.Signatures = append(f.Signatures, s)
			}
		}
	}
	return f, nil
}

// LicenseSigners returns who signed the license in force, each in the role that
// counted.
func (r *Registry) LicenseSigners(ctx context.Context, name string) ([]Signer, error) {
	f, err := r.licenseFacts(ctx, r.reader, name)
	return f.Signatures, err
}

func (r *Registry) grantFacts(ctx context.Context, q querier, scenario Versioned[Scenario]) ([]GrantFacts, error) {
	rows, err := r.documents(ctx, q, `WHERE kind = ? AND parent = ? AND `+newest+` ORDER BY name`, KindGrant, scenario.Name)
	if err != nil {
		return nil, err
	}
	var all []GrantFacts
	for _, s := range rows {
		g := GrantFacts{License: scenario.Spec.License}
		if g.Versioned, err = decoded[Grant](s); err != nil {
			return nil, err
		}
		if g.Spec.Status == StatusRevoked {
			continue
		}
		for _, name := range g.Spec.Bridges() {
			z, err := load[Zone](ctx, r, q, KindZone, name)
			if err != nil {
				return nil, err
			}
			g.Bridges = append(g.Bridges, z)
		}
		for _, sig := range s.Signers {
			switch {
			case sig.By == g.Spec.ZReg.By:
				g.Spec.ZReg.At = sig.At
			case sig.By == g.Spec.Prov.By, g.Spec.Prov.By == "" && sig.Role == RoleProvider && sig.Org == g.Spec.Prov.Org:
				g.Spec.Prov.By, g.Spec.Prov.At = sig.By, sig.At
			}
		}
		// Who signed before it came into force had seen the entry of then.
		if g.Moves, err = r.entryMoves(ctx, q, g.Spec, s.Meta.At); err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
}
