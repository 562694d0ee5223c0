package query

import (
	"maps"
	"sync"
	"time"

	"zonebox/policy"
)

// pace counts what people, operators, licenses and zones did lately: by minutes of
// the gate's clock for an hour, by hours for a day. Its counts feed policy, the limit
// of explains, and the rules of alerts. They are rebuilt from the audit log when a
// domain is opened, so that a restart forgets nothing. What is counted for is in the
// registry, so that it has a bound; what did nothing for a day is forgotten. It is
// safe for concurrent use.
type pace struct {
	perMinute int // explains of one person

	mu      sync.Mutex
	tallies map[counted]*tally
	room    int                   // of tallies, before idle ones are forgotten
	calls   map[called]call       // alerts that are to be raised
	raised  map[called]raisedOnce // and those that were
	shapes  map[shape]map[string]time.Time
}

// shape is what questions of a subject have in common that differ in constants alone.
// Of each the variants are kept, by when they were asked last.
type shape struct {
	who  counted
	text string
}

// counted is whom something is counted for: one of the pers of policy, and a name.
type counted struct{ per, name string }

// called is what raises one alert in a window: a rule and its subject.
type called struct{ rule, subject string }

// raisedOnce is when an alert was raised, and for how long it is the only one.
type raisedOnce struct {
	at     time.Time
	window time.Duration
}

// tallied is one of the things that are counted.
type tallied int

const (
	ofRefusals tallied = iota
	ofExplains
	ofTurned // explains turned away for the limit; of no rule
	ofFailures
	ofBlocked
	ofQuestions
	ofRows
	ofBytes
	ofRawMatches
	ofWithheld
	ofOffHours // questions outside working hours
	ofLapsedRuns
	ofBreaches
	ofOverlaps
	counters
)

// counterNames are the counters as rules of packs call them.
var counterNames = map[string]tallied{
	policy.CountRefusals: ofRefusals, policy.CountExplains: ofExplains, policy.CountFailures: ofFailures, policy.CountBlocked: ofBlocked,
	policy.CountQuestions: ofQuestions, policy.CountRows: ofRows, policy.CountOffHours: ofOffHours, policy.CountLapsedRun: ofLapsedRuns, policy.CountBreaches: ofBreaches,
	policy.CountBytes: ofBytes, policy.CountRawMatch: ofRawMatches, policy.CountWithheld: ofWithheld, policy.CountOverlaps: ofOverlaps,
}

// tally is what was counted for one subject.
type tally struct {
	minutes [60]span
	hours   [24]span
}

// span is what was counted in one minute or hour, since 1970.
type span struct {
	at int64
	n  [counters]int64
}

const minuteSeconds, hourSeconds = 60, 3600

func newPace(perMinute int) *pace {
	return &pace{perMinute: perMinute, tallies: map[counted]*tally{}, room: 1024, calls: map[called]call{}, raised: map[called]raisedOnce{}, shapes: map[shape]map[string]time.Time{}}
}

// spanOf returns the span of an instant in a ring of spans of so many seconds, empty
// if nothing happened in it yet.
func spanOf(ring []span, seconds int64, at time.Time) *span {
	n := at.Unix() / seconds
	s := &ring[int(n%int64(len(ring)))]
	if s.at != n {
		*s = span{at: n}
	}
	return s
}

// sum adds a ring up, as seen at an instant. What lies ahead by less than the ring is
// long counts too: a clock that was set back forgets nothing.
func sum(ring []span, seconds int64, c tallied, now time.Time) (n int64) {
	for _, s := range ring {
		if age := now.Unix()/seconds - s.at; age > -int64(len(ring)) && age < int64(len(ring)) {
			n += s.n[c]
		}
	}
	return n
}

// of returns the tally of a subject. The caller holds p.mu.
func (p *pace) of(who counted, now time.Time) *tally {
	t := p.tallies[who]
	if t == nil {
		if len(p.tallies) >= p.room {
			p.forget(now)
			p.room = max(1024, 2*len(p.tallies))
		}
		t = new(tally)
		p.tallies[who] = t
	}
	return t
}

// forget drops what did nothing for a day, and alerts of which the window is over.
// The caller holds p.mu.
func (p *pace) forget(now time.Time) {
	for who, t := range p.tallies {
		idle := true
		for c := range counters {
			idle = idle && sum(t.hours[:], hourSeconds, c, now) == 0
		}
		if idle {
			delete(p.tallies, who)
		}
	}
	for s, variants := range p.shapes {
		maps.DeleteFunc(variants, func(_ string, at time.Time) bool { return !apartLess(at, now, 24*time.Hour) })
		if len(variants) == 0 {
			delete(p.shapes, s)
		}
	}
	for key, r := range p.raised {
		if !apartLess(r.at, now, r.window) {
			delete(p.raised, key)
		}
	}
}

// apartLess reports whether two instants are less than a window apart.
func apartLess(a, b time.Time, window time.Duration) bool { return a.Sub(b).Abs() < window }

// add counts for a subject.
func (p *pace) add(who counted, c tallied, n int64, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count(p.of(who, at), c, n, at)
}

func (p *pace) count(t *tally, c tallied, n int64, at time.Time) {
	spanOf(t.minutes[:], minuteSeconds, at).n[c] += n
	spanOf(t.hours[:], hourSeconds, at).n[c] += n
}

// total returns what a subject's window has of a counter.
func (p *pace) total(who counted, c tallied, window time.Duration, now time.Time) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tallies[who]
	switch {
	case t == nil:
		return 0
	case window <= time.Hour:
		return sum(t.minutes[:], minuteSeconds, c, now)
	}
	return sum(t.hours[:], hourSeconds, c, now)
}

// shaped counts a question of a shape and returns how many variants of it the subject
// asked in the window that ends now.
func (p *pace) shaped(who counted, text, variant string, window time.Duration, now time.Time) (n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := shape{who, text}
	if p.shapes[key] == nil {
		if len(p.shapes)%1024 == 1023 {
			p.forget(now)
		}
		p.shapes[key] = map[string]time.Time{}
	}
	p.shapes[key][variant] = now
	for _, at := range p.shapes[key] {
		if apartLess(at, now, window) {
			n++
		}
	}
	return n
}

// explain counts an explain and returns which one of its minute it is. It returns
// false if the minute has had enough of them, and then first says that this is
// the first to be turned away.
func (p *pace) explain(user string, now time.Time) (nth int, first, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.of(counted{policy.PerPerson, user}, now)
	m := spanOf(t.minutes[:], minuteSeconds, now)
	if m.n[ofExplains] >= int64(p.perMinute) {
		p.count(t, ofTurned, 1, now)
		return 0, m.n[ofTurned] == 1, false
	}
	p.count(t, ofExplains, 1, now)
	return int(m.n[ofExplains]), false, true
}

// lately returns a person's explains and refusals of the hour that ends now.
func (p *pace) lately(user string, now time.Time) (explains, refusals int64) {
	who := counted{policy.PerPerson, user}
	return p.total(who, ofExplains, time.Hour, now), p.total(who, ofRefusals, time.Hour, now)
}

// call notes that an alert is to be raised, unless it was within its window.
func (p *pace) call(c call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := c.key()
	if r, was := p.raised[key]; was && apartLess(r.at, c.at, r.window) {
		return
	}
	if _, waits := p.calls[key]; !waits {
		p.calls[key] = c
	}
}

// called returns an alert that is to be raised, false if there is none.
func (p *pace) called() (call, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		return c, true
	}
	return call{}, false
}

// answered notes that an alert was raised.
func (p *pace) answered(key called, at time.Time, window time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, key)
	p.raised[key] = raisedOnce{at, window}
}
