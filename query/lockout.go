package query

import (
	"net/netip"
	"sync"
	"time"
)

// Somebody guesses who fails guesses times in guessSpan; for as long nothing of theirs
// is looked at. mostGuessed is how many of them are remembered.
const (
	guesses     = 5
	guessSpan   = 15 * time.Minute
	mostGuessed = 1 << 14
)

// attempt is what is guessed, for whom and from where: whoever guesses from elsewhere
// keeps nobody out.
type attempt struct {
	kind, name string
	from       netip.Addr
}

// lockout remembers who guessed. The zero value is ready; it is safe for concurrent use.
type lockout struct {
	mu     sync.Mutex
	failed map[attempt]*failures
}

// failures are how many there were since the first, which was less than guessSpan ago,
// or after the last of them.
type failures struct {
	count int
	since time.Time
}

// Fail notes a failure, and reports whether it is the one after which nothing more is
// looked at.
func (l *lockout) Fail(now time.Time, a attempt) bool {
	a = a.network()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = map[attempt]*failures{}
	}
	f := l.failed[a]
	if f == nil || f.over(now) {
		if len(l.failed) >= mostGuessed {
			l.forget(now)
		}
		f = &failures{since: now}
		l.failed[a] = f
	}
	if f.count++; f.count >= guesses {
		f.since = now
	}
	return f.count == guesses
}

// Locked reports whether nothing of an attempt is to be looked at.
func (l *lockout) Locked(now time.Time, a attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.failed[a.network()]
	return f != nil && !f.over(now) && f.count >= guesses
}

// Clear forgets what failed before somebody succeeded.
func (l *lockout) Clear(a attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.failed, a.network())
}

func (f *failures) over(now time.Time) bool { return now.Sub(f.since).Abs() >= guessSpan }

// forget makes room: of what is over, or else of the oldest.
func (l *lockout) forget(now time.Time) {
	var oldest attempt
	var at time.Time
	for a, f := range l.failed {
		if f.over(now) {
			delete(l.failed, a)
		} else if at.IsZero() || f.since.Before(at) {
			oldest, at = a, f.since
		}
	}
	if len(l.failed) >= mostGuessed {
		delete(l.failed, oldest)
	}
}

// network is the attempt as from the network of one subscriber: of IPv6 that is a /64.
func (a attempt) network() attempt {
	a.from = a.from.Unmap()
	if a.from.Is6() {
		if p, err := a.from.WithZone("").Prefix(64); err == nil {
			a.from = p.Addr()
		}
	}
	return a
}
