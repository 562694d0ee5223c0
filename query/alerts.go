package query

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"zonebox/policy"
	"zonebox/registry"
	"zonebox/workflow"
)

// kindRaised is the audit entry of an alert: all that a reader needs to act on it.
const kindRaised = "alert.raised"

// kindConflict is the audit entry of a cosigned checkpoint that the log does not
// continue.
const kindConflict = "audit.conflict"

// raiseCalled raises every alert that is called for. One goroutine at a time does;
// whoever comes meanwhile waits for nothing, since that one goes on until none is
// left. What cannot be raised is tried again at the next entry and the next second.
func (e *Engine) raiseCalled(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	for {
		if _, waits := e.pace.called(); !waits || !e.raising.TryLock() {
			return
		}
		err := e.raiseAll(ctx)
		e.raising.Unlock()
		if err != nil {
			e.log.ErrorContext(ctx, "an alert was not raised", "cause", err)
			return
		}
	}
}

func (e *Engine) raiseAll(ctx context.Context) error {
	for {
		c, waits := e.pace.called()
		if !waits {
			return nil
		}
		at, err := e.raise(ctx, c)
		if err != nil {
			return err
		}
		e.pace.answered(c.key(), at, c.rule.For())
	}
}

// raise keeps an alert with its entry and what it restricts in one transaction, unless
// its rule raised one about the subject within the window, and ends what the
// restriction ends. It returns when the alert of the window was raised.
func (e *Engine) raise(ctx context.Context, c call) (time.Time, error) {
	a := e.alertOf(c)
	began := time.Now()
	var at time.Time
	var done []registry.Applied
	var docs []registry.Document
	write := func(tx *registry.Tx) error {
		last, err := tx.AlertAt(a.Rule, a.Subject)
		if err != nil && !errors.Is(err, registry.ErrNotFound) {
			return err
		}
		if err == nil && apartLess(last.At, tx.Now(), c.rule.For()) {
			at = last.At
			return nil
		}
		at = tx.Now()
		done, docs, err = e.raiseIn(tx, a, last)
		return err
	}
	err := e.update(ctx, write)
	var refusal *registry.Refusal
	if errors.As(err, &refusal) { // what it would restrict is gone: people are told all the same
		e.log.ErrorContext(ctx, "an alert restricts nothing", "rule", a.Rule, "cause", err)
		a.Measure, done, docs = nil, nil, nil
		err = e.update(ctx, write)
	}
	if err != nil && !errors.Is(err, errUnlogged) {
		return time.Time{}, err
	}
	if len(done) == 0 {
		return at, nil
	}
	return at, e.inForce(ctx, done, docs, began, nil)
}

// alertOf returns the alert that is called for, and what it restricts: the operator
// or the license whose doings were counted, or the zone, and nothing else's.
func (e *Engine) alertOf(c call) registry.Alert {
	r := c.rule
	a := registry.Alert{ID: newID("alert", e.cfg.Now()), Rule: r.ID, Pack: c.pack, TitleZH: r.Title.ZH, TitleEN: r.Title.EN, Severity: r.Severity,
		Counter: r.Counter, Per: r.Per, Subject: c.subject, Window: r.Window, Count: c.count, AtLeast: r.AtLeast, Zone: c.zone, Recipients: r.Recipients, Article: r.Article}
	if r.Report != nil {
		a.ReportZH, a.ReportEN = r.Report.To.ZH, r.Report.To.EN
	}
	if slices.Contains([]string{policy.PerPerson, policy.PerOperator, policy.PerLicense}, r.Per) {
		a.Operator = c.operator
	}
	if m := r.Restrict; m != nil && c.zone != "" && !e.cfg.Unrestrained {
		target := map[string]string{registry.LevelOperator: a.Operator, registry.LevelLicense: c.subject, registry.LevelZone: c.zone}[m.Level]
		if target != "" {
			a.Measure = &registry.Restriction{Level: m.Level, Target: target, Degree: m.Degree, Rate: m.Rate, MaxLevel: m.MaxLevel, AggregatesOnly: m.AggregatesOnly}
		}
	}
	return a
}

// raiseIn keeps an alert, starts its course, and puts what it restricts in force,
// unless an earlier one of its rule and subject, of which last tells, restricts still.
func (e *Engine) raiseIn(tx *registry.Tx, a, last registry.Alert) (done []registry.Applied, docs []registry.Document, err error) {
	ctx := tx.Context()
	if under := cmp.Or(last.Under, last.ID); under != "" && a.Measure != nil {
		in, err := workflow.Get(ctx, tx.SQL(), workflow.Alert, under)
		if err != nil {
			return nil, nil, err
		}
		if in.State == workflow.Restricted {
			a.Measure, a.Under = nil, under
		}
	}
	if done, docs, err = tx.RaiseAlert(gate.User, a); err != nil {
		return nil, nil, err
	}
	var parties []workflow.Party
	if a.Zone != "" {
		z, err := find[registry.Zone](ctx, lookup{e, nil}, registry.KindZone, a.Zone)
		if err != nil {
			return nil, nil, err
		}
		parties = append(parties, workflow.Party{Role: registry.RoleZoneRegulator, Org: z.Regulator})
	}
	if err := workflow.Start(ctx, tx.SQL(), workflow.Alert, a.ID, gate, tx.Now(), parties...); err != nil {
		return nil, nil, err
	}
	fields := alertFields(a)
	if a.Measure != nil {
		if _, err := workflow.Do(ctx, tx.SQL(), workflow.Alert, a.ID, "restrict", gate, tx.Now(), workflow.Note{}); err != nil {
			return nil, nil, err
		}
		fields["measure"] = strings.Join([]string{a.Measure.Degree, a.Measure.Level, a.Measure.Target}, " ")
	}
	if err := tx.Emit(registry.Event{Kind: kindRaised, Actor: gate.User, Zone: a.Zone, Fields: fields}); err != nil {
		return nil, nil, err
	}
	_, err = e.endWaiting(tx, gate.User, done, docs)
	return done, docs, err
}

// alertFields are what every entry of an alert says of it.
func alertFields(a registry.Alert) map[string]string {
	return map[string]string{"alert": a.ID, "rule": a.Rule, "pack": a.Pack, "severity": a.Severity, "counter": a.Counter, "per": a.Per, "subject": clip(a.Subject),
		"count": strconv.FormatInt(a.Count, 10), "at_least": strconv.FormatInt(a.AtLeast, 10), "window": a.Window, "org": a.Operator,
		"recipients": strings.Join(a.Recipients, " "), "article": a.Article}
}

// followAlerts moves the alerts that measures which were just put in force answer, in
// their transaction. A measure that a person signed at the level and target of what an
// alert restricts, and that names the alert, takes its place; a measure that is lifted
// lifts its alert.
func (e *Engine) followAlerts(tx *registry.Tx, done []registry.Applied, docs []registry.Document) error {
	for _, a := range done {
		i := slices.IndexFunc(docs, func(d registry.Document) bool { return d.Kind == a.Kind && d.Name == a.Name })
		if a.Kind != registry.KindRestriction || !a.Changed || !a.Effective.IsZero() || i < 0 {
			continue
		}
		m, err := registry.SpecOf[registry.Restriction](docs[i])
		if err != nil {
			return err
		}
		if m.Alert == "" {
			continue
		}
		alert, err := tx.Alert(m.Alert)
		if err != nil {
			return err
		}
		in, err := workflow.Get(tx.Context(), tx.SQL(), workflow.Alert, alert.ID)
		if err != nil {
			return err
		}
		switch {
		case m.Status == registry.StatusLifted && (docs[i].Name == alert.ID && in.State == workflow.Restricted || in.State == workflow.Confirmed && confirmedBy(in) == docs[i].Name):
			err = e.decideAlert(tx, alert, "lift", docs[i])
		case m.Status != registry.StatusLifted && in.State == workflow.Restricted && m.Level == alert.Measure.Level && m.Target == alert.Measure.Target:
			if err = e.decideAlert(tx, alert, "confirm", docs[i]); err == nil {
				err = tx.Supersede(gate.User, alert.ID, docs[i].Name)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// confirmedBy returns the measure that confirmed an alert.
func confirmedBy(in workflow.Instance) string {
	for _, s := range in.History {
		if s.Move == "confirm" {
			return s.Code
		}
	}
	return ""
}

// decideAlert makes the move of an alert that a signed measure is, in the name of the
// first of its signers who may.
func (e *Engine) decideAlert(tx *registry.Tx, a registry.Alert, move string, doc registry.Document) error {
	err := workflow.ErrRole
	for _, s := range doc.Signatures {
		p, personErr := e.registry.Person(tx.Context(), s.By)
		if personErr != nil {
			return personErr
		}
		by := workflow.Actor{User: s.By, Org: p.Organization, Roles: p.Roles}
		if _, err = workflow.Do(tx.Context(), tx.SQL(), workflow.Alert, a.ID, move, by, tx.Now(), workflow.Note{Code: doc.Name}); err == nil {
			fields := alertFields(a)
			fields["by_measure"] = doc.Name
			return tx.Emit(registry.Event{Kind: alertMoves[move], Actor: s.By, Zone: a.Zone, Fields: fields})
		}
	}
	return courseError(err)
}

// alertMoves are the audit entries of what people decide.
var alertMoves = map[string]string{"confirm": "alert.confirmed", "lift": "alert.lifted", "close": "alert.closed"}
