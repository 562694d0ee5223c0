package registry

// Exception raises one figure of the policy pack for a license and one dataset
// (NJ24-14): who agreed, why, how far, and until when. The city authority, the zone's
// regulator and the dataset's provider sign it. What it says never changes. It cannot
// speak of masks, levels, groups or values as they are.
type Exception struct {
	Relaxes string `json:"relaxes"` // RelaxRowCap or RelaxLicenseTerm
	Value   int64  `json:"value"`   // rows of an answer, or years from the license's start
	Zone    string `json:"zone"`
	License string `json:"license"`
	// Scenario is the one whose answers have more rows; empty of a license's term.
	Scenario string `json:"scenario,omitempty"`
	Dataset  string `json:"dataset"`
	Reason   string `json:"reason"`
	Basis    string `json:"basis"` // article of law, and where the decision is on file
	From     string `json:"from"`
	Until    string `json:"until"`
	Status   string `json:"status"`
	// StatusReason says why it is revoked.
	StatusReason string `json:"status_reason,omitempty"`

	City Consent `json:"city"`
	ZReg Consent `json:"zreg"`
	Prov Consent `json:"prov"`
}

// What an Exception raises.
const (
	RelaxRowCap      = "row_cap"
	RelaxLicenseTerm = "license_term"
)
