package query_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// kind is the type of an expression of the grammar, as far as it has to know:
// whole numbers of all widths are one.
type kind string

const (
	textKind    kind = "VARCHAR"
	wholeKind   kind = "BIGINT"
	decimalKind kind = "DECIMAL(18,3)"
	floatKind   kind = "DOUBLE"
	dateKind    kind = "DATE"
	timeKind    kind = "TIMESTAMP"
	boolKind    kind = "BOOLEAN"
)

var kinds = []kind{textKind, wholeKind, decimalKind, floatKind, dateKind, timeKind, boolKind}

// seenColumn is a column that an expression may name. ref is how.
type seenColumn struct {
	ref  string
	kind kind
}

// relation is a member of a FROM clause or a common table.
type relation struct {
	name    string
	columns []seenColumn // ref is the bare name
}

// plainGrammar draws SELECT statements over tables that run and whose results
// depend on nothing but the rows: what depends on the order of rows orders them by
// all there is of them, so that rows that tie are alike; where rows have to be
// drawn, they are drawn from a table as it is stored, by a seed.
type plainGrammar struct {
	*rand.Rand
	tables []openTable
	common []relation // common tables that may be named here
	fresh  int        // numbers names
	budget int        // how many more parts there may be, about

	named bool // every column has a name: those that the engine gives show how a lambda was written, and the type of a parameter

	parameterized, parameter bool // it has the parameter $n, when it is drawn and as it is
}

const parameterText = "CAST($n AS BIGINT)"

// one is true once in n times.
func (g *plainGrammar) one(n int) bool { return g.IntN(n) == 0 }

func oneOf[T any](g *plainGrammar, list ...T) T { return list[g.IntN(len(list))] }

// spend takes n from the budget and reports whether there was as much.
func (g *plainGrammar) spend(n int) bool {
	g.budget -= n
	return g.budget > 0
}

func (g *plainGrammar) name(prefix string) string {
	g.fresh++
	return oneOf(g, prefix, prefix, prefix, "列"+prefix, strings.ToUpper(prefix)+" x") + fmt.Sprint(g.fresh)
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// statement draws the i-th statement. What is rare has its turn.
func (g *plainGrammar) statement(i int) string {
	for {
		g.common, g.fresh, g.budget = nil, 0, 20+g.IntN(60)
		g.parameterized = i%25 == 12
		g.named = g.parameterized
		sql := g.root(i % 40)
		g.parameter = strings.Contains(sql, parameterText)
		reads := slices.ContainsFunc(g.tables, func(t openTable) bool { return strings.Contains(sql, " "+t.name) }) // what was drawn may have been dropped
		if reads && g.parameter == g.parameterized && len(sql) < 20_000 {
			return sql
		}
	}
}

func (g *plainGrammar) root(turn int) string {
	switch {
	case g.parameterized:
	case turn == 0:
		return "TABLE " + g.table().name
	case turn == 1:
		return "FROM " + g.table().name
	case turn == 2:
		return oneOf(g, "DESCRIBE ", "SUMMARIZE ") + g.table().name
	case turn == 3:
		g.named = true
		return "DESCRIBE " + g.query().sql
	case turn == 4:
		return g.pivotStatement()
	case turn == 5:
		return g.unpivotStatement()
	case turn == 6:
		t := g.table()
		return fmt.Sprintf("SELECT DEFAULT, %s FROM %s", t.columns[0].name, t.name) // nobody runs this
	}
	with := g.with()
	q := g.query()
	tail := ""
	if !q.closed && !g.one(3) {
		tail = g.order(len(q.columns)) + g.limit(q.set)
	}
	return with + q.sql + tail
}

// drawn is a query and its columns.
type drawn struct {
	sql     string
	columns []seenColumn // ref is the name, "" if it is not known
	closed  bool         // in parentheses, with an order of its own
	set     bool         // a set operation
}

// with draws common tables, which g knows from then on.
func (g *plainGrammar) with() string {
	if g.budget < 20 || !g.one(4) {
		return ""
	}
	recursive := g.one(2)
	var list []string
	for range 1 + g.IntN(2) {
		c := relation{name: g.name("w")}
		head, body := "", ""
		if recursive && g.one(2) {
			head, body = g.recursive(&c)
		} else {
			q := g.query()
			var names []string
			for _, col := range q.columns {
				names = append(names, g.name("c"))
				c.columns = append(c.columns, seenColumn{names[len(names)-1], col.kind})
			}
			head, body = quoted(c.name), q.sql
			if len(names) > 0 {
				head += "(" + strings.Join(quotedAll(names), ", ") + ")"
			}
			head += oneOf(g, " AS ", " AS ", " AS MATERIALIZED ", " AS NOT MATERIALIZED ")
		}
		list = append(list, head+"("+body+")")
		g.common = append(g.common, c)
	}
	if recursive {
		return "WITH RECURSIVE " + strings.Join(list, ", ") + " "
	}
	return "WITH " + strings.Join(list, ", ") + " "
}

func quotedAll(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, quoted(n))
	}
	return out
}

// recursive draws a common table that counts up from rows of a table.
func (g *plainGrammar) recursive(c *relation) (head, body string) {
	t := g.table()
	c.columns = []seenColumn{{"n", wholeKind}, {"k", textKind}}
	least := fmt.Sprintf("length(CAST(%s AS VARCHAR)) %% 3", t.columns[0].name)
	from := fmt.Sprintf("SELECT %s, CAST(%s AS VARCHAR) FROM %s", least, quoted(t.columns[1].name), t.name)
	self := quoted(c.name)
	step := fmt.Sprintf("SELECT n + 1, %s FROM %s WHERE n < %d", oneOf(g, "k", "upper(k)", "k || '.'"), self, 3+g.IntN(3))
	if g.one(4) { // one row for each k: the last that came
		step = fmt.Sprintf("SELECT max(n) + 1, k FROM %s WHERE n < %d GROUP BY k", self, 3+g.IntN(3))
		from = fmt.Sprintf("SELECT max(%s), CAST(%s AS VARCHAR) FROM %s GROUP BY 2", least, quoted(t.columns[1].name), t.name)
		return self + "(n, k) USING KEY (k) AS ", from + " UNION " + step
	}
	return self + "(n, k) AS ", from + oneOf(g, " UNION ALL ", " UNION ") + step
}

// query draws a query.
func (g *plainGrammar) query() drawn {
	if !g.spend(5) {
		return g.simple()
	}
	switch g.IntN(12) {
	case 0, 1:
		return g.set()
	case 2:
		return g.simple()
	}
	return g.block()
}

// simple draws a query of one table.
func (g *plainGrammar) simple() drawn {
	t := g.table()
	i := g.IntN(len(t.columns))
	c := t.columns[i]
	a := g.name("c")
	return drawn{sql: fmt.Sprintf("SELECT %s AS %s FROM %s", quoted(c.name), quoted(a), t.name), columns: []seenColumn{{a, kindOf(c)}}}
}

// set draws a set operation.
func (g *plainGrammar) set() drawn {
	k := []kind{oneOf(g, kinds...), oneOf(g, kinds...)}[:1+g.IntN(2)]
	op := oneOf(g, "UNION", "UNION ALL", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL", "UNION BY NAME", "UNION ALL BY NAME")
	n := 2
	if strings.HasPrefix(op, "UNION") && g.one(3) {
		n = 3
	}
	var parts []string
	var columns []seenColumn
	for i := range n {
		f := g.from()
		var list []string
		crossed := strings.HasSuffix(op, "BY NAME") && i == 1 && g.one(2)
		for j, typ := range k {
			name := fmt.Sprintf("s%d", j)
			if crossed {
				name = fmt.Sprintf("s%d", len(k)-1-j) // matched by name, of another type
			}
			if i == 0 {
				columns = append(columns, seenColumn{name, typ})
			}
			list = append(list, fmt.Sprintf("CAST(%s AS %s) AS %s", g.expr(typ, f.rows(), 2), typ, name))
		}
		part := "SELECT " + strings.Join(list, ", ") + " FROM " + f.sql
		switch {
		case g.one(4):
			part = "(" + part + " ORDER BY ALL LIMIT " + fmt.Sprint(1+g.IntN(9)) + ")"
		case g.one(4):
			part = "(" + part + ")"
		}
		parts = append(parts, part)
	}
	if strings.HasSuffix(op, "BY NAME") {
		for i := range columns { // of mixed types: nothing may be known of them
			columns[i].kind = textKind
		}
		if len(k) == 2 && k[0] != k[1] {
			a := g.name("d")
			return drawn{sql: fmt.Sprintf("SELECT CAST(s0 AS VARCHAR) AS s0, CAST(s1 AS VARCHAR) AS s1 FROM (%s) AS %s", strings.Join(parts, " "+op+" "), quoted(a)), columns: columns}
		}
		for i := range columns {
			columns[i].kind = k[0]
		}
	}
	return drawn{sql: strings.Join(parts, " "+op+" "), columns: columns, set: true}
}

// order orders by everything.
func (g *plainGrammar) order(columns int) string {
	if columns == 0 || g.one(2) {
		return " ORDER BY ALL" + oneOf(g, "", "", " DESC", " NULLS FIRST", " ASC NULLS LAST")
	}
	var keys []string
	for i := range columns {
		keys = append(keys, fmt.Sprint(i+1)+oneOf(g, "", " ASC", " DESC")+oneOf(g, "", " NULLS FIRST", " NULLS LAST"))
	}
	g.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return " ORDER BY " + strings.Join(keys, ", ")
}

// limit cuts rows that are ordered.
func (g *plainGrammar) limit(set bool) string {
	switch n := g.IntN(8); {
	case n == 3 && set: // the engine counts no rows by a query there
	case n == 0:
		return fmt.Sprintf(" LIMIT %d", g.IntN(12))
	case n == 1:
		return fmt.Sprintf(" LIMIT %d OFFSET %d", 1+g.IntN(9), g.IntN(4))
	case n == 2:
		return fmt.Sprintf(" LIMIT %d%%", 10*(1+g.IntN(10)))
	case n == 3:
		return fmt.Sprintf(" LIMIT (SELECT count(*) // %d FROM kinds)", 1+g.IntN(3))
	}
	return ""
}

// block draws one SELECT.
func (g *plainGrammar) block() drawn {
	f := g.from()
	rows := f.rows()
	where := ""
	switch g.IntN(6) {
	case 0, 1:
		where = " WHERE " + g.expr(boolKind, rows, 3)
	case 2:
		where = g.fill(" WHERE {b} AND {k} BETWEEN {k} AND {k}", rows.kind(), rows, 2)
	}
	if g.one(5) {
		if q, ok := g.stars(f, where); ok {
			return q
		}
	}
	group, having, in := "", "", rows
	if g.one(3) {
		group, having, in = g.group(rows)
	}
	qualify, windows := "", ""
	if in.grouped == nil && g.one(8) {
		qualify = fmt.Sprintf(" QUALIFY row_number() OVER (PARTITION BY %s ORDER BY %s) <= %d", g.expr(rows.kind(), rows.bare(), 1), rows.order(), 1+g.IntN(3))
	}
	if in.grouped == nil && qualify == "" && g.one(8) {
		in.queries = false
		in.window = quoted(g.name("win")) // the parser refuses a second window of one name, in whatever query it is
		windows = fmt.Sprintf(" WINDOW %s AS (PARTITION BY %s ORDER BY %s)", in.window, g.expr(textKind, rows.bare(), 1), rows.order())
	}
	in.windows = qualify == "" && in.grouped == nil
	var out drawn
	var list []string
	for i := range 1 + g.IntN(4) {
		k := rows.kind()
		x := g.expr(k, in, 4)
		if in.windows && g.one(5) {
			x = g.over(k, in)
		}
		if i > 0 && g.one(8) && out.columns[0].ref != "" && !strings.Contains(list[0], "SELECT") && !strings.Contains(list[0], "OVER") && in.grouped == nil { // an alias, used beside it
			k, x = textKind, fmt.Sprintf("concat(%s, '!')", quoted(out.columns[0].ref))
		}
		a := ""
		if g.named || !g.one(6) {
			a = g.name("c")
			x += oneOf(g, " AS ", " ") + quoted(a)
		}
		list, out.columns = append(list, x), append(out.columns, seenColumn{a, k})
	}
	if windows != "" && !strings.Contains(strings.Join(list, ""), in.window) {
		windows = "" // the parser would drop it, and the parameter that may be in it
	}
	distinct := ""
	if g.one(8) {
		distinct = "DISTINCT "
	}
	tail := ""
	if in.grouped == nil && distinct == "" && len(rows.columns) > 0 && g.one(10) {
		distinct = fmt.Sprintf("DISTINCT ON (%s) ", oneOf(g, rows.columns...).ref)
		// Of rows that are one to it the first by all of the row is kept.
		out.sql, out.closed = "(SELECT "+distinct+strings.Join(list, ", ")+" FROM "+f.sql+where+windows+qualify+" ORDER BY "+rows.order()+")", true
		return out
	}
	if g.one(10) {
		tail = " ORDER BY ALL LIMIT " + fmt.Sprint(1+g.IntN(20))
	}
	body := "SELECT " + distinct + strings.Join(list, ", ") + " FROM " + f.sql
	if f.stored && in.grouped == nil && where == "" && qualify == "" && windows == "" && g.one(3) {
		tail = fmt.Sprintf(" USING SAMPLE %s REPEATABLE (%d)", oneOf(g, "reservoir(5 ROWS)", "bernoulli(30%)", "system(60%)"), g.IntN(100))
	}
	if g.one(10) && distinct == "" && !strings.Contains(tail, "SAMPLE") {
		body = "FROM " + f.sql + " SELECT " + strings.Join(list, ", ")
	}
	out.sql = body + where + group + having + windows + qualify + tail
	if out.closed = strings.Contains(tail, "LIMIT"); out.closed {
		out.sql = "(" + out.sql + ")"
	}
	return out
}

// group draws GROUP BY with HAVING, and what may be said of a group.
func (g *plainGrammar) group(rows place) (group, having string, in place) {
	in = place{g: g, inner: &rows, grouped: []seenColumn{}}
	var keys []string
	for range g.IntN(3) {
		k := rows.kind()
		x := g.expr(k, rows.bare(), 1)
		if !strings.Contains(x, `"`) || slices.Contains(keys, x) { // a constant would be an ordinal
			continue
		}
		keys, in.grouped = append(keys, x), append(in.grouped, seenColumn{x, k})
	}
	if len(keys) == 0 {
		if g.one(4) {
			group = " GROUP BY ()"
		}
	} else {
		all := strings.Join(keys, ", ")
		switch g.IntN(6) {
		case 0:
			group = " GROUP BY ROLLUP (" + all + ")"
		case 1:
			group = " GROUP BY CUBE (" + all + ")"
		case 2:
			group = " GROUP BY GROUPING SETS ((" + all + "), (), (" + keys[0] + "))"
		default:
			group = " GROUP BY " + all
		}
		in.sets = strings.Contains(group, "("+all+")") && !strings.HasPrefix(group, " GROUP BY "+all)
	}
	if g.one(4) {
		having = " HAVING " + g.expr(boolKind, in, 2)
	}
	return group, having, in
}
