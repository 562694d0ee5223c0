package query

import (
	"slices"
	"sync"
	"time"

	"zonebox/audit"
	"zonebox/policy"
)

// pace counts what each person explained and was refused in the last hour, by
// minutes of the gate's clock. Counts of an hour feed policy and the probing
// alert, those of a minute the limit of explains. They are rebuilt from the audit
// log when a domain is opened, so that a restart forgets nothing. It is safe for
// concurrent use.
type pace struct {
	perMinute int // explains of one person

	mu     sync.Mutex
	people map[string]*[60]minute
}

// minute is what one person did in one minute.
type minute struct {
	at       int64 // minutes since 1970
	explains int   // looked at
	turned   int   // turned away for the limit
	refused  int   // explains and questions
	alerted  bool  // of probing
}

// ofHour reports whether m is of the hour that ends now.
func (m minute) ofHour(now time.Time) bool {
	age := now.Unix()/60 - m.at
	return age >= 0 && age < 60
}

func newPace(perMinute int) *pace {
	return &pace{perMinute: perMinute, people: map[string]*[60]minute{}}
}

// of returns the minute of a person, empty if nothing happened in it yet. The
// caller holds p.mu.
func (p *pace) of(user string, now time.Time) *minute {
	hour := p.people[user]
	if hour == nil {
		hour = new([60]minute)
		p.people[user] = hour
	}
	at := now.Unix() / 60
	m := &hour[at%60]
	if m.at != at {
		*m = minute{at: at}
	}
	return m
}

// explain counts an explain and returns which one of its minute it is. It returns
// false if the minute has had enough of them, and then first says that this is
// the first to be turned away.
func (p *pace) explain(user string, now time.Time) (nth int, first, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.of(user, now)
	if m.explains >= p.perMinute {
		m.turned++
		return 0, m.turned == 1, false
	}
	m.explains++
	return m.explains, false, true
}

// refused counts a refusal and returns what the hour has of explains and
// refusals, and whether that calls for the alert: there are as many refusals as
// limit, which is not 0, and the hour has had none.
func (p *pace) refused(user string, now time.Time, limit int) (explains, refused int64, alert bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.of(user, now)
	m.refused++
	explains, refused = p.hour(user, now)
	alert = limit > 0 && refused >= int64(limit) && !slices.ContainsFunc(p.people[user][:], func(m minute) bool { return m.alerted && m.ofHour(now) })
	m.alerted = m.alerted || alert
	return explains, refused, alert
}

// lately returns the counts of the hour that ends now.
func (p *pace) lately(user string, now time.Time) (explains, refused int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hour(user, now)
}

func (p *pace) hour(user string, now time.Time) (explains, refused int64) {
	hour := p.people[user]
	if hour == nil {
		return 0, 0
	}
	for _, m := range hour {
		if m.ofHour(now) {
			explains, refused = explains+int64(m.explains), refused+int64(m.refused)
		}
	}
	return explains, refused
}

// remember counts an entry of the audit log, in the order of the log.
func (p *pace) remember(e audit.Entry, now time.Time) {
	if now.Sub(e.At) > time.Hour {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case kindExplained:
		m := p.of(e.Actor, e.At)
		if e.Fields["refused"] == "EXPLAIN_RATE" {
			m.turned++
			return
		}
		m.explains++
		if e.Fields["verdict"] == string(policy.Deny) || e.Fields["refused"] != "" && e.Fields[fieldCause] == "" {
			m.refused++
		}
	case kindProbing:
		p.of(e.Actor, e.At).alerted = true
	case "query.denied":
		if e.Fields[fieldCause] == "" {
			p.of(e.Actor, e.At).refused++
		}
	}
}
