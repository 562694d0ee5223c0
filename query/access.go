package query

import (
	"context"
	"strings"
	"sync"
	"time"

	"zonebox/registry"
)

// kindAccess is the entry that tells of a person who begins to use a route.
const kindAccess = "access.began"

// accesses are the routes that people have used on a day, by the gate's clock in UTC.
// Their number is that of people and routes. It is safe for concurrent use.
type accesses struct {
	mu   sync.Mutex
	day  string
	used map[[2]string]bool // person and route
}

// new reports whether the log has not been told of this use on its day.
func (a *accesses) new(day, person, route string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.day != day || !a.used[[2]string{person, route}]
}

// told notes that it has.
func (a *accesses) told(day, person, route string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.day != day {
		a.day, a.used = day, map[[2]string]bool{}
	}
	a.used[[2]string{person, route}] = true
}

// Accessing has the log tell that a person uses a route of the gate, the first time on
// a day and after a start: the first of them all is the person's login, those of routes
// that only read tell who read (JM19-23, YC22-34). It returns an error, and nothing is
// to be done or read, if the log does not take it.
func (e *Engine) Accessing(ctx context.Context, s Subject, route string) error {
	now := e.cfg.Now().UTC()
	day := now.Format(time.DateOnly)
	if !e.accesses.new(day, s.user, route) {
		return nil
	}
	began := registry.Event{ID: newID("access", now), Kind: kindAccess, At: now, Actor: s.user,
		Fields: map[string]string{"org": s.organization, "role": strings.Join(s.roles, " "), "route": route}}
	if err := e.note(ctx, entryOf(registry.Pending{Event: began})); err != nil {
		return err
	}
	e.accesses.told(day, s.user, route)
	return nil
}
