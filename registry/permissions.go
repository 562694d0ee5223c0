package registry

import (
	"reflect"
	"slices"
)

// Permits reports whether the city authority has given p the permission.
func (p Person) Permits(permission string) bool { return slices.Contains(p.Permissions, permission) }

// permitted faults a person who lacks a permission.
func (c *change) permitted(permission, path, name string, p Person) {
	if !p.Permits(permission) {
		c.fault(CodePermit, path, "YC22-39", say("%s does not have the permission %s", "%s 不具有 %s 权限", name, permission))
	}
}

// oldGrant returns the grant in force, nil if there is none.
func (c *change) oldGrant() *Grant {
	_, before := specs[Grant](c)
	return before
}

// masksDiffer reports whether a grant says of some column how it is shown what the
// grant before it did not: any of a new one, and any that is shown otherwise now.
func masksDiffer(now Grant, before *Grant) bool {
	return before == nil || slices.ContainsFunc(now.Columns, func(n GrantColumn) bool {
		return !slices.ContainsFunc(before.Columns, func(b GrantColumn) bool {
			return b.Name == n.Name && b.Mode == n.Mode && reflect.DeepEqual(b.Recipe, n.Recipe)
		})
	})
}

// retention checks that the log is kept for less time than before by the word of
// the city authority and of the security officer or a regulator only, and never
// by that of the data centre alone. The shortest time, that of the Cybersecurity
// Law §21, is in the schema.
func (c *change) retention() {
	now, before := specs[Retention](c)
	if before != nil && now.Months >= before.Months {
		if !c.has(RoleCityAuthority) && !c.has(RoleDataCentre) {
			c.fault(CodeRole, "", "JM19-36", say("%s may not make the time longer", "%s 无权延长留存期限", c.by))
		}
		return
	}
	c.needSignatures(CodeSignature, "JM19-36", []party{{RoleCityAuthority, ""}})
	if !c.signedBy(party{RoleSecurity, ""}) && !c.signedBy(party{RoleZoneRegulator, ""}) || !c.apart() {
		c.fault(CodeSignature, "/signatures", "JM19-36", say("a shorter time takes the signature of the security officer or of a regulator of another person than the city authority's",
			"缩短留存期限须有安全保密人员或监管部门另一人员的签名"))
	}
}

// apart reports whether two people signed, one of them of the city authority.
func (c *change) apart() bool {
	return slices.ContainsFunc(c.signers, func(a signer) bool {
		return slices.Contains(a.person.Roles, RoleCityAuthority) && slices.ContainsFunc(c.signers, func(b signer) bool {
			return b.name != a.name && (slices.Contains(b.person.Roles, RoleSecurity) || slices.Contains(b.person.Roles, RoleZoneRegulator))
		})
	})
}
