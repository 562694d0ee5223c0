package query

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"zonebox/registry"
)

// One-time codes as authenticators compute them unless told otherwise (RFC 6238): six
// digits of HMAC-SHA-1 for each half minute. That of the half minute before and after
// counts too (§5.2), each once.
const (
	codePeriod = 30 * time.Second
	codeSecret = 20 // bytes, as RFC 4226 §4 recommends
	methodCode = "code"
)

// CodeOrder gives a one-time code.
type CodeOrder struct {
	Code string `json:"code"` // six digits
}

// SecondFactorView tells of a person's one-time codes. URI is what an authenticator
// takes, secret, in the answer to their order alone.
type SecondFactorView struct {
	Person string    `json:"person"`
	Active bool      `json:"active"` // a code was given since; before, it is no factor
	Since  time.Time `json:"since"`
	URI    string    `json:"uri,omitempty"`
}

// PresenceView tells until when a code counts that a person gave, at most.
type PresenceView struct {
	Person string    `json:"person"`
	Until  time.Time `json:"until"`
}

// supervises reports whether roles approve, supervise or administer, which all do but
// operators: those give two factors (GB/T 22239-2019, 8.1.4.1 d).
func supervises(roles []string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return r != registry.RoleOperator })
}

// presence is that a person gave a one-time code, by the version of the document that
// was theirs and from an address, the zero one of the socket.
type presence struct {
	version int64
	from    netip.Addr
	stay
}

// presences are those of people who sign their requests, one for each: a start of the
// gate forgets them. The zero value is ready; it is safe for concurrent use.
type presences struct {
	mu  sync.Mutex
	all map[string]*presence
}

func (m *presences) begin(s Subject, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[string]*presence{}
	}
	m.all[s.user] = &presence{version: s.version, from: s.from, stay: stay{began: now, used: now}}
}

// counts reports whether a request of s comes while its person is present, which it
// prolongs.
func (m *presences) counts(s Subject, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.all[s.user]
	if p == nil || p.over(now) || p.version != s.version || p.from != s.from {
		return false
	}
	p.used = now
	return true
}

func (m *presences) end(person string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, person)
}

// NewSecondFactor gives a person one-time codes, which count once one was given. Who has
// some that count gets no others: the city authority ends those that are lost.
func (e *Engine) NewSecondFactor(ctx context.Context, s Subject) (*SecondFactorView, error) {
	now := e.cfg.Now().UTC()
	o := registry.OneTime{Person: s.user, Secret: make([]byte, codeSecret), Since: now}
	rand.Read(o.Secret)
	key, err := totp.Generate(totp.GenerateOpts{Issuer: e.info.ID, AccountName: s.user, Secret: o.Secret})
	if err != nil {
		return nil, asError(err)
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		held, err := tx.OneTime(s.user)
		if err != nil && !errors.Is(err, registry.ErrNotFound) {
			return err
		}
		if held.Active {
			return BadRequest("您已有动态口令;如已遗失,请市数据主管部门先予解除 (totp remove)", "you have one-time codes; if they are lost, have the city authority end them first (totp remove)")
		}
		if err := tx.PutOneTime(o, s.version); err != nil {
			return err
		}
		return tx.Emit(registry.Event{Kind: "onetime.issued", Actor: s.user, Fields: map[string]string{"person": s.user, "org": s.organization}})
	})
	if errors.Is(err, registry.ErrInactive) {
		return nil, fail("AUTH_FAILED", err)
	}
	if err != nil {
		return nil, asError(err)
	}
	v := factorView(o)
	v.URI = key.URL()
	return v, nil
}

func factorView(o registry.OneTime) *SecondFactorView {
	return &SecondFactorView{Person: o.Person, Active: o.Active, Since: o.Since}
}

// SecondFactors lists whether s has one-time codes, and to the city authority, who ends
// those that are lost, and to auditors who has.
func (e *Engine) SecondFactors(ctx context.Context, s Subject) ([]SecondFactorView, error) {
	all, err := e.registry.OneTimes(ctx)
	if err != nil {
		return nil, asError(err)
	}
	out := []SecondFactorView{}
	for _, o := range all {
		if o.Person == s.user || s.any(registry.RoleCityAuthority, registry.RoleAuditor) {
			out = append(out, *factorView(o))
		}
	}
	return out, nil
}

// GiveCode has the signed requests of s count as those of a person who showed two
// factors: from where this one came, for as long as a session of a browser would.
func (e *Engine) GiveCode(ctx context.Context, s Subject, o CodeOrder) (*PresenceView, error) {
	if s.method() != methodSignature {
		return nil, fail("SIGNATURE_REQUIRED", nil)
	}
	now := e.cfg.Now().UTC()
	err := e.spend(ctx, s, o.Code, func() error { e.presences.begin(s, now); return nil }, func() { e.presences.end(s.user) })
	if err != nil {
		return nil, err
	}
	return &PresenceView{s.user, now.Add(sessionLife)}, nil
}

// Elevate returns what the browser of s shows from now on, as that of a person who
// showed two factors. What it showed before is nobody's.
func (e *Engine) Elevate(ctx context.Context, s Subject, code string) (secret string, err error) {
	err = e.spend(ctx, s, code, func() error {
		secret = e.sessions.renew(s.session)
		if secret == "" {
			return fail("AUTH_FAILED", nil)
		}
		return nil
	}, func() { e.sessions.remove(s.session) })
	if err != nil {
		return "", err
	}
	return secret, nil
}

// spend takes a one-time code of s, once. In the transaction that spends it, and so
// before any that ends the codes, it has counted do what follows; undo has it undone
// if the log or the disk does not take it. Whatever is wrong with a code is CODE_REFUSED.
func (e *Engine) spend(ctx context.Context, s Subject, code string, counted func() error, undo func()) error {
	now := e.cfg.Now().UTC()
	// From wherever: only who has the other factor comes this far, and may guess no more often.
	guess := attempt{kind: methodCode, name: s.user}
	var locked, done bool
	err := e.update(ctx, func(tx *registry.Tx) error {
		if e.guessing.Locked(now, guess) {
			return fail("CODE_REFUSED", errLocked)
		}
		o, err := tx.OneTime(s.user)
		if errors.Is(err, registry.ErrNotFound) {
			return fail("CODE_REFUSED", err).because("您还没有动态口令", "you have no one-time codes")
		}
		if err != nil {
			return err
		}
		step, err := stepOf(o, code, now)
		if err != nil {
			return err
		}
		if step == 0 {
			locked = e.guessing.Fail(now, guess)
			return fail("CODE_REFUSED", nil)
		}
		kind := "onetime.given"
		if !o.Active {
			kind = "onetime.began"
		}
		o.Active, o.Spent = true, step
		if err := tx.PutOneTime(o, s.version); err != nil {
			return err
		}
		fields := map[string]string{"person": s.user, "org": s.organization, "auth_method": s.method(), "from": s.from.String()}
		if s.session != "" {
			fields["session"] = s.session
		}
		if err := tx.Emit(registry.Event{Kind: kind, Actor: s.user, Fields: fields}); err != nil {
			return err
		}
		done = true
		return counted()
	})
	if err != nil {
		if done {
			undo()
		}
		if locked {
			err = cmp.Or(e.update(ctx, func(tx *registry.Tx) error {
				return tx.Emit(registry.Event{Kind: "auth.locked", Actor: gate.User, Fields: map[string]string{"auth_method": methodCode, "person": s.user, "from": s.from.String()}})
			}), err)
		}
		if errors.Is(err, registry.ErrInactive) {
			return fail("AUTH_FAILED", err)
		}
		return asError(err)
	}
	e.guessing.Clear(guess)
	return nil
}

// stepOf returns the step of time that a code is of, at a time; 0 if it is of none that
// counts.
func stepOf(o registry.OneTime, code string, now time.Time) (found int64, err error) {
	at := now.Unix() / int64(codePeriod/time.Second)
	secret := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(o.Secret)
	for step := max(at-1, o.Spent+1); step <= at+1; step++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && found == 0 {
			found = step
		}
	}
	return found, nil
}

// EndSecondFactor takes a person's one-time codes away, which were lost, and with them
// what they opened: the city authority, of others. To those who may not see them they
// are not there.
func (e *Engine) EndSecondFactor(ctx context.Context, s Subject, person string) (*SecondFactorView, error) {
	all, err := e.SecondFactors(ctx, s)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(v SecondFactorView) bool { return v.Person == person })
	switch {
	case at < 0:
		return nil, fail("NOT_FOUND", nil)
	case !s.any(registry.RoleCityAuthority):
		return nil, fail("ROLE_REQUIRED", nil)
	case person == s.user:
		return nil, fail("OWN_DECISION", nil).because("动态口令遗失的,由另一名市数据主管部门人员解除", "another person of the city authority ends codes that are lost")
	}
	err = e.update(ctx, func(tx *registry.Tx) error { return tx.EndOneTime(s.user, person) })
	if err == nil || errors.Is(err, errUnlogged) {
		e.presences.end(person)
		for _, ended := range e.sessions.endElevated(person) {
			e.endSession(ctx, ended, "the second factor ended")
		}
	}
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fail("NOT_FOUND", nil)
	}
	if err != nil {
		return nil, asError(err)
	}
	return &all[at], nil
}
