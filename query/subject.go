package query

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"slices"
	"time"
	"unicode/utf8"

	"zonebox/registry"
)

// Credentials are what a client shows with a request: who it says it is, and a
// signature over a message that names the gate, the request, its time and its nonce.
type Credentials struct {
	Gate      string // a signing key of the gate, base64
	User      string
	At        time.Time
	Nonce     string
	Message   []byte
	Signature []byte
	From      netip.Addr // where the request came from; the zero of the socket
}

// Authenticate returns the person whose key signed the request. Every failure
// is the same error; a nonce counts once, and only within a few minutes.
func (e *Engine) Authenticate(ctx context.Context, c Credentials) (Subject, error) {
	if !e.itself(c.Gate) {
		return Subject{}, fail("AUTH_FAILED", errOtherGate)
	}
	if err := e.TakeEffect(ctx); err != nil {
		return Subject{}, err
	}
	doc, meta, err := e.registry.Get(ctx, registry.KindPerson, c.User)
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
	s := Subject{user: c.User, organization: p.Organization, roles: p.Roles, permissions: p.Permissions, version: meta.Version, from: c.From}
	s.oneFactor = e.cfg.SecondFactor && supervises(p.Roles) && !e.presences.counts(s, e.cfg.Now().UTC())
	return s, nil
}

// Stands returns AUTH_FAILED if a person's document is no more the one by which the
// person was recognised: whoever is suspended while a request comes in is not heard.
func (e *Engine) Stands(ctx context.Context, s Subject) error {
	_, version, err := e.activePerson(ctx, s.user)
	if errors.Is(err, registry.ErrInactive) || err == nil && version != s.version {
		return fail("AUTH_FAILED", cmp.Or(err, registry.ErrInactive))
	}
	if err != nil {
		return asError(err)
	}
	return nil
}

// standsIn is Stands in the transaction of what the person does.
func (s Subject) standsIn(tx *registry.Tx) error {
	err := tx.Stands(s.user, s.version)
	if errors.Is(err, registry.ErrInactive) || errors.Is(err, registry.ErrNotFound) {
		return fail("AUTH_FAILED", err)
	}
	return err
}

// errOtherGate says that a request is for a gate of another key.
var errOtherGate = errors.New("query: a request for another gate")

// itself reports whether a key is one that the gate signs by, or signed by before.
func (e *Engine) itself(key string) bool {
	public, err := base64.StdEncoding.Strict().DecodeString(key)
	return err == nil && slices.ContainsFunc(e.keys.Signer().Publics(), func(k ed25519.PublicKey) bool { return k.Equal(ed25519.PublicKey(public)) })
}

// Unauthenticated returns the error of a request that cannot be authenticated.
func Unauthenticated() error { return fail("AUTH_FAILED", nil) }

// BadRequest returns the error of a malformed request.
func BadRequest(zh, en string) error { return fail("BAD_REQUEST", nil).because(zh, en) }

// NoSuchPath returns the error of a request for what the gate does not have.
func NoSuchPath() error { return fail("NOT_FOUND", nil) }

// Stopped returns the error of a request whose sender went, or that the end of the
// gate met.
func Stopped(cause error) error { return fail("STOPPED", cause) }

// ReadJSON fills into with the one JSON value that text is: of known fields, none of
// them twice however it is spelled, and nothing behind it. Two readers of a request
// that is signed must not read two things. It returns BAD_REQUEST for anything else,
// without a word of it.
func ReadJSON(text []byte, into any) error {
	malformed := BadRequest("请求体不是所期望的 JSON", "the request body is not the expected JSON")
	if !utf8.Valid(text) || registry.NoDuplicates(text) != nil {
		return malformed
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return malformed
	}
	if _, err := d.Token(); err != io.EOF {
		return malformed
	}
	return nil
}

// AsError returns err as an *Error; anything unknown is INTERNAL.
func AsError(err error) *Error { return asError(err) }
