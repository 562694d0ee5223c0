package registry

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// ConsentReading is what was read of the consents to a scope, each row checked to be
// one that was written and none missing. It is immutable; of a consent it holds 40
// bytes.
type ConsentReading struct {
	scope     ConsentScope
	state     ConsentState
	rows      []consentRow       // by subject
	batches   map[int64]bool     // whose rows are here
	withdrawn map[[16]byte]int64 // last withdrawal of a subject, in seconds
	gone      int64              // withdrawals
}

type consentRow struct {
	subject            [16]byte
	given, from, until int64 // seconds
}

func (c consentRow) compare(o consentRow) int {
	if n := bytes.Compare(c.subject[:], o.subject[:]); n != 0 {
		return n
	}
	return cmp.Or(cmp.Compare(c.given, o.given), cmp.Compare(c.from, o.from), cmp.Compare(c.until, o.until))
}

// State returns how the scope stood when it was read.
func (c *ConsentReading) State() ConsentState { return c.state }

// Len returns how many consents were read.
func (c *ConsentReading) Len() int { return len(c.rows) }

// Valid calls give with the subjects whose consent is valid at a time, in order,
// perhaps more than once each, and returns until when, at the latest, the answer is
// the same; zero is for good.
//
// A consent is valid from the first moment of its time until before the last,
// after it was given, unless it was withdrawn after it was given or in the same
// second.
func (c *ConsentReading) Valid(at time.Time, give func([16]byte)) time.Time {
	now, next := at.Unix(), int64(0)
	changes := func(at int64) { // the next moment at which the answer is another one
		if next == 0 || at < next {
			next = at
		}
	}
	for i := range c.rows {
		r := &c.rows[i]
		if at, gone := c.withdrawn[r.subject]; gone && at >= r.given {
			continue
		}
		switch from := max(r.from, r.given); {
		case now >= r.until:
		case now < from:
			changes(from)
		default:
			changes(r.until)
			give(r.subject)
		}
	}
	if next == 0 {
		return time.Time{}
	}
	return time.Unix(next, 0)
}

// ReadConsents reads the consents to a scope. Of known, an earlier reading of it or
// nil, nothing is read again: batches that came since are, and all withdrawals if
// there is another one. Every row is checked to be one that was written, each is
// there once and none is missing, a withdrawal least of all, and the scope stands no
// earlier than when it was known: the error wraps ErrCorrupt if not.
func (r *Registry) ReadConsents(ctx context.Context, scope ConsentScope, known *ConsentReading) (out *ConsentReading, err error) {
	err = r.View(ctx, func(tx *sql.Tx) error {
		v := consentReader{r: r, tx: tx, c: &ConsentReading{scope: scope}}
		if v.id, v.c.state, err = r.consentScope(ctx, tx, scope); err != nil {
			return err
		}
		if known == nil || known.scope != scope {
			known = &ConsentReading{}
		}
		if known.state.Version > v.c.state.Version {
			return fmt.Errorf("registry: read consents to %s: version %d after %d: %w", scope.Scenario, v.c.state.Version, known.state.Version, ErrCorrupt)
		}
		if out = v.c; v.id == 0 {
			return nil
		}
		if err = v.withdrawals(ctx, known); err == nil {
			err = v.consents(ctx, known)
		}
		switch {
		case err != nil:
			return fmt.Errorf("registry: read consents to %s: %w", scope.Scenario, err)
		case v.c.gone != v.c.state.Withdrawals || int64(len(v.c.rows)) != v.c.state.Consents:
			return fmt.Errorf("registry: read consents to %s: %d and %d withdrawn, of %d and %d: %w", scope.Scenario,
				len(v.c.rows), v.c.gone, v.c.state.Consents, v.c.state.Withdrawals, ErrCorrupt)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// consentReader is one reading under way.
type consentReader struct {
	r  *Registry
	tx *sql.Tx
	id int64 // of the scope
	c  *ConsentReading
}

func (v *consentReader) withdrawals(ctx context.Context, known *ConsentReading) error {
	v.c.withdrawn, v.c.gone = known.withdrawn, known.gone
	if known.gone == v.c.state.Withdrawals {
		return nil
	}
	v.c.withdrawn, v.c.gone = maps.Clone(known.withdrawn), 0
	if v.c.withdrawn == nil {
		v.c.withdrawn = map[[16]byte]int64{}
	}
	var before [24]byte // the row before: each is there once, whatever the table's key is now
	return v.each(ctx, v.id, `SELECT subject, at, body FROM consent_withdrawals WHERE scope = ? ORDER BY subject, at`, func(rows *sql.Rows) error {
		var subject, body sql.RawBytes
		var at int64
		if err := rows.Scan(&subject, &at, &body); err != nil {
			return err
		}
		if len(subject) != 16 {
			return errors.New("a withdrawal is not what was written")
		}
		key := [16]byte(subject)
		row := before
		copy(row[:], subject)
		binary.BigEndian.PutUint64(row[16:], uint64(at))
		if bytes.Compare(before[:], row[:]) >= 0 {
			return errors.New("a withdrawal is there twice")
		}
		before = row
		v.c.gone++
		if last, ok := known.withdrawn[key]; ok && at == last {
			return nil // it was read before
		}
		if v.forged(body, withdrawalParts(v.c.scope, subject, at)) {
			return errors.New("a withdrawal is not what was written")
		}
		v.c.withdrawn[key] = max(at, v.c.withdrawn[key])
		return nil
	})
}

// consents reads the rows of the batches that count and are not known.
func (v *consentReader) consents(ctx context.Context, known *ConsentReading) error {
	v.c.batches = map[int64]bool{}
	var fresh []int64
	err := v.each(ctx, v.id, `SELECT id, name, digest, state, at, body FROM consent_batches WHERE scope = ?`, func(rows *sql.Rows) error {
		var id, at int64
		var state string
		var body []byte
		b := ConsentBatch{Scope: v.c.scope}
		if err := rows.Scan(&id, &b.Name, &b.Digest, &state, &at, &body); err != nil {
			return err
		}
		b.At = time.Unix(0, at)
		var sealed consentBatchBody
		if err := v.r.openRow(body, &sealed, b.parts()...); err != nil {
			return err
		}
		counts := state == consentsActive
		if counts != (sealed.ID == id) {
			return errors.New("the state of a batch is not what was written")
		}
		if counts {
			v.c.batches[id] = true
			if !known.batches[id] {
				fresh = append(fresh, id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id := range known.batches {
		if !v.c.batches[id] {
			return fmt.Errorf("a batch that counted is gone: %w", ErrCorrupt)
		}
	}
	if v.c.rows = known.rows; len(fresh) == 0 {
		return nil
	}
	v.c.rows = slices.Clone(known.rows)
	for _, id := range fresh {
		if err := v.batch(ctx, id); err != nil {
			return err
		}
	}
	slices.SortFunc(v.c.rows, consentRow.compare)
	for i := range v.c.rows {
		if i > 0 && v.c.rows[i] == v.c.rows[i-1] {
			return fmt.Errorf("a consent is there twice: %w", ErrCorrupt)
		}
	}
	return nil
}

func (v *consentReader) batch(ctx context.Context, id int64) error {
	return v.each(ctx, id, `SELECT scope, subject, given, valid_from, valid_until, evidence FROM consents WHERE batch = ?`, func(rows *sql.Rows) error {
		var subject, evidence sql.RawBytes
		var scope int64
		var c consentRow
		if err := rows.Scan(&scope, &subject, &c.given, &c.from, &c.until, &evidence); err != nil {
			return err
		}
		if scope != v.id || len(subject) != 16 || v.forged(evidence, consentParts(v.c.scope, subject, c.given, c.from, c.until, id)) {
			return errors.New("a consent is not what was written")
		}
		c.subject = [16]byte(subject)
		v.c.rows = append(v.c.rows, c)
		return nil
	})
}

func (v *consentReader) forged(sealed []byte, parts []string) bool {
	_, err := v.r.cfg.AEAD.Decrypt(sealed, aad(parts...))
	return err != nil
}

// each calls f with the rows of a query about one thing. What f finds wrong with one
// wraps ErrCorrupt.
func (v *consentReader) each(ctx context.Context, about int64, query string, f func(*sql.Rows) error) error {
	rows, err := v.tx.QueryContext(ctx, query, about)
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
