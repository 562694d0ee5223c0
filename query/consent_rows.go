package query

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"zonebox/keys"
	"zonebox/masking"
	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/registry"
	"zonebox/sandbox"
	"zonebox/zone"
)

// consented is who consented to a scenario, of one moment.
type consented struct {
	read *registry.ConsentReading
	set  *zone.Consented

	from, until time.Time // it is the same between; until is zero if for good
}

// consents keeps who consented, so that one question after the other need not read
// and check every row again, and after a change what was changed alone. It is safe
// for concurrent use.
type consents struct {
	mu   sync.Mutex // held while rows are read: others wait for the same
	held map[registry.ConsentScope]*consented
}

// consentsMost bounds how many consents are kept, of 40 bytes each; beyond it those
// to other scenarios are forgotten.
const consentsMost = 4_000_000

func newConsents() *consents { return &consents{held: map[registry.ConsentScope]*consented{}} }

// consentedTo returns who consents now to the scenario that f is of. It is an error
// if that is not known for certain.
func (e *Engine) consentedTo(ctx context.Context, f registry.Facts) (*consented, error) {
	scope, at := registry.ConsentScope{Zone: f.Zone.Name, Scenario: f.Scenario.Name}, e.cfg.Now()
	e.consents.mu.Lock()
	defer e.consents.mu.Unlock()
	var known *registry.ConsentReading
	if c := e.consents.held[scope]; c != nil {
		if known = c.read; known.State() == f.Consents && !at.Before(c.from) && (c.until.IsZero() || at.Before(c.until)) {
			return c, nil
		}
	}
	subjects, err := e.subjects(f.Zone)
	if err != nil {
		return nil, err
	}
	c := &consented{from: at}
	var tags []masking.SubjectTag
	if c.read, err = e.registry.ReadConsents(ctx, scope, known); err != nil {
		return nil, err // what was known stays: against it the next reading is checked too
	}
	c.until = c.read.Valid(at, func(s [16]byte) { tags = append(tags, s) })
	c.set = zone.NewConsented(subjects, tags)
	delete(e.consents.held, scope)
	held := c.read.Len()
	for _, other := range e.consents.held {
		held += other.read.Len()
	}
	if held > consentsMost {
		clear(e.consents.held)
	}
	e.consents.held[scope] = c
	return c, nil
}

// subjects are the tokens by which the people of a zone stand in its registry of
// consents: under a key of their own, which no rotation changes.
func (e *Engine) subjects(z registry.Versioned[registry.Zone]) (masking.Subjects, error) {
	k := masking.Keys{Algorithm: masking.Algorithm(z.Spec.TokenAlgorithm)}
	purpose := keys.Purpose{Use: keys.UseConsent, Zone: z.Name, Version: 1}
	if k.Algorithm.National() {
		purpose.KDF = keys.KDFSM3
	}
	var err error
	if k.Token, err = e.keys.Derive(purpose); err != nil {
		return masking.Subjects{}, err
	}
	return masking.NewSubjects(k)
}

// byConsent reports whether the rows of a table are shown of people who consented
// alone.
func (c *catalog) byConsent(table string) bool {
	return c.grants[table].Spec.Basis == registry.BasisConsent
}

// consenting finds out who consented, where a statement reads rows by consent. Where
// that cannot be found out nobody is known to, and policy is told so.
func (p *parsed) consenting(s *analysis.Statement) {
	if !slices.ContainsFunc(s.Scans, func(scan analysis.Scan) bool { return p.catalog.byConsent(scan.Table) }) {
		return
	}
	c, err := p.engine.consentedTo(p.ctx, p.facts)
	if err != nil {
		p.engine.log.ErrorContext(p.ctx, "it is not known who consented", "query_id", p.id, "zone", p.facts.Zone.Name, "scenario", p.request.Scenario, "cause", err)
		return
	}
	p.run.consented = c
}

// consentFacts tells policy whether a statement reads rows by consent, and whether
// it is known whom they are cut to.
func (e *Engine) consentFacts(a *analyzed) *policy.Consent {
	no := false
	out := &policy.Consent{Required: new(bool), BlanketFound: &no} // an import takes no blanket one
	for _, s := range a.Scans {
		*out.Required = *out.Required || a.catalog.byConsent(s.Table)
	}
	if *out.Required && a.consented != nil {
		out.RegistryVersion, out.FilterBound = strconv.FormatInt(a.consented.read.State().Version, 10), true
	}
	return out
}

// consentRecord is what is kept of the consents that an answer was made under.
type consentRecord struct {
	Version     int64             `json:"version"`
	Withdrawals int64             `json:"withdrawals"`
	Set         string            `json:"set"`    // digest of who consented
	Tables      map[string]string `json:"tables"` // digest of who the rows of a table were cut to
}

// cutTo returns who the rows of a table are cut to, nil if to nobody in particular.
func (r *run) cutTo(table string) (*zone.Consented, error) {
	if !r.catalog.byConsent(table) {
		return nil, nil
	}
	if r.consented == nil {
		return nil, fail("INTERNAL", fmt.Errorf("query: rows of %s without anybody's consent", table))
	}
	return r.consented.set, nil
}

// consentRecord returns what was attached, nil if nothing was by consent.
func (c *checked) consentRecord() *consentRecord {
	if c.consented == nil {
		return nil
	}
	set := c.consented.set.Digest()
	return &consentRecord{Version: c.consented.read.State().Version, Withdrawals: c.consented.read.State().Withdrawals, Set: hex.EncodeToString(set[:]), Tables: c.cut}
}

// consentsOf tells policy of an output whether what it was made of was cut as the
// grants of now say, and whether consents were withdrawn since.
func (o *output) consentsOf() *policy.Consent {
	no := false
	out := &policy.Consent{Required: new(bool), BlanketFound: &no, FilterBound: true}
	made := o.record.Consent
	for _, table := range o.record.Query.Tables {
		if o.catalog.byConsent(table) {
			*out.Required = true
			out.FilterBound = out.FilterBound && made != nil && made.Set != "" && made.Tables[table] == made.Set
		}
	}
	out.FilterBound = out.FilterBound && *out.Required
	if made == nil {
		return out
	}
	out.RegistryVersion = strconv.FormatInt(made.Version, 10)
	if now := o.facts.Consents; now.Withdrawals != made.Withdrawals {
		out.WithdrawnAt = now.WithdrawnAt.UTC().Format(time.RFC3339Nano)
	}
	return out
}

// endConsents ends the runs of a scenario, which stand on consents of before a
// withdrawal, and drops what was cut to them from the cache.
func (e *Engine) endConsents(scope registry.ConsentScope, datasets []string, by registry.Ref) error {
	e.mu.Lock()
	for _, r := range e.runs {
		if r.known && r.facts.Scenario.Name == scope.Scenario && r.facts.Zone.Name == scope.Zone {
			r.cancel(&revoked{by})
		}
	}
	e.mu.Unlock()
	var err error
	for _, name := range datasets {
		err = errors.Join(err, e.cache.Evict(sandbox.Tag{Zone: scope.Zone, Dataset: name}))
	}
	e.readers.dismiss()
	return err
}
