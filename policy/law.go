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

// Reason returns the reason of that code about a thing, as a decision gives it.
func (e *Evaluator) Reason(code, about string) Reason { return e.reasons.reason(code, about) }

// Begin returns why nothing may come into force under the pack of that name at the
// instant now, nil if something may: basis is what is on record for going on after the
// regulation's end. It says what rego/pack.rego decides of a license, for what stands on
// one.
func (e *Evaluator) Begin(pack string, now time.Time, basis string) []Reason {
	p, known := e.packs[pack]
	code := ""
	switch state := p.State(now); {
	case !known:
		code = "PACK_UNKNOWN"
	case state == PackNotBegun:
		code = "PACK_NOT_IN_FORCE"
	case state == PackLapsed && basis == "":
		code = "PACK_LAPSED"
	case state == PackDraft && basis == "":
		code = "PACK_DRAFT"
	default:
		return nil
	}
	return []Reason{e.Reason(code, pack)}
}

// Opens reports whether data of an open type, by the regulation's own code or by
// the class that stands for it in every city, may be granted to an operator. It
// says what rego/dataset.rego decides by.
func (p Pack) Opens(openType string) bool { return operable(p.OpenTypes, openType) }

// Shares reports the same of a share type.
func (p Pack) Shares(shareType string) bool { return operable(p.ShareTypes, shareType) }

// HasOpenType reports whether the regulation knows an open type.
func (p Pack) HasOpenType(openType string) bool { return len(classed(p.OpenTypes, openType)) > 0 }

// HasShareType reports whether the regulation knows a share type.
func (p Pack) HasShareType(shareType string) bool { return len(classed(p.ShareTypes, shareType)) > 0 }

func operable(types map[string]DataClass, code string) bool {
	return slices.ContainsFunc(classed(types, code), func(c DataClass) bool { return c.Operable })
}

// classed returns what code names: one class by its own code, else those it
// stands for.
func classed(types map[string]DataClass, code string) []DataClass {
	if own, ok := types[code]; ok {
		return []DataClass{own}
	}
	var all []DataClass
	for _, c := range types {
		if c.Class == code {
			all = append(all, c)
		}
	}
	return all
}

// Cited returns the origin of the figure of a key and the articles it is from,
// none for one that is local.
func (p Pack) Cited(key string) (origin string, articles []string) {
	if slices.Contains(p.Local, key) {
		return OriginLocal, nil
	}
	return OriginStatutory, slices.Clone(p.Articles[key])
}
