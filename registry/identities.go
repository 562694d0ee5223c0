package registry

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// What people are recognised by belongs to one of them for ever.
const (
	findKey         = `SELECT person FROM signing_keys WHERE key = ?`
	bindKey         = `INSERT INTO signing_keys (key, person) VALUES (?, ?)`
	findIdentity    = `SELECT person FROM identities WHERE digest = ?`
	bindIdentity    = `INSERT INTO identities (digest, person) VALUES (?, ?)`
	findCertificate = `SELECT person FROM client_certificates WHERE pin = ?`
	bindCertificate = `INSERT INTO client_certificates (pin, person) VALUES (?, ?)`
)

// digest stands for an identity in the file, whose columns are in the clear.
func (id Identity) digest() []byte {
	sum := sha256.Sum256([]byte(id.Issuer + "\x00" + id.Subject))
	return sum[:]
}

// PersonOf returns the person whose document, as it is in force, binds an identity, or
// ErrNotFound.
func (r *Registry) PersonOf(ctx context.Context, id Identity) (string, error) {
	name, err := ownerOf(ctx, r.reader, findIdentity, id.digest())
	if err != nil {
		return "", err
	}
	doc, _, err := r.Get(ctx, KindPerson, name)
	if err != nil {
		return "", err
	}
	p, err := SpecOf[Person](doc)
	if err != nil {
		return "", err
	}
	if p.OIDC == nil || *p.OIDC != id {
		return "", fmt.Errorf("registry: an identity that %s no longer has: %w", name, ErrNotFound)
	}
	return name, nil
}

// PersonOfCertificate returns the active person whose document, as it is in force, holds
// the pin of a client certificate, or ErrNotFound or ErrInactive.
func (r *Registry) PersonOfCertificate(ctx context.Context, pin string) (none Versioned[Person], err error) {
	name, err := ownerOf(ctx, r.reader, findCertificate, pin)
	if err != nil {
		return none, err
	}
	p, err := load[Person](ctx, r, r.reader, KindPerson, name)
	switch {
	case err != nil:
		return none, err
	case p.Spec.Status != personActive:
		return none, fmt.Errorf("registry: person %s: %w", name, ErrInactive)
	case !slices.Contains(p.Spec.Certificates, pin):
		return none, fmt.Errorf("registry: a certificate that %s no longer has: %w", name, ErrNotFound)
	}
	return p, nil
}

// ownerOf returns to whom something was bound first, or ErrNotFound.
func ownerOf(ctx context.Context, q querier, find string, what any) (name string, err error) {
	err = q.QueryRowContext(ctx, find, what).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("registry: who is recognised by that: %w", err)
	}
	return name, nil
}
