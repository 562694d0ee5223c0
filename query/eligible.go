package query

import (
	"context"
	"fmt"
	"time"

	"zonebox/policy"
	"zonebox/policy/calendar"
	"zonebox/registry"
	"zonebox/workflow"
)

// onRecord reports whether an act of dishonesty and a security incident of an operator
// are on record within the years that count by the pack, on this day (NJ24-08): by its
// flags, and by the days on file. It is asked at an application, when a license comes
// into force, and at every question.
func onRecord(org registry.Organization, pack policy.Pack, now time.Time) (dishonesty, incident bool) {
	dishonesty, incident = org.Dishonesty3Y, org.Incident3Y
	if x := pack.Eligibility; x != nil {
		back := func(years int) string { return dayOf(now.AddDate(-years, 0, 0), pack) }
		dishonesty = dishonesty || registry.Since(org.Dishonesty, back(x.CreditYears))
		incident = incident || registry.Since(org.Incidents, back(x.IncidentYears))
	}
	return dishonesty, incident
}

// ending is a certificate that ends soon, or has ended.
type ending struct {
	registry.Evidence
	from string // the day from which that is told
	over bool
}

// endingOf returns the certificates of an operator that the pack has told of on this
// day. It says what rego/license.rego decides by.
func endingOf(org registry.Organization, pack policy.Pack, now time.Time) (out []ending) {
	today := dayOf(now, pack)
	for _, ev := range org.Evidence {
		until, err := time.Parse(time.DateOnly, ev.ValidUntil)
		if err != nil {
			continue // the registry takes days alone
		}
		if from := until.AddDate(0, 0, -pack.EvidenceWarnDays).Format(time.DateOnly); today >= from {
			out = append(out, ending{ev, from, today > ev.ValidUntil})
		}
	}
	return out
}

// operatorNotes returns what decisions under a license warn of its operator today.
func (e *Engine) operatorNotes(org registry.Organization, pack policy.Pack) (out []policy.Reason) {
	rules, now := e.policy(), e.cfg.Now()
	dishonesty, incident := onRecord(org, pack, now)
	if dishonesty {
		out = append(out, rules.Reason("OPERATOR_NOT_ELIGIBLE", "dishonesty_3y"))
	}
	if incident {
		out = append(out, rules.Reason("OPERATOR_NOT_ELIGIBLE", "incident_3y"))
	}
	for _, c := range endingOf(org, pack, now) {
		code := "EVIDENCE_EXPIRING"
		if c.over {
			code = "EVIDENCE_EXPIRED"
		}
		out = append(out, rules.Reason(code, c.Kind))
	}
	return out
}

// kindEvidence is the kind of a term that runs on a certificate.
const kindEvidence = "evidence"

// evidenceClocks returns, of every license in force, the certificates of its operator
// that end soon or have ended, as terms: they began when that was first to be told.
func (e *Engine) evidenceClocks(ctx context.Context) (out []ClockView, err error) {
	licenses, err := e.registry.List(ctx, registry.KindLicense)
	if err != nil {
		return nil, err
	}
	look, now := lookup{e, nil}, e.cfg.Now()
	for _, m := range licenses {
		l, err := find[registry.License](ctx, look, registry.KindLicense, m.Name)
		if err != nil {
			return nil, err
		}
		if l.Status != registry.StatusActive {
			continue
		}
		org, err := find[registry.Organization](ctx, look, registry.KindOrganization, l.Operator)
		if err != nil {
			return nil, err
		}
		z, err := find[registry.Zone](ctx, look, registry.KindZone, l.Zone)
		if err != nil {
			return nil, err
		}
		pack, err := e.policy().Pack(z.Pack)
		if err != nil {
			continue // of a zone without a pack everything is denied
		}
		for _, c := range endingOf(org, pack, now) {
			v := ClockView{Timer: "evidence.end", TitleZH: "证明材料到期", TitleEN: "evidence ends", Kind: kindEvidence, On: m.Name + " " + c.Kind, State: "EXPIRING",
				Zone: l.Zone, Pack: pack.ID, Article: "NJ24-08", Origin: policy.OriginLocal, Started: c.from, Due: c.ValidUntil, Overdue: c.over,
				in: workflow.Instance{RequesterOrg: l.Operator}}
			if c.over {
				v.State = "EXPIRED"
			}
			whole, err := e.cfg.Calendar.Between(calendar.Day(c.from), calendar.Day(c.ValidUntil))
			if err != nil {
				return nil, fmt.Errorf("query: evidence of %s: %w", l.Operator, err)
			}
			left, err := e.cfg.Calendar.Between(calendar.DayOf(now), calendar.Day(c.ValidUntil))
			if err != nil {
				return nil, fmt.Errorf("query: evidence of %s: %w", l.Operator, err)
			}
			v.Days, v.Left, v.Missing = whole.Days, left.Days, left.Missing
			out = append(out, v)
		}
	}
	return out, nil
}
