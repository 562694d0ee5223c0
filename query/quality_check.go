package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/quality"
	"zonebox/registry"
	"zonebox/zone"
)

// Why a check was made.
const (
	checkLoad  = "load"
	checkRun   = "run"
	checkDaily = "daily"
)

// measures are the rules of a dataset, fitted to its entry.
type measures struct {
	plan    *quality.Plan
	rules   quality.Rules
	version int64 // of the document; 0 if the dataset has none
	gate    quality.Gate
	entry   registry.Versioned[registry.Dataset]
}

// measuresOf returns the rules of a dataset in force. Where its rules no longer
// fit its entry, the error is quality.Faults.
func (e *Engine) measuresOf(ctx context.Context, entry registry.Versioned[registry.Dataset]) (*measures, error) {
	rules, err := e.registry.QualityRulesOf(ctx, entry.Name)
	if errors.Is(err, registry.ErrNotFound) {
		return e.measure(ctx, lookup{e, nil}, entry, nil, 0)
	}
	if err != nil {
		return nil, err
	}
	return e.measure(ctx, lookup{e, nil}, entry, &rules.Spec, rules.Version)
}

// measure fits rules to an entry; spec is nil if there are none.
func (e *Engine) measure(ctx context.Context, l lookup, entry registry.Versioned[registry.Dataset], spec *registry.QualityRules, version int64) (*measures, error) {
	m := &measures{rules: quality.Rules{Dataset: entry.Name}, version: version, entry: entry}
	if spec != nil {
		var err error
		if m.rules, err = quality.Decode(spec.Contract, entry.Name); err != nil {
			return nil, err
		}
		m.gate = quality.Gate{Minimum: spec.Gate.MinimumScore, Errors: spec.Gate.Errors}
	}
	parents := map[string][]quality.Column{}
	for _, r := range m.rules.Rules {
		if r.References == nil || parents[r.References.Dataset] != nil {
			continue
		}
		name := r.References.Dataset
		to, err := find[registry.Dataset](ctx, l, registry.KindDataset, name)
		if errors.Is(err, registry.ErrNotFound) || err == nil && to.Zone != entry.Spec.Zone {
			continue // Compile says that it is not there
		}
		if err != nil {
			return nil, err
		}
		parents[name] = referable(to, entry.Spec.Provider)
	}
	var err error
	m.plan, err = quality.Compile(m.rules, qualityColumns(entry.Spec.Columns), parents)
	return m, err
}

// referable are the columns that rules of a provider may refer to: all of its
// own datasets; of others none that tell of people, since which of the delivered
// keys are found there would tell who stands in the other's register.
func referable(d registry.Dataset, provider string) []quality.Column {
	columns := slices.Clone(d.Columns)
	if d.Provider != provider {
		columns = slices.DeleteFunc(columns, func(c registry.Column) bool {
			return c.PersonalInfo || c.Level >= 3 || d.Entity != nil && d.Entity.Column == c.Name
		})
	}
	return qualityColumns(columns)
}

func qualityColumns(columns []registry.Column) []quality.Column {
	out := []quality.Column{}
	for _, c := range columns {
		out = append(out, quality.Column{Name: c.Name, Type: c.Type, Nullable: c.Nullable})
	}
	return out
}

// check measures one version.
type check struct {
	*measures
	*quality.Checker
	engine *Engine
	ctx    context.Context
	// own reads columns of the rows that are checked.
	own func(*quality.Pass) error
}

func (e *Engine) newCheck(ctx context.Context, m *measures) *check {
	return &check{measures: m, engine: e, ctx: ctx, Checker: m.plan.Start(quality.Options{Now: e.cfg.Now()})}
}

// Add is for the observer of a delivery.
func (c *check) Add(batch arrow.RecordBatch) error { return c.Checker.Add(batch) }

// feed reads what a pass wants: of the rows that are checked, or of the current
// data of another dataset of the zone.
func (c *check) feed(p *quality.Pass) error {
	if p.Dataset == "" {
		return c.own(p)
	}
	v, err := c.engine.registry.CurrentVersion(c.ctx, c.entry.Spec.Zone, p.Dataset)
	if errors.Is(err, registry.ErrNotFound) {
		p.Absent()
		return nil
	}
	if err != nil {
		return err
	}
	err = c.engine.store.Feed(c.ctx, v.Zone, v.Dataset, v.Version, v.Manifest, p)
	if errors.Is(err, zone.ErrProjection) { // loaded before it had the column
		p.Absent()
		return nil
	}
	return err
}

// report closes the check of a version.
func (c *check) report(version string, declared, unreadable int64, acquired string) *quality.Report {
	if acquired == "" {
		acquired = c.entry.Spec.Source.Acquired
	}
	return c.Report(quality.Facts{Zone: c.entry.Spec.Zone, Dataset: c.entry.Name, Version: version, Catalogue: c.entry.Version, Rules: c.version,
		Declared: declared, Unreadable: unreadable, Acquired: acquired, Frequency: c.entry.Spec.Source.UpdateFrequency}, c.gate)
}

// keepReport adds a report to the history, and its score to the log.
func keepReport(tx *registry.Tx, r *quality.Report, cause string, by registry.Event) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("query: encode quality report: %w", err)
	}
	if err := tx.AddQualityReport(registry.QualityReport{Zone: r.Zone, Dataset: r.Dataset, Version: r.Version, Cause: cause, Body: body}); err != nil {
		return err
	}
	failed := 0
	for _, o := range r.Rules {
		if !o.Passed {
			failed++
		}
	}
	by.Kind, by.Zone = "quality.report", r.Zone
	by.Fields = withFields(by.Fields, map[string]string{"dataset": r.Dataset, "version": r.Version, "check": cause,
		"score": strconv.FormatFloat(r.Score, 'f', 1, 64), "grade": r.Grade, "rules": strconv.FormatInt(r.RulesOf, 10),
		"failed": strconv.Itoa(failed), "gate": map[bool]string{true: "passed", false: "stopped"}[r.Gate.Passed]})
	return tx.Emit(by)
}

func withFields(fields, more map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range []map[string]string{fields, more} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// age returns the days since the data of a dataset were acquired, nil if nobody
// knows: of what was delivered, else as the entry says.
func age(d registry.DatasetFacts, now time.Time) *int64 {
	if d.Data == nil {
		return nil
	}
	acquired := d.Data.Lineage.Acquired
	if acquired == "" {
		acquired = d.Spec.Source.Acquired
	}
	if days, ok := quality.Age(acquired, now); ok {
		return &days
	}
	return nil
}

// rulesFit refuses rules that cannot be checked, or do not fit the entry that
// will be in force. Whoever is not of the dataset's provider is refused by the
// registry, and learns nothing of the entry here.
func (e *Engine) rulesFit(ctx context.Context, s Subject, docs []registry.Document) error {
	refusal := &registry.Refusal{}
	for _, d := range docs {
		if d.Kind != registry.KindQualityRules {
			continue
		}
		spec, err := registry.SpecOf[registry.QualityRules](d)
		if err != nil {
			return asError(err)
		}
		entry, err := find[registry.Dataset](ctx, lookup{e, docs}, registry.KindDataset, d.Name)
		if errors.Is(err, registry.ErrNotFound) || err == nil && !s.providerOf(entry) {
			continue // the registry names the missing reference, or the missing role
		}
		if err != nil {
			return asError(err)
		}
		_, err = e.measure(ctx, lookup{e, docs}, registry.Versioned[registry.Dataset]{Name: d.Name, Spec: entry}, &spec, 0)
		var faults quality.Faults
		if err != nil && !errors.As(err, &faults) {
			return asError(err)
		}
		for _, f := range faults {
			refusal.Faults = append(refusal.Faults, registry.Fault{Code: registry.CodeScope, Kind: d.Kind, Name: d.Name, Path: "/spec/contract" + f.Path, ZH: f.ZH, EN: f.EN, Article: "JM19-14"})
		}
	}
	if len(refusal.Faults) > 0 {
		return documentError(refusal)
	}
	return nil
}
