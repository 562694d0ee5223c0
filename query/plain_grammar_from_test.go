package query_test

import (
	"fmt"
	"strings"
)

// source is a FROM clause.
type source struct {
	g       *plainGrammar
	sql     string
	members []relation
	star    int  // how many columns * gives, -1 if that takes thought
	stored  bool // one table, its rows as they are stored
}

func kindOf(c openColumn) kind {
	switch e := c.engine(); {
	case strings.HasPrefix(e, "DECIMAL"):
		return decimalKind
	default:
		return kind(e)
	}
}

func columnsOfTable(t openTable) []seenColumn {
	var out []seenColumn
	for _, c := range t.columns {
		out = append(out, seenColumn{c.name, kindOf(c)})
	}
	return out
}

// table draws a table.
func (g *plainGrammar) table() openTable {
	return oneOf(g, g.tables...)
}

// from draws a FROM clause.
func (g *plainGrammar) from() source {
	s := g.member()
	for g.one(3) && g.spend(6) {
		s = g.join(s)
	}
	return s
}

// member draws one member of a FROM clause.
func (g *plainGrammar) member() source {
	if !g.spend(3) {
		return g.base()
	}
	switch g.IntN(20) {
	case 0, 1, 2:
		return g.derived()
	case 3, 4:
		return g.calls()
	case 5, 6:
		return g.values()
	case 7:
		return g.pivot()
	case 8:
		return g.unpivot()
	case 9:
		return g.described()
	case 10, 11:
		if len(g.common) > 0 {
			c := oneOf(g, g.common...)
			a := g.name("t")
			return source{g: g, sql: quoted(c.name) + " AS " + quoted(a), members: []relation{{a, c.columns}}, star: len(c.columns)}
		}
	}
	return g.base()
}

// base draws a table as it is: under an alias mostly, perhaps with names of its own
// for the columns, perhaps a sample of it.
func (g *plainGrammar) base() source {
	t := g.table()
	r := relation{g.name("t"), columnsOfTable(t)}
	sql := t.name + oneOf(g, " AS ", " ") + quoted(r.name)
	if g.one(8) {
		var names []string
		for i := range 1 + g.IntN(len(t.columns)) {
			names = append(names, g.name("a"))
			r.columns[i].ref = names[i]
		}
		sql += "(" + strings.Join(quotedAll(names), ", ") + ")"
	}
	if g.one(12) {
		sql += fmt.Sprintf(" TABLESAMPLE %s REPEATABLE (%d)", oneOf(g, "reservoir(5 ROWS)", "reservoir(50%)", "bernoulli(50%)", "system(50%)"), g.IntN(100))
		return source{g: g, sql: sql, members: []relation{r}, star: len(r.columns)}
	}
	return source{g: g, sql: sql, members: []relation{r}, star: len(r.columns), stored: true}
}

// derived draws a query in FROM.
func (g *plainGrammar) derived() source {
	common := g.common
	with := g.with()
	q := g.query()
	g.common = common
	r := relation{name: g.name("d")}
	if len(q.columns) == 0 {
		return source{g: g, sql: fmt.Sprintf("(%s%s) AS %s", with, q.sql, quoted(r.name)), members: []relation{r}, star: -1}
	}
	var names []string
	for _, c := range q.columns {
		names = append(names, g.name("c"))
		r.columns = append(r.columns, seenColumn{names[len(names)-1], c.kind})
	}
	return source{g: g, sql: fmt.Sprintf("(%s%s) AS %s(%s)", with, q.sql, quoted(r.name), strings.Join(quotedAll(names), ", ")), members: []relation{r}, star: len(names)}
}

// calls draws a table function.
func (g *plainGrammar) calls() source {
	a, c := g.name("f"), g.name("c")
	r := relation{name: a, columns: []seenColumn{{c, wholeKind}}}
	as := fmt.Sprintf(" AS %s(%s)", quoted(a), quoted(c))
	switch g.IntN(7) {
	case 0:
		return source{g: g, sql: fmt.Sprintf("range(%d)", 1+g.IntN(5)) + as, members: []relation{r}, star: 1}
	case 1:
		return source{g: g, sql: fmt.Sprintf("generate_series(%d, %d, 2)", g.IntN(3), 3+g.IntN(5)) + as, members: []relation{r}, star: 1}
	case 2:
		r.columns[0].kind = textKind
		return source{g: g, sql: "unnest(['x', NULL, '名', 'x'])" + as, members: []relation{r}, star: 1}
	case 3:
		n := g.name("n")
		r.columns = append(r.columns, seenColumn{n, wholeKind})
		r.columns[0].kind = dateKind
		return source{g: g, sql: fmt.Sprintf("unnest([DATE '2024-01-01', NULL]) WITH ORDINALITY AS %s(%s, %s)", quoted(a), quoted(c), quoted(n)), members: []relation{r}, star: 2}
	case 4:
		r.columns[0].kind = timeKind
		return source{g: g, sql: "range(TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-03', INTERVAL 1 DAY)" + as, members: []relation{r}, star: 1}
	case 5:
		t := g.table()
		return source{g: g, sql: fmt.Sprintf("unnest((SELECT list(%s ORDER BY 1) FROM %s))", t.columns[0].name, t.name) + as, members: []relation{r}, star: 1}
	}
	r.columns = []seenColumn{{"key", textKind}, {"type", textKind}}
	return source{g: g, sql: fmt.Sprintf(`%s('{"a":1,"b":[true,null]}') AS %s`, oneOf(g, "json_each", "json_tree"), quoted(a)), members: []relation{r}, star: -1}
}

// values draws VALUES.
func (g *plainGrammar) values() source {
	k := []kind{wholeKind, oneOf(g, kinds...)}
	none := place{g: g}
	var rows []string
	for i := range 1 + g.IntN(3) {
		rows = append(rows, fmt.Sprintf("(%d, CAST(%s AS %s))", i, g.expr(k[1], none, 1), k[1]))
	}
	r := relation{name: g.name("v"), columns: []seenColumn{{g.name("c"), k[0]}, {g.name("c"), k[1]}}}
	return source{g: g, sql: fmt.Sprintf("(VALUES %s) AS %s(%s, %s)", strings.Join(rows, ", "), quoted(r.name), quoted(r.columns[0].ref), quoted(r.columns[1].ref)), members: []relation{r}, star: 2}
}

// described draws DESCRIBE or SUMMARIZE as a table.
func (g *plainGrammar) described() source {
	r := relation{name: g.name("m"), columns: []seenColumn{{"column_name", textKind}, {"column_type", textKind}}}
	of := g.table().name
	if g.one(2) {
		of = g.simple().sql
	}
	return source{g: g, sql: "(" + oneOf(g, "DESCRIBE ", "SUMMARIZE ") + of + ") AS " + quoted(r.name), members: []relation{r}, star: -1}
}

// pivot draws PIVOT of a table in FROM.
func (g *plainGrammar) pivot() source {
	r := relation{name: g.name("p")}
	use := oneOf(g, "count(*)", "max(days) AS m")
	r.columns = []seenColumn{{"code", textKind}, {"yes", wholeKind}, {"no", wholeKind}}
	sql := fmt.Sprintf("stays PIVOT (%s FOR urgent IN (true AS yes, false AS no) GROUP BY code) AS %s(code, yes, no)", use, quoted(r.name))
	if g.one(3) {
		r.columns = []seenColumn{{"a1", wholeKind}, {"b1", wholeKind}}
		sql = fmt.Sprintf("(SELECT code, days, rank FROM stays JOIN kinds USING (code)) PIVOT (sum(days)::BIGINT AS s FOR code IN ('A' AS a, 'B' AS b) rank IN (1, 2)) AS %s(a1, a2, b1, b2)", quoted(r.name))
	}
	return source{g: g, sql: sql, members: []relation{r}, star: -1}
}

// unpivot draws UNPIVOT of a table in FROM.
func (g *plainGrammar) unpivot() source {
	r := relation{name: g.name("u"), columns: []seenColumn{{"line", wholeKind}, {"code", textKind}, {"month", textKind}, {"amount", wholeKind}}}
	what := oneOf(g, "amount FOR month IN (jan, feb, mar)", "amount FOR month IN (jan AS 一月, mar)", "amount FOR month IN (jan, feb + 1, mar)",
		"amount FOR month IN (COLUMNS(* EXCLUDE (line, code)))")
	if strings.Contains(what, "一月") || strings.Contains(what, "+") {
		r.columns = []seenColumn{{"code", textKind}, {"month", textKind}, {"amount", wholeKind}}
	}
	return source{g: g, sql: fmt.Sprintf("sums UNPIVOT %s(%s) AS %s", oneOf(g, "", "INCLUDE NULLS "), what, quoted(r.name)), members: []relation{r}, star: -1}
}

func (g *plainGrammar) pivotStatement() string {
	return oneOf(g, "PIVOT stays ON code IN ('A', 'B', 'C') USING count(*), max(days) AS 最多 GROUP BY urgent ORDER BY ALL",
		"PIVOT (SELECT code, days, urgent FROM stays) ON urgent IN (true, false) USING sum(days)::BIGINT",
		"FROM (PIVOT wards ON code IN ('A', 'B'), public IN (true, false) USING min(beds) GROUP BY tags)",
		"PIVOT stays ON start IN (DATE '2024-01-01', DATE '2024-02-02') USING max(stay_id) GROUP BY code")
}

func (g *plainGrammar) unpivotStatement() string {
	return oneOf(g, "UNPIVOT sums ON jan, feb, mar INTO NAME 月 VALUE 数 ORDER BY ALL", "UNPIVOT sums ON (jan, feb) AS a, (feb, mar) AS b INTO NAME pair VALUE x, y",
		"UNPIVOT (SELECT line, jan, feb FROM sums) ON COLUMNS('jan|feb') INTO NAME n VALUE v", "FROM sums UNPIVOT (v FOR n IN (* EXCLUDE (line, code)))")
}

// join draws a join of s with another member.
func (g *plainGrammar) join(s source) source {
	if g.one(8) {
		return g.positional()
	}
	t := g.member()
	members := append(append([]relation{}, s.members...), t.members...)
	star := -1
	if s.star >= 0 && t.star >= 0 {
		star = s.star + t.star
	}
	right := t.sql
	if strings.Contains(right, "PIVOT (") || strings.Contains(right, "PIVOT INCLUDE") {
		right = "(FROM " + right + ") AS " + quoted(t.members[0].name)
	}
	joined := func(how, on string) source {
		return source{g: g, sql: s.sql + how + right + on, members: members, star: star}
	}
	on := func() string { return " ON " + g.expr(boolKind, source{g: g, members: members}.rows().bare(), 2) }
	equal := func() string {
		l, r, ok := equalPair(g, s.members, t.members)
		if !ok {
			return on()
		}
		return fmt.Sprintf(" ON %s = %s", l, r)
	}
	switch g.IntN(12) {
	case 0:
		return joined(oneOf(g, ", ", " CROSS JOIN "), "")
	case 1:
		return joined(" LEFT JOIN ", equal())
	case 2:
		return joined(" RIGHT JOIN ", equal())
	case 3:
		return joined(" FULL JOIN ", equal())
	case 4, 5:
		semi := joined(oneOf(g, " SEMI JOIN ", " ANTI JOIN "), equal())
		semi.members, semi.star = s.members, s.star
		return semi
	case 6:
		return g.asOf()
	case 7:
		return g.merged()
	case 8:
		return g.lateral(s)
	case 9:
		return joined(oneOf(g, " JOIN ", " LEFT JOIN ", " INNER JOIN "), on())
	}
	return joined(" JOIN ", equal())
}

// equalPair finds a column on each side of one kind.
func equalPair(g *plainGrammar, left, right []relation) (l, r string, ok bool) {
	for range 20 {
		a, b := oneOf(g, left...), oneOf(g, right...)
		if len(a.columns) == 0 || len(b.columns) == 0 || a.name == "" {
			continue
		}
		x, y := oneOf(g, a.columns...), oneOf(g, b.columns...)
		if x.kind == y.kind {
			return quoted(a.name) + "." + quoted(x.ref), quoted(b.name) + "." + quoted(y.ref), true
		}
	}
	return "", "", false
}

// positional draws a join of two tables row by row, as they are stored.
func (g *plainGrammar) positional() source {
	a, b := g.table(), g.table()
	r, s := relation{g.name("t"), columnsOfTable(a)}, relation{g.name("t"), columnsOfTable(b)}
	return source{g: g, sql: fmt.Sprintf("%s AS %s POSITIONAL JOIN %s AS %s", a.name, quoted(r.name), b.name, quoted(s.name)), members: []relation{r, s}, star: len(a.columns) + len(b.columns)}
}

// asOf draws a join with the closest row by a key without ties.
func (g *plainGrammar) asOf() source {
	a, b := g.table(), g.table()
	for kindOf(a.columns[0]) != wholeKind {
		a = g.table()
	}
	for kindOf(b.columns[0]) != wholeKind {
		b = g.table()
	}
	r, s := relation{g.name("t"), columnsOfTable(a)}, relation{g.name("t"), columnsOfTable(b)}
	return source{g: g, sql: fmt.Sprintf("%s AS %s ASOF %sJOIN %s AS %s ON %s.%s %s %s.%s", a.name, quoted(r.name), oneOf(g, "", "LEFT "), b.name, quoted(s.name),
		quoted(r.name), quoted(a.columns[0].name), oneOf(g, ">=", ">", "<=", "<"), quoted(s.name), quoted(b.columns[0].name)), members: []relation{r, s}, star: len(a.columns) + len(b.columns)}
}

// merged draws a join by columns of one name.
func (g *plainGrammar) merged() source {
	a, b := g.name("t"), g.name("t")
	how := oneOf(g, "JOIN", "LEFT JOIN", "FULL JOIN", "RIGHT JOIN", "SEMI JOIN", "ANTI JOIN", "NATURAL")
	left := relation{a, []seenColumn{{"title", textKind}, {"rank", wholeKind}}}
	right := relation{b, []seenColumn{{"line", wholeKind}, {"jan", wholeKind}}}
	merged := relation{"", []seenColumn{{"code", textKind}}}
	switch how {
	case "NATURAL":
		return source{g: g, sql: fmt.Sprintf("kinds AS %s NATURAL %sJOIN sums AS %s", quoted(a), oneOf(g, "", "LEFT ", "FULL "), quoted(b)), members: []relation{merged, left, right}, star: 8}
	case "SEMI JOIN", "ANTI JOIN":
		return source{g: g, sql: fmt.Sprintf("kinds AS %s %s sums AS %s USING (code)", quoted(a), how, quoted(b)), members: []relation{left}, star: 4}
	}
	return source{g: g, sql: fmt.Sprintf("kinds AS %s %s sums AS %s USING (code)", quoted(a), how, quoted(b)), members: []relation{merged, left, right}, star: 8}
}

// lateral adds a query that looks at s.
func (g *plainGrammar) lateral(s source) source {
	t := g.table()
	in, out := g.name("t"), relation{name: g.name("l"), columns: []seenColumn{{"n", wholeKind}, {"x", textKind}}}
	inner := source{g: g, members: []relation{{in, columnsOfTable(t)}}}
	both := source{g: g, members: append(append([]relation{}, s.members...), inner.members...)}
	l, r, ok := equalPair(g, s.members, inner.members)
	if !ok {
		return s
	}
	q := fmt.Sprintf("SELECT count(*) AS n, max(%s) AS x FROM %s AS %s WHERE %s = %s", g.expr(textKind, inner.rows().bare(), 1), t.name, quoted(in), l, r)
	if g.one(2) {
		out.columns = []seenColumn{{"x", textKind}}
		q = fmt.Sprintf("SELECT CAST(%s AS VARCHAR) AS x FROM %s AS %s WHERE %s = %s", g.expr(oneOf(g, kinds...), both.rows().bare(), 1), t.name, quoted(in), l, r)
	}
	sql := s.sql + oneOf(g, ", LATERAL (", ", (", " CROSS JOIN LATERAL (") + q + ") AS " + quoted(out.name)
	if g.one(3) {
		sql = s.sql + " LEFT JOIN LATERAL (" + q + ") AS " + quoted(out.name) + " ON true"
	}
	return source{g: g, sql: sql, members: append(append([]relation{}, s.members...), out), star: -1}
}

// stars draws a SELECT of * in one of its forms over f.
func (g *plainGrammar) stars(f source, where string) (drawn, bool) {
	r := oneOf(g, f.members...)
	if f.star < 0 || r.name == "" || len(r.columns) < 3 {
		return drawn{}, false
	}
	c, d := r.columns[0], r.columns[1]
	q := func(list string, columns ...seenColumn) (drawn, bool) {
		return drawn{sql: "SELECT " + list + " FROM " + f.sql + where, columns: columns}, true
	}
	named := func() []seenColumn { return append([]seenColumn{}, r.columns...) }
	of := quoted(r.name)
	switch g.IntN(14) {
	case 9:
		return q(fmt.Sprintf("concat(*COLUMNS(%s.*)) AS joined", of), seenColumn{"joined", textKind})
	case 10:
		return q("max(COLUMNS(*))", make([]seenColumn, f.star)...)
	case 11:
		return q("COLUMNS('.*')")
	case 12:
		return q("COLUMNS(c -> c <> 'none')")
	case 13:
		return drawn{sql: "FROM " + f.sql + where, columns: make([]seenColumn, f.star)}, true
	case 0:
		return q("*", make([]seenColumn, f.star)...)
	case 1:
		return q(of+".*", named()...)
	case 2:
		return q(fmt.Sprintf("%s.* EXCLUDE (%s)", of, quoted(c.ref)), named()[1:]...)
	case 3:
		out := named()
		out[1].kind = textKind
		return q(fmt.Sprintf("%s.* REPLACE (CAST(%s.%s AS VARCHAR) AS %s)", of, of, quoted(d.ref), quoted(d.ref)), out...)
	case 4:
		out := named()
		out[0].ref = "新名"
		return q(fmt.Sprintf("%s.* RENAME (%s AS 新名)", of, quoted(c.ref)), out...)
	case 5:
		return q(fmt.Sprintf("CAST(COLUMNS(%s.*) AS VARCHAR)", of), textColumns(len(r.columns))...)
	case 6:
		return q(fmt.Sprintf("count(COLUMNS(%s.*))", of), wholeColumns(len(r.columns))...)
	case 7:
		return q(fmt.Sprintf("CAST(%s AS VARCHAR) AS whole", of), seenColumn{"whole", textKind})
	}
	return q("#1, #1 IS NULL", seenColumn{"", f.members[0].columns[0].kind}, seenColumn{"", boolKind})
}

func textColumns(n int) []seenColumn {
	out := make([]seenColumn, n)
	for i := range out {
		out[i].kind = textKind
	}
	return out
}

func wholeColumns(n int) []seenColumn {
	out := textColumns(n)
	for i := range out {
		out[i].kind = wholeKind
	}
	return out
}
