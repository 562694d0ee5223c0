package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"zonebox/registry"
)

// kindRefused is the entry that tells of requests nobody could be recognised by.
const kindRefused = "auth.refused"

// refusedSpan is what one such entry tells of: a stranger, who may send as many as they
// like, adds one entry to the log in that time.
const refusedSpan = time.Minute

// strangers counts the requests that failed to authenticate since the log was told of
// some last. Of names that they claim it keeps those of people alone, so that it never
// holds more than there are. It is safe for concurrent use.
type strangers struct {
	mu      sync.Mutex
	since   time.Time // of the first, zero if there was none
	count   int
	claimed map[string]int
}

// Unrecognised counts a request that failed to authenticate under a name that it
// claimed.
func (e *Engine) Unrecognised(ctx context.Context, claimed string) {
	_, _, err := e.registry.Get(ctx, registry.KindPerson, claimed)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		e.log.WarnContext(ctx, "a claimed name not looked up", "cause", err)
	}
	s := &e.strangers
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count++; s.count == 1 {
		s.since, s.claimed = e.cfg.Now().UTC(), map[string]int{}
	}
	if err == nil {
		s.claimed[claimed]++
	}
}

// take returns what was counted and begins anew, if the first was so long ago.
func (s *strangers) take(now time.Time, span time.Duration) (since time.Time, count int, claimed map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.since); s.count == 0 || age >= 0 && age < span {
		return time.Time{}, 0, nil // a clock that was set back holds nothing up
	}
	since, count, claimed = s.since, s.count, s.claimed
	s.count, s.claimed = 0, nil
	return since, count, claimed
}

// TellRefused has the log tell of the requests that failed to authenticate, once the
// first of them is a minute old: how many, and which people's names they claimed. It is
// called as often as one likes.
func (e *Engine) TellRefused(ctx context.Context) error { return e.tellRefused(ctx, refusedSpan) }

func (e *Engine) tellRefused(ctx context.Context, span time.Duration) error {
	now := e.cfg.Now().UTC()
	since, count, claimed := e.strangers.take(now, span)
	if count == 0 {
		return nil
	}
	fields := map[string]string{"requests": strconv.Itoa(count), "from": since.Format(time.RFC3339), "until": now.Format(time.RFC3339)}
	if len(claimed) > 0 {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(claimed)) {
			names = append(names, fmt.Sprintf("%s %d", name, claimed[name]))
		}
		fields["claimed"], fields["people"] = clip(strings.Join(names, ", ")), strconv.Itoa(len(names))
	}
	err := e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: kindRefused, Actor: gate.User, Fields: fields})
	})
	if err != nil {
		return fmt.Errorf("query: tell of %d requests that were not authenticated: %w", count, err)
	}
	return nil
}
