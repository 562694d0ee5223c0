package query_test

import (
	"fmt"
	"slices"
	"strings"
)

// A layout is what the columns of a set operation are: t text, n numbers, k tokens.
var unionLayouts = []string{"t", "tn", "tn", "tn", "n", "tnn", "ktn", "ktn", "kn"}

// union writes rows of several queries one below the other. clear tells that no
// column may be compute-only.
func (g *grammar) union(depth int, layout string, clear bool) (string, []grammarColumn) {
	var parts []string
	var columns []grammarColumn
	for n := 2 + g.IntN(2)*g.IntN(2); len(parts) < n; {
		sql, own := g.part(depth, layout, clear)
		if sql == "" {
			continue
		}
		parts = append(parts, sql)
		if columns == nil {
			columns = own
			continue
		}
		for i := range columns {
			columns[i].kind = unionKind(columns[i].kind, own[i].kind)
			columns[i].null = true
		}
	}
	return strings.Join(parts, " UNION ALL "), columns
}

// unionKind is what may be done with a column that is one or the other.
func unionKind(a, b columnKind) columnKind {
	has := func(k ...columnKind) bool {
		for _, x := range k {
			if a == x || b == x {
				return true
			}
		}
		return false
	}
	switch {
	case a == b && a != kindCode && a != kindIncome && a != kindPay:
		return a
	case has(kindSpoiled, kindCode):
		return kindSpoiled
	case has(kindIncome, kindPay, kindSummed):
		return kindSummed
	case has(kindPerHead):
		return kindPerHead
	case has(kindWords):
		return kindWords
	case has(kindWhole):
		return kindWhole
	}
	return a
}

// part writes one input of a union, "" if nothing it can read has such columns.
func (g *grammar) part(depth int, layout string, clear bool) (string, []grammarColumn) {
	tokens := strings.Contains(layout, "k")
	switch n := g.IntN(20); {
	case n < 2 && !tokens: // constants
		return g.rows(layout)
	case n < 6 && tokens && strings.Contains(layout, "n"):
		return g.entityPart(layout)
	case n < 6 && !tokens && layout[0] == 't':
		return g.groupPart(layout)
	case n < 10 && depth < 2:
		from, rels, conds := g.from(depth + 1)
		return g.picked(layout, from, rels, conds, clear)
	case n < 14 && depth < 2:
		r := g.relation(depth, true)
		return g.picked(layout, r.sql, []grammarRel{r}, nil, clear)
	case n < 17:
		r := g.table(0, visitColumns)
		return g.picked(layout, r.sql, []grammarRel{r}, nil, clear)
	case n < 18 && !tokens:
		r := g.table(2, codeColumns)
		return g.picked(layout, r.sql, []grammarRel{r}, nil, clear)
	}
	r := g.table(1, personColumns)
	return g.picked(layout, r.sql, []grammarRel{r}, nil, clear)
}

// picked writes a SELECT of columns as layout says.
func (g *grammar) picked(layout, from string, rels []grammarRel, conds []string, clear bool) (string, []grammarColumn) {
	var list []string
	var columns []grammarColumn
	for _, letter := range layout {
		var found []grammarColumn
		for _, r := range rels {
			for _, c := range r.columns {
				secret := c.kind == kindIncome || c.kind == kindPay || c.kind == kindCode || c.kind == kindSummed || c.kind == kindSpoiled
				if c.letter() == letter && (!secret || !clear && c.kind != kindSpoiled && g.chance(40)) {
					c.name = r.alias + "." + c.name
					found = append(found, c)
				}
			}
		}
		if letter == 'n' && g.chance(4) {
			found = []grammarColumn{{"7", kindPeople, false}}
		}
		if len(found) == 0 {
			return "", nil
		}
		c := found[g.IntN(len(found))]
		name := g.alias("u")
		list = append(list, c.name+" AS "+name)
		c.name = name
		columns = append(columns, c)
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + from + g.where(rels, conds), columns
}

// letter is the letter of a layout under which c may stand.
func (c grammarColumn) letter() rune {
	switch c.kind {
	case kindToken:
		return 'k'
	case kindWords, kindTitle, kindCode:
		return 't'
	}
	return 'n'
}

// whole is the first column of numbers in the clear.
func (r grammarRel) whole() string {
	i := slices.IndexFunc(r.columns, func(c grammarColumn) bool { return c.kind == kindWhole })
	return r.alias + "." + r.columns[i].name
}

// rows writes constants.
func (g *grammar) rows(layout string) (string, []grammarColumn) {
	var columns []grammarColumn
	row := func() string {
		var cells []string
		columns = nil
		for _, letter := range layout {
			if letter == 't' {
				cells, columns = append(cells, []string{"'a'", "'bk'", "'z'"}[g.IntN(3)]), append(columns, grammarColumn{g.alias("u"), kindTitle, false})
			} else {
				cells, columns = append(cells, fmt.Sprint(g.IntN(9))), append(columns, grammarColumn{g.alias("u"), kindPeople, false})
			}
		}
		return strings.Join(cells, ", ")
	}
	if g.chance(50) {
		sql := "VALUES (" + row() + "), (" + row() + ")"
		for i := range columns {
			columns[i].name = fmt.Sprintf("col%d", i)
		}
		return sql, columns
	}
	sql := row()
	cells := strings.Split(sql, ", ")
	for i := range cells {
		cells[i] += " AS " + columns[i].name
	}
	return "SELECT " + strings.Join(cells, ", "), columns
}

// entityPart writes groups that are entities.
func (g *grammar) entityPart(layout string) (string, []grammarColumn) {
	r := g.table(0, visitColumns)
	if g.chance(30) {
		r = g.table(1, personColumns)
	}
	a := r.alias
	var list, keys []string
	var columns []grammarColumn
	for _, letter := range layout {
		name := g.alias("u")
		switch letter {
		case 'k':
			list, keys, columns = append(list, a+".id AS "+name), append(keys, a+".id"), append(columns, grammarColumn{name, kindToken, true})
		case 't':
			list, keys, columns = append(list, a+".g AS "+name), append(keys, a+".g"), append(columns, grammarColumn{name, kindWords, true})
		default:
			figure := "count(*)"
			if r.columns[0] == visitColumns[0] && g.chance(60) {
				figure = []string{"sum", "avg"}[g.IntN(2)] + "(" + a + "." + []string{"h", "x"}[g.IntN(2)] + ")"
			}
			list, columns = append(list, figure+" AS "+name), append(columns, grammarColumn{name, kindPerHead, true})
		}
	}
	if g.chance(40) {
		keys = append(keys, r.whole())
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + r.sql + g.where([]grammarRel{r}, nil) + " GROUP BY " + strings.Join(keys, ", "), columns
}

// groupPart writes released groups of a table: text first, then counts.
func (g *grammar) groupPart(layout string) (string, []grammarColumn) {
	r := g.table(0, visitColumns)
	if g.chance(40) {
		r = g.table(1, personColumns)
	}
	columns := []grammarColumn{{g.alias("u"), kindTitle, true}}
	list := []string{r.alias + ".g AS " + columns[0].name}
	for range layout[1:] {
		c := grammarColumn{g.alias("u"), kindFigure, true}
		list = append(list, []string{"count(*)", "count(" + r.alias + ".g)", "sum(" + r.whole() + ")"}[g.IntN(3)]+" AS "+c.name)
		columns = append(columns, c)
	}
	sql := "SELECT " + strings.Join(list, ", ") + " FROM " + r.sql + g.where([]grammarRel{r}, nil) + " GROUP BY " + r.alias + ".g"
	if layout == "t" && g.chance(50) {
		sql += ", " + r.whole() + " % 2" // the same text more than once
	}
	if g.chance(20) {
		sql = "(" + sql + g.sorted(columns, 1) + ")"
	}
	return sql, columns
}

// setOperation writes one over released groups, open data and constants.
func (g *grammar) setOperation() (string, []grammarColumn) {
	layout := []string{"t", "tn"}[g.IntN(2)]
	var columns []grammarColumn
	input := func() string {
		var sql string
		var own []grammarColumn
		switch n := g.IntN(6); {
		case n < 3:
			sql, own = g.groupPart(layout)
		case n < 5:
			r := g.table(2, codeColumns)
			sql, own = g.picked(layout, r.sql, []grammarRel{r}, nil, true)
		default:
			sql, own = g.rows(layout)
		}
		if columns == nil {
			columns = own
		}
		return sql
	}
	all := []string{"", "", " ALL"}
	sql := input() + " " + []string{"UNION", "EXCEPT", "INTERSECT"}[g.IntN(3)] + all[g.IntN(3)] + " " + input()
	if g.chance(20) {
		sql = "(" + sql + ") " + []string{"UNION", "EXCEPT", "INTERSECT"}[g.IntN(3)] + all[g.IntN(3)] + " " + input()
	}
	for i := range columns {
		columns[i] = grammarColumn{columns[i].name, []columnKind{kindTitle, kindFigure}[i], true}
	}
	return sql, columns
}

// sets writes a set operation as the answer.
func (g *grammar) sets() string {
	var sql string
	var columns []grammarColumn
	switch n := g.IntN(10); {
	case n < 5:
		sql, columns = g.union(0, unionLayouts[g.IntN(len(unionLayouts))], true)
	case n < 9:
		sql, columns = g.setOperation()
	default:
		sql, columns = g.rows("tn")
		sql += " UNION ALL SELECT 'n', " + g.scalar()
	}
	if g.chance(40) {
		sql += g.sorted(columns, 0)
	}
	return sql
}
