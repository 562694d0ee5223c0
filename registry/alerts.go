package registry

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Alert is one alert as it was raised. What becomes of it is its course.
type Alert struct {
	ID               string
	Rule, Pack       string
	TitleZH, TitleEN string
	Severity         string
	// Counter is what was counted by Per for Subject, Count of it in Window, at which
	// the rule says AtLeast.
	Counter, Per, Subject, Window string
	Count, AtLeast                int64
	Zone                          string // "" for none
	Operator                      string // it is about, "" for none
	Recipients                    []string
	Article                       string
	ReportZH, ReportEN            string       // to whom it is reported before it is closed, "" for nobody
	Measure                       *Restriction // what it restricts by itself until a person decides
	Under                         string       // the alert whose measure it is raised under
	At                            time.Time
}

// SeverityMajor is the severity of an alert that may close a zone.
const SeverityMajor = "MAJOR"

func alertParts(id, rule, subject string, at int64) []string {
	return []string{"alert", id, rule, subject, strconv.FormatInt(at, 10)}
}

// RaiseAlert keeps an alert as of the time of the transaction and puts its measure in
// force, in the gate's own name by: a Restriction of the alert's name, signed by
// nobody, which people confirm or lift. It returns a Refusal if the measure cannot be;
// nothing of the transaction may stand then.
func (tx *Tx) RaiseAlert(by string, a Alert) ([]Applied, []Document, error) {
	a.At = tx.at
	body, err := tx.r.sealRow(a, alertParts(a.ID, a.Rule, a.Subject, a.At.UnixNano())...)
	if err != nil {
		return nil, nil, err
	}
	if _, err := tx.sql.ExecContext(tx.ctx, `INSERT INTO alerts (id, rule, subject, at, body) VALUES (?, ?, ?, ?, ?)`,
		a.ID, a.Rule, a.Subject, a.At.UnixNano(), body); err != nil {
		return nil, nil, fmt.Errorf("registry: raise alert: %w", err)
	}
	if a.Measure == nil {
		return nil, nil, nil
	}
	m := *a.Measure
	m.Alert, m.Status = a.ID, StatusActive
	m.Clause = cmp.Or(a.Article, a.Pack)
	m.Reason = fmt.Sprintf("告警规则 %s 自动限制,待人工确认或解除 / set by the alert rule %s until a person confirms or lifts it", a.Rule, a.Rule)
	doc := Document{Kind: KindRestriction, Name: a.ID}
	if doc.Spec, err = json.Marshal(m); err != nil {
		return nil, nil, fmt.Errorf("registry: raise alert: %w", err)
	}
	done, err := tx.restrict(by, doc, a.Severity)
	return []Applied{done}, []Document{doc}, err
}

// AlertAt returns the last alert of a rule about a subject, ErrNotFound if there is
// none.
func (tx *Tx) AlertAt(rule, subject string) (Alert, error) {
	return tx.r.alert(tx.ctx, tx.sql, `WHERE rule = ? AND subject = ? ORDER BY at DESC, id DESC LIMIT 1`, rule, subject)
}

// Alert returns an alert, as this transaction sees it, or ErrNotFound.
func (tx *Tx) Alert(id string) (Alert, error) {
	return tx.r.alert(tx.ctx, tx.sql, `WHERE id = ?`, id)
}

// Alert returns an alert or ErrNotFound.
func (r *Registry) Alert(ctx context.Context, id string) (Alert, error) {
	return r.alert(ctx, r.reader, `WHERE id = ?`, id)
}

func (r *Registry) alert(ctx context.Context, q querier, where string, args ...any) (Alert, error) {
	all, err := r.alerts(ctx, q, where, args...)
	if err != nil {
		return Alert{}, err
	}
	if len(all) == 0 {
		return Alert{}, fmt.Errorf("registry: alert: %w", ErrNotFound)
	}
	return all[0], nil
}

// Alerts returns the alerts raised last, the newest first, at most limit.
func (r *Registry) Alerts(ctx context.Context, limit int) ([]Alert, error) {
	return r.alerts(ctx, r.reader, `ORDER BY at DESC, id DESC LIMIT ?`, limit)
}

// AlertIDs returns the name of every alert, without reading any.
func (r *Registry) AlertIDs(ctx context.Context) (map[string]bool, error) {
	rows, err := r.reader.QueryContext(ctx, `SELECT id FROM alerts`)
	if err != nil {
		return nil, fmt.Errorf("registry: read alerts: %w", err)
	}
	defer rows.Close()
	all := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("registry: read alerts: %w", err)
		}
		all[id] = true
	}
	return all, rows.Err()
}

func (r *Registry) alerts(ctx context.Context, q querier, where string, args ...any) ([]Alert, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, rule, subject, at, body FROM alerts `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("registry: read alerts: %w", err)
	}
	defer rows.Close()
	var all []Alert
	for rows.Next() {
		var id, rule, subject string
		var at int64
		var body []byte
		if err := rows.Scan(&id, &rule, &subject, &at, &body); err != nil {
			return nil, fmt.Errorf("registry: read alerts: %w", err)
		}
		var a Alert
		if err := r.openRow(body, &a, alertParts(id, rule, subject, at)...); err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	if err := rows.Err(); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("registry: read alerts: %w", err)
	}
	return all, nil
}

// restrict applies a restriction in the gate's own name, as an alert of that severity
// says: it restricts for a time, and closes nothing but a zone, on a MAJOR alert
// (SY20-33).
func (tx *Tx) restrict(by string, d Document, severity string) (Applied, error) {
	if faults := checkShape(d); len(faults) > 0 {
		return Applied{}, &Refusal{faults}
	}
	c := &change{tx: tx, by: by, doc: d}
	now, _ := specs[Restriction](c)
	c.parent = now.Level
	if entry, _, ok := c.restricted(now); ok {
		c.zone = entry.Zone
	}
	closes := now.Level == LevelZone && severity == SeverityMajor
	if now.Degree != DegreeRestrict && !closes || !slices.Contains([]string{LevelOperator, LevelLicense, LevelZone}, now.Level) {
		c.fault(CodeRole, "", "NJ24-23", say("%s restricts for a time only", "%s 仅可临时限制", by))
	}
	return tx.accept(c)
}

// Supersede lifts the measure that an alert set, in the gate's own name by, because a
// measure that a person signed has taken its place.
func (tx *Tx) Supersede(by, alert, measure string) error {
	old, err := tx.r.get(tx.ctx, tx.sql, KindRestriction, alert)
	if err != nil {
		return err
	}
	r, err := SpecOf[Restriction](old.Document)
	if err != nil {
		return err
	}
	r.Status = StatusLifted
	r.StatusReason = fmt.Sprintf("由措施 %s 取代 / the measure %s has taken its place", measure, measure)
	doc := Document{Kind: KindRestriction, Name: alert}
	if doc.Spec, err = json.Marshal(r); err != nil {
		return fmt.Errorf("registry: supersede %s: %w", alert, err)
	}
	c := &change{tx: tx, by: by, doc: doc, old: &old}
	if entry, _, ok := c.restricted(r); ok {
		c.zone = entry.Zone
	}
	_, err = tx.accept(c)
	return err
}
