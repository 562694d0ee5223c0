package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// negativeList checks the city authority's list: its signature, and a reason where
// an item of the version before is gone.
func (c *change) negativeList() {
	now, before := specs[NegativeList](c)
	c.needSignatures(CodeSignature, "YC22-18", []party{{RoleCityAuthority, ""}})
	for i, item := range now.Items {
		if slices.ContainsFunc(now.Items[:i], item.same) {
			c.fault(CodeSchema, fmt.Sprintf("/spec/items/%d", i), "YC22-18", say("item %d stands twice", "第 %d 项重复", i+1))
		}
	}
	if before == nil {
		return
	}
	gone := slices.ContainsFunc(before.Items, func(item NegativeItem) bool { return !slices.ContainsFunc(now.Items, item.same) })
	if gone && (now.ChangeReason == "" || now.ChangeReason == before.ChangeReason) {
		c.fault(CodeProtect, "/spec/change_reason", "YC22-18", say("is missing: say why an item is no longer listed", "缺少移出负面清单的理由"))
	}
}

func (n NegativeItem) same(o NegativeItem) bool {
	return n.Dataset == o.Dataset && strings.EqualFold(n.Column, o.Column) && n.Element == o.Element && n.Class == o.Class
}

// Lists says what the item lists of a dataset: all of it, or which columns. The name of
// a column is the item's however it is written: see looks. A name in other words or in
// pinyin is another name; against that an item names the data element or the class,
// whose codes count in any case.
func (n NegativeItem) Lists(dataset string, d Dataset) (whole bool, columns []string) {
	if n.Dataset != "" && n.Dataset != dataset {
		return false, nil
	}
	if n.Dataset != "" && n.Column == "" {
		return true, nil
	}
	for _, col := range d.Columns {
		if n.Dataset != "" && looks(n.Column) == looks(col.Name) ||
			n.Element != "" && strings.EqualFold(n.Element, col.Element) || n.Class != "" && strings.EqualFold(n.Class, col.Class) {
			columns = append(columns, col.Name)
		}
	}
	return false, columns
}

// alike are letters of Greek and Cyrillic that look like Latin ones, as folded has
// them (after confusables.txt of UTS #39). One too many lists a column more.
var alike = strings.NewReplacer(
	"А", "A", "В", "B", "С", "C", "Е", "E", "Н", "H", "І", "I", "Ј", "J", "К", "K", "М", "M", "О", "O", "Р", "P", "Ѕ", "S", "Т", "T", "Х", "X", "У", "Y",
	"Ѵ", "V", "Ԁ", "D", "Ԛ", "Q", "Ԝ", "W", "Һ", "H", "Ӏ", "L",
	"Α", "A", "Β", "B", "Ε", "E", "Ζ", "Z", "Η", "H", "Ι", "I", "Κ", "K", "µ", "M", "Μ", "M", "Ν", "N", "Ο", "O", "Ρ", "P", "Τ", "T", "Υ", "Y", "Χ", "X")

// looks returns what a name has in common with each that people cannot tell from it:
// case, width and composition (NFKC), white space, characters that do not show, and
// letters of other scripts that look the same make no difference.
func looks(name string) string {
	return alike.Replace(folded(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Mn, unicode.Cc, unicode.Other_Default_Ignorable_Code_Point) {
			return -1
		}
		return r
	}, norm.NFKC.String(name))))
}

// Listed says what the negative lists have of a dataset: all of it, or which
// columns.
func Listed(lists []Versioned[NegativeList], dataset string, d Dataset) (whole bool, columns []string) {
	for _, l := range lists {
		for _, item := range l.Spec.Items {
			w, cols := item.Lists(dataset, d)
			whole, columns = whole || w, append(columns, cols...)
		}
	}
	slices.Sort(columns)
	return whole, slices.Compact(columns)
}

// negativeLists returns the lists in force, by name.
func (r *Registry) negativeLists(ctx context.Context, q querier) ([]Versioned[NegativeList], error) {
	rows, err := r.documents(ctx, q, `WHERE kind = ? AND `+newest+` ORDER BY name`, KindNegativeList)
	if err != nil {
		return nil, err
	}
	var all []Versioned[NegativeList]
	for _, s := range rows {
		l, err := decoded[NegativeList](s)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// unlisted refuses to grant what a negative list has.
func (c *change) unlisted(g Grant, d Dataset) {
	if c.err != nil {
		return
	}
	lists, err := c.tx.r.negativeLists(c.tx.ctx, c.tx.sql)
	if err != nil {
		c.err = err
		return
	}
	whole, columns := Listed(lists, g.Dataset, d)
	if whole {
		c.fault(CodeForbidden, "/spec/dataset", "YC22-18", say("dataset %s is on the negative list", "数据集 %s 在负面清单之列", g.Dataset))
	}
	for i, col := range g.Columns {
		if slices.Contains(columns, col.Name) {
			c.fault(CodeForbidden, fmt.Sprintf("/spec/columns/%d/name", i), "YC22-18", say("column %s is on the negative list", "列 %s 在负面清单之列", col.Name))
		}
	}
}
