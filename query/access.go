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

// mostNamed is how many things a person reads by one route on a day that have entries of
// their own. Those beyond have one together: no reader fills the log.
const mostNamed = 200

// access is the use of a route by a person, how they were recognised and by which API key,
// and the name of what is read, "" if the route names nothing.
type access struct{ person, method, key, route, of string }

// any is the use of the route, whatever is read by it.
func (a access) any() access {
	a.of = ""
	return a
}

// accesses are the uses of routes that the log knows of on a day, by the gate's clock in
// UTC. Their number is that of people and routes, times mostNamed. It is safe for
// concurrent use.
type accesses struct {
	mu    sync.Mutex
	day   string
	used  map[access]bool
	named map[access]int // of a route, whatever is read by it
}

// new returns the use as the log tells it, and whether it has not been told of it on its
// day.
func (a *accesses) new(day string, u access) (access, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.day != day {
		return u, true
	}
	if u.of != "" && !a.used[u] && a.named[u.any()] >= mostNamed {
		u.of = "*"
	}
	return u, !a.used[u]
}

// told notes that it has.
func (a *accesses) told(day string, u access) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.day != day {
		a.day, a.used, a.named = day, map[access]bool{}, map[access]int{}
	}
	a.used[u] = true
	a.named[u.any()]++
}

// Accessing has the log tell that a person uses a route of the gate, and how they were
// recognised, the first time on a day and after a start: the first of them all is the person's login, those of routes
// that only read tell who read (JM19-23, YC22-34). Where names says what is read, as a
// document or a run, the first time of each has an entry, up to mostNamed. It returns an
// error, and nothing is to be done or read, if the log does not take it.
func (e *Engine) Accessing(ctx context.Context, s Subject, route string, names ...string) error {
	now := e.cfg.Now().UTC()
	day := now.Format(time.DateOnly)
	for i := range names {
		names[i] = printName(names[i])
	}
	u, first := e.accesses.new(day, access{s.user, s.method(), s.key, route, strings.Join(names, " ")})
	if !first {
		return nil
	}
	fields := map[string]string{"org": s.organization, "role": strings.Join(s.roles, " "), "route": route, "auth_method": s.method()}
	if s.key != "" {
		fields["key"] = s.key
	}
	if u.of != "" {
		fields["of"] = u.of
	}
	began := registry.Event{ID: newID("access", now), Kind: kindAccess, At: now, Actor: s.user, Fields: fields}
	if err := e.note(ctx, entryOf(registry.Pending{Event: began})); err != nil {
		return err
	}
	e.accesses.told(day, u)
	return nil
}
