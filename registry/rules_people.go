package registry

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	zoneComprehensive = "COMPREHENSIVE"
	zoneIndustry      = "INDUSTRY"

	timeLayout = time.RFC3339Nano
)

// statusFields are the fields by which a document is suspended, ended or taken
// up again; all else is its content.
var statusFields = []string{"status", "status_reason"}

func (c *change) organization() {
	now, before := specs[Organization](c)
	if before != nil {
		c.fixed("/spec/kind", before.Kind, now.Kind)
	}
}

// person checks a person applied by somebody else: nobody changes their own
// roles.
func (c *change) person() {
	if c.doc.Name == c.by {
		c.fault(CodeRole, "", "NJ24-04", say("nobody applies their own person document", "任何人不得提交本人的人员文档"))
	}
	c.anyPerson()
}

func (c *change) anyPerson() {
	now, before := specs[Person](c)
	c.parent = now.Organization
	if before != nil {
		c.fixed("/spec/organization", before.Organization, now.Organization)
	}
	if org, ok := ref[Organization](c, KindOrganization, now.Organization, "/spec/organization"); ok {
		for i, role := range now.Roles {
			if !slices.Contains(roleHomes[role], org.Kind) {
				c.fault(CodeExclusion, fmt.Sprintf("/spec/roles/%d", i), "NJ24-04",
					say("people of an organization of kind %s cannot have the role %s", "%s 类机构的人员不能具有 %s 角色", org.Kind, role))
			}
		}
	}
	for i, a := range now.Roles {
		for _, b := range now.Roles[:i] {
			if exclude(a, b) {
				c.fault(CodeExclusion, "/spec/roles", "NJ24-04", say("the roles %s and %s exclude each other", "角色 %s 与 %s 互斥", b, a))
			}
		}
	}
	if slices.Contains(now.Roles, RoleOperator) && len(now.Permissions) > 0 {
		c.fault(CodeForbidden, "/spec/permissions", "YC22-39", say("people of operators copy, export, mask and destroy nothing", "运营单位人员不得复制、导出、脱敏或销毁数据"))
	}
	c.claimKey(now.SigningKey)
	c.claimIdentity(now.OIDC)
	c.claimCertificates(now.Certificates)
}

// claimKey binds a signing key to this person.
func (c *change) claimKey(key string) {
	const path = "/spec/signing_key"
	if c.err != nil {
		return
	}
	if _, err := base64.StdEncoding.Strict().DecodeString(key); err != nil {
		c.fault(CodeSchema, path, "", say("is not base64 in its one canonical form", "不是规范的 base64 编码"))
		return
	}
	c.claim(findKey, bindKey, key, path, say("is the key of another person", "是其他人员的公钥"))
}

// claimIdentity binds what a provider of identities calls somebody to this person.
func (c *change) claimIdentity(id *Identity) {
	if id != nil {
		c.claim(findIdentity, bindIdentity, id.digest(), "/spec/oidc", say("is the identity of another person", "是其他人员的认证标识"))
	}
}

// claimCertificates binds the keys of client certificates to this person.
func (c *change) claimCertificates(pins []string) {
	for i, pin := range pins {
		c.claim(findCertificate, bindCertificate, pin, fmt.Sprintf("/spec/certificates/%d", i), say("is the certificate of another person", "是其他人员的证书"))
	}
}

// claim binds what somebody is recognised by to this person for ever: two people whom
// one key makes, or one sign-in, would be one with two votes.
func (c *change) claim(find, bind string, what any, path string, anothers text) {
	if c.err != nil {
		return
	}
	owner, err := ownerOf(c.tx.ctx, c.tx.sql, find, what)
	switch {
	case errors.Is(err, ErrNotFound):
		_, err = c.tx.sql.ExecContext(c.tx.ctx, bind, what, c.doc.Name)
	case err == nil && owner != c.doc.Name:
		c.fault(CodeExclusion, path, "NJ24-15", anothers)
	}
	if err != nil {
		c.err = fmt.Errorf("registry: store what %s is recognised by: %w", c.doc.Name, err)
	}
}

func (c *change) zoneRules() {
	now, before := specs[Zone](c)
	c.zone = c.doc.Name
	home := orgIndustryAuthority
	if now.Kind == zoneComprehensive {
		home = orgCityAuthority
	}
	if org, ok := ref[Organization](c, KindOrganization, now.Regulator, "/spec/regulator"); ok && org.Kind != home {
		c.fault(CodeReference, "/spec/regulator", "NJ24-06", say("the regulator of a zone of kind %s must be an organization of kind %s", "%s 专区的监管部门须为 %s 类机构", now.Kind, home))
	}
	for i, r := range now.Responsible {
		ref[Person](c, KindPerson, r.Person, fmt.Sprintf("/spec/responsible/%d/person", i))
	}
	if before != nil {
		c.fixed("/spec/kind", before.Kind, now.Kind)
		if before.TokenAlgorithm != now.TokenAlgorithm {
			c.permitted(PermissionRecipe, "/spec/token_algorithm", c.by, c.actor)
		}
	}
	c.zoneMover(now, before)
}

// zoneMover checks who applies a zone: the city authority anything, the data
// centre a new zone or a suspension, the zone's own regulator its status
// (NJ24-06, NJ24-23).
func (c *change) zoneMover(now Zone, before *Zone) {
	statusOnly := c.onlyDiffers("status")
	switch {
	case c.has(RoleCityAuthority):
	case c.has(RoleDataCentre) && before == nil:
	case c.has(RoleDataCentre) && statusOnly && now.Status == StatusSuspended:
	case c.has(RoleZoneRegulator) && statusOnly && c.actor.Organization == before.Regulator:
	default:
		c.fault(CodeRole, "", "NJ24-06", say("%s may not make this change to the zone", "%s 无权对该专区作此变更", c.by))
	}
}
