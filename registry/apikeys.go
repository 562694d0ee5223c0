package registry

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// APIKey lets whoever has its secret act for a person, within its scopes, from its
// networks, until it expires. The registry holds a digest of the secret, and no key that was
// revoked: the log tells of those.
type APIKey struct {
	ID       string         `json:"id"`
	Person   string         `json:"person"`
	Purpose  string         `json:"purpose"`
	Digest   []byte         `json:"digest"` // SHA-256
	Scopes   []string       `json:"scopes"`
	Networks []netip.Prefix `json:"networks,omitempty"` // any, when empty
	Issued   time.Time      `json:"issued"`
	Expires  time.Time      `json:"expires"`
}

func apiKeyParts(id, person string) []string { return []string{"api-key", id, person} }

// PutAPIKey stores a new key of a person who is active by the version of the document;
// by any other it is ErrInactive.
func (tx *Tx) PutAPIKey(k APIKey, version int64) error {
	if err := tx.Stands(k.Person, version); err != nil {
		return fmt.Errorf("registry: store API key %s: %w", k.ID, err)
	}
	body, err := tx.r.sealRow(k, apiKeyParts(k.ID, k.Person)...)
	if err != nil {
		return err
	}
	if _, err := tx.sql.ExecContext(tx.ctx, `INSERT INTO api_keys (id, person, body) VALUES (?, ?, ?)`, k.ID, k.Person, body); err != nil {
		return fmt.Errorf("registry: store API key %s: %w", k.ID, err)
	}
	return nil
}

// Stands returns ErrInactive if a person's document is not of that version any more, or
// the person not active by it.
func (tx *Tx) Stands(person string, version int64) error {
	p, err := load[Person](tx.ctx, tx.r, tx.sql, KindPerson, person)
	if err == nil && (p.Version != version || p.Spec.Status != personActive) {
		err = ErrInactive
	}
	return err
}

// RevokeAPIKey ends a key in the name of by, with its event. A key that is not there is
// ErrNotFound.
func (tx *Tx) RevokeAPIKey(by string, k APIKey) error {
	res, err := tx.sql.ExecContext(tx.ctx, `DELETE FROM api_keys WHERE id = ?`, k.ID)
	if err != nil {
		return fmt.Errorf("registry: revoke API key %s: %w", k.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fmt.Errorf("registry: revoke API key %s: %w", k.ID, ErrNotFound), err)
	}
	return tx.Emit(Event{Kind: "apikey.revoked", Actor: by, Fields: map[string]string{"key": k.ID, "person": k.Person}})
}

// endShown revokes the keys of a person whose next version is p, if that ends the
// account or has another signing key: who issued them may not have been the person
// (YC22-40). One-time codes end with the account alone: they are the factor that whoever
// has the signing key lacks.
func (tx *Tx) endShown(by, person string, p Person) error {
	before, err := load[Person](tx.ctx, tx.r, tx.sql, KindPerson, person)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	case p.Status == personActive && before.Spec.Status == personActive && p.SigningKey == before.Spec.SigningKey:
		return nil
	}
	if p.Status != personActive {
		if err := tx.EndOneTime(by, person); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	all, err := tx.APIKeys(person)
	if err != nil {
		return err
	}
	for _, k := range all {
		if err := tx.RevokeAPIKey(by, k); err != nil {
			return err
		}
	}
	return nil
}

// APIKeys returns the keys of a person, by their ids.
func (tx *Tx) APIKeys(person string) ([]APIKey, error) {
	return tx.r.apiKeys(tx.ctx, tx.sql, `WHERE person = ? ORDER BY id`, person)
}

// APIKeys returns the keys of all people, by person and id.
func (r *Registry) APIKeys(ctx context.Context) ([]APIKey, error) {
	return r.apiKeys(ctx, r.reader, `ORDER BY person, id`)
}

// APIKey returns a key, or ErrNotFound.
func (r *Registry) APIKey(ctx context.Context, id string) (APIKey, error) {
	all, err := r.apiKeys(ctx, r.reader, `WHERE id = ?`, id)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("registry: API key: %w", ErrNotFound)
	}
	if err != nil {
		return APIKey{}, err
	}
	return all[0], nil
}

func (r *Registry) apiKeys(ctx context.Context, q querier, where string, args ...any) ([]APIKey, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, person, body FROM api_keys `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("registry: read API keys: %w", err)
	}
	defer rows.Close()
	var all []APIKey
	for rows.Next() {
		var id, person string
		var body []byte
		if err := rows.Scan(&id, &person, &body); err != nil {
			return nil, fmt.Errorf("registry: read API keys: %w", err)
		}
		var k APIKey
		if err := r.openRow(body, &k, apiKeyParts(id, person)...); err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read API keys: %w", err)
	}
	return all, nil
}
