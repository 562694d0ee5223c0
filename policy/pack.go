package policy

import (
	"fmt"
)

// Pack is a city's policy pack: every figure the rules use. The numbers are
// the pack's, never the code's.
type Pack struct {
	ID               string                  `json:"id"`
	Title            Text                    `json:"title"`
	Status           string                  `json:"status"` // IN_FORCE | DRAFT
	Validity         Validity                `json:"validity"`
	UTCOffsetMinutes int                     `json:"utc_offset_minutes"`
	LegalBases       []string                `json:"legal_bases"`
	LevelThreshold   int                     `json:"level_threshold"`
	LevelControls    map[string]LevelControl `json:"level_controls"` // by level
	MinGroup         int                     `json:"min_group"`      // entities
	RowCap           int                     `json:"row_cap"`
	RecordCap        int                     `json:"record_cap"` // rows of a record-level answer
	TTLSeconds       int                     `json:"ttl_seconds"`
	ProbingDenials   int                     `json:"probing_denials_1h"` // refusals of one person within an hour that look like probing
	FreshnessDays    map[string]int          `json:"freshness_days"`     // how old a delivery of that update frequency may be before it is told
	Label            bool                    `json:"label"`
	Watermark        bool                    `json:"watermark"`
	MaxTermYears     int                     `json:"max_term_years"`
	Sections         []string                `json:"sections"`
	Signers          map[string][]string     `json:"signers"` // parties by zone kind
	PurposeCode      string                  `json:"purpose_code_pattern"`
	ProviderTypes    []string                `json:"provider_types"`
	ShareTypes       map[string]bool         `json:"share_types"` // whether a grant may open it
	OpenTypes        map[string]bool         `json:"open_types"`
	BaseLibraries    map[string]string       `json:"base_libraries"` // titles by code
	OpenGrounds      map[string]string       `json:"open_grounds"`   // why data must not be opened, by code
	Roles            map[string][]string     `json:"roles"`          // by action
	ExclusiveRoles   [][]string              `json:"exclusive_roles"`
	Local            []string                `json:"local"` // keys whose value is a local decision, not the regulation's
}

// Text is a phrase in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Validity is the time a pack's regulation is in force, first and last day
// included; Until "" is open.
type Validity struct {
	From  string `json:"from"`
	Until string `json:"until"`
}

// LevelControl says which roles review an answer that reads a column of a
// level, in order, before it runs and before it leaves.
type LevelControl struct {
	Record    Control `json:"record"`
	Aggregate Control `json:"aggregate"`
}

// Control lists reviewing roles; empty means none.
type Control struct {
	QueryReview   []string `json:"query_review"`
	ReleaseReview []string `json:"release_review"`
}

// Pack returns the pack of the given name.
func (e *Evaluator) Pack(name string) (Pack, error) {
	p, ok := e.packs[name]
	if !ok {
		return Pack{}, fmt.Errorf("policy: no pack %q", name)
	}
	return p, nil
}

// LeastProbingDenials returns the smallest ProbingDenials of all packs, 0 if none
// has one: the figure for whoever asks where no zone tells the pack.
func (e *Evaluator) LeastProbingDenials() int {
	least := 0
	for _, p := range e.packs {
		if p.ProbingDenials > 0 && (least == 0 || p.ProbingDenials < least) {
			least = p.ProbingDenials
		}
	}
	return least
}
