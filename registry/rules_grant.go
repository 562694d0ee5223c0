package registry

import (
	"fmt"
	"slices"
	"time"
)

// grant checks the two-step consent of NJ24-15, first the zone's regulator and
// then the data provider, and that the grant lies inside the scenario, the
// license and the catalogue entry. A revoked grant stays revoked.
func (c *change) grant() {
	now, before := specs[Grant](c)
	c.parent = now.Scenario
	if before != nil {
		c.fixed("/spec/scenario", before.Scenario, now.Scenario)
		c.fixed("/spec/dataset", before.Dataset, now.Dataset)
		if before.Status == StatusRevoked {
			c.fault(CodeImmutable, "/spec/status", "NJ24-15", say("a revoked grant stays revoked; apply a new one", "已撤销的授权不得恢复,请重新申请"))
		}
	}
	scenario, lic, okS := c.scenarioOf(now.Scenario)
	data, okD := ref[Dataset](c, KindDataset, now.Dataset, "/spec/dataset")
	if !okS || !okD {
		return
	}
	zone, okZ := ref[Zone](c, KindZone, lic.Zone, "/spec/scenario")
	if !okZ {
		return
	}
	if now.Status == StatusRevoked {
		c.revocation(now, zone, data)
		return
	}
	c.grantMover(lic, zone, data)
	c.during(now.From, now.Until, now.Scenario, scenario, lic)
	c.grantScope(now, scenario, lic, data)
	c.grantColumns(now, data)
	c.unlisted(now, data)
	c.bridges(now, data.Zone)
	c.basis(now, data)
	c.grantAlone(now)
	c.consents(now, lic, zone, data)
}

// revocation lets each of those who agreed, and the city authority, withdraw a
// grant alone; nothing else may change in the same act.
func (c *change) revocation(now Grant, zone Zone, data Dataset) {
	if !c.onlyDiffers(statusFields...) {
		c.fault(CodeImmutable, "/spec", "NJ24-15", say("revoking changes the status of an existing grant and nothing else", "撤销只能变更已有授权的状态"))
	}
	parties := append(c.bridgeRegulators(now), party{RoleZoneRegulator, zone.Regulator}, party{RoleProvider, data.Provider}, party{RoleCityAuthority, ""})
	for _, p := range parties {
		if p.admits(c.actor) {
			return
		}
	}
	c.fault(CodeRole, "", "NJ24-15", say("%s may not revoke the grant", "%s 无权撤销该授权", c.by))
}

// grantMover checks who hands the signed grant in: any of those it concerns.
func (c *change) grantMover(lic License, zone Zone, data Dataset) {
	for _, p := range []party{{RoleZoneRegulator, zone.Regulator}, {RoleProvider, data.Provider}, {RoleOperator, lic.Operator}, {RoleCityAuthority, ""}} {
		if p.admits(c.actor) {
			return
		}
	}
	c.fault(CodeRole, "", "NJ24-15", say("%s has no part in this grant", "%s 与该授权无关,无权提交", c.by))
}

func (c *change) grantScope(g Grant, s Scenario, lic License, d Dataset) {
	if d.Zone != lic.Zone {
		c.fromElsewhere(g, lic, d)
	}
	c.operable(g.Dataset, d)
	if scope, err := lic.Scope(); err != nil || len(scope.Datasets) > 0 && !slices.Contains(scope.Datasets, g.Dataset) {
		c.fault(CodeScope, "/spec/dataset", "NJ24-11", say("is not among the datasets of license %s", "不在协议 %s 约定的数据范围之内", s.License))
	}
}

// operable refuses datasets that no zone may operate.
func (c *change) operable(name string, d Dataset) {
	switch {
	case d.OpenType == openProhibited:
		c.fault(CodeForbidden, "/spec/dataset", "NJ24-02", say("dataset %s must not be opened, so it may not be operated", "数据集 %s 依法不能开放,不得开展授权运营", name))
	case d.Status != StatusPublished:
		c.fault(CodeForbidden, "/spec/dataset", "NJ24-15", say("dataset %s is not published", "数据集 %s 未发布", name))
	case d.Temporary:
		c.fault(CodeForbidden, "/spec/dataset", "NJ19-19", say("dataset %s was collected for the time being: have its provider catalogue it first", "数据集 %s 为临时采集,须先由提供单位编入目录", name))
	case d.Format != FormatTable:
		c.fault(CodeForbidden, "/spec/dataset", "JM19-41", say("dataset %s is not a table: such items are catalogued, and not operated in a zone yet", "数据集 %s 为非结构化资源:可以编目,尚不能在专区内使用", name))
	}
}

// during checks that a scenario's license is not terminated and that the days of
// what belongs to the scenario lie within the days of both.
func (c *change) during(from, until, scenario string, s Scenario, lic License) {
	if lic.Status == StatusTerminated {
		c.fault(CodeScope, "/spec/scenario", "NJ24-12", say("license %s is terminated", "协议 %s 已终止", s.License))
	}
	c.inside("/spec/from", from, until, s.Period.From, s.Period.Until, "scenario "+scenario)
	c.inside("/spec/from", from, until, lic.Start, lic.End, "license "+s.License)
}

// scenarioOf returns the scenario that the document belongs to, and its license,
// whose zone becomes the change's.
func (c *change) scenarioOf(name string) (Scenario, License, bool) {
	scenario, ok := ref[Scenario](c, KindScenario, name, "/spec/scenario")
	if !ok {
		return scenario, License{}, false
	}
	lic, ok := ref[License](c, KindLicense, scenario.License, "/spec/scenario")
	if ok {
		c.zone = lic.Zone
	}
	return scenario, lic, ok
}

func (c *change) grantColumns(g Grant, d Dataset) {
	c.columnsOf(g.Dataset, g.Columns, d, "/spec/columns")
	for i, cond := range g.Scope {
		if !d.has(cond.Column) {
			c.fault(CodeScope, fmt.Sprintf("/spec/scope/%d/column", i), "NJ24-13", say("dataset %s has no column %s", "数据集 %s 没有列 %s", g.Dataset, cond.Column))
		}
	}
}

// basis refuses a grant by consent of rows of which nothing says whose they are, or
// whose people are named by something else than a text or a whole number.
func (c *change) basis(g Grant, d Dataset) {
	if g.Basis != BasisConsent {
		return
	}
	if d.Entity == nil || d.Entity.Kind != entityPerson {
		c.fault(CodeScope, "/spec/basis", "NJ24-16", say("dataset %s does not say which person a row is about, so that nobody's consent can be looked for",
			"数据集 %s 未写明各行属于哪一个人,无法按个人授权过滤", g.Dataset))
		return
	}
	for _, col := range d.Columns {
		if col.Name == d.Entity.Column && col.Type != "string" && col.Type != "int64" {
			c.fault(CodeScope, "/spec/basis", "NJ24-16", say("column %s names people and is of type %s; consents are looked for by text or int64", "标识个人的列 %s 类型为 %s,按个人授权过滤只支持文本与整数", col.Name, col.Type))
		}
	}
}

// grantAlone refuses a second grant of the same dataset to the same scenario for
// the same days: which of two forms a column has must never be a question.
func (c *change) grantAlone(g Grant) {
	if c.err != nil {
		return
	}
	others, err := c.tx.r.documents(c.tx.ctx, c.tx.sql, `WHERE kind = ? AND parent = ? AND name <> ? AND `+newest,
		KindGrant, g.Scenario, c.doc.Name)
	if err != nil {
		c.err = err
		return
	}
	for _, s := range others {
		o, err := SpecOf[Grant](s.Document)
		if err != nil {
			c.err = err
			return
		}
		if o.Dataset == g.Dataset && o.Status != StatusRevoked && o.From <= g.Until && g.From <= o.Until {
			c.fault(CodeScope, "/spec/dataset", "NJ24-15", say("grant %s opens the same dataset to the same scenario in that time", "授权 %s 已在同期向该场景开放同一数据集", s.Name))
		}
	}
}

// consents checks that two people of two organizations, neither of them the
// operator's, signed in the right order for the right authority.
func (c *change) consents(g Grant, lic License, zone Zone, d Dataset) {
	for _, own := range []struct {
		path  string
		given Consent
	}{{"/spec/zreg/org", g.ZReg}, {"/spec/prov/org", g.Prov}} {
		if own.given.Org == lic.Operator {
			c.fault(CodeExclusion, own.path, "NJ24-15", say("the operator cannot consent to its own grant", "运营单位不得为自身授权作出同意"))
		}
	}
	zreg, okZ := c.consent("/spec/zreg", g.ZReg, party{RoleZoneRegulator, zone.Regulator}, "NJ24-15")
	prov, okP := c.consent("/spec/prov", g.Prov, party{RoleProvider, d.Provider}, "NJ24-15")
	if g.ZReg.By == g.Prov.By || okZ && okP && zreg.name == prov.name {
		c.fault(CodeExclusion, "/spec/prov/by", "NJ24-15", say("assessment and review must be by different people", "评估与审核须由不同人员作出"))
	}
	if zone.Regulator == d.Provider || g.ZReg.Org == g.Prov.Org {
		c.fault(CodeExclusion, "/spec/prov/org", "NJ24-15", say("assessment and review must be by different organizations", "评估与审核须由不同单位作出"))
	}
	if masksDiffer(g, c.oldGrant()) {
		if okZ {
			c.permitted(PermissionRecipe, "/spec/zreg/by", zreg.name, zreg.person)
		}
		if okP {
			c.permitted(PermissionRecipe, "/spec/prov/by", prov.name, prov.person)
		}
		c.recipes = true
	}
	if okZ && okP && prov.at.Before(zreg.at) {
		c.fault(CodeSignature, "/spec/prov", "NJ24-15", say("the provider signed before the zone regulator", "数据提供单位的签名早于专区监管部门"))
	}
	if okZ && okP {
		c.agreedToday(g, zreg, prov)
	}
}

// agreedToday refuses consents to an entry that is not the one of today.
func (c *change) agreedToday(g Grant, signers ...signer) {
	since := c.tx.at
	for _, s := range signers {
		if s.at.Before(since) {
			since = s.at
		}
	}
	moves, err := c.tx.r.entryMoves(c.tx.ctx, c.tx.sql, g, since)
	if err != nil {
		c.err = err
		return
	}
	for _, m := range moves {
		c.fault(CodeSignature, "/signatures", "YC22-25", say("signed before the catalogue entry came to say what it says (%s); look at the entry and sign again",
			"签名早于目录条目的现行规定(%s);请核对现行条目后重新签名", m.String(g.Dataset)))
	}
}

// consent returns the signature behind a consent that an article asks for.
func (c *change) consent(path string, given Consent, want party, article string) (signer, bool) {
	i := slices.IndexFunc(c.signers, func(s signer) bool {
		return s.name == given.By || given.By == "" && want.admits(s.person)
	})
	if i < 0 && given.By == "" {
		c.fault(CodeSignature, path+"/by", article, say("the signature of a person with role %s of %s is missing", "缺少 %[2]s 中角色为 %[1]s 的人员签名", want.role, want.org))
		return signer{}, false
	}
	if i < 0 {
		c.fault(CodeSignature, path+"/by", article, say("the signature of %s is missing", "缺少 %s 的签名", given.By))
		return signer{}, false
	}
	s := c.signers[i]
	if !want.admits(s.person) || s.person.Organization != given.Org {
		c.fault(CodeRole, path+"/by", article, say("%s does not have the role %s in %s", "%s 不具有 %[3]s 的 %[2]s 角色", s.name, want.role, want.org))
		return signer{}, false
	}
	if given.At != "" {
		if at, err := time.Parse(time.RFC3339Nano, given.At); err != nil || !at.Equal(s.at) {
			c.fault(CodeSignature, path+"/at", article, say("is not the time at which %s signed; leave it out", "与 %s 的签名时间不符,可省略", s.name))
			return signer{}, false
		}
	}
	return s, true
}
