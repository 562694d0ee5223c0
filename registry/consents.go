package registry

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// KindConsents is the kind of a Ref that names the consents to a scenario, its
// version being how many withdrawals there are.
const KindConsents = "Consents"

// BasisConsent is the basis of a grant that shows rows of people who consented
// alone (NJ24-16).
const BasisConsent = "CONSENT"

// entityPerson is the kind of entities that can consent.
const entityPerson = "person"

// ConsentScope is what consents are given to: the use of rows of a zone for one
// scenario.
type ConsentScope struct{ Zone, Scenario string }

// ConsentState is how the consents of a scope stand.
type ConsentState struct {
	Version     int64     `json:"version"`  // rises with each change
	Consents    int64     `json:"consents"` // given, those that are over and withdrawn counted
	Withdrawals int64     `json:"withdrawals"`
	WithdrawnAt time.Time `json:"withdrawn_at,omitzero"` // the last one
}

// A SubjectConsent is one person's consent, from From on until before Until, to
// the second.
type SubjectConsent struct {
	Subject            [16]byte // token; no identifier is kept
	Given, From, Until time.Time
	Evidence           ConsentEvidence
}

// ConsentEvidence says what shows a consent: a document of a kind and a day, by
// the SHA-256 of its file. The file itself is not here.
type ConsentEvidence struct {
	Kind   string `json:"kind"`
	Date   string `json:"date"`
	SHA256 string `json:"sha256"`
}

// States of a batch of consents.
const (
	consentsStaged = "STAGED"
	consentsActive = "ACTIVE"
)

// ConsentBatch is consents that were brought in together. They count all at once,
// or not at all.
type ConsentBatch struct {
	Name   string
	Scope  ConsentScope
	Digest string // SHA-256 of the file
	At     time.Time
	By     string
	Org    string

	id, scope int64
}

// consentBatchBody is what is sealed of a batch. ID is the batch's once it counts, by
// which its rows are found, and 0 before.
type consentBatchBody struct {
	By, Org string
	ID      int64 `json:",omitempty"`
}

func (b ConsentBatch) parts() []string {
	return []string{"consent batch", b.Name, b.Scope.Zone, b.Scope.Scenario, b.Digest, strconv.FormatInt(b.At.UnixNano(), 10)}
}

func (s ConsentScope) parts(id int64) []string {
	return []string{"consent scope", strconv.FormatInt(id, 10), s.Zone, s.Scenario}
}

func consentParts(scope ConsentScope, subject []byte, given, from, until, batch int64) []string {
	return []string{"consent", scope.Zone, scope.Scenario, hex.EncodeToString(subject),
		strconv.FormatInt(given, 10), strconv.FormatInt(from, 10), strconv.FormatInt(until, 10), strconv.FormatInt(batch, 10)}
}

func withdrawalParts(scope ConsentScope, subject []byte, at int64) []string {
	return []string{"consent withdrawal", scope.Zone, scope.Scenario, hex.EncodeToString(subject), strconv.FormatInt(at, 10)}
}

// consentScope returns the row and the state of a scope, 0 and the zero state if
// nothing was ever brought into it.
func (r *Registry) consentScope(ctx context.Context, q querier, scope ConsentScope) (id int64, s ConsentState, err error) {
	var body []byte
	err = q.QueryRowContext(ctx, `SELECT id, body FROM consent_scopes WHERE zone = ? AND scenario = ?`, scope.Zone, scope.Scenario).Scan(&id, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ConsentState{}, nil
	}
	if err != nil {
		return 0, s, fmt.Errorf("registry: read consents to %s: %w", scope.Scenario, err)
	}
	return id, s, r.openRow(body, &s, scope.parts(id)...)
}

// ConsentState returns how the consents of a scope stand.
func (r *Registry) ConsentState(ctx context.Context, scope ConsentScope) (ConsentState, error) {
	_, s, err := r.consentScope(ctx, r.reader, scope)
	return s, err
}

// ConsentScopes returns the scopes that consents were brought into, by zone and
// scenario.
func (r *Registry) ConsentScopes(ctx context.Context) ([]ConsentScope, error) {
	rows, err := r.reader.QueryContext(ctx, `SELECT zone, scenario FROM consent_scopes ORDER BY zone, scenario`)
	if err != nil {
		return nil, fmt.Errorf("registry: list consents: %w", err)
	}
	defer rows.Close()
	var all []ConsentScope
	for rows.Next() {
		var s ConsentScope
		if err := rows.Scan(&s.Zone, &s.Scenario); err != nil {
			return nil, fmt.Errorf("registry: list consents: %w", err)
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

// ConsentsBrought reports whether a file with that digest was brought into the
// scope and counts.
func (r *Registry) ConsentsBrought(ctx context.Context, scope ConsentScope, digest string) (bool, error) {
	var n int64
	err := r.reader.QueryRowContext(ctx, `SELECT count(*) FROM consent_batches b JOIN consent_scopes s ON s.id = b.scope
		WHERE s.zone = ? AND s.scenario = ? AND b.digest = ? AND b.state = ?`, scope.Zone, scope.Scenario, digest, consentsActive).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("registry: look for consents to %s: %w", scope.Scenario, err)
	}
	return n > 0, nil
}

// BeginConsents begins a batch: what is added to it counts once it is activated.
// What batches of the scope that never were left behind is removed; of one scope
// one batch is under way at a time.
func (tx *Tx) BeginConsents(b *ConsentBatch) error {
	id, state, err := tx.r.consentScope(tx.ctx, tx.sql, b.Scope)
	if err != nil {
		return err
	}
	if id == 0 {
		if err := tx.sql.QueryRowContext(tx.ctx, `SELECT coalesce(max(id), 0) + 1 FROM consent_scopes`).Scan(&id); err != nil {
			return fmt.Errorf("registry: begin consents: %w", err)
		}
		if err := tx.putConsentState(id, b.Scope, state); err != nil {
			return err
		}
	}
	if _, err := tx.sql.ExecContext(tx.ctx, `DELETE FROM consents WHERE scope = ?1 AND batch IN (SELECT id FROM consent_batches WHERE scope = ?1 AND state = ?2)`,
		id, consentsStaged); err != nil {
		return fmt.Errorf("registry: begin consents: %w", err)
	}
	if _, err := tx.sql.ExecContext(tx.ctx, `DELETE FROM consent_batches WHERE scope = ? AND state = ?`, id, consentsStaged); err != nil {
		return fmt.Errorf("registry: begin consents: %w", err)
	}
	b.scope, b.At = id, tx.at
	body, err := tx.r.sealRow(consentBatchBody{By: b.By, Org: b.Org}, b.parts()...)
	if err != nil {
		return err
	}
	err = tx.sql.QueryRowContext(tx.ctx, `INSERT INTO consent_batches (name, scope, digest, state, at, body) VALUES (?, ?, ?, ?, ?, ?) RETURNING id`,
		b.Name, id, b.Digest, consentsStaged, b.At.UnixNano(), body).Scan(&b.id)
	if err != nil {
		return fmt.Errorf("registry: begin consents: %w", err)
	}
	return nil
}

// AddConsents adds consents to a batch under way and returns how many it added:
// those that count already, or stand in the batch, are not added again.
func (tx *Tx) AddConsents(b *ConsentBatch, all []SubjectConsent) (added int64, err error) {
	var state string
	err = tx.sql.QueryRowContext(tx.ctx, `SELECT state FROM consent_batches WHERE id = ?`, b.id).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) || err == nil && state != consentsStaged {
		err = ErrConflict
	}
	if err != nil {
		return 0, fmt.Errorf("registry: add consents: %w", err)
	}
	known, err := tx.sql.PrepareContext(tx.ctx, `SELECT count(*) FROM consents
		WHERE scope = ? AND subject = ? AND given = ? AND valid_from = ? AND valid_until = ?`)
	if err != nil {
		return 0, fmt.Errorf("registry: add consents: %w", err)
	}
	defer known.Close()
	insert, err := tx.sql.PrepareContext(tx.ctx, `INSERT INTO consents (scope, subject, given, valid_from, valid_until, batch, evidence) VALUES (?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return 0, fmt.Errorf("registry: add consents: %w", err)
	}
	defer insert.Close()
	for _, c := range all {
		given, from, until := c.Given.Unix(), c.From.Unix(), c.Until.Unix()
		var n int64
		if err := known.QueryRowContext(tx.ctx, b.scope, c.Subject[:], given, from, until).Scan(&n); err != nil {
			return 0, fmt.Errorf("registry: add consents: %w", err)
		}
		if n > 0 {
			continue
		}
		evidence, err := tx.r.sealRow(c.Evidence, consentParts(b.Scope, c.Subject[:], given, from, until, b.id)...)
		if err != nil {
			return 0, err
		}
		if _, err := insert.ExecContext(tx.ctx, b.scope, c.Subject[:], given, from, until, b.id, evidence); err != nil {
			return 0, fmt.Errorf("registry: add consents: %w", err)
		}
		added++
	}
	return added, nil
}

// ActivateConsents has the consents of a batch count, of which there are added,
// and returns how the scope stands then.
func (tx *Tx) ActivateConsents(b *ConsentBatch, added int64) (ConsentState, error) {
	_, state, err := tx.r.consentScope(tx.ctx, tx.sql, b.Scope)
	if err != nil {
		return state, err
	}
	body, err := tx.r.sealRow(consentBatchBody{b.By, b.Org, b.id}, b.parts()...)
	if err != nil {
		return state, err
	}
	done, err := tx.sql.ExecContext(tx.ctx, `UPDATE consent_batches SET state = ?, body = ? WHERE id = ? AND state = ?`, consentsActive, body, b.id, consentsStaged)
	if err != nil {
		return state, fmt.Errorf("registry: activate consents: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return state, fmt.Errorf("registry: activate consents: %w", errors.Join(err, ErrConflict))
	}
	state.Version++
	state.Consents += added
	tx.learned = true
	return state, tx.putConsentState(b.scope, b.Scope, state)
}

func (tx *Tx) putConsentState(id int64, scope ConsentScope, s ConsentState) error {
	body, err := tx.r.sealRow(s, scope.parts(id)...)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT INTO consent_scopes (id, zone, scenario, body) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET body = excluded.body`, id, scope.Zone, scope.Scenario, body)
	if err != nil {
		return fmt.Errorf("registry: store consents to %s: %w", scope.Scenario, err)
	}
	return nil
}

// WithdrawConsents withdraws what the subjects consented to until now, and raises
// the epoch. It returns how many of them had consented to something that was not
// withdrawn yet; of the others the withdrawal is kept all the same, and counts
// against consents of before that are brought in later.
func (tx *Tx) WithdrawConsents(scope ConsentScope, subjects [][16]byte) (state ConsentState, withdrawn int64, err error) {
	id, state, err := tx.r.consentScope(tx.ctx, tx.sql, scope)
	if err != nil {
		return state, 0, err
	}
	if id == 0 {
		if err := tx.sql.QueryRowContext(tx.ctx, `SELECT coalesce(max(id), 0) + 1 FROM consent_scopes`).Scan(&id); err != nil {
			return state, 0, fmt.Errorf("registry: withdraw consents: %w", err)
		}
	}
	at := tx.at.Unix()
	for _, subject := range subjects {
		var had int64
		err := tx.sql.QueryRowContext(tx.ctx, `SELECT count(*) FROM consents c JOIN consent_batches b ON b.id = c.batch
			WHERE c.scope = ?1 AND c.subject = ?2 AND b.state = ?3
			AND NOT EXISTS (SELECT 1 FROM consent_withdrawals w WHERE w.scope = ?1 AND w.subject = ?2 AND w.at >= c.given)`,
			id, subject[:], consentsActive).Scan(&had)
		if err != nil {
			return state, 0, fmt.Errorf("registry: withdraw consents: %w", err)
		}
		if had > 0 {
			withdrawn++
		}
		body, err := tx.r.sealRow(struct{}{}, withdrawalParts(scope, subject[:], at)...)
		if err != nil {
			return state, 0, err
		}
		done, err := tx.sql.ExecContext(tx.ctx, `INSERT OR IGNORE INTO consent_withdrawals (scope, subject, at, body) VALUES (?, ?, ?, ?)`, id, subject[:], at, body)
		if err != nil {
			return state, 0, fmt.Errorf("registry: withdraw consents: %w", err)
		}
		n, err := done.RowsAffected()
		if err != nil {
			return state, 0, fmt.Errorf("registry: withdraw consents: %w", err)
		}
		state.Withdrawals += n
	}
	state.Version++
	state.WithdrawnAt = tx.at
	tx.learned = true
	if err := tx.putConsentState(id, scope, state); err != nil {
		return state, 0, err
	}
	return state, withdrawn, tx.BumpEpoch()
}
