package policy

import (
	"fmt"

	"zonebox/policy/calendar"
)

// Where the figure of a timer comes from.
const (
	OriginStatutory = "statutory" // the regulation's own
	OriginAgreement = "agreement" // left to the agreement; the pack's figure stands where it is silent
	OriginLocal     = "local"     // the regulation gives none
)

// Timer is a term in working days. It starts and stops on events of a course,
// never pauses, and never decides: what is overdue alerts and escalates, and no
// regulation takes silence for consent.
type Timer struct {
	Title          Text     `json:"title"`
	Days           int      `json:"days"`
	Unit           string   `json:"unit"` // WD, working days
	Origin         string   `json:"origin"`
	Article        string   `json:"article"`
	StartOn        string   `json:"start_on"` // the event whose day is not counted
	StopOn         string   `json:"stop_on"`
	StartMayBe     []string `json:"start_may_be,omitempty"` // readings of the article the city may choose from
	StopMayBe      []string `json:"stop_may_be,omitempty"`
	Pausable       bool     `json:"pausable"`
	OnOverdue      []string `json:"on_overdue"`
	OnTheSpot      bool     `json:"on_the_spot,omitempty"`      // the reply is due at once where it can be given at once
	OrPromisedDate bool     `json:"or_promised_date,omitempty"` // a day told to the requester stands in its place
	UnlessOtherLaw bool     `json:"unless_other_law,omitempty"` // a term of another law goes before
	Triggers       []string `json:"triggers,omitempty"`         // which circumstances start it
}

// Untimed is a duty for which the regulation gives no figure.
type Untimed struct {
	Title   Text   `json:"title"`
	Article string `json:"article"`
	Note    Text   `json:"note"`
}

// Due returns the last day of the timer of that key when the event that starts
// it fell on day from. The result is provisional where table has no announcement
// of the year.
//
// It returns an error if the pack has no such timer or from is not a day.
func (p Pack) Due(key string, from calendar.Day, table *calendar.Table) (calendar.Due, error) {
	t, ok := p.Timers[key]
	if !ok {
		return calendar.Due{}, fmt.Errorf("policy: pack %s: no timer %q", p.ID, key)
	}
	return table.Add(from, t.Days)
}
