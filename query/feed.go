package query

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"zonebox/audit"
	"zonebox/feed"
)

// told are the kinds of entries that are alerts beside those of kind "alert.…".
var told = []string{"clock.overdue", "clock.escalated", "document.lapsed"}

// isAlert reports whether entries of the kind go to the system of those who supervise.
func isAlert(kind string) bool {
	return strings.HasPrefix(kind, "alert.") || slices.Contains(told, kind)
}

// FeedLine is an alert as it leaves, one JSON object in one line: an entry of the log,
// which holds no cell value, and the domain it is of. A receiver drops what it knows by
// id: after a fault an alert may come again.
type FeedLine struct {
	Domain   string            `json:"domain"`
	Index    uint64            `json:"index"`
	ID       string            `json:"id"`
	Kind     string            `json:"kind"`
	Severity string            `json:"severity,omitempty"`
	At       time.Time         `json:"at"`
	Actor    string            `json:"actor,omitempty"`
	Role     string            `json:"role,omitempty"`
	Org      string            `json:"org,omitempty"`
	Zone     string            `json:"zone,omitempty"`
	Scenario string            `json:"scenario,omitempty"`
	Run      string            `json:"run,omitempty"`
	Decision string            `json:"decision,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`
}

// severities maps what an alert says of itself. One that says nothing is a warning.
var severities = map[string]feed.Severity{"MAJOR": feed.Major, "WARNING": feed.Warning, "NOTICE": feed.Notice}

// FeedStatus says how alerts get to the system of those who supervise.
type FeedStatus struct {
	To        string     `json:"to"`
	Next      uint64     `json:"next"`      // first entry of the log that was not looked at yet
	Delivered uint64     `json:"delivered"` // alerts since the gate started
	Failing   *time.Time `json:"failing,omitempty"`
	Cause     string     `json:"cause,omitempty"` // of the last failure, while it lasts
}

// feeding is what is known of the feed while the gate runs. It is safe for concurrent
// use.
type feeding struct {
	mu     sync.Mutex
	status FeedStatus
}

func (f *feeding) set(change func(*FeedStatus)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.status)
}

func (f *feeding) now() FeedStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

const (
	feedIdle    = 500 * time.Millisecond // between looks at a log that did not grow
	feedBatch   = 256                    // alerts
	feedSpan    = 4096                   // entries without an alert, after which the place is kept
	feedPause   = time.Second            // after a first failure; it doubles
	feedPatient = time.Minute            // and is no longer than this
)

// Feed hands the alerts of the log to Config.AlertsTo, in the order of the log and from
// where it left off, until ctx ends. An alert is handed over at least once: the place
// is kept after the receiver has it. While the receiver does not take any it is tried
// again, and nobody waits for it. Without a receiver Feed returns at once.
func (e *Engine) Feed(ctx context.Context) {
	if e.cfg.AlertsTo == nil {
		return
	}
	pause := feedPause
	var at *fedTo
	for {
		more, err := false, error(nil)
		if at == nil {
			at, err = e.feedPlace(ctx)
		}
		if err == nil {
			more, err = e.feedSome(ctx, at)
		}
		wait := time.Duration(0)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			e.feedFailed(ctx, err)
			wait, pause = pause, min(2*pause, feedPatient)
		case !more:
			wait, pause = feedIdle, feedPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// fedTo is how far alerts were handed over: the next entry, and that of which the
// registry knows.
type fedTo struct{ next, kept uint64 }

// feedPlace returns where an earlier gate left off. A place behind the end of the log
// is of another log: of this one nothing is known to have been handed over.
func (e *Engine) feedPlace(ctx context.Context) (*fedTo, error) {
	kept, err := e.registry.Fed(ctx)
	if err != nil {
		return nil, err
	}
	if kept > e.audit.Size() {
		return &fedTo{0, kept}, nil
	}
	return &fedTo{kept, kept}, nil
}

// feedSome hands over the next batch and keeps the place. It returns whether there may
// be more.
func (e *Engine) feedSome(ctx context.Context, at *fedTo) (bool, error) {
	size := e.audit.Size()
	batch, next, err := e.alertsFrom(ctx, at.next, size)
	if err != nil {
		return false, err
	}
	if len(batch) > 0 {
		if err := feedApart(e.cfg, "alerts", e.cfg.AlertsTo); err != nil { // a folder above it may be another by now
			return false, err
		}
		if err := e.cfg.AlertsTo.Deliver(ctx, batch); err != nil {
			return false, err
		}
	}
	if len(batch) > 0 || next < at.kept || next >= at.kept+feedSpan {
		if err := e.registry.SetFed(context.WithoutCancel(ctx), next); err != nil {
			return false, err
		}
		at.kept = next
	}
	at.next = next
	e.feedGoesOn(ctx, next, len(batch))
	return next < size, nil
}

// alertsFrom returns the alerts among the entries from next on, at most feedBatch of
// them, and the index of the first entry that it did not look at.
func (e *Engine) alertsFrom(ctx context.Context, next, size uint64) ([]feed.Message, uint64, error) {
	var batch []feed.Message
	for entry, err := range e.audit.Entries(ctx, next, size) {
		if err != nil {
			return nil, 0, err
		}
		next = entry.Seq + 1
		if !isAlert(entry.Kind) {
			continue
		}
		m, err := e.messageOf(entry)
		if err != nil {
			return nil, 0, err
		}
		if batch = append(batch, m); len(batch) == feedBatch {
			break
		}
	}
	return batch, next, nil
}

func (e *Engine) messageOf(entry audit.Entry) (feed.Message, error) {
	severity, ok := severities[entry.Fields["severity"]]
	if !ok {
		severity = feed.Warning
	}
	line, err := json.Marshal(FeedLine{Domain: e.info.ID, Index: entry.Seq, ID: entry.ID, Kind: entry.Kind, Severity: entry.Fields["severity"], At: entry.At.UTC(),
		Actor: entry.Actor, Role: entry.Role, Org: entry.Org, Zone: entry.Zone, Scenario: entry.Scenario, Run: entry.Run, Decision: entry.Decision, Fields: entry.Fields})
	if err != nil {
		return feed.Message{}, fmt.Errorf("query: encode alert %s: %w", entry.ID, err)
	}
	return feed.Message{Origin: e.info.ID, Kind: entry.Kind, At: entry.At, Severity: severity, Line: line}, nil
}

// feedFailed tells the gate's log of the first of several failures.
func (e *Engine) feedFailed(ctx context.Context, cause error) {
	now, first := e.cfg.Now().UTC(), false
	e.feeding.set(func(s *FeedStatus) {
		first = s.Failing == nil
		if first {
			s.Failing = &now
		}
		s.Cause = cause.Error()
	})
	if first {
		e.log.WarnContext(ctx, "alerts are not handed over; it is tried again", "to", e.cfg.AlertsTo.String(), "cause", cause)
	}
}

// feedGoesOn notes what was handed over, and tells of the end of failures.
func (e *Engine) feedGoesOn(ctx context.Context, next uint64, alerts int) {
	failed := false
	e.feeding.set(func(s *FeedStatus) {
		failed = s.Failing != nil
		s.Failing, s.Cause, s.Next, s.Delivered = nil, "", next, s.Delivered+uint64(alerts)
	})
	if failed {
		e.log.InfoContext(ctx, "alerts are handed over again", "to", e.cfg.AlertsTo.String(), "alerts", alerts)
	}
}

// feedApart refuses a receiver of what inside the domain folder, the key folder or where
// backups are written.
func feedApart(cfg Config, what string, r *feed.Receiver) error {
	if r == nil || r.Path() == "" {
		return nil
	}
	path, err := resolved(r.Path())
	if err != nil {
		return fmt.Errorf("query: %s to %s: %w", what, r, err)
	}
	for _, dir := range append([]string{cfg.Domain, cfg.Keys}, cfg.BackupRoots...) {
		other, err := resolved(dir)
		if err != nil {
			return fmt.Errorf("query: %s to %s: %w", what, r, err)
		}
		if within(other, path) {
			return fmt.Errorf("query: %s to %s: must be outside the domain, the keys and the backups", what, r)
		}
	}
	return nil
}
