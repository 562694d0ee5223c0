package policy

import (
	"fmt"
	"strconv"
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
	ConsentRequired  *ConsentRequired        `json:"consent_required,omitempty"`
	MinGroup         int                     `json:"min_group"` // entities
	RowCap           int                     `json:"row_cap"`
	RecordCap        int                     `json:"record_cap"` // rows of a record-level answer
	Release          Release                 `json:"release"`
	TTLSeconds       int                     `json:"ttl_seconds"`
	WorkingHours     WorkingHours            `json:"working_hours"`
	Alerts           []AlertRule             `json:"alerts"`
	EvidenceWarnDays int                     `json:"evidence_warn_days"` // before a certificate of an operator ends it is told
	RawMatch         RawMatch                `json:"raw_match"`
	FreshnessDays    map[string]int          `json:"freshness_days"` // how old a delivery of that update frequency may be before it is told
	Label            bool                    `json:"label"`
	Watermark        bool                    `json:"watermark"`
	MaxTermYears     int                     `json:"max_term_years"`
	Exceptions       map[string]Relaxed      `json:"exceptions,omitempty"` // what an exception may raise; nothing else may be
	Sections         []string                `json:"sections"`
	Signers          map[string][]string     `json:"signers"`         // parties by zone kind
	Award            map[string][]string     `json:"award,omitempty"` // by purpose class, how the operator of a license of it may be chosen
	PurposeCode      string                  `json:"purpose_code_pattern"`
	Purposes         map[string]Text         `json:"purposes"` // titles by code: no other purpose is one
	ProviderTypes    []string                `json:"provider_types"`
	ShareTypes       map[string]DataClass    `json:"share_types"`    // by the regulation's own code
	OpenTypes        map[string]DataClass    `json:"open_types"`     // by the regulation's own code
	BaseLibraries    map[string]string       `json:"base_libraries"` // titles by code
	OpenGrounds      map[string]string       `json:"open_grounds"`   // why data must not be opened, by code
	RefusalBasis     map[string]Basis        `json:"refusal_basis"`  // by what is refused: sharing, opening, or a class that is not open to all
	CopyMode         string                  `json:"copy_mode"`      // what the regulation asks of copies; under none does one go to an operator
	NegativeList     bool                    `json:"negative_list"`  // whether the regulation itself has one; a list in force binds under every pack
	RoleTitles       map[string]Text         `json:"role_titles"`    // what the regulation calls a role, where it has a word for it
	PriorityDomains  map[string]string       `json:"priority_domains,omitempty"`
	Violations       map[string]string       `json:"violations,omitempty"` // titles by code
	Eligibility      *Eligibility            `json:"eligibility,omitempty"`
	Evaluation       *Evaluation             `json:"evaluation,omitempty"`
	Objection        *Objection              `json:"objection,omitempty"`
	Timers           map[string]Timer        `json:"timers"`
	Untimed          map[string]Untimed      `json:"untimed"`
	Roles            map[string][]string     `json:"roles"` // by action
	ExclusiveRoles   [][]string              `json:"exclusive_roles"`
	Articles         map[string][]string     `json:"articles"` // where the regulation says it, by key
	Local            []string                `json:"local"`    // keys whose value is a local decision, not the regulation's
}

// RawMatch says from when on a text of an output that stands among raw values is one,
// where it could be by chance. Without it every one is.
type RawMatch struct {
	Length int     `json:"length"` // bytes of a text that says something in a column which it does not come from
	Bits   float64 `json:"bits"`   // entropy of such a column
	Share  float64 `json:"share"`  // of a column's rows that its mask may show before nothing is computed from it
}

// Release is what may leave at most, and what totals over the entities of a kind must
// not tell.
type Release struct {
	CellCap int                                  `json:"cell_cap"` // rows times columns
	ByteCap int                                  `json:"byte_cap"`
	Rules   map[string]map[string]Disclosiveness `json:"rules"` // by kind of entity, then by the level from which they hold
}

// Disclosiveness is when a total tells too much of the largest behind it.
type Disclosiveness struct {
	Dominance []Dominance `json:"dominance"`
	PPercent  int         `json:"p_percent"` // of the largest; 0 does not ask
	// Round is of whose multiples counts and sums leave, the nearest ones; 0 leaves them
	// as they are.
	Round int64 `json:"round,omitempty"`
}

// Dominance is that the N largest bear so much of a total or more.
type Dominance struct {
	N       int `json:"n"`
	Percent int `json:"percent"`
}

// Disclosive returns the rules for totals of a column of the level, over entities of
// the kind: those of the highest level that is not above it, none if there is none.
func (p Pack) Disclosive(kind string, level int) Disclosiveness {
	for ; level > 0; level-- {
		if d, ok := p.Release.Rules[kind][strconv.Itoa(level)]; ok {
			return d
		}
	}
	return Disclosiveness{}
}

// Relaxed says how far an exception raises a figure, and for how long.
type Relaxed struct {
	Ceiling int64 `json:"ceiling"` // in the figure's own unit
	Days    int   `json:"days"`    // first and last included
}

// DataClass is one of a regulation's classes of sharing or opening.
type DataClass struct {
	Title    Text   `json:"title"`
	Class    string `json:"class"`    // what it is in every city: UNCONDITIONAL, CONDITIONAL or NONE
	Operable bool   `json:"operable"` // whether a grant under a license may open data of it
}

// Basis says on which kinds of ground something may be refused, and where that
// is said.
type Basis struct {
	Kinds    []string `json:"kinds"`
	Articles []string `json:"articles"` // empty if it is a local decision
}

// Eligibility is how many years back the record of who applies to operate a
// zone must be clean, and how old its audit report may be.
type Eligibility struct {
	CreditYears      int `json:"credit_years"`
	IncidentYears    int `json:"incident_years"`
	AuditReportYears int `json:"audit_report_years"`
}

// Evaluation says after how many poor results in a row the case of a termination
// is opened; people decide it.
type Evaluation struct {
	TerminateAfterPoor int `json:"terminate_after_poor"`
}

// Objection is what an objection does to the data it names, MARK or
// SUSPEND_AT_ONCE, and how it may end.
type Objection struct {
	Effect   string   `json:"effect"`
	Outcomes []string `json:"outcomes"`
}

// Text is a phrase in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Validity is the time a pack's regulation is in force, first and last day
// included; Until "" is open. From "" is that of a draft whose day was left blank.
type Validity struct {
	From  string `json:"from"`
	Until string `json:"until"`
}

// LevelControl says what protects a level: how large the groups of an answer that
// reads a column of it are, by which masks it may be granted, and in which shapes
// answers leave, each with who reviews it.
type LevelControl struct {
	MinGroup  int       `json:"min_group"`           // entities; the pack's where it is larger
	Masks     *[]string `json:"masks,omitempty"`     // kinds of recipes; nil is any, none is that it is used and not shown
	Record    *Control  `json:"record,omitempty"`    // nil lets no single records leave
	Aggregate *Control  `json:"aggregate,omitempty"` // nil lets nothing but those
}

// ConsentRequired says of which data a grant must be by consent, or record another
// legal basis: of personal information, of levels and of classes of columns, for
// those purposes, or for all if none is named.
type ConsentRequired struct {
	PersonalInfo bool     `json:"personal_info"`
	Levels       []int    `json:"levels,omitempty"`
	Classes      []string `json:"classes,omitempty"`
	Purposes     []string `json:"purposes,omitempty"` // classes of purposes
}

// Control lists the roles that review, in order, before a statement runs and before
// its answer leaves; empty means none.
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
