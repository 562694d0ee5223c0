package policy

import (
	"maps"
	"slices"
	"time"
)

// What a pack is on a day.
const (
	PackInForce  = "IN_FORCE"
	PackDraft    = "DRAFT"
	PackNotBegun = "NOT_BEGUN"
	PackLapsed   = "LAPSED"
)

// Names returns the ids of the packs, in order.
func (e *Evaluator) Names() []string { return slices.Sorted(maps.Keys(e.packs)) }

// State returns what p is at the instant now: its regulation is a draft, not yet
// or no longer in force, or in force. It says what rego/pack.rego decides by.
func (p Pack) State(now time.Time) string {
	today := now.UTC().Add(time.Duration(p.UTCOffsetMinutes) * time.Minute).Format(time.DateOnly)
	switch {
	case p.Status != PackInForce:
		return PackDraft
	case today < p.Validity.From:
		return PackNotBegun
	case p.Validity.Until != "" && today > p.Validity.Until:
		return PackLapsed
	}
	return PackInForce
}

// Cited returns the origin of the figure of a key and the articles it is from,
// none for one that is local.
func (p Pack) Cited(key string) (origin string, articles []string) {
	if slices.Contains(p.Local, key) {
		return OriginLocal, nil
	}
	return OriginStatutory, slices.Clone(p.Articles[key])
}
