package query

import (
	"slices"

	"zonebox/policy"
)

// closing are policy's reasons that say access as a whole was taken away: the
// switch, at whatever level.
var closing = []string{"ACCESS_CLOSED", "LICENSE_INACTIVE", "ZONE_SUSPENDED", "ZONE_NO_SUPPLY", "DATASET_SUSPENDED"}

// accessOpen returns an error if policy says today that access to what a stored
// output was made of is closed. It is asked before the output's key is touched.
func (e *Engine) accessOpen(r *run, rec record) error {
	in := e.policyFacts(policy.ActionQuery, about(r.facts, rec.Query.Datasets()))
	in.Query, in.Masking, in.Runtime = rec.Query, rec.Masking, hostFacts()
	var err error
	if in.History, err = e.history(r.ctx, r.request.Subject.user, r.facts.Operator.Name); err != nil {
		return r.stopped(err)
	}
	reasons, err := e.policy().Objections(r.ctx, in)
	if err != nil {
		return r.stopped(err)
	}
	reasons = slices.DeleteFunc(reasons, func(o policy.Reason) bool { return !slices.Contains(closing, o.Code) })
	if len(reasons) == 0 {
		return nil
	}
	why := fail("WITHHELD", nil).because("数据获取权限已中止", "access is closed").of(r.id)
	why.Details = details(reasons)
	return why
}
