package query_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// grammar writes random statements of the supported shapes over random tables.
// Most are accepted; a few are refused, which is as good.
type grammar struct {
	*rand.Rand
	names  [3]string // visits, persons, codes
	with   []string
	common []grammarRel // common tables written so far
	n      int          // aliases handed out
	asked  int          // queries in expressions around what is written
}

// columnKind is what a column may be used for.
type columnKind byte

const (
	kindWords   columnKind = iota // text in the clear
	kindWhole                     // numbers in the clear
	kindToken                     // a keyed token
	kindIncome                    // compute-only: sum, avg, count, order comparisons
	kindCode                      // compute-only: a public code list, group and join key
	kindPay                       // compute-only: sum, avg, order comparisons
	kindPerHead                   // an aggregate of one entity's rows
	kindFigure                    // an aggregate that was released
	kindTitle                     // text of a plain table
	kindPeople                    // numbers of a plain table
	kindSummed                    // of a union: compute-only in some rows, sum and avg
	kindSpoiled                   // of a union: no use is allowed
)

type grammarColumn struct {
	name string
	kind columnKind
	null bool
}

// grammarRel is something a FROM clause can name.
type grammarRel struct {
	sql, alias string
	columns    []grammarColumn
}

// Columns of the three tables, entity first.
var (
	visitColumns = []grammarColumn{{"id", kindToken, true}, {"ph", kindToken, true}, {"g", kindWords, true}, {"h", kindWhole, false},
		{"x", kindWhole, true}, {"s", kindIncome, true}, {"d", kindCode, true}}
	personColumns = []grammarColumn{{"id", kindToken, true}, {"g", kindWords, true}, {"b", kindWhole, false}, {"pay", kindPay, true}}
	codeColumns   = []grammarColumn{{"code", kindTitle, true}, {"title", kindTitle, true}, {"pop", kindPeople, true}}
)

func (g *grammar) chance(percent int) bool { return g.IntN(100) < percent }

func (g *grammar) alias(prefix string) string {
	g.n++
	return fmt.Sprintf("%s%d", prefix, g.n)
}

// tables returns random rows: skewed entities, null keys, fan-out.
func (g *grammar) tables() []bruteTable {
	maybe := func(v any, null int) any {
		if g.chance(null) {
			return nil
		}
		return v
	}
	entities := 2 + g.IntN(10)
	id := func() any {
		n := g.IntN(entities)
		if g.chance(40) {
			n = g.IntN(1 + entities/3) // a few have most of the rows
		}
		return maybe(fmt.Sprintf("t%d", n), 8)
	}
	word := func() string { return string(rune('a'+g.IntN(3))) + []string{"", "k"}[g.IntN(2)] }
	visits := bruteTable{Name: g.names[0], Entity: "id", K: 3}
	for range g.IntN(36) {
		visits.Rows = append(visits.Rows, []any{id(), id(), maybe(word(), 10), int64(1 + g.IntN(4)), maybe(int64(g.IntN(20)-5), 40),
			maybe(int64(g.IntN(9)), 40), maybe(string(rune('a'+g.IntN(3))), 10)})
	}
	persons := bruteTable{Name: g.names[1], Entity: "id", K: 2}
	for i := range g.IntN(16) {
		key := id()
		if g.chance(75) {
			key = fmt.Sprintf("t%d", i)
		}
		persons.Rows = append(persons.Rows, []any{key, maybe(word(), 10), int64(1 + g.IntN(4)), maybe(int64(g.IntN(9)), 40)})
	}
	codes := bruteTable{Name: g.names[2]}
	for range g.IntN(7) {
		codes.Rows = append(codes.Rows, []any{maybe(word()[:1], 10), maybe(word(), 20), maybe(int64(g.IntN(9)), 20)})
	}
	out := []bruteTable{visits, persons, codes}
	for i, columns := range [][]grammarColumn{visitColumns, personColumns, codeColumns} {
		for _, c := range columns {
			out[i].Columns = append(out[i].Columns, c.name)
		}
	}
	return out
}

// statement writes one statement.
func (g *grammar) statement() string {
	g.with, g.common, g.n = nil, nil, 0
	g.asked = 0
	var sql string
	switch n := g.IntN(100); {
	case n < 5:
		sql = g.records()
	case n < 15:
		sql = g.sets()
	case n < 26:
		r := grammarRel{alias: g.alias("q")}
		if r.sql, r.columns = g.setOperation(); g.chance(75) {
			r.sql, r.columns = g.union(1, unionLayouts[g.IntN(len(unionLayouts))], false)
		}
		sql, _ = g.aggregateOf("("+r.sql+") AS "+r.alias, []grammarRel{r}, nil, 0, g.chance(30))
	default:
		sql, _ = g.aggregate(0, g.chance(30))
	}
	if len(g.with) > 0 {
		sql = "WITH " + strings.Join(g.with, ", ") + " " + sql
	}
	return sql
}

// relation writes a member of a FROM clause.
func (g *grammar) relation(depth int, first bool) grammarRel {
	if len(g.common) > 0 && g.chance(40) {
		r := g.common[g.IntN(len(g.common))]
		r.alias = g.alias("w")
		r.sql += " AS " + r.alias
		return r
	}
	if depth < 2 && g.chance(40) {
		var sql string
		var columns []grammarColumn
		switch n := g.IntN(18); {
		case n < 4:
			sql, columns = g.pass(depth + 1)
		case n < 8:
			sql, columns = g.perEntity(depth + 1)
		case n < 14 && first:
			sql, columns = g.union(depth+1, unionLayouts[g.IntN(len(unionLayouts))], false)
		case n < 16 && first:
			sql, columns = g.setOperation()
		default:
			sql, columns = g.aggregate(depth+1, false)
		}
		if g.chance(40) {
			name := g.alias("cte")
			g.with = append(g.with, name+" AS ("+sql+")")
			g.common = append(g.common, grammarRel{name, "", columns})
			r := grammarRel{"", g.alias("w"), columns}
			r.sql = name + " AS " + r.alias
			return r
		}
		r := grammarRel{"", g.alias("q"), columns}
		r.sql = "(" + sql + ") AS " + r.alias
		return r
	}
	n := g.IntN(100)
	switch {
	case n < 55 || first && n < 65:
		return g.table(0, visitColumns)
	case n < 78 || first && n < 97:
		return g.table(1, personColumns)
	}
	return g.table(2, codeColumns)
}

func (g *grammar) table(i int, columns []grammarColumn) grammarRel {
	a := g.alias("t")
	return grammarRel{g.names[i] + " AS " + a, a, columns}
}

// from writes a FROM clause and, for comma joins, conditions for WHERE.
func (g *grammar) from(depth int) (sql string, rels []grammarRel, where []string) {
	r := g.relation(depth, true)
	sql, rels = r.sql, []grammarRel{r}
	for joins := []int{0, 0, 0, 1, 1, 1, 1, 2}[g.IntN(8)]; joins > 0; joins-- {
		r := g.relation(depth, false)
		on, using := g.link(rels, r)
		if on == "" {
			continue
		}
		kind := []string{"JOIN", "JOIN", "JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"}[g.IntN(9)]
		switch {
		case kind == "JOIN" && g.chance(15):
			sql += ", " + r.sql
			where = append(where, on)
		case using != "" && g.chance(40):
			sql += " " + kind + " " + r.sql + " USING (" + using + ")"
		default:
			if g.chance(20) {
				if kind != "JOIN" {
					g.asked += askedDeep // the engine has no queries in the condition of an outer join
				}
				on += " AND " + g.condition(r)
				if kind != "JOIN" {
					g.asked -= askedDeep
				}
			}
			sql += " " + kind + " " + r.sql + " ON " + on
		}
		rels = append(rels, r)
	}
	return sql, rels, where
}

// link writes an equality of a column of r with one of rels.
func (g *grammar) link(rels []grammarRel, r grammarRel) (on, using string) {
	joinable := map[[2]columnKind]bool{{kindToken, kindToken}: true, {kindWords, kindWords}: true, {kindWords, kindTitle}: true, {kindTitle, kindWords}: true,
		{kindTitle, kindTitle}: true, {kindCode, kindTitle}: true, {kindTitle, kindCode}: true, {kindWhole, kindWhole}: g.chance(20), {kindCode, kindCode}: true}
	type pair struct{ on, using string }
	var pairs []pair
	for _, l := range rels {
		for _, a := range l.columns {
			for _, b := range r.columns {
				if joinable[[2]columnKind{a.kind, b.kind}] {
					p := pair{on: l.alias + "." + a.name + " = " + r.alias + "." + b.name}
					if a.name == b.name {
						p.using = a.name
					}
					pairs = append(pairs, p)
					if a.name == "id" && p.using != "" {
						pairs = append(pairs, p, p)
					}
				}
			}
		}
	}
	if len(pairs) == 0 {
		return "", ""
	}
	p := pairs[g.IntN(len(pairs))]
	return p.on, p.using
}

// condition writes a condition on r alone.
func (g *grammar) condition(r grammarRel) string {
	c := r.columns[g.IntN(len(r.columns))]
	name, n := r.alias+"."+c.name, g.IntN(5)
	if g.chance(12) {
		if asks := g.asks(name, c); asks != "" {
			return asks
		}
	}
	var options []string
	switch c.kind {
	case kindWords, kindTitle:
		options = []string{"%s = 'a'", "%s IN ('a', 'bk', 'c')", "%s LIKE 'a%%'", "%s IS NOT NULL", "%s <> 'b'", "%s IS DISTINCT FROM 'b'", "NOT (%s = 'c')"}
	case kindWhole, kindPeople, kindFigure:
		options = []string{"%s > " + fmt.Sprint(n), "%s BETWEEN 1 AND " + fmt.Sprint(n+1), "%s <= 3", "%s IS NOT NULL", "%[1]s IS NULL OR %[1]s > 2", "%s NOT IN (1, 7)", "%s %% 2 = 1"}
	case kindIncome, kindPay:
		options = []string{"%s > " + fmt.Sprint(n), "%s BETWEEN 2 AND 7", "%s < 6"}
	case kindCode:
		options = []string{"%s = 'a'", "%s IN ('a', 'b')", "%s <> 'c'"}
	case kindToken:
		options = []string{"%s IS NOT NULL", "%s = 't1'", "%s <> 't0'"}
	case kindPerHead:
		options = []string{"%s > 2", "%s IS NOT NULL"}
	default:
		return "1 = 1"
	}
	cond := fmt.Sprintf(options[g.IntN(len(options))], name)
	if g.chance(15) {
		return "(" + cond + " OR " + g.condition(r) + ")"
	}
	return cond
}

func (g *grammar) where(rels []grammarRel, conds []string) string {
	for g.chance(30) {
		conds = append(conds, g.condition(rels[g.IntN(len(rels))]))
	}
	if len(conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conds, " AND ")
}

// pass writes a block that hands rows on.
func (g *grammar) pass(depth int) (string, []grammarColumn) {
	from, rels, conds := g.from(depth)
	if len(rels) == 1 && g.chance(40) {
		return "SELECT * FROM " + from + g.where(rels, conds), rels[0].columns
	}
	var list []string
	var columns []grammarColumn
	for _, r := range rels {
		for _, c := range r.columns {
			if c.name == "id" || g.chance(60) {
				name := g.alias("c")
				if c.name == "id" && len(columns) == 0 {
					name = "id"
				}
				list = append(list, r.alias+"."+c.name+" AS "+name)
				columns = append(columns, grammarColumn{name, c.kind, c.null || len(rels) > 1})
			}
		}
	}
	if len(list) == 0 {
		return "SELECT * FROM " + g.names[0], visitColumns
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + from + g.where(rels, conds), columns
}

// records writes a statement whose rows are those of a table.
func (g *grammar) records() string {
	r := g.table(0, visitColumns[2:5])
	if g.chance(30) {
		r = g.table(1, personColumns[1:3])
	}
	var list []string
	for _, c := range r.columns {
		list = append(list, r.alias+"."+c.name)
	}
	sql := "SELECT " + strings.Join(list, ", ") + " FROM " + r.sql + g.where([]grammarRel{r}, nil)
	if g.chance(40) {
		sql += " ORDER BY 1, 2 DESC"
	}
	return sql
}
