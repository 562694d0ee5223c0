package main

import (
	"bytes"
	"errors"
	"net/url"
	"time"

	"zonebox/config"
	"zonebox/openid"
	"zonebox/query"
)

// signinPath is where a provider of identities sends browsers back to.
const signinPath = "/signin/callback"

// signingIn is the provider of identities by which browsers sign in.
type signingIn struct{ issuer, client, secret, redirect, ca string }

func (s *signingIn) settings() []config.Setting {
	return []config.Setting{
		{Name: "oidc-issuer", Value: config.NewText(&s.issuer), ZH: "浏览器登录所用统一身份认证 (OIDC) 的 issuer,https 地址", EN: "issuer (https) of the OIDC provider by which browsers sign in"},
		{Name: "oidc-client", Value: config.NewText(&s.client), ZH: "网关在其处登记的 client_id", EN: "client_id that it knows the gate by"},
		{Name: "oidc-secret-file", Value: config.NewPath(&s.secret), ZH: "client_secret 所在文件 (权限 0600)", EN: "file of the client_secret (mode 0600)"},
		{Name: "oidc-redirect", Value: config.NewText(&s.redirect), ZH: "在其处登记的回调地址:https://网关的主机名/signin/callback", EN: "redirect_uri registered there: https://HOST-OF-THE-GATE/signin/callback"},
		{Name: "oidc-ca", Value: config.NewPath(&s.ca), ZH: "签发其证书的机构 (PEM),缺省为本机所信任者", EN: "who issued its certificate (PEM); by default whom the host trusts"},
	}
}

// provider returns the provider, nil if none is named. It is not asked for anything.
func (s *signingIn) provider(a *app, web listening) (*openid.Provider, error) {
	if *s == (signingIn{}) {
		return nil, nil
	}
	if s.issuer == "" || s.client == "" || s.secret == "" || s.redirect == "" || web.address == "" {
		return nil, usageError{errors.New(a.say("--oidc-issuer、--oidc-client、--oidc-secret-file 与 --oidc-redirect 须一并给出,并与 --listen 同用",
			"--oidc-issuer, --oidc-client, --oidc-secret-file and --oidc-redirect go together, and with --listen"))}
	}
	if u, err := url.Parse(s.redirect); err != nil || u.Path != signinPath {
		return nil, usageError{errors.New(a.say("--oidc-redirect 须为 https://主机/signin/callback", "--oidc-redirect must be https://HOST/signin/callback"))}
	}
	secret, err := query.ReadSecret(s.secret)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	now := a.now
	if now == nil {
		now = time.Now
	}
	cfg := openid.Config{Issuer: s.issuer, Client: s.client, Secret: string(bytes.TrimSpace(secret)), Redirect: s.redirect, Now: now}
	if s.ca != "" {
		if cfg.CA, err = a.issuers("oidc-ca", s.ca); err != nil {
			return nil, err
		}
	}
	p, err := openid.New(cfg)
	if err != nil {
		return nil, usageError{errors.New(a.say("--oidc-issuer 与 --oidc-redirect 须为不含查询串的 https 地址", "--oidc-issuer and --oidc-redirect must be https addresses without a query"))}
	}
	return p, nil
}
