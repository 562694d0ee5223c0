package registry

import "encoding/json"

// Roles a person may hold.
const (
	RoleOperator      = "operator"
	RoleZoneRegulator = "zone_regulator"
	RoleCityAuthority = "city_authority"
	RoleProvider      = "provider"
	RoleDataCentre    = "data_centre"
	RoleAuditor       = "auditor"
	RoleSecurity      = "security"
)

// Statuses of zones, licenses, people, datasets, grants and templates.
const (
	StatusActive     = "ACTIVE"
	StatusSuspended  = "SUSPENDED"
	StatusTerminated = "TERMINATED"
	StatusExpired    = "EXPIRED" // a license past its last day; only the clock says so
	StatusRevoked    = "REVOKED"
	StatusPublished  = "PUBLISHED"
	StatusRetired    = "RETIRED"

	personActive = "active"
)

// Organization is a public body or an enterprise that takes part.
type Organization struct {
	Title              string     `json:"title"`
	Kind               string     `json:"kind"`
	CreditCode         string     `json:"credit_code,omitempty"`
	OrgForm            string     `json:"org_form"`
	ProviderType       string     `json:"provider_type,omitempty"`
	SecurityOfficer    string     `json:"security_officer,omitempty"`
	SecurityDepartment string     `json:"security_department,omitempty"`
	Evidence           []Evidence `json:"evidence,omitempty"`
	Incident3Y         bool       `json:"incident_3y"`
	Dishonesty3Y       bool       `json:"dishonesty_3y"`
	// Dishonesty and Incidents are on record with their days: what counts back from a
	// day is reckoned from them, beside the flags.
	Dishonesty []Dated `json:"dishonesty,omitempty"`
	Incidents  []Dated `json:"incidents,omitempty"`
}

// Evidence is a certificate on file with the date it ends.
type Evidence struct {
	Kind       string `json:"kind"`
	ValidUntil string `json:"valid_until"`
}

// Person is somebody with an account and keys.
type Person struct {
	RealName           string   `json:"real_name"`
	Organization       string   `json:"organization"`
	Roles              []string `json:"roles"`
	Status             string   `json:"status"`
	SigningKey         string   `json:"signing_key"`
	RecipientKey       string   `json:"recipient_key,omitempty"`
	ConfidentialityRef string   `json:"confidentiality_ref,omitempty"`
	// Permissions are what the person may do besides what the roles allow; a role
	// alone is not enough for any of them. None is the default.
	Permissions []string `json:"permissions,omitempty"`
	// OIDC is who the person is to the provider by which browsers sign in.
	OIDC *Identity `json:"oidc,omitempty"`
	// Certificates are the keys of the client certificates that the person shows over
	// HTTPS: SHA-256 of the SubjectPublicKeyInfo, in lower-case hex.
	Certificates []string `json:"certificates,omitempty"`
}

// Identity is a name that a provider of identities gives somebody and nobody else.
type Identity struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

// What may affect the safety of data is permitted person by person (YC22-39).
const (
	PermissionCopy    = "copy"    // take data as they are stored; no verb takes it
	PermissionExport  = "export"  // backups
	PermissionRecipe  = "recipe"  // say how columns are masked
	PermissionDestroy = "destroy" // destroy keys, and with them what they open
)

// Retention says for how long entries of the audit log are kept. Without the
// document they are kept for ever.
type Retention struct {
	Months int    `json:"months"`
	Reason string `json:"reason"`
}

// Zone is one data zone with its one regulator.
type Zone struct {
	Title       string        `json:"title"`
	Kind        string        `json:"kind"`
	Domain      string        `json:"domain,omitempty"`
	Regulator   string        `json:"regulator"`
	Status      string        `json:"status"`
	Pack        string        `json:"pack"`
	Responsible []Responsible `json:"responsible"`
	// Retention is that of the zone's datasets which say nothing else.
	Retention *DataRetention `json:"retention,omitempty"`
	// TokenAlgorithm is what the zone's tokens are made with; aes-cmac when empty.
	TokenAlgorithm string `json:"token_algorithm,omitempty"`
	// StorageAlgorithm is what data of the zone are encrypted with that are loaded
	// from now on; aes-256-gcm when empty.
	StorageAlgorithm string `json:"storage_algorithm,omitempty"`
	// SignedDeliveries says that manifests of deliveries need a signature of the
	// dataset's provider.
	SignedDeliveries bool `json:"signed_deliveries,omitempty"`
	// QuotaBytes is how much of the disk the stored versions of the zone's datasets may
	// take together (NJ24-05); 0 sets no bound.
	QuotaBytes int64 `json:"quota_bytes,omitempty"`
}

// Responsible names the person answerable for one stage of the data's life.
type Responsible struct {
	Stage  string `json:"stage"`
	Person string `json:"person"`
}

// Dataset is a catalogue entry: written by its provider, put into force with the
// city authority. It holds what JM19 §10 and YC22 §9 ask for; 属性 are its columns.
type Dataset struct {
	Title string `json:"title"`
	Zone  string `json:"zone"`
	// Regime is what law the data are under, PUBLIC_DATA when empty.
	Regime       string   `json:"regime,omitempty"`
	Category     Category `json:"category"`
	Provider     string   `json:"provider"`
	ProviderType string   `json:"provider_type"`
	Collector    string   `json:"collector"`
	Auditor      string   `json:"auditor"`
	// Format is TABLE, or a form that is catalogued and never loaded.
	Format          string   `json:"format"`
	ShareType       string   `json:"share_type"`
	ShareMode       string   `json:"share_mode"`
	ShareReason     string   `json:"share_reason,omitempty"` // why it is not shared without condition
	OpenType        string   `json:"open_type"`
	OpenReason      string   `json:"open_reason,omitempty"`
	OpenGround      string   `json:"open_ground,omitempty"` // code of the pack's list, of data that must not be opened
	LegalBasis      []string `json:"legal_basis"`
	UseRequirements string   `json:"use_requirements"`
	// ReviewDue is the day by which the conditions of a conditional entry are
	// looked at again.
	ReviewDue    string `json:"review_due,omitempty"`
	SecretFlag   bool   `json:"secret_flag"`
	PersonalInfo bool   `json:"personal_info"`
	PublicSafety bool   `json:"public_safety"`
	// Temporary marks what was collected outside the catalogue (NJ19-19): no
	// operator is granted any of it.
	Temporary bool    `json:"temporary,omitempty"`
	Entity    *Entity `json:"entity"`
	// Key names the columns that tell its rows apart: no two rows have the same.
	Key       []string       `json:"key,omitempty"`
	Retention *DataRetention `json:"retention,omitempty"`
	Source    Source         `json:"source"`
	Columns   []Column       `json:"columns"`
	Status    string         `json:"status"`
	// StatusReason says why an entry was suspended or retired.
	StatusReason string `json:"status_reason,omitempty"`
	// ChangeReason says why protection was lowered against an earlier version.
	ChangeReason string `json:"change_reason,omitempty"`
}

// Category is the class of an entry: BASE with the library of the pack's list,
// THEME or SPECIAL with the code, the lead department and those who build it
// with it, or DEPARTMENT.
type Category struct {
	Kind      string   `json:"kind"`
	Code      string   `json:"code,omitempty"`
	Lead      string   `json:"lead,omitempty"`
	CoBuilder []string `json:"co_builders,omitempty"`
}

// Level returns the highest level of the columns.
func (d Dataset) Level() int {
	highest := 0
	for _, c := range d.Columns {
		highest = max(highest, c.Level)
	}
	return highest
}

// Entity names the column that identifies whom a row is about.
type Entity struct {
	Column string `json:"column"`
	Kind   string `json:"kind"`
}

// Source tells when the data were acquired and how often they change.
type Source struct {
	Acquired        string `json:"acquired"`
	UpdateFrequency string `json:"update_frequency"`
}

// Column is one column of a dataset.
type Column struct {
	Name         string   `json:"name"`
	Type         string   `json:"type"`
	Title        string   `json:"title,omitempty"`
	Level        int      `json:"level"`
	Class        string   `json:"class"`
	PersonalInfo bool     `json:"personal_info"`
	SecretFlag   bool     `json:"secret_flag"`
	PIKind       string   `json:"pi_kind,omitempty"`
	PublicCodes  []string `json:"public_codes,omitempty"`
	Nullable     bool     `json:"nullable"`
	// CauseCode says what makes the column sensitive: STATE_SECRET, TRADE_SECRET,
	// PRIVACY or OTHER_LAW (JM19-30).
	CauseCode string `json:"cause_code,omitempty"`
	// Item is BASE or BUSINESS: what kind of item of a base library it is.
	Item string `json:"item,omitempty"`
	// Element is the data element that the column holds; Authoritative says that
	// this dataset is its one source.
	Element       string `json:"element,omitempty"`
	Authoritative bool   `json:"authoritative,omitempty"`
	Standard      string `json:"standard,omitempty"` // code of the standard of its values
}

// NegativeList names what is neither granted, loaded nor queried (YC22-18): the
// city authority's, after review, for all zones.
type NegativeList struct {
	Title string         `json:"title"`
	Items []NegativeItem `json:"items"`
	// ChangeReason says why an item of the version before is no longer listed.
	ChangeReason string `json:"change_reason,omitempty"`
}

// NegativeItem is a dataset or a column of one, or every column that holds a data
// element or is of a class.
type NegativeItem struct {
	Dataset string `json:"dataset,omitempty"`
	Column  string `json:"column,omitempty"`
	Element string `json:"element,omitempty"`
	Class   string `json:"class,omitempty"`
	Reason  string `json:"reason"`
	Basis   string `json:"basis"`
}

// SourceRuling is the city authority's word on who collects what several entries
// hold (NJ19-17), or which dataset is the one source of a data element (NJ19-19).
type SourceRuling struct {
	Datasets      []string `json:"datasets"` // those it is about, catalogued or not yet
	Element       string   `json:"element,omitempty"`
	Authoritative string   `json:"authoritative,omitempty"` // one of the datasets
	Collector     string   `json:"collector"`               // organization
	Basis         string   `json:"basis"`
}

// License is the operation or utilization agreement as data.
type License struct {
	Type         string `json:"type"`
	Zone         string `json:"zone"`
	Operator     string `json:"operator"`
	Start        string `json:"start"`
	End          string `json:"end"`
	RenewedBasis string `json:"renewed_basis,omitempty"`
	Status       string `json:"status"`
	// StatusReason cites the clause under which the license was suspended,
	// terminated or taken up again.
	StatusReason string `json:"status_reason,omitempty"`
	PurposeClass string `json:"purpose_class"`
	// Course is the application that led to the license; empty of one that was
	// concluded outside.
	Course string `json:"course,omitempty"`
	// AwardMethod and AwardRef say how the operator was chosen, and where that is on
	// record (NJ19-27).
	AwardMethod   string                     `json:"award_method,omitempty"`
	AwardRef      string                     `json:"award_ref,omitempty"`
	OperatingMode string                     `json:"operating_mode,omitempty"` // NJ19-28
	SupplyMode    string                     `json:"supply_mode,omitempty"`    // YC22-32
	Fee           string                     `json:"fee,omitempty"`            // what users pay; none under RESEARCH (NJ19-27)
	Sections      map[string]json.RawMessage `json:"sections"`
}

// Scope is the part of the section "scope" that the registry enforces, where
// the section is an object. A list that is absent sets no bound.
type Scope struct {
	Datasets []string `json:"datasets"`
	Purposes []string `json:"purposes"`
}

// Scenario is one purpose under a license, with who may receive its outputs.
type Scenario struct {
	License      string   `json:"license"`
	Title        string   `json:"title"`
	PurposeCode  string   `json:"purpose_code"`
	PurposeClass string   `json:"purpose_class"`
	OutputForms  []string `json:"output_forms"`
	Recipients   []string `json:"recipients"`
	Period       Period   `json:"period"`
	// Round is of whose multiples totals of protected rows leave at least: the least odd
	// multiple of the pack's that is not under it. 0 leaves it to the pack.
	Round int64 `json:"round,omitempty"`
}

// Period is a span of days, both included.
type Period struct {
	From  string `json:"from"`
	Until string `json:"until"`
}

// Grant opens columns of one dataset to one scenario.
type Grant struct {
	Scenario string        `json:"scenario"`
	Dataset  string        `json:"dataset"`
	Columns  []GrantColumn `json:"columns"`
	Scope    []Condition   `json:"scope,omitempty"`
	From     string        `json:"from"`
	Until    string        `json:"until"`
	// Status is ACTIVE when empty.
	Status       string `json:"status,omitempty"`
	StatusReason string `json:"status_reason,omitempty"`
	// SignedDeliveries says the same as the zone's, of this grant's alone.
	SignedDeliveries bool `json:"signed_deliveries,omitempty"`
	// Repeats names scenarios whose released results deliveries under this grant may
	// repeat: what those who sign the grant decided.
	Repeats []string `json:"repeats,omitempty"`
	// Basis says by what right the personal information is used: BasisConsent cuts
	// the rows to people who consented. Empty is another right than consent, which
	// LegalBasis names: laws and articles, as those who sign the grant see it.
	Basis      string   `json:"basis,omitempty"`
	LegalBasis []string `json:"legal_basis,omitempty"`

	ZReg Consent `json:"zreg"`
	Prov Consent `json:"prov"`
}

// GrantColumn is the form in which one column is given.
type GrantColumn struct {
	Name        string   `json:"name"`
	Mode        string   `json:"mode"`
	Recipe      *Recipe  `json:"recipe,omitempty"`
	Permissions []string `json:"permissions,omitempty"`
}

// DataRequest asks for columns on behalf of a scenario (NJ24-15): what a grant
// would have to give. It is drawn up by explain and filed by a person of the
// operator, who makes the commitments and signs them; it grants nothing.
type DataRequest struct {
	Scenario    string             `json:"scenario"`
	PurposeCode string             `json:"purpose_code"`
	Statement   string             `json:"statement_sha256"` // that could not be answered without
	Datasets    []RequestedDataset `json:"datasets"`
	From        string             `json:"from"`
	Until       string             `json:"until"`
	Access      string             `json:"access"` // REQUEST_RESPONSE: no copy is ever asked for (NJ19-22)
	Status      string             `json:"status"`
	Commitments Commitments        `json:"commitments"`
}

// The status of a request that nobody has filed, and of one that was.
const (
	StatusDraft     = "DRAFT"
	StatusSubmitted = "SUBMITTED"
)

// RequestedDataset is what is asked of one dataset: each column in the whole form
// it would have. Grant names the grant that gives the scenario others of it.
type RequestedDataset struct {
	Dataset    string        `json:"dataset"`
	Grant      string        `json:"grant,omitempty"`
	Basis      string        `json:"basis,omitempty"`       // of the grant, if it is a new one
	LegalBasis []string      `json:"legal_basis,omitempty"` // the same
	Columns    []GrantColumn `json:"columns"`
}

// QualityRules say what is measured of a dataset's data, and when a version waits
// for its provider. The document bears the name of its dataset.
type QualityRules struct {
	// Contract is a data contract (ODCS v3.1); what of it can be checked is judged
	// before the document is applied.
	Contract json.RawMessage `json:"contract"`
	Gate     QualityGate     `json:"gate,omitzero"`
}

// QualityGate keeps a version from use until its provider has looked: one that
// scores less than MinimumScore, or fails a rule of severity error where Errors
// says so. The zero gate keeps none.
type QualityGate struct {
	MinimumScore float64 `json:"minimum_score,omitempty"` // 0 to 100
	Errors       bool    `json:"errors,omitempty"`
}

// Commitments are what the operator stands for (YC22-19). All are made when a
// request is filed.
type Commitments struct {
	Truthful  bool `json:"truthful"`
	Compliant bool `json:"compliant"`
	Secure    bool `json:"secure"`
}

// Template is an approved analysis: a statement of which only the values of its
// parameters are chosen when it is asked.
type Template struct {
	Scenario   string      `json:"scenario"`
	Title      string      `json:"title"`
	TitleEN    string      `json:"title_en,omitempty"`
	SQL        string      `json:"sql"` // parameters stand in it as $name
	Parameters []Parameter `json:"parameters,omitempty"`
	From       string      `json:"from"`
	Until      string      `json:"until"`
	// Status is ACTIVE when empty.
	Status       string `json:"status,omitempty"`
	StatusReason string `json:"status_reason,omitempty"`
}

// Parameter is one parameter of a template: its type, spelled as a column's is,
// and the values it takes. One with a default may be left out.
type Parameter struct {
	Name    string  `json:"name"`
	Title   string  `json:"title,omitempty"`
	TitleEN string  `json:"title_en,omitempty"`
	Type    string  `json:"type"`
	Domain  *Domain `json:"domain,omitempty"` // nil for a bool only
	Default *string `json:"default,omitempty"`
}

// Domain says which values of its type a parameter takes. Exactly one field is
// set: List for every type but bool, Range for numbers and times, Pattern and
// Region for strings.
type Domain struct {
	List    []string `json:"list,omitempty"`
	Range   *Range   `json:"range,omitempty"`
	Pattern *Pattern `json:"pattern,omitempty"`
	Region  string   `json:"region,omitempty"` // two or four digits that a division code (GB/T 2260) begins with
}

// Range is an interval with both ends in it.
type Range struct {
	Min string `json:"min"`
	Max string `json:"max"`
}

// Pattern is an RE2 expression that the whole of a value matches.
type Pattern struct {
	Expression string `json:"expression"`
	MaxLength  int    `json:"max_length"` // characters
}

// Recipe is a masking recipe as documents spell it. Its kinds are those that
// hide a value for good and give text or nothing, and those that move it by a
// draw of its entity (shift, noise): what leaves real values in their places or
// in others (top_bottom, shuffle, free_text) or could be undone (ff1, identifier) has
// no place in a grant.
// The schema holds the list. How far a draw must move a value, nobody can tell
// who does not know the data: that is for those who sign the grant.
type Recipe struct {
	Kind      string            `json:"kind"`
	KeepFirst int               `json:"keep_first,omitempty"`
	KeepLast  int               `json:"keep_last,omitempty"`
	Part      string            `json:"part,omitempty"`
	Width     float64           `json:"width,omitempty"`
	Digits    int               `json:"digits,omitempty"`
	Text      string            `json:"text,omitempty"`
	Pattern   string            `json:"pattern,omitempty"`
	Field     string            `json:"field,omitempty"`
	Values    map[string]string `json:"values,omitempty"`
	Days      int               `json:"days,omitempty"`
	Spread    float64           `json:"spread,omitempty"`
	Length    int               `json:"length,omitempty"`
	Alphabet  string            `json:"alphabet,omitempty"`
	Domain    string            `json:"domain,omitempty"` // of a token: the zone whose key makes it; empty is the column's own
}

// perEntity reports whether the mask depends on whom a row is about.
func (r *Recipe) perEntity() bool { return r != nil && (r.Kind == "shift" || r.Kind == "noise") }

// Condition cuts rows: only those whose column holds one of the values.
type Condition struct {
	Column string   `json:"column"`
	In     []string `json:"in"`
}

// Consent tells who agreed to a grant, for which organization and when.
type Consent struct {
	// By may be empty of a provider: then it is whoever of the organization signed.
	By  string `json:"by,omitempty"`
	Org string `json:"org"`
	// At is filled from the signature.
	At string `json:"at,omitempty"`
}
