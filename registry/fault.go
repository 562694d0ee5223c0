package registry

import (
	"errors"
	"fmt"
	"strings"
)

// Codes of faults. They are stable.
const (
	CodeSyntax    = "DOC_SYNTAX"    // not YAML or JSON of the expected shape
	CodeSchema    = "DOC_SCHEMA"    // a field is missing, unknown or malformed
	CodeReference = "DOC_REFERENCE" // names something that does not exist or does not fit
	CodeRole      = "DOC_ROLE"      // the person may not do this
	CodeExclusion = "DOC_EXCLUSION" // roles or organizations that exclude each other
	CodeSignature = "DOC_SIGNATURE" // a signature is missing, wrong or used before
	CodeForbidden = "DOC_FORBIDDEN" // data that may not be operated at all
	CodeImmutable = "DOC_IMMUTABLE" // a field that never changes was changed
	CodeScope     = "DOC_SCOPE"     // reaches beyond the license, scenario or catalogue entry
	CodeProtect   = "DOC_PROTECT"   // lowers protection without those who must agree
	CodeData      = "DOC_DATA"      // data that are not in a state for that
	CodePermit    = "DOC_PERMIT"    // somebody who must have a permission has not
)

// Fault is one thing wrong with one document.
type Fault struct {
	Code    string `json:"code"`
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Path    string `json:"path"` // JSON pointer into the document, "" for all of it
	ZH      string `json:"zh"`
	EN      string `json:"en"`
	Article string `json:"article,omitempty"`
}

func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(f.Kind + " " + f.Name))
	if f.Path != "" {
		b.WriteString(" " + f.Path)
	}
	b.WriteString(": " + f.EN)
	if f.Article != "" {
		b.WriteString(" (" + f.Article + ")")
	}
	return strings.TrimPrefix(b.String(), ": ")
}

// Refusal is the error of Decode and Apply for documents that are not
// acceptable: every fault found, none of them with values from the documents
// other than names.
type Refusal struct{ Faults []Fault }

func (r *Refusal) Error() string {
	texts := make([]string, len(r.Faults))
	for i, f := range r.Faults {
		texts[i] = f.String()
	}
	return "registry: " + strings.Join(texts, "; ")
}

// HasCode reports whether err is a Refusal with a fault of that code.
func HasCode(err error, code string) bool {
	var r *Refusal
	if !errors.As(err, &r) {
		return false
	}
	for _, f := range r.Faults {
		if f.Code == code {
			return true
		}
	}
	return false
}

// text is one sentence in both languages, English first in the code because
// the code is English.
type text struct{ en, zh string }

func say(en, zh string, args ...any) text {
	return text{fmt.Sprintf(en, args...), fmt.Sprintf(zh, args...)}
}
