package registry

import (
	"errors"
	"slices"
)

// exception checks an exception: inside its license and its zone, one for its figure at
// a time, signed by three people of three organizations, and handed in by the city
// authority. Each of the three, and the city authority, revokes it alone. How far and
// how long the pack lets it the policy says.
func (c *change) exception() {
	now, before := specs[Exception](c)
	c.parent, c.zone = now.License, now.Zone
	zone, okZ := ref[Zone](c, KindZone, now.Zone, "/spec/zone")
	data, okD := ref[Dataset](c, KindDataset, now.Dataset, "/spec/dataset")
	if !okZ || !okD {
		return
	}
	parties := []party{{RoleCityAuthority, ""}, {RoleZoneRegulator, zone.Regulator}, {RoleProvider, data.Provider}}
	if before != nil || now.Status == StatusRevoked {
		c.exceptionRevoked(now, before, parties)
		return
	}
	if !parties[0].admits(c.actor) {
		c.fault(CodeRole, "", "NJ24-14", say("%s may not publish an exception: the city authority does", "%s 无权公布例外,须由市数据主管部门提交", c.by))
	}
	if data.Zone != now.Zone {
		c.fault(CodeScope, "/spec/dataset", "NJ24-14", say("dataset %s does not belong to zone %s", "数据集 %s 不属于专区 %s", now.Dataset, now.Zone))
	}
	if now.From > now.Until {
		c.fault(CodeSchema, "/spec/until", "NJ24-14", say("ends before it begins", "截止早于起始"))
	}
	operator := c.exceptionScope(now)
	c.exceptionAlone(now)
	c.exceptionConsents(now, parties, operator)
}

// exceptionRevoked lets a version change the status and nothing else, to REVOKED and
// not back.
func (c *change) exceptionRevoked(now Exception, before *Exception, parties []party) {
	switch {
	case before == nil || !c.onlyDiffers(statusFields...):
		c.fault(CodeImmutable, "/spec", "NJ24-14", say("what an exception says never changes: revoke it and apply another", "例外的内容不得变更,请撤销后另行登记"))
	case before.Status == StatusRevoked:
		c.fault(CodeImmutable, "/spec/status", "NJ24-14", say("a revoked exception stays revoked; apply another", "已撤销的例外不得恢复,请另行登记"))
	case now.Status != StatusRevoked:
		c.fault(CodeImmutable, "/spec/status", "NJ24-14", say("is in force already", "已在生效"))
	}
	if !slices.ContainsFunc(parties, func(p party) bool { return p.admits(c.actor) }) {
		c.fault(CodeRole, "", "NJ24-14", say("%s may not revoke the exception", "%s 无权撤销该例外", c.by))
	}
}

// exceptionScope checks that license, scenario and zone belong together, and returns
// the license's operator. The license whose term is to be longer may be yet to come;
// its operator is nobody known then, and policy compares when it comes into force.
func (c *change) exceptionScope(x Exception) (operator string) {
	if x.Relaxes == RelaxLicenseTerm {
		_, err := c.tx.r.get(c.tx.ctx, c.tx.sql, KindLicense, x.License)
		if errors.Is(err, ErrNotFound) {
			return ""
		}
	}
	lic, ok := ref[License](c, KindLicense, x.License, "/spec/license")
	if !ok {
		return ""
	}
	if lic.Zone != x.Zone {
		c.fault(CodeScope, "/spec/license", "NJ24-14", say("license %s is of another zone than %s", "协议 %s 不属于专区 %s", x.License, x.Zone))
	}
	if lic.Ended() {
		c.fault(CodeScope, "/spec/license", "NJ24-12", say("license %s has ended", "协议 %s 已终止或期满", x.License))
	}
	c.inside("/spec/from", x.From, x.Until, lic.Start, lic.End, "license "+x.License)
	if x.Scenario != "" {
		if s, ok := ref[Scenario](c, KindScenario, x.Scenario, "/spec/scenario"); ok && s.License != x.License {
			c.fault(CodeScope, "/spec/scenario", "NJ24-14", say("%s is no scenario of license %s", "%s 不是协议 %s 的场景", x.Scenario, x.License))
		}
	}
	return lic.Operator
}

// exceptionAlone refuses a second exception of the same figure for the same days: which
// of two holds must never be a question.
func (c *change) exceptionAlone(x Exception) {
	if c.err != nil {
		return
	}
	others, err := c.tx.r.exceptions(c.tx.ctx, c.tx.sql, x.License)
	if err != nil {
		c.err = err
		return
	}
	for _, o := range others {
		if o.Spec.Relaxes == x.Relaxes && o.Spec.Scenario == x.Scenario && o.Spec.Dataset == x.Dataset && o.Spec.From <= x.Until && x.From <= o.Spec.Until {
			c.fault(CodeScope, "/spec/relaxes", "NJ24-14", say("exception %s raises the same figure in that time", "例外 %s 已在同期放宽同一事项", o.Name))
		}
	}
}

// exceptionConsents checks that three people of three organizations signed, none of
// them the operator's.
func (c *change) exceptionConsents(x Exception, parties []party, operator string) {
	given := []Consent{x.City, x.ZReg, x.Prov}
	paths := []string{"/spec/city", "/spec/zreg", "/spec/prov"}
	for i := range given {
		c.consent(paths[i], given[i], parties[i], "NJ24-14")
		if given[i].Org == operator {
			c.fault(CodeExclusion, paths[i]+"/org", "NJ24-14", say("the operator cannot consent to its own exception", "运营单位不得为自身的例外作出同意"))
		}
		for j := range i {
			if given[i].By == given[j].By {
				c.fault(CodeExclusion, paths[i]+"/by", "NJ24-14", say("city authority, regulator and provider are three people", "市数据主管部门、专区监管部门与提供单位须由三人分别签署"))
			}
			if given[i].Org == given[j].Org {
				c.fault(CodeExclusion, paths[i]+"/org", "NJ24-14", say("city authority, regulator and provider are three organizations", "市数据主管部门、专区监管部门与提供单位须为三个不同单位"))
			}
		}
	}
}

func exceptionSentence(_ string, x Exception, titles Titles) text {
	data, state, why := titles(KindDataset, x.Dataset), word(x.Status), because(x.StatusReason)
	what := say("the agreement %s may last %d years in all, for %s", "协议 %s 的期限可达 %d 年,限于“%s”", short(x.License), x.Value, data)
	if x.Relaxes == RelaxRowCap {
		what = say("an answer of figures alone of the scenario %s over %s may have %d rows", "场景“%s”对“%s”的汇总结果可达 %d 行", titles(KindScenario, x.Scenario), data, x.Value)
	}
	return text{
		en: "By exception, from " + x.From + " to " + x.Until + " " + what.en + "; reason: " + short(x.Reason) + "; basis: " + short(x.Basis) +
			"; agreed by " + short(x.City.By) + ", " + short(x.ZReg.By) + " and " + short(x.Prov.By) + "; it is " + state.en + why.en + ".",
		zh: "作为例外,自 " + x.From + " 至 " + x.Until + "," + what.zh + ";理由:" + short(x.Reason) + ";依据:" + short(x.Basis) +
			";由 " + short(x.City.By) + "、" + short(x.ZReg.By) + "、" + short(x.Prov.By) + " 同意,现" + state.zh + why.zh + "。",
	}
}
