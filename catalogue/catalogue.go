// Package catalogue knows catalogue entries as a city exchanges them: it reads the
// city's catalogue file, says how alike two entries are, and writes the lists and
// metadata that other platforms take.
//
// It is pure: it holds no state, reads no file by itself and decides nothing about
// who may see what. Whoever calls an export passes it the entries that its reader
// may see; no export holds a value of the data, only what entries say.
//
// Read Entry first, then Alike, Read and Write.
package catalogue

// Entry is a catalogue entry, spelled as the document Dataset spells it, with the
// titles of the organizations it names and when its data were loaded last. A flag
// that is nil was said by nobody: it stays unset, and an entry without it is refused
// (NJ24-02).
type Entry struct {
	Name            string   `json:"name,omitempty"`
	Version         int64    `json:"version,omitempty"`
	Title           string   `json:"title"`
	Zone            string   `json:"zone"`
	Regime          string   `json:"regime,omitempty"`
	Category        Category `json:"category"`
	Provider        string   `json:"provider"`
	ProviderType    string   `json:"provider_type,omitempty"`
	Collector       string   `json:"collector,omitempty"`
	Auditor         string   `json:"auditor,omitempty"`
	Format          string   `json:"format,omitempty"`
	ShareType       string   `json:"share_type,omitempty"`
	ShareMode       string   `json:"share_mode,omitempty"`
	ShareReason     string   `json:"share_reason,omitempty"`
	OpenType        string   `json:"open_type,omitempty"`
	OpenReason      string   `json:"open_reason,omitempty"`
	OpenGround      string   `json:"open_ground,omitempty"`
	LegalBasis      []string `json:"legal_basis,omitempty"`
	UseRequirements string   `json:"use_requirements,omitempty"`
	ReviewDue       string   `json:"review_due,omitempty"`
	SecretFlag      *bool    `json:"secret_flag,omitempty"`
	PersonalInfo    *bool    `json:"personal_info,omitempty"`
	PublicSafety    *bool    `json:"public_safety,omitempty"`
	Temporary       bool     `json:"temporary,omitempty"`
	Entity          *Entity  `json:"entity"`
	Source          Source   `json:"source"`
	Columns         []Column `json:"columns"`
	Status          string   `json:"status"`

	ProviderTitle string `json:"-"`
	Loaded        string `json:"-"` // day of the last load, 2006-01-02; empty before the first
}

// Category is the class of an entry.
type Category struct {
	Kind       string   `json:"kind"`
	Code       string   `json:"code,omitempty"`
	Lead       string   `json:"lead,omitempty"`
	CoBuilders []string `json:"co_builders,omitempty"`
}

// Entity names the column that says whom a row is about.
type Entity struct {
	Column string `json:"column"`
	Kind   string `json:"kind"`
}

// Source tells when the data were acquired and how often they change.
type Source struct {
	Acquired        string `json:"acquired"`
	UpdateFrequency string `json:"update_frequency"`
}

// Column is one column of an entry. Level 0 is unset.
type Column struct {
	Name          string   `json:"name"`
	Type          string   `json:"type"`
	Title         string   `json:"title,omitempty"`
	Level         int      `json:"level,omitempty"`
	Class         string   `json:"class,omitempty"`
	PersonalInfo  *bool    `json:"personal_info,omitempty"`
	SecretFlag    *bool    `json:"secret_flag,omitempty"`
	PIKind        string   `json:"pi_kind,omitempty"`
	PublicCodes   []string `json:"public_codes,omitempty"`
	Nullable      bool     `json:"nullable,omitempty"`
	CauseCode     string   `json:"cause_code,omitempty"`
	Item          string   `json:"item,omitempty"`
	Element       string   `json:"element,omitempty"`
	Authoritative bool     `json:"authoritative,omitempty"`
	Standard      string   `json:"standard,omitempty"`
}

// Level returns the highest level of the columns.
func (e Entry) Level() int {
	highest := 0
	for _, c := range e.Columns {
		highest = max(highest, c.Level)
	}
	return highest
}

// Share and open types.
const (
	Unconditional = "UNCONDITIONAL"
	Conditional   = "CONDITIONAL"
	None          = "NONE"       // not shared
	Prohibited    = "PROHIBITED" // not opened
)
