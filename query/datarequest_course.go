package query

import (
	"context"
	"errors"
	"slices"
	"time"

	"zonebox/policy/calendar"
	"zonebox/registry"
	"zonebox/workflow"
)

// applyDocuments applies documents together with what they begin and end of data
// requests: one that is filed has a course from then on, one whose grants are all
// revoked ends; with what licenses move of their courses; and with what they stop,
// which is told by document.
func (e *Engine) applyDocuments(ctx context.Context, by string, docs []registry.Document) (done []registry.Applied, ended map[registry.Ref]*Ended, err error) {
	done, err = e.registry.ApplyWith(ctx, by, docs, func(tx *registry.Tx, applied []registry.Applied) error {
		if err := e.followRequests(tx, by, docs, applied); err != nil {
			return err
		}
		var err error
		if ended, err = e.endWaiting(tx, by, applied, docs); err != nil {
			return err
		}
		if err := e.followAlerts(tx, applied, docs); err != nil {
			return err
		}
		return e.followLicenses(tx, by, docs, applied)
	})
	return done, ended, err
}

// followRequests begins and ends data requests with documents that came into force.
func (e *Engine) followRequests(tx *registry.Tx, by string, docs []registry.Document, applied []registry.Applied) error {
	for _, a := range applied {
		i := slices.IndexFunc(docs, func(d registry.Document) bool { return d.Kind == a.Kind && d.Name == a.Name })
		if !a.Changed || !a.Effective.IsZero() || i < 0 {
			continue
		}
		var err error
		switch a.Kind {
		case registry.KindRequest:
			err = e.fileRequest(tx, docs[i], docs, by)
		case registry.KindGrant:
			err = e.endRequests(tx, docs[i], docs, by)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fileRequest begins the course of a request that is filed.
func (e *Engine) fileRequest(tx *registry.Tx, doc registry.Document, batch []registry.Document, by string) error {
	spec, err := registry.SpecOf[registry.DataRequest](doc)
	if err != nil || spec.Status != registry.StatusSubmitted {
		return err
	}
	return e.beginRequest(tx, doc, batch, by)
}

// beginRequest starts the course of a filed request: it waits for the regulator.
func (e *Engine) beginRequest(tx *registry.Tx, doc registry.Document, batch []registry.Document, by string) error {
	spec, err := registry.SpecOf[registry.DataRequest](doc)
	if err != nil {
		return err
	}
	r := &dataRequest{document: doc, spec: spec}
	ctx, all := tx.Context(), lookup{e, batch}
	if r.scenario, err = find[registry.Scenario](ctx, all, registry.KindScenario, spec.Scenario); err != nil {
		return err
	}
	if r.license, err = find[registry.License](ctx, all, registry.KindLicense, r.scenario.License); err != nil {
		return err
	}
	z, err := find[registry.Zone](ctx, all, registry.KindZone, r.license.Zone)
	if err != nil {
		return err
	}
	parties := []workflow.Party{{Role: registry.RoleZoneRegulator, Org: z.Regulator}}
	for _, d := range spec.Datasets {
		data, err := find[registry.Dataset](ctx, all, registry.KindDataset, d.Dataset)
		if err != nil {
			return err
		}
		parties = append(parties, workflow.Party{Role: registry.RoleProvider, Org: data.Provider})
	}
	filer := workflow.Actor{User: by, Org: r.license.Operator, Roles: []string{registry.RoleOperator}}
	if err := workflow.Start(ctx, tx.SQL(), workflow.DataRequest, doc.Name, filer, tx.Now(), parties...); err != nil {
		return requestError(err)
	}
	if _, err := workflow.Do(ctx, tx.SQL(), workflow.DataRequest, doc.Name, "submit", filer, tx.Now(), workflow.Note{}); err != nil {
		return requestError(err)
	}
	to, err := workflow.Do(ctx, tx.SQL(), workflow.DataRequest, doc.Name, "accept", gate, tx.Now(), workflow.Note{})
	if err != nil {
		return requestError(err)
	}
	return e.tellRequest(tx, r, by, r.license.Operator, "submit", to, "")
}

// grantedRequests are the states of a request whose grants are in force.
var grantedRequests = []workflow.State{workflow.Approved, workflow.Shared, workflow.Loaded}

// requestsOf returns the requests in one of the states that a grant comes of.
func (e *Engine) requestsOf(tx *registry.Tx, grant string, states ...workflow.State) ([]*dataRequest, error) {
	ids, err := workflow.Concerned(tx.Context(), tx.SQL(), workflow.DataRequest, grant)
	if err != nil {
		return nil, err
	}
	var out []*dataRequest
	for _, id := range ids {
		r, err := e.dataRequestIn(tx.Context(), tx.SQL(), id)
		if err != nil {
			return nil, err
		}
		if slices.Contains(states, r.State) {
			out = append(out, r)
		}
	}
	return out, nil
}

// endRequests ends the requests all of whose grants are revoked with this one.
func (e *Engine) endRequests(tx *registry.Tx, doc registry.Document, batch []registry.Document, by string) error {
	g, err := registry.SpecOf[registry.Grant](doc)
	if err != nil || g.Status != registry.StatusRevoked {
		return err
	}
	all, err := e.requestsOf(tx, doc.Name, grantedRequests...)
	if err != nil || len(all) == 0 {
		return err
	}
	person, err := find[registry.Person](tx.Context(), lookup{e, nil}, registry.KindPerson, by)
	if err != nil {
		return err
	}
	actor := workflow.Actor{User: by, Org: person.Organization, Roles: person.Roles}
	for _, r := range all {
		if slices.ContainsFunc(r.bound(), func(d registry.Document) bool {
			revoked, failed := e.revokedIn(tx.Context(), d.Name, batch)
			err = errors.Join(err, failed)
			return !revoked
		}) || err != nil {
			continue
		}
		to, err := workflow.Do(tx.Context(), tx.SQL(), workflow.DataRequest, r.ID, "revoke", actor, tx.Now(), workflow.Note{})
		if err != nil {
			return requestError(err)
		}
		if err := e.tellRequest(tx, r, by, person.Organization, "revoke", to, ""); err != nil {
			return err
		}
	}
	return err
}

// revokedIn reports whether a grant is revoked, by a document of batch or before.
func (e *Engine) revokedIn(ctx context.Context, name string, batch []registry.Document) (bool, error) {
	g, err := find[registry.Grant](ctx, lookup{e, batch}, registry.KindGrant, name)
	if errors.Is(err, registry.ErrNotFound) {
		return true, nil
	}
	return g.Status == registry.StatusRevoked, err
}

// deliveredUnder notes in the course of the request that a grant comes of that data came
// under it and were loaded.
func (e *Engine) deliveredUnder(tx *registry.Tx, grant string) error {
	all, err := e.requestsOf(tx, grant, workflow.Approved, workflow.Shared)
	if err != nil {
		return err
	}
	for _, r := range all {
		moves := []string{"share", "load"}
		if r.State == workflow.Shared {
			moves = moves[1:]
		}
		for _, move := range moves {
			to, err := workflow.Do(tx.Context(), tx.SQL(), workflow.DataRequest, r.ID, move, gate, tx.Now(), workflow.Note{})
			if err != nil {
				return requestError(err)
			}
			if err := e.tellRequest(tx, r, gate.User, "", move, to, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// lapsing are the states of a request that ends with its agreement.
var lapsing = []workflow.State{workflow.ZregAssessing, workflow.ProvReviewing, workflow.Disputed, workflow.Approved, workflow.Shared, workflow.Loaded}

// lapseRequests ends the requests whose agreement, scenario or days are over. Grants
// of theirs give nothing from then on whether or not it ran.
func (e *Engine) lapseRequests(ctx context.Context) error {
	open, err := e.queue(ctx, workflow.DataRequest, lapsing...)
	if err != nil {
		return err
	}
	today := string(calendar.DayOf(e.cfg.Now()))
	for _, in := range open {
		r, err := e.dataRequest(ctx, in.ID)
		if err != nil {
			return err
		}
		code := ""
		switch {
		case r.license.Status == registry.StatusTerminated:
			code = "LICENSE_TERMINATED"
		case today > r.license.End:
			code = "LICENSE_ENDED"
		case today > r.scenario.Period.Until:
			code = "SCENARIO_PERIOD"
		case today > r.spec.Until:
			code = "GRANT_PERIOD"
		default:
			continue
		}
		err = e.update(ctx, func(tx *registry.Tx) error {
			to, err := workflow.Do(tx.Context(), tx.SQL(), workflow.DataRequest, in.ID, "lapse", gate, tx.Now(), workflow.Note{Code: code})
			if errors.Is(err, workflow.ErrState) {
				return nil // somebody ended it meanwhile
			}
			if err != nil {
				return requestError(err)
			}
			return e.tellRequest(tx, r, gate.User, "", "lapse", to, code)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Look does what the time has brought, once in an hour of the gate's clock: it ends
// what is over, and has the log say which terms have passed. It logs what it could not
// do, and tries that again when it is called next; alerts that could not be raised it
// tries again each time. It is safe for concurrent use.
func (e *Engine) Look(ctx context.Context) error {
	e.raiseCalled(ctx)
	hour := e.cfg.Now().Truncate(time.Hour)
	e.looking.Lock()
	defer e.looking.Unlock()
	if e.looked.Equal(hour) {
		return nil
	}
	if err := e.lapseRequests(ctx); err != nil {
		e.log.ErrorContext(ctx, "data requests that are over", "cause", err)
		return asError(err)
	}
	if err := e.expireApprovals(ctx); err != nil {
		e.log.ErrorContext(ctx, "approvals past their term", "cause", err)
		return asError(err)
	}
	if err := e.tellOverdue(ctx); err != nil {
		e.log.ErrorContext(ctx, "terms that have passed", "cause", err)
		return asError(err)
	}
	e.looked = hour
	return nil
}
