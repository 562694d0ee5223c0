package registry

import (
	"maps"
	"slices"
)

// twoPeople lists the fields by which a new version of a kind may loosen what no
// parties of its own agree to, so that it takes a second person. What only tightens
// stays one step. Licenses, grants, templates, entries and shorter times of the log
// have their parties: licenseParties, consents, template, protection, retention.
var twoPeople = map[string][]string{
	KindNegativeList: {"items"},
	KindPerson:       {"roles", "permissions", "status", "signing_key", "recipient_key", "oidc", "certificates"},
	KindZone:         {"status", "pack", "regulator", "retention", "signed_deliveries", "token_algorithm", "storage_algorithm"},
}

// secondArticles says which article asks for the second person.
var secondArticles = map[string]string{KindNegativeList: "YC22-18", KindPerson: "YC22-39", KindZone: "NJ24-06"}

// seconds are the roles of whoever signs beside the first: the city authority, a
// regulator, the security officer.
var seconds = []string{RoleCityAuthority, RoleZoneRegulator, RoleSecurity}

// supervises reports whether p may be a second.
func (p Person) supervises() bool {
	return slices.ContainsFunc(p.Roles, func(role string) bool { return slices.Contains(seconds, role) })
}

// second refuses what gives somebody more unless two people agree to it.
func (c *change) second() {
	if c.err != nil || !c.givesMore() {
		return
	}
	if c.doc.Kind == KindNegativeList {
		if !c.signedByTwo() {
			c.unseconded(say("this loosens: another person of the city authority, a regulator or the security officer signs as well",
				"本次变更属于放宽,须另有一名市数据主管部门、专区监管部门或安全保密部门的人员签名"))
		}
		return
	}
	c.seconded()
}

func (c *change) unseconded(t text) {
	c.fault(CodeSignature, "/signatures", secondArticles[c.doc.Kind], t)
}

// givesMore reports whether the change loosens a field that takes two people, or makes
// somebody known who supervises others or has a permission.
func (c *change) givesMore() bool {
	fields := twoPeople[c.doc.Kind]
	if len(fields) == 0 {
		return false
	}
	if c.old == nil {
		if c.doc.Kind != KindPerson {
			return false
		}
		p, _ := specs[Person](c)
		return p.supervises() || len(p.Permissions) > 0
	}
	changes, err := Diff(c.old.Document, c.doc)
	if err != nil {
		c.err = err
		return false
	}
	return slices.ContainsFunc(changes, func(ch Change) bool {
		return ch.Effect == Loosens && slices.ContainsFunc(fields, func(field string) bool { return covers(field, ch.Path) })
	})
}

// signedByTwo reports whether two people signed in a role that may.
func (c *change) signedByTwo() bool {
	n := 0
	for _, s := range c.signers { // nobody is among them twice
		if s.person.supervises() {
			n++
		}
	}
	return n >= 2
}

// seconded refuses a change of a person or zone that nobody signed but people of the
// applier's organization, of the person's own or the person. Before anybody of another
// organization could, a domain is being founded and the applier is enough; that
// whoever could was disabled since does not bring this back. Those who come in the
// same transaction are founded together.
func (c *change) seconded() {
	var org string
	if c.doc.Kind == KindPerson {
		p, _ := specs[Person](c)
		org = p.Organization
	}
	may := func(p Person) bool {
		return p.Status == personActive && p.supervises() && p.Organization != c.actor.Organization && p.Organization != org
	}
	if slices.ContainsFunc(c.signers, func(s signer) bool { return may(s.person) }) {
		return
	}
	known, err := c.tx.r.documents(c.tx.ctx, c.tx.sql, `WHERE kind = ? AND revision < ? ORDER BY name, version`, KindPerson, c.tx.revision)
	if err != nil {
		c.err = err
		return
	}
	founded := false
	now := map[string]Person{}
	for _, d := range known {
		p, err := SpecOf[Person](d.Document)
		if err != nil {
			c.err = err
			return
		}
		founded = founded || p.supervises() && p.Organization != c.actor.Organization
		now[d.Name] = p
	}
	if !founded {
		return
	}
	var names, insiders []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		switch p := now[name]; {
		case may(p):
			names = append(names, name)
		case p.Status == personActive && p.supervises() && p.Organization != c.actor.Organization:
			insiders = append(insiders, name)
		}
	}
	const more, moreZH = "this gives somebody more: ", "本次变更赋予更多权限,"
	switch {
	case !c.has(RoleCityAuthority):
		c.unseconded(text{more + "a person of another organization signs as well, of the city authority, a regulator or the security officer",
			moreZH + "须另有其他机构的一名市数据主管部门、专区监管部门或安全保密部门人员签名"})
	case len(names) > 0:
		c.unseconded(text{more + "a person of a third organization signs as well (sign -f), one of " + listEN(names),
			moreZH + "须另有第三方机构的一名人员签名(sign -f),可签名者:" + listZH(names)})
	case len(insiders) > 0:
		c.unseconded(text{more + "a person of a third organization signs as well, and there is none; apply one first, a regulator or the security officer, whom one of these signs for: " + listEN(insiders),
			moreZH + "须另有第三方机构的人员签名,目前无此人员;请先登记一名第三方机构的专区监管或安全保密人员,可为其签名者:" + listZH(insiders)})
	default:
		c.unseconded(text{more + "a person of another organization signs as well, and all who could are disabled; restore a backup of before (backup restore)",
			moreZH + "须另有其他机构的人员签名,而可签名者均已停用;请恢复此前的备份(backup restore)"})
	}
}
