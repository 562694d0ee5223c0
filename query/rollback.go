package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"zonebox/registry"
	"zonebox/sandbox"
)

// VersionOrder wants a version made current again, or its files gone.
type VersionOrder struct {
	Dataset string `json:"dataset"`
	Version string `json:"version"`
	Reason  string `json:"reason"`
}

// VersionChange is what became of an order. Waiting says that a second person has
// to give it too.
type VersionChange struct {
	Dataset string `json:"dataset"`
	Version string `json:"version"`
	State   string `json:"state"`
	Waiting bool   `json:"waiting"`
	First   string `json:"first"` // who gave it first
}

// orderWait is how long an order waits for its second person.
const orderWait = 7 * 24 * time.Hour

// Rollback makes an earlier version of a dataset current again and quarantines the
// one that is, with every version that was made from it: what stands on one of them
// is void. It takes two people, one of the data
// centre and one of the zone's regulator or the provider, each with a reason.
func (e *Engine) Rollback(ctx context.Context, s Subject, o VersionOrder) (*VersionChange, error) {
	return e.orderVersion(ctx, s, o, registry.OrderRollback)
}

// Retire lets the files of a version go that is not current, whatever retention
// says: nobody rolls back to it any more. It takes the same two people, and of the
// data centre's the permission to destroy.
func (e *Engine) Retire(ctx context.Context, s Subject, o VersionOrder) (*VersionChange, error) {
	return e.orderVersion(ctx, s, o, registry.OrderRetire)
}

// orderVersion notes the order of a first person and carries out that of a second.
func (e *Engine) orderVersion(ctx context.Context, s Subject, o VersionOrder, order string) (*VersionChange, error) {
	entry, err := e.dataset(ctx, s, o.Dataset)
	if err != nil {
		return nil, err
	}
	role := s.orders(entry)
	if role == "" {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if order == registry.OrderRetire && role == registry.RoleDataCentre { // it is data that go (YC22-39)
		if err := e.permitted(ctx, s, registry.PermissionDestroy, "zone retire"); err != nil {
			return nil, err
		}
	}
	if o.Reason == "" || len(o.Reason) > 2000 {
		return nil, BadRequest("缺少理由,或超过 2000 字节", "the reason is missing, or longer than 2,000 bytes")
	}
	if o.Version == "" {
		return nil, BadRequest("缺少版本", "the version is missing")
	}
	v, err := e.version(ctx, entry, o.Version)
	if err != nil {
		return nil, err
	}
	c := registry.DataChange{Zone: v.Zone, Dataset: v.Dataset, Version: v.Version, By: s.user, Org: s.organization, Role: role, Reason: o.Reason}
	out := &VersionChange{Dataset: v.Dataset, Version: v.Version, First: s.user}
	var replaced []string
	err = e.update(ctx, func(tx *registry.Tx) error {
		now, err := tx.DataVersion(v.Zone, v.Dataset, v.Version)
		if err != nil {
			return err
		}
		fits := now.State == registry.DataKept || order == registry.OrderRetire && now.State == registry.DataQuarantined
		if !fits {
			return fail("DATA_STATE", nil).because("该版本状态为 "+now.State, "the version is "+now.State)
		}
		if order == registry.OrderRollback {
			if err := standsFree(tx, now); err != nil {
				return err
			}
		}
		first, err := tx.OrderedBy(v.Zone, v.Dataset, v.Version, order, tx.Now().Add(-orderWait))
		if err != nil {
			return err
		}
		if first == "" {
			out.Waiting = true
			return tx.OrderData(c, order)
		}
		out.First = first
		if first == s.user {
			return fail("SECOND_PERSON", nil).because("该操作已由您提出", "you have given the order already")
		}
		other, err := e.orderRole(ctx, first, entry)
		if err != nil {
			return err
		}
		if other == "" || (other == registry.RoleDataCentre) == (role == registry.RoleDataCentre) {
			return fail("SECOND_PERSON", nil).because("须由数据中心与监管部门(或提供单位)各一人", "one must be of the data centre, the other of the regulator or the provider")
		}
		if order == registry.OrderRetire {
			return tx.Retire(c)
		}
		replaced, err = tx.Rollback(c)
		return err
	})
	if errors.Is(err, registry.ErrDataState) {
		return nil, fail("DATA_STATE", err)
	}
	if !out.Waiting && (err == nil || errors.Is(err, errUnlogged)) {
		e.withdraw(v.Zone, v.Dataset, append(replaced, v.Version)...)
		if order == registry.OrderRetire {
			e.removeVersion(ctx, v)
		}
	}
	if err != nil {
		return nil, documentError(err)
	}
	now, err := e.registry.DataVersion(ctx, v.Zone, v.Dataset, v.Version)
	if err != nil {
		return nil, asError(err)
	}
	out.State = now.State
	return out, nil
}

// standsFree refuses a rollback to what holds rows of a version that is in
// quarantine, or will be by this rollback.
func standsFree(tx *registry.Tx, v registry.DataVersion) error {
	if v.Doubtful {
		return fail("DATA_STATE", nil).because("该版本由已隔离的版本增量而成,含有其行", "the version was made from one that is in quarantine and holds its rows")
	}
	for base := v.Lineage.Base; base != ""; {
		b, err := tx.DataVersion(v.Zone, v.Dataset, base)
		if err != nil {
			return err
		}
		if b.State == registry.DataCurrent {
			return fail("DATA_STATE", nil).because("该版本由现行版本增量而成,回滚将隔离现行版本;请在现行版本上重新交付该增量",
				"the version was made from the current one, which the rollback would quarantine; deliver the increment again, on the current version")
		}
		base = b.Lineage.Base
	}
	return nil
}

// orders returns the role in which s may order something of a dataset's versions,
// "" if none.
func (s Subject) orders(entry entryState) string {
	switch {
	case s.any(registry.RoleDataCentre):
		return registry.RoleDataCentre
	case s.any(registry.RoleZoneRegulator) && s.organization == entry.zone.spec.Regulator:
		return registry.RoleZoneRegulator
	case s.any(registry.RoleProvider) && s.organization == entry.spec.Provider:
		return registry.RoleProvider
	}
	return ""
}

// orderRole is orders for the person of that name, as they are today.
func (e *Engine) orderRole(ctx context.Context, person string, entry entryState) (string, error) {
	p, err := e.registry.Person(ctx, person)
	if errors.Is(err, registry.ErrInactive) || errors.Is(err, registry.ErrNotFound) {
		return "", nil
	}
	return Subject{user: person, organization: p.Organization, roles: p.Roles}.orders(entry), err
}

// withdraw ends the runs that stand on versions of a dataset and drops what is
// remembered of it. The registry knows of the change by now: a run that reads its
// facts just now sees it, or meets it at its next step.
func (e *Engine) withdraw(zone, dataset string, versions ...string) {
	e.mu.Lock()
	for _, r := range e.runs {
		if !r.known {
			continue
		}
		for _, d := range r.facts.Datasets {
			if d.Data != nil && d.Data.Zone == zone && d.Data.Dataset == dataset && slices.Contains(versions, d.Data.Version) {
				r.cancel(&revoked{registry.Ref{Kind: registry.KindData, Name: dataset, Version: r.facts.Revision}})
			}
		}
	}
	e.mu.Unlock()
	e.evict(sandbox.Tag{Zone: zone, Dataset: dataset})
	e.readers.dismiss()
}

// removeVersion removes the files of a version that the registry calls retired.
// What fails here is done by the next Open.
func (e *Engine) removeVersion(ctx context.Context, v registry.DataVersion) {
	if e.copying.Load() > 0 { // a backup takes them; the next Open removes them
		return
	}
	if err := e.store.Remove(v.Zone, v.Dataset, v.Version); err != nil {
		e.log.ErrorContext(ctx, "files of a retired version not removed", "zone", v.Zone, "dataset", v.Dataset, "version", v.Version, "cause", err)
	}
}

// retain retires the versions of a dataset that its retention lets go, in the
// registry first and then on disk: whatever ends the process, no version that the
// registry offers lacks its files.
func (e *Engine) retain(ctx context.Context, zone, dataset string) error {
	gone, err := e.registry.Expired(ctx, zone, dataset)
	if err != nil || len(gone) == 0 {
		return err
	}
	if err := e.numberCurrent(ctx, zone, dataset); err != nil { // it is compared with what goes, which stays until it can be
		e.log.ErrorContext(ctx, "retention waits for the ledger", "dataset", dataset, "cause", err)
		return nil
	}
	err = e.update(ctx, func(tx *registry.Tx) (err error) {
		if gone, err = tx.Expired(zone, dataset); err != nil {
			return err
		}
		for _, v := range gone {
			c := registry.DataChange{Zone: v.Zone, Dataset: v.Dataset, Version: v.Version, By: gate.User, Reason: "retention"}
			if err := tx.Retire(c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errUnlogged) {
		return fmt.Errorf("query: retention of %s: %w", dataset, err)
	}
	for _, v := range gone {
		e.withdraw(v.Zone, v.Dataset, v.Version)
		e.removeVersion(ctx, v)
	}
	return err
}

// retainAll is retain of every dataset.
func (e *Engine) retainAll(ctx context.Context) error {
	loaded, err := e.registry.Loaded(ctx)
	if err != nil {
		return err
	}
	for _, name := range loaded {
		if err := e.retain(ctx, name[0], name[1]); err != nil {
			return err
		}
	}
	return nil
}

// sourcesStand returns an error if rows of a version that was quarantined or
// shredded since are behind an output, or a column of it that was: it was made of
// what nobody may use.
func (o *output) sourcesStand(tx *registry.Tx) error {
	for _, read := range o.record.Proof.Data {
		name, version, _ := strings.Cut(read, " ")
		i := slices.IndexFunc(o.facts.Datasets, func(d registry.DatasetFacts) bool { return d.Name == name })
		if i < 0 {
			continue // its grant was taken away: policy has said what that means
		}
		v, err := tx.DataVersion(o.facts.Datasets[i].Spec.Zone, name, version)
		if err != nil {
			return err
		}
		if v.Doubtful || v.State == registry.DataShredded {
			return fail("WITHHELD", nil).because("所依据的数据版本已隔离或销毁", "the data it was made of are quarantined or destroyed")
		}
		for _, column := range v.Shredded {
			used, err := o.engine.usedColumn(tx.Context(), &o.record, name, column)
			if err != nil {
				return err
			}
			if used {
				return fail("WITHHELD", nil).because("所依据的列已销毁:"+name+"."+column, "a column it was made of is destroyed: "+name+"."+column)
			}
		}
	}
	return nil
}
