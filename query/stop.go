package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"zonebox/registry"
	"zonebox/workflow"
)

// stopWait is how long the report of a switch waits for the workers that it killed:
// what was ended stays ended, however long the host takes to clear it away.
const stopWait = time.Second

// measure is what a document ends when it is applied.
type measure struct {
	registry.Restriction
	by   registry.Ref
	zone string // of a dataset: it ends what is of that zone alone; "" for all
	// asker is the organization whose questions alone end; empty for everybody's.
	asker string
}

// measureOf returns what a changed document ends, and false if it ends nothing but
// the runs that stand on the version before.
func measureOf(a registry.Applied, doc registry.Document) (measure, bool) {
	m := measure{by: registry.Ref{Kind: a.Kind, Name: a.Name, Version: a.Version}}
	closes := func(level, status string, open ...string) (measure, bool) {
		m.Level, m.Target, m.Degree = level, a.Name, registry.DegreeClose
		return m, !slices.Contains(open, status)
	}
	switch a.Kind {
	case registry.KindRestriction:
		r, err := registry.SpecOf[registry.Restriction](doc)
		m.Restriction = r
		return m, err == nil && r.Status != registry.StatusLifted
	case registry.KindLicense:
		l, err := registry.SpecOf[registry.License](doc)
		if err == nil {
			return closes(registry.LevelLicense, l.Status, registry.StatusActive)
		}
	case registry.KindPartner:
		p, err := registry.SpecOf[registry.Partner](doc)
		if err == nil {
			m, ends := closes(registry.LevelLicense, p.Status, registry.StatusActive)
			m.Target, m.asker = p.License, p.Organization
			return m, ends
		}
	case registry.KindZone:
		z, err := registry.SpecOf[registry.Zone](doc)
		if err == nil {
			return closes(registry.LevelZone, z.Status, registry.StatusActive)
		}
	case registry.KindSupply:
		s, err := registry.SpecOf[registry.Supply](doc)
		m.Level, m.Target, m.Degree, m.zone = registry.LevelDataset, s.Dataset, registry.DegreeClose, s.ToZone
		return m, err == nil && a.Version > 1
	case registry.KindDataset:
		d, err := registry.SpecOf[registry.Dataset](doc)
		if err == nil {
			return closes(registry.LevelDataset, d.Status, registry.StatusPublished)
		}
	}
	return m, false
}

// stopWaiting voids what waits for a review or its requester under a measure, and
// with it every approval, and freezes what is held if all access ends. It is part
// of the transaction that puts the measure in force.
func (e *Engine) stopWaiting(tx *registry.Tx, by string, m measure) (voided, frozen int, err error) {
	voided, err = e.stopCourses(tx, by, m, workflow.QueryApproval, "void", "query.voided", workflow.DecidedReview, workflow.Approved)
	if err == nil && m.Degree != registry.DegreeRestrict {
		frozen, err = e.stopCourses(tx, by, m, workflow.OutputRelease, "freeze", "output.frozen", workflow.Held, workflow.Checked,
			workflow.Reviewing, workflow.ReviewingFirst, workflow.ReviewingSecond, workflow.Approved)
	}
	return voided, frozen, err
}

func (e *Engine) stopCourses(tx *registry.Tx, by string, m measure, of workflow.Machine, move, kind string, states ...workflow.State) (n int, err error) {
	all, err := workflow.Queue(tx.Context(), tx.SQL(), of, states...)
	if err != nil {
		return 0, err
	}
	for _, in := range all {
		r, err := e.registry.LoadRun(tx.Context(), in.ID)
		if err != nil {
			return n, err
		}
		concerned, err := e.concernsRun(tx.Context(), m, in, r)
		if err != nil {
			return n, err
		}
		if !concerned {
			continue
		}
		if _, err := workflow.Do(tx.Context(), tx.SQL(), of, in.ID, move, gate, tx.Now(), workflow.Note{Code: m.by.Kind + " " + m.by.Name}); err != nil {
			return n, err
		}
		err = tx.Emit(registry.Event{Kind: kind, Actor: by, Zone: r.Zone, Run: in.ID,
			Fields: map[string]string{"scenario": r.Scenario, "org": in.RequesterOrg, fieldBy: m.by.String()}})
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// concernsRun reports whether a stored run is under what a measure is about. One of
// which that is not known is.
func (e *Engine) concernsRun(ctx context.Context, m measure, in workflow.Instance, r registry.Run) (bool, error) {
	if m.asker != "" && in.RequesterOrg != m.asker {
		return false, nil
	}
	switch m.Level {
	case registry.LevelZone:
		if r.Zone == m.Target {
			return true, nil
		}
		return e.readsZone(ctx, m.Target, r)
	case registry.LevelScenario:
		return r.Scenario == m.Target, nil
	case registry.LevelOperator, registry.LevelLicense:
		if in.RequesterOrg == m.Target && m.Level == registry.LevelOperator {
			return true, nil
		}
		doc, _, err := e.registry.Get(ctx, registry.KindScenario, r.Scenario)
		if err != nil {
			return errors.Is(err, registry.ErrNotFound), ignoreMissing(err)
		}
		s, err := registry.SpecOf[registry.Scenario](doc)
		if err != nil || m.Level == registry.LevelLicense {
			return s.License == m.Target, err
		}
		l, err := e.licenseOf(ctx, r.Scenario)
		return l.Operator == m.Target, err
	}
	tables, known := tablesOf(r)
	return (m.zone == "" || m.zone == r.Zone) && (!known || slices.ContainsFunc(tables, m.Reads)), nil
}

// tablesOf returns the datasets that a stored run reads, and whether that is known.
func tablesOf(r registry.Run) ([]string, bool) {
	var rec record
	if r.Shredded || json.Unmarshal(r.Decision, &rec) != nil || rec.Query == nil {
		return nil, false
	}
	return rec.Query.Tables, true
}

// readsZone reports whether a stored run of another zone reads what a zone supplies. One
// of which that is not known does if the zone ever supplied its own.
func (e *Engine) readsZone(ctx context.Context, zone string, r registry.Run) (bool, error) {
	tables, known := tablesOf(r)
	reads := false
	err := e.each(ctx, registry.KindSupply, func(doc registry.Document) error {
		s, err := registry.SpecOf[registry.Supply](doc)
		reads = reads || s.FromZone == zone && s.ToZone == r.Zone && (!known || slices.Contains(tables, s.Dataset))
		return err
	})
	return reads, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, registry.ErrNotFound) {
		return nil
	}
	return err
}

// endWaiting ends what waits under documents that were just put in force, in their
// transaction, and returns what that was, by document.
func (e *Engine) endWaiting(tx *registry.Tx, by string, done []registry.Applied, docs []registry.Document) (map[registry.Ref]*Ended, error) {
	ended := map[registry.Ref]*Ended{}
	for _, a := range done {
		i := slices.IndexFunc(docs, func(d registry.Document) bool { return d.Kind == a.Kind && d.Name == a.Name })
		if i < 0 || !a.Changed || !a.Effective.IsZero() {
			continue
		}
		m, ends := measureOf(a, docs[i])
		if !ends {
			continue
		}
		s := &Ended{}
		var err error
		if s.Voided, s.Frozen, err = e.stopWaiting(tx, by, m); err != nil {
			return nil, fmt.Errorf("query: stop what waits under %s: %w", m.by, err)
		}
		ended[m.by] = s
	}
	return ended, nil
}

// cut is a run that was ended, as it was then.
type cut struct {
	gone             chan struct{}
	explain, running bool // no question; with an intent
}

// reap waits for the runs that were ended, no longer than stopWait, and counts them
// in every report: a run may have stood on several of the documents.
func reap(began time.Time, runs []cut, reports map[registry.Ref]*Ended) {
	deadline := time.NewTimer(stopWait)
	defer deadline.Stop()
	left := 0
	for _, r := range runs {
		select {
		case <-r.gone:
		case <-deadline.C:
			left++
			deadline.Reset(0)
		}
	}
	for _, s := range reports {
		s.Ending, s.Seconds = left, time.Since(began).Seconds()
		for _, r := range runs {
			switch {
			case r.explain:
			case r.running:
				s.Killed++
			default:
				s.Voided++
			}
		}
	}
}
