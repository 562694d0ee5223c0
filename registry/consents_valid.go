package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ValidConsents calls give with the subjects of a scope whose consent is valid at
// a time, perhaps more than once each, and returns how the scope stands and until
// when, at the latest, the answer is the same if nothing is changed; zero is for
// good.
//
// A consent is valid from the first moment of its time until before the last,
// after it was given, unless it was withdrawn after it was given or in the same
// second. Every row is checked to be one that was written, and that none is
// missing, a withdrawal least of all: the error wraps ErrCorrupt if not, and then
// nothing of what was given counts.
func (r *Registry) ValidConsents(ctx context.Context, scope ConsentScope, at time.Time, give func([16]byte)) (state ConsentState, until time.Time, err error) {
	err = r.View(ctx, func(tx *sql.Tx) error {
		id, s, err := r.consentScope(ctx, tx, scope)
		if err != nil || id == 0 {
			return err
		}
		v := validity{r: r, tx: tx, scope: scope, id: id, at: at.Unix()}
		if err = v.withdrawals(ctx); err == nil {
			err = v.batches(ctx)
		}
		if err == nil {
			err = v.consents(ctx, give)
		}
		switch {
		case err != nil:
			return fmt.Errorf("registry: read consents to %s: %w", scope.Scenario, err)
		case v.gone != s.Withdrawals || v.count != s.Consents:
			return fmt.Errorf("registry: read consents to %s: %d and %d withdrawn, of %d and %d: %w", scope.Scenario, v.count, v.gone, s.Consents, s.Withdrawals, ErrCorrupt)
		}
		if state = s; v.until != 0 {
			until = time.Unix(v.until, 0)
		}
		return nil
	})
	return state, until, err
}

// validity is one reading of the consents of a scope. Times are in seconds.
type validity struct {
	r     *Registry
	tx    *sql.Tx
	scope ConsentScope
	id    int64
	at    int64

	last        map[[16]byte]int64 // withdrawal of a subject
	active      map[int64]bool     // batches
	count, gone int64
	until       int64
}

func (v *validity) withdrawals(ctx context.Context) error {
	v.last = map[[16]byte]int64{}
	return v.each(ctx, `SELECT subject, at, body FROM consent_withdrawals WHERE scope = ? ORDER BY subject, at`, func(rows *sql.Rows) error {
		var subject, body []byte
		var at int64
		if err := rows.Scan(&subject, &at, &body); err != nil {
			return err
		}
		if len(subject) != 16 || v.forged(body, withdrawalParts(v.scope, subject, at)) {
			return errors.New("a withdrawal is not what was written")
		}
		key := [16]byte(subject)
		v.last[key] = max(v.last[key], at)
		v.gone++
		return nil
	})
}

func (v *validity) batches(ctx context.Context) error {
	v.active = map[int64]bool{}
	return v.each(ctx, `SELECT id, name, digest, state, at, body FROM consent_batches WHERE scope = ?`, func(rows *sql.Rows) error {
		var id, at int64
		var state string
		var body []byte
		b := ConsentBatch{Scope: v.scope}
		if err := rows.Scan(&id, &b.Name, &b.Digest, &state, &at, &body); err != nil {
			return err
		}
		b.At = time.Unix(0, at)
		var sealed consentBatchBody
		if err := v.r.openRow(body, &sealed, b.parts()...); err != nil {
			return err
		}
		if sealed.State != state {
			return errors.New("the state of a batch is not what was written")
		}
		v.active[id] = state == consentsActive
		return nil
	})
}

func (v *validity) consents(ctx context.Context, give func([16]byte)) error {
	return v.each(ctx, `SELECT subject, given, valid_from, valid_until, batch, evidence FROM consents WHERE scope = ?`, func(rows *sql.Rows) error {
		var subject, evidence sql.RawBytes
		var given, from, until, batch int64
		if err := rows.Scan(&subject, &given, &from, &until, &batch, &evidence); err != nil {
			return err
		}
		if active, known := v.active[batch]; !known || !active {
			return nil // of a batch under way
		}
		if len(subject) != 16 || v.forged(evidence, consentParts(v.scope, subject, given, from, until, batch)) {
			return errors.New("a consent is not what was written")
		}
		v.count++
		key := [16]byte(subject)
		if at, gone := v.last[key]; gone && at >= given {
			return nil
		}
		switch from = max(from, given); {
		case v.at >= until:
		case v.at < from:
			v.changes(from)
		default:
			v.changes(until)
			give(key)
		}
		return nil
	})
}

// changes takes note of the next moment at which the answer is another one.
func (v *validity) changes(at int64) {
	if v.until == 0 || at < v.until {
		v.until = at
	}
}

func (v *validity) forged(sealed []byte, parts []string) bool {
	_, err := v.r.cfg.AEAD.Decrypt(sealed, aad(parts...))
	return err != nil
}

// each calls f with the rows of a query of the scope. What f finds wrong with one
// wraps ErrCorrupt.
func (v *validity) each(ctx context.Context, query string, f func(*sql.Rows) error) error {
	rows, err := v.tx.QueryContext(ctx, query, v.id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimPrefix(err.Error(), "registry: "), ErrCorrupt)
		}
	}
	return rows.Err()
}
