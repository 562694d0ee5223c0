package query

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"zonebox/policy"
	"zonebox/registry"
	"zonebox/sandbox"
	"zonebox/workflow"
)

func (e *Engine) instance(ctx context.Context, m workflow.Machine, id string) (workflow.Instance, error) {
	var in workflow.Instance
	err := e.registry.View(ctx, func(tx *sql.Tx) (err error) {
		in, err = workflow.Get(ctx, tx, m, id)
		return err
	})
	return in, err
}

// askedBy counts the questions of an operator's people, and of its partners' under its
// licenses, since a time.
func (e *Engine) askedBy(ctx context.Context, operator string, since time.Time) (n int64, err error) {
	err = e.registry.View(ctx, func(tx *sql.Tx) (err error) {
		n, err = workflow.Started(ctx, tx, workflow.QueryApproval, operator, since)
		return err
	})
	if err != nil {
		return 0, err
	}
	partners, err := e.registry.PartnersAsked(ctx, operator, since)
	if err != nil {
		return 0, err
	}
	others, err := e.registry.CountInPlace(ctx, operator, since)
	return n + partners - others, err
}

// history counts what the person and the operator asked lately.
func (e *Engine) history(ctx context.Context, user, operator string) (*policy.History, error) {
	n, err := e.registry.CountRuns(ctx, user, e.cfg.Now().Add(-24*time.Hour))
	if err != nil {
		return nil, err
	}
	asked, err := e.askedBy(ctx, operator, e.cfg.Now().Add(-time.Hour))
	if err != nil {
		return nil, err
	}
	explains, denials := e.pace.lately(user, e.cfg.Now())
	return &policy.History{Queries24h: n, Explains1h: explains, Denials1h: denials, Operator1h: asked}, nil
}

func attestationDigest(a sandbox.Attestation) (string, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("query: encode attestation: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Status returns the gate's state. It is for the data centre and the people who
// supervise it.
func (e *Engine) Status(ctx context.Context, s Subject) (*Status, error) {
	if !s.any(registry.RoleDataCentre, registry.RoleSecurity, registry.RoleAuditor, registry.RoleCityAuthority) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	out := &Status{Domain: e.info.ID, Audit: e.audit.Size(), PolicyHash: e.policy().BundleHash()}
	var err error
	if out.Revision, err = e.registry.Revision(ctx); err != nil {
		return nil, asError(err)
	}
	if out.Epoch, err = e.registry.Epoch(ctx); err != nil {
		return nil, asError(err)
	}
	if e.cfg.AlertsTo != nil {
		fed := e.feeding.now()
		fed.To, out.Alerts = e.cfg.AlertsTo.String(), &fed
	}
	out.Figures = e.figures()
	if e.pool == nil {
		return out, nil
	}
	w, err := e.pool.Start(ctx)
	if err != nil {
		return nil, asError(err)
	}
	out.Worker = w.Attestation()
	return out, w.Close()
}

func (e *Engine) figures() Figures {
	out := Figures{Cache: e.cache.Stats(), Pruned: e.store.Pruned(), Misfits: e.store.Misfits()}
	if e.pool != nil {
		workers := e.pool.Stats()
		out.Workers = &workers
	}
	return out
}

// Audit returns entries of the audit log from index from on, at most limit of
// them. It is for those who supervise, a regulator its zones and what is of none;
// all others see the entries of what they did themselves.
func (e *Engine) Audit(ctx context.Context, s Subject, from uint64, limit int) ([]AuditEntry, error) {
	all := s.any(registry.RoleAuditor, registry.RoleSecurity, registry.RoleZoneRegulator, registry.RoleCityAuthority)
	others := map[string]bool{} // zones that a regulator does not regulate
	if !s.any(registry.RoleAuditor, registry.RoleSecurity, registry.RoleCityAuthority) {
		err := e.each(ctx, registry.KindZone, func(doc registry.Document) error {
			z, err := registry.SpecOf[registry.Zone](doc)
			others[doc.Name] = z.Regulator != s.organization
			return err
		})
		if err != nil {
			return nil, asError(err)
		}
	}
	out := []AuditEntry{}
	for entry, err := range e.audit.Entries(ctx, from, e.audit.Size()) {
		if err != nil {
			return nil, asError(err)
		}
		own := entry.Actor == s.user
		if others[entry.Zone] && !own {
			continue
		}
		if !all {
			if !own || entry.Kind == kindOverlap {
				continue
			}
			entry.Fields = maps.Clone(entry.Fields)
			delete(entry.Fields, fieldCause)
			delete(entry.Fields, fieldBy)
			if entry.Fields[fieldCoarsens] != "" { // what a reviewer tried, and by which categories
				maps.DeleteFunc(entry.Fields, func(name, _ string) bool { return name != fieldCoarsens })
			}
		}
		out = append(out, AuditEntry{Index: entry.Seq, ID: entry.ID, Kind: entry.Kind, At: entry.At, Actor: entry.Actor, Role: entry.Role,
			Org: entry.Org, Zone: entry.Zone, Scenario: entry.Scenario, Run: entry.Run, Decision: entry.Decision, Revision: entry.Revision, Fields: entry.Fields})
		if len(out) == limit {
			break
		}
	}
	return out, nil
}

// any reports whether the person holds one of the roles.
func (s Subject) any(roles ...string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(s.roles, r) })
}
