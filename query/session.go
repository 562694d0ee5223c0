package query

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"zonebox/openid"
	"zonebox/registry"
)

// How long a browser stays signed in without a request, and at all, and how many of one
// person's do. Whoever signs in once more ends the one that was used least lately.
const (
	sessionIdle  = 15 * time.Minute
	sessionLife  = 8 * time.Hour
	sessionsEach = 5
)

// The entries that tell of sessions.
const (
	kindSessionBegan = "session.began"
	kindSessionEnded = "session.ended"
)

// session is a browser that signed in. What it shows is kept by its digest alone.
type session struct {
	id      string
	shown   [sha256.Size]byte
	person  string
	version int64 // of the person's document; with another one it is over
	from    netip.Addr
	whole   bool // a one-time code was given in it
	stay
}

// stay is the time in which somebody stays recognised.
type stay struct{ began, used time.Time }

func (s stay) over(now time.Time) bool {
	return now.Sub(s.used) >= sessionIdle || now.Sub(s.began) >= sessionLife || now.Before(s.began)
}

// sessions are those of a gate that runs: a start ends them all. Their number is that
// of people times sessionsEach. It is safe for concurrent use.
type sessions struct {
	mu  sync.Mutex
	all map[string]*session // by id
}

// SessionView is a session as its person sees it.
type SessionView struct {
	ID      string    `json:"id"`
	From    string    `json:"from"`
	Began   time.Time `json:"began"`
	Used    time.Time `json:"used"`
	Ends    time.Time `json:"ends"`
	Current bool      `json:"current,omitempty"`
}

func (s *session) view(current string) SessionView {
	return SessionView{ID: s.id, From: s.from.String(), Began: s.began, Used: s.used, Ends: earlier(s.began.Add(sessionLife), s.used.Add(sessionIdle)), Current: s.id == current}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// SignsIn reports whether browsers can sign in at all.
func (e *Engine) SignsIn() bool { return e.cfg.SignIn != nil }

// BeginSignIn returns what a browser keeps while it is at the provider of identities,
// and where it goes there.
func (e *Engine) BeginSignIn(ctx context.Context, from netip.Addr) (ticket, address string, err error) {
	if e.cfg.SignIn == nil || e.guessing.Locked(e.cfg.Now(), attempt{kind: "oidc", from: from}) {
		return "", "", Unauthenticated()
	}
	ticket, address, err = e.cfg.SignIn.Begin(ctx)
	if err != nil {
		return "", "", fail("IDENTITY_UNAVAILABLE", err)
	}
	return ticket, address, nil
}

// FinishSignIn returns what a browser shows from now on as the person whom the
// provider's answer names. Whatever is wrong with it, and nobody or somebody who is not
// active behind it, is the same error.
func (e *Engine) FinishSignIn(ctx context.Context, from netip.Addr, ticket string, answer url.Values) (secret string, err error) {
	guess := attempt{kind: "oidc", from: from}
	if e.cfg.SignIn == nil || e.guessing.Locked(e.cfg.Now(), guess) {
		return "", Unauthenticated()
	}
	subject, err := e.cfg.SignIn.Finish(ctx, ticket, answer)
	if errors.Is(err, openid.ErrUnavailable) {
		return "", fail("IDENTITY_UNAVAILABLE", err)
	}
	if err == nil {
		secret, err = e.openSession(ctx, registry.Identity{Issuer: e.cfg.SignIn.Issuer(), Subject: subject}, from)
	}
	if errors.Is(err, openid.ErrForeign) { // of whoever had the browser bring it, who locks nobody out
		return "", fail("AUTH_FAILED", err)
	}
	if errors.Is(err, openid.ErrRefused) || errors.Is(err, registry.ErrNotFound) || errors.Is(err, registry.ErrInactive) {
		if e.guessing.Fail(e.cfg.Now(), guess) {
			e.log.WarnContext(ctx, "sign-ins from an address are not looked at for a while", "from", from)
		}
		return "", fail("AUTH_FAILED", err)
	}
	if err != nil {
		return "", asError(err)
	}
	return secret, nil
}

// openSession signs in the active person of an identity.
func (e *Engine) openSession(ctx context.Context, id registry.Identity, from netip.Addr) (string, error) {
	if err := e.TakeEffect(ctx); err != nil {
		return "", err
	}
	name, err := e.registry.PersonOf(ctx, id)
	if err != nil {
		return "", err
	}
	p, version, err := e.activePerson(ctx, name)
	if err != nil {
		return "", err
	}
	if p.OIDC == nil || *p.OIDC != id {
		return "", registry.ErrNotFound
	}
	now := e.cfg.Now().UTC()
	var secret [32]byte
	rand.Read(secret[:])
	s := &session{id: newID("session", now), shown: sha256.Sum256(secret[:]), person: name, version: version, from: from, stay: stay{began: now, used: now}}
	began := registry.Event{ID: newID("session", now), Kind: kindSessionBegan, At: now, Actor: name,
		Fields: map[string]string{"org": p.Organization, "role": strings.Join(p.Roles, " "), "session": s.id, "by": "oidc", "from": from.String()}}
	if err := e.note(ctx, entryOf(registry.Pending{Event: began})); err != nil {
		return "", err
	}
	over, beyond := e.sessions.add(s, now)
	for _, last := range over {
		e.endSession(ctx, last, "time")
	}
	for _, last := range beyond {
		e.endSession(ctx, last, "another sign-in")
	}
	return s.id + "." + base64.RawURLEncoding.EncodeToString(secret[:]), nil
}

// activePerson returns a person and the version of the document, or ErrInactive.
func (e *Engine) activePerson(ctx context.Context, name string) (p registry.Person, version int64, err error) {
	doc, meta, err := e.registry.Get(ctx, registry.KindPerson, name)
	if err != nil {
		return p, 0, err
	}
	if p, err = registry.SpecOf[registry.Person](doc); err == nil && p.Status != "active" {
		err = registry.ErrInactive
	}
	return p, meta.Version, err
}

// add keeps a session and returns those that it ends: what is over of anybody's, and the
// least lately used of the person's beyond sessionsEach.
func (m *sessions) add(s *session, now time.Time) (over, beyond []*session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[string]*session{}
	}
	var own []*session
	for _, other := range m.all {
		switch {
		case other.over(now):
			over = append(over, other)
		case other.person == s.person:
			own = append(own, other)
		}
	}
	slices.SortFunc(own, func(a, b *session) int { return b.used.Compare(a.used) })
	if len(own) >= sessionsEach {
		beyond = own[sessionsEach-1:]
	}
	for _, e := range slices.Concat(over, beyond) {
		delete(m.all, e.id)
	}
	m.all[s.id] = s
	return over, beyond
}

// find returns a session by what a browser shows, and whether two factors were given in
// it by then: what it showed before the second is not to find it later.
func (m *sessions) find(shown string) (s *session, whole bool) {
	id, text, ok := strings.Cut(shown, ".")
	secret, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if !ok || err != nil {
		return nil, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.all[id]; s != nil && s.shown == sha256.Sum256(secret) { // digests tell nothing by how long they take to compare
		return s, s.whole
	}
	return nil, false
}

// remove forgets a session and reports whether it was there.
func (m *sessions) remove(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, there := m.all[id]
	delete(m.all, id)
	return there
}

// renew returns what the browser of a session shows from now on, and has it be one in
// which two factors were given; "" if the session is over.
func (m *sessions) renew(id string) string {
	var secret [32]byte
	rand.Read(secret[:])
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.all[id]
	if s == nil {
		return ""
	}
	s.shown, s.whole = sha256.Sum256(secret[:]), true
	return s.id + "." + base64.RawURLEncoding.EncodeToString(secret[:])
}

// endElevated forgets the sessions of a person in which two factors were given, and
// returns them.
func (m *sessions) endElevated(person string) (ended []*session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, s := range m.all {
		if s.person == person && s.whole {
			ended = append(ended, s)
			delete(m.all, id)
		}
	}
	return ended
}

// AuthenticateSession returns the person whose browser shows a session from where it
// signed in, as long as the person's document is the one it signed in under. Every
// failure is the same error.
func (e *Engine) AuthenticateSession(ctx context.Context, shown string, from netip.Addr) (Subject, error) {
	if err := e.TakeEffect(ctx); err != nil {
		return Subject{}, err
	}
	s, whole := e.sessions.find(shown)
	if s == nil || s.from != from { // it may be stolen, and stays its owner's
		return Subject{}, Unauthenticated()
	}
	now := e.cfg.Now().UTC()
	p, version, err := e.activePerson(ctx, s.person)
	if err != nil && !errors.Is(err, registry.ErrNotFound) && !errors.Is(err, registry.ErrInactive) {
		return Subject{}, asError(err)
	}
	e.sessions.mu.Lock()
	why := ""
	switch {
	case s.over(now):
		why = "time"
	case err != nil || version != s.version:
		why = "the person's document changed"
	default:
		s.used = now
	}
	e.sessions.mu.Unlock()
	if why != "" {
		if e.sessions.remove(s.id) {
			e.endSession(ctx, s, why)
		}
		return Subject{}, Unauthenticated()
	}
	return Subject{user: s.person, organization: p.Organization, roles: p.Roles, permissions: p.Permissions, version: version, session: s.id, from: from, oneFactor: supervises(p.Roles) && !whole}, nil
}

// endSession has the log tell that a session has ended, which it has if the log takes
// it or not.
func (e *Engine) endSession(ctx context.Context, s *session, why string) {
	now := e.cfg.Now().UTC()
	ended := registry.Event{ID: newID("session", now), Kind: kindSessionEnded, At: now, Actor: s.person, Fields: map[string]string{"session": s.id, "why": why}}
	if err := e.note(ctx, entryOf(registry.Pending{Event: ended})); err != nil {
		e.log.ErrorContext(ctx, "the end of a session is not in the log", "session", s.id, "cause", err)
	}
}

// Sessions lists the browsers in which s is signed in, the latest used first.
func (e *Engine) Sessions(_ context.Context, s Subject) ([]SessionView, error) {
	now := e.cfg.Now().UTC()
	e.sessions.mu.Lock()
	defer e.sessions.mu.Unlock()
	out := []SessionView{}
	for _, other := range e.sessions.all {
		if other.person == s.user && !other.over(now) {
			out = append(out, other.view(s.session))
		}
	}
	slices.SortFunc(out, func(a, b SessionView) int { return b.Used.Compare(a.Used) })
	return out, nil
}

// EndSession signs s out of one of them.
func (e *Engine) EndSession(ctx context.Context, s Subject, id string) (*SessionView, error) {
	e.sessions.mu.Lock()
	own := e.sessions.all[id]
	if own != nil && own.person == s.user {
		delete(e.sessions.all, id)
	} else {
		own = nil
	}
	e.sessions.mu.Unlock()
	if own == nil {
		return nil, fail("NOT_FOUND", nil)
	}
	e.endSession(ctx, own, "signed out")
	v := own.view(s.session)
	return &v, nil
}

// Session is the session by which s was recognised, "" if it was none.
func (s Subject) Session() string { return s.session }

// Account is who somebody is, for themselves.
type Account struct {
	User, Organization string
	Roles              []string
	// OneFactor says that a one-time code is to be given before anything else is shown.
	OneFactor bool
}

// Account returns who s is.
func (s Subject) Account() Account {
	return Account{User: s.user, Organization: s.organization, Roles: slices.Clone(s.roles), OneFactor: s.oneFactor}
}

// saysNothing reports whether s was recognised without a word of the person's that could
// be held against them: a session and a certificate show who sends a request, and sign
// none.
func (s Subject) saysNothing() bool { return s.session != "" || s.certificate }

// Admitted returns nil if s may be answered: own is what concerns how the person is
// recognised, may is what is done without a signature at all. Who is to show two factors
// (NJ24-04) and showed one gets nothing else.
func (s Subject) Admitted(own, may bool) error {
	switch {
	case own:
		return nil
	case s.oneFactor:
		return fail("SECOND_FACTOR", nil)
	case s.saysNothing() && !may:
		return fail("SIGNATURE_REQUIRED", nil)
	}
	return nil
}
