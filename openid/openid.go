// Package openid signs people in at a provider of identities: the authorization code
// flow of OpenID Connect Core 1.0 with PKCE (RFC 7636, S256), as RFC 9700 has it.
//
// It guarantees that a subject is returned only for an answer that the provider gave to
// the browser which began here, once, in ten minutes: state, nonce and verifier follow
// from the ticket that the browser keeps, the token is the provider's by a public key,
// for this client, and in its time. It does not know people: which of them a subject is,
// and whether they may come in, is for the caller to say.
//
// Read Begin first, then Finish.
package openid

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	ticketLife = 10 * time.Minute // from being sent to the provider to being back
	knownFor   = time.Hour        // what the provider says of itself
	retryAfter = 5 * time.Second  // once it could not be asked
	patience   = 10 * time.Second // with one request to it
	maxAnswer  = 1 << 20          // bytes of one answer of it
	maxSpent   = 1 << 16          // tickets remembered until their time is over
	skew       = 5 * time.Minute  // of the provider's clock ahead of ours
)

var (
	// ErrRefused means that the answer a browser brought is not one that signs anybody in.
	ErrRefused = errors.New("not a sign-in")
	// ErrForeign is an ErrRefused of an answer that this browser did not wait for: any page
	// of the web can bring one to it.
	ErrForeign = fmt.Errorf("%w in this browser", ErrRefused)
	// ErrUnavailable means that the provider could not be asked.
	ErrUnavailable = errors.New("the provider of identities cannot be asked")
)

// Config says which provider it is, and as whom it knows the gate.
type Config struct {
	Issuer   string // https, exactly as the provider writes it in its tokens
	Client   string
	Secret   string
	Redirect string         // https, where it sends browsers back to, exactly as it has it
	CA       *x509.CertPool // who vouches for its certificate; nil is whom the host trusts
	Now      func() time.Time
}

// Provider is a provider of identities. It is safe for concurrent use.
type Provider struct {
	cfg  Config
	key  [32]byte // of this process: no ticket outlives it
	http *http.Client

	asking chan struct{} // held by who asks what the provider says of itself
	known  *known
	failed time.Time

	mu    sync.Mutex
	spent map[string]time.Time // tickets that came back, until when they could
}

// known is what the provider says of itself.
type known struct {
	*oidc.Provider
	asked time.Time
	auth  oauth2.AuthStyle
	names bool // it names itself in its answers (RFC 9207)
}

// New returns the provider of a configuration. It asks nothing of it: a gate starts
// whether or not it is there.
func New(cfg Config) (*Provider, error) {
	for _, s := range []string{cfg.Issuer, cfg.Redirect} {
		if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("openid: %q is no plain https address", s)
		}
	}
	if cfg.Client == "" || cfg.Secret == "" {
		return nil, errors.New("openid: no client, or no secret of it")
	}
	p := &Provider{cfg: cfg, asking: make(chan struct{}, 1), spent: map[string]time.Time{}}
	rand.Read(p.key[:])
	p.http = &http.Client{
		Timeout:       patience,
		Transport:     bounded{&http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.CA}, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // it is where its address says
	}
	return p, nil
}

// Issuer returns the provider's name.
func (p *Provider) Issuer() string { return p.cfg.Issuer }

// Begin returns a ticket for the browser to keep and the address at the provider to send
// it to. It returns ErrUnavailable if the provider cannot be asked where that is.
func (p *Provider) Begin(ctx context.Context) (ticket, address string, err error) {
	k, err := p.ask(ctx)
	if err != nil {
		return "", "", err
	}
	var t [40]byte
	binary.BigEndian.PutUint64(t[:8], uint64(p.cfg.Now().Add(ticketLife).Unix()))
	rand.Read(t[8:])
	return base64.RawURLEncoding.EncodeToString(t[:]), p.client(k).AuthCodeURL(p.text("state", t[:]), oidc.Nonce(p.text("nonce", t[:])), oauth2.S256ChallengeOption(p.text("verifier", t[:]))), nil
}

// Finish returns the subject that the provider names in its answer to the browser with
// the ticket. It returns an error wrapping ErrRefused for any answer but one, and
// ErrUnavailable if the provider cannot be asked what it means.
func (p *Provider) Finish(ctx context.Context, ticket string, answer url.Values) (subject string, err error) {
	t, err := p.open(ticket)
	if err != nil {
		return "", err
	}
	if !lone(answer, "state") || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(p.text("state", t))) != 1 {
		return "", fmt.Errorf("openid: an answer to somebody else: %w", ErrForeign)
	}
	if !p.spend(ticket) {
		return "", fmt.Errorf("openid: an answer that was given before: %w", ErrForeign)
	}
	if answer.Has("error") || !lone(answer, "code") {
		return "", fmt.Errorf("openid: an answer without a code: %w", ErrRefused)
	}
	k, err := p.ask(ctx)
	if err != nil {
		return "", err
	}
	if k.names && !answer.Has("iss") || answer.Has("iss") && (!lone(answer, "iss") || answer.Get("iss") != p.cfg.Issuer) {
		return "", fmt.Errorf("openid: an answer of another issuer: %w", ErrRefused)
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.http), 2*patience)
	defer cancel()
	token, err := p.client(k).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(p.text("verifier", t)))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && !ofTheCode(refused): // whose text is the provider's
		return "", fmt.Errorf("openid: the provider answers with status %d: %w", refused.Response.StatusCode, ErrUnavailable)
	case errors.As(err, &refused):
		return "", fmt.Errorf("openid: the provider refused the code with status %d: %w", refused.Response.StatusCode, ErrRefused)
	case err != nil:
		return "", fmt.Errorf("openid: exchange the code: %w", ErrUnavailable)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return "", fmt.Errorf("openid: no ID token: %w", ErrRefused)
	}
	return p.verify(ctx, k, raw, p.text("nonce", t))
}

// ofTheCode reports whether a provider refused a code, and not the gate that asks or
// everybody (RFC 6749 §5.2).
func ofTheCode(r *oauth2.RetrieveError) bool {
	status := r.Response.StatusCode
	return status/100 == 4 && status != http.StatusUnauthorized && status != http.StatusTooManyRequests && r.ErrorCode != "invalid_client" && r.ErrorCode != "unauthorized_client"
}

// verify returns the subject of an ID token (OpenID Connect Core 1.0 §3.1.3.7).
func (p *Provider) verify(ctx context.Context, k *known, raw, nonce string) (string, error) {
	token, err := k.VerifierContext(ctx, &oidc.Config{ClientID: p.cfg.Client, Now: p.cfg.Now,
		SupportedSigningAlgs: []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.EdDSA}}).Verify(ctx, raw)
	if err != nil { // which may hold the token's text
		return "", fmt.Errorf("openid: the ID token is not the provider's for this client, or not of this time: %w", ErrRefused)
	}
	var claims struct {
		For string `json:"azp"`
	}
	if err := token.Claims(&claims); err != nil {
		return "", fmt.Errorf("openid: claims of the ID token: %w", ErrRefused)
	}
	switch {
	case token.Issuer != p.cfg.Issuer: // the library takes two spellings of one issuer
		return "", fmt.Errorf("openid: an ID token of another issuer: %w", ErrRefused)
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1:
		return "", fmt.Errorf("openid: an ID token for another sign-in: %w", ErrRefused)
	case claims.For != "" && claims.For != p.cfg.Client, claims.For == "" && len(token.Audience) > 1:
		return "", fmt.Errorf("openid: an ID token given to another client: %w", ErrRefused)
	case token.IssuedAt.After(p.cfg.Now().Add(skew)):
		return "", fmt.Errorf("openid: an ID token of a time to come: %w", ErrRefused)
	case token.Subject == "" || len(token.Subject) > 255:
		return "", fmt.Errorf("openid: an ID token of nobody: %w", ErrRefused)
	}
	return token.Subject, nil
}

// ask returns what the provider says of itself, from memory within knownFor.
func (p *Provider) ask(ctx context.Context) (*known, error) {
	select {
	case p.asking <- struct{}{}:
		defer func() { <-p.asking }()
	case <-ctx.Done():
		return nil, fmt.Errorf("openid: %w", ErrUnavailable)
	}
	now := p.cfg.Now()
	if p.known != nil && now.Sub(p.known.asked).Abs() < knownFor {
		return p.known, nil
	}
	if now.Sub(p.failed).Abs() < retryAfter {
		return nil, fmt.Errorf("openid: %w", ErrUnavailable)
	}
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.http), p.cfg.Issuer)
	var said struct {
		Auth  []string `json:"token_endpoint_auth_methods_supported"`
		Names bool     `json:"authorization_response_iss_parameter_supported"`
		Sends string   `json:"authorization_endpoint"`
		Token string   `json:"token_endpoint"`
		Keys  string   `json:"jwks_uri"`
	}
	if err == nil {
		err = found.Claims(&said)
	}
	for _, at := range []string{said.Sends, said.Token, said.Keys} {
		if u, parsed := url.Parse(at); err == nil && (parsed != nil || u.Scheme != "https") {
			err = errors.New("an address that is not https")
		}
	}
	if err != nil {
		p.failed = now
		return nil, fmt.Errorf("openid: ask %s what it is (%v): %w", p.cfg.Issuer, err, ErrUnavailable)
	}
	p.known = &known{Provider: found, asked: now, auth: oauth2.AuthStyleInHeader, names: said.Names}
	if len(said.Auth) > 0 && !slices.Contains(said.Auth, "client_secret_basic") {
		p.known.auth = oauth2.AuthStyleInParams
	}
	return p.known, nil
}

func (p *Provider) client(k *known) *oauth2.Config {
	at := k.Endpoint()
	at.AuthStyle = k.auth // told, not tried: a code that is shown twice is revoked
	return &oauth2.Config{ClientID: p.cfg.Client, ClientSecret: p.cfg.Secret, Endpoint: at, RedirectURL: p.cfg.Redirect, Scopes: []string{oidc.ScopeOpenID}}
}

// open returns what a ticket holds whose time is not over. That the gate gave it out is
// what the state says, which follows from all of it by a key.
func (p *Provider) open(ticket string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(ticket)
	if err != nil || len(b) != 40 {
		return nil, fmt.Errorf("openid: no ticket: %w", ErrForeign)
	}
	if left := time.Unix(int64(binary.BigEndian.Uint64(b)), 0).Sub(p.cfg.Now()); left <= 0 || left > ticketLife {
		return nil, fmt.Errorf("openid: a ticket past its time: %w", ErrForeign)
	}
	return b, nil
}

// spend notes a ticket and reports whether it was not noted before. With no room for it
// nobody comes in.
func (p *Provider) spend(ticket string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.cfg.Now()
	if len(p.spent) >= maxSpent/2 {
		for t, until := range p.spent {
			if now.After(until) {
				delete(p.spent, t)
			}
		}
	}
	if _, before := p.spent[ticket]; before || len(p.spent) >= maxSpent {
		return false
	}
	p.spent[ticket] = now.Add(ticketLife)
	return true
}

// text returns what a ticket stands for in one use of it.
func (p *Provider) text(use string, ticket []byte) string {
	m := hmac.New(sha256.New, p.key[:])
	m.Write([]byte(use))
	m.Write(ticket)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// lone reports whether a value is given once.
func lone(v url.Values, name string) bool { return len(v[name]) == 1 && v[name][0] != "" }

// bounded is a transport whose answers end at maxAnswer.
type bounded struct{ http.RoundTripper }

// RoundTrip asks.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxAnswer), res.Body}
	}
	return res, err
}
