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

// protection refuses a version that protects less than an earlier one unless
// the provider and the zone regulator both signed it, with a reason (NJ24-14,
// YC22-25). A column is compared with the last version that had it: taking it
// out and putting it back does not lower its level.
func (c *change) protection(now Dataset, zone Zone) {
	if c.err != nil {
		return
	}
	versions, err := c.tx.r.documents(c.tx.ctx, c.tx.sql,
		`WHERE kind = ? AND name = ? ORDER BY version DESC`, KindDataset, c.doc.Name)
	if err != nil {
		c.err = err
		return
	}
	var lowered []Fault
	note := func(path string, t text) {
		lowered = append(lowered, Fault{CodeProtect, c.doc.Kind, c.doc.Name, path, t.zh, t.en, "NJ24-14"})
	}
	history := make([]Dataset, len(versions))
	for i, v := range versions {
		if history[i], err = SpecOf[Dataset](v.Document); err != nil {
			c.err = err
			return
		}
	}
	last := history[0]
	if last.PersonalInfo && !now.PersonalInfo {
		note("/spec/personal_info", say("personal information is no longer declared", "不再声明含个人信息"))
	}
	if last.PublicSafety && !now.PublicSafety {
		note("/spec/public_safety", say("the effect on public safety is no longer declared", "不再声明影响公共安全"))
	}
	if looser(openTypes, last.OpenType, now.OpenType) {
		note("/spec/open_type", say("opened more widely: %s becomes %s", "开放类型由 %s 放宽为 %s", last.OpenType, now.OpenType))
	}
	if looser(shareTypes, last.ShareType, now.ShareType) {
		note("/spec/share_type", say("shared more widely: %s becomes %s", "共享类型由 %s 放宽为 %s", last.ShareType, now.ShareType))
	}
	if last.Entity != nil && (now.Entity == nil || *last.Entity != *now.Entity) {
		note("/spec/entity", say("the entity key changes", "主体标识列变更"))
	}
	for i, col := range now.Columns {
		old, ok := lastColumn(history, col.Name)
		if !ok {
			continue
		}
		path := fmt.Sprintf("/spec/columns/%d", i)
		if col.Level < old.Level {
			note(path+"/level", say("column %s: the level falls from %d to %d", "列 %s:级别由 %d 降为 %d", col.Name, old.Level, col.Level))
		}
		if old.CauseCode == causeOtherLaw && (col.Level < old.Level || col.CauseCode != causeOtherLaw) {
			c.fault(CodeForbidden, path+"/cause_code", "JM19-30", say("column %s: what another law protects is not re-classed, processed or not", "列 %s:其他法律、法规规定不得开放的,处理后也不得调整类别或级别", col.Name))
		}
		if old.PersonalInfo && !col.PersonalInfo {
			note(path+"/personal_info", say("column %s: personal information is no longer declared", "列 %s:不再声明为个人信息", col.Name))
		}
		if slices.ContainsFunc(col.PublicCodes, func(code string) bool { return !slices.Contains(old.PublicCodes, code) }) {
			note(path+"/public_codes", say("column %s: the list of public codes grows", "列 %s:公开代码表扩大", col.Name))
		}
	}
	if len(lowered) == 0 {
		return
	}
	missing := len(c.faults)
	c.needSignatures(CodeProtect, "NJ24-14", []party{{RoleProvider, now.Provider}, {RoleZoneRegulator, zone.Regulator}})
	if now.ChangeReason == "" || now.ChangeReason == last.ChangeReason {
		c.fault(CodeProtect, "/spec/change_reason", "NJ24-14", say("is missing: say why protection is lowered this time", "缺少本次降低保护的理由"))
	}
	if len(c.faults) > missing {
		c.faults = append(c.faults, lowered...)
	}
}

// lastColumn returns the column of that name from the newest version that has
// it. history is newest first.
func lastColumn(history []Dataset, name string) (Column, bool) {
	for _, d := range history {
		for _, col := range d.Columns {
			if strings.EqualFold(col.Name, name) {
				return col, true
			}
		}
	}
	return Column{}, false
}
