package policy

import (
	"fmt"
	"time"

	"zonebox/policy/calendar"
)

// What alert rules count. Each is of things that the audit log has an entry of.
const (
	CountRefusals  = "refusals"       // questions and explains that were refused
	CountExplains  = "explains"       // explains
	CountFailures  = "failures"       // statements that failed after they got data
	CountBlocked   = "blocked"        // outputs that policy did not let go
	CountRawMatch  = "raw_matches"    // outputs that held raw values
	CountWithheld  = "withheld_texts" // texts of logs, errors and records that were withheld for what they held
	CountQuestions = "questions"      // questions that ran
	CountRows      = "rows"           // rows that were released
	CountBytes     = "bytes"          // bytes that were released, as they were sealed
	CountOffHours  = "off_hours"      // questions that ran outside working hours
	CountLapsedRun = "lapsed_runs"    // questions that ran under a pack that had ended, without a recorded basis
	CountBreaches  = "breaches"       // isolation or data found not to be what they must be
	CountOverlaps  = "overlaps"       // outputs that were withheld for what was released before
	// Questions that differ from each other in constants alone, each counted once.
	CountBoundaries = "moving_boundaries"

	// Of these each is an alert.
	CountOverdue  = "term_overdue"
	CountLapsed   = "document_lapsed"
	CountConflict = "witness_conflict"
)

// By whom alert rules count.
const (
	PerPerson   = "person"
	PerOperator = "operator"
	PerLicense  = "license"
	PerZone     = "zone"
	PerCase     = "case" // each by itself
)

// The severities of alerts.
const (
	SeverityNotice  = "NOTICE"
	SeverityWarning = "WARNING"
	SeverityMajor   = "MAJOR"
)

// ToSecurityOfficer is the recipient of an alert that is no role: the data-security
// officer of the operator it is about (NJ24-08).
const ToSecurityOfficer = "security_officer"

// AlertDecide is the timer of a restriction that an alert set by itself: a person
// confirms or lifts it before it is over, and it stays whatever they do not do.
const AlertDecide = "alert.decide"

// AlertRule says when an alert is raised, who is told of it, and what it restricts
// until a person decides (NJ24-21, NJ24-23).
type AlertRule struct {
	ID         string         `json:"id"`
	Title      Text           `json:"title"`
	Counter    string         `json:"counter"`
	Per        string         `json:"per"`
	Window     string         `json:"window"`   // 1h or 24h
	AtLeast    int64          `json:"at_least"` // of a window
	Severity   string         `json:"severity"`
	Recipients []string       `json:"recipients"` // roles, and ToSecurityOfficer
	Article    string         `json:"article,omitempty"`
	Restrict   *AlertRestrict `json:"restrict,omitempty"`
	Report     *AlertReport   `json:"report,omitempty"` // without one nobody reports
}

// AlertRestrict is the restriction that an alert sets by itself. At the level of a
// zone it closes, and only where what is counted is nobody's doing who asks.
type AlertRestrict struct {
	Level          string `json:"level"`
	Degree         string `json:"degree"`
	Rate           int    `json:"rate,omitempty"`
	MaxLevel       int    `json:"max_level,omitempty"`
	AggregatesOnly bool   `json:"aggregates_only,omitempty"`
}

// AlertReport says to whom what happened is reported before the alert is closed.
type AlertReport struct {
	To Text `json:"to"`
}

// For returns the length of the rule's window.
func (r AlertRule) For() time.Duration {
	if r.Window == "1h" {
		return time.Hour
	}
	return 24 * time.Hour
}

// WorkingHours are the hours of a working day, from the first to before the last.
type WorkingHours struct {
	From  string `json:"from"` // 15:04
	Until string `json:"until"`
}

// OffHours reports whether at is outside the working hours of p, or on a day that is
// no working day of table.
func (p Pack) OffHours(at time.Time, table *calendar.Table) (bool, error) {
	works, _, err := table.Working(calendar.DayOf(at))
	clock := at.UTC().Add(time.Duration(p.UTCOffsetMinutes) * time.Minute).Format("15:04")
	return !works || clock < p.WorkingHours.From || clock >= p.WorkingHours.Until, err
}

// alertsHold refuses alert rules of one id, and restrictions that nobody has a term to
// decide on.
func (p Pack) alertsHold() error {
	seen := map[string]bool{}
	for _, r := range p.Alerts {
		if seen[r.ID] {
			return fmt.Errorf("two alert rules are %q", r.ID)
		}
		seen[r.ID] = true
		if _, timed := p.Timers[AlertDecide]; r.Restrict != nil && !timed {
			return fmt.Errorf("alert rule %q restricts, and there is no timer %q", r.ID, AlertDecide)
		}
	}
	return nil
}
