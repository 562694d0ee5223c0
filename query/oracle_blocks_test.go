package query_test

import (
	"fmt"
	"strings"
)

// perEntity writes a block whose groups are entities, so that the block around
// it has to count them.
func (g *grammar) perEntity(depth int) (string, []grammarColumn) {
	from, rels, conds := g.from(depth)
	r := rels[g.IntN(len(rels))]
	var keys, list []string
	var columns []grammarColumn
	for _, c := range r.columns {
		if c.kind == kindToken && (c.name == "id" || g.chance(35)) || c.kind == kindWords && g.chance(40) {
			keys = append(keys, r.alias+"."+c.name)
			list = append(list, r.alias+"."+c.name+" AS k"+fmt.Sprint(len(keys)))
			columns = append(columns, grammarColumn{"k" + fmt.Sprint(len(keys)), c.kind, true})
		}
	}
	if len(keys) == 0 {
		return g.aggregate(depth, false)
	}
	for range 1 + g.IntN(2) {
		a := "count(*)"
		if !g.chance(35) {
			o := rels[g.IntN(len(rels))]
			if c := o.columns[g.IntN(len(o.columns))]; c.kind == kindWhole || c.kind == kindIncome || c.kind == kindPay || c.kind == kindPerHead {
				a = []string{"sum", "avg"}[g.IntN(2)] + "(" + o.alias + "." + c.name + ")"
			}
		}
		if g.chance(4) {
			a += " FILTER (WHERE " + g.condition(r) + ")"
		}
		name := g.alias("v")
		list = append(list, a+" AS "+name)
		columns = append(columns, grammarColumn{name, kindPerHead, true})
	}
	sql := "SELECT " + strings.Join(list, ", ") + " FROM " + from + g.where(rels, conds) + " GROUP BY " + strings.Join(keys, ", ")
	if g.chance(20) {
		sql += " HAVING count(*) > 1"
	}
	return sql, columns
}

// aggregate writes a block that groups; at depth 0 it is the answer.
func (g *grammar) aggregate(depth int, ordered bool) (string, []grammarColumn) {
	from, rels, conds := g.from(depth)
	return g.aggregateOf(from, rels, conds, depth, ordered)
}

func (g *grammar) aggregateOf(from string, rels []grammarRel, conds []string, depth int, ordered bool) (string, []grammarColumn) {
	where := g.where(rels, conds)
	var list, keys []string
	var columns []grammarColumn
	keyed := false
	for range []int{0, 1, 1, 1, 1, 2, 2}[g.IntN(7)] {
		e, c := g.key(rels)
		if e == "" {
			continue
		}
		c.name = g.alias("k")
		list, columns = append(list, e+" AS "+c.name), append(columns, c)
		keyed = true
		switch g.IntN(4) {
		case 0:
			keys = append(keys, fmt.Sprint(len(list)))
		case 1:
			keys = append(keys, c.name)
		default:
			keys = append(keys, e)
		}
	}
	distinct := g.chance(10)
	if !keyed || !distinct || g.chance(50) {
		for range 1 + g.IntN(3) {
			name := g.alias("n")
			list = append(list, g.cell(rels)+" AS "+name)
			columns = append(columns, grammarColumn{name, kindFigure, true})
		}
	}
	grouped := len(columns) > 0 && columns[len(columns)-1].kind == kindFigure && strings.Contains(list[len(list)-1], "(")
	sql := "SELECT "
	if distinct {
		sql += "DISTINCT "
	}
	sql += strings.Join(list, ", ") + " FROM " + from + where
	if grouped && keyed {
		if g.chance(15) {
			sql += " GROUP BY ALL"
		} else {
			sql += " GROUP BY " + strings.Join(keys, ", ")
		}
	}
	if grouped && g.chance(25) {
		having := g.cell(rels) + fmt.Sprintf(" > %d", g.IntN(6))
		switch {
		case g.chance(30):
			having += " AND count(*) < 40"
		case g.chance(10):
			having = g.total(rels) + " > " + g.scalar()
		}
		sql += " HAVING " + having
	}
	if ordered || depth > 0 && g.chance(15) {
		sql += g.sorted(columns, depth)
	}
	return sql, columns
}

// sorted writes ORDER BY over every output, so that LIMIT cuts in one place.
func (g *grammar) sorted(columns []grammarColumn, depth int) string {
	var keys []string
	for i, c := range columns {
		if c.kind == kindToken || c.kind == kindCode || c.kind == kindSummed || c.kind == kindSpoiled {
			return ""
		}
		key := fmt.Sprint(i + 1)
		if g.chance(50) {
			key = c.name
		}
		keys = append(keys, key+[]string{"", " DESC", " NULLS FIRST", " DESC NULLS LAST"}[g.IntN(4)])
	}
	g.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	sql := " ORDER BY " + strings.Join(keys, ", ")
	if depth > 0 || g.chance(60) {
		sql += fmt.Sprintf(" LIMIT %d", g.IntN(4))
		if g.chance(40) {
			sql += fmt.Sprintf(" OFFSET %d", g.IntN(3))
		}
	}
	return sql
}

// key writes a group key.
func (g *grammar) key(rels []grammarRel) (string, grammarColumn) {
	r := rels[g.IntN(len(rels))]
	c := r.columns[g.IntN(len(r.columns))]
	name := r.alias + "." + c.name
	plain := g.chance(60)
	switch c.kind {
	case kindWords, kindTitle:
		if plain {
			return name, c
		}
		if g.chance(25) {
			return "length(" + name + ")", grammarColumn{"", kindPeople, true}
		}
		return fmt.Sprintf([]string{"upper(%s)", "coalesce(%s, '-')", "%s || '!'"}[g.IntN(3)], name), grammarColumn{"", kindTitle, true}
	case kindWhole, kindPeople:
		if plain {
			return name, c
		}
		if g.chance(25) {
			return "CASE WHEN " + name + " > 2 THEN 'hi' ELSE 'lo' END", grammarColumn{"", kindTitle, true}
		}
		return fmt.Sprintf([]string{"%s + 1", "%s %% 2", "abs(%s)"}[g.IntN(3)], name), grammarColumn{"", kindPeople, true}
	case kindCode, kindFigure:
		return name, c
	case kindToken, kindPerHead:
		if g.chance(40) {
			return name, c
		}
	}
	return "", c
}

// cell writes an aggregate, or a computation with some.
func (g *grammar) cell(rels []grammarRel) string {
	switch {
	case g.asked < askedDeep && g.chance(4):
		return g.total(rels) + " - " + g.scalar()
	case g.chance(15):
		return fmt.Sprintf([]string{"count(*) - %s", "%s / 4", "coalesce(%s, 0)", "2 * %s + 1", "abs(%s)", "%s - count(*)"}[g.IntN(6)], g.total(rels))
	}
	return g.total(rels)
}

func (g *grammar) total(rels []grammarRel) string {
	r := rels[g.IntN(len(rels))]
	c := r.columns[g.IntN(len(r.columns))]
	name := r.alias + "." + c.name
	var options []string
	switch c.kind {
	case kindWords, kindTitle:
		options = []string{"count(%s)", "count(DISTINCT %s)"}
	case kindWhole:
		options = []string{"sum(%s)", "avg(%s)", "count(%s)", "min(%s)", "max(%s)", "count(DISTINCT %s)"}
	case kindIncome:
		options = []string{"sum(%s)", "avg(%s)", "count(%s)"}
	case kindPay, kindSummed:
		options = []string{"sum(%s)", "avg(%s)"}
	case kindToken:
		options = []string{"count(DISTINCT %s)", "count(%s)"}
	case kindPerHead, kindFigure:
		options = []string{"sum(%s)", "avg(%s)", "count(%s)"}
	case kindPeople:
		options = []string{"count(%s)"}
	}
	options = append(options, "count(*)")
	callScalar := options[g.IntN(len(options))]
	if strings.Contains(callScalar, "%s") {
		callScalar = fmt.Sprintf(callScalar, name)
	}
	if g.chance(20) {
		callScalar += " FILTER (WHERE " + g.condition(rels[g.IntN(len(rels))]) + ")"
	}
	return callScalar
}
