package policy

import (
	"errors"
	"slices"
	"strings"
)

// Verdict is the outcome of a decision. Its zero value is not Allow.
type Verdict string

const (
	Allow  Verdict = "ALLOW"
	Review Verdict = "REVIEW" // people decide; an approval comes back as a fact
	Deny   Verdict = "DENY"
)

var (
	ErrTimeout   = errors.New("evaluation took too long")
	ErrUndefined = errors.New("rules gave no usable result")
)

// Codes of denials the evaluator gives itself; all others come from the rules.
// rego/reasons.json has the text of each.
const (
	codeError     = "POLICY_ERROR"
	codeTimeout   = "POLICY_TIMEOUT"
	codeUndefined = "POLICY_UNDEFINED"
	codeMissing   = "FACT_MISSING"
	codeUnknown   = "FACT_UNKNOWN"
	codeExpert    = "POLICY_EXPERT"
)

// Codes of the library that tighten gives as well, where a figure is stricter than
// the pack's.
const (
	codeMinGroup    = "RELEASE_MIN_GROUP"
	codeRowCap      = "RELEASE_ROW_CAP"
	codeUnsupported = "OBLIGATION_UNSUPPORTED"
)

// Decision is what the rules say about one Input.
type Decision struct {
	ID          string      `json:"id"`
	Verdict     Verdict     `json:"verdict"`
	Reasons     []Reason    `json:"reasons"`  // why not ALLOW, ordered by code
	Warnings    []Reason    `json:"warnings"` // what people should know although it does not stop the action
	Obligations Obligations `json:"obligations"`
	// Reviewers lists, in order, the roles that still have to approve a REVIEW.
	Reviewers []string `json:"reviewers"`
	// Binding digests the facts an approval of this decision stands for.
	Binding     string `json:"binding"`
	InputSHA256 string `json:"input_sha256"`
	BundleHash  string `json:"bundle_hash"`
}

// Reason says why, in both languages, under which article, and about what: a
// dataset, a column, a grant or a fact, or "" when it is about the action.
type Reason struct {
	Code    string `json:"code"`
	Article string `json:"article"`
	About   string `json:"about"`
	ZH      string `json:"zh"`
	EN      string `json:"en"`
}

// Obligations are the conditions of an ALLOW or a REVIEW. They are zero in a
// DENY.
type Obligations struct {
	Mask          []Recipe `json:"mask"`           // columns to mask, and how
	ComputeOnly   []string `json:"compute_only"`   // columns that may not be projected
	ConsentFilter bool     `json:"consent_filter"` // cut rows to valid consents
	MinGroup      int      `json:"min_group"`      // entities; 0 where nothing protected is read
	RowCap        int      `json:"row_cap"`
	RecordCap     int      `json:"record_cap"` // rows; 0 unless the answer is record-level
	Label         bool     `json:"label"`
	Watermark     bool     `json:"watermark"`
	SecondPerson  bool     `json:"second_person"`  // if people review what leaves, two of two organizations do
	ReleaseReview bool     `json:"release_review"` // the release needs a review
	TTLSeconds    int      `json:"ttl_seconds"`    // how long an approval or a held output lives
}

// Capabilities returns the names of all obligations there are.
func Capabilities() []string {
	return []string{
		"mask", "compute_only", "consent_filter", "min_group", "row_cap", "record_cap",
		"label", "watermark", "second_person", "release_review", "ttl_seconds",
	}
}

// beyond returns the first obligation of o that is not among capabilities, if any.
func (o Obligations) beyond(capabilities []string) []string {
	for name, owed := range map[string]bool{
		"second_person": o.SecondPerson, "release_review": o.ReleaseReview, "min_group": o.MinGroup > 0,
		"row_cap": o.RowCap > 0, "record_cap": o.RecordCap > 0, "ttl_seconds": o.TTLSeconds > 0,
	} {
		if owed && !slices.Contains(capabilities, name) {
			return []string{name}
		}
	}
	return nil
}

// catalog holds the text of every reason by code.
type catalog map[string]struct {
	Article string `json:"article"`
	ZH      string `json:"zh"`
	EN      string `json:"en"`
	Whole   bool   `json:"whole"` // said only of a statement of which everything is known
}

// reason renders code about a thing, as rego/decision.rego does for the rules'
// own. A code without text is a mistake that must not hide the denial.
func (c catalog) reason(code, about string) Reason {
	text := c[code]
	return Reason{
		Code: code, Article: text.Article, About: about,
		ZH: strings.ReplaceAll(text.ZH, "{}", about),
		EN: strings.ReplaceAll(text.EN, "{}", about),
	}
}
