package registry

// qualityRules checks who writes the rules of a dataset: a person of its provider,
// who answers for the quality of the data (NJ24-20). What the contract says is
// not for the registry.
func (c *change) qualityRules() {
	c.parent = c.doc.Name
	entry, ok := ref[Dataset](c, KindDataset, c.doc.Name, "/name")
	if !ok {
		return
	}
	c.zone = entry.Zone
	if c.actor.Organization != entry.Provider {
		c.fault(CodeRole, "", "NJ24-20", say("only a person of %s with the role provider may apply it", "仅 %s 中角色为 provider 的人员可以提交", entry.Provider))
	}
}
