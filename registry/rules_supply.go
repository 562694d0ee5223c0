package registry

import (
	"fmt"
	"slices"
)

// Permissions of compute-only columns that bring raw values of two tables together.
// What another zone supplies is not linked so: only its tokens join, and only where a
// bridge makes them under one key.
const (
	permissionJoinKey = "joinkey"
	permissionCompare = "cmp_col"
)

// supply checks a record by which a comprehensive zone supplies another (NJ24-05):
// both zones' regulators agree, then the dataset's provider. A revoked one stays so.
func (c *change) supply() {
	now, before := specs[Supply](c)
	c.parent, c.zone = now.ToZone, now.ToZone
	if before != nil {
		c.fixed("/spec/from_zone", before.FromZone, now.FromZone)
		c.fixed("/spec/to_zone", before.ToZone, now.ToZone)
		c.fixed("/spec/dataset", before.Dataset, now.Dataset)
		if before.Status == StatusRevoked {
			c.fault(CodeImmutable, "/spec/status", "NJ24-05", say("a revoked supply stays revoked; apply a new one", "已撤销的支撑记录不得恢复,请另行订立"))
		}
	}
	from, okF := ref[Zone](c, KindZone, now.FromZone, "/spec/from_zone")
	to, okT := ref[Zone](c, KindZone, now.ToZone, "/spec/to_zone")
	data, okD := ref[Dataset](c, KindDataset, now.Dataset, "/spec/dataset")
	if !okF || !okT || !okD {
		return
	}
	parties := []party{regulatorOf(from), regulatorOf(to), {RoleProvider, data.Provider}}
	if now.Status == StatusRevoked {
		c.supplyRevoked(parties)
		return
	}
	if !slices.ContainsFunc(append(parties, party{RoleCityAuthority, ""}), func(p party) bool { return p.admits(c.actor) }) {
		c.fault(CodeRole, "", "NJ24-05", say("%s has no part in this supply", "%s 与该支撑记录无关,无权提交", c.by))
	}
	c.supplyZones(now, from, to, data)
	c.supplied(now.grant(), data)
	c.supplyAlone(now)
	c.supplyConsents(now, parties)
}

// supplyRevoked lets each of those who agreed, and the city authority, end a supply
// alone; nothing else may change in the same act.
func (c *change) supplyRevoked(parties []party) {
	if !c.onlyDiffers(statusFields...) {
		c.fault(CodeImmutable, "/spec", "NJ24-05", say("revoking changes the status of an existing supply and nothing else", "撤销只能变更已有支撑记录的状态"))
	}
	if !slices.ContainsFunc(append(parties, party{RoleCityAuthority, ""}), func(p party) bool { return p.admits(c.actor) }) {
		c.fault(CodeRole, "", "NJ24-05", say("%s may not revoke the supply", "%s 无权撤销该支撑记录", c.by))
	}
}

// supplyZones checks that a comprehensive zone gives what is its own, to another zone
// that is under the same rules.
func (c *change) supplyZones(s Supply, from, to Zone, d Dataset) {
	switch {
	case from.Kind != zoneComprehensive:
		c.fault(CodeScope, "/spec/from_zone", "NJ24-05", say("%s is no comprehensive zone: only such a zone supplies others", "%s 不是综合专区,仅综合专区可为其他专区提供数据支撑", s.FromZone))
	case s.FromZone == s.ToZone:
		c.fault(CodeScope, "/spec/to_zone", "NJ24-05", say("is the zone itself", "不得为本专区"))
	case from.Pack != to.Pack:
		c.fault(CodeScope, "/spec/to_zone", "NJ24-05", say("zone %s is under another policy pack than zone %s, whose figures would not hold there", "专区 %s 与专区 %s 适用的政策包不同,后者的口径在该专区不成立", s.ToZone, s.FromZone))
	case d.Zone != s.FromZone:
		c.fault(CodeScope, "/spec/dataset", "NJ24-05", say("dataset %s does not belong to zone %s", "数据集 %s 不属于专区 %s", s.Dataset, s.FromZone))
	}
	if s.From > s.Until {
		c.fault(CodeSchema, "/spec/until", "NJ24-05", say("ends before it begins", "截止早于起始"))
	}
}

// supplied checks columns that leave their zone: what no grant may open is not
// supplied either.
func (c *change) supplied(g Grant, d Dataset) {
	c.operable(g.Dataset, d)
	c.unlisted(g, d)
	seen := map[string]bool{}
	for i, col := range g.Columns {
		if !d.has(col.Name) || seen[col.Name] {
			c.fault(CodeScope, fmt.Sprintf("/spec/columns/%d", i), "NJ24-05", say("dataset %s has no column %s, or it stands twice", "数据集 %s 没有列 %s,或该列重复", g.Dataset, col.Name))
		}
		seen[col.Name] = true
	}
}

// supplyAlone refuses a second supply of the same dataset to the same zone for the
// same days: which columns it is of must never be a question.
func (c *change) supplyAlone(s Supply) {
	others, err := c.suppliesTo(s.ToZone, s.Dataset)
	if err != nil {
		return
	}
	for _, o := range others {
		if o.Name != c.doc.Name && o.Spec.From <= s.Until && s.From <= o.Spec.Until {
			c.fault(CodeScope, "/spec/dataset", "NJ24-05", say("supply %s gives the same dataset to that zone in that time", "支撑记录 %s 已在同期向该专区提供同一数据集", o.Name))
		}
	}
}

// suppliesTo returns the supplies of a dataset to a zone that are not revoked.
func (c *change) suppliesTo(zone, dataset string) (all []SupplyFacts, err error) {
	if c.err == nil {
		all, c.err = c.tx.r.suppliesTo(c.tx.ctx, c.tx.sql, zone, dataset)
	}
	return all, c.err
}

// supplyConsents checks that three people signed, the provider's last and of another
// organization than both regulators.
func (c *change) supplyConsents(s Supply, parties []party) {
	given := []Consent{s.FromZReg, s.ToZReg, s.Prov}
	paths := []string{"/spec/from_zreg", "/spec/to_zreg", "/spec/prov"}
	signers := make([]signer, len(given))
	whole := true
	for i := range given {
		var ok bool
		signers[i], ok = c.consent(paths[i], given[i], parties[i], "NJ24-05")
		whole = whole && ok
		for j := range i {
			if given[i].By == given[j].By {
				c.fault(CodeExclusion, paths[i]+"/by", "NJ24-05", say("regulators and provider are three people", "两个专区的监管部门与提供单位须由三人分别签署"))
			}
			if i == 2 && parties[i].org == parties[j].org {
				c.fault(CodeExclusion, paths[i]+"/org", "NJ24-05", say("the provider is another organization than the regulators", "提供单位不得与监管部门为同一单位"))
			}
		}
	}
	if !whole {
		return
	}
	prov := signers[2]
	if prov.at.Before(signers[0].at) || prov.at.Before(signers[1].at) {
		c.fault(CodeSignature, "/spec/prov", "NJ24-05", say("the provider signed before the regulators", "数据提供单位的签名早于监管部门"))
	}
	c.agreedToday(s.grant(), signers...)
}

// fromElsewhere checks a grant of a dataset of another zone: a supply that is in force
// holds its columns and days, and it links no rows of the two zones.
func (c *change) fromElsewhere(g Grant, lic License, d Dataset) {
	all, err := c.suppliesTo(lic.Zone, g.Dataset)
	if err != nil {
		return
	}
	i := slices.IndexFunc(all, func(s SupplyFacts) bool { return s.Spec.From <= g.From && g.Until <= s.Spec.Until })
	switch {
	case len(all) == 0:
		c.fault(CodeScope, "/spec/dataset", "NJ24-05", say("dataset %s does not belong to zone %s, and no supply record gives it to it", "数据集 %s 不属于专区 %s,也没有向该专区提供的支撑记录", g.Dataset, lic.Zone))
		return
	case i < 0:
		c.fault(CodeScope, "/spec/from", "NJ24-05", say("reaches beyond the days of supply %s, %s to %s", "超出支撑记录 %s 的期限(%s 至 %s)", all[0].Name, all[0].Spec.From, all[0].Spec.Until))
		return
	}
	given := all[i].Spec.Columns
	for j, col := range g.Columns {
		path := fmt.Sprintf("/spec/columns/%d", j)
		if !slices.Contains(given, col.Name) {
			c.fault(CodeScope, path+"/name", "NJ24-05", say("column %s is not among those that supply %s gives", "列 %s 不在支撑记录 %s 之内", col.Name, all[i].Name))
		}
		if slices.Contains(col.Permissions, permissionJoinKey) || slices.Contains(col.Permissions, permissionCompare) {
			c.fault(CodeProtect, path+"/permissions", "NJ24-05", say("column %s: raw values of two zones are not brought together; grant it as a token, of a bridge if it is to join",
				"列 %s:不得以原值关联两个专区的数据;请改为令牌,确需关联的按 bridge 授权", col.Name))
		}
	}
	for j, cond := range g.Scope {
		if !slices.Contains(given, cond.Column) {
			c.fault(CodeScope, fmt.Sprintf("/spec/scope/%d/column", j), "NJ24-05", say("column %s is not among those that supply %s gives", "列 %s 不在支撑记录 %s 之内", cond.Column, all[i].Name))
		}
	}
}
