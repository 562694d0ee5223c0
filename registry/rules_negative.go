package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
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

// Lists says what the item lists of a dataset: all of it, or which columns.
func (n NegativeItem) Lists(dataset string, d Dataset) (whole bool, columns []string) {
	if n.Dataset != "" && n.Dataset != dataset {
		return false, nil
	}
	if n.Dataset != "" && n.Column == "" {
		return true, nil
	}
	for _, col := range d.Columns {
		if n.Dataset != "" && strings.EqualFold(n.Column, col.Name) ||
			n.Element != "" && n.Element == col.Element || n.Class != "" && n.Class == col.Class {
			columns = append(columns, col.Name)
		}
	}
	return false, columns
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
