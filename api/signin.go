package api

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"zonebox/query"
)

// The pages before anybody is known. They hold no script and nothing of other sites.
//
//go:embed signin
var signinFiles embed.FS

var signinPage = template.Must(template.ParseFS(signinFiles, "signin/page.html"))

const (
	signinPath   = "/signin"
	ticketCookie = "__Host-zonebox-signin"
)

// door is where browsers sign in. It stands on HTTPS alone, and nowhere if the gate has
// no provider of identities.
type door struct {
	*server
	pages *http.ServeMux
}

func newDoor(e *query.Engine, log *slog.Logger) *door {
	d := &door{server: &server{engine: e, log: e.Veiled(log)}, pages: http.NewServeMux()}
	d.pages.HandleFunc("GET /signin", d.show)
	d.pages.HandleFunc("GET /signin/oidc", d.begin)
	d.pages.HandleFunc("GET /signin/callback", d.finish)
	d.pages.HandleFunc("POST /signin/code", d.elevate)
	d.pages.HandleFunc("POST /signin/out", d.leave)
	d.pages.HandleFunc("GET /signin/style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, signinFiles, "signin/style.css")
	})
	nothing := func(w http.ResponseWriter, r *http.Request) { d.refuse(w, r, query.NoSuchPath()) }
	d.pages.HandleFunc(signinPath, nothing)
	d.pages.HandleFunc(signinPath+"/", nothing)
	return d
}

// ServeHTTP answers a browser.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secured(w.Header())
	d.pages.ServeHTTP(newPatient(w), r)
}

// leads reports whether a request is for the door.
func (d *door) leads(r *http.Request) bool {
	return r.TLS != nil && d.engine.SignsIn() && (r.URL.Path == signinPath || strings.HasPrefix(r.URL.Path, signinPath+"/"))
}

// page is what the page shows.
type page struct {
	Lang     string
	Domain   string
	Account  *query.Account
	Sessions []query.SessionView
	Problem  *Problem
	On       bool // to the page itself, from the provider's
}

// Say returns the text of the page's language.
func (p page) Say(zh, en string) string {
	if p.Lang == "en" {
		return en
	}
	return zh
}

// Time returns a time as people read it.
func (p page) Time(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// show is the page of who is signed in, or how to.
func (d *door) show(w http.ResponseWriter, r *http.Request) {
	subject, err := d.cookie(r)
	if err != nil { // by a link of another site nobody is signed in either
		d.write(w, r, http.StatusOK, page{})
		return
	}
	if err := d.engine.Accessing(r.Context(), subject, "GET "+signinPath); err != nil {
		d.refuse(w, r, err)
		return
	}
	sessions, err := d.engine.Sessions(r.Context(), subject)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	account := subject.Account()
	d.write(w, r, http.StatusOK, page{Domain: d.engine.Domain().ID, Account: &account, Sessions: sessions})
}

// begin sends a browser to the provider of identities, with a ticket to come back by.
func (d *door) begin(w http.ResponseWriter, r *http.Request) {
	ticket, address, err := d.engine.BeginSignIn(r.Context(), address(r))
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	// Lax: the provider's page is what sends the browser back.
	http.SetCookie(w, hostCookie(ticketCookie, ticket, http.SameSiteLaxMode, 600))
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// finish signs a browser in that comes back. The way on is a page and no redirect: along
// one that another site began a browser shows no cookie that is strict.
func (d *door) finish(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, hostCookie(ticketCookie, "", http.SameSiteLaxMode, -1))
	var ticket string
	if kept := r.CookiesNamed(ticketCookie); len(kept) == 1 {
		ticket = kept[0].Value
	}
	secret, err := d.engine.FinishSignIn(r.Context(), address(r), ticket, r.URL.Query())
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	http.SetCookie(w, hostCookie(sessionCookie, secret, http.SameSiteStrictMode, 0))
	d.write(w, r, http.StatusOK, page{On: true})
}

// maxForm bounds the form of a code.
const maxForm = 1 << 10

// elevate takes the one-time code of whoever is signed in, whose browser shows something
// new from then on.
func (d *door) elevate(w http.ResponseWriter, r *http.Request) {
	subject, err := d.cookie(r)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		d.refuse(w, r, query.BadRequest("表单不完整", "the form is not whole"))
		return
	}
	secret, err := d.engine.Elevate(r.Context(), subject, strings.TrimSpace(r.PostForm.Get("code")))
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	http.SetCookie(w, hostCookie(sessionCookie, secret, http.SameSiteStrictMode, 0))
	http.Redirect(w, r, signinPath, http.StatusSeeOther)
}

// leave signs a browser out.
func (d *door) leave(w http.ResponseWriter, r *http.Request) {
	subject, err := d.cookie(r)
	if err == nil {
		_, err = d.engine.EndSession(r.Context(), subject, subject.Session())
	}
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	http.SetCookie(w, hostCookie(sessionCookie, "", http.SameSiteStrictMode, -1))
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	http.Redirect(w, r, signinPath, http.StatusSeeOther)
}

// refuse answers with a page that says what is wrong, and logs its cause.
func (d *door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := d.engine.Told(err)
	if e.Code == "AUTH_FAILED" {
		d.engine.Unrecognised(r.Context(), "")
		d.log.DebugContext(r.Context(), "sign-in refused", "path", r.URL.Path, "cause", errors.Unwrap(e))
	} else {
		d.log.WarnContext(r.Context(), "sign-in failed", "code", e.Code, "path", r.URL.Path, "cause", errors.Unwrap(e))
	}
	p := NewProblem(e, pageLanguage(r))
	d.write(w, r, p.Status, page{Problem: p})
}

func (d *door) write(w http.ResponseWriter, r *http.Request, status int, p page) {
	p.Lang = pageLanguage(r)
	var out bytes.Buffer
	if err := signinPage.Execute(&out, p); err != nil {
		d.log.ErrorContext(r.Context(), "page of the sign-in", "cause", err)
		status = http.StatusInternalServerError
		out.Reset()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// pageLanguage is that which the browser prefers, of the two.
func pageLanguage(r *http.Request) string {
	if strings.HasPrefix(r.Header.Get("Accept-Language"), "en") {
		return "en"
	}
	return "zh"
}

// hostCookie is a cookie of this host alone, which no script reads; seconds is how long
// a browser keeps it, 0 is until it ends.
func hostCookie(name, value string, site http.SameSite, seconds int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, Secure: true, HttpOnly: true, SameSite: site}
}
