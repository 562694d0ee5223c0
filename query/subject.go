package query

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"time"

	"zonebox/registry"
)

// Credentials are what a client shows with a request: who it says it is, and a
// signature over a message that names the request, its time and its nonce.
type Credentials struct {
	User      string
	At        time.Time
	Nonce     string
	Message   []byte
	Signature []byte
}

// Authenticate returns the person whose key signed the request. Every failure
// is the same error; a nonce counts once, and only within a few minutes.
func (e *Engine) Authenticate(ctx context.Context, c Credentials) (Subject, error) {
	doc, _, err := e.registry.Get(ctx, registry.KindPerson, c.User)
	if errors.Is(err, registry.ErrNotFound) {
		return Subject{}, fail("AUTH_FAILED", err)
	}
	if err != nil {
		return Subject{}, asError(err)
	}
	p, err := registry.SpecOf[registry.Person](doc)
	if err != nil {
		return Subject{}, asError(err)
	}
	key, err := base64.StdEncoding.DecodeString(p.SigningKey)
	if err != nil || len(key) != ed25519.PublicKeySize || p.Status != "active" || !ed25519.Verify(key, c.Message, c.Signature) {
		return Subject{}, fail("AUTH_FAILED", nil)
	}
	err = e.registry.UseNonce(ctx, c.User, c.Nonce, c.At)
	if errors.Is(err, registry.ErrReplay) || errors.Is(err, registry.ErrStale) {
		return Subject{}, fail("AUTH_FAILED", err)
	}
	if err != nil {
		return Subject{}, asError(err)
	}
	return Subject{user: c.User, organization: p.Organization, roles: p.Roles, permissions: p.Permissions}, nil
}

// Unauthenticated returns the error of a request that cannot be authenticated.
func Unauthenticated() error { return fail("AUTH_FAILED", nil) }

// BadRequest returns the error of a malformed request.
func BadRequest(zh, en string) error { return fail("BAD_REQUEST", nil).because(zh, en) }

// AsError returns err as an *Error; anything unknown is INTERNAL.
func AsError(err error) *Error { return asError(err) }
