package registry

import (
	"fmt"
	"slices"
)

// protection refuses a version that protects less than an earlier one unless
// the provider and the zone regulator both signed it, with a reason (NJ24-14,
// YC22-25). Each column is compared with every one that it may have been before:
// see past.
func (c *change) protection(now Dataset, zone Zone) {
	if c.err != nil {
		return
	}
	history, err := c.earlier()
	if err != nil {
		c.err = err
		return
	}
	lists, err := c.tx.r.negativeLists(c.tx.ctx, c.tx.sql)
	if err != nil {
		c.err = err
		return
	}
	var lowered []Fault
	note := func(path string, t text) {
		lowered = append(lowered, Fault{CodeProtect, c.doc.Kind, c.doc.Name, path, t.zh, t.en, "NJ24-14"})
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
	before := pastOf(history, now)
	for i, col := range now.Columns {
		path := fmt.Sprintf("/spec/columns/%d", i)
		was, gone := before.of(col)
		for _, old := range was {
			if old.CauseCode == causeOtherLaw && (col.Level < old.Level || col.CauseCode != causeOtherLaw) {
				c.fault(CodeForbidden, path+"/cause_code", "JM19-30", say("column %s: what another law protects is not re-classed, processed or not", "列 %s:其他法律、法规规定不得开放的,处理后也不得调整类别或级别", col.Name))
			}
			for _, l := range c.weaker(lists, old, col) {
				note(path+l.path, text{"column " + col.Name + ": " + l.en, "列 " + col.Name + ":" + l.zh})
			}
		}
		for _, old := range gone {
			if less := c.weaker(lists, old, col); len(less) > 0 {
				t := say("column %s is new while column %s is gone, whose values it may hold: ", "列 %s 为新增,而原列 %s 已不在条目中,新列可能承载其取值:", col.Name, old.Name)
				note(path+"/name", text{t.en + less[0].en, t.zh + less[0].zh})
				break
			}
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

// earlier returns every version of the entry, the newest first.
func (c *change) earlier() ([]Dataset, error) {
	versions, err := c.tx.r.documents(c.tx.ctx, c.tx.sql, `WHERE kind = ? AND name = ? ORDER BY version DESC`, KindDataset, c.doc.Name)
	if err != nil {
		return nil, err
	}
	history := make([]Dataset, len(versions))
	for i, v := range versions {
		if history[i], err = SpecOf[Dataset](v.Document); err != nil {
			return nil, err
		}
	}
	return history, nil
}

// past is what the columns of a version may have been in those before.
//
// A column is what it says it is: the last of its name, so that taking a column out
// and putting it back does not lower it; and the last that bore the title or the data
// element that it bears anew, if that one bears it no longer, so that two columns do
// not exchange what they hold.
//
// Or it is what it does not say. A version tells nothing of values: where a name is
// new and another is gone, the one may be the other under a new name. So a column
// whose name no version had is compared with the last of every name that a version
// had and this one has not, whatever its type or title and however long ago. That is
// strict: where a column of level 3 was ever taken out, each new one of a lower level
// takes the regulator's signature. What fills a column of an old name with other
// values is for the load to see, which looks at them.
type past struct {
	last    map[string]Column   // the newest of each name
	gone    []Column            // those of names that are not there now
	bore    map[string][]Column // by title: its bearers in the newest version that has it
	held    map[string][]Column // by data element, as bore
	present map[string]Column   // of the version itself, by name
}

// pastOf reads the versions before now, the newest first.
func pastOf(history []Dataset, now Dataset) past {
	p := past{map[string]Column{}, nil, map[string][]Column{}, map[string][]Column{}, map[string]Column{}}
	for _, col := range now.Columns {
		p.present[folded(col.Name)] = col
	}
	for _, d := range history {
		bore, held := map[string][]Column{}, map[string][]Column{}
		for _, col := range d.Columns {
			bore[col.Title], held[col.Element] = append(bore[col.Title], col), append(held[col.Element], col)
			name := folded(col.Name)
			if _, newer := p.last[name]; newer {
				continue
			}
			p.last[name] = col
			if _, stays := p.present[name]; !stays {
				p.gone = append(p.gone, col)
			}
		}
		for title, all := range bore {
			if p.bore[title] == nil {
				p.bore[title] = all
			}
		}
		for element, all := range held {
			if p.held[element] == nil {
				p.held[element] = all
			}
		}
	}
	return p
}

// of returns the columns that col says it is, and those that it may be without
// saying so.
func (p past) of(col Column) (was, gone []Column) {
	own, known := p.last[folded(col.Name)]
	if known {
		was = append(was, own)
	} else {
		gone = p.gone
	}
	if col.Title != "" && col.Title != own.Title {
		for _, old := range p.bore[col.Title] {
			if p.present[folded(old.Name)].Title != old.Title {
				was = append(was, old)
			}
		}
	}
	if col.Element != "" && col.Element != own.Element {
		for _, old := range p.held[col.Element] {
			if p.present[folded(old.Name)].Element != old.Element {
				was = append(was, old)
			}
		}
	}
	return was, gone
}

// less is one respect in which a column is protected less than before.
type less struct {
	path string // below the column
	text
}

// weaker returns in what respects now is protected less than was: its level, its
// personal information, another law, its public codes, and whether a negative list
// has it.
func (c *change) weaker(lists []Versioned[NegativeList], was, now Column) []less {
	var all []less
	if now.Level < was.Level {
		all = append(all, less{"/level", say("the level falls from %d to %d", "级别由 %d 降为 %d", was.Level, now.Level)})
	}
	if was.PersonalInfo && !now.PersonalInfo {
		all = append(all, less{"/personal_info", say("personal information is no longer declared", "不再声明为个人信息")})
	}
	if was.CauseCode == causeOtherLaw && now.CauseCode != causeOtherLaw {
		all = append(all, less{"/cause_code", say("the protection of another law is no longer declared", "不再声明受其他法律、法规保护")})
	}
	if slices.ContainsFunc(now.PublicCodes, func(code string) bool { return !slices.Contains(was.PublicCodes, code) }) {
		all = append(all, less{"/public_codes", say("the list of public codes grows", "公开代码表扩大")})
	}
	listed := func(col Column) bool {
		whole, columns := Listed(lists, c.doc.Name, Dataset{Columns: []Column{col}})
		return !whole && len(columns) > 0
	}
	if listed(was) && !listed(now) {
		all = append(all, less{"/class", say("it leaves the negative list", "脱离负面清单")})
	}
	return all
}
