package registry

import "fmt"

// template checks an approved analysis: it belongs to one scenario for good,
// lies within its days, its parameters are sound, and the operator that asks it
// and the zone's regulator both signed it (NJ24-13). It grants nothing: what it
// reads needs its grants each time it is asked. A revoked template stays
// revoked.
func (c *change) template() {
	now, before := specs[Template](c)
	c.parent = now.Scenario
	if before != nil {
		c.fixed("/spec/scenario", before.Scenario, now.Scenario)
		if before.Status == StatusRevoked {
			c.fault(CodeImmutable, "/spec/status", "NJ24-13", say("a revoked template stays revoked; apply a new one", "已撤销的模板不得恢复,请另立新的模板"))
		}
	}
	scenario, lic, ok := c.scenarioOf(now.Scenario)
	if !ok {
		return
	}
	zone, ok := ref[Zone](c, KindZone, lic.Zone, "/spec/scenario")
	if !ok {
		return
	}
	operator, regulator := party{RoleOperator, lic.Operator}, party{RoleZoneRegulator, zone.Regulator}
	if !operator.admits(c.actor) && !regulator.admits(c.actor) && !c.has(RoleCityAuthority) {
		c.fault(CodeRole, "", "NJ24-13", say("%s has no part in this template", "%s 与该模板无关,无权提交", c.by))
	}
	if now.Status == StatusRevoked {
		// Each of those who agreed, and the city authority, withdraws it alone.
		if !c.onlyDiffers(statusFields...) {
			c.fault(CodeImmutable, "/spec", "NJ24-13", say("revoking changes the status of an existing template and nothing else", "撤销只能变更已有模板的状态"))
		}
		return
	}
	c.during(now.From, now.Until, now.Scenario, scenario, lic)
	c.parameters(now)
	c.needSignatures(CodeSignature, "NJ24-13", []party{operator, regulator})
}

func (c *change) parameters(t Template) {
	seen := make(map[string]bool)
	for i, p := range t.Parameters {
		path := fmt.Sprintf("/spec/parameters/%d", i)
		if seen[p.Name] {
			c.fault(CodeSchema, path+"/name", "", say("parameter %s stands twice", "参数 %s 重复", p.Name))
		}
		seen[p.Name] = true
		if at, t := p.unsound(); t.en != "" {
			c.fault(CodeSchema, path+at, "NJ24-13", text{"parameter " + p.Name + ": " + t.en, "参数 " + p.Name + ":" + t.zh})
		}
	}
}
