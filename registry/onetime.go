package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// OneTime is by what the one-time codes of a person are computed (RFC 6238). Those before
// Spent, a count of steps of time, and that one itself count no more.
type OneTime struct {
	Person string    `json:"person"`
	Secret []byte    `json:"secret"`
	Since  time.Time `json:"since"`
	Active bool      `json:"active"` // a code of it was given
	Spent  int64     `json:"spent"`
}

// LogValue keeps a secret out of logs.
func (OneTime) LogValue() slog.Value { return slog.StringValue("one-time codes") }

func oneTimeParts(person string) []string { return []string{"one-time", person} }

// PutOneTime stores the codes of a person in place of what was stored. The person is
// active by the version of the document; by any other it is ErrInactive.
func (tx *Tx) PutOneTime(o OneTime, version int64) error {
	if err := tx.Stands(o.Person, version); err != nil {
		return fmt.Errorf("registry: store one-time codes of %s: %w", o.Person, err)
	}
	body, err := tx.r.sealRow(o, oneTimeParts(o.Person)...)
	if err != nil {
		return err
	}
	if _, err := tx.sql.ExecContext(tx.ctx, `INSERT OR REPLACE INTO one_time_codes (person, body) VALUES (?, ?)`, o.Person, body); err != nil {
		return fmt.Errorf("registry: store one-time codes of %s: %w", o.Person, err)
	}
	return nil
}

// EndOneTime removes the codes of a person in the name of by, with its event. Where there
// are none it is ErrNotFound.
func (tx *Tx) EndOneTime(by, person string) error {
	res, err := tx.sql.ExecContext(tx.ctx, `DELETE FROM one_time_codes WHERE person = ?`, person)
	if err != nil {
		return fmt.Errorf("registry: end one-time codes of %s: %w", person, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fmt.Errorf("registry: end one-time codes of %s: %w", person, ErrNotFound), err)
	}
	return tx.Emit(Event{Kind: "onetime.ended", Actor: by, Fields: map[string]string{"person": person}})
}

// OneTime returns the codes of a person, or ErrNotFound.
func (tx *Tx) OneTime(person string) (OneTime, error) {
	all, err := tx.r.oneTimes(tx.ctx, tx.sql, `WHERE person = ?`, person)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("registry: one-time codes of %s: %w", person, ErrNotFound)
	}
	if err != nil {
		return OneTime{}, err
	}
	return all[0], nil
}

// OneTimes returns the codes of all people, by their names.
func (r *Registry) OneTimes(ctx context.Context) ([]OneTime, error) {
	return r.oneTimes(ctx, r.reader, `ORDER BY person`)
}

func (r *Registry) oneTimes(ctx context.Context, q querier, where string, args ...any) ([]OneTime, error) {
	rows, err := q.QueryContext(ctx, `SELECT person, body FROM one_time_codes `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("registry: read one-time codes: %w", err)
	}
	defer rows.Close()
	var all []OneTime
	for rows.Next() {
		var person string
		var body []byte
		if err := rows.Scan(&person, &body); err != nil {
			return nil, fmt.Errorf("registry: read one-time codes: %w", err)
		}
		var o OneTime
		if err := r.openRow(body, &o, oneTimeParts(person)...); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read one-time codes: %w", err)
	}
	return all, nil
}
