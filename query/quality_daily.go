package query

import (
	"context"
	"errors"
	"strconv"
	"time"

	"zonebox/quality"
	"zonebox/registry"
)

// CheckDue checks the current data of every dataset that was not checked on this
// day of the gate's clock, and raises an alert for each whose data are older than
// their declared frequency allows (JM19-13, JM19-14). It is called as often as one
// likes; a dataset is checked once a day. A dataset that cannot be checked does not
// keep the others from it: the errors are joined.
func (e *Engine) CheckDue(ctx context.Context) error {
	var due []registry.Versioned[registry.Dataset]
	err := e.each(ctx, registry.KindDataset, func(doc registry.Document) error {
		spec, err := registry.SpecOf[registry.Dataset](doc)
		due = append(due, registry.Versioned[registry.Dataset]{Name: doc.Name, Spec: spec})
		return err
	})
	if err != nil {
		return asError(err)
	}
	var failures []error
	for _, d := range due {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(failures, err)...)
		}
		if err := e.checkDaily(ctx, d); err != nil {
			e.log.ErrorContext(ctx, "daily quality check", "dataset", d.Name, "cause", err)
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// checkDaily checks one dataset if it is due.
func (e *Engine) checkDaily(ctx context.Context, d registry.Versioned[registry.Dataset]) error {
	v, err := e.registry.CurrentVersion(ctx, d.Spec.Zone, d.Name)
	if errors.Is(err, registry.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, meta, err := e.registry.Get(ctx, registry.KindDataset, d.Name)
	if err != nil {
		return err
	}
	d.Version = meta.Version
	last, err := e.registry.QualityReports(ctx, d.Spec.Zone, d.Name, v.Version, 1)
	if err != nil {
		return err
	}
	now := e.cfg.Now()
	if len(last) > 0 && sameDay(last[0].At, now) {
		return nil
	}
	clock := registry.Event{Actor: gate.User, Fields: map[string]string{"role": gate.Roles[0]}}
	if err := e.checkAgain(ctx, d, checkDaily, clock); err != nil {
		return err
	}
	days := age(registry.DatasetFacts{Versioned: d, Data: &v}, now)
	period, ok := quality.Period(d.Spec.Source.UpdateFrequency)
	if !ok || days == nil || *days <= period {
		return nil
	}
	return e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: "quality.stale", Actor: gate.User, Zone: d.Spec.Zone, Fields: map[string]string{
			"role": gate.Roles[0], "dataset": d.Name, "version": v.Version, "provider": d.Spec.Provider, "frequency": d.Spec.Source.UpdateFrequency,
			"age_days": strconv.FormatInt(*days, 10), "period_days": strconv.FormatInt(period, 10)}})
	})
}

// sameDay compares days by the calendar of b's location.
func sameDay(a, b time.Time) bool {
	y1, m1, d1 := a.In(b.Location()).Date()
	y2, m2, d2 := b.Date()
	return y1 == y2 && m1 == m2 && d1 == d2
}
