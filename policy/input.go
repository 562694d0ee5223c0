package policy

import "time"

// Actions a decision can be asked for.
const (
	ActionQuery   = "query"   // run a statement
	ActionExplain = "explain" // judge a statement without running it
	ActionRelease = "release" // let a held output leave
	ActionLoad    = "load"    // take a delivery into a zone
	ActionApply   = "apply"   // put a document into force
	ActionPreview = "preview" // show some rows as a grant gives them
	ActionReview  = "review"  // show a held output to a person who reviews it
)

// Input holds the facts of one decision, each filled by the part of the
// product that knows it, never by the caller at the wire.
//
// Three rules make a forgotten fact a denial instead of a default. A group the
// action needs is a pointer or a map: nil is missing. A flag whose false would
// be the lenient answer is a *bool, a count whose zero would be the lenient
// answer a *int64: nil is missing. A list whose emptiness would be the lenient
// answer must be non-nil. rego/input.schema.json states all of this and is what
// the evaluator checks; a field it does not know is a denial as well.
//
// Days are written 2006-01-02 and mean the whole civil day of the pack's clock,
// first and last included; instants are written as RFC 3339.
type Input struct {
	Action string `json:"action"`
	// Now is the server's clock. Zero means the evaluator's own clock; set it
	// only to replay a recorded decision.
	Now time.Time `json:"now"`

	Subject  *Subject  `json:"subject,omitempty"`
	Operator *Operator `json:"operator,omitempty"`
	Zone     *Zone     `json:"zone,omitempty"`
	Supply   []Supply  `json:"supply,omitempty"`
	License  *License  `json:"license,omitempty"`
	Scenario *Scenario `json:"scenario,omitempty"`
	Grants   []Grant   `json:"grants,omitempty"`
	// Restrictions are those that concern the subject, the operator, the license, the
	// scenario, the zone or a dataset of it. Nil is missing: nobody looked.
	Restrictions []Restriction `json:"restrictions,omitzero"`
	// Exceptions are those of the license and of datasets the action is about. Nil is
	// missing.
	Exceptions []Exception `json:"exceptions,omitzero"`

	Datasets map[string]Dataset `json:"datasets,omitempty"` // by dataset name
	Columns  map[string]Column  `json:"columns,omitempty"`  // by "dataset.column"

	Query    *Query    `json:"query,omitempty"`
	Template *Template `json:"template,omitempty"` // nil unless the statement is one's
	Consent  *Consent  `json:"consent,omitempty"`
	Masking  *Masking  `json:"masking,omitempty"`
	History  *History  `json:"history,omitempty"`
	Output   *Output   `json:"output,omitempty"`
	Load     *Load     `json:"load,omitempty"`
	Change   *Change   `json:"change,omitempty"`
	Preview  *Preview  `json:"preview,omitempty"`
	Review   *Reviewed `json:"review,omitempty"`

	Approvals []Approval `json:"approvals,omitempty"`
	Runtime   *Runtime   `json:"runtime,omitempty"`

	// Capabilities names the obligations the caller can carry out. Nil means
	// all of [Obligations]'s; a decision that needs another one is DENY.
	Capabilities []string `json:"capabilities"`
}

// Subject is the natural person who asks.
type Subject struct {
	UserID             string   `json:"user_id"`
	RealName           bool     `json:"real_name"` // a verified real name is on file; the name itself is no fact
	AuthMethod         string   `json:"auth_method"`
	Org                string   `json:"org"`
	OrgKind            string   `json:"org_kind"`
	Roles              []string `json:"roles"`
	AccountStatus      string   `json:"account_status"` // active | disabled
	ConfidentialityRef string   `json:"confidentiality_ref"`
	PartnerOf          string   `json:"partner_of"` // the operator this organization works under, if any
	// Partner is what it works by under the license; nil if by none.
	Partner *Partner `json:"partner"`
}

// Partner gives an organization a part of an operator's license: some scenarios and,
// if Grants names any, some grants of these.
type Partner struct {
	ID        string   `json:"id"`
	License   string   `json:"license"`
	Scenarios []string `json:"scenarios"`
	Grants    []string `json:"grants"`
	Status    string   `json:"status"` // ACTIVE is the only one in force
	From      string   `json:"from"`
	Until     string   `json:"until"`
}

// Operator is the organization that holds the license.
type Operator struct {
	ID                 string     `json:"id"`
	OrgForm            string     `json:"org_form"` // legal_person | unincorporated | natural_person
	CreditCode         string     `json:"credit_code"`
	SecurityOfficer    string     `json:"security_officer"`
	SecurityDepartment string     `json:"security_department"`
	Evidence           []Evidence `json:"evidence,omitempty"`
	// On record within the years that count by the pack, on the day of the decision.
	Incident3Y   *bool `json:"incident_3y"`
	Dishonesty3Y *bool `json:"dishonesty_3y"`
}

// Evidence is one dated proof an operator filed.
type Evidence struct {
	Kind       string `json:"kind"`
	ValidUntil string `json:"valid_until"`
}

// Restriction is a measure that nobody has lifted. Degree RESTRICT limits what it
// is about by Rate and MaxLevel, where 0 sets no limit, and by AggregatesOnly;
// anything else ends all access.
type Restriction struct {
	ID             string `json:"id"`
	Level          string `json:"level"`  // operator | license | scenario | zone | dataset | column
	Target         string `json:"target"` // name at that level; a column is "dataset.column"
	Degree         string `json:"degree"`
	Rate           int64  `json:"rate"` // statements of the operator within an hour
	MaxLevel       int    `json:"max_level"`
	AggregatesOnly bool   `json:"aggregates_only"`
	Until          string `json:"until"` // last day; empty until it is lifted
}

// Zone is the data zone the action takes place in.
type Zone struct {
	ID          string        `json:"id"`
	Kind        string        `json:"kind"` // COMPREHENSIVE | INDUSTRY
	Domain      string        `json:"domain"`
	Regulator   string        `json:"regulator"` // organization
	Status      string        `json:"status"`    // ACTIVE | SUSPENDED
	Pack        string        `json:"pack"`
	Responsible []Responsible `json:"responsible,omitempty"`
}

// Responsible names who answers for one stage of the work in a zone.
type Responsible struct {
	Stage  string `json:"stage"`
	Person string `json:"person"`
}

// Supply is a record that lets one zone read columns of a dataset of another, with
// what that zone is now and who agreed. Their signatures the registry verified.
type Supply struct {
	ID            string   `json:"id"`
	FromZone      string   `json:"from_zone"`
	FromKind      string   `json:"from_kind"`
	FromStatus    string   `json:"from_status"`
	FromPack      string   `json:"from_pack"`
	FromRegulator string   `json:"from_regulator"`
	ToZone        string   `json:"to_zone"`
	Dataset       string   `json:"dataset"`
	Columns       []string `json:"columns"`
	From          string   `json:"from"`
	Until         string   `json:"until"`
	FromZReg      *Step    `json:"from_zreg,omitempty"`
	ToZReg        *Step    `json:"to_zreg,omitempty"`
	Provider      *Step    `json:"prov,omitempty"`
	// EntryChanged is as a grant's.
	EntryChanged []string `json:"entry_changed"`
}

// Exception is a record that raises one figure of the pack, for a license and one
// dataset, and who agreed. Their signatures the registry verified.
type Exception struct {
	ID       string `json:"id"`
	Relaxes  string `json:"relaxes"` // row_cap | license_term
	License  string `json:"license"`
	Scenario string `json:"scenario"` // "" of a license_term
	Dataset  string `json:"dataset"`
	Provider string `json:"provider"` // the dataset's, as the catalogue has it now
	Value    int64  `json:"value"`    // rows, or years from the license's start
	From     string `json:"from"`
	Until    string `json:"until"`
	City     *Step  `json:"city,omitempty"`
	ZReg     *Step  `json:"zreg,omitempty"`
	Prov     *Step  `json:"prov,omitempty"`
}

// The figures that an exception may raise. Nothing that masks, shows or groups is
// among them.
const (
	RelaxRowCap      = "row_cap"
	RelaxLicenseTerm = "license_term"
)

// License is the operation or utilization agreement.
type License struct {
	ID           string      `json:"id"`
	Type         string      `json:"type"` // OPERATION | UTILISATION
	Status       string      `json:"status"`
	Zone         string      `json:"zone"`
	Operator     string      `json:"operator"`
	Start        string      `json:"start"`
	End          string      `json:"end"`
	RenewedBasis string      `json:"renewed_basis"` // the basis on file for acting after the pack's end
	PurposeClass string      `json:"purpose_class"`
	Purposes     []string    `json:"purposes"`     // codes that its scope names; empty sets no bound, nil is missing
	AwardMethod  string      `json:"award_method"` // how the operator was chosen
	AwardRef     string      `json:"award_ref"`    // and where that is on record
	Sections     []string    `json:"sections"`     // the sections that are present and not empty
	Signatures   []Signature `json:"signatures"`   // verified by the registry
}

// Signature says who signed a license, for which organization and in which
// roles. Valid means the registry verified it over the present document.
type Signature struct {
	By    string   `json:"by"`
	Org   string   `json:"org"`
	Roles []string `json:"roles"`
	Valid bool     `json:"valid"`
}

// Scenario is the approved use a query belongs to.
type Scenario struct {
	ID           string   `json:"id"`
	License      string   `json:"license"`
	PurposeCode  string   `json:"purpose_code"`
	PurposeClass string   `json:"purpose_class"`
	OutputForms  []string `json:"output_forms"`
	Recipients   []string `json:"recipients"`
	From         string   `json:"from"`
	Until        string   `json:"until"`
}

// Grant gives a scenario columns of one dataset.
type Grant struct {
	ID         string        `json:"id"`
	Scenario   string        `json:"scenario"`
	Dataset    string        `json:"dataset"`
	Columns    []GrantColumn `json:"columns"`
	Access     string        `json:"access"` // "" and REQUEST_RESPONSE are the same; anything else is refused
	Status     string        `json:"status"` // APPROVED is the only one that grants
	From       string        `json:"from"`
	Until      string        `json:"until"`
	Regulator  *Step         `json:"zreg,omitempty"`
	Provider   *Step         `json:"prov,omitempty"`
	Conditions []string      `json:"conditions,omitempty"` // obligations the grant adds
	// Basis is CONSENT where rows are cut to people who consented. LegalBasis names the
	// laws that personal information may be used by without that; nil is missing.
	Basis      string   `json:"basis"`
	LegalBasis []string `json:"legal_basis"`
	// EntryChanged tells what the catalogue says otherwise of the columns given than
	// when both agreed: "dataset.column level 3 2", "dataset open_type …". Nil is
	// missing: nobody compared.
	EntryChanged []string `json:"entry_changed"`
}

// GrantColumn is one column of a grant. Mode is CLEAR, MASKED or COMPUTE_ONLY.
type GrantColumn struct {
	Name        string   `json:"name"`
	Mode        string   `json:"mode"`
	Recipe      string   `json:"recipe"` // as rendered by masking, for MASKED
	Permissions []string `json:"permissions,omitempty"`
}

// Step is one half of the two-step approval of a grant. Its signature was
// verified by the registry.
type Step struct {
	By  string `json:"by"`
	Org string `json:"org"`
	At  string `json:"at"`
}

// Dataset holds the catalogue's facts of one dataset.
type Dataset struct {
	CatalogueStatus string `json:"catalogue_status"` // PUBLISHED is the only one in use
	Version         string `json:"version"`          // of the loaded data; empty before the first load
	DigestOK        bool   `json:"digest_ok"`        // the version's manifest verifies
	Zone            string `json:"zone"`
	Provider        string `json:"provider"`
	ProviderType    string `json:"provider_type"`
	ShareType       string `json:"share_type"`
	OpenType        string `json:"open_type"`
	SecretFlag      *bool  `json:"secret_flag"`
	PersonalInfo    *bool  `json:"personal_info"`
	PublicSafety    *bool  `json:"public_safety"`
	NegativeListed  *bool  `json:"negative_listed"`
	Suspended       *bool  `json:"suspended"`
	Disputed        *bool  `json:"disputed"`
	Temporary       *bool  `json:"temporary"`
	AgeDays         *int64 `json:"age_days,omitempty"` // whole days since the data were acquired; absent if there are none
}

// Column holds the catalogue's facts of one column. Level 0 is unset.
type Column struct {
	Dataset        string `json:"dataset"`
	Name           string `json:"name"`
	Level          int    `json:"level"`
	Class          string `json:"class"`
	SecretFlag     *bool  `json:"secret_flag"`
	PersonalInfo   *bool  `json:"personal_info"`
	NegativeListed *bool  `json:"negative_listed"`
	Suspended      *bool  `json:"suspended"`
	PublicCodes    bool   `json:"public_codes"` // the catalogue declares the domain a public code list
}

// Query holds what the analysis found in a statement. Columns are written
// "dataset.column"; Tables lists datasets.
type Query struct {
	SQLSHA256    string        `json:"sql_sha256"`
	TreeSHA256   string        `json:"tree_sha256"`
	ParamsSHA256 string        `json:"params_sha256"`
	Statements   int           `json:"statement_count"`
	Kind         string        `json:"kind"` // SELECT
	Tables       []string      `json:"tables"`
	ColumnsRead  []string      `json:"columns_read"`
	FilterCols   []string      `json:"filter_cols"`
	JoinCols     []string      `json:"join_cols"`
	GroupCols    []string      `json:"group_cols"`
	Functions    []string      `json:"functions"`
	ExternalRefs []string      `json:"external_refs"`
	Star         bool          `json:"star"`
	Outputs      []QueryOutput `json:"outputs"`
	Protected    *bool         `json:"protected"`
	RecordLevel  *bool         `json:"record_level"`
	ScenarioID   string        `json:"scenario_id"`
	PurposeCode  string        `json:"purpose_code"`
	Recipient    string        `json:"recipient"`
}

// Template is the approved analysis whose statement the query is, as it stands
// now. Values for its parameters are in Query.ParamsSHA256.
type Template struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	InForce *bool  `json:"in_force"` // not revoked, and this is one of its days
}

// QueryOutput is one column of the answer. Form is clear, masked, token,
// group_label, aggregate or constant.
type QueryOutput struct {
	Name    string   `json:"name"`
	Form    string   `json:"form"`
	Lineage []string `json:"lineage"`
}

// Consent says whether rows were cut to the people who consented.
type Consent struct {
	Required        *bool  `json:"required"`
	RegistryVersion string `json:"registry_version"`
	FilterBound     bool   `json:"filter_bound"`
	BlanketFound    *bool  `json:"blanket_found"`
	// WithdrawnAt is when consents that an output was made under were withdrawn, the
	// last of them; empty if none was.
	WithdrawnAt string `json:"withdrawn_at,omitempty"`
}

// Masking lists what the projection will mask, so that the decision can
// compare it with what the grants demand.
type Masking struct {
	Recipes       []Recipe `json:"recipes"`
	KeysAvailable bool     `json:"keys_available"`
	Suite         string   `json:"suite"`
}

// Recipe is the mask of one column, "dataset.column", as masking renders it.
type Recipe struct {
	Column string `json:"column"`
	Recipe string `json:"recipe"`
}

// History counts what the person did before.
type History struct {
	Queries24h int64 `json:"queries_24h"`
	Explains1h int64 `json:"explains_1h"`
	Denials1h  int64 `json:"denials_1h"`  // refusals of questions and of explains
	Operator1h int64 `json:"operator_1h"` // questions of the operator's people, of the last hour
}

// Output holds what the release checks found in a held output.
type Output struct {
	Digest        string `json:"digest"`
	Form          string `json:"form"`
	Rows          *int64 `json:"rows"`
	UnmaskedCells *int64 `json:"unmasked_cells"` // cells of level-threshold columns that are not as their grant says
	RawMatches    *int64 `json:"raw_matches"`
	// Identifiers are what was surely found in leaving columns whose sources do
	// not permit it. Nil is missing: nobody looked.
	Identifiers []Identifier `json:"identifiers"`
	MinGroup    *int64       `json:"min_group,omitempty"` // so many entities or more stand behind any leaving cell; nil if no such cell
	Recipient   string       `json:"recipient"`
	// Grade and people of the result (GB/T 42460); nil of open data, or not known.
	EffectLevel  *int64 `json:"effect_level,omitempty"`
	EffectK      *int64 `json:"effect_k,omitempty"`
	Label        *Label `json:"label,omitempty"`
	SignatureKey string `json:"signature_key"` // the key that will sign the artifact
	WatermarkID  string `json:"watermark_id"`
}

// Identifier counts the rows of an output column that hold a class of identifiers
// of people.
type Identifier struct {
	Column string `json:"column"`
	Class  string `json:"class"`
	Rows   int64  `json:"rows"`
}

// Label is the source label the artifact will carry.
type Label struct {
	License  string   `json:"license"`
	Scenario string   `json:"scenario"`
	Zone     string   `json:"zone"`
	Sources  []Source `json:"sources"`
}

// Source names one dataset behind an artifact.
type Source struct {
	Dataset  string `json:"dataset"`
	Provider string `json:"provider"`
	Version  string `json:"version"`
	Acquired string `json:"acquired"`
}

// Preview is what is to be shown of a dataset. Columns are "dataset.column".
type Preview struct {
	Dataset string   `json:"dataset"`
	Grant   string   `json:"grant"` // in force; "" for a draft
	Columns []string `json:"columns"`
	Raw     *bool    `json:"raw"` // values as they are as well
}

// Reviewed is what is to be shown of a held output: whose question it answers, and the
// operator that counts for.
type Reviewed struct {
	Run          string `json:"run"`
	Requester    string `json:"requester"`
	RequesterOrg string `json:"requester_org"`
	Operator     string `json:"operator"`
}

// Load holds a delivery's manifest and what the loader found in the file.
type Load struct {
	Dataset    string   `json:"dataset"`
	Manifest   *Receipt `json:"manifest,omitempty"`
	Found      *Receipt `json:"found,omitempty"`
	Unlabelled []string `json:"unlabelled"` // columns without a level
	Lookalike  []string `json:"lookalike"`  // columns that look more sensitive than their level says
	Unlisted   []string `json:"unlisted"`   // columns the catalogue entry does not have
	Acquired   string   `json:"acquired"`   // day the provider took the data
	Standing   string   `json:"standing"`   // day of the data in use; empty if there are none
	Frequency  string   `json:"frequency"`  // of updates, as the catalogue spells it
	// Signature is on the manifest; nil if there is none.
	Signature         *DeliverySignature `json:"signature,omitempty"`
	SignatureRequired *bool              `json:"signature_required"`
	// Repeats are the scenarios whose released results the content repeats and the
	// grant does not admit. Nil is missing: nobody looked.
	Repeats []string `json:"repeats"`
}

// DeliverySignature says who signed a manifest, for which organization and in which
// roles. Valid means that it is that person's over the present manifest.
type DeliverySignature struct {
	By    string   `json:"by"`
	Org   string   `json:"org"`
	Roles []string `json:"roles"`
	Valid bool     `json:"valid"`
}

// Receipt is a manifest's statement of a delivery. Grant is empty in what the
// loader found.
type Receipt struct {
	Grant        string `json:"grant"`
	SchemaSHA256 string `json:"schema_sha256"`
	Rows         int64  `json:"rows"`
	Digest       string `json:"digest"`
}

// Change is a document about to be put into force. For a column level, Entity
// is "dataset.column", Field is "level", and Old and New are the levels.
type Change struct {
	Kind   string   `json:"kind"` // the document kind
	Entity string   `json:"entity"`
	Field  string   `json:"field"`
	Old    string   `json:"old"`
	New    string   `json:"new"`
	By     []Signer `json:"by"`
	Reason string   `json:"reason"`
}

// Signer is a verified signer of a change.
type Signer struct {
	By    string   `json:"by"`
	Org   string   `json:"org"`
	Roles []string `json:"roles"`
}

// Approval is a person's decision that a REVIEW asked for. It stands only for
// the [Decision.Binding] it was given under.
type Approval struct {
	Step      string `json:"step"` // query | release
	Role      string `json:"role"` // zone_regulator | provider
	By        string `json:"by"`
	Org       string `json:"org"`
	At        string `json:"at"`
	ExpiresAt string `json:"expires_at"`
	Binding   string `json:"binding"`
}

// Runtime says what is in force on this host. False is the strict answer
// everywhere, so a forgotten flag denies.
type Runtime struct {
	EngineHardened   bool   `json:"engine_hardened"`
	NetworkNone      bool   `json:"network_none"`
	ExtensionsLocked bool   `json:"extensions_locked"`
	SpillEncrypted   bool   `json:"spill_encrypted"` // or no spill at all
	BinarySHA256     string `json:"binary_sha256"`
	AuditWritable    bool   `json:"audit_writable"`
	ClockOK          bool   `json:"clock_ok"`
}
