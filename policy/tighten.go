package policy

import (
	"cmp"
	"slices"
)

// Reviews that expert rules may demand.
const (
	demandQuery   = "query_review"
	demandRelease = "release_review"
	demandSecond  = "second_person"
)

// Steps and roles of approvals, as review.rego has them.
const (
	stepQuery     = "query"
	stepRelease   = "release"
	roleRegulator = "zone_regulator"
	roleProvider  = "provider"
)

// tighten returns d as expert opinions leave it. Whatever they are, the verdict is
// d's or a stricter one, every reason and obligation of d stays, and every figure
// is d's or a stricter one: each line below only takes away.
func tighten(d Decision, in Input, opinions []opinion) Decision {
	var denials, reviews []Reason
	var roles []string
	for _, o := range opinions {
		for _, f := range o.Deny {
			denials = append(denials, f.reason())
		}
		o.Limit.narrow(&d.Obligations)
		for _, want := range o.Demand {
			if missing := want.impose(&d, in); len(missing) > 0 {
				reviews, roles = append(reviews, want.reason()), append(roles, missing...)
			}
		}
	}
	denials = append(denials, exceeded(d.Obligations, in)...)
	switch {
	case d.Verdict == Deny && len(denials) == 0:
		d.Obligations = Obligations{}
		return d
	case d.Verdict == Deny:
		d.Reasons = append(d.Reasons, denials...)
	case len(denials) > 0:
		d.Verdict, d.Reasons = Deny, denials
	case len(reviews) > 0:
		d.Verdict, d.Reasons = Review, append(d.Reasons, reviews...)
		d.Reviewers = ordered(append(d.Reviewers, roles...))
	}
	if d.Verdict == Deny {
		d.Obligations, d.Reviewers = Obligations{}, nil
	}
	slices.SortStableFunc(d.Reasons, func(a, b Reason) int { return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.About, b.About)) })
	d.Reasons = slices.Compact(d.Reasons)
	return d
}

// narrow takes over what is stricter than o. The least group of a statement that
// reads nothing protected is 0 and stays it, for there is nobody to protect.
func (l limit) narrow(o *Obligations) {
	if l.MinGroup != nil && o.MinGroup > 0 {
		o.MinGroup = max(o.MinGroup, *l.MinGroup)
	}
	lower := func(figure *int, want *int) {
		if want != nil && *figure > 0 {
			*figure = max(1, min(*figure, *want)) // 0 would read as no bound
		}
	}
	lower(&o.RowCap, l.RowCap)
	lower(&o.RecordCap, l.RecordCap)
	lower(&o.TTLSeconds, l.TTLSeconds)
}

// impose puts the demand among the obligations and returns the roles whose
// approval is missing at this step. Approvals that do not count the library has
// denied.
func (w demand) impose(d *Decision, in Input) []string {
	var step string
	var roles []string
	switch w.Review {
	case demandQuery:
		step, roles = stepQuery, []string{roleRegulator}
	case demandRelease:
		step, roles = stepRelease, []string{roleRegulator}
		if d.Obligations.SecondPerson {
			roles = append(roles, roleProvider)
		}
		d.Obligations.ReleaseReview = true
	case demandSecond:
		step, roles = stepRelease, []string{roleRegulator, roleProvider}
		d.Obligations.ReleaseReview, d.Obligations.SecondPerson = true, true
	}
	now := stepQuery
	switch in.Action {
	case ActionRelease:
		now = stepRelease
	case ActionQuery, ActionExplain:
	default:
		return nil
	}
	if now != step {
		return nil
	}
	return slices.DeleteFunc(roles, func(role string) bool {
		return slices.ContainsFunc(in.Approvals, func(a Approval) bool { return a.Step == step && a.Role == role })
	})
}

// exceeded returns what an output that is to leave has against the figures, which
// may be narrower than those it was made under.
func exceeded(o Obligations, in Input) (all []Reason) {
	if in.Action != ActionRelease || in.Output == nil || in.Output.Rows == nil || *in.Output.Rows == 0 {
		return nil
	}
	refuse := func(code string) { all = append(all, Reason{Code: code}) }
	grouped := in.Query != nil && in.Query.RecordLevel != nil && !*in.Query.RecordLevel
	if o.MinGroup > 0 && grouped && (in.Output.MinGroup == nil || *in.Output.MinGroup < int64(o.MinGroup)) {
		refuse(codeMinGroup)
	}
	if o.RowCap > 0 && *in.Output.Rows > int64(o.RowCap) || o.RecordCap > 0 && *in.Output.Rows > int64(o.RecordCap) {
		refuse(codeRowCap)
	}
	return all
}

// ordered returns the roles once each, in the order in which they review.
func ordered(roles []string) []string {
	var out []string
	for _, role := range []string{roleRegulator, roleProvider} {
		if slices.Contains(roles, role) {
			out = append(out, role)
		}
	}
	for _, role := range roles {
		if !slices.Contains(out, role) {
			out = append(out, role)
		}
	}
	return out
}
