package registry

import (
	"encoding/json"
	"fmt"
	"slices"
)

const (
	formNaturalPerson = "natural_person"

	purposeResearch = "RESEARCH"
)

// Ended reports whether the license is over for good.
func (l License) Ended() bool { return l.Status == StatusTerminated || l.Status == StatusExpired }

// license checks an agreement: a holder that may hold it, the eight sections
// (by its schema), and the signatures of all parties (NJ24-10, NJ24-11). A
// version that changes the status alone needs those of the city authority and
// the zone's regulator (NJ24-12).
func (c *change) license() {
	now, before := specs[License](c)
	c.parent, c.zone = now.Zone, now.Zone
	if before != nil {
		c.fixed("/spec/zone", before.Zone, now.Zone)
		c.fixed("/spec/operator", before.Operator, now.Operator)
		c.fixed("/spec/course", before.Course, now.Course)
		if before.Ended() {
			c.fault(CodeImmutable, "/spec/status", "NJ24-12", say("a license that has ended stays ended; conclude another", "已终止或期满的协议不得变更,请另行订立"))
		}
		if before.Status != now.Status && now.StatusReason == "" {
			c.fault(CodeSchema, "/spec/status_reason", "NJ24-12", say("is missing: cite the clause under which the status changes", "缺少状态变更所依据的协议条款"))
		}
	}
	if now.Status == StatusExpired {
		c.fault(CodeForbidden, "/spec/status", "NJ24-12", say("a license expires by the clock and by nobody's word", "协议期满由系统时钟认定,不得由人员提交"))
	}
	if now.PurposeClass == purposeResearch && now.Fee != "" {
		c.fault(CodeForbidden, "/spec/fee", "NJ19-27", say("research and education are for the public good: nothing is charged", "科研教育等公益性活动不得收费"))
	}
	if now.Start > now.End {
		c.fault(CodeSchema, "/spec/end", "NJ24-12", say("is before the start", "早于起始日期"))
	}
	if org, ok := ref[Organization](c, KindOrganization, now.Operator, "/spec/operator"); ok {
		c.holder(now.Operator, org)
	}
	if _, err := now.Scope(); err != nil {
		c.fault(CodeSchema, "/spec/sections/scope", "NJ24-11", say("datasets and purposes must be lists of names", "datasets 与 purposes 须为名称列表"))
	}
	zone, ok := ref[Zone](c, KindZone, now.Zone, "/spec/zone")
	if !ok {
		return
	}
	if c.onlyDiffers(statusFields...) {
		c.needSignatures(CodeSignature, "NJ24-12", statusParties(zone))
	} else {
		c.needSignatures(CodeSignature, "NJ24-10", licenseParties(now, zone))
	}
}

func (c *change) holder(name string, org Organization) {
	fault := func(article string, t text) { c.fault(CodeReference, "/spec/operator", article, t) }
	switch {
	case org.Kind != orgOperator:
		fault("NJ24-03", say("%s is not an operator", "%s 不是运营单位", name))
	case org.OrgForm == formNaturalPerson:
		fault("NJ24-03", say("%s is a natural person", "%s 为自然人,不得持有协议", name))
	case org.CreditCode == "":
		fault("NJ24-03", say("%s has no credit code on file", "%s 未登记统一社会信用代码", name))
	case org.SecurityOfficer == "":
		fault("NJ24-08", say("%s has no security_officer on file", "%s 未明确数据安全负责人", name))
	case org.SecurityDepartment == "":
		fault("NJ24-08", say("%s has no security_department on file", "%s 未明确数据安全管理部门", name))
	}
}

// Scope returns the bounds the scope section sets, none if it is prose.
func (l License) Scope() (Scope, error) {
	var s Scope
	raw := l.Sections["scope"]
	if len(raw) == 0 || raw[0] != '{' {
		return s, nil
	}
	err := json.Unmarshal(raw, &s)
	return s, err
}

// inside faults a span of days that is not within another.
func (c *change) inside(path string, from, until, outerFrom, outerUntil, outer string) {
	switch {
	case from > until:
		c.fault(CodeSchema, path, "", say("ends before it begins", "截止早于起始"))
	case from < outerFrom || until > outerUntil:
		c.fault(CodeScope, path, "NJ24-11", say("reaches beyond the term of %s, %s to %s", "超出 %s 的期限(%s 至 %s)", outer, outerFrom, outerUntil))
	}
}

// scenario checks a purpose under a license. What was granted was granted for
// its purpose, so license and purpose never change.
func (c *change) scenario() {
	now, before := specs[Scenario](c)
	c.parent = now.License
	if before != nil {
		c.fixed("/spec/license", before.License, now.License)
		c.fixed("/spec/purpose_code", before.PurposeCode, now.PurposeCode)
		c.fixed("/spec/purpose_class", before.PurposeClass, now.PurposeClass)
	}
	lic, ok := ref[License](c, KindLicense, now.License, "/spec/license")
	if !ok {
		return
	}
	c.zone = lic.Zone
	if lic.Ended() {
		c.fault(CodeScope, "/spec/license", "NJ24-12", say("license %s has ended", "协议 %s 已终止或期满", now.License))
	}
	if now.PurposeClass != lic.PurposeClass {
		c.fault(CodeScope, "/spec/purpose_class", "NJ24-13", say("is not the purpose class of license %s", "与协议 %s 的用途类别不符", now.License))
	}
	if s, err := lic.Scope(); err != nil || len(s.Purposes) > 0 && !slices.Contains(s.Purposes, now.PurposeCode) {
		c.fault(CodeScope, "/spec/purpose_code", "NJ24-11", say("is not among the purposes of license %s", "不在协议 %s 约定的用途之内", now.License))
	}
	c.inside("/spec/period", now.Period.From, now.Period.Until, lic.Start, lic.End, "license "+now.License)
	for i, name := range now.Recipients {
		c.recipient(name, now.License, lic, fmt.Sprintf("/spec/recipients/%d", i))
	}
	if zone, ok := ref[Zone](c, KindZone, lic.Zone, "/spec/license"); ok {
		c.scenarioMover(lic, zone)
	}
}

// recipient checks that results may go to a person: of the operator, or of a partner
// that has the scenario. To people of a partner go the partner's own results alone,
// which the facts of each question see to.
func (c *change) recipient(name, license string, lic License, path string) {
	p, ok := ref[Person](c, KindPerson, name, path)
	if !ok {
		return
	}
	of := p.Organization == lic.Operator
	if !of {
		partner, err := c.tx.r.partnerFacts(c.tx.ctx, c.tx.sql, license, p.Organization)
		if err != nil {
			c.err = err
			return
		}
		of = partner != nil && !partner.Spec.Ended() && slices.Contains(partner.Spec.Scenarios, c.doc.Name)
	}
	switch {
	case !of || !slices.Contains(p.Roles, RoleOperator):
		c.fault(CodeScope, path, "SY20-23", say("%s is no operator person of %s, or of a partner with the scenario", "%s 不是 %s 或具有本场景的合作方的运营人员", name, lic.Operator))
	case p.Status != personActive:
		c.fault(CodeReference, path, "SY20-23", say("%s is disabled", "%s 已停用", name))
	case p.RecipientKey == "":
		c.fault(CodeReference, path, "SY20-23", say("%s has no recipient_key on file", "%s 未登记接收公钥", name))
	}
}

// scenarioMover checks who applies a scenario: the zone's regulator or the
// city authority, or the operator with a signature of one of them.
func (c *change) scenarioMover(lic License, zone Zone) {
	authorities := []party{{RoleZoneRegulator, zone.Regulator}, {RoleCityAuthority, ""}}
	for _, a := range authorities {
		if a.admits(c.actor) || (party{RoleOperator, lic.Operator}).admits(c.actor) && c.signedBy(a) {
			return
		}
	}
	c.fault(CodeRole, "", "NJ24-13", say("a scenario is applied by the regulator of zone %s or the city authority, or by %s with a signature of one of them",
		"应用场景须由专区 %s 的监管部门或市数据主管部门提交,或由 %s 附其签名提交", lic.Zone, lic.Operator))
}
