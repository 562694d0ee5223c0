package registry

import (
	"fmt"
	"slices"
	"strings"
)

const openProhibited = "PROHIBITED"

// dataset checks a catalogue entry. It is the provider's word, put into force
// with the city authority's; what it says of levels and types only becomes
// stricter without the regulator.
func (c *change) dataset() {
	now, before := specs[Dataset](c)
	c.parent, c.zone = now.Zone, now.Zone
	if before != nil {
		c.fixed("/spec/zone", before.Zone, now.Zone)
		c.fixed("/spec/provider", before.Provider, now.Provider)
	}
	c.entryOrganizations(now)
	c.entryMover(now)
	zone, zoneKnown := ref[Zone](c, KindZone, now.Zone, "/spec/zone")
	c.columns(now)
	c.entryRules(now)
	c.oneSource(now)
	if c.old != nil && zoneKnown {
		c.protection(now, zone)
	}
}

func (c *change) columns(d Dataset) {
	if d.SecretFlag {
		c.fault(CodeForbidden, "/spec/secret_flag", "NJ24-02", say("secrets are never taken into a zone", "涉密数据不得进入专区"))
	}
	seen := make(map[string]bool)
	for i, col := range d.Columns {
		path := fmt.Sprintf("/spec/columns/%d", i)
		// The engine resolves names without regard to case.
		if key := strings.ToLower(col.Name); seen[key] {
			c.fault(CodeSchema, path+"/name", "", say("column %s: the name stands twice, apart from case", "列 %s:名称重复(不区分大小写)", col.Name))
		} else {
			seen[key] = true
		}
		if col.SecretFlag {
			c.fault(CodeForbidden, path+"/secret_flag", "NJ24-02", say("column %s: secrets are never taken into a zone", "列 %s:涉密数据不得进入专区", col.Name))
		}
		if col.PersonalInfo && !d.PersonalInfo {
			c.fault(CodeSchema, "/spec/personal_info", "NJ24-02", say("must be true: column %s is personal information", "须为 true:列 %s 属于个人信息", col.Name))
		}
		var p, s int
		if n, _ := fmt.Sscanf(col.Type, "decimal(%d,%d)", &p, &s); n == 2 && s > p {
			c.fault(CodeSchema, path+"/type", "", say("column %s: more digits after the point than in all", "列 %s:小数位数多于总位数", col.Name))
		}
	}
	c.key(d)
	switch {
	case d.Entity == nil && d.PersonalInfo:
		c.fault(CodeSchema, "/spec/entity", "NJ24-16", say("is missing: a dataset with personal information must name whom a row is about", "缺少 entity:含个人信息的数据集须声明主体标识列"))
	case d.Entity != nil && !slices.ContainsFunc(d.Columns, func(col Column) bool { return col.Name == d.Entity.Column }):
		c.fault(CodeReference, "/spec/entity/column", "", say("there is no column %s", "没有列 %s", d.Entity.Column))
	}
}

// key checks the columns that tell rows apart. Numbers of float64 that are equal
// may not look it.
func (c *change) key(d Dataset) {
	for i, name := range d.Key {
		path := fmt.Sprintf("/spec/key/%d", i)
		at := slices.IndexFunc(d.Columns, func(col Column) bool { return col.Name == name })
		switch {
		case at < 0:
			c.fault(CodeReference, path, "", say("there is no column %s", "没有列 %s", name))
		case d.Columns[at].Nullable:
			c.fault(CodeSchema, path, "", say("column %s of the key must not be nullable", "主键列 %s 不得允许空值", name))
		case d.Columns[at].Type == "float64":
			c.fault(CodeSchema, path, "", say("column %s of the key must not be float64", "主键列 %s 不得为 float64", name))
		}
	}
}
