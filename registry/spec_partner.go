package registry

import (
	"fmt"
	"slices"
)

// KindPartner is the kind of documents by which partners work under an operator.
const KindPartner = "Partner"

// Partner lets the people of another organization ask under a license, within a part
// of what it gives (NJ24-06). The operator and the zone's regulator sign it. It gives
// nothing that the license does not, and ends with it.
type Partner struct {
	Organization string   `json:"organization"`
	License      string   `json:"license"`
	Scenarios    []string `json:"scenarios"`
	// Grants are those of the scenarios that the partner may use; all of them if it
	// names none.
	Grants          []string `json:"grants,omitempty"`
	From            string   `json:"from"`
	Until           string   `json:"until"`
	SecurityOfficer string   `json:"security_officer"`
	// ConfidentialityRef says where the agreement on confidentiality is on record that
	// was signed with the contract (YC22-40).
	ConfidentialityRef string `json:"confidentiality_ref"`
	Status             string `json:"status"`
	StatusReason       string `json:"status_reason,omitempty"`
}

// Ended reports whether the partner is over for good.
func (p Partner) Ended() bool { return p.Status == StatusTerminated || p.Status == StatusExpired }

// partner checks that a partner has less than its license gives, and that those sign
// it who answer for it. Either of them, or the city authority, suspends or ends it
// alone; both take it up again.
func (c *change) partner() {
	now, before := specs[Partner](c)
	c.parent = now.License
	if before != nil {
		c.fixed("/spec/organization", before.Organization, now.Organization)
		c.fixed("/spec/license", before.License, now.License)
		if before.Ended() {
			c.fault(CodeImmutable, "/spec/status", "NJ24-06", say("a partner that has ended stays ended; apply another", "已终止或期满的合作方不得恢复,请另行登记"))
		}
	}
	if now.Status == StatusExpired {
		c.fault(CodeForbidden, "/spec/status", "NJ24-12", say("a partner expires by the clock and by nobody's word", "合作期满由系统时钟认定,不得由人员提交"))
	}
	lic, ok := ref[License](c, KindLicense, now.License, "/spec/license")
	if !ok {
		return
	}
	c.zone = lic.Zone
	zone, ok := ref[Zone](c, KindZone, lic.Zone, "/spec/license")
	if !ok {
		return
	}
	regulator, operator := party{RoleZoneRegulator, zone.Regulator}, party{RoleOperator, lic.Operator}
	if c.onlyDiffers(statusFields...) && now.Status != StatusActive {
		for _, p := range []party{regulator, operator, {RoleCityAuthority, ""}} {
			if p.admits(c.actor) {
				return
			}
		}
		c.fault(CodeRole, "", "NJ24-06", say("%s may not suspend or end the partner", "%s 无权暂停或终止该合作方", c.by))
		return
	}
	if lic.Ended() {
		c.fault(CodeScope, "/spec/license", "NJ24-12", say("license %s has ended", "协议 %s 已终止或期满", now.License))
	}
	c.needSignatures(CodeSignature, "NJ24-06", []party{regulator, operator})
	c.inside("/spec/from", now.From, now.Until, lic.Start, lic.End, "license "+now.License)
	c.partnerBody(now, lic)
	c.partnerScope(now)
	c.partnerAlone(now)
}

// partnerBody checks who the partner is: a body of its own, of the kind whose people
// ask and do nothing else, so that none of them reviews or signs for the license.
func (c *change) partnerBody(p Partner, lic License) {
	org, ok := ref[Organization](c, KindOrganization, p.Organization, "/spec/organization")
	switch {
	case !ok:
	case p.Organization == lic.Operator:
		c.fault(CodeExclusion, "/spec/organization", "NJ24-06", say("the operator is no partner of its own", "运营单位不得为自身的合作方"))
	case org.Kind != orgOperator:
		c.fault(CodeReference, "/spec/organization", "NJ24-06", say("%s is not an organization of kind operator", "%s 不是运营类机构", p.Organization))
	case org.OrgForm == formNaturalPerson:
		c.fault(CodeReference, "/spec/organization", "NJ24-03", say("%s is a natural person", "%s 为自然人,不得作为合作方", p.Organization))
	}
}

// partnerScope checks that scenarios are the license's, and grants the scenarios'.
func (c *change) partnerScope(p Partner) {
	for i, name := range p.Scenarios {
		path := fmt.Sprintf("/spec/scenarios/%d", i)
		if s, ok := ref[Scenario](c, KindScenario, name, path); ok && s.License != p.License {
			c.fault(CodeScope, path, "NJ24-06", say("%s is no scenario of license %s", "%s 不是协议 %s 的场景", name, p.License))
		}
	}
	for i, name := range p.Grants {
		path := fmt.Sprintf("/spec/grants/%d", i)
		if g, ok := ref[Grant](c, KindGrant, name, path); ok && !slices.Contains(p.Scenarios, g.Scenario) {
			c.fault(CodeScope, path, "NJ24-06", say("%s is a grant of none of its scenarios", "%s 不是所列场景的授权", name))
		}
	}
}

// partnerAlone refuses a second document by which the same organization would work
// under the same license.
func (c *change) partnerAlone(p Partner) {
	if c.err != nil {
		return
	}
	others, err := c.tx.r.partners(c.tx.ctx, c.tx.sql, p.License)
	if err != nil {
		c.err = err
		return
	}
	for _, o := range others {
		if o.Name != c.doc.Name && o.Spec.Organization == p.Organization && !o.Spec.Ended() {
			c.fault(CodeScope, "/spec/organization", "NJ24-06", say("%s is partner under the license by %s", "%s 已凭 %s 作为该协议的合作方", p.Organization, o.Name))
		}
	}
}

func partnerSentence(_ string, p Partner, titles Titles) text {
	org, scenarios, state, why := titles(KindOrganization, p.Organization), called(titles, KindScenario, p.Scenarios), word(p.Status), because(p.StatusReason)
	en, zh := "", ""
	if len(p.Grants) > 0 {
		en, zh = ", with the grants "+listEN(p.Grants)+" alone", ",仅限授权 "+listZH(p.Grants)
	}
	return text{
		fmt.Sprintf("From %s to %s %s works as a partner under the agreement %s, in %s%s; security officer %s, confidentiality agreement %s; it is %s%s.",
			p.From, p.Until, org, short(p.License), listEN(scenarios), en, short(p.SecurityOfficer), short(p.ConfidentialityRef), state.en, why.en),
		fmt.Sprintf("%s自 %s 至 %s 作为协议 %s 的合作方参与%s%s;数据安全负责人%s,保密协议 %s;现%s%s。",
			org, p.From, p.Until, short(p.License), listZH(scenarios), zh, short(p.SecurityOfficer), short(p.ConfidentialityRef), state.zh, why.zh),
	}
}
