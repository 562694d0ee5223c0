package policy

import (
	"context"
	"strings"
)

// Objections returns what the rules hold against a statement of which in.Query
// tells a part only, because it was refused before all of it was known. It
// decides nothing: an answer without objections allows nothing either.
//
// The part is true of the statement as far as it goes: tables and columns it
// names, nothing it does not. A rule that denies because something is among the
// facts says the same of the whole statement. A rule that denies because
// something is missing from them does not, and neither does one that compares
// an approval with them: reasons.json marks the codes of these as whole, and
// Objections leaves them out, as it leaves out in.Approvals and whatever expert
// rules say, of which nobody knows. What a review would
// ask for is no objection.
//
// It returns an error if the engine failed, and then no objections.
func (e *Evaluator) Objections(ctx context.Context, in Input) ([]Reason, error) {
	in.Approvals = nil
	d, err := e.Decide(ctx, in)
	if err != nil || d.Verdict != Deny {
		return nil, err
	}
	var out []Reason
	for _, r := range d.Reasons {
		if !e.reasons[r.Code].Whole && !strings.HasPrefix(r.Code, expertPrefix) {
			out = append(out, r)
		}
	}
	return out, nil
}
