package query

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"zonebox/registry"
)

// What an API key may be for.
const (
	ScopeRead = "read" // see what its person sees, but for rows and reviews
	ScopeAsk  = "ask"  // ask, under the person's scenarios
	ScopeLoad = "load" // hand in deliveries, and see how they stand
)

// Scopes are all of them.
var Scopes = []string{ScopeRead, ScopeAsk, ScopeLoad}

// For how long a key is valid, unless its person says less or more, and how many one
// person has at most.
const (
	keyDays     = 30
	keyDaysMost = 90
	keysEach    = 20
)

// tokenPrefix is what the text of a key begins with, so that scanners of sources and
// logs find one that was left there.
const tokenPrefix = "zbk_"

// What a person was recognised by, as the log tells it.
const (
	methodSignature   = "signature"
	methodKey         = "key"
	methodSession     = "session"
	methodCertificate = "certificate"
)

func (s Subject) method() string {
	switch {
	case s.key != "":
		return methodKey
	case s.session != "":
		return methodSession
	case s.certificate:
		return methodCertificate
	}
	return methodSignature
}

// APIKeyOrder asks for a key.
type APIKeyOrder struct {
	Purpose  string   `json:"purpose"`            // what it is for, in the person's words
	Scopes   []string `json:"scopes"`             // of read, ask and load
	Networks []string `json:"networks,omitempty"` // CIDR; any, when empty
	Days     int      `json:"days,omitempty"`     // 30 when 0, at most 90
}

// APIKeyView is a key as its person and the city authority see it. Token is its text,
// secret, in the answer to its order alone.
type APIKeyView struct {
	ID       string    `json:"id"`
	Person   string    `json:"person"`
	Purpose  string    `json:"purpose"`
	Scopes   []string  `json:"scopes"`
	Networks []string  `json:"networks"`
	Issued   time.Time `json:"issued"`
	Expires  time.Time `json:"expires"`
	Expired  bool      `json:"expired,omitempty"`
	Token    string    `json:"token,omitempty"`
}

func (e *Engine) keyView(k registry.APIKey) *APIKeyView {
	v := &APIKeyView{ID: k.ID, Person: k.Person, Purpose: k.Purpose, Scopes: k.Scopes, Networks: []string{}, Issued: k.Issued, Expires: k.Expires, Expired: expired(k, e.cfg.Now())}
	for _, n := range k.Networks {
		v.Networks = append(v.Networks, n.String())
	}
	return v
}

// expired reports whether a key is not valid at a time, after it or, by a clock that was
// set back, before.
func expired(k registry.APIKey, now time.Time) bool {
	return !now.Before(k.Expires) || now.Before(k.Issued)
}

// IssueAPIKey gives a person a key by which programs act in their name. Its text is in
// the answer and nowhere else. Keys of theirs that expired go.
func (e *Engine) IssueAPIKey(ctx context.Context, s Subject, o APIKeyOrder) (*APIKeyView, error) {
	now := e.cfg.Now().UTC()
	k, err := o.key(s.user, now)
	if err != nil {
		return nil, err
	}
	k.ID = strings.ToLower(rand.Text()[:12])
	secret := rand.Text() + rand.Text() // 260 bits
	digest := sha256.Sum256([]byte(secret))
	k.Digest = digest[:]
	err = e.update(ctx, func(tx *registry.Tx) error {
		held, err := tx.APIKeys(s.user)
		if err != nil {
			return err
		}
		live := 0
		for _, k := range held {
			if !expired(k, now) {
				live++
			} else if err := tx.RevokeAPIKey(s.user, k); err != nil {
				return err
			}
		}
		if live >= keysEach {
			return BadRequest("已有 20 把有效的 API 密钥,请先吊销不用的", "you have 20 API keys that are valid; revoke what is not used")
		}
		if err := tx.PutAPIKey(k, s.version); err != nil {
			return err
		}
		v := e.keyView(k)
		return tx.Emit(registry.Event{Kind: "apikey.issued", Actor: s.user, Fields: map[string]string{
			"key": k.ID, "person": s.user, "org": s.organization, "scopes": strings.Join(v.Scopes, " "), "networks": strings.Join(v.Networks, " "), "expires": k.Expires.Format(time.RFC3339)}})
	})
	if errors.Is(err, registry.ErrInactive) {
		return nil, fail("AUTH_FAILED", err)
	}
	if err != nil {
		return nil, asError(err)
	}
	v := e.keyView(k)
	v.Token = tokenPrefix + k.ID + "_" + secret
	return v, nil
}

// key returns what is asked for, without an id and a digest.
func (o APIKeyOrder) key(person string, now time.Time) (registry.APIKey, error) {
	k := registry.APIKey{Person: person, Purpose: strings.TrimSpace(o.Purpose), Issued: now}
	days := o.Days
	if days == 0 {
		days = keyDays
	}
	if days < 1 || days > keyDaysMost {
		return k, BadRequest("有效期须为 1 至 90 天", "a key is valid for 1 to 90 days")
	}
	k.Expires = now.AddDate(0, 0, days)
	if k.Purpose == "" || k.Purpose != clip(k.Purpose) {
		return k, BadRequest("须简要说明用途", "say in short what the key is for")
	}
	for _, scope := range Scopes {
		if slices.Contains(o.Scopes, scope) {
			k.Scopes = append(k.Scopes, scope)
		}
	}
	if len(k.Scopes) == 0 || len(k.Scopes) != len(o.Scopes) {
		return k, BadRequest("范围须取自 read、ask、load,各至多一次", "scopes are of read, ask and load, each once at most")
	}
	if len(o.Networks) > 16 {
		return k, BadRequest("网段至多 16 个", "at most 16 networks")
	}
	for _, text := range o.Networks {
		n, err := netip.ParsePrefix(text)
		if err != nil || n != n.Masked() || n.Addr().Is4In6() {
			return k, BadRequest("网段须为 CIDR,如 10.1.0.0/16", "networks are CIDR, as 10.1.0.0/16")
		}
		k.Networks = append(k.Networks, n)
	}
	return k, nil
}

// APIKeys lists the keys of s, and to the city authority, who ends accounts, and to
// auditors those of everybody.
func (e *Engine) APIKeys(ctx context.Context, s Subject) ([]APIKeyView, error) {
	all, err := e.registry.APIKeys(ctx)
	if err != nil {
		return nil, asError(err)
	}
	out := []APIKeyView{}
	for _, k := range all {
		if k.Person == s.user || s.any(registry.RoleCityAuthority, registry.RoleAuditor) {
			out = append(out, *e.keyView(k))
		}
	}
	return out, nil
}

// RevokeAPIKey ends a key: its person, or the city authority. To others it is not there.
func (e *Engine) RevokeAPIKey(ctx context.Context, s Subject, id string) (*APIKeyView, error) {
	k, err := e.registry.APIKey(ctx, id)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fail("NOT_FOUND", nil)
	}
	if err != nil {
		return nil, asError(err)
	}
	if k.Person != s.user && !s.any(registry.RoleCityAuthority) {
		if s.any(registry.RoleAuditor) {
			return nil, fail("ROLE_REQUIRED", nil)
		}
		return nil, fail("NOT_FOUND", nil)
	}
	err = e.update(ctx, func(tx *registry.Tx) error { return tx.RevokeAPIKey(s.user, k) })
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fail("NOT_FOUND", nil)
	}
	if err != nil {
		return nil, asError(err)
	}
	e.submissions.revoke(k.ID)
	return e.keyView(k), nil
}

// AuthenticateKey returns the person for whom a key acts that is shown from an address,
// the zero one of the socket. Every failure is the same error. A key of none of the scopes
// is KEY_SCOPE, which is told to whoever has its secret alone.
func (e *Engine) AuthenticateKey(ctx context.Context, token string, from netip.Addr, scopes []string) (Subject, error) {
	if err := e.TakeEffect(ctx); err != nil {
		return Subject{}, err
	}
	text, ok := strings.CutPrefix(token, tokenPrefix)
	id, secret, split := strings.Cut(text, "_")
	if !ok || !split || len(token) > 128 {
		id = ""
	}
	k, err := e.registry.APIKey(ctx, id)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return Subject{}, asError(err)
	}
	now := e.cfg.Now()
	guess := attempt{methodKey, k.ID, from} // all keys that are none are one name
	if e.guessing.Locked(now, guess) {
		return Subject{}, fail("AUTH_FAILED", errLocked)
	}
	digest := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(digest[:], k.Digest) != 1 {
		if e.guessing.Fail(now, guess) && k.ID != "" {
			err := e.update(ctx, func(tx *registry.Tx) error {
				return tx.Emit(registry.Event{Kind: "auth.locked", Actor: gate.User, Fields: map[string]string{"auth_method": methodKey, "key": k.ID, "person": k.Person, "from": from.String()}})
			})
			if err != nil {
				return Subject{}, asError(err)
			}
		}
		return Subject{}, fail("AUTH_FAILED", nil)
	}
	e.guessing.Clear(guess)
	p, version, err := e.activePerson(ctx, k.Person)
	if errors.Is(err, registry.ErrInactive) {
		return Subject{}, fail("AUTH_FAILED", err)
	}
	if err != nil {
		return Subject{}, asError(err)
	}
	if expired(k, now) || len(k.Networks) > 0 && !slices.ContainsFunc(k.Networks, func(n netip.Prefix) bool { return n.Contains(from) }) {
		return Subject{}, fail("AUTH_FAILED", nil)
	}
	if !slices.ContainsFunc(scopes, func(scope string) bool { return slices.Contains(k.Scopes, scope) }) {
		return Subject{}, fail("KEY_SCOPE", nil).because(strings.Join(k.Scopes, " "), strings.Join(k.Scopes, " "))
	}
	return Subject{user: k.Person, organization: p.Organization, roles: p.Roles, permissions: p.Permissions, version: version, key: k.ID}, nil
}

// errLocked says that an attempt was not looked at.
var errLocked = errors.New("query: too many failures")
