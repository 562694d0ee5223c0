package registry

import (
	"fmt"
	"slices"
)

const (
	regimeDisclosure = "GOVERNMENT_INFORMATION"
	regimeSecret     = "STATE_SECRET"

	causeStateSecret = "STATE_SECRET"
	causeOtherLaw    = "OTHER_LAW"

	categoryBase = "BASE"
	itemBase     = "BASE"

	// FormatTable is the one format of entries whose data are loaded.
	FormatTable = "TABLE"

	shareUnconditional = "UNCONDITIONAL"
)

// The share and open types, the strictest first.
var (
	shareTypes = []string{"NONE", "CONDITIONAL", shareUnconditional}
	openTypes  = []string{openProhibited, "CONDITIONAL", "UNCONDITIONAL"}
)

// looser reports whether now stands behind was in types, the strictest first.
func looser(types []string, was, now string) bool {
	return slices.Index(types, now) > slices.Index(types, was)
}

// entryOrganizations checks that those an entry names are registered: exactly one
// responsible provider (NJ19-07), its collector and auditor (YC22-09), and who
// builds a theme library.
func (c *change) entryOrganizations(d Dataset) {
	if org, ok := ref[Organization](c, KindOrganization, d.Provider, "/spec/provider"); ok && !slices.Contains(roleHomes[RoleProvider], org.Kind) {
		c.fault(CodeReference, "/spec/provider", "NJ24-03", say("%s is not an organization that provides data", "%s 不是数据提供单位", d.Provider))
	}
	ref[Organization](c, KindOrganization, d.Collector, "/spec/collector")
	ref[Organization](c, KindOrganization, d.Auditor, "/spec/auditor")
	if d.Category.Lead != "" {
		ref[Organization](c, KindOrganization, d.Category.Lead, "/spec/category/lead")
	}
	for i, name := range d.Category.CoBuilder {
		ref[Organization](c, KindOrganization, name, fmt.Sprintf("/spec/category/co_builders/%d", i))
	}
}

// entryMover checks who puts an entry into force. What says PUBLISHED is signed by
// its author, a person of the provider, and by its approver, a person of the city
// authority (NJ19-16): no organization has people of both roles, so these are two
// people of two organizations. Either of the two hands it in. Either of them
// alone, and unsigned, suspends or retires what is published.
func (c *change) entryMover(d Dataset) {
	author, approver := party{RoleProvider, d.Provider}, party{RoleCityAuthority, ""}
	if !author.admits(c.actor) && !approver.admits(c.actor) {
		c.fault(CodeRole, "/spec/provider", "NJ24-14", say("only a person of %s with the role provider, or the city authority, may apply it", "仅 %s 中角色为 provider 的人员或市数据主管部门可以提交", d.Provider))
	}
	if d.Status == StatusPublished {
		c.needSignatures(CodeSignature, "NJ19-16", []party{author, approver})
		return
	}
	if !c.onlyDiffers(statusFields...) {
		c.fault(CodeImmutable, "/spec/status", "NJ19-16", say("suspending or retiring changes the status of a published entry and nothing else", "暂停或注销只能变更已发布条目的状态"))
	}
}

// entryRules checks what the regulations say of an entry whatever the city: its
// regime, base items, causes and formats. What differs by city is policy's.
func (c *change) entryRules(d Dataset) {
	switch d.Regime {
	case regimeSecret:
		c.fault(CodeForbidden, "/spec/regime", "NJ19-02", say("state secrets are handled under the law of secrecy and never catalogued in a zone", "涉及国家秘密的,按保密法律法规管理,不得编入专区目录"))
	case regimeDisclosure:
		c.fault(CodeForbidden, "/spec/regime", "NJ19-02", say("this is government information: hand it to the office of government information disclosure, under whose rules it is published; it is not catalogued here",
			"属于政府信息公开的,请转本单位政府信息公开工作机构依《政府信息公开条例》办理,不编入专区目录"))
	}
	for i, col := range d.Columns {
		path := fmt.Sprintf("/spec/columns/%d", i)
		if col.CauseCode == causeStateSecret {
			c.fault(CodeForbidden, path+"/cause_code", "NJ24-02", say("column %s: secrets are never taken into a zone", "列 %s:涉密数据不得进入专区", col.Name))
		}
		if col.Item != "" && d.Category.Kind != categoryBase {
			c.fault(CodeSchema, path+"/item", "SY20-19", say("column %s: only entries of a base library have base and business items", "列 %s:仅基础库条目区分基础数据项与业务数据项", col.Name))
		}
		// Between departments; an operator's grant takes its two consents all the same (NJ24-15).
		if col.Item == itemBase && d.ShareType != shareUnconditional {
			c.fault(CodeSchema, "/spec/share_type", "JM19-19", say("must be %s: column %s is a base item of a base library", "须为 %s:列 %s 为基础库的基础数据项", shareUnconditional, col.Name))
		}
	}
}
