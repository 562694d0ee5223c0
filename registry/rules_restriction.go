package registry

import (
	"errors"
	"slices"
	"strings"
)

// switchers lists who restricts and closes at each level: any line of roles, all of
// them together. The regulator is the zone's, the provider the dataset's.
//
//	operator  the city authority (YC22-35)
//	license   the city authority, in an industry zone together with its regulator (NJ24-12)
//	scenario  the zone's regulator, or the city authority (NJ24-13)
//	zone      the zone's regulator, the city authority or the data centre (NJ24-23)
//	dataset   its provider, at once and without an objection, or the city authority (YC22-28)
var switchers = map[string][][]string{
	LevelOperator: {{RoleCityAuthority}},
	LevelLicense:  {{RoleZoneRegulator, RoleCityAuthority}},
	LevelScenario: {{RoleZoneRegulator}, {RoleCityAuthority}},
	LevelZone:     {{RoleZoneRegulator}, {RoleCityAuthority}, {RoleDataCentre}},
	LevelDataset:  {{RoleProvider}, {RoleCityAuthority}},
	LevelColumn:   {{RoleProvider}, {RoleCityAuthority}},
}

// watchers may restrict at every level, never close, and only on an alert that they
// name (NJ24-23).
var watchers = [][]string{{RoleSecurity}, {RoleDataCentre}}

// restriction checks a restriction: what it names is there, its content never
// changes, and those sign it who may switch at its level. Those lift it who set it,
// and say why.
func (c *change) restriction() {
	now, before := specs[Restriction](c)
	if now.Status != StatusLifted {
		c.parent = now.Level
	}
	if now.Degree == DegreeRestrict && now.Rate == 0 && now.MaxLevel == 0 && !now.AggregatesOnly {
		c.fault(CodeSchema, "/spec/degree", "YC22-35", say("restricts nothing: give a rate, a max_level or aggregates_only", "未作任何限制:须有 rate、max_level 或 aggregates_only"))
	}
	if now.Degree == DegreeClose && (now.Rate != 0 || now.MaxLevel != 0 || now.AggregatesOnly) {
		c.fault(CodeSchema, "/spec/degree", "YC22-35", say("closes all: a rate, max_level or aggregates_only says nothing", "关闭为全部关闭,不得另有 rate、max_level 或 aggregates_only"))
	}
	dataset, zone, ok := c.restricted(now)
	if !ok {
		return
	}
	c.zone = dataset.Zone
	if before == nil {
		c.restricts(now, dataset, zone)
		return
	}
	switch {
	case !c.onlyDiffers(statusFields...):
		c.fault(CodeImmutable, "/spec", "NJ24-23", say("what a restriction says never changes: lift it and apply another", "限制措施的内容不得变更,请解除后另行登记"))
	case before.Status == StatusLifted:
		c.fault(CodeImmutable, "/spec/status", "NJ24-23", say("is lifted: apply another", "已解除,请另行登记"))
	case now.StatusReason == "":
		c.fault(CodeSchema, "/spec/status_reason", "NJ24-12", say("is missing: say why it is lifted", "缺少解除的理由"))
	}
	c.lifts(now, dataset, zone)
}

// restricts checks who sets a restriction.
func (c *change) restricts(now Restriction, d Dataset, z Zone) {
	if now.Status != StatusActive {
		c.fault(CodeSchema, "/spec/status", "NJ24-23", say("must be ACTIVE: nothing is in force yet", "须为 ACTIVE:尚无措施可解除"))
	}
	if now.Alert != "" {
		switch _, err := c.tx.Alert(now.Alert); {
		case errors.Is(err, ErrNotFound):
			c.fault(CodeReference, "/spec/alert", "NJ24-23", say("no alert is named %s", "没有名为 %s 的告警", now.Alert))
		case err != nil:
			c.err = err
			return
		}
	}
	for _, roles := range switchers[now.Level] {
		if c.allSigned(parties(roles, d, z)) {
			return
		}
	}
	for _, roles := range watchers {
		if !c.allSigned(parties(roles, d, z)) {
			continue
		}
		if now.Degree != DegreeRestrict || now.Alert == "" {
			c.fault(CodeRole, "", "NJ24-23", say("%s may restrict for a time, naming the alert, and not close", "%s 仅可依据所列告警临时限制,不得关闭", c.by))
		}
		return
	}
	c.fault(CodeSignature, "/signatures", "NJ24-12", say("must be signed by: %s", "须由以下角色签名:%s", spelled(now.Level)))
}

// lifts checks who lifts a restriction: the line of the table that set it. What the
// gate set by itself, or a watcher, those may lift too who set what lasts.
func (c *change) lifts(now Restriction, d Dataset, z Zone) {
	set := func(ps []party) bool {
		return !slices.ContainsFunc(ps, func(p party) bool {
			return !slices.ContainsFunc(c.old.Signers, func(s Signer) bool { return s.Role == p.role && (p.org == "" || s.Org == p.org) })
		})
	}
	lasting := false
	for _, roles := range switchers[now.Level] {
		ps := parties(roles, d, z)
		if set(ps) {
			lasting = true
			if c.allSigned(ps) {
				return
			}
		}
	}
	if !lasting {
		for _, roles := range slices.Concat(switchers[now.Level], watchers) {
			if c.allSigned(parties(roles, d, z)) {
				return
			}
		}
	}
	c.fault(CodeSignature, "/signatures", "NJ24-12", say("is lifted by those who set it: their signatures are missing", "须由设定方签名解除"))
}

// allSigned reports whether every party has a signer of its own.
func (c *change) allSigned(ps []party) bool {
	return !slices.ContainsFunc(ps, func(p party) bool { return !c.signedBy(p) })
}

// parties are the roles as parties. Where the city authority is the regulator it
// signs once.
func parties(roles []string, d Dataset, z Zone) []party {
	var all []party
	for _, r := range roles {
		switch r {
		case RoleZoneRegulator:
			all = append(all, regulatorOf(z))
		case RoleProvider:
			all = append(all, party{r, d.Provider})
		default:
			all = append(all, party{r, ""})
		}
	}
	return all
}

func spelled(level string) string {
	var lines []string
	for _, roles := range switchers[level] {
		lines = append(lines, strings.Join(roles, "+"))
	}
	return strings.Join(lines, " | ")
}

// restricted finds what a restriction names: its zone, and of a dataset or column
// the entry. At the level of an operator there is no zone.
func (c *change) restricted(r Restriction) (d Dataset, z Zone, ok bool) {
	const path = "/spec/target"
	zone := ""
	switch r.Level {
	case LevelOperator:
		org, found := ref[Organization](c, KindOrganization, r.Target, path)
		if found && org.Kind != orgOperator {
			c.fault(CodeReference, path, "YC22-35", say("%s is not an operator", "%s 不是运营单位", r.Target))
		}
		return d, z, found
	case LevelLicense:
		l, found := ref[License](c, KindLicense, r.Target, path)
		zone, ok = l.Zone, found
	case LevelScenario:
		s, found := ref[Scenario](c, KindScenario, r.Target, path)
		if ok = found; found {
			l, found := ref[License](c, KindLicense, s.License, path)
			zone, ok = l.Zone, found
		}
	case LevelZone:
		zone, ok = r.Target, true
	default:
		if d, ok = ref[Dataset](c, KindDataset, r.dataset(), path); ok {
			zone = d.Zone
		}
		if _, column, _ := strings.Cut(r.Target, "."); ok && r.Level == LevelColumn &&
			!slices.ContainsFunc(d.Columns, func(col Column) bool { return col.Name == column }) {
			c.fault(CodeReference, path, "YC22-28", say("dataset %s has no such column", "数据集 %s 没有此列", r.dataset()))
		}
	}
	if !ok {
		return d, z, false
	}
	z, ok = ref[Zone](c, KindZone, zone, path)
	d.Zone = zone
	return d, z, ok
}
