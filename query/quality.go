package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"zonebox/quality"
	"zonebox/registry"
	"zonebox/sandbox"
	"zonebox/zone"
)

// QualityView is one report with what became of its version, and the scores
// before it.
type QualityView struct {
	Report  *quality.Report `json:"report"`
	Cause   string          `json:"cause"` // load, run or daily
	State   string          `json:"state"` // of the version, as the registry spells it
	History []quality.Point `json:"history"`
}

// QualityItem is what the last check of a dataset found.
type QualityItem struct {
	Zone     string    `json:"zone"`
	Dataset  string    `json:"dataset"`
	Provider string    `json:"provider"`
	Version  string    `json:"version,omitempty"` // that was checked; empty if none was
	State    string    `json:"state,omitempty"`
	At       time.Time `json:"at,omitzero"`
	Score    float64   `json:"score"`
	Grade    string    `json:"grade,omitempty"`
	Failed   int       `json:"failed"`
	Waiting  []string  `json:"waiting,omitempty"` // versions that wait for the provider
	AgeDays  *int64    `json:"age_days,omitempty"`
	Stale    bool      `json:"stale"`
	Tickets  int       `json:"tickets"` // that are not settled: the data are marked, and in use
}

// QualityRulesView is what is measured of a dataset.
type QualityRulesView struct {
	Dataset string            `json:"dataset"`
	Version int64             `json:"version"` // 0: the dataset has no rules of its own
	By      string            `json:"by,omitempty"`
	At      time.Time         `json:"at,omitzero"`
	Gate    quality.Gate      `json:"gate"`
	Rules   []QualityRuleView `json:"rules"`
	Faults  []Detail          `json:"faults,omitempty"` // why they do not fit the entry of today
}

// QualityRuleView is one rule.
type QualityRuleView struct {
	ID          string            `json:"id"`
	Description string            `json:"description,omitempty"`
	Dimension   quality.Dimension `json:"dimension"`
	Severity    quality.Severity  `json:"severity"`
	Metric      quality.Metric    `json:"metric"`
	Columns     []string          `json:"columns,omitempty"`
	Validator   string            `json:"validator,omitempty"`
	References  string            `json:"references,omitempty"`
	Test        string            `json:"test"`
	Percent     bool              `json:"percent,omitempty"`
}

// QualityOrder releases or rejects a version that is held back.
type QualityOrder struct {
	Version string `json:"version"`
	Release bool   `json:"release"`
	Reason  string `json:"reason"`
}

// QualityChange is what became of it.
type QualityChange struct {
	Zone    string `json:"zone"`
	Dataset string `json:"dataset"`
	Version string `json:"version"`
	State   string `json:"state"`
}

// seesQuality reports whether the person may see what checks of the dataset
// found: whoever may know what lies in it. Counts of raw rows are not for operators.
func (e *Engine) seesQuality(ctx context.Context, s Subject, d registry.Dataset) (bool, error) {
	z, err := e.zoneOf(ctx, d.Zone)
	return err == nil && s.oversees(z, d.Provider), err
}

func (s Subject) providerOf(d registry.Dataset) bool {
	return s.any(registry.RoleProvider) && s.organization == d.Provider
}

// measurable returns the entry of a dataset whose quality the person may see.
func (e *Engine) measurable(ctx context.Context, s Subject, dataset string) (registry.Versioned[registry.Dataset], error) {
	doc, meta, err := e.registry.Get(ctx, registry.KindDataset, dataset)
	if errors.Is(err, registry.ErrNotFound) {
		return registry.Versioned[registry.Dataset]{}, fail("NOT_FOUND", nil)
	}
	if err != nil {
		return registry.Versioned[registry.Dataset]{}, asError(err)
	}
	spec, err := registry.SpecOf[registry.Dataset](doc)
	if err != nil {
		return registry.Versioned[registry.Dataset]{}, asError(err)
	}
	sees, err := e.seesQuality(ctx, s, spec)
	if err != nil {
		return registry.Versioned[registry.Dataset]{}, err
	}
	if !sees {
		return registry.Versioned[registry.Dataset]{}, fail("NOT_FOUND", nil)
	}
	return registry.Versioned[registry.Dataset]{Name: dataset, Version: meta.Version, Spec: spec}, nil
}

// historyLength is how many reports a trend has: two months of days.
const historyLength = 60

// Quality returns the newest report of a dataset, or of one version of it.
func (e *Engine) Quality(ctx context.Context, s Subject, dataset, version string) (*QualityView, error) {
	d, err := e.measurable(ctx, s, dataset)
	if err != nil {
		return nil, err
	}
	of, err := e.registry.QualityReports(ctx, d.Spec.Zone, dataset, version, 1)
	if err != nil {
		return nil, asError(err)
	}
	if len(of) == 0 {
		return nil, fail("NOT_FOUND", nil)
	}
	r, err := reportOf(of[0])
	if err != nil {
		return nil, asError(err)
	}
	points, states, err := e.points(ctx, d)
	if err != nil {
		return nil, asError(err)
	}
	return &QualityView{Report: r, Cause: of[0].Cause, State: states[r.Version], History: points}, nil
}

func reportOf(q registry.QualityReport) (*quality.Report, error) {
	r := new(quality.Report)
	if err := json.Unmarshal(q.Body, r); err != nil {
		return nil, fmt.Errorf("query: quality report of %s: %w", q.Dataset, err)
	}
	return r, nil
}

// QualityHistory returns the scores of a dataset, the newest first.
func (e *Engine) QualityHistory(ctx context.Context, s Subject, dataset string) ([]quality.Point, error) {
	d, err := e.measurable(ctx, s, dataset)
	if err != nil {
		return nil, err
	}
	points, _, err := e.points(ctx, d)
	if err != nil {
		return nil, asError(err)
	}
	return points, nil
}

// points returns the last scores of a dataset, and the state of each version.
func (e *Engine) points(ctx context.Context, d registry.Versioned[registry.Dataset]) ([]quality.Point, map[string]string, error) {
	versions, err := e.registry.DataVersions(ctx, d.Spec.Zone, d.Name)
	if err != nil {
		return nil, nil, err
	}
	states := map[string]string{}
	for _, v := range versions {
		states[v.Version] = v.State
	}
	all, err := e.registry.QualityReports(ctx, d.Spec.Zone, d.Name, "", historyLength)
	if err != nil {
		return nil, nil, err
	}
	points := []quality.Point{}
	for _, q := range all {
		r, err := reportOf(q)
		if err != nil {
			return nil, nil, err
		}
		points = append(points, quality.Point{At: q.At, Version: q.Version, Score: r.Score, Grade: r.Grade, State: states[q.Version]})
	}
	return points, states, nil
}

// QualityRules returns what is measured of a dataset, and where that does not fit
// its entry.
func (e *Engine) QualityRules(ctx context.Context, s Subject, dataset string) (*QualityRulesView, error) {
	d, err := e.measurable(ctx, s, dataset)
	if err != nil {
		return nil, err
	}
	out := &QualityRulesView{Dataset: dataset, Rules: []QualityRuleView{}}
	doc, meta, err := e.registry.Get(ctx, registry.KindQualityRules, dataset)
	if errors.Is(err, registry.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return nil, asError(err)
	}
	spec, err := registry.SpecOf[registry.QualityRules](doc)
	if err != nil {
		return nil, asError(err)
	}
	out.Version, out.By, out.At = meta.Version, meta.By, meta.At
	out.Gate = quality.Gate{Minimum: spec.Gate.MinimumScore, Errors: spec.Gate.Errors}
	_, err = e.measure(ctx, lookup{e, nil}, d, &spec, meta.Version)
	var faults quality.Faults
	if err != nil && !errors.As(err, &faults) {
		return nil, asError(err)
	}
	for _, f := range faults {
		out.Faults = append(out.Faults, Detail{Code: "QUALITY_RULES", ZH: f.Path + ":" + f.ZH, EN: f.Path + ": " + f.EN, Articles: []string{"JM19-14"}})
	}
	rules, err := quality.Decode(spec.Contract, dataset)
	if err != nil && faults == nil {
		return nil, asError(err)
	}
	for _, r := range rules.Rules {
		v := QualityRuleView{ID: r.ID, Description: r.Description, Dimension: r.Dimension, Severity: r.Severity, Metric: r.Metric, Columns: r.Columns,
			Validator: r.Validator, Test: r.Test.String(), Percent: r.Percent}
		if r.References != nil {
			v.References = r.References.Dataset
		}
		out.Rules = append(out.Rules, v)
	}
	return out, nil
}

// RunQuality checks the current version of a dataset again, under the rules and
// the entry of today. It changes no data, whatever it finds. It is for the data
// centre and the dataset's provider.
func (e *Engine) RunQuality(ctx context.Context, s Subject, dataset string) (*QualityView, error) {
	d, err := e.measurable(ctx, s, dataset)
	if err != nil {
		return nil, err
	}
	if !s.providerOf(d.Spec) && !s.any(registry.RoleDataCentre) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	role := registry.RoleDataCentre
	if s.providerOf(d.Spec) {
		role = registry.RoleProvider
	}
	by := registry.Event{Actor: s.user, Fields: map[string]string{"org": s.organization, "role": role}}
	if err := e.checkAgain(ctx, d, checkRun, by); err != nil {
		return nil, err
	}
	return e.Quality(ctx, s, dataset, "")
}

// checkAgain measures the current version of a dataset and keeps the report.
func (e *Engine) checkAgain(ctx context.Context, d registry.Versioned[registry.Dataset], cause string, by registry.Event) error {
	ctx, end := e.reading(ctx, d.Spec.Zone)
	defer end()
	v, err := e.registry.CurrentVersion(ctx, d.Spec.Zone, d.Name)
	if errors.Is(err, registry.ErrNotFound) {
		return fail("NOT_FOUND", err)
	}
	if err != nil {
		return asError(err)
	}
	m, err := e.measuresOf(ctx, d)
	if errors.As(err, new(quality.Faults)) {
		return fail("QUALITY_RULES", err)
	}
	if err != nil {
		return asError(err)
	}
	c := e.newCheck(ctx, m)
	c.own = func(p *quality.Pass) error {
		return e.store.Feed(ctx, v.Zone, v.Dataset, v.Version, v.Manifest, p)
	}
	unreadable := int64(0)
	err = c.Prepare(c.feed)
	if err == nil {
		err = c.own(c.Whole())
	}
	if err == nil {
		err = c.Finish(c.feed)
	}
	err = overtaken(ctx, err)
	var damaged *zone.IntegrityError
	switch {
	case errors.As(err, &damaged) && damaged.Version == v.Version:
		// What cannot be read is a finding, and the other rules saw a part: the
		// report says that nothing was accessible.
		c, unreadable = e.newCheck(ctx, m), v.Rows
		c.Broken()
	case errors.Is(err, zone.ErrProjection):
		return fail("QUALITY_RULES", err) // the entry has a column that the data have not
	case err != nil:
		return asError(err)
	}
	declared := v.Rows
	if v.Lineage.Mode != "" && v.Lineage.Mode != ModeFull {
		declared = -1
	}
	r := c.report(v.Version, declared, unreadable, v.Lineage.Acquired)
	err = e.update(ctx, func(tx *registry.Tx) error { return keepReport(tx, r, cause, by) })
	if err != nil {
		return asError(err)
	}
	return nil
}

// Qualities lists what the last check of each dataset found that the person may
// see: of the provider its own. Versions that wait for it come with it.
func (e *Engine) Qualities(ctx context.Context, s Subject) ([]QualityItem, error) {
	out := []QualityItem{}
	tickets, err := e.Tickets(ctx, s)
	if err != nil {
		return nil, err
	}
	err = e.each(ctx, registry.KindDataset, func(doc registry.Document) error {
		spec, err := registry.SpecOf[registry.Dataset](doc)
		if err != nil {
			return err
		}
		if sees, err := e.seesQuality(ctx, s, spec); err != nil || !sees {
			return err
		}
		item, err := e.qualityItem(ctx, registry.Versioned[registry.Dataset]{Name: doc.Name, Spec: spec})
		for _, t := range tickets {
			if t.Dataset == doc.Name {
				item.Tickets++
			}
		}
		if err == nil {
			out = append(out, item)
		}
		return err
	})
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

func (e *Engine) qualityItem(ctx context.Context, d registry.Versioned[registry.Dataset]) (QualityItem, error) {
	item := QualityItem{Zone: d.Spec.Zone, Dataset: d.Name, Provider: d.Spec.Provider}
	versions, err := e.registry.DataVersions(ctx, d.Spec.Zone, d.Name)
	if err != nil {
		return item, err
	}
	for _, v := range versions {
		switch v.State {
		case registry.DataQuarantined:
			item.Waiting = append(item.Waiting, v.Version)
		case registry.DataCurrent:
			item.AgeDays = age(registry.DatasetFacts{Versioned: d, Data: &v}, e.cfg.Now())
			period, ok := quality.Period(d.Spec.Source.UpdateFrequency)
			item.Stale = ok && item.AgeDays != nil && *item.AgeDays > period
		}
	}
	last, err := e.registry.QualityReports(ctx, d.Spec.Zone, d.Name, "", 1)
	if err != nil || len(last) == 0 {
		return item, err
	}
	r, err := reportOf(last[0])
	if err != nil {
		return item, err
	}
	item.Version, item.At, item.Score, item.Grade = r.Version, last[0].At, r.Score, r.Grade
	for _, o := range r.Rules {
		if !o.Passed {
			item.Failed++
		}
	}
	if i := slices.IndexFunc(versions, func(v registry.DataVersion) bool { return v.Version == r.Version }); i >= 0 {
		item.State = versions[i].State
	}
	return item, nil
}

// SettleQuality releases a version that the gate of its rules kept from use, or
// rejects it for good. It is for a person of the dataset's provider: the data
// centre, which loaded it, does not decide whether it is good enough. A version
// that was in use before is not released here.
func (e *Engine) SettleQuality(ctx context.Context, s Subject, dataset string, o QualityOrder) (*QualityChange, error) {
	d, err := e.measurable(ctx, s, dataset)
	if err != nil {
		return nil, err
	}
	if !s.providerOf(d.Spec) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if o.Version == "" || o.Reason == "" || len(o.Reason) > 2000 {
		return nil, BadRequest("须写明版本与理由(不超过 2000 字节)", "name the version and a reason of at most 2000 bytes")
	}
	history, err := e.registry.DataHistory(ctx, d.Spec.Zone, dataset)
	if err != nil {
		return nil, asError(err)
	}
	was := func(kind string) bool {
		return slices.ContainsFunc(history, func(h registry.DataEvent) bool { return h.Version == o.Version && h.Kind == kind })
	}
	switch {
	case !was(registry.DataHeld):
		return nil, fail("NOT_FOUND", nil).because("待处理的版本 "+printName(o.Version), "a version that is held back: "+printName(o.Version))
	case was(registry.DataCurrent): // what was in use is rolled back, or retired, by two people
		return nil, fail("DATA_STATE", nil).because("该版本已放行过", "the version was released before")
	}
	change := registry.DataChange{Zone: d.Spec.Zone, Dataset: dataset, Version: o.Version, By: s.user, Org: s.organization, Role: registry.RoleProvider, Reason: o.Reason}
	out := &QualityChange{Zone: d.Spec.Zone, Dataset: dataset, Version: o.Version, State: registry.DataRetired}
	err = e.update(ctx, func(tx *registry.Tx) error {
		if o.Release {
			out.State = registry.DataCurrent
			return tx.ReleaseQuarantined(change)
		}
		return tx.Retire(change)
	})
	if errors.Is(err, registry.ErrDataState) {
		return nil, fail("DATA_STATE", err)
	}
	if err != nil {
		return nil, documentError(err)
	}
	if o.Release {
		e.evict(sandbox.Tag{Zone: d.Spec.Zone, Dataset: dataset}) // of the version before
	}
	return out, nil
}
