package query

import (
	"encoding/json"
	"net/netip"
	"time"

	"zonebox/keys"
	"zonebox/policy"
	"zonebox/registry"
	"zonebox/release"
	"zonebox/sandbox"
)

// Subject is an authenticated person. Only Authenticate makes one.
type Subject struct {
	user         string
	organization string
	roles        []string
	permissions  []string
	version      int64      // of the person's document, by which the person was recognised
	key          string     // the id of an API key, by which the person was recognised
	session      string     // of a browser, by which the person was recognised
	certificate  bool       // of a client, by which the person was recognised
	from         netip.Addr // where a request came from that a session or a signature shows; the zero of the socket
	oneFactor    bool       // whoever has these roles is to show two factors, and showed one
}

// Request asks a question in a scenario, by its SQL or by a template of the
// scenario and values for its parameters; or with Resume, and nothing else,
// continues a run that was in review. Recipient empty means the asking person. Form is
// that of the file which leaves, one of release.Forms, the first of them when empty.
type Request struct {
	Subject    Subject
	Scenario   string
	Purpose    string
	SQL        string
	Template   string
	Parameters map[string]string // by name, as registry.Parameter.Value reads them
	Recipient  string
	Form       string
	Resume     string

	explain bool        // it is not to run
	of      *submission // that it was handed in by; nil of one that its asker waits for
}

// Answer is what leaves: a sealed artifact and the run it came from.
type Answer struct {
	Run      string
	Artifact *release.Artifact
}

// PreviewRequest asks what the recipes of a grant make of some rows: of a grant in
// force, by its name, or of the document of a draft.
type PreviewRequest struct {
	Grant string `json:"grant,omitempty"`
	Draft []byte `json:"draft,omitempty"` // YAML or JSON
}

// Preview is the masked columns of a grant on some rows of a data version. Its
// values are made under keys that nothing else is masked with.
type Preview struct {
	Zone    string          `json:"zone"`
	Dataset string          `json:"dataset"`
	Version string          `json:"version"`
	Grant   string          `json:"grant,omitempty"` // empty of a draft
	Raw     bool            `json:"raw"`             // values as they are are shown as well
	Total   int64           `json:"total"`           // rows of the version
	Sample  int             `json:"sample"`          // that any preview of it shows
	Rows    int             `json:"rows"`            // of these in the scope of the grant
	Columns []PreviewColumn `json:"columns"`
}

// PreviewColumn is one column of a preview, by row; a missing value is null.
type PreviewColumn struct {
	Name      string    `json:"name"`
	Kind      string    `json:"kind"`
	Recipe    string    `json:"recipe"`
	Family    string    `json:"family,omitempty"`    // of the technique, by GB/T 37964
	Technique string    `json:"technique,omitempty"` // within the family
	Misfits   int64     `json:"misfits"`             // values masked whole, being outside the shape of the recipe
	Before    []*string `json:"before,omitempty"`
	After     []*string `json:"after"`
}

// Applied tells what became of one document.
type Applied struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Version int64  `json:"version"` // 0 while it is pending
	Changed bool   `json:"changed"`
	// Effective is when a pending document comes into force; absent if it is.
	Effective *time.Time `json:"effective,omitempty"`
	// Stopped tells what the document ended in the same act; nil if it ends nothing.
	Stopped *Ended `json:"stopped,omitempty"`
}

// Ended counts what a document ended in the act in which it was applied.
type Ended struct {
	Killed  int     `json:"killed"`  // runs that had begun
	Voided  int     `json:"voided"`  // that waited for their turn, a review, or their requester
	Frozen  int     `json:"frozen"`  // held outputs
	Ending  int     `json:"ending"`  // of the killed and voided, whose worker the host still clears away
	Seconds float64 `json:"seconds"` // from the act to the end of the last worker
}

// DocumentView is a document as its reader may see it.
type DocumentView struct {
	Kind     string          `json:"kind"`
	Name     string          `json:"name"`
	Title    string          `json:"title,omitempty"`
	Version  int64           `json:"version"`
	By       string          `json:"by"`
	At       time.Time       `json:"at"`
	Document json.RawMessage `json:"document,omitempty"`

	// SchemaSHA256 is registry.Dataset.SchemaSHA256 of a dataset that was asked for
	// by name: what manifests of its deliveries state.
	SchemaSHA256 string `json:"schema_sha256,omitempty"`

	// Lookalikes are of the data of a dataset that was asked for by name, for
	// those who set, load or supervise levels.
	Lookalikes []Lookalike `json:"lookalikes,omitempty"`
}

// VerdictDeny is the verdict of an Explanation that says why a statement is
// refused.
const VerdictDeny = string(policy.Deny)

// Explanation is what Answer would decide and run, made without touching data.
type Explanation struct {
	Verdict  string        `json:"verdict"`
	Reasons  []ReasonView  `json:"reasons"`
	Warnings []ReasonView  `json:"warnings,omitempty"`
	Columns  []ColumnView  `json:"columns"`
	Outputs  []OutputView  `json:"outputs"`
	Groups   []MinimumView `json:"groups,omitempty"`
	Release  *ReleaseView  `json:"release,omitempty"` // what has to hold before the output leaves
	Changes  []ChangeView  `json:"changes,omitempty"` // what the rewrite did, and why
	Graph    *GraphView    `json:"graph,omitempty"`   // where the outputs come from
	SQL      string        `json:"sql,omitempty"`     // what the worker would run, without hidden data

	// Of a refusal: a statement near this one that passes, the least grants that
	// would let this one pass, and the data request that asks for them. Each is
	// absent if there is none.
	Instead *Alternative       `json:"instead,omitempty"`
	Grants  []GrantView        `json:"grants,omitempty"`
	Request *registry.Document `json:"request,omitempty"`
}

// ReasonView is a reason of a decision. Span is where in the statement it lies,
// Path leads from the output it concerns to the column it comes from.
type ReasonView struct {
	Code     string   `json:"code"`
	ZH       string   `json:"zh"`
	EN       string   `json:"en"`
	HintZH   string   `json:"hint_zh,omitempty"`
	HintEN   string   `json:"hint_en,omitempty"`
	Articles []string `json:"articles"`
	Span     *Span    `json:"span,omitempty"`
	Path     []string `json:"path,omitempty"`
}

// ColumnView is a column the statement reads, "dataset.column".
type ColumnView struct {
	Column string `json:"column"`
	Level  int    `json:"level"`
	Form   string `json:"form"` // CLEAR, MASKED or COMPUTE_ONLY
	How    string `json:"how"`  // the recipe, or the permissions
}

// OutputView is a column of the answer.
type OutputView struct {
	Name     string   `json:"name"`
	Form     string   `json:"form"`
	Round    int64    `json:"round,omitempty"` // it leaves as multiples of it; 0 as it is
	MaxLevel int      `json:"max_level"`
	Lineage  []string `json:"lineage"`
	Path     []string `json:"path,omitempty"`
}

// ChangeView is something that the rewrite did to the statement, and why.
type ChangeView struct {
	Code string `json:"code"`
	ZH   string `json:"zh"`
	EN   string `json:"en"`
	Span *Span  `json:"span,omitempty"`
}

// GraphView is the lineage of all outputs. Nodes are of the kinds source (a
// column, "dataset.column"), mask, operator, clause, rows and output; outputs
// stand in their order. Edges lead from what something is made of, as a value or
// as control over which rows there are.
type GraphView struct {
	Nodes []NodeView `json:"nodes"`
	Edges []EdgeView `json:"edges"`
}

// NodeView is a node; its id is its place in the list.
type NodeView struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
}

// EdgeView leads from one node to another.
type EdgeView struct {
	From int    `json:"from"`
	To   int    `json:"to"`
	Kind string `json:"kind"` // value or control
}

// ReleaseView is what has to hold before an output leaves.
type ReleaseView struct {
	Rows      int  `json:"rows"`       // at most
	Reviewers int  `json:"reviewers"`  // people of different organizations who agree first; 0 if none
	ByRecords bool `json:"by_records"` // rows of protected tables leave one by one
}

// MinimumView is the minimum group of one protected reference.
type MinimumView struct {
	Table string `json:"table"`
	K     int    `json:"k"`
}

// ReviewItem is a run that waits for a person, or did.
type ReviewItem struct {
	Run       string    `json:"run"`
	Stage     string    `json:"stage"` // query, or release for its output
	State     string    `json:"state"`
	Requester string    `json:"requester"`
	Scenario  string    `json:"scenario"`
	Zone      string    `json:"zone"`
	Submitted time.Time `json:"submitted"`

	// Of one that waits: for how many seconds since its last step, until when, the highest
	// level among the columns that it reads, and why it waits.
	Waited int64        `json:"waited,omitempty"`
	Due    *time.Time   `json:"due,omitempty"`
	Level  int          `json:"level,omitempty"`
	Why    []ReasonView `json:"why,omitempty"`
}

// ReviewDetail is what a reviewer sees of a run. The output is described; ReviewRows
// shows it.
type ReviewDetail struct {
	ReviewItem
	SQL         string       `json:"sql"`
	Purpose     string       `json:"purpose"`
	Template    string       `json:"template,omitempty"` // name and version, if the statement is one's
	Parameters  []ValueView  `json:"parameters,omitempty"`
	Recipient   string       `json:"recipient"`
	Explanation *Explanation `json:"explanation,omitempty"`
	Output      *OutputFacts `json:"output,omitempty"`
	// ConsentWithdrawn is when consents that the output was made under were last
	// withdrawn; nil if none was since.
	ConsentWithdrawn *time.Time `json:"consent_withdrawn,omitempty"`
	// Coarsened tells of which run a reviewer made it, and CoarsenedTo into which; each
	// is absent if nobody did.
	Coarsened   *Coarsened `json:"coarsened,omitempty"`
	CoarsenedTo string     `json:"coarsened_to,omitempty"`
	// Compared is what the output was compared with, by dataset; for the zone's regulator
	// alone.
	Compared []ComparedView `json:"compared,omitempty"`
	// Shows is whether the rows may be looked at: the output waits for people, and the person is one of them.
	Shows   bool       `json:"shows,omitempty"`
	History []MoveView `json:"history"`
}

// ComparedView is what an output shows figures of in a dataset, and which other outputs,
// of whatever operator, showed or may yet show some of it.
type ComparedView struct {
	Dataset string        `json:"dataset"`
	Version string        `json:"version"`
	Figures []string      `json:"figures"` // count, entities, or columns
	Outputs int           `json:"outputs"` // that the reviewer's zones have made of it
	Latest  []EarlierView `json:"latest"`  // of these, the latest first, at most 20
}

// EarlierView is an output of the same dataset.
type EarlierView struct {
	Run     string   `json:"run"`
	Version string   `json:"version"`
	Left    bool     `json:"left"`    // or it waits
	Figures []string `json:"figures"` // that both show
}

// ValueView is the value of a parameter: the reviewers of a run decide on it.
type ValueView struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// OutputFacts describes a held output by counts.
type OutputFacts struct {
	Rows     int64  `json:"rows"`
	Columns  int    `json:"columns"`
	MinGroup int64  `json:"min_group"` // so many entities or more stand behind every row; 0 if not counted
	Digest   string `json:"digest"`

	Effect *release.Effect `json:"effect,omitempty"` // nil of open data

	// Identifiers were found in columns whose sources do not permit them.
	Identifiers []Identifier `json:"identifiers,omitempty"`
	// Matches are columns that hold raw values, or that are computed from a mask that
	// shows them.
	Matches []Match `json:"matches,omitempty"`

	// Totals broke a rule on what they tell, or have values below zero behind them.
	Totals []RuledTotal `json:"totals,omitempty"`
	// Withheld are the cells of rows that leave which are null by a rule, by column and
	// rule.
	Withheld []WithheldCells `json:"withheld,omitempty"`
	// Few counts the groups of the answer that do not leave since fewer entities than the
	// least group are in them, before its conditions on totals and its limit.
	Few int64 `json:"few,omitempty"`
}

// WithheldCells are cells of one output column that are null by one rule.
type WithheldCells struct {
	Column string     `json:"column"` // as of an Identifier
	Output int        `json:"output"` // its place, from 1
	Rule   string     `json:"rule"`   // as release/disclosure spells it
	Rows   [][2]int64 `json:"rows"`   // first and last of each run of rows, from 1, in the order in which they leave
}

// RuledTotal counts the groups of which a rule says something of an output column.
// They are those of the answer before its limit.
type RuledTotal struct {
	Column string `json:"column"` // as of an Identifier
	Rule   string `json:"rule"`   // as release/disclosure spells it, or NEGATIVE_VALUES
	Groups int64  `json:"groups"` // in which it is hidden; with NEGATIVE_VALUES it is there
}

// Identifier says in which rows of an output column an identifier of a class surely
// stands, as masking/detect spells it. A column without a name of its own is #
// and its place among them.
type Identifier struct {
	Column string `json:"column"`
	Class  string `json:"class"`
	Place
}

// MoveView is one step of a run's course.
type MoveView struct {
	At    time.Time `json:"at"`
	From  string    `json:"from"`
	To    string    `json:"to"`
	By    string    `json:"by"`
	Basis string    `json:"basis,omitempty"`
}

// AuditEntry is one entry of the audit log.
type AuditEntry struct {
	Index    uint64            `json:"index"`
	ID       string            `json:"id"`
	Kind     string            `json:"kind"`
	At       time.Time         `json:"at"`
	Actor    string            `json:"actor,omitempty"`
	Role     string            `json:"role,omitempty"`
	Org      string            `json:"org,omitempty"`
	Zone     string            `json:"zone,omitempty"`
	Scenario string            `json:"scenario,omitempty"`
	Run      string            `json:"run,omitempty"`
	Decision string            `json:"decision,omitempty"`
	Revision int64             `json:"revision"`
	Fields   map[string]string `json:"fields,omitempty"`
}

// DomainInfo identifies a domain to its clients and auditors.
type DomainInfo struct {
	ID       string `json:"id"`
	GateKey  string `json:"gate_key"`  // Ed25519 public key, base64: signs artifacts
	AuditKey string `json:"audit_key"` // verifier key of the audit log

	// Former are the keys that GateKey followed, each with its word for the next,
	// the oldest first.
	Former []GateKeySuccession `json:"former_gate_keys,omitempty"`
}

// GateKeySuccession says that one key of the gate followed another.
type GateKeySuccession = keys.Succession

// Status is the gate's state as doctor shows it.
type Status struct {
	Domain     string `json:"domain"`
	Revision   int64  `json:"revision"`
	Epoch      int64  `json:"epoch"`
	Audit      uint64 `json:"audit_entries"`
	PolicyHash string `json:"policy_hash"`
	Worker     any    `json:"worker"` // the isolation a fresh worker attests

	Alerts *FeedStatus `json:"alerts,omitempty"` // to those who supervise, if the gate hands them over

	Figures Figures `json:"figures"`
}

// Figures count what a gate did since it started.
type Figures struct {
	Cache   sandbox.CacheStats `json:"cache"`
	Pruned  int64              `json:"segments_pruned"` // segments that statements did not need
	Misfits int64              `json:"mask_misfits"`    // values masked whole, being outside the shape of their recipe
	Workers *sandbox.Stats     `json:"workers,omitempty"`
}
