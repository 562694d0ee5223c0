package registry

import (
	"fmt"
	"slices"
)

// PermissionBridge lets a grant have tokens of a column made under the key of
// another zone. They equal that zone's own, so that whoever holds both links
// them.
const PermissionBridge = "bridge"

// bridged returns the zone under whose key the tokens of a column are made, "" if
// it is the column's own.
func (g GrantColumn) bridged() string {
	if g.Recipe == nil {
		return ""
	}
	return g.Recipe.Domain
}

// Bridges returns the zones under whose keys a grant has tokens made, by name.
func (g Grant) Bridges() []string {
	var out []string
	for _, c := range g.Columns {
		if z := c.bridged(); z != "" {
			out = append(out, z)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// bridges checks the columns of a grant in zone own whose tokens another zone's
// key makes. Besides the two who consent to every grant a person of that zone's
// regulator signs it, who is none of them.
func (c *change) bridges(g Grant, own string) {
	for i, col := range g.Columns {
		path, to := fmt.Sprintf("/spec/columns/%d", i), col.bridged()
		permitted := slices.Contains(col.Permissions, PermissionBridge)
		switch {
		case to == "" && permitted && col.Mode == "MASKED":
			c.fault(CodeProtect, path+"/permissions", "NJ24-14", say("column %s: bridge is for tokens of another zone; name it as the recipe's domain, or leave the permission out",
				"列 %s:bridge 仅用于其他专区的令牌;请在 recipe.domain 写明专区,或去掉该权限", col.Name))
		case to == "":
		case to == own:
			c.fault(CodeScope, path+"/recipe/domain", "NJ24-14", say("column %s: %s is its own zone; leave the domain out", "列 %s:%s 即本专区,请去掉 domain", col.Name, to))
		case !permitted:
			c.fault(CodeProtect, path+"/permissions", "NJ24-14", say("column %s: tokens of zone %s link the two zones, which needs the permission bridge",
				"列 %s:使用专区 %s 的令牌将关联两个专区,须列明权限 bridge", col.Name, to))
		}
	}
	for _, to := range g.Bridges() {
		zone, ok := ref[Zone](c, KindZone, to, "/spec/columns")
		if ok && to != own && !slices.ContainsFunc(c.signers, func(s signer) bool {
			return (party{RoleZoneRegulator, zone.Regulator}).admits(s.person) && s.name != g.ZReg.By // no provider is a regulator
		}) {
			c.fault(CodeSignature, "/signatures", "NJ24-15", say("the signature of a person with role %s of %s is missing, who speaks for zone %s and is neither of those who consent",
				"缺少 %[2]s 中角色为 %[1]s 的人员代表专区 %[3]s 的签名,且不得与评估、审核人员为同一人", RoleZoneRegulator, zone.Regulator, to))
		}
	}
}

// bridgeRegulators returns who speaks for the zones that a grant bridges to: each
// may end it.
func (c *change) bridgeRegulators(g Grant) []party {
	var out []party
	for _, to := range g.Bridges() {
		if zone, ok := ref[Zone](c, KindZone, to, "/spec/columns"); ok {
			out = append(out, party{RoleZoneRegulator, zone.Regulator})
		}
	}
	return out
}
